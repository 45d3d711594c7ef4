"""What may be told of answers that were given: brings the records before `core.disclosure`."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from octtutor.core import counting
from octtutor.core.answer import Answer, Answered
from octtutor.core.counting import CountedAnswer, count_answers, first_readings
from octtutor.core.disclosure import (
    Audience,
    CaseSoFar,
    Disclosure,
    Sitting,
    is_under_way,
    may_disclose,
    sitting_of,
)
from octtutor.core.quiz import Attempt
from octtutor.core.session import Discussion, Session
from octtutor.store.contract import Store

Sessions = Mapping[str, Session]
"""By code; those that are gone are missing."""


@dataclass(frozen=True, slots=True)
class DisclosedAnswer:
    """An answer, and what may be told of its case."""

    answered: Answered
    disclosed: Disclosure

    @property
    def answer(self) -> Answer:
        """The answer, as it was before any second look."""
        return self.answered.answer


def score(
    attempt: Attempt, answers: Iterable[Answered], discussions: Iterable[Discussion] = ()
) -> tuple[int, int]:
    """Return how many are right in the end, of all cases (`counting.score`).

    Args:
        attempt: whose.
        answers: its.
        discussions: which of its cases were shown to all.
    """
    return counting.score(attempt, count_answers(answers, [attempt], discussions))


def has_passed(attempt: Attempt, scored: tuple[int, int]) -> bool:
    """Whether a score, see `score`, reaches the attempt's pass mark; without one it does not."""
    mark, (right, asked) = attempt.options.pass_mark, scored
    return mark is not None and right >= mark * asked - 1e-9


def may_look(attempt: Attempt, answers: Sequence[Answered], position: int) -> bool:
    """Whether a case has a second look that was not taken yet: only the last one answered.

    Args:
        attempt: whose case it is.
        answers: all of the attempt, by position.
        position: of the case.
    """
    if attempt.ended_at is not None or not attempt.options.second_look:
        return False
    item = answers[position]
    return position == len(answers) - 1 and item.second is None and not item.answer.timed_out


def disclose(
    to: Audience,
    answers: Sequence[Answered],
    attempts: Sequence[Attempt],
    sessions: Sessions | None = None,
    discussions: Iterable[Discussion] = (),
    is_examined: bool = False,
    kept_back: Mapping[str, datetime] | None = None,
    read_by_classes: Collection[str] = (),
) -> tuple[DisclosedAnswer, ...]:
    """Return answers with what may be told of each.

    Args:
        to: who is told.
        answers: all those of `attempts`, in any order.
        attempts: all of one trainee, or of a session.
        sessions: those that the attempts belong to.
        discussions: which of their cases were shown to all.
        is_examined: whether an exam of the trainee is under way.
        kept_back: scans (SHA-256) that exams of the trainee keep back, and since when.
        read_by_classes: the scans of open sessions that are played as exams.
    """
    by_attempt: dict[str, list[Answered]] = {}
    for item in sorted(answers, key=lambda item: item.answer.position):
        by_attempt.setdefault(item.answer.attempt_id, []).append(item)
    shown = {(one.code, one.position) for one in discussions}
    found: dict[tuple[str, int], Disclosure] = {}
    for attempt in attempts:
        own = by_attempt.get(attempt.id, [])
        sitting = _sitting(attempt, attempts, own, sessions or {}, is_examined, read_by_classes)
        for place, item in enumerate(own):
            position = item.answer.position
            so_far = CaseSoFar(
                is_answered=True,
                awaits_look=may_look(attempt, own, place),
                is_discussed=(attempt.session, position) in shown,
                is_kept_back=_is_kept_back(attempt, item.answer.sha256, kept_back or {}),
            )
            found[attempt.id, position] = may_disclose(to, sitting, so_far)
    return tuple(
        DisclosedAnswer(item, found[item.answer.attempt_id, item.answer.position])
        for item in answers
        if (item.answer.attempt_id, item.answer.position) in found
    )


def _sitting(
    attempt: Attempt,
    attempts: Iterable[Attempt],
    own: Iterable[Answered],
    sessions: Sessions,
    is_examined: bool = False,
    read_by_classes: Collection[str] = (),
) -> Sitting:
    taken = sum(a.quiz == attempt.quiz and a.retest_of is None for a in attempts)
    passed = has_passed(attempt, score(attempt, own))
    session = sessions.get(attempt.session) if attempt.session else None
    return sitting_of(attempt, session, taken, passed, is_examined, read_by_classes)


def _is_kept_back(attempt: Attempt, sha256: str, kept_back: Mapping[str, datetime]) -> bool:
    """Whether practice may not tell a scan; what was begun before the exam has told it."""
    since = kept_back.get(sha256)
    return since is not None and not attempt.options.is_exam and attempt.started_at > since


