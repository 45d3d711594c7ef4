"""Real and synthetic scans side by side, as pictures."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.realism.radiomics import MIDDLE, Looked
from benchmarks.realism.texture import ABOVE, BANDS, BELOW, GREYS, UNITS
from octtutor.core.diagnosis import LABELS
from octtutor.datasets.decode import Pixels, decode
from octtutor.datasets.images import write_atomically
from octtutor.datasets.sources import open_source

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REAL, SYNTHETIC = "#0072B2", "#D55E00"
"""Okabe and Ito's blue and vermilion."""
EACH = 16
"""Real and synthetic scans on a sheet."""
_ACROSS, _TILE = 8, (240, 248)
_BY_CLASS = ("retina_thickness", "fovea_thickness", "thickest", "outer_band_roughness")
Floats = npt.NDArray[np.floating[Any]]


def write_plots(folder: Path, real: Looked, synthetic: Looked) -> list[Path]:
    """Draw curves, figures and thickness of real and synthetic scans; no scan is in them.

    Returns:
        `curves.png`, `figures.png`, `thickness.png` in the folder.

    Raises:
        SettingsError: the folder cannot be written.
    """
    drawings = {
        "curves.png": _curves(real, synthetic),
        "figures.png": _figures(real, synthetic),
        "thickness.png": _thickness(real, synthetic),
    }
    for name, data in drawings.items():
        write_atomically(folder / name, data)
    return [folder / name for name in drawings]


def write_sheets(
    folder: Path, real: tuple[Path, Looked], synthetic: tuple[Path, Looked], seed: int
) -> list[Path]:
    """Put scans on sheets, to be looked at.

    Args:
        folder: where to write. `mixed.png` holds real scans: keep it out of public places.
        real: the source, and the scans that were looked at in it.
        synthetic: likewise.
        seed: of the draw and the order.

    Returns:
        `mixed.png`, 16 real and 16 synthetic scans in random order, numbered from 1; `mixed.csv`,
        which is which; `synthetic.png`, the synthetic ones alone.

    Raises:
        SettingsError: the folder cannot be written.
    """
    rng = np.random.default_rng(seed)
    ours = [("real", *row) for row in _draw(*real, rng)]
    theirs = [("synthetic", *row) for row in _draw(*synthetic, rng)]
    both = ours + theirs
    mixed = [both[index] for index in rng.permutation(len(both))]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("number", "origin", "label", "name"))
    writer.writerows((n, *row[:3]) for n, row in enumerate(mixed, start=1))
    write_atomically(folder / "mixed.png", sheet([row[3] for row in mixed]))
    write_atomically(folder / "mixed.csv", text.getvalue().encode())
    write_atomically(folder / "synthetic.png", sheet([row[3] for row in theirs]))
    return [folder / name for name in ("mixed.png", "mixed.csv", "synthetic.png")]


