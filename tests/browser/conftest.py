"""A real server in a process of its own, and the system's Chromium."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakKeyDictionary

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

expect.set_options(timeout=60_000)  # the first reveal waits for the model
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run a test that failed in the browser once more; the summary lists it as RERUN."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.flaky(reruns=1))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(home: Path, port: int | None = None) -> Iterator[str]:
    """Start `octtutor serve` and give its address once the page answers."""
    port = port or free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "octtutor", "serve", "--port", str(port)]
    environment = {**os.environ, "OCTTUTOR_HOME": str(home)}
    log = home.parent / f"serve-{port}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)
        try:
            wait_for(lambda: answers(address, process), 90, log)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=30)


def answers(address: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the server ended"
    try:
        with urllib.request.urlopen(address, timeout=2):
            return True
    except OSError:
        return False


def wait_for(done: Callable[[], bool], seconds: float, log: Path) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.2)


def run_octtutor(home: Path, *words: object) -> None:
    command = [sys.executable, "-m", "octtutor", *map(str, words)]
    environment = {**os.environ, "OCTTUTOR_HOME": str(home)}
    subprocess.run(command, env=environment, check=True, timeout=300, capture_output=True)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A desktop window; a script error on the page fails the test."""
    yield from _open(browser, viewport={"width": 1440, "height": 900})


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    yield from _open(
        browser,
        viewport={"width": 390, "height": 844},
        device_scale_factor=2,
        has_touch=True,
        is_mobile=True,
    )


def _open(browser: Browser, **options) -> Iterator[Page]:
    faults: list[str] = []
    context = new_context(browser, faults, **options)
    yield context.new_page()
    context.close()
    assert faults == []


_asked: WeakKeyDictionary[BrowserContext, set[Request]] = WeakKeyDictionary()
"""What the pages of a window have asked a server for and not yet got."""


def new_context(browser: Browser, faults: list[str], **options) -> BrowserContext:
    """Open a window; script errors on its pages are added to `faults`."""
    context = browser.new_context(**options)
    context.set_default_timeout(30_000)
    asked = _asked[context] = set()

    def ask(request: Request) -> None:
        if "/heartbeat/" not in request.url:  # which lasts as long as its page
            asked.add(request)

    context.on("weberror", lambda error: faults.append(str(error.error)))
    context.on("console", lambda said: faults.append(said.text) if _breaks(said.text) else None)
    context.on("request", ask)
    context.on("requestfinished", lambda request: asked.discard(request))
    context.on("requestfailed", lambda request: asked.discard(request))
    return context


def _breaks(said: str) -> bool:
    """Whether a page did what its Content-Security-Policy forbids."""
    return "Content Security Policy" in said


def open_page(page: Page, address: str) -> None:
    """Go to one of the tool's pages, and wait until it is filled."""
    _wait_until_filled(page, lambda: page.goto(address))


def reload(page: Page) -> None:
    """Load one of the tool's pages again, and wait until it is filled."""
    _wait_until_filled(page, page.reload)


def _wait_until_filled(page: Page, load: Callable[[], object]) -> None:
    _asked[page.context].clear()  # what the page before it asked for does not come any more
    with page.expect_request("**/queue/join**"):
        load()
    wait_for_answers(page)


def wait_for_answers(page: Page, quiet: float = 0.4, most: float = 20) -> None:
    """Wait until nothing was asked of the server for `quiet` seconds: no answer redraws a part.

    No hand is as fast as a test. On a busy machine, what it ticks, types or unfolds before the
    answer to an earlier event has come may be drawn anew by that answer.

    Args:
        page: where, in a window of `new_context`.
        quiet: seconds.
        most: seconds; the timers of a page that is answered slowly leave no such pause.
    """
    asked = _asked[page.context]
    begun = busy = time.monotonic()
    while busy - begun < most and time.monotonic() - busy < quiet:
        page.wait_for_timeout(50)
        if asked:
            busy = time.monotonic()


def choose_deck(page: Page, title: str) -> None:
    """Pick a deck by a part of its title."""
    page.locator("#deck label", has_text=title).click()


def look_at(page: Page, name: str) -> None:
    """Keep a picture of the page, where OCTTUTOR_SCREENSHOTS names a folder for them."""
    if folder := os.environ.get("OCTTUTOR_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
