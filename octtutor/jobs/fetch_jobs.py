"""Fetches of public sets in processes of their own: start, follow, stop, go on.

A fetch is a folder, `fetching/NAME/`, whoever began it: a page or a command line. The process is
`octtutor data fetch NAME`.
"""

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from octtutor.errors import BadInputError, OctTutorError
from octtutor.jobs.following import Following
from octtutor.jobs.spawning import PRIORITY, spawn
from octtutor.jobs.state import (
    CUT_OFF,
    FAILED,
    LOG,
    RUNNING,
    STATE,
    STOP,
    WAITING,
    State,
    is_alive,
    living,
    read_state,
    tail,
    write_state,
)

_COMING_UP = 90.0
"""Seconds that a process may take to come up: a busy machine loads it slowly."""
_STOPPED = "Stopped. What came is kept: fetch again to go on."
_CUT_OFF = "Its process was ended from outside. What came is kept: fetch again to go on."
Clock = Callable[[], datetime]
Tell = Callable[[str, int, int], None]


class Fetches:
    """The fetches of a data home. Any number of processes may use the same folder at once."""

    def __init__(self, root: Path, clock: Clock, env: Mapping[str, str] | None = None) -> None:
        """Use a folder, made at the first `start`. `env` is added to a fetch's process."""
        self._root, self._clock, self._env = root, clock, dict(env or {})

    def state(self, name: str) -> State:
        """Return how far a set's fetch is; a draft where none was ever begun."""
        state = read_state(self._root / name)
        if state.status != CUT_OFF:
            return state
        if state.pid == 0:  # its process has not said anything yet
            if _age(self._root / name / STATE) < _COMING_UP:
                return replace(state, status=WAITING, message="")
            return replace(state, message=tail(self._root / name, 1) or _CUT_OFF)
        return replace(state, message=_CUT_OFF)

    def is_at_work(self, name: str) -> bool:
        """Whether a set is being fetched now."""
        return self.state(name).status in (WAITING, RUNNING)

    def start(self, name: str) -> None:
        """Start to fetch a set of the registry in a process of its own, or to go on.

        Raises:
            BadInputError: it is being fetched already.
            SettingsError: nothing can be written.
        """
        if self.is_at_work(name):
            raise _busy(name)
        folder = self._root / name
        (folder / STOP).unlink(missing_ok=True)
        now = self._clock().isoformat()
        write_state(folder, State(status=WAITING, queued_at=now, updated_at=now))
        (folder / LOG).unlink(missing_ok=True)
        words = ["data", "fetch", name, "--background"]
        spawn("octtutor", folder, {**os.environ, **self._env}, words)

    def stop(self, name: str) -> None:
        """Ask a fetch to stop; what came is kept."""
        if self.is_at_work(name):
            (self._root / name / STOP).touch()

    @contextmanager
    def following(self, name: str, background: bool) -> Iterator[Following]:
        """Be the process that fetches a set; its state is written as it goes and ends.

        Args:
            name: the set's.
            background: whether `start` began this process; it then gives way to others.

        Raises:
            BadInputError: another process fetches it.
        """
        folder = self._root / name
        if is_alive(folder):
            raise _busy(name)
        folder.mkdir(parents=True, exist_ok=True)
        if background:
            os.nice(PRIORITY)
        else:
            (folder / STOP).unlink(missing_ok=True)
        with living(folder):
            follow = Following(folder, State(RUNNING, pid=os.getpid()), _STOPPED, of_scans=False)
            try:
                yield follow
            except OctTutorError as error:
                follow.write(status=FAILED, message=" ".join(str(error).split()))
                raise
            finally:
                (folder / STOP).unlink(missing_ok=True)


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return math.inf


def _busy(name: str) -> BadInputError:
    return BadInputError(
        f"{name} is being fetched already, by a page or another command line. Wait for its end, or "
        "stop it there."
    )
