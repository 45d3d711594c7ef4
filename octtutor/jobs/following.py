"""How far a job is, written by its process as it goes."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from octtutor.errors import BadInputError
from octtutor.jobs.state import DONE, STOP, State, write_state

_EVERY = 0.5
"""Seconds between two states on disk."""


class Following:
    """Writes how far a job is, and ends it when somebody asks for that."""

    def __init__(self, folder: Path, state: State, stopped: str, of_scans: bool = True) -> None:
        """Take the job's folder and first state, what is said of one that was stopped.

        Args:
            folder: the job's.
            state: its first, written at once.
            stopped: what is said once somebody has asked it to stop.
            of_scans: whether it counts scans; their pace is then told, too.
        """
        self._folder, self._state, self._stopped, self._of_scans = folder, state, stopped, of_scans
        self._written = self._begun = 0.0
        self._phase, self._first = "", 0
        self.write()

    def tell(self, phase: str, done: int, total: int) -> None:
        """Say how far a part of the work is.

        Raises:
            BadInputError: somebody asked it to stop.
        """
        is_new = phase != self._phase
        if is_new:
            self._phase, self._begun, self._first = phase, time.monotonic(), done
        if (self._folder / STOP).exists():
            raise BadInputError(self._stopped)
        if time.monotonic() - self._written < _EVERY and done != total and not is_new:
            return
        seconds = time.monotonic() - self._begun
        pace = (done - self._first) / seconds if seconds > 0 else 0.0
        left = (total - done) / pace if pace else None
        scans = pace if self._of_scans else 0.0
        self.write(phase=phase, step=done, steps=total, scans_per_second=scans, seconds_left=left)

    def end(self, outcome: dict[str, object]) -> None:
        """Say that all is here."""
        self.write(status=DONE, phase="", message="", seconds_left=None, outcome=outcome)

    def write(self, **changes: object) -> None:
        """Replace the state on disk."""
        self._written = time.monotonic()
        now = datetime.now(UTC).isoformat()
        self._state = replace(self._state, updated_at=now, **changes)  # type: ignore[arg-type]
        write_state(self._folder, self._state)
