"""The colours that OCT devices give their scans, turned back to the grey that they stand for.

Turned to grey by brightness the order of the signal is lost: red, nearly the strongest, becomes
dark. `topcon.csv` is the classic palette of false-colour OCT, read off lossless scans of one
device; others use the same one. The rule that tells such scans is that of its measurement.
"""

import csv
from functools import cache
from importlib.resources import files

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels

COLOURED = 40
"""Largest less smallest channel above which a pixel has a colour."""
_LEAST_COLOURED = 0.40
_NEAR, _LEAST_NEAR, _TYPICAL = 60, 0.85, 40
"""RGB distance from the curve, the share that is so near, and the largest median."""
_DARK, _DARK_SHARE, _LEAST_BRIGHT = 60, (0.30, 0.97), 0.01
_BITS = 5
_CELLS = 1 << _BITS


def is_device_palette(picture: Pixels) -> bool:
    """Whether a picture, uint8 (height, width, 3), has the colours of an OCT device.

    At least 40 % of it must be coloured; of this 85 % within 60 of the curve, half within 40; 30
    to 97 % darker than 60 of 255, and 1 % not.
    """
    small = _thinned(picture)
    coloured = small[spread(small) > COLOURED]
    if len(coloured) < _LEAST_COLOURED * small.shape[0] * small.shape[1]:
        return False
    value, away = _look_up(coloured)
    dark = float((value < _DARK).mean())
    return bool(
        (away <= _NEAR).mean() >= _LEAST_NEAR
        and np.median(away) <= _TYPICAL
        and _DARK_SHARE[0] <= dark <= min(_DARK_SHARE[1], 1 - _LEAST_BRIGHT)
    )


def undo_palette(picture: Pixels) -> Pixels:
    """Turn a picture in a device's colours, uint8 (height, width, 3), to grey.

    Returns:
        uint8 (height, width): the value whose colour is nearest, after a median of 3 x 3 against
        what JPEG does to colours.
    """
    values = _look_up(picture)[0].astype(np.uint8)
    return np.asarray(cv2.medianBlur(values, 3), np.uint8)


def spread(picture: Pixels) -> Pixels:
    """Return how coloured each pixel of uint8 (…, 3) is: its largest less its smallest channel."""
    return np.asarray(picture.max(axis=-1) - picture.min(axis=-1), np.uint8)


def _thinned(picture: Pixels) -> Pixels:
    step = max(1, min(picture.shape[:2]) // 160)
    return picture[::step, ::step]


def _look_up(colours: Pixels) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    red, green, blue = np.moveaxis(colours >> (8 - _BITS), -1, 0).astype(np.intp)
    values, away = _table()
    place = (red << 2 * _BITS) | (green << _BITS) | blue
    return values[place], away[place]


@cache
def _table() -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    # for each of 32 x 32 x 32 colours the nearest value of the curve, and how far it is
    text = files("octtutor.datasets.preparation").joinpath("topcon.csv").read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    curve = np.array([[float(row[name]) for name in "rgb"] for row in rows], np.float32)
    value = np.array([float(row["value"]) for row in rows], np.float32)
    levels = (np.arange(_CELLS, dtype=np.float32) + 0.5) * (256 / _CELLS)
    cells = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    squares = (cells**2).sum(1)[:, None] - 2 * cells @ curve.T + (curve**2).sum(1)
    nearest = squares.argmin(axis=1)
    away = np.sqrt(np.maximum(squares[np.arange(len(cells)), nearest], 0))
    return np.rint(value[nearest]).astype(np.int32), np.rint(away).astype(np.int32)
