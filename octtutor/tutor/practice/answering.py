"""CaseAnswering: a case is shown, its answer recorded, and the second look decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from octtutor.core.answer import Answer, Answered, SecondLook, check_confidence
from octtutor.core.case import Case
from octtutor.core.quiz import Attempt, Options
from octtutor.core.scheme import Scheme
from octtutor.datasets.decode import Pixels
from octtutor.errors import BadInputError, StaleError
from octtutor.tutor.disclosing import may_look
from octtutor.tutor.practice.marking import check_mark
from octtutor.tutor.practice.own_attempts import OwnAttempts
from octtutor.tutor.practice.starting import with_case
from octtutor.tutor.practice.time_limits import TimeLeft, milliseconds, time_left

MAX_RESPONSE_MS = 24 * 3600 * 1000


class CaseStage(StrEnum):
    """How far the trainee is with a case."""

    ASK = "ask"
    LOOK = "look"
    """Answered; the model's answer is shown, to keep the own or to change it."""
    REVEALED = "revealed"


@dataclass(frozen=True, slots=True)
class Question:
    """A scan to be read. It holds nothing that tells the answer."""

    attempt_id: str
    position: int
    total: int
    scan: Pixels
    synthetic: bool
    elapsed_ms: int
    """Since it was first shown: a reload does not turn the clock back."""
    left_ms: int | None
    """Until the time of the case or of the quiz is over; None without a limit."""
    options: Options
    session: str | None
    scheme: Scheme
    """The list of diagnoses to choose from."""
    stage: CaseStage
    """Further than ASK: go to the second look or to the reveal."""


