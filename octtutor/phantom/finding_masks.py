"""What the deck that ships with the program keeps only as one mask, made again by name.

A synthetic scan is all in its seed, and `cases.csv` keeps it: the same seed grows the same eye,
so each finding comes back with its own mask, and each layer with its exact surface.
"""

import csv
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from octtutor.core.diagnosis import Diagnosis
from octtutor.phantom.anatomy import Anatomy, Layer
from octtutor.phantom.deck_table import TABLE
from octtutor.phantom.finding import Finding, foveal_pit
from octtutor.phantom.synthetic_scan import grow_eye, make

DECK = Path(__file__).parent / "deck"
DECK_SIZE = (496, 512)
"""Height and width of its scans in pixels."""

CHART_SIZE = (1024, 1272)
"""Height and width of the scan that the layers are named on: 20 degrees, enlarged."""

LAYERED_SEED = 207
"""Of the healthy eye that the layers are named on: level, its disc to the right."""


@dataclass(frozen=True, slots=True)
class CaseOrigin:
    """What a shipped scan was made from: `make(label, generator(), size)` draws it."""

    label: Diagnosis
    seed: int
    index: int
    size: tuple[int, int] = DECK_SIZE

    def generator(self) -> Generator:
        """Return the generator that the scan was drawn with, at its start."""
        return np.random.default_rng(np.random.SeedSequence([self.seed, self.index]))


class NamedMask(NamedTuple):
    """Something to be seen in a shipped scan: its name, and uint8 (height, width), 255 inside."""

    name: str
    mask: NDArray[np.uint8]


class Layered(NamedTuple):
    """A healthy scan with its layers.

    Attributes:
        scan: uint8 (height, width), grey.
        surfaces: float32 (17, width), the bottom of each layer, by Layer, pixels from the top.
        fovea: x of the foveal centre, pixels.
    """

    scan: NDArray[np.uint8]
    surfaces: NDArray[np.float32]
    fovea: float


@lru_cache(maxsize=1)
def recipes() -> dict[str, CaseOrigin]:
    """Return what each shipped scan was made from, by the SHA-256 of its file."""
    with (DECK / TABLE).open(newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    # a deck without difficulties was drawn by an older generator: its seeds draw others now
    return {_digest(row["file"]): _recipe(row) for row in rows if row.get("difficulty")}


def _digest(name: str) -> str:
    return hashlib.sha256((DECK / name).read_bytes()).hexdigest()


def _recipe(row: dict[str, str]) -> CaseOrigin:
    seed, index = map(int, row["seed"].split(":"))
    size = (int(row["height"]), int(row["width"])) if row.get("width") else DECK_SIZE
    return CaseOrigin(Diagnosis(row["label"]), seed, index, size)


def retell(sha256: str) -> tuple[NamedMask, ...] | None:
    """Return what is to be seen in a shipped scan, each with its own mask.

    Args:
        sha256: of the scan's file.

    Returns:
        The lesions as `make` gives them, or in a healthy eye the bands that must be even; then
        the foveal pit, where there is one. None when the scan is not one of the shipped.
    """
    recipe = recipes().get(sha256)
    if recipe is None:
        return None
    eye = grow_eye(recipe.label, recipe.generator(), recipe.size)
    bands = _even_bands(eye.anatomy) if recipe.label is Diagnosis.NORMAL else ()
    shown = (*eye.findings, *bands, *foveal_pit(eye.anatomy))
    return tuple(NamedMask(finding.name, finding.mask) for finding in shown)


def _even_bands(anatomy: Anatomy) -> tuple[Finding, ...]:
    """Return the two bright bands by which a reader knows a healthy outer retina."""
    named = (("ellipsoid zone", Layer.EZ), ("RPE", Layer.RPE))
    return tuple(Finding(name, _band(anatomy, layer)) for name, layer in named)


def _band(anatomy: Anatomy, layer: Layer) -> NDArray[np.uint8]:
    """Return a layer's mask, uint8 (height, width), 255 inside."""
    surfaces, y = anatomy.surfaces(), anatomy.grid.y
    inside = (y >= surfaces[layer - 1]) & (y < surfaces[layer])
    mask: NDArray[np.uint8] = inside.astype(np.uint8) * 255
    return mask


def draw_layers(size: tuple[int, int] = CHART_SIZE) -> Layered:
    """Draw a healthy eye with the surfaces of its layers; it takes about half a second.

    Args:
        size: (height, width) in pixels.
    """
    rng, again = np.random.default_rng(LAYERED_SEED), np.random.default_rng(LAYERED_SEED)
    scan = make(Diagnosis.NORMAL, rng, size).scan
    anatomy = grow_eye(Diagnosis.NORMAL, again, size).anatomy
    axial, lateral = anatomy.grid.axial_um, anatomy.grid.lateral_um
    surfaces = (anatomy.surfaces() / axial).astype(np.float32)
    return Layered(scan, surfaces, anatomy.fovea / lateral)
