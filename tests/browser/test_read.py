"""The tab Read a scan in Chromium: give a scan, see the answer and the maps, leave nothing."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect

from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.phantom import make
from tests.browser.conftest import open_page, serving
from tests.model.folders import make_model

pytestmark = pytest.mark.chromium


@dataclass(frozen=True, slots=True)
class Served:
    """A server that runs, and where its uploads come in."""

    address: str
    uploads: Path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("read") / "home"
    with serving(home) as address:
        yield Served(address, home / "gradio" / "readers")


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "mine.png"
    Image.fromarray(make(Diagnosis.CNV, np.random.default_rng(3), (496, 512)).scan).save(path)
    return path


def open_tab(page: Page, served: Served) -> None:
    open_page(page, served.address)
    page.get_by_role("tab", name="Read a scan").click()
    expect(page.locator(".read .drop")).to_be_visible()


def give(page: Page, *paths: Path) -> None:
    page.set_input_files(".read .pick", list(map(str, paths)))


def settled(page: Page) -> None:
    expect(page.locator(".read[data-phase=read]:not(.working)")).to_be_visible()


def test_a_scan_is_read_explained_compared_and_downloaded(page: Page, served: Served, scan: Path):
    open_tab(page, served)
    give(page, scan)
    settled(page)
    answer = page.locator(".read .verdict .name").inner_text()
    assert answer in map(str, LABELS)
    assert page.locator(".read .chances tr").count() == 4
    assert "What to look for" in page.locator(".read .advice").inner_text()
    expect(page.locator(".read .map-is")).to_contain_text("no proof that the answer is right")
    assert page.locator(".read figure.stage:visible").count() == 1

    page.locator(".read .pairing").check()
    assert page.locator(".read figure.stage:visible").count() == 2
    first, second = page.locator(".read figcaption").all_inner_texts()
    assert first.startswith(answer)
    assert not second.startswith(answer)

    with page.expect_download() as download:
        page.get_by_role("button", name="Download JSON").click()
    told = json.loads(Path(download.value.path()).read_text())
    assert (told["source"], told["label"]) == ("mine.png", answer)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download PNG").click()
    with Image.open(download.value.path()) as picture:
        assert picture.width == 2 * 512

    page.get_by_role("button", name="Another scan").click()
    expect(page.locator(".read .drop")).to_be_visible()
    assert list(served.uploads.rglob("*")) == []


def test_what_is_no_scan_gets_no_answer_unless_it_is_asked_for(
    page: Page, served: Served, tmp_path: Path
):
    picture = Image.new("RGB", (400, 300), "white")
    ImageDraw.Draw(picture).text((40, 100), "Invoice 2041\nTotal 17.50", fill="black", font_size=40)
    picture.save(tmp_path / "invoice.png")
    (tmp_path / "page.png").write_text("<html>")
    open_tab(page, served)
    give(page, tmp_path / "page.png")
    expect(page.locator(".read .fault")).to_contain_text("Expected a whole image")
    give(page, tmp_path / "invoice.png")
    settled(page)
    expect(page.get_by_text("does not look like an OCT B-scan")).to_be_visible()
    expect(page.locator(".read .verdict")).to_be_hidden()
    expect(page.locator(".read .chances")).to_be_hidden()
    page.get_by_role("button", name="Show the answer anyway").click()
    expect(page.locator(".read .verdict")).to_be_visible()
    assert list(served.uploads.rglob("*")) == []


def test_a_model_that_would_not_answer_says_so_and_tells_what_it_wavers_between(
    page: Page, scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OCTTUTOR_MODEL", str(make_model(tmp_path / "shy", answers_from=1.01)))
    with serving(tmp_path / "home") as address:
        open_tab(page, Served(address, tmp_path))
        give(page, scan)
        settled(page)
        said = page.locator(".read .abstains")
        expect(said).to_contain_text("I would not answer this one. For me it is ")
        expect(page.locator(".read .verdict")).to_be_hidden()
        heads = page.locator(".read .advice h3").all_inner_texts()
        assert len(heads) == 2
        for head in heads:
            label = head.removeprefix("What to look for: ").split()[0]
            expect(said).to_contain_text(f"{label} (")
        assert page.locator(".read .apart").inner_text()
        # after a reader's own answer the model's is shown as it is
        page.get_by_role("tab", name="Practise").click()
        page.locator("#begin").click()
        expect(page.locator(".desk[data-phase=ask]").first).to_be_visible()
        page.keyboard.press("1")
        page.keyboard.press("e")
        expect(page.get_by_text("By itself it would not have answered this one.")).to_be_visible()


def test_a_stack_is_turned_on_a_phone(phone: Page, served: Served, scan: Path, tmp_path: Path):
    whole = Image.open(scan)
    pages = [whole, whole.transpose(Image.Transpose.FLIP_LEFT_RIGHT), whole]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    open_tab(phone, served)
    give(phone, tmp_path / "stack.tif")
    settled(phone)
    expect(phone.locator(".read .slice-of")).to_have_text("2 of 3")
    before = phone.locator(".read img.scan").first.get_attribute("src")
    phone.locator(".read .slice").fill("0")
    expect(phone.locator(".read img.scan").first).not_to_have_attribute("src", str(before))
    settled(phone)
    expect(phone.locator(".read .slice-of")).to_have_text("1 of 3")
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not phone.evaluate(wide)
