"""Drawn shapes as pixels, as outlines, and as run lengths.

A polygon and a box hold the pixels that COCO's own program gives them: a pixel whose centre is
inside, with corners rounded to a fifth of a pixel (Lin et al., Microsoft COCO, ECCV 2014; the rule
is that of `rleFrPoly` in its API). So areas here and there are the same. An ellipse holds the
pixels whose centres are inside. A spot holds the one pixel it lies in.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.core.annotation.annotation import Mark
from octtutor.core.annotation.region_shape import (
    Box,
    Brush,
    Ellipse,
    Point,
    Polygon,
    Shape,
    Spot,
    corners_of,
)
from octtutor.core.region import Outline, Region
from octtutor.errors import BadInputError

Mask = npt.NDArray[np.uint8]
_FINE = 5
"""COCO's steps a pixel."""
_ELLIPSE_CORNERS = 64
_THIN = 1e-6
"""Pixels; a thinner ellipse holds no pixel's centre but by chance."""


def to_mask(shape: Shape, width: int, height: int) -> Mask:
    """Return the pixels of a shape, uint8 (height, width), 255 inside and 0 elsewhere.

    What lies outside the scan is cut off. A shape too small to hold a pixel's centre has none.

    Raises:
        BadInputError: painted pixels are of a scan of another size.
    """
    if isinstance(shape, Brush):
        if (shape.width, shape.height) != (width, height):
            raise BadInputError(
                f"Expected painted pixels of a scan of {width} by {height}. Received those of one "
                f"of {shape.width} by {shape.height}. Use the scan that was painted on."
            )
        return from_counts(shape.counts, width, height)
    if isinstance(shape, Ellipse):
        return _fill_ellipse(shape, width, height)
    if isinstance(shape, Spot):
        return _fill_spot(shape, width, height)
    return _fill(box_corners(shape) if isinstance(shape, Box) else shape.points, width, height)


def union_mask(marks: Iterable[Mark], width: int, height: int) -> Mask:
    """Return the pixels of all regions together, uint8 (height, width), 0 or 255."""
    mask = np.zeros((height, width), np.uint8)
    for mark in marks:
        mask |= to_mask(mark.shape, width, height)
    return mask


def to_outlines(shape: Shape) -> tuple[Outline, ...]:
    """Return the closed outlines of a shape, in pixels of the scan.

    A spot's is that of its pixel, an ellipse's a polygon of 64 corners, painted pixels' run along
    the pixels' edges, one for each patch. Holes are filled.
    """
    if isinstance(shape, Brush):
        return _trace(from_counts(shape.counts, shape.width, shape.height))
    if isinstance(shape, Polygon):
        return (shape.points,)
    if isinstance(shape, Ellipse):
        return (_ellipse_corners(shape),)
    return (box_corners(shape if isinstance(shape, Box) else bounding_box(shape)),)


def to_region(mark: Mark) -> Region:
    """Return a mark as a region under its finding's name."""
    return Region(mark.finding, to_outlines(mark.shape))


def to_counts(mask: npt.NDArray[np.generic]) -> tuple[int, ...]:
    """Return a mask's run lengths as COCO counts them.

    Args:
        mask: (height, width), anything but 0 is inside.

    Returns:
        Runs outside and inside in turn, down the columns, beginning outside (maybe with 0).
    """
    flat = np.asarray(mask).astype(bool).ravel(order="F")
    turns = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], turns, [flat.size]]))
    first = [0] if flat.size and flat[0] else []
    return (*first, *runs.tolist())


def from_counts(counts: Sequence[int], width: int, height: int) -> Mask:
    """Return the mask of COCO's run lengths, uint8 (height, width), 0 or 255.

    Raises:
        BadInputError: the run lengths are not of so many pixels.
    """
    if any(count < 0 for count in counts) or sum(counts) != width * height:
        raise BadInputError(
            f"Expected run lengths of {width * height} pixels in all. Received others. Export the "
            "region again."
        )
    values = np.zeros(len(counts), np.uint8)
    values[1::2] = 255
    flat = np.repeat(values, np.asarray(counts, np.int64))
    return np.ascontiguousarray(flat.reshape((height, width), order="F"))


