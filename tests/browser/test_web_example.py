"""`examples/web`: an export read and explained by the browser alone, beside the Keras model."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from octtutor.core.diagnosis import LABELS
from octtutor.datasets.decode import Pixels, read_scan
from octtutor.model.explain.maps import lay_on_scan
from octtutor.model.network.backend import import_keras_quietly
from tests.conftest import DECK, MODEL, ROOT, missing, write_scans

EXAMPLE = ROOT / "examples" / "web"
NEAR = 6
"""Pixels of the scan by which the strongest place of a map may differ."""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def engine():
    import_keras_quietly()
    from octtutor.model.serve.engine import KerasEngine

    return KerasEngine.open(MODEL)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, built in a folder of its own as docs/exports.md says."""
    if shutil.which("npm") is None:
        missing("npm", "Install Node.js 20 or newer")
    if any(find_spec(module) is None for module in ("onnx", "onnxruntime", "tf2onnx")):
        missing("export", "Install it: pip install 'octtutor[export]'")
    import_keras_quietly()
    from octtutor.model.exporting.export import ExportScans, export_model
    from octtutor.model.exporting.formats import find_format

    work = tmp_path_factory.mktemp("web") / "example"
    ignored = shutil.ignore_patterns("node_modules", "model", "dist")
    shutil.copytree(EXAMPLE, work, ignore=ignored)
    got = subprocess.run(["npm", "ci"], cwd=work, timeout=300, capture_output=True, text=True)
    if got.returncode != 0:
        missing("npm", f"`npm ci` cannot fetch the page's packages: {got.stderr[-300:]}")
    few = ExportScans(test=write_scans(work.parent / "scans", per_class=1))
    form = find_format("onnx", "float32")
    export_model(MODEL, form, work / "model" / "model.onnx", scans=few)
    command = ["npm", "run", "build", "--", "--deck", str(DECK)]
    subprocess.run(command, cwd=work, check=True, timeout=60, capture_output=True)
    return work / "dist"


@pytest.fixture(scope="module")
def address(built: Path) -> Iterator[str]:
    handler = partial(Quiet, directory=str(built))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def reading(page: Page, address: str) -> Page:
    page.goto(address)
    expect(page.get_by_role("status")).to_contain_text("Ready")
    return page


def wait_for(page: Page, name: str) -> None:
    expect(page.get_by_role("status")).to_contain_text(f"{name}: ")


def chances(page: Page) -> list[float]:
    found = {row.get_attribute("data-label"): row for row in rows(page)}
    return [float(str(found[label].get_attribute("data-chance"))) for label in LABELS]


def rows(page: Page) -> list[Locator]:
    return page.locator("#chances button").all()


def strongest(page: Page) -> tuple[int, int]:
    drawn = page.locator("#map")
    return int(str(drawn.get_attribute("data-x"))), int(str(drawn.get_attribute("data-y")))


def check_as_keras(page: Page, engine, scan: Pixels, label: int | None = None) -> None:
    """Compare the page's probabilities, and its map of a class, with the Keras model's."""
    fed = engine.how.feed(scan)
    output = engine.run(fed.scan[None])
    wanted = output.probabilities[0]
    assert np.abs(np.array(chances(page)) - wanted).max() <= 0.02
    label = int(wanted.argmax()) if label is None else label
    level = lay_on_scan(engine.gradcam(output.features[0], [label])[0], fed)
    y, x = np.unravel_index(int(level.argmax()), level.shape)
    assert np.abs(np.subtract(strongest(page), (x, y))).max() <= NEAR


def test_the_page_answers_and_explains_synthetic_scans_as_the_keras_model(
    reading: Page, engine, built: Path
):
    listed = json.loads((built / "phantoms.json").read_text())
    assert {phantom["label"] for phantom in listed} == set(LABELS)
    for index, phantom in enumerate(listed, start=1):
        name = f"Synthetic scan {index}, drawn as {phantom['label']}"
        reading.get_by_role("button", name=name).click()
        wait_for(reading, name)
        check_as_keras(reading, engine, read_scan(built / phantom["file"]))


@pytest.mark.parametrize(
    ("height", "width"), [(496, 768), (350, 250), (150, 180)], ids=["wide", "tall", "small"]
)
def test_the_page_prepares_a_dropped_scan_as_the_program_does(
    reading: Page, engine, built: Path, tmp_path: Path, height: int, width: int
):
    scan = cv2.resize(read_scan(built / "phantom-1.png"), (width, height))
    filled = np.tri(height, width, -height // 2, dtype=bool)  # what straightening leaves white
    scan[filled] = 255
    cv2.imwrite(str(tmp_path / "own.png"), scan)
    reading.locator("#file").set_input_files(tmp_path / "own.png")
    wait_for(reading, "own.png")
    check_as_keras(reading, engine, scan)


def test_the_page_is_worked_from_the_keyboard(reading: Page, engine, built: Path):
    reading.get_by_role("button", name="Synthetic scan 1,").focus()
    reading.keyboard.press("Enter")
    wait_for(reading, "Synthetic scan 1, drawn as CNV")
    reading.locator("#chances button[data-label=DRUSEN]").focus()
    reading.keyboard.press("Enter")
    expect(reading.locator("#chances button[data-label=DRUSEN]")).to_be_focused()
    expect(reading.locator("#note")).to_contain_text("DRUSEN")
    scan = read_scan(built / "phantom-1.png")
    features = engine.run(engine.prepare(scan)[None]).features[0]
    if engine.gradcam(features, [LABELS.index("DRUSEN")]).any():
        check_as_keras(reading, engine, scan, LABELS.index("DRUSEN"))


def test_a_file_that_is_no_scan_is_refused_in_one_line(reading: Page, built: Path, tmp_path: Path):
    (tmp_path / "notes.png").write_text("no picture")
    reading.locator("#file").set_input_files(tmp_path / "notes.png")
    expect(reading.get_by_role("status")).to_contain_text("This file cannot be opened")
    cv2.imwrite(str(tmp_path / "tiny.png"), np.zeros((8, 8), np.uint8))
    reading.locator("#file").set_input_files(tmp_path / "tiny.png")
    expect(reading.get_by_role("status")).to_contain_text("Received 8 x 8")
    reading.locator("#file").set_input_files(built / "phantom-2.png")
    wait_for(reading, "phantom-2.png")


def test_the_page_fits_a_phone_says_what_it_is_for_and_asks_nobody_else(phone: Page, address: str):
    asked: list[str] = []
    phone.on("request", lambda request: asked.append(f"{request.method} {request.url}"))
    phone.goto(address)
    phone.get_by_role("button", name="Synthetic scan 3,").tap()
    wait_for(phone, "Synthetic scan 3, drawn as DME")
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(phone.get_by_role("banner")).to_contain_text("Not for diagnosis")
    assert len(asked) > 8
    assert [one for one in asked if not one.startswith(f"GET {address}")] == []
