"""What disease does to the layers: their thicknesses and greys."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from octtutor.phantom.anatomy import Anatomy, Curve, Grid, Layer, wave, within_frame

LEAST_ONL_UM = 14.0
"""The outer nuclear layer is never pressed thinner than this."""

_BARE_GREYS = (
    (Layer.ELM, 56.0),
    (Layer.MYOID, 60.0),
    (Layer.EZ, 66.0),
    (Layer.OS, 70.0),
    (Layer.IZ, 84.0),
)
"""What is left of each photoreceptor band where it is lost altogether, display grey."""


def raise_rpe(anatomy: Anatomy, bump: Curve, sharing: float, grey: float) -> Anatomy:
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


def detach_retina(anatomy: Anatomy, space: Curve, grey: float) -> Anatomy:
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
    lift = sharing * smooth_curve(grid, bump, 170)
    unmet = np.maximum(bump - lift - spare[0] - 0.6 * (spare[1] + spare[2]), 0)
    reach = np.ones((1, 2 * int(170 / grid.lateral_um) + 1), np.uint8)
    lift = lift + smooth_curve(grid, cv2.dilate(unmet[None, :], reach)[0], 110)
    excess = bump - lift
    thickness[Layer.ONL] += np.maximum(-excess, 0)
    excess = np.maximum(excess, 0)
    for layer, room in zip(yielding, spare, strict=True):
        taken = np.minimum(excess, room)
        thickness[layer] -= taken
        excess = excess - taken


def smooth_curve(grid: Grid, curve: Curve, sigma: float) -> Curve:
    """Return `curve` after a Gaussian of `sigma` µm."""
    row = curve[None, :].astype(np.float32)
    soft = cv2.GaussianBlur(row, (0, 0), sigmaX=sigma / grid.lateral_um, sigmaY=0.1)
    smooth: Curve = soft[0].astype(np.float32)
    return smooth


def age_retina(rng: Generator, anatomy: Anatomy, thinnest: float, passing: float) -> Anatomy:
    """Thin the retina as in eyes old enough for macular degeneration, to `thinnest` at the least.

    Their RPE has lost pigment, so more light goes farther behind it: `passing` times as much, in
    greys, at first.
    """
    thickness = anatomy.thickness.copy()
    thickness[Layer.GCL : Layer.ELM] *= rng.uniform(thinnest, 1.02)
    paler = light_choroid(anatomy, passing)
    return replace(paler, thickness=thickness, reach=float(rng.uniform(1.0, 1.5)))


def light_choroid(anatomy: Anatomy, passing: float) -> Anatomy:
    """Let `passing` times as much be seen of the choroid, in greys."""
    greys = anatomy.greys.copy()
    greys[Layer.CHOROID] *= np.float32(passing)
    return replace(anatomy, greys=greys)


def thicken(rng: Generator, anatomy: Anatomy, amount: Curve) -> Anatomy:
    """Thicken the inner nuclear, plexiform and outer nuclear layers by `amount` µm in all."""
    thickness = anatomy.thickness.copy()
    amount = np.maximum(amount, -20)
    shares = rng.dirichlet((2.0, 4.0, 4.0, 7.0))
    for layer, share in zip((Layer.GCL, Layer.INL, Layer.OPL, Layer.ONL), shares, strict=True):
        thickness[layer] = np.maximum(thickness[layer] + np.float32(share) * amount, 0)
    return replace(anatomy, thickness=thickness)


def wear_photoreceptors(anatomy: Anatomy, where: Curve, loss: float) -> Anatomy:
    """Dim the bands between ELM and RPE by `loss` (0 to 1) where `where` (0 to 1) says."""
    greys = anatomy.greys.copy()
    for layer, bare in _BARE_GREYS:
        greys[layer] += loss * where * (bare - greys[layer])
    return replace(anatomy, greys=greys)


def patch_bands(rng: Generator, anatomy: Anatomy, where: Curve) -> Anatomy:
    """Make photoreceptors and RPE patchy, as below oedema, most where `where` (0 to 1) says."""
    x = anatomy.grid.x
    patches = np.clip(0.2 + 0.4 * where + wave(rng, x, 420, 0.4), 0, 1)
    worn = wear_photoreceptors(anatomy, patches, rng.uniform(0, 0.6))
    greys = worn.greys.copy()
    uneven = wave(rng, x, 90, rng.uniform(0.01, 0.06)) + wave(rng, x, 300, rng.uniform(0.01, 0.06))
    greys[Layer.EZ : Layer.CHOROID] *= 1 + (0.4 + 0.6 * where) * uneven
    return replace(worn, greys=greys)


def collapse_photoreceptors(anatomy: Anatomy, where: Curve) -> Anatomy:
    """Thin the photoreceptors' bands by the share `where` (0 to 1); the ONL takes their room."""
    thickness = anatomy.thickness.copy()
    for layer in (Layer.EZ, Layer.OS, Layer.IZ):
        gone = where * thickness[layer]
        thickness[layer] -= gone
        thickness[Layer.ONL] += gone
    return replace(anatomy, thickness=thickness)


def thin_over(rng: Generator, anatomy: Anatomy, where: Curve) -> Anatomy:
    """Thin and unevenly dim the RPE over drusen, where `where` (0 to 1) says."""
    thickness, greys = anatomy.thickness.copy(), anatomy.greys.copy()
    loss = where * rng.uniform(-0.15, 0.25) * thickness[Layer.RPE]
    loss = np.minimum(loss, thickness[Layer.RPE])
    loss = np.maximum(loss, -thickness[Layer.SUB_RPE])
    thickness[Layer.RPE] -= loss
    thickness[Layer.SUB_RPE] += loss
    greys[Layer.RPE] *= 1 + where * wave(rng, anatomy.grid.x, 70, 0.07)
    return replace(anatomy, thickness=thickness, greys=greys)


def tear_rpe(rng: Generator, anatomy: Anatomy, torn: Curve) -> Anatomy:
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


def brighten_rpe(rng: Generator, anatomy: Anatomy, where: Curve) -> Anatomy:
    """Brighten and thicken the RPE over a detachment, where `where` (0 to 1) says."""
    thickness, greys = anatomy.thickness.copy(), anatomy.greys.copy()
    greys[Layer.RPE] *= 1 + rng.uniform(0, 0.25) * where
    gained = where * rng.uniform(0, 10) * np.clip(thickness[Layer.SUB_RPE] / 40, 0, 1)
    thickness[Layer.RPE] += gained
    thickness[Layer.SUB_RPE] -= gained
    return replace(anatomy, thickness=thickness, greys=greys)


def shade_below(anatomy: Anatomy, ped: Curve, blood: bool) -> Anatomy:
    """Dim Bruch's membrane and the choroid under a detachment of `ped` µm, more under blood."""
    greys = anatomy.greys.copy()
    depth = np.clip(ped / 180, 0, 1)
    greys[Layer.CHOROID] *= 1 - (0.6 if blood else 0.28) * depth
    greys[Layer.BM] *= 1 - 0.25 * depth
    return replace(anatomy, greys=greys)


def move_into_frame(anatomy: Anatomy) -> Anatomy:
    """Move the eye down where a lesion has pushed the retina out of the picture."""
    retina = anatomy.thickness[: Layer.CHOROID].sum(axis=0)
    return replace(anatomy, membrane=within_frame(anatomy.membrane, retina, 90))
