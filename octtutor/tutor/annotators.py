"""How far annotators agree with each other and with scans whose truth is known, from the log.

All figures but those of suggestions rest on blind readings: what an annotator said before the
model's suggestion for the scan was shown to them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import combinations, takewhile
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.core.annotation import (
    FINDINGS,
    Assignment,
    Brush,
    Entry,
    Mark,
    Reading,
    Source,
    Spot,
    Standing,
    is_reading,
    standing,
)
from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.stats.agreement import cohen_kappa, fleiss_kappa
from octtutor.stats.intervals import Figure, wilson
from octtutor.stats.learning import Point, change, moving_accuracy
from octtutor.stats.resampling import by_totals
from octtutor.tutor.progress import median
from octtutor.tutor.shapes import dice, to_outlines, union_mask

UNGRADABLE = "ungradable"
CATEGORIES = (*map(str, LABELS), UNGRADABLE)
"""What a reading can say, in the order of every table here."""
WINDOW = 20
"""Controls of a point of the moving accuracy."""
LESIONS = tuple(name for name in FINDINGS if name not in ("foveal pit", "other"))
"""What readers can differ in: the pit is no sign of disease, and "other" is not one thing."""
APART = 0.3
"""Dice below which two readers do not mean the same region."""
_GRID = 256
"""Cells along the longer side of what two readers outlined, to compare where."""
SUGGESTED = (Source.ACCEPTED, Source.CORRECTED)
Readings = Mapping[str, Mapping[str, Reading]]
"""Blind readings by scan (SHA-256) and annotator."""
Sizes = Mapping[str, tuple[int, int]]
"""Width and height of scans, pixels, by SHA-256."""
Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two annotators on the scans that both read.

    Attributes:
        same: share of these scans on which both said the same.
        kappa: Cohen's over the four classes; scans that either called ungradable are left out.
        weighted: the same with linear weights along LABELS, which go from urgent to normal.
    """

    first: str
    second: str
    same: Figure
    kappa: Figure
    weighted: Figure


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far annotators agree, excess chance, over the scans that two or more read."""

    annotators: tuple[str, ...]
    kappa: Figure
    """Fleiss's over the four classes and ungradable."""
    per_class: dict[str, Figure]
    """Fleiss's of each of CATEGORIES against the rest."""
    per_finding: dict[str, Figure]
    """Fleiss's of seeing a finding at all, of findings that anybody saw."""
    regions: dict[str, Figure]
    """Mean Dice of the regions of a finding between two who both drew some, 0 to 1."""
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Drift:
    """Whether accuracy on controls changed with time."""

    first_half: Figure
    second_half: Figure
    change: Figure
    """Second half minus first half, −1 to 1."""
    curve: tuple[Point, ...]
    """Moving accuracy over the last WINDOW controls."""


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What became of the model's suggestions.

    Attributes:
        shown: on how many scans one was shown.
        accepted: share of these that were accepted.
        corrected: share that were taken with changes.
        made_right: of the controls first read wrongly, those right after the suggestion.
        made_wrong: of the controls first read rightly, those wrong after the suggestion.
    """

    shown: int
    accepted: Figure
    corrected: Figure
    made_right: Figure
    made_wrong: Figure


@dataclass(frozen=True, slots=True)
class Annotator:
    """One annotator's figures.

    Attributes:
        who: the name.
        read: scans with a reading.
        skipped: scans put aside.
        flagged: scans that were called odd.
        seconds: median time of a reading.
        accuracy: share of controls read rightly; an ungradable one is not right.
        per_class: the same for controls of each class.
        drift: the accuracy in time.
        suggestions: what the model's suggestions did.
        hidden: whether the figures on controls are left out: they would tell which scans are some.
    """

    who: str
    read: int
    skipped: int
    flagged: int
    seconds: Figure
    accuracy: Figure
    per_class: dict[str, Figure]
    drift: Drift
    suggestions: Suggestions
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of a project."""

    agreement: Agreement
    annotators: tuple[Annotator, ...]


@dataclass(frozen=True, slots=True)
class _Control:
    """A control as one annotator first read it; `after` is how the reading stands now."""

    truth: Diagnosis
    at: datetime
    blind: Reading
    after: Reading | None
    seen: bool
    """Whether a suggestion was shown."""


