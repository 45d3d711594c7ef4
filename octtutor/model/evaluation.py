"""Measure a model on scans with known truth."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from octtutor.core.diagnosis import LABELS, by_label
from octtutor.model.engine import KerasEngine
from octtutor.model.folder import TRAINING_SCANS
from octtutor.model.loading import Progress, ScanSet, load_scans
from octtutor.stats.figures import model_figures

_COLUMNS = ["sha256", "patient", "label"]


def evaluate(folder: Path, data: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Measure a model.

    Args:
        folder: the model's.
        data: folder, ZIP or tar in OCT2017 layout.
        progress: called with (done, total) while scans are read.

    Returns:
        The figures of `model_figures`, and `model`, `misclassified` (a list of `source`,
        `truth`, `label`, `probabilities`), `unreadable`, `overlap_with_training` (files and
        patients), and `leaky`: whether there is any, so that the figures are too good.

    Raises:
        ModelError: the model cannot be loaded.
        BadInputError: there is no readable scan with a label.
    """
    engine = KerasEngine.open(folder)
    scans = load_scans(data, engine.card.input_size, progress)
    chances = engine.run_many(scans.scans)
    shared = overlap(folder, scans)
    return {
        "model": engine.card.name,
        "model_sha256": engine.card.weights_sha256,
        **model_figures(scans.truth, chances, scans.patients),
        "overlap_with_training": shared,
        "leaky": any(shared.values()),
        "unreadable": list(scans.unreadable),
        "misclassified": _misclassified(scans, chances),
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
    path = folder / TRAINING_SCANS
    known = pd.read_csv(path, dtype=str) if path.exists() else pd.DataFrame(columns=_COLUMNS)
    files = set(known["sha256"]) & set(scans.hashes)
    patients = set(known["patient"]) & set(scans.patients)
    return {"files": len(files), "patients": len(patients)}
