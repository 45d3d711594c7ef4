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

from octtutor.phantom.anatomy import SPAN_UM, Anatomy, Curve, Grid, Layer, bell, wave
from octtutor.phantom.image import Inclusion, Plane, blotches, ellipse

Bits = NDArray[np.bool_]
"""bool (height, width)."""

VISIBLE_UM = 12.0
"""An elevation lower than this is not called a lesion: about three Spectralis pixels."""

LEAST_ONL_UM = 14.0
"""The outer nuclear layer is never pressed thinner than this."""


_MEMBRANES = ((1.0, 0.0), (1.0, 0.45), (0.45, 1.0), (0.25, 1.0), (1.0, 0.9))
"""How much of a type 1 (under the RPE) and a type 2 (above it) membrane an eye may have."""


_BARE_GREYS = (
    (Layer.ELM, 56.0),
    (Layer.MYOID, 60.0),
    (Layer.EZ, 66.0),
    (Layer.OS, 70.0),
    (Layer.IZ, 84.0),
)
"""What is left of each photoreceptor band where it is lost altogether, display grey."""


_PED_HEIGHTS = ((40, 90), (90, 170), (150, 270), (240, 380))
"""Ranges of the height of a pigment epithelial detachment, µm, equally likely."""

_STEEPEST = 0.24
"""Greatest height of a dome as a share of its half width."""


class Finding(NamedTuple):
    """One thing a reader should see.

    Attributes:
        name: in the field's words, such as `intraretinal fluid`.
        mask: uint8 (height, width), 255 inside and 0 elsewhere.
    """

    name: str
    mask: NDArray[np.uint8]


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


# --- the four diagnoses ---------------------------------------------------------------------


def healthy(rng: Generator, anatomy: Anatomy) -> Diseased:
    """Return the retina as it is."""
    del rng
    return Diseased(anatomy)


def drusen(rng: Generator, anatomy: Anatomy) -> Diseased:
    """Return the retina with drusen: bumps of the RPE over a flat Bruch's membrane."""
    bumps = _druse_row(rng, anatomy)
    rough = np.abs(wave(rng, anatomy.grid.x, 190, 3.0))
    raised = _raise_rpe(anatomy, bumps + rough, sharing=0.12, grey=rng.uniform(108, 150))
    worn = _wear_photoreceptors(raised, np.clip(bumps / 45, 0, 1), rng.uniform(0.4, 0.85))
    settled = _settle(worn)
    mask = _between(settled, Layer.SUBRETINAL, Layer.SUB_RPE, bumps > VISIBLE_UM)
    foci = _foci(rng, settled, bumps > 45, count=int(rng.choice((0, 0, 1, 2, 4))))
    return _conclude(
        settled, foci, (("drusen", mask), ("hyperreflective foci", _union(foci, settled)))
    )


def oedema(rng: Generator, anatomy: Anatomy) -> Diseased:
    """Return the retina with diabetic macular oedema: thickening, cysts, sometimes exudates."""
    centre = anatomy.fovea + rng.normal(0, 260)
    width = rng.uniform(650, 1600)
    amount = rng.uniform(50, 300)
    swelling = bell(anatomy.grid.x, centre, width, 2.6)
    wrinkled = _wrinkles(rng, anatomy.grid.x)
    swollen = _swell(rng, anatomy, amount * swelling + wrinkled)
    swollen = _wear_photoreceptors(swollen, swelling, rng.uniform(0, 0.45))
    serous = _serous(rng, anatomy) if rng.random() < 0.22 else np.zeros_like(anatomy.membrane)
    settled = _settle(_detach(swollen, serous, rng.uniform(18, 30)))
    cysts = _cysts(rng, settled, centre, width * rng.uniform(0.35, 0.9))
    exudates = _exudates(rng, settled, centre) if rng.random() < 0.5 else ()
    named = (
        ("intraretinal fluid", cysts.cover > 0.5),
        ("subretinal fluid", _between(settled, Layer.IZ, Layer.SUBRETINAL, serous > VISIBLE_UM)),
        ("hyperreflective foci", _union(exudates, settled) & (cysts.cover <= 0.5)),
    )
    return _conclude(settled, (*exudates, cysts), named)


