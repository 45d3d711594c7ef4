"""Turn the strongest area of a model's map into an outline that can be edited."""

import math

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.core.annotation.region_shape import Polygon, area, crosses_itself
from octtutor.errors import BadInputError

LEAST_POINTS, MOST_POINTS = 8, 40
"""Corners of an outline."""
_LEAST_PX = 50
"""A smaller area could not be taken hold of, and is made larger."""


def strongest_area(raw: npt.NDArray[np.float32], width: int, height: int) -> Polygon:
    """Return the largest part of a map that is at least half as strong as its maximum.

    Args:
        raw: float32 (h, w), not negative.
        width: of the scan, pixels.
        height: likewise.

    Returns:
        An outline of 8 to 40 corners that does not cross itself, in pixels of the scan.

    Raises:
        BadInputError: the map is zero everywhere.
    """
    large = cv2.resize(raw, (width, height), interpolation=cv2.INTER_LINEAR)
    top = float(large.max())
    if not top > 0:
        raise BadInputError(
            "Expected a map that shows where the model looked. It is zero everywhere: nothing in "
            "this scan speaks for the class. Choose another class, or draw the region yourself."
        )
    inside = (large >= top / 2).astype(np.uint8)
    _, parts, facts, _ = cv2.connectedComponentsWithStats(inside)
    largest = 1 + int(facts[1:, cv2.CC_STAT_AREA].argmax())
    part = (parts == largest).astype(np.uint8)
    if facts[largest, cv2.CC_STAT_AREA] < _LEAST_PX:
        part = np.asarray(cv2.dilate(part, np.ones((7, 7), np.uint8)), np.uint8)
    found, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = np.asarray(max(found, key=cv2.contourArea), np.int32)
    outline = _simplified(contour)
    if crosses_itself(outline.points) or area(outline) <= 0:
        outline = _simplified(np.asarray(cv2.convexHull(contour), np.int32))
    return outline


def _simplified(contour: npt.NDArray[np.int32]) -> Polygon:
    tolerance, corners = 0.5, cv2.approxPolyDP(contour, 0.5, closed=True)[:, 0]
    while len(corners) > MOST_POINTS:
        tolerance *= 1.3
        corners = cv2.approxPolyDP(contour, tolerance, closed=True)[:, 0]
    points = [(float(x) + 0.5, float(y) + 0.5) for x, y in corners]
    while len(points) < LEAST_POINTS:
        ends = [*points[1:], points[0]]
        longest = max(range(len(points)), key=lambda i: math.dist(points[i], ends[i]))
        (x, y), (u, v) = points[longest], ends[longest]
        points.insert(longest + 1, ((x + u) / 2, (y + v) / 2))
    return Polygon(tuple(points))
