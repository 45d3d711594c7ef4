"""Whether two pictures are the same scan, by their pixels: saved anew, scaled, mirrored, cropped.

A print is a picture of 96 x 96 pixels. To compare two, the inner four fifths of one are looked
for in the other at some hundred crops and four mirrorings at once, in the low frequencies of
their cosine transforms (one matrix product for all scans that are searched). What comes near is
aligned by its correlation (Evangelidis and Psarakis, IEEE TPAMI 30:1858, 2008) and decided on all
96 pixels. docs/fingerprint.md has the figures and what gets through.

A network may be shown only what its preparation cuts out of a picture and rights: a scan beside
another panel, on its side, inverted, in a device's colours. So that is compared too.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.datasets.preparation import prepare
from octtutor.datasets.preparation.scan_frame import spacing_by_size
from octtutor.errors import BadScanError

Frame = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float32]

SAME = 0.94
"""Least correlation, aligned, that counts as the same scan."""
NEAR = 0.82
"""Least correlation of the low frequencies that is worth aligning."""
_MOST = 24
"""Scans that are aligned at most; the nearest first."""
MOST_FRAMED = 4
"""The same of framed prints: many frames come near, and the same scan comes nearest."""
_SIDE = 96
_TERMS = 10
"""Cosines along each side."""
_CELLS = 32
_MARGIN = 0.1
"""What a crop may take from each side."""
_RIM = round(_MARGIN * _SIDE)
_STEPS = (-0.03, 0.0, 0.033, 0.067, 0.1)
"""Crops of one side that are tried; below zero the picture has a rim."""
_CROPS = tuple(
    (low, high)
    for low in _STEPS
    for high in _STEPS
    if low * high >= 0 or max(low, high) <= _STEPS[2]
)
_FLIPS = ((1, 1), (1, -1), (-1, 1), (-1, -1))
"""Steps along (rows, columns)."""
_WHITE = 235
_FLAT = 2.0
"""Standard deviation, grey levels, below which a row or column is a rim and no scan."""
_LEAST = 16
"""Pixels that are left between the rims at least."""


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """What is kept of a scan: the whole, and what lies between flat rims where there are any."""

    frames: tuple[Frame, ...]
    """uint8 (96, 96), one or two; of a framed print as many for each frame."""


def fingerprint(pixels: npt.NDArray[np.uint8]) -> Fingerprint:
    """Take the print of a picture.

    Args:
        pixels: uint8 (height, width) grey or (height, width, 3) red, green, blue.
    """
    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    inner = _between_rims(np.asarray(grey, np.uint8))
    parts = [grey] if inner.shape == grey.shape else [grey, inner]
    return Fingerprint(tuple(_frame(np.asarray(part, np.uint8)) for part in parts))


def framed_fingerprint(
    pixels: npt.NDArray[np.uint8], spacing: tuple[float, float] | None = None
) -> Fingerprint:
    """Take the print of what a network's preparation (version 2) makes of a picture.

    How large the retina comes to lie in the frame rests on the spacing. Whoever scales a picture
    changes what is known of it, so it is framed by all that may tell: what the file says, the
    picture's size, and the retina.

    Args:
        pixels: uint8 (height, width) grey or (height, width, 3) red, green, blue.
        spacing: height and width of a pixel, µm, where the file tells it.

    Returns:
        A print without frames where the picture cannot be prepared.
    """
    ways: list[tuple[npt.NDArray[np.uint8], tuple[float, float] | None]] = [(pixels, None)]
    if spacing is not None:
        ways.append((pixels, spacing))
    if spacing_by_size(*pixels.shape[:2]) or spacing_by_size(*pixels.shape[1::-1]):
        ways.append((pixels[1:, 1:], None))  # of no size that is known
    frames: list[Frame] = []
    for picture, known in ways:
        with suppress(BadScanError):
            laid = prepare(np.ascontiguousarray(picture), known).scan
            frames += fingerprint(laid).frames
    return Fingerprint(tuple(frames))


def is_same_scan(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether two pictures show the same scan; either may be a crop of the other."""
    return Prints([other]).find(one) is not None or Prints([one]).find(other) is not None


