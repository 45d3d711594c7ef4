"""Where the finding was clicked, scored against the outline of what is there."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from octtutor.errors import BadInputError

NEAR_PX = 15.0
"""A click this near to the outline counts as a hit: a finger is no pixel."""
Mark = tuple[int, int]


@dataclass(frozen=True, slots=True)
class MarkScore:
    """How well a click found the lesion."""

    hit: bool
    distance: float
    """Pixels of the scan from the click to the lesion's edge; 0 inside."""


def check_mark(mark: object, width: int, height: int) -> Mark:
    """Return the click as (x, y) when it lies in the scan.

    Args:
        mark: what the page sent.
        width: of the scan, pixels.
        height: likewise.

    Raises:
        BadInputError: there is no click in the scan.
    """
    if isinstance(mark, list | tuple) and len(mark) == 2 and all(map(_is_whole, mark)):
        x, y = mark
        if 0 <= x < width and 0 <= y < height:
            return x, y
    raise BadInputError(
        f"Expected a click on the finding, in a scan of {width} by {height} pixels. Received "
        f"{str(mark)[:40]!r}. Click where you see it."
    )


def score_mark(mark: Mark, mask: npt.NDArray[np.uint8]) -> MarkScore | None:
    """Score a click, (x, y) in pixels, against a mask, uint8 (height, width), 255 in the lesion.

    Returns:
        None where the mask is empty: there is nothing to be found.
    """
    rows, columns = np.nonzero(mask > 127)
    if not len(rows):
        return None
    distance = float(np.hypot(columns - mark[0], rows - mark[1]).min())
    return MarkScore(distance <= NEAR_PX, distance)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
