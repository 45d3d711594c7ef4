"""What a store promises of attempts at quizzes and of their answers."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from datetime import datetime

from octtutor.core.answer import Answer, Answered, ReplacedAnswer, SecondLook
from octtutor.core.case import Case
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt, AttemptWithExams


class AttemptStore(ABC):
    """Records of attempts, answers, predictions and second looks.

    Second looks, predictions and the versions of an answer are append-only: there is no way to
    lose one, and they go only with all else of their trainee (`PeopleStore.forget_trainee`). Of an
    answer that was changed the last version is the answer; `replaced_answers` has the others.
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
    def extend_attempt(self, attempt: Attempt, sha256: str) -> Attempt:
        """Append a case; where another was appended meanwhile, that one stays.

        Args:
            attempt: as it was read.
            sha256: of the scan at its next position.

        Returns:
            The attempt as it is now.

        Raises:
            StaleError: the attempt has ended.
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
    def get_attempt_with_exams(self, attempt_id: str) -> AttemptWithExams:
        """Return an attempt with what stands beside it."""

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
    def record_shown(
        self, attempt_id: str, position: int, at: datetime, sha256: str | None = None
    ) -> datetime:
        """Record that a case was first shown, and return when; only the first time counts.

        Args:
            attempt_id: of which attempt.
            position: of the case.
            at: now.
            sha256: of its scan, where it is known; else it is read.
        """

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
    def change_answer(self, answer: Answer) -> Answer:
        """Put another version in the place of an answer; the one that was there is kept.

        Returns:
            The answer, its `changes` counted up.

        Raises:
            StaleError: the position is not the last one answered, a later case was shown, or the
                attempt has ended. Nothing is written.
        """

    @abstractmethod
    def replaced_answers(self, attempt_id: str) -> tuple[ReplacedAnswer, ...]:
        """Return the versions of an attempt's answers that do not count, by position, in order."""

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
    def answers_among(self, attempt_ids: Collection[str]) -> tuple[Answered, ...]:
        """Return the answers of some attempts, oldest first."""

    @abstractmethod
    def answers_by(self, trainee_id: str) -> tuple[Answered, ...]:
        """Return all answers of a trainee, oldest first."""

    @abstractmethod
    def answers_in(self, code: str) -> tuple[Answered, ...]:
        """Return all answers of a session, oldest first."""

    @abstractmethod
    def answers_of_class(self, code: str, scans: Collection[str]) -> tuple[Answered, ...]:
        """Return all answers of a session's trainees to some scans, oldest first.

        Args:
            code: the session's.
            scans: SHA-256 of each; their answers in other attempts are returned too.
        """

    @abstractmethod
    def answers_to(self, deck: str) -> tuple[Answer, ...]:
        """Return everybody's answers to a deck's scans, oldest first."""

    @abstractmethod
    def seen_by(self, trainee_id: str) -> tuple[str, ...]:
        """Return SHA-256 of each scan a trainee was shown, those not seen for longest first."""

    @abstractmethod
    def unseen_cases(
        self,
        deck: str,
        trainee_id: str,
        labels: Collection[str],
        start: str,
        most: int,
        but: Collection[str] = (),
        new_patients: bool = False,
    ) -> tuple[Case, ...]:
        """Return cases of a deck that a trainee was not shown, in any attempt.

        The deck is not read for it: what it takes does not depend on how many cases there are.

        Args:
            deck: its name; an unknown one has none.
            trainee_id: who.
            labels: of which diagnoses.
            start: of each the first ones from this hash on, round and round.
            most: how many of each.
            but: SHA-256 of scans to leave out.
            new_patients: only of patients of whom they were shown no scan of this deck.

        Returns:
            By diagnosis in the order of `labels`, those from `start` on first.
        """

    @abstractmethod
    def seen_cases(
        self,
        deck: str,
        trainee_id: str,
        label: str | None = None,
        but: Collection[str] = (),
        last: int | None = None,
    ) -> tuple[Case, ...]:
        """Return the cases of a deck that a trainee was shown, those not seen for longest first.

        Args:
            deck: its name.
            trainee_id: who.
            label: of which diagnosis; None: of all.
            but: SHA-256 of scans to leave out.
            last: only so many, those seen last.
        """
