"""Where the retina lies in a scan: its inner surface and its outermost band, column by column.

Two paths are laid from the left to the right border of a small copy of the scan, each where what
speaks for it adds up to most (dynamic programming, as in Chiu et al., Optics Express 18:19413,
2010). For the inner surface (ILM) speaks that it is dark above and bright below, and that nothing
bright lies further up; for the outer (RPE and Bruch's membrane) that it is bright above, darker
below, and that little as bright lies further down.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels
from octtutor.datasets.preparation.reduced import Levels, Outside, glance, to_level

Rows = npt.NDArray[np.float32]
"""float32 (width,): a row for each column, pixels from the top edge."""
_SLOPE, _STEEP = np.float32(0.04), np.float32(0.1)
"""What a step of one row costs a path, and one of two or three besides; larger ones are none."""
_COSTS = np.array([_SLOPE + _STEEP, _STEEP, _STEEP, 0, _STEEP, _STEEP, _SLOPE + _STEEP], np.float32)
_EDGE, _NEAR, _BAND = 0.016, 0.046, 0.02
"""Heights that are compared on the two sides of an edge, as shares of the scan's height."""
_TISSUE, _BRIGHT = np.float32(0.22), np.float32(0.58)
"""From where a level is tissue, and as bright as the outermost band, between dark and bright."""
_ABOVE, _BELOW = 1.6, 0.8
"""How much bright things further up, and further down, speak against a place."""
_TO_TOP, _TO_BOTTOM = 1.7, 0.4
"""From the row that a path runs along to the edge that it follows, rows (on phantoms)."""
_THIN = 0.03
"""Least thickness of a retina as a share of the scan's height."""


@dataclass(frozen=True, slots=True)
class Retina:
    """The retinal band of a scan.

    Attributes:
        top: float32 (width,), row of the inner surface (ILM), pixels.
        bottom: float32 (width,), row below the outermost band (RPE, Bruch's membrane), pixels.
        clear: float32 (width,), how clearly each column shows them, in [0, 1].
        height: of the scan that they were found in, pixels.
    """

    top: Rows
    bottom: Rows
    clear: Rows
    height: int

    @property
    def confidence(self) -> float:
        """How clearly the scan shows a retina, in [0, 1]."""
        return float(self.clear.mean())

    @property
    def thickness(self) -> Rows:
        """Pixels from the inner surface to the outermost band, float32 (width,)."""
        return self.bottom - self.top

    def scaled(self, width: int, height: int) -> "Retina":
        """Return the same retina in a copy of the scan of another size."""
        by = np.float32(height / self.height)
        top, bottom = _stretch(self.top * by, width), _stretch(self.bottom * by, width)
        return Retina(top, bottom, _stretch(self.clear, width), height)


def find_retina(scan: Pixels, outside: Outside | None = None) -> Retina:
    """Find the retinal band of a scan that lies upright, vitreous above.

    Args:
        scan: uint8 (height, width), bright tissue on dark.
        outside: bool (height, width), what is no scan (fill, borders, marks); none by default.

    Returns:
        Its rows in the scan's own pixels. A scan without a retina has rows too, of little
        confidence.
    """
    height, width = scan.shape
    small = None if outside is None else glance(outside.astype(np.uint8) * np.uint8(255)) > 0
    return find_in_level(to_level(glance(scan), small)).scaled(width, height)


def find_in_level(level: Levels) -> Retina:
    """Find the retinal band in a small copy, float32 (rows, 128); rows count in the copy's."""
    rows, columns = level.shape
    inner, outer = score_surfaces(level)
    top = best_path(inner)
    below = np.arange(rows)[:, None] > top + max(2.0, _THIN * rows)
    bottom = best_path(np.where(below, outer, np.float32(-4)))
    at = np.arange(columns)
    clear = np.clip(np.minimum(inner[top, at], outer[bottom, at]) / 0.8, 0, 1)
    clear = cv2.blur(clear[None].astype(np.float32), (9, 1))[0]
    return Retina(_steady(top) + _TO_TOP, _steady(bottom) + _TO_BOTTOM, clear, rows)


def score_surfaces(level: Levels) -> tuple[Levels, Levels]:
    """Say how much speaks for the inner and the outer surface at each place.

    Args:
        level: float32 (rows, columns), see `to_level`.

    Returns:
        Two of float32 (rows, columns).
    """
    rows = level.shape[0]
    edge, near, band = (max(2, round(share * rows)) for share in (_EDGE, _NEAR, _BAND))
    above_edge, below_edge = _means(level, edge)
    above_near, below_near = _means(level, near)
    above_band = _means(level, band)[0]
    tissue = np.cumsum(np.maximum(level - _TISSUE, 0), axis=0, dtype=np.float32)
    bright = np.cumsum(np.maximum(level - _BRIGHT, 0), axis=0, dtype=np.float32)
    passed = np.minimum(tissue / (0.05 * rows), 1)
    ahead = np.minimum((bright[-1] - bright) / (0.03 * rows), 1)
    inner = (below_edge - above_edge) + (below_near - above_near) - np.float32(_ABOVE) * passed
    outer = above_band + (above_edge - below_edge) + np.float32(0.7) * (above_near - below_near)
    outer = outer - np.float32(_BELOW) * ahead
    return inner.astype(np.float32), outer.astype(np.float32)


def _means(level: Levels, count: int) -> tuple[Levels, Levels]:
    # of the `count` rows that end with each row, and of those that follow it
    ending, starting = (
        cv2.boxFilter(level, -1, (1, count), anchor=(0, at), borderType=cv2.BORDER_REPLICATE)
        for at in (count - 1, 0)
    )
    following = np.concatenate([starting[1:], starting[-1:]])
    return np.asarray(ending, np.float32), following


def best_path(speaks: Levels) -> npt.NDArray[np.intp]:
    """Lay the path along which most speaks for it, from the first column to the last.

    Args:
        speaks: float32 (rows, columns).

    Returns:
        (columns,), a row for each column; no step is larger than three rows.
    """
    rows, columns = speaks.shape
    sums = np.full((columns, rows + 6), -1e6, np.float32)
    sums[:, 3:-3] = speaks.T
    one, three = np.full(rows + 6, -1e6, np.float32), np.empty(rows, np.float32)
    for last, here in zip(sums[:-1], sums[1:, 3:-3], strict=True):
        np.maximum(last[:-2], last[2:], out=one[1:-1])
        one -= _SLOPE
        np.maximum(one, last, out=one)
        np.maximum(one[1:-5], one[5:-1], out=three)
        three -= _STEEP
        np.maximum(three, one[3:-3], out=three)
        here += three
    path = np.empty(columns, np.intp)
    path[-1] = row = int(sums[-1].argmax())
    for place in range(columns - 2, -1, -1):
        row += int((sums[place, row - 3 : row + 4] - _COSTS).argmax()) - 3
        path[place] = row
    return path - 3


def _steady(path: npt.NDArray[np.intp]) -> Rows:
    smooth = cv2.GaussianBlur(path[None].astype(np.float32), (0, 0), sigmaX=0.8)
    return np.asarray(smooth[0], np.float32)


def _stretch(values: Rows, width: int) -> Rows:
    places = (np.arange(width) + 0.5) * len(values) / width - 0.5
    return np.interp(places, np.arange(len(values)), values).astype(np.float32)
