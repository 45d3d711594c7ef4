"""What a B-scan's greys and grain are like, in figures that need no network (radiomics).

Simple estimators, made to be applied alike to real and to synthetic scans: that both are measured
in the same way matters more than that either is measured exactly. Lengths are in pixels of the
scan; a Spectralis pixel is 3.87 µm deep and about 11.5 µm across.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]

UNITS = {
    "retina_thickness": "px",
    "fovea_thickness": "px",
    "thickest": "px",
    "outer_band_width": "px",
    "outer_band_roughness": "px",
    "outer_band_tilt": "px/px",
    "outer_band_depth": "share of height",
    "vitreous_grey": "grey",
    "retina_grey": "grey",
    "outer_band_grey": "grey",
    "choroid_grey": "grey",
    "black_in_vitreous": "share",
    "speckle_contrast_retina": "SD/mean",
    "speckle_contrast_choroid": "SD/mean",
    "grain_vitreous": "grey SD",
    "correlation_along_retina": "px",
    "correlation_in_depth_retina": "px",
    "correlation_along_vitreous": "px",
    "correlation_in_depth_vitreous": "px",
    "spectrum_slope_along": "dB/decade",
    "spectrum_slope_in_depth": "dB/decade",
}
"""Every figure of a scan, with its unit."""
GREYS = 64
"""Bins of the grey histogram, four levels each."""
BANDS = 40
"""Bins of a power spectrum, even from 0 to half a cycle a pixel."""
ABOVE, BELOW = 100, 80
"""Rows above and below the outer band's top that the depth profile shows."""
_SMALLEST = 96
_APART = 12
_STEP = 3


@dataclass(frozen=True, slots=True)
class Edges:
    """The two strongest edges from dark to bright, row numbers, int64 (width,).

    `inner` is where vitreous meets retina, `outer` where the outer nuclear layer meets the
    bright band of ellipsoid zone and pigment epithelium.
    """

    inner: Ints
    outer: Ints


@dataclass(frozen=True, slots=True)
class Texture:
    """What was measured of a scan.

    Attributes:
        figures: float64, one a key of `UNITS`, in its order; NaN where there is nothing to measure.
        greys: float64 (GREYS,), share of pixels; sums to 1.
        along: float64 (BANDS,), power along the rows, dB.
        deep: float64 (BANDS,), power along the columns, dB.
        profile: float64 (ABOVE + BELOW,), mean grey by distance from the outer band's top.
    """

    figures: Floats
    greys: Floats
    along: Floats
    deep: Floats
    profile: Floats


