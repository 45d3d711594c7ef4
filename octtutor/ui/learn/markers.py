"""Where the regions of an annotated scan are drawn, and where the number of each stands."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.core.region import Outline, Point, Region
from octtutor.datasets.decode import Pixels
from octtutor.tutor.atlas.atlas import Example

Rows = tuple[int, int]
"""The first row that is shown of a scan, and the end of them."""
Floats = npt.NDArray[np.float64]
_LEAST_SHOWN = 0.6
"""Share of a scan's height that is shown at least: pictures in a row look alike."""


@dataclass(frozen=True, slots=True)
class Marker:
    """Where a region's number stands, and the point of the region that it leads to."""

    at: Point
    to: Point


def marks_of(example: Example, rows: Rows) -> list[dict[str, str]]:
    """Return each region's outline, its number's place, and the line that leads from it."""
    height, width = example.scan.shape
    markers = place_markers(example.regions, example.scan, rows)
    return [
        {
            "path": " ".join("M" + " L".join(map(_pair, one)) + " Z" for one in region.parts),
            "lead": f"M{_pair(marker.at)} L{_pair(marker.to)}",
            "at": f"left:{100 * marker.at[0] / width:.1f}%;top:{100 * marker.at[1] / height:.1f}%",
        }
        for region, marker in zip(example.regions, markers, strict=True)
    ]


def _pair(point: Point) -> str:
    return f"{point[0]:.1f} {point[1]:.1f}"


def window(example: Example) -> Rows:
    """Return the first row and the end of the rows worth showing: retina and regions."""
    height, _ = example.scan.shape
    bright = np.percentile(example.scan, 95, axis=1)
    lit = np.flatnonzero(bright > 0.45 * bright.max())
    marked = [y for region in example.regions for part in region.parts for _, y in part]
    top = min([float(lit[0]), *marked]) - 0.1 * height
    bottom = max([float(lit[-1]), *marked]) + 0.1 * height
    half = max(bottom - top, _LEAST_SHOWN * height) / 2
    middle = float(np.clip((top + bottom) / 2, half, max(half, height - half)))
    return max(0, round(middle - half)), min(height, round(middle + half))


def place_markers(regions: Sequence[Region], scan: Pixels, rows: Rows) -> tuple[Marker, ...]:
    """Find a place for each region's number: near it, where it hides little, apart from others.

    Args:
        regions: in scan pixels.
        scan: uint8 (height, width).
        rows: the first of its rows that is shown, and the end of them.
    """
    height, width = scan.shape
    needed = scan // 3
    for region in regions:
        cv2.fillPoly(needed, [_points(part) for part in region.parts], (255,))
    sums = np.asarray(cv2.integral(needed), np.int32)
    targets = [_middle(region.largest, (height, width)) for region in regions]
    placed: list[Marker] = []
    for target in targets:
        spots = _spots(target, width, rows)
        others = [other for other in targets if other != target]
        best = spots[int(_costs(spots, target, placed, others, sums).argmin())]
        placed.append(Marker((float(best[0]), float(best[1])), target))
    return tuple(placed)


def _points(outline: Outline) -> npt.NDArray[np.int32]:
    points: npt.NDArray[np.int32] = np.floor(np.array(outline)).astype(np.int32)
    return points


def _middle(outline: Outline, shape: tuple[int, int]) -> Point:
    """Return the point inside an outline that lies farthest from its edge."""
    inside = np.zeros((shape[0] + 2, shape[1] + 2), np.uint8)
    cv2.fillPoly(inside, [_points(outline) + 1], (1,))
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return float(column) - 0.5, float(row) - 0.5


def _spots(target: Point, width: int, rows: Rows) -> Floats:
    """Return places around a point that a number can stand at, float64 (n, 2)."""
    unit = width / 512
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    steps = unit * np.array([34.0, 46, 60, 78, 100, 130])[:, None]
    x = (target[0] + steps * np.cos(angles)).ravel()
    y = (target[1] + steps * np.sin(angles)).ravel()
    edge = 22 * unit
    wide, high = (edge, width - edge), (rows[0] + edge, rows[1] - edge)
    inside = (x >= wide[0]) & (x <= wide[1]) & (y >= high[0]) & (y <= high[1])
    spots: Floats = np.stack([x, y], axis=1)[inside]
    return spots if len(spots) else np.array([[width / 2, sum(rows) / 2]])


def _costs(
    spots: Floats,
    target: Point,
    placed: Sequence[Marker],
    others: Sequence[Point],
    sums: npt.NDArray[np.int32],
) -> Floats:
    """Return how bad each place is, in pixels of a scan 512 wide: far, covering, or crowded."""
    unit = (sums.shape[1] - 1) / 512
    costs: Floats = _apart(spots, target) / unit + 260 * _share(spots, 19 * unit, sums)
    for marker in placed:
        costs = costs + 1000 * (_apart(spots, marker.at) < 42 * unit)
        costs = costs + 250 * _crosses(spots, target, marker)
    for other in others:
        costs = costs + 300 * (_apart(spots, other) < 26 * unit)
    return costs


def _apart(spots: Floats, point: Point) -> Floats:
    distance: Floats = np.hypot(spots[:, 0] - point[0], spots[:, 1] - point[1])
    return distance


def _share(spots: Floats, reach: float, sums: npt.NDArray[np.int32]) -> Floats:
    """Return how much of the square around each place is needed, 0 to 1; `sums` of 0 to 255."""
    most = np.array(sums.shape[::-1]) - 1
    left, top = np.clip(spots - reach, 0, most).astype(int).T
    right, bottom = np.clip(spots + reach, 0, most).astype(int).T
    inside = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    share: Floats = inside / np.maximum(1, 255 * (right - left) * (bottom - top))
    return share


def _crosses(spots: Floats, target: Point, marker: Marker) -> npt.NDArray[np.bool_]:
    """Return whether the line from each place to the target crosses the marker's line."""
    here, there = np.array(target), (np.array(marker.at), np.array(marker.to))
    ends = [_turn(spots, here, end) for end in there]
    own = [_turn(there[0], there[1], spots), _turn(there[0], there[1], here)]
    crossing: npt.NDArray[np.bool_] = (ends[0] != ends[1]) & (own[0] != own[1])
    return crossing


def _turn(a: Floats, b: Floats, c: Floats) -> npt.NDArray[np.bool_]:
    """Return whether the way from a over b to c turns left; each float64 (..., 2)."""
    along, onwards = b - a, c - a
    turns: npt.NDArray[np.bool_] = np.greater(
        along[..., 0] * onwards[..., 1], along[..., 1] * onwards[..., 0]
    )
    return turns
