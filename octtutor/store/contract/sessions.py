"""What a store promises of sessions, of what was discussed in them, and of switches."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from datetime import datetime

from octtutor.core.session import Discussion, Session
from octtutor.core.switch import Switch


class SessionStore(ABC):
    """Records of sessions. What was answered in them is `AttemptStore`'s."""

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
    def sessions_among(
        self, codes: Collection[str], and_open_exams: bool = False
    ) -> tuple[Session, ...]:
        """Return the sessions of some codes, the latest first.

        Args:
            codes: those that are unknown are passed over.
            and_open_exams: also all that go on and are played as exams.
        """

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
    def discussions_among(self, codes: Collection[str]) -> tuple[Discussion, ...]:
        """Return which cases of some sessions were discussed, by code and position."""

    @abstractmethod
    def set_switch(self, switch: Switch) -> None:
        """Set a switch; the last setting holds."""

    @abstractmethod
    def find_switch(self, name: str) -> Switch | None:
        """Return a switch, None where it was never set."""
