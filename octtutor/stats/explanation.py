"""Is a map to be trusted? Measures of one map, and of two, from arrays alone."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Bits = npt.NDArray[np.bool_]
TOLERANCE = 15.0
"""How far from the lesion the largest value may lie and still count, pixels of the scan."""


def points_at(level: Floats, lesion: Bits, tolerance: float = TOLERANCE) -> bool:
    """Whether a map's largest value lies on the lesion (pointing game, Zhang et al., ECCV 2016).

    Args:
        level: float32 (height, width), not negative; all 0 points nowhere.
        lesion: bool (height, width), True inside.
        tolerance: greatest distance to the nearest pixel of the lesion, pixels.

    Raises:
        ValueError: the lesion has no pixel.
    """
    _check(level, lesion)
    if not level.any():
        return False
    peak = np.unravel_index(int(level.argmax()), level.shape)
    distances = np.hypot(*(np.argwhere(lesion) - np.array(peak)).T)
    return bool(distances.min() <= tolerance)


def energy_ratio(level: Floats, lesion: Bits) -> float:
    """Return the share of a map's sum inside the lesion over the lesion's share of the area.

    1 is what a flat map has, 0 also a map that is all 0. The share of the sum is the energy of
    Wang et al. (Score-CAM, CVPR Workshops 2020).

    Args:
        level: float32 (height, width), not negative.
        lesion: bool (height, width), True inside.

    Raises:
        ValueError: the lesion has no pixel.
    """
    _check(level, lesion)
    total = float(level.sum(dtype=np.float64))
    inside = float(level[lesion].sum(dtype=np.float64))
    return inside / total / float(lesion.mean()) if total else 0.0


def likeness(one: Floats, other: Floats) -> float:
    """Return Spearman's rank correlation of two maps, in [-1, 1]; 0 where one is flat.

    The measure of Adebayo et al. (Sanity checks for saliency maps, NeurIPS 2018).
    """
    from scipy.stats import spearmanr

    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(spearmanr(one.ravel(), other.ravel()).statistic)


def ranked(level: Floats, steps: int) -> npt.NDArray[np.int64]:
    """Return in which of so many equal steps each pixel's turn comes, the largest value first.

    Args:
        level: float32 (height, width).
        steps: how many.

    Returns:
        int64 (height, width), from 0 to steps - 1.
    """
    turns = np.empty(level.size, np.int64)
    turns[np.argsort(-level.ravel(), kind="stable")] = np.arange(level.size)
    return turns.reshape(level.shape) * steps // level.size


def area_under(chances: npt.NDArray[np.floating]) -> float:
    """Return the mean height of a curve of equal steps, by the trapezoid rule.

    Of the class's probability while the pixels are taken away (deletion: lower is better) or
    given back (insertion: higher is better), Petsiuk, Das and Saenko (RISE, BMVC 2018).

    Args:
        chances: float (n,), two values at least.
    """
    return float(np.trapezoid(chances) / (len(chances) - 1))


def smooth_random(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Return a map that knows nothing, as coarse as a feature map: float32 shape, in [0, 1]."""
    from scipy.ndimage import zoom

    cells = rng.random((7, 7))
    field = np.clip(zoom(cells, np.array(shape) / 7, order=1), 0, 1)
    return np.asarray(field, np.float32)


def centre_map(shape: tuple[int, int]) -> Floats:
    """Return a map that always points to the middle of the scan: float32 shape, in (0, 1]."""
    sides = [np.linspace(-1, 1, side, dtype=np.float32) for side in shape]
    y, x = np.meshgrid(*sides, indexing="ij")
    return np.asarray(np.exp(-2 * (x**2 + y**2)), np.float32)


def _check(level: Floats, lesion: Bits) -> None:
    if level.shape != lesion.shape or not lesion.any():
        raise ValueError(
            f"Expected a lesion of the map's size {level.shape} with a pixel at least. Received "
            f"{lesion.shape} with {int(lesion.sum())}."
        )