class CaseAnswering(OwnAttempts):
    """Shows cases and takes answers; what is right is told elsewhere."""

    def question(self, trainee_id: str, attempt_id: str) -> Question | None:
        """Return the case that the trainee is at; its clock starts when it is first shown.

        After an answer it stays the same case until `next_question`, but in an exam, which shows
        no reveal. None: the quiz is over, by the clock perhaps.
        """
        attempt = self._own(trainee_id, attempt_id)
        return self._at(attempt, self._store.last_shown(attempt_id) or 0)

    def next_question(self, trainee_id: str, attempt_id: str, position: int) -> Question | None:
        """Go on after the reveal at `position`; None after the last case or the quiz's end.

        Another tab may be further: then its case is returned.

        Raises:
            StaleError: the case at `position` has no answer yet, or the session is paused.
        """
        attempt = self._own(trainee_id, attempt_id)
        if attempt.ended_at is not None:
            return None
        given = self._store.answers_of(attempt_id)
        if position >= len(given):
            raise StaleError("This case has no answer yet. Answer it first.")
        self._refuse_paused(attempt)
        looks = _waits(attempt, given)
        return self._at(attempt, len(given) - 1 if looks else len(given))

    def commit(
        self,
        trainee_id: str,
        attempt_id: str,
        position: int,
        choice: str | None,
        confidence: int,
        response_ms: int | None = None,
        mark: object = None,
        timed_out: bool = False,
    ) -> Answer:
        """Record the answer, before anything is revealed.

        Args:
            trainee_id: who.
            attempt_id: in which quiz.
            position: which case, from 0.
            choice: a class, or None for ungradable.
            confidence: 1 to 5; left out of account where the quiz does not ask it.
            response_ms: the page's own measure; used when it is not longer than the server's,
                which also counts the way there and back.
            mark: (x, y) in pixels of the scan, where the quiz asks it.
            timed_out: the page says that the time is over: nothing was chosen.

        Raises:
            StaleError: the case is answered already, is not the next one, or the quiz's time is
                over.
            BadInputError: the confidence is out of range, or the mark not in the scan.
        """
        attempt = self._own(trainee_id, attempt_id)
        if not timed_out:
            self.scheme_of(attempt).check_choice(choice)
        case = self._case_to_answer(attempt, position)
        now = self._clock()
        shown = self._store.record_shown(attempt_id, position, now)
        left = time_left(attempt, shown, now)
        if left.is_quiz_over:
            self._store.end_attempt(attempt_id, now)
            raise StaleError("The time of this quiz is over. What you answered before counts.")
        over = left.is_case_over or (timed_out and _is_nearly_over(left))
        if timed_out and not over:
            raise BadInputError("Expected an answer: there is time left. Choose one.")
        asked = attempt.options
        answer = Answer(
            attempt_id=attempt.id,
            position=position,
            trainee_id=trainee_id,
            sha256=case.sha256,
            truth=case.label,
            choice=None if over else choice,
            confidence=check_confidence(confidence) if asked.confidence and not over else 0,
            response_ms=_time(milliseconds(shown, now), response_ms),
            answered_at=now,
            deck=attempt.deck,
            quiz=attempt.quiz,
            quiz_version=attempt.quiz_version,
            mark=None if over else self._mark(attempt, case, choice, mark),
            timed_out=over,
            scheme=attempt.scheme,
        )
        self._store.record_answer(answer)
        return answer

    def decide(
        self,
        trainee_id: str,
        attempt_id: str,
        position: int,
        choice: str | None,
        response_ms: int,
    ) -> SecondLook:
        """Record what is answered after the model's answer was seen: kept or changed.

        Raises:
            StaleError: the case does not wait for it (any more).
        """
        attempt = self._own(trainee_id, attempt_id)
        if self._stage(attempt, position) is not CaseStage.LOOK:
            raise StaleError("This case does not wait for a second look. Reload the page.")
        self.scheme_of(attempt).check_choice(choice)
        now = self._clock()
        longest = milliseconds(self._given(attempt_id, position)[position].answer.answered_at, now)
        look = SecondLook(attempt_id, position, choice, _time(longest, response_ms), now)
        self._store.record_second_look(look)
        return look

    def keeps_back(self, attempt: Attempt, position: int) -> bool:
        """Whether the answer to a case is followed by the next case, and not by its truth."""
        return self._disclosures.keeps_back(attempt, attempt.cases[position])

    def end(self, trainee_id: str, attempt_id: str) -> None:
        """End a quiz early; its answers stay."""
        self._own(trainee_id, attempt_id)
        self._store.end_attempt(attempt_id, self._clock())

    def _at(self, attempt: Attempt, position: int) -> Question | None:
        """Show a case, or the first after it that can still be answered."""
        if attempt.ended_at is not None:
            return None
        if position >= attempt.asked:
            self._store.end_attempt(attempt.id, self._clock())
            return None
        stage = self._stage(attempt, position)
        if stage is CaseStage.REVEALED and self._goes_on(attempt, position):
            return self._at(attempt, position + 1)
        attempt = with_case(self._store, attempt, position)
        now = self._clock()
        shown = self._store.record_shown(attempt.id, position, now)
        left = time_left(attempt, shown, now)
        if left.is_quiz_over:
            self._store.end_attempt(attempt.id, now)
            return None
        if stage is CaseStage.ASK and left.is_case_over:
            self.commit(attempt.trainee_id, attempt.id, position, None, 0, timed_out=True)
            return self._at(attempt, position)
        return self._show(attempt, position, stage, milliseconds(shown, now), left)

    def _show(
        self, attempt: Attempt, position: int, stage: CaseStage, elapsed_ms: int, left: TimeLeft
    ) -> Question:
        case = self._store.get_case(attempt.deck, attempt.cases[position])
        return Question(
            attempt_id=attempt.id,
            position=position,
            total=attempt.asked,
            scan=self._images.read(case.sha256),
            synthetic=case.synthetic,
            elapsed_ms=elapsed_ms,
            left_ms=left.least_ms,
            options=attempt.options,
            session=attempt.session,
            scheme=self.scheme_of(attempt),
            stage=stage,
        )

    def _stage(self, attempt: Attempt, position: int) -> CaseStage:
        given = self._store.answers_of(attempt.id)
        if position >= len(given):
            return CaseStage.ASK
        if may_look(attempt, given, position) and given[position].prediction is not None:
            return CaseStage.LOOK
        return CaseStage.REVEALED

    def _case_to_answer(self, attempt: Attempt, position: int) -> Case:
        if not 0 <= position < len(attempt.cases):
            raise StaleError("There is no such case in this quiz. Reload the page.")
        given = self._store.answers_of(attempt.id)
        if position > len(given):
            raise StaleError(f"Case {position + 1} is not the next one.")
        if _waits(attempt, given):
            raise StaleError(f"Case {len(given)} waits for your second look. Reload the page.")
        self._refuse_paused(attempt)
        return self._store.get_case(attempt.deck, attempt.cases[position])

    def _mark(
        self, attempt: Attempt, case: Case, choice: str | None, mark: object
    ) -> tuple[int, int] | None:
        """Return the click that an answer wants: none of a normal or ungradable scan."""
        if not attempt.options.mark_where or choice in (None, self.scheme_of(attempt).normal):
            return None
        height, width = self._images.read(case.sha256).shape
        return check_mark(mark, width, height)

    def _refuse_paused(self, attempt: Attempt) -> None:
        session = self._store.find_session(attempt.session) if attempt.session else None
        if session and session.paused_at is not None:
            raise StaleError("The session is paused. Wait for your educator to go on.")

    def _goes_on(self, attempt: Attempt, position: int) -> bool:
        """Whether an answer leads to the next case: its truth is not told, nor discussed by all."""
        if not self.keeps_back(attempt, position):
            return False
        session = self._store.find_session(attempt.session) if attempt.session else None
        return session is None or session.discussed != position


def _waits(attempt: Attempt, given: Sequence[Answered]) -> bool:
    """Whether the model's answer to the last case is shown and the second look awaited."""
    shown = bool(given) and given[-1].prediction is not None
    return shown and may_look(attempt, given, len(given) - 1)


def _is_nearly_over(left: TimeLeft) -> bool:
    """Whether the page may say that the time is over: its clock and ours differ a little."""
    return left.least_ms is not None and left.least_ms <= 1500


def _time(longest: int, measured: int | None) -> int:
    """Return the page's measure, milliseconds, unless it is impossible."""
    if measured is not None and 0 <= measured <= longest:
        return measured
    return min(longest, MAX_RESPONSE_MS)
