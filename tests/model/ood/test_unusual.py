"""In which ways a scan is unusual: each is measured from its picture, and said in words."""

import cv2
import numpy as np
import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.datasets.preparation import prepare
from octtutor.model.ood.unusual import MOST_WAYS, find_ways, grain_of, measure
from octtutor.phantom import make

SCAN = make(LABELS[3], np.random.default_rng(8), (496, 768)).scan
SIZE = (3.87, 11.5)


def said(scan: np.ndarray, spacing: tuple[float, float] | None = SIZE) -> str:
    return " ".join(find_ways(prepare(np.ascontiguousarray(scan), spacing)))


def brighter(scan: np.ndarray) -> np.ndarray:
    return (60 + scan.astype(float) * 195 / 255).astype(np.uint8)


def aslant(scan: np.ndarray) -> np.ndarray:
    """Shear a scan by 250 rows over its width, as a tilted eye shows."""
    rows = np.linspace(-125, 125, scan.shape[1]).round().astype(int)
    taller = np.pad(scan, ((160, 160), (0, 0)), "reflect")
    return np.stack([np.roll(taller[:, k], row) for k, row in enumerate(rows)], axis=1)


def wavy(scan: np.ndarray) -> np.ndarray:
    rows = (60 * np.sin(np.linspace(0, 3 * np.pi, scan.shape[1]))).round().astype(int)
    taller = np.pad(scan, ((90, 90), (0, 0)), "reflect")
    return np.stack([np.roll(taller[:, k], row) for k, row in enumerate(rows)], axis=1)


def test_a_usual_scan_is_unusual_in_no_way():
    assert said(SCAN) == ""


@pytest.mark.parametrize(
    ("change", "way"),
    [
        (lambda scan: cv2.bilateralFilter(cv2.GaussianBlur(scan, (0, 0), 3), 9, 30, 9), "smoother"),
        (brighter, "dark parts are brighter"),
        (aslant, "aslant"),
        (wavy, "bent"),
        (lambda scan: scan[:, 250:550], "less of the retina"),
        (lambda scan: np.hstack([scan[:, ::-1], scan]), "more of the retina"),
    ],
)
def test_each_way_is_said_of_a_scan_that_is_so(change, way: str):
    assert way in said(change(SCAN))


def test_a_retina_that_runs_out_of_the_picture_is_said():
    top = int(np.median(prepare(SCAN, SIZE).retina.top))
    assert "runs out of the picture" in said(SCAN[top:])


def test_the_size_of_a_pixel_is_the_files_where_it_tells():
    assert measure(prepare(SCAN, (7.0, 11.5)))["row"] == 7.0
    assert "coarser" in said(SCAN, (7.0, 11.5))
    assert measure(prepare(SCAN, SIZE))["width"] == pytest.approx(768 * 0.0115)


def test_grain_is_a_share_of_the_contrast():
    rng = np.random.default_rng(2)
    noisy = np.clip(SCAN + rng.normal(0, 30, SCAN.shape), 0, 255).astype(np.uint8)
    assert grain_of(noisy) > 2 * grain_of(SCAN) > 4 * grain_of(cv2.GaussianBlur(SCAN, (0, 0), 4))


def test_a_scan_that_is_unusual_in_many_ways_is_told_the_first():
    ways = find_ways(prepare(brighter(aslant(SCAN[:, 250:550])), (7.0, 11.5)))
    assert len(ways) == MOST_WAYS
    assert ways[0] == "Its retina lies aslant."
    assert "less of the retina" not in " ".join(ways)  # it is, but that weighs least
