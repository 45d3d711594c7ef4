"""Readers who did not all read all cases: Gallas's U-statistics of the areas under their ROC.

"One-shot" estimates of an MRMC variance (Gallas, Acad. Radiol. 13:353, 2006; Gallas, Bandos,
Samuelson & Wagner, Commun. Stat. Theory 38:2586, 2009) for any design, as iMRMC has them: each
pair of a negative and a positive case that a reader has rated weighs the same. iMRMC's R package
rounds the degrees of freedom down and takes the normal distribution above 50; here they are used
as they come, so its intervals are wider by up to a few percent below 10 degrees.

Cases are taken as independent: where several are of one patient it is not the method to use.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.stats.intervals import Figure
from octtutor.stats.mrmc import Comparison

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
_DISTINCT = np.array(
    [
        [1, 0, 0, 0, 0, 0, 0, 0],
        [-1, 1, 0, 0, 0, 0, 0, 0],
        [-1, 0, 1, 0, 0, 0, 0, 0],
        [1, -1, -1, 1, 0, 0, 0, 0],
        [-1, 0, 0, 0, 1, 0, 0, 0],
        [1, -1, 0, 0, -1, 1, 0, 0],
        [1, 0, -1, 0, -1, 0, 1, 0],
        [-1, 1, 1, -1, 1, -1, -1, 1],
    ]
)
"""Turns sums over all pairs of indices into sums over distinct ones, by inclusion and exclusion."""


@dataclass(frozen=True, slots=True)
class Covariance:
    """The covariance of two modalities' mean areas, and what its degrees of freedom rest on."""

    value: float
    biased: Floats
    """float64 (3,): biased components of variance of negative cases, positive ones, readers."""
    degrees: Floats
    """float64 (3,): what each of the three has, for Satterthwaite's sum."""


def compare_incomplete(positive: Bools, ratings: Floats) -> Comparison:
    """Compare two modalities from whatever was rated.

    Args:
        positive: bool (cases,), the truth.
        ratings: float (readers, 2, cases), higher for "more surely positive"; NaN where a reader
            has not rated. Readers without a pair of cases in either modality should be dropped
            before (`imrmc.analysed`).

    Returns:
        Mean areas, their difference (second minus first) and its t test with 95 % intervals.
        `f` is t squared with 1 and `error_df` degrees of freedom. Undecided, and `method` says
        why, with fewer than 2 readers, 2 positive or 2 negative cases in a modality, or where
        the estimate of the variance is not positive (iMRMC prints NA there).
    """
    readers, modalities, _ = ratings.shape
    if modalities != 2:
        why = f"needs 2 modalities, has {modalities}"
        return _undecided((None,) * modalities, ratings, why)
    wins = [_wins(positive, ratings[:, index]) for index in range(2)]
    if min(readers, *(_least(won) for won in wins)) < 2:
        why = "needs 2 readers and in each modality 2 positive and 2 negative cases, rated"
        return _undecided((None, None), ratings, why)
    first, second = (_covariance(won, won) for won in wins)
    both = _covariance(wins[0], wins[1])
    areas = [float(np.nansum(won) / (~np.isnan(won)).sum()) for won in wins]
    variance = first.value + second.value - 2 * both.value
    if not variance > 1e-15:
        return _undecided(tuple(areas), ratings, "the variance is estimated as 0 or below")
    error_df = _degrees(
        variance,
        first.biased + second.biased - 2 * both.biased,
        np.minimum(first.degrees, second.degrees),
    )
    difference = areas[1] - areas[0]
    t = difference / float(np.sqrt(variance))
    return Comparison(
        areas=tuple(
            _area(area, one, ratings) for area, one in zip(areas, (first, second), strict=True)
        ),
        difference=_around(difference, variance, error_df, ratings, (-1.0, 1.0)),
        f=t * t,
        df=1,
        error_df=error_df,
        p=_p(t, error_df),
        readers=readers,
        cases=ratings.shape[2],
        method=_method(ratings),
    )


