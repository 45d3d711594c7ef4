"""What a model was trained on, as the list in its folder says."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from octtutor.errors import ModelError
from octtutor.model.card import TRAINING_SCANS
from octtutor.model.registry import list_models

_COLUMNS = ("sha256", "patient", "label")


@dataclass(frozen=True, slots=True)
class Known:
    """The scans (SHA-256 of their files) and the patients that a model was trained on."""

    files: frozenset[str]
    patients: frozenset[str]


def read_known(folder: Path) -> Known:
    """Read `training_scans.csv` of a model's folder; it counts as empty if missing.

    Raises:
        ModelError: the list is damaged.
    """
    path = folder / TRAINING_SCANS
    if not path.exists():
        return Known(frozenset(), frozenset())
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows = [[row[name] for name in _COLUMNS] for row in csv.DictReader(lines, strict=True)]
    except (ValueError, KeyError, OSError, csv.Error) as error:
        raise ModelError(
            f"Expected {TRAINING_SCANS} in {folder.name!r} to list {', '.join(_COLUMNS)}. It "
            f"cannot be read ({error}). Copy the model folder again."
        ) from error
    patients = frozenset(patient for _, patient, _ in rows if patient)
    return Known(frozenset(sha256 for sha256, _, _ in rows), patients)


def trained_on_by(folders: Sequence[Path]) -> Callable[[str, str, str], bool | None]:
    """Return what tells whether a model was trained on a scan, or on another of its patient.

    Args:
        folders: where models are looked for, most important first.

    Returns:
        A function of the SHA-256 of a model's weights, that of a scan, and the scan's patient;
        None where there is no list of what that model was trained on.
    """
    by_weights = {
        entry.card.weights_sha256: entry.folder
        for place in reversed(folders)
        for entry in list_models((place,))
        if entry.card
    }

    @cache
    def known(weights: str) -> Known:
        nothing = Known(frozenset(), frozenset())
        return read_known(by_weights[weights]) if weights in by_weights else nothing

    def trained_on(weights: str, sha256: str, patient: str) -> bool | None:
        listed = known(weights)
        if not listed.files:
            return None
        return sha256 in listed.files or patient in listed.patients

    return trained_on
