"""Which models were trained on a scan, or on another scan of its patient."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from octtutor.model.network.training_set import TrainingSet, read_training_set
from octtutor.model.serve.model_registry import list_models


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
    def trained(weights: str) -> TrainingSet:
        nothing = TrainingSet(frozenset(), frozenset())
        return read_training_set(by_weights[weights]) if weights in by_weights else nothing

    def trained_on(weights: str, sha256: str, patient: str) -> bool | None:
        listed = trained(weights)
        if not listed.files:
            return None
        return sha256 in listed.files or patient in listed.patients

    return trained_on
