"""Labels for a second look: what a network that never saw the patient doubts most.

The head is a logistic regression on the pooled features of a frozen backbone, which takes
seconds; a backbone that was trained on the same scans would know their labels, right or wrong.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.datasets.schemes.naming import Naming
from octtutor.datasets.split import split_folds
from octtutor.errors import BadInputError
from octtutor.model.network.pretrained import Backbone
from octtutor.model.network.scan_set import Progress, ScanSet, load_scans
from octtutor.model.training.feature_cache import FeatureCache
from octtutor.stats.confident_learning import (
    Prune,
    estimate_joint,
    mark_label_issues,
    normalised_margin,
    other_class,
    rank_label_issues,
    self_confidence,
)

STRENGTHS = (0.001, 0.01, 0.1)
"""Inverse regularisations that are tried; noisy labels want a small one."""
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CheckedLabel:
    """A scan, its label, and what speaks against it."""

    name: str
    sha256: str
    patient: str
    label: str
    likely: str
    """The most probable class but the label."""
    self_confidence: float
    """Probability of the label, 0 to 1."""
    margin: float
    """That minus the probability of `likely`, −1 to 1."""
    suspect: bool
    """Whether confident learning counts it as wrong, and the label is not the first answer."""


@dataclass(frozen=True, slots=True)
class LabelIssues:
    """What a cross-validation thinks of the labels of a set."""

    ranked: tuple[CheckedLabel, ...]
    """Every scan, the most doubtful first."""
    noise: float
    """Estimated share of wrong labels, 0 to 1."""
    joint: tuple[tuple[float, ...], ...]
    """Estimated distribution: rows the label, columns the truth, both in its order."""
    folds: int
    strength: float
    """Inverse regularisation of the head."""
    accuracy: float
    """Share of scans whose label is the model's first answer."""


def read_rows(
    path: Path,
    backbone: Backbone,
    cache: FeatureCache,
    progress: Progress | None = None,
    naming: Naming | None = None,
) -> tuple[ScanSet, Floats]:
    """Read scans and their pooled features, from the cache where it has them.

    Args:
        path: folder, ZIP, tar or listing.
        backbone: frozen; must not have been trained on these scans.
        cache: where features are kept.
        progress: called with (done, total) scans while features are computed.
        naming: the scheme whose words the labels are; None: the keys of oct2017 alone.

    Returns:
        The scans, whose patients are near-duplicate groups where nobody knows them, and their
        features, float64 (n, c).

    Raises:
        BadInputError: there is no readable scan, or one has no known label.
        SettingsError: the features do not fit into the cache.
    """
    scans, _ = load_scans(path, backbone.how, naming=naming).grouped()
    features = cache.features_of(backbone, scans.scans, scans.hashes, True, False, progress)
    rows = features.take(np.arange(len(scans.names)))
    return scans, rows.reshape(len(rows), -1).astype(np.float64)


def fit_head(rows: Floats, labels: Ints, strength: float = STRENGTHS[-1]) -> Any:
    """Fit a logistic regression on standardised features.

    Args:
        rows: float64 (n, c).
        labels: int64 (n,), index into the scheme's keys, at least two different ones.
        strength: inverse of the regularisation.

    Returns:
        What `chances` takes.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    head = LogisticRegression(C=strength, max_iter=5000)
    return make_pipeline(StandardScaler(), head).fit(rows, labels)


def chances(head: Any, rows: Floats, classes: int = 4) -> Floats:
    """Return probabilities, float64 (n, classes), rows sum to 1; 0 for one the head never saw."""
    found = np.zeros((len(rows), classes))
    found[:, head.classes_] = head.predict_proba(rows)
    return found


def out_of_fold(
    rows: Floats, labels: Ints, folds: list[list[int]], strength: float, classes: int = 4
) -> Floats:
    """Return what a head that was fitted on the other folds says of each scan.

    Args:
        rows: float64 (n, c).
        labels: int64 (n,), index into the scheme's keys.
        folds: indices of each fold, no patient in two.
        strength: inverse of the regularisation.
        classes: how many there are.

    Returns:
        float64 (n, classes), rows sum to 1.
    """
    found = np.zeros((len(rows), classes))
    for fold in folds:
        others = np.setdiff1d(np.arange(len(rows)), fold)
        head = fit_head(rows[others], labels[others], strength)
        found[fold] = chances(head, rows[fold], classes)
    return found


def find_label_issues(
    scans: ScanSet,
    rows: Floats,
    folds: int = 5,
    seed: int = 2017,
    prune: Prune = Prune.BY_CLASS,
) -> LabelIssues:
    """Cross-validate by patient and rank the scans by how doubtful their label is.

    Args:
        scans: with their labels (`truth`) and patients, as `read_rows` gives them.
        rows: float64 (n, c), their features.
        folds: how many, at least 2.
        seed: of the cut into folds.
        prune: which scans count as wrong.

    Raises:
        BadInputError: all scans have one label, or a label has fewer patients than folds.
    """
    labels = scans.truth
    probabilities, strength = cross_validated(scans, rows, folds, seed)
    suspects = mark_label_issues(labels, probabilities, prune)
    joint = estimate_joint(labels, probabilities)
    return LabelIssues(
        _checked_labels(scans, probabilities, suspects),
        max(0.0, 1.0 - float(np.trace(joint))),
        tuple(tuple(map(float, row)) for row in joint),
        folds,
        strength,
        float((probabilities.argmax(axis=1) == labels).mean()),
    )


def cross_validated(scans: ScanSet, rows: Floats, folds: int, seed: int) -> tuple[Floats, float]:
    """Return the probabilities, float64 (n, k), that fit the given labels best, and the strength.

    Raises:
        BadInputError: all scans have one label, or a label has fewer patients than folds.
    """
    if len(np.unique(scans.truth)) < 2:
        raise BadInputError(
            f"Expected scans of two classes or more. All are {scans.labels[0]}. Add others."
        )
    cut = split_folds(scans.labels, scans.patients, folds, seed)
    classes = len(scans.scheme.keys)
    tried = {s: out_of_fold(rows, scans.truth, cut, s, classes) for s in STRENGTHS}
    best = min(tried, key=lambda strength: _loss(scans.truth, tried[strength]))
    return tried[best], best


def _loss(labels: Ints, probabilities: Floats) -> float:
    return float(-np.log(np.maximum(self_confidence(labels, probabilities), 1e-15)).mean())


def _checked_labels(
    scans: ScanSet, probabilities: Floats, suspects: npt.NDArray[np.bool_]
) -> tuple[CheckedLabel, ...]:
    labels = scans.truth
    likely = other_class(labels, probabilities)
    sure = self_confidence(labels, probabilities)
    margins = normalised_margin(labels, probabilities)
    return tuple(
        CheckedLabel(
            scans.names[index],
            scans.hashes[index],
            scans.patients[index],
            scans.scheme.keys[labels[index]],
            scans.scheme.keys[likely[index]],
            float(sure[index]),
            float(margins[index]),
            bool(suspects[index]),
        )
        for index in rank_label_issues(suspects, sure)
    )
