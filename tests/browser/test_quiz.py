"""A whole quiz as people play it: on a desktop with the keyboard alone, and on a phone."""

import base64
import csv
import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, TimeoutError, expect

from tests.browser.conftest import choose_deck, open_page, reload, run_octtutor, serving
from tests.conftest import write_scans

pytestmark = pytest.mark.chromium


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data home with a deck "Ward": real scans where they are, else synthetic ones."""
    from tests.conftest import SHARED

    folder = tmp_path_factory.mktemp("browser")
    real = SHARED / "oct2017" / "test"
    source = folder / "ward"
    if real.is_dir():
        for label in real.iterdir():
            (source / label.name).mkdir(parents=True)
            for path in sorted(label.iterdir())[:3]:
                shutil.copy(path, source / label.name)
    else:
        write_scans(source, per_class=3, size=(496, 512))
    run_octtutor(folder / "home", "data", "import", source, "--as", "ward", "--title", "Ward")
    return folder / "home"


@pytest.fixture(scope="module")
def address(home: Path, chromium: str):
    with serving(home) as served:
        yield served


def phase(page: Page, name: str) -> None:
    expect(page.locator(f".desk[data-phase={name}]")).to_be_visible()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def tab_to(page: Page, selector: str) -> None:
    """Reach a control with the Tab key alone."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement.closest(s) !== null", selector):
            return
    raise AssertionError(f"{selector} cannot be reached with the keyboard")


def test_a_whole_quiz_on_real_scans_with_the_keyboard_alone(page: Page, address: str):
    open_page(page, address)
    expect(page.locator("#begin")).to_be_visible()
    tab_to(page, "#nickname")
    page.keyboard.type("Ada")
    tab_to(page, "#deck")
    press(page, "Tab", "Space")  # each choice is a tab stop of its own in Gradio
    expect(page.locator("#deck label.selected")).to_have_text("Ward (12)")
    press(page, "Enter")

    phase(page, "ask")
    expect(page.locator(".progress")).to_have_text("1 of 10")
    expect(page.locator(".synthetic")).to_be_hidden()
    scan = page.locator("img.scan")
    assert scan.get_attribute("alt") == "OCT B-scan to be read"
    for position in range(10):
        phase(page, "ask")
        expect(page.locator(".progress")).to_have_text(f"{position + 1} of 10")
        if position == 8:
            press(page, "u", "q")
        else:
            press(page, str(position % 4 + 1), "qwert"[position % 5])
        phase(page, "told")
        expect(page.locator(".verdict")).to_contain_text("Truth")
        expect(page.locator(".chances tr")).to_have_count(5)
        expect(page.locator(".advice p").first).to_be_visible()
        if page.locator(".map-note").inner_text().startswith("Bright"):
            press(page, *"m" if page.locator("svg.outline").is_visible() else "")
            expect(page.locator("img.map")).to_be_visible()
        page.wait_for_timeout(350)
        press(page, "Enter")

    results = page.locator(".results")
    expect(results).to_be_visible()
    expect(results.locator("table.confusion")).to_be_visible()
    expect(results).to_contain_text("1 ungradable")
    expect(results).to_contain_text("Six human experts")
    expect(results.locator("table.you-model")).to_contain_text("only the model")
    link = results.locator("a.csv").get_attribute("href")
    assert link is not None
    text = base64.b64decode(link.split(",")[1]).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 10
    assert {row["reader"] for row in rows} == {"Ada"}
    assert all(int(row["response_ms"]) > 0 for row in rows)
    assert all(len(row["model_sha256"]) == 64 for row in rows)


def begin(page: Page, address: str, deck: str = "Embedded") -> None:
    open_page(page, address)
    expect(page.locator("#begin")).to_be_visible()
    choose_deck(page, deck)
    page.locator("#begin").click()
    phase(page, "ask")


