"""What may be told of answers that were given: brings the records before `core.disclosure`."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from octtutor.core import counting
from octtutor.core.answer import Answer, Answered
from octtutor.core.counting import CountedAnswer, count_answers, first_readings
from octtutor.core.disclosure import (
    AttemptStatus,
    Audience,
    CaseSoFar,
    Disclosure,
    is_under_way,
    may_disclose,
    status_of,
)
from octtutor.core.quiz import Attempt, AttemptWithExams
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
        status = _status(attempt, attempts, own, sessions or {}, is_examined, read_by_classes)
        for place, item in enumerate(own):
            position = item.answer.position
            so_far = CaseSoFar(
                is_answered=True,
                awaits_look=may_look(attempt, own, place),
                is_discussed=(attempt.session, position) in shown,
                is_kept_back=_is_kept_back(attempt, item.answer.sha256, kept_back or {}),
            )
            found[attempt.id, position] = may_disclose(to, status, so_far)
    return tuple(
        DisclosedAnswer(item, found[item.answer.attempt_id, item.answer.position])
        for item in answers
        if (item.answer.attempt_id, item.answer.position) in found
    )


def _status(
    attempt: Attempt,
    attempts: Iterable[Attempt],
    own: Iterable[Answered],
    sessions: Sessions,
    is_examined: bool = False,
    read_by_classes: Collection[str] = (),
) -> AttemptStatus:
    taken = sum(a.quiz == attempt.quiz and a.retest_of is None for a in attempts)
    passed = has_passed(attempt, score(attempt, own))
    session = sessions.get(attempt.session) if attempt.session else None
    return status_of(attempt, session, taken, passed, is_examined, read_by_classes)


def _is_kept_back(attempt: Attempt, sha256: str, kept_back: Mapping[str, datetime]) -> bool:
    """Whether practice may not tell a scan; what was begun before the exam has told it."""
    since = kept_back.get(sha256)
    return since is not None and not attempt.options.is_exam and attempt.started_at > since


@dataclass(frozen=True, slots=True)
class Readings:
    """What a trainee has read, and all that bears on what they may be told of it. Loaded once."""

    attempts: tuple[Attempt, ...]
    """All at exams and at quizzes that are exams, and those that are asked about."""
    answers: tuple[Answered, ...] = ()
    """All of the exams, and of the attempts that are asked about; in any order."""
    sessions: Sessions = field(default_factory=dict)
    """Those that the attempts belong to."""
    discussions: tuple[Discussion, ...] = ()
    """Of those sessions."""
    read_by_classes: frozenset[str] = frozenset()
    """The scans (SHA-256) that classes read in exams just now."""

    def of(self, attempt: Attempt) -> tuple[Answered, ...]:
        """Return an attempt's answers by position."""
        own = (item for item in self.answers if item.answer.attempt_id == attempt.id)
        return tuple(sorted(own, key=lambda item: item.answer.position))

    @property
    def is_examined(self) -> bool:
        """Whether an exam of the trainee is under way, or one that their class still reads."""
        return any(is_under_way(a, self.sessions.get(a.session or "")) for a in self.attempts)

    def disclose(
        self, answers: Sequence[Answered], to: Audience = Audience.READER
    ) -> tuple[DisclosedAnswer, ...]:
        """Return some of the answers with what may be told of each."""
        return disclose(
            to,
            answers,
            self.attempts,
            self.sessions,
            self.discussions,
            self.is_examined,
            self.kept_back() if to is Audience.READER else {},
            self.read_by_classes,
        )

    def kept_back(self) -> dict[str, datetime]:
        """Return the scans (SHA-256) that exams of the trainee keep back, and since when.

        They may not be told of them in practice either, unless another attempt at the same exam
        has told them.
        """
        exams = [attempt for attempt in self.attempts if attempt.options.is_exam]
        keeps = {exam.id: self._status(exam).keeps_back for exam in exams}
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
        return attempt.options.is_exam or _is_kept_back(attempt, sha256, self.kept_back())

    def hidden_scans(self) -> frozenset[str]:
        """Return the scans (SHA-256) of the quizzes whose truth is still to be told."""
        items = self.disclose(self.answers)
        facts = {(i.answer.attempt_id, i.answer.position) for i in items if i.disclosed.truth}
        return frozenset(
            sha256
            for attempt in self.attempts
            if attempt.ended_at is None or attempt.options.is_exam
            for position, sha256 in enumerate(attempt.cases)
            if (attempt.id, position) not in facts
        )

    def history(self) -> tuple[Answer, ...]:
        """Return the answers whose truth the trainee knows, in their order."""
        return tuple(i.answer for i in self.disclose(self.answers) if i.disclosed.truth)

    def _status(self, exam: Attempt) -> AttemptStatus:
        return _status(
            exam,
            self.attempts,
            self.of(exam),
            self.sessions,
            read_by_classes=self.read_by_classes,
        )


