"""Measure a model on scans with known truth."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from octtutor.core.diagnosis import LABELS, by_label
from octtutor.datasets.listing import read_listing
from octtutor.errors import ModelError
from octtutor.model.engine import KerasEngine
from octtutor.model.folder import TRAINING_SCANS
from octtutor.model.loading import Progress, ScanSet, load_scans
from octtutor.model.robustness import measure_corrupted
from octtutor.stats.figures import model_figures

_COLUMNS = ["sha256", "patient", "label"]


def evaluate(
    folder: Path,
    data: Path,
    progress: Progress | None = None,
    on_corrupted: Progress | None = None,
    only: Path | None = None,
) -> dict[str, Any]:
    """Measure a model.

    Args:
        folder: the model's.
        data: folder, ZIP or tar in OCT2017 layout, or a listing.
        progress: called with (done, total) while scans are read.
        on_corrupted: also measure on corrupted copies, and call this with (done, total) scans.
        only: a listing of the scans that are wanted; all of them by default.

    Returns:
        The figures of `model_figures`, and `model`, `misclassified` (a list of `source`,
        `truth`, `label`, `probabilities`), `unreadable`, `overlap_with_training` (files and
        patients), and `leaky`: whether there is any, so that the figures are too good; and
        `corrupted`, what `measure_corrupted` returns, where it is asked for.

    Raises:
        ModelError: the model cannot be loaded.
        BadInputError: there is no readable scan with a label.
    """
    engine = KerasEngine.open(folder)
    wanted = {row["sha256"] for row in read_listing(only)} if only else None
    scans = load_scans(data, engine.how, progress, wanted)
    chances = engine.run_many(scans.scans)
    shared = overlap(folder, scans)
    rough = (
        {"corrupted": measure_corrupted(engine, data, on_corrupted, wanted)} if on_corrupted else {}
    )
    return {
        "model": engine.card.name,
        "model_sha256": engine.card.weights_sha256,
        **model_figures(scans.truth, chances, scans.patients),
        "overlap_with_training": shared,
        "leaky": any(shared.values()),
        "unreadable": list(scans.unreadable),
        "misclassified": _misclassified(scans, chances),
        **rough,
    }


def _misclassified(scans: ScanSet, chances: npt.NDArray[np.float32]) -> list[dict[str, Any]]:
    answers = chances.argmax(axis=1)
    return [
        {
            "source": scans.names[index],
            "truth": str(LABELS[scans.truth[index]]),
            "label": str(LABELS[answers[index]]),
            "probabilities": by_label(chances[index].tolist()),
        }
        for index in np.flatnonzero(answers != scans.truth)
    ]


def overlap(folder: Path, scans: ScanSet) -> dict[str, int]:
    """Count the files and the patients of `scans` that the model was trained on.

    Args:
        folder: the model's; its `training_scans.csv` is read, and counts as empty if missing.
        scans: what is to be measured.
    """
    return shared_with_training(folder, scans.hashes, scans.patients)


def shared_with_training(
    folder: Path, hashes: Sequence[str], patients: Sequence[str]
) -> dict[str, int]:
    """Count which of these files (SHA-256) and patients a model was trained on (see `overlap`).

    Raises:
        ModelError: the list in the model's folder is damaged.
    """
    path = folder / TRAINING_SCANS
    try:
        known = pd.read_csv(path, dtype=str) if path.exists() else pd.DataFrame(columns=_COLUMNS)
        known = known[_COLUMNS]
    except (ValueError, KeyError, OSError) as error:
        raise ModelError(
            f"Expected {TRAINING_SCANS} in {folder.name!r} to list {', '.join(_COLUMNS)}. It "
            f"cannot be read ({error}). Copy the model folder again."
        ) from error
    files = set(known["sha256"]) & set(hashes)
    return {"files": len(files), "patients": len(set(known["patient"]) & set(patients))}
