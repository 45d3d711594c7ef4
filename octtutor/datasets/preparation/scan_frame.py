"""One frame for all scans: the same µm a pixel, the retina at the same height, nothing squeezed.

OCT2017's scans come 384 to 1,536 pixels wide; squeezed into a square, the same retina is up to
three times as thick in one as in the other. Here a scan is resized so that a pixel of the frame
is the same piece of eye for every scan; what the frame has beyond the scan is padded, and what
the scan has beyond the frame is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels
from octtutor.datasets.preparation.retina import Retina

AXIAL_UM = 3.87
"""Height of a Spectralis pixel, µm."""
LATERAL_UM = 11.5
"""Distance of a Spectralis' A-scans, µm; 5.75 in its fine mode."""
_HEIGHT = 496
_COARSE, _FINE = (384, 512, 768), (1024, 1536)
"""Widths of a Spectralis' whole scans, 496 pixels high, in its two modes."""
TYPICAL_UM = 288.0
"""Of the columns of a scan 70 % have a retina (ILM to Bruch's membrane) thicker than this:
median over 397 healthy scans of OCT2017 whose spacing is known."""
_THIN_SHARE = 30
_AXIAL_RANGE = (1.2, 9.0)
"""µm a pixel that OCT pictures have."""
_WIDTH_RANGE = (4500.0, 12500.0)
"""µm that a scan of the macula is wide."""
_SURE = 0.45
"""Confidence from which a retina tells place and scale."""


class Spacing(NamedTuple):
    """Size of a scan's pixel, µm, and how it is known."""

    axial: float
    lateral: float
    how: str = "given"


@dataclass(frozen=True, slots=True)
class ScanFrame:
    """What scans are brought to.

    Attributes:
        height: pixels.
        width: pixels.
        axial_um: µm downwards that a pixel shows.
        lateral_um: µm across that a pixel shows.
        place: where the middle of the retina comes to lie, as a share of the height.
    """

    height: int = 224
    width: int = 224
    axial_um: float = 6.5
    lateral_um: float = 26.3
    place: float = 0.45

    def __str__(self) -> str:
        """Say it in words."""
        return (
            f"{self.width} x {self.height} px of {self.lateral_um:g} x {self.axial_um:g} µm, the "
            f"retina's middle at {self.place:g} of the height"
        )

    @classmethod
    def of_side(cls, side: int) -> "ScanFrame":
        """Return the square frame of a side, pixels, that shows the same field as any other."""
        usual = cls()
        return cls(
            side,
            side,
            round(usual.axial_um * usual.height / side, 4),
            round(usual.lateral_um * usual.width / side, 4),
        )

    def as_facts(self) -> dict[str, float]:
        """Return what goes into a model's card."""
        names = ("height", "width", "axial_um", "lateral_um", "place")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> "ScanFrame":
        """Read what `as_facts` returned.

        Raises:
            ValueError: a number is missing, or none that a frame can have.
        """
        try:
            frame = cls(
                int(facts["height"]),
                int(facts["width"]),
                float(facts["axial_um"]),
                float(facts["lateral_um"]),
                float(facts["place"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"a frame without {error}") from error
        fits = 16 <= min(frame.height, frame.width) <= max(frame.height, frame.width) <= 2048
        if not (fits and 0.5 <= frame.axial_um <= 50 and 0.5 <= frame.lateral_um <= 200):
            raise ValueError(f"a frame of {frame.as_facts()}")
        return frame


def spacing_by_size(height: int, width: int) -> Spacing | None:
    """Return the spacing of a whole scan of a Spectralis, known by its size; None for others."""
    if height == _HEIGHT and width in (*_COARSE, *_FINE):
        lateral = LATERAL_UM if width in _COARSE else LATERAL_UM / 2
        return Spacing(AXIAL_UM, lateral, "size of the picture")
    return None


def estimate_spacing(retina: Retina, width: int) -> Spacing:
    """Estimate a scan's spacing from its own retina.

    A retina's thinner parts are about as thick in most eyes, and swelling leaves them out longest.
    Across, the proportions of a Spectralis' pixel are taken, unless the scan would be narrower or
    wider than scans of the macula are.

    Args:
        retina: in the scan's own pixels.
        width: of the scan, pixels.
    """
    sure = retina.clear >= _SURE
    if retina.confidence < _SURE or sure.sum() < 8:
        return Spacing(AXIAL_UM, _lateral(AXIAL_UM, width), "a guess, no clear retina being found")
    thin = float(np.percentile(retina.thickness[sure], _THIN_SHARE))
    axial = float(np.clip(TYPICAL_UM / max(thin, 1.0), *_AXIAL_RANGE))
    return Spacing(axial, _lateral(axial, width), "thickness of the retina")


def _lateral(axial: float, width: int) -> float:
    across = axial * LATERAL_UM / AXIAL_UM * width
    return float(np.clip(across, *_WIDTH_RANGE)) / width


def middle_of(retina: Retina, height: int) -> float:
    """Return the row, pixels, around which a scan is laid into a frame."""
    if retina.confidence < _SURE:
        return height / 2
    highest, lowest = np.percentile(retina.top, 4), np.percentile(retina.bottom, 96)
    return float(highest + lowest) / 2


def lay(
    scan: Pixels, frame: ScanFrame, spacing: Spacing, middle: float, ground: int
) -> tuple[Pixels, npt.NDArray[np.float64]]:
    """Lay a scan into a frame.

    Args:
        scan: uint8 (height, width).
        frame: what it is brought to.
        spacing: of its pixels.
        middle: the row that comes to the frame's `place`, pixels.
        ground: grey of what the frame has beyond the scan, 0 to 255.

    Returns:
        uint8 (frame.height, frame.width), and float64 (3, 3), the matrix from places (x, y, 1) in
        the frame to places in the scan, both with pixel centres at whole numbers and a half.
    """
    height, width = scan.shape
    rows = max(1, round(height * spacing.axial / frame.axial_um))
    columns = max(1, round(width * spacing.lateral / frame.lateral_um))
    down, across = height / rows, width / columns
    top = round(frame.place * frame.height - middle / down)
    left = round((frame.width - columns) / 2)
    part, top_left = _needed(scan, frame, (down, across), (top, left), (rows, columns))
    laid = np.full((frame.height, frame.width), ground, np.uint8)
    y, x = top_left
    laid[y : y + part.shape[0], x : x + part.shape[1]] = part
    back = np.array([[across, 0, -left * across], [0, down, -top * down], [0, 0, 1]])
    return laid, back


def _needed(
    scan: Pixels,
    frame: ScanFrame,
    by: tuple[float, float],
    start: tuple[int, int],
    size: tuple[int, int],
) -> tuple[Pixels, tuple[int, int]]:
    # only what the frame shows is resized: rows and columns of the scaled scan from `first`
    first = tuple(max(0, -begin) for begin in start)
    last = tuple(
        min(length, limit - begin)
        for length, limit, begin in zip(size, (frame.height, frame.width), start, strict=True)
    )
    if min(last[0] - first[0], last[1] - first[1]) < 1:
        return scan[:0, :0], (0, 0)
    y0, y1 = (round(at * by[0]) for at in (first[0], last[0]))
    x0, x1 = (round(at * by[1]) for at in (first[1], last[1]))
    part = scan[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    shape = (last[1] - first[1], last[0] - first[0])
    shrinks = part.shape[0] >= shape[1] and part.shape[1] >= shape[0]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = np.asarray(cv2.resize(part, shape, interpolation=how), np.uint8)
    return resized, (start[0] + first[0], start[1] + first[1])
