"""Quizzes that trainees take: what is on offer, how often, the retest, and how it went."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from octtutor.core import counting
from octtutor.core.answer import Answered
from octtutor.core.case import Case, Deck
from octtutor.core.counting import CountedAnswer
from octtutor.core.quiz import Attempt, CaseOrder, Options
from octtutor.core.quizfile.quiz_file import QuizFile
from octtutor.errors import BadInputError, StaleError
from octtutor.stats.intervals import Figure, wilson
from octtutor.stats.learning import change
from octtutor.store.contract import Store
from octtutor.tutor.disclosing import Disclosures, has_passed, score
from octtutor.tutor.exams.quizzes import Listed, Quizzes, Resolved
from octtutor.tutor.ports import Clock, Shelf
from octtutor.tutor.practice.starting import draw_seed, new_attempt, refuse_beside_running


@dataclass(frozen=True, slots=True)
class ExamOffer:
    """A quiz as a trainee finds it."""

    quiz: QuizFile
    taken: int
    """How often the trainee took it, retests left out."""
    last: Figure | None
    """Share right in the last one that ended."""
    passed: bool | None
    """Whether any attempt passed; None where there is no pass mark or none has ended."""
    retest_at: datetime | None
    """When the retest is due, or was; None where there is none (any more)."""
    fault: str | None
    """Why it cannot be played here, and what to do."""
    deck: Deck | None
    """Whose scans it asks; None where they are not here."""

    @property
    def is_used_up(self) -> bool:
        """Whether it cannot be taken (again)."""
        most = self.quiz.options.attempts
        return most is not None and self.taken >= most


@dataclass(frozen=True, slots=True)
class QuizOutcome:
    """How a quiz ended, beyond its figures."""

    right: int
    """How many are right in the end."""
    passed: bool | None
    pass_mark: float | None
    seen_before: int
    """Cases of patients whom the trainee had been shown before it began."""
    trained_on: int
    """Cases of patients whom the model was trained on."""
    unknown_patients: int
    """Cases whose patients are not told."""
    retest_at: datetime | None
    before: Figure | None
    """Of a retest: the share right in the exam that it repeats."""
    change: Figure | None
    """Of a retest: by how much the share right has changed."""
    may_review: bool
    """Whether the cases can be looked at again: the truth must not spoil another attempt."""
    in_learn: int
    """Cases that Learn shows as examples, with their diagnosis."""
    counted: tuple[CountedAnswer, ...]
    """The answers, each with why it does not count."""
    patients: Mapping[str, str]
    """Of each scan (SHA-256)."""


class Exams:
    """The use cases of quizzes with a file."""

    def __init__(
        self,
        store: Store,
        quizzes: Quizzes,
        shelf: Shelf,
        clock: Clock,
        draw_seed: Callable[[], int] = draw_seed,
    ) -> None:
        """Take the parts; `draw_seed` gives the seed of a retest."""
        self._store, self._quizzes, self._shelf = store, quizzes, shelf
        self._clock, self._draw_seed = clock, draw_seed
        self._disclosures = Disclosures(store)

    def offers(self, trainee_id: str | None) -> tuple[ExamOffer, ...]:
        """Return the offered quizzes, practice first, as a trainee or nobody finds them."""
        mine = self._store.attempts_of(trainee_id) if trainee_id else ()
        listed = [e for e in self._quizzes.all() if e.quiz and self._is_offered(e.quiz)]
        offers = [self._offer(entry, mine) for entry in listed]
        return tuple(sorted(offers, key=lambda o: (o.quiz.options.is_exam, o.quiz.size)))

    def start(self, trainee_id: str, key: str) -> Attempt:
        """Begin a quiz; the trainee's running practice ends.

        Raises:
            BadInputError: there is no such quiz, it is not offered, or it cannot be played here.
            StaleError: it was taken as often as it may be, or an exam runs.
        """
        quiz = self._find_offered(key)
        refuse_beside_running(self._store, trainee_id)
        resolved = self._quizzes.resolve(quiz, self.patients_seen(trainee_id))
        attempt = self._attempt(trainee_id, quiz, resolved, CaseOrder.FIXED, quiz.seed)
        self._store.start_attempt(attempt, quiz.options.attempts)
        return attempt

    def start_retest(self, trainee_id: str, key: str) -> Attempt:
        """Begin the retest of an exam, on other scans.

        Raises:
            BadInputError: it is not due.
            StaleError: an exam runs.
        """
        quiz = self._find_offered(key)
        mine = self._store.attempts_of(trainee_id)
        due_at, last = _retest(quiz.key, quiz.options, mine), _last_of(quiz.key, mine)
        if due_at is None or last is None or self._clock() < due_at:
            raise BadInputError(
                f"Expected a retest that is due. That of {quiz.title!r} is not"
                + (f" before {due_at:%Y-%m-%d %H:%M} UTC." if due_at else ".")
            )
        refuse_beside_running(self._store, trainee_id)
        cases = [self._store.get_case(last.deck, sha256) for sha256 in last.cases]
        seed = self._draw_seed()
        seen = self.patients_seen(trainee_id)
        resolved = self._quizzes.resolve_retest(quiz, cases, seen, seed)
        attempt = self._attempt(trainee_id, quiz, resolved, CaseOrder.RETEST, seed, last.id)
        self._store.start_attempt(attempt)
        return attempt

    def outcome(
        self, attempt: Attempt, answers: Sequence[Answered], trained_on: int
    ) -> QuizOutcome:
        """Return how an attempt went; `trained_on` is what `Practice.trained_on` counts."""
        mine = self._store.attempts_of(attempt.trainee_id)
        before = next((a for a in mine if a.id == attempt.retest_of), None)
        earlier = self._score(before) if before else None
        mark = attempt.options.pass_mark
        counted = self._disclosures.counted(attempt, answers)
        scored = counting.score(attempt, counted)
        cases = [self._store.get_case(attempt.deck, sha256) for sha256 in attempt.cases]
        return QuizOutcome(
            right=scored[0],
            passed=None if mark is None else has_passed(attempt, scored),
            pass_mark=mark,
            seen_before=self._seen_before(attempt, cases, mine),
            trained_on=trained_on,
            unknown_patients=sum(case.has_unknown_patient for case in cases),
            retest_at=self._retest_of(attempt, mine),
            before=wilson(*earlier) if earlier else None,
            change=change(earlier, scored) if earlier else None,
            may_review=self.may_review(attempt),
            in_learn=self._quizzes.in_learn(attempt.deck, attempt.cases),
            counted=counted,
            patients={case.sha256: case.patient for case in cases},
        )

    def may_review(self, attempt: Attempt) -> bool:
        """Whether an attempt's cases can be looked at again."""
        if attempt.ended_at is None:
            return False
        return all(item.disclosed.again for item in self._disclosures.answers_of(attempt))

    def patients_seen(self, trainee_id: str) -> frozenset[str]:
        """Return the patients of whom a trainee was shown a scan, in any deck."""
        decks = {attempt.deck for attempt in self._store.attempts_of(trainee_id)}
        return frozenset(case.patient for case in self._seen_of(trainee_id, decks))

    def _seen_of(self, trainee_id: str, decks: Iterable[str]) -> Iterator[Case]:
        """Give the cases of some decks that a trainee was shown, in any attempt."""
        for deck in sorted(decks):
            yield from self._store.seen_cases(deck, trainee_id)

    def _seen_before(self, attempt: Attempt, cases: Iterable[Case], mine: Sequence[Attempt]) -> int:
        before = [a for a in mine if a.started_at <= attempt.started_at and a.id != attempt.id]
        shown = {sha256 for a in before for sha256 in a.cases[: self._reached(a)]}
        seen = self._seen_of(attempt.trainee_id, {a.deck for a in before})
        patients = {case.patient for case in seen if case.sha256 in shown}
        return sum(case.patient in patients for case in cases)

    def _reached(self, attempt: Attempt) -> int:
        last = self._store.last_shown(attempt.id)
        return 0 if last is None else last + 1

    def _find_offered(self, key: str) -> QuizFile:
        quiz = self._quizzes.find(key)
        if not self._is_offered(quiz):
            raise BadInputError(
                f"Expected a quiz that is offered. {quiz.title!r} is not (any more). Ask your "
                "educator, or choose another."
            )
        return quiz

    def _is_offered(self, quiz: QuizFile) -> bool:
        """Whether trainees may begin it alone: it is, and so is a deck that it does not name."""
        if not quiz.offered or quiz.deck:
            return quiz.offered
        deck = self._quizzes.find_deck_of(quiz)
        return deck is None or deck.offered

    def _offer(self, listed: Listed, mine: Sequence[Attempt]) -> ExamOffer:
        quiz = listed.quiz
        assert quiz is not None  # `offers` leaves out those with faults
        ended = [a for a in _of(quiz, mine) if a.ended_at and not a.session]
        faults = self._quizzes.check_listed(listed)
        scores = [(a, self._store.answers_of(a.id)) for a in ended]
        scored = [(a, given) for a, given in scores if given]
        passes = [has_passed(a, score(a, given)) for a, given in scored]
        return ExamOffer(
            quiz=quiz,
            taken=len([a for a in _of(quiz, mine) if a.retest_of is None and not a.session]),
            last=wilson(*score(*scored[-1])) if scored else None,
            passed=any(passes) if passes and quiz.options.pass_mark is not None else None,
            retest_at=_retest(quiz.key, quiz.options, mine),
            fault=faults[0].what if faults else None,
            deck=self._quizzes.find_deck_of(quiz),
        )

    def _retest_of(self, attempt: Attempt, mine: Sequence[Attempt]) -> datetime | None:
        if attempt.retest_of or attempt.session or attempt.ended_at is None:
            return None
        return _retest(attempt.quiz, attempt.options, mine)

    def _score(self, attempt: Attempt) -> tuple[int, int]:
        return score(attempt, self._store.answers_of(attempt.id))

    def _attempt(
        self,
        trainee_id: str,
        quiz: QuizFile,
        resolved: Resolved,
        order: CaseOrder,
        seed: int,
        retest_of: str | None = None,
    ) -> Attempt:
        if not resolved.cases:
            raise StaleError(f"There are no scans (left) for {quiz.title!r}.")
        return new_attempt(
            self._store,
            self._shelf,
            trainee_id,
            resolved.deck,
            order,
            seed,
            [case.sha256 for case in resolved.cases],
            self._clock(),
            quiz=quiz.key,
            quiz_version=quiz.version,
            options=quiz.options,
            retest_of=retest_of,
        )


def _of(quiz: QuizFile, mine: Sequence[Attempt]) -> list[Attempt]:
    return [attempt for attempt in mine if attempt.quiz == quiz.key]


def _last_of(quiz: str, mine: Sequence[Attempt]) -> Attempt | None:
    """Return the exam that a retest repeats: the last that ended, outside of sessions."""
    ended = [a for a in mine if a.quiz == quiz and a.ended_at and not a.session]
    return next((a for a in reversed(ended) if a.retest_of is None), None)


def _retest(quiz: str, options: Options, mine: Sequence[Attempt]) -> datetime | None:
    """Return when the retest is due; None where there is none, or it was begun."""
    last = _last_of(quiz, mine)
    if not options.retest_days or last is None or last.ended_at is None:
        return None
    if any(attempt.retest_of for attempt in mine if attempt.quiz == quiz):
        return None
    return last.ended_at + timedelta(days=options.retest_days)
