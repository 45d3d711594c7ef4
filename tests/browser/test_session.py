"""An educator and two trainees in a session, each in a browser of their own."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import new_context, open_page, reload, serving

pytestmark = pytest.mark.chromium
PAUSED = re.compile("paused", re.IGNORECASE)
ENDED = re.compile("ended", re.IGNORECASE)
PROJECTOR = re.compile("projector", re.IGNORECASE)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[str]:
    home: Path = tmp_path_factory.mktemp("session") / "home"
    with serving(home) as served:
        yield served


@pytest.fixture
def somebody(browser: Browser) -> Iterator[Callable[[], Page]]:
    """Open a window of one more person; a script error in any fails the test."""
    faults: list[str] = []
    with ExitStack() as windows:

        def opened() -> Page:
            context = new_context(browser, faults, viewport={"width": 1280, "height": 720})
            windows.callback(context.close)
            return context.new_page()

        yield opened
    assert faults == []


def open_session(page: Page, address: str) -> str:
    open_page(page, f"{address}/educator/")
    page.get_by_role("tab", name="Sessions").click()
    quiz = page.locator("#session-quiz input")
    expect(quiz).not_to_have_value("")
    quiz.click()
    page.get_by_role("option", name="First ten").click()
    expect(quiz).to_have_value(re.compile("First ten"))
    page.locator("#session-open").click()
    expect(page.locator(".door .code")).to_be_visible()
    return page.locator(".door .code").inner_text().strip()


def field(page: Page, elem_id: str) -> Locator:
    return page.locator(f"#{elem_id}").locator("input, textarea").first


def phase(page: Page, name: str) -> None:
    expect(page.locator(f".desk[data-phase={name}]")).to_be_visible()


def type_in(page: Page, link: str, nickname: str) -> None:
    """Follow the link, give a pseudonym, and press Join."""
    open_page(page, link)
    expect(field(page, "join-code")).to_have_value(link.rpartition("=")[2])
    field(page, "nickname").fill(nickname)
    expect(field(page, "nickname")).to_have_value(nickname)
    page.locator("#join").click()


def join(page: Page, link: str, nickname: str) -> None:
    type_in(page, link, nickname)
    phase(page, "ask")


def answer(page: Page) -> None:
    phase(page, "ask")
    page.keyboard.press("1")
    page.keyboard.press("e")


def reader(educator: Page, name: str) -> Locator:
    return educator.locator(".readers li", has_text=name)


def test_a_class_reads_pauses_discusses_and_ends(
    somebody: Callable[[], Page], address: str
) -> None:
    educator, ada, ben = somebody(), somebody(), somebody()
    code = open_session(educator, address)
    link = educator.locator(".door .link a").get_attribute("href")
    assert link == f"{address}/?session={code}"
    expect(educator.locator(".door .qr svg")).to_be_visible()

    join(ada, link, "Ada")
    join(ben, link, "Ben")
    expect(reader(educator, "Ada")).to_contain_text("1 of")
    expect(reader(educator, "Ben")).to_contain_text("1 of")
    reload(ada)
    phase(ada, "ask")
    answer(ada)
    phase(ada, "told")
    expect(reader(educator, "Ada")).to_contain_text("2 of")
    expect(educator.locator("#session-note")).to_contain_text("1 answered, 1 of 2 have not yet")

    educator.locator("#session-pause").click()
    expect(educator.locator(".door")).to_contain_text("Paused")
    expect(ben.locator("body")).to_contain_text(PAUSED)
    ben.keyboard.press("1")
    ben.keyboard.press("e")
    reload(ben)
    expect(ben.locator("body")).to_contain_text(PAUSED)
    reload(educator)
    educator.get_by_role("tab", name="Sessions").click()
    expect(reader(educator, "Ben")).to_contain_text("1 of")
    educator.locator("#session-go-on").click()
    expect(ben.locator("body")).not_to_contain_text(PAUSED)
    phase(ben, "ask")

    educator.locator("#session-reveal").click()
    shown = educator.locator(".shown")
    expect(shown).to_contain_text("Truth")
    expect(shown.locator("figure")).to_have_count(2)
    expect(educator.locator("#session-note")).to_contain_text("1 of 2 have not answered")
    expect(ben.locator("body")).to_contain_text(PROJECTOR)
    expect(ben.locator(".desk[data-phase=ask]")).to_be_visible()
    expect(ben.locator(".verdict")).to_have_text("")
    answer(ben)
    expect(educator.locator(".said")).to_contain_text("not counted: 1")
    educator.locator("#session-hide").click()
    expect(educator.locator("#board")).to_contain_text("Not counted in the figures: 1 discussed")

    educator.locator("#session-end").click()
    educator.locator("#session-end-no").click()
    expect(educator.locator("#session-end-yes")).to_be_hidden()
    educator.locator("#session-end").click()
    educator.locator("#session-end-yes").click()
    expect(educator.locator(".door")).to_contain_text("Ended")
    expect(ada.locator("body")).to_contain_text(ENDED)
    late = somebody()
    type_in(late, link, "Cleo")
    expect(late.locator("body")).to_contain_text("This session has ended")


def test_a_wrong_code_is_told_in_a_line(somebody: Callable[[], Page], address: str) -> None:
    page = somebody()
    open_page(page, f"{address}/?session=zz+zzz")
    expect(field(page, "join-code")).to_have_value("zz zzz")
    page.locator("#join").click()
    expect(page.locator("body")).to_contain_text("There is none 'zz zzz'")
    expect(page.locator(".desk[data-phase=ask]")).to_have_count(0)


def test_the_board_can_be_read_on_a_projector(somebody: Callable[[], Page], address: str) -> None:
    educator = somebody()
    open_session(educator, address)
    screen = educator.locator("#session-screen")
    for width, height in ((1280, 720), (1920, 1080)):
        educator.set_viewport_size({"width": width, "height": height})
        educator.locator("#session-project").click()
        expect(educator.locator("#session-screen:fullscreen")).to_be_visible()
        educator.wait_for_function(
            "least => parseFloat(getComputedStyle(document.querySelector("
            "'table.confusion tbody td')).fontSize) >= least",
            arg=height / 24,
        )
        assert screen.evaluate("screen => screen.scrollWidth <= screen.clientWidth")
        expect(educator.locator("#session-reveal")).to_be_in_viewport()
        educator.evaluate("document.exitFullscreen()")
        expect(educator.locator("#session-screen:fullscreen")).to_have_count(0)
