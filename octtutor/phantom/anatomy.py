"""The healthy retina in one B-scan: where each layer ends, and how bright it is.

A retina is kept as the thickness of each layer along the scan, stacked on Bruch's membrane.
Thicknesses are never negative, so surfaces cannot cross, whatever a lesion does to them.
The layers and their names follow the IN-OCT consensus (Staurenghi et al., Ophthalmology
121:1572, 2014).
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from octtutor.errors import BadInputError
from octtutor.phantom.parameters import draw, numbers

Curve = NDArray[np.float32]
"""float32 (width,), one value an A-scan; lengths in µm."""

DEPTH_UM = 496 * 3.87
"""Depth of a Spectralis B-scan: 496 pixels of 3.87 µm."""

SPAN_UM = 512 * 11.5
"""Width of a Spectralis B-scan over 20 degrees: 512 A-scans about 11.5 µm apart."""

WIDE_SPAN_UM = 768 * 11.5
"""Width of one over 30 degrees: 768 A-scans as far apart; the optic disc is often in it."""

_ROUNDING_UM = 1e-2
"""What float32 may make of a thickness of nothing."""

_WIDE = 1.25
"""Scans at least this many times as wide as high show 30 degrees, as in OCT2017."""

_HEALTHY_CHOROID = np.float32(0.8)
"""Grey of a healthy eye's choroid as a share of `GREYS`, by hand until drawn NORMALs agreed with
OCT2017's; lesions let more light pass."""

_MACULA_UM = 800.0
"""How far from the fovea a scan may pass and still show macula alone, with no arcuate bundle."""

_ONL_SHOWN = np.float32(1.06)
"""The same for the outer nuclear layer."""

DISC_UM = 3750.0
"""From the fovea to the margin of the optic disc (Rohrschneider, IOVS 45:3257, 2004: the disc's
centre lies 15.5 degrees away, about 4.6 mm)."""


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


GREYS: dict[Layer, float] = {Layer[name]: grey for name, grey in numbers("greys").items()}
"""Mean display grey of each layer, 0 to 255, fitted to the mean A-scan of OCT2017's NORMALs."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The pixels of a scan; the same piece of eye lies under every grid of the same field.

    Attributes:
        height: A-scan length in pixels.
        width: number of A-scans.
    """

    height: int
    width: int

    @property
    def span_um(self) -> float:
        """Width of the field in µm: 20 degrees, or 30 where it is much wider than high."""
        return WIDE_SPAN_UM if self.width >= _WIDE * self.height else SPAN_UM

    @property
    def axial_um(self) -> float:
        """Height of a pixel in µm."""
        return DEPTH_UM / self.height

    @property
    def lateral_um(self) -> float:
        """Width of a pixel in µm."""
        return self.span_um / self.width

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
        reach: how far light goes behind the RPE, 1 in a healthy eye.
    """

    grid: Grid
    membrane: Curve
    thickness: NDArray[np.float32]
    greys: NDArray[np.float32]
    fovea: float
    nasal: int
    reach: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a retina that cannot be.

        Raises:
            BadInputError: a layer is missing, thinner than nothing, or no number; where all are
                0 µm or more, boundaries cannot cross.
        """
        shape = (len(Layer), self.grid.width)
        if self.thickness.shape != shape or self.greys.shape != shape:
            raise BadInputError(
                f"Expected thickness and grey of {shape[0]} layers in {shape[1]} A-scans. "
                f"Received: {self.thickness.shape} and {self.greys.shape}. Give one of each."
            )
        thinnest = np.nan_to_num(self.thickness, nan=-np.inf).min(axis=1)
        if thinnest.min() < -_ROUNDING_UM or not np.isfinite(self.membrane).all():
            raise BadInputError(
                f"Expected layers of 0 µm or more, or their boundaries cross. Received: "
                f"{thinnest.min():.1f} µm in {Layer(int(thinnest.argmin())).name}. Make it thicker."
            )

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


