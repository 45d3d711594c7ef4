"""Jobs that really run: workers in processes of their own, on a few small synthetic scans."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from octtutor.datasets.listing import write_listing
from octtutor.datasets.sources import open_source
from octtutor.jobs.queue import Job, Jobs
from octtutor.jobs.state import RUNNING, WAITING, tail
from octtutor.jobs.training_order import TrainingOrder
from tests.conftest import ROOT, write_scans

PATIENCE = 240


def list_scans(folder: Path, listing: Path) -> Path:
    """Write a listing of a folder of scans, as the training room does of decks."""
    with open_source(folder) as members:
        rows = [
            {
                "sha256": hashlib.sha256(member.read()).hexdigest(),
                "label": str(member.place.label),
                "patient": member.place.patient or "",
                "name": member.name,
                "file": str(folder / member.name),
            }
            for member in members
        ]
    write_listing(listing, rows)
    return listing


def open_jobs(folder: Path, *modules: Path) -> Jobs:
    """Open the jobs of a folder; their processes find modules in these folders first."""
    return Jobs(
        folder / "jobs",
        lambda: datetime.now(UTC),
        {
            "OCTTUTOR_HOME": str(folder / "home"),
            "PYTHONPATH": os.pathsep.join(map(str, [*modules, ROOT])),
        },
    )


def until(jobs: Jobs, job_id: str, reached: Callable[[Job], bool]) -> Job:
    """Look at a job until it has come so far; what it logged is shown if it never does."""
    end = time.monotonic() + PATIENCE
    while not reached(job := jobs.get(job_id)):
        assert time.monotonic() < end, f"{job.state}\n{tail(job.folder, 40)}"
        time.sleep(0.02)
    return job


def has_ended(job: Job) -> bool:
    return job.state.status not in (WAITING, RUNNING)


def finish(jobs: Jobs, job_id: str) -> Job:
    return until(jobs, job_id, has_ended)


def worker_of(job: Job) -> psutil.Process:
    """Return the process that waits with, or watches over, a job."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "octtutor.jobs.worker" in words and str(job.folder) in words:
            return process
    raise AssertionError(f"no worker for {job.id}")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `scans.csv`, 6 scans a class, each of its own patient."""
    folder = tmp_path_factory.mktemp("jobs")
    list_scans(write_scans(folder / "scans", 6, (128, 128)), folder / "scans.csv")
    return folder


@pytest.fixture(scope="module")
def jobs(place: Path) -> Iterator[Jobs]:
    """The jobs of this module; none of their processes outlives it."""
    opened = open_jobs(place)
    yield opened
    for job in opened.all():
        for status in (WAITING, RUNNING):
            if job.state.status == status:
                with suppress(AssertionError, psutil.Error):
                    worker_of(job).kill()


def small(place: Path, title: str = "small", **changes) -> TrainingOrder:
    """An order that trains in seconds."""
    facts = {"data": str(place / "scans.csv"), "size": 64, "by": "ada"}
    settings = {key: changes.pop(key, usual) for key, usual in (("epochs", 3), ("batch", 8))}
    return TrainingOrder(title, settings=settings, **(facts | changes))


def kill(pid: int) -> None:
    os.kill(pid, 9)
