"""CaseRevealing: the model's answer, the truth and the maps of a case that was answered."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from octtutor.core.answer import Answer, Answered, SecondLook
from octtutor.core.case import Case
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt, Options
from octtutor.core.scheme import Counterparts, Scheme
from octtutor.core.verdict import Standing
from octtutor.datasets.decode import Pixels
from octtutor.errors import BadScanError, ModelError, StaleError, StoreError
from octtutor.tutor.decks.deck_schemes import counterparts_of
from octtutor.tutor.disclosing import may_look
from octtutor.tutor.ports import Maps, Predictor
from octtutor.tutor.practice.marking import MarkScore, score_mark
from octtutor.tutor.practice.own_attempts import OwnAttempts
from octtutor.tutor.practice.sitting import Sitting


@dataclass(frozen=True, slots=True)
class ModelLook:
    """The model's answer, shown for the second look. It does not tell the truth."""

    attempt_id: str
    position: int
    total: int
    scan: Pixels
    synthetic: bool
    answer: Answer
    options: Options
    prediction: Prediction
    standing: Standing | None
    """What the answer is worth; None where the model that gave it cannot be asked."""
    maps: Maps | None
    scheme: Scheme
    counterparts: Counterparts | None
    """What the model's answers stand for; None where they are of the scheme."""


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
    standing: Standing | None
    """What the prediction is worth; None where the model that gave it cannot be asked."""
    maps: Maps | None
    """Raw maps float32 (k, h, w) in the order of the prediction's probabilities."""
    mask: npt.NDArray[np.uint8] | None
    """uint8 (height, width), 255 inside the lesion, where one is known."""
    mark: MarkScore | None
    """Where the finding was to be clicked and there is one."""
    model_fault: str | None
    """Why there is no prediction."""
    trained_on: bool
    """Whether the model was trained on this patient: its answer is then no proof of skill."""
    scheme: Scheme
    """The list of diagnoses that it was answered with."""
    counterparts: Counterparts | None
    """What the model's answers stand for; None where they are of the scheme, or nothing says it."""
    contrast: tuple[Case, Case] | None
    """The case just read and one of the class it was taken for, to compare; None: there is none."""


