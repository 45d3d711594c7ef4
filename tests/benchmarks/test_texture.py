"""Texture is measured as it was made, and distances know what chance alone makes."""

import cv2
import numpy as np
import pytest

from benchmarks.realism.distances import (
    against_halves,
    between_curves,
    between_histograms,
    wasserstein,
)
from benchmarks.realism.texture import (
    ABOVE,
    BANDS,
    UNITS,
    correlation_lengths,
    find_edges,
    find_grain,
    measure,
    power_spectrum,
    speckle_contrast,
)

CLEAR = np.zeros((300, 256), bool)


def layered(thickness: int = 65, width: int = 16, noise: float = 6.0) -> np.ndarray:
    """Return a flat retina from row 100 on a grey ground, with an outer band below it."""
    scan = np.full((300, 256), 25.0)
    scan[100 : 100 + thickness] = 80
    scan[100 + thickness : 100 + thickness + width] = 150
    scan[100 + thickness + width :] = 50
    scan += np.random.default_rng(1).normal(0, noise, scan.shape)
    return np.clip(scan, 0, 255).astype(np.uint8)


def figures(scan: np.ndarray, fill: np.ndarray = CLEAR) -> dict[str, float]:
    return dict(zip(UNITS, measure(scan, fill).figures.tolist(), strict=True))


@pytest.mark.parametrize(("thickness", "width"), [(65, 16), (90, 10)])
def test_thickness_and_greys_are_those_that_were_drawn(thickness: int, width: int):
    found = figures(layered(thickness, width))
    assert found["retina_thickness"] == pytest.approx(thickness, abs=1.5)
    assert found["outer_band_width"] == pytest.approx(width, abs=1.5)
    assert found["vitreous_grey"] == pytest.approx(25, abs=1)
    assert found["retina_grey"] == pytest.approx(80, abs=1)
    assert found["choroid_grey"] == pytest.approx(50, abs=1)
    assert found["outer_band_tilt"] == pytest.approx(0, abs=0.01)
    assert found["outer_band_depth"] == pytest.approx((100 + thickness) / 300, abs=0.01)


def test_edges_follow_a_tilted_retina():
    tilt = 0.2
    move = np.float32([[1, 0, 0], [tilt, 1, 0]])
    scan = cv2.warpAffine(layered(), move, (256, 300), borderMode=cv2.BORDER_REPLICATE)
    edges = find_edges(scan)
    wanted = 100 + tilt * np.arange(256)
    assert np.abs(edges.inner - wanted)[10:-10].max() < 4
    assert np.abs(edges.outer - wanted - 65)[10:-10].max() < 4
    assert figures(scan)["outer_band_tilt"] == pytest.approx(tilt, abs=0.01)


def test_a_bumpy_outer_band_is_rougher_than_a_straight_one():
    scan = layered()
    bumpy = np.stack(
        [np.roll(scan[:, x], round(4 * np.sin(x / 5))) for x in range(scan.shape[1])], axis=1
    )
    assert figures(bumpy)["outer_band_roughness"] > figures(scan)["outer_band_roughness"] + 1


def test_correlation_lengths_are_those_of_the_blur():
    # Gaussian noise blurred by sigma has autocorrelation exp(-lag^2 / 4 sigma^2): 1/e at 2 sigma
    noise = np.random.default_rng(2).normal(0, 1, (400, 400))
    blurred = cv2.GaussianBlur(noise, (0, 0), sigmaX=1.2, sigmaY=0.8)
    scan = np.clip(120 + 30 * blurred / blurred.std(), 0, 255).astype(np.uint8)
    along, deep = correlation_lengths(find_grain(scan), np.ones(scan.shape, bool))
    assert along == pytest.approx(2.4 * 6 / 7, abs=0.2)  # what the blur leaves of it
    assert deep == pytest.approx(1.6, abs=0.2)


