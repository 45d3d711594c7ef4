"""The board of a session: who is where, what the class confuses, and how it does by the model.

All figures are of first answers, before the model's was seen, and of those that count
(`core.counting`): the others are counted, and left out. So are answers to cases whose truth is not
to be told to those who look: a share of right answers beside what was answered would tell it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from octtutor.core.answer import Answered
from octtutor.core.case import Case
from octtutor.core.counting import First, WhyNot, count_answers, left_out, those_that_count
from octtutor.core.disclosure import AttemptStatus, Audience, CaseSoFar, may_disclose
from octtutor.core.quiz import Attempt, Trainee
from octtutor.core.scheme import Scheme
from octtutor.core.session import Discussion, Session
from octtutor.stats.agreement import fleiss_kappa
from octtutor.stats.intervals import Figure, share_by_patient
from octtutor.tutor.disclosing import may_look
from octtutor.tutor.progress.results import answer_matrix
from octtutor.tutor.sessions.against_model import (
    AgainstModel,
    against_model,
    are_right,
    patients_of,
)
from octtutor.tutor.sessions.board_lines import (
    NAMELESS,
    BoardReader,
    CaseLine,
    case_line,
    reader_line,
)
from octtutor.tutor.sessions.gathering import Gathered

HARDEST = 5
"""How many scans are named as the hardest."""


@dataclass(frozen=True, slots=True)
class Board:
    """The figures of a session."""

    readers: tuple[BoardReader, ...]
    answered: int
    """Answers that count, and those held back."""
    held_back: int
    """Answers to cases whose truth may not be told: in no figure but the agreement."""
    left_out: dict[WhyNot, int]
    """How many answers are left out of all figures, by reason."""
    timed_out: int
    """To cases whose truth may be told: left out, with a column of their own."""
    right: Figure
    """Share of right answers; answers to a patient's scans, and of a reader, are alike."""
    matrix: npt.NDArray[np.int64]
    """int64 (k, k + 2): rows truth, columns answer; then ungradable, then timed out."""
    cases: tuple[CaseLine, ...]
    hardest: tuple[CaseLine, ...]
    """Of the cases that are told, those with the smallest share of right answers, at least one
    wrong, the worst first."""
    disputed: tuple[CaseLine, ...]
    """Of the others, those on whose most frequent answer the fewest agree, at least one against
    it."""
    agreement: Figure
    """Fleiss's kappa over all that can be answered, at most 1."""
    against_model: AgainstModel | None
    """None while the model has answered none of the scans."""
    scheme: Scheme


def board(
    session: Session,
    attempts: Sequence[Attempt],
    trainees: Sequence[Trainee],
    answers: Sequence[Answered],
    discussions: Sequence[Discussion],
    cases: Sequence[Case],
    scheme: Scheme,
    to: Audience = Audience.EDUCATOR,
    first: First | None = None,
) -> Board:
    """Return the figures of a session.

    Args:
        session: which.
        attempts: its attempts in the order in which their trainees joined.
        trainees: at least theirs.
        answers: all answers of the session.
        discussions: which of its cases were discussed, and since when.
        cases: those of the session, in any order.
        scheme: the list of diagnoses that it is answered with.
        to: who looks.
        first: where each trainee answered each scan first; None: as far as these answers tell.
    """
    names = unique_names(attempts, trainees)
    found = count_answers(answers, attempts, discussions, first)
    known = {case.sha256: case for case in cases}
    facts = disclosed_positions(session, attempts, answers, discussions, to)
    told = [item for item in found if item.answer.position in facts]
    given, counted = those_that_count(found), those_that_count(told)
    lines = tuple(
        case_line(position, known[sha256], names, found, position in facts, scheme)
        for position, sha256 in enumerate(session.cases)
        if sha256 in known
    )
    patients = {case.sha256: case.patient for case in cases}
    return Board(
        readers=tuple(reader_line(attempt, names, found, facts) for attempt in attempts),
        answered=len(given),
        held_back=len(given) - len(counted),
        left_out=left_out(found),
        timed_out=sum(item.why_not is WhyNot.TIMED_OUT for item in told),
        right=share_by_patient(
            are_right(counted),
            patients_of(counted, patients),
            [item.answer.attempt_id for item in counted],
        ),
        matrix=answer_matrix(told, scheme),
        cases=lines,
        hardest=_hardest(lines),
        disputed=_disputed(lines),
        agreement=fleiss_kappa(
            np.array([line.counts for line in lines], np.int64).reshape(-1, len(scheme.keys) + 1)
        ),
        against_model=against_model(counted, lines, patients, scheme),
        scheme=scheme,
    )


def disclosed_positions(
    session: Session,
    attempts: Sequence[Attempt],
    answers: Sequence[Answered],
    discussions: Iterable[Discussion],
    to: Audience,
) -> frozenset[int]:
    """Return the positions of the cases whose truth may be told to who looks at a session."""
    ordered = sorted(answers, key=lambda item: item.answer.position)
    given = {a.id: [i for i in ordered if i.answer.attempt_id == a.id] for a in attempts}
    reads = [attempt for attempt in attempts if attempt.ended_at is None]
    whole = len(session.cases) if attempts else 0
    by_all = min((len(given[attempt.id]) for attempt in reads), default=whole)
    looks = {
        len(given[a.id]) - 1
        for a in reads
        if given[a.id] and may_look(a, given[a.id], len(given[a.id]) - 1)
    }
    shown = {discussion.position for discussion in discussions}
    status = AttemptStatus(is_exam=session.options.is_exam, goes_on=session.is_open)
    return frozenset(
        position
        for position in range(len(session.cases))
        if may_disclose(
            to,
            status,
            CaseSoFar(
                is_answered=position < by_all,
                awaits_look=position in looks,
                is_discussed=position in shown,
            ),
        ).truth
    )


def board_of(gathered: Gathered, to: Audience = Audience.EDUCATOR) -> Board:
    """Return the figures of what was gathered, for who looks at them."""
    return board(
        gathered.session,
        gathered.attempts,
        gathered.trainees,
        gathered.answers,
        gathered.discussions,
        gathered.cases,
        gathered.scheme,
        to,
        gathered.first or None,
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


def _hardest(lines: Sequence[CaseLine]) -> tuple[CaseLine, ...]:
    missed = [line for line in lines if line.right.value is not None and line.right.value < 1]
    missed.sort(key=lambda line: (line.right.value or 0, -line.right.n, line.position))
    return tuple(missed[:HARDEST])


def _disputed(lines: Sequence[CaseLine]) -> tuple[CaseLine, ...]:
    """Choose by what was answered alone, since these lines must not tell what was right."""

    def agreed(line: CaseLine) -> float:
        return max(line.counts) / max(sum(line.counts), 1)

    split = [
        line for line in lines if not line.is_disclosed and max(line.counts) < sum(line.counts)
    ]
    split.sort(key=lambda line: (agreed(line), -sum(line.counts), line.position))
    return tuple(split[:HARDEST])
