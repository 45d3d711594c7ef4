"""The training room in Chromium: the whole way, from scans to a published model and back."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import (
    look_at,
    open_page,
    reload,
    run_octtutor,
    serving,
    wait_for_answers,
)
from tests.browser.test_educator import no_wider_than_the_window
from tests.conftest import write_scans

pytestmark = pytest.mark.chromium
PATIENCE = 240_000
"""Milliseconds for a training run of a few scans; a loaded machine takes long to start it."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[str]:
    """A server whose deck `ward` has six scans a class, each of its own patient."""
    folder = tmp_path_factory.mktemp("training")
    scans = write_scans(folder / "ward", 6, (128, 128))
    run_octtutor(folder / "home", "data", "import", scans, "--as", "ward")
    with serving(folder / "home") as served:
        yield served


def open_room(page: Page, address: str) -> None:
    open_page(page, f"{address}/educator/")
    page.get_by_role("tab", name="Train", exact=True).click()
    expect(page.locator("#train-decks")).to_contain_text("ward")


def step(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def tick_ward(page: Page) -> None:
    page.locator("#train-decks label", has_text="ward").locator("input").check()


def plan_three_small_epochs(page: Page, name: str) -> None:
    page.locator("#train-number input").fill("3")
    page.locator("#train-name input, #train-name textarea").fill(name)
    page.get_by_role("button", name="More choices").click()
    page.locator("#train-size input").fill("64")
    page.locator("#train-batch input").fill("8")


def test_an_educator_trains_compares_publishes_and_rolls_back(page: Page, address: str):
    open_room(page, address)
    page.locator("#train-look").click()
    expect(page.locator(".toast-body")).to_contain_text("Expected a deck to train on")
    tick_ward(page)
    page.locator("#train-look").click()
    audit = page.locator("#train-audit")
    expect(audit).to_contain_text("Nothing stands in the way: 24 scans of 24 patients")
    look_at(page, "1-data")
    page.locator("#train-to-plan").click()

    plan_three_small_epochs(page, "ward-1")
    page.locator("#train-measure").click()
    expect(page.locator("#train-estimate")).to_contain_text("Measuring")
    expect(page.locator("#train-estimate")).to_contain_text("on this machine:", timeout=PATIENCE)
    look_at(page, "2-plan")
    page.locator("#train-start").click()

    run = page.locator("#train-run")
    expect(run).to_contain_text("ward-1")
    reload(page)
    page.get_by_role("tab", name="Train", exact=True).click()
    step(page, "3 Run")
    expect(run).to_contain_text("running")
    expect(run).to_contain_text("of 3", timeout=PATIENCE)
    look_at(page, "3-run")
    expect(run).to_contain_text("Done: accuracy", timeout=PATIENCE)
    expect(run.locator("svg")).to_have_count(2)
    look_at(page, "3-done")
    page.locator("#train-to-compare").click()

    comparison = page.locator("#train-comparison")
    expect(comparison).to_contain_text("ward-1")
    expect(comparison).to_contain_text("McNemar's test")
    expect(comparison.locator("table.confusion")).to_have_count(2)
    expect(comparison.locator(".differing img").first).to_be_visible()
    look_at(page, "4-compare")
    page.locator("#train-to-publish").click()

    expect(page.locator("#train-in-use")).to_contain_text("In use now: lite0")
    expect(page.locator("#train-back")).to_be_disabled()
    page.locator("#train-publish").click()
    expect(page.locator("#train-published")).to_contain_text("In use: ward-1 (before: lite0)")
    expect(page.locator("#train-in-use")).to_contain_text("Roll back would bring lite0")
    look_at(page, "5-publish")
    page.locator("#train-back").click()
    expect(page.locator("#train-published")).to_contain_text("In use: lite0 (before: ward-1)")
    expect(page.locator("#train-in-use")).to_contain_text("In use now: lite0")


def test_the_steps_work_by_keyboard_and_say_what_is_missing(page: Page, address: str):
    open_page(page, f"{address}/educator/")
    page.get_by_role("tab", name="Train", exact=True).focus()
    page.keyboard.press("Enter")
    box = page.locator("#train-decks label", has_text="ward").locator("input")
    expect(box).to_be_visible()
    box.focus()
    page.keyboard.press("Space")
    expect(box).to_be_checked()
    page.locator("#train-look").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#train-audit")).to_contain_text("Nothing stands in the way")
    expect(page.locator("#train-to-plan")).to_be_visible()
    wait_for_answers(page)  # the answer draws the audit first, then the button
    page.keyboard.press("Tab")
    expect(page.locator("#train-to-plan")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#train-start")).to_be_visible()
    page.locator("#train-name input, #train-name textarea").fill("no name")
    page.locator("#train-start").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".toast-body")).to_contain_text("Expected a model's name")
    page.get_by_role("tab", name="1 Data").focus()
    page.keyboard.press("Enter")
    box.focus()
    page.keyboard.press("Space")
    expect(page.locator("#train-to-plan")).to_be_hidden()


def test_a_deck_with_the_same_patients_blocks_until_leaky_is_ticked(page: Page, address: str):
    open_room(page, address)
    tick_ward(page)
    page.locator("#train-test input").click()
    page.get_by_role("option", name="ward").click()
    page.locator("#train-look").click()
    expect(page.locator("#train-audit")).to_contain_text("share 24 patients and 24 files")
    expect(page.locator("#train-to-plan")).to_be_hidden()
    page.locator("#train-leaky input").check()
    expect(page.locator("#train-to-plan")).to_be_visible()
    look_at(page, "1-leaky")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_step_fits_a_phone(phone: Page, address: str, scheme: str):
    phone.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    open_room(phone, address)
    tick_ward(phone)
    phone.locator("#train-look").click()
    expect(phone.locator("#train-audit")).to_contain_text("Nothing stands in the way")
    for name in ("1 Data", "2 Plan", "3 Run", "4 Compare", "5 Publish"):
        step(phone, name)
        expect(phone.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
        assert no_wider_than_the_window(phone)
        look_at(phone, f"phone-{scheme}-{name[0]}")