def measure(scan: Pixels, fill: Bools) -> Texture:
    """Measure a scan.

    Args:
        scan: uint8 (height, width), at least 96 by 96.
        fill: bool (height, width), what is no picture, such as white fill of straightened scans;
            the scan is best painted over there.

    Raises:
        ValueError: the scan is smaller.
    """
    if min(scan.shape) < _SMALLEST:
        raise ValueError(f"Expected a scan of {_SMALLEST} by {_SMALLEST} px. Got {scan.shape}.")
    edges = find_edges(scan)
    along, deep = power_spectrum(scan, 1), power_spectrum(scan, 0)
    profile = depth_profile(scan, edges.outer, fill)
    found = _shape(edges, profile, scan.shape[0]) | _greys(scan, fill, edges)
    found |= _grain(scan, fill, edges)
    found["spectrum_slope_along"], found["spectrum_slope_in_depth"] = _slope(along), _slope(deep)
    return Texture(
        np.array([found[name] for name in UNITS], np.float64),
        np.bincount(scan[~fill] // (256 // GREYS), minlength=GREYS) / max(1, int((~fill).sum())),
        along,
        deep,
        profile,
    )


def find_edges(scan: Pixels) -> Edges:
    """Find the retina's inner edge and the top of its outer bright band.

    The two strongest continuous edges from dark above to bright below, each a best path from
    left to right by dynamic programming (as Chiu et al., Opt Express 18:19413, 2010).

    Args:
        scan: uint8 (height, width).
    """
    blurred = cv2.GaussianBlur(scan.astype(np.float32), (0, 0), sigmaX=4, sigmaY=2.5)
    smooth: Floats = np.asarray(blurred[:, ::2], np.float32)
    rise = np.zeros_like(smooth)
    rise[3:-3] = smooth[6:] - smooth[:-6]
    first = _best_path(rise)
    rows = np.arange(scan.shape[0])[:, None]
    apart: Floats = np.where(np.abs(rows - first) < _APART, rise.min(), rise).astype(np.float32)
    second = _best_path(apart)
    columns = np.arange(scan.shape[1])
    both = [np.interp(columns, columns[::2], path) for path in (first, second)]
    pair = np.rint(np.sort(both, axis=0)).astype(np.int64)
    return Edges(pair[0], pair[1])


def _best_path(gain: Floats) -> Ints:
    """Return the row in each column of the path of greatest sum, steps of at most `_STEP` rows."""
    height, width = gain.shape
    total = np.full(height + 2 * _STEP, -np.inf)
    total[_STEP:-_STEP] = gain[:, 0]
    steps = np.empty((width, height), np.int64)
    for column in range(1, width):
        moves = np.stack([total[step : step + height] for step in range(2 * _STEP + 1)])
        steps[column] = moves.argmax(axis=0) - _STEP
        total[_STEP:-_STEP] = moves.max(axis=0) + gain[:, column]
    path = np.empty(width, np.int64)
    path[-1] = total.argmax() - _STEP
    for column in range(width - 1, 0, -1):
        path[column - 1] = path[column] + steps[column, path[column]]
    return path


def depth_profile(scan: Pixels, outer: Ints, fill: Bools) -> Floats:
    """Return the mean grey by distance from an edge, float64 (ABOVE + BELOW,), NaN off the scan.

    Args:
        scan: uint8 (height, width).
        outer: int64 (width,), the edge's rows.
        fill: bool (height, width), left out.
    """
    rows = outer[None, :] + np.arange(-ABOVE, BELOW)[:, None]
    inside = (rows >= 0) & (rows < scan.shape[0])
    columns = np.arange(scan.shape[1])[None, :]
    kept = np.clip(rows, 0, scan.shape[0] - 1)
    seen = inside & ~fill[kept, columns]
    counts = seen.sum(axis=1)
    sums = (scan[kept, columns] * seen).sum(axis=1, dtype=np.float64)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def power_spectrum(scan: Pixels, axis: int) -> Floats:
    """Return the mean power along rows (axis 1) or columns (0), float64 (BANDS,), dB.

    Args:
        scan: uint8 (height, width); each line is taken without its mean, under a Hann window.
        axis: along which lines run.
    """
    lines = scan.astype(np.float64) - scan.mean(axis=axis, keepdims=True)
    n = scan.shape[axis]
    window = np.hanning(n) if axis == 1 else np.hanning(n)[:, None]
    power = np.abs(np.fft.rfft(lines * window, axis=axis)) ** 2 / n
    mean = power.mean(axis=1 - axis)[1:]
    places = np.minimum((np.fft.rfftfreq(n)[1:] * 2 * BANDS).astype(np.int64), BANDS - 1)
    counts = np.maximum(np.bincount(places, minlength=BANDS), 1)
    return np.asarray(10 * np.log10(np.bincount(places, mean, BANDS) / counts + 1e-6))


def _slope(spectrum: Floats) -> float:
    """Return how steeply a spectrum falls from 0.05 to 0.4 cycles a pixel, dB a decade."""
    frequency = (np.arange(BANDS) + 0.5) / (2 * BANDS)
    used = (frequency >= 0.05) & (frequency <= 0.4)
    return float(np.polyfit(np.log10(frequency[used]), spectrum[used], 1)[0])


def speckle_contrast(scan: Pixels, where: Bools) -> float:
    """Return the median of SD by mean in windows of 7 by 7 px, of the greys as they are shown.

    The display's fourth root makes it about a quarter of the contrast of the intensity.

    Args:
        scan: uint8 (height, width).
        where: bool (height, width), the windows' middles; NaN if there is none.
    """
    if not where.any():
        return float("nan")
    grey = scan.astype(np.float32)
    mean = cv2.blur(grey, (7, 7))
    variance = np.maximum(cv2.blur(grey * grey, (7, 7)) - mean * mean, 0)
    return float(np.median(np.sqrt(variance[where]) / np.maximum(mean[where], 1)))


def correlation_lengths(grain: Floats, where: Bools) -> tuple[float, float]:
    """Return the lags at which the grain's autocorrelation falls to 1/e, along and in depth, px.

    Args:
        grain: float32 (height, width), see `find_grain`.
        where: bool (height, width), the region; NaN where it has no grain.

    Returns:
        Two lengths, linear between whole lags, of at most 8 px.
    """
    rows = np.flatnonzero(where.any(axis=1))
    if not len(rows):
        return float("nan"), float("nan")
    span = slice(int(rows[0]), int(rows[-1]) + 1)
    inside = where[span].astype(np.float32)
    masked = grain[span] * inside
    return _length(masked, inside), _length(masked.T, inside.T)


def find_grain(scan: Pixels) -> Floats:
    """Return a scan less its blur along the rows (12 px), in which layers are gone, float32.

    That shortens what is measured of long grain along the rows, by a seventh at 2.5 px.
    """
    grey = scan.astype(np.float32)
    return np.asarray(grey - cv2.GaussianBlur(grey, (0, 0), sigmaX=12, sigmaY=0.01), np.float32)


def _length(grain: Floats, inside: Floats) -> float:
    before = 1.0
    for lag in range(1, 9):
        here, there = grain[:, lag:], grain[:, :-lag]
        mine, theirs = inside[:, lag:], inside[:, :-lag]
        scale = float((here * here * theirs).sum()) * float((there * there * mine).sum())
        now = float((here * there).sum()) / np.sqrt(scale) if scale > 0 else float("nan")
        if not now >= 1 / np.e:
            return float(lag - 1 + (before - 1 / np.e) / (before - now))
        before = now
    return 8.0


def _shape(edges: Edges, profile: Floats, height: int) -> dict[str, float]:
    thickness = (edges.outer - edges.inner).astype(np.float64)
    width = len(thickness)
    columns = np.arange(width) / width
    middle = (columns > 1 / 3) & (columns < 2 / 3)
    outer = edges.outer.astype(np.float32)
    smooth = cv2.GaussianBlur(outer[None], (0, 0), sigmaX=width / 25, sigmaY=0.1)[0]
    return {
        "retina_thickness": float(np.median(thickness)),
        "fovea_thickness": float(np.percentile(thickness[middle], 20)),
        "thickest": float(np.percentile(thickness, 95)),
        "outer_band_width": _width(profile),
        "outer_band_roughness": float(np.std(outer - smooth)),
        "outer_band_tilt": abs(float(np.polyfit(np.arange(width), outer, 1)[0])),
        "outer_band_depth": float(np.median(outer)) / height,
    }


def _width(profile: Floats) -> float:
    """Return how many rows around the band's peak are brighter than halfway to what is above."""
    near = profile[ABOVE - 15 : ABOVE + 40]
    if np.isnan(near).any():
        return float("nan")
    peak = int(near[10:].argmax()) + 10
    half = (near[peak] + near[:15].min()) / 2
    dark = near < half
    above = np.flatnonzero(dark[:peak])
    below = np.flatnonzero(dark[peak:])
    first = int(above[-1]) + 1 if len(above) else 0
    return float((peak + int(below[0]) if len(below) else len(near)) - first)


def _bands(edges: Edges, fill: Bools) -> dict[str, Bools]:
    """Return where vitreous, retina, outer band and choroid are, clear of their edges."""
    rows = np.arange(fill.shape[0])[:, None]
    return {
        "vitreous": (rows < edges.inner - 12) & ~fill,
        "retina": (rows > edges.inner + 6) & (rows < edges.outer - 6) & ~fill,
        "outer_band": (rows >= edges.outer) & (rows < edges.outer + 14) & ~fill,
        "choroid": (rows > edges.outer + 30) & (rows < edges.outer + 80) & ~fill,
    }


def _greys(scan: Pixels, fill: Bools, edges: Edges) -> dict[str, float]:
    bands = _bands(edges, fill)
    found = {f"{name}_grey": _mean(scan[where]) for name, where in bands.items()}
    found["black_in_vitreous"] = _mean(scan[bands["vitreous"]] <= 2)
    return found


def _mean(values: npt.NDArray[Any]) -> float:
    return float(values.mean()) if values.size else float("nan")


def _grain(scan: Pixels, fill: Bools, edges: Edges) -> dict[str, float]:
    bands = _bands(edges, fill)
    grain = find_grain(scan)
    vitreous = grain[bands["vitreous"]]
    found = {
        "grain_vitreous": float(vitreous.std()) if vitreous.size else float("nan"),
        "speckle_contrast_retina": speckle_contrast(scan, bands["retina"]),
        "speckle_contrast_choroid": speckle_contrast(scan, bands["choroid"]),
    }
    for name in ("retina", "vitreous"):
        lengths = correlation_lengths(grain, bands[name])
        found[f"correlation_along_{name}"], found[f"correlation_in_depth_{name}"] = lengths
    return found
