"""From anatomy to pixels: reflectivity, shadows, speckle, detector noise, display.

Spectralis shows the fourth root of the averaged intensity with the background taken off. Noise
that falls below the background becomes black, which is the black grain of the vitreous.
Everything multiplicative (speckle, shadows) therefore happens on intensity, not on greys.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from octtutor.phantom.anatomy import Anatomy, Curve, Grid, Layer, bell, wave

Plane = NDArray[np.float32]
"""float32 (height, width)."""

_FADE_UM = np.array([0, 22, 45, 75, 110, 160, 235, 335, 455, 640, 900], np.float32)
_FADE_GREY = np.array([128, 112, 90, 76, 64, 53, 42, 32, 23, 13, 0], np.float32)


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Something inside the layers that has its own brightness.

    Attributes:
        cover: float32 (height, width), in [0, 1], how much of each pixel it fills.
        grey: its display grey, 0 to 255.
        transmission: share of light (intensity, in [0, 1]) that passes to what lies below.
    """

    cover: Plane
    grey: float
    transmission: float = 1.0


def render(
    rng: Generator, anatomy: Anatomy, inclusions: tuple[Inclusion, ...]
) -> NDArray[np.uint8]:
    """Return the scan, uint8 (height, width)."""
    grid = anatomy.grid
    greys = _layers(rng, anatomy, _choroid(rng, anatomy))
    greys += np.float32(0.045) * greys * blotches(rng, grid, 60, 60)
    parts = (*_vessels(rng, anatomy), _glint(rng, anatomy), *_hyaloid(rng, anatomy), *inclusions)
    light: Plane = _column_gain(rng, grid)
    for part in parts:
        greys += part.cover * (np.float32(part.grey) - greys)
        light = np.multiply(light, _transmitted(grid, part))
    speckle = _speckle(rng, anatomy, looks=rng.uniform(4.0, 6.2))
    intensity: Plane = (_focused(grid, greys) / np.float32(255)) ** 4 * light * speckle
    return _display(rng, grid, intensity)


def _focused(grid: Grid, greys: Plane) -> Plane:
    """Return `greys` as an optic of about 23 µm across and 8 µm in depth shows them."""
    across, down = max(0.85 * grid.width / 512, 0.3), max(0.85 * grid.height / 496, 0.3)
    soft = cv2.GaussianBlur(greys, (0, 0), sigmaX=across, sigmaY=down)
    return soft.astype(np.float32, copy=False)


def _layers(rng: Generator, anatomy: Anatomy, choroid: Plane) -> Plane:
    """Return the grey of the layers above the choroid's own, float32 (height, width)."""
    grid, greys = anatomy.grid, anatomy.greys
    tops = anatomy.surfaces()
    rough = wave(rng, grid.x, 45, 1.6) + wave(rng, grid.x, 120, 1.6)
    image = np.zeros((grid.height, grid.width), np.float32)
    image += greys[0]
    tops[Layer.GCL : Layer.ONL] += rough
    for layer in range(Layer.NFL, Layer.CHOROID):
        step = greys[layer] - greys[layer - 1]
        image += step * _below(grid, tops[layer - 1], _softness(grid, layer))
    membrane = _below(grid, tops[Layer.BM], _softness(grid, Layer.CHOROID))
    image += (choroid - greys[Layer.BM]) * membrane
    return image


def _softness(grid: Grid, layer: int) -> float:
    """Return over how many µm the top of a layer blends into the layer above it."""
    inner = Layer.GCL < layer <= Layer.ONL
    return max(2.0 * grid.axial_um, 13.0 if inner else 7.0)


def _below(grid: Grid, surface: Curve, softness: float) -> Plane:
    """Return 0 above `surface`, 1 below it, with a ramp of `softness` µm."""
    ramp: Plane = np.clip((grid.y - surface) / softness + 0.5, 0, 1)
    return ramp


