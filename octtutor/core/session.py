"""A session: an educator lets a group read the same quiz at the same time."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from octtutor.core.quiz import Options
from octtutor.core.scheme import OCT2017, SchemeVersion


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
    scheme: SchemeVersion = OCT2017
    """The list of diagnoses that it is answered with."""

    @property
    def is_open(self) -> bool:
        """Whether it has not ended; it may be paused."""
        return self.ended_at is None


@dataclass(frozen=True, slots=True)
class SessionDisplay:
    """What a session asks a trainee's page to show, beside its case. It tells no answer."""

    is_paused: bool = False
    """Nothing can be answered now; never so once the session has ended."""
    discussed: int | None = None
    """Position of the case that is discussed on the projector."""
    may_see: bool = False
    """Whether this trainee has answered that case and may be shown its reveal."""

    def __str__(self) -> str:
        """Return it as JSON: the same display has the same text."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Discussion:
    """A case of a session that was shown to all: later answers to it are no readings."""

    code: str
    position: int
    at: datetime
