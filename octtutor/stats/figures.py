"""What a reader, human or network, scored: confusion, errors, sensitivities, calibration."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.core.scheme import Scheme
from octtutor.stats.intervals import (
    Figure,
    by_patient,
    effective_share,
    share_by_patient,
)
from octtutor.stats.resampling import by_totals

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Costs = Sequence[Sequence[int]]
"""What each answer costs: rows are the truth, columns the answer (`Scheme.cost_rows`)."""


def confusion(truth: Ints, answer: Ints, classes: int) -> Ints:
    """Count answers by truth.

    Args:
        truth: int (n,), 0 to classes − 1.
        answer: int (n,); other values (ungradable) are left out.
        classes: how many there are.

    Returns:
        int64 (classes, classes): rows truth, columns answer.
    """
    matrix = np.zeros((classes, classes), np.int64)
    given = (answer >= 0) & (answer < classes)
    np.add.at(matrix, (truth[given], answer[given]), 1)
    return matrix


def weighted_error(matrix: Ints, costs: Costs) -> float | None:
    """Return the mean cost a scan (0 perfect), None without scans."""
    n = int(matrix.sum())
    return float((matrix * np.array(costs)).sum() / n) if n else None


def weighted_error_by_patient(
    truth: Ints, answer: Ints, patients: Sequence[str], costs: Costs
) -> Figure:
    """Return the weighted error with an interval that resamples patients.

    Args:
        truth: int (n,), a row of the costs; n at least 1.
        answer: int (n,), a column of the costs.
        patients: the patient of each scan.
        costs: what each answer costs.
    """
    paid = np.array(costs)[truth, answer]
    return by_patient(lambda index: float(paid[index].mean()), patients)


def sensitivity_by_patient(
    truth: Ints, answer: Ints, patients: Sequence[str], classes: Bools
) -> Figure:
    """Return how many of the scans with one of `classes` were given one of them.

    Args:
        truth: int (n,), 0 to classes − 1.
        answer: int (n,); other values (ungradable) are left out.
        patients: the patient of each scan.
        classes: bool (k,), which are called; turned round it is specificity.
    """
    k = len(classes)
    chosen = np.append(classes, False)
    there = chosen[truth] & (answer >= 0) & (answer < k)
    whose = [patients[index] for index in np.flatnonzero(there).tolist()]
    return share_by_patient(chosen[answer[there]], whose)


def per_class(
    truth: Ints, answer: Ints, patients: Sequence[str], keys: Sequence[str]
) -> dict[str, tuple[Figure, Figure]]:
    """Return each class's sensitivity and specificity (`sensitivity_by_patient`), by key."""
    classes = np.arange(len(keys))
    return {
        key: (
            sensitivity_by_patient(truth, answer, patients, classes == index),
            sensitivity_by_patient(truth, answer, patients, classes != index),
        )
        for index, key in enumerate(keys)
    }


def balanced_share(right: Bools, truth: Ints, patients: Sequence[str]) -> Figure:
    """Estimate balanced accuracy: every class that was read weighs the same.

    Brodersen et al., ICPR 2010: what was asked most does not count more. A random guess among k
    classes has 1 / k, whatever was asked.

    Args:
        right: bool (n,), one an answer.
        truth: int (n,), the class of each scan.
        patients: the patient of each scan.

    Returns:
        The figure with Wilson's interval on the effective sample size: that of the weighted mean,
        over the design effect of the answers. The number of classes is in the method.
    """
    n = len(right)
    if not n:
        return Figure(None, None, None, 0, "mean over classes: no answer")
    _, index = np.unique(truth, return_inverse=True)
    counts = np.bincount(index)
    weights = (1 / (len(counts) * counts))[index]
    effective = 1 / float((weights**2).sum())
    figure = effective_share(min(1.0, float(weights @ right)), effective, right, patients)
    return replace(figure, method=f"mean over {len(counts)} classes, {figure.method}")


def balanced_mean(values: Floats, truth: Ints, patients: Sequence[str]) -> Figure:
    """Estimate a mean in which every class that was read weighs the same.

    Args:
        values: float (n,), one an answer.
        truth: int (n,), the class of each scan.
        patients: the patient of each scan.

    Returns:
        The figure with a percentile bootstrap over patients.
    """
    n = len(values)
    if not n:
        return Figure(None, None, None, 0, "mean over classes: no answer")
    classes, index = np.unique(truth, return_inverse=True)
    _, who = np.unique(np.asarray(patients), return_inverse=True)
    sums, counts = (np.zeros((int(who.max()) + 1, len(classes))) for _ in range(2))
    np.add.at(sums, (who, index), values)
    np.add.at(counts, (who, index), 1)
    figure = by_totals(_mean_of_classes, np.hstack([sums, counts]), "patients")
    return replace(figure, n=n, method=f"mean over {len(classes)} classes, {figure.method}")


def _mean_of_classes(totals: Floats) -> Floats:
    sums, counts = np.split(totals, 2, axis=-1)
    means = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return np.asarray(np.nanmean(means, axis=-1))


