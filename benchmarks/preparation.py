"""The second way of preparing: what it finds on phantoms, on real scans, and on copies of them.

    python benchmarks/preparation.py [--scans ../shared/oct2017 …] [--every 1] [--json out.json]
    python benchmarks/preparation.py --fit --scans ../shared/oct2017 ../shared/octdl

Prints a table and JSON: how far the retina's surfaces are from a phantom's exact ones; how many
real scans, which all lie as they should, would be turned, inverted or cut; how many copies that
lie wrong are righted; milliseconds of one thread for a scan. `--fit` fits the weights by which an
upside-down scan is told and prints them, leaving out one folder after another to say how they
carry over.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from octtutor.core.diagnosis import LABELS
from octtutor.datasets.preparation import RIGHTED, StepKind, prepare
from octtutor.datasets.preparation.cleaning import find_fill
from octtutor.datasets.preparation.orientation import describe
from octtutor.datasets.preparation.palettes import undo_palette
from octtutor.datasets.preparation.reduced import glance, to_level
from octtutor.datasets.preparation.retina import find_in_level
from octtutor.phantom import make
from octtutor.phantom.anatomy import Layer

Pixels = np.ndarray
SIZES = ((496, 512), (496, 768), (280, 768), (496, 1024))


def coloured(scan: Pixels) -> Pixels:
    """Give a scan the colours of a device, uint8 (height, width, 3)."""
    palette = Path(undo_palette.__code__.co_filename).with_name("topcon.csv")
    rows = np.loadtxt(palette, delimiter=",", skiprows=1, dtype=int)
    return rows[:, 1:].astype(np.uint8)[scan]


def boxed(scan: Pixels) -> Pixels:
    """Draw a white orientation box with an arrow into the left lower corner."""
    marked, bottom = scan.copy(), len(scan)
    cv2.rectangle(marked, (10, bottom - 52), (56, bottom - 12), 255, 1)
    cv2.arrowedLine(marked, (18, bottom - 32), (48, bottom - 32), 255, 2)
    return marked


def on_page(scan: Pixels) -> Pixels:
    """Lay a scan on a white page."""
    return cv2.copyMakeBorder(scan, 120, 200, 90, 90, cv2.BORDER_CONSTANT, value=255)


def photographed(scan: Pixels) -> Pixels:
    """Show a scan on a dark screen, seen from the side."""
    height, width = scan.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    seen = corners * 0.8 + np.array([[150, 170], [130, 120], [115, 150], [170, 130]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, seen)
    size = (width + 150, height + 150)
    shown = cv2.warpPerspective(scan, matrix, size)
    inside = cv2.warpPerspective(np.full_like(scan, 255), matrix, size) > 127
    return np.where(inside, shown, np.uint8(26))


COPIES: dict[str, tuple[Callable[[Pixels], Pixels], StepKind]] = {
    "inverted": (lambda scan: 255 - scan, StepKind.INVERTED),
    "upside down": (lambda scan: scan[::-1].copy(), StepKind.UPSIDE_DOWN),
    "turned by 180": (lambda scan: scan[::-1, ::-1].copy(), StepKind.UPSIDE_DOWN),
    "sideways": (lambda scan: np.rot90(scan).copy(), StepKind.SIDEWAYS),
    "inverted, upside down": (lambda scan: 255 - scan[::-1], StepKind.UPSIDE_DOWN),
    "in a device's colours": (coloured, StepKind.PALETTE),
    "with an orientation box": (boxed, StepKind.MARKS),
    "on a white page": (on_page, StepKind.CROPPED),
    "photographed": (photographed, StepKind.SCREEN),
}
WRONG = RIGHTED | {StepKind.PANEL, StepKind.SURROUND, StepKind.PALETTE}
"""What must not be done to a scan that lies as it should."""


def measure_phantoms(count: int) -> dict[str, Any]:
    """Return how far found surfaces are from a phantom's exact ones, pixels of the scan."""
    errors: dict[str, list[tuple[float, float]]] = {}
    for index in range(count):
        label, size = LABELS[index % 4], SIZES[index // 4 % len(SIZES)]
        phantom = make(label, np.random.default_rng([23, index]), size)
        rows = phantom.anatomy.surfaces() / phantom.anatomy.grid.axial_um
        small = glance(phantom.scan)
        found = find_in_level(to_level(small, find_fill(small))).scaled(size[1], size[0])
        between = np.clip(found.bottom, rows[Layer.RPE], rows[Layer.BM])
        top = float(np.abs(found.top - rows[Layer.VITREOUS]).mean())
        errors.setdefault(str(label), []).append(
            (top, float(np.abs(found.bottom - between).mean()))
        )
    return {
        label: {
            "n": len(each),
            "inner_mean_px": float(np.mean(each, 0)[0]),
            "inner_median_px": float(np.median(each, 0)[0]),
            "outer_mean_px": float(np.mean(each, 0)[1]),
            "outer_median_px": float(np.median(each, 0)[1]),
        }
        for label, each in errors.items()
    }


def scans_of(folder: Path, every: int) -> Iterator[tuple[Path, Pixels]]:
    """Yield each `every`-th scan of a folder, by name."""
    for path in sorted(folder.rglob("*.jp*g"))[::every]:
        yield path, cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)


