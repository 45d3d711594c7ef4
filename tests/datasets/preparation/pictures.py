"""Phantoms with their exact surfaces, and pictures made of them as people send them."""

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from octtutor.core.diagnosis import LABELS
from octtutor.phantom import make
from octtutor.phantom.anatomy import Layer


class Exact(NamedTuple):
    """A synthetic scan, and the rows of its surfaces in pixels, float32 (width,)."""

    scan: np.ndarray
    ilm: np.ndarray
    rpe: np.ndarray
    membrane: np.ndarray


@lru_cache(maxsize=64)
def exact(seed: int, size: tuple[int, int] = (496, 512)) -> Exact:
    """Draw a phantom of the class `seed % 4`."""
    phantom = make(LABELS[seed % 4], np.random.default_rng([41, seed]), size)
    rows = phantom.anatomy.surfaces() / phantom.anatomy.grid.axial_um
    return Exact(phantom.scan, rows[Layer.VITREOUS], rows[Layer.RPE], rows[Layer.BM])


def photographed(scan: np.ndarray) -> np.ndarray:
    """Return a scan on a dark screen, seen from the side: uint8 (900, 1000, 3)."""
    height, width = scan.shape
    here = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    there = np.array([[120, 230], [880, 180], [860, 700], [140, 640]], np.float32)
    matrix = cv2.getPerspectiveTransform(here, there)
    screen = np.full((900, 1000), 28, np.uint8)
    shown = cv2.warpPerspective(scan, matrix, (1000, 900))
    inside = cv2.warpPerspective(np.full_like(scan, 255), matrix, (1000, 900)) > 127
    screen[inside] = shown[inside]
    return np.dstack([screen] * 3)


def localizer(side: int) -> np.ndarray:
    """Return a picture of blotches, uint8 (side, side), as a fundus image beside a scan is."""
    rng = np.random.default_rng(5)
    blotches = rng.integers(90, 200, (40, 40)).astype(np.uint8)
    return cv2.resize(cv2.GaussianBlur(blotches, (5, 5), 1), (side, side))
