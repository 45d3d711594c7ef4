"""How far a job is: one JSON file, replaced whole; and whether its process lives."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from filelock import FileLock, Timeout
from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from octtutor.core.validation import read_json
from octtutor.datasets.images import write_atomically

STATE, LOG, STOP, ALIVE = "state.json", "log.txt", "stop", "alive.lock"
WAITING, RUNNING, DONE, FAILED, CUT_OFF = "waiting", "running", "done", "failed", "cut off"
_START = 10.0
"""Seconds that a process has to come up."""
_ENDING = 60.0
"""Seconds that an ended job's process may take to go."""
_KILLED = "Its process was ended from outside. Resume goes on after the last complete epoch."
DRAFT = "draft"
"""Prepared, not started."""
_STATUSES = (DRAFT, WAITING, RUNNING, DONE, FAILED, CUT_OFF)
if TYPE_CHECKING:
    Number = float
else:
    Number = int | float  # an epoch stays a whole number


def _check_status(status: str) -> str:
    if status not in _STATUSES:
        raise ValueError(f"one of {', '.join(_STATUSES)}")
    return status


@dataclass(frozen=True, slots=True)
class State:
    """A job's progress, as its process last wrote it."""

    status: Annotated[str, AfterValidator(_check_status)] = DRAFT
    phase: str = ""
    """What it is doing now, in words."""
    message: str = ""
    """What a person should know: why it failed, that the batch was halved."""
    queued_at: str = ""
    """UTC, ISO 8601."""
    updated_at: str = ""
    pid: int = 0
    """Of the process that trains."""
    kills: int = 0
    """How many processes the kernel had ended for want of memory when it was last looked at."""
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps: int = 0
    batch: int = 0
    scans_per_second: float = 0.0
    seconds_left: float | None = None
    loss: float | None = None
    accuracy: float | None = None
    history: tuple[dict[str, Number], ...] = ()
    gauges: dict[str, float] = Field(default_factory=dict)
    """`cpu`, `memory`, `gpu`, `gpu_memory`: shares in [0, 1]; what cannot be read is missing."""
    outcome: dict[str, Any] = Field(default_factory=dict)
    """Figures of the model that was made."""


def write_state(folder: Path, state: State) -> None:
    """Replace a job's state."""
    write_atomically(folder / STATE, json.dumps(asdict(state)).encode())


def read_state(folder: Path) -> State:
    """Read a job's state; a job that has none is a draft.

    A job that says it is waiting or running, and whose process is gone, is `CUT_OFF`.
    """
    state = _read(folder)
    if state.status not in (WAITING, RUNNING) or is_alive(folder) or _is_starting(folder, state):
        return state
    again = _read(folder)  # it may have ended between the two looks
    if again.status not in (WAITING, RUNNING):
        return again
    return replace(again, status=CUT_OFF, seconds_left=None, message=again.message or _KILLED)


def _is_starting(folder: Path, state: State) -> bool:
    """Whether its process may not have come up yet."""
    if state.status != WAITING:
        return False
    try:
        return time.time() - (folder / STATE).stat().st_mtime < _START
    except OSError:
        return False


def _read(folder: Path) -> State:
    try:
        return read_json(State, (folder / STATE).read_bytes(), ValueError)
    except FileNotFoundError:
        return State()
    except (OSError, ValueError) as error:
        return State(CUT_OFF, message=f"Its state cannot be read ({error}). Resume goes on.")


@contextmanager
def living(folder: Path) -> Iterator[None]:
    """Be the job's process while inside; the operating system ends this with the process.

    Raises:
        Timeout: another process is it already, and stays it.
    """
    # one that has failed may take a while to end; somebody may have pressed Resume meanwhile
    with FileLock(folder / ALIVE).acquire(timeout=_ENDING):
        yield


def is_alive(folder: Path) -> bool:
    """Whether a process works on, or waits with, this job."""
    if not (folder / ALIVE).exists():
        return False
    try:
        # a little patience: somebody else may be looking in this very moment
        with FileLock(folder / ALIVE).acquire(timeout=0.06, poll_interval=0.02):
            return False
    except Timeout:
        return True


def tail(folder: Path, lines: int = 12) -> str:
    """Return the last lines of a job's log."""
    try:
        with (folder / LOG).open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 16_000))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
