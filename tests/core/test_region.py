"""Regions: named outlines on a scan."""

import pytest

from octtutor.core.region import Region, area

SQUARE = ((1.0, 1.0), (5.0, 1.0), (5.0, 5.0), (1.0, 5.0))
TRIANGLE = ((0.0, 0.0), (10.0, 0.0), (0.0, 3.0))


def test_the_area_of_a_polygon_does_not_depend_on_its_direction_or_its_first_point():
    assert area(SQUARE) == area(SQUARE[::-1]) == area(SQUARE[2:] + SQUARE[:2]) == 16
    assert area(TRIANGLE) == pytest.approx(15)


def test_the_largest_part_is_found_wherever_it_stands():
    assert Region("drusen", (TRIANGLE, SQUARE)).largest == SQUARE
    assert Region("drusen", (SQUARE, TRIANGLE)).largest == SQUARE


def test_regions_of_the_same_outline_are_equal_values():
    assert Region("drusen", (SQUARE,)) == Region("drusen", (SQUARE,))
    assert len({Region("drusen", (SQUARE,)), Region("drusen", (SQUARE,))}) == 1
