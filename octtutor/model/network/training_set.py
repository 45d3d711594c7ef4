"""What a model was trained on, as the list in its folder says."""

import csv
from dataclasses import dataclass
from pathlib import Path

from octtutor.errors import ModelError
from octtutor.model.network.card import TRAINING_SCANS
from octtutor.spreadsheet import unescape_formula

_COLUMNS = ("sha256", "patient", "label")


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The scans (SHA-256 of their files) and the patients that a model was trained on."""

    files: frozenset[str]
    patients: frozenset[str]


def read_training_set(folder: Path) -> TrainingSet:
    """Read `training_scans.csv` of a model's folder; it counts as empty if missing.

    Raises:
        ModelError: the list is damaged.
    """
    path = folder / TRAINING_SCANS
    if not path.exists():
        return TrainingSet(frozenset(), frozenset())
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            read = csv.DictReader(lines, strict=True)
            rows = [[unescape_formula(row[name]) for name in _COLUMNS] for row in read]
    except (ValueError, KeyError, OSError, csv.Error) as error:
        raise ModelError(
            f"Expected {TRAINING_SCANS} in {folder.name!r} to list {', '.join(_COLUMNS)}. It "
            f"cannot be read ({error}). Copy the model folder again."
        ) from error
    patients = frozenset(patient for _, patient, _ in rows if patient)
    return TrainingSet(frozenset(sha256 for sha256, _, _ in rows), patients)
