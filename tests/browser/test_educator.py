"""Educators sign in with the keyboard, see their page, and sign out; on a phone too."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import open_page, serving, wait_for_answers
from tests.conftest import write_scans

pytestmark = pytest.mark.chromium
PASSWORD = "correct horse battery"


def run(home: Path, *words: str, typed: str = "") -> str:
    command = [sys.executable, "-m", "octtutor", *words]
    environment = {**os.environ, "OCTTUTOR_HOME": str(home)}
    done = subprocess.run(
        command,
        env=environment,
        input=typed,
        check=True,
        timeout=300,
        capture_output=True,
        text=True,
    )
    return done.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("educators") / "home"


@pytest.fixture(scope="module")
def address(home: Path, chromium: str):
    with serving(home) as served:
        yield served


def names(home: Path) -> list[str]:
    return [row["name"] for row in json.loads(run(home, "educator", "list", "--json"))]


def no_wider_than_the_window(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def type_in(page: Page, password: str, name: str = "ada") -> None:
    """Sign in with the keyboard alone; the focus is on the first empty field."""
    expect(page.locator("#name")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")


def test_the_first_account_ends_the_page_that_is_open(page: Page, address: str, home: Path):
    open_page(page, address)
    page.get_by_role("link", name="Educators").click()
    expect(page.locator(".local")).to_contain_text("there is no educator account yet")
    page.get_by_role("tab", name="Scans").click()
    expect(page.locator("#decks")).to_contain_text("Embedded deck")
    run(home, "educator", "add", "Ada", "--password-stdin", typed=PASSWORD + "\n")
    assert names(home) == ["ada"]
    page.locator("#import").click()
    expect(page.locator("#password")).to_be_visible()
    assert page.url.endswith("/educator/sign-in")


def test_an_educator_signs_in_by_keyboard_imports_and_signs_out(
    page: Page, address: str, tmp_path: Path
):
    page.goto(f"{address}/educator")
    type_in(page, "wrong wrong")
    expect(page.get_by_role("alert")).to_contain_text("Name or password is wrong")
    expect(page.locator("#password")).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#head")).to_contain_text("Signed in as ada")
    page.get_by_role("tab", name="Scans").click()
    expect(page.locator(".local")).to_have_count(0)

    ward = write_scans(tmp_path / "ward", 2)
    with zipfile.ZipFile(tmp_path / "ward.zip", "w") as archive:
        for path in ward.rglob("*.png"):
            archive.write(path, path.relative_to(ward))
    page.locator("#upload input[type=file]").set_input_files(tmp_path / "ward.zip")
    expect(page.locator("#upload")).to_contain_text("KB")
    page.locator("#import").click()
    expect(page.locator("#report")).to_contain_text("ward: 8 scans added")
    expect(page.locator("#decks")).to_contain_text("withheld from trainees")
    expect(page.locator("#upload")).not_to_contain_text("KB")
    wait_for_answers(page)
    page.locator("#keep-deck input").click()
    page.get_by_role("option", name="ward").click()
    wait_for_answers(page)
    page.locator("#keep-offer").click()
    expect(page.locator("#keep-said")).to_contain_text("Trainees can choose ward now")
    expect(page.locator("#decks")).not_to_contain_text("withheld")

    page.get_by_role("button", name="Sign out").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#password")).to_be_visible()
    page.go_back()
    expect(page.locator("#password")).to_be_visible()
    page.get_by_role("link", name="Back to practise").click()
    expect(page.locator("#deck")).to_contain_text("ward")


def test_both_pages_fit_a_phone(phone: Page, address: str):
    phone.goto(f"{address}/educator/")
    assert no_wider_than_the_window(phone)
    type_in(phone, PASSWORD)
    expect(phone.locator("#head")).to_contain_text("Signed in as ada")
    assert no_wider_than_the_window(phone)
    phone.get_by_role("tab", name="Scans").click()
    expect(phone.locator("#decks table")).to_be_visible()
    expect(phone.locator("#import")).to_be_visible()
    assert no_wider_than_the_window(phone)
    phone.get_by_role("tab", name="Quizzes").click()
    for option in ("confidence", "second_look", "mark_where"):
        tick = phone.locator(f"#quiz-{option}")
        expect(tick).to_be_visible()
        assert tick.evaluate("tick => tick.scrollWidth <= tick.clientWidth + 1"), option
        assert tick.evaluate("tick => tick.clientWidth") >= 200, option
    assert no_wider_than_the_window(phone)
