"""What disease does to the anatomy, and the exact mask of each thing it does.

Lesions first change layer thicknesses and greys, then place what lies inside layers (cysts,
exudates, material). Masks are read off the final surfaces, so they fit what is drawn.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from octtutor.errors import BadInputError
from octtutor.phantom.anatomy import Anatomy, Curve, Grid, Layer, bell, wave, within_frame
from octtutor.phantom.image import Inclusion, Plane, blotches, ellipse

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

LEAST_ONL_UM = 14.0
"""The outer nuclear layer is never pressed thinner than this."""


class Membrane(NamedTuple):
    """How a neovascular membrane grows.

    Attributes:
        occult: how much of it lies under the RPE (type 1), 0 to 1.
        classic: how much of it lies above the RPE (type 2), 0 to 1.
        blood: whether what lies above the RPE is mostly haemorrhage.
        scar: whether it has become fibrous tissue.
    """

    occult: float
    classic: float
    blood: bool = False
    scar: bool = False


_MEMBRANES = (
    Membrane(1.0, 0.0),
    Membrane(1.0, 0.4),
    Membrane(0.45, 1.0),
    Membrane(0.2, 1.0),
    Membrane(0.8, 0.8, blood=True),
    Membrane(0.3, 1.0, scar=True),
)
_MEMBRANE_SHARES = (0.34, 0.24, 0.14, 0.12, 0.07, 0.09)
"""How often each is drawn."""


_BARE_GREYS = (
    (Layer.ELM, 56.0),
    (Layer.MYOID, 60.0),
    (Layer.EZ, 66.0),
    (Layer.OS, 70.0),
    (Layer.IZ, 84.0),
)
"""What is left of each photoreceptor band where it is lost altogether, display grey."""


_DIABETIC, _OLD, _NEOVASCULAR = 1.16, 1.16, 1.32
"""How much brighter the choroid is, in greys, than in OCT2017's NORMALs, in the means of DME,
DRUSEN and CNV 12 to 230 µm behind Bruch's membrane."""


_STEEPEST = 0.3
"""Greatest height of a dome as a share of its half width."""


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


# --- the four diagnoses ---------------------------------------------------------------------


def healthy(rng: Generator, anatomy: Anatomy, severity: float) -> Diseased:
    """Return the retina as it is."""
    del rng, severity
    return Diseased(anatomy)


def drusen(rng: Generator, anatomy: Anatomy, severity: float) -> Diseased:
    """Return the retina with drusen: bumps of the RPE over a flat Bruch's membrane.

    Args:
        rng: source of everything that varies.
        anatomy: the healthy retina.
        severity: 0 (two or three small drusen) to 1 (many large ones).
    """
    bumps, kinds = _druse_row(rng, anatomy, severity)
    rough = np.abs(wave(rng, anatomy.grid.x, 150, 3 + 2.5 * severity))
    raised = _raise_rpe(
        _age(rng, anatomy, 0.9, _OLD), bumps + rough, sharing=0.12, grey=rng.uniform(74, 128)
    )
    worn = _wear_photoreceptors(raised, np.clip(bumps / 50, 0, 1), rng.uniform(0.3, 0.95))
    thinned = _thin_over(rng, worn, np.clip(bumps / 70, 0, 1))
    settled = _settle(thinned)
    mask = _between(settled, Layer.SUBRETINAL, Layer.SUB_RPE, bumps > VISIBLE_UM)
    foci = _foci(rng, settled, bumps > 45, count=int(rng.choice((0, 0, 1, 2, 4))))
    named = (
        ("drusen", mask, kinds),
        ("hyperreflective foci", _union(foci, settled), ("migrated pigment",)),
    )
    return _conclude(settled, foci, named, severity)


def oedema(rng: Generator, anatomy: Anatomy, severity: float) -> Diseased:
    """Return the retina with diabetic macular oedema: thickening, cysts, sometimes exudates.

    Args:
        rng: source of everything that varies.
        anatomy: the healthy retina.
        severity: 0 (early: small cysts, hardly thicker) to 1 (a macula full of fluid).
    """
    anatomy = _light_choroid(anatomy, _DIABETIC)
    focal = rng.random() < 0.5
    wander, reach = (160, rng.uniform(260, 520)) if focal else (560, rng.uniform(500, 1400))
    centre = anatomy.fovea + np.clip(rng.normal(0, wander), -1500, 1500)
    width = reach + (300 if focal else 900) * severity * rng.random()
    amount = 10 + 350 * severity * rng.uniform(0.4, 1.15)
    swelling = bell(anatomy.grid.x, centre, width, rng.uniform(1.6, 2.8))
    wrinkled = _wrinkles(rng, anatomy.grid.x)
    swollen = _swell(rng, anatomy, amount * swelling + wrinkled)
    swollen = _wear_photoreceptors(swollen, swelling, rng.uniform(0, 0.3 + 0.3 * severity))
    swollen = _patch_bands(rng, swollen, swelling)
    has_serous = rng.random() < 0.04 + 0.1 * severity
    serous = _serous(rng, anatomy, severity) * np.float32(has_serous)
    settled = _settle(_detach(swollen, serous, rng.uniform(18, 30)))
    inner, outer = _cysts(rng, settled, centre, width * rng.uniform(0.4, 0.95), severity)
    exudates = _exudates(rng, settled, centre, severity) if rng.random() < 0.55 else ()
    strewn = int(rng.integers(0, int(6 + 22 * severity)))
    exudates = (*exudates, *_specks(rng, settled, centre, strewn))
    fluid = (inner.cover > 0.5) | (outer.cover > 0.5)
    before, after = anatomy.thickness.sum(axis=0), swollen.thickness.sum(axis=0)
    thicker = (after - before > 30) & (swelling > 0.2)
    kinds = _kinds(("in the INL", (inner.cover > 0.5).any()), ("in the ONL", outer.cover.any()))
    named = (
        ("intraretinal fluid", fluid, kinds),
        (
            "subretinal fluid",
            _between(settled, Layer.IZ, Layer.SUBRETINAL, serous > VISIBLE_UM),
            ("serous",),
        ),
        ("hyperreflective foci", _union(exudates, settled) & ~fluid, ("hard exudates",)),
        ("retinal thickening", _between(settled, Layer.VITREOUS, Layer.ONL, thicker), ("diffuse",)),
    )
    return _conclude(settled, (*exudates, outer, inner), named, severity)


