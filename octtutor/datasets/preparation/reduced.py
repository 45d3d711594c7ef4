"""A small copy of a scan, in which what is large can be found fast."""

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels

Outside = npt.NDArray[np.bool_]
"""bool (height, width), True where a picture is no scan."""
Levels = npt.NDArray[np.float32]
"""float32 (rows, columns): 0 the scan's dark ground, 1 its bright tissue."""

COLUMNS, FEWEST, ROWS = 128, 48, 256
"""Columns of the smaller copy, the fewest and the most rows of both."""
_REACH = 0.16
"""How far around what was taken out fills it, as a share of the height."""


def glance(scan: Pixels) -> Pixels:
    """Return a scan, uint8 (height, width), as uint8 (rows, 256), rows from 48 to 256.

    Each pixel is the mean of those that it stands for; there are three rows for each two columns
    of a square, where the limits allow it.
    """
    height, width = scan.shape
    rows = int(np.clip(round(3 * COLUMNS * height / width), FEWEST, ROWS))
    size = (2 * COLUMNS, rows)
    return np.asarray(cv2.resize(scan, size, interpolation=cv2.INTER_AREA), np.uint8)


def halve(small: Pixels) -> Pixels:
    """Return a small copy, uint8 (rows, 256), as uint8 (rows, 128)."""
    size = (COLUMNS, len(small))
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_AREA), np.uint8)


def to_level(small: Pixels, outside: Outside | None = None) -> Levels:
    """Turn a small copy to levels that do not depend on how bright the scan is.

    Args:
        small: uint8 (rows, 256).
        outside: bool (rows, 256), what is no scan; it is filled with what lies around.

    Returns:
        float32 (rows, 128), smooth, in [-0.3, 1.2]: 0 is the 20th hundredth of the scan, 1
        the 98.5th of its smooth copy.
    """
    small = halve(small)
    values = small.astype(np.float32)
    inside = small
    gone = None if outside is None else outside[:, ::2] | outside[:, 1::2]
    if gone is not None and not gone.all():
        inside = small[~gone]
        values = _filled(values, gone)
    ground = np.float32(quantile(inside, 0.2))
    smooth = cv2.GaussianBlur(values, (0, 0), sigmaX=1.5, sigmaY=1.2)
    bright = np.float32(quantile(np.clip(smooth + 0.5, 0, 255).astype(np.uint8), 0.985))
    level = (smooth - ground) / max(bright - ground, np.float32(8))
    return np.asarray(np.clip(level, -0.3, 1.2), np.float32)


def _filled(values: Levels, gone: Outside) -> Levels:
    # a mean of what is left around each place, near rows counting as much as far columns
    reach = (25, 2 * round(_REACH * len(values) / 2) + 1)
    kept = (~gone).astype(np.float32)
    share = cv2.blur(kept, reach)
    mean = cv2.blur(values * kept, reach) / np.maximum(share, np.float32(1e-3))
    rest = np.float32((values * kept).sum() / kept.sum())
    values = values.copy()
    values[gone] = np.where(share[gone] > 0.01, mean[gone], rest)
    return values


def quantile(scan: Pixels, share: float) -> int:
    """Return the grey below which a share, in [0, 1], of a scan's pixels lies; any shape."""
    counts = np.bincount(scan.ravel(), minlength=256)
    return int(np.searchsorted(np.cumsum(counts), share * scan.size))