def test_a_whole_quiz_on_a_phone_with_a_finger(phone: Page, address: str):
    open_page(phone, address)
    expect(phone.locator("#begin")).to_be_visible()
    choose_deck(phone, "Embedded")
    phone.locator("#begin").tap()
    for position in range(10):
        phase(phone, "ask")
        expect(phone.locator(".progress")).to_have_text(f"{position + 1} of 10")
        expect(phone.locator(".synthetic")).to_be_visible()
        stage = phone.locator(".stage").bounding_box()
        answers = phone.locator(".answers").bounding_box()
        assert stage is not None
        assert answers is not None
        assert stage["height"] <= 0.47 * 844
        assert answers["y"] >= stage["y"] + stage["height"]
        assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
        phone.locator("button.answer.drusen").tap()
        phone.locator("button.level[data-level='4']").tap()
        phase(phone, "told")
        expect(phone.locator(".verdict")).to_be_in_viewport()
        expect(phone.locator(".stage")).to_be_in_viewport(ratio=0.9)
        expect(phone.locator("button.next")).to_be_in_viewport(ratio=0.9)
        assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
        phone.wait_for_timeout(350)
        phone.locator("button.next").tap()
    expect(phone.locator(".results")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")


def test_a_reload_loses_nothing_and_gives_no_second_try(page: Page, address: str):
    begin(page, address)
    press(page, "1")
    reload(page)
    phase(page, "ask")
    expect(page.locator(".progress")).to_have_text("1 of 10")
    expect(page.locator(".answer.cnv")).to_have_attribute("aria-pressed", "true")
    press(page, "Escape", "2", "e")
    phase(page, "told")
    reload(page)
    phase(page, "told")
    expect(page.locator(".answer.dme")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".level[data-level='3']")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("button.answer.cnv")).to_be_disabled()
    page.wait_for_timeout(350)
    press(page, "Enter")
    phase(page, "ask")
    expect(page.locator(".progress")).to_have_text("2 of 10")
    reload(page)
    phase(page, "ask")
    expect(page.locator(".progress")).to_have_text("2 of 10")


def test_a_restarted_server_goes_on_at_the_same_case(page: Page, tmp_path: Path):
    from tests.browser.conftest import free_port

    port = free_port()
    with serving(tmp_path / "home", port) as address:
        begin(page, address)
        press(page, "2", "e")
        phase(page, "told")
        page.goto("about:blank")  # Gradio's page reloads itself when its server is back
    with serving(tmp_path / "home", port) as address:
        open_page(page, address)
        phase(page, "told")
        expect(page.locator(".answer.dme")).to_have_attribute("aria-pressed", "true")


def test_two_tabs_of_one_trainee_agree(page: Page, address: str):
    begin(page, address)
    other = page.context.new_page()
    open_page(other, address)
    phase(other, "ask")
    press(page, "1", "t")
    phase(page, "told")
    press(other, "2", "t")
    phase(other, "told")
    expect(other.locator(".answer.cnv")).to_have_attribute("aria-pressed", "true")
    expect(other.locator(".answer.dme")).to_have_attribute("aria-pressed", "false")


def test_the_scan_is_shown_losslessly_and_large(page: Page, address: str):
    begin(page, address)
    source = page.locator("img.scan").get_attribute("src")
    assert source is not None
    assert source.startswith("data:image/png;base64,")
    with Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))) as picture:
        assert picture.mode == "L"
        assert np.asarray(picture).shape in ((496, 512), (496, 768))
    viewer = page.locator(".viewer").bounding_box()
    desk = page.locator(".desk").bounding_box()
    assert viewer is not None
    assert desk is not None
    assert viewer["width"] >= 0.6 * desk["width"]


