"""Educators on a deck of eight diagnoses: the panel of a project, and the form of a quiz."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import open_page, run_octtutor, serving, wait_for_answers
from tests.browser.test_annotate import enter, field, phase, press
from tests.eight_scans import OCTDL, write_eight

pytestmark = pytest.mark.chromium


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, chromium: str):
    folder = tmp_path_factory.mktemp("educators of eight")
    words = ("--scheme", "octdl", "--as", "eight", "--title", "Eight")
    run_octtutor(folder / "home", "data", "import", write_eight(folder), *words)
    with serving(folder / "home") as served:
        yield served


def choose(page: Page, box: str, option: str) -> None:
    wait_for_answers(page)  # what the page is told of decks as it opens draws the list anew
    page.locator(f"{box} input").fill(option)
    expect(page.get_by_role("option", name=option)).to_be_visible()
    page.keyboard.press("Enter")


def test_the_form_counts_the_classes_of_the_chosen_deck(page: Page, address: str):
    open_page(page, f"{address}/educator/")
    page.get_by_role("tab", name="Quizzes").click()
    expect(page.locator("[id^=quiz-count_]")).to_have_count(4)
    choose(page, "#quiz-deck", "Eight")
    expect(page.locator("[id^=quiz-count_]")).to_have_count(8)
    expect(page.locator("#quiz-count_7")).to_contain_text("VID")
    for n in range(1, 9):
        page.locator(f"#quiz-count_{n} input").fill("1" if n in (4, 7) else "0")
    page.locator("#quiz-look").click()
    expect(page.locator("#quiz-preview")).to_contain_text("2 cases from eight")
    expect(page.locator("#quiz-preview")).to_contain_text("VID 1, NORMAL 0")


def test_the_panel_has_the_buttons_and_keys_of_the_project_s_diagnoses(page: Page, address: str):
    enter(page, address)
    page.locator("#annotate-new button").first.click()
    choose(page, "#annotate-deck", "Eight")
    field(page, "annotate-name").fill("p")
    field(page, "annotate-title").fill("P")
    field(page, "annotate-controls").fill("0")
    page.locator("#annotate-suggest input").set_checked(False)
    page.locator("#annotate-create").click()
    expect(page.locator("#annotate-told")).to_contain_text("one reading each")
    page.locator("#annotate-to-read").click()
    phase(page, "ask")
    buttons = page.locator("[data-action^=class-]")
    expect(buttons).to_have_count(8)
    assert [one.split("\n")[-1] for one in buttons.all_inner_texts()] == list(OCTDL.keys)
    colour = buttons.nth(6).evaluate("b => getComputedStyle(b).getPropertyValue('--class')")
    assert colour.strip() == OCTDL.get("VID").colour
    press(page, "7")
    expect(buttons.nth(6)).to_have_attribute("aria-pressed", "true")
    press(page, "r")
    expect(page.locator(".annotator .a-place")).to_contain_text("2")
