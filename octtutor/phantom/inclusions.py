"""What lies inside the layers: cysts, exudates, foci, material, fibrovascular tissue."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from octtutor.phantom.anatomy import Anatomy, Curve, Grid, Layer, wave
from octtutor.phantom.finding import VISIBLE_UM, Bits, columns_under, ramp_between
from octtutor.phantom.image import Inclusion, Plane, blotches, ellipse


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


def draw_cysts(
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
    retina = ramp_between(grid, surfaces[Layer.NFL] + 14, surfaces[Layer.ONL] - 5)
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
    column = columns_under(grid, places)
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


def draw_exudates(
    rng: Generator, anatomy: Anatomy, centre: float, severity: float
) -> tuple[Inclusion, ...]:
    """Return hard exudates: small bright deposits about the OPL that shade what lies below."""
    grid, surfaces = anatomy.grid, anatomy.surfaces()
    middle = centre + rng.choice((-1, 1)) * rng.uniform(300, 1300)
    count = int(2 + rng.integers(0, 4) + severity * rng.integers(0, 16))
    places = np.clip(rng.normal(middle, rng.uniform(160, 500), count), 100, grid.span_um - 100)
    dots = []
    for place, column in zip(places, columns_under(grid, places), strict=True):
        depth = surfaces[Layer.INL, column] + rng.uniform(-10, 45)
        size = np.clip(rng.lognormal(np.log(9), 0.45), 5, 26)
        dot, corner = ellipse(grid, place, depth, size * rng.uniform(1.8, 3.2), size)
        dots.append(Inclusion(dot, rng.uniform(150, 225), rng.uniform(0.2, 0.65), corner))
    return tuple(dots)


def draw_specks(
    rng: Generator, anatomy: Anatomy, centre: float, count: int
) -> tuple[Inclusion, ...]:
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
        places, columns_under(grid, places), heights, sizes, greys, strict=True
    ):
        roof, floor = surfaces[Layer.GCL, column], surfaces[Layer.ONL, column] - 20
        dot, corner = ellipse(grid, place, roof + height * (floor - roof), 2.4 * size, size)
        dots.append(Inclusion(dot, grey, 0.65, corner))
    return tuple(dots)


def draw_foci(rng: Generator, anatomy: Anatomy, where: Bits, count: int) -> tuple[Inclusion, ...]:
    """Return hyperreflective foci in the outer retina above the columns named by `where`."""
    grid, surfaces = anatomy.grid, anatomy.surfaces()
    x = grid.x[where]
    dots = []
    for fraction, height in rng.random((count, 2)):
        place = float(x[int(fraction * (x.size - 1))]) if x.size else 0.0
        column = int(columns_under(grid, np.array([place]))[0])
        depth = surfaces[Layer.ONL, column] - 60 * height + 12
        size = 6 + 4 * fraction
        dot, corner = ellipse(grid, place, depth, size * 2.4, size)
        dots.append(Inclusion(dot, 165, 0.75, corner))
    return tuple(dots) if x.size else ()


def draw_material(rng: Generator, anatomy: Anatomy, height: Curve, membrane: Membrane) -> Inclusion:
    """Return the subretinal hyperreflective material lying on the RPE.

    A scar is the brightest, with sharp edges; blood is darker and shades what lies below.
    """
    surfaces = anatomy.surfaces()
    floor = surfaces[Layer.SUBRETINAL]
    seen = np.where(height > VISIBLE_UM, height, -40).astype(np.float32)
    cover = ramp_between(anatomy.grid, floor - seen, floor + 4)
    haze = np.clip((anatomy.grid.y - floor + seen + 14) / 28, 0.55, 1)
    cover = cover * haze
    grain = 0.5 * blotches(rng, anatomy.grid, 45, 60) + 0.4 * blotches(rng, anatomy.grid, 124, 50)
    fine = 0.45 * blotches(rng, anatomy.grid, 165, 128)
    patchy = np.clip(0.86 + rng.uniform(0.15, 0.4) * (grain + fine), 0.35, 1)
    grey = rng.uniform(118, 172) + (22 if membrane.scar else 0) - (12 if membrane.blood else 0)
    passing = rng.uniform(0.1, 0.25) if membrane.blood else rng.uniform(0.45, 0.85)
    return Inclusion((cover * patchy).astype(np.float32), grey, passing)


def fill_detachment(rng: Generator, anatomy: Anatomy, ped: Curve) -> tuple[Inclusion, ...]:
    """Return the fibrovascular tissue in a pigment epithelial detachment.

    It hangs from the RPE, bright and fading downwards into darker fluid, in lumps and columns,
    with grey strands and clear pockets below.
    """
    grid, surfaces = anatomy.grid, anatomy.surfaces()
    space = ramp_between(grid, surfaces[Layer.RPE] + 4, surfaces[Layer.SUB_RPE] - 4)
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
