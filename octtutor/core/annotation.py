"""An annotation: what an annotator says of a scan, and the log that keeps every change of it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import combinations

from octtutor.core.diagnosis import Diagnosis
from octtutor.errors import BadInputError

FINDINGS: tuple[str, ...] = (
    "intraretinal fluid",
    "subretinal fluid",
    "sub-RPE fluid / PED",
    "drusen",
    "hyperreflective foci",
    "epiretinal membrane",
    "RPE disruption",
    "foveal pit",
    "other",
)
"""What a region can show, in the field's words."""
MAX_POINTS = 2000
"""Corners of a polygon."""
MAX_MARKS = 200
"""Regions of a scan."""
MAX_CAPTION = 200
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


@dataclass(frozen=True, slots=True)
class Mark:
    """A region that was drawn, and what it shows."""

    id: str
    finding: str
    """One of FINDINGS."""
    shape: Shape
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one annotator says of a scan."""

    gradable: bool
    diagnosis: Diagnosis | None
    """None where the scan is ungradable, or only regions were drawn."""
    findings: tuple[str, ...] = ()
    """Some of FINDINGS, whether drawn or not."""
    marks: tuple[Mark, ...] = ()
    confidence: int = 0
    """1 guessing to 5 certain; 0 where it was not asked."""
    response_ms: int = 0
    """Milliseconds from seeing the scan to this reading."""
    flagged: bool = False
    """Something is odd; somebody should look."""
    note: str = ""


class Source(StrEnum):
    """Where a reading comes from."""

    HUMAN = "human"
    ACCEPTED = "suggestion accepted"
    CORRECTED = "suggestion corrected"
    IMPORTED = "imported"


class Kind(StrEnum):
    """What an entry of the log did."""

    READ = "read"
    """An annotator read the scan, or changed their own reading."""
    UNDO = "undo"
    """An annotator took the last change of their own back."""
    SETTLE = "settle"
    """An educator decided what holds."""
    RESTORE = "restore"
    """An earlier state was made the present one."""
    SKETCH = "sketch"
    """An educator drew regions to settle it with; nothing is settled by that."""


READING = (Kind.READ, Kind.UNDO)
"""What changes an annotator's own reading."""
SETTLING = (Kind.SETTLE, Kind.RESTORE)
"""What changes what holds for all."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log. Nothing in it is ever changed."""

    id: str
    at: datetime
    who: str
    deck: str
    sha256: str
    project: str
    kind: Kind
    before: Reading | None
    after: Reading | None
    """None: there is no reading any more."""
    source: Source = Source.HUMAN
    model: str | None = None
    """The model whose suggestion was shown."""
    model_sha256: str | None = None
    by: str | None = None
    """Who brought it in, where it was imported; `who` is then whose reading it is."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a scan stands: the present view of its log."""

    readings: dict[str, Reading]
    """By annotator."""
    settled: Reading | None
    """What an educator decided, or what was imported."""
    sketches: dict[str, Reading] = field(default_factory=dict)
    """What educators drew to settle it with, by educator; settling ends them."""


Said = tuple[bool, Diagnosis | None]
"""Whether a reading calls the scan gradable, and its diagnosis."""


@dataclass(frozen=True, slots=True)
class Stage:
    """How far a scan is; its regions are left out."""

    said: dict[str, Diagnosis | None]
    """The complete readings by annotator; None: ungradable."""
    is_settled: bool
    unblinded: frozenset[str]
    """Who settled or restored something of it, or drew for that: they know what others said."""


class Order(StrEnum):
    """Which scans of a project come first."""

    RANDOM = "random"
    ENTROPY = "entropy"
    """The model is most at a loss."""
    MARGIN = "margin"
    """The model's first two answers are nearest to each other."""
    DISAGREEMENT = "disagreement"
    """The model contradicts a reader or the label that is known."""
    DOUBT = "doubt"
    """A network that was cross-validated over the deck doubts the label."""


@dataclass(frozen=True, slots=True)
class Project:
    """An educator's order: annotate this deck so."""

    name: str
    """a-z, 0-9 and -; at most 64."""
    title: str
    deck: str
    readers: int
    """How many read each scan, blind to each other."""
    controls: float
    """Share of scans whose truth is known and that come to everybody, 0 to 0.15."""
    order: Order
    random_share: float
    """Share of scans that come at random whatever the order, 0 to 1."""
    suggest: bool
    """Whether the model's suggestion is offered after the own first answer."""
    seed: int
    created_at: datetime
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """A scan that was given to an annotator."""

    project: str
    sha256: str
    who: str
    is_control: bool
    opened_at: datetime
    done_at: datetime | None = None
    skipped: bool = False


