"""Signal detection: how well a reader tells two things apart, and which way they lean."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.stats.intervals import Figure
from octtutor.stats.normal import around

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Detection:
    """Sensitivity d′ (0 is chance) and criterion c (below 0: says "yes" too readily)."""

    d_prime: Figure
    criterion: Figure


def detection(
    hits: int,
    misses: int,
    false_alarms: int,
    correct_rejections: int,
    *,
    correction: float = 0.5,
) -> Detection:
    """Estimate d′ and criterion of yes-no answers (Green & Swets, 1966).

    Args:
        hits: how often the sign was there and called.
        misses: it was there and not called.
        false_alarms: it was not there and called.
        correct_rejections: it was not there and not called.
        correction: what is added to each count; 0.5 is the log-linear correction (Hautus, Behav.
            Res. Methods 27:46, 1995), which keeps both finite, 0 leaves the rates as they are.

    Returns:
        Both in standard deviations, with the 95 % interval of Gourevitch & Galanter
        (Psychometrika 32:25, 1967); without a value where nothing was there, nothing was
        absent, or an uncorrected rate is 0 or 1.
    """
    present, absent = hits + misses, false_alarms + correct_rejections
    n = present + absent
    method = "Gourevitch & Galanter 95 %"
    if correction:
        method += f", {correction} added to each count"
    if not present or not absent:
        nothing = Figure(None, None, None, n, f"{method}: one side is missing")
        return Detection(nothing, nothing)
    rates = np.array(
        [
            (hits + correction) / (present + 2 * correction),
            (false_alarms + correction) / (absent + 2 * correction),
        ]
    )
    if rates.min() <= 0 or rates.max() >= 1:
        nothing = Figure(None, None, None, n, f"{method}: a rate is 0 or 1")
        return Detection(nothing, nothing)
    return _of_rates(rates, np.array([present, absent]), method)


def _of_rates(rates: Floats, trials: Ints, method: str) -> Detection:
    from scipy.stats import norm

    z = norm.ppf(rates)
    spread = float(np.sqrt((rates * (1 - rates) / (trials * norm.pdf(z) ** 2)).sum()))
    n = int(trials.sum())
    return Detection(
        around(float(z[0] - z[1]), spread, n, method),
        around(float(-z.sum() / 2), spread / 2, n, method),
    )


def per_class_detection(matrix: Ints, keys: Sequence[str]) -> dict[str, Detection]:
    """Return each class's detection against the rest.

    Args:
        matrix: int64 (k, k), rows truth, columns answer (`figures.confusion`).
        keys: the classes' names, in its order.
    """
    total = int(matrix.sum())
    found = []
    for index in range(len(matrix)):
        hits = int(matrix[index, index])
        misses = int(matrix[index].sum()) - hits
        false_alarms = int(matrix[:, index].sum()) - hits
        found.append(detection(hits, misses, false_alarms, total - hits - misses - false_alarms))
    return dict(zip(keys, found, strict=True))
