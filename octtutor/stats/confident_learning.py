"""Labels that are probably wrong: confident learning, as the library cleanlab reckons it.

Northcutt, Jiang and Chuang, Confident learning: estimating uncertainty in dataset labels, J Artif
Intell Res 70:1373, 2021. The probabilities must come from a model that has not seen the scan,
such as a fold's of a cross-validation; the columns are the classes, the labels their indices.

cleanlab rounds the counts of the joint distribution to whole scans, counts at least one scan of
each label as right, and never names a scan whose label is the first answer. It is handed only the
classes that are somebody's label: of the others nothing can be learnt, and it would warn of them.
"""

from enum import StrEnum
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_ONE_AT_A_TIME = Lock()
"""cleanlab's filter keeps what it works on in module variables."""


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


_FILTERS = {
    Prune.CONFIDENT: "confident_learning",
    Prune.BY_CLASS: "prune_by_class",
    Prune.BY_NOISE_RATE: "prune_by_noise_rate",
    Prune.BOTH: "both",
}


def estimate_joint(labels: Ints, probabilities: Floats) -> Floats:
    """Estimate the joint distribution of given and true labels (equation 3).

    Args:
        labels: int (n,), the given labels; n at least 1.
        probabilities: float (n, k), rows sum to 1.

    Returns:
        float64 (k, k): rows the given label, columns the true one; each row sums to its label's
        share of the scans.
    """
    from cleanlab.count import estimate_joint as estimate

    present, given = np.unique(labels, return_inverse=True)
    joint = np.zeros((probabilities.shape[1],) * 2)
    joint[np.ix_(present, present)] = estimate(given, probabilities[:, present])
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


def mark_label_issues(labels: Ints, probabilities: Floats, prune: Prune = Prune.BY_CLASS) -> Bools:
    """Return whose label is probably wrong, and not the model's first answer.

    Args:
        labels: int (n,), the given labels; n at least 1.
        probabilities: float (n, k), rows sum to 1.
        prune: how they are chosen.

    Returns:
        bool (n,).
    """
    from cleanlab.filter import find_label_issues

    present, given = np.unique(labels, return_inverse=True)
    if len(present) == 1:
        return np.zeros(len(labels), np.bool_)
    with _ONE_AT_A_TIME:
        found: Bools = find_label_issues(
            given,
            probabilities[:, present],
            filter_by=_FILTERS[prune],
            min_examples_per_class=0,
            n_jobs=1,
        )
    return found


def rank_label_issues(suspects: Bools, scores: Floats) -> Ints:
    """Return all scans in the order in which they deserve a second look.

    Args:
        suspects: bool (n,), from `mark_label_issues`; they come first.
        scores: float (n,), `self_confidence` or `normalised_margin`, lower is worse.

    Returns:
        int64 (n,), indices; within suspects and within others by lowest score.
    """
    return np.lexsort((scores, ~suspects))
