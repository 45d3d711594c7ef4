"""The tab Learn as people read it: on a desktop, with the keyboard alone, and on a phone."""

from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import open_page, serving, wait_for_answers

pytestmark = pytest.mark.chromium


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, chromium: str):
    home: Path = tmp_path_factory.mktemp("learn") / "home"
    with serving(home) as served:
        yield served


def open_learn(page: Page, address: str) -> None:
    open_page(page, address)
    page.get_by_role("tab", name="Learn", exact=True).click()
    expect(page.locator(".learn .charts")).to_be_visible()


def choose(page: Page, topic: str) -> None:
    page.locator("#learn-topic label", has_text=topic).click()
    expect(page.locator(f".learn .chapter.{topic.lower()}")).to_be_visible()


def loaded(page: Page) -> bool:
    script = "[...document.querySelectorAll('.learn .scan img')].every(i => i.naturalWidth > 0)"
    return bool(page.evaluate(script))


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"))


def test_nothing_of_the_atlas_is_sent_before_its_tab_is_opened(page: Page, address: str):
    open_page(page, address)
    expect(page.get_by_role("tab", name="Learn", exact=True)).to_be_visible()
    assert page.locator(".learn .chapter").count() == 0
    page.get_by_role("tab", name="Learn", exact=True).click()
    expect(page.locator(".learn .charts")).to_be_visible()


def test_the_layers_are_named_over_a_healthy_scan(page: Page, address: str):
    open_learn(page, address)
    chart = page.locator(".learn .chart")
    expect(chart.locator("svg text")).to_have_count(16)
    for name in ("Vitreous", "NFL", "ELM", "EZ", "RPE", "BM", "Choroid"):
        expect(chart.locator("svg text", has_text=name).first).to_be_visible()
    expect(chart.locator(".badge")).to_have_text("synthetic")
    tops = chart.locator(".layer text").evaluate_all(
        "texts => texts.map(t => [t.getBoundingClientRect().top, t.getBoundingClientRect().bottom])"
    )
    assert all(above[1] <= below[0] + 6 for above, below in pairwise(tops))
    expect(page.locator("#learn-others")).to_be_hidden()


def test_each_diagnosis_has_signs_examples_and_pairs(page: Page, address: str):
    open_learn(page, address)
    for label in ("CNV", "DME", "DRUSEN", "NORMAL"):
        choose(page, label)
        expect(page.locator(".learn .examples figure")).to_have_count(6)
        expect(page.locator(".learn .pair")).to_have_count(2)
        expect(page.locator(".learn .scan .badge")).to_have_count(10)
        assert page.locator(".learn .signs li").count() >= 4
        expect(page.locator("#learn-lot")).to_be_hidden()
        assert loaded(page)
        alts = page.locator(".learn .examples img").evaluate_all("all => all.map(i => i.alt)")
        assert all(alt.startswith(f"OCT B-scan (synthetic) of {label}.") for alt in alts)


def test_outlines_and_maps_are_shown_and_hidden(page: Page, address: str):
    open_learn(page, address)
    choose(page, "DRUSEN")
    outline = page.locator(".learn .examples .outline").first
    picture = page.locator(".learn .examples .map").first
    expect(outline).to_be_visible()
    expect(picture).to_be_hidden()
    page.locator("#learn-outlines input").uncheck()
    expect(outline).to_be_hidden()
    page.locator("#learn-map input").check()
    note = page.locator("#learn-maps .learn-note")
    expect(note).to_contain_text("of these 6 examples as DRUSEN")
    expect(picture).to_be_visible()
    assert "data:image/webp" in picture.evaluate("e => getComputedStyle(e).backgroundImage")
    choose(page, "CNV")
    expect(note).to_contain_text("of these 6 examples as CNV")
    expect(outline).to_be_hidden()
    page.locator("#learn-map input").uncheck()
    expect(picture).to_be_hidden()
    page.locator("#learn-outlines input").check()
    expect(outline).to_be_visible()


def test_other_examples_follow_and_the_tab_is_as_it_was_left(page: Page, address: str):
    open_learn(page, address)
    choose(page, "DME")
    expect(page.locator(".learn .at-dme-0-0")).to_be_visible()
    page.locator("#learn-others").click()
    expect(page.locator(".learn .at-dme-1-0")).to_be_visible()
    page.locator("#learn-others").click()
    expect(page.locator(".learn .at-dme-2-0")).to_be_visible()
    page.get_by_role("tab", name="Practise", exact=True).click()
    page.get_by_role("tab", name="Learn", exact=True).click()
    expect(page.locator(".learn .at-dme-2-0")).to_be_visible()
    choose(page, "NORMAL")
    expect(page.locator(".learn .at-normal-0-0")).to_be_visible()


def test_the_keyboard_alone_reaches_everything(page: Page, address: str):
    open_learn(page, address)
    page.locator("#learn-topic input").nth(0).focus()
    page.keyboard.press("Tab")  # each choice is a tab stop of its own in Gradio
    page.keyboard.press("Space")
    expect(page.locator(".learn .chapter.cnv")).to_be_visible()
    wait_for_answers(page)
    reached: set[str] = set()
    wanted = {"learn-deck", "learn-outlines", "learn-map", "learn-others"}
    for _ in range(20):
        page.keyboard.press("Tab")
        held = page.evaluate(
            "ids => ids.find(id => document.getElementById(id).contains(document.activeElement))",
            sorted(wanted),
        )
        reached |= {held} if held else set()
        if page.evaluate("document.activeElement.tagName === 'SUMMARY'"):
            break
    assert reached == wanted
    page.keyboard.press("Enter")
    expect(page.locator(".learn .sources")).to_contain_text("Spaide")
    expect(page.locator(".learn .sources li").first).to_be_visible()


def test_a_phone_shows_it_without_sideways_scrolling(phone: Page, address: str):
    open_learn(phone, address)
    assert fits(phone)
    phone.set_viewport_size({"width": 360, "height": 780})
    assert fits(phone)
    choose(phone, "CNV")
    assert fits(phone)
    scan = phone.locator(".learn .examples .scan").first.bounding_box()
    assert scan is not None
    assert scan["width"] >= 0.85 * 360


def test_the_names_of_the_layers_are_legible_on_a_phone(phone: Page, address: str):
    open_learn(phone, address)
    name = phone.locator(".chart .layer text").first.bounding_box()
    assert name is not None
    assert name["height"] >= 12
