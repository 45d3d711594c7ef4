"""Links, Back and a reload find the same place; Start is first, and Enter starts."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import open_page, reload, serving

pytestmark = pytest.mark.chromium


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, chromium: str):
    with serving(tmp_path_factory.mktemp("addresses") / "home") as served:
        yield served


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def shows(page: Page, name: str) -> None:
    expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")


def test_a_link_opens_a_class_of_the_atlas_and_a_reload_stays(page: Page, address: str):
    open_page(page, f"{address}/?tab=learn&class=DME")
    shows(page, "Learn")
    expect(page.locator("#learn-topic label.selected")).to_have_text("DME")
    expect(page.locator("#learn-body article.dme")).to_be_visible()
    reload(page)
    shows(page, "Learn")
    expect(page.locator("#learn-body article.dme")).to_be_visible()


def test_a_link_opens_an_exam(page: Page, address: str):
    open_page(page, f"{address}/?quiz=is-it-normal")
    shows(page, "Exams")
    expect(page.locator("#quiz label.selected")).to_contain_text("Is it normal?")


def test_back_goes_back_and_forward_forward(page: Page, address: str):
    open_page(page, address)
    tab(page, "Learn")
    expect(page.locator("#learn-body article.layers")).to_be_visible()
    page.locator("#learn-topic label", has_text="CNV").click()
    expect(page.locator("#learn-body article.cnv")).to_be_visible()
    assert page.url.endswith("?tab=learn&class=CNV")
    tab(page, "Progress")
    shows(page, "Progress")
    page.go_back()
    shows(page, "Learn")
    expect(page.locator("#learn-body article.cnv")).to_be_visible()
    page.go_back()
    page.go_back()
    shows(page, "Practise")
    assert "tab=" not in page.url
    page.go_forward()
    shows(page, "Learn")


def test_what_is_no_tab_opens_the_first(page: Page, address: str):
    open_page(page, f"{address}/?tab=nowhere&class=CNV")
    shows(page, "Practise")


def test_start_has_the_focus_and_enter_starts(page: Page, address: str):
    open_page(page, address)
    expect(page.locator("#begin")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".desk[data-phase=ask]")).to_be_visible()


def test_enter_in_the_nickname_starts_too(page: Page, address: str):
    open_page(page, address)
    page.locator("#nickname textarea, #nickname input").first.fill("Ada")
    page.keyboard.press("Enter")
    expect(page.locator(".desk[data-phase=ask]")).to_be_visible()


def test_start_is_the_first_control_of_its_tab(page: Page, address: str):
    open_page(page, address)
    start = page.locator("#begin").bounding_box()
    assert start is not None
    for field in ("#nickname", "#deck", "#size"):
        box = page.locator(field).bounding_box()
        assert box is not None
        assert box["y"] > start["y"]


def test_every_field_shows_its_focus_and_the_chosen_tab_stands_out(page: Page, address: str):
    open_page(page, address)
    page.locator("#nickname textarea, #nickname input").first.focus()
    for _ in range(6):
        page.keyboard.press("Tab")
        style = page.evaluate(
            "(() => { const at = document.activeElement; const box = at.closest('label') || at;"
            " return [at, box].some(one => getComputedStyle(one).outlineStyle !== 'none'"
            " && parseFloat(getComputedStyle(one).outlineWidth) >= 2); })()"
        )
        assert style, page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
    weights = page.evaluate(
        "[...document.querySelectorAll('#tabs [role=tab]')]"
        ".map(tab => getComputedStyle(tab).fontWeight)"
    )
    assert weights[0] == "700"
    assert set(weights[1:]) != {"700"}
