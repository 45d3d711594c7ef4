"""The white triangles that Heidelberg's straightening leaves at a scan's borders.

They are no tissue, but their shape follows the retina's tilt and they are the brightest thing
in the picture: a network can learn from them. They are found here and painted over before a
network sees the scan; trainees see the scan as it is.
"""

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels

WHITE = 245
_PAD = 6
_MIN_AREA = 12


def find_fill(scan: Pixels) -> npt.NDArray[np.bool_]:
    """Find the white areas that reach the scan's border.

    Args:
        scan: uint8 (height, width).

    Returns:
        bool (height, width), True where the scan was filled with white, with a margin of
        4 px for JPEG's ringing.
    """
    white = np.pad((scan >= WHITE).astype(np.uint8), _PAD, constant_values=1)
    opened = cv2.morphologyEx(white, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    frame = np.ones_like(opened)
    frame[_PAD:-_PAD, _PAD:-_PAD] = 0
    _, regions = cv2.connectedComponents(opened, connectivity=4)
    reaching = (regions == regions[0, 0]) & (frame == 0)
    large = _drop_small(reaching.astype(np.uint8))
    grown = cv2.dilate(large, np.ones((9, 9), np.uint8))
    return grown[_PAD:-_PAD, _PAD:-_PAD].astype(bool)


def _drop_small(mask: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    _, regions, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    keep = stats[:, cv2.CC_STAT_AREA] >= _MIN_AREA
    keep[0] = False
    return np.asarray(keep[regions], np.uint8)


def without_fill(scan: Pixels) -> Pixels:
    """Paint the white fill with the median grey of the rest, which is vitreous or choroid.

    Args:
        scan: uint8 (height, width).

    Returns:
        uint8 (height, width); the same array where there is no fill, or nothing but fill.
    """
    fill = find_fill(scan)
    if not fill.any() or fill.all():
        return scan
    painted = scan.copy()
    painted[fill] = np.uint8(np.median(scan[~fill]))
    return painted
