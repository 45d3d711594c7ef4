"""ROC curves of readers who rate their answers, and the error of the area under them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.stats.intervals import Z95, Figure

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What a reader scores who calls positive every case rated `threshold` or higher.

    `false_positives` is the share of negative cases called, `sensitivity` of positive ones. The
    first point calls none: its threshold is infinite.
    """

    threshold: float
    false_positives: float
    sensitivity: float


def urgent_rating(choice_is_urgent: Bools, confidence: Ints) -> Ints:
    """Return answer and confidence as one rating of urgency, for ROC and MRMC.

    Args:
        choice_is_urgent: bool (n,), whether the answer was CNV or DME.
        confidence: int (n,), 1 ("guessing") to 5 ("certain").

    Returns:
        int64 (n,): 1 to 5 for an urgent answer, −1 to −5 for one that is not; −5 is the surest
        "not urgent".
    """
    return np.where(choice_is_urgent, confidence, -np.asarray(confidence)).astype(np.int64)


def roc_of_ratings(
    positive: Bools, rating: Floats | Ints
) -> tuple[tuple[OperatingPoint, ...], Figure]:
    """Return the empirical ROC curve of ratings and the area under it.

    Args:
        positive: bool (n,), the truth.
        rating: int or float (n,), higher for "more surely positive".

    Returns:
        The points from (0, 0) to (1, 1), and the area (ties count half) with the 95 % interval
        of DeLong's variance on the logit scale (Pepe, The Statistical Evaluation of Medical
        Tests, 2003, section 5.2.4), which stays within 0 to 1. No point and no value where one
        side is missing; no interval with one case on a side, or where the variance is 0.
    """
    from sklearn.metrics import roc_curve

    if positive.all() or not positive.any():
        return (), Figure(None, None, None, len(positive), "DeLong: one side is missing")
    false_positives, sensitivity, thresholds = roc_curve(positive, rating, drop_intermediate=False)
    points = zip(thresholds, false_positives, sensitivity, strict=True)
    return tuple(OperatingPoint(*map(float, point)) for point in points), _area(positive, rating)


def _area(positive: Bools, rating: Floats | Ints) -> Figure:
    from scipy.special import expit, logit

    n = len(positive)
    method = "area under the ROC, DeLong 95 % on the logit scale"
    if min(positive.sum(), n - positive.sum()) < 2:
        area = float(_placements(rating[positive], rating[~positive]).mean())
        return Figure(area, None, None, n, f"{method}: one case on a side")
    areas, covariance = delong(positive, rating[None])
    area, variance = float(areas[0]), float(covariance[0, 0])
    if variance < 1e-15 or not 0 < area < 1:
        return Figure(area, None, None, n, f"{method}: no variance")
    margin = Z95 * np.sqrt(variance) / (area * (1 - area))
    low, high = expit(logit(area) - margin), expit(logit(area) + margin)
    return Figure(area, float(low), float(high), n, method)


def delong(
    positive: Bools, ratings: Floats | Ints, patients: Sequence[str] | None = None
) -> tuple[Floats, Floats]:
    """Estimate areas under ROC curves on the same cases and the covariance of their errors.

    Structural components of DeLong, DeLong & Clarke-Pearson (Biometrics 44:837, 1988), summed
    over the cases of a patient where several are of one (Obuchowski, Biometrics 53:567, 1997).

    Args:
        positive: bool (cases,), with at least 2 on each side, of 2 patients at least.
        ratings: int or float (curves, cases), higher for "more surely positive".
        patients: the patient of each case; None: each case is of its own.

    Returns:
        The areas, float64 (curves,), in [0, 1], and their covariance, float64 (curves, curves).
    """
    of_positive = np.array([_placements(row[positive], row[~positive]) for row in ratings])
    of_negative = np.array([1 - _placements(row[~positive], row[positive]) for row in ratings])
    areas = of_positive.mean(axis=1)
    whose = np.arange(len(positive)) if patients is None else _numbers(patients)
    clusters = int(whose.max()) + 1
    up = _by_cluster(of_positive - areas[:, None], whose[positive], clusters)
    down = _by_cluster(of_negative - areas[:, None], whose[~positive], clusters)
    across = _products(up, down, whose)
    covariance = _products(up, up, whose[positive]) + _products(down, down, whose[~positive])
    return areas, covariance + across + across.T


def _numbers(patients: Sequence[str]) -> Ints:
    return np.unique(np.asarray(patients), return_inverse=True)[1].astype(np.int64)


def _by_cluster(deviations: Floats, whose: Ints, clusters: int) -> Floats:
    """Return float (curves, clusters): what each adds to the error of a mean of deviations."""
    sums = np.zeros((len(deviations), clusters))
    np.add.at(sums.T, whose, deviations.T)
    means: Floats = sums / deviations.shape[1]
    return means


def _products(one: Floats, other: Floats, whose: Ints) -> Floats:
    there = len(np.unique(whose))
    return np.asarray(one @ other.T * (there / (there - 1)))


def _placements(of: Floats | Ints, among: Floats | Ints) -> Floats:
    """Return for each rating the share of the others below it; equal ones count half."""
    others = np.sort(among)
    below = np.searchsorted(others, of, "left") + np.searchsorted(others, of, "right")
    return below / (2 * len(others))
