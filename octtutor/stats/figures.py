"""What a reader, human or network, scored: confusion, errors, sensitivities, calibration."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.core.diagnosis import LABELS, PENALTY
from octtutor.stats.intervals import Figure, by_patient, share_by_patient, wilson

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]
_URGENT = np.array([label.is_urgent for label in LABELS])


def confusion(truth: Ints, answer: Ints) -> Ints:
    """Count answers by truth.

    Args:
        truth: int (n,), index into LABELS.
        answer: int (n,), index into LABELS; other values (ungradable) are left out.

    Returns:
        int64 (4, 4): rows truth, columns answer.
    """
    matrix = np.zeros((len(LABELS), len(LABELS)), np.int64)
    given = (answer >= 0) & (answer < len(LABELS))
    np.add.at(matrix, (truth[given], answer[given]), 1)
    return matrix


def weighted_error(matrix: Ints) -> float | None:
    """Return Kermany's mean penalty a scan (0 perfect; always NORMAL 2.25), None without scans."""
    n = int(matrix.sum())
    return float((matrix * np.array(PENALTY)).sum() / n) if n else None


def weighted_error_by_patient(truth: Ints, answer: Ints, patients: Sequence[str]) -> Figure:
    """Return the weighted error with an interval that resamples patients.

    Args:
        truth: int (n,), index into LABELS; n at least 1.
        answer: int (n,), index into LABELS.
        patients: the patient of each scan.
    """
    costs = np.array(PENALTY)[truth, answer]
    return by_patient(lambda index: float(costs[index].mean()), patients)


def sensitivity_of(matrix: Ints, classes: npt.NDArray[np.bool_]) -> Figure:
    """Return how many of the scans with one of `classes` were given one of them."""
    rows = matrix[classes]
    return wilson(int(rows[:, classes].sum()), int(rows.sum()))


def specificity_of(matrix: Ints, classes: npt.NDArray[np.bool_]) -> Figure:
    """Return how many of the scans with none of `classes` were given none of them."""
    return sensitivity_of(matrix, ~classes)


def per_class(matrix: Ints) -> dict[str, tuple[Figure, Figure]]:
    """Return each class's sensitivity and specificity with Wilson intervals."""
    classes = np.arange(len(LABELS))
    return {
        str(label): (
            sensitivity_of(matrix, classes == index),
            specificity_of(matrix, classes == index),
        )
        for index, label in enumerate(LABELS)
    }


def brier(truth: Ints, probabilities: Floats) -> float:
    """Return the multi-class Brier score, 0 (sure and right) to 2 (Brier, 1950)."""
    return float(((probabilities - np.eye(len(LABELS))[truth]) ** 2).sum(axis=1).mean())


def calibration_error(truth: Ints, probabilities: Floats, bins: int = 15) -> float:
    """Return the expected calibration error of the top answer (Guo et al., ICML 2017)."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(place, confidence - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(truth))


def auroc_urgent(truth: Ints, probabilities: Floats) -> float | None:
    """Return the area under the ROC of urgent referral, None where one side is missing."""
    from sklearn.metrics import roc_auc_score

    urgent = _URGENT[truth]
    if urgent.all() or not urgent.any():
        return None
    return float(roc_auc_score(urgent, probabilities[:, _URGENT].sum(axis=1)))


def kappa(truth: Ints, answer: Ints) -> float | None:
    """Return Cohen's kappa of answer and truth, None where it is undefined."""
    from sklearn.metrics import cohen_kappa_score

    if len(np.unique(np.concatenate([truth, answer]))) < 2:
        return None
    return float(cohen_kappa_score(truth, answer))


def model_figures(truth: Ints, probabilities: Floats, patients: Sequence[str]) -> dict[str, Any]:
    """Return all figures of a network on scans with known truth.

    Args:
        truth: int (n,), index into LABELS.
        probabilities: float (n, 4), rows sum to 1.
        patients: the patient of each scan; the intervals resample them.

    Returns:
        The keys of `octtutor evaluate --json` but `misclassified`, ready for JSON. Accuracy's
        and weighted error's intervals are over patients (None where nothing was wrong at all,
        for the error), the rest Wilson's over scans.
    """
    answer = probabilities.argmax(axis=1)
    matrix = confusion(truth, answer)
    accuracy = share_by_patient(truth == answer, patients)
    error = weighted_error_by_patient(truth, answer, patients)
    urgent = sensitivity_of(matrix, _URGENT), specificity_of(matrix, _URGENT)
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
        "per_class": {name: _pair(*pair) for name, pair in per_class(matrix).items()},
        "auroc": auroc_urgent(truth, probabilities),
        "kappa": kappa(truth, answer),
        "brier": brier(truth, probabilities),
        "ece": calibration_error(truth, probabilities),
        "confusion": matrix.tolist(),
        "intervals": f"accuracy: {accuracy.method}; weighted error: {error.method}; others: "
        "Wilson 95 % over scans",
        "positive": "urgent referral (CNV or DME) for sensitivity, specificity and auroc",
    }


def _pair(sensitivity: Figure, specificity: Figure) -> dict[str, Any]:
    return {
        "n": sensitivity.n,
        "sensitivity": sensitivity.value,
        "sensitivity_ci": [sensitivity.low, sensitivity.high],
        "specificity": specificity.value,
        "specificity_ci": [specificity.low, specificity.high],
    }