def neovascularisation(rng: Generator, anatomy: Anatomy, severity: float) -> Diseased:
    """Return the retina with a choroidal neovascular membrane: under, at and above the RPE.

    Args:
        rng: source of everything that varies.
        anatomy: the healthy retina.
        severity: 0 (a flat membrane, hardly any fluid) to 1 (large, with fluid or a scar).
    """
    centre = float(anatomy.fovea + np.clip(rng.normal(0, 450), -1100, 1100))
    x = anatomy.grid.x
    membrane = _MEMBRANES[int(rng.choice(len(_MEMBRANES), p=_MEMBRANE_SHARES))]
    ped = np.float32(membrane.occult) * _detachment(rng, x, centre, severity)
    material_height = np.float32(membrane.classic) * _material_height(rng, x, centre, severity)
    crest = ped / max(float(ped.max()), 80.0)
    fluid = _fluid_margin(rng, x, centre, severity) * (1 - 0.9 * crest)
    spanned = _spanned(anatomy.grid, ped + material_height)
    fluid = np.maximum(fluid, spanned * rng.uniform(0, 0.9) * (rng.random() < 0.3 + 0.3 * severity))
    fluid = fluid * np.float32(not membrane.scar)
    torn = _torn(rng, x, centre, severity)
    aged, beside = _druse_row(rng, anatomy, 0.35 * rng.random())
    aged = aged * np.float32(rng.random() < 0.55) * (1 - bell(x, centre, 1300, 6))
    serous_ped = bool(membrane.classic == 0 and rng.random() < 0.4)
    inside = rng.uniform(18, 40) if serous_ped else rng.uniform(36, 92)
    toothed = np.float32(rng.uniform(0.3, 1.0) * (not serous_ped))
    ped = (ped + toothed * np.clip(ped / 60, 0, 1) * _serrated(rng, x)).astype(np.float32)
    uneven = np.abs(wave(rng, x, 210, rng.uniform(1.5, 6))) * (0.4 + bell(x, centre, 1600, 4))
    older = _age(rng, anatomy, 0.75, _NEOVASCULAR)
    anatomy = _raise_rpe(older, ped + aged + uneven, sharing=0.75, grey=inside)
    anatomy = _detach(anatomy, fluid + material_height, rng.uniform(16, 28))
    anatomy = _swell(rng, anatomy, rng.uniform(-20, 20 + 200 * severity) * bell(x, centre, 1200))
    lost = bell(x, centre, rng.uniform(800, 1500), 4)
    anatomy = _wear_photoreceptors(anatomy, lost, rng.uniform(0.75, 1.0))
    anatomy = _collapse(anatomy, lost * np.float32(rng.uniform(0.3, 0.9)))
    anatomy = _brighten_rpe(rng, anatomy, np.clip(ped / 80, 0, 1))
    shaded = _shade_below(anatomy, ped, membrane.blood)
    settled = _settle(_tear_rpe(rng, shaded, torn))
    growth = _Growth(membrane, centre, ped, material_height, fluid, torn, aged, beside, serous_ped)
    return _show_membrane(rng, settled, growth, severity)


class _Growth(NamedTuple):
    """What a membrane has done along the scan; curves float32 (width,), µm or 0 to 1."""

    membrane: Membrane
    centre: float
    ped: Curve
    material: Curve
    fluid: Curve
    torn: Curve
    aged: Curve
    aged_kinds: tuple[str, ...]
    serous: bool


