"""What a store promises of people: trainees, educators, their sign-ins and guesses."""

from abc import ABC, abstractmethod
from datetime import datetime, timedelta

from octtutor.core.educator import Educator, Guess, SignIn
from octtutor.core.quiz import Trainee


class PeopleStore(ABC):
    """Records of trainees and educators."""

    @abstractmethod
    def add_trainee(self, trainee: Trainee) -> None:
        """Add a trainee, or change the nickname of one that is known."""

    @abstractmethod
    def find_trainee(self, trainee_id: str) -> Trainee | None:
        """Return a trainee."""

    @abstractmethod
    def trainees(self) -> tuple[Trainee, ...]:
        """Return all trainees, those who came first first."""

    @abstractmethod
    def forget_trainee(self, trainee_id: str) -> None:
        """Remove a trainee and all their attempts, answers and second looks, for good.

        Does nothing when there is none.
        """

    @abstractmethod
    def add_educator(self, educator: Educator, password_hash: str) -> None:
        """Add an educator.

        Raises:
            StaleError: there is one of this name. Nothing is written.
        """

    @abstractmethod
    def educators(self) -> tuple[Educator, ...]:
        """Return all educators by name."""

    @abstractmethod
    def has_educators(self) -> bool:
        """Whether there is any educator."""

    @abstractmethod
    def find_password_hash(self, name: str) -> str | None:
        """Return the hash of an educator's password."""

    @abstractmethod
    def remove_educator(self, name: str) -> None:
        """Remove an educator and end all their sign-ins.

        Raises:
            StoreError: there is none of this name.
        """

    @abstractmethod
    def add_sign_in(self, sign_in: SignIn) -> None:
        """Add a sign-in, and forget those that had expired when it was made.

        Raises:
            StoreError: there is no such educator (any more).
        """

    @abstractmethod
    def find_sign_in(self, token_sha256: str) -> tuple[SignIn, Educator] | None:
        """Return a sign-in, expired or not, and whose it is."""

    @abstractmethod
    def end_sign_in(self, token_sha256: str) -> None:
        """End a sign-in; does nothing when there is none."""

    @abstractmethod
    def admit_guess(self, guess: Guess, since: datetime) -> timedelta:
        """Record a guess, unless there were too many; of many at once no more get through.

        They are counted by name and address together: nobody is stopped by somebody else.

        Args:
            guess: the try that is about to be made.
            since: guesses before this time are forgotten.

        Returns:
            Zero where it was recorded; else how long to wait (`educator.wait_after`).
        """

    @abstractmethod
    def remember_address(self, who: str, address: str) -> None:
        """Remember that somebody has signed in from an address."""

    @abstractmethod
    def knows_address(self, who: str, address: str) -> bool:
        """Whether somebody has signed in from an address before."""

    @abstractmethod
    def forget_addresses(self, who: str) -> None:
        """Forget from where somebody has signed in."""

    @abstractmethod
    def forget_guesses(self, who: str, address: str) -> None:
        """Forget the guesses at this name from this address: the last one was right."""
