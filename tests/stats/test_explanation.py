"""Measures of maps: made by hand, so that the right figure is known."""

import numpy as np
import pytest

from octtutor.stats.explanation import (
    area_under,
    centre_map,
    energy_ratio,
    likeness,
    points_at,
    ranked,
    smooth_random,
)


def lesion() -> np.ndarray:
    inside = np.zeros((100, 200), bool)
    inside[40:50, 80:100] = True
    return inside


def peak(row: int, column: int) -> np.ndarray:
    level = np.zeros((100, 200), np.float32)
    level[row, column] = 1
    return level


@pytest.mark.parametrize(
    ("row", "column", "hit"), [(45, 90, True), (64, 90, True), (65, 90, False), (61, 112, False)]
)
def test_a_map_points_at_a_lesion_at_most_fifteen_pixels_away(row, column, hit):
    assert points_at(peak(row, column), lesion()) is hit


def test_a_map_without_evidence_points_nowhere_and_holds_no_energy():
    nothing = np.zeros((100, 200), np.float32)
    assert not points_at(nothing, np.ones((100, 200), bool))
    assert energy_ratio(nothing, lesion()) == 0


def test_a_flat_map_has_an_energy_ratio_of_one():
    assert energy_ratio(np.full((100, 200), 0.3, np.float32), lesion()) == pytest.approx(1)


def test_a_map_inside_the_lesion_alone_has_the_greatest_energy_ratio():
    assert energy_ratio(lesion().astype(np.float32), lesion()) == pytest.approx(100)


def test_a_lesion_must_have_the_maps_size_and_a_pixel():
    with pytest.raises(ValueError, match="with 0"):
        points_at(peak(1, 1), np.zeros((100, 200), bool))
    with pytest.raises(ValueError, match="map's size"):
        energy_ratio(peak(1, 1), np.ones((50, 200), bool))


def test_likeness_sees_order_and_not_size():
    one = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert likeness(one, one**3) == pytest.approx(1)
    assert likeness(one, -one) == pytest.approx(-1)
    assert likeness(one, np.ones_like(one)) == 0


def test_the_largest_value_has_the_first_turn_and_all_turns_are_equally_long():
    level = np.array([[0.1, 0.9], [0.5, 0.3]], np.float32)
    assert ranked(level, 4).tolist() == [[3, 0], [1, 2]]
    assert np.bincount(ranked(np.zeros((10, 8), np.float32), 8).ravel()).tolist() == [10] * 8


def test_the_area_under_a_curve_is_its_mean_height():
    assert area_under(np.array([1.0, 0.5, 0.0])) == pytest.approx(0.5)
    assert area_under(np.array([1.0, 0.0, 0.0, 0.0])) == pytest.approx(1 / 6)


def test_the_maps_for_comparison_have_the_scans_size():
    rng = np.random.default_rng(1)
    one, other = smooth_random(rng, (90, 120)), smooth_random(rng, (90, 120))
    assert one.shape == (90, 120)
    assert 0 <= one.min() < one.max() <= 1
    assert abs(likeness(one, other)) < 0.6
    middle = centre_map((91, 121))
    assert np.unravel_index(middle.argmax(), middle.shape) == (45, 60)
