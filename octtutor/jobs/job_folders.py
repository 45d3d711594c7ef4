"""Folders of jobs that lie side by side: a new one, one by its id, and whose turn it is."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from octtutor.jobs.state import STOP, WAITING, read_state


def new_folder(root: Path, now: datetime) -> Path:
    """Return the place of a new job, named after the time; nothing is made."""
    return root / f"{now.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}"


def find_folder(root: Path, job_id: str, order: str) -> Path | None:
    """Return the folder of a job, which has an order, by its id; None where there is none."""
    plain = Path(job_id).name == job_id and not job_id.startswith(".")
    folder = root / job_id
    return folder if job_id and plain and (folder / order).is_file() else None


@contextmanager
def in_turn(folder: Path) -> Iterator[bool]:
    """Wait until no other of these jobs runs and no earlier one waits; keep the others waiting.

    Yields:
        Whether it is its turn: False where it was asked to stop meanwhile.
    """
    lock = FileLock(folder.parent / ".turn.lock")
    while not (folder / STOP).exists():
        if not _is_earlier_waiting(folder):
            with suppress(Timeout):
                lock.acquire(timeout=0)
                break
        time.sleep(0.5)
    try:
        yield lock.is_locked
    finally:
        lock.release()


def _is_earlier_waiting(folder: Path) -> bool:
    own = read_state(folder).queued_at
    others = [read_state(path) for path in folder.parent.glob("[!.]*") if path != folder]
    return any(state.status == WAITING and state.queued_at < own for state in others)
