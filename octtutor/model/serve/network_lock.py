"""One user of a network at a time, where who takes long lets the others in between."""

import threading
import time
from types import TracebackType

_GAP = 0.005
"""Seconds: long enough for a thread that waits to wake up."""


class NetworkLock:
    """A lock, to be held with `with`, whose holder can give way in the midst of it."""

    def __init__(self) -> None:
        """Begin free."""
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        """Wait for the turn."""
        self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the turn."""
        self._lock.release()

    def let_others_in(self) -> None:
        """Let whoever waits have the turn now, and wait for it again; only for its holder."""
        self._lock.release()
        time.sleep(_GAP)
        self._lock.acquire()
