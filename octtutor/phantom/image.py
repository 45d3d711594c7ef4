"""From anatomy to pixels: reflectivity, shadows, speckle, detector noise, display.

Spectralis shows the fourth root of the averaged intensity with the background taken off. Noise
that falls below the background becomes black, which is the black grain of the vitreous.
Everything multiplicative (speckle, shadows) therefore happens on intensity, not on greys.

A little over 400 lines: the steps of one rendering are read in their order, in one place.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from octtutor.phantom.anatomy import Anatomy, Curve, Grid, Layer, bell, wave
from octtutor.phantom.frame import finish, lay_frame
from octtutor.phantom.parameters import draw

Plane = NDArray[np.float32]
"""float32 (height, width)."""

_LATERAL_UM, _AXIAL_UM = 11.5, 3.87
"""A Spectralis pixel; blur and grain are given in these and follow the grid's own."""

_FADE_UM = np.array([0, 22, 45, 75, 110, 160, 235, 335, 455, 640, 900], np.float32)
_FADE_GREY = np.array([104, 93, 80, 69, 59, 50, 39, 28, 19, 12, 7], np.float32)

_SCATTERED = np.float32(0.68)
"""Share of the speckle's contrast that is lost below Bruch's membrane, as measured in OCT2017."""


@dataclass(frozen=True, slots=True)
class View:
    """What of a scan, besides the eye's disease, makes a reader think.

    Attributes:
        hyaloid: the detached posterior hyaloid is seen.
        shadow: a large vessel's shadow runs through the outer bands.
        dim: the signal is weak.
    """

    hyaloid: bool = False
    shadow: bool = False
    dim: bool = False


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Something inside the layers that has its own brightness.

    Attributes:
        cover: float32 (rows, columns), in [0, 1], how much of each pixel it fills.
        grey: its display grey, 0 to 255.
        transmission: share of light (intensity, in [0, 1]) that passes to what lies below.
        corner: row and column of the scan where `cover` begins; it may be a part of the scan.
    """

    cover: Plane
    grey: float
    transmission: float = 1.0
    corner: tuple[int, int] = (0, 0)

    @property
    def place(self) -> tuple[slice, slice]:
        """Where in the scan `cover` lies."""
        top, left = self.corner
        rows, columns = self.cover.shape
        return slice(top, top + rows), slice(left, left + columns)

    def paint(self, greys: Plane) -> None:
        """Paint it into `greys`, float32 (height, width)."""
        there = greys[self.place]
        there += self.cover * (np.float32(self.grey) - there)


def render(
    rng: Generator, anatomy: Anatomy, inclusions: tuple[Inclusion, ...], view: View = View()
) -> NDArray[np.uint8]:
    """Return the scan, uint8 (height, width)."""
    grid = anatomy.grid
    greys = _layers(rng, anatomy, _choroid(rng, anatomy))
    greys += np.float32(0.045) * greys * blotches(rng, grid, 60, 60)
    greys += _capillaries(rng, anatomy)
    light: Plane = np.ascontiguousarray(_column_gain(rng, grid) * _streaks(rng, anatomy))
    parts = (*_vessels(rng, anatomy, view.shadow), _glint(rng, anatomy), *inclusions)
    for part in parts:
        part.paint(greys)
        _shade(grid, part, light)
    greys = _exposed(
        greys, 1.07 * draw(rng, "brightness") * (rng.uniform(0.74, 0.84) if view.dim else 1)
    )
    lines = _hyaloid(rng, anatomy) if view.hyaloid else ()
    for line in lines:
        greys += line.cover * np.maximum(np.float32(line.grey) - greys, 0)
    frame = lay_frame(rng, anatomy)
    smooth = (_focused(rng, grid, greys) / np.float32(255)) ** 4 * light
    contrast = frame.raw(1 - _SCATTERED * _below(grid, anatomy.membrane + 45, 130.0))
    speckle = 1 + (_speckle(rng, grid, looks=rng.uniform(4.2, 7.4)) - 1) * contrast
    intensity: Plane = frame.raw(smooth) * speckle
    lit = frame.raw(_lit_vitreous(rng, anatomy, lines))
    shown = _display(intensity, _background(rng, grid, lit))
    return finish(rng, grid, frame, shown)


def _exposed(greys: Plane, gain: float) -> Plane:
    """Return `greys` as brighter or dimmer scans show them; the brightest saturate."""
    bright = greys * np.float32(gain)
    over = np.maximum(bright - 180, 0)
    exposed: Plane = bright - over + np.float32(45) * np.tanh(over / np.float32(45))
    return exposed


def _focused(rng: Generator, grid: Grid, greys: Plane) -> Plane:
    """Return `greys` as an optic of about 23 µm across and 8 µm in depth shows them."""
    across = 0.85 * rng.uniform(0.75, 1.25) * _LATERAL_UM / grid.lateral_um
    down = 0.78 * rng.uniform(0.8, 1.2) * _AXIAL_UM / grid.axial_um
    soft = cv2.GaussianBlur(greys, (0, 0), sigmaX=max(across, 0.3), sigmaY=max(down, 0.3))
    return soft.astype(np.float32, copy=False)


def _capillaries(rng: Generator, anatomy: Anatomy) -> Plane:
    """Return the bright grains of the capillary plexuses, from the GCL to the OPL, in greys."""
    grid, surfaces = anatomy.grid, anatomy.surfaces()
    inner = _below(grid, surfaces[Layer.NFL], 12.0) - _below(grid, surfaces[Layer.OPL], 12.0)
    dots = (rng.random((grid.height, grid.width), dtype=np.float32) > 0.994).astype(np.float32)
    soft = cv2.GaussianBlur(dots, (0, 0), sigmaX=0.75, sigmaY=0.75)
    grains: Plane = np.float32(rng.uniform(40, 120)) * soft * np.clip(inner, 0, 1)
    return grains


def _streaks(rng: Generator, anatomy: Anatomy) -> Plane:
    """Return the share of light behind the RPE, whose pigment lets it pass in streaks.

    Returns:
        float32 (height, width), around 1; 1 in the retina.
    """
    grid, amount = anatomy.grid, np.float32(draw(rng, "streak"))
    raw = rng.standard_normal((3, grid.width), dtype=np.float32)
    fine, mid, coarse = (
        cv2.GaussianBlur(row[None], (0, 0), sigmaX=sigma * _LATERAL_UM / grid.lateral_um)[0]
        for row, sigma in zip(raw, (1.2, 4.0, 12.0), strict=True)
    )
    mixed = 0.3 * fine / fine.std() + 0.7 * mid / mid.std() + 0.6 * coarse / coarse.std()
    passed: Plane = np.exp(2.0 * amount * mixed * _below(grid, anatomy.membrane, 50.0))
    return passed.astype(np.float32)


def _layers(rng: Generator, anatomy: Anatomy, choroid: Plane) -> Plane:
    """Return the grey of the layers above the choroid's own, float32 (height, width)."""
    grid, greys = anatomy.grid, anatomy.greys
    tops = anatomy.surfaces()
    rough = wave(rng, grid.x, 45, 1.6) + wave(rng, grid.x, 120, 1.6)
    image = np.zeros((grid.height, grid.width), np.float32)
    image += greys[0]
    tops[Layer.GCL : Layer.ONL] += rough
    for ragged in (Layer.IPL, Layer.INL, Layer.OPL):
        tops[ragged] += wave(rng, grid.x, 38, 2.2) + wave(rng, grid.x, 90, 2.2)
    for layer in range(Layer.NFL, Layer.CHOROID):
        step = greys[layer] - greys[layer - 1]
        image += step * _below(grid, tops[layer - 1], _softness(grid, layer))
    membrane = _below(grid, tops[Layer.BM], _softness(grid, Layer.CHOROID))
    image += (choroid - greys[Layer.BM]) * membrane
    return image