def measure_folder(folder: Path, every: int, copies_every: int) -> dict[str, Any]:
    """Return what is done to a folder's scans, and to copies of some of them."""
    steps: Counter[str] = Counter()
    found: dict[str, list[bool]] = {name: [] for name in COPIES}
    wrong, times, count = [], [], 0
    for index, (path, scan) in enumerate(scans_of(folder, every)):
        began = time.thread_time()
        prepared = prepare(scan)
        times.append(1000 * (time.thread_time() - began))
        count += 1
        done = {step.done for step in prepared.steps}
        steps.update(str(each) for each in done)
        if done & WRONG:
            wrong.append(f"{path.name}: {', '.join(sorted(done & WRONG))}")
        if index % copies_every == 0:
            for name, (change, expected) in COPIES.items():
                righted = prepare(np.ascontiguousarray(change(scan)))
                found[name].append(righted.did(expected))
    return {
        "n": count,
        "steps": dict(steps.most_common()),
        "wrong": wrong,
        "copies": {name: [sum(each), len(each)] for name, each in found.items()},
        "median_ms": float(np.median(times)),
        "fastest_tenth_ms": float(np.percentile(times, 10)),
    }


def fit(folders: list[Path], every: int) -> None:
    """Fit the weights of `orientation`, say how they carry over, and print them."""
    from sklearn.linear_model import LogisticRegression

    upright, mirrored, source = [], [], []
    for folder in folders:
        for _, scan in scans_of(folder, every):
            small = glance(scan)
            level = to_level(small, find_fill(small))
            turned = np.ascontiguousarray(level[::-1])
            upright.append(describe(level, find_in_level(level)))
            mirrored.append(describe(turned, find_in_level(turned)))
            source.append(folder.name)
    a, b, names = np.array(upright), np.array(mirrored), np.array(source)

    def weigh(a: Pixels, b: Pixels) -> tuple[Pixels, Pixels, float]:
        both, truth = np.concatenate([a, b]), np.repeat([1, 0], len(a))
        mean, spread = both.mean(0), both.std(0) + 1e-6
        seen = LogisticRegression(C=0.1, max_iter=3000).fit((both - mean) / spread, truth)
        alone = seen.coef_[0] / spread
        scale = np.sqrt(((a - b) ** 2).mean(0)) + 1e-6
        pairs = np.concatenate([a - b, b - a]) / scale
        pair = LogisticRegression(C=0.1, max_iter=3000, fit_intercept=False).fit(pairs, truth)
        return pair.coef_[0] / scale, alone, float(seen.intercept_[0] - alone @ mean)

    for name in dict.fromkeys(source) if len(folders) > 1 else ():
        kept = names != name
        pair, alone, start = weigh(a[kept], b[kept])
        for what, one, other in (("upright", a, b), ("mirrored", b, a)):
            doubtful = one[~kept] @ alone + start < 1.0
            turned = doubtful & ((one - other)[~kept] @ pair < -0.3)
            print(f"without {name}: {int(turned.sum())} of {len(turned)} {what} ones turned")
    pair, alone, start = weigh(a, b)
    print("UPRIGHT =", [float(f"{each:.4g}") for each in pair])
    print("SEEN =", [float(f"{each:.4g}") for each in alone], "SEEN_FROM =", f"{start:.4g}")


def show(report: dict[str, Any]) -> None:
    """Print the tables."""
    print("phantoms: pixels from the exact surface")
    for label, one in report["phantoms"].items():
        print(
            f"  {label:8} n {one['n']:4}  inner {one['inner_mean_px']:.2f} (median "
            f"{one['inner_median_px']:.2f})  outer {one['outer_mean_px']:.2f} (median "
            f"{one['outer_median_px']:.2f})"
        )
    for name, one in report["folders"].items():
        print(
            f"{name}: n {one['n']}, {one['median_ms']:.1f} ms (tenth {one['fastest_tenth_ms']:.1f})"
            f", wrongly righted, split or cut {len(one['wrong'])}; steps {one['steps']}"
        )
        for line in one["wrong"]:
            print("   ", line)
        for copy, (right, count) in one["copies"].items():
            print(f"    {copy:26} {right} of {count}")


def main() -> None:
    """Measure, or fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=Path, nargs="*", default=[])
    parser.add_argument("--phantoms", type=int, default=80)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--copies-every", type=int, default=10)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--fit", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if options.fit:
        fit(options.scans, options.every)
        return
    report = {
        "phantoms": measure_phantoms(options.phantoms),
        "folders": {
            folder.name: measure_folder(folder, options.every, options.copies_every)
            for folder in options.scans
        },
    }
    show(report)
    print(json.dumps(report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
