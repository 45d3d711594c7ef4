"""What every store promises. The contract suite in `tests/store` runs over all of them."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import datetime

from octtutor.core.annotation import Assignment, Entry, Project, Stage
from octtutor.core.answer import Answer, Answered, SecondLook
from octtutor.core.case import Case, Deck, DeckSummary
from octtutor.core.educator import Educator, Guess, SignIn
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt, Trainee
from octtutor.core.session import Discussion, Session


class Store(ABC):
    """Records of trainees, decks, attempts, answers, sessions and annotations.

    Every method is one transaction and may be called from any thread. Values in and out are
    the frozen ones of `octtutor.core`; no database row leaves. Times are UTC-aware; a naive
    one raises ValueError. `get_…` raises `StoreError` on a miss, `find_…` returns None.
    Answers, second looks and predictions are append-only: there is no way to change one, and they
    go only with all else of their trainee (`forget_trainee`).
    """

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
    def admit_guess(self, guess: Guess, since: datetime, most: int) -> bool:
        """Record a guess, unless there were too many; of many at once no more get through.

        Args:
            guess: the try that is about to be made.
            since: guesses before this time are forgotten.
            most: how many a name, and how many an address, may have.

        Returns:
            Whether it was recorded. Where not, the password must not be looked at.
        """

    @abstractmethod
    def forget_guesses(self, who: str, address: str) -> None:
        """Forget the guesses at this name from this address: the last one was right."""

    @abstractmethod
    def summarise_decks(self) -> tuple[DeckSummary, ...]:
        """Return all decks by name, with what they hold."""

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

    @abstractmethod
    def open_session(self, session: Session) -> None:
        """Add a session.

        Raises:
            StaleError: the code was used before. Nothing is written.
        """

    @abstractmethod
    def find_session(self, code: str) -> Session | None:
        """Return a session."""

    @abstractmethod
    def sessions(self) -> tuple[Session, ...]:
        """Return all sessions, the latest first."""

    @abstractmethod
    def pause_session(self, code: str, at: datetime | None) -> None:
        """Let nobody in a session answer from a time on; None: let them go on.

        Raises:
            StaleError: the session has ended.
        """

    @abstractmethod
    def end_session(self, code: str, at: datetime) -> None:
        """End a session and the attempts of it that are open; an ended one stays as it is."""

    @abstractmethod
    def discuss(self, code: str, position: int | None, at: datetime) -> None:
        """Show a case of a session to all, or none; the first time of each is kept."""

    @abstractmethod
    def discussions_of(self, code: str) -> tuple[Discussion, ...]:
        """Return which cases of a session were discussed, and since when, by position."""

    @abstractmethod
    def add_project(self, project: Project) -> None:
        """Add an annotation project.

        Raises:
            StaleError: there is one of this name. Nothing is written.
        """

    @abstractmethod
    def close_project(self, name: str, at: datetime | None) -> None:
        """Close a project, so that it gives out no scan; None: open it again."""

    @abstractmethod
    def find_project(self, name: str) -> Project | None:
        """Return a project."""

    @abstractmethod
    def projects(self) -> tuple[Project, ...]:
        """Return all projects, the latest first."""

    @abstractmethod
    def assign(
        self, project: str, who: str, line: Sequence[tuple[str, bool]], at: datetime
    ) -> Assignment | None:
        """Give an annotator their open scan, or else the first in line that is free for them.

        A scan is free for somebody who was never given it, while fewer than the project's
        `readers` have it open or done; those who skipped it do not count, and a control is free
        for everybody. Of many at once no more get it than may.

        Args:
            project: its name.
            who: the annotator.
            line: SHA-256 of scans in the order to give them out, and whether each is a control.
            at: now.

        Returns:
            The assignment, None where nothing is free.
        """

    @abstractmethod
    def finish_assignment(
        self, project: str, sha256: str, who: str, at: datetime, skipped: bool
    ) -> None:
        """Note that an open assignment is done or was skipped; one that is done stays so.

        Raises:
            StaleError: there is none.
        """

    @abstractmethod
    def reopen_assignment(self, project: str, sha256: str, who: str) -> None:
        """Make a finished assignment the open one again, and put off the one that is open.

        The one that was open is as though it had never been given.

        Raises:
            StaleError: there is none, or it was skipped and others have the scan meanwhile.
        """

    @abstractmethod
    def assignments_in(self, project: str, who: str | None = None) -> tuple[Assignment, ...]:
        """Return a project's assignments, or one annotator's there, oldest first."""

    @abstractmethod
    def find_assignment(self, project: str, sha256: str, who: str) -> Assignment | None:
        """Return the assignment of a scan to an annotator."""

    @abstractmethod
    def append_entry(self, entry: Entry) -> None:
        """Append to the log.

        Raises:
            StaleError: what the entry replaces (`before`) is not what holds now: somebody was
                faster. Nothing is written.
        """

    @abstractmethod
    def entries_of(self, project: str, sha256: str) -> tuple[Entry, ...]:
        """Return a scan's log in a project, oldest first."""

    @abstractmethod
    def entries_in(self, project: str, who: str | None = None) -> tuple[Entry, ...]:
        """Return a project's log, or one annotator's part of it, oldest first."""

    @abstractmethod
    def stages_in(self, project: str) -> dict[str, Stage]:
        """Return how far each scan of a project is that has a log, by SHA-256.

        It is the view of the log that a queue goes by; no region is read for it.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections."""
