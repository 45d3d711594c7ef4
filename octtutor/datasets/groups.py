"""Scans that show nearly the same picture, when nobody says whose eye it is."""

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels

NEAR = 0.99
"""Least correlation of two thumbnails that counts as the same picture, saved anew. On 700 scans
of OCT2017 the closest two different ones reach 0.981, recompressed and shrunk copies 0.994."""
_SIDE = 64
Thumbnails = npt.NDArray[np.float32]


def thumbnail(scan: Pixels) -> Thumbnails:
    """Return a scan's thumbnail, float32 (4096,), zero mean, unit length.

    Args:
        scan: uint8 (height, width), its white fill painted over.
    """
    small = cv2.resize(scan, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    values = small.astype(np.float32).ravel()
    values -= values.mean()
    return values / max(float(np.linalg.norm(values)), 1e-6)


def near_pairs(ones: Thumbnails, others: Thumbnails, block: int = 2048) -> list[tuple[int, int]]:
    """Return (index, index) of thumbnails that correlate at `NEAR` or more.

    Args:
        ones: float32 (n, 4096); the same array twice gives each pair once.
        others: float32 (m, 4096).
        block: rows compared at once, so that memory stays flat.
    """
    pairs = []
    for start in range(0, len(ones), block):
        for i, j in np.argwhere(ones[start : start + block] @ others.T >= NEAR).tolist():
            if ones is not others or start + i < j:
                pairs.append((start + i, j))
    return pairs


def group_near(thumbnails: Thumbnails) -> list[int]:
    """Return the group of each thumbnail, float32 (n, 4096); near pictures share one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(thumbnails)
    pairs = np.array(near_pairs(thumbnails, thumbnails), np.int64).reshape(-1, 2)
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    _, groups = connected_components(links, directed=False)
    return [int(group) for group in groups]
