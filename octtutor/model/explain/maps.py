"""Raw explanation maps to the scan's size and to colours. NumPy and OpenCV only."""

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels
from octtutor.model.network.preprocess import FedScan

Floats = npt.NDArray[np.float32]
_STRENGTH = 0.6
"""Share of the colour where the map is 1."""
COLOURS = {"inferno": cv2.COLORMAP_INFERNO, "jet": cv2.COLORMAP_JET}
"""`inferno` is perceptually even; `jet` is what the article used."""


def to_scan_size(raw: Floats, height: int, width: int) -> Floats:
    """Bring a raw map to the scan's size and to [0, 1].

    Args:
        raw: float32 (h, w), not negative.
        height: of the scan, pixels.
        width: of the scan, pixels.

    Returns:
        float32 (height, width); its largest value is 1, or all are 0 when the map is all zero:
        no evidence for the class.
    """
    large = np.maximum(cv2.resize(raw, (width, height), interpolation=cv2.INTER_CUBIC), 0)
    top = float(large.max())
    return (large / top if top > 0 else np.zeros_like(large)).astype(np.float32)


def lay_on_scan(raw: Floats, fed: FedScan, shape: tuple[int, int] | None = None) -> Floats:
    """Bring a raw map of what a network was fed to the scan's size and to [0, 1].

    Args:
        raw: float32 (h, w), not negative.
        fed: what the map is of.
        shape: height and width of the scan as it is shown; its own by default.

    Returns:
        float32 of that shape; its largest value is 1, or all are 0: no evidence for the class
        in what the scan shows.
    """
    height, width = shape or fed.shape
    if fed.prepared is None:
        return to_scan_size(raw, height, width)
    level = to_scan_size(raw, *fed.scan.shape)
    return to_scan_size(fed.lay_on(level, (height, width)), height, width)


def overlay(scan: Pixels, level: Floats, colours: str = "inferno") -> Pixels:
    """Draw a map, float32 (height, width) in [0, 1], over a scan, uint8 (height, width).

    Returns:
        uint8 (height, width, 3), BGR; `colours` is a key of COLOURS.
    """
    share = _STRENGTH * np.sqrt(level)[..., None]
    return np.round(scan[..., None] * (1 - share) + colour(level, colours) * share).astype(np.uint8)


def colour(level: Floats, colours: str) -> npt.NDArray[np.uint8]:
    """Colour a map, float32 (height, width) in [0, 1]: uint8 (height, width, 3), BGR.

    `colours` is a key of COLOURS.
    """
    grey = np.round(level * 255).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(grey, COLOURS[colours]), np.uint8)
