"""What is no tissue in a scan: the fill of straightening, borders, and what was drawn on it.

All of it is found and painted over before a network sees the scan; trainees see it as it is.
"""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels
from octtutor.datasets.preparation.palettes import spread
from octtutor.datasets.preparation.reduced import Outside, quantile
from octtutor.datasets.preparation.retina import Retina

WHITE = 245
"""Grey from which an area that reaches the border is fill."""
PHOTOGRAPHED_WHITE = 200
"""The same in a photograph of a screen."""
_BLACK = 2
"""Grey up to which it is fill, in a scan whose own dark is at least `_GRAINY`."""
_GRAINY = 12
_LINE_STEP, _LINE_EVEN = 24, 14.0
"""Greys by which a border's line differs from the scan, and by which it may differ in itself."""
_PEN = 190
"""Grey from which a thin thing outside the retina may be a mark."""
_DARK_AROUND = 105
_THINNEST, _SHORTEST, _WIDEST = 10, 7, 4.5
"""Least pixels and side of a mark's bounding box, and the greatest half width of its strokes."""
_MOST_MARKED = 0.04
_PEN_COLOUR = 60
"""Largest less smallest channel from which a pixel was drawn in colour."""


def find_fill(small: Pixels, white: int = WHITE) -> Outside | None:
    """Find the white or black areas of a small copy that reach the border.

    Args:
        small: uint8 (rows, 256).
        white: grey from which an area that reaches the border is fill.

    Returns:
        bool (rows, 256), with a margin of 2 for JPEG's ringing; None where there are none, or
        nothing else.
    """
    mask = _reaching((small >= white).astype(np.uint8))
    black = _reaching((small <= _BLACK).astype(np.uint8))
    if black.any():
        rest = small[(black | mask) == 0]
        if rest.size and quantile(rest, 0.1) >= _GRAINY:
            mask |= black
    if not mask.any():
        return None
    fill = cv2.dilate(mask, np.ones((5, 5), np.uint8)).astype(bool)
    return None if fill.all() else fill


def enlarge(mask: Outside, shape: tuple[int, int]) -> Outside:
    """Return a mask of a small copy as one of the scan, whose (height, width) is given."""
    size = (shape[1], shape[0])
    return cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST).astype(bool)


