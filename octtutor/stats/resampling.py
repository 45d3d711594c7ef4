"""Intervals of figures that are made of sums over cases, by resampling the cases."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.stats.intervals import Figure

Floats = npt.NDArray[np.floating[Any]]


def by_totals(
    measure: Callable[[Floats], Floats],
    parts: Floats,
    of: str = "cases",
    repeats: int = 2000,
    seed: int = 0,
) -> Figure:
    """Estimate a figure made of sums, with a 95 % percentile bootstrap (Efron, 1979).

    Only the sums are drawn anew, so thousands of answers cost little time and memory. Cases are
    taken as independent; where several are of one patient, `intervals.by_patient` is the choice.

    Args:
        measure: takes sums, float (..., k), and returns the figure, float (...); NaN where it
            is undefined.
        parts: float (n, k), what each case adds to the sums.
        of: what a row of `parts` is, for the method's text.
        repeats: number of resamples.
        seed: the same seed gives the same interval.

    Returns:
        The figure; without a value where it is undefined, without an interval where all
        resamples are equal, since the bootstrap then says nothing of the uncertainty.
    """
    n = len(parts)
    method = f"95 % percentile bootstrap over {n} {of}"
    value = float(measure(parts.sum(axis=0)))
    if np.isnan(value):
        return Figure(None, None, None, n, f"{method}: undefined")
    rng = np.random.default_rng(seed)
    draws = (np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(repeats))
    values = measure(np.array([draw @ parts for draw in draws]))
    defined = values[~np.isnan(values)]
    if not len(defined) or np.ptp(defined) < 1e-12:
        return Figure(value, None, None, n, f"{method}: all resamples equal")
    low, high = np.percentile(defined, [2.5, 97.5])
    if len(defined) < repeats:
        method += f", {repeats - len(defined)} undefined of {repeats} left out"
    return Figure(value, float(low), float(high), n, method)
