"""Labels that are probably wrong: confident learning.

Northcutt, Jiang and Chuang, Confident learning: estimating uncertainty in dataset labels, J Artif
Intell Res 70:1373, 2021. The probabilities must come from a model that has not seen the scan,
such as a fold's of a cross-validation; the columns are the classes, the labels their indices.
"""

from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
NOBODY = -1
"""Where a scan is confidently of no class."""


class Prune(StrEnum):
    """How many scans are suspects, and which (section 3.2 of the paper)."""

    CONFIDENT = "confident"
    """Those counted off the diagonal of the confident joint."""
    BY_CLASS = "by class"
    """Of each label as many as the joint says are wrong, by lowest self-confidence."""
    BY_NOISE_RATE = "by noise rate"
    """Of each pair (label, other class) as many as the joint says, by largest margin."""
    BOTH = "both"
    """Those that by class and by noise rate agree on."""


def class_thresholds(labels: Ints, probabilities: Floats) -> Floats:
    """Return from which probability on a scan is confidently of a class.

    Args:
        labels: int (n,), the given labels.
        probabilities: float (n, k), rows sum to 1.

    Returns:
        float64 (k,): the mean self-confidence of the scans with that label; infinite for a class
        that is nobody's label.
    """
    k = probabilities.shape[1]
    counts = np.bincount(labels, minlength=k)
    sums = np.bincount(labels, self_confidence(labels, probabilities), minlength=k)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)


def confident_classes(labels: Ints, probabilities: Floats) -> Ints:
    """Return the class that each scan is confidently counted to.

    Args:
        labels: int (n,), the given labels.
        probabilities: float (n, k), rows sum to 1.

    Returns:
        int64 (n,): the most probable of the classes whose threshold is reached, or `NOBODY`.
    """
    # a mean of equal numbers may be a rounding above them
    reached = probabilities >= class_thresholds(labels, probabilities) - 1e-12
    best = np.where(reached, probabilities, -1.0).argmax(axis=1)
    return np.where(reached.any(axis=1), best, NOBODY)


def confident_joint(labels: Ints, probabilities: Floats) -> Ints:
    """Count the scans of each label by the class that they are confidently of (equation 1).

    Args:
        labels: int (n,), the given labels.
        probabilities: float (n, k), rows sum to 1.

    Returns:
        int64 (k, k): rows the given label, columns the class; scans of no class are left out.
    """
    k = probabilities.shape[1]
    classes = confident_classes(labels, probabilities)
    counts = np.zeros((k, k), np.int64)
    counted = classes != NOBODY
    np.add.at(counts, (labels[counted], classes[counted]), 1)
    return counts


def joint_distribution(counts: Ints, per_label: Ints) -> Floats:
    """Estimate the joint distribution of given and true labels (equation 3).

    Args:
        counts: int (k, k), the confident joint.
        per_label: int (k,), scans of each given label.

    Returns:
        float64 (k, k): rows the given label, columns the true one; each row sums to its label's
        share of the scans. A label of which no scan was counted is taken as right.
    """
    rows = counts.sum(axis=1, keepdims=True)
    known = np.where(rows > 0, counts / np.maximum(rows, 1), np.eye(len(counts)))
    joint: Floats = known * per_label[:, None] / per_label.sum()
    return joint


def self_confidence(labels: Ints, probabilities: Floats) -> Floats:
    """Return the probability of each scan's own label, float (n,), in [0, 1]."""
    return probabilities[np.arange(len(labels)), labels]


def other_class(labels: Ints, probabilities: Floats) -> Ints:
    """Return the most probable class but the own label, int64 (n,)."""
    others = probabilities.copy()
    others[np.arange(len(labels)), labels] = -1.0
    return np.asarray(others.argmax(axis=1), np.int64)


def normalised_margin(labels: Ints, probabilities: Floats) -> Floats:
    """Return the own label's probability minus the largest other, float (n,), in [−1, 1]."""
    other = other_class(labels, probabilities)
    return self_confidence(labels, probabilities) - self_confidence(other, probabilities)


def find_suspects(labels: Ints, probabilities: Floats, prune: Prune = Prune.BY_CLASS) -> Bools:
    """Return whose label is probably wrong.

    Args:
        labels: int (n,), the given labels; n at least 1.
        probabilities: float (n, k), rows sum to 1.
        prune: how they are chosen.

    Returns:
        bool (n,).
    """
    if prune is Prune.CONFIDENT:
        classes = confident_classes(labels, probabilities)
        off: Bools = (classes != NOBODY) & (classes != labels)
        return off
    counts = np.bincount(labels, minlength=probabilities.shape[1])
    wrong = len(labels) * joint_distribution(confident_joint(labels, probabilities), counts)
    np.fill_diagonal(wrong, 0.0)
    if prune is Prune.BY_CLASS:
        return _by_class(labels, probabilities, wrong)
    by_rate = _by_noise_rate(labels, probabilities, wrong)
    if prune is Prune.BY_NOISE_RATE:
        return by_rate
    return by_rate & _by_class(labels, probabilities, wrong)


def rank_suspects(suspects: Bools, scores: Floats) -> Ints:
    """Return all scans in the order in which they deserve a second look.

    Args:
        suspects: bool (n,), from `find_suspects`; they come first.
        scores: float (n,), `self_confidence` or `normalised_margin`, lower is worse.

    Returns:
        int64 (n,), indices; within suspects and within others by lowest score.
    """
    return np.lexsort((scores, ~suspects))


def _by_class(labels: Ints, probabilities: Floats, wrong: Floats) -> Bools:
    found = np.zeros(len(labels), np.bool_)
    sure = self_confidence(labels, probabilities)
    for label, count in enumerate(np.rint(wrong.sum(axis=1)).astype(int)):
        members = np.flatnonzero(labels == label)
        found[members[np.argsort(sure[members], kind="stable")[:count]]] = True
    return found


def _by_noise_rate(labels: Ints, probabilities: Floats, wrong: Floats) -> Bools:
    found = np.zeros(len(labels), np.bool_)
    for label, other in np.argwhere(wrong > 0):
        members = np.flatnonzero(labels == label)
        ahead = probabilities[members, other] - probabilities[members, label]
        count = int(np.rint(wrong[label, other]))
        found[members[np.argsort(-ahead, kind="stable")[:count]]] = True
    return found