def _reaching(mask: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    # what is left of an opened mask is kept where it hangs together with the border
    if not mask.any():
        return mask
    padded = cv2.copyMakeBorder(mask, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=1)
    opened = cv2.morphologyEx(padded, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    cv2.floodFill(opened, None, (0, 0), 2)
    return np.asarray(opened[2:-2, 2:-2] == 2, np.uint8)


def replace_border_lines(scan: Pixels) -> Pixels:
    """Replace one to three even lines along a side that differ from what lies next to them.

    Args:
        scan: uint8 (height, width).

    Returns:
        uint8 (height, width): each such line is a copy of the first that is none.
    """
    if min(scan.shape) < 32:
        return scan
    for turned in (0, 1, 2, 3):
        lines = np.rot90(scan, turned)[:6].astype(np.float32)
        apart = np.abs(lines[:3].mean(axis=1) - lines[4:].mean()) >= _LINE_STEP
        if apart[0] and lines[0].std() <= _LINE_EVEN:
            last = 1 + int(np.flatnonzero(apart)[-1])
            scan = scan.copy()
            view = np.rot90(scan, turned)
            view[:last] = view[last]
    return scan


def find_coloured_marks(picture: Pixels) -> Outside | None:
    """Find what was drawn in colour on a grey scan, uint8 (height, width, 3).

    Returns:
        bool (height, width) with a margin of 2 px; None where there is none, or so much that the
        picture is a coloured one.
    """
    marks = (spread(picture) >= _PEN_COLOUR).astype(np.uint8)
    count = int(marks.sum())
    if count < _THINNEST or count > 2 * _MOST_MARKED * marks.size:
        return None
    return cv2.dilate(marks, np.ones((5, 5), np.uint8)).astype(bool)


class Marks(NamedTuple):
    """What was drawn on a scan.

    Attributes:
        where: bool (height, width), with a margin of 3 px.
        is_drawn: whether some of it is an arrow, a box, a number or a line, and not all the thin
            tips of white fill along the border.
    """

    where: Outside
    is_drawn: bool


def find_marks(scan: Pixels, retina: Retina, fill: Outside | None) -> Marks | None:
    """Find white arrows, boxes, numbers and lines in a scan's dark parts.

    In and near the retina they are not sought: there a bright line is anatomy.

    Args:
        scan: uint8 (height, width).
        retina: found in its small copy, rows in the copy's.
        fill: bool (rows, 256), what is no scan in the copy; None where all is.
    """
    pen = np.asarray(cv2.threshold(scan, _PEN - 1, 1, cv2.THRESH_BINARY)[1], np.uint8)
    if cv2.countNonZero(pen) < _THINNEST:
        return None
    rows = np.arange(retina.height)[:, None]
    first, last = retina.top - 0.04 * retina.height, retina.bottom + 0.14 * retina.height
    tissue = (rows >= first) & (rows < last)
    if fill is not None:
        tissue |= fill[:, ::2] | fill[:, 1::2]
    pen[enlarge(tissue, scan.shape)] = 0
    if not _THINNEST <= cv2.countNonZero(pen) <= _MOST_MARKED * pen.size:
        return None
    near = cv2.morphologyEx(pen, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    _, regions, stats, _ = cv2.connectedComponentsWithStats(near, connectivity=8)
    kept = [
        (region, _is_at_border(box, scan.shape))
        for region, box in enumerate(stats[1:], start=1)
        if max(box[2:4]) >= _SHORTEST and _is_drawn(scan, pen, box)
    ]
    if not kept:
        return None
    chosen = np.zeros(len(stats), np.uint8)
    chosen[[region for region, _ in kept]] = 1
    marks = chosen[regions]
    where = cv2.dilate(marks, np.ones((7, 7), np.uint8)).astype(bool)
    return Marks(where, not all(is_tip for _, is_tip in kept))


def _is_at_border(box: npt.NDArray[np.int32], shape: tuple[int, ...]) -> bool:
    x, y, width, height = (int(each) for each in box[:4])
    return min(x, y, shape[1] - x - width, shape[0] - y - height) <= 2


def _is_drawn(scan: Pixels, pen: npt.NDArray[np.uint8], box: npt.NDArray[np.int32]) -> bool:
    x, y, width, height = (int(each) for each in box[:4])
    part = pen[y : y + height, x : x + width]
    if part.sum() < _THINNEST:
        return False
    strokes = cv2.distanceTransform(np.pad(part, 1), cv2.DIST_L2, 3)
    if strokes.max() > _WIDEST:
        return False
    top, left = max(0, y - 5), max(0, x - 5)
    around = scan[top : y + height + 5, left : x + width + 5]
    drawn = pen[top : y + height + 5, left : x + width + 5]
    far = cv2.dilate(drawn, np.ones((7, 7), np.uint8)) == 0
    return bool(far.any() and quantile(around[far], 0.9) <= _DARK_AROUND)


def paint_over(scan: Pixels, marks: Outside) -> Pixels:
    """Return a scan with thin marks replaced by what lies around them; uint8, the same shape."""
    rows, columns = (np.flatnonzero(marks.any(axis=axis)) for axis in (1, 0))
    height, width = scan.shape
    y = slice(max(0, rows[0] - 8), min(height, rows[-1] + 9))
    x = slice(max(0, columns[0] - 8), min(width, columns[-1] + 9))
    painted = scan.copy()
    painted[y, x] = cv2.inpaint(scan[y, x], marks[y, x].astype(np.uint8), 3, cv2.INPAINT_TELEA)
    return painted
