"""Practise: draw a quiz, show a scan, take the answer, then reveal."""

import random
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from octtutor.core.answer import Answer, Answered, check_confidence
from octtutor.core.case import Case, Deck
from octtutor.core.diagnosis import Diagnosis
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import PRACTICE, PRACTICE_VERSION, Attempt, Trainee
from octtutor.core.schedule import BALANCED, draw_balanced
from octtutor.datasets.decode import Pixels
from octtutor.errors import BadInputError, BadScanError, ModelError, StaleError, StoreError
from octtutor.store.contract import Store
from octtutor.tutor.ports import Clock, Images, Maps, Predictor, Shelf

MAX_NICKNAME = 40
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
    answered: bool
    """The answer is given already: go to the reveal."""


@dataclass(frozen=True, slots=True)
class Reveal:
    """What is shown after the answer."""

    attempt_id: str
    position: int
    total: int
    scan: Pixels
    case: Case
    answer: Answer
    prediction: Prediction | None
    maps: Maps | None
    """Raw maps float32 (4, h, w) in LABELS order."""
    mask: npt.NDArray[np.uint8] | None
    """uint8 (height, width), 255 inside the lesion, where one is known."""
    model_fault: str | None
    """Why there is no prediction."""


class Practice:
    """The use cases of practising. Every method checks that the attempt is the trainee's."""

    def __init__(
        self,
        store: Store,
        images: Images,
        shelf: Shelf,
        clock: Clock,
        draw_seed: Callable[[], int] = lambda: secrets.randbelow(2**31),
    ) -> None:
        """Take the parts; `draw_seed` gives the seed of a quiz whose trainee names none."""
        self._store, self._images, self._shelf = store, images, shelf
        self._clock, self._draw_seed = clock, draw_seed

    def enrol(self, trainee_id: str | None, nickname: str) -> Trainee:
        """Return the trainee of an id, made if it is new or unknown, with this nickname.

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
        who = known.id if known else str(uuid.uuid4())
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

    def start(self, trainee_id: str, deck: str, size: int, seed: int | None = None) -> Attempt:
        """Draw a quiz and begin it with the model in use; the trainee's running one ends.

        Args:
            trainee_id: who.
            deck: a deck's name.
            size: how many cases, at least 1; fewer when the deck has fewer.
            seed: the same seed draws the same cases of the same deck.

        Raises:
            BadInputError: the deck is empty or unknown, or the size is not positive.
        """
        cases = self._store.cases_of(deck)
        if not cases:
            raise BadInputError(
                f"Expected a deck with cases. {deck[:64]!r} has none. Choose another, or import "
                "scans with `octtutor data import`."
            )
        if size < 1:
            raise BadInputError(f"Expected at least 1 case. Received {size}. Choose more.")
        seed = self._draw_seed() if seed is None else seed
        drawn = draw_balanced(cases, size, random.Random(seed))
        model = self._shelf.current()
        attempt = Attempt(
            id=str(uuid.uuid4()),
            trainee_id=trainee_id,
            quiz=PRACTICE,
            quiz_version=PRACTICE_VERSION,
            deck=deck,
            order=BALANCED,
            seed=seed,
            cases=tuple(case.sha256 for case in drawn),
            started_at=self._clock(),
            model=model.name if model.sha256 else None,
            model_sha256=model.sha256,
        )
        self._store.start_attempt(attempt)
        return attempt

    def find_latest(self, trainee_id: str) -> Attempt | None:
        """Return the trainee's last quiz; it runs while its `ended_at` is None."""
        return self._store.find_latest_attempt(trainee_id)

    def question(self, trainee_id: str, attempt_id: str) -> Question:
        """Return the case that the trainee is at; its clock starts when it is first shown.

        After an answer it stays the same case until `next_question`.
        """
        attempt = self._own(trainee_id, attempt_id)
        return self._show(attempt, self._store.last_shown(attempt_id) or 0)

    def next_question(self, trainee_id: str, attempt_id: str, position: int) -> Question | None:
        """Go on after the reveal at `position`; None after the last case or the quiz's end.

        Another tab may be further: then its case is returned.

        Raises:
            StaleError: the case at `position` has no answer yet.
        """
        attempt = self._own(trainee_id, attempt_id)
        if attempt.ended_at is not None:
            return None
        done = len(self._store.answers_of(attempt_id))
        if position >= done:
            raise StaleError("This case has no answer yet. Answer it first.")
        if done >= len(attempt.cases):
            self._store.end_attempt(attempt_id, self._clock())
            return None
        return self._show(attempt, done)

    def commit(
        self,
        trainee_id: str,
        attempt_id: str,
        position: int,
        choice: Diagnosis | None,
        confidence: int,
        response_ms: int | None = None,
    ) -> Answer:
        """Record the answer, before anything is revealed.

        Args:
            trainee_id: who.
            attempt_id: in which quiz.
            position: which case, from 0.
            choice: a class, or None for ungradable.
            confidence: 1 to 5.
            response_ms: the page's own measure; used when it is not longer than the server's,
                which also counts the way there and back.

        Raises:
            StaleError: the case is answered already, or is not the next one.
            BadInputError: the confidence is out of range.
        """
        attempt = self._own(trainee_id, attempt_id)
        if not 0 <= position < len(attempt.cases):
            raise StaleError("There is no such case in this quiz. Reload the page.")
        if position > len(self._store.answers_of(attempt_id)):
            raise StaleError(f"Case {position + 1} is not the next one.")
        case = self._store.get_case(attempt.deck, attempt.cases[position])
        answer = Answer(
            attempt_id=attempt.id,
            position=position,
            trainee_id=trainee_id,
            sha256=case.sha256,
            truth=case.label,
            choice=choice,
            confidence=check_confidence(confidence),
            response_ms=self._time(attempt_id, position, response_ms),
            answered_at=self._clock(),
            deck=attempt.deck,
            quiz=attempt.quiz,
            quiz_version=attempt.quiz_version,
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

    def reveal(self, trainee_id: str, attempt_id: str, position: int) -> Reveal:
        """Return truth, model's answer and maps of an answered case, waiting for the model.

        The model's answer is recorded first; what was recorded once stays.

        Raises:
            StaleError: the case has no answer yet.
        """
        attempt = self._own(trainee_id, attempt_id)
        answered = self._answered(attempt_id, position)
        case = self._store.get_case(attempt.deck, answered.answer.sha256)
        scan = self._images.read(case.sha256)
        prediction, maps, fault = self._ask_model(attempt, scan, answered)
        if prediction is not None:
            prediction = self._store.record_prediction(attempt_id, position, prediction)
        return Reveal(
            attempt_id=attempt_id,
            position=position,
            total=len(attempt.cases),
            scan=scan,
            case=case,
            answer=answered.answer,
            prediction=prediction,
            maps=maps,
            mask=self._find_mask(case),
            model_fault=fault,
        )

    def answers(self, trainee_id: str, attempt_id: str) -> tuple[Attempt, tuple[Answered, ...]]:
        """Return an attempt and its answers so far."""
        return self._own(trainee_id, attempt_id), self._store.answers_of(attempt_id)

    def end(self, trainee_id: str, attempt_id: str) -> None:
        """End a quiz early; its answers stay."""
        self._own(trainee_id, attempt_id)
        self._store.end_attempt(attempt_id, self._clock())

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

    def _show(self, attempt: Attempt, position: int) -> Question:
        case = self._store.get_case(attempt.deck, attempt.cases[position])
        now = self._clock()
        first = self._store.record_shown(attempt.id, position, now)
        return Question(
            attempt_id=attempt.id,
            position=position,
            total=len(attempt.cases),
            scan=self._images.read(case.sha256),
            synthetic=case.synthetic,
            elapsed_ms=_milliseconds(first, now),
            answered=len(self._store.answers_of(attempt.id)) > position,
        )

    def _time(self, attempt_id: str, position: int, measured: int | None) -> int:
        now = self._clock()
        longest = _milliseconds(self._store.record_shown(attempt_id, position, now), now)
        if measured is not None and 0 <= measured <= longest:
            return measured
        return min(longest, MAX_RESPONSE_MS)

    def _own(self, trainee_id: str, attempt_id: str) -> Attempt:
        attempt = self._store.get_attempt(attempt_id)
        if attempt.trainee_id != trainee_id:
            raise StoreError("There is no such quiz of yours in the records. Reload the page.")
        return attempt


def _milliseconds(start: datetime, end: datetime) -> int:
    return max(0, round((end - start).total_seconds() * 1000))
