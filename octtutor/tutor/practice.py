"""Practise: draw a quiz, show a scan, take the answer, then reveal."""

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from octtutor.core.answer import Answer, Answered, SecondLook, check_confidence
from octtutor.core.case import Case, Deck
from octtutor.core.diagnosis import Diagnosis
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt, Options, Trainee
from octtutor.core.schedule import ADAPTIVE, BALANCED, draw_balanced, draw_unseen
from octtutor.datasets.decode import Pixels
from octtutor.errors import BadInputError, BadScanError, ModelError, StaleError, StoreError
from octtutor.store.contract import Store
from octtutor.tutor.attempts import (
    DUE,
    check_size,
    draw_seed,
    new_attempt,
    refuse_beside_running,
    with_case,
)
from octtutor.tutor.limits import TimeLeft, milliseconds, time_left
from octtutor.tutor.marking import MarkScore, check_mark, score_mark
from octtutor.tutor.ports import Clock, Images, Maps, Predictor, Shelf
from octtutor.tutor.spacing import Due, due

MAX_NICKNAME = 40
MAX_RESPONSE_MS = 24 * 3600 * 1000
ORDERS = (ADAPTIVE, BALANCED, DUE)


class Stage(StrEnum):
    """How far the trainee is with a case."""

    ASK = "ask"
    LOOK = "look"
    """Answered; the model's answer is shown, to keep the own or to change it."""
    TOLD = "told"


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
    stage: Stage
    """Further than ASK: go to the second look or to the reveal."""


@dataclass(frozen=True, slots=True)
class Look:
    """The model's answer, shown for the second look. It does not tell the truth."""

    attempt_id: str
    position: int
    total: int
    scan: Pixels
    synthetic: bool
    answer: Answer
    options: Options
    prediction: Prediction
    maps: Maps | None


@dataclass(frozen=True, slots=True)
class Reveal:
    """What is shown after the answer."""

    attempt_id: str
    position: int
    total: int
    scan: Pixels
    case: Case
    answer: Answer
    second: SecondLook | None
    options: Options
    prediction: Prediction | None
    maps: Maps | None
    """Raw maps float32 (4, h, w) in LABELS order."""
    mask: npt.NDArray[np.uint8] | None
    """uint8 (height, width), 255 inside the lesion, where one is known."""
    mark: MarkScore | None
    """Where the finding was to be clicked and there is one."""
    model_fault: str | None
    """Why there is no prediction."""
    trained_on: bool
    """Whether the model was trained on this patient: its answer is then no proof of skill."""


