"""A job's process: waits for its turn, lets a child train, halves the batch when memory ends.

    python -m octtutor.jobs.worker FOLDER

This process stays small (no TensorFlow), so that the operating system, short of memory, ends the
child and not this one.
"""

import logging
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import Timeout

from octtutor.errors import OctTutorError
from octtutor.jobs.job_folders import in_turn
from octtutor.jobs.spawning import JOB_PROCESS, PRIORITY
from octtutor.jobs.state import (
    CUT_OFF,
    FAILED,
    LOG,
    RUNNING,
    WAITING,
    State,
    living,
    read_state,
    write_state,
)
from octtutor.jobs.training_order import read_order, write_order

NO_MEMORY = 75
"""The child's exit status when it could not get memory."""
_WORDS = re.compile(r"bad_alloc|out of memory|OOM when|RESOURCE_EXHAUSTED|ResourceExhausted"
                    r"|Cannot allocate memory|MemoryError"
                    r"|received an exception:Status: 1,", re.IGNORECASE)  # fmt: skip
"""How libraries say it; the last is oneDNN's `dnnl_out_of_memory`, within TensorFlow's words."""
_log = logging.getLogger(__name__)


def main(folder: Path) -> None:
    """Do a job, or say in its state why not."""
    os.nice(PRIORITY)
    try:
        with living(folder):
            if read_state(folder).status == WAITING:  # or else another did it meanwhile
                _wait_and_work(folder)
    except Timeout:
        _log.warning("another process has this job already")


def tells_no_memory(text: str) -> bool:
    """Whether a library's words mean that it could not get memory."""
    return bool(_WORDS.search(text))


def _wait_and_work(folder: Path) -> None:
    with in_turn(folder) as is_its_turn:
        if is_its_turn:
            _work(folder)
        else:
            _write(folder, status=FAILED, message="Stopped before it began.")


def _work(folder: Path) -> None:
    while True:
        _write(folder, status=RUNNING, phase="starting", pid=0)
        code = _run_child(folder)
        if code == 0:
            return
        if not _lacked_memory(folder, code):
            break
        if not _halve(folder):
            return
    if read_state(folder).status != RUNNING:
        return  # the child said why
    how = f"signal {-code}" if code < 0 else f"status {code}"
    _write(
        folder,
        status=CUT_OFF,
        message=f"Its process ended with {how}. Resume goes on after the last complete epoch.",
    )


def _run_child(folder: Path) -> int:
    mark = (folder / LOG).stat().st_size if (folder / LOG).exists() else 0
    (folder / ".mark").write_text(str(mark))
    with (folder / LOG).open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", JOB_PROCESS, "train", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    _write(folder, pid=child.pid)
    return child.wait()


def _lacked_memory(folder: Path, code: int) -> bool:
    """Whether it ended for want of memory: by its status, its last words, or the kernel's count."""
    if code == NO_MEMORY:
        return True
    if code not in (-6, -9, -11):  # abort, kill, segmentation fault: how allocation failures end
        return False
    with (folder / LOG).open("rb") as log:
        log.seek(int((folder / ".mark").read_text()))
        said = log.read().decode(errors="replace")
    return tells_no_memory(said) or (code == -9 and _kills() > read_state(folder).kills)


def _kills() -> int:
    """Return how many processes the kernel has ended for want of memory since it started."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def _halve(folder: Path) -> bool:
    """Halve the batch of the order; False, and failed, where it cannot be smaller."""
    state, order = read_state(folder), read_order(folder)
    batch = order.settings.get("batch") or state.batch or 32
    if batch <= 1:
        _write(folder, status=FAILED, message="Not enough memory, even for one scan at a time.")
        return False
    write_order(folder, order.halved(batch))
    facts = f"Out of memory with {batch} scans a step: going on with {max(1, batch // 2)}."
    _log.warning(facts)
    _write(folder, message=facts)
    return True


def _write(folder: Path, **changes: object) -> None:
    state: State = replace(read_state(folder), **changes)  # type: ignore[arg-type]
    write_state(folder, replace(state, kills=_kills(), updated_at=datetime.now(UTC).isoformat()))


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    try:
        main(Path(sys.argv[1]))
    except OctTutorError as error:
        _log.error("%s", error)
        sys.exit(1)