def _show_membrane(rng: Generator, anatomy: Anatomy, growth: _Growth, severity: float) -> Diseased:
    """Return the neovascular eye with what lies inside its layers painted and named."""
    membrane, centre = growth.membrane, growth.centre
    material = _material(rng, anatomy, growth.material, membrane)
    filling = () if growth.serous else _filling(rng, anatomy, growth.ped)
    cystic = rng.random() < 0.12 + 0.38 * severity
    cysts = _cysts(rng, anatomy, centre, rng.uniform(250, 900), severity) if cystic else ()
    count = int(rng.integers(0, int(4 + 10 * severity)))
    foci = _foci(rng, anatomy, bell(anatomy.grid.x, centre, 900) > 0.4, count)
    solid = material.cover > 0.5
    raised = _between(anatomy, Layer.RPE, Layer.SUB_RPE, growth.ped > VISIBLE_UM)
    space = _between(anatomy, Layer.IZ, Layer.SUBRETINAL, growth.fluid > VISIBLE_UM)
    aside = (growth.aged > VISIBLE_UM) & (growth.ped < VISIBLE_UM / 2)
    ped_kinds = ("serous",) if growth.serous else ("type 1", "fibrovascular")
    above = _kinds(
        ("haemorrhage", membrane.blood), ("scar", membrane.scar), ("type 2", membrane.classic > 0.5)
    )
    named = (
        ("sub-RPE fluid / PED", raised, ped_kinds),
        ("subretinal hyperreflective material", solid, above),
        ("subretinal fluid", space & ~solid, ("exudative",)),
        ("intraretinal fluid", _union(cysts, anatomy), ("exudative",)),
        ("RPE disruption", _between(anatomy, Layer.SUBRETINAL, Layer.RPE, growth.torn > 0.5), ()),
        ("drusen", _between(anatomy, Layer.SUBRETINAL, Layer.SUB_RPE, aside), growth.aged_kinds),
        ("hyperreflective foci", _union(foci, anatomy), ()),
    )
    return _conclude(anatomy, (*filling, material, *cysts, *foci), named, severity)


def _kinds(*named: tuple[str, bool | np.bool_]) -> tuple[str, ...]:
    """Return the names of those that are there."""
    return tuple(name for name, there in named if there)


# --- edits to the layers --------------------------------------------------------------------


def _raise_rpe(anatomy: Anatomy, bump: Curve, sharing: float, grey: float) -> Anatomy:
    """Lift the RPE by `bump` µm off Bruch's membrane, which stays where it is.

    Args:
        anatomy: the retina.
        bump: float32 (width,), µm.
        sharing: share of the bump, smoothed, that also lifts the inner retina; the outer
            nuclear layer takes up the rest.
        grey: display grey of what fills the space.
    """
    thickness, greys = anatomy.thickness.copy(), anatomy.greys.copy()
    thickness[Layer.SUB_RPE] += bump
    _drape(thickness, anatomy.grid, bump, sharing)
    greys[Layer.SUB_RPE] = grey * greys[Layer.SUB_RPE] / greys[Layer.SUB_RPE].mean()
    return replace(anatomy, thickness=thickness, greys=greys)


def _detach(anatomy: Anatomy, space: Curve, grey: float) -> Anatomy:
    """Open a subretinal space of `space` µm (float32 (width,)) filled with `grey`."""
    thickness, greys = anatomy.thickness.copy(), anatomy.greys.copy()
    thickness[Layer.SUBRETINAL] += space
    _drape(thickness, anatomy.grid, space, 0.75)
    greys[Layer.SUBRETINAL] = grey
    return replace(anatomy, thickness=thickness, greys=greys)


def _drape(thickness: NDArray[np.float32], grid: Grid, bump: Curve, sharing: float) -> None:
    """Keep the inner retina smooth over a `bump` already added to the layers of `thickness`.

    The outer nuclear layer gives way first, then the layers above it; only what none of them
    can take up, smoothed, lifts the retina's surface.
    """
    yielding = (Layer.ONL, Layer.OPL, Layer.INL, Layer.IPL, Layer.GCL)
    least = (LEAST_ONL_UM, 9.0, 10.0, 8.0, 8.0)
    spare = [np.maximum(thickness[k] - low, 0) for k, low in zip(yielding, least, strict=True)]
    lift = sharing * _smooth(grid, bump, 170)
    unmet = np.maximum(bump - lift - spare[0] - 0.6 * (spare[1] + spare[2]), 0)
    reach = np.ones((1, 2 * int(170 / grid.lateral_um) + 1), np.uint8)
    lift = lift + _smooth(grid, cv2.dilate(unmet[None, :], reach)[0], 110)
    excess = bump - lift
    thickness[Layer.ONL] += np.maximum(-excess, 0)
    excess = np.maximum(excess, 0)
    for layer, room in zip(yielding, spare, strict=True):
        taken = np.minimum(excess, room)
        thickness[layer] -= taken
        excess = excess - taken


def _smooth(grid: Grid, curve: Curve, sigma: float) -> Curve:
    """Return `curve` after a Gaussian of `sigma` µm."""
    row = curve[None, :].astype(np.float32)
    soft = cv2.GaussianBlur(row, (0, 0), sigmaX=sigma / grid.lateral_um, sigmaY=0.1)
    smooth: Curve = soft[0].astype(np.float32)
    return smooth


