"""An educator: a person who may import, train and publish. A guess: a try at a password."""

from dataclasses import dataclass
from datetime import datetime

AT_THE_MACHINE = "at this machine"
"""The name of the person at the machine while there is no account; no account can have it."""


@dataclass(frozen=True, slots=True)
class Educator:
    """A person with an account, or the person at the machine while there is none."""

    name: str
    created_at: datetime

    @property
    def has_account(self) -> bool:
        """Whether this person signed in with a password."""
        return self.name != AT_THE_MACHINE


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in that has not been ended. The token itself is kept by the browser alone."""

    token_sha256: str
    educator: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Guess:
    """A try at a password that has not turned out right (yet)."""

    who: str
    """SHA-256 of the name that was typed: people type passwords into the wrong field."""
    address: str
    """Where it came from, see `octtutor.tutor.accounts.network`."""
    at: datetime
