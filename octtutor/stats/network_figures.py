"""All figures of a network on scans with known truth, each with interval, n and method."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.core.scheme import Scheme
from octtutor.stats.agreement import cohen_kappa
from octtutor.stats.figures import confusion, sensitivity_by_patient, urgent_of
from octtutor.stats.intervals import Figure, share_by_patient, wilson
from octtutor.stats.pairs import mean_by_patient
from octtutor.stats.resampling import by_totals
from octtutor.stats.roc import OperatingPoint, roc_of_ratings

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
BINS = 10
"""Of the calibration: each a tenth of the probabilities from 0 to 1."""
_ECE_BINS = 15
"""Of the calibration error, as `calibration_error` has them."""


@dataclass(frozen=True, slots=True)
class Detected:
    """How well one class, or urgent referral, is told from the rest."""

    n: int
    """Scans of it."""
    sensitivity: Figure
    specificity: Figure
    precision: Figure
    auroc: Figure
    curve: tuple[OperatingPoint, ...]
    """ROC; empty where there are no scans of it, or no others."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of nearly the same probability: what was stated, and how often it was right."""

    low: float
    high: float
    stated: float | None
    """Mean probability of the answers, None where there is none."""
    right: Figure


@dataclass(frozen=True, slots=True)
class Measures:
    """What `measure` found."""

    matrix: Ints
    """int64 (4, 4): rows truth, columns answer."""
    accuracy: Figure
    weighted_error: Figure
    urgent: Detected
    """Those that are referred urgently against the rest."""
    classes: dict[str, Detected]
    kappa: Figure
    brier: Figure
    calibration_error: Figure
    calibrated: Figure
    """What the calibration error of a perfectly calibrated network would be on so many scans with
    the same probabilities: its mean, and where 95 % of such errors lie. It is biased upwards."""
    bins: tuple[Bin, ...]
    scheme: Scheme
    """The list of diagnoses."""


def measure(truth: Ints, chances: Floats, patients: Sequence[str], scheme: Scheme) -> Measures:
    """Measure answers.

    Args:
        truth: int (n,), index into the scheme's diagnoses; n at least 1.
        chances: float (n, k), rows sum to 1.
        patients: the patient of each scan.
        scheme: the list of the k diagnoses.
    """
    answer = chances.argmax(axis=1)
    matrix = confusion(truth, answer, len(scheme.keys))
    classes = np.arange(len(scheme.keys))
    costs = np.array(scheme.cost_rows)[truth, answer]
    squares = ((chances - np.eye(len(scheme.keys))[truth]) ** 2).sum(axis=1)
    return Measures(
        matrix,
        accuracy_of(truth == answer, patients),
        _by_patient(mean_by_patient(costs, patients), patients),
        _detected(truth, chances, patients, urgent_of(scheme)),
        {
            key: _detected(truth, chances, patients, classes == index)
            for index, key in enumerate(scheme.keys)
        },
        cohen_kappa(truth, answer),
        _by_patient(mean_by_patient(squares, patients), patients),
        _by_patient(_calibration_error(truth, chances, patients), patients),
        calibrated_error(chances),
        reliability_bins(truth, chances),
        scheme,
    )


def accuracy_of(right: Bools, patients: Sequence[str]) -> Figure:
    """Estimate the share of right answers, with an interval over patients.

    Scans of one patient alone say nothing of other patients: then there is no interval.

    Args:
        right: bool (n,), n at least 1.
        patients: the patient of each scan.
    """
    return _by_patient(share_by_patient(right, patients), patients)


def reliability_bins(truth: Ints, chances: Floats, bins: int = BINS) -> tuple[Bin, ...]:
    """Compare how probable the answers were said to be with how often they were right.

    Reliability diagram (DeGroot & Fienberg, The Statistician 32:12, 1983) of the top answer.

    Args:
        truth: int (n,), the column of the right answer.
        chances: float (n, k), rows sum to 1.
        bins: of equal width, from 0 to 1.

    Returns:
        One a bin, with Wilson's 95 % interval over scans.
    """
    stated = chances.max(axis=1)
    right = chances.argmax(axis=1) == truth
    place = np.minimum((stated * bins).astype(int), bins - 1)
    return tuple(_bin(stated[place == k], right[place == k], k, bins) for k in range(bins))


def calibrated_error(chances: Floats, repeats: int = 500, seed: int = 0) -> Figure:
    """Return the calibration error that chance alone gives a perfectly calibrated network.

    Consistency resampling (Bröcker & Smith, Weather Forecast. 22:651, 2007): answers are drawn to
    be right as often as they were said to be. An error within the band is no sign of bad
    calibration. Scans are taken as independent, so that the band is narrow where patients have
    several.

    Args:
        chances: float (n, k), rows sum to 1; n at least 1.
        repeats: number of draws.
        seed: the same seed gives the same band.
    """
    stated = chances.max(axis=1)
    place = np.minimum((stated * _ECE_BINS).astype(int), _ECE_BINS - 1)
    rng, n = np.random.default_rng(seed), len(stated)
    draws = (stated - (rng.random(n) < stated) for _ in range(repeats))
    gaps = [np.bincount(place, draw, minlength=_ECE_BINS) for draw in draws]
    errors = np.abs(gaps).sum(axis=1) / n
    low, high = np.percentile(errors, [2.5, 97.5])
    method = f"perfectly calibrated, {repeats} draws, 95 % of them"
    return Figure(float(errors.mean()), float(low), float(high), n, method)


def _calibration_error(truth: Ints, chances: Floats, patients: Sequence[str]) -> Figure:
    """Estimate what `calibration_error` gives, with an interval that resamples patients."""
    stated = chances.max(axis=1)
    gaps = stated - (chances.argmax(axis=1) == truth)
    place = np.minimum((stated * _ECE_BINS).astype(int), _ECE_BINS - 1)
    _, who = np.unique(np.asarray(patients), return_inverse=True)
    scans = np.bincount(who)
    sums = np.zeros((len(scans), _ECE_BINS))
    np.add.at(sums, (who, place), gaps)
    figure = by_totals(_mean_gap, np.column_stack([sums, scans]), "patients")
    return replace(figure, n=len(truth))


def _mean_gap(totals: Floats) -> Floats:
    return np.asarray(np.abs(totals[..., :-1]).sum(axis=-1) / totals[..., -1])


def _bin(stated: Floats, right: Bools, k: int, bins: int) -> Bin:
    mean = float(stated.mean()) if len(stated) else None
    return Bin(k / bins, (k + 1) / bins, mean, wilson(int(right.sum()), len(right)))


def _detected(truth: Ints, chances: Floats, patients: Sequence[str], chosen: Bools) -> Detected:
    positive, answer = chosen[truth], chances.argmax(axis=1)
    curve, area = roc_of_ratings(positive, chances[:, chosen].sum(axis=1))
    return Detected(
        int(positive.sum()),
        sensitivity_by_patient(truth, answer, patients, chosen),
        sensitivity_by_patient(truth, answer, patients, ~chosen),
        sensitivity_by_patient(answer, truth, patients, chosen),
        area,
        curve,
    )


def _by_patient(figure: Figure, patients: Sequence[str]) -> Figure:
    """Take the interval away where all scans are of one patient."""
    if len(set(patients)) > 1:
        return figure
    return replace(figure, low=None, high=None, method="no interval: all scans are of one patient")
