"""Intervals of proportions and of figures that resample whole patients."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its interval, the number it rests on, and how the interval was made."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    method: str

    def __str__(self) -> str:
        """Return it in percent: `96.1 % (92.2 to 98.1)`, or a dash where there is nothing."""
        if self.value is None:
            return "–"
        if self.low is None or self.high is None:
            return f"{100 * self.value:.1f} %"
        return f"{100 * self.value:.1f} % ({100 * self.low:.1f} to {100 * self.high:.1f})"


def wilson(successes: int, n: int) -> Figure:
    """Estimate a proportion with Wilson's 95 % interval (Wilson, JASA 22:209, 1927).

    Args:
        successes: 0 to n.
        n: number of trials; 0 gives a figure without a value.
    """
    from statsmodels.stats.proportion import proportion_confint

    method = "Wilson 95 %"
    if n == 0:
        return Figure(None, None, None, 0, method)
    low, high = proportion_confint(successes, n, alpha=0.05, method="wilson")
    return Figure(successes / n, max(0.0, float(low)), min(1.0, float(high)), n, method)


def by_patient(
    measure: Callable[[Ints], float], patients: Sequence[str], repeats: int = 2000, seed: int = 0
) -> Figure:
    """Estimate a figure with a 95 % interval that resamples patients, not scans.

    Scans of one patient are alike; an interval over scans would be too narrow. Percentile
    bootstrap of clusters (Field & Welsh, JRSS B 69:369, 2007).

    Args:
        measure: takes indices of scans, int64 (m,), and returns the figure.
        patients: the patient of each scan.
        repeats: number of resamples.
        seed: the same seed gives the same interval.

    Returns:
        The figure; without an interval where all resamples are equal, since the bootstrap then
        says nothing of the uncertainty.
    """
    _, inverse = np.unique(np.asarray(patients), return_inverse=True)
    members = [np.flatnonzero(inverse == index) for index in range(inverse.max() + 1)]
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(members), (repeats, len(members)))
    values = [measure(np.concatenate([members[index] for index in draw])) for draw in draws]
    low, high = np.percentile(values, [2.5, 97.5])
    method = f"95 % percentile bootstrap over {len(members)} patients"
    value = measure(np.arange(len(inverse)))
    if low == high:
        return Figure(value, None, None, len(inverse), f"{method}: all resamples equal")
    return Figure(value, float(low), float(high), len(inverse), method)


def share_by_patient(right: npt.NDArray[np.bool_], patients: Sequence[str]) -> Figure:
    """Estimate a proportion of scans with an interval over patients.

    Args:
        right: bool (n,).
        patients: the patient of each scan.

    Returns:
        `by_patient`; where all scans are alike and the bootstrap is mute, Wilson's interval
        with the number of patients as n, which is the cautious choice.
    """
    figure = by_patient(lambda index: float(right[index].mean()), patients)
    if figure.low is not None or (right.any() and not right.all()):
        return figure
    n = len(set(patients))
    cautious = wilson(n if right.all() else 0, n)
    method = f"Wilson 95 % over {n} patients, all alike"
    return Figure(figure.value, cautious.low, cautious.high, len(right), method)
