"""CaseAnswering: a case is shown, its answer recorded or changed, the second look decided."""

from dataclasses import dataclass, replace
from datetime import datetime

from octtutor.core.answer import Answer, SecondLook, check_confidence
from octtutor.core.case import Case
from octtutor.core.quiz import Attempt, Options, Showing
from octtutor.core.scheme import Scheme
from octtutor.datasets.decode import Pixels
from octtutor.errors import BadInputError, StaleError
from octtutor.tutor.practice.marking import check_mark
from octtutor.tutor.practice.own_attempts import OwnAttempts
from octtutor.tutor.practice.sitting import CaseStage, Sitting
from octtutor.tutor.practice.starting import with_case
from octtutor.tutor.practice.time_limits import TimeLeft, milliseconds, time_left

MAX_RESPONSE_MS = 24 * 3600 * 1000


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


@dataclass(frozen=True, slots=True)
class Turn:
    """A case that a trainee is at, as it is recorded: what `Question` is drawn of."""

    sitting: Sitting
    position: int
    stage: CaseStage
    case: Case
    elapsed_ms: int
    left: TimeLeft


@dataclass(frozen=True, slots=True)
class Timed:
    """A case that was shown, by the clock."""

    sitting: Sitting
    shown_at: datetime
    """When first."""
    now: datetime
    left: TimeLeft

    @property
    def elapsed_ms(self) -> int:
        """Since it was first shown."""
        return milliseconds(self.shown_at, self.now)


@dataclass(frozen=True, slots=True)
class Given:
    """What a trainee sends as an answer."""

    choice: str | None
    """A class, or None for ungradable."""
    confidence: int
    """1 to 5; left out of account where the quiz does not ask it."""
    response_ms: int | None = None
    """The page's own measure; used when it is not longer than the server's, which also counts the
    way there and back."""
    mark: object = None
    """(x, y) in pixels of the scan, where the quiz asks it."""
    timed_out: bool = False
    """The page says that the time is over: nothing was chosen."""


