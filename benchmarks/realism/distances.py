"""How far two sets of scans lie apart, beside how far halves of one set do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Measure = Callable[[Floats, Floats], float]


@dataclass(frozen=True, slots=True)
class Distance:
    """A distance, each with the 95 % range over random halves of the reference's patients.

    Attributes:
        value: from a half of the reference to as many of the others, mean over the splits.
        low: 2.5th percentile over the splits.
        high: 97.5th percentile.
        yardstick: from that half of the reference to its other half.
        yardstick_low: its 2.5th percentile.
        yardstick_high: its 97.5th percentile.
        n: scans of the reference and of the others.
        splits: how many.
    """

    value: float
    low: float
    high: float
    yardstick: float
    yardstick_low: float
    yardstick_high: float
    n: tuple[int, int]
    splits: int

    @property
    def ratio(self) -> float:
        """How many times farther than real from real; about 1 where nothing differs."""
        return self.value / max(self.yardstick, 1e-12)


def against_halves(
    measure: Measure,
    reference: Floats,
    patients: Sequence[str],
    others: Floats,
    splits: int = 40,
    seed: int = 0,
) -> Distance:
    """Measure from reference to others what halves of the reference are measured by.

    In each split the reference's patients fall into two halves; one is held against the other
    half and against as many of the others, so that both distances have the same sampling error.

    Args:
        measure: takes two sets, float (a, …) and (b, …), and returns their distance.
        reference: float (n, …), a row a scan.
        patients: the patient of each row of the reference, two or more different ones.
        others: float (m, …).
        splits: how many random halves.
        seed: the same seed gives the same halves.
    """
    names, inverse = np.unique(np.asarray(patients), return_inverse=True)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(splits):
        chosen = np.isin(inverse, rng.permutation(len(names))[: len(names) // 2])
        ours, rest = reference[chosen], reference[~chosen]
        drawn = others[rng.choice(len(others), min(len(rest), len(others)), replace=False)]
        found.append((measure(ours, drawn), measure(ours, rest)))
    to_others, to_halves = np.array(found).T
    low, high = np.percentile(to_others, [2.5, 97.5])
    base_low, base_high = np.percentile(to_halves, [2.5, 97.5])
    return Distance(
        float(to_others.mean()),
        float(low),
        float(high),
        float(to_halves.mean()),
        float(base_low),
        float(base_high),
        (len(reference), len(others)),
        splits,
    )


def wasserstein(ours: Floats, theirs: Floats) -> float:
    """Return the first Wasserstein distance of two samples, float (n,); NaN are left out."""
    from scipy.stats import wasserstein_distance

    return float(wasserstein_distance(ours[~np.isnan(ours)], theirs[~np.isnan(theirs)]))


def between_histograms(ours: Floats, theirs: Floats) -> float:
    """Return the Wasserstein distance of two mean histograms, in bins.

    Args:
        ours: float (n, bins), each row sums to 1.
        theirs: float (m, bins).
    """
    gap = np.cumsum(ours.mean(axis=0) - theirs.mean(axis=0))
    return float(np.abs(gap).sum())


def between_curves(ours: Floats, theirs: Floats) -> float:
    """Return the root mean square difference of two mean curves, in their unit.

    Args:
        ours: float (n, points); NaN where a curve has no value.
        theirs: float (m, points).
    """
    gap = _mean_curve(ours) - _mean_curve(theirs)
    return float(np.sqrt(np.mean(gap[~np.isnan(gap)] ** 2)))


def _mean_curve(values: Floats) -> Floats:
    counts = (~np.isnan(values)).sum(axis=0)
    return np.where(counts > 0, np.nansum(values, axis=0) / np.maximum(counts, 1), np.nan)
