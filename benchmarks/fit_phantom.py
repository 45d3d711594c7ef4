"""Measure real scans for the phantom: writes `octtutor/phantom/parameters.json`.

    python benchmarks/fit_phantom.py --data ../shared/oct2017/train

In every scan the inner surface and Bruch's membrane are traced as the cheapest paths of the
grey's gradient (dynamic programming, as Chiu et al., Opt Express 18:19413, 2010). From them are
taken, as quantiles over scans: where the retina lies, its tilt and bend, how bright retina and
choroid are, the level and banding of the vitreous, the streaks behind the RPE, and from the
white borders how the scan was straightened. The greys of the layers are read off the mean A-scan
of the NORMALs, aligned at the RPE. Only numbers are written, no pixels.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from octtutor.datasets.decode import read_scan
from octtutor.datasets.fill import find_fill

FILE = Path(__file__).parent.parent / "octtutor" / "phantom" / "parameters.json"
Floats = NDArray[np.float32]
AXIAL_UM, LATERAL_UM = 3.87, 11.5
_QUANTILES = np.linspace(0.02, 0.98, 13)
_AROUND = 80, 60
"""Rows above and below Bruch's membrane in an aligned A-scan."""

_ROWS = {"NFL": -45, "GCL": -68, "IPL": -60, "INL": -50, "OPL": -45, "ONL": -30}
"""Where each inner layer is read, rows from Bruch's membrane at 0.9 to 2.2 mm from the fovea."""


@dataclass(frozen=True, slots=True)
class Traced:
    """A scan with its two traced surfaces.

    Attributes:
        grey: float32 (height, width).
        fill: bool (height, width), the white borders.
        inner: int (width,), row of the inner limiting membrane.
        membrane: int (width,), row of Bruch's membrane.
    """

    grey: Floats
    fill: NDArray[np.bool_]
    inner: NDArray[np.intp]
    membrane: NDArray[np.intp]

    @property
    def rows(self) -> NDArray[np.intp]:
        """Return the row numbers, int (height, 1)."""
        return np.arange(self.grey.shape[0])[:, None]


def trace(cost: Floats, jump: int = 2) -> NDArray[np.intp]:
    """Return the row of the cheapest path from left to right, int (width,).

    Args:
        cost: float32 (height, width).
        jump: the most rows it may move from one column to the next.
    """
    height, width = cost.shape
    total, back = cost[:, 0].copy(), np.zeros((height, width), np.int8)
    for column in range(1, width):
        best, step = total.copy(), np.zeros(height, np.int8)
        for move in (m for m in range(-jump, jump + 1) if m):
            moved = np.full(height, np.inf, np.float32)
            moved[max(move, 0) : height + min(move, 0)] = total[
                max(-move, 0) : height - max(move, 0)
            ]
            moved += 0.3 * abs(move)
            step = np.where(moved < best, -move, step).astype(np.int8)
            best = np.minimum(best, moved)
        total, back[:, column] = best + cost[:, column], step
    rows = np.zeros(width, np.intp)
    rows[-1] = int(total.argmin())
    for column in range(width - 1, 0, -1):
        rows[column - 1] = rows[column] + back[rows[column], column]
    return rows


def trace_scan(scan: NDArray[np.uint8]) -> Traced:
    """Trace the two surfaces of a scan, uint8 (height, width)."""
    fill = find_fill(scan)
    grey = scan.astype(np.float32)
    grey[fill] = np.median(grey[~fill]) * 0.6
    soft = cv2.GaussianBlur(grey, (0, 0), sigmaX=3, sigmaY=1.5)
    bright = float(soft.max(axis=0).mean())
    slope = np.gradient(cv2.GaussianBlur(soft, (0, 0), sigmaX=4, sigmaY=1.2), axis=0)
    slope[cv2.dilate(fill.astype(np.uint8), np.ones((13, 5), np.uint8)) > 0] = 0
    above = np.roll(cv2.blur(soft, (1, 7)), 4, axis=0)
    membrane = trace((np.minimum(slope, 0) * 60 - above * 2).astype(np.float32) / bright)
    below = np.roll(cv2.blur(soft, (1, 31)), 16, axis=0)
    rows = np.arange(scan.shape[0])[:, None]
    cost = (-np.maximum(slope, 0) * 60 + below * 2) / bright
    cost = np.where((rows > membrane - 25) | (rows < membrane - 220), 5, cost)
    return Traced(grey, fill, trace(cost.astype(np.float32)), membrane)


