"""What a network is fed. Defined once; its version travels in every model's card."""

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels
from octtutor.datasets.fill import without_fill

VERSION = "1"
DESCRIPTION = (
    "grey; white fill of straightened scans (areas >= 245 reaching the border) painted with the "
    "median of the rest; resized to the input size (area averaging); three equal channels; "
    "(value - 127) / 128"
)


def prepare(scan: Pixels, size: int) -> Pixels:
    """Make a scan ready for the network, still as bytes (small to cache and to augment).

    Args:
        scan: uint8 (height, width).
        size: side of the network's input, pixels.

    Returns:
        uint8 (size, size).
    """
    return cv2.resize(without_fill(scan), (size, size), interpolation=cv2.INTER_AREA).astype(
        np.uint8
    )


def to_input(prepared: Pixels) -> npt.NDArray[np.float32]:
    """Turn prepared scans into the network's input.

    Args:
        prepared: uint8 (n, size, size).

    Returns:
        float32 (n, size, size, 3), in [-0.993, 1].
    """
    scaled = (prepared.astype(np.float32) - 127.0) / 128.0
    return np.repeat(scaled[..., None], 3, axis=-1)
