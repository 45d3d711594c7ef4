"""The healthy retina in one B-scan: where each layer ends, and how bright it is.

A retina is kept as the thickness of each layer along the scan, stacked on Bruch's membrane.
Thicknesses are never negative, so surfaces cannot cross, whatever a lesion does to them.
The layers and their names follow the IN-OCT consensus (Staurenghi et al., Ophthalmology
121:1572, 2014).
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Curve = NDArray[np.float32]
"""float32 (width,), one value an A-scan; lengths in µm."""

DEPTH_UM = 496 * 3.87
"""Depth of a Spectralis B-scan: 496 pixels of 3.87 µm."""

SPAN_UM = 512 * 11.5
"""Width of a Spectralis B-scan over 20 degrees: 512 A-scans about 11.5 µm apart."""


class Layer(IntEnum):
    """The layers from the vitreous down; the surface of the same number is a layer's bottom."""

    VITREOUS = 0
    NFL = 1
    GCL = 2
    IPL = 3
    INL = 4
    OPL = 5
    ONL = 6
    ELM = 7
    MYOID = 8
    EZ = 9
    OS = 10
    IZ = 11
    SUBRETINAL = 12
    RPE = 13
    SUB_RPE = 14
    BM = 15
    CHOROID = 16


GREYS: dict[Layer, float] = {
    Layer.VITREOUS: 0,
    Layer.NFL: 112,
    Layer.GCL: 98,
    Layer.IPL: 96,
    Layer.INL: 70,
    Layer.OPL: 89,
    Layer.ONL: 52,
    Layer.ELM: 74,
    Layer.MYOID: 58,
    Layer.EZ: 178,
    Layer.OS: 96,
    Layer.IZ: 138,
    Layer.SUBRETINAL: 20,
    Layer.RPE: 204,
    Layer.SUB_RPE: 120,
    Layer.BM: 140,
    Layer.CHOROID: 100,
}
"""Mean display grey of each layer, 0 to 255, fitted to the mean A-scan of 75 OCT2017 NORMALs."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The pixels of a scan; the same piece of eye lies under every grid.

    Attributes:
        height: A-scan length in pixels.
        width: number of A-scans.
    """

    height: int
    width: int

    @property
    def axial_um(self) -> float:
        """Height of a pixel in µm."""
        return DEPTH_UM / self.height

    @property
    def lateral_um(self) -> float:
        """Width of a pixel in µm."""
        return SPAN_UM / self.width

    @property
    def x(self) -> Curve:
        """Position of each A-scan, float32 (width,), µm from the left edge."""
        return ((np.arange(self.width) + 0.5) * self.lateral_um).astype(np.float32)

    @property
    def y(self) -> NDArray[np.float32]:
        """Depth of each pixel row, float32 (height, 1), µm from the top edge."""
        rows = (np.arange(self.height) + 0.5) * self.axial_um
        return rows.astype(np.float32)[:, None]


@dataclass(frozen=True, slots=True)
class Anatomy:
    """One retina on one grid.

    Attributes:
        grid: the pixels it is seen on.
        membrane: float32 (width,), depth of the bottom of Bruch's membrane, µm.
        thickness: float32 (17, width), µm, by Layer; row VITREOUS is unused.
        greys: float32 (17, width), display grey of each layer, 0 to 255, by Layer.
        fovea: x of the foveal centre, µm.
        nasal: +1 if the optic disc lies to the right, -1 to the left.
    """

    grid: Grid
    membrane: Curve
    thickness: NDArray[np.float32]
    greys: NDArray[np.float32]
    fovea: float
    nasal: int

    def surfaces(self) -> NDArray[np.float32]:
        """Return the depth of the bottom of every layer, float32 (17, width), µm."""
        above = self.thickness[: Layer.CHOROID]
        below_each = np.cumsum(above[::-1], axis=0)[::-1] - above
        sclera = self.membrane + self.thickness[Layer.CHOROID]
        return np.vstack([self.membrane - below_each, sclera]).astype(np.float32)


def wave(rng: Generator, x: Curve, wavelength: float, amplitude: float) -> Curve:
    """Return a smooth random curve with zero mean, the same on every grid.

    Args:
        rng: source of the nine sines' frequencies and phases.
        x: float32 (n,), positions in µm.
        wavelength: typical wavelength, µm.
        amplitude: standard deviation of the curve, in the unit wanted.
    """
    turns = 2 * np.pi / (wavelength * rng.uniform(0.6, 1.9, 9))
    phases = rng.uniform(0, 2 * np.pi, 9)
    sines = np.sin(x[:, None] * turns + phases).sum(axis=1)
    curve: Curve = (amplitude * sines / np.sqrt(4.5)).astype(np.float32)
    return curve


def bell(x: Curve, centre: float, half_width: float, power: float = 2.0) -> Curve:
    """Return a bump of height 1 around `centre`; a higher `power` makes a flatter top."""
    bump: Curve = np.exp(-(np.abs((x - centre) / half_width) ** power)).astype(np.float32)
    return bump


