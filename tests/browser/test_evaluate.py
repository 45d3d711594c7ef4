"""The tab Evaluate in Chromium: scans in, figures and maps out, a report that stands alone."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import look_at, open_page, reload, serving
from tests.browser.test_educator import no_wider_than_the_window
from tests.conftest import write_scans

pytestmark = pytest.mark.chromium
PATIENCE = 240_000
"""Milliseconds for an evaluation of a few scans; a loaded machine takes long to start it."""


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of eight synthetic scans; one has another class's name, so that it is an error."""
    folder = tmp_path_factory.mktemp("evaluate")
    scans = write_scans(folder / "ward", 2, (128, 128))
    (scans / "NORMAL" / "NORMAL-4000-1.png").rename(scans / "CNV" / "CNV-4000-1.png")
    return Path(shutil.make_archive(str(folder / "ward"), "zip", scans))


@pytest.fixture(scope="module")
def address(ward: Path, chromium: str) -> Iterator[str]:
    with serving(ward.parent / "home") as served:
        yield served


def open_room(page: Page, address: str) -> None:
    open_page(page, f"{address}/educator/")
    page.get_by_role("tab", name="Evaluate", exact=True).click()
    expect(page.locator("#evaluate-model input")).to_have_value("lite0 (in use)")


def test_an_educator_evaluates_looks_at_the_scans_and_saves_the_report(
    page: Page, browser: Browser, address: str, ward: Path, tmp_path: Path
):
    open_room(page, address)
    page.locator("#evaluate-start").click()
    expect(page.locator(".toast-body")).to_contain_text("Expected scans")
    page.locator("#evaluate-upload input[type=file]").set_input_files(ward)
    expect(page.locator("#evaluate-upload")).to_contain_text("ward")
    page.locator("#evaluate-start").click()
    told = page.locator("#evaluate-told")
    expect(told).to_contain_text("loading")
    reload(page)
    page.get_by_role("tab", name="Evaluate", exact=True).click()
    expect(told).to_contain_text("Accuracy", timeout=PATIENCE)
    figures, scans = page.locator("#evaluate-figures"), page.locator("#evaluate-scans")
    expect(figures).to_contain_text("Evaluation: lite0 on ward.zip")
    expect(figures.locator("svg")).to_have_count(3)
    expect(scans).to_contain_text("Errors, with maps")
    look_at(page, "evaluate")
    number = figures.locator("td.hit button").first
    expect(number).to_have_attribute("title", re.compile("Wilson 95 %"))
    number.focus()
    page.keyboard.press("Enter")
    expect(scans).to_contain_text("answered right")
    expect(scans.locator("img").first).to_be_visible()
    with page.expect_download() as saved:
        page.locator("#evaluate-save").click()
    assert saved.value.suggested_filename == "octtutor-evaluation-lite0.html"
    report = tmp_path / "report.html"
    saved.value.save_as(report)
    the_report_works_offline(browser, report)


def the_report_works_offline(browser: Browser, report: Path) -> None:
    context = browser.new_context(offline=True, viewport={"width": 390, "height": 844})
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    hidden = page.locator(".taken[data-right]").first
    expect(hidden).to_be_hidden()
    page.locator("td.hit a").first.click()
    expect(page.locator(".taken:target")).to_be_visible()
    image = page.locator(".taken:target img").first
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    assert no_wider_than_the_window(page)
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_tab_fits_a_phone(phone: Page, address: str, scheme: str):
    phone.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    open_room(phone, address)
    expect(phone.locator("#evaluate-told")).to_contain_text("Accuracy", timeout=PATIENCE)
    expect(phone.locator("#evaluate-scans img").first).to_be_visible()
    assert no_wider_than_the_window(phone)
    look_at(phone, f"evaluate-phone-{scheme}")
