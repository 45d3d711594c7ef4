"""Quizzes of every kind as people play them: marks, second looks, exams, what is due."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import open_page, reload, serving
from tests.browser.test_quiz import phase, press, tab_to

pytestmark = pytest.mark.chromium
SHORT = """
title = "Against the clock"
deck = "embedded"
mode = "exam"
[options]
case_seconds = 6
confidence = false
[rule]
per_class = { CNV = 1, DME = 1 }
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, chromium: str):
    home: Path = tmp_path_factory.mktemp("teaching") / "home"
    (home / "quizzes").mkdir(parents=True)
    (home / "quizzes" / "clock.toml").write_text(SHORT)
    with serving(home) as served:
        yield served


def start(page: Page, address: str, title: str) -> None:
    open_page(page, address)
    expect(page.locator("#begin")).to_be_visible()
    page.get_by_role("tab", name="Exams").click()
    page.locator("#quiz label", has_text=title).click()
    expect(page.locator("#offer h3")).to_have_text(title)
    page.locator("#quiz-start").click()
    phase(page, "ask")


def sideways(page: Page) -> int:
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


def test_a_finding_is_marked_with_the_mouse_or_the_keyboard(page: Page, address: str):
    start(page, address, "Drusen or CNV?")
    press(page, "1")
    expect(page.locator(".mark-hint")).to_be_visible()
    expect(page.locator(".level").first).to_be_disabled()
    box = page.locator(".plane").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator(".cross")).to_be_visible()
    expect(page.locator(".level").first).to_be_enabled()
    press(page, "r")
    phase(page, "told")
    expect(page.locator(".verdict")).to_contain_text("place")
    expect(page.locator(".cross")).to_be_visible()
    page.wait_for_timeout(350)
    press(page, "Enter")
    phase(page, "ask")
    press(page, "3", "ArrowRight", "ArrowDown", "ArrowDown")
    expect(page.locator(".cross")).to_be_visible()
    press(page, "t")
    phase(page, "told")
    page.wait_for_timeout(350)
    press(page, "Enter")
    phase(page, "ask")
    press(page, "4", "w")  # a normal scan has nothing to be marked
    phase(page, "told")
    expect(page.locator(".cross")).to_be_hidden()
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator(".quiet.end").click()
    expect(page.locator(".results")).to_contain_text("clicks hit the finding")


def test_a_finding_is_marked_with_a_finger(phone: Page, address: str):
    start(phone, address, "Drusen or CNV?")
    phone.locator(".answer.cnv").tap()
    box = phone.locator(".plane").bounding_box()
    phone.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(phone.locator(".cross")).to_be_visible()
    phone.locator(".level").nth(2).tap()
    phase(phone, "told")
    assert sideways(phone) <= 0


def test_a_second_look_is_kept_or_changed_and_survives_a_reload(page: Page, address: str):
    start(page, address, "Is it normal?")
    press(page, "2", "e")
    phase(page, "look")
    expect(page.locator(".chances")).to_be_visible()
    expect(page.locator(".verdict")).not_to_contain_text("Truth")
    expect(page.locator(".settle-text")).to_have_text("Keep DME")
    reload(page)
    phase(page, "look")
    press(page, "4")
    expect(page.locator(".settle-text")).to_have_text("Change to NORMAL")
    press(page, "Escape")
    expect(page.locator(".settle-text")).to_have_text("Keep DME")
    press(page, "4", "Enter")
    phase(page, "told")
    verdict = page.locator(".verdict")
    expect(verdict).to_contain_text("You, first")
    expect(verdict).to_contain_text("Truth")
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator(".quiet.end").click()
    expect(page.locator(".results")).to_contain_text("1 second looks")


def test_what_second_looks_changed_fits_a_small_phone(phone: Page, address: str):
    phone.set_viewport_size({"width": 360, "height": 640})
    start(phone, address, "Is it normal?")
    phone.locator(".answer.dme").tap()
    phone.locator(".level").nth(2).tap()
    phase(phone, "look")
    phone.locator("[data-do=settle]").tap()
    phase(phone, "told")
    phone.once("dialog", lambda dialog: dialog.accept())
    phone.locator(".quiet.end").tap()
    looks = phone.locator(".results .looks")
    expect(looks).to_be_visible()
    assert looks.evaluate("table => table.getBoundingClientRect().right <= innerWidth")
    assert sideways(phone) <= 0


def test_an_exam_runs_with_the_keyboard_alone_and_its_clock_goes_on(page: Page, address: str):
    open_page(page, address)
    expect(page.locator("#begin")).to_be_visible()
    page.get_by_role("tab", name="Exams").focus()
    press(page, "Enter")
    page.locator("#quiz label", has_text="Against the clock").click()
    expect(page.locator("#offer")).to_contain_text("6 s for each case")
    tab_to(page, "#quiz-start")
    press(page, "Enter")
    phase(page, "ask")
    expect(page.locator(".timer")).to_contain_text("−00:0")
    expect(page.locator(".sure")).to_be_hidden()
    press(page, "1", "Enter")
    expect(page.locator(".progress")).to_have_text("2 of 2")
    # nothing is answered: the time ends the case, and the exam with it
    results = page.locator(".results")
    expect(results).to_be_visible()
    expect(results).to_contain_text("Not counted in the figures: 1 timed out")
    expect(page.locator("#review")).to_be_visible()  # nothing is at stake: it can be taken again


def test_practice_is_adaptive_shows_mastery_and_compares_after_a_confusion(
    page: Page, address: str
):
    open_page(page, address)
    expect(page.locator("#begin")).to_be_visible()
    expect(page.locator("#due")).to_contain_text("comes due again")
    page.locator("#begin").click()
    compared = False
    for position in range(10):
        phase(page, "ask")
        expect(page.locator(".progress")).to_have_text(f"{position + 1} of 10")
        press(page, str(position % 2 + 1), "e")
        phase(page, "told")
        if not compared and page.locator(".compare").is_visible():
            page.locator(".compare summary").click()
            expect(page.locator(".compare .pair img")).to_have_count(2)
            expect(page.locator(".compare .pair img").first).to_be_in_viewport(ratio=0.5)
            compared = True
        page.wait_for_timeout(350)
        page.locator(".next").click()
    assert compared
    expect(page.locator(".results")).to_be_visible()
    page.locator("#review").click()
    phase(page, "told")
    page.wait_for_timeout(350)
    press(page, "Enter")
    for position in range(2, 11):
        expect(page.locator(".progress")).to_have_text(f"{position} of 10")
        page.wait_for_timeout(350)
        page.locator(".next").click()
    expect(page.locator(".results")).to_be_visible()
    page.locator("#again").click()
    expect(page.locator("#mastery")).to_contain_text("CNV")
    expect(page.locator("#due")).to_contain_text("Next:")


def test_every_tab_fits_a_phone(phone: Page, address: str):
    open_page(phone, address)
    expect(phone.locator("#begin")).to_be_visible()
    assert sideways(phone) <= 0
    for name in ("Exams", "Progress", "Practise"):
        phone.get_by_role("tab", name=name).click()
        phone.wait_for_timeout(500)
        assert sideways(phone) <= 0, name
