"""axe-core finds no fault of weight in any state of the desk."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import choose_deck, open_page, serving
from tests.conftest import ROOT, missing

pytestmark = pytest.mark.chromium
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
FAULTS = {"moderate", "serious", "critical"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, chromium: str):
    if not AXE.exists():
        missing("node", "Install the client's tools: npm ci")
    with serving(tmp_path_factory.mktemp("axe") / "home") as served:
        yield served


def phase(page: Page, name: str) -> None:
    expect(page.locator(f".desk[data-phase={name}]")).to_be_visible()


def faults(page: Page, part: str, axe: Path = AXE) -> list[str]:
    """Return what axe finds in a part of the page, with the nodes it is found in."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(
            f"{Path(axe).read_text()}; void 0"
        )  # a script of our own the page would refuse
    found: list[dict[str, Any]] = page.evaluate("part => axe.run(part)", part)["violations"]
    return [
        f"{one['id']}: {[node['html'][:120] for node in one['nodes'][:3]]}"
        for one in found
        if one["impact"] in FAULTS
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_desk_has_no_fault_from_the_question_to_the_results(
    page: Page, address: str, scheme: str
):
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    open_page(page, address)
    assert faults(page, "#start") == []
    choose_deck(page, "Embedded")
    page.locator("#begin").click()
    phase(page, "ask")
    assert faults(page, "#desk .desk") == []
    page.keyboard.press("1")
    assert faults(page, "#desk .desk") == []
    page.keyboard.press("?")
    assert faults(page, "#desk .desk") == []
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    phase(page, "told")
    assert faults(page, "#desk .desk") == []
    page.keyboard.press("m")
    assert faults(page, "#desk .desk") == []
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("button.end").click()
    expect(page.locator(".results")).to_be_visible()
    assert faults(page, ".results") == []


def test_the_reveal_has_no_fault_on_a_phone(phone: Page, address: str):
    open_page(phone, address)
    choose_deck(phone, "Embedded")
    phone.locator("#begin").tap()
    phase(phone, "ask")
    assert faults(phone, "#desk .desk") == []
    phone.locator(".answer.dme").tap()
    phone.locator(".level[data-level='2']").tap()
    phase(phone, "told")
    assert faults(phone, "#desk .desk") == []
