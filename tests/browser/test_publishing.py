"""A model published beside a running server: the quiz under way keeps its own."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import free_port, open_page, run_octtutor, serving
from tests.browser.test_quiz import begin, phase, press
from tests.model.folders import make_model

pytestmark = pytest.mark.chromium


def answered_by(page: Page, name: str) -> None:
    """Answer the case shown, and check which model answered beside it."""
    phase(page, "ask")
    press(page, "1", "e")
    phase(page, "told")
    expect(page.locator(f".chances th[title='{name}']")).to_have_count(1)
    page.wait_for_timeout(350)  # until then the page takes no key: nobody skips a reveal by haste


def test_new_quizzes_get_what_the_command_line_published_and_running_ones_do_not(
    page: Page, tmp_path: Path
):
    home, port = tmp_path / "home", free_port()
    trained = make_model(tmp_path / "trained", "DRUSEN", 100.0)
    with serving(home, port) as address:
        begin(page, address)
        answered_by(page, "lite0")
        run_octtutor(home, "models", "publish", trained, "--as", "ward-2")
        press(page, "Enter")
        answered_by(page, "lite0")
        press(page, "Enter")
        phase(page, "ask")
    with serving(home, port) as address:
        open_page(page, address)
        answered_by(page, "lite0")
        page.once("dialog", lambda dialog: dialog.accept())
        page.locator("button.end").click()
        page.locator("#again").click()
        expect(page.locator("#model-line")).to_contain_text("ward-2")
        begin(page, address)
        answered_by(page, "ward-2")
        expect(page.locator(".chances th")).to_contain_text("DRUSEN")
        expect(page.locator(".chances .number").nth(2)).to_have_text(re.compile("100 %|>99 %"))
        run_octtutor(home, "models", "rollback")
        page.once("dialog", lambda dialog: dialog.accept())
        page.locator("button.end").click()
        page.locator("#again").click()
        expect(page.locator("#model-line")).to_contain_text("lite0")
