"""Start a job's process, apart from the server that ordered it."""

import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from octtutor.jobs.state import LOG

JOB_PROCESS = "octtutor.job_process"
"""The module that hands a job's work the settings; it stands above this floor."""
PRIORITY = 15
"""Added to a job's niceness: the page's answers come first."""


def spawn(
    module: str, folder: Path, env: Mapping[str, str], words: Sequence[str] | None = None
) -> None:
    """Run `python -m MODULE FOLDER`, which outlives this process; what it says goes to the log.

    Args:
        module: its name.
        folder: the job's.
        env: all of the process's environment.
        words: what it is told instead of the folder.
    """
    with (folder / LOG).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *(words or [str(folder)])],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # closing the server's terminal does not end it
            env=dict(env),
        )
    threading.Thread(target=process.wait, daemon=True).start()  # no zombie