def neovascularisation(rng: Generator, anatomy: Anatomy) -> Diseased:
    """Return the retina with a choroidal neovascular membrane: under, at and above the RPE."""
    centre = float(anatomy.fovea + np.clip(rng.normal(0, 420), -1000, 1000))
    x = anatomy.grid.x
    occult, classic = _MEMBRANES[int(rng.integers(len(_MEMBRANES)))]
    ped = np.float32(occult) * _detachment(rng, x, centre)
    material_height = np.float32(classic) * _material_height(rng, x, centre)
    crest = ped / max(float(ped.max()), 80.0)
    fluid = _fluid_margin(rng, x, centre) * (1 - 0.9 * crest)
    torn = _torn(rng, x, centre)
    anatomy = _raise_rpe(anatomy, ped, sharing=0.8, grey=rng.uniform(28, 84))
    anatomy = _detach(anatomy, fluid + material_height, rng.uniform(16, 28))
    anatomy = _swell(rng, anatomy, rng.uniform(0, 70) * bell(x, centre, 1200))
    anatomy = _wear_photoreceptors(anatomy, bell(x, centre, 1100, 4), rng.uniform(0.6, 1.0))
    settled = _settle(_tear_rpe(rng, _shade_below(anatomy, ped), torn))
    return _show_membrane(rng, settled, centre, ped, material_height, fluid, torn)


def _show_membrane(
    rng: Generator,
    anatomy: Anatomy,
    centre: float,
    ped: Curve,
    material_height: Curve,
    fluid: Curve,
    torn: Curve,
) -> Diseased:
    """Return the neovascular eye with what lies inside its layers painted and named."""
    material = _material(rng, anatomy, material_height)
    filling = _filling(rng, anatomy, ped)
    cystic = rng.random() < 0.4
    cysts = (_cysts(rng, anatomy, centre, 380),) if cystic else ()
    foci = _foci(rng, anatomy, bell(anatomy.grid.x, centre, 900) > 0.4, int(rng.integers(0, 6)))
    solid = material.cover > 0.5
    space = _between(anatomy, Layer.IZ, Layer.SUBRETINAL, fluid > VISIBLE_UM)
    named = (
        ("sub-RPE fluid / PED", _between(anatomy, Layer.RPE, Layer.SUB_RPE, ped > VISIBLE_UM)),
        ("subretinal hyperreflective material", solid),
        ("subretinal fluid", space & ~solid),
        ("intraretinal fluid", _union(cysts, anatomy)),
        ("RPE disruption", _between(anatomy, Layer.SUBRETINAL, Layer.RPE, torn > 0.5)),
        ("hyperreflective foci", _union(foci, anatomy)),
    )
    return _conclude(anatomy, (filling, material, *cysts, *foci), named)


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


def _swell(rng: Generator, anatomy: Anatomy, amount: Curve) -> Anatomy:
    """Thicken the inner nuclear, plexiform and outer nuclear layers by `amount` µm in all."""
    thickness = anatomy.thickness.copy()
    amount = np.maximum(amount, -20)
    shares = rng.dirichlet((2.0, 4.0, 4.0, 7.0))
    for layer, share in zip((Layer.GCL, Layer.INL, Layer.OPL, Layer.ONL), shares, strict=True):
        thickness[layer] += np.float32(share) * amount
    return replace(anatomy, thickness=thickness)


def _wear_photoreceptors(anatomy: Anatomy, where: Curve, loss: float) -> Anatomy:
    """Dim the bands between ELM and RPE by `loss` (0 to 1) where `where` (0 to 1) says."""
    greys = anatomy.greys.copy()
    for layer, bare in _BARE_GREYS:
        greys[layer] += loss * where * (bare - greys[layer])
    return replace(anatomy, greys=greys)


