"""An educator: a person who may import, train and publish. A guess: a try at a password."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

AT_THE_MACHINE = "at this machine"
"""The name of the person at the machine while there is no account; no account can have it."""
FREE_GUESSES = 5
"""Wrong ones that nobody has to wait after."""
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(minutes=15)
REMEMBERED = timedelta(hours=1)
"""How long a wrong guess counts."""


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


def wait_after(wrong: Sequence[datetime], now: datetime) -> timedelta:
    """Return how long somebody must wait before the next guess is looked at.

    Nothing for the first `FREE_GUESSES`; then from the last on half a minute, doubled with each
    further one, `LONGEST_WAIT` at most.

    Args:
        wrong: when this name was guessed at wrongly from this address; those that still count.
        now: when it is asked.
    """
    if len(wrong) < FREE_GUESSES:
        return timedelta(0)
    doubled: int = 2 ** min(len(wrong) - FREE_GUESSES, 10)
    pause = min(doubled * FIRST_WAIT, LONGEST_WAIT)
    return max(max(wrong) + pause - now, timedelta(0))
