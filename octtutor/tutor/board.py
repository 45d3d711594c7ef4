"""The board of a session: who is where, what the class confuses, and how it does by the model.

All figures are of first answers, before the model's was seen. Answers to a case that was being
discussed when they came are no readings: they are counted, and left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from octtutor.core.answer import Answer, Answered
from octtutor.core.case import Case
from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt, Trainee
from octtutor.core.session import Discussion, Session
from octtutor.stats.agreement import fleiss_kappa
from octtutor.stats.intervals import Figure, share_by_patient, wilson
from octtutor.stats.pairs import McNemar, mcnemar, mean_by_patient

UNGRADABLE = len(LABELS)
"""Column of ungradable answers."""
NAMELESS = "no name"
HARDEST = 5
"""How many scans are named as the hardest."""
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that the records hold of a session."""

    session: Session
    attempts: tuple[Attempt, ...]
    """In the order in which their trainees joined."""
    trainees: tuple[Trainee, ...]
    answers: tuple[Answered, ...]
    discussions: tuple[Discussion, ...]
    cases: tuple[Case, ...]
    """In the order of the session."""


@dataclass(frozen=True, slots=True)
class Reader:
    """How far a trainee has come."""

    name: str
    """The pseudonym; of equal ones the later is told apart by a number."""
    attempt_id: str
    at: int
    """Position of the case that comes next, from 0; the number of cases after the last."""
    asked: int
    right: Figure
    """Share of right answers among those that count."""
    finished: bool
    left: bool
    """Whether it ended before the last case."""
    last_seen: datetime
    """When the last answer came, or when they joined."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a trainee answered to a case."""

    name: str
    choice: Diagnosis | None
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
    """Share of right answers, of those that count."""
    counts: tuple[int, ...]
    """Five: answers in LABELS order, then ungradable."""
    timed_out: int
    late: int
    waiting: int
    """How many who have joined have not answered it."""
    readings: tuple[Reading, ...]
    model: Prediction | None
    """None while no trainee was shown the model's answer."""
    discussed: bool
    """Whether it was shown to all: until then a projector must not tell its truth."""


@dataclass(frozen=True, slots=True)
class AgainstModel:
    """The class and the model on the same scans, those on which the model has answered."""

    scans: int
    readers: Figure
    """Mean accuracy of the readers' answers; the interval resamples patients."""
    model: Figure
    """Accuracy of the model, of each scan once."""
    difference: Figure
    """Readers minus model, paired answer by answer; the interval resamples patients."""
    ahead: int
    """Readers with more right answers than the model on the scans that they read."""
    level: int
    behind: int
    majority: Figure
    """Accuracy of the most frequent answer, on scans with two readers or more; a tie is not
    right."""
    pairs: McNemar | None
    """Majority (first) against model (second), scan by scan; None without such a scan."""


@dataclass(frozen=True, slots=True)
class Board:
    """The figures of a session."""

    readers: tuple[Reader, ...]
    answered: int
    """Answers that count."""
    late: int
    """Answers after a discussion, left out of all figures."""
    timed_out: int
    """Of those that count: not right, and in no column of the matrix."""
    right: Figure
    """Share of right answers; the interval resamples patients."""
    matrix: npt.NDArray[np.int64]
    """int64 (4, 5): rows truth, columns answer, the last one ungradable."""
    cases: tuple[CaseLine, ...]
    hardest: tuple[CaseLine, ...]
    """Those with the smallest share of right answers, at least one wrong, the worst first."""
    agreement: Figure
    """Fleiss's kappa over the five answers, at most 1."""
    against_model: AgainstModel | None
    """None while the model has answered none of the scans."""


def board(
    session: Session,
    attempts: Sequence[Attempt],
    trainees: Sequence[Trainee],
    answers: Sequence[Answered],
    discussions: Sequence[Discussion],
    cases: Sequence[Case],
) -> Board:
    """Return the figures of a session.

    Args:
        session: which.
        attempts: its attempts in the order in which their trainees joined.
        trainees: at least theirs.
        answers: all answers of the session.
        discussions: which of its cases were discussed, and since when.
        cases: those of the session, in any order.
    """
    names = unique_names(attempts, trainees)
    since = {discussion.position: discussion.at for discussion in discussions}
    known = {case.sha256: case for case in cases}
    counted = [item for item in answers if not is_late(item.answer, since)]
    lines = tuple(
        _case_line(position, known[sha256], names, answers, since)
        for position, sha256 in enumerate(session.cases)
        if sha256 in known
    )
    patients = {case.sha256: case.patient for case in cases}
    return Board(
        readers=tuple(_reader(attempt, names, answers, counted) for attempt in attempts),
        answered=len(counted),
        late=len(answers) - len(counted),
        timed_out=sum(item.answer.timed_out for item in counted),
        right=_share(_rights(counted), _patients(counted, patients)),
        matrix=_matrix(counted),
        cases=lines,
        hardest=_hardest(lines),
        agreement=fleiss_kappa(np.array([line.counts for line in lines], np.int64).reshape(-1, 5)),
        against_model=_against_model(counted, lines, patients),
    )


def board_of(gathered: Gathered) -> Board:
    """Return the figures of what was gathered."""
    return board(
        gathered.session,
        gathered.attempts,
        gathered.trainees,
        gathered.answers,
        gathered.discussions,
        gathered.cases,
    )


def unique_names(attempts: Sequence[Attempt], trainees: Sequence[Trainee]) -> dict[str, str]:
    """Return the name of each attempt's trainee by the attempt's id: Ada, then Ada (2)."""
    nicknames = {trainee.id: trainee.nickname for trainee in trainees}
    taken: set[str] = set()
    names = {}
    for attempt in attempts:
        wanted = nicknames.get(attempt.trainee_id) or NAMELESS
        name, number = wanted, 1
        while name.casefold() in taken:
            number += 1
            name = f"{wanted} ({number})"
        taken.add(name.casefold())
        names[attempt.id] = name
    return names


