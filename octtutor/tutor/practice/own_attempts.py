"""A trainee's own attempts: what every use case of reading cases checks and shares."""

from octtutor.core.answer import Answered
from octtutor.core.quiz import Attempt
from octtutor.core.scheme import Scheme
from octtutor.datasets.schemes.scheme_registry import SHIPPED, Schemes
from octtutor.errors import StaleError, StoreError
from octtutor.store.contract import Store
from octtutor.tutor.disclosing import DisclosedAnswer, Disclosures
from octtutor.tutor.ports import Clock, Images, Shelf


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

    def disclosed(
        self, trainee_id: str, attempt_id: str
    ) -> tuple[Attempt, tuple[DisclosedAnswer, ...]]:
        """Return an attempt and its answers so far, with what the trainee may be told of each."""
        attempt = self._own(trainee_id, attempt_id)
        return attempt, self._disclosures.answers_of(attempt)

    def answers(self, trainee_id: str, attempt_id: str) -> tuple[Attempt, tuple[Answered, ...]]:
        """Return an attempt and its answers so far."""
        return self._own(trainee_id, attempt_id), self._store.answers_of(attempt_id)

    def scheme_of(self, attempt: Attempt) -> Scheme:
        """Return the list of diagnoses that an attempt is answered with (see `Schemes.of`)."""
        return self._schemes.of(attempt.scheme)

    def _given(self, attempt_id: str, position: int) -> tuple[Answered, ...]:
        """Return an attempt's answers, at least to a position."""
        given = self._store.answers_of(attempt_id)
        if not 0 <= position < len(given):
            raise StaleError("This case has no answer yet. Answer it first.")
        return given

    def _own(self, trainee_id: str, attempt_id: str) -> Attempt:
        attempt = self._store.get_attempt(attempt_id)
        if attempt.trainee_id != trainee_id:
            raise StoreError("There is no such quiz of yours in the records. Reload the page.")
        return attempt
