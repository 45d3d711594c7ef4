"""An annotation: what an annotator says of a scan, and the log that keeps every change of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import combinations

from octtutor.core.annotation.region_shape import Shape, shape_fault
from octtutor.core.scheme import OCT2017, SchemeVersion
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
MAX_MARKS = 200
"""Regions of a scan."""
MAX_CAPTION = 200


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
    diagnosis: str | None
    """Its key; None where the scan is ungradable, or only regions were drawn."""
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


class ReadingSource(StrEnum):
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
class LogEntry:
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
    source: ReadingSource = ReadingSource.HUMAN
    model: str | None = None
    """The model whose suggestion was shown."""
    model_sha256: str | None = None
    by: str | None = None
    """Who brought it in, where it was imported; `who` is then whose reading it is."""


@dataclass(frozen=True, slots=True)
class ScanStanding:
    """How a scan stands: the present view of its log."""

    readings: dict[str, Reading]
    """By annotator."""
    settled: Reading | None
    """What an educator decided, or what was imported."""
    sketches: dict[str, Reading] = field(default_factory=dict)
    """What educators drew to settle it with, by educator; settling ends them."""


Said = tuple[bool, str | None]
"""Whether a reading calls the scan gradable, and its diagnosis."""


@dataclass(frozen=True, slots=True)
class ScanStage:
    """How far a scan is; its regions are left out."""

    said: dict[str, str | None]
    """The complete readings by annotator; None: ungradable."""
    is_settled: bool
    unblinded: frozenset[str]
    """Who settled or restored something of it, or drew for that: they know what others said."""


AT_RANDOM = "random"
"""The order of a project whose scans come at random."""


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
    order: str
    random_share: float
    """Share of scans that come at random whatever the order, 0 to 1."""
    suggest: bool
    """Whether the model's suggestion is offered after the own first answer."""
    seed: int
    created_at: datetime
    closed_at: datetime | None = None
    scheme: SchemeVersion = OCT2017
    """The list of diagnoses that annotators choose from."""


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


def standing(entries: Iterable[LogEntry]) -> ScanStanding:
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
    return ScanStanding(readings, settled, sketches)


def stages(lines: Iterable[tuple[str, str, Kind, Said | None]]) -> dict[str, ScanStage]:
    """Return how far scans are, by SHA-256.

    Args:
        lines: scan, who, kind and what was said then of entries of the log, oldest first; the last
            of each scan, annotator and kind are enough.
    """
    said: dict[str, dict[str, str | None]] = {}
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
        sha256: ScanStage(of_scan, settled.get(sha256, False), frozenset(unblinded.get(sha256, ())))
        for sha256, of_scan in said.items()
    }


def is_settling(entry: LogEntry) -> bool:
    """Whether an entry changes what holds for all."""
    return entry.kind in SETTLING


def is_reading(entry: LogEntry) -> bool:
    """Whether an entry changes an annotator's own reading."""
    return entry.kind in READING


def present(entries: Sequence[LogEntry], who: str, kind: Kind = Kind.READ) -> Reading | None:
    """Return what an entry by `who` would replace: their reading or sketch, or what is settled."""
    stand = standing(entries)
    if kind in SETTLING:
        return stand.settled
    return (stand.readings if kind in READING else stand.sketches).get(who)


def check_reading(reading: Reading, width: int, height: int, keys: Sequence[str]) -> Reading:
    """Return a reading when it can be of a scan of this size, pixels.

    Args:
        reading: what was said and drawn.
        width: of the scan.
        height: of the scan.
        keys: of the diagnoses that there are to choose from.

    Raises:
        BadInputError: a finding or a diagnosis is unknown, a diagnosis is missing or too much, or
            a region lies outside the scan, crosses itself, is empty or has too many points.
    """
    is_draft = reading.gradable and reading.diagnosis is None and bool(reading.marks)
    if reading.gradable != (reading.diagnosis is not None) and not is_draft:
        raise BadInputError(
            "Expected a diagnosis of a gradable scan, and none of an ungradable one. Received "
            f"{reading.diagnosis or 'none'}. Choose again."
        )
    if reading.diagnosis is not None and reading.diagnosis not in keys:
        raise BadInputError(
            f"Expected a diagnosis of {', '.join(keys)}. Received {reading.diagnosis[:40]!r}. "
            "Choose again."
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
    fault = shape_fault(mark.shape, width, height)
    if fault:
        raise BadInputError(f"{fault} Draw the region again.")
    return mark


def agree(readings: Iterable[Reading]) -> bool:
    """Whether all readings give the same diagnosis, or call the scan ungradable alike."""
    return all(
        (one.gradable, one.diagnosis) == (other.gradable, other.diagnosis)
        for one, other in combinations(readings, 2)
    )
