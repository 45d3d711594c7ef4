"""The rows of a session's board: how far each trainee is, and what was answered to each case."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from octtutor.core.case import Case
from octtutor.core.counting import CountedAnswer, WhyNot
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt
from octtutor.core.scheme import Scheme
from octtutor.stats.intervals import Figure, wilson

NAMELESS = "no name"
Positions = Collection[int]


@dataclass(frozen=True, slots=True)
class BoardReader:
    """How far a trainee has come."""

    name: str
    """The pseudonym; of equal ones the later is told apart by a number."""
    attempt_id: str
    at: int
    """Position of the case that comes next, from 0; the number of cases after the last."""
    asked: int
    right: Figure
    """Share of right answers among those that count, of cases whose truth may be told."""
    timed_out: int
    finished: bool
    left: bool
    """Whether it ended before the last case."""
    last_seen: datetime
    """When the last answer came, or when they joined."""


@dataclass(frozen=True, slots=True)
class BoardReading:
    """What a trainee answered to a case."""

    name: str
    choice: str | None
    """None: ungradable, or the time was over."""
    timed_out: bool
    why_not: WhyNot | None
    """Why it does not count."""


@dataclass(frozen=True, slots=True)
class CaseLine:
    """What the class answered to a case."""

    position: int
    case: Case
    right: Figure
    """Share of right answers, of those that count; empty where the truth may not be told."""
    counts: tuple[int, ...]
    """Answers in the scheme's order, then ungradable."""
    timed_out: int
    left_out: int
    """Answers that came late or after the case was shown, or of who had read the scan before."""
    waiting: int
    """How many who have joined have not answered it."""
    readings: tuple[BoardReading, ...]
    model: Prediction | None
    """None while no trainee was shown the model's answer, or it is of another scheme."""
    is_disclosed: bool
    """Whether those who look may be told its truth and what the model said."""


def reader_line(
    attempt: Attempt, names: Mapping[str, str], counted: Sequence[CountedAnswer], facts: Positions
) -> BoardReader:
    """Return how far a trainee has come.

    Args:
        attempt: theirs.
        names: by attempt.
        counted: all answers of the session.
        facts: of the cases whose truth may be told.
    """
    mine = [item for item in counted if item.answer.attempt_id == attempt.id]
    count = [i.answer for i in mine if i.counts and i.answer.position in facts]
    finished = len(mine) >= attempt.asked
    return BoardReader(
        name=names[attempt.id],
        attempt_id=attempt.id,
        at=len(mine),
        asked=attempt.asked,
        right=wilson(sum(answer.is_right for answer in count), len(count)),
        timed_out=sum(item.why_not is WhyNot.TIMED_OUT for item in mine),
        finished=finished,
        left=attempt.ended_at is not None and not finished,
        last_seen=max((item.answer.answered_at for item in mine), default=attempt.started_at),
    )


def case_line(
    position: int,
    case: Case,
    names: Mapping[str, str],
    counted: Sequence[CountedAnswer],
    facts: bool,
    scheme: Scheme,
) -> CaseLine:
    """Return what was answered to a case; `facts`: whether its truth may be told."""
    here = [item for item in counted if item.answer.position == position]
    given = [item.answer for item in here if item.counts]
    columns = [scheme.column_of(answer.choice) for answer in given]
    timed_out = sum(item.why_not is WhyNot.TIMED_OUT for item in here)
    predictions = (item.answered.comparable for item in here)
    return CaseLine(
        position=position,
        case=case,
        right=wilson(sum(answer.is_right for answer in given), len(given))
        if facts
        else wilson(0, 0),
        counts=tuple(columns.count(column) for column in range(len(scheme.keys) + 1)),
        timed_out=timed_out,
        left_out=len(here) - len(given) - timed_out,
        waiting=len(names) - len(here),
        readings=tuple(_reading(item, names) for item in here),
        model=next((found for found in predictions if found), None) if facts else None,
        is_disclosed=facts,
    )


def _reading(item: CountedAnswer, names: Mapping[str, str]) -> BoardReading:
    answer = item.answer
    return BoardReading(
        names.get(answer.attempt_id, NAMELESS), answer.choice, answer.timed_out, item.why_not
    )
