"""Start, follow, stop and resume jobs. Each is a folder under the data home's `jobs/`."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from filelock import FileLock

from octtutor.errors import BadInputError
from octtutor.jobs.estimate import ESTIMATE, Estimate, read_estimate
from octtutor.jobs.job_folders import find_folder, new_folder
from octtutor.jobs.spawning import JOB_PROCESS, spawn
from octtutor.jobs.state import (
    CUT_OFF,
    DRAFT,
    FAILED,
    RUNNING,
    STOP,
    WAITING,
    State,
    read_state,
    write_state,
)
from octtutor.jobs.training_order import ORDER, TrainingOrder, read_order, write_order

MODEL, RUN = "model", "run"
"""The folders, within a job's, of the model that it makes, and of its checkpoints."""
_KEPT = 24 * 3600
"""Seconds that a plan is kept which nobody starts."""
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Job:
    """A job: its folder, what was ordered, and how far it is."""

    id: str
    folder: Path
    order: TrainingOrder
    state: State

    @property
    def model(self) -> Path | None:
        """The folder of the model that it made, None before that."""
        made = self.folder / MODEL
        return made if (made / "card.json").exists() else None

    @property
    def estimate(self) -> Estimate | None:
        """What `Jobs.measure` found, None before that (see `read_estimate`)."""
        return read_estimate(self.folder)


class Jobs:
    """The jobs of one server. Any number of processes may use the same folder at once."""

    def __init__(self, root: Path, clock: Clock, env: Mapping[str, str] | None = None) -> None:
        """Use a folder; it is made at the first `draft`. `env` is added to a job's process."""
        self._root, self._clock, self._env = root, clock, dict(env or {})

    def draft(self, order: TrainingOrder) -> Job:
        """Prepare a job without starting it; plans that nobody started in a day are removed."""
        for job in self.all():
            if time.time() - (job.folder / ORDER).stat().st_mtime > _KEPT:
                self.discard(job.id)
        folder = new_folder(self._root, self._clock())
        write_order(folder, order)
        write_state(folder, State())
        return self.get(folder.name)

    def amend(self, job_id: str, order: TrainingOrder) -> Job:
        """Change what was ordered, before it is started.

        Raises:
            BadInputError: it was started.
        """
        with self._alone(job_id) as job:
            self._check_draft(job)
            write_order(job.folder, order)
        return self.get(job_id)

    def discard(self, job_id: str) -> None:
        """Remove a drafted job; one that was started, or is gone, stays as it is."""
        with suppress(BadInputError), self._alone(job_id) as job:
            made = any((job.folder / name).exists() for name in (MODEL, RUN))
            if job.state.status == DRAFT and not made:
                shutil.rmtree(job.folder, ignore_errors=True)

    def measure(self, job_id: str) -> None:
        """Begin to measure, in a process of its own, how long a job will take here."""
        job = self.get(job_id)
        (job.folder / ESTIMATE).unlink(missing_ok=True)
        self._spawn(JOB_PROCESS, job.folder, ["estimate", str(job.folder)])

    def start(self, job_id: str) -> Job:
        """Start a drafted job in a process of its own; it waits while another runs.

        Raises:
            BadInputError: it was started already, by somebody else perhaps.
        """
        with self._alone(job_id) as job:
            self._check_draft(job)
            (job.folder / STOP).unlink(missing_ok=True)
            self._launch(job)
        return self.get(job_id)

    def resume(self, job_id: str) -> Job:
        """Go on with a job that was cut off or failed, after its last complete epoch.

        Raises:
            BadInputError: it is waiting, running or done.
        """
        with self._alone(job_id) as job:
            if job.state.status not in (CUT_OFF, FAILED):
                raise BadInputError(
                    "Expected a job that was cut off or failed. "
                    f"{job.order.title!r} is {job.state.status}."
                )
            (job.folder / STOP).unlink(missing_ok=True)
            self._launch(job)
        return self.get(job_id)

    def stop(self, job_id: str) -> None:
        """Ask a job to stop after the batch it is at; it keeps the best model so far."""
        (self.get(job_id).folder / STOP).touch()

    def get(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            BadInputError: there is none.
        """
        folder = find_folder(self._root, job_id, ORDER)
        if folder is None:
            raise BadInputError(f"There is no job {job_id[:60]!r}. See `octtutor jobs list`.")
        return Job(job_id, folder, read_order(folder), read_state(folder))

    def all(self) -> tuple[Job, ...]:
        """Return every job that can be read, the newest first."""
        found = []
        for folder in sorted(self._root.glob("[!.]*"), reverse=True):
            try:
                found.append(self.get(folder.name))
            except BadInputError:
                continue  # a folder that is no job, or is being made
        return tuple(found)

    def current(self) -> Job | None:
        """Return the job that runs, else the first that waits, else None."""
        jobs = self.all()
        running = [job for job in jobs if job.state.status == RUNNING]
        waiting = [job for job in jobs if job.state.status == WAITING]
        waiting.sort(key=lambda job: job.state.queued_at)
        return next(iter(running + waiting), None)

    def before(self, job_id: str) -> tuple[Job, ...]:
        """Return the jobs that come before a waiting one: the running and the earlier ones."""
        own = self.get(job_id).state.queued_at
        others = [job for job in self.all() if job.id != job_id]
        running = [job for job in others if job.state.status == RUNNING]
        earlier = [j for j in others if j.state.status == WAITING and j.state.queued_at < own]
        return (*running, *sorted(earlier, key=lambda job: job.state.queued_at))

    def _check_draft(self, job: Job) -> None:
        if job.state.status != DRAFT:
            raise BadInputError(
                f"The job {job.order.title!r} was started already. It is {job.state.status}."
            )

    @contextmanager
    def _alone(self, job_id: str) -> Iterator[Job]:
        """Hold a job so that two people who press at once do not both start it."""
        with FileLock(self.get(job_id).folder / "start.lock"):
            yield self.get(job_id)

    def _launch(self, job: Job) -> None:
        now = self._clock().isoformat()
        state = replace(job.state, status=WAITING, queued_at=now, updated_at=now, message="")
        write_state(job.folder, state)
        self._spawn("octtutor.jobs.worker", job.folder)

    def _spawn(self, module: str, folder: Path, words: Sequence[str] | None = None) -> None:
        spawn(module, folder, {**_few_threads(), **os.environ, **self._env}, words)


def _few_threads() -> dict[str, str]:
    """Leave a core to the page's answers where there are more than two (see also the niceness)."""
    threads = str(max(2, (os.cpu_count() or 2) - 1))
    return dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"), threads)
