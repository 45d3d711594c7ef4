"""A run that is cut off goes on where it was, and ends where an uninterrupted one ends."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from octtutor.model.training.checkpoint import MANIFEST, load_checkpoint
from octtutor.model.training.loop import (
    Batches,
    EpochChoice,
    TrainingOutcome,
    Watch,
    has_run,
    measure_validation,
    run_epochs,
)


class CutError(Exception):
    """Stands for a kill between two batches."""


class Points(Batches):
    """Four batches of points; their class is which half of the line they are on."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.epoch, index])
        points = rng.normal(size=(16, 3)).astype(np.float32)
        wanted = np.eye(4, dtype=np.float32)[(points[:, 0] > 0).astype(int)]
        return points, wanted


def network(dropout: float = 0.3) -> keras.Model:
    keras.utils.set_random_seed(1)
    inputs = keras.Input((3,))
    x = keras.layers.Dense(8, activation="relu")(inputs)
    x = keras.layers.Dropout(dropout)(keras.layers.BatchNormalization()(x))
    model = keras.Model(inputs, keras.layers.Dense(4)(x))
    model.compile(
        keras.optimizers.Adam(0.05),
        keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    return model


def cut_after(batches: int):
    def on_batch(done: int, total: int) -> None:
        if done == batches:
            raise CutError

    return on_batch


@pytest.mark.parametrize("batches", [5, 8, 9, 15])
def test_a_run_that_is_cut_off_ends_where_an_uninterrupted_one_ends(batches: int, tmp_path: Path):
    whole, cut = network(), network()
    expected = run_epochs(whole, Points(), 4)
    with pytest.raises(CutError):
        run_epochs(cut, Points(), 4, watch=Watch(on_batch=cut_after(batches), checkpoints=tmp_path))
    assert has_run(tmp_path)
    again = network()
    outcome = run_epochs(again, Points(), 4, watch=Watch(checkpoints=tmp_path))
    assert [row["loss"] for row in outcome.history] == pytest.approx(
        [row["loss"] for row in expected.history], rel=1e-4
    )
    for ours, theirs in zip(again.get_weights(), whole.get_weights(), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-4)


def test_a_stop_keeps_the_best_so_far(tmp_path: Path):
    losses = iter([0.5, 0.2, 0.9, 0.8])
    model, kept = network(), []

    def measure() -> dict[str, float]:
        kept.append([np.array(w) for w in model.get_weights()])
        return {"val_loss": next(losses), "val_accuracy": 0.5, "val_weighted_error": 0.1}

    done = []
    watch = Watch(on_batch=lambda at, _: done.append(at), should_stop=lambda: len(done) >= 10)
    outcome = run_epochs(model, Points(), 9, measure, EpochChoice(), watch)
    assert len(done) == 10
    assert outcome.kept == 2
    assert outcome.stopped == "stopped by request"
    assert outcome.name == "model.02-0.50"
    for ours, best in zip(model.get_weights(), kept[1], strict=True):
        assert (ours == best).all()


def test_the_best_epoch_is_kept_by_its_measure_and_patience_ends_the_run():
    accuracy = iter([0.5, 0.9, 0.8, 0.7, 0.99])
    model = network()

    def measure() -> dict[str, float]:
        return {"val_loss": 1.0, "val_accuracy": next(accuracy), "val_weighted_error": 0.0}

    outcome = run_epochs(model, Points(), 5, measure, EpochChoice("val_accuracy", True, patience=2))
    assert outcome.kept == 2
    assert len(outcome.history) == 4
    assert outcome.stopped == "no better epoch in 2"


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path):
    run_epochs(network(), Points(), 3, watch=Watch(checkpoints=tmp_path))
    newest, before = json.loads((tmp_path / MANIFEST).read_text())
    (tmp_path / newest["file"]).write_bytes(b"half")
    found = load_checkpoint(tmp_path)
    assert found is not None
    assert len(found.history) == len(before["history"]) == 2
    (tmp_path / before["file"]).unlink()
    assert load_checkpoint(tmp_path) is None
    (tmp_path / MANIFEST).write_text("[{]")
    assert not has_run(tmp_path)


def test_two_checkpoints_are_kept_and_what_a_kill_left_is_swept(tmp_path: Path):
    (tmp_path / ".partial-x").write_bytes(b"half a file")
    run_epochs(network(), Points(), 5, watch=Watch(checkpoints=tmp_path))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 3
    assert [name.split("-")[0] for name in names] == ["model.04", "model.05", MANIFEST]


def test_a_smaller_batch_goes_on_at_the_same_place_of_the_schedule(tmp_path: Path):
    class Halves(Points):
        def __len__(self) -> int:
            return 8

    run_epochs(network(), Points(), 2, watch=Watch(checkpoints=tmp_path))
    model, seen = network(), []
    run_epochs(
        model, Halves(), 3, watch=Watch(on_batch=lambda *at: seen.append(at), checkpoints=tmp_path)
    )
    assert seen[0] == (17, 24)
    assert int(model.optimizer.iterations.numpy()) == 24


def test_the_measures_are_the_textbooks():
    logits = np.log(np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 0.7]], np.float32))
    measures = measure_validation(np.array([0, 0]), logits)
    assert measures["val_accuracy"] == 0.5
    assert measures["val_weighted_error"] == 2.0  # CNV called NORMAL costs 4, over two scans
    assert measures["val_loss"] == pytest.approx(-(np.log(0.7) + np.log(0.1)) / 2, rel=1e-5)


def test_without_measures_patience_ends_nothing():
    outcome = run_epochs(network(), Points(), 5, choice=EpochChoice(patience=1))
    assert len(outcome.history) == 5
    assert outcome.stopped is None


def test_a_run_that_patience_ended_is_the_same_when_it_is_taken_up_again(tmp_path: Path):
    def run() -> tuple[TrainingOutcome, list[np.ndarray]]:
        accuracy = iter([0.5, 0.9, 0.8, 0.7, 0.6])
        model = network()

        def measure() -> dict[str, float]:
            worse = 1 - next(accuracy)
            return {"val_loss": worse, "val_accuracy": 1 - worse, "val_weighted_error": worse}

        watch = Watch(checkpoints=tmp_path)
        outcome = run_epochs(model, Points(), 5, measure, EpochChoice(patience=2), watch)
        return outcome, model.get_weights()

    (first, weights), (again, same) = run(), run()
    assert (first.kept, first.stopped) == (2, "no better epoch in 2")
    assert (again.kept, again.stopped, again.history) == (first.kept, first.stopped, first.history)
    assert all((ours == theirs).all() for ours, theirs in zip(same, weights, strict=True))