def report(
    entries: Iterable[Entry],
    assignments: Iterable[Assignment],
    truths: Mapping[str, Diagnosis],
    sizes: Sizes,
    hidden: Collection[str] = (),
) -> Report:
    """Return all figures of a project.

    A control counts by the first answer that was given to it, whatever was taken back later.

    Args:
        entries: its log, oldest first.
        assignments: its assignments.
        truths: the label of each control, by SHA-256; others may be there too.
        sizes: of the scans in which several drew; one that is missing has no Dice.
        hidden: annotators whose figures on controls are left out.
    """
    logs, given = by_scan(entries), tuple(assignments)
    readings = blind_readings(logs)
    names = sorted({who for each in readings.values() for who in each} | {a.who for a in given})
    people = tuple(
        _annotator(who, logs, readings, [a for a in given if a.who == who], truths, who in hidden)
        for who in names
    )
    return Report(agreement(readings, sizes), people)


def by_scan(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Return the log of each scan (SHA-256), in the order in which they were begun."""
    logs: dict[str, list[Entry]] = {}
    for entry in entries:
        logs.setdefault(entry.sha256, []).append(entry)
    return logs


def is_complete(reading: Reading | None) -> bool:
    """Whether a reading says what it is of: a class, or ungradable; else it is begun only."""
    return reading is not None and (not reading.gradable or reading.diagnosis is not None)


def complete_readings(stand: Standing) -> dict[str, Reading]:
    """Return the complete readings of a scan, by annotator."""
    return {who: reading for who, reading in stand.readings.items() if is_complete(reading)}


def was_suggested(log: Iterable[Entry], who: str) -> bool:
    """Whether a scan's log says that the model's suggestion was shown to an annotator."""
    return any(_shows(entry) for entry in log if entry.who == who)


def blind_readings(logs: Mapping[str, Sequence[Entry]]) -> dict[str, dict[str, Reading]]:
    """Return what each annotator said before a suggestion was shown, by scan and annotator."""
    return {sha256: _blind(log) for sha256, log in logs.items()}


def drawn_by_several(readings: Readings) -> tuple[str, ...]:
    """Return SHA-256 of the scans in which two annotators or more drew regions."""
    return tuple(
        sha256
        for sha256, each in readings.items()
        if sum(bool(reading.marks) for reading in each.values()) > 1
    )


def agreement(readings: Readings, sizes: Sizes) -> Agreement:
    """Return how far annotators agree; scans with one reading say nothing of it."""
    names = tuple(sorted({who for each in readings.values() for who in each}))
    table = np.zeros((len(readings), len(CATEGORIES)), np.int64)
    for row, each in enumerate(readings.values()):
        for reading in each.values():
            table[row, _category(reading)] += 1
    total = table.sum(axis=1)
    return Agreement(
        annotators=names,
        kappa=fleiss_kappa(table),
        per_class={
            name: fleiss_kappa(np.column_stack([table[:, i], total - table[:, i]]))
            for i, name in enumerate(CATEGORIES)
        },
        per_finding=_per_finding(readings),
        regions=_overlap(readings, sizes),
        pairs=tuple(_pair(readings, one, other) for one, other in combinations(names, 2)),
    )


def findings_of(reading: Reading) -> frozenset[str]:
    """Return the findings that a reading names or draws."""
    return frozenset(reading.findings) | {mark.finding for mark in reading.marks}


def findings_apart(readings: Iterable[Reading]) -> tuple[str, ...]:
    """Return the LESIONS that some readings of a gradable scan name or draw and others do not."""
    seen = [findings_of(reading) for reading in readings if reading.gradable]
    return tuple(n for n in LESIONS if any(n in one for one in seen) and not _in_all(n, seen))


def regions_apart(readings: Iterable[Reading]) -> tuple[str, ...]:
    """Return the LESIONS that two readings both outline, with a Dice below APART."""
    drawn = [reading.marks for reading in readings if reading.gradable and reading.marks]
    return tuple(n for n in LESIONS if any(_is_apart(n, *two) for two in combinations(drawn, 2)))


def _in_all(name: str, seen: Iterable[frozenset[str]]) -> bool:
    return all(name in one for one in seen)


def _is_apart(name: str, first: Sequence[Mark], second: Sequence[Mark]) -> bool:
    one, other = (tuple(m for m in marks if _covers(m, name)) for marks in (first, second))
    return bool(one and other) and _overlap_of(one, other) < APART


@lru_cache(maxsize=4096)
def _overlap_of(one: tuple[Mark, ...], other: tuple[Mark, ...]) -> float:
    """Return the Dice of two readers' regions; no scan is read for its size.

    Painted pixels know it, and outlines are laid on a grid that is as large as they reach.
    """
    for mark in (*one, *other):
        if isinstance(mark.shape, Brush):
            size = mark.shape.width, mark.shape.height
            return dice(union_mask(one, *size), union_mask(other, *size))
    outlines = [[np.array(to_outlines(mark.shape)[0]) for mark in marks] for marks in (one, other)]
    corners = np.concatenate([*outlines[0], *outlines[1]])
    start, scale = corners.min(axis=0), _GRID / max(float(np.ptp(corners, axis=0).max()), 1e-6)
    return dice(*(_on_grid([scale * (each - start) for each in own]) for own in outlines))


def _on_grid(outlines: Iterable[Floats]) -> npt.NDArray[np.uint8]:
    grid = np.zeros((_GRID + 1, _GRID + 1), np.uint8)
    for outline in outlines:
        cv2.fillPoly(grid, [np.rint(outline).astype(np.int32)], 255)
    return grid


def _shows(entry: Entry) -> bool:
    return entry.model is not None and entry.source is not Source.IMPORTED


def _blind(log: Sequence[Entry]) -> dict[str, Reading]:
    found = {}
    for who in {entry.who for entry in log if is_reading(entry)}:
        own = (entry for entry in log if entry.who == who and is_reading(entry))
        reading = standing(takewhile(lambda e: not _shows(e), own)).readings.get(who)
        if reading is not None and is_complete(reading):
            found[who] = reading
    return found


def _first_blind(log: Iterable[Entry], who: str) -> Entry | None:
    """Return an annotator's first complete answer, if no suggestion was shown before."""
    own = (entry for entry in log if entry.who == who and is_reading(entry))
    blind = takewhile(lambda entry: not _shows(entry), own)
    return next((entry for entry in blind if is_complete(entry.after)), None)


def _category(reading: Reading) -> int:
    if not reading.gradable or reading.diagnosis is None:
        return len(LABELS)
    return LABELS.index(reading.diagnosis)


def _pair(readings: Readings, one: str, other: str) -> Pair:
    both = [each for each in readings.values() if one in each and other in each]
    first, second = (
        np.array([_category(each[who]) for each in both], np.int64) for who in (one, other)
    )
    same = wilson(int((first == second).sum()), len(both))
    classes = [np.where(of < len(LABELS), of, -1) for of in (first, second)]
    kappa = cohen_kappa(classes[0], classes[1])
    return Pair(one, other, same, kappa, cohen_kappa(classes[0], classes[1], "linear"))


def _per_finding(readings: Readings) -> dict[str, Figure]:
    seen = [[findings_of(reading) for reading in each.values()] for each in readings.values()]
    found = {}
    for name in FINDINGS:
        yes = [sum(name in one for one in each) for each in seen]
        if any(yes):
            no = [len(each) - n for each, n in zip(seen, yes, strict=True)]
            found[name] = fleiss_kappa(np.array([yes, no], np.int64).T)
    return found


def _overlap(readings: Readings, sizes: Sizes) -> dict[str, Figure]:
    """Return the mean Dice by finding; a scan with more pairs of annotators weighs more."""
    parts: dict[str, list[tuple[float, int]]] = {}
    for sha256 in drawn_by_several(readings):
        if sha256 in sizes:
            drawn = [reading.marks for reading in readings[sha256].values() if reading.marks]
            for name, scores in _scores(drawn, *sizes[sha256]).items():
                parts.setdefault(name, []).append((sum(scores), len(scores)))
    return {name: _mean(parts[name]) for name in FINDINGS if name in parts}


def _mean(parts: Sequence[tuple[float, int]]) -> Figure:
    def measure(totals: Floats) -> Floats:
        return np.asarray(totals[..., 0] / totals[..., 1])

    return by_totals(measure, np.array(parts, np.float64), "scans")


def _scores(drawn: Sequence[Sequence[Mark]], width: int, height: int) -> dict[str, list[float]]:
    """Return the Dice of each pair of annotators who both drew a finding, by finding."""
    found: dict[str, list[float]] = {}
    for name in FINDINGS:
        of_it = [[mark for mark in marks if _covers(mark, name)] for marks in drawn]
        masks = [union_mask(marks, width, height) for marks in of_it if marks]
        scores = [dice(one, other) for one, other in combinations(masks, 2)]
        if scores:
            found[name] = scores
    return found


def _covers(mark: Mark, finding: str) -> bool:
    return mark.finding == finding and not isinstance(mark.shape, Spot)  # a spot has no area


def _annotator(
    who: str,
    logs: Mapping[str, Sequence[Entry]],
    readings: Readings,
    given: Sequence[Assignment],
    truths: Mapping[str, Diagnosis],
    hidden: bool,
) -> Annotator:
    mine = {sha256: each[who] for sha256, each in readings.items() if who in each}
    now = [standing(logs[sha256]).readings.get(who) for sha256 in mine]
    controls = [] if hidden else _controls(who, logs, given, truths)
    return Annotator(
        who=who,
        read=len(mine),
        skipped=sum(one.skipped for one in given),
        flagged=sum(reading is not None and reading.flagged for reading in now),
        seconds=median([r.response_ms / 1000 for r in mine.values() if r.response_ms > 0]),
        accuracy=_accuracy(controls),
        per_class={str(x): _accuracy([c for c in controls if c.truth is x]) for x in LABELS},
        drift=_drift(controls),
        suggestions=_suggestions(who, logs, controls),
        hidden=hidden,
    )


def _controls(
    who: str,
    logs: Mapping[str, Sequence[Entry]],
    given: Iterable[Assignment],
    truths: Mapping[str, Diagnosis],
) -> list[_Control]:
    """Return the controls that an annotator ever answered blind, in the order of answering."""
    found = []
    for sha256 in sorted({one.sha256 for one in given if one.is_control} & truths.keys()):
        log = logs.get(sha256, ())
        first = _first_blind(log, who)
        if first is not None and first.after is not None:
            now, seen = standing(log).readings.get(who), was_suggested(log, who)
            found.append(_Control(truths[sha256], first.at, first.after, now, seen))
    return sorted(found, key=lambda control: control.at)


def _is_right(control: _Control) -> bool:
    return control.blind.gradable and control.blind.diagnosis is control.truth


def _is_right_after(control: _Control) -> bool:
    after = control.after
    return after is not None and after.gradable and after.diagnosis is control.truth


def _accuracy(controls: Sequence[_Control]) -> Figure:
    return wilson(sum(map(_is_right, controls)), len(controls))


def _drift(controls: Sequence[_Control]) -> Drift:
    right = np.array([_is_right(control) for control in controls], np.bool_)
    half = len(right) // 2
    first, second = right[:half], right[half:]
    counts = (int(first.sum()), len(first)), (int(second.sum()), len(second))
    return Drift(
        wilson(*counts[0]), wilson(*counts[1]), change(*counts), moving_accuracy(right, WINDOW)
    )


def _suggestions(
    who: str, logs: Mapping[str, Sequence[Entry]], controls: Sequence[_Control]
) -> Suggestions:
    own = [[entry for entry in log if entry.who == who] for log in logs.values()]
    shown = [entries for entries in own if any(map(_shows, entries))]
    last = [_last_source(entries) for entries in shown]
    kept = [c for c in controls if c.seen and is_complete(c.after)]
    wrong = [c for c in kept if not _is_right(c)]
    right = [c for c in kept if _is_right(c)]
    return Suggestions(
        shown=len(shown),
        accepted=wilson(last.count(Source.ACCEPTED), len(shown)),
        corrected=wilson(last.count(Source.CORRECTED), len(shown)),
        made_right=wilson(sum(map(_is_right_after, wrong)), len(wrong)),
        made_wrong=wilson(sum(not _is_right_after(c) for c in right), len(right)),
    )


def _last_source(entries: Sequence[Entry]) -> Source | None:
    """Return how a suggestion was taken the last time, None where it was left."""
    taken = [entry.source for entry in entries if entry.source in SUGGESTED]
    return taken[-1] if taken else None