def _choroid(rng: Generator, anatomy: Anatomy) -> Plane:
    """Return the grey below Bruch's membrane: stroma, vessel lumens, then the fading sclera."""
    grid = anatomy.grid
    depth = np.maximum(grid.y - anatomy.membrane, 0)
    reach = rng.uniform(0.6, 1.15)
    fade = np.interp(depth / reach, _FADE_UM, _FADE_GREY).astype(np.float32)
    thickness = anatomy.thickness[Layer.CHOROID]
    inside = np.clip(1.15 - depth / thickness, 0, 1) * np.clip(depth / 30, 0, 1)
    stroma = 0.19 * blotches(rng, grid, 50, 46)
    lumens = _lumens(rng, anatomy)
    opening = anatomy.greys[Layer.CHOROID] / 100
    shown: Plane = fade * opening * (1 + inside * stroma) * (1 - inside * lumens)
    return shown.astype(np.float32)


def _lumens(rng: Generator, anatomy: Anatomy) -> Plane:
    """Return how dark the large choroidal vessels are, float32 (height, width), in [0, 0.5]."""
    grid = anatomy.grid
    coarse = blotches(rng, grid, 24, 24)
    dark: Plane = 0.42 * np.clip((coarse - 0.25) * 1.8, 0, 1) * rng.uniform(0.4, 1.2)
    return dark


def blotches(rng: Generator, grid: Grid, rows: int, columns: int) -> Plane:
    """Return smooth noise of unit variance with `rows` by `columns` cells, the same on any grid."""
    cells = rng.standard_normal((rows, columns), dtype=np.float32)
    field = cv2.resize(cells, (grid.width, grid.height), interpolation=cv2.INTER_CUBIC)
    return (field / max(float(field.std()), 1e-6)).astype(np.float32)


def _column_gain(rng: Generator, grid: Grid) -> Plane:
    """Return the light of each A-scan, float32 (1, width): slow drift and fine streaks."""
    slow = wave(rng, grid.x, 5200, 0.16)
    fine = wave(rng, grid.x, 90, 0.05) + wave(rng, grid.x, 35, 0.04)
    gain: Plane = np.exp(slow + fine)[None, :]
    return gain


def _vessels(rng: Generator, anatomy: Anatomy) -> tuple[Inclusion, ...]:
    """Return retinal vessels in the ganglion cell layer, each with the shadow below it."""
    surfaces = anatomy.surfaces()
    places = rng.uniform(0, anatomy.grid.x[-1], rng.integers(3, 9))
    far = places[np.abs(places - anatomy.fovea) > 550]
    found = []
    for place in far:
        column = int(place / anatomy.grid.lateral_um)
        radius = rng.uniform(14, 42)
        depth = surfaces[Layer.VITREOUS, column] + radius * rng.uniform(0.8, 1.6)
        wall = ellipse(anatomy.grid, place, depth, radius * 1.4, radius * 0.9)
        found.append(Inclusion(0.6 * wall, rng.uniform(120, 150), rng.uniform(0.35, 0.85)))
    return tuple(found)


