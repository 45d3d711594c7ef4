"""The picture's frame: what straightening leaves white, the optic's reflex, and the JPEG.

Straightening slants the scan and moves it, with interpolation, which blurs the raw grain; what it
uncovers is white. OCT2017 was then stored as JPEG with the standard tables at quality 75.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from octtutor.phantom.anatomy import Anatomy, Grid, Layer
from octtutor.phantom.parameters import draw, numbers

_QUALITY = 75
_CLEAR_UM = 110.0
"""White never comes nearer to the retina than this."""


@dataclass(frozen=True, slots=True)
class Frame:
    """How a scan was slanted and moved to make it straight.

    Attributes:
        matrix: float64 (2, 3), from places in the raw picture to places in the stored one; None
            where it was left as it was.
        size: (height, width) in pixels.
    """

    matrix: NDArray[np.float64] | None
    size: tuple[int, int]

    def straightened(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a raw picture, float32 (height, width), as it is stored; white where it ends."""
        if self.matrix is None:
            return raw
        height, width = self.size
        border = cv2.BORDER_REPLICATE
        slanted = cv2.warpAffine(raw, self.matrix, (width, height), borderMode=border)
        back = cv2.invertAffineTransform(self.matrix)
        y, x = np.ogrid[:height, :width]
        from_x = back[0, 0] * x + back[0, 1] * y + back[0, 2]
        from_y = back[1, 0] * x + back[1, 1] * y + back[1, 2]
        inside = (from_x >= 0) & (from_x <= width - 1) & (from_y >= 0) & (from_y <= height - 1)
        return np.where(inside, slanted, np.float32(255)).astype(np.float32)

    def raw(self, stored: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a smooth picture, float32 (height, width), as it lay before straightening."""
        if self.matrix is None:
            return stored
        height, width = self.size
        flags, border = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, cv2.BORDER_REPLICATE
        back = cv2.warpAffine(stored, self.matrix, (width, height), flags=flags, borderMode=border)
        return np.asarray(back, np.float32)


def lay_frame(rng: Generator, anatomy: Anatomy) -> Frame:
    """Draw how a scan was straightened; wide ones rarely are."""
    grid = anatomy.grid
    height, width = grid.height, grid.width
    wide = grid.span_um > 6000
    share = numbers("straightened")["wide" if wide else "narrow"]
    straightened = rng.random() < share
    shift, slant = draw(rng, "shift"), draw(rng, "slant")
    if not straightened:
        return Frame(None, (height, width))
    surfaces, scale = anatomy.surfaces(), height / 496
    room_above = surfaces[Layer.VITREOUS].min() - _CLEAR_UM
    room_below = height * grid.axial_um - surfaces[Layer.BM].max() - 3 * _CLEAR_UM
    above, below = (max(float(room) / grid.axial_um, 0) for room in (room_above, room_below))
    slant = float(np.clip(slant * scale, -min(above, below), min(above, below)))
    shift = float(np.clip(shift * scale, -below + abs(slant), above - abs(slant)))
    most = min(1.0, width / 512)
    lean, aside = rng.uniform(-most, most) * 2 / height, rng.uniform(-most, most)
    stretch = 1 + rng.uniform(-0.006, 0.01)
    left = aside + (1 - stretch) * width / 2 - lean * height / 2
    matrix = np.array([[stretch, lean, left], [slant * 2 / width, 1, shift - slant]])
    return Frame(matrix, (height, width))


def finish(
    rng: Generator, grid: Grid, frame: Frame, shown: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Return the stored picture, uint8 (height, width), of greys, float32 (height, width)."""
    shown = _reflex(rng, grid, shown)
    picture = np.clip(np.rint(frame.straightened(shown)), 0, 255).astype(np.uint8)
    _, stored = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return np.asarray(cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE), np.uint8)


def _reflex(rng: Generator, grid: Grid, shown: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return `shown` with the optic's own reflex near the top in four of ten scans."""
    seen = rng.random() < 0.4
    place = grid.width * rng.normal(0.5, 0.03)
    depth = rng.uniform(0.03, 0.1) * grid.height
    half_width, half_height = rng.uniform(9, 22), rng.uniform(2, 6)
    grey, grain = rng.uniform(14, 36), rng.random((grid.height, grid.width), dtype=np.float32)
    if not seen:
        return shown
    scale = 11.5 / grid.lateral_um, 3.87 / grid.axial_um
    y, x = np.ogrid[: grid.height, : grid.width]
    spot = np.exp(
        -(((x - place) / (half_width * scale[0])) ** 4)
        - ((y - depth) / (half_height * scale[1])) ** 4
    ).astype(np.float32)
    lit: NDArray[np.float32] = shown + np.float32(grey) * spot * (0.6 + 0.8 * grain)
    return lit