def _age(rng: Generator, anatomy: Anatomy, thinnest: float, passing: float) -> Anatomy:
    """Thin the retina as in eyes old enough for macular degeneration, to `thinnest` at the least.

    Their RPE has lost pigment, so more light goes farther behind it: `passing` times as much, in
    greys, at first.
    """
    thickness = anatomy.thickness.copy()
    thickness[Layer.GCL : Layer.ELM] *= rng.uniform(thinnest, 1.02)
    paler = _light_choroid(anatomy, passing)
    return replace(paler, thickness=thickness, reach=float(rng.uniform(1.0, 1.5)))


def _light_choroid(anatomy: Anatomy, passing: float) -> Anatomy:
    """Let `passing` times as much be seen of the choroid, in greys."""
    greys = anatomy.greys.copy()
    greys[Layer.CHOROID] *= np.float32(passing)
    return replace(anatomy, greys=greys)


def _swell(rng: Generator, anatomy: Anatomy, amount: Curve) -> Anatomy:
    """Thicken the inner nuclear, plexiform and outer nuclear layers by `amount` µm in all."""
    thickness = anatomy.thickness.copy()
    amount = np.maximum(amount, -20)
    shares = rng.dirichlet((2.0, 4.0, 4.0, 7.0))
    for layer, share in zip((Layer.GCL, Layer.INL, Layer.OPL, Layer.ONL), shares, strict=True):
        thickness[layer] = np.maximum(thickness[layer] + np.float32(share) * amount, 0)
    return replace(anatomy, thickness=thickness)


def _wear_photoreceptors(anatomy: Anatomy, where: Curve, loss: float) -> Anatomy:
    """Dim the bands between ELM and RPE by `loss` (0 to 1) where `where` (0 to 1) says."""
    greys = anatomy.greys.copy()
    for layer, bare in _BARE_GREYS:
        greys[layer] += loss * where * (bare - greys[layer])
    return replace(anatomy, greys=greys)


def _patch_bands(rng: Generator, anatomy: Anatomy, where: Curve) -> Anatomy:
    """Make photoreceptors and RPE patchy, as below oedema, most where `where` (0 to 1) says."""
    x = anatomy.grid.x
    patches = np.clip(0.2 + 0.4 * where + wave(rng, x, 420, 0.4), 0, 1)
    worn = _wear_photoreceptors(anatomy, patches, rng.uniform(0, 0.6))
    greys = worn.greys.copy()
    uneven = wave(rng, x, 90, rng.uniform(0.01, 0.06)) + wave(rng, x, 300, rng.uniform(0.01, 0.06))
    greys[Layer.EZ : Layer.CHOROID] *= 1 + (0.4 + 0.6 * where) * uneven
    return replace(worn, greys=greys)


def _collapse(anatomy: Anatomy, where: Curve) -> Anatomy:
    """Thin the photoreceptors' bands by the share `where` (0 to 1); the ONL takes their room."""
    thickness = anatomy.thickness.copy()
    for layer in (Layer.EZ, Layer.OS, Layer.IZ):
        gone = where * thickness[layer]
        thickness[layer] -= gone
        thickness[Layer.ONL] += gone
    return replace(anatomy, thickness=thickness)


def _thin_over(rng: Generator, anatomy: Anatomy, where: Curve) -> Anatomy:
    """Thin and unevenly dim the RPE over drusen, where `where` (0 to 1) says."""
    thickness, greys = anatomy.thickness.copy(), anatomy.greys.copy()
    loss = where * rng.uniform(-0.15, 0.25) * thickness[Layer.RPE]
    loss = np.minimum(loss, thickness[Layer.RPE])
    loss = np.maximum(loss, -thickness[Layer.SUB_RPE])
    thickness[Layer.RPE] -= loss
    thickness[Layer.SUB_RPE] += loss
    greys[Layer.RPE] *= 1 + where * wave(rng, anatomy.grid.x, 70, 0.07)
    return replace(anatomy, thickness=thickness, greys=greys)


def _tear_rpe(rng: Generator, anatomy: Anatomy, torn: Curve) -> Anatomy:
    """Thin and dim the RPE where `torn` (0 to 1), so that more light reaches the choroid."""
    thickness, greys = anatomy.thickness.copy(), anatomy.greys.copy()
    uneven = wave(rng, anatomy.grid.x, 160, 0.34) + wave(rng, anatomy.grid.x, 70, 0.08)
    ragged = np.clip(1 - torn * (0.4 + uneven), 0.2, 1.6)
    thinned = np.minimum(thickness[Layer.RPE] * (1 - ragged), thickness[Layer.ONL] + thickness[13])
    thinned = np.maximum(thinned, -0.5 * thickness[Layer.ONL])
    thickness[Layer.RPE] -= thinned
    thickness[Layer.ONL] += thinned
    greys[Layer.RPE] *= (1 - 0.22 * torn) * (1 + torn * wave(rng, anatomy.grid.x, 75, 0.14))
    through = rng.uniform(0.1, 0.5) + wave(rng, anatomy.grid.x, 130, 0.13)
    greys[Layer.CHOROID] *= 1 + torn * np.maximum(through, -0.1)
    greys[Layer.BM] *= 1 + 0.2 * torn
    return replace(anatomy, thickness=thickness, greys=greys)