def _tear_rpe(rng: Generator, anatomy: Anatomy, torn: Curve) -> Anatomy:
    """Thin and dim the RPE where `torn` (0 to 1), so that more light reaches the choroid."""
    thickness, greys = anatomy.thickness.copy(), anatomy.greys.copy()
    ragged = np.clip(1 - torn * (0.5 + wave(rng, anatomy.grid.x, 110, 0.25)), 0.25, 1.3)
    thinned = thickness[Layer.RPE] * (1 - ragged)
    thickness[Layer.RPE] -= thinned
    thickness[Layer.ONL] += thinned
    greys[Layer.RPE] *= (1 - 0.42 * torn) * (1 + wave(rng, anatomy.grid.x, 60, 0.07))
    greys[Layer.CHOROID] *= 1 + torn * (0.2 + wave(rng, anatomy.grid.x, 70, 0.1))
    return replace(anatomy, thickness=thickness, greys=greys)


def _shade_below(anatomy: Anatomy, ped: Curve) -> Anatomy:
    """Dim Bruch's membrane and the choroid under a detachment of `ped` µm."""
    greys = anatomy.greys.copy()
    depth = np.clip(ped / 180, 0, 1)
    greys[Layer.CHOROID] *= 1 - 0.3 * depth
    greys[Layer.BM] *= 1 - 0.25 * depth
    return replace(anatomy, greys=greys)


def _settle(anatomy: Anatomy) -> Anatomy:
    """Move the eye down where a lesion has pushed the retina out of the picture."""
    highest = float(anatomy.surfaces()[Layer.VITREOUS].min())
    down = max(0.0, 90.0 - highest)
    return replace(anatomy, membrane=anatomy.membrane + np.float32(down))


# --- shapes ---------------------------------------------------------------------------------


def _druse_row(rng: Generator, anatomy: Anatomy) -> Curve:
    """Return the height of the drusen along the scan, float32 (width,), µm.

    Widths run from small (below 63 µm) to large (above 125 µm) in the sense of the Beckman
    classification (Ferris et al., Ophthalmology 120:844, 2013).
    """
    x = anatomy.grid.x
    count = int(rng.integers(4, 19))
    centres = np.clip(anatomy.fovea + rng.normal(0, 1100, count), 250, SPAN_UM - 250)
    heights = np.clip(rng.lognormal(np.log(38), 0.45, count), 16, 130)
    heights[0] = max(heights[0], 65)
    widths = 52 + heights * rng.uniform(0.5, 1.9, count)
    powers = rng.uniform(2.0, 4.0, count)
    row = np.zeros_like(x)
    for centre, height, width, power in zip(centres, heights, widths, powers, strict=True):
        row = np.maximum(row, np.float32(height) * bell(x, centre, width, power))
    return row * (1 + wave(rng, x, 85, 0.07))


def _wrinkles(rng: Generator, x: Curve) -> Curve:
    """Return the ripples of an epiretinal membrane in half of the eyes, float32 (width,), µm."""
    depth = float(rng.choice((0.0, 0.0, 3.0, 6.0)))
    patches = np.clip(0.4 + wave(rng, x, 1600, 0.6), 0, 1.2)
    ripples: Curve = wave(rng, x, 400, depth) * patches
    return ripples


def _serous(rng: Generator, anatomy: Anatomy) -> Curve:
    """Return a dome of subretinal fluid under the fovea, float32 (width,), µm."""
    dome = bell(anatomy.grid.x, anatomy.fovea, rng.uniform(280, 700), 2.4)
    return np.float32(rng.uniform(40, 130)) * dome


