from pathlib import Path

import numpy as np
import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.datasets.decode import read_scan
from octtutor.datasets.fill import find_fill, without_fill
from octtutor.phantom import make


def tilted(scan: np.ndarray, drop: int) -> np.ndarray:
    """Fill above a slanted line, as straightening does."""
    height, width = scan.shape
    edge = np.linspace(0, drop, width)
    filled = scan.copy()
    filled[np.arange(height)[:, None] < edge[None, :]] = 255
    return filled


@pytest.mark.parametrize("label", LABELS)
def test_a_scan_without_fill_stays_as_it_is(label):
    scan = without_fill(make(label, np.random.default_rng(3), (496, 512)).scan)
    assert not find_fill(scan).any()
    assert without_fill(scan) is scan


def test_a_white_triangle_is_found_and_painted_like_the_rest():
    scan = without_fill(make(LABELS[3], np.random.default_rng(3), (496, 512)).scan)
    filled = tilted(scan, 90)
    truth = filled != scan
    found = find_fill(filled)
    assert (found & truth).sum() > 0.99 * truth.sum()
    assert (found & ~truth).sum() < 0.02 * scan.size
    painted = without_fill(filled)
    assert painted[truth].max() <= np.median(scan) + 10


def test_bright_tissue_inside_is_kept():
    scan = np.full((200, 200), 30, np.uint8)
    scan[90:110, 20:180] = 255
    assert not find_fill(scan).any()


def test_an_all_white_scan_is_left_alone():
    white = np.full((100, 100), 255, np.uint8)
    assert (without_fill(white) == white).all()


@pytest.mark.real_scans
def test_no_large_white_area_is_left_in_real_scans(real_scans: Path):
    for path in sorted((real_scans / "train").rglob("*.jpeg"))[::10]:
        painted = without_fill(read_scan(path))
        border = np.concatenate([painted[:2].ravel(), painted[-2:].ravel()])
        assert (border >= 250).mean() < 0.05, path.name