def _brighten_rpe(rng: Generator, anatomy: Anatomy, where: Curve) -> Anatomy:
    """Brighten and thicken the RPE over a detachment, where `where` (0 to 1) says."""
    thickness, greys = anatomy.thickness.copy(), anatomy.greys.copy()
    greys[Layer.RPE] *= 1 + rng.uniform(0, 0.25) * where
    gained = where * rng.uniform(0, 10) * np.clip(thickness[Layer.SUB_RPE] / 40, 0, 1)
    thickness[Layer.RPE] += gained
    thickness[Layer.SUB_RPE] -= gained
    return replace(anatomy, thickness=thickness, greys=greys)


def _shade_below(anatomy: Anatomy, ped: Curve, blood: bool) -> Anatomy:
    """Dim Bruch's membrane and the choroid under a detachment of `ped` µm, more under blood."""
    greys = anatomy.greys.copy()
    depth = np.clip(ped / 180, 0, 1)
    greys[Layer.CHOROID] *= 1 - (0.6 if blood else 0.28) * depth
    greys[Layer.BM] *= 1 - 0.25 * depth
    return replace(anatomy, greys=greys)


def _settle(anatomy: Anatomy) -> Anatomy:
    """Move the eye down where a lesion has pushed the retina out of the picture."""
    retina = anatomy.thickness[: Layer.CHOROID].sum(axis=0)
    return replace(anatomy, membrane=within_frame(anatomy.membrane, retina, 90))


# --- shapes ---------------------------------------------------------------------------------


def _druse_row(rng: Generator, anatomy: Anatomy, severity: float) -> tuple[Curve, tuple[str, ...]]:
    """Return the height of the drusen along the scan, float32 (width,), µm, and their kinds.

    Widths run from small (below 63 µm) to large (above 125 µm) in the sense of the Beckman
    classification (Ferris et al., Ophthalmology 120:844, 2013). Hard drusen are small and steep,
    soft ones wide domes; they are confluent where two soft ones run into each other.
    """
    x, span = anatomy.grid.x, anatomy.grid.span_um
    count = int(2 + rng.integers(0, 3) + severity * rng.integers(4, 18))
    spread = rng.uniform(500, 1300)
    centres = np.clip(anatomy.fovea + rng.normal(0, spread, count), 250, span - 250)
    soft = rng.random(count) < 0.25 + 0.6 * severity
    heights = rng.lognormal(np.log(28 + 20 * severity), 0.45, count) * np.where(soft, 1.15, 0.85)
    heights = np.clip(heights, 15, 55 + 80 * severity)
    heights[0] = max(heights[0], 38 + 30 * severity)
    widths = np.where(soft, 60 + heights * rng.uniform(1.0, 2.6, count), 34 + 0.6 * heights)
    powers = rng.uniform(0.6, 1.1, count)
    row = np.zeros_like(x)
    for centre, height, width, power in zip(centres, heights, widths, powers, strict=True):
        row = np.maximum(row, np.float32(height) * _dome(x, centre, width, power))
    row = _smooth(anatomy.grid, row, 13)
    ends = np.sort(np.stack([centres - widths, centres + widths])[:, soft], axis=1)
    touching = soft.sum() > 1 and bool((ends[0, 1:] < ends[1, :-1]).any())
    kinds = _kinds(("hard", (~soft).any()), ("soft", soft.any()), ("confluent", touching))
    return row * (1 + wave(rng, x, 85, 0.06)), kinds


def _dome(x: Curve, centre: float, half_width: float, power: float) -> Curve:
    """Return a round dome of height 1; a `power` of 0.5 is an ellipse, more is more pointed."""
    u = (x - centre) / half_width
    dome: Curve = (np.clip(1 - u * u, 0, 1) ** power).astype(np.float32)
    return dome


def _wrinkles(rng: Generator, x: Curve) -> Curve:
    """Return the ripples of an epiretinal membrane in most eyes, float32 (width,), µm."""
    depth = float(rng.choice((0.0, 3.0, 6.0, 9.0)))
    patches = np.clip(0.4 + wave(rng, x, 1600, 0.6), 0, 1.2)
    fine = wave(rng, x, 130, 0.35 * depth)
    ripples: Curve = (wave(rng, x, 400, depth) + fine) * patches
    return ripples


def _serous(rng: Generator, anatomy: Anatomy, severity: float) -> Curve:
    """Return a dome of subretinal fluid under the fovea, float32 (width,), µm."""
    dome = bell(anatomy.grid.x, anatomy.fovea, rng.uniform(280, 700), 2.4)
    return np.float32(rng.uniform(35, 60 + 110 * severity)) * dome


def _detachment(rng: Generator, x: Curve, centre: float, severity: float) -> Curve:
    """Return the height of the pigment epithelial detachment, float32 (width,), µm.

    It is a round dome, often with lesser ones beside it, as in most CNVs of OCT2017.
    """
    half_width = rng.uniform(450, 850 + 950 * severity)
    height = rng.uniform(40, 75) + severity * rng.uniform(40, 330)
    height = min(height, rng.uniform(1, 1.8) * _STEEPEST * half_width)
    domes = _dome(x, centre, half_width, rng.uniform(0.5, 1.1))
    for _ in range(int(rng.integers(0, 4))):
        place, size = centre + half_width * rng.uniform(-1.7, 1.7), rng.uniform(0.25, 0.6)
        lesser = _dome(x, place, half_width * size, rng.uniform(0.5, 0.9))
        domes = np.maximum(domes, size * rng.uniform(0.7, 1.5) * lesser)
    rough = rng.uniform(0.1, 1.0)
    lumps = wave(rng, x, 520, 0.12 * rough) + wave(rng, x, 190, 0.05 * rough)
    ped: Curve = np.float32(height) * domes * np.clip(1 + lumps, 0.3, 1.6)
    return ped


