"""Whether a reader who says "sure" is right more often than one who says "guessed"."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.stats.intervals import Figure, wilson
from octtutor.stats.resampling import by_totals

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
LEVELS = 5


@dataclass(frozen=True, slots=True)
class Level:
    """A level of confidence, the probability it stands for, and how often it was right."""

    level: int
    stated: float
    right: Figure


def stated_probability(confidence: Ints, classes: int) -> Floats:
    """Return what a confidence says as a probability of being right.

    Evenly spaced from chance among the classes (1, "guessing": of four 0.25) to certainty (5,
    "certain": 1): of four 0.25 + (level − 1) · 0.1875. Trainees give a level, not a number; the
    spacing is ours.

    Args:
        confidence: int, 1 to 5, of any shape.
        classes: how many there are to choose from.

    Returns:
        float64 of the same shape, in [1 / classes, 1].
    """
    chance = 1 / classes
    return chance + (np.asarray(confidence) - 1) * ((1 - chance) / (LEVELS - 1))


def reliability(confidence: Ints, right: Bools, classes: int) -> tuple[Level, ...]:
    """Return for each level of confidence how often the answer was right.

    Args:
        confidence: int (n,), 1 ("guessing") to 5 ("certain").
        right: bool (n,).
        classes: how many there are to choose from.

    Returns:
        Five levels in order, each with Wilson's 95 % interval; without a value where the level
        was never given.
    """
    levels = np.arange(1, LEVELS + 1)
    return tuple(
        Level(int(level), float(stated), _share(right[confidence == level]))
        for level, stated in zip(levels, stated_probability(levels, classes), strict=True)
    )


def _share(right: Bools) -> Figure:
    return wilson(int(right.sum()), len(right))


def confidence_brier(
    confidence: Ints, right: Bools, classes: int, repeats: int = 2000, seed: int = 0
) -> Figure:
    """Estimate the Brier score of stated confidence (Brier, Mon. Weather Rev. 78:1, 1950).

    Args:
        confidence: int (n,), 1 to 5, taken as `stated_probability`.
        right: bool (n,).
        classes: how many there are to choose from.
        repeats: number of resamples.
        seed: the same seed gives the same interval.

    Returns:
        Mean squared difference of the stated probability and being right (1) or wrong (0), 0
        (best) to 1, with a 95 % percentile bootstrap over answers.
    """
    return _mean((stated_probability(confidence, classes) - right) ** 2, repeats, seed)


def overconfidence(
    confidence: Ints, right: Bools, classes: int, repeats: int = 2000, seed: int = 0
) -> Figure:
    """Estimate how much more was promised than kept (Lichtenstein & Fischhoff, 1977).

    Args:
        confidence: int (n,), 1 to 5, taken as `stated_probability`.
        right: bool (n,).
        classes: how many there are to choose from.
        repeats: number of resamples.
        seed: the same seed gives the same interval.

    Returns:
        Mean stated probability minus the share right, 1 / classes − 1 (too modest) to 1 (too sure),
        with a 95 % percentile bootstrap over answers.
    """
    return _mean(stated_probability(confidence, classes) - right, repeats, seed)


def _mean(values: Floats, repeats: int, seed: int) -> Figure:
    parts = np.column_stack([values, np.ones(len(values))])
    return by_totals(_ratio, parts, "answers", repeats, seed)


def _ratio(totals: Floats) -> Floats:
    n = totals[..., 1]
    means: Floats = np.full(n.shape, np.nan)
    np.divide(totals[..., 0], n, out=means, where=n > 0)
    return means
