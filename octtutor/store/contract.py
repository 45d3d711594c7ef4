"""What every store promises. The contract suite in `tests/store` runs over all of them."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import datetime

from octtutor.core.answer import Answer, Answered
from octtutor.core.case import Case, Deck
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt, Trainee


class Store(ABC):
    """Records of trainees, decks, attempts and answers.

    Every method is one transaction and may be called from any thread. Values in and out are
    the frozen ones of `octtutor.core`; no database row leaves. Times are UTC-aware; a naive
    one raises ValueError. `get_…` raises `StoreError` on a miss, `find_…` returns None.
    Answers and predictions are append-only: there is no way to change or remove one.
    """

    @abstractmethod
    def add_trainee(self, trainee: Trainee) -> None:
        """Add a trainee, or change the nickname of one that is known."""

    @abstractmethod
    def find_trainee(self, trainee_id: str) -> Trainee | None:
        """Return a trainee."""

    @abstractmethod
    def put_deck(self, deck: Deck) -> None:
        """Add a deck, or replace its facts; its cases stay."""

    @abstractmethod
    def decks(self) -> tuple[Deck, ...]:
        """Return all decks by name."""

    @abstractmethod
    def find_deck(self, name: str) -> Deck | None:
        """Return a deck."""

    @abstractmethod
    def count_cases(self, deck: str) -> int:
        """Return how many cases a deck has; an unknown one has none."""

    @abstractmethod
    def add_cases(self, deck: str, new_cases: Iterable[Case]) -> int:
        """Add the cases that the deck does not hold yet (by scan hash); return how many."""

    @abstractmethod
    def cases_of(self, deck: str) -> tuple[Case, ...]:
        """Return a deck's cases by scan hash; an unknown deck has none."""

    @abstractmethod
    def get_case(self, deck: str, sha256: str) -> Case:
        """Return a case of a deck."""

    @abstractmethod
    def start_attempt(self, attempt: Attempt) -> None:
        """Add an attempt and end, at its start, the trainee's open ones."""

    @abstractmethod
    def get_attempt(self, attempt_id: str) -> Attempt:
        """Return an attempt."""

    @abstractmethod
    def find_latest_attempt(self, trainee_id: str) -> Attempt | None:
        """Return the trainee's attempt that was started last; only this one can be open."""

    @abstractmethod
    def find_answered_attempt(self, trainee_id: str) -> Attempt | None:
        """Return the trainee's attempt that was started last and has an answer."""

    @abstractmethod
    def end_attempt(self, attempt_id: str, at: datetime) -> None:
        """End an attempt; one that has ended stays as it is."""

    @abstractmethod
    def record_shown(self, attempt_id: str, position: int, at: datetime) -> datetime:
        """Record that a case was first shown, and return when; only the first time counts."""

    @abstractmethod
    def last_shown(self, attempt_id: str) -> int | None:
        """Return the highest position that was shown, None before the first."""

    @abstractmethod
    def record_answer(self, answer: Answer) -> None:
        """Append an answer.

        Raises:
            StaleError: this position is answered already, is not the next one, or the
                attempt has ended. Nothing is written.
        """

    @abstractmethod
    def record_prediction(
        self, attempt_id: str, position: int, prediction: Prediction
    ) -> Prediction:
        """Append the model's answer to a position; the first one counts and is returned.

        Raises:
            StoreError: the position has no answer: the model comes after the trainee.
        """

    @abstractmethod
    def answers_of(self, attempt_id: str) -> tuple[Answered, ...]:
        """Return an attempt's answers by position."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections."""