def _softness(grid: Grid, layer: int) -> float:
    """Return over how many µm the top of a layer blends into the layer above it."""
    inner = Layer.GCL < layer <= Layer.ONL
    return max(2.0 * grid.axial_um, 10.0 if inner else 7.0)


def _below(grid: Grid, surface: Curve, softness: float) -> Plane:
    """Return 0 above `surface`, 1 below it, with a ramp of `softness` µm."""
    ramp: Plane = np.clip((grid.y - surface) / softness + 0.5, 0, 1)
    return ramp


def _choroid(rng: Generator, anatomy: Anatomy) -> Plane:
    """Return the grey below Bruch's membrane: stroma, vessel lumens, then the fading sclera."""
    grid = anatomy.grid
    depth = np.maximum(grid.y - anatomy.membrane, 0)
    reach = rng.uniform(0.6, 1.2) * anatomy.reach
    fade = np.interp(depth / reach, _FADE_UM, _FADE_GREY).astype(np.float32)
    thickness = anatomy.thickness[Layer.CHOROID]
    inside = np.clip(1.6 - depth / thickness, 0, 1) * np.clip(depth / 30, 0, 1)
    stroma = 0.1 * blotches(rng, grid, 34, 34) + 0.03 * blotches(rng, grid, 124, 128)
    stroma = stroma + _lobules(rng, grid, depth)
    lumens = _lumens(rng, anatomy)
    opening = anatomy.greys[Layer.CHOROID] / 94
    shown: Plane = fade * opening * (1 + inside * stroma) * (1 - inside * lumens)
    return shown.astype(np.float32)