def ellipse(grid: Grid, x: float, y: float, half_width: float, half_height: float) -> Plane:
    """Return a filled soft-edged ellipse, float32 (height, width) in [0, 1]; lengths in µm."""
    distance = np.hypot((grid.x - x) / half_width, (grid.y - y) / half_height)
    edge = max(grid.axial_um, 6.0) * 1.5 / min(half_width, half_height)
    disc: Plane = np.clip((1 - distance) / edge + 0.5, 0, 1).astype(np.float32)
    return disc


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
    """Return the detached posterior hyaloid in about one scan in five, as a faint line."""
    seen = rng.random() < 0.2
    lift = rng.uniform(50, 170) * (1 - bell(anatomy.grid.x, anatomy.fovea, 900))
    lift = lift + rng.uniform(25, 90) + wave(rng, anatomy.grid.x, 2500, 8)
    visible = np.clip(0.75 + wave(rng, anatomy.grid.x, 1800, 0.35), 0, 1)
    if not seen:
        return ()
    base = cv2.blur(anatomy.surfaces()[:1], (anatomy.grid.width // 8 * 2 + 1, 1))[0]
    line = np.exp(-(((anatomy.grid.y - base + lift) / 8) ** 2)) * visible
    return (Inclusion(line.astype(np.float32), rng.uniform(50, 80)),)


def _transmitted(grid: Grid, part: Inclusion) -> Plane:
    """Return the share of light left below an inclusion, float32 (height, width) in [0, 1]."""
    if part.transmission >= 1:
        return np.ones((1, 1), np.float32)
    shade = np.maximum.accumulate(part.cover, axis=0) - part.cover
    soft = cv2.GaussianBlur(shade, (0, 0), sigmaX=18 / grid.lateral_um + 0.2, sigmaY=0.1)
    peak = max(float(part.cover.max()), 1e-6)
    left: Plane = (1 - (1 - part.transmission) * soft / peak).astype(np.float32)
    return left


def _speckle(rng: Generator, anatomy: Anatomy, looks: float) -> Plane:
    """Return multiplicative speckle of mean 1, float32 (height, width).

    Intensity averaged over independent looks is gamma distributed (Schmitt et al., J Biomed
    Opt 4:95, 1999); the cube of a Gaussian follows it (Wilson and Hilferty, PNAS 17:684, 1931).
    Below Bruch's membrane, where light is scattered many times, it is weaker, as measured.
    """
    grid = anatomy.grid
    grain = _grain(rng, grid, 0.86, 0.97)
    root = 1 - 1 / (9 * looks) + grain / (3 * np.sqrt(looks))
    speckle = np.maximum(root, 0).astype(np.float32) ** 3
    damped: Plane = 1 + (speckle - 1) * (1 - 0.36 * _below(grid, anatomy.membrane, 40.0))
    return damped


def _grain(rng: Generator, grid: Grid, across: float, down: float) -> Plane:
    """Return Gaussian noise of unit variance blurred by `across`, `down` Spectralis pixels."""
    noise = rng.standard_normal((grid.height, grid.width), dtype=np.float32)
    sigma_x, sigma_y = across * grid.width / 512, down * grid.height / 496
    soft = cv2.GaussianBlur(noise, (0, 0), sigmaX=max(sigma_x, 0.2), sigmaY=max(sigma_y, 0.2))
    return (soft / max(float(soft.std()), 1e-6)).astype(np.float32)


def _display(rng: Generator, grid: Grid, intensity: Plane) -> NDArray[np.uint8]:
    """Return what the instrument shows: signal over noise, fourth root, 8 bits.

    Frames averaged over tissue leave less noise than the dark has, so the two are joined by a
    power above 1; it was fitted to the spread of greys at each mean grey in OCT2017.
    """
    noise = np.maximum(_background(rng, grid), 0)
    joined = intensity * np.sqrt(intensity) + noise * np.sqrt(noise)
    shown = np.cbrt(np.sqrt(joined)) * 255
    scan: NDArray[np.uint8] = np.clip(np.rint(shown), 0, 255).astype(np.uint8)
    return scan


def _background(rng: Generator, grid: Grid) -> Plane:
    """Return noise less its background, float32 (height, width); a tenth is below zero.

    Grain, level and share of black match the vitreous of OCT2017; it dies out with depth.
    """
    level = 1.35 * (rng.uniform(20, 35) / 255) ** 4
    depth = np.linspace(0, 1, grid.height, dtype=np.float32)[:, None]
    fall = 1.1 * np.exp(-rng.uniform(1.4, 4.2) * depth**2)
    haze = np.exp(0.22 * blotches(rng, grid, 4, 5))
    grain = np.exp(rng.uniform(0.75, 1.4) * np.minimum(_grain(rng, grid, 0.66, 0.88), 2.2))
    noise: Plane = level * fall * haze * (grain - rng.uniform(0.17, 0.29))
    return noise.astype(np.float32)
