"""The picture's frame: what straightening leaves white, the optic's reflex, and the JPEG.

Heidelberg's straightening moves whole A-scans up or down; what it uncovers is white. OCT2017
was then stored as JPEG with the standard tables at quality 75.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from octtutor.phantom.anatomy import Anatomy, Curve, Grid, Layer
from octtutor.phantom.parameters import draw, numbers

_QUALITY = 75
_CLEAR_UM = 110.0
"""White never comes nearer to the retina than this."""


@dataclass(frozen=True, slots=True)
class Frame:
    """How far each A-scan was moved.

    Attributes:
        shift: float32 (width,), pixels, above 0 is down.
        sides: width of the white at the left and the right edge, pixels.
    """

    shift: Curve
    sides: tuple[int, int] = (0, 0)

    def moved(self, column: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return an A-scan, float32 (height,), in every column where it was moved to."""
        rows = np.arange(column.size)[:, None] - np.rint(self.shift).astype(np.intp)
        return column[np.clip(rows, 0, column.size - 1)]


def lay_frame(rng: Generator, anatomy: Anatomy) -> Frame:
    """Draw how a scan was straightened; wide ones rarely are."""
    grid = anatomy.grid
    wide = grid.span_um > 6000
    share = numbers("straightened")["wide" if wide else "narrow"]
    straightened, sided = rng.random() < share, rng.random(2) < 0.35 * share
    u = np.linspace(-1, 1, grid.width)
    shift = draw(rng, "shift") + draw(rng, "slant") * u + draw(rng, "arch") * (u**2 - 0.5)
    sides = rng.integers(1, 4, 2) * sided
    if not straightened:
        return Frame(np.zeros(grid.width, np.float32))
    surfaces, scale = anatomy.surfaces(), grid.height / 496
    room_above = surfaces[Layer.VITREOUS].min() - _CLEAR_UM
    room_below = grid.height * grid.axial_um - surfaces[Layer.BM].max() - 3 * _CLEAR_UM
    above, below = (max(float(room) / grid.axial_um, 0) for room in (room_above, room_below))
    limited = np.clip(shift * scale, -below, above)
    return Frame(limited.astype(np.float32), (int(sides[0]), int(sides[1])))


def finish(
    rng: Generator, grid: Grid, frame: Frame, shown: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Return the stored picture, uint8 (height, width), of greys, float32 (height, width)."""
    shown = _reflex(rng, grid, frame, shown)
    picture = np.clip(np.rint(shown), 0, 255).astype(np.uint8)
    rows = np.arange(grid.height)[:, None]
    picture[(rows < frame.shift) | (rows >= grid.height + frame.shift)] = 255
    left, right = frame.sides
    picture[:, :left] = 255
    picture[:, grid.width - right :] = 255
    _, stored = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return np.asarray(cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE), np.uint8)


def _reflex(
    rng: Generator, grid: Grid, frame: Frame, shown: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return `shown` with the optic's own reflex near the top in four of ten scans."""
    seen = rng.random() < 0.4
    place = grid.width * rng.normal(0.5, 0.03)
    depth = rng.uniform(0.03, 0.1) * grid.height
    half_width, half_height = rng.uniform(9, 22), rng.uniform(2, 6)
    grey, grain = rng.uniform(14, 36), rng.random((grid.height, grid.width), dtype=np.float32)
    if not seen:
        return shown
    scale = 11.5 / grid.lateral_um, 3.87 / grid.axial_um
    depth = depth + float(frame.shift[grid.width // 2])
    y, x = np.ogrid[: grid.height, : grid.width]
    spot = np.exp(
        -(((x - place) / (half_width * scale[0])) ** 4)
        - ((y - depth) / (half_height * scale[1])) ** 4
    ).astype(np.float32)
    lit: NDArray[np.float32] = shown + np.float32(grey) * spot * (0.6 + 0.8 * grain)
    return lit
