"""The tab Progress and the report in Chromium: on a desktop, on a phone, on paper."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import choose_deck, open_page, reload, run_octtutor, serving

pytestmark = pytest.mark.chromium
FITS = """() => {
  const plots = [...document.querySelectorAll(".progress-plot .main-svg")];
  const boxes = plots.map((plot) => plot.getBoundingClientRect()).filter((box) => box.width);
  return boxes.length >= 6 && boxes.every((box) => box.left >= -1 && box.right <= innerWidth + 1);
}"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("progress") / "home"


@pytest.fixture(scope="module")
def address(home: Path, chromium: str) -> Iterator[str]:
    with serving(home) as served:
        yield served


def open_progress(page: Page) -> None:
    page.get_by_role("tab", name="Progress").first.click()


def read_scans(page: Page, address: str, nickname: str, count: int) -> None:
    """Answer the first scans of a quiz on the embedded deck, then end it."""
    open_page(page, address)
    expect(page.locator("#begin")).to_be_visible()
    choose_deck(page, "Embedded")  # the decks come with the nickname that the browser keeps
    page.locator("#nickname input, #nickname textarea").first.fill(nickname)
    page.locator("#begin").click()
    for position in range(count):
        expect(page.locator(".desk[data-phase=ask]")).to_be_visible()
        page.keyboard.press(str(position % 4 + 1))
        page.keyboard.press("r")
        expect(page.locator(".desk[data-phase=told]")).to_be_visible()
        if position + 1 < count:
            page.wait_for_timeout(350)  # the desk ignores a key so soon after the reveal
            page.keyboard.press("Enter")
    reload(page)


def outside(page: Page, address: str) -> list[str]:
    """Collect the addresses of other hosts that a page asks."""
    found: list[str] = []
    own = (address, "data:", "blob:")
    page.on("request", lambda r: None if r.url.startswith(own) else found.append(r.url))
    return found


def end_quiz(page: Page) -> None:
    """A reloaded page stands at its case: end the quiz and go back to the tabs."""
    expect(page.locator(".desk[data-phase=told]")).to_be_visible()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="End quiz").click()
    expect(page.locator(".results")).to_be_visible()
    page.locator("#again").click()
    expect(page.locator("#begin")).to_be_visible()


def test_from_nothing_to_a_curve_to_nothing_again(page: Page, address: str, tmp_path: Path):
    strangers = outside(page, address)
    open_page(page, address)
    expect(page.locator("#begin")).to_be_visible()
    open_progress(page)
    expect(page.locator("#progress-note")).to_contain_text("Nothing to show yet")
    expect(page.locator("#progress-data")).to_be_hidden()

    read_scans(page, address, "Ada", 5)
    end_quiz(page)
    open_progress(page)
    expect(page.locator("#progress-note")).to_contain_text("Scans read: 5")
    expect(page.locator("#progress-note")).to_contain_text("synthetic")
    expect(page.locator("#progress-due")).to_contain_text("Mastery")
    expect(page.locator("#progress-plot-curve .main-svg").first).to_be_visible()
    page.get_by_role("button", name="Class by class").click()
    expect(page.locator("#progress-plot-classes .main-svg").first).to_be_visible()
    page.get_by_role("button", name="Beside published readers").click()
    expect(page.locator("#progress-plot-error")).to_contain_text("Six human experts")

    with page.expect_download() as download:
        page.locator("#progress-export").click()
    download.value.save_as(tmp_path / "mine.json")
    mine = json.loads((tmp_path / "mine.json").read_text())
    assert mine["trainee"]["nickname"] == "Ada"
    assert len(mine["answers"]) == 5

    page.locator("#progress-delete").click()
    expect(page.locator("#progress-confirm")).to_contain_text("5 answers in 1 quizzes")
    page.locator("#progress-no").click()
    expect(page.locator("#progress-confirm")).to_be_hidden()
    page.locator("#progress-delete").click()
    page.locator("#progress-yes").click()
    expect(page.locator("#progress-note")).to_contain_text("Deleted")
    expect(page.locator("#progress-body")).to_be_hidden()
    reload(page)  # which stays in the tab
    expect(page.locator("#progress-note")).to_contain_text("Nothing to show yet")
    assert strangers == []


def test_everything_fits_a_phone(phone: Page, address: str):
    read_scans(phone, address, "Bo", 2)
    end_quiz(phone)
    open_progress(phone)
    expect(phone.locator("#progress-plot-curve .main-svg").first).to_be_visible()
    for name in ("Class by class", "What you confuse", "Second look", "Exams"):
        phone.get_by_role("button", name=name).click()
    expect(phone.locator("#progress-plot-detection .main-svg").first).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
    phone.wait_for_function(FITS)  # a plot measures its room once it is unfolded


def test_the_report_prints_to_pdf(page: Page, browser: Browser, home: Path, address: str, tmp_path):
    read_scans(page, address, "Printed", 3)
    out = tmp_path / "report.html"
    run_octtutor(home, "report", "--trainee", "Printed", "--out", out, "--format", "html")
    context = browser.new_context(java_script_enabled=False, offline=True)
    paper = context.new_page()
    paper.goto(out.as_uri())
    expect(paper.locator("h1")).to_have_text("Reading report: Printed")
    expect(paper.locator("svg").first).to_be_visible()
    assert paper.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
    pdf = paper.pdf(format="A4", prefer_css_page_size=True)
    context.close()
    assert pdf.startswith(b"%PDF")
    assert pdf.count(b"/Type /Page\n") >= 2
