"""Take the pictures of README and docs, on the embedded deck only: `make pictures`."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

HERE = Path(__file__).parent / "images"
PORT = 7899
ADDRESS = f"http://127.0.0.1:{PORT}"
ANSWERS = "21344321142"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def play(page: Page, until: int, seed: str) -> None:
    """Start a quiz of ten and answer up to case number `until`."""
    page.goto(ADDRESS)
    expect(page.locator("#deck input:checked")).to_have_count(1)
    page.get_by_text("More choices").click()
    page.locator("#seed textarea, #seed input").first.fill(seed)
    page.locator("#begin").click()
    for position in range(until):
        expect(page.locator(".desk[data-phase=ask]")).to_be_visible()
        page.wait_for_timeout(900)
        page.keyboard.press(ANSWERS[position])
        page.keyboard.press("r")
        expect(page.locator(".desk[data-phase=told]")).to_be_visible()
        page.wait_for_timeout(500)
        if position + 1 < until:
            page.keyboard.press("Enter")


def main() -> None:
    """Serve, play, take the pictures."""
    HERE.mkdir(exist_ok=True)
    expect.set_options(timeout=60_000)
    home = tempfile.mkdtemp(prefix="octtutor-pictures-")
    command = [sys.executable, "-m", "octtutor", "serve", "--port", str(PORT)]
    server = subprocess.Popen(command, env={**os.environ, "OCTTUTOR_HOME": home})
    try:
        wait_for_server()
        with sync_playwright() as playwright:
            chromium = shutil.which("chromium") or "/usr/bin/chromium"
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            take(browser)
            browser.close()
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(home, ignore_errors=True)


def take(browser) -> None:
    """Take one picture of each kind."""
    page = browser.new_page(viewport={"width": 1440, "height": 860}, color_scheme="dark")
    play(page, 3, "7")
    page.locator("input.split").fill("62")
    page.wait_for_timeout(300)
    page.screenshot(path=HERE / "reading.png")
    page.close()
    page = browser.new_page(viewport={"width": 1180, "height": 760}, color_scheme="light")
    play(page, 10, "7")
    page.keyboard.press("Enter")
    expect(page.locator(".results")).to_be_visible()
    page.screenshot(path=HERE / "results.png", full_page=True)
    page.close()
    page = browser.new_page(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, color_scheme="dark"
    )
    play(page, 3, "7")
    page.screenshot(path=HERE / "phone.png")


def wait_for_server() -> None:
    """Wait until the page answers, at most a minute."""
    for _ in range(120):
        try:
            urllib.request.urlopen(ADDRESS, timeout=2).close()
            return
        except OSError:
            time.sleep(0.5)
    raise SystemExit("the server did not start")


if __name__ == "__main__":
    main()
