"""One synthetic scan with its ground truth."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from octtutor.core.diagnosis import Diagnosis
from octtutor.errors import BadInputError
from octtutor.phantom import lesions
from octtutor.phantom.anatomy import Anatomy, Grid, grow
from octtutor.phantom.image import render
from octtutor.phantom.lesions import Diseased, Finding

SMALLEST = (128, 128)
"""Least height and width in pixels."""

LARGEST = (1024, 1536)
"""Greatest height and width in pixels."""


class Phantom(NamedTuple):
    """A synthetic scan and what is to be seen in it.

    Attributes:
        scan: uint8 (height, width), grey.
        mask: uint8 (height, width), 255 inside any lesion and 0 elsewhere.
        findings: what the scan shows, lesions first; the foveal pit is not a lesion.
    """

    scan: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    findings: tuple[Finding, ...]


def make(label: Diagnosis, rng: Generator, size: tuple[int, int]) -> Phantom:
    """Return a synthetic scan of one diagnosis.

    Args:
        label: what the eye has.
        rng: source of everything that varies. The same state gives the same scan, and the
            same anatomy at every size.
        size: (height, width) in pixels, from (128, 128) to (1024, 1536). Any size shows the
            same 1920 by 5890 µm.

    Raises:
        BadInputError: if the label is unknown or the size outside its limits.
    """
    eye, imaging = _grow_eye(label, rng, size)
    grid = eye.anatomy.grid
    mask = np.zeros((grid.height, grid.width), np.uint8)
    for finding in eye.findings:
        mask |= finding.mask
    scan = render(imaging, eye.anatomy, eye.inclusions)
    return Phantom(scan, mask, eye.findings + lesions.foveal_pit(eye.anatomy))


def grow_eye(label: Diagnosis, rng: Generator, size: tuple[int, int]) -> Diseased:
    """Return the eye that `make` shows from the same arguments, without drawing its scan.

    Its anatomy holds the exact surfaces of the layers, and its findings the lesions.
    """
    return _grow_eye(label, rng, size)[0]


def _grow_eye(
    label: Diagnosis, rng: Generator, size: tuple[int, int]
) -> tuple[Diseased, Generator]:
    """Return an eye, and the generator that is left for drawing its scan."""
    disease = _disease(label)
    height, width = checked_size(size)
    growing, ailing, imaging = (np.random.default_rng(s) for s in rng.integers(2**63, size=3))
    return disease(ailing, grow(growing, Grid(height, width))), imaging


def _disease(label: Diagnosis) -> Callable[[Generator, Anatomy], Diseased]:
    """Return the function that gives an eye the disease of `label`."""
    diseases = {
        Diagnosis.CNV: lesions.neovascularisation,
        Diagnosis.DME: lesions.oedema,
        Diagnosis.DRUSEN: lesions.drusen,
        Diagnosis.NORMAL: lesions.healthy,
    }
    if label not in diseases:
        raise BadInputError(
            f"Expected one of {', '.join(Diagnosis)} as the label. Received: {label!r}. "
            "Choose one of the four."
        )
    return diseases[label]


def checked_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return (height, width) if a scan can be drawn at it."""
    try:
        height, width = (int(side) for side in size)
    except (TypeError, ValueError):
        height = width = 0
    fits = SMALLEST[0] <= height <= LARGEST[0] and SMALLEST[1] <= width <= LARGEST[1]
    if not fits:
        raise BadInputError(
            f"Expected a size (height, width) from {SMALLEST} to {LARGEST} pixels. "
            f"Received: {size!r}. Choose a size within these limits, such as (496, 512)."
        )
    return height, width
