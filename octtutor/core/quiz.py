"""A quiz and one trainee's attempt at it."""

from dataclasses import dataclass
from datetime import datetime

PRACTICE = "practice"
PRACTICE_VERSION = "1"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One trainee's run through a fixed list of cases, drawn when it started."""

    id: str
    trainee_id: str
    quiz: str
    quiz_version: str
    deck: str
    order: str
    """How the cases were drawn, e.g. `random, balanced`."""
    seed: int
    cases: tuple[str, ...]
    """SHA-256 of each scan, in the order they are shown."""
    started_at: datetime
    ended_at: datetime | None = None
    model: str | None = None
    """The model that answers beside the trainee, to the end of the quiz; None where it is not
    known (records of the first version, or no model could be read)."""
    model_sha256: str | None = None
    """SHA-256 of its weights."""


@dataclass(frozen=True, slots=True)
class Trainee:
    """A person who practises; the id is kept in their browser and is their key."""

    id: str
    nickname: str
    created_at: datetime