def _lobules(rng: Generator, grid: Grid, depth: Plane) -> Plane:
    """Return the bright lobules of the choriocapillaris and of Sattler's layer, 0 or more."""
    fine = np.maximum(blotches(rng, grid, 90, 80) - 0.4, 0)
    near = np.exp(-(((depth - 60) / np.float32(rng.uniform(40, 80))) ** 2))
    lobules: Plane = np.float32(rng.uniform(0.05, 0.25)) * fine * near
    return lobules.astype(np.float32)


def _lumens(rng: Generator, anatomy: Anatomy) -> Plane:
    """Return how dark the choroidal vessels are, float32 (height, width), in [0, 0.7].

    They widen outwards, from Sattler's layer to Haller's.
    """
    grid = anatomy.grid
    outer = np.clip((grid.y - anatomy.membrane - 70) / 90, 0, 1)
    fine, coarse = blotches(rng, grid, 74, 62), blotches(rng, grid, 34, 34)
    mixed = (1 - outer) * fine + outer * coarse
    amount = np.float32(rng.uniform(0.1, 1.0))
    dark = amount * np.float32(0.42) * np.clip((mixed - 0.1) * 0.8, 0, 1)
    return dark.astype(np.float32)


def blotches(rng: Generator, grid: Grid, rows: int, columns: int) -> Plane:
    """Return smooth noise of unit variance with `rows` by `columns` cells, the same on any grid."""
    cells = rng.standard_normal((rows, columns), dtype=np.float32)
    field = cv2.resize(cells, (grid.width, grid.height), interpolation=cv2.INTER_CUBIC)
    return (field / max(float(field.std()), 1e-6)).astype(np.float32)


def _column_gain(rng: Generator, grid: Grid) -> Plane:
    """Return the light of each A-scan, float32 (1, width): slow drift and fine streaks."""
    slow = wave(rng, grid.x, 5200, 0.16)
    uneven = rng.uniform(0.8, 2.2)
    fine = wave(rng, grid.x, 90, 0.07 * uneven) + wave(rng, grid.x, 35, 0.045 * uneven)
    gain: Plane = np.exp(slow + fine)[None, :]
    return gain


def _vessels(rng: Generator, anatomy: Anatomy, shadowing: bool) -> tuple[Inclusion, ...]:
    """Return retinal vessels in the ganglion cell layer, each with the shadow below it.

    Args:
        rng: source of number, places and sizes.
        anatomy: the retina.
        shadowing: whether one of them is large, near the fovea, and dark below.
    """
    grid, surfaces = anatomy.grid, anatomy.surfaces()
    places = rng.uniform(0, grid.x[-1], rng.integers(3, 9))
    large = anatomy.fovea + rng.choice((-1, 1)) * rng.uniform(650, 1300)
    radii = rng.uniform(12, 40, places.size + 1)
    through = rng.uniform(0.35, 0.85, places.size + 1)
    found = []
    for place, radius, passing in zip((*places, large), radii, through, strict=True):
        is_large = bool(place == large)
        if (is_large != shadowing and is_large) or abs(place - anatomy.fovea) < 550:
            continue
        radius, passing = (radius + 26, 0.12 * passing) if is_large else (radius, passing)
        column = min(int(place / grid.lateral_um), grid.width - 1)
        depth = surfaces[Layer.VITREOUS, column] + radius * rng.uniform(0.8, 1.6)
        wall, corner = ellipse(grid, place, depth, radius * 1.4, radius * 0.9)
        found.append(Inclusion(np.float32(0.6) * wall, rng.uniform(120, 150), passing, corner))
    return tuple(found)


