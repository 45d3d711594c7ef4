"""Shapes as pixels, outlines and run lengths."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as coco

from octtutor.core.annotation.annotation import Mark
from octtutor.core.annotation.region_shape import Box, Brush, Ellipse, Polygon, Spot
from octtutor.core.region import area
from octtutor.errors import BadInputError
from octtutor.tutor.annotation.shapes import (
    bounding_box,
    box_corners,
    dice,
    from_counts,
    to_counts,
    to_mask,
    to_outlines,
    to_region,
    union_mask,
)

pytestmark = pytest.mark.filterwarnings(  # pycocotools 2.0.11 under NumPy 2
    "ignore:__array__ implementation:DeprecationWarning"
)
WIDTH, HEIGHT = 60, 40
places = st.tuples(st.floats(-0.5, WIDTH + 0.5), st.floats(-0.5, HEIGHT + 0.5))
masks = arrays.arrays(bool, (12, 15))


def brush_of(mask: np.ndarray) -> Brush:
    return Brush(to_counts(mask), mask.shape[1], mask.shape[0])


@given(st.lists(places, min_size=3, max_size=9))
def test_a_polygon_holds_the_pixels_that_coco_gives_it(points):
    flat = [value for point in points for value in point]
    theirs = coco.decode(coco.frPyObjects([flat], HEIGHT, WIDTH))[:, :, 0]
    ours = to_mask(Polygon(tuple(points)), WIDTH, HEIGHT)
    np.testing.assert_array_equal(ours, theirs * 255)


def test_a_box_on_whole_pixels_holds_just_these():
    mask = to_mask(Box(10, 5, 7, 3), WIDTH, HEIGHT)
    assert mask.dtype == np.uint8
    assert mask[5:8, 10:17].min() == 255
    assert mask.astype(int).sum() == 255 * 21


def test_a_polygon_has_nearly_the_area_of_its_outline():
    points = ((3.3, 2.1), (55.7, 8.4), (40.2, 36.9), (12.8, 30.5))
    inside = int((to_mask(Polygon(points), WIDTH, HEIGHT) > 0).sum())
    assert inside == pytest.approx(area(points), rel=0.01)


def test_an_ellipse_turns_clockwise_and_has_its_area():
    flat = to_mask(Ellipse(30, 20, 18, 6), WIDTH, HEIGHT)
    assert (flat > 0).sum() == pytest.approx(np.pi * 18 * 6, rel=0.02)
    turned = to_mask(Ellipse(30, 20, 18, 6, 30), WIDTH, HEIGHT)
    assert (turned > 0).sum() == pytest.approx(np.pi * 18 * 6, rel=0.02)
    assert turned[28, 43]  # below, on the right
    assert not turned[12, 43]
    assert dice(to_mask(Ellipse(30, 20, 6, 18, 90), WIDTH, HEIGHT), flat) == 1


def test_an_ellipse_as_thin_as_a_thread_holds_nothing():
    assert to_mask(Ellipse(30, 20, 1e-300, 9), WIDTH, HEIGHT).sum() == 0
    assert to_mask(Ellipse(30.2, 20.2, 1e-5, 1e-5), WIDTH, HEIGHT).sum() == 0


def test_a_spot_is_the_pixel_it_lies_in():
    mask = to_mask(Spot(7.9, 3.0), WIDTH, HEIGHT)
    assert np.argwhere(mask).tolist() == [[3, 7]]
    assert np.argwhere(to_mask(Spot(WIDTH, HEIGHT), WIDTH, HEIGHT)).tolist() == [[39, 59]]
    assert bounding_box(Spot(7.9, 3.0)) == Box(7, 3, 1, 1)


@given(masks)
def test_run_lengths_are_coco_s_and_come_back(mask):
    counts = to_counts(mask)
    theirs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    ours = coco.frPyObjects({"counts": list(counts), "size": list(mask.shape)}, *mask.shape)
    assert ours["counts"] == theirs["counts"]
    back = from_counts(counts, mask.shape[1], mask.shape[0])
    np.testing.assert_array_equal(back, mask * np.uint8(255))


@pytest.mark.parametrize("counts", [(), (2399,), (2401,), (2401, -1)])
def test_run_lengths_of_another_number_of_pixels_are_refused(counts):
    with pytest.raises(BadInputError, match="run lengths of 2400"):
        from_counts(counts, WIDTH, HEIGHT)


def test_painted_pixels_of_another_scan_are_refused():
    with pytest.raises(BadInputError, match="60 by 40"):
        to_mask(Brush((10, 5, 5), 4, 5), WIDTH, HEIGHT)


@given(masks)
def test_outlines_of_painted_pixels_run_along_their_edges(mask):
    outside = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
    _, labels = cv2.connectedComponents(outside, connectivity=4)
    filled = (labels != labels[0, 0])[1:-1, 1:-1]  # holes count as inside
    drawn = np.zeros(mask.shape, np.uint8)
    for outline in to_outlines(brush_of(mask)):
        drawn |= to_mask(Polygon(outline), 15, 12)
    np.testing.assert_array_equal(drawn > 0, filled)


def test_every_shape_has_outlines_that_give_its_pixels_again():
    for shape in (
        Box(4, 5, 20, 9),
        Polygon(((1, 1), (30, 4), (9, 33))),
        Ellipse(30, 20, 12, 8, 25),
    ):
        (outline,) = to_outlines(shape)
        again = to_mask(Polygon(outline), WIDTH, HEIGHT)
        assert dice(again, to_mask(shape, WIDTH, HEIGHT)) > 0.98
    (pixel,) = to_outlines(Spot(7.9, 3.2))
    assert dice(to_mask(Polygon(pixel), 60, 40), to_mask(Spot(7.9, 3.2), 60, 40)) == 1


def test_a_region_has_the_finding_s_name_and_a_part_for_each_patch():
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[2:5, 2:5] = mask[20:30, 40:50] = True
    region = to_region(Mark("m", "drusen", brush_of(mask)))
    assert region.name == "drusen"
    assert sorted(area(part) for part in region.parts) == [9, 100]
    assert set(region.largest) == set(box_corners(Box(40, 20, 10, 10)))


def test_boxes_around_shapes_reach_as_far_as_they_do():
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[2:5, 7:19] = True
    assert bounding_box(brush_of(mask)) == Box(7, 2, 12, 3)
    assert bounding_box(Polygon(((1, 1), (30, 4), (9, 33)))) == Box(1, 1, 29, 32)
    around = bounding_box(Ellipse(30, 20, 12, 8, 90))
    assert (around.width, around.height) == pytest.approx((16, 24))
    with pytest.raises(BadInputError, match="painted"):
        bounding_box(brush_of(np.zeros((4, 4), bool)))


def test_a_union_holds_what_any_mark_holds():
    marks = [Mark("1", "drusen", Box(0, 0, 5, 5)), Mark("2", "drusen", Box(3, 0, 5, 5))]
    assert (union_mask(marks, WIDTH, HEIGHT) > 0).sum() == 40
    assert union_mask([], WIDTH, HEIGHT).sum() == 0


def test_dice_is_twice_the_common_over_all():
    one, other = to_mask(Box(0, 0, 5, 5), 60, 40), to_mask(Box(3, 0, 5, 5), 60, 40)
    assert dice(one, other) == pytest.approx(2 * 10 / 50)
    assert dice(one, one) == 1
    assert dice(one, np.zeros_like(one)) == 0
    assert dice(np.zeros_like(one), np.zeros_like(one)) == 1