def _detachment(rng: Generator, x: Curve, centre: float) -> Curve:
    """Return the height of the pigment epithelial detachment, float32 (width,), µm."""
    half_width = rng.uniform(450, 1450)
    low, high = _PED_HEIGHTS[int(rng.integers(len(_PED_HEIGHTS)))]
    height = min(rng.uniform(low, high), _STEEPEST * half_width)
    dome = bell(x, centre, half_width, rng.uniform(2.2, 4.0))
    second = 0.6 * bell(x, centre + half_width * rng.uniform(-1.4, 1.4), half_width * 0.4, 2.4)
    lumps = wave(rng, x, 520, 0.11) + wave(rng, x, 110, 0.03)
    ped: Curve = np.float32(height) * np.maximum(dome, second) * np.clip(1 + lumps, 0.3, 1.6)
    return ped


def _material_height(rng: Generator, x: Curve, centre: float) -> Curve:
    """Return the height of subretinal hyperreflective material, float32 (width,), µm."""
    height = rng.choice((rng.uniform(30, 70), rng.uniform(80, 230)), p=(0.4, 0.6))
    place = centre + rng.normal(0, 260)
    half_width = rng.uniform(350, 1200)
    height = min(height, _STEEPEST * half_width)
    dome = bell(x, place, half_width, rng.uniform(2.0, 3.4))
    lumps = np.clip(1 + wave(rng, x, 620, 0.22), 0.2, 1.8)
    material: Curve = np.float32(height) * dome * lumps
    return material


def _fluid_margin(rng: Generator, x: Curve, centre: float) -> Curve:
    """Return the height of subretinal fluid beside the lesion, or zeros; float32 (width,), µm."""
    amount = np.float32(rng.uniform(35, 130) if rng.random() < 0.65 else 0)
    place = centre + rng.choice((-1, 1)) * rng.uniform(250, 800)
    return amount * bell(x, place, rng.uniform(300, 750), 2.6)


def _torn(rng: Generator, x: Curve, centre: float) -> Curve:
    """Return where the RPE is disrupted, float32 (width,), 0 to 1."""
    near = bell(x, centre, 800, 4)
    gaps = np.clip(0.5 + 1.1 * wave(rng, x, 420, 1.0), 0, 1)
    least = bell(x, centre + rng.normal(0, 150), rng.uniform(90, 220), 4)
    torn: Curve = np.maximum(near * gaps, least).astype(np.float32)
    return torn


# --- what lies inside the layers ------------------------------------------------------------


def _cysts(rng: Generator, anatomy: Anatomy, centre: float, spread: float) -> Inclusion:
    """Return a cluster of ovoid cysts parted by thin septa, from the INL to the ELM."""
    grid, surfaces = anatomy.grid, anatomy.surfaces()
    roof, floor = surfaces[Layer.INL] - 8, surfaces[Layer.ONL] - 8
    large = _cyst_row(rng, grid, (roof, floor), centre, spread)
    roof, floor = surfaces[Layer.IPL] - 6, surfaces[Layer.INL] + 14
    small = _cyst_row(rng, grid, (roof, floor), centre + rng.normal(0, 300), spread * 1.2)
    few = small[rng.random(len(small)) < rng.uniform(0, 0.8)]
    spots = np.vstack([large, few])
    warp = 7 * blotches(rng, grid, 60, 90), 7 * blotches(rng, grid, 70, 60)
    nearest, second = _two_nearest(grid, spots, warp)
    edge = np.clip((1 - nearest) / 0.16 + 0.5, 0, 1)
    septum = np.clip((second - nearest - 0.05) / 0.14, 0, 1)
    retina = _ramp_between(grid, surfaces[Layer.NFL] + 16, surfaces[Layer.ONL] - 6)
    return Inclusion((edge * septum * retina).astype(np.float32), rng.uniform(12, 28))


