"""How a trainee's accuracy changes with practice."""

from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.stats.intervals import Figure, effective_wilson, wilson

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, slots=True)
class Point:
    """Accuracy as it stood after a case; cases are counted from 1."""

    case: int
    accuracy: Figure


def moving_accuracy(right: Bools, window: int = 20) -> tuple[Point, ...]:
    """Return the accuracy over the last `window` cases after each case.

    Args:
        right: bool (n,), whether each answer was right, in the order they were given.
        window: number of cases, at least 1; before there are as many, those there are.

    Returns:
        One point a case with Wilson's 95 % interval; the figure's `n` is how many it rests on.
        Neighbouring points share cases: the interval is of one point, not of the curve.
    """
    sums = np.concatenate([[0], np.cumsum(right)])
    ends = np.arange(1, len(right) + 1)
    starts = np.maximum(ends - window, 0)
    return tuple(
        Point(int(end), _share(int(sums[end] - sums[start]), int(end - start)))
        for start, end in zip(starts, ends, strict=True)
    )


def balanced_curve(right: Bools, truth: Ints, classes: int, window: int = 20) -> tuple[Point, ...]:
    """Return the accuracy over the last scans of each class, each class weighing the same.

    The mean over classes of the share right among the last window / classes scans of each: an
    order that asks what was confused moves it no more than a random one. A random guess has
    1 / classes.

    Args:
        right: bool (n,), whether each answer was right, in the order they were given.
        truth: int (n,), 0 to classes − 1.
        classes: how many there are.
        window: how many answers make a point; each class has its part of it, at least 1.

    Returns:
        One point a case, from the first at which every class that is ever asked was read; with
        Wilson's 95 % interval of that many answers, weighted (Kish's effective number).
    """
    asked = sorted(set(truth.tolist()))
    each = max(1, window // classes)
    last: dict[int, deque[bool]] = {key: deque(maxlen=each) for key in asked}
    points = []
    for case, (key, is_right) in enumerate(zip(truth.tolist(), right.tolist(), strict=True), 1):
        last[key].append(is_right)
        if all(last.values()):
            counts = tuple((sum(read), len(read)) for read in last.values())
            points.append(Point(case, _mean_share(counts)))
    return tuple(points)


@lru_cache(maxsize=4096)
def _mean_share(counts: tuple[tuple[int, int], ...]) -> Figure:
    value = sum(k / n for k, n in counts) / len(counts)
    effective = len(counts) ** 2 / sum(1 / n for _, n in counts)
    low, high = effective_wilson(value, effective)
    n = sum(n for _, n in counts)
    return Figure(value, low, high, n, f"mean over {len(counts)} classes, Wilson 95 %")


def cumulative(right: Bools) -> tuple[Point, ...]:
    """Return the accuracy over all cases so far after each case (see `moving_accuracy`)."""
    return moving_accuracy(right, max(1, len(right)))


@lru_cache(maxsize=4096)
def _share(successes: int, n: int) -> Figure:
    return wilson(successes, n)


def change(before: tuple[int, int], after: tuple[int, int]) -> Figure:
    """Estimate how much a proportion rose between two tests on different cases.

    Args:
        before: how many were right, of how many.
        after: the same, later.

    Returns:
        After minus before, −1 to 1, with Newcombe's 95 % interval (hybrid score, method 10 of
        Stat. Med. 17:873, 1998); without a value where either test had no case. Where the same
        cases were answered twice, `pairs.mcnemar` and `pairs.mean_by_patient` are the choice.
    """
    from statsmodels.stats.proportion import confint_proportions_2indep

    method = "difference of independent proportions, Newcombe 95 %"
    n = before[1] + after[1]
    if not before[1] or not after[1]:
        return Figure(None, None, None, n, method)
    low, high = confint_proportions_2indep(*after, *before, method="newcomb", compare="diff")
    value = after[0] / after[1] - before[0] / before[1]
    return Figure(value, max(-1.0, float(low)), min(1.0, float(high)), n, method)
