"""Where a region lies: shapes, their corners and area, and what keeps one from being drawn."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

MAX_POINTS = 2000
"""Corners of a polygon."""
Point = tuple[float, float]
"""(x, y) in pixels of the scan; (0, 0) is the upper left corner of its upper left pixel."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Polygon:
    """A closed outline; the last corner is joined to the first."""

    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Spot:
    """A single place; it has no area."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Ellipse:
    """An ellipse, turned by an angle."""

    x: float
    """Of its centre."""
    y: float
    rx: float
    ry: float
    angle: float = 0.0
    """Degrees, clockwise as the scan is seen."""


@dataclass(frozen=True, slots=True)
class Brush:
    """Painted pixels, as COCO's uncompressed run lengths."""

    counts: tuple[int, ...]
    """Runs of pixels outside and inside in turn, beginning outside, down the columns."""
    width: int
    """Of the scan, pixels."""
    height: int


Shape = Box | Polygon | Spot | Ellipse | Brush


def shape_fault(shape: Shape, width: int, height: int) -> str | None:
    """Return what keeps a shape from being a region of a scan of this size, pixels."""
    if isinstance(shape, Brush):
        return _brush_fault(shape, width, height)
    if isinstance(shape, Ellipse) and not math.isfinite(shape.angle):
        return "Expected numbers as places. Received something else."
    corners = corners_of(shape)
    if not all(math.isfinite(value) for point in corners for value in point):
        return "Expected numbers as places. Received something else."
    if isinstance(shape, Polygon):
        fault = _polygon_fault(shape.points)
        if fault:
            return fault
    elif not isinstance(shape, Spot) and area(shape) <= 0:
        return "Expected a region with an area. Received one without."
    slack = 0.5  # a pixel's half: rounding on the page
    if not all(-slack <= x <= width + slack and -slack <= y <= height + slack for x, y in corners):
        return f"Expected a region inside the scan of {width} by {height} pixels. It is not."
    return None


def _brush_fault(shape: Brush, width: int, height: int) -> str | None:
    if (shape.width, shape.height) != (width, height):
        return (
            f"Expected painted pixels of a scan of {width} by {height}. Received those of one of "
            f"{shape.width} by {shape.height}."
        )
    if not all(map(_is_count, shape.counts)) or sum(shape.counts) != width * height:
        return f"Expected run lengths of {width * height} pixels in all. Received others."
    return None if any(shape.counts[1::2]) else "Expected painted pixels. Received none."


def _is_count(count: object) -> bool:
    return isinstance(count, int) and not isinstance(count, bool) and count >= 0


def _polygon_fault(points: Sequence[Point]) -> str | None:
    if not 3 <= len(points) <= MAX_POINTS:
        return f"Expected a polygon of 3 to {MAX_POINTS} points. Received {len(points):,}."
    if area(Polygon(tuple(points))) <= 0:
        return "Expected a region with an area. Received one without."
    if crosses_itself(points):
        return "Expected an outline that does not cross or touch itself. Received one that does."
    return None


def corners_of(shape: Box | Polygon | Spot | Ellipse) -> tuple[Point, ...]:
    """Return the points that say how far a shape reaches."""
    if isinstance(shape, Polygon):
        return shape.points
    if isinstance(shape, Spot):
        return ((shape.x, shape.y),)
    if isinstance(shape, Box):
        return ((shape.x, shape.y), (shape.x + shape.width, shape.y + shape.height))
    turn = math.radians(shape.angle)
    across = math.hypot(shape.rx * math.cos(turn), shape.ry * math.sin(turn))
    down = math.hypot(shape.rx * math.sin(turn), shape.ry * math.cos(turn))
    return ((shape.x - across, shape.y - down), (shape.x + across, shape.y + down))


def area(shape: Shape) -> float:
    """Return the area of a shape, pixels; of a spot 0; negative sides give 0."""
    if isinstance(shape, Box):
        return max(0.0, shape.width) * max(0.0, shape.height)
    if isinstance(shape, Ellipse):
        return math.pi * max(0.0, shape.rx) * max(0.0, shape.ry)
    if isinstance(shape, Polygon):
        return abs(_signed_area(shape.points))
    return float(sum(shape.counts[1::2])) if isinstance(shape, Brush) else 0.0


def _signed_area(points: Sequence[Point]) -> float:
    following = [*points[1:], points[0]]
    return sum(x * v - u * y for (x, y), (u, v) in zip(points, following, strict=True)) / 2


def crosses_itself(points: Sequence[Point]) -> bool:
    """Whether a closed outline crosses or touches itself: two sides meet that are no neighbours.

    A corner that is there twice, a side that is walked twice and a spike without width count too.
    The same corner twice in a row is one.
    """
    corners = [point for i, point in enumerate(points) if point != points[i - 1]]
    n = len(corners)
    sides = [(corners[i], corners[(i + 1) % n]) for i in range(n)]
    if any(_turns_back(sides[i - 1], sides[i]) for i in range(n)):
        return True
    spans = sorted(range(n), key=lambda i: min(sides[i][0][0], sides[i][1][0]))
    open_sides: list[int] = []
    for i in spans:
        left = min(sides[i][0][0], sides[i][1][0])
        open_sides = [j for j in open_sides if max(sides[j][0][0], sides[j][1][0]) >= left]
        for j in open_sides:
            apart = (i - j) % n not in (0, 1, n - 1)
            if apart and _meet(sides[i], sides[j]):
                return True
        open_sides.append(i)
    return False


def _turns_back(one: tuple[Point, Point], following: tuple[Point, Point]) -> bool:
    (a, b), (_, c) = one, following
    ahead = (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1])
    return ahead < 0 and _turn(a, b, c) == 0


def _meet(one: tuple[Point, Point], other: tuple[Point, Point]) -> bool:
    (a, b), (c, d) = one, other
    if max(a[1], b[1]) < min(c[1], d[1]) or max(c[1], d[1]) < min(a[1], b[1]):
        return False
    ends = (a, b, c), (a, b, d), (c, d, a), (c, d, b)
    turns = [_turn(*end) for end in ends]
    if turns[0] * turns[1] < 0 and turns[2] * turns[3] < 0:
        return True
    return any(turn == 0 and _between(*end) for turn, end in zip(turns, ends, strict=True))


def _between(a: Point, b: Point, point: Point) -> bool:
    """Whether a point in line with two others is between them, or one of them."""
    return all(min(u, v) <= w <= max(u, v) for u, v, w in zip(a, b, point, strict=True))


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
