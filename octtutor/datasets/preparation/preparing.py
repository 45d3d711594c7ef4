"""Any picture of a B-scan to one frame: the second way of preparing (`docs/preparation.md`)."""

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels, check_size
from octtutor.datasets.preparation.cleaning import (
    PHOTOGRAPHED_WHITE,
    WHITE,
    enlarge,
    find_coloured_marks,
    find_fill,
    find_marks,
    paint_over,
    replace_border_lines,
)
from octtutor.datasets.preparation.orientation import (
    CLEAR,
    INVERTED,
    SIDEWAYS,
    find_posture,
    measure_layers,
    measure_polarity,
)
from octtutor.datasets.preparation.palettes import (
    COLOURED,
    is_device_palette,
    spread,
    undo_palette,
)
from octtutor.datasets.preparation.panels import (
    Matrix,
    crop_fill,
    find_screen,
    is_on_paper,
    shift,
    split_panels,
)
from octtutor.datasets.preparation.reduced import Outside, glance, quantile, to_level
from octtutor.datasets.preparation.retina import Retina, find_in_level
from octtutor.datasets.preparation.scan_frame import (
    ScanFrame,
    Spacing,
    estimate_spacing,
    lay,
    middle_of,
    spacing_by_size,
)
from octtutor.datasets.preparation.steps import PreparationStep, StepKind
from octtutor.datasets.preparation.weights import LAYERED, LAYERED_FROM
from octtutor.errors import BadScanError

FRAME = ScanFrame()
_COLOURED_SHARE = 0.08
"""Share of a picture from which colours are more than marks."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A scan as a network is fed it.

    Attributes:
        scan: uint8 (frame.height, frame.width), grey.
        steps: what was done, in order.
        to_picture: float64 (3, 3), from places (x, y, 1) in `scan` to places in the picture that
            it was made from, both in pixels, the centre of the first pixel being at (0.5, 0.5).
            Affine but where a photograph was righted; then the third number divides.
        retina: found in the righted scan, rows of its own pixels.
        spacing: of the righted scan's pixels, µm.
        looks: what the retina looks like, float64 (33,), see `orientation.describe`.
    """

    scan: Pixels
    steps: tuple[PreparationStep, ...]
    to_picture: Matrix = field(repr=False)
    retina: Retina = field(repr=False)
    spacing: Spacing
    looks: npt.NDArray[np.float64] = field(repr=False)

    @property
    def likeness(self) -> float:
        """How much what was found looks like a retina: log-odds, beside what other pictures show.

        Above 0 for nearly all scans of real eyes, below 0 for nearly all pictures of other things.
        """
        return float(self.looks @ np.asarray(LAYERED) + LAYERED_FROM)

    def did(self, done: StepKind) -> bool:
        """Whether something was done."""
        return any(step.done is done for step in self.steps)

    def on_picture(self, drawn: npt.NDArray[Any], size: tuple[int, int]) -> npt.NDArray[Any]:
        """Lay what was drawn on `scan`, such as a map, on the picture that it was made from.

        Args:
            drawn: uint8 or float32 (frame.height, frame.width), or with channels.
            size: (height, width) of the picture.

        Returns:
            The same type (height, width), 0 where the frame does not show the picture.
        """
        half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
        centres = np.linalg.inv(half) @ self.to_picture @ half
        return cv2.warpPerspective(drawn, centres, size[::-1], flags=cv2.INTER_LINEAR)


def prepare(
    picture: Pixels, spacing: tuple[float, float] | None = None, frame: ScanFrame = FRAME
) -> Prepared:
    """Bring any picture of a B-scan to one frame.

    Args:
        picture: uint8 (height, width), or (height, width, 3) in RGB.
        spacing: height and width of its pixels, µm, where a file tells; else what a Spectralis'
            picture of this size has, else an estimate from the retina.
        frame: what it is brought to.

    Returns:
        The same for the same picture.

    Raises:
        BadScanError: it is no such array, too small or too large.
    """
    _check(picture, spacing)
    work = _Work(picture)
    work.find_scan()
    work.right()
    return work.lay(spacing, frame)


def _check(picture: Pixels, spacing: tuple[float, float] | None) -> None:
    is_grey_or_rgb = picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] == 3)
    if picture.dtype != np.uint8 or not is_grey_or_rgb:
        raise BadScanError(
            "Expected a picture as bytes, (height, width) or (height, width, 3). Received: "
            f"{picture.dtype} {picture.shape}. Decode it first."
        )
    check_size(picture.shape[:2], "the picture")
    if spacing is not None and not all(0.1 <= each <= 100 for each in spacing):
        raise BadScanError(
            f"Expected pixels of 0.1 to 100 µm. Received: {spacing}. Give height and width of a "
            "pixel in µm, or neither."
        )


