"""Training in a process of its own: killed, stopped, out of disk, out of memory, and resumed."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from safetensors.numpy import load_file

from octtutor.jobs.queue import RUN, Job, Jobs
from octtutor.jobs.run import COMPARISON, DIFFERING
from octtutor.jobs.state import CUT_OFF, DONE, FAILED, RUNNING, WAITING
from octtutor.jobs.training_order import TrainingOrder
from octtutor.jobs.worker import tells_no_memory
from tests.conftest import ROOT
from tests.jobs.conftest import finish, has_ended, kill, open_jobs, small, until, worker_of

START_AND_LEAVE = """
import sys
from pathlib import Path
from tests.jobs.conftest import open_jobs, small
place = Path(sys.argv[1])
jobs = open_jobs(place)
print(jobs.start(jobs.draft(small(place, "whole", compare_with="lite0")).id).id)
"""

GREEDY = """
import sys
if "octtutor.job_process" in sys.orig_argv:
    from octtutor.model.network.backend import import_keras_quietly
    import_keras_quietly()
    from octtutor.model.training import train as training
    train = training.train
    def train_greedily(plan, *rest):
        if plan.recipe.batch > 8:
            {lacking}
        return train(plan, *rest)
    training.train = train_greedily
"""
ALLOCATION = "import tensorflow; tensorflow.zeros((plan.recipe.batch, 1 << 40))"
ABORT = 'import os; os.write(2, b"what(): std::bad_alloc\\n"); os.abort()'


@pytest.fixture(scope="module")
def whole(jobs: Jobs, place: Path) -> Job:
    """A run that nothing disturbed but the end of the process that had started it."""
    command = [sys.executable, "-c", START_AND_LEAVE, str(place)]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return finish(jobs, told.stdout.strip())


def weights_of(job: Job) -> dict[str, np.ndarray]:
    assert job.model is not None, job.state
    return load_file(job.model / "weights.safetensors")


def ends_like(job: Job, other: Job) -> None:
    """Both came to the same model by the same epochs."""
    assert job.state.status == DONE, job.state
    for row, theirs in zip(job.state.history, other.state.history, strict=True):
        assert row == pytest.approx(theirs, abs=2e-3)
    theirs = weights_of(other)
    for name, array in weights_of(job).items():
        np.testing.assert_allclose(array, theirs[name], rtol=1e-3, atol=1e-3, err_msg=name)


def no_partial_file(job: Job) -> bool:
    return not list((job.folder / RUN).glob(".partial-*"))


def test_a_run_goes_on_when_the_server_that_started_it_ends(whole: Job):
    state = whole.state
    assert state.status == DONE
    assert (state.epoch, state.epochs, len(state.history)) == (3, 3, 3)
    assert state.outcome["n"] == 4
    assert 0 <= state.gauges["memory"] <= 1
    card = json.loads((whole.folder / "model" / "card.json").read_text())
    assert card["name"] == "whole"


def test_a_run_compares_its_model_with_the_one_in_use_on_the_scans_it_held_out(whole: Job):
    told = json.loads((whole.folder / COMPARISON).read_text())
    assert (told["first"]["model"], told["second"]["model"]) == ("lite0", "whole")
    assert told["n"] == 4
    assert told["second"]["overlap_with_training"] == {"patients": 0, "files": 0}
    pictures = list((whole.folder / DIFFERING).glob("*.png"))
    assert len(pictures) == len(told["differing"])


def test_a_run_killed_again_and_again_ends_where_an_undisturbed_one_ends(
    jobs: Jobs, place: Path, whole: Job
):
    """The training process, the one above it, and the training process inside a save."""
    job = jobs.start(jobs.draft(small(place, "killed")).id)
    kill(until(jobs, job.id, lambda job: job.state.step >= 1).state.pid)
    assert "signal 9" in until(jobs, job.id, has_ended).state.message

    jobs.resume(job.id)
    job = until(jobs, job.id, lambda job: job.state.epoch == 1 and job.state.step > 1)
    training = psutil.Process(job.state.pid)
    kill(worker_of(job).pid)
    assert until(jobs, job.id, has_ended).state.status == CUT_OFF
    psutil.wait_procs([training], timeout=20)
    assert not training.is_running() or training.status() == psutil.STATUS_ZOMBIE

    jobs.resume(job.id)
    job = until(jobs, job.id, lambda job: not no_partial_file(job))
    kill(job.state.pid)
    assert until(jobs, job.id, has_ended).state.status == CUT_OFF

    jobs.resume(job.id)
    job = finish(jobs, job.id)
    ends_like(job, whole)
    assert no_partial_file(job)


def test_stop_ends_a_run_after_its_batch_and_keeps_the_best_model(jobs: Jobs, place: Path):
    job = jobs.start(jobs.draft(small(place, "stopped", epochs=200)).id)
    until(jobs, job.id, lambda job: job.state.epoch >= 1)
    jobs.stop(job.id)
    job = finish(jobs, job.id)
    assert job.state.status == DONE
    assert job.state.epoch < 200
    assert "stopped by request" in job.state.message
    assert job.model is not None
    card = json.loads((job.model / "card.json").read_text())
    assert card["recipe"]["kept"].startswith("model.")
    assert card["figures"] == job.state.outcome


def test_a_full_disk_fails_the_run_and_it_goes_on_once_there_is_room(
    jobs: Jobs, place: Path, whole: Job
):
    """A cap on the size of a file stands for a disk without room for the weights."""
    job = jobs.start(jobs.draft(small(place, "full")).id)
    job = until(jobs, job.id, lambda job: job.state.status == RUNNING and job.state.pid > 0)
    resource.prlimit(job.state.pid, resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
    job = finish(jobs, job.id)
    assert job.state.status == FAILED
    assert "Cannot write into" in job.state.message
    assert "Free some space" in job.state.message
    assert job.model is None
    assert no_partial_file(job)
    jobs.resume(job.id)
    ends_like(finish(jobs, job.id), whole)


@pytest.mark.parametrize("lacking", [ALLOCATION, ABORT], ids=["allocation", "abort"])
def test_a_run_without_memory_goes_on_with_half_the_batch_and_says_so(
    place: Path, tmp_path: Path, lacking: str
):
    """The training process asks for more than there is, unless its batch is small.

    A cap on its address space was tried instead: whichever library met it first ended the
    process, now and then with a bare segmentation fault.
    """
    (tmp_path / "sitecustomize.py").write_text(GREEDY.format(lacking=lacking))
    jobs = open_jobs(place, tmp_path)
    job = finish(jobs, jobs.start(jobs.draft(small(place, "large", batch=16, epochs=1)).id).id)
    assert "Out of memory with 16 scans a step: going on with 8." in job.state.message
    assert job.state.status == DONE
    assert job.order.settings["batch"] == 8


@pytest.mark.parametrize(
    "words",
    [
        "ResourceExhaustedError: OOM when allocating tensor with shape[16,160,160,32]",
        "AbortedError: Operation received an exception:Status: 1, message: could not create a "
        "primitive, in file tensorflow/core/kernels/mkl/mkl_conv_ops.cc:1112 [Op:Conv2D]",
        "_ArrayMemoryError: Unable to allocate 64.0 TiB for an array with shape (16, 4)",
        "OSError: [Errno 12] Cannot allocate memory",
    ],
)
def test_the_words_of_libraries_without_memory_are_known(words: str):
    assert tells_no_memory(words)


def test_other_failures_are_not_taken_for_want_of_memory():
    assert not tells_no_memory("AbortedError: Operation received an exception:Status: 3, message")
    assert not tells_no_memory("ValueError: Expected 4 classes. Received 3.")


def test_scans_that_cannot_be_trained_on_fail_with_the_reason(jobs: Jobs, place: Path):
    rows = (place / "scans.csv").read_text().splitlines()
    three = place / "three.csv"
    three.write_text("\n".join(row for row in rows if ",DRUSEN," not in row) + "\n")
    job = finish(jobs, jobs.start(jobs.draft(small(place, "three", data=str(three))).id).id)
    assert job.state.status == FAILED
    assert "Received none of DRUSEN" in job.state.message
    assert job.model is None


def test_a_measured_time_is_of_this_machine_and_of_this_plan(jobs: Jobs, place: Path):
    job = jobs.draft(small(place, "measured"))
    assert job.estimate is None
    jobs.measure(job.id)
    told = until(jobs, job.id, lambda job: job.estimate is not None).estimate
    assert told is not None
    assert told.epochs == 3
    assert told.seconds == pytest.approx(3 * told.seconds_per_epoch)
    assert isinstance(job.order, TrainingOrder)
    assert jobs.get(job.id).state.status not in (WAITING, RUNNING)
