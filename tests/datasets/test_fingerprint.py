"""A scan is known by its pixels, however it was saved, and no other scan is taken for it."""

import random
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest

from octtutor.datasets.decode import read_scan
from octtutor.datasets.fingerprint import Prints, fingerprint, is_same_scan
from octtutor.model.explain.maps import overlay
from tests.conftest import DECK

ALL = sorted(path for path in DECK.glob("*/*.png") if path.parent.name != "masks")
FILES = ALL[::8]


@pytest.fixture(scope="module")
def scans() -> list[np.ndarray]:
    return [read_scan(path) for path in FILES]


@pytest.fixture(scope="module")
def prints(scans) -> Prints:
    return Prints([fingerprint(scan) for scan in scans])


def jpeg(scan: np.ndarray, quality: int = 50) -> np.ndarray:
    data = cv2.imencode(".jpg", scan, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)


def scaled(scan: np.ndarray, by: float) -> np.ndarray:
    how = cv2.INTER_AREA if by < 1 else cv2.INTER_CUBIC
    return cv2.resize(scan, None, fx=by, fy=by, interpolation=how)


def cropped(scan: np.ndarray, *sides: float) -> np.ndarray:
    """Take shares off top, bottom, left and right."""
    height, width = scan.shape
    top, bottom, left, right = sides
    return scan[
        round(top * height) : round((1 - bottom) * height),
        round(left * width) : round((1 - right) * width),
    ]


def framed(scan: np.ndarray, grey: int) -> np.ndarray:
    """Put the page's desk around a scan."""
    return cv2.copyMakeBorder(scan, 40, 90, 130, 20, cv2.BORDER_CONSTANT, value=grey)


CHANGES = {
    "saved anew": lambda scan: scan.copy(),
    "JPEG": jpeg,
    "half": lambda scan: scaled(scan, 0.5),
    "double": lambda scan: scaled(scan, 2),
    "mirrored": lambda scan: scan[:, ::-1],
    "upside down": lambda scan: scan[::-1],
    "cropped at the left": lambda scan: cropped(scan, 0, 0, 0.1, 0),
    "cropped unevenly": lambda scan: cropped(scan, 0.02, 0.09, 0.05, 0.08),
    "cropped all round": lambda scan: cropped(scan, 0.1, 0.1, 0.1, 0.1),
    "all at once": lambda scan: jpeg(cropped(scaled(scan, 0.6), 0.03, 0.1, 0, 0.06)[:, ::-1]),
    "screenshot": lambda scan: jpeg(framed(scaled(scan, 0.8), 30)),
    "darker, with less contrast": lambda scan: (0.7 * scan + 10).astype(np.uint8),
    "in colours": lambda scan: cv2.cvtColor(scan, cv2.COLOR_GRAY2RGB),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_scan_is_known_after_a_change(scans, prints: Prints, change: str):
    changed = [np.ascontiguousarray(CHANGES[change](scan)) for scan in scans]
    assert [prints.find(fingerprint(one)) for one in changed] == list(range(len(scans)))


def test_a_scan_is_known_under_a_heat_map(scans, prints: Prints):
    level = np.zeros(scans[0].shape, np.float32)
    cv2.circle(level, (200, 200), 60, 0.6, -1)
    painted = overlay(scans[0], cv2.GaussianBlur(level, (0, 0), 20))
    assert prints.find(fingerprint(painted[..., ::-1].copy())) == 0


def test_different_scans_are_not_the_same(scans, prints: Prints):
    taken = [fingerprint(scan) for scan in scans]
    assert not any(is_same_scan(one, other) for one, other in combinations(taken, 2))
    others = [read_scan(path) for path in ALL[1::8]]
    assert [prints.find(fingerprint(other)) for other in others] == [None] * len(others)


def test_either_of_two_pictures_may_be_the_crop(scans):
    whole, part = fingerprint(scans[0]), fingerprint(cropped(scans[0], 0.1, 0.05, 0.08, 0.1))
    assert is_same_scan(whole, part)
    assert is_same_scan(part, whole)


def test_flat_pictures_noise_and_no_prints_are_nothing(prints: Prints):
    rng = np.random.default_rng(4)
    noise = rng.integers(0, 256, (300, 400), np.uint8)
    for picture in (np.zeros((40, 60), np.uint8), np.full((32, 900), 255, np.uint8), noise):
        assert prints.find(fingerprint(picture)) is None
    assert Prints(()).find(fingerprint(noise)) is None


def test_a_print_is_small(scans):
    sizes = [sum(f.nbytes for f in fingerprint(framed(scan, 30)).frames) for scan in scans]
    assert max(sizes) <= 20_000


@pytest.mark.real_scans
def test_real_scans_are_known_after_a_crop_and_jpeg_and_no_others_are(real_scans: Path):
    paths = random.Random(5).sample(sorted(real_scans.rglob("*.jpeg")), 40)
    scans = [read_scan(path) for path in paths]
    prints = Prints([fingerprint(scan) for scan in scans[:20]])
    changed = [jpeg(cropped(scaled(scan, 0.7), 0.04, 0.1, 0.09, 0.02)) for scan in scans]
    found = [prints.find(fingerprint(np.ascontiguousarray(one[:, ::-1]))) for one in changed]
    assert found == [*range(20), *[None] * 20]
