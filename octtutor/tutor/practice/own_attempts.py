"""A trainee's own attempts: what every use case of reading cases checks and shares."""

from dataclasses import replace

from octtutor.core.answer import Answered
from octtutor.core.quiz import Attempt
from octtutor.core.scheme import Scheme
from octtutor.datasets.schemes.scheme_registry import SHIPPED, Schemes
from octtutor.store.contract import Store
from octtutor.tutor.disclosing import DisclosedAnswer, Disclosures
from octtutor.tutor.ports import Clock, Images, Shelf
from octtutor.tutor.practice.sitting import Sitting, load_sitting


class OwnAttempts:
    """The parts, and the attempts of who asks. Every method checks that one is the trainee's."""

    def __init__(
        self,
        store: Store,
        images: Images,
        shelf: Shelf,
        clock: Clock,
        schemes: Schemes = SHIPPED,
    ) -> None:
        """Take the parts."""
        self._store, self._images, self._shelf, self._clock = store, images, shelf, clock
        self._schemes = schemes
        self._disclosures = Disclosures(store)

    def sit(self, trainee_id: str, attempt_id: str, position: int | None = None) -> Sitting:
        """Return how an attempt stands, with a case of it.

        Raises:
            StoreError: there is no such attempt of theirs.
        """
        with self._store.transaction(writes=False):
            return self._sit(trainee_id, attempt_id, position)

    def disclosed(
        self, trainee_id: str, attempt_id: str
    ) -> tuple[Attempt, tuple[DisclosedAnswer, ...]]:
        """Return an attempt and its answers so far, with what the trainee may be told of each."""
        sitting = self.sit(trainee_id, attempt_id)
        return sitting.attempt, sitting.disclose()

    def answers(self, trainee_id: str, attempt_id: str) -> tuple[Attempt, tuple[Answered, ...]]:
        """Return an attempt and its answers so far."""
        sitting = self.sit(trainee_id, attempt_id)
        return sitting.attempt, sitting.given

    def scheme_of(self, attempt: Attempt) -> Scheme:
        """Return the list of diagnoses that an attempt is answered with (see `Schemes.of`)."""
        return self._schemes.of(attempt.scheme)

    def _sit(
        self,
        trainee_id: str,
        attempt_id: str,
        position: int | None = None,
        goes_on: bool = False,
    ) -> Sitting:
        """Load a sitting; within a transaction."""
        sitting = load_sitting(self._store, self._disclosures, trainee_id, attempt_id, goes_on)
        return sitting if position is None else self._with_case(sitting, position)

    def _with_case(self, sitting: Sitting, position: int) -> Sitting:
        """Return it with a case of it, where it has one there."""
        listed = sitting.attempt.cases
        if not 0 <= position < len(listed) or listed[position] in sitting.cases:
            return sitting
        case = self._store.get_case(sitting.attempt.deck, listed[position])
        return replace(sitting, cases={**sitting.cases, case.sha256: case})