def _cyst_row(
    rng: Generator, grid: Grid, band: tuple[Curve, Curve], centre: float, spread: float
) -> NDArray[np.floating]:
    """Return cysts side by side, largest near `centre`, each within its band of the retina.

    Args:
        rng: source of number, widths and places.
        grid: the pixels.
        band: two float32 (width,), µm, the band's top and bottom.
        centre: x about which they lie, µm.
        spread: half width of the row, µm.

    Returns:
        float (n, 4), µm: x, y, half width, half height of each.
    """
    typical = rng.uniform(40, 130)
    count = int(np.clip(spread / typical * rng.uniform(0.35, 0.8), 1, 11))
    half_widths = np.clip(rng.lognormal(np.log(typical), 0.6, count), 24, 280)
    half_widths = _largest_inside(half_widths)
    steps = np.cumsum(2 * half_widths + rng.exponential(26, count)) - half_widths
    places = np.clip(centre + steps - steps.mean(), 150, SPAN_UM - 150)
    column = _columns(grid, places)
    top, bottom = band[0][column], band[1][column]
    room = np.maximum(bottom - top, 24)
    taper = 1 - 0.55 * np.clip(np.abs(places - centre) / (1.5 * spread), 0, 1)
    filled = 0.48 * room * taper * rng.uniform(0.55, 1.05, count)
    half_heights = np.clip(np.minimum(filled, half_widths * 1.5), 12, 0.5 * room)
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


def _exudates(rng: Generator, anatomy: Anatomy, centre: float) -> tuple[Inclusion, ...]:
    """Return hard exudates: small bright deposits about the OPL that shade what lies below."""
    grid, surfaces = anatomy.grid, anatomy.surfaces()
    middle = centre + rng.choice((-1, 1)) * rng.uniform(300, 1300)
    places = np.clip(rng.normal(middle, 260, int(rng.integers(2, 10))), 100, SPAN_UM - 100)
    dots = []
    for place, column in zip(places, _columns(grid, places), strict=True):
        depth = surfaces[Layer.INL, column] + rng.uniform(-10, 45)
        size = np.clip(rng.lognormal(np.log(10), 0.4), 6, 24)
        dot = ellipse(grid, place, depth, size * rng.uniform(1.8, 3.2), size)
        dots.append(Inclusion(dot, rng.uniform(150, 225), rng.uniform(0.3, 0.75)))
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
        dots.append(Inclusion(ellipse(grid, place, depth, size * 2.4, size), 165, 0.75))
    return tuple(dots) if x.size else ()


def _material(rng: Generator, anatomy: Anatomy, height: Curve) -> Inclusion:
    """Return the subretinal hyperreflective material lying on the RPE."""
    surfaces = anatomy.surfaces()
    floor = surfaces[Layer.SUBRETINAL]
    seen = np.where(height > VISIBLE_UM, height, -40).astype(np.float32)
    cover = _ramp_between(anatomy.grid, floor - seen, floor + 4)
    patchy = np.clip(0.86 + 0.16 * blotches(rng, anatomy.grid, 45, 60), 0.55, 1)
    return Inclusion((cover * patchy).astype(np.float32), rng.uniform(112, 158), 0.8)


def _filling(rng: Generator, anatomy: Anatomy, ped: Curve) -> Inclusion:
    """Return the fibrovascular tissue in a pigment epithelial detachment: soft grey strands."""
    surfaces = anatomy.surfaces()
    space = _ramp_between(anatomy.grid, surfaces[Layer.RPE] + 8, surfaces[Layer.SUB_RPE] - 4)
    strands = np.clip(0.25 + 0.35 * blotches(rng, anatomy.grid, 62, 22), 0, 0.8)
    present = (ped > VISIBLE_UM) * rng.uniform(0.2, 1.0)
    return Inclusion((space * strands * present).astype(np.float32), rng.uniform(80, 120))


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
        covered |= part.cover > 0.5
    return covered


def _conclude(
    anatomy: Anatomy, inclusions: tuple[Inclusion, ...], named: tuple[tuple[str, Bits], ...]
) -> Diseased:
    """Return the diseased retina with those findings that can be seen."""
    seen = tuple(Finding(name, bits.astype(np.uint8) * 255) for name, bits in named if bits.any())
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
