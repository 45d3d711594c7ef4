"""The rows of a session's board: how far each trainee is, and what was answered to each case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from octtutor.core.answer import Answer, Answered
from octtutor.core.case import Case
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt
from octtutor.core.scheme import Scheme
from octtutor.stats.intervals import Figure, wilson

NAMELESS = "no name"


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
    late: bool
    """Whether the case had been discussed; it does not count then."""


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
    late: int
    waiting: int
    """How many who have joined have not answered it."""
    readings: tuple[BoardReading, ...]
    model: Prediction | None
    """None while no trainee was shown the model's answer, or it is of another scheme."""
    is_disclosed: bool
    """Whether those who look may be told its truth and what the model said."""


def is_late(answer: Answer, since: Mapping[int, datetime]) -> bool:
    """Whether an answer came after its case was discussed; `since` says when, by position."""
    return answer.position in since and answer.answered_at > since[answer.position]


def reader_line(
    attempt: Attempt,
    names: Mapping[str, str],
    answers: Sequence[Answered],
    counted: Sequence[Answered],
) -> BoardReader:
    """Return how far a trainee has come; `counted` are the answers that may be told."""
    mine = [item.answer for item in answers if item.answer.attempt_id == attempt.id]
    count = [item.answer for item in counted if item.answer.attempt_id == attempt.id]
    finished = len(mine) >= attempt.asked
    return BoardReader(
        name=names[attempt.id],
        attempt_id=attempt.id,
        at=len(mine),
        asked=attempt.asked,
        right=wilson(sum(answer.is_right for answer in count), len(count)),
        finished=finished,
        left=attempt.ended_at is not None and not finished,
        last_seen=max((answer.answered_at for answer in mine), default=attempt.started_at),
    )


def case_line(
    position: int,
    case: Case,
    names: Mapping[str, str],
    answers: Sequence[Answered],
    since: Mapping[int, datetime],
    facts: bool,
    scheme: Scheme,
) -> CaseLine:
    """Return what was answered to a case; `facts`: whether its truth may be told."""
    here = [item for item in answers if item.answer.position == position]
    given = [item.answer for item in here if not is_late(item.answer, since)]
    columns = [scheme.column_of(answer.choice) for answer in given if not answer.timed_out]
    return CaseLine(
        position=position,
        case=case,
        right=wilson(sum(answer.is_right for answer in given), len(given))
        if facts
        else wilson(0, 0),
        counts=tuple(columns.count(column) for column in range(len(scheme.keys) + 1)),
        timed_out=sum(answer.timed_out for answer in given),
        late=len(here) - len(given),
        waiting=len(names) - len(here),
        readings=tuple(_reading(item.answer, names, since) for item in here),
        model=next((item.comparable for item in here if item.comparable), None) if facts else None,
        is_disclosed=facts,
    )


def _reading(
    answer: Answer, names: Mapping[str, str], since: Mapping[int, datetime]
) -> BoardReading:
    return BoardReading(
        names.get(answer.attempt_id, NAMELESS),
        answer.choice,
        answer.timed_out,
        is_late(answer, since),
    )