def grow(rng: Generator, grid: Grid, off_centre: float | None = None) -> Anatomy:
    """Return a healthy macula: its own pit, tilt, curvature, thicknesses and brightness.

    Args:
        rng: source of everything that varies.
        grid: the pixels it is seen on.
        off_centre: how far the scan passes from the foveal centre, µm; drawn by default.
    """
    x, span = grid.x, grid.span_um
    wander = rng.normal(0, 520) if span > SPAN_UM else 0.0
    fovea = float(span / 2 + np.clip(draw(rng, "fovea") + wander, -1100, 1100))
    nasal = int(rng.choice((-1, 1)))
    passing = float(rng.choice((0.0, 60.0, 130.0), p=(0.6, 0.25, 0.15)))
    off_centre = passing if off_centre is None else off_centre
    eccentricity = np.hypot(x - fovea, off_centre).astype(np.float32)
    beside = np.hypot(x - fovea, min(off_centre, _MACULA_UM)).astype(np.float32)
    nasal_um = (nasal * np.sign(x - fovea) * beside).astype(np.float32)
    thickness = _thickness(rng, x, eccentricity, nasal_um)
    if off_centre > _MACULA_UM:
        thickness[Layer.NFL] += _arcuate(rng, x, off_centre)
    retina = thickness[: Layer.CHOROID].sum(axis=0)
    membrane = _membrane(rng, x, span, retina)
    greys = _greys(rng, x, thickness, eccentricity)
    horizontal = rng.random() < 0.5
    in_disc = nasal * (x - fovea) - DISC_UM * float(rng.uniform(0.93, 1.07))
    in_disc = in_disc - np.float32(0 if horizontal else 1e5)
    membrane, thickness, greys = _enter_disc(rng, in_disc, membrane, thickness, greys)
    membrane = within_frame(membrane, thickness[: Layer.CHOROID].sum(axis=0), 50)
    return Anatomy(grid, membrane, thickness, greys, fovea, nasal)


def _thickness(rng: Generator, x: Curve, r: Curve, nasal_um: Curve) -> NDArray[np.float32]:
    """Return the thickness of each layer, float32 (17, width), µm.

    Central thickness comes to about 227 µm and the parafovea to 335 µm (Grover et al., Am J
    Ophthalmol 148:266, 2009, Spectralis); the share of each layer follows Loduca et al., Am J
    Ophthalmol 150:849, 2010; the choroid 287 µm, Margolis and Spaide, ibid. 147:811, 2009. All
    wanes with age, by about 0.5 µm a year past 50 in the ganglion cells (Ooto et al., Invest
    Ophthalmol Vis Sci 52:8769, 2011), and outwards as in OCT2017.
    """
    pit = rng.uniform(0.74, 1.12)
    old = float(np.clip(rng.normal(0.5, 0.25), 0, 1))
    wane = 1 - 0.58 * np.clip((r - 1050) / 2000, 0, 1)
    outer = 1 - 0.2 * np.clip((r - 1300) / 2500, 0, 1)
    nerve = np.clip(nasal_um / 2900, 0, 1.35) ** 1.5
    rows: dict[Layer, NDArray[Any]] = {
        Layer.NFL: (8 + 5 * wane + rng.uniform(16, 36) * nerve) * _slope(r, 560 * pit, 2.2),
        Layer.GCL: (rng.uniform(52, 66) - 7 * old) * wane * _slope(r, 640 * pit, 2.6),
        Layer.IPL: (rng.uniform(39, 48) - 4 * old) * (0.3 + 0.7 * wane) * _slope(r, 520 * pit, 2.2),
        Layer.INL: 4 + rng.uniform(31, 41) * outer * _slope(r, 470 * pit, 2.0),
        Layer.OPL: 7 + rng.uniform(20, 31) * outer * _slope(r, 400 * pit, 2.0),
        Layer.ONL: (rng.uniform(58, 72) + rng.uniform(38, 58) * np.exp(-((r / 620) ** 2))) * outer,
        Layer.ELM: np.full_like(r, 8),
        Layer.MYOID: 13 + 12 * np.exp(-((r / 300) ** 2)),
        Layer.EZ: np.full_like(r, 14),
        Layer.OS: 14 + rng.uniform(7, 20) * np.exp(-((r / 230) ** 2)),
        Layer.IZ: np.full_like(r, 10),
        Layer.RPE: np.full_like(r, rng.uniform(16, 21)),
        Layer.BM: np.full_like(r, 5),
        Layer.CHOROID: np.full_like(r, rng.uniform(190, 400) - 90 * old),
    }
    thickness = np.zeros((len(Layer), r.size), np.float32)
    for layer, row in rows.items():
        thickness[layer] = row * (1 + wave(rng, x, 1700, 0.035))
    thickness[Layer.NFL : Layer.ELM] *= np.float32(np.clip(rng.normal(1.04, 0.055), 0.9, 1.18))
    thickness[Layer.NFL] += np.abs(wave(rng, x, 80, 0.8) + wave(rng, x, 320, 1.6))
    return thickness


def _slope(r: Curve, radius: float, power: float) -> Curve:
    """Return the foveal slope: 0 at the centre, rising to 1 beyond `radius` µm."""
    return 1 - bell(r, 0.0, radius, power)