class Practice:
    """The use cases of reading cases. Every method checks that the attempt is the trainee's."""

    def __init__(
        self,
        store: Store,
        images: Images,
        shelf: Shelf,
        clock: Clock,
        draw_seed: Callable[[], int] = draw_seed,
    ) -> None:
        """Take the parts; `draw_seed` gives the seed of a quiz whose trainee names none."""
        self._store, self._images, self._shelf = store, images, shelf
        self._clock, self._draw_seed = clock, draw_seed

    def enrol(self, trainee_id: str | None, nickname: str) -> Trainee:
        """Return the trainee of an id, made if it is new or unknown, with this nickname.

        A page draws its id when it is first opened, so that two tabs are one trainee; it is used
        when it is a random UUID, which nobody can guess. Any other that is not known is not.

        Raises:
            BadInputError: the nickname is too long.
        """
        name = "".join(filter(str.isprintable, " ".join(nickname.split())))
        if len(name) > MAX_NICKNAME:
            raise BadInputError(
                f"Expected a nickname of at most {MAX_NICKNAME} characters. Received "
                f"{len(name):,}. Choose a shorter one."
            )
        known = self._store.find_trainee(trainee_id) if trainee_id else None
        who = trainee_id if trainee_id and (known or _is_random(trainee_id)) else draw_id()
        trainee = Trainee(who, name, known.created_at if known else self._clock())
        if known is None or known.nickname != name:
            self._store.add_trainee(trainee)
        return trainee

    def find_trainee(self, trainee_id: str) -> Trainee | None:
        """Return the trainee of an id."""
        return self._store.find_trainee(trainee_id)

    def decks(self) -> tuple[tuple[Deck, int], ...]:
        """Return the decks and how many cases each has."""
        return tuple((deck, self._store.count_cases(deck.name)) for deck in self._store.decks())

    def is_synthetic(self, deck: str) -> bool:
        """Whether all scans of a deck are computer-made."""
        found = self._store.find_deck(deck)
        return found is not None and found.synthetic

    def find_answered(self, trainee_id: str) -> Attempt | None:
        """Return the trainee's last quiz with at least one answer."""
        return self._store.find_answered_attempt(trainee_id)

    def start(
        self,
        trainee_id: str,
        deck: str,
        size: int,
        seed: int | None = None,
        order: str = BALANCED,
    ) -> Attempt:
        """Begin to practise with the model in use; the trainee's running quiz ends.

        Args:
            trainee_id: who.
            deck: a deck's name.
            size: how many cases, at least 1; fewer when the deck has fewer.
            seed: the same seed draws the same cases of the same deck, at random whatever the
                order; without one, scans not seen yet come first.
            order: one of ORDERS.

        Raises:
            BadInputError: the deck is empty or unknown, the size is not positive, or there is no
                such order.
            StaleError: an exam runs.
        """
        cases = self._store.cases_of(deck)
        check_size(size, cases, deck)
        if order not in ORDERS:
            raise BadInputError(f"Expected one of {', '.join(ORDERS)}. Received {order[:40]!r}.")
        refuse_beside_running(self._store, trainee_id)
        drawn: tuple[Case, ...] = ()
        if seed is not None:
            order, drawn = BALANCED, draw_balanced(cases, size, random.Random(seed))
        seed = self._draw_seed() if seed is None else seed
        if order == BALANCED and not drawn:
            seen = self._store.seen_by(trainee_id)
            drawn = draw_unseen(cases, size, seen, random.Random(seed))
        hashes = [case.sha256 for case in drawn]
        length = 0 if drawn else min(size, len(cases))
        now = self._clock()
        attempt = new_attempt(self._shelf, trainee_id, deck, order, seed, hashes, now, size=length)
        self._store.start_attempt(attempt)
        return attempt

    def due(self, trainee_id: str) -> tuple[tuple[Answer, ...], Due]:
        """Return a trainee's answers, oldest first, and what is due of what they learnt.

        Those of an exam that runs are left out: they would tell what was right in it.
        """
        hidden = self._running_exam(trainee_id)
        answers = (item.answer for item in self._store.answers_by(trainee_id))
        history = tuple(a for a in answers if hidden is None or a.attempt_id != hidden.id)
        return history, due(history, self._clock())

    def is_examined(self, trainee_id: str) -> bool:
        """Whether an exam of a trainee runs."""
        return self._running_exam(trainee_id) is not None

    def is_watched(self, trainee_id: str) -> bool:
        """Whether an exam of a trainee runs, or they are in a session that goes on."""
        latest = self._store.find_latest_attempt(trainee_id)
        if latest is None or latest.ended_at is not None:
            return False
        session = self._store.find_session(latest.session) if latest.session else None
        return latest.options.is_exam or (session is not None and session.is_open)

    def _running_exam(self, trainee_id: str) -> Attempt | None:
        latest = self._store.find_latest_attempt(trainee_id)
        runs = latest is not None and latest.options.is_exam and latest.ended_at is None
        return latest if runs else None

    def find_latest(self, trainee_id: str) -> Attempt | None:
        """Return the trainee's last quiz; it runs while its `ended_at` is None."""
        return self._store.find_latest_attempt(trainee_id)

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
        looks = bool(given) and _waits(attempt, given[-1])
        return self._at(attempt, len(given) - 1 if looks else len(given))

    def commit(
        self,
        trainee_id: str,
        attempt_id: str,
        position: int,
        choice: Diagnosis | None,
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
            mark=self._mark(case, choice, mark) if asked.mark_where and not over else None,
            timed_out=over,
        )
        self._store.record_answer(answer)
        return answer

    def must_wait(self, trainee_id: str, attempt_id: str, position: int) -> bool:
        """Whether the reveal at `position` has to wait for the model to load."""
        attempt = self._own(trainee_id, attempt_id)
        try:
            model = self._model_of(attempt)
        except ModelError:
            return False
        return not model.is_ready and not model.knows(attempt.cases[position])

    def look(self, trainee_id: str, attempt_id: str, position: int) -> Look | None:
        """Return the model's answer for a second look, recorded first; waits for the model.

        None: there is no second look at this case (any more), or no model to look at.

        Raises:
            StaleError: the case has no answer yet.
        """
        attempt = self._own(trainee_id, attempt_id)
        answered = self._answered(attempt_id, position)
        if not _may_look(attempt, answered):
            return None
        case = self._store.get_case(attempt.deck, answered.answer.sha256)
        scan = self._images.read(case.sha256)
        prediction, maps, _ = self._ask_model(attempt, scan, answered)
        if prediction is None:
            return None
        return Look(
            attempt_id=attempt_id,
            position=position,
            total=attempt.asked,
            scan=scan,
            synthetic=case.synthetic,
            answer=answered.answer,
            options=attempt.options,
            prediction=self._store.record_prediction(attempt_id, position, prediction),
            maps=maps,
        )

    def decide(
        self,
        trainee_id: str,
        attempt_id: str,
        position: int,
        choice: Diagnosis | None,
        response_ms: int,
    ) -> SecondLook:
        """Record what is answered after the model's answer was seen: kept or changed.

        Raises:
            StaleError: the case does not wait for it (any more).
        """
        attempt = self._own(trainee_id, attempt_id)
        if self._stage(attempt, position) is not Stage.LOOK:
            raise StaleError("This case does not wait for a second look. Reload the page.")
        now = self._clock()
        longest = milliseconds(self._answered(attempt_id, position).answer.answered_at, now)
        look = SecondLook(attempt_id, position, choice, _time(longest, response_ms), now)
        self._store.record_second_look(look)
        return look

    def reveal(self, trainee_id: str, attempt_id: str, position: int) -> Reveal:
        """Return truth, model's answer and maps of an answered case, waiting for the model.

        The model's answer is recorded first; what was recorded once stays.

        Raises:
            StaleError: the case has no answer yet, waits for its second look, or belongs to an
                exam that runs.
        """
        attempt = self._own(trainee_id, attempt_id)
        answered = self._answered(attempt_id, position)
        if self._is_exam_running(attempt, position):
            raise StaleError("The truth is told at the end of the exam. Go on.")
        if _waits(attempt, answered):
            raise StaleError("This case waits for your second look. Keep your answer or change it.")
        case = self._store.get_case(attempt.deck, answered.answer.sha256)
        scan = self._images.read(case.sha256)
        prediction, maps, fault = self._ask_model(attempt, scan, answered)
        if prediction is not None and not _may_look(attempt, answered):
            prediction = self._store.record_prediction(attempt_id, position, prediction)
        mask = self._find_mask(case)
        mark = answered.answer.mark
        return Reveal(
            attempt_id=attempt_id,
            position=position,
            total=attempt.asked,
            scan=scan,
            case=case,
            answer=answered.answer,
            second=answered.second,
            options=attempt.options,
            prediction=prediction,
            maps=maps,
            mask=mask,
            mark=score_mark(mark, mask) if mark and mask is not None else None,
            model_fault=fault,
            trained_on=self._is_trained_on(attempt, case),
        )

    def answers(self, trainee_id: str, attempt_id: str) -> tuple[Attempt, tuple[Answered, ...]]:
        """Return an attempt and its answers so far."""
        return self._own(trainee_id, attempt_id), self._store.answers_of(attempt_id)

    def trained_on(self, attempt: Attempt) -> int:
        """Return how many of an attempt's cases are of patients its model was trained on."""
        cases = (self._store.get_case(attempt.deck, sha256) for sha256 in attempt.cases)
        return sum(self._is_trained_on(attempt, case) for case in cases)

    def count_marks(self, attempt: Attempt) -> tuple[int, int] | None:
        """Return how many clicks hit the finding, of how many that could; None: none was asked."""
        if not attempt.options.mark_where:
            return None
        marked = [item.answer for item in self._store.answers_of(attempt.id) if item.answer.mark]
        masks = [self._find_mask(self._store.get_case(a.deck, a.sha256)) for a in marked]
        scores = [
            score_mark(answer.mark, mask)
            for answer, mask in zip(marked, masks, strict=True)
            if answer.mark is not None and mask is not None
        ]
        hits = [score.hit for score in scores if score is not None]
        return sum(hits), len(hits)

    def contrast(self, reveal: Reveal) -> tuple[Case, Case] | None:
        """Return the case just read and one of the class it was taken for, to compare.

        One that the trainee has seen already, if there is one: what is shown here with its name
        cannot be asked any more. None where nothing was confused, or in an exam or a session.
        """
        attempt = self._store.get_attempt(reveal.attempt_id)
        chosen = reveal.second.choice if reveal.second else reveal.answer.choice
        apart = attempt.options.is_exam or attempt.session is not None
        if apart or chosen is None or chosen is reveal.case.label:
            return None
        there = self._store.cases_of(attempt.deck)
        others = {case.sha256: case for case in there if case.label is chosen}
        seen = [sha256 for sha256 in self._store.seen_by(attempt.trainee_id) if sha256 in others]
        if not seen:
            return None
        return reveal.case, others[seen[-1]]

    def ask_model_for_all(self, attempt: Attempt) -> None:
        """Record the model's answers that an exam did not wait for; a missing model has none."""
        for answered in self._store.answers_of(attempt.id):
            if answered.prediction is not None:
                continue
            scan = self._images.read(answered.answer.sha256)
            prediction, _, _ = self._ask_model(attempt, scan, answered)
            if prediction is not None:
                self._store.record_prediction(attempt.id, answered.answer.position, prediction)

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
        if stage is Stage.TOLD and self._is_exam_running(attempt, position):
            return self._at(attempt, position + 1)
        attempt = with_case(self._store, attempt, position)
        now = self._clock()
        shown = self._store.record_shown(attempt.id, position, now)
        left = time_left(attempt, shown, now)
        if left.is_quiz_over:
            self._store.end_attempt(attempt.id, now)
            return None
        if stage is Stage.ASK and left.is_case_over:
            self.commit(attempt.trainee_id, attempt.id, position, None, 0, timed_out=True)
            return self._at(attempt, position)
        return self._show(attempt, position, stage, milliseconds(shown, now), left)

    def _show(
        self, attempt: Attempt, position: int, stage: Stage, elapsed_ms: int, left: TimeLeft
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
            stage=stage,
        )

    def _stage(self, attempt: Attempt, position: int) -> Stage:
        given = self._store.answers_of(attempt.id)
        if position >= len(given):
            return Stage.ASK
        return Stage.LOOK if _waits(attempt, given[position]) else Stage.TOLD

    def _case_to_answer(self, attempt: Attempt, position: int) -> Case:
        if not 0 <= position < len(attempt.cases):
            raise StaleError("There is no such case in this quiz. Reload the page.")
        given = self._store.answers_of(attempt.id)
        if position > len(given):
            raise StaleError(f"Case {position + 1} is not the next one.")
        if given and _waits(attempt, given[-1]):
            raise StaleError(f"Case {len(given)} waits for your second look. Reload the page.")
        self._refuse_paused(attempt)
        return self._store.get_case(attempt.deck, attempt.cases[position])

    def _mark(self, case: Case, choice: Diagnosis | None, mark: object) -> tuple[int, int] | None:
        height, width = self._images.read(case.sha256).shape
        return check_mark(mark, choice, width, height)

    def _refuse_paused(self, attempt: Attempt) -> None:
        session = self._store.find_session(attempt.session) if attempt.session else None
        if session and session.paused_at is not None:
            raise StaleError("The session is paused. Wait for your educator to go on.")

    def _is_exam_running(self, attempt: Attempt, position: int) -> bool:
        """Whether the truth is held back still; a case that all discuss is told to all."""
        if not attempt.options.is_exam or attempt.ended_at is not None:
            return False
        session = self._store.find_session(attempt.session) if attempt.session else None
        return session is None or session.discussed != position

    def _is_trained_on(self, attempt: Attempt, case: Case) -> bool:
        try:
            return self._model_of(attempt).trained_on(case.sha256, case.patient)
        except ModelError:
            return False

    def _find_mask(self, case: Case) -> npt.NDArray[np.uint8] | None:
        try:
            return self._images.read(case.mask_sha256) if case.mask_sha256 else None
        except (BadScanError, StoreError):
            return None  # the reveal goes on without an outline

    def _ask_model(
        self, attempt: Attempt, scan: Pixels, answered: Answered
    ) -> tuple[Prediction | None, Maps | None, str | None]:
        try:
            prediction, maps = self._model_of(attempt).read(answered.answer.sha256, scan)
        except ModelError as error:
            return answered.prediction, None, str(error)
        earlier = answered.prediction
        if earlier is not None and earlier.model_sha256 != prediction.model_sha256:
            return earlier, None, "The model has changed since; its map is not shown."
        return prediction, maps, None

    def _model_of(self, attempt: Attempt) -> Predictor:
        return self._shelf.recorded(attempt.model, attempt.model_sha256)

    def _answered(self, attempt_id: str, position: int) -> Answered:
        given = self._store.answers_of(attempt_id)
        if not 0 <= position < len(given):
            raise StaleError("This case has no answer yet. Answer it first.")
        return given[position]

    def _own(self, trainee_id: str, attempt_id: str) -> Attempt:
        attempt = self._store.get_attempt(attempt_id)
        if attempt.trainee_id != trainee_id:
            raise StoreError("There is no such quiz of yours in the records. Reload the page.")
        return attempt


def draw_id() -> str:
    """Return an id for a new trainee."""
    return str(uuid.uuid4())


def _is_random(trainee_id: str) -> bool:
    try:
        found = uuid.UUID(trainee_id)
    except ValueError:
        return False
    return found.version == 4 and str(found) == trainee_id


def _may_look(attempt: Attempt, answered: Answered) -> bool:
    """Whether a case has a second look that was not taken yet."""
    wanted = attempt.options.second_look and not answered.answer.timed_out
    return wanted and answered.second is None


def _waits(attempt: Attempt, answered: Answered) -> bool:
    """Whether the model's answer is shown and the second look awaited."""
    return _may_look(attempt, answered) and answered.prediction is not None


def _is_nearly_over(left: TimeLeft) -> bool:
    """Whether the page may say that the time is over: its clock and ours differ a little."""
    return left.least_ms is not None and left.least_ms <= 1500


def _time(longest: int, measured: int | None) -> int:
    """Return the page's measure, milliseconds, unless it is impossible."""
    if measured is not None and 0 <= measured <= longest:
        return measured
    return min(longest, MAX_RESPONSE_MS)