def _serrated(rng: Generator, x: Curve) -> Curve:
    """Return the teeth of the RPE over fibrovascular tissue, float32 (width,), µm, 0 or more."""
    teeth = np.abs(wave(rng, x, 130, rng.uniform(3, 9))) + np.abs(wave(rng, x, 60, 4.0))
    serrated: Curve = teeth * np.clip(0.8 + wave(rng, x, 700, 0.5), 0, 2)
    return serrated


def _material_height(rng: Generator, x: Curve, centre: float, severity: float) -> Curve:
    """Return the height of subretinal hyperreflective material, float32 (width,), µm."""
    height = rng.uniform(32, 62) + severity * rng.uniform(30, 180)
    place = centre + rng.normal(0, 220)
    half_width = rng.uniform(350, 700 + 800 * severity)
    height = min(height, 0.6 * _STEEPEST * half_width)
    dome = bell(x, place, half_width, rng.uniform(2.2, 4.5))
    lumps = 1 + wave(rng, x, 620, 0.2) + wave(rng, x, 260, 0.05)
    material: Curve = np.float32(height) * dome * np.clip(lumps, 0.2, 1.8)
    return material


def _fluid_margin(rng: Generator, x: Curve, centre: float, severity: float) -> Curve:
    """Return the height of subretinal fluid beside the lesion, or zeros; float32 (width,), µm."""
    there = rng.random() < 0.4 + 0.4 * severity
    amount = np.float32(rng.uniform(25, 50 + 170 * severity) * there)
    place = centre + rng.choice((-1, 1)) * rng.uniform(100, 800)
    return amount * bell(x, place, rng.uniform(300, 900), 2.6)


def _spanned(grid: Grid, raised: Curve) -> Curve:
    """Return how far the retina stands off where it spans valleys between and beside domes, µm."""
    reach = np.ones((1, 2 * int(380 / grid.lateral_um) + 1), np.uint8)
    taut = _smooth(grid, cv2.erode(cv2.dilate(raised[None], reach), reach)[0], 120)
    spanned: Curve = np.maximum(taut - raised - 8, 0).astype(np.float32)
    return spanned


def _torn(rng: Generator, x: Curve, centre: float, severity: float) -> Curve:
    """Return where the RPE is disrupted, float32 (width,), 0 to 1."""
    near = bell(x, centre, 500 + 700 * severity, 4)
    gaps = np.clip(0.35 + 0.3 * severity + 1.1 * wave(rng, x, 320, 1.0), 0, 1)
    least = bell(x, centre + rng.normal(0, 150), rng.uniform(90, 220), 4)
    torn: Curve = np.maximum(near * gaps, least).astype(np.float32)
    return torn


# --- what lies inside the layers ------------------------------------------------------------


def _cysts(
    rng: Generator, anatomy: Anatomy, centre: float, spread: float, severity: float
) -> tuple[Inclusion, Inclusion]:
    """Return ovoid cysts parted by thin septa: those of the INL, and those of OPL and ONL.

    The latter may reach up to the nerve fibres, as tall ones do under a swollen fovea.
    """
    grid, surfaces = anatomy.grid, anatomy.surfaces()
    inner, outer = surfaces[Layer.NFL] + 12, surfaces[Layer.INL] - 8
    roof = outer + np.float32(rng.uniform(0.1, 1.0)) * (inner - outer)
    floor = surfaces[Layer.ONL] - 8
    large = _cyst_row(rng, grid, (roof, floor), centre, spread, severity)
    roof, floor = surfaces[Layer.IPL] - 6, surfaces[Layer.INL] + 14
    place = centre + rng.normal(0, 300)
    wide = spread * rng.uniform(1.2, 3.0)
    small = _cyst_row(rng, grid, (roof, floor), place, wide, 0.4 * severity)
    few = small[rng.random(len(small)) < rng.uniform(0, 0.9)]
    warp = 8 * blotches(rng, grid, 60, 90), 8 * blotches(rng, grid, 70, 60)
    retina = _ramp_between(grid, surfaces[Layer.NFL] + 14, surfaces[Layer.ONL] - 5)
    grey = rng.uniform(3, 14)
    covers = [retina * cover for cover in _cells(grid, (few, large), warp)]
    return Inclusion(covers[0], grey), Inclusion(covers[1], grey)


def _cells(
    grid: Grid, groups: tuple[NDArray[np.floating], ...], warp: tuple[Plane, Plane]
) -> tuple[Plane, ...]:
    """Return how much of each pixel the ellipses of each group fill, with septa between all."""
    spots = np.vstack(groups)
    nearest, second = _two_nearest(grid, spots, warp)
    edge = np.clip((1 - nearest) / 0.16 + 0.5, 0, 1)
    filled = edge * np.clip((second - nearest - 0.05) / 0.14, 0, 1)
    if not len(groups[0]):
        return np.zeros_like(filled), filled
    first = _two_nearest(grid, groups[0], warp)[0] <= nearest
    return filled * first, filled * ~first


