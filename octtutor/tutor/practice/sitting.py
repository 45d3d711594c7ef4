"""A sitting: an attempt with all that a request about it needs, loaded once."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from octtutor.core.answer import Answer, Answered, SecondLook
from octtutor.core.case import Case
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt, Showing
from octtutor.core.session import Session
from octtutor.errors import StaleError, StoreError
from octtutor.store.contract import Store
from octtutor.tutor.disclosing import DisclosedAnswer, Disclosures, Readings, may_look


class CaseStage(StrEnum):
    """How far the trainee is with a case."""

    ASK = "ask"
    KEPT = "kept"
    """Answered, and nothing is told of it: it may be changed until the next case or the end."""
    LOOK = "look"
    """Answered; the model's answer is shown, to keep the own or to change it."""
    REVEALED = "revealed"


@dataclass(frozen=True, slots=True)
class Sitting:
    """How a trainee's attempt stands: what is decided of it is decided of this."""

    attempt: Attempt
    given: tuple[Answered, ...]
    """Its answers, by position."""
    readings: Readings
    """What bears on what may be told."""
    shown: Showing | None
    """The last case that was shown; None before the first."""
    has_all: bool = False
    """Whether the readings are all of the trainee's."""
    cases: Mapping[str, Case] = field(default_factory=dict)
    """Those of its cases that were loaded, by SHA-256."""

    @property
    def session(self) -> Session | None:
        """The session that it belongs to; None where there is none, or it is gone."""
        return self.readings.sessions.get(self.attempt.session or "")

    @property
    def is_paused(self) -> bool:
        """Whether its session lets nobody answer now."""
        return self.session is not None and self.session.paused_at is not None

    @property
    def version(self) -> int:
        """How much is recorded of it; it grows with everything that is, and never falls."""
        shown = 0 if self.shown is None else self.shown.position + 1
        answers = sum(1 + item.answer.changes + (item.second is not None) for item in self.given)
        return shown + answers + (self.attempt.ended_at is not None)

    @property
    def awaits_look(self) -> bool:
        """Whether the model's answer to the last case is shown and the second look awaited."""
        shown = bool(self.given) and self.given[-1].prediction is not None
        return shown and may_look(self.attempt, self.given, len(self.given) - 1)

    def stage(self, position: int) -> CaseStage:
        """Return how far the trainee is with a case."""
        if position >= len(self.given):
            return CaseStage.ASK
        if position == len(self.given) - 1 and self.awaits_look:
            return CaseStage.LOOK
        return CaseStage.KEPT if self.goes_on(position) else CaseStage.REVEALED

    def keeps_back(self, position: int) -> bool:
        """Whether the answer to a case is followed by the next case, and not by its truth."""
        return self.readings.keeps_back(self.attempt, self.attempt.cases[position])

    def goes_on(self, position: int) -> bool:
        """Whether an answer leads to the next case: its truth is not told, nor discussed by all."""
        if not self.keeps_back(position):
            return False
        return self.session is None or self.session.discussed != position

    def may_change(self, position: int) -> bool:
        """Whether an answer may be changed; its time is not looked at.

        Nothing was told of it, to anybody, and nothing came after it.
        """
        is_last = position == len(self.given) - 1 and self.shown_no_later(position)
        told = any(
            one.position == position and one.code == self.attempt.session
            for one in self.readings.discussions
        )
        return (
            is_last
            and self.attempt.ended_at is None
            and self.attempt.options.may_change
            and not self.given[position].answer.timed_out
            and not told
            and self.keeps_back(position)
        )

    def shown_no_later(self, position: int) -> bool:
        """Whether no case after this one was shown."""
        return self.shown is None or self.shown.position <= position

    def disclose(self) -> tuple[DisclosedAnswer, ...]:
        """Return the answers with what their trainee may be told of each."""
        return self.readings.disclose(self.given)

    def answered_at(self, position: int) -> Answered:
        """Return the answer to a case.

        Raises:
            StaleError: there is none yet.
        """
        if not 0 <= position < len(self.given):
            raise StaleError("This case has no answer yet. Answer it first.")
        return self.given[position]

    def case_at(self, position: int) -> Case | None:
        """Return a case that was loaded."""
        listed = self.attempt.cases
        return self.cases.get(listed[position]) if 0 <= position < len(listed) else None

    # ---- what is recorded of it ----------------------------------------------------------

    def with_answer(self, answer: Answer) -> "Sitting":
        """Return it with an answer that was recorded, or with another version of the last."""
        return self._with(Answered(answer, None))

    def with_look(self, look: SecondLook) -> "Sitting":
        """Return it with a second look that was recorded."""
        return self._with(replace(self.given[look.position], second=look))

    def with_prediction(self, position: int, prediction: Prediction) -> "Sitting":
        """Return it with a model's answer that was recorded."""
        return self._with(replace(self.given[position], prediction=prediction))

    def _with(self, item: Answered) -> "Sitting":
        place = item.answer.position
        given = (*self.given[:place], item, *self.given[place + 1 :])
        others = (one for one in self.readings.answers if one.answer.attempt_id != self.attempt.id)
        return replace(
            self, given=given, readings=replace(self.readings, answers=(*others, *given))
        )


def load_sitting(
    store: Store,
    disclosures: Disclosures,
    trainee_id: str,
    attempt_id: str,
    goes_on: bool = False,
) -> Sitting:
    """Load a trainee's attempt with all that bears on it; within `Store.transaction`.

    Args:
        store: the records.
        disclosures: over the same records.
        trainee_id: who asks.
        attempt_id: for which attempt.
        goes_on: whether a next case may have to be drawn: that takes all that they have read.

    Raises:
        StoreError: there is no such attempt of theirs.
    """
    with_exams = store.get_attempt_with_exams(attempt_id)
    attempt = with_exams.attempt
    if attempt.trainee_id != trainee_id:
        raise StoreError("There is no such quiz of yours in the records. Reload the page.")
    grows = goes_on and attempt.ended_at is None and len(attempt.cases) < attempt.asked
    readings = disclosures.all_by(trainee_id) if grows else disclosures.beside(with_exams)
    return Sitting(attempt, readings.of(attempt), readings, with_exams.shown, has_all=grows)
