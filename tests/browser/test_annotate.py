"""An educator makes a project, reads it with the keys, draws, settles, and publishes a deck."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import look_at, open_page, reload, serving

pytestmark = pytest.mark.chromium


WHERE = """
title = "Where was it?"
deck = "looked"
[options]
mark_where = true
[rule]
per_class = { CNV = 1 }
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[str]:
    home: Path = tmp_path_factory.mktemp("annotate") / "home"
    (home / "quizzes").mkdir(parents=True)
    (home / "quizzes" / "where.toml").write_text(WHERE)
    with serving(home) as served:
        yield served


def field(page: Page, elem_id: str) -> Locator:
    return page.locator(f"#{elem_id}").locator("input, textarea").first


def step(page: Page, name: str) -> None:
    page.locator("#annotate-steps").get_by_role("tab", name=name).click()


def enter(page: Page, address: str) -> None:
    open_page(page, f"{address}/educator/")
    page.get_by_role("tab", name="Annotate").click()
    expect(page.locator("#annotate-projects")).not_to_be_empty()


def phase(page: Page, name: str) -> None:
    expect(page.locator(f".annotator[data-phase={name}]")).to_be_visible()


def task(page: Page) -> str:
    """Return the name of the scan on the canvas, once it can be drawn on."""
    board = page.locator("#annotate-outline .board[data-task]")
    expect(board).to_be_visible()
    return board.get_attribute("data-task") or ""


def next_task(page: Page, before: str) -> str:
    board = page.locator(f"#annotate-outline .board[data-task]:not([data-task='{before}'])")
    expect(board).to_be_visible()
    phase(page, "ask")
    return task(page)


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def make_project(page: Page, name: str, title: str, suggest: bool = False) -> None:
    """Make one without controls: which scans they are is drawn anew each time."""
    page.locator("#annotate-new button").first.click()
    field(page, "annotate-name").fill(name)
    field(page, "annotate-title").fill(title)
    field(page, "annotate-controls").fill("0")
    page.locator("#annotate-suggest input").set_checked(suggest)
    expect(field(page, "annotate-deck")).not_to_have_value("")
    page.locator("#annotate-create").click()
    expect(page.locator("#annotate-told")).to_contain_text("one reading each")


def draw_box(page: Page, canvas: str = "annotate-outline", down: int = 0, drawn: int = 1) -> None:
    board = page.locator(f"#{canvas} .board")
    board.scroll_into_view_if_needed()
    place = board.bounding_box()
    assert place
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2 + down
    page.mouse.move(x - 40, y - 25)
    page.mouse.down()
    page.mouse.move(x, y, steps=3)
    page.mouse.move(x + 40, y + 25, steps=3)
    page.mouse.up()
    expect(page.locator(f"#{canvas} .regions li")).to_have_count(drawn)
    expect(page.locator(f"#{canvas} .saving")).to_have_text("Saved")