class _Work:
    """A picture on its way: the scan as it is by now, and how its places map to the picture's."""

    def __init__(self, picture: Pixels) -> None:
        self.steps: list[StepKind] = []
        self.back: Matrix = np.eye(3)
        self.whole = picture.shape[:2]
        self.colours = picture if picture.ndim == 3 and _is_coloured(picture) else None
        self.scan = picture if picture.ndim == 2 else _to_grey(picture)
        self.small = glance(self.scan)
        self.fill: Outside | None = None
        self.white = WHITE

    def find_scan(self) -> None:
        """Leave out what surrounds the scan, and turn it to grey."""
        found = find_screen(self.scan if self.colours is None else self.colours, self.small)
        if found is not None:
            self._take(found.scan, found.back)
            self.white = PHOTOGRAPHED_WHITE if found.is_slanted else WHITE
            self.steps.append(StepKind.SCREEN if found.is_slanted else StepKind.SURROUND)
        elif is_on_paper(self.small):
            self.fill = find_fill(self.small)
            self._crop_fill()
        panels = split_panels(self.small, self.scan.shape[1])
        if panels and not self._lies_sideways():
            self._choose(panels)
        if self.colours is not None:
            self._drop_colours(self.colours)
        if measure_polarity(self.small) < INVERTED:
            self.scan, self.small = 255 - self.scan, 255 - self.small
            self.steps.append(StepKind.INVERTED)
        self.scan = replace_border_lines(self.scan)
        self.fill = find_fill(self.small, self.white)
        self._crop_fill()

    def _crop_fill(self) -> None:
        part = None if self.fill is None else crop_fill(self.fill, self.scan.shape)
        if part is None:
            return
        if self.colours is not None:
            self.colours = self.colours[part]
        self._take(self.scan[part], shift(part[1].start, part[0].start))
        self.fill = find_fill(self.small, self.white)
        if StepKind.CROPPED not in self.steps:
            self.steps.append(StepKind.CROPPED)

    def _lies_sideways(self) -> bool:
        level = to_level(self.small, find_fill(self.small))
        return measure_layers(level, self.scan.shape) < SIDEWAYS

    def _take(self, scan: Pixels, back: Matrix) -> None:
        self.back = self.back @ back
        if scan.ndim == 3:
            self.colours, scan = scan, _to_grey(scan)
        self.scan = np.ascontiguousarray(scan)
        self.small = glance(self.scan)

    def _choose(self, panels: tuple[slice, ...]) -> None:
        clear = [_clearness(np.ascontiguousarray(self.scan[:, x])) for x in panels]
        x = panels[int(np.argmax(clear))]
        part = self.scan[:, x] if self.colours is None else self.colours[:, x]
        self._take(part, shift(x.start, 0))
        several = sum(each >= CLEAR for each in clear) > 1
        self.steps.append(StepKind.SEVERAL if several else StepKind.PANEL)

    def _drop_colours(self, colours: Pixels) -> None:
        if is_device_palette(colours):
            self.scan = undo_palette(colours)
            self.small = glance(self.scan)
            self.steps.append(StepKind.PALETTE)
            return
        marks = find_coloured_marks(colours)
        if marks is not None:
            self.scan = paint_over(self.scan, marks)
            self.small = glance(self.scan)
            self.steps.append(StepKind.COLOURED_MARKS)
        elif (spread(colours[::4, ::4]) > COLOURED).mean() > _COLOURED_SHARE:
            self.steps.append(StepKind.BRIGHTNESS)

    def right(self) -> None:
        """Turn the scan until its layers run across and the vitreous is above."""
        level = to_level(self.small, self.fill)
        if measure_layers(level, self.scan.shape) < SIDEWAYS:
            back = np.array([[0, -1, self.scan.shape[1]], [1, 0, 0], [0, 0, 1]], np.float64)
            self._take(np.rot90(self.scan), back)
            self.fill = find_fill(self.small, self.white)
            self.steps.append(StepKind.SIDEWAYS)
            level = to_level(self.small, self.fill)
        posture = find_posture(level)
        if posture.is_upside_down:
            back = np.array([[1, 0, 0], [0, -1, len(self.scan)], [0, 0, 1]], np.float64)
            self._take(np.flipud(self.scan), back)
            self.fill = find_fill(self.small, self.white)
            self.steps.append(StepKind.UPSIDE_DOWN)
        self.retina, self.looks = posture.retina, posture.looks
        if self.retina.confidence < CLEAR:
            self.steps.append(StepKind.NO_RETINA)

    def lay(self, given: tuple[float, float] | None, frame: ScanFrame) -> Prepared:
        """Paint over what is no tissue, and lay the scan into the frame."""
        marks = find_marks(self.scan, self.retina, self.fill)
        if marks is not None and marks.is_drawn:
            self.scan = paint_over(self.scan, marks.where)
            self.steps.append(StepKind.MARKS)
        ground = self._paint_fill()
        if marks is not None and not marks.is_drawn:
            self.scan = np.where(marks.where, np.uint8(ground), self.scan)
        height, width = self.scan.shape
        retina = self.retina.scaled(width, height)
        spacing = self._spacing(given, retina)
        laid, back = lay(self.scan, frame, spacing, middle_of(retina, height), ground)
        steps = tuple(PreparationStep.of(done) for done in self.steps)
        return Prepared(laid, steps, self.back @ back, retina, spacing, self.looks)

    def _paint_fill(self) -> int:
        if self.fill is None:
            return quantile(self.small, 0.5)
        ground = quantile(self.small[~self.fill], 0.5)
        self.scan = self.scan.copy()
        self.scan[enlarge(self.fill, self.scan.shape)] = ground
        self.steps.append(StepKind.FILLED)
        return ground

    def _spacing(self, given: tuple[float, float] | None, retina: Retina) -> Spacing:
        is_turned = StepKind.SIDEWAYS in self.steps
        if given is not None:
            axial, lateral = given[::-1] if is_turned else given
            return Spacing(axial, lateral)
        whole = self.whole[::-1] if is_turned else self.whole
        known = None if StepKind.SCREEN in self.steps else spacing_by_size(*whole)
        return known or estimate_spacing(retina, self.scan.shape[1])


def _clearness(scan: Pixels) -> float:
    small = glance(scan)
    return find_in_level(to_level(small, find_fill(small))).confidence


def _is_coloured(picture: Pixels) -> bool:
    return bool((spread(picture[::2, ::2]) > COLOURED).any())


def _to_grey(picture: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