def _arcuate(rng: Generator, x: Curve, off_centre: float) -> Curve:
    """Return what the arcuate bundles add to the nerve fibres above and below the macula, µm.

    They run from the disc round the fovea, thickest some 2 to 3 mm above and below it: 40 to 100 µm
    there (Varma et al., Arch Ophthalmol 114:1473, 1996), and thin out towards the raphe.
    """
    reached = np.clip((off_centre - _MACULA_UM) / 1700, 0, 1)
    thickest, half_width = rng.uniform(25, 80), rng.uniform(1500, 4500)
    centre = rng.uniform(x[0], x[-1])
    return np.float32(reached * thickest) * (
        np.float32(0.25) + np.float32(0.75) * bell(x, centre, half_width)
    )


def _membrane(rng: Generator, x: Curve, span: float, total: Curve) -> Curve:
    """Return the depth of Bruch's membrane: place, tilt, curvature and waviness, µm."""
    across = (x - span / 2) / 1000
    bowl = draw(rng, "tilt") * across + draw(rng, "bend") * across**2 + wave(rng, x, 4200, 6)
    highest = float(np.max(total - bowl))
    deepest = DEPTH_UM * 0.86 - float(np.max(bowl))
    place = float(np.clip(draw(rng, "place") * DEPTH_UM, min(highest + 60, deepest), deepest))
    membrane: Curve = (place + bowl).astype(np.float32)
    return membrane


def within_frame(membrane: Curve, retina: Curve, margin: float) -> Curve:
    """Return Bruch's membrane moved, and flattened where need be, so that the scan shows all.

    Args:
        membrane: float32 (width,), its depth, µm.
        retina: float32 (width,), the thickness above it, µm.
        margin: least distance of the retina from the top, µm.
    """
    room = DEPTH_UM - margin - 40
    while float(membrane.max() - (membrane - retina).min()) > room and np.ptp(membrane) > 1:
        membrane = (membrane.mean() + 0.85 * (membrane - membrane.mean())).astype(np.float32)
    down = max(0.0, margin - float((membrane - retina).min()))
    up = max(0.0, float(membrane.max()) + down - (DEPTH_UM - 20))
    return membrane + np.float32(down - up)


def _greys(
    rng: Generator, x: Curve, thickness: NDArray[np.float32], r: Curve
) -> NDArray[np.float32]:
    """Return each layer's grey along the scan, float32 (17, width), 0 to 255."""
    means = np.array([GREYS[layer] for layer in Layer], np.float32)
    means *= 1 + rng.normal(0, 0.04, means.size).astype(np.float32)
    drift = np.stack([wave(rng, x, 1500, 0.035) for _ in Layer])
    greys = means[:, None] * (1 + drift)
    greys[Layer.NFL] *= 1 + rng.uniform(0.4, 0.9) * np.clip((thickness[Layer.NFL] - 12) / 25, 0, 1)
    centre = bell(r, 0.0, 260)
    greys[Layer.OS] *= 1 - 0.42 * centre
    greys[Layer.EZ] *= 1 - 0.2 * centre
    greys[Layer.CHOROID] *= _HEALTHY_CHOROID * draw(rng, "choroid")
    greys[Layer.ONL] *= _ONL_SHOWN
    return greys.astype(np.float32)


def _enter_disc(
    rng: Generator,
    inside: Curve,
    membrane: Curve,
    thickness: NDArray[np.float32],
    greys: NDArray[np.float32],
) -> tuple[Curve, NDArray[np.float32], NDArray[np.float32]]:
    """Return membrane, thickness and greys with the optic disc where `inside` (µm) is above 0.

    All layers end at its margin but the nerve fibres, which turn down into the cup.
    """
    cup, rim = rng.uniform(60, 420), rng.uniform(50, 120)
    if inside.max() < -900:
        return membrane, thickness, greys
    ending = (1 / (1 + np.exp(np.clip(-inside / 130, -30, 30)))).astype(np.float32)
    bowl = np.clip((inside - 20) / 800, 0, 1)
    bowl = bowl * bowl * (3 - 2 * bowl)
    heaped = rim * np.exp(-(np.clip(-(inside + 30) / 520, 0, 9) ** 1.4))
    stays = np.ones(len(Layer), np.bool_)
    stays[[Layer.NFL, Layer.CHOROID]] = False
    thickness[stays] *= 1 - ending
    thickness[Layer.NFL] += heaped * (1 - 0.6 * bowl) + 190 * ending * (1 - 0.75 * bowl)
    dim = rng.uniform(0.35, 0.6)
    greys[Layer.NFL] *= 1 - dim * np.clip(ending + heaped / 400, 0, 1)
    greys[Layer.CHOROID] *= 1 + ending * rng.uniform(-0.1, 0.5)
    dipped: Curve = np.minimum(membrane + cup * bowl + 60 * ending, DEPTH_UM - 60)
    dipped = np.maximum(dipped, membrane).astype(np.float32)
    return dipped, thickness.astype(np.float32), greys.astype(np.float32)