class Disclosures:
    """Asks what may be told of what is in the records."""

    def __init__(self, store: Store) -> None:
        """Take the records."""
        self._store = store

    def beside(self, with_exams: AttemptWithExams) -> Readings:
        """Return an attempt with its answers, and the exams that bear on it."""
        attempts = (with_exams.attempt, *with_exams.beside)
        bear = [a.id for a in with_exams.beside if a.options.is_exam or a.ended_at is None]
        return self._with_sessions(
            attempts, self._store.answers_among([with_exams.attempt.id, *bear])
        )

    def all_by(self, trainee_id: str) -> Readings:
        """Return all attempts and answers of a trainee, oldest first."""
        attempts = self._store.attempts_of(trainee_id)
        return self._with_sessions(attempts, self._store.answers_by(trainee_id))

    def exams_of(self, trainee_id: str) -> Readings:
        """Return a trainee's attempts, with the answers of those at exams."""
        attempts = self._store.attempts_of(trainee_id)
        exams = [attempt.id for attempt in attempts if attempt.options.is_exam]
        answers = self._store.answers_among(exams) if exams else ()
        return self._with_sessions(attempts, answers)

    def answers_of(
        self, attempt: Attempt, to: Audience = Audience.READER
    ) -> tuple[DisclosedAnswer, ...]:
        """Return an attempt's answers by position, with what may be told of each."""
        with self._store.transaction(writes=False):
            readings = self.beside(self._store.get_attempt_with_exams(attempt.id))
        return readings.disclose(readings.of(attempt), to)

    def answers_by(
        self, trainee_id: str, to: Audience = Audience.READER
    ) -> tuple[DisclosedAnswer, ...]:
        """Return a trainee's answers, oldest first, with what may be told of each."""
        with self._store.transaction(writes=False):
            readings = self.all_by(trainee_id)
        return readings.disclose(readings.answers, to)

    def counted(self, attempt: Attempt, answers: Iterable[Answered]) -> tuple[CountedAnswer, ...]:
        """Return answers of an attempt, each with why it does not count."""
        with self._store.transaction(writes=False):
            shown = self._store.discussions_of(attempt.session) if attempt.session else ()
            all_of_them = self._store.answers_by(attempt.trainee_id)
        first = first_readings(item.answer for item in all_of_them)
        return count_answers(answers, [attempt], shown, first)

    def history(self, trainee_id: str) -> tuple[Answer, ...]:
        """Return the answers whose truth a trainee knows, oldest first."""
        with self._store.transaction(writes=False):
            readings = self.all_by(trainee_id)
        return readings.history()

    def kept_back(self, trainee_id: str) -> dict[str, datetime]:
        """Return the scans that exams of a trainee keep back; see `Readings.kept_back`."""
        with self._store.transaction(writes=False):
            readings = self.exams_of(trainee_id)
        return readings.kept_back()

    def is_examined(self, trainee_id: str) -> bool:
        """Whether an exam of a trainee is under way, or one that their class still reads."""
        with self._store.transaction(writes=False):
            attempts = self._store.attempts_of(trainee_id)
            return self._with_sessions(attempts, ()).is_examined

    def _with_sessions(
        self, attempts: tuple[Attempt, ...], answers: tuple[Answered, ...]
    ) -> Readings:
        """Bring what is needed of sessions; the scans of open exams only for exams taken alone."""
        codes = {attempt.session for attempt in attempts if attempt.session}
        alone = any(a.options.is_exam and a.session is None for a in attempts)
        found = self._store.sessions_among(codes, alone) if codes or alone else ()
        read = [s for s in found if s.is_open and s.options.is_exam] if alone else []
        return Readings(
            attempts,
            answers,
            {session.code: session for session in found if session.code in codes},
            self._store.discussions_among(codes) if codes else (),
            frozenset(sha256 for session in read for sha256 in session.cases),
        )
