"""The process that trains or tries how long training takes: `python -m octtutor.job_process …`.

It stands beside the command line, above `wiring`: whoever works on a job is handed the settings.
"""

import logging
import sys
from pathlib import Path

from octtutor.jobs import estimate, run
from octtutor.wiring import read_settings

WORK = {"train": run.main, "estimate": estimate.main}
"""What a job may be started for."""

if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # educators read this log
    work, folder = sys.argv[1:]
    sys.exit(WORK[work](Path(folder), read_settings))
