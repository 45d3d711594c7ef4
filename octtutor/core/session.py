"""A session: an educator lets a group read the same quiz at the same time."""

from dataclasses import dataclass
from datetime import datetime

from octtutor.core.quiz import Options


@dataclass(frozen=True, slots=True)
class Session:
    """What everybody in it reads, and how it stands."""

    code: str
    """What trainees type to join: capital letters and digits that are not mistaken."""
    title: str
    educator: str
    """The name of who opened it."""
    quiz: str
    quiz_version: str
    deck: str
    cases: tuple[str, ...]
    """SHA-256 of each scan, in everybody's order."""
    seed: int
    options: Options
    opened_at: datetime
    model: str | None = None
    model_sha256: str | None = None
    paused_at: datetime | None = None
    """Since when nobody can answer; None while it goes on."""
    ended_at: datetime | None = None
    discussed: int | None = None
    """Position of the case that is shown to all now, truth and all."""

    @property
    def is_open(self) -> bool:
        """Whether it has not ended; it may be paused."""
        return self.ended_at is None


@dataclass(frozen=True, slots=True)
class Discussion:
    """A case of a session that was shown to all: later answers to it are no readings."""

    code: str
    position: int
    at: datetime