def bounding_box(shape: Shape) -> Box:
    """Return the smallest upright box around a shape; a spot's is its pixel.

    Raises:
        BadInputError: nothing is painted.
    """
    if isinstance(shape, Brush):
        return _painted_box(shape)
    if isinstance(shape, Spot):
        return Box(math.floor(shape.x), math.floor(shape.y), 1.0, 1.0)
    if isinstance(shape, Box):
        return shape
    xs, ys = zip(*corners_of(shape), strict=True)
    return Box(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


def dice(one: npt.NDArray[np.generic], other: npt.NDArray[np.generic]) -> float:
    """Return how far two masks overlap, 0 to 1 (Dice, Ecology 26:297, 1945).

    Args:
        one: (height, width), anything but 0 is inside.
        other: of the same size.

    Returns:
        Twice the common pixels over all pixels of both; 1 where both are empty.
    """
    a, b = np.asarray(one).astype(bool), np.asarray(other).astype(bool)
    both = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / both if both else 1.0


def box_corners(box: Box) -> tuple[Point, ...]:
    """Return a box's four corners, clockwise as the scan is seen, from the upper left."""
    right, bottom = box.x + box.width, box.y + box.height
    return ((box.x, box.y), (right, box.y), (right, bottom), (box.x, bottom))


def _fill(points: Sequence[Point], width: int, height: int) -> Mask:
    """Fill an outline: down each column, every crossing changes between outside and inside."""
    u, v = _walk(points)
    steps = np.flatnonzero(u[1:] != u[:-1])
    left = np.minimum(u[steps], u[steps + 1])
    middle = (left - _FINE // 2) % _FINE == 0  # the step passes the centre of a column
    columns = (left - _FINE // 2) // _FINE
    kept = middle & (columns >= 0) & (columns < width)
    top = np.minimum(v[steps], v[steps + 1])
    rows = np.clip(np.ceil((top + 0.5) / _FINE - 0.5), 0, height).astype(np.int64)
    turns = np.zeros((height + 1, width), np.uint8)
    np.add.at(turns, (rows[kept], columns[kept]), 1)
    odd = np.add.accumulate(turns, axis=0, dtype=np.uint8) & 1
    return np.asarray(odd[:height] * 255, np.uint8)


def _walk(points: Sequence[Point]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return every step along an outline, in fifths of a pixel, int64 (steps,) across and down."""
    corners = np.trunc(np.asarray(points, np.float64) * _FINE + 0.5).astype(np.int64)
    sides = [_side(a, b) for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True)]
    walk = np.concatenate(sides)
    return walk[:, 0], walk[:, 1]


def _side(start: npt.NDArray[np.int64], end: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the steps of one side, int64 (steps, 2): one a fifth of a pixel of its long way."""
    long = 0 if abs(end[0] - start[0]) >= abs(end[1] - start[1]) else 1
    is_back = start[long] > end[long]
    low, high = (end, start) if is_back else (start, end)
    length = int(high[long] - low[long])
    steps = np.arange(length + 1)
    slope = float(high[1 - long] - low[1 - long]) / length if length else 0.0
    side = np.empty((length + 1, 2), np.int64)
    side[:, long] = low[long] + steps
    side[:, 1 - long] = np.trunc(low[1 - long] + slope * steps + 0.5)
    return side[::-1] if is_back else side


def _fill_ellipse(shape: Ellipse, width: int, height: int) -> Mask:
    turn = math.radians(shape.angle)
    if min(shape.rx, shape.ry) < _THIN:
        return np.zeros((height, width), np.uint8)
    x = np.arange(width)[None, :] + 0.5 - shape.x
    y = np.arange(height)[:, None] + 0.5 - shape.y
    along = (x * math.cos(turn) + y * math.sin(turn)) / shape.rx
    across = (y * math.cos(turn) - x * math.sin(turn)) / shape.ry
    return np.where(np.hypot(along, across) <= 1, 255, 0).astype(np.uint8)


def _fill_spot(shape: Spot, width: int, height: int) -> Mask:
    mask = np.zeros((height, width), np.uint8)
    column = min(max(math.floor(shape.x), 0), width - 1)
    row = min(max(math.floor(shape.y), 0), height - 1)
    mask[row, column] = 255
    return mask


def _ellipse_corners(shape: Ellipse) -> Outline:
    turn = math.radians(shape.angle)
    cos, sin = math.cos(turn), math.sin(turn)
    around = [2 * math.pi * k / _ELLIPSE_CORNERS for k in range(_ELLIPSE_CORNERS)]
    own = [(shape.rx * math.cos(a), shape.ry * math.sin(a)) for a in around]
    return tuple((shape.x + u * cos - v * sin, shape.y + u * sin + v * cos) for u, v in own)


def _trace(mask: Mask) -> tuple[Outline, ...]:
    """Return the outlines along the pixels' edges: each pixel is drawn as four, then traced."""
    double = np.repeat(np.repeat(mask, 2, axis=0), 2, axis=1)
    found, _ = cv2.findContours(double, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    traced = ((contour[:, 0, :] + 1) // 2 for contour in found)
    return tuple(_without_middles(corners) for corners in traced)


def _without_middles(corners: npt.NDArray[np.number[Any]]) -> Outline:
    """Drop repeated points, and those in the middle of a straight side."""
    kept = corners[np.any(corners != np.roll(corners, 1, axis=0), axis=1)]
    before, after = kept - np.roll(kept, 1, axis=0), np.roll(kept, -1, axis=0) - kept
    bends = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0] != 0
    back = np.sum(before * after, axis=1) < 0
    return tuple((float(x), float(y)) for x, y in kept[bends | back])


def _painted_box(shape: Brush) -> Box:
    mask = from_counts(shape.counts, shape.width, shape.height)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        raise BadInputError("Expected painted pixels. Received none. Draw the region again.")
    return Box(
        float(columns[0]),
        float(rows[0]),
        float(columns[-1] - columns[0] + 1),
        float(rows[-1] - rows[0] + 1),
    )