def _cyst_row(
    rng: Generator,
    grid: Grid,
    band: tuple[Curve, Curve],
    centre: float,
    spread: float,
    severity: float,
) -> NDArray[np.floating]:
    """Return cysts side by side, largest near `centre`, each within its band of the retina.

    Args:
        rng: source of number, widths and places.
        grid: the pixels.
        band: two float32 (width,), µm, the band's top and bottom.
        centre: x about which they lie, µm.
        spread: half width of the row, µm.
        severity: 0 to 1, the larger and the more numerous.

    Returns:
        float (n, 4), µm: x, y, half width, half height of each.
    """
    typical = rng.uniform(32 + 40 * severity, 70 + 130 * severity)
    count = int(np.clip(spread / typical * rng.uniform(0.45, 0.65 + 0.5 * severity), 1, 14))
    half_widths = np.clip(rng.lognormal(np.log(typical), 0.6, count), 20, 320)
    half_widths = _largest_inside(half_widths)
    steps = np.cumsum(2 * half_widths + rng.exponential(26, count)) - half_widths
    places = np.clip(centre + steps - steps.mean(), 150, grid.span_um - 150)
    column = _columns(grid, places)
    top, bottom = band[0][column], band[1][column]
    room = np.maximum(bottom - top, 24)
    taper = 1 - 0.55 * np.clip(np.abs(places - centre) / (1.5 * spread), 0, 1)
    filled = (0.38 + 0.12 * severity) * room * taper * rng.uniform(0.6, 1.05, count)
    half_heights = np.clip(np.minimum(filled, half_widths * 2.6), 12, 0.5 * room)
    depths = top + half_heights + rng.random(count) * (room - 2 * half_heights)
    return np.stack([places, depths, half_widths, half_heights], axis=1)


