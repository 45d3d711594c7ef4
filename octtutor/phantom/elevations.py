"""How high lesions stand along the scan: curves of µm, float32 (width,)."""

import cv2
import numpy as np
from numpy.random import Generator

from octtutor.phantom.anatomy import Anatomy, Curve, Grid, bell, wave
from octtutor.phantom.layer_edits import smooth_curve

_STEEPEST = 0.3
"""Greatest height of a dome as a share of its half width."""


def kinds_there(*named: tuple[str, bool | np.bool_]) -> tuple[str, ...]:
    """Return the names of those that are there."""
    return tuple(name for name, there in named if there)


def draw_drusen(rng: Generator, anatomy: Anatomy, severity: float) -> tuple[Curve, tuple[str, ...]]:
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
    row = smooth_curve(anatomy.grid, row, 13)
    ends = np.sort(np.stack([centres - widths, centres + widths])[:, soft], axis=1)
    touching = soft.sum() > 1 and bool((ends[0, 1:] < ends[1, :-1]).any())
    kinds = kinds_there(("hard", (~soft).any()), ("soft", soft.any()), ("confluent", touching))
    return row * (1 + wave(rng, x, 85, 0.06)), kinds


def _dome(x: Curve, centre: float, half_width: float, power: float) -> Curve:
    """Return a round dome of height 1; a `power` of 0.5 is an ellipse, more is more pointed."""
    u = (x - centre) / half_width
    dome: Curve = (np.clip(1 - u * u, 0, 1) ** power).astype(np.float32)
    return dome


def draw_wrinkles(rng: Generator, x: Curve) -> Curve:
    """Return the ripples of an epiretinal membrane in most eyes, float32 (width,), µm."""
    depth = float(rng.choice((0.0, 3.0, 6.0, 9.0)))
    patches = np.clip(0.4 + wave(rng, x, 1600, 0.6), 0, 1.2)
    fine = wave(rng, x, 130, 0.35 * depth)
    ripples: Curve = (wave(rng, x, 400, depth) + fine) * patches
    return ripples


def draw_serous_dome(rng: Generator, anatomy: Anatomy, severity: float) -> Curve:
    """Return a dome of subretinal fluid under the fovea, float32 (width,), µm."""
    dome = bell(anatomy.grid.x, anatomy.fovea, rng.uniform(280, 700), 2.4)
    return np.float32(rng.uniform(35, 60 + 110 * severity)) * dome


def draw_detachment(rng: Generator, x: Curve, centre: float, severity: float) -> Curve:
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


def draw_teeth(rng: Generator, x: Curve) -> Curve:
    """Return the teeth of the RPE over fibrovascular tissue, float32 (width,), µm, 0 or more."""
    teeth = np.abs(wave(rng, x, 130, rng.uniform(3, 9))) + np.abs(wave(rng, x, 60, 4.0))
    serrated: Curve = teeth * np.clip(0.8 + wave(rng, x, 700, 0.5), 0, 2)
    return serrated


def draw_material_height(rng: Generator, x: Curve, centre: float, severity: float) -> Curve:
    """Return the height of subretinal hyperreflective material, float32 (width,), µm."""
    height = rng.uniform(32, 62) + severity * rng.uniform(30, 180)
    place = centre + rng.normal(0, 220)
    half_width = rng.uniform(350, 700 + 800 * severity)
    height = min(height, 0.6 * _STEEPEST * half_width)
    dome = bell(x, place, half_width, rng.uniform(2.2, 4.5))
    lumps = 1 + wave(rng, x, 620, 0.2) + wave(rng, x, 260, 0.05)
    material: Curve = np.float32(height) * dome * np.clip(lumps, 0.2, 1.8)
    return material


def draw_fluid_margin(rng: Generator, x: Curve, centre: float, severity: float) -> Curve:
    """Return the height of subretinal fluid beside the lesion, or zeros; float32 (width,), µm."""
    there = rng.random() < 0.4 + 0.4 * severity
    amount = np.float32(rng.uniform(25, 50 + 170 * severity) * there)
    place = centre + rng.choice((-1, 1)) * rng.uniform(100, 800)
    return amount * bell(x, place, rng.uniform(300, 900), 2.6)


def span_valleys(grid: Grid, raised: Curve) -> Curve:
    """Return how far the retina stands off where it spans valleys between and beside domes, µm."""
    reach = np.ones((1, 2 * int(380 / grid.lateral_um) + 1), np.uint8)
    taut = smooth_curve(grid, cv2.erode(cv2.dilate(raised[None], reach), reach)[0], 120)
    spanned: Curve = np.maximum(taut - raised - 8, 0).astype(np.float32)
    return spanned


def draw_tears(rng: Generator, x: Curve, centre: float, severity: float) -> Curve:
    """Return where the RPE is disrupted, float32 (width,), 0 to 1."""
    near = bell(x, centre, 500 + 700 * severity, 4)
    gaps = np.clip(0.35 + 0.3 * severity + 1.1 * wave(rng, x, 320, 1.0), 0, 1)
    least = bell(x, centre + rng.normal(0, 150), rng.uniform(90, 220), 4)
    torn: Curve = np.maximum(near * gaps, least).astype(np.float32)
    return torn
