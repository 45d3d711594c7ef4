"""Cross-validation: every scan answered by a network that never saw its patient, or source."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from octtutor.datasets.images import write_atomically
from octtutor.model.network.hosts import rank
from octtutor.model.network.scan_set import ScanSet
from octtutor.model.training.beginning import Beginning
from octtutor.model.training.finetune_training import logits_of
from octtutor.model.training.loop import Watch

Logits = npt.NDArray[np.float32]
Fit = Callable[[ScanSet, Watch], Beginning]


def cross_validate(scans: ScanSet, folds: list[list[int]], fit: Fit, watch: Watch) -> Logits | None:
    """Return the logits, float32 (n, k), of every scan, as the model's card would have it.

    None where the run is stopped before the last fold's end.

    Args:
        scans: all of them.
        folds: indices of each fold (see `split_folds`, `ScanSet.by_source`). Scans of others that
            are of a fold's patients are not trained on for it.
        fit: trains anew on scans; the watch it is given keeps that fold's run.
        watch: who follows. Folds that `watch.checkpoints` holds are not trained again.
    """
    shape = len(scans.names), len(scans.scheme.keys)
    logits = np.zeros(shape, np.float32)
    for number, fold in enumerate(folds, start=1):
        place = watch.checkpoints / f"fold-{number}.npy" if watch.checkpoints else None
        done = _recall(place, (len(fold), shape[1]))
        if done is None:
            if watch.on_phase:
                watch.on_phase(f"fold {number} of {len(folds)}")
            done = _answer(scans, fold, fit, _of_fold(watch, number))
            if watch.should_stop():
                return None
            if place and rank() == 0:
                _keep(place, done)
        logits[fold] = done
    return logits


def _answer(scans: ScanSet, fold: list[int], fit: Fit, watch: Watch) -> Logits:
    keras.utils.clear_session()
    made = fit(scans.without_patients(scans.patients[index] for index in fold), watch)
    model, feed = made.network.joined(), made.how.to_input
    held = scans.scans[fold]
    logits = logits_of(model, held, feed)
    if not made.flip_average:
        return logits
    mirrored = np.ascontiguousarray(held[:, :, ::-1])
    return np.asarray((logits + logits_of(model, mirrored, feed)) / 2, np.float32)


def _of_fold(watch: Watch, number: int) -> Watch:
    folder = watch.checkpoints / f"fold-{number}" if watch.checkpoints else None
    return replace(watch, checkpoints=folder)


def _recall(place: Path | None, shape: tuple[int, int]) -> Logits | None:
    if place is None or not place.exists():
        return None
    logits: Logits = np.load(io.BytesIO(place.read_bytes()), allow_pickle=False)
    return logits if logits.shape == shape else None


def _keep(place: Path, logits: Logits) -> None:
    buffer = io.BytesIO()
    np.save(buffer, logits)
    write_atomically(place, buffer.getvalue())