def _largest_inside(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the same sizes, smallest at both ends and largest in the middle."""
    rising = np.sort(sizes)
    return np.concatenate([rising[::2], rising[1::2][::-1]])


def _two_nearest(
    grid: Grid, spots: NDArray[np.floating], warp: tuple[Plane, Plane]
) -> tuple[Plane, Plane]:
    """Return each pixel's distance to the nearest and the second nearest ellipse.

    Args:
        grid: the pixels.
        spots: float (n, 4), µm: x, y, half width, half height of each ellipse.
        warp: two float32 (height, width), µm, that make outlines irregular.

    Returns:
        Two float32 (height, width); 1 is the outline.
    """
    x, y = grid.x + warp[0], grid.y + warp[1]
    nearest = np.full((grid.height, grid.width), 9, np.float32)
    second = nearest.copy()
    for spot in spots.astype(np.float32):
        distance = cv2.magnitude((x - spot[0]) / spot[2], (y - spot[1]) / spot[3])
        second = np.minimum(second, np.maximum(nearest, distance))
        nearest = np.minimum(nearest, distance)
    return nearest, second


def _exudates(
    rng: Generator, anatomy: Anatomy, centre: float, severity: float
) -> tuple[Inclusion, ...]:
    """Return hard exudates: small bright deposits about the OPL that shade what lies below."""
    grid, surfaces = anatomy.grid, anatomy.surfaces()
    middle = centre + rng.choice((-1, 1)) * rng.uniform(300, 1300)
    count = int(2 + rng.integers(0, 4) + severity * rng.integers(0, 16))
    places = np.clip(rng.normal(middle, rng.uniform(160, 500), count), 100, grid.span_um - 100)
    dots = []
    for place, column in zip(places, _columns(grid, places), strict=True):
        depth = surfaces[Layer.INL, column] + rng.uniform(-10, 45)
        size = np.clip(rng.lognormal(np.log(9), 0.45), 5, 26)
        dot, corner = ellipse(grid, place, depth, size * rng.uniform(1.8, 3.2), size)
        dots.append(Inclusion(dot, rng.uniform(150, 225), rng.uniform(0.2, 0.65), corner))
    return tuple(dots)


def _specks(rng: Generator, anatomy: Anatomy, centre: float, count: int) -> tuple[Inclusion, ...]:
    """Return small hyperreflective foci strewn through the retina between IPL and ONL."""
    grid, surfaces = anatomy.grid, anatomy.surfaces()
    places = np.clip(rng.normal(centre, 900, count), 60, grid.span_um - 60)
    heights, sizes, greys = (
        rng.random(count),
        rng.uniform(4, 8, count),
        rng.uniform(110, 175, count),
    )
    dots = []
    for place, column, height, size, grey in zip(
        places, _columns(grid, places), heights, sizes, greys, strict=True
    ):
        roof, floor = surfaces[Layer.GCL, column], surfaces[Layer.ONL, column] - 20
        dot, corner = ellipse(grid, place, roof + height * (floor - roof), 2.4 * size, size)
        dots.append(Inclusion(dot, grey, 0.65, corner))
    return tuple(dots)


def _foci(rng: Generator, anatomy: Anatomy, where: Bits, count: int) -> tuple[Inclusion, ...]:
    """Return hyperreflective foci in the outer retina above the columns named by `where`."""
    grid, surfaces = anatomy.grid, anatomy.surfaces()
    x = grid.x[where]
    dots = []
    for fraction, height in rng.random((count, 2)):
        place = float(x[int(fraction * (x.size - 1))]) if x.size else 0.0
        column = int(_columns(grid, np.array([place]))[0])
        depth = surfaces[Layer.ONL, column] - 60 * height + 12
        size = 6 + 4 * fraction
        dot, corner = ellipse(grid, place, depth, size * 2.4, size)
        dots.append(Inclusion(dot, 165, 0.75, corner))
    return tuple(dots) if x.size else ()


def _material(rng: Generator, anatomy: Anatomy, height: Curve, membrane: Membrane) -> Inclusion:
    """Return the subretinal hyperreflective material lying on the RPE.

    A scar is the brightest, with sharp edges; blood is darker and shades what lies below.
    """
    surfaces = anatomy.surfaces()
    floor = surfaces[Layer.SUBRETINAL]
    seen = np.where(height > VISIBLE_UM, height, -40).astype(np.float32)
    cover = _ramp_between(anatomy.grid, floor - seen, floor + 4)
    haze = np.clip((anatomy.grid.y - floor + seen + 14) / 28, 0.55, 1)
    cover = cover * haze
    grain = 0.5 * blotches(rng, anatomy.grid, 45, 60) + 0.4 * blotches(rng, anatomy.grid, 124, 50)
    fine = 0.45 * blotches(rng, anatomy.grid, 165, 128)
    patchy = np.clip(0.86 + rng.uniform(0.15, 0.4) * (grain + fine), 0.35, 1)
    grey = rng.uniform(118, 172) + (22 if membrane.scar else 0) - (12 if membrane.blood else 0)
    passing = rng.uniform(0.1, 0.25) if membrane.blood else rng.uniform(0.45, 0.85)
    return Inclusion((cover * patchy).astype(np.float32), grey, passing)


def _filling(rng: Generator, anatomy: Anatomy, ped: Curve) -> tuple[Inclusion, ...]:
    """Return the fibrovascular tissue in a pigment epithelial detachment.

    It hangs from the RPE, bright and fading downwards into darker fluid, in lumps and columns,
    with grey strands and clear pockets below.
    """
    grid, surfaces = anatomy.grid, anatomy.surfaces()
    space = _ramp_between(grid, surfaces[Layer.RPE] + 4, surfaces[Layer.SUB_RPE] - 4)
    space = space * (ped > VISIBLE_UM)
    uneven = 0.3 * blotches(rng, grid, 62, 22) + 0.25 * blotches(rng, grid, 124, 60)
    strands = np.clip(rng.uniform(0.1, 0.5) + uneven, 0, 0.9) * rng.uniform(0.4, 1.0)
    depth = np.maximum(grid.y - surfaces[Layer.RPE], 0)
    lumpy = rng.uniform(20, 75) * np.clip(1 + wave(rng, grid.x, 260, 0.5), 0.25, 2.5)
    hanging = rng.uniform(0.5, 0.95) * np.exp(-depth / lumpy)
    hanging = hanging * np.clip(1 + wave(rng, grid.x, 110, 0.2) + 0.5 * uneven, 0.2, 1.2)
    hanging = np.clip(hanging, 0, 1)
    return (
        Inclusion((space * strands).astype(np.float32), rng.uniform(80, 140)),
        Inclusion(
            (space * hanging).astype(np.float32), rng.uniform(130, 185), rng.uniform(0.4, 0.8)
        ),
    )


# --- masks ----------------------------------------------------------------------------------


def _columns(grid: Grid, places: NDArray[np.floating]) -> NDArray[np.intp]:
    """Return the A-scan under each place (µm from the left edge)."""
    columns: NDArray[np.intp] = np.clip(places / grid.lateral_um, 0, grid.width - 1).astype(np.intp)
    return columns


def _ramp_between(grid: Grid, top: Curve, bottom: Curve) -> Plane:
    """Return 1 between two curves (µm) and 0 outside, with edges one pixel soft."""
    ramp: Plane = np.clip(
        np.minimum(grid.y - top, bottom - grid.y) / grid.axial_um + 0.5, 0, 1
    ).astype(np.float32)
    return ramp


def _between(anatomy: Anatomy, above: Layer, layer: Layer, where: Bits) -> Bits:
    """Return the pixels below the surface of `above` down to that of `layer`, where asked."""
    surfaces, y = anatomy.surfaces(), anatomy.grid.y
    inside: Bits = (y >= surfaces[above]) & (y < surfaces[layer]) & where
    return inside


def _union(parts: tuple[Inclusion, ...], anatomy: Anatomy) -> Bits:
    """Return the pixels covered by any of `parts`."""
    covered = np.zeros((anatomy.grid.height, anatomy.grid.width), np.bool_)
    for part in parts:
        covered[part.place] |= part.cover > 0.5
    return covered


def _conclude(
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