class Prints:
    """Prints to search in. Nothing of it changes, so that threads may share it."""

    def __init__(self, prints: Sequence[Fingerprint]) -> None:
        """Take the prints of the scans that are looked for."""
        self._frames = [frame for one in prints for frame in one.frames]
        self._whose = [index for index, one in enumerate(prints) for _ in one.frames]
        templates = [_template(_band(frame)) for frame in self._frames]
        self._templates = np.concatenate(templates or [np.zeros((0, _TERMS**2), np.float32)])

    def find(self, wanted: Fingerprint, most: int = _MOST) -> int | None:
        """Return the index of a print that shows the same scan, None where there is none.

        Args:
            wanted: of the whole scan, or of a crop of it; framed where these prints are.
            most: how many are aligned at most for each of its frames; MOST_FRAMED of framed ones.
        """
        near = self.compare(wanted, most)
        return next((index for index, alike in near if alike >= SAME), None)

    def compare(self, wanted: Fingerprint, most: int | None = None) -> Iterator[tuple[int, float]]:
        """Give (index, correlation) of the prints that come near, the nearest first.

        Args:
            wanted: see `find`.
            most: how many are aligned at most, None: all that are near.

        Yields:
            Some indices several times, as there are mirrorings; the correlation is -1 where two
            pictures cannot be aligned.
        """
        for frame in wanted.frames if self._frames else ():
            band = _band(frame)
            likeness = _crops_of(band) @ self._templates.T
            nearest = likeness.max(axis=0)
            rows = np.argsort(-nearest, kind="stable")[:most]
            for row in rows[nearest[rows] >= NEAR].tolist():
                alike = self._correlate(band, row, int(likeness[:, row].argmax()))
                yield self._whose[row // len(_FLIPS)], alike

    def _correlate(self, band: Values, row: int, crops: int) -> float:
        """Return the correlation of a picture with a template's scan, aligned; -1: not to be."""
        down, along = _FLIPS[row % len(_FLIPS)]
        scan = _band(self._frames[row // len(_FLIPS)])[::down, ::along]
        inner = np.ascontiguousarray(scan[_RIM:-_RIM, _RIM:-_RIM])
        (sy, y), (sx, x) = (_placed(*_CROPS[i]) for i in divmod(crops, len(_CROPS)))
        start: Any = np.array([[sx, 0, x], [0, sy, y]], np.float32)
        until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 12, 1e-4)
        mask: Any = None
        try:
            found = cv2.findTransformECC(inner, band, start, cv2.MOTION_AFFINE, until, mask, 1)
        except cv2.error:  # they do not overlap
            return -1.0
        return float(found[0])


def _between_rims(grey: Frame) -> Frame:
    """Cut off the flat rows and columns at the borders: a screenshot's surroundings."""
    spans = []
    for axis in (1, 0):
        full = np.flatnonzero(grey.std(axis=axis) > _FLAT)
        spans.append((int(full[0]), int(full[-1]) + 1) if len(full) else (0, 0))
    (top, bottom), (left, right) = spans
    cut = grey[top:bottom, left:right]
    return cut if min(cut.shape) >= _LEAST else grey


def _frame(grey: Frame) -> Frame:
    """Shrink a scan, and paint over white that reaches its border."""
    small = np.asarray(cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    white = cv2.dilate((small >= _WHITE).astype(np.uint8), np.ones((3, 3), np.uint8))
    _, regions = cv2.connectedComponents(white, connectivity=4)
    rim = np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]])
    fill = np.isin(regions, rim[rim > 0])
    if fill.any() and not fill.all():
        small[fill] = np.uint8(np.median(small[~fill]))
    return small


def _band(frame: Frame) -> Values:
    """Keep what is finer than layers and coarser than grain, as strong everywhere."""
    grey = frame.astype(np.float32)
    band = cv2.GaussianBlur(grey, (0, 0), 0.7) - cv2.GaussianBlur(grey, (0, 0), 5.0)
    strength = np.sqrt(cv2.GaussianBlur(band * band, (0, 0), 8.0))
    return np.asarray(band / (strength + 0.3 * band.std() + 1e-3), np.float32)


@cache
def _cosines(low: float, high: float) -> Values:
    """Return what makes cosine terms, (10, 96), of the scan's inner part in a cropped picture.

    Args:
        low: share of the scan's side that is missing before the picture's first pixel.
        high: likewise after its last.
    """
    kept = 1 - low - high
    edges = np.linspace((_MARGIN - low) / kept, (1 - _MARGIN - low) / kept, _CELLS + 1) * _SIDE
    pixels = np.arange(_SIDE)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    cells = np.maximum(covered, 0) / np.diff(edges)[:, None]
    waves = np.cos(np.pi * np.arange(_TERMS)[:, None] * (np.arange(_CELLS) + 0.5) / _CELLS)
    waves[0] /= np.sqrt(2)
    return np.asarray(waves @ cells, np.float32)


@cache
def _all_cosines() -> Values:
    return np.concatenate([_cosines(*crop) for crop in _CROPS])


def _crops_of(band: Values) -> Values:
    """Return the terms, float32 (crops, 100) of unit length, of the inner part in each crop."""
    n = len(_CROPS)
    terms = _all_cosines() @ band @ _all_cosines().T
    return _unit(terms.reshape(n, _TERMS, n, _TERMS).transpose(0, 2, 1, 3).reshape(n * n, -1))


def _template(band: Values) -> Values:
    """Return the terms, float32 (4, 100), of a scan's inner part in each mirroring."""
    waves = _cosines(0.0, 0.0)
    terms = waves @ band @ waves.T
    odd = (-1.0) ** np.arange(_TERMS)
    signs = [(odd ** (down < 0))[:, None] * odd ** (along < 0) for down, along in _FLIPS]
    return _unit(np.stack([terms * sign for sign in signs]).reshape(len(_FLIPS), -1))


def _unit(terms: Any) -> Values:
    terms[:, 0] = 0  # how bright the whole is
    length = np.linalg.norm(terms, axis=1, keepdims=True)
    return np.asarray(terms / np.maximum(length, 1e-6), np.float32)


def _placed(low: float, high: float) -> tuple[float, float]:
    """Return scale and offset from an inner pixel of the scan to the picture's, in pixels."""
    scale = 1 / (1 - low - high)
    return scale, (_RIM + 0.5 - low * _SIDE) * scale - 0.5
