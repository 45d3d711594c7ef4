"""The model in use: loads beside the page, answers once for each scan, fails in words."""

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.core.verdict import ScanVerdict, Standing, Verdict
from octtutor.errors import ModelError
from octtutor.model.serve.predictor import ModelPredictor
from octtutor.phantom import make
from tests.conftest import MODEL
from tests.model.folders import make_model

SCAN = make(LABELS[1], np.random.default_rng(2), (300, 300)).scan


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the module's predictor keeps its answers."""
    return tmp_path_factory.mktemp("answers")


@pytest.fixture(scope="module")
def predictor(answers: Path) -> ModelPredictor:
    made = ModelPredictor(MODEL, answers)
    assert not made.is_ready
    made.start()
    return made


def test_it_answers_with_four_probabilities_and_four_maps(predictor: ModelPredictor):
    prediction, maps = predictor.read("a" * 64, SCAN)
    assert sum(prediction.probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert maps.shape == (4, 160, 160)  # laid on the scan, at most so large
    assert (maps >= 0).all()
    assert prediction.model == "lite0"
    assert predictor.is_ready
    assert predictor.fault is None


def test_a_scan_is_computed_once_and_remembered_without_the_model(
    predictor: ModelPredictor, answers: Path
):
    first = predictor.read("b" * 64, SCAN)
    assert predictor.knows("b" * 64)
    asleep = ModelPredictor(MODEL, answers)
    again = asleep.read("b" * 64, SCAN)
    assert again[0] == first[0]
    assert (again[1] == first[1]).all()
    assert not asleep.is_ready
    assert not asleep.knows("c" * 64)


def test_it_says_what_a_scan_is_to_it_and_remembers_that_without_the_model(
    predictor: ModelPredictor, answers: Path
):
    noise = np.random.default_rng(0).integers(0, 256, SCAN.shape).astype(np.uint8)
    told, other = predictor.judge("f" * 64, SCAN), predictor.judge("9" * 64, noise)
    assert told == Standing(ScanVerdict(Verdict.SCAN), would_answer=True)
    assert (other.verdict.verdict, other.would_answer) == (Verdict.NO_SCAN, False)
    assert other.verdict.why
    asleep = ModelPredictor(MODEL, answers)
    assert asleep.judge("f" * 64, SCAN) == told
    assert asleep.judge("9" * 64, SCAN).verdict.verdict is Verdict.UNLIKE  # by the noise's score
    assert not asleep.is_ready


def test_it_says_that_it_would_not_answer_below_its_cards_threshold(tmp_path: Path):
    shy = ModelPredictor(make_model(tmp_path / "shy", answers_from=1.01), tmp_path / "answers")
    prediction, _ = shy.read("a" * 64, SCAN)
    assert max(prediction.probabilities.values()) > 0.5
    assert not shy.judge("a" * 64, SCAN).would_answer


def test_a_damaged_gauge_takes_no_answer_away(tmp_path: Path):
    folder = make_model(tmp_path / "model")
    (folder / "familiarity.safetensors").write_bytes(b"x")
    damaged = ModelPredictor(folder, tmp_path / "answers")
    assert damaged.read("a" * 64, SCAN)[0].model == "model"
    assert damaged.judge("a" * 64, SCAN).verdict.verdict is Verdict.SCAN


@pytest.mark.parametrize("fault", ["text", "empty", "half", "zeros", "shape"])
def test_a_damaged_memory_is_made_anew(predictor: ModelPredictor, answers: Path, fault: str):
    first, _ = predictor.read("d" * 64, SCAN)
    (kept,) = answers.rglob("d" * 64 + ".npz")
    whole = kept.read_bytes()
    damages = {"text": b"broken", "empty": b"", "half": whole[:400], "zeros": bytes(len(whole))}
    if fault == "shape":
        np.savez(kept, probabilities=np.zeros(3), maps=np.zeros((4, 28, 28)))
    else:
        kept.write_bytes(damages[fault])
    assert predictor.read("d" * 64, SCAN)[0] == first


def test_two_threads_get_the_same_answer(predictor: ModelPredictor):
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(predictor.read("e" * 64, SCAN)[0]))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert all(answer == answers[0] for answer in answers)


def test_a_model_that_cannot_be_loaded_says_why_and_does_not_hang(tmp_path: Path):
    folder = shutil.copytree(MODEL, tmp_path / "bad")
    (folder / "weights.safetensors").write_bytes(b"x")
    broken = ModelPredictor(folder, tmp_path / "answers")
    broken.start()
    with pytest.raises(ModelError, match="SHA-256"):
        broken.read("a" * 64, SCAN)
    assert broken.is_ready
    assert broken.fault is not None
    assert "SHA-256" in broken.fault


def test_a_memory_that_cannot_be_written_does_not_stop_the_answer(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    stubborn = ModelPredictor(MODEL, tmp_path / "file")
    stubborn.start()
    assert stubborn.read("a" * 64, SCAN)[0].model == "lite0"
