"""How a scan lies: whether tissue is bright on dark, layers run across, and vitreous is above.

Each is told by a number that changes its sign when the scan is inverted, put on its side, or
upside down, so that none is likelier than another from the start.
"""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels
from octtutor.datasets.preparation.reduced import Levels, quantile
from octtutor.datasets.preparation.retina import Retina, find_in_level
from octtutor.datasets.preparation.weights import SEEN, SEEN_FROM, UPRIGHT

INVERTED, SIDEWAYS, UPSIDE_DOWN = -0.05, -0.05, -0.3
"""Below these a scan is righted."""
CLEAR = 0.45
"""Confidence from which a retina is said to be found."""
SURE = 1.0
"""From here a scan is upright without more ado."""
_SIDE = 128
_DEPTHS = np.linspace(0, 1, 14, dtype=np.float32)[:, None]
"""Places between the two surfaces at which the retina's brightness is looked at."""
_AWAY = np.array([4, 8, 16, 32])[:, None]
"""Rows above and below the retina, of the small copy, at which it is looked at too."""


class Posture(NamedTuple):
    """Which side of a scan is up, and the retina in it.

    Attributes:
        is_upside_down: whether the vitreous is below.
        retina: found in the scan, once it lies upright; rows of the small copy.
        looks: what it looks like there, float64 (33,), see `describe`.
    """

    is_upside_down: bool
    retina: Retina
    looks: npt.NDArray[np.float64]


def measure_polarity(small: Pixels) -> float:
    """Say whether tissue is bright on dark: 1 is, -1 is the opposite.

    Args:
        small: uint8, any shape.

    Returns:
        How much further the bright end of the greys is from their median than the dark end, as a
        share of their range.
    """
    low, middle, high = (quantile(small, share) for share in (0.02, 0.5, 0.98))
    return (high + low - 2 * middle) / max(1, high - low)


def measure_layers(level: Levels, size: tuple[int, int]) -> float:
    """Say whether the layers run across: above 0 they do, below 0 the scan lies on its side.

    Args:
        level: float32 (rows, columns), a small copy.
        size: (height, width) of the scan itself, whose proportions count.

    Returns:
        Logarithm of how much more the grey changes downwards than sideways.
    """
    by = _SIDE / max(size)
    width, height = max(8, round(size[1] * by)), max(8, round(size[0] * by))
    true = cv2.resize(level, (width, height), interpolation=cv2.INTER_AREA)
    true = cv2.GaussianBlur(true, (0, 0), 1.5)
    down = np.abs(np.diff(true, axis=0)).mean() + 1e-6
    return float(np.log(down / (np.abs(np.diff(true, axis=1)).mean() + 1e-6)))


def find_posture(level: Levels) -> Posture:
    """Say whether the vitreous is above, and find the retina on the way.

    What the retina that was found looks like tells most scans; where it leaves doubt, the retina
    is sought in the mirror image too, and both are compared. Both weights were fitted on real
    scans and their mirror images (`benchmarks/preparation.py --fit`).

    Args:
        level: float32 (rows, 128), a small copy whose layers run across.
    """
    retina = find_in_level(level)
    numbers = describe(level, retina)
    if numbers @ np.asarray(SEEN) + SEEN_FROM >= SURE:
        return Posture(False, retina, numbers)
    mirrored = np.ascontiguousarray(level[::-1])
    turned = find_in_level(mirrored)
    other = describe(mirrored, turned)
    if (numbers - other) @ np.asarray(UPRIGHT) < UPSIDE_DOWN and turned.confidence >= CLEAR:
        return Posture(True, turned, other)
    return Posture(False, retina, numbers)


def describe(level: Levels, retina: Retina) -> npt.NDArray[np.float64]:
    """Return what a retina looks like where it was found: 33 numbers.

    How clearly it shows; brightness from the inner surface to the outer, above and below; how
    uneven the two surfaces are; how thick it is; and how uneven it is across.
    """
    rows, columns = level.shape
    at = np.arange(columns)

    def look(rows_at: npt.NDArray[np.float32]) -> Levels:
        return level[np.clip(rows_at.astype(np.intp), 0, rows - 1), at]

    within = look(retina.top - 1.5 + _DEPTHS * retina.thickness)
    above, below = look(retina.top - 1.5 - _AWAY), look(retina.bottom + _AWAY)
    uneven = [
        np.abs(np.diff(edge, degree)).mean()
        for edge in (retina.top, retina.bottom)
        for degree in (1, 2)
    ]
    grain = np.abs(np.diff(within[::3], axis=1)).mean(axis=1)
    clear = [retina.clear.mean()]
    thick = [np.median(retina.thickness) / rows]
    parts = (clear, np.median(within, 1), above.mean(1), below.mean(1), uneven, thick, grain)
    return np.concatenate(parts).astype(np.float64)