def ellipse(
    grid: Grid, x: float, y: float, half_width: float, half_height: float
) -> tuple[Plane, tuple[int, int]]:
    """Return a filled soft-edged ellipse and its corner in the scan; lengths in µm.

    Returns:
        float32 (rows, columns) in [0, 1], as large as the ellipse; its first row and column.
    """
    edge = max(grid.axial_um, 6.0) * 1.5 / min(half_width, half_height)
    reach = 1 + edge / 2
    rows = _span(y, half_height * reach, grid.axial_um, grid.height)
    columns = _span(x, half_width * reach, grid.lateral_um, grid.width)
    across = (grid.x[columns] - np.float32(x)) / np.float32(half_width)
    down = (grid.y[rows] - np.float32(y)) / np.float32(half_height)
    distance = np.sqrt(across * across + down * down)
    disc: Plane = np.clip((1 - distance) / np.float32(edge) + np.float32(0.5), 0, 1)
    return disc, (rows.start, columns.start)


def _span(centre: float, reach: float, pixel_um: float, count: int) -> slice:
    """Return the pixels within `reach` µm of `centre` µm, at least one, within 0 to `count`."""
    first = int(np.clip((centre - reach) / pixel_um - 1, 0, count - 1))
    last = int(np.clip((centre + reach) / pixel_um + 2, first + 1, count))
    return slice(first, last)