def urgent_of(scheme: Scheme) -> Bools:
    """Return which diagnoses are referred urgently, bool (k,) in the scheme's order."""
    return np.array([one.is_urgent for one in scheme.diagnoses], np.bool_)


def brier(truth: Ints, probabilities: Floats) -> float:
    """Return the multi-class Brier score, 0 (sure and right) to 2 (Brier, 1950)."""
    return float(((probabilities - np.eye(probabilities.shape[1])[truth]) ** 2).sum(axis=1).mean())


def calibration_error(truth: Ints, probabilities: Floats, bins: int = 15) -> float:
    """Return the expected calibration error of the top answer (Guo et al., ICML 2017)."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(place, confidence - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(truth))


def auroc_urgent(truth: Ints, probabilities: Floats, classes: Bools) -> float | None:
    """Return the area under the ROC of urgent referral, None where one side is missing.

    Args:
        truth: int (n,).
        probabilities: float (n, k).
        classes: bool (k,), which are urgent.
    """
    from sklearn.metrics import roc_auc_score

    urgent = classes[truth]
    if urgent.all() or not urgent.any():
        return None
    return float(roc_auc_score(urgent, probabilities[:, classes].sum(axis=1)))


def kappa(truth: Ints, answer: Ints) -> float | None:
    """Return Cohen's kappa of answer and truth, None where it is undefined."""
    from sklearn.metrics import cohen_kappa_score

    if len(np.unique(np.concatenate([truth, answer]))) < 2:
        return None
    return float(cohen_kappa_score(truth, answer))


def figures_by_source(
    truth: Ints,
    probabilities: Floats,
    patients: Sequence[str],
    sources: Sequence[str],
    scheme: Scheme,
) -> dict[str, dict[str, Any]]:
    """Return `model_figures` of each source's scans, by name; empty where no source is known.

    Args:
        truth: int (n,), index into the scheme's diagnoses.
        probabilities: float (n, k), rows sum to 1.
        patients: the patient of each scan.
        sources: the source of each scan, an empty text where nobody knows; or none at all.
        scheme: the list of the k diagnoses.
    """
    if not any(sources):
        return {}
    found = np.array(sources)
    return {
        source: model_figures(
            truth[found == source],
            probabilities[found == source],
            [patients[index] for index in np.flatnonzero(found == source).tolist()],
            scheme,
        )
        for source in sorted(set(sources))
    }


def model_figures(
    truth: Ints, probabilities: Floats, patients: Sequence[str], scheme: Scheme
) -> dict[str, Any]:
    """Return all figures of a network on scans with known truth.

    Args:
        truth: int (n,), index into the scheme's diagnoses.
        probabilities: float (n, k), rows sum to 1.
        patients: the patient of each scan; the intervals resample them.
        scheme: the list of the k diagnoses.

    Returns:
        The keys of `octtutor evaluate --json` but `misclassified`, ready for JSON. Intervals
        of shares are `share_by_patient`'s; the weighted error's is a bootstrap over patients,
        None where nothing was wrong at all.
    """
    answer = probabilities.argmax(axis=1)
    matrix, chosen = confusion(truth, answer, len(scheme.keys)), urgent_of(scheme)
    accuracy = share_by_patient(truth == answer, patients)
    error = weighted_error_by_patient(truth, answer, patients, scheme.cost_rows)
    urgent = (
        sensitivity_by_patient(truth, answer, patients, chosen),
        sensitivity_by_patient(truth, answer, patients, ~chosen),
    )
    return {
        "n": len(truth),
        "patients": len(set(patients)),
        "accuracy": accuracy.value,
        "accuracy_ci": [accuracy.low, accuracy.high],
        "weighted_error": error.value,
        "weighted_error_ci": [error.low, error.high],
        "sensitivity": urgent[0].value,
        "sensitivity_ci": [urgent[0].low, urgent[0].high],
        "specificity": urgent[1].value,
        "specificity_ci": [urgent[1].low, urgent[1].high],
        "per_class": {
            name: _pair(*pair)
            for name, pair in per_class(truth, answer, patients, scheme.keys).items()
        },
        "auroc": auroc_urgent(truth, probabilities, chosen),
        "kappa": kappa(truth, answer),
        "brier": brier(truth, probabilities),
        "ece": calibration_error(truth, probabilities),
        "confusion": matrix.tolist(),
        "intervals": f"accuracy: {accuracy.method}; weighted error: {error.method}; sensitivity "
        "and specificity as accuracy",
        "positive": f"urgent referral ({' or '.join(scheme.urgent) or 'none'}) for sensitivity, "
        "specificity and auroc",
    }


def _pair(sensitivity: Figure, specificity: Figure) -> dict[str, Any]:
    return {
        "n": sensitivity.n,
        "sensitivity": sensitivity.value,
        "sensitivity_ci": [sensitivity.low, sensitivity.high],
        "specificity": specificity.value,
        "specificity_ci": [specificity.low, specificity.high],
    }
