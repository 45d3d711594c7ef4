"""The epochs of every recipe: progress, stop, choice of the best, checkpoint and resume."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from octtutor.core.scheme import Scheme
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import BadInputError
from octtutor.model.network.hosts import agree, is_same_everywhere, rank
from octtutor.model.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from octtutor.model.training.devices import share_out

Measures = dict[str, float]
EpochEnd = Callable[[int, Measures], None]
BatchEnd = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Watch:
    """Who follows a training run, who may stop it, and where it is kept."""

    on_epoch: EpochEnd | None = None
    """Called after each epoch with its number from 1 and its measures."""
    on_batch: BatchEnd | None = None
    """Called after each batch with (batches done, batches in all)."""
    on_measures: Callable[[Measures], None] | None = None
    """Called after each batch with the running `loss` and `accuracy` of this epoch."""
    on_phase: Callable[[str], None] | None = None
    """Called when another part of the work begins, e.g. `fold 2 of 5`."""
    should_stop: Callable[[], bool] = field(default=lambda: False)
    """Asked after each batch; True ends the run with the best so far."""
    checkpoints: Path | None = None
    """The folder to keep the run in after each epoch, and to resume it from."""


@dataclass(frozen=True, slots=True)
class EpochChoice:
    """Which epoch is kept.

    `measure` is a key of the epoch's measures that starts with `val_`; of equals the one with
    the lower `val_loss` counts. None keeps the last epoch, unless the run is stopped early.
    """

    measure: str | None = None
    highest: bool = False
    patience: int | None = None
    """Epochs without a better one before the run ends; None runs all."""


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """What a run came to."""

    history: tuple[Measures, ...]
    kept: int
    """The epoch whose weights the model has now."""
    stopped: str | None
    """Why it ended before its last epoch, None if it did not."""

    @property
    def name(self) -> str:
        """The kept checkpoint's name, as the 2018 article names them: `model.03-0.94`."""
        row = self.history[self.kept - 1]
        return f"model.{self.kept:02d}-{row.get('val_accuracy', row['accuracy']):.2f}"


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches whose content depends on seed and epoch alone, so that a run can be resumed."""

    def __init__(self) -> None:
        """Begin before the first epoch."""
        super().__init__(workers=1)
        self.epoch = 0

    def on_epoch_end(self) -> None:
        """Go on to the next epoch."""
        self.epoch += 1


def run_epochs(
    model: keras.Model,
    batches: Batches,
    epochs: int,
    measure: Callable[[], Measures] | None = None,
    choice: EpochChoice | None = None,
    watch: Watch | None = None,
    callbacks: tuple[keras.callbacks.Callback, ...] = (),
) -> TrainingOutcome:
    """Train a compiled model; afterwards it has the weights of the epoch that is kept.

    Where `watch.checkpoints` holds a run, it goes on after that run's last complete epoch.

    Args:
        model: compiled, with a metric named `accuracy`.
        batches: the training scans.
        epochs: passes over them.
        measure: returns the validation measures (`val_loss`, `val_accuracy`, …) of the model as
            it is; called after each epoch. None measures nothing and keeps the last epoch.
        choice: which epoch is kept; the last by default.
        watch: who follows.
        callbacks: of Keras; their state is kept where they have `get_state` and `set_state`.

    Returns:
        The measures of each epoch, and which one is kept.
    """
    keeper = _Keeper(model, batches, epochs, measure, choice or EpochChoice(), watch or Watch())
    keeper.stateful = tuple(c for c in callbacks if hasattr(c, "get_state"))
    start = keeper.resume()
    if start < epochs and not keeper.out_of_patience():
        _train(model, batches, start, epochs, [keeper, *callbacks])
    return keeper.finish()


def _train(
    model: keras.Model,
    batches: Batches,
    start: int,
    epochs: int,
    callbacks: list[keras.callbacks.Callback],
) -> None:
    """Do what `fit` does, without tf.data between the batches and the model.

    `fit` feeds a PyDataset through tf.data, which asks for batches ahead, into the next epoch,
    so that a resumed run would see others; and which was seen to stop for ever on a busy machine
    of two cores (TensorFlow 2.21, Keras 3.15): every thread idle, the step never begun.
    """
    _make_variables(model, batches[0])
    callbacks_told = keras.callbacks.CallbackList(callbacks, model=model)
    model.stop_training = False
    callbacks_told.on_train_begin()
    for epoch in range(start, epochs):
        callbacks_told.on_epoch_begin(epoch)
        sums: dict[str, float] = {}
        seen = 0
        for step in range(len(batches)):
            batch = batches[step]
            logs = model.train_on_batch(*share_out(model, batch), return_dict=True)
            seen += len(batch[0])
            for key, value in logs.items():
                sums[key] = sums.get(key, 0.0) + float(value) * len(batch[0])
            callbacks_told.on_train_batch_end(
                step, {key: total / seen for key, total in sums.items()}
            )
            if model.stop_training:
                break
        batches.on_epoch_end()
        callbacks_told.on_epoch_end(epoch, {key: total / seen for key, total in sums.items()})
        if model.stop_training:
            break
    callbacks_told.on_train_end()


def _make_variables(model: keras.Model, batch: Sequence[Any]) -> None:
    """Make those of optimizer, loss and metrics now.

    Made within the first step they would make TensorFlow trace it twice, and several devices
    cannot make them at all.
    """
    model.optimizer.build(model.trainable_variables)
    wanted = ops.convert_to_tensor(batch[1])
    model.compute_loss(y=wanted, y_pred=ops.zeros_like(wanted))
    model.compute_metrics(None, wanted, ops.zeros_like(wanted))
    model.reset_metrics()


def has_run(folder: Path | None) -> bool:
    """Whether the folder holds a run that can be resumed."""
    return folder is not None and load_checkpoint(folder) is not None


class _Keeper(keras.callbacks.Callback):  # type: ignore[misc]
    """Measures each epoch, remembers the best weights, writes the checkpoint."""

    def __init__(
        self,
        model: keras.Model,
        batches: Batches,
        epochs: int,
        measure: Callable[[], Measures] | None,
        choice: EpochChoice,
        watch: Watch,
    ) -> None:
        super().__init__()
        self._net, self._batches, self._epochs = model, batches, epochs
        self._measure, self._choice, self._watch = measure, choice, watch
        self._history: list[Measures] = []
        self._best: tuple[int, list[npt.NDArray[Any]]] | None = None
        self._stopped: str | None = None
        self._done = 0
        self.stateful: tuple[Any, ...] = ()

    def resume(self) -> int:
        """Take up the run in the folder, if there is one; return how many epochs it has."""
        found = load_checkpoint(self._watch.checkpoints) if self._watch.checkpoints else None
        if not is_same_everywhere(len(found.history) if found else 0):
            raise BadInputError(
                "Expected the run so far on every host. They have different ones. Put --out on "
                "storage that all hosts share."
            )
        if found is None:
            return 0
        optimizer = self._net.optimizer
        optimizer.build(self._net.trainable_variables)
        _assign(self._net.variables, found.model)
        _assign(optimizer.variables, found.optimizer)
        epoch = len(found.history)
        # the schedule counts steps, and a step may be smaller now (half the batch)
        optimizer.iterations.assign(epoch * len(self._batches))
        self._history = [dict(row) for row in found.history]
        self._best = (found.best_epoch, found.best) if found.best else None
        for callback, state in zip(self.stateful, found.callbacks, strict=True):
            callback.set_state(state)
        self._batches.epoch = epoch
        self._done = epoch * len(self._batches)
        return epoch

    def out_of_patience(self) -> bool:
        """Whether the run ends since the best epoch is too long ago.

        Where nothing is measured no epoch is the best, and all are run.
        """
        patience, done = self._choice.patience, len(self._history)
        if patience is None or self._measure is None or self._best is None:
            return False
        if done - self._best[0] < patience or done >= self._epochs:
            return False
        self._stopped = f"no better epoch in {patience}"
        return True

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Tell who follows, and stop when asked."""
        self._done += 1
        if self._watch.on_measures:
            self._watch.on_measures({key: float(value) for key, value in (logs or {}).items()})
        if self._watch.on_batch:
            self._watch.on_batch(self._done, self._epochs * len(self._batches))
        if self._watch.should_stop():
            self._stopped = "stopped by request"
            self._net.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Measure, remember, keep."""
        measures = {"epoch": epoch + 1, "loss": float(logs["loss"])}
        measures["accuracy"] = float(logs["accuracy"])
        if self._measure:
            measures |= _as_one(self._measure())
        self._history.append(measures)
        if self._is_better():
            self._best = (epoch + 1, [np.asarray(w) for w in self._net.get_weights()])
        if self._watch.checkpoints and self._stopped is None and rank() == 0:
            save_checkpoint(self._watch.checkpoints, self._snapshot())
        if self._watch.on_epoch:
            self._watch.on_epoch(epoch + 1, measures)
        if self.out_of_patience():
            self._net.stop_training = True

    def finish(self) -> TrainingOutcome:
        """Give the model the weights of the epoch that is kept."""
        kept = len(self._history)
        chosen = self._choice.measure is not None or self._stopped is not None
        if chosen and self._measure and self._best:
            kept, weights = self._best
            self._net.set_weights(weights)
        return TrainingOutcome(tuple(self._history), kept, self._stopped)

    def _is_better(self) -> bool:
        if self._best is None:
            return True
        return self._rank(self._history[-1]) < self._rank(self._history[self._best[0] - 1])

    def _rank(self, row: Measures) -> tuple[float, float]:
        """Lower is better."""
        loss = row.get("val_loss", math.inf)
        key = self._choice.measure or "val_weighted_error"
        value = row.get(key, math.inf)
        return (-value if self._choice.highest else value, loss)

    def _snapshot(self) -> Checkpoint:
        best_epoch, best = self._best or (0, [])
        return Checkpoint(
            history=tuple(self._history),
            model=[ops.convert_to_numpy(v) for v in self._net.variables],
            optimizer=[ops.convert_to_numpy(v) for v in self._net.optimizer.variables],
            best_epoch=best_epoch,
            best=best,
            callbacks=tuple(callback.get_state() for callback in self.stateful),
        )


def _as_one(measures: Measures) -> Measures:
    """Return what process 0 measured: hosts must not differ on which epoch is the best."""
    values = agree(np.array(list(measures.values()), np.float64))
    return dict(zip(measures, values.tolist(), strict=True))


def _assign(variables: list[Any], arrays: list[npt.NDArray[Any]]) -> None:
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def measure_validation(
    truth: npt.NDArray[np.int64],
    logits: npt.NDArray[np.float32],
    scheme: Scheme = OCT2017_SCHEME,
) -> dict[str, float]:
    """Return `val_loss`, `val_accuracy` and `val_weighted_error`.

    Args:
        truth: int64 (n,), index into the scheme's keys.
        logits: float32 (n, k).
        scheme: the list of diagnoses, with what wrong answers cost.
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_chances = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    answer = logits.argmax(axis=1)
    return {
        "val_loss": float(-log_chances[np.arange(len(truth)), truth].mean()),
        "val_accuracy": float((answer == truth).mean()),
        "val_weighted_error": float(np.array(scheme.cost_rows)[truth, answer].mean()),
    }