def test_zoom_light_timer_and_keys_work(page: Page, address: str):
    begin(page, address)
    plane = page.locator(".plane")
    press(page, "+", "+")
    assert "scale(1.96)" in (plane.get_attribute("style") or "")
    press(page, "0")
    assert "scale(1)" in (plane.get_attribute("style") or "")
    page.locator("input.brightness").fill("50")
    assert "url(" in (page.locator("img.scan").get_attribute("style") or "")
    press(page, "h")
    expect(page.locator("button.timer")).to_have_text("––:––")
    press(page, "h")
    press(page, "?")
    expect(page.locator("dialog.keys")).to_be_visible()
    press(page, "1")
    press(page, "Escape")
    expect(page.locator(".answer[aria-pressed=true]")).to_have_count(0)
    press(page, "3", "Escape")
    expect(page.locator(".answer[aria-pressed=true]")).to_have_count(0)
    phase(page, "ask")


def test_map_slider_class_and_outline_follow_the_reveal(page: Page, address: str):
    begin(page, address)
    while True:
        press(page, "4", "q")
        phase(page, "told")
        if page.locator("svg.outline").is_visible():
            break
        page.wait_for_timeout(350)
        press(page, "Enter")
        phase(page, "ask")
    expect(page.locator("svg.outline")).to_be_visible()
    press(page, "o")
    expect(page.locator("svg.outline")).to_be_hidden()
    picture = page.locator("img.map")
    expect(picture).to_be_hidden()
    press(page, "m")
    expect(picture).to_be_visible()
    press(page, "ArrowLeft", "ArrowLeft")
    assert "20%" in (picture.get_attribute("style") or "")
    shown = page.locator(".map-class[aria-pressed=true]").inner_text()
    before = picture.get_attribute("src")
    other = next(name for name in ("CNV", "DME", "DRUSEN", "NORMAL") if name != shown)
    page.locator(".map-class", has_text=other).click()
    note = page.locator(".map-note")
    if "found no signs" in note.inner_text():
        expect(note).to_contain_text(other)
        expect(picture).to_be_hidden()
    else:
        assert picture.get_attribute("src") != before
    press(page, "m")
    expect(picture).to_be_hidden()


def test_ending_early_shows_what_was_answered(page: Page, address: str):
    begin(page, address)
    press(page, "1", "w")
    phase(page, "told")
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("button.end").click()
    expect(page.locator(".results")).to_contain_text("1 of 10 answered")
    page.locator("#again").click()
    page.locator("#last").click()
    expect(page.locator(".results")).to_contain_text("1 of 10 answered")


def test_the_nickname_box_takes_digits_and_letters_without_answering(page: Page, address: str):
    open_page(page, address)
    page.locator("#nickname textarea, #nickname input").first.fill("u1234<b>x</b>")
    page.locator("#begin").click()
    phase(page, "ask")
    expect(page.locator(".answer[aria-pressed=true]")).to_have_count(0)


def test_a_wrong_seed_is_said_and_nothing_starts(page: Page, address: str):
    open_page(page, address)
    page.get_by_text("More choices").click()
    page.locator("#seed textarea, #seed input").first.fill("seven")
    page.locator("#begin").click()
    expect(page.get_by_text("Expected a whole number from 0")).to_be_visible()
    expect(page.locator("#begin")).to_be_visible()


def test_a_quiz_ended_in_another_tab_shows_its_results_here_too(page: Page, address: str):
    begin(page, address)
    press(page, "1", "t")
    phase(page, "told")
    other = page.context.new_page()
    open_page(other, address)
    phase(other, "told")
    other.once("dialog", lambda dialog: dialog.accept())
    other.locator("button.end").click()
    expect(other.locator(".results")).to_be_visible()
    page.wait_for_timeout(350)
    press(page, "Enter")
    expect(page.locator(".results")).to_be_visible()


def test_an_answer_to_a_quiz_ended_in_another_tab_is_not_taken(page: Page, address: str):
    begin(page, address)
    press(page, "1", "t")
    phase(page, "told")
    page.wait_for_timeout(350)
    press(page, "Enter")
    phase(page, "ask")
    expect(page.locator(".progress")).to_have_text("2 of 10")
    other = page.context.new_page()
    open_page(other, address)
    phase(other, "ask")
    other.once("dialog", lambda dialog: dialog.accept())
    other.locator("button.end").click()
    expect(other.locator(".results")).to_be_visible()
    press(page, "1", "t")
    expect(page.locator(".results")).to_contain_text("1 of 10 answered")


