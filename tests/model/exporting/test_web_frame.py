"""The web page's own preparation, version 2, beside Python's: scans into the frame, maps back."""

import json
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.datasets.decode import Pixels
from octtutor.model.explain.maps import lay_on_scan
from octtutor.model.network.preprocess import Preprocessing
from octtutor.phantom import make
from tests.conftest import ROOT, missing

HOW = Preprocessing(224).framed()
MAP = np.random.default_rng(3).random((7, 7)).astype(np.float32)
SHAPES = {
    "spectralis": (496, 768),
    "narrow": (496, 512),
    "flat": (300, 700),
    "low": (210, 579),
    "small": (150, 180),
    "tall": (885, 512),
}


def draw() -> dict[str, Pixels]:
    """Return scans of known and unknown sizes, and some with white that straightening leaves."""
    scans = {}
    for index, (name, (height, width)) in enumerate(SHAPES.items()):
        drawn = make(LABELS[index % 4], np.random.default_rng(index), (496, 768)).scan
        scans[name] = cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA)
    height, width = SHAPES["spectralis"]
    corner = scans["spectralis"].copy()
    corner[np.tri(height, width, -height // 2, dtype=bool)] = 255
    bar = np.full((120, SHAPES["narrow"][1]), 255, np.uint8)
    return scans | {"white corner": corner, "white bar": np.vstack([scans["narrow"], bar])}


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Pixels, Pixels, np.ndarray]]:
    """Each scan, what the page makes of it, and a map as the page lays it on it."""
    if shutil.which("node") is None:
        missing("npm", "Install Node.js 20 or newer")
    work = tmp_path_factory.mktemp("frame")
    shutil.copytree(ROOT / "examples" / "web" / "src", work / "src")
    (work / "src" / "package.json").write_text('{"type": "module"}')
    scans = draw()
    for name, scan in scans.items():
        (work / f"{name}.scan").write_bytes(scan.tobytes())
    sizes = [
        {"name": name, "width": scan.shape[1], "height": scan.shape[0]}
        for name, scan in scans.items()
    ]
    given = {"height": 7, "width": 7, "data": MAP.ravel().tolist()}
    facts = {"facts": HOW.as_facts(), "map": given, "scans": sizes}
    (work / "scans.json").write_text(json.dumps(facts))
    script = Path(__file__).with_name("web_frame.mjs")
    subprocess.run(["node", script, work / "src", work], check=True, timeout=120)
    return {
        name: (
            scan,
            np.frombuffer((work / f"{name}.fed").read_bytes(), np.uint8).reshape(224, 224),
            np.frombuffer((work / f"{name}.map").read_bytes(), "<f4").reshape(scan.shape),
        )
        for name, scan in scans.items()
    }


@pytest.mark.parametrize("name", [*SHAPES, "white corner", "white bar"])
def test_the_page_lays_a_scan_into_the_frame_as_the_program_does(laid, name: str):
    scan, fed, _ = laid[name]
    expected = HOW.prepare(scan)
    assert fed.std() > 10
    assert np.abs(fed.astype(int) - expected).max() <= 1  # OpenCV's weights have 11 bits


@pytest.mark.parametrize("name", [*SHAPES, "white corner", "white bar"])
def test_the_page_lays_a_map_on_the_scan_as_the_program_does(laid, name: str):
    scan, _, level = laid[name]
    expected = lay_on_scan(MAP, HOW.feed(scan))
    assert level.max() == pytest.approx(1)
    assert np.abs(level - expected).max() <= 0.02
