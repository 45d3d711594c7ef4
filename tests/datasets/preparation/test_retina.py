"""The retina is found where phantoms have it, and nowhere where there is none."""

import numpy as np
import pytest

from octtutor.datasets.fill import find_fill
from octtutor.datasets.preparation.retina import find_retina
from tests.datasets.preparation.pictures import exact


def _errors(seed: int, size: tuple[int, int], rows: slice = slice(None)) -> tuple[float, float]:
    scan, ilm, rpe, membrane = exact(seed, size)
    start = rows.start or 0
    scan = np.ascontiguousarray(scan[rows])
    retina = find_retina(scan, find_fill(scan))
    top = np.abs(retina.top - (ilm - start)).mean()
    between = np.clip(retina.bottom, rpe - start, membrane - start)
    return float(top), float(np.abs(retina.bottom - between).mean())


@pytest.mark.parametrize("size", [(496, 512), (496, 768), (280, 768)])
def test_both_surfaces_are_found_within_a_few_pixels(size: tuple[int, int]):
    errors = np.array([_errors(seed, size) for seed in range(8)])
    assert np.median(errors[:, 0]) < 2
    assert np.median(errors[:, 1]) < 3
    assert errors.mean(axis=0).max() < 6


def test_a_scan_cut_to_the_retina_is_no_harder():
    cut = []
    for seed in range(4, 8):
        _, ilm, _, membrane = exact(seed)
        rows = slice(max(0, int(ilm.min()) - 40), min(496, int(membrane.max()) + 70))
        cut.append(_errors(seed, (496, 512), rows))
    assert np.mean(cut) < 5


def test_grain_does_not_hide_it():
    scan, ilm, _, _ = exact(7)
    rng = np.random.default_rng(0)
    noisy = np.clip(scan + rng.normal(0, 35, scan.shape), 0, 255).astype(np.uint8)
    assert np.abs(find_retina(noisy, find_fill(scan)).top - ilm).mean() < 8


def test_what_shows_no_retina_is_of_little_confidence():
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (300, 400)).astype(np.uint8)
    assert find_retina(noise).confidence < 0.3
    assert find_retina(np.zeros((64, 64), np.uint8)).confidence < 0.1
    assert find_retina(exact(6).scan).confidence > 0.7


def test_rows_are_told_for_every_column_in_the_scans_own_pixels():
    retina = find_retina(exact(3, (496, 768)).scan)
    assert retina.top.shape == retina.bottom.shape == retina.clear.shape == (768,)
    assert (retina.bottom > retina.top).all()
    assert retina.scaled(384, 248).top.mean() == pytest.approx(retina.top.mean() / 2, rel=0.01)
