"""`octtutor jobs …`: the same runs as on the page."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from inspect import signature
from pathlib import Path

from octtutor.cli.network.job_commands import start
from octtutor.cli.network.network_commands import train
from octtutor.jobs.queue import Jobs
from octtutor.jobs.state import CUT_OFF, DONE, LOG, State, write_state
from octtutor.jobs.training_order import TrainingOrder
from octtutor.model.training.recipes import all_settings


def octtutor(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "octtutor", "jobs", *words]
    return subprocess.run(command, env=os.environ, capture_output=True, text=True, timeout=120)


def told(*words: str):
    done = octtutor(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_runs_are_listed_shown_and_stopped(own_home: Path):
    assert told("list") == []
    jobs = Jobs(own_home / "jobs", lambda: datetime.now(UTC))
    job = jobs.draft(TrainingOrder("ward-2", data="x"))
    write_state(job.folder, State(status=CUT_OFF, epoch=2, epochs=5, message="It was ended."))
    (job.folder / LOG).write_text("one\ntwo\nthree\n")
    (row,) = told("list")
    assert (row["id"], row["order"]["title"], row["status"]) == (job.id, "ward-2", CUT_OFF)
    assert octtutor("show", job.id).stdout.endswith("epoch 2 of 5  It was ended.\n")
    assert octtutor("log", job.id, "--lines", "2").stdout == "two\nthree\n"
    told("stop", job.id)
    assert (job.folder / "stop").exists()


def test_what_cannot_be_done_is_one_line(own_home: Path):
    jobs = Jobs(own_home / "jobs", lambda: datetime.now(UTC))
    job = jobs.draft(TrainingOrder("ward-2", data="x"))
    write_state(job.folder, State(status=DONE))
    for words, why in (
        (["show", "nothing"], "There is no job 'nothing'"),
        (["resume", job.id], "Expected a job that was cut off or failed"),
        (["start", "--data", "x", "--as", "../x"], "Expected a model's name"),
        (["start", "--data", "x", "--as", "lite0"], "Expected a name that is free"),
        (["start", "--data", "nothere", "--as", "mine"], "Nothing is there"),
        (
            ["start", "--data", "x", "--as", "mine", "--recipe", "article", "--choose", "last"],
            "Expected settings of recipe 'article': epochs, batch, seed, rate, hidden",
        ),
    ):
        done = octtutor(*words)
        assert done.returncode == 1
        assert why in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert len(jobs.all()) == 1


def test_an_unknown_recipe_is_wrong_usage(own_home: Path):
    done = octtutor("start", "--data", str(own_home), "--as", "mine", "--recipe", "<img>")
    assert done.returncode == 2
    assert "expected finetune, features, article" in done.stderr


def test_a_run_takes_the_options_that_train_takes():
    ours, theirs = ({one for one in signature(each).parameters} for each in (start, train))
    assert ours - {"name"} == theirs - {"out", "resume"}
    assert ours >= {"data", "val", "recipe", *all_settings()}
