"""The deck that ships with the program: which cases, and how it is written again."""

import os

from octtutor.core.diagnosis import Diagnosis
from octtutor.phantom.deck import write_chosen
from octtutor.phantom.deck_table import CaseRow

EMBEDDED_SEED = 2026

# fmt: off
_INDICES: dict[Diagnosis, tuple[int, ...]] = {
    Diagnosis.CNV: (
        0, 116, 120, 308, 168, 196, 232, 228, 124, 108,
        44, 92, 344, 144, 52, 260, 60, 268, 252, 276,
        20, 36, 104, 348, 140,
    ),
    Diagnosis.DME: (
        1, 201, 141, 61, 305, 153, 73, 317, 121, 221,
        13, 173, 17, 345, 349, 237, 125, 297, 309, 29,
        9, 245, 189, 41, 249,
    ),
    Diagnosis.DRUSEN: (
        2, 242, 182, 214, 34, 350, 54, 110, 86, 222,
        10, 306, 326, 62, 18, 238, 302, 130, 230, 118,
        50, 150, 134, 266, 286,
    ),
    Diagnosis.NORMAL: (
        11, 19, 23, 31, 39, 43, 47, 51, 55, 63,
        7, 159, 139, 155, 67, 127, 343, 119, 143, 219,
        15, 99, 411, 291, 79,
    ),
}
# fmt: on

CHOSEN = tuple((label, index) for label, indices in _INDICES.items() for index in indices)
"""Of each class ten easy, ten typical and five hard cases, by their index in the seed's sequence.

They were taken from the first 103 of each class for the variety of their findings, among those
that the network `lite0` reads right, so its accuracy on this deck says nothing.
"""


def write_embedded(folder: str | os.PathLike[str]) -> tuple[CaseRow, ...]:
    """Write the shipped deck again, the same to the byte with the locked packages.

    Raises:
        BadInputError: the folder holds something else, or cannot be written.
    """
    return write_chosen(folder, CHOSEN, EMBEDDED_SEED)
