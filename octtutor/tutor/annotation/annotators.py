"""How annotators read scans whose truth is known, and all figures of a project, from the log.

All figures but those of suggestions rest on blind readings: what an annotator said before the
model's suggestion for the scan was shown to them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from octtutor.core.annotation.annotation import (
    Assignment,
    LogEntry,
    Reading,
    ReadingSource,
    standing,
)
from octtutor.core.scheme import Scheme
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.stats.intervals import Figure, wilson
from octtutor.stats.learning import Point, change, moving_accuracy
from octtutor.tutor.annotation.agreement_figures import Agreement, Sizes, agreement
from octtutor.tutor.annotation.blind_readings import (
    Readings,
    blind_readings,
    by_scan,
    first_blind,
    is_complete,
    shows_suggestion,
    was_suggested,
)
from octtutor.tutor.progress.progress import median

WINDOW = 20
"""Controls of a point of the moving accuracy."""
SUGGESTED = (ReadingSource.ACCEPTED, ReadingSource.CORRECTED)


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
class AgreementReport:
    """All figures of a project."""

    agreement: Agreement
    annotators: tuple[Annotator, ...]


@dataclass(frozen=True, slots=True)
class _Control:
    """A control as one annotator first read it; `after` is how the reading stands now."""

    truth: str
    at: datetime
    blind: Reading
    after: Reading | None
    seen: bool
    """Whether a suggestion was shown."""


def report(
    entries: Iterable[LogEntry],
    assignments: Iterable[Assignment],
    truths: Mapping[str, str],
    sizes: Sizes,
    hidden: Collection[str] = (),
    scheme: Scheme = OCT2017_SCHEME,
) -> AgreementReport:
    """Return all figures of a project.

    A control counts by the first answer that was given to it, whatever was taken back later.

    Args:
        entries: its log, oldest first.
        assignments: its assignments.
        truths: the label of each control, by SHA-256; others may be there too.
        sizes: of the scans in which several drew; one that is missing has no Dice.
        hidden: annotators whose figures on controls are left out.
        scheme: the project's.
    """
    logs, given = by_scan(entries), tuple(assignments)
    readings = blind_readings(logs)
    names = sorted({who for each in readings.values() for who in each} | {a.who for a in given})
    people = tuple(
        _annotator(
            who,
            logs,
            readings,
            [a for a in given if a.who == who],
            truths,
            who in hidden,
            scheme.keys,
        )
        for who in names
    )
    return AgreementReport(agreement(readings, sizes, scheme), people)


def _annotator(
    who: str,
    logs: Mapping[str, Sequence[LogEntry]],
    readings: Readings,
    given: Sequence[Assignment],
    truths: Mapping[str, str],
    hidden: bool,
    keys: Sequence[str],
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
        per_class={key: _accuracy([c for c in controls if c.truth == key]) for key in keys},
        drift=_drift(controls),
        suggestions=_suggestions(who, logs, controls),
        hidden=hidden,
    )


def _controls(
    who: str,
    logs: Mapping[str, Sequence[LogEntry]],
    given: Iterable[Assignment],
    truths: Mapping[str, str],
) -> list[_Control]:
    """Return the controls that an annotator ever answered blind, in the order of answering."""
    found = []
    for sha256 in sorted({one.sha256 for one in given if one.is_control} & truths.keys()):
        log = logs.get(sha256, ())
        first = first_blind(log, who)
        if first is not None and first.after is not None:
            now, seen = standing(log).readings.get(who), was_suggested(log, who)
            found.append(_Control(truths[sha256], first.at, first.after, now, seen))
    return sorted(found, key=lambda control: control.at)


def _is_right(control: _Control) -> bool:
    return control.blind.gradable and control.blind.diagnosis == control.truth


def _is_right_after(control: _Control) -> bool:
    after = control.after
    return after is not None and after.gradable and after.diagnosis == control.truth


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
    who: str, logs: Mapping[str, Sequence[LogEntry]], controls: Sequence[_Control]
) -> Suggestions:
    own = [[entry for entry in log if entry.who == who] for log in logs.values()]
    shown = [entries for entries in own if any(map(shows_suggestion, entries))]
    last = [_last_source(entries) for entries in shown]
    kept = [c for c in controls if c.seen and is_complete(c.after)]
    wrong = [c for c in kept if not _is_right(c)]
    right = [c for c in kept if _is_right(c)]
    return Suggestions(
        shown=len(shown),
        accepted=wilson(last.count(ReadingSource.ACCEPTED), len(shown)),
        corrected=wilson(last.count(ReadingSource.CORRECTED), len(shown)),
        made_right=wilson(sum(map(_is_right_after, wrong)), len(wrong)),
        made_wrong=wilson(sum(not _is_right_after(c) for c in right), len(right)),
    )


def _last_source(entries: Sequence[LogEntry]) -> ReadingSource | None:
    """Return how a suggestion was taken the last time, None where it was left."""
    taken = [entry.source for entry in entries if entry.source in SUGGESTED]
    return taken[-1] if taken else None