def test_layers_do_not_count_as_grain():
    rows = np.repeat(100 + 40 * np.sin(np.arange(300) / 6)[:, None], 256, axis=1)
    noise = np.random.default_rng(3).normal(0, 8, rows.shape)
    scan = np.clip(rows + noise, 0, 255).astype(np.uint8)
    along, deep = correlation_lengths(find_grain(scan), np.ones(scan.shape, bool))
    assert along < 0.8
    assert deep < 0.8


def test_a_region_without_pixels_has_no_length_and_no_contrast():
    scan = layered()
    assert np.isnan(correlation_lengths(find_grain(scan), CLEAR)).all()
    assert np.isnan(speckle_contrast(scan, CLEAR))


def test_speckle_contrast_is_spread_by_mean():
    scan = np.random.default_rng(4).normal(100, 12, (200, 200)).round().astype(np.uint8)
    found = speckle_contrast(scan, np.ones(scan.shape, bool))
    assert found == pytest.approx(0.12, abs=0.005)


def test_a_wave_is_found_at_its_frequency_and_in_its_direction():
    wave = 128 + 60 * np.sin(2 * np.pi * 0.25 * np.arange(256))
    scan = np.repeat(wave[None].astype(np.uint8), 300, axis=0)
    along = power_spectrum(scan, 1)
    assert abs(int(along.argmax()) - BANDS // 2) <= 1
    assert power_spectrum(scan, 0).max() < along.max() - 30


def test_what_is_filled_is_left_out():
    scan, fill = layered(), CLEAR.copy()
    fill[:40] = True
    whitened = np.where(fill, 255, scan).astype(np.uint8)
    greys = measure(whitened, fill).greys
    assert greys.sum() == pytest.approx(1)
    assert greys[-1] == 0
    assert measure(whitened, CLEAR).greys[-1] > 0.1


def test_the_profile_starts_its_rise_at_the_outer_band():
    profile = measure(layered(), CLEAR).profile
    assert profile[ABOVE + 5] == pytest.approx(150, abs=2)
    assert profile[ABOVE - 10] == pytest.approx(80, abs=2)


def test_a_scan_too_small_to_measure_is_refused():
    with pytest.raises(ValueError, match="96"):
        measure(np.zeros((95, 200), np.uint8), np.zeros((95, 200), bool))


def test_samples_of_one_kind_lie_no_farther_than_its_halves():
    rng = np.random.default_rng(5)
    ours, theirs = rng.normal(0, 1, 300), rng.normal(0, 1, 200)
    patients = [f"p{index // 2}" for index in range(300)]
    found = against_halves(wasserstein, ours, patients, theirs, splits=20)
    assert 0.6 < found.ratio < 1.6
    assert found.low <= found.value <= found.high
    assert found.n == (300, 200)
    shifted = against_halves(wasserstein, ours, patients, theirs + 2, splits=20)
    assert shifted.value == pytest.approx(2, abs=0.2)
    assert shifted.ratio > 8
    assert shifted.yardstick == found.yardstick


def test_halves_never_share_a_patient():
    # every patient has a value of its own: halves that shared one would have no distance
    patients = [f"p{index // 10}" for index in range(20)]
    ours = np.repeat([0.0, 1.0], 10)
    found = against_halves(wasserstein, ours, patients, ours, splits=8)
    assert found.yardstick == 1
    assert found.yardstick_low == found.yardstick_high == 1


def test_histograms_and_curves_are_as_far_apart_as_they_were_moved():
    one = np.zeros((3, 10))
    one[:, 2] = 1
    assert between_histograms(one, np.roll(one, 4, axis=1)) == pytest.approx(4)
    curve = np.array([[1.0, 2.0, np.nan], [3.0, 4.0, np.nan]])
    assert between_curves(curve, curve + 5) == pytest.approx(5)


def test_missing_values_are_left_out_of_a_distance():
    assert wasserstein(np.array([1.0, np.nan]), np.array([3.0])) == 2
