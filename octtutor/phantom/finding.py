"""What a reader should see: lesions by name, with the exact mask of each."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from octtutor.errors import BadInputError
from octtutor.phantom.anatomy import Anatomy, Curve, Grid, Layer
from octtutor.phantom.image import Inclusion, Plane

Bits = NDArray[np.bool_]
"""bool (height, width)."""

FINDINGS = (
    "intraretinal fluid",
    "subretinal fluid",
    "sub-RPE fluid / PED",
    "subretinal hyperreflective material",
    "RPE disruption",
    "drusen",
    "hyperreflective foci",
    "retinal thickening",
    "foveal pit",
)
"""All that `make` can show, in the field's words."""

KINDS = (
    *("hard", "soft", "confluent", "migrated pigment"),
    *("in the INL", "in the ONL", "serous", "hard exudates", "diffuse"),
    *("type 1", "type 2", "fibrovascular", "haemorrhage", "scar", "exudative"),
)
"""What a finding can be of its kind."""

VISIBLE_UM = 12.0
"""An elevation lower than this is not called a lesion: about three Spectralis pixels."""


class Finding(NamedTuple):
    """One thing a reader should see.

    Attributes:
        name: in the field's words, such as `intraretinal fluid`.
        mask: uint8 (height, width), 255 inside and 0 elsewhere.
        kinds: what of its kind it is, such as `soft` or `in the INL`.
        severity: how far gone it is, 0 to 1.
    """

    name: str
    mask: NDArray[np.uint8]
    kinds: tuple[str, ...] = ()
    severity: float = 0.0


@dataclass(frozen=True, slots=True)
class Diseased:
    """A retina with its lesions.

    Attributes:
        anatomy: the changed layers.
        inclusions: what is painted into them, in order.
        findings: the lesions, without those that turned out too small to see.
    """

    anatomy: Anatomy
    inclusions: tuple[Inclusion, ...] = ()
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an eye that the scan cannot show.

        Raises:
            BadInputError: the retina or a lesion lies outside the frame, or a finding is unknown.
        """
        grid, surfaces = self.anatomy.grid, self.anatomy.surfaces()
        top, bottom = float(surfaces[Layer.VITREOUS].min()), float(surfaces[Layer.BM].max())
        if top < 0 or bottom > grid.height * grid.axial_um:
            raise BadInputError(
                f"Expected the retina within the frame, 0 to {grid.height * grid.axial_um:.0f} µm "
                f"deep. Received: {top:.0f} to {bottom:.0f} µm. Move it, or make lesions smaller."
            )
        for part in self.inclusions:
            rows, columns = part.place
            if min(part.corner) < 0 or rows.stop > grid.height or columns.stop > grid.width:
                raise BadInputError(
                    f"Expected a lesion within {grid.height} by {grid.width} pixels. Received one "
                    f"of {part.cover.shape} at {part.corner}, outside the frame. Move it."
                )
        for finding in self.findings:
            _check_finding(finding, (grid.height, grid.width))


def _check_finding(finding: Finding, shape: tuple[int, int]) -> None:
    """Refuse an unknown finding, or one whose mask is not of the scan's shape."""
    if finding.name not in FINDINGS:
        raise BadInputError(
            f"Expected a finding, one of {', '.join(FINDINGS)}. Received: {finding.name!r}. "
            "Choose one of them."
        )
    if finding.mask.shape != shape:
        raise BadInputError(
            f"Expected a mask of {shape} for {finding.name}. Received: {finding.mask.shape}. "
            "Draw it on the scan's own grid."
        )


def columns_under(grid: Grid, places: NDArray[np.floating]) -> NDArray[np.intp]:
    """Return the A-scan under each place (µm from the left edge)."""
    columns: NDArray[np.intp] = np.clip(places / grid.lateral_um, 0, grid.width - 1).astype(np.intp)
    return columns


def ramp_between(grid: Grid, top: Curve, bottom: Curve) -> Plane:
    """Return 1 between two curves (µm) and 0 outside, with edges one pixel soft."""
    ramp: Plane = np.clip(
        np.minimum(grid.y - top, bottom - grid.y) / grid.axial_um + 0.5, 0, 1
    ).astype(np.float32)
    return ramp


def between_surfaces(anatomy: Anatomy, above: Layer, layer: Layer, where: Bits) -> Bits:
    """Return the pixels below the surface of `above` down to that of `layer`, where asked."""
    surfaces, y = anatomy.surfaces(), anatomy.grid.y
    inside: Bits = (y >= surfaces[above]) & (y < surfaces[layer]) & where
    return inside


def union_of(parts: tuple[Inclusion, ...], anatomy: Anatomy) -> Bits:
    """Return the pixels covered by any of `parts`."""
    covered = np.zeros((anatomy.grid.height, anatomy.grid.width), np.bool_)
    for part in parts:
        covered[part.place] |= part.cover > 0.5
    return covered


def conclude(
    anatomy: Anatomy,
    inclusions: tuple[Inclusion, ...],
    named: tuple[tuple[str, Bits, tuple[str, ...]], ...],
    severity: float,
) -> Diseased:
    """Return the diseased retina with those findings that can be seen."""
    seen = tuple(
        Finding(name, bits.astype(np.uint8) * 255, kinds, round(severity, 3))
        for name, bits, kinds in named
        if bits.any()
    )
    return Diseased(anatomy, inclusions, seen)


def foveal_pit(anatomy: Anatomy) -> tuple[Finding, ...]:
    """Return the foveal pit, the hollow below the line between its rims, if there is one."""
    grid, inner = anatomy.grid, anatomy.surfaces()[Layer.VITREOUS]
    near = np.abs(grid.x - anatomy.fovea) < 1300
    left, right = near & (grid.x < anatomy.fovea), near & (grid.x >= anatomy.fovea)
    if not (left.any() and right.any()):
        return ()
    rims = [int(np.flatnonzero(side)[inner[side].argmin()]) for side in (left, right)]
    chord = np.interp(grid.x, grid.x[rims], inner[rims])
    hollow = np.where((grid.x > grid.x[rims[0]]) & (grid.x < grid.x[rims[1]]), inner - chord, 0)
    pit = (grid.y >= chord) & (grid.y < inner) & (hollow > 0)
    if hollow.max() < 40 or not pit.any():
        return ()
    return (Finding("foveal pit", pit.astype(np.uint8) * 255),)
