"""Work that kills its own process, once."""

import os
import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from octtutor.datasets.member import Member
from octtutor.model.bulk.batches import Answering, Done


class DyingOnce(Answering):
    """Answers scans, but the first process that has answered a batch is killed in its second."""

    def __init__(self, folder: Path, marks: Path) -> None:
        super().__init__(folder)
        self.marks, self.batches = marks, 0

    def __call__(self, members: Sequence[Member]) -> list[Done]:
        self.batches += 1
        if self.batches == 2 and not list(self.marks.iterdir()):
            (self.marks / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(members)


def dying_once(folder: Path, marks: Path) -> partial[DyingOnce]:
    return partial(DyingOnce, folder, marks)