def sheet(scans: Sequence[Pixels]) -> bytes:
    """Return scans, uint8 (height, width), as one numbered sheet of eight columns, PNG."""
    height, width = _TILE
    rows = -(-len(scans) // _ACROSS)
    page = np.zeros((rows * height, _ACROSS * width), np.uint8)
    for place, scan in enumerate(scans):
        top, left = place // _ACROSS * height, place % _ACROSS * width
        tile = cv2.resize(scan, (width - 4, height - 4), interpolation=cv2.INTER_AREA)
        cv2.putText(tile, str(place + 1), (6, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 0, 3)
        cv2.putText(tile, str(place + 1), (6, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1)
        page[top : top + height - 4, left : left + width - 4] = tile
    return bytes(cv2.imencode(".png", page)[1])


def _draw(source: Path, looked: Looked, rng: np.random.Generator) -> list[tuple[str, str, Pixels]]:
    """Return label, name and middle columns of as many scans of each class, from their files."""
    chosen: list[int] = []
    for index in range(len(LABELS)):
        own = np.flatnonzero(looked.scans.truth == index)
        chosen += rng.permutation(own)[: EACH // len(LABELS)].tolist()
    labels = {looked.scans.names[i]: str(LABELS[looked.scans.truth[i]]) for i in chosen}
    with open_source(source) as members:
        return [
            (labels[member.name], member.name, _middle(decode(member.read(), member.name)))
            for member in members
            if member.name in labels
        ]


def _middle(scan: Pixels) -> Pixels:
    left = max(0, (scan.shape[1] - MIDDLE) // 2)
    return scan[:, left : left + MIDDLE]


def _curves(real: Looked, synthetic: Looked) -> bytes:
    frequency = (np.arange(BANDS) + 0.5) / (2 * BANDS)
    plans: list[tuple[str, str, Floats, str, str]] = [
        ("greys", "grey histogram", np.arange(GREYS) * (256 / GREYS), "grey", "share of pixels"),
        (
            "profile",
            "mean depth profile",
            np.arange(-ABOVE, BELOW) * 1.0,
            "rows below the top of the outer band",
            "grey",
        ),
        ("along", "power along the rows", frequency, "cycles a pixel", "dB"),
        ("deep", "power in depth", frequency, "cycles a pixel", "dB"),
    ]
    figure, places = _page(2, 2, (10, 7.5))
    for axes, (name, title, x, across, up) in zip(places, plans, strict=True):
        for looked, colour, called in _both(real, synthetic):
            values = looked.stacked(name)
            seen = np.isfinite(values).any(axis=0)
            low, high = np.nanpercentile(values[:, seen], [5, 95], axis=0)
            axes.fill_between(x[seen], low, high, color=colour, alpha=0.18, linewidth=0)
            axes.plot(x[seen], np.nanmean(values[:, seen], axis=0), color=colour, label=called)
        axes.set(title=title, xlabel=across, ylabel=up)
    places[0].set_yscale("log")
    places[0].legend()
    return _png(figure)


def _figures(real: Looked, synthetic: Looked) -> bytes:
    figure, places = _page(-(-len(UNITS) // 4), 4, (13, 2.1 * -(-len(UNITS) // 4)))
    for column, (axes, (name, unit)) in enumerate(zip(places, UNITS.items(), strict=False)):
        both = [
            (looked.stacked("figures")[:, column], colour, called)
            for looked, colour, called in _both(real, synthetic)
        ]
        _outlines(axes, both)
        axes.set(title=name.replace("_", " "), xlabel=unit)
    _name_heights(places, 4)
    places[0].legend(fontsize=7)
    for axes in places[len(UNITS) :]:
        axes.set_axis_off()
    return _png(figure)


def _thickness(real: Looked, synthetic: Looked) -> bytes:
    figure, places = _page(len(_BY_CLASS), len(LABELS), (13, 2.1 * len(_BY_CLASS)))
    for place, axes in enumerate(places):
        name, index = _BY_CLASS[place // len(LABELS)], place % len(LABELS)
        column = list(UNITS).index(name)
        both = [
            (looked.stacked("figures")[looked.scans.truth == index, column], colour, called)
            for looked, colour, called in (
                (real, REAL, "real"),
                (synthetic, SYNTHETIC, "synthetic"),
            )
        ]
        _outlines(axes, both)
        axes.set(title=f"{LABELS[index]}: {name.replace('_', ' ')}", xlabel=UNITS[name])
    _name_heights(places, len(LABELS))
    places[0].legend(fontsize=7)
    return _png(figure)


def _name_heights(places: list["Axes"], across: int) -> None:
    for axes in places[::across]:
        axes.set_ylabel("share of scans")


def _outlines(axes: "Axes", both: Sequence[tuple[Floats, str, str]]) -> None:
    """Draw both histograms on the same bins, cut at the 1st and the 99th percentile."""
    kept = [(values[np.isfinite(values)], colour, called) for values, colour, called in both]
    everything = np.concatenate([values for values, _, _ in kept])
    if not len(everything):
        return
    low, high = np.percentile(everything, [1, 99])
    edges = np.linspace(low, high if high > low else low + 1, 25).tolist()
    for values, colour, called in kept:
        clipped = np.clip(values, edges[0], edges[-1])
        weights = np.full(len(clipped), 1 / max(1, len(clipped)))
        axes.hist(
            clipped, edges, weights=weights, histtype="step", color=colour, label=called, lw=1.4
        )


def _both(real: Looked, synthetic: Looked) -> list[tuple[Looked, str, str]]:
    return [
        (real, REAL, f"real ({len(real.textures)})"),
        (synthetic, SYNTHETIC, f"synthetic ({len(synthetic.textures)})"),
    ]


def _page(down: int, across: int, inches: tuple[float, float]) -> tuple[Any, list["Axes"]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=inches, layout="constrained")
    places = list(figure.subplots(down, across).flat)
    for axes in places:
        axes.grid(alpha=0.3)
        axes.tick_params(labelsize=7)
        axes.title.set_fontsize(9)
        axes.xaxis.label.set_fontsize(8)
        axes.yaxis.label.set_fontsize(8)
    return figure, places


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    return buffer.getvalue()
