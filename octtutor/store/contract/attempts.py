"""What a store promises of attempts at quizzes and of their answers."""

from abc import ABC, abstractmethod
from datetime import datetime

from octtutor.core.answer import Answer, Answered, SecondLook
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt


class AttemptStore(ABC):
    """Records of attempts, answers, predictions and second looks.

    Answers, second looks and predictions are append-only: there is no way to change one, and they
    go only with all else of their trainee (`PeopleStore.forget_trainee`).
    """

    @abstractmethod
    def start_attempt(self, attempt: Attempt, at_most: int | None = None) -> None:
        """Add an attempt and end, at its start, the trainee's open ones.

        Args:
            attempt: the new one.
            at_most: how many attempts at this quiz the trainee may have, retests and sessions left
                out.

        Raises:
            StaleError: there are so many already, or one of this trainee in this session.
                Nothing is written.
        """

    @abstractmethod
    def extend_attempt(self, attempt_id: str, position: int, sha256: str) -> Attempt:
        """Append a case at the next position; where there is one already, that one stays.

        Raises:
            StaleError: the position lies beyond the next one, or the attempt has ended.
        """

    @abstractmethod
    def attempts_of(self, trainee_id: str) -> tuple[Attempt, ...]:
        """Return a trainee's attempts, oldest first."""

    @abstractmethod
    def attempts_in(self, code: str) -> tuple[Attempt, ...]:
        """Return a session's attempts, in the order in which their trainees joined."""

    @abstractmethod
    def open_exam_attempts(self) -> tuple[Attempt, ...]:
        """Return everybody's attempts at exams that have not ended, oldest first."""

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
    def record_second_look(self, look: SecondLook) -> None:
        """Append the answer after the model's was seen.

        Raises:
            StaleError: the position has no answer yet, or has a second look. Nothing is written.
        """

    @abstractmethod
    def answers_of(self, attempt_id: str) -> tuple[Answered, ...]:
        """Return an attempt's answers by position."""

    @abstractmethod
    def answers_by(self, trainee_id: str) -> tuple[Answered, ...]:
        """Return all answers of a trainee, oldest first."""

    @abstractmethod
    def answers_in(self, code: str) -> tuple[Answered, ...]:
        """Return all answers of a session, oldest first."""

    @abstractmethod
    def answers_to(self, deck: str) -> tuple[Answer, ...]:
        """Return everybody's answers to a deck's scans, oldest first."""

    @abstractmethod
    def seen_by(self, trainee_id: str) -> tuple[str, ...]:
        """Return SHA-256 of each scan a trainee was shown, those not seen for longest first."""
