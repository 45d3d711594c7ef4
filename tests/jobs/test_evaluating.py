"""Evaluations that really run, in processes of their own, on a few small synthetic scans."""

import os
import shutil
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from octtutor.errors import BadInputError, ModelError
from octtutor.jobs.evaluating import EvaluationOrder, Evaluations
from octtutor.jobs.state import CUT_OFF, DONE, FAILED, RUNNING, STOP, WAITING, State, write_state
from octtutor.model.measure.inspection import read_inspection
from tests.conftest import MODEL, ROOT, write_scans


@pytest.fixture
def evaluations(tmp_path: Path) -> Evaluations:
    return Evaluations(tmp_path / "evaluations", lambda: datetime.now(UTC))


def order(data: Path, model: Path = MODEL) -> EvaluationOrder:
    return EvaluationOrder("ward", str(model), str(data), by="ada")


def run(folder: Path) -> int:
    command = [sys.executable, "-m", "octtutor.jobs.evaluating", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, timeout=300)
    return done.returncode


def test_an_upload_is_evaluated_and_then_forgotten(evaluations: Evaluations, tmp_path: Path):
    scans, upload = write_scans(tmp_path / "scans", 1, (128, 128)), tmp_path / "ward.zip"
    with zipfile.ZipFile(upload, "w") as archive:
        for path in sorted(scans.rglob("*.png")):
            archive.write(path, path.relative_to(scans))
    folder = evaluations.prepare(order(upload), upload)
    assert not upload.exists()
    assert evaluations.get(folder.name).state.status == WAITING
    assert run(folder) == 0
    (done,) = evaluations.all()
    assert (done.state.status, done.order.by) == (DONE, "ada")
    assert (done.state.step, done.state.steps, done.state.outcome["n"]) == (4, 4, 4)
    found = read_inspection(folder)
    assert (found.figures["source"], len(found.shown)) == ("ward", 4)
    assert not list(folder.rglob("*.zip"))
    evaluations.remove(done.id)
    assert evaluations.all() == ()


def test_a_model_that_is_gone_meanwhile_is_said_in_one_line(
    evaluations: Evaluations, tmp_path: Path
):
    model = tmp_path / "mine"
    shutil.copytree(MODEL, model)
    folders = [evaluations.prepare(order(tmp_path, model)) for _ in range(2)]
    card = (model / "card.json").read_text()
    (model / "card.json").write_text(card.replace('"weights_sha256": "', '"weights_sha256": "0'))
    assert run(folders[0]) == 1
    shutil.rmtree(model)
    assert run(folders[1]) == 1
    replaced, gone = (evaluations.get(folder.name).state for folder in folders)
    assert (replaced.status, gone.status) == (FAILED, FAILED)
    assert "was replaced meanwhile. Evaluate again." in replaced.message
    assert "card.json in the model folder 'mine'. It is missing" in gone.message
    assert "\n" not in replaced.message + gone.message
    with pytest.raises(ModelError, match="missing"):
        evaluations.prepare(order(tmp_path, model))


def test_one_that_is_stopped_before_it_begins_says_so(evaluations: Evaluations, tmp_path: Path):
    folder = evaluations.prepare(order(tmp_path))
    evaluations.stop(folder.name)
    assert (folder / STOP).exists()
    assert run(folder) == 1
    assert evaluations.get(folder.name).state.message == "Stopped before it began."


def test_one_whose_process_was_killed_is_cut_off(evaluations: Evaluations, tmp_path: Path):
    folder = evaluations.prepare(order(tmp_path))
    write_state(folder, State(status=RUNNING, phase="answering"))
    state = evaluations.get(folder.name).state
    assert state.status == CUT_OFF
    assert "Evaluate again" in state.message


def test_one_that_is_at_work_cannot_be_removed(evaluations: Evaluations, tmp_path: Path):
    folder = evaluations.prepare(order(tmp_path))
    with pytest.raises(BadInputError, match="Stop it first"):
        evaluations.remove(folder.name)
    assert folder.exists()


@pytest.mark.parametrize("name", ["", "..", ".turn.lock", "../evaluations", "none"])
def test_a_name_that_is_none_is_refused(evaluations: Evaluations, tmp_path: Path, name: str):
    evaluations.prepare(order(tmp_path))
    with pytest.raises(BadInputError, match="no evaluation"):
        evaluations.get(name)


def test_a_folder_that_is_no_evaluation_is_left_out(evaluations: Evaluations, tmp_path: Path):
    folder = evaluations.prepare(order(tmp_path))
    (folder.parent / "other").mkdir()
    harmed = evaluations.prepare(order(tmp_path))
    (harmed / "evaluation.json").write_text("[")
    assert [one.id for one in evaluations.all()] == [folder.name]