def grow(rng: Generator, grid: Grid) -> Anatomy:
    """Return a healthy macula: its own pit, tilt, curvature, thicknesses and brightness."""
    x = grid.x
    fovea = float(SPAN_UM / 2 + np.clip(rng.normal(0, 330), -800, 800))
    nasal = int(rng.choice((-1, 1)))
    off_centre = float(rng.choice((0.0, 130.0, 420.0), p=(0.7, 0.22, 0.08)))
    eccentricity = np.hypot(x - fovea, off_centre).astype(np.float32)
    side = (nasal * np.sign(x - fovea)).astype(np.float32)
    thickness = _thickness(rng, x, eccentricity, side)
    membrane = _membrane(rng, x, fovea, thickness.sum(axis=0))
    return Anatomy(grid, membrane, thickness, _greys(rng, x, thickness), fovea, nasal)


def _thickness(rng: Generator, x: Curve, r: Curve, side: Curve) -> NDArray[np.float32]:
    """Return the thickness of each layer, float32 (17, width), µm.

    Central thickness comes to about 227 µm and the parafovea to 330 µm (Grover et al., Am J
    Ophthalmol 148:266, 2009, Spectralis); the share of each layer follows Loduca et al., Am J
    Ophthalmol 150:849, 2010; the choroid 287 µm, Margolis and Spaide, ibid. 147:811, 2009.
    """
    pit = rng.uniform(0.8, 1.25)
    wane = 1 - 0.42 * np.clip((r - 900) / 2400, 0, 1)
    nerve = np.clip(side * r / 2900, 0, 1) ** 1.4
    rows = {
        Layer.NFL: (9 + 4 * wane + rng.uniform(22, 42) * nerve) * _slope(r, 560 * pit, 2.2),
        Layer.GCL: rng.uniform(50, 62) * wane * _slope(r, 640 * pit, 2.6),
        Layer.IPL: rng.uniform(38, 46) * (0.3 + 0.7 * wane) * _slope(r, 520 * pit, 2.2),
        Layer.INL: 4 + rng.uniform(32, 40) * _slope(r, 470 * pit, 2.0),
        Layer.OPL: 7 + rng.uniform(22, 32) * _slope(r, 400 * pit, 2.0),
        Layer.ONL: rng.uniform(52, 64) + rng.uniform(40, 62) * np.exp(-((r / 620) ** 2)),
        Layer.ELM: np.full_like(r, 8),
        Layer.MYOID: 19 + 5 * np.exp(-((r / 300) ** 2)),
        Layer.EZ: np.full_like(r, 15),
        Layer.OS: 13 + rng.uniform(6, 16) * np.exp(-((r / 210) ** 2)),
        Layer.IZ: np.full_like(r, 9),
        Layer.RPE: np.full_like(r, rng.uniform(26, 31)),
        Layer.BM: np.full_like(r, 5),
        Layer.CHOROID: np.full_like(r, rng.uniform(180, 380)),
    }
    thickness = np.zeros((len(Layer), r.size), np.float32)
    for layer, row in rows.items():
        thickness[layer] = row * (1 + wave(rng, x, 1700, 0.035))
    thickness[Layer.NFL] += np.abs(wave(rng, x, 80, 1.0) + wave(rng, x, 320, 1.8))
    return thickness


def _slope(r: Curve, radius: float, power: float) -> Curve:
    """Return the foveal slope: 0 at the centre, rising to 1 beyond `radius` µm."""
    return 1 - bell(r, 0.0, radius, power)


def _membrane(rng: Generator, x: Curve, fovea: float, total: Curve) -> Curve:
    """Return the depth of Bruch's membrane: place, tilt, curvature and waviness, µm."""
    across = (x - SPAN_UM / 2) / (SPAN_UM / 2)
    tilt = np.clip(rng.normal(0, 95), -230, 230)
    bend = rng.normal(-50, 55)
    bowl = tilt * across + bend * across**2 + wave(rng, x, 4200, 9)
    highest = float(np.max(total - bowl))
    deepest = DEPTH_UM * 0.78 - float(np.max(bowl))
    place = float(np.clip(rng.normal(0.47, 0.09) * DEPTH_UM, highest - 60, deepest))
    membrane: Curve = (place + bowl).astype(np.float32)
    return membrane


def _greys(rng: Generator, x: Curve, thickness: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each layer's grey along the scan, float32 (17, width), 0 to 255."""
    means = np.array([GREYS[layer] for layer in Layer], np.float32)
    means *= 1 + rng.normal(0, 0.04, means.size).astype(np.float32)
    drift = np.stack([wave(rng, x, 1500, 0.035) for _ in Layer])
    greys = means[:, None] * (1 + drift)
    greys[Layer.NFL] *= 1 + 0.45 * np.clip((thickness[Layer.NFL] - 12) / 25, 0, 1)
    return greys.astype(np.float32)
