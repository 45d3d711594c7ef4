"""What the tab Train shows of the runs, and what stops one or goes on with it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from octtutor.jobs.queue import Jobs
from octtutor.jobs.state import CUT_OFF, DRAFT, FAILED, RUNNING, STOP, WAITING, tail
from octtutor.model.measure.kept_comparison import COMPARISON
from octtutor.ui.train.views import begun, history_view, log_view, run_view, state_word


@dataclass(frozen=True, slots=True)
class RunsNow:
    """All that the page shows of the runs at a moment; equal ones need not be sent again."""

    job: str | None
    current: str | None
    """The run at work; a page turns to it when it changes."""
    choices: tuple[tuple[str, str], ...]
    run: str
    log: str
    history: str
    can_stop: bool
    can_resume: bool
    is_compared: bool
    stage: tuple[str, str, int]
    """Changes when comparison or publishing may have changed."""


class RunHandlers:
    """The runs at a moment, their end before time, and going on with one."""

    def __init__(self, jobs: Jobs, pointer: Path) -> None:
        """Take the runs, and the file that says which model is in use."""
        self._jobs, self._pointer = jobs, pointer

    def stop(self, job_id: Any) -> None:
        """Stop a run after its batch."""
        self._jobs.stop(str(job_id or ""))

    def resume(self, job_id: Any) -> None:
        """Go on with a run that was cut off or failed."""
        self._jobs.resume(str(job_id or ""))

    def now(self, job_id: Any, seen: RunsNow | None) -> RunsNow:
        """Return what the page shows of the runs.

        Args:
            job_id: the run that the page shows.
            seen: what it showed before; when another run has come to work since, it is shown.
        """
        jobs = [job for job in self._jobs.all() if job.state.status != DRAFT]
        waiting = [job for job in jobs if job.state.status == WAITING]
        following = min(waiting, key=lambda job: job.state.queued_at, default=None)
        current = next((job for job in jobs if job.state.status == RUNNING), following)
        known = {job.id: job for job in jobs}
        if current and (seen is None or seen.current != current.id):
            job_id = current.id
        job = known.get(str(job_id)) or current or next(iter(jobs), None)
        before = self._jobs.before(job.id) if job and job.state.status == WAITING else ()
        status = job.state.status if job else ""
        stopping = job is not None and (job.folder / STOP).exists()
        return RunsNow(
            job=job.id if job else None,
            current=current.id if current else None,
            choices=tuple(
                (f"{job.order.title} · {begun(job)} · {state_word(job)}", job.id) for job in jobs
            ),
            run=run_view(job, before, current),
            log=log_view(tail(job.folder)) if job else "",
            history=history_view(jobs),
            can_stop=status in (WAITING, RUNNING) and not stopping,
            can_resume=status in (CUT_OFF, FAILED),
            stage=(job.id if job else "", status, self._pointer_time()),
            is_compared=job is not None and (job.folder / COMPARISON).exists(),
        )

    def now_of(self, job_id: str | None) -> RunsNow:
        """Return what the page shows of the runs with this one, whichever is at work."""
        now = self.now(job_id, None)
        return now if now.job == job_id else self.now(job_id, now)

    def _pointer_time(self) -> int:
        try:
            return self._pointer.stat().st_mtime_ns
        except OSError:
            return 0