def measure(traced: Traced) -> dict[str, float]:
    """Return the figures of one scan."""
    figures = _pose(traced) | _light(traced)
    return {name: value for name, value in figures.items() if np.isfinite(value)}


def _pose(traced: Traced) -> dict[str, float]:
    height, width = traced.grey.shape
    across = (np.arange(width) - width / 2) * LATERAL_UM / 1000
    bend, tilt, place = np.polyfit(across, traced.membrane * AXIAL_UM, 2)
    thick = (traced.membrane - traced.inner).astype(np.float32)
    soft = cv2.GaussianBlur(thick[None], (0, 0), sigmaX=8)[0]
    middle = soft[width // 5 : 4 * width // 5]
    fovea = (int(middle.argmin()) + width // 5 - width / 2) * LATERAL_UM
    return {"place": place / (height * AXIAL_UM), "tilt": tilt, "bend": bend, "fovea": fovea}


def _light(traced: Traced) -> dict[str, float]:
    grey, rows, clear = traced.grey, traced.rows, ~traced.fill
    retina = (rows > traced.inner + 2) & (rows < traced.membrane - 30) & clear
    choroid = (rows >= traced.membrane + 25) & (rows < traced.membrane + 31) & clear
    gel = np.where((rows < traced.inner - 14) & clear, grey, np.nan)
    full = np.isfinite(gel).mean(axis=1) > 0.6
    by_row = np.nanmean(gel[full], axis=1) if full.sum() > 20 else np.array([np.nan])
    return {
        "brightness": float(grey[retina].mean()),
        "choroid": float(grey[choroid].mean() / grey[retina].mean()),
        "vitreous": float(np.nanmedian(gel)) if full.any() else np.nan,
        "banding": float(np.std(cv2.blur(by_row[:, None].astype(np.float32), (1, 9))))
        * 4
        / max(float(np.nanmean(by_row)), 1),
        "streak": _streak(traced),
    }


def _streak(traced: Traced) -> float:
    """Return how much neighbouring columns differ behind the RPE, as a share of their grey."""
    height = traced.grey.shape[0]
    means = [
        column[min(row + 30, height - 40) : min(row + 60, height - 8)].mean()
        for column, row in zip(traced.grey.T, traced.membrane, strict=True)
    ]
    band = np.array(means, np.float32)
    smooth = cv2.blur(band[None], (41, 1))[0]
    return float(np.std((band - smooth) / (smooth + 5)))


def straightening(scan: NDArray[np.uint8]) -> tuple[float, float, float]:
    """Return shift, slant and arch of the white borders at the top and the bottom, pixels."""
    white = scan >= 245
    at = (20, scan.shape[1] // 2, scan.shape[1] - 20)
    top = [0 if white[:, x].all() else int(np.argmin(white[:, x])) for x in at]
    bottom = [0 if white[:, x].all() else int(np.argmin(white[::-1, x])) for x in at]
    left, middle, right = (float(t - b) for t, b in zip(top, bottom, strict=True))
    arch = (left + right) / 2 - middle
    return middle + arch / 2, (right - left) / 2, arch


def aligned(traced: Traced) -> Floats | None:
    """Return the mean A-scan beside the fovea, aligned at the RPE, float32 (140,)."""
    height, width = traced.grey.shape
    fovea = _pose(traced)["fovea"] / LATERAL_UM + width / 2
    columns = [
        x
        for x in range(8, width - 8)
        if 900 < abs(x - fovea) * LATERAL_UM < 2200
        and _AROUND[0] < traced.membrane[x] < height - _AROUND[1]
    ]
    if len(columns) < 40:
        return None
    above, below = _AROUND
    scans = np.stack(
        [traced.grey[traced.membrane[x] - above : traced.membrane[x] + below, x] for x in columns]
    )
    mean = scans.mean(axis=0)
    for _ in range(2):
        mean = np.mean([_align(scans, i, mean) for i in range(len(scans))], axis=0)
    return np.asarray(mean, np.float32)


def _align(scans: Floats, index: int, mean: Floats) -> Floats:
    near = scans[max(0, index - 4) : index + 5].mean(axis=0)
    fits = [float(np.dot(np.roll(near, s)[45:95], mean[45:95])) for s in range(-2, 3)]
    return np.roll(scans[index], int(np.argmax(fits)) - 2)


def greys_of(profile: Floats) -> dict[str, float]:
    """Return the grey of each layer from the median aligned A-scan, float32 (140,).

    The thin outer bands are read at their peaks and dips, and set further apart by what the
    optic and the alignment have blurred; how far was found by drawing with them and reading the
    drawn scans in the same way.
    """
    above = _AROUND[0]
    inner = {name: float(profile[above + row]) for name, row in _ROWS.items()}
    inner["INL"] = float(profile[above - 60 : above - 42].min()) - 5
    inner["OPL"] = float(profile[above - 50 : above - 38].max()) + 4
    inner["ONL"] = float(profile[above - 34 : above - 22].min()) + 1
    inner["GCL"], inner["IPL"] = (float(profile[above - k]) for k in (74, 66))
    ez_at = above - 20 + int(profile[above - 20 : above - 10].argmax())
    rpe_at = above - 7 + int(profile[above - 7 : above + 3].argmax())
    ez, rpe = float(profile[ez_at]), float(profile[rpe_at])
    dip = float(profile[ez_at:rpe_at].min())
    elm = float(profile[ez_at - 8 : ez_at - 3].max())
    return {
        "VITREOUS": 0,
        "NFL": inner["GCL"] + 12,
        **{name: inner[name] for name in ("GCL", "IPL", "INL", "OPL", "ONL")},
        "ELM": elm + 9,
        "MYOID": elm - 10,
        "EZ": ez + 0.1265 * (ez - dip),
        "OS": dip - (ez - dip) / 3,
        "IZ": (2 * rpe + dip) / 3,
        "SUBRETINAL": 20,
        "RPE": rpe + 8,
        "SUB_RPE": 120,
        "BM": 0.62 * rpe,
        "CHOROID": 100,
    }


def _scans(folder: Path, label: str) -> Iterator[NDArray[np.uint8]]:
    for path in sorted((folder / label).iterdir()):
        scan = read_scan(path)
        if scan.shape in ((496, 512), (496, 768)):
            yield scan


def quantiles(values: list[float], middle: float | None = None) -> list[float]:
    """Return 13 quantiles from 2 to 98 %, scaled so that the median is `middle` where given."""
    found = np.quantile(np.array(values), _QUANTILES)
    scaled = found if middle is None else found * middle / np.median(found)
    return [round(float(value), 4) for value in scaled]


def fit(folder: Path) -> dict[str, object]:
    """Return the parameters, measured on the scans of a folder CLASS/…."""
    figures: dict[str, list[float]] = {}
    profiles, borders = [], []
    for label in ("CNV", "DME", "DRUSEN", "NORMAL"):
        for scan in _scans(folder, label):
            traced = trace_scan(scan)
            kept = _pose(traced) | _light(traced) if label == "NORMAL" else _shared(traced, label)
            for name, value in kept.items():
                figures.setdefault(name, []).append(value)
            borders.append((scan.shape[1] > 600, straightening(scan)))
            if label == "NORMAL":
                profiles.append(aligned(traced))
    moved = np.array([border for _, border in borders])
    narrow = np.array([not wide for wide, _ in borders])
    any_white = np.abs(moved).max(axis=1) > 2
    clean = {name: [v for v in values if np.isfinite(v)] for name, values in figures.items()}
    shifts = zip(("shift", "slant"), moved[any_white].T[:2], strict=True)
    return {
        "about": "Written by benchmarks/fit_phantom.py; quantiles run from 2 to 98 % of scans.",
        "scans": len(borders),
        "greys": {
            name: round(grey, 1)
            for name, grey in greys_of(
                np.median([p for p in profiles if p is not None], axis=0)
            ).items()
        },
        "straightened": {
            "narrow": round(float(any_white[narrow].mean()), 3),
            "wide": round(float(any_white[~narrow].mean()), 3),
        },
        "quantiles": {
            **{
                name: quantiles(values, 1.0 if name in ("brightness", "choroid") else None)
                for name, values in clean.items()
            },
            **{name: quantiles(values.tolist()) for name, values in shifts},
        },
    }


def _shared(traced: Traced, label: str) -> dict[str, float]:
    """Return what a diseased scan tells of all scans; CNV bends Bruch's membrane itself."""
    pose, light = _pose(traced), _light(traced)
    names = ("vitreous", "banding", "brightness", "choroid")
    shared = {name: light[name] for name in names}
    if label != "CNV":
        shared |= {name: pose[name] for name in ("place", "tilt", "bend")}
    return shared


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="CLASS/… of real scans")
    parser.add_argument("--out", type=Path, default=FILE, help="the file to write")
    options = parser.parse_args()
    text = json.dumps(fit(options.data), indent=1) + "\n"
    options.out.write_text(text, encoding="utf-8")
    print(f"Written: {options.out}")


if __name__ == "__main__":
    main()
