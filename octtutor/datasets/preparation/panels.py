"""A picture's surroundings: a screen that was photographed, a page, a second panel."""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels
from octtutor.datasets.preparation.reduced import Outside

_FLAT = 14
"""Greys by which a surround may differ from the picture's border."""
_PAPER = 245
"""Grey from which a surround is white fill as that of a straightened scan, and found as such."""
_PAPER_SHARE = 0.97
_GRAIN = 3
"""Greys by which a scan's pixels differ from their surroundings."""
_LEAST, _MOST = 0.10, 0.92
"""Share of the picture that a scan within a surround takes."""
_LIKE = 0.93
"""Share of its outline's area that lies in four straight sides."""
_TILT = 0.012
"""Share of the picture's side by which corners may miss an upright rectangle's."""
_EVEN = 1.5
"""Standard deviation of the greys of a gap between two panels."""
_JUMP, _JUMPING = 15, 0.8
"""By how much the grey jumps where two panels meet, and in which share of the rows."""
_INSET = 0.985
"""What is kept of a slanted scan's sides, since its edges are found by a pixel of the copy."""
_NARROWEST = 0.2

Matrix = npt.NDArray[np.float64]
"""float64 (3, 3), from places (x, y, 1) in one picture to places in another."""


class FoundScreen(NamedTuple):
    """A scan that was found within a picture.

    Attributes:
        scan: uint8 (height, width), or (height, width, 3) where the picture was.
        back: from places in it to places in the picture.
        is_slanted: whether its sides were not those of an upright rectangle.
    """

    scan: Pixels
    back: Matrix
    is_slanted: bool


def find_screen(picture: Pixels, small: Pixels) -> FoundScreen | None:
    """Find a scan that lies whole within an even surround: a screen, a slide, a page.

    Args:
        picture: uint8 (height, width), or (height, width, 3).
        small: its small copy, uint8 (rows, 256).

    Returns:
        The scan, righted; None where the picture has no surround on all four sides, or what lies
        within is not bounded by four straight lines.
    """
    content = _content(small)
    corners = None if content is None else _four_corners(content)
    if corners is None:
        return None
    scale = np.array([picture.shape[1] / small.shape[1], picture.shape[0] / small.shape[0]])
    return _right(picture, (corners * scale).astype(np.float32))


def is_on_paper(small: Pixels) -> bool:
    """Whether a picture's border is white nearly all around, as no scan's is."""
    return bool((_rim(small) >= _PAPER).mean() >= _PAPER_SHARE)


def _rim(small: Pixels) -> npt.NDArray[np.int16]:
    return np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]]).astype(np.int16)


def _content(small: Pixels) -> npt.NDArray[np.uint8] | None:
    rim = _rim(small)
    middle = int(np.median(rim))
    if middle >= _PAPER or (np.abs(rim - middle) > _FLAT).mean() > 0.02:
        return None
    # a scan has grain, a surround and a lamp's reflection on it have none
    smooth = cv2.GaussianBlur(small, (0, 0), 2)
    grain = (cv2.absdiff(small, smooth) >= _GRAIN).astype(np.uint8)
    joined = cv2.morphologyEx(grain, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    solid = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    return np.asarray(solid, np.uint8) if solid.any() else None


def _four_corners(content: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64] | None:
    points = cv2.findNonZero(content)
    hull = cv2.convexHull(points)
    share = cv2.contourArea(hull) / content.size
    if not _LEAST <= share <= _MOST:
        return None
    for slack in (0.01, 0.015, 0.02, 0.03, 0.04):
        corners = cv2.approxPolyDP(hull, slack * cv2.arcLength(hull, True), True)[:, 0]
        if len(corners) == 4:
            break
    else:
        return None
    if cv2.contourArea(corners) < _LIKE * cv2.contourArea(hull):
        return None
    # pixels are areas: the outline runs along the outer edges, not through the centres
    centre = corners.mean(axis=0)
    return np.asarray(corners, np.float64) + np.where(corners > centre, 1.0, 0.0)


def _right(picture: Pixels, corners: npt.NDArray[np.float32]) -> FoundScreen | None:
    around = corners[np.argsort(np.arctan2(*(corners - corners.mean(axis=0)).T[::-1]))]
    around = np.roll(around, -int(around.sum(axis=1).argmin()), axis=0)
    top, right, bottom, left = (
        float(np.linalg.norm(around[k] - around[(k + 1) % 4])) for k in range(4)
    )
    width, height = round((top + bottom) / 2), round((left + right) / 2)
    if min(width, height) < 32:
        return None
    upright = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    low, high = around.min(axis=0), around.max(axis=0)
    box = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
    slack = _TILT * max(picture.shape[:2])
    if np.abs(around - box).max() <= slack:
        x0, y0 = (int(each) for each in np.floor(low))
        x1, y1 = (int(each) for each in np.ceil(high))
        return FoundScreen(picture[y0:y1, x0:x1], shift(x0, y0), False)
    centre = around.mean(axis=0)
    around = (centre + _INSET * (around - centre)).astype(np.float32)
    back = cv2.getPerspectiveTransform(upright, around)
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    centres = np.linalg.inv(half) @ back @ half
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    scan = cv2.warpPerspective(picture, centres, (width, height), flags=flags)
    return FoundScreen(np.asarray(scan, np.uint8), np.asarray(back, np.float64), True)


def shift(x: float, y: float) -> Matrix:
    """Return the matrix from places in a part that begins at (x, y) to places in the whole."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def crop_fill(fill: Outside, shape: tuple[int, int]) -> tuple[slice, slice] | None:
    """Return the rows and columns that hold all of a scan; None where that is nearly everything.

    Args:
        fill: bool (rows, 256), what is no scan in its small copy.
        shape: (height, width) of the scan.
    """
    found = []
    for axis, length in ((1, shape[0]), (0, shape[1])):
        kept = np.flatnonzero(~fill.all(axis=axis))
        scale = length / len(fill) if axis else length / fill.shape[1]
        found.append((round(kept[0] * scale), round((kept[-1] + 1) * scale)))
    (top, bottom), (left, right) = found
    if bottom - top >= 0.9 * shape[0] and right - left >= 0.9 * shape[1]:
        return None
    fits = min(bottom - top, right - left) >= 32
    return (slice(top, bottom), slice(left, right)) if fits else None


def split_panels(small: Pixels, width: int) -> tuple[slice, ...]:
    """Find the columns of panels that stand side by side.

    Panels are parted by a gap, even from top to bottom, or meet where nearly every row jumps.
    A retina crosses all columns of a scan, so that no column of one is even.

    Args:
        small: uint8 (rows, 256), a small copy of the picture.
        width: of the picture, pixels.

    Returns:
        The columns of each panel, from left to right; empty where there is only one.
    """
    gap = small.std(axis=0) <= _EVEN
    jumps = cv2.absdiff(small[:, 2:], small[:, :-2]) >= _JUMP
    parting = gap.copy()
    parting[1:-1] |= jumps.mean(axis=0) >= _JUMPING
    least = _NARROWEST * len(gap)
    spans = [(first, last) for first, last in _runs(parting) if last - first >= least]
    scale = width / len(gap)
    found = tuple(slice(round(first * scale), round(last * scale)) for first, last in spans)
    return found if len(found) > 1 else ()


def _runs(parting: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    # from where to where nothing parts
    change = np.flatnonzero(np.diff(np.concatenate([[True], parting, [True]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(change[::2], change[1::2], strict=True)]
