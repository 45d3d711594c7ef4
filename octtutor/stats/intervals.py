"""Intervals of proportions and of figures that resample whole patients."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating[Any]]
Z95 = 1.959963984540054
"""The normal distribution's 97.5 % point: 95 % lie within it on both sides."""
ASSUMED_ICC = 0.4
"""Likeness of a patient's scans, until the data tell of it."""
_TELLING = 7
"""So many patients with an error tell the design effect."""


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
            return f"{rounded(100 * self.value, 1)} %"
        low, high = rounded(100 * self.low, 1), rounded(100 * self.high, 1)
        return f"{rounded(100 * self.value, 1)} % ({low} to {high})"


def rounded(value: float, digits: int) -> str:
    """Return a number with so many decimals, or with as many as show that it is not 0.

    −0.004 with 2 is −0.004, and not −0.00, which hides on which side of 0 it lies. Below 0.000001
    it is 0.
    """
    for more in range(digits, 7):
        text = f"{value:.{more}f}"
        if float(text):
            return text
    return f"{0:.{digits}f}"


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
    # at the ends it is exact; computed it is 0.9999999999999999
    least = 0.0 if successes == 0 else max(0.0, float(low))
    most = 1.0 if successes == n else min(1.0, float(high))
    return Figure(successes / n, least, most, n, method)


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


def share_by_patient(
    right: Bools, patients: Sequence[str], readers: Sequence[str] | None = None
) -> Figure:
    """Estimate a proportion of answers that are alike within a patient, and within a reader.

    Wilson's interval on the effective sample size (Kish, Survey Sampling, 1965; Korn & Graubard,
    Surv. Methodol. 24:193, 1998): n over the design effect, which is estimated from the patients'
    sums (and the readers', two ways: Cameron, Gelbach & Miller, JBES 29:238, 2011) and is at
    least 1. With few patients in error it cannot be estimated: from 7 of them down to none it is
    held above that of an intraclass correlation of `ASSUMED_ICC`. The quantile goes from the
    normal's to that of t with the clusters' degrees of freedom as the design effect grows; with
    less than about three errors the upper limit is a Poisson count's (Brown, Cai & DasGupta,
    Statist. Sci. 16:101, 2001, section 4.1.1). Chosen by its coverage (`benchmarks/coverage.py`).

    Args:
        right: bool (n,).
        patients: the patient of each answer's scan.
        readers: who gave each answer; None: all are of one.

    Returns:
        The figure; of no answers without a value.
    """
    n = len(right)
    if not n:
        return wilson(0, 0)
    groups = [_numbered(patients)] + ([_numbered(readers)] if readers is not None else [])
    groups = [group for group in groups if group.max() > 0] or groups[:1]
    clusters = min(int(group.max()) + 1 for group in groups)
    p = float(right.mean())
    effect = _effect(right, groups)
    low, high = effective_wilson(p, n / effect, _quantile(effect, clusters))
    effective = f"n = {n}" if effect < 1.005 else f"{n / effect:.0f} effective of {n}"
    of = f"{int(_numbered(patients).max()) + 1} patients"
    if readers is not None:
        of += f" and {int(_numbered(readers).max()) + 1} readers"
    return Figure(p, low, high, n, f"Wilson 95 %, {effective} answers of {of}")


def effective_share(value: float, n: float, right: Bools, patients: Sequence[str]) -> Figure:
    """Return a weighted share of answers with `share_by_patient`'s interval.

    Args:
        value: the share.
        n: how many equally weighted answers would have its variance, were all independent.
        right: bool (answers,), which tell how alike those of a patient are.
        patients: the patient of each answer's scan.
    """
    groups = [_numbered(patients)]
    clusters, effect = int(groups[0].max()) + 1, _effect(right, groups)
    low, high = effective_wilson(value, n / effect, _quantile(effect, clusters))
    method = (
        f"Wilson 95 %, {n / effect:.0f} effective of {len(right)} answers of {clusters} patients"
    )
    return Figure(value, low, high, len(right), method)


def _effect(right: Bools, groups: Sequence[Ints]) -> float:
    p = float(right.mean())
    found = _design_effect(right - p, groups) if 0 < p < 1 else 1.0
    return max(found, _assumed_effect(right if p < 0.5 else ~right, groups[0]))


def _numbered(names: Sequence[str]) -> Ints:
    return np.unique(np.asarray(names), return_inverse=True)[1].astype(np.int64)


def _design_effect(deviations: Floats, groups: Sequence[Ints]) -> float:
    """Return by how much the answers' likeness inflates the variance of their mean, 1 or more."""
    parts = [_clustered_sum(deviations, group) for group in groups]
    if len(groups) == 2:
        cells = groups[0] * (int(groups[1].max()) + 1) + groups[1]
        parts.append(parts[0] + parts[1] - _clustered_sum(deviations, cells))
    return max(1.0, max(parts) / float((deviations**2).sum()))


def _clustered_sum(deviations: Floats, group: Ints) -> float:
    sums = np.bincount(group, deviations)
    there = int((np.bincount(group) > 0).sum())
    return float((sums**2).sum()) * there / max(there - 1, 1)


def _assumed_effect(wrong: Bools, group: Ints) -> float:
    """Return the design effect that is assumed where few clusters tell of it."""
    sizes = np.bincount(group)
    told = len(np.unique(group[wrong]))
    weight = float(np.clip(1 - (told - 1) / (_TELLING - 1), 0, 1))
    most = float((sizes**2).sum() / sizes.sum())
    return 1 + weight * ASSUMED_ICC * (most - 1)


def _quantile(effect: float, clusters: int) -> float:
    from scipy.stats import t

    if clusters < 2:
        return Z95
    return Z95 + (float(t.ppf(0.975, clusters - 1)) - Z95) * (1 - 1 / effect)


def effective_wilson(p: float, n: float, z: float = Z95) -> tuple[float, float]:
    """Return Wilson's limits of a proportion p from n answers, not necessarily a whole number.

    With less than about three errors the upper limit (of few successes the lower) is that of a
    Poisson count (Brown, Cai & DasGupta, Statist. Sci. 16:101, 2001, section 4.1.1).
    """
    from scipy.stats import chi2

    centre, spread = p + z * z / (2 * n), z * float(np.sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2))
    low, high = (centre - spread) / (1 + z * z / n), (centre + spread) / (1 + z * z / n)
    errors = min(p, 1 - p) * n
    if 0 < errors <= 3:
        least = float(chi2.ppf(0.05, 2 * errors)) / (2 * n)
        low, high = (low, max(high, 1 - least)) if p >= 0.5 else (min(low, least), high)
    return (0.0 if p <= 0 else max(0.0, low)), (1.0 if p >= 1 else min(1.0, high))
