"""The recipe learns, writes a whole folder, and refuses what would make its figures false."""

import csv
from pathlib import Path

import numpy as np
import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.errors import BadInputError
from octtutor.model.augment import Augmentation, augment
from octtutor.model.evaluation import evaluate
from octtutor.model.finetune import Finetune, OneCycle
from octtutor.model.folder import load_model
from octtutor.model.loading import load_scans
from octtutor.model.training import train
from octtutor.phantom import make
from tests.conftest import MODEL, write_scans

SMALL = Finetune(epochs=6, batch=8, size=96, peak_rate=2e-3)


def test_training_writes_a_model_that_has_learned(tmp_path: Path):
    data = write_scans(tmp_path / "data", per_class=8)
    seen = []
    out = tmp_path / "model"
    card = train(data, out, SMALL, on_epoch=lambda epoch, _: seen.append(epoch))
    assert seen == [1, 2, 3, 4, 5, 6]
    assert {path.name for path in out.iterdir()} == {
        "card.json",
        "curves.png",
        "history.csv",
        "training_scans.csv",
        "weights.safetensors",
    }
    with (out / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert float(history[-1]["loss"]) < float(history[0]["loss"])
    network, read = load_model(out)
    assert read == card
    assert network.backbone.input_shape == (None, 96, 96, 3)
    assert card.training_data["files"] + card.split["validation"]["files"] == 32
    assert set(card.figures) >= {"accuracy", "accuracy_ci", "weighted_error", "confusion"}
    figures = evaluate(out, data)
    assert figures["leaky"]
    assert figures["overlap_with_training"]["files"] == card.training_data["files"]
    assert figures["accuracy"] > 0.4


def test_the_same_seed_trains_the_same_network(tmp_path: Path):
    data = write_scans(tmp_path / "data", per_class=3)
    recipe = Finetune(epochs=1, batch=4, size=64)
    runs = [train(data, tmp_path / name, recipe, val=None).figures for name in ("a", "b")]
    assert runs[0]["brier"] == pytest.approx(runs[1]["brier"], abs=1e-3)


def test_a_validation_set_with_the_same_patients_is_refused(tmp_path: Path, scans: Path):
    other = write_scans(tmp_path / "val", per_class=1)
    with pytest.raises(BadInputError, match="4 patients and 4 files are in both"):
        train(scans, tmp_path / "model", SMALL, val=other)
    assert not (tmp_path / "model").exists()


def test_a_missing_class_is_named(tmp_path: Path, scans: Path):
    for path in (scans / "DRUSEN").iterdir():
        path.unlink()
    with pytest.raises(BadInputError, match="None of DRUSEN"):
        train(scans, tmp_path / "model", SMALL)


def test_one_patient_a_class_cannot_be_split(tmp_path: Path):
    folder = tmp_path / "one"
    for label in LABELS:
        (folder / label).mkdir(parents=True)
        source = write_scans(tmp_path / f"x-{label}", per_class=1)
        name = next((source / label).iterdir())
        name.rename(folder / label / f"{label}-1-1.png")
    with pytest.raises(BadInputError):
        train(folder, tmp_path / "model", SMALL)


def test_unreadable_scans_are_left_out_and_named(scans: Path):
    (scans / "CNV" / "CNV-9-9.png").write_bytes(b"broken")
    loaded = load_scans(scans, 64)
    assert len(loaded.names) == 8
    assert loaded.unreadable == ("CNV/CNV-9-9.png",)


def test_no_augmentation_changes_nothing_but_the_side():
    still = Augmentation(0, 0, 0, 0, 0, 0, 0, 0.11)
    scan = make(LABELS[0], np.random.default_rng(1), (128, 128)).scan
    copies = [augment(scan, np.random.default_rng(seed), still) for seed in range(12)]
    for copy in copies:
        plain = np.abs(copy.astype(int) - scan).mean()
        mirrored = np.abs(copy.astype(int) - scan[:, ::-1]).mean()
        assert min(plain, mirrored) < 1


def test_augmented_copies_differ_and_stay_scans():
    scan = make(LABELS[1], np.random.default_rng(1), (224, 224)).scan
    copies = [augment(scan, np.random.default_rng(seed)) for seed in range(8)]
    assert all(copy.shape == scan.shape and copy.dtype == np.uint8 for copy in copies)
    assert len({copy.tobytes() for copy in copies}) == 8
    assert all(copy.std() > 5 for copy in copies)


def test_the_rate_rises_to_its_peak_and_falls_to_nearly_nothing():
    rate = OneCycle(2e-3, 100, 0.3)
    rates = [float(rate(step)) for step in range(101)]
    assert max(rates) == pytest.approx(2e-3, rel=0.01)
    assert rates.index(max(rates)) in (29, 30, 31)
    assert rates[0] < 2e-4
    assert rates[-1] < 2e-6


@pytest.mark.real_scans
def test_the_shipped_model_reads_real_scans_of_other_patients(real_scans: Path):
    figures = evaluate(MODEL, real_scans / "test")
    assert figures["n"] == 180
    assert not figures["leaky"]
    assert figures["accuracy"] >= 0.97
    assert figures["weighted_error"] <= 0.048
    assert figures["specificity"] >= 0.96


@pytest.mark.real_scans
def test_the_training_scans_are_known_as_leaky(real_scans: Path):
    from octtutor.model.evaluation import overlap

    scans = load_scans(real_scans / "train" / "NORMAL", 64)
    assert overlap(MODEL, scans)["files"] == 130