def _glint(rng: Generator, anatomy: Anatomy) -> Inclusion:
    """Return the bright reflex of the inner limiting membrane where it faces the beam."""
    grid, inner = anatomy.grid, anatomy.surfaces()[Layer.VITREOUS]
    smooth = cv2.blur(inner[None, :], (grid.width // 40 * 2 + 1, 1))[0]
    slope = np.gradient(smooth, grid.lateral_um) - rng.normal(0, 0.03)
    facing = np.exp(-((slope / rng.uniform(0.012, 0.03)) ** 2))
    patchy = np.clip(0.35 + wave(rng, grid.x, 500, 0.5), 0, 1)
    visible = np.clip(rng.uniform(0.1, 0.4) + facing * patchy, 0, 1)
    line = np.exp(-(((grid.y - inner - 7) / 7) ** 2)) * visible
    return Inclusion(line.astype(np.float32), rng.uniform(150, 215))


def _hyaloid(rng: Generator, anatomy: Anatomy) -> tuple[Inclusion, ...]:
    """Return the detached posterior hyaloid: a thin line above the retina, bright in places."""
    grid = anatomy.grid
    attached = rng.random() < 0.5
    lift = rng.uniform(60, 330) * (
        1 - attached * bell(grid.x, anatomy.fovea, rng.uniform(900, 2600))
    )
    lift = lift + rng.uniform(0, 60) + wave(rng, grid.x, 2500, 14)
    visible = np.clip(0.7 + wave(rng, grid.x, 1500, 0.45), 0, 1)
    base = cv2.blur(anatomy.surfaces()[:1], (grid.width // 8 * 2 + 1, 1))[0]
    line = np.exp(-(((grid.y - base + lift) / 7) ** 2)) * visible
    return (Inclusion(line.astype(np.float32), rng.uniform(55, 135)),)


def _shade(grid: Grid, part: Inclusion, light: Plane) -> None:
    """Take from `light`, float32 (height, width), what an inclusion keeps from what is below."""
    if part.transmission >= 1 or not part.cover.size:
        return
    sigma = 18 / grid.lateral_um + 0.2
    margin = int(3 * sigma) + 1
    top, left = part.corner
    first, last = max(left - margin, 0), min(left + part.cover.shape[1] + margin, grid.width)
    cover = np.zeros((part.cover.shape[0] + 1, last - first), np.float32)
    cover[:-1, left - first : left - first + part.cover.shape[1]] = part.cover
    shade = np.maximum.accumulate(cover, axis=0) - cover
    soft = cv2.GaussianBlur(shade, (0, 0), sigmaX=sigma, sigmaY=0.1)
    peak = max(float(part.cover.max()), 1e-6)
    left_over = (1 - np.float32((1 - part.transmission) / peak) * soft).astype(np.float32)
    bottom = min(top + cover.shape[0], grid.height)
    light[top:bottom, first:last] *= left_over[: bottom - top]
    light[bottom:, first:last] *= left_over[-1]


def _speckle(rng: Generator, grid: Grid, looks: float) -> Plane:
    """Return multiplicative speckle of mean 1, float32 (height, width).

    Intensity averaged over independent looks is gamma distributed (Schmitt et al., J Biomed
    Opt 4:95, 1999); the cube of a Gaussian follows it (Wilson and Hilferty, PNAS 17:684, 1931).
    Bright grains stand out more than dark ones, as measured in OCT2017.
    """
    grain = _skewed(_grain(rng, grid, 0.72, 0.85), rng.uniform(0.05, 0.13))
    root = 1 - 1 / (9 * looks) + grain / (3 * np.sqrt(looks))
    root = np.maximum(root, 0).astype(np.float32)
    speckle: Plane = root * root * root
    return speckle


def _skewed(grain: Plane, amount: float) -> Plane:
    """Return Gaussian grain of unit variance with a skewness of about six times `amount`."""
    bent = grain + np.float32(amount) * (grain * grain - 1)
    return np.asarray(bent / np.float32(np.sqrt(1 + 2 * amount**2)), np.float32)


def _grain(rng: Generator, grid: Grid, across: float, down: float) -> Plane:
    """Return Gaussian noise of unit variance blurred by `across`, `down` Spectralis pixels."""
    noise = rng.standard_normal((grid.height, grid.width), dtype=np.float32)
    sigma_x = across * _LATERAL_UM / grid.lateral_um
    sigma_y = down * _AXIAL_UM / grid.axial_um
    soft = cv2.GaussianBlur(noise, (0, 0), sigmaX=max(sigma_x, 0.2), sigmaY=max(sigma_y, 0.2))
    return (soft / max(float(soft.std()), 1e-6)).astype(np.float32)


def _display(intensity: Plane, noise: Plane) -> Plane:
    """Return what the instrument shows: signal and noise less its background, in greys.

    The fourth root stretches what is dark: where light fades, grains turn black one by one.
    """
    shown: Plane = np.sqrt(np.sqrt(np.maximum(intensity + noise, 0))) * np.float32(255)
    return shown


def _lit_vitreous(rng: Generator, anatomy: Anatomy, lines: tuple[Inclusion, ...]) -> Plane:
    """Return the relative light of the vitreous: gel above a premacular pocket without any.

    Returns:
        float32 (height, width), above 0.
    """
    grid, inner = anatomy.grid, anatomy.surfaces()[:1]
    cloudy, strength = rng.random() < 0.4, rng.uniform(0.2, 1.3)
    roof = rng.uniform(90, 420) + wave(rng, grid.x, 3000, 40)
    cloud = blotches(rng, grid, 18, 10)
    if not (cloudy or lines):
        return np.ones((grid.height, grid.width), np.float32)
    base = cv2.blur(inner, (grid.width // 4 * 2 + 1, 1))[0]
    gel = np.clip((base - roof - grid.y) / rng.uniform(30, 160), 0, 1)
    lit = np.exp(strength * gel * (0.8 + 0.45 * cloud))
    return np.asarray(lit, np.float32)


def _background(rng: Generator, grid: Grid, lit: Plane) -> Plane:
    """Return noise less its background, float32 (height, width); some of it is below zero.

    Grain, level, banding and share of black match the vitreous of scans of OCT2017 that were not
    straightened; it dies out with the depth of the A-scan.
    """
    level = 1.75 * (draw(rng, "vitreous") / 255) ** 4
    depth = np.linspace(0, 1, grid.height, dtype=np.float32)
    fall = 1.1 * np.exp(-rng.uniform(2.0, 4.2) * depth**2)
    raw = rng.standard_normal((3, grid.height), dtype=np.float32)
    wide, mid, fine = (
        cv2.GaussianBlur(row[None], (0, 0), sigmaX=sigma * grid.height / 496)[0]
        for row, sigma in zip(raw, (30.0, 8.0, 1.0), strict=True)
    )
    bands = draw(rng, "banding") * (0.8 * wide / wide.std() + 0.5 * mid / mid.std())
    bands += 0.06 * fine / fine.std()
    falling = (fall * np.exp(bands)).astype(np.float32)[:, None]
    haze = np.exp(0.2 * blotches(rng, grid, 4, 5)) * lit
    grain = _grain(rng, grid, rng.uniform(0.45, 0.58), rng.uniform(0.64, 0.76))
    mean = np.float32(np.clip(rng.normal(0.52, 0.1), 0.25, 0.95))
    noise: Plane = (level / mean) * falling * haze * (grain + mean)
    return noise.astype(np.float32)