def standing(entries: Iterable[Entry]) -> Standing:
    """Return how a scan stands after the entries of its log, oldest first."""
    readings: dict[str, Reading] = {}
    sketches: dict[str, Reading] = {}
    settled: Reading | None = None
    for entry in entries:
        if is_settling(entry):
            settled = entry.after
            sketches.clear()
            continue
        own = readings if is_reading(entry) else sketches
        if entry.after is None:
            own.pop(entry.who, None)
        else:
            own[entry.who] = entry.after
    return Standing(readings, settled, sketches)


def stages(lines: Iterable[tuple[str, str, Kind, Said | None]]) -> dict[str, Stage]:
    """Return how far scans are, by SHA-256.

    Args:
        lines: scan, who, kind and what was said then of entries of the log, oldest first; the last
            of each scan, annotator and kind are enough.
    """
    said: dict[str, dict[str, Diagnosis | None]] = {}
    settled: dict[str, bool] = {}
    unblinded: dict[str, set[str]] = {}
    for sha256, who, kind, after in lines:
        of_scan = said.setdefault(sha256, {})
        if kind in SETTLING:
            settled[sha256] = after is not None
        if kind not in READING:
            unblinded.setdefault(sha256, set()).add(who)
        elif after is not None and (not after[0] or after[1] is not None):
            of_scan[who] = after[1]
        else:
            of_scan.pop(who, None)
    return {
        sha256: Stage(of_scan, settled.get(sha256, False), frozenset(unblinded.get(sha256, ())))
        for sha256, of_scan in said.items()
    }


def is_settling(entry: Entry) -> bool:
    """Whether an entry changes what holds for all."""
    return entry.kind in SETTLING


def is_reading(entry: Entry) -> bool:
    """Whether an entry changes an annotator's own reading."""
    return entry.kind in READING


def present(entries: Sequence[Entry], who: str, kind: Kind = Kind.READ) -> Reading | None:
    """Return what an entry by `who` would replace: their reading or sketch, or what is settled."""
    stand = standing(entries)
    if kind in SETTLING:
        return stand.settled
    return (stand.readings if kind in READING else stand.sketches).get(who)


def check_reading(reading: Reading, width: int, height: int) -> Reading:
    """Return a reading when it can be of a scan of this size, pixels.

    Raises:
        BadInputError: a finding is unknown, a class is missing or too much, or a region lies
            outside the scan, crosses itself, is empty or has too many points.
    """
    is_draft = reading.gradable and reading.diagnosis is None and bool(reading.marks)
    if reading.gradable != (reading.diagnosis is not None) and not is_draft:
        raise BadInputError(
            "Expected a diagnosis of a gradable scan, and none of an ungradable one. Received "
            f"{reading.diagnosis or 'none'}. Choose again."
        )
    unknown = [name for name in reading.findings if name not in FINDINGS]
    if unknown:
        raise BadInputError(
            f"Expected findings from the list. Received {unknown[0][:60]!r}. Use "
            f"{', '.join(FINDINGS)}."
        )
    if len(reading.marks) > MAX_MARKS:
        raise BadInputError(
            f"Expected at most {MAX_MARKS} regions. Received {len(reading.marks)}. Draw fewer."
        )
    for mark in reading.marks:
        check_mark(mark, width, height)
    return reading


def check_mark(mark: Mark, width: int, height: int) -> Mark:
    """Return a region when it can be of a scan of this size, pixels.

    Raises:
        BadInputError: it cannot; says why.
    """
    if mark.finding not in FINDINGS:
        raise BadInputError(
            f"Expected a finding from the list. Received {mark.finding[:60]!r}. Use "
            f"{', '.join(FINDINGS)}."
        )
    if len(mark.caption) > MAX_CAPTION:
        raise BadInputError(
            f"Expected a caption of at most {MAX_CAPTION} characters. Received "
            f"{len(mark.caption):,}. Shorten it."
        )
    fault = _fault(mark.shape, width, height)
    if fault:
        raise BadInputError(f"{fault} Draw the region again.")
    return mark


def _fault(shape: Shape, width: int, height: int) -> str | None:
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


def agree(readings: Iterable[Reading]) -> bool:
    """Whether all readings give the same diagnosis, or call the scan ungradable alike."""
    return all(
        (one.gradable, one.diagnosis) == (other.gradable, other.diagnosis)
        for one, other in combinations(readings, 2)
    )
