"""Two readers on the same scans: who was right where, and how large the difference is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.stats.intervals import Figure

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
FEW = 25
"""Fewer discordant scans than this: the exact test."""


@dataclass(frozen=True, slots=True)
class McNemar:
    """On how many scans who was right, and the test that both err equally often.

    `statistic` is chi-squared with continuity correction; of the exact test the smaller count of
    discordant scans. `p` is two-sided.
    """

    both: int
    only_first: int
    only_second: int
    neither: int
    statistic: float
    p: float
    method: str


def mcnemar(first: Bools, second: Bools) -> McNemar:
    """Test whether two readers err equally often on the same scans (McNemar 1947).

    Args:
        first: bool (n,), whether the first reader was right.
        second: bool (n,), the second.

    Returns:
        Exact (binomial) with fewer than 25 discordant scans, else chi-squared with Edwards's
        correction. It takes scans as independent; scans of one patient are not quite.
    """
    return mcnemar_of_counts(
        int((first & second).sum()),
        int((first & ~second).sum()),
        int((~first & second).sum()),
        int((~first & ~second).sum()),
    )


def mcnemar_of_counts(both: int, only_first: int, only_second: int, neither: int) -> McNemar:
    """Test a table of counts (see `mcnemar`)."""
    from statsmodels.stats.contingency_tables import mcnemar as test

    table = [[both, only_first], [only_second, neither]]
    discordant = only_first + only_second
    exact = discordant < FEW
    name = "exact binomial" if exact else "chi-squared with continuity correction"
    method = f"McNemar, {name}, {discordant} discordant scans"
    if discordant == 0:
        return McNemar(both, 0, 0, neither, 0.0, 1.0, method)
    found = test(table, exact=exact, correction=True)
    p = min(1.0, float(found.pvalue))
    return McNemar(both, only_first, only_second, neither, float(found.statistic), p, method)


def mean_by_patient(
    values: Floats, patients: Sequence[str], repeats: int = 2000, seed: int = 0
) -> Figure:
    """Estimate a mean over scans with a 95 % interval that resamples patients.

    The same figure as `intervals.by_patient` with the mean as its measure, in a thousandth of the
    time. Given the differences of two readers scan by scan it is the paired bootstrap.

    Args:
        values: float (n,), n at least 1, one a scan.
        patients: the patient of each scan.
        repeats: number of resamples.
        seed: the same seed gives the same interval.

    Returns:
        The figure; without an interval where all resamples are equal.
    """
    sums, counts = _per_patient(values, patients)
    rng = np.random.default_rng(seed)
    means = np.array(
        [
            sums[draw].sum() / counts[draw].sum()
            for draw in (rng.integers(0, len(sums), len(sums)) for _ in range(repeats))
        ]
    )
    low, high = np.percentile(means, [2.5, 97.5])
    method = f"95 % percentile bootstrap over {len(sums)} patients"
    value = float(np.asarray(values, np.float64).mean())
    if low == high:
        return Figure(value, None, None, len(values), f"{method}: all resamples equal")
    return Figure(value, float(low), float(high), len(values), method)


def swap_test(
    differences: Floats, patients: Sequence[str], repeats: int = 10_000, seed: int = 0
) -> float:
    """Test whether two readers are alike, swapping their answers patient by patient.

    Were they alike, exchanging both readers' answers on all scans of a patient would change
    nothing (Fisher's randomisation test for pairs; Ernst, Statist. Sci. 19:676, 2004). Valid with
    few patients and with alike scans of one patient, where the bootstrap is too sure.

    Args:
        differences: float (n,), second reader's score minus the first's, one a scan.
        patients: the patient of each scan.
        repeats: number of random swaps; where all swaps are fewer, each is made once.
        seed: the same seed gives the same answer.

    Returns:
        The two-sided p, in (0, 1]; 1 where nothing differs.
    """
    sums, _ = _per_patient(differences, patients)
    sums = sums[sums != 0]
    if not len(sums):
        return 1.0
    seen = abs(float(sums.sum())) * (1 - 1e-12) - 1e-12
    if 2 ** len(sums) <= repeats:
        places = np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums)) & 1
        return float((np.abs((1 - 2 * places) @ sums) >= seen).mean())
    rng = np.random.default_rng(seed)
    extreme = sum(
        bool(abs(float((rng.integers(0, 2, len(sums)) * 2 - 1) @ sums)) >= seen)
        for _ in range(repeats)
    )
    return (extreme + 1) / (repeats + 1)


def _per_patient(values: Floats, patients: Sequence[str]) -> tuple[Floats, Floats]:
    _, inverse = np.unique(np.asarray(patients), return_inverse=True)
    sums: Floats = np.bincount(inverse, np.asarray(values, np.float64)).astype(np.float64)
    return sums, np.bincount(inverse).astype(np.float64)
