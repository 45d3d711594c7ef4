"""One synthetic scan with its ground truth."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from octtutor.core.diagnosis import Diagnosis
from octtutor.errors import BadInputError
from octtutor.phantom import lesions
from octtutor.phantom.anatomy import Anatomy, Grid, grow
from octtutor.phantom.difficulty import CasePlan, Difficulty, plan
from octtutor.phantom.finding import FINDINGS, KINDS, Diseased, Finding, foveal_pit
from octtutor.phantom.image import render

SMALLEST = (128, 128)
"""Least height and width in pixels."""

LARGEST = (1024, 1536)
"""Greatest height and width in pixels."""


_TRIES = 100
"""Eyes grown for one that shows what is asked for."""

DIFFUSE = frozenset({"foveal pit", "retinal thickening"})
"""Findings that are no lesion with an edge; they are left out of the one mask."""


class Phantom(NamedTuple):
    """A synthetic scan and what is to be seen in it.

    Attributes:
        scan: uint8 (height, width), grey.
        mask: uint8 (height, width), 255 inside any lesion and 0 elsewhere.
        findings: what the scan shows, lesions first; the foveal pit is not a lesion.
        plan: how severe the disease is, what looks like another, and so how difficult it is.
        anatomy: the layers, in µm.
    """

    scan: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    findings: tuple[Finding, ...]
    plan: CasePlan
    anatomy: Anatomy

    @property
    def difficulty(self) -> Difficulty:
        """How difficult it is to read, by the rule of `octtutor.phantom.difficulty`."""
        return self.plan.difficulty


def make(
    label: Diagnosis,
    rng: Generator,
    size: tuple[int, int],
    difficulty: Difficulty | None = None,
    showing: str | None = None,
    off_centre: float | None = None,
) -> Phantom:
    """Return a synthetic scan of one diagnosis.

    Args:
        label: what the eye has.
        rng: source of everything that varies. The same state gives the same scan, and the
            same anatomy at every size of the same field.
        size: (height, width) in pixels, from (128, 128) to (1024, 1536). All show 1920 µm of
            depth; 5890 µm across, or 8830 µm where the width is 1.25 times the height or more.
        difficulty: `easy`, `typical` or `hard`; drawn as in a clinic by default.
        showing: a finding or a kind that must be in it, such as `haemorrhage`.
        off_centre: how far the scan passes from the foveal centre, µm, 0 to 3000; as the difficulty
            has it by default. Beyond 800 it shows no pit, and the arcuate nerve fibres.

    Raises:
        BadInputError: if label, difficulty or finding is unknown, the diagnosis does not show
            that finding, or the size is outside its limits.
    """
    if showing is None:
        eye, imaging, case = _grow_eye(label, rng, size, difficulty, off_centre)
    else:
        eye, imaging, case = _find_eye(label, rng, size, difficulty, showing, off_centre)
    mask = union_of(eye)
    scan = render(imaging, eye.anatomy, eye.inclusions, case.view)
    findings = eye.findings + foveal_pit(eye.anatomy)
    return Phantom(scan, mask, findings, case, eye.anatomy)


def union_of(eye: Diseased) -> NDArray[np.uint8]:
    """Return the one mask of an eye's lesions, uint8 (height, width), 255 inside."""
    mask = np.zeros((eye.anatomy.grid.height, eye.anatomy.grid.width), np.uint8)
    for finding in eye.findings:
        if finding.name not in DIFFUSE:
            mask |= finding.mask
    return mask


def grow_eye(
    label: Diagnosis,
    rng: Generator,
    size: tuple[int, int],
    difficulty: Difficulty | None = None,
) -> Diseased:
    """Return the eye that `make` shows from the same arguments, without drawing its scan.

    Its anatomy holds the exact surfaces of the layers, and its findings the lesions.
    """
    return _grow_eye(label, rng, size, difficulty)[0]


def _grow_eye(
    label: Diagnosis,
    rng: Generator,
    size: tuple[int, int],
    difficulty: Difficulty | None,
    off_centre: float | None = None,
) -> tuple[Diseased, Generator, CasePlan]:
    """Return an eye, the generator that is left for drawing its scan, and what was planned."""
    disease = _disease(label)
    height, width = checked_size(size)
    seeds = rng.integers(2**63, size=4)
    growing, ailing, imaging, planning = (np.random.default_rng(seed) for seed in seeds)
    case = plan(label, planning, difficulty)
    if off_centre is not None:
        case = replace(case, off_centre_um=off_centre)
    anatomy = grow(growing, Grid(height, width), case.off_centre_um)
    return disease(ailing, anatomy, case.severity), imaging, case


def _find_eye(
    label: Diagnosis,
    rng: Generator,
    size: tuple[int, int],
    difficulty: Difficulty | None,
    showing: str,
    off_centre: float | None,
) -> tuple[Diseased, Generator, CasePlan]:
    """Grow eyes until one shows a finding or a kind."""
    known = (*FINDINGS, *KINDS)
    if showing not in known:
        raise BadInputError(
            f"Expected a finding or a kind, one of {', '.join(known)}. Received: {showing!r}. "
            "Choose one of them."
        )
    for _ in range(_TRIES):
        grown = _grow_eye(label, rng, size, difficulty, off_centre)
        pit = foveal_pit(grown[0].anatomy)
        if any(showing in (found.name, *found.kinds) for found in grown[0].findings + pit):
            return grown
    raise BadInputError(
        f"Expected a finding of {label}. Received: {showing!r}, not seen in {_TRIES} such eyes. "
        "Choose another finding or another label."
    )


def _disease(label: Diagnosis) -> Callable[[Generator, Anatomy, float], Diseased]:
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