class Disclosures:
    """Asks what may be told of what is in the records."""

    def __init__(self, store: Store) -> None:
        """Take the records."""
        self._store = store

    def answers_of(
        self, attempt: Attempt, to: Audience = Audience.READER
    ) -> tuple[DisclosedAnswer, ...]:
        """Return an attempt's answers by position, with what may be told of each."""
        mine = self._store.attempts_of(attempt.trainee_id)
        exams = [a for a in mine if a.options.is_exam and a.id != attempt.id]
        kept = self.kept_back(attempt.trainee_id) if to is Audience.READER else {}
        return self._disclose(to, self._store.answers_of(attempt.id), [attempt, *exams], kept)

    def answers_by(
        self, trainee_id: str, to: Audience = Audience.READER
    ) -> tuple[DisclosedAnswer, ...]:
        """Return a trainee's answers, oldest first, with what may be told of each."""
        attempts = self._store.attempts_of(trainee_id)
        kept = self.kept_back(trainee_id) if to is Audience.READER else {}
        return self._disclose(to, self._store.answers_by(trainee_id), attempts, kept)

    def counted(self, attempt: Attempt, answers: Iterable[Answered]) -> tuple[CountedAnswer, ...]:
        """Return answers of an attempt, each with why it does not count."""
        shown = self._store.discussions_of(attempt.session) if attempt.session else ()
        all_of_them = self._store.answers_by(attempt.trainee_id)
        first = first_readings(item.answer for item in all_of_them)
        return count_answers(answers, [attempt], shown, first)

    def history(self, trainee_id: str) -> tuple[Answer, ...]:
        """Return the answers whose truth a trainee knows, oldest first."""
        return tuple(item.answer for item in self.answers_by(trainee_id) if item.disclosed.truth)

    def hidden_scans(self, trainee_id: str) -> frozenset[str]:
        """Return the scans (SHA-256) of a trainee's quizzes whose truth is still to be told."""
        items = self.answers_by(trainee_id)
        facts = {(i.answer.attempt_id, i.answer.position) for i in items if i.disclosed.truth}
        return frozenset(
            sha256
            for attempt in self._store.attempts_of(trainee_id)
            if attempt.ended_at is None or attempt.options.is_exam
            for position, sha256 in enumerate(attempt.cases)
            if (attempt.id, position) not in facts
        )

    def kept_back(self, trainee_id: str) -> dict[str, datetime]:
        """Return the scans (SHA-256) that exams of a trainee keep back, and since when.

        They may not be told of them in practice either, unless another attempt at the same exam
        has told them.
        """
        mine = self._store.attempts_of(trainee_id)
        exams = [attempt for attempt in mine if attempt.options.is_exam]
        sessions, read = self._sessions(exams), self._read_by_classes(exams)
        keeps = {
            exam.id: _sitting(
                exam, mine, self._store.answers_of(exam.id), sessions, read_by_classes=read
            ).keeps_back
            for exam in exams
        }
        told = {exam.quiz for exam in exams if not keeps[exam.id]}
        kept: dict[str, datetime] = {}
        for exam in exams:
            if keeps[exam.id] and (exam.quiz not in told or exam.ended_at is None):
                for sha256 in exam.cases:
                    kept[sha256] = min(exam.started_at, kept.get(sha256, exam.started_at))
        return kept

    def keeps_back(self, attempt: Attempt, sha256: str) -> bool:
        """Whether an attempt tells no truth of a scan as it goes on: in an exam of none.

        In practice those are the scans that an exam of its trainee keeps back.
        """
        return attempt.options.is_exam or _is_kept_back(
            attempt, sha256, self.kept_back(attempt.trainee_id)
        )

    def is_examined(self, trainee_id: str) -> bool:
        """Whether an exam of a trainee is under way, or one that their class still reads."""
        attempts = [a for a in self._store.attempts_of(trainee_id) if a.options.is_exam]
        sessions = self._sessions(attempts)
        return any(is_under_way(a, sessions.get(a.session or "")) for a in attempts)

    def _disclose(
        self,
        to: Audience,
        answers: Sequence[Answered],
        attempts: Sequence[Attempt],
        kept_back: Mapping[str, datetime],
    ) -> tuple[DisclosedAnswer, ...]:
        sessions = self._sessions(attempts)
        return disclose(
            to,
            answers,
            attempts,
            sessions,
            [one for code in sessions for one in self._store.discussions_of(code)],
            any(is_under_way(a, sessions.get(a.session or "")) for a in attempts),
            kept_back,
            self._read_by_classes(attempts),
        )

    def _read_by_classes(self, attempts: Iterable[Attempt]) -> frozenset[str]:
        """Return the scans that classes read in exams just now; only exams taken alone ask."""
        if not any(a.options.is_exam and a.session is None for a in attempts):
            return frozenset()
        read = [s for s in self._store.sessions() if s.is_open and s.options.is_exam]
        return frozenset(sha256 for session in read for sha256 in session.cases)

    def _sessions(self, attempts: Collection[Attempt]) -> dict[str, Session]:
        codes = {attempt.session for attempt in attempts if attempt.session}
        found = map(self._store.find_session, sorted(codes))
        return {session.code: session for session in found if session is not None}
