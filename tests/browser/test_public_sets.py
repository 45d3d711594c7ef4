"""An educator fetches a public set in Chromium: licence first, progress, stop, go on, a deck."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from octtutor.jobs.state import STOP
from tests.browser.conftest import look_at, open_page, reload
from tests.browser.test_educator import no_wider_than_the_window
from tests.datasets.public import standin as far
from tests.datasets.public.standin import Standin, own_registry, release, scans_of, zip_of
from tests.ui.test_educator_page import started

pytestmark = pytest.mark.chromium
PATIENCE = 240_000
"""Milliseconds for a process to come up on a loaded machine, and to fetch."""


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    with far.serving() as served:
        yield served


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("public") / "home"


@pytest.fixture(scope="module")
def address(standin: Standin, home: Path, chromium: str) -> Iterator[str]:
    data = zip_of(release(scans_of(home.parent / "made")))
    own_registry(home, standin.put("/set.zip", data), len(data))
    with started(home) as served:
        yield served.address


def open_room(page: Page, address: str) -> None:
    open_page(page, f"{address}/educator/")
    page.get_by_role("tab", name="Scans", exact=True).click()
    expect(page.locator("#public-sets")).to_contain_text("Kermany's hundred")


def test_an_educator_fetches_a_set(page: Page, address: str, standin: Standin, home: Path):
    gate = standin.files["/set.zip"].gate = threading.Event()
    open_room(page, address)
    card = page.locator("#public-card")
    expect(card).to_contain_text("CC BY 4.0")
    assert standin.requests == []  # nothing without a click
    page.locator("#public-set input").click()
    page.get_by_role("option", name="The ward's scans").click()
    expect(card).to_contain_text("Ada, 2026. doi:10.1/1")
    page.locator("#public-fetch").click()
    expect(card.locator("progress")).to_be_visible(timeout=PATIENCE)
    expect(card).to_contain_text("files: ", timeout=PATIENCE)
    expect(page.locator("#public-sets")).to_contain_text("being fetched")
    look_at(page, "public-sets")
    page.locator("#public-stop").click()
    while not (home / "fetching" / "ward" / STOP).exists():  # asked before the rest may come
        page.wait_for_timeout(50)
    gate.set()
    expect(card).to_contain_text("Not fetched: Stopped. What came is kept", timeout=PATIENCE)
    expect(page.locator("#public-fetch")).to_have_text("Go on")
    standin.files["/set.zip"].gate = None
    before = standin.sent
    page.locator("#public-fetch").click()
    expect(card).to_contain_text("12 scans added to the deck ward", timeout=PATIENCE)
    assert standin.sent - before < before
    expect(page.locator("#public-sets")).to_contain_text("deck ward, 12 scans")
    expect(page.locator("#decks")).to_contain_text("The ward's scans")
    expect(page.locator("#decks .cited")).to_contain_text("Ada, 2026. doi:10.1/1 CC BY 4.0")
    reload(page)
    page.get_by_role("tab", name="Scans", exact=True).click()
    expect(page.locator("#decks .cited")).to_contain_text("Ada, 2026")
    page.goto(address)
    expect(page.locator("#deck")).to_contain_text("The ward's scans (12)")
    expect(page.locator("#deck-sources")).to_contain_text("Ada, 2026. doi:10.1/1 CC BY 4.0")


def test_the_part_fits_a_phone(phone: Page, address: str):
    open_room(phone, address)
    expect(phone.locator("#public-card")).to_contain_text("CC BY 4.0")
    assert no_wider_than_the_window(phone)
    look_at(phone, "public-sets-phone")
