"""Jobs in line: one at a time, in their order, started once, and seen when they are cut off."""

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock

from octtutor.errors import BadInputError, OctTutorError
from octtutor.jobs.queue import Job, Jobs
from octtutor.jobs.state import CUT_OFF, DRAFT, FAILED, WAITING, is_alive
from tests.jobs.conftest import finish, kill, small, until, worker_of


@pytest.fixture
def held(jobs: Jobs, place: Path) -> Iterator[None]:
    """Another job has its turn for as long as this lasts."""
    (place / "jobs").mkdir(exist_ok=True)
    with FileLock(place / "jobs" / ".turn.lock"):
        yield


def waits(job: Job) -> bool:
    return job.state.status == WAITING and is_alive(job.folder)


def test_of_two_who_press_start_at_once_one_starts_it(jobs: Jobs, place: Path, held: None):
    job = jobs.draft(small(place))

    def press(_: int) -> str:
        try:
            return jobs.start(job.id).state.status
        except OctTutorError as error:
            return str(error)

    with ThreadPoolExecutor(4) as people:
        told = sorted(people.map(press, range(4)))
    assert told.count(WAITING) == 1
    assert sum("was started already" in line for line in told) == 3
    until(jobs, job.id, waits)
    jobs.stop(job.id)
    assert finish(jobs, job.id).state.message == "Stopped before it began."


def test_a_planned_job_can_be_changed_and_removed_and_a_started_one_cannot(
    jobs: Jobs, place: Path, held: None
):
    job = jobs.draft(small(place, "first"))
    assert jobs.amend(job.id, small(place, "second")).order.title == "second"
    jobs.start(job.id)
    with pytest.raises(BadInputError, match="started already"):
        jobs.amend(job.id, small(place, "third"))
    jobs.discard(job.id)
    assert jobs.get(job.id).order.title == "second"
    jobs.stop(job.id)
    finish(jobs, job.id)
    other = jobs.draft(small(place))
    assert other.state.status == DRAFT
    jobs.discard(other.id)
    with pytest.raises(BadInputError, match="There is no job"):
        jobs.get(other.id)


def test_plans_that_nobody_started_in_a_day_are_forgotten(jobs: Jobs, place: Path):
    old, new = jobs.draft(small(place, "old")), jobs.draft(small(place, "new"))
    os.utime(old.folder / "order.json", (0, 0))
    jobs.draft(small(place, "third"))
    assert {"new", "third"} <= {job.order.title for job in jobs.all()}
    assert not old.folder.exists()
    assert new.folder.exists()


def test_a_job_with_a_model_is_never_forgotten_whatever_its_state_says(jobs: Jobs, place: Path):
    made, damaged = jobs.draft(small(place, "made")), jobs.draft(small(place, "damaged"))
    (made.folder / "model").mkdir()
    (made.folder / "state.json").unlink()
    (damaged.folder / "state.json").write_text("")
    for job in (made, damaged):
        os.utime(job.folder / "order.json", (0, 0))
    jobs.discard(jobs.draft(small(place, "new")).id)
    assert jobs.get(made.id).folder.is_dir()
    assert jobs.get(damaged.id).state.status == CUT_OFF
    assert "cannot be read" in jobs.get(damaged.id).state.message
    for job in (made, damaged):
        shutil.rmtree(job.folder)


def test_a_waiting_job_whose_process_is_killed_is_cut_off_and_can_go_on(
    jobs: Jobs, place: Path, held: None
):
    job = jobs.start(jobs.draft(small(place)).id)
    until(jobs, job.id, waits)
    kill(worker_of(job).pid)
    cut = until(jobs, job.id, lambda job: job.state.status == CUT_OFF)
    assert "Resume goes on" in cut.state.message
    assert jobs.resume(job.id).state.status == WAITING
    until(jobs, job.id, waits)
    with pytest.raises(BadInputError, match="cut off or failed"):
        jobs.resume(job.id)
    jobs.stop(job.id)
    assert finish(jobs, job.id).state.status == FAILED


def test_jobs_run_one_at_a_time_in_the_order_they_were_started(jobs: Jobs, place: Path):
    with FileLock(place / "jobs" / ".turn.lock"):
        first, second = (
            jobs.start(jobs.draft(small(place, title, recipe="no such recipe")).id)
            for title in ("first", "second")
        )
        until(jobs, first.id, waits)
        until(jobs, second.id, waits)
        current = jobs.current()
        assert current is not None
        assert current.id == first.id
        assert [job.id for job in jobs.before(second.id)] == [first.id]
    ended = [finish(jobs, job.id).state for job in (second, first)]
    assert ended[1].updated_at < ended[0].updated_at
    assert all("Expected a recipe: finetune" in state.message for state in ended)
    assert jobs.current() is None


@pytest.mark.parametrize("name", ["", "..", "../jobs", "none", "/etc"])
def test_what_is_no_job_is_refused(jobs: Jobs, name: str):
    with pytest.raises(BadInputError, match="There is no job"):
        jobs.get(name)
    jobs.discard(name)
