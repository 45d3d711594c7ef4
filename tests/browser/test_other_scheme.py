"""A quiz on a deck of eight diagnoses: its own buttons and keys, on a desktop and on a phone."""

import pytest
from playwright.sync_api import Page, expect

from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME, SHIPPED
from tests.browser.conftest import choose_deck, open_page, run_octtutor, serving
from tests.browser.test_quiz import phase, press
from tests.conftest import write_scans

pytestmark = pytest.mark.chromium
OCTDL = SHIPPED.get("octdl")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, chromium: str):
    folder = tmp_path_factory.mktemp("eight")
    for place, path in enumerate(sorted(write_scans(folder / "drawn", 4).rglob("*.png"))):
        moved = folder / "eight" / OCTDL.keys[place // 2] / f"p{place}.png"
        moved.parent.mkdir(parents=True, exist_ok=True)
        path.rename(moved)
    words = ("--scheme", "octdl", "--as", "eight", "--title", "Eight")
    run_octtutor(folder / "home", "data", "import", folder / "eight", *words)
    with serving(folder / "home") as served:
        yield served


def test_eight_diagnoses_have_eight_keys_colours_and_a_line_of_the_matrix(page: Page, address: str):
    open_page(page, address)
    choose_deck(page, "Eight")
    page.locator("#begin").click()
    for position in range(10):
        phase(page, "ask")
        expect(page.locator(".progress")).to_have_text(f"{position + 1} of 10")
        buttons = page.locator("button.answer")
        expect(buttons).to_have_count(9)
        assert [one.split("\n")[-1] for one in buttons.all_inner_texts()[:8]] == list(OCTDL.keys)
        colour = buttons.nth(6).evaluate("b => getComputedStyle(b).getPropertyValue('--class')")
        assert colour.strip() == OCTDL.get("VID").colour
        press(page, str(6 + position % 3), "w")
        phase(page, "told")
        assert page.locator(".map-class").all_inner_texts() == list(OCT2017_SCHEME.keys)
        expect(page.locator(".notes")).to_contain_text("This network")
        expect(page.locator(".chances tr.is-truth")).to_have_count(0)
        expect(page.locator(".advice p").first).to_be_visible()
        page.wait_for_timeout(350)
        press(page, "Enter")
    expect(page.locator(".results table.confusion tr")).to_have_count(1 + 8)
    page.get_by_role("button", name="New quiz").first.click()
    choose_deck(page, "Embedded")
    page.locator("#begin").click()
    phase(page, "ask")
    expect(page.locator("button.answer")).to_have_count(5)


def test_nine_buttons_fit_a_phone(phone: Page, address: str):
    open_page(phone, address)
    choose_deck(phone, "Eight")
    phone.locator("#begin").tap()
    phase(phone, "ask")
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
    for button in phone.locator("button.answer").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 30
        assert box["x"] + box["width"] <= 391
    phone.locator("button.answer[data-choice=VID]").tap()
    phone.locator("button.level[data-level='4']").tap()
    phase(phone, "told")
    expect(phone.locator("button.next")).to_be_in_viewport(ratio=0.9)