class CaseAnswering(OwnAttempts):
    """Shows cases and takes answers; what is right is told elsewhere."""

    def question(self, trainee_id: str, attempt_id: str) -> Question | None:
        """Return the case that the trainee is at; its clock starts when it is first shown.

        After an answer it stays the same case until `next_question`, but in an exam, which shows
        no reveal. None: the quiz is over, by the clock perhaps.
        """
        turn = self.turn(trainee_id, attempt_id)
        return self.draw(turn) if turn else None

    def next_question(self, trainee_id: str, attempt_id: str, position: int) -> Question | None:
        """Go on after the reveal at `position`; None after the last case or the quiz's end.

        Another tab may be further: then its case is returned.

        Raises:
            StaleError: the case at `position` has no answer yet, or the session is paused.
        """
        turn = self.next_turn(trainee_id, attempt_id, position)
        return self.draw(turn) if turn else None

    def turn(self, trainee_id: str, attempt_id: str, at_kept: bool = False) -> Turn | None:
        """Return where the trainee is, as `question` does.

        Args:
            trainee_id: who.
            attempt_id: in which quiz.
            at_kept: stay at an answer that is kept until they go on; else the next case comes.
        """
        with self._store.transaction():
            sitting = self._sit(trainee_id, attempt_id, goes_on=True)
            at = sitting.shown.position if sitting.shown else 0
            return self._at(sitting, at, at_kept)

    def next_turn(self, trainee_id: str, attempt_id: str, position: int) -> Turn | None:
        """Go on, as `next_question` does."""
        with self._store.transaction():
            sitting = self._sit(trainee_id, attempt_id, goes_on=True)
            if sitting.attempt.ended_at is not None:
                return None
            if position >= len(sitting.given):
                raise StaleError("This case has no answer yet. Answer it first.")
            _refuse_paused(sitting)
            return self._at(sitting, len(sitting.given) - sitting.awaits_look)

    def draw(self, turn: Turn) -> Question:
        """Read the scan of a case that a trainee is at."""
        attempt = turn.sitting.attempt
        return Question(
            attempt_id=attempt.id,
            position=turn.position,
            total=attempt.asked,
            scan=self._images.read(turn.case.sha256),
            synthetic=turn.case.synthetic,
            elapsed_ms=turn.elapsed_ms,
            left_ms=turn.left.least_ms,
            options=attempt.options,
            session=attempt.session,
            scheme=self.scheme_of(attempt),
            stage=turn.stage,
        )

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
        """Record an answer, before anything is revealed; see `answer`, and `Given`."""
        given = Given(choice, confidence, response_ms, mark, timed_out)
        sitting = self.answer(trainee_id, attempt_id, position, given)
        return sitting.given[position].answer

    def answer(self, trainee_id: str, attempt_id: str, position: int, given: Given) -> Sitting:
        """Record the answer, before anything is revealed; return how the attempt stands then.

        Raises:
            StaleError: the case is answered already, is not the next one, or the quiz's time is
                over.
            BadInputError: the confidence is out of range, or the mark not in the scan.
        """
        with self._store.transaction():
            sitting = self._sit(trainee_id, attempt_id, position)
            if not given.timed_out:
                self.scheme_of(sitting.attempt).check_choice(given.choice)
            _refuse_out_of_turn(sitting, position)
            timed = self._shown(sitting, position)
            if not timed.left.is_quiz_over:
                return self._record(timed, position, given)
        raise StaleError("The time of this quiz is over. What you answered before counts.")

    def change(self, trainee_id: str, attempt_id: str, position: int, given: Given) -> Sitting:
        """Put another answer in the place of one of which nothing was told; the first is kept too.

        Args:
            trainee_id: who.
            attempt_id: in which quiz.
            position: of the case answered last.
            given: the new answer; `timed_out` is of no account.

        Raises:
            StaleError: it stands: the quiz allows no change, has gone on or ended, something was
                told of it, or its time is over.
            BadInputError: as for `answer`.
        """
        with self._store.transaction():
            sitting = self._sit(trainee_id, attempt_id, position)
            sitting.answered_at(position)
            self.scheme_of(sitting.attempt).check_choice(given.choice)
            _refuse_paused(sitting)
            if not sitting.may_change(position):
                raise StaleError("This answer stands. Reload the page to go on.")
            timed = self._shown(sitting, position)
            if timed.left.is_case_over:
                raise StaleError("The time of this case is over. Your answer stands; go on.")
            if not timed.left.is_quiz_over:
                new = self._as_answer(timed, position, replace(given, timed_out=False))
                return timed.sitting.with_answer(self._store.change_answer(new))
        raise StaleError("The time of this quiz is over. What you answered before counts.")

    def decide(
        self,
        trainee_id: str,
        attempt_id: str,
        position: int,
        choice: str | None,
        response_ms: int,
        confidence: int | None = None,
    ) -> SecondLook:
        """Record what is answered after the model's answer was seen; see `look_again`."""
        sitting = self.look_again(trainee_id, attempt_id, position, choice, response_ms, confidence)
        look = sitting.given[position].second
        assert look is not None  # it was recorded just now
        return look

    def look_again(
        self,
        trainee_id: str,
        attempt_id: str,
        position: int,
        choice: str | None,
        response_ms: int,
        confidence: int | None = None,
    ) -> Sitting:
        """Record what is answered after the model's answer was seen: kept or changed.

        Args:
            trainee_id: who.
            attempt_id: in which quiz.
            position: of the case answered last.
            choice: a class, or None for ungradable.
            response_ms: since the model's answer was seen.
            confidence: how sure now, 1 to 5; None: it was not asked.

        Raises:
            StaleError: the case does not wait for it (any more).
            BadInputError: the confidence is out of range.
        """
        with self._store.transaction():
            sitting = self._sit(trainee_id, attempt_id, position)
            if sitting.stage(position) is not CaseStage.LOOK:
                raise StaleError("This case does not wait for a second look. Reload the page.")
            self.scheme_of(sitting.attempt).check_choice(choice)
            asked = sitting.attempt.options.confidence and confidence is not None
            sure = check_confidence(confidence or 0) if asked else 0
            now = self._clock()
            longest = milliseconds(sitting.given[position].answer.answered_at, now)
            ms = _time(longest, response_ms)
            look = SecondLook(attempt_id, position, choice, ms, now, sure)
            self._store.record_second_look(look)
            return sitting.with_look(look)

    def left_ms(self, sitting: Sitting) -> int | None:
        """Return the time left of the case shown last, or of the quiz; None without a limit."""
        if sitting.shown is None:
            return None
        return time_left(sitting.attempt, sitting.shown.at, self._clock()).least_ms

    def end(self, trainee_id: str, attempt_id: str) -> None:
        """End a quiz early; its answers stay."""
        with self._store.transaction():
            self._sit(trainee_id, attempt_id)
            self._store.end_attempt(attempt_id, self._clock())

    def _at(self, sitting: Sitting, position: int, at_kept: bool = False) -> Turn | None:
        """Show a case, or the first after it that can still be answered."""
        attempt = sitting.attempt
        if attempt.ended_at is not None:
            return None
        stage = sitting.stage(position) if position < attempt.asked else CaseStage.ASK
        stays = at_kept and position == len(sitting.given) - 1 and sitting.shown_no_later(position)
        if stage is CaseStage.KEPT and not stays:
            return self._at(sitting, position + 1, at_kept)
        if position >= attempt.asked:
            self._store.end_attempt(attempt.id, self._clock())
            return None
        sitting = self._drawn(sitting, position)
        timed = self._shown(self._with_case(sitting, position), position)
        if timed.left.is_quiz_over:
            return None
        if stage is CaseStage.ASK and timed.left.is_case_over:
            answered = self._record(timed, position, Given(None, 0, timed_out=True))
            return self._at(answered, position, at_kept)
        case = timed.sitting.case_at(position)
        assert case is not None  # it was loaded just now
        return Turn(timed.sitting, position, stage, case, timed.elapsed_ms, timed.left)

    def _drawn(self, sitting: Sitting, position: int) -> Sitting:
        keys = self.scheme_of(sitting.attempt).keys
        return with_case(self._store, self._disclosures, sitting, position, keys)

    def _shown(self, sitting: Sitting, position: int) -> Timed:
        """Show a case, whose clock starts with it; a quiz whose time is over ends."""
        now, shown = self._clock(), sitting.shown
        if shown is None or shown.position != position:
            scan = sitting.attempt.cases[position]
            at = self._store.record_shown(sitting.attempt.id, position, now, scan)
            first = Showing(position, at)
            is_further = shown is None or shown.position < position
            sitting = replace(sitting, shown=first) if is_further else sitting
            shown = first
        left = time_left(sitting.attempt, shown.at, now)
        if left.is_quiz_over:
            self._store.end_attempt(sitting.attempt.id, now)
        return Timed(sitting, shown.at, now, left)

    def _record(self, timed: Timed, position: int, given: Given) -> Sitting:
        """Record an answer that is in time, or that there was none in time."""
        left = timed.left
        over = left.is_case_over or (given.timed_out and _is_nearly_over(left))
        if given.timed_out and not over:
            raise BadInputError("Expected an answer: there is time left. Choose one.")
        answer = self._as_answer(timed, position, replace(given, timed_out=over))
        self._store.record_answer(answer)
        return timed.sitting.with_answer(answer)

    def _as_answer(self, timed: Timed, position: int, given: Given) -> Answer:
        attempt, case = timed.sitting.attempt, timed.sitting.case_at(position)
        assert case is not None  # it was loaded just now
        over = given.timed_out
        asks = attempt.options.confidence and not over
        return Answer(
            attempt_id=attempt.id,
            position=position,
            trainee_id=attempt.trainee_id,
            sha256=case.sha256,
            truth=case.label,
            choice=None if over else given.choice,
            confidence=check_confidence(given.confidence) if asks else 0,
            response_ms=_time(timed.elapsed_ms, given.response_ms),
            answered_at=timed.now,
            deck=attempt.deck,
            quiz=attempt.quiz,
            quiz_version=attempt.quiz_version,
            mark=None if over else self._mark(attempt, case, given),
            timed_out=over,
            scheme=attempt.scheme,
        )

    def _mark(self, attempt: Attempt, case: Case, given: Given) -> tuple[int, int] | None:
        """Return the click that an answer wants: none of a normal or ungradable scan."""
        without = (None, self.scheme_of(attempt).normal)
        if not attempt.options.mark_where or given.choice in without:
            return None
        height, width = self._images.read(case.sha256).shape
        return check_mark(given.mark, width, height)


def _refuse_out_of_turn(sitting: Sitting, position: int) -> None:
    if not 0 <= position < len(sitting.attempt.cases):
        raise StaleError("There is no such case in this quiz. Reload the page.")
    given = len(sitting.given)
    if position > given:
        raise StaleError(f"Case {position + 1} is not the next one.")
    if sitting.awaits_look:
        raise StaleError(f"Case {given} waits for your second look. Reload the page.")
    _refuse_paused(sitting)


def _refuse_paused(sitting: Sitting) -> None:
    if sitting.is_paused:
        raise StaleError("The session is paused. Wait for your educator to go on.")


def _is_nearly_over(left: TimeLeft) -> bool:
    """Whether the page may say that the time is over: its clock and ours differ a little."""
    return left.least_ms is not None and left.least_ms <= 1500


def _time(longest: int, measured: int | None) -> int:
    """Return the page's measure, milliseconds, unless it is impossible."""
    if measured is not None and 0 <= measured <= longest:
        return measured
    return min(longest, MAX_RESPONSE_MS)
