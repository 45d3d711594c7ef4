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

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

expect.set_options(timeout=60_000)  # the first reveal waits for the model
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
]


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
    context = browser.new_context(**options)
    opened = context.new_page()
    opened.set_default_timeout(30_000)
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    yield opened
    context.close()
    assert faults == []


def choose_deck(page: Page, title: str) -> None:
    """Pick a deck by a part of its title."""
    page.locator("#deck label", has_text=title).click()


def look_at(page: Page, name: str) -> None:
    """Keep a picture of the page, where OCTTUTOR_SCREENSHOTS names a folder for them."""
    if folder := os.environ.get("OCTTUTOR_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