class CaseRevealing(OwnAttempts):
    """Tells what may be told of answered cases, and asks the model."""

    def must_wait(self, trainee_id: str, attempt_id: str, position: int) -> bool:
        """Whether the reveal at `position` has to wait for the model to load."""
        return self.waits_for_model(self.sit(trainee_id, attempt_id).attempt, position)

    def waits_for_model(self, attempt: Attempt, position: int) -> bool:
        """Whether the reveal of a case has to wait for the model to load."""
        try:
            model = self._model_of(attempt)
        except ModelError:
            return False
        return not model.is_ready and not model.knows(attempt.cases[position])

    def look(self, trainee_id: str, attempt_id: str, position: int) -> ModelLook | None:
        """Return the model's answer for a second look, recorded first; waits for the model.

        None: there is no second look at this case (any more), or no model to look at.

        Raises:
            StaleError: the case has no answer yet.
        """
        sitting = self.sit(trainee_id, attempt_id, position)
        if not _looks(sitting, position):
            return None
        said = self._ask_model(sitting, position)
        return self._tell_model(sitting, position, said) if said.prediction else None

    def reveal(
        self, trainee_id: str, attempt_id: str, position: int, again: bool = False
    ) -> Reveal:
        """Return truth, model's answer and maps of an answered case, waiting for the model.

        The model's answer is recorded first; what was recorded once stays.

        Args:
            trainee_id: who.
            attempt_id: of which quiz.
            position: which case, from 0.
            again: whether it is looked at again, after the quiz.

        Raises:
            StaleError: the case has no answer yet, waits for its second look, or its truth is
                not to be told yet.
        """
        sitting = self.sit(trainee_id, attempt_id, position)
        sitting.answered_at(position)
        _refuse_truth(sitting, position, again)
        said = self._ask_model(sitting, position)
        if said.prediction and may_look(sitting.attempt, sitting.given, position):
            raise StaleError("This case waits for your second look. Keep your answer or change it.")
        return self._tell_truth(sitting, position, said, again)

    def follow(self, sitting: Sitting, position: int) -> ModelLook | Reveal:
        """Return what follows an answer: the model's where it may be looked at, else the reveal.

        Args:
            sitting: how the attempt stands, with the case at `position`.
            position: which case.

        Raises:
            StaleError: its truth is not to be told yet.
        """
        looks = _looks(sitting, position)
        if not looks:
            _refuse_truth(sitting, position, again=False)
        said = self._ask_model(sitting, position)
        if looks and said.prediction:
            return self._tell_model(sitting, position, said)
        return self._tell_truth(sitting, position, said)

    def _tell_model(self, sitting: Sitting, position: int, said: "_Said") -> ModelLook:
        """Record the model's answer, then tell it."""
        return self._as_look(sitting, position, self._record_said(sitting, position, said))

    def _tell_truth(
        self, sitting: Sitting, position: int, said: "_Said", again: bool = False
    ) -> Reveal:
        """Record the model's answer, or that there was none to look at, then tell the truth."""
        with self._store.transaction():
            answered = sitting.given[position]
            if may_look(sitting.attempt, sitting.given, position):
                self._give_up_look(answered.answer)
            elif not _was_given_up(answered):
                said = self._record_said(sitting, position, said)
            contrast = None if again else self._find_contrast(sitting, position)
        return self._as_reveal(sitting, position, said, contrast)

    def _as_look(self, sitting: Sitting, position: int, said: "_Said") -> ModelLook:
        attempt, answered, case = sitting.attempt, sitting.given[position], said.case
        assert said.prediction is not None  # it is what is looked at
        return ModelLook(
            attempt_id=attempt.id,
            position=position,
            total=attempt.asked,
            scan=said.scan,
            synthetic=case.synthetic,
            answer=answered.answer,
            options=attempt.options,
            prediction=said.prediction,
            standing=None if said.fault else self._judge(attempt, case.sha256, said.scan),
            maps=said.maps,
            scheme=self.scheme_of(attempt),
            counterparts=self._find_counterparts(attempt),
        )

    def _as_reveal(
        self, sitting: Sitting, position: int, said: "_Said", contrast: tuple[Case, Case] | None
    ) -> Reveal:
        attempt, answered, case = sitting.attempt, sitting.given[position], said.case
        mask, mark = self._find_mask(case), answered.answer.mark
        return Reveal(
            attempt_id=attempt.id,
            position=position,
            total=attempt.asked,
            scan=said.scan,
            case=case,
            answer=answered.answer,
            second=answered.second,
            options=attempt.options,
            prediction=said.prediction,
            standing=None if said.fault else self._judge(attempt, case.sha256, said.scan),
            maps=said.maps,
            mask=mask,
            mark=score_mark(mark, mask) if mark and mask is not None else None,
            model_fault=said.fault,
            trained_on=self._is_trained_on(attempt, case),
            scheme=self.scheme_of(attempt),
            counterparts=self._find_counterparts(attempt),
            contrast=contrast,
        )

    def trained_on(self, attempt: Attempt) -> int:
        """Return how many of an attempt's cases are of patients its model was trained on."""
        cases = (self._store.get_case(attempt.deck, sha256) for sha256 in attempt.cases)
        return sum(self._is_trained_on(attempt, case) for case in cases)

    def count_marks(self, attempt: Attempt) -> tuple[int, int] | None:
        """Return how many clicks hit the finding, of how many that could; None: none was asked.

        Of cases whose truth may be told.
        """
        if not attempt.options.mark_where:
            return None
        facts = (item for item in self._disclosures.answers_of(attempt) if item.disclosed.truth)
        marked = [item.answer for item in facts if item.answer.mark]
        masks = [self._find_mask(self._store.get_case(a.deck, a.sha256)) for a in marked]
        scores = [
            score_mark(answer.mark, mask)
            for answer, mask in zip(marked, masks, strict=True)
            if answer.mark is not None and mask is not None
        ]
        hits = [score.hit for score in scores if score is not None]
        return sum(hits), len(hits)

    def ask_model_for_all(self, attempt: Attempt) -> None:
        """Record the model's answers that an exam did not wait for; a missing model has none."""
        for answered in self._store.answers_of(attempt.id):
            if answered.prediction is not None:
                continue
            scan = self._images.read(answered.answer.sha256)
            prediction, _, _ = self._read_model(attempt, scan, answered)
            if prediction is not None:
                self._store.record_prediction(attempt.id, answered.answer.position, prediction)

    def _record_said(self, sitting: Sitting, position: int, said: "_Said") -> "_Said":
        """Record what the model said, unless it was recorded before: that stays."""
        known = sitting.given[position].prediction
        if known is not None or said.prediction is None:
            return replace(said, prediction=known)
        attempt_id = sitting.attempt.id
        kept = self._store.record_prediction(attempt_id, position, said.prediction)
        return replace(said, prediction=kept)

    def _find_contrast(self, sitting: Sitting, position: int) -> tuple[Case, Case] | None:
        """Return the case just read and one of the class it was taken for, to compare.

        One that the trainee has seen already, if there is one: what is shown here with its name
        cannot be asked any more. None where nothing was confused, or in an exam or a session.
        """
        attempt, case = sitting.attempt, sitting.case_at(position)
        chosen = sitting.given[position].final
        apart = attempt.options.is_exam or attempt.session is not None
        if case is None or apart or chosen is None or chosen == case.label:
            return None
        # what is held back of an exam that can be taken again must not be named here
        hidden = sitting.readings.hidden_scans()
        seen = self._store.seen_cases(attempt.deck, attempt.trainee_id, chosen, hidden, last=1)
        return (case, seen[0]) if seen else None

    def _give_up_look(self, answer: Answer) -> None:
        """Let the first answer stand: the truth is told, without a model to look at before.

        Such a look has no model's answer beside it, so no figure counts it.
        """
        kept = SecondLook(answer.attempt_id, answer.position, answer.choice, 0, self._clock())
        self._store.record_second_look(kept)

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

    def _ask_model(self, sitting: Sitting, position: int) -> "_Said":
        case = sitting.case_at(position)
        assert case is not None  # it was loaded with the sitting
        scan = self._images.read(case.sha256)
        said = self._read_model(sitting.attempt, scan, sitting.given[position])
        return _Said(case, scan, *said)

    def _read_model(
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

    def _judge(self, attempt: Attempt, sha256: str, scan: Pixels) -> Standing | None:
        try:
            return self._model_of(attempt).judge(sha256, scan)
        except ModelError:
            return None

    def _find_counterparts(self, attempt: Attempt) -> Counterparts | None:
        try:
            return self._counterparts_of(self._recorded(attempt), attempt)
        except ModelError:
            return None  # the reveal says why there is no answer

    def _model_of(self, attempt: Attempt) -> Predictor:
        model = self._recorded(attempt)
        self._counterparts_of(model, attempt)
        return model

    def _recorded(self, attempt: Attempt) -> Predictor:
        return self._shelf.recorded(attempt.model, attempt.model_sha256)

    def _counterparts_of(self, model: Predictor, attempt: Attempt) -> Counterparts | None:
        return counterparts_of(model.scheme, attempt.scheme, self._schemes)


@dataclass(frozen=True, slots=True)
class _Said:
    """What the model says of a case."""

    case: Case
    scan: Pixels
    prediction: Prediction | None
    maps: Maps | None
    fault: str | None
    """Why it says nothing."""


def _looks(sitting: Sitting, position: int) -> bool:
    """Whether a case that was answered has a second look to come."""
    sitting.answered_at(position)
    may = may_look(sitting.attempt, sitting.given, position)
    return may and not sitting.keeps_back(position)


def _refuse_truth(sitting: Sitting, position: int, again: bool) -> None:
    """Refuse what may not be told; whether a second look comes is for the model to say."""
    facts = sitting.disclose()[position].disclosed
    if again and facts.truth and not facts.again:
        raise StaleError("An exam of yours is under way. Look at this again afterwards.")
    awaited = may_look(sitting.attempt, sitting.given, position)
    if not facts.truth and (not awaited or sitting.keeps_back(position)):
        raise StaleError("The truth is told at the end of the exam. Go on.")


def _was_given_up(answered: Answered) -> bool:
    """Whether the second look was given up for want of a model: none is recorded later either."""
    return answered.second is not None and answered.prediction is None