def _wins(positive: Bools, scores: Floats) -> Floats:
    """Return float (readers, negative, positive): 1, 0.5 or 0; NaN where a pair is not rated."""
    negatives, positives = scores[:, ~positive], scores[:, positive]
    gap = positives[:, None, :] - negatives[:, :, None]
    return np.where(np.isnan(gap), np.nan, 0.5 * (np.sign(gap) + 1))


def _least(won: Floats) -> int:
    """Return how many readers, negative and positive cases there are, whichever are fewest."""
    there = ~np.isnan(won)
    return int(min(there.any(axis=axes).sum() for axes in ((1, 2), (0, 2), (0, 1))))


def _sums(one: Floats, other: Floats) -> Floats:
    """Return the eight sums of products, same reader first: pair, positive, negative, reader."""

    def four(a: Floats, b: Floats) -> list[float]:
        negative, positive = a.sum(axis=-1) * b.sum(axis=-1), a.sum(axis=-2) * b.sum(axis=-2)
        whole = a.sum(axis=(-1, -2)) * b.sum(axis=(-1, -2))
        return [(a * b).sum(), positive.sum(), negative.sum(), whole.sum()]

    return np.array([*four(one, other), *four(one.sum(axis=0), other.sum(axis=0))], np.float64)


def _covariance(one: Floats, other: Floats) -> Covariance:
    there = [(~np.isnan(won)).astype(np.float64) for won in (one, other)]
    sums = _sums(np.nan_to_num(one), np.nan_to_num(other))
    counts = _sums(*there)
    distinct, of = _DISTINCT @ sums, _DISTINCT @ counts
    moments, biased = _ratio(distinct, of), _ratio(sums, counts)
    weights = of / counts[7]
    weights[7] -= 1
    shares = np.array([weights[[0, 2, 4, 6]].sum(), weights[[0, 1, 4, 5]].sum(), weights[:4].sum()])
    return Covariance(
        float(weights @ moments),
        biased[[6, 5, 3]] - biased[7],
        np.maximum(np.round(1 / np.maximum(shares, 1e-12)) - 1, 1),
    )


def _ratio(above: Floats, below: Floats) -> Floats:
    found: Floats = np.zeros_like(above)
    np.divide(above, below, out=found, where=below > 0.5)
    return found


def _degrees(variance: float, biased: Floats, degrees: Floats) -> float:
    """Return Satterthwaite's degrees of freedom, at least the smallest of the three."""
    spread = float((biased**2 / degrees**3).sum())
    least = float(degrees.min())
    return max(variance**2 / spread, least) if spread > 0 else least


def _area(value: float, covariance: Covariance, ratings: Floats) -> Figure:
    if not covariance.value > 1e-15:
        return Figure(value, None, None, ratings.shape[2], f"{_method(ratings)}: no interval")
    degrees = _degrees(covariance.value, covariance.biased, covariance.degrees)
    return _around(value, covariance.value, degrees, ratings, (0.0, 1.0))


def _around(
    value: float, variance: float, degrees: float, ratings: Floats, within: tuple[float, float]
) -> Figure:
    from scipy.stats import t

    margin = float(t.ppf(0.975, degrees) * np.sqrt(variance))
    low, high = max(within[0], value - margin), min(within[1], value + margin)
    return Figure(value, low, high, ratings.shape[2], _method(ratings))


def _p(statistic: float, degrees: float) -> float:
    from scipy.stats import t

    return float(2 * t.sf(abs(statistic), degrees))


def _method(ratings: Floats) -> str:
    readers, _, cases = ratings.shape
    return (
        f"Gallas's U-statistics 95 %, random readers and cases, {readers} readers, {cases} cases, "
        f"{int((~np.isnan(ratings)).sum())} ratings"
    )


def _undecided(areas: tuple[float | None, ...], ratings: Floats, why: str) -> Comparison:
    readers, _, cases = ratings.shape
    method = f"{_method(ratings)}: {why}"
    known = [area for area in areas if area is not None]
    gap = known[1] - known[0] if len(known) == 2 else None
    return Comparison(
        areas=tuple(Figure(area, None, None, cases, method) for area in areas),
        difference=Figure(gap, None, None, cases, method),
        f=None,
        df=None,
        error_df=None,
        p=None,
        readers=readers,
        cases=cases,
        method=method,
    )