def is_late(answer: Answer, since: Mapping[int, datetime]) -> bool:
    """Whether an answer came after its case was discussed; `since` says when, by position."""
    return answer.position in since and answer.answered_at > since[answer.position]


def _reader(
    attempt: Attempt,
    names: Mapping[str, str],
    answers: Sequence[Answered],
    counted: Sequence[Answered],
) -> Reader:
    mine = [item.answer for item in answers if item.answer.attempt_id == attempt.id]
    count = [item.answer for item in counted if item.answer.attempt_id == attempt.id]
    finished = len(mine) >= attempt.asked
    return Reader(
        name=names[attempt.id],
        attempt_id=attempt.id,
        at=len(mine),
        asked=attempt.asked,
        right=wilson(sum(answer.is_right for answer in count), len(count)),
        finished=finished,
        left=attempt.ended_at is not None and not finished,
        last_seen=max((answer.answered_at for answer in mine), default=attempt.started_at),
    )


def _case_line(
    position: int,
    case: Case,
    names: Mapping[str, str],
    answers: Sequence[Answered],
    since: Mapping[int, datetime],
) -> CaseLine:
    here = [item for item in answers if item.answer.position == position]
    given = [item.answer for item in here if not is_late(item.answer, since)]
    columns = [_column(answer) for answer in given if not answer.timed_out]
    return CaseLine(
        position=position,
        case=case,
        right=wilson(sum(answer.is_right for answer in given), len(given)),
        counts=tuple(columns.count(column) for column in range(UNGRADABLE + 1)),
        timed_out=sum(answer.timed_out for answer in given),
        late=len(here) - len(given),
        waiting=len(names) - len(here),
        readings=tuple(_reading(item.answer, names, since) for item in here),
        model=next((item.prediction for item in here if item.prediction), None),
        discussed=position in since,
    )


def _reading(answer: Answer, names: Mapping[str, str], since: Mapping[int, datetime]) -> Reading:
    return Reading(
        names.get(answer.attempt_id, NAMELESS),
        answer.choice,
        answer.timed_out,
        is_late(answer, since),
    )


def _hardest(lines: Sequence[CaseLine]) -> tuple[CaseLine, ...]:
    missed = [line for line in lines if line.right.value is not None and line.right.value < 1]
    missed.sort(key=lambda line: (line.right.value or 0, -line.right.n, line.position))
    return tuple(missed[:HARDEST])


def _matrix(counted: Sequence[Answered]) -> npt.NDArray[np.int64]:
    matrix = np.zeros((len(LABELS), len(LABELS) + 1), np.int64)
    for item in counted:
        if not item.answer.timed_out:
            matrix[LABELS.index(item.answer.truth), _column(item.answer)] += 1
    return matrix


def _against_model(
    counted: Sequence[Answered], lines: Sequence[CaseLine], patients: Mapping[str, str]
) -> AgainstModel | None:
    model = {line.position: line.model.label for line in lines if line.model}
    items = [item for item in counted if item.answer.position in model]
    if not items:
        return None
    theirs = _rights(items)
    its = np.array([model[item.answer.position] is item.answer.truth for item in items], np.bool_)
    read = [line for line in lines if line.model and line.right.n]
    model_right = np.array([model[line.position] is line.case.label for line in read], np.bool_)
    voted = [line for line in read if sum(line.counts) + line.timed_out >= 2]
    majority = np.array([_majority(line) is line.case.label for line in voted], np.bool_)
    beside = np.array([model[line.position] is line.case.label for line in voted], np.bool_)
    ahead, level, behind = _race(items, theirs, its)
    whose = _patients(items, patients)
    return AgainstModel(
        scans=len(read),
        readers=_share(theirs, whose),
        model=_share(model_right, [line.case.patient for line in read]),
        difference=mean_by_patient(theirs.astype(np.float64) - its, whose),
        ahead=ahead,
        level=level,
        behind=behind,
        majority=_share(majority, [line.case.patient for line in voted]),
        pairs=mcnemar(majority, beside) if voted else None,
    )


def _race(items: Sequence[Answered], theirs: Bools, its: Bools) -> tuple[int, int, int]:
    """Count readers who are ahead of the model, level with it, and behind it."""
    leads: dict[str, int] = {}
    for item, mine, other in zip(items, theirs, its, strict=True):
        key = item.answer.attempt_id
        leads[key] = leads.get(key, 0) + int(mine) - int(other)
    signs = [int(np.sign(lead)) for lead in leads.values()]
    return signs.count(1), signs.count(0), signs.count(-1)


def _majority(line: CaseLine) -> Diagnosis | None:
    """Return the most frequent answer; None where that is ungradable, or several are."""
    most = max(line.counts)
    if line.counts.count(most) > 1 or line.counts.index(most) == UNGRADABLE:
        return None
    return LABELS[line.counts.index(most)]


def _share(right: Bools, patients: Sequence[str]) -> Figure:
    """Estimate a share with an interval over patients, the fast way where there is one."""
    if not len(right):
        return wilson(0, 0)
    figure = mean_by_patient(right.astype(np.float64), patients)
    return figure if figure.low is not None else share_by_patient(right, patients)


def _rights(items: Sequence[Answered]) -> Bools:
    return np.array([item.answer.is_right for item in items], np.bool_)


def _patients(items: Sequence[Answered], patients: Mapping[str, str]) -> list[str]:
    return [patients.get(item.answer.sha256, item.answer.sha256) for item in items]


def _column(answer: Answer) -> int:
    return UNGRADABLE if answer.choice is None else LABELS.index(answer.choice)
