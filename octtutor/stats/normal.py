"""Intervals of figures whose error is taken as normal."""

from math import inf

from octtutor.stats.intervals import Z95, Figure


def around(
    value: float,
    error: float,
    n: int,
    method: str,
    within: tuple[float, float] = (-inf, inf),
) -> Figure:
    """Return a figure with its 95 % interval, 1.96 standard errors on either side.

    Args:
        value: the figure.
        error: its standard error, in the same unit.
        n: the number it rests on.
        method: how the error was found.
        within: the smallest and the largest value there can be; the interval ends there.
    """
    low, high = value - Z95 * error, value + Z95 * error
    return Figure(value, max(within[0], low), min(within[1], high), n, method)