def test_the_reveal_keeps_zoom_and_light_and_moves_nothing(page: Page, address: str):
    begin(page, address)
    press(page, "+")
    page.locator("input.brightness").fill("60")
    parts = [".stage", ".tools", "button.end", ".next"]
    before = {part: page.locator(part).bounding_box() for part in parts}
    page.locator("button.answer.cnv").click()
    page.locator("button.level[data-level='2']").click()
    phase(page, "told")
    assert {part: page.locator(part).bounding_box() for part in parts} == before
    assert "scale(1.4)" in (page.locator(".plane").get_attribute("style") or "")
    expect(page.locator("input.brightness")).to_have_value("60")
    expect(page.locator("button.next")).to_be_in_viewport(ratio=1)


def test_keys_that_belong_to_the_reveal_do_nothing_before_it(page: Page, address: str):
    begin(page, address)
    press(page, "m", "o", "ArrowLeft")
    expect(page.locator("input.show-map")).to_be_checked()
    expect(page.locator("input.split")).to_have_value("100")


def test_a_held_key_answers_once(page: Page, address: str):
    begin(page, address)
    for _ in range(5):
        page.keyboard.down("1")
    page.keyboard.up("1")
    phase(page, "ask")
    expect(page.locator(".answer.cnv")).to_have_attribute("aria-pressed", "true")


def test_enter_presses_the_button_that_has_the_focus(page: Page, address: str):
    begin(page, address)
    tab_to(page, ".answer.dme")
    press(page, "Enter")
    expect(page.locator(".answer.dme")).to_have_attribute("aria-pressed", "true")
    tab_to(page, ".level[data-level='2']")
    press(page, "Enter")
    phase(page, "told")
    expect(page.locator(".level[data-level='2']")).to_have_attribute("aria-pressed", "true")


def test_a_choice_survives_a_reload_and_is_still_changeable(page: Page, address: str):
    begin(page, address)
    press(page, "3")
    reload(page)
    phase(page, "ask")
    expect(page.locator(".answer.drusen")).to_have_attribute("aria-pressed", "true")
    press(page, "Escape", "2", "r")
    phase(page, "told")
    expect(page.locator(".answer.dme")).to_have_attribute("aria-pressed", "true")


def test_a_page_left_open_over_a_restart_can_start_a_quiz(page: Page, tmp_path: Path):
    from tests.browser.conftest import free_port

    port = free_port()
    with serving(tmp_path / "home", port) as address:
        open_page(page, address)
        expect(page.locator("#deck input:checked")).to_have_count(1)
        # by then every part of the page has come, which a server that is gone cannot send
        expect(page.locator("#model-line")).to_contain_text("Model: lite0")
    with serving(tmp_path / "home", port):
        press_until_asked(page)


def press_until_asked(page: Page) -> None:
    """Press Start as a person would: again, where the page was just finding its server."""
    desk, start = page.locator(".desk[data-phase=ask]"), page.locator("#begin")
    for _ in range(6):
        if start.is_visible():
            start.click()
        try:
            return desk.wait_for(timeout=10_000)
        except TimeoutError:
            continue
    phase(page, "ask")


@pytest.mark.parametrize(("width", "height"), [(844, 390), (1280, 720), (720, 450)])
def test_scan_answers_and_next_fit_low_windows(page: Page, address: str, width: int, height: int):
    page.set_viewport_size({"width": width, "height": height})
    begin(page, address)
    expect(page.locator(".stage")).to_be_in_viewport(ratio=0.95)
    expect(page.locator(".answers")).to_be_in_viewport(ratio=0.95)
    press(page, "1", "q")
    phase(page, "told")
    expect(page.locator(".stage")).to_be_in_viewport(ratio=0.95)
    expect(page.locator(".verdict")).to_be_in_viewport()
    expect(page.locator("button.next")).to_be_in_viewport(ratio=0.95)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