def test_a_project_is_read_settled_and_published(page: Page, address: str) -> None:
    enter(page, address)
    make_project(page, "first-look", "First <i>look</i>")
    expect(page.locator("#annotate-projects")).to_contain_text("First <i>look</i>")
    page.locator("#annotate-to-read").click()

    first = task(page)
    draw_box(page)
    page.keyboard.press("n")
    page.keyboard.type("a <b>note</b>")
    page.keyboard.press("Enter")
    press(page, "1", "i")
    reload(page)
    page.get_by_role("tab", name="Annotate").click()
    step(page, "Read")
    assert task(page) == first
    expect(page.locator("#annotate-outline .regions li")).to_have_count(1)
    expect(page.locator("[data-action=class-1]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-action=finding-1]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".annotator .note input")).to_have_value("a <b>note</b>")
    press(page, "f", "r")

    second = next_task(page, first)
    press(page, "u", "t")
    third = next_task(page, second)
    press(page, "z")
    assert next_task(page, third) == second
    expect(page.locator("[data-action=ungradable]")).to_have_attribute("aria-pressed", "false")
    press(page, "4", "t")
    again = next_task(page, second)
    press(page, "g", "3", "h", "w")
    next_task(page, again)

    step(page, "Settle")
    readings = page.locator("#annotate-readings")
    expect(readings.locator("figure")).to_have_count(1)
    expect(readings).to_contain_text("flagged")
    expect(readings).to_contain_text("a <b>note</b>")
    expect(readings.locator("svg path")).to_have_count(1)
    page.locator("#annotate-holds label").first.click()
    page.locator("#annotate-settle").click()
    expect(page.locator("#annotate-settled")).to_contain_text("Settled: CNV. 0 left.")

    step(page, "Figures")
    expect(page.locator("#annotate-figures")).to_contain_text("at this machine")
    step(page, "Log")
    expect(page.locator("#annotate-log")).to_contain_text("SHA-256")
    expect(page.locator("#annotate-state figure").first).to_be_visible()

    step(page, "Use")
    page.locator("#annotate-export").click()
    expect(page.locator("#annotate-files a")).to_have_count(6)
    field(page, "annotate-publish-deck").fill("looked")
    field(page, "annotate-publish-title").fill("Looked at")
    page.locator("#annotate-publish").click()
    expect(page.locator("#annotate-published")).to_contain_text(re.compile("3 scans published"))
    page.locator("#annotate-train").click()
    expect(page.locator("#train-steps")).to_be_visible()
    expect(page.locator("#train-steps")).to_contain_text("Looked at (1 annotator)")


def test_who_settles_draws_what_holds(page: Page, address: str) -> None:
    enter(page, address)
    make_project(page, "drawn", "Drawn")
    page.locator("#annotate-to-read").click()
    first = task(page)
    draw_box(page)
    press(page, "f", "1", "t")
    next_task(page, first)
    step(page, "Settle")
    canvas = "annotate-settle-outline"
    regions, drawn = page.locator(f"#{canvas} .regions li"), page.locator("#annotate-regions")
    expect(page.locator(f"#{canvas} .board[data-task]")).to_be_visible()
    expect(regions).to_have_count(1)
    expect(drawn.get_by_label("all of them (1)")).to_be_checked()
    draw_box(page, canvas, down=70, drawn=2)
    expect(drawn.get_by_label("as drawn below (2)")).to_be_checked()
    look_at(page, "settle-drawn")
    reload(page)
    page.get_by_role("tab", name="Annotate").click()
    step(page, "Settle")
    expect(regions).to_have_count(2)
    drawn.get_by_label("none").click()
    expect(regions).to_have_count(0)
    drawn.get_by_label("as drawn below (2)").click()
    expect(regions).to_have_count(2)
    page.locator("#annotate-holds label").first.click()
    expect(drawn.get_by_label("as drawn below (2)")).to_be_checked()
    other = page.context.new_page()
    enter(other, address)
    step(other, "Settle")
    expect(other.locator(f"#{canvas} .regions li")).to_have_count(2)
    regions.first.locator(".row").click()
    regions.first.get_by_role("button", name="Delete").click()
    page.locator("#annotate-settle").click()  # the stroke is still on its way
    expect(page.locator("#annotate-settled")).to_contain_text("Settled: CNV. 0 left.")
    other.locator("#annotate-holds label").first.click()
    other.locator("#annotate-settle").click()
    expect(other.locator("body")).to_contain_text("this one is settled by now")
    expect(other.locator("#annotate-readings")).to_contain_text("Nothing is to be settled")
    other.close()
    step(page, "Log")
    expect(page.locator("#annotate-log tbody tr").last).to_contain_text("1 region")
    expect(page.locator("#annotate-log tbody tr").last).to_contain_text("settle")
    expect(page.locator("#annotate-log")).to_contain_text("sketch")


def test_a_mark_is_scored_against_the_region_that_was_published(page: Page, address: str) -> None:
    open_page(page, address)
    expect(page.locator("#begin")).to_be_visible()
    page.get_by_role("tab", name="Exams").click()
    page.locator("#quiz label", has_text="Where was it?").click()
    page.locator("#quiz-start").click()
    expect(page.locator(".desk[data-phase=ask]")).to_be_visible()
    page.keyboard.press("1")
    place = page.locator(".plane").bounding_box()
    assert place
    page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    expect(page.locator(".cross")).to_be_visible()
    page.keyboard.press("e")
    expect(page.locator(".desk[data-phase=told]")).to_be_visible()
    expect(page.locator(".verdict")).to_contain_text("You found the place")


def test_the_model_s_answer_comes_after_the_own_and_its_outline_can_be_kept(
    page: Page, address: str
) -> None:
    enter(page, address)
    make_project(page, "helped", "Helped", suggest=True)
    page.locator("#annotate-to-read").click()
    first = task(page)
    expect(page.locator(".annotator")).not_to_contain_text("The model says")
    press(page, "4", "w")
    phase(page, "look")
    expect(page.locator(".annotator .a-model")).to_contain_text("You said NORMAL. The model says")
    page.locator("#annotate-outline [data-do=suggest]").click()
    expect(page.locator("#annotate-outline .regions li")).to_have_count(1)
    expect(page.locator("#annotate-outline .saving")).to_have_text("Saved")
    press(page, "a")
    second = next_task(page, first)
    press(page, "4", "w")
    phase(page, "look")
    press(page, "2", "t")
    next_task(page, second)
    step(page, "Log")
    log = page.locator("#annotate-log")
    scan = page.locator("#annotate-log-scan input")
    for source in ("accepted", "corrected"):
        scan.click()
        page.get_by_role("option").nth(0 if source == "accepted" else 1).click()
        expect(log).to_contain_text(source)
        expect(log).to_contain_text("lite0")


def test_a_file_that_went_out_is_brought_in_elsewhere(
    page: Page, address: str, tmp_path: Path
) -> None:
    enter(page, address)
    page.locator("#annotate-project input").click()
    page.get_by_role("option", name="(helped)").click()
    step(page, "Use")
    page.locator("#annotate-export").click()
    with page.expect_download() as going:
        page.locator("#annotate-files a", has_text="COCO").click()
    going.value.save_as(tmp_path / "helped.coco.json")
    step(page, "Projects")
    make_project(page, "other", "Other")
    step(page, "Use")
    page.locator("#annotate-upload input[type=file]").set_input_files(tmp_path / "helped.coco.json")
    page.locator("#annotate-import").click()
    expect(page.locator("#annotate-report")).to_contain_text("2 readings added")
    (tmp_path / "broken.json").write_text('{"images": [')
    page.locator("#annotate-upload input[type=file]").set_input_files(tmp_path / "broken.json")
    page.locator("#annotate-import").click()
    expect(page.locator("body")).to_contain_text("Expected")


def test_keys_can_be_changed_and_a_clash_is_told(page: Page, address: str) -> None:
    enter(page, address)
    make_project(page, "keys", "Keys")
    page.locator("#annotate-to-read").click()
    first = task(page)
    page.locator(".annotator [data-action=keys]").click()
    page.locator("[data-map=skip]").click()
    page.keyboard.press("f")
    expect(page.locator(".annotator .told")).to_contain_text("is the key of")
    page.locator("[data-map=skip]").click()
    page.keyboard.press(";")
    expect(page.locator("[data-map=skip]")).to_have_text(";")
    page.locator("[data-do=close-keys]").click()
    expect(page.locator("[data-action=skip] kbd")).to_have_text(";")
    page.keyboard.press(";")
    next_task(page, first)


def test_the_tab_fits_a_phone(phone: Page, address: str) -> None:
    enter(phone, address)
    make_project(phone, "phone", "Phone")
    phone.locator("#annotate-to-read").click()
    first = task(phone)
    assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    phone.locator("[data-action=flag]").tap()
    phone.locator("[data-action=class-4]").tap()
    phone.locator("[data-action=sure-3]").tap()
    next_task(phone, first)
    step(phone, "Settle")
    expect(phone.locator("#annotate-settle-outline .board[data-task]")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
