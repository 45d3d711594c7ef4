"""Is a scan found again after each change, and how often is another scan taken for it?

    python benchmarks/fingerprint.py [--json] [--every 4] [--data DIR DIR] [--framed]

Needs scans named `LABEL-PATIENT-NUMBER.jpeg`: OCT2017's and OCTDL's in ../shared, or --data.
Found: each change of every fourth scan is searched in the prints of all these scans. False: each
scan is searched in the prints of all others, every pair once. Copies are left out: OCTDL has some
scans twice, under one patient or two. Those saved anew have thumbnails that correlate at 0.99
(`octtutor.datasets.groups`). Those cropped otherwise are found by prints alone, so they are
counted apart: all that correlate at 0.98 (there is none between 0.965 and 0.993; the 34 were
looked at, and are the same pictures). Shares have Wilson's 95 % intervals.

With --framed the prints are those of what a network's preparation makes of a picture, under the
changes that it undoes; of every fourth scan alone, of which every fourth is changed.
"""

import argparse
import csv
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import read_scan
from octtutor.datasets.fill import without_fill
from octtutor.datasets.fingerprint import (
    MOST_FRAMED,
    SAME,
    Fingerprint,
    Prints,
    fingerprint,
    framed_fingerprint,
)
from octtutor.datasets.groups import near_pairs, thumbnail
from octtutor.model.explain.maps import overlay
from octtutor.stats.intervals import wilson

SHARED = Path(__file__).parents[2] / "shared"
SEED = 2026
CROPPED_COPY = 0.98
Pixels = npt.NDArray[Any]
Change = Callable[[Pixels, np.random.Generator], Pixels]
Taking = Callable[[Pixels], Fingerprint]


@dataclass(frozen=True, slots=True)
class Seen:
    """A scan of a set."""

    path: Path
    patient: str
    print: Fingerprint
    thumbnail: npt.NDArray[np.float32]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    parser.add_argument("--every", type=int, default=4, help="of so many scans one is changed")
    parser.add_argument("--framed", action="store_true", help="prints of prepared frames")
    parser.add_argument(
        "--data", type=Path, nargs="+", default=[SHARED / "oct2017", SHARED / "octdl"]
    )
    arguments = parser.parse_args()
    bare = [str(folder) for folder in arguments.data if not any(folder.rglob("*.jpeg"))]
    if bare:
        parser.error(f"no scans (LABEL-PATIENT-NUMBER.jpeg) in {', '.join(bare)}: name --data")
    figures = measure(arguments.data, arguments.every, arguments.framed)
    if not arguments.json:
        print_table(figures)
    print(json.dumps(figures))


def measure(folders: Sequence[Path], every: int, framed: bool) -> dict[str, Any]:
    """Return all figures, ready for JSON."""
    began = time.perf_counter()
    paths = [(folder, path) for folder in folders for path in sorted(folder.rglob("*.jpeg"))]
    take, most, step = (
        (framed_fingerprint, MOST_FRAMED, every) if framed else (fingerprint, None, 1)
    )
    scans = [look(folder, path, take) for folder, path in paths[::step]]
    prints = Prints([scan.print for scan in scans])
    copies = find_copies(scans)
    return {
        "scans": len(scans),
        "patients": len({scan.patient for scan in scans}),
        "threshold": SAME,
        "found": found_rates(scans[::every], take, most, FRAMED_CHANGES if framed else CHANGES),
        "false": false_rates(scans, prints, copies, most),
        "time": times(scans, take, most),
        "seconds": round(time.perf_counter() - began),
    }


def look(folder: Path, path: Path, take: Taking) -> Seen:
    """Read a scan."""
    scan = read_scan(path)
    patient = f"{folder.name}/{path.stem.split('-')[1]}"
    return Seen(path, patient, take(scan), thumbnail(without_fill(scan)))


def find(prints: Prints, wanted: Fingerprint, most: int | None) -> int | None:
    """Search as the server does; `most` is None for whole prints."""
    return prints.find(wanted) if most is None else prints.find(wanted, most)


def find_copies(scans: Sequence[Seen]) -> frozenset[tuple[int, int]]:
    """Return the pairs of indices that are one scan saved twice."""
    thumbnails = np.stack([scan.thumbnail for scan in scans])
    mirrored = thumbnails.reshape(-1, 64, 64)[:, :, ::-1].reshape(len(scans), -1)
    pairs = near_pairs(thumbnails, thumbnails) + near_pairs(thumbnails, mirrored)
    return frozenset((min(pair), max(pair)) for pair in pairs if pair[0] != pair[1])


def found_rates(
    scans: Sequence[Seen], take: Taking, most: int | None, changes: dict[str, Change]
) -> dict[str, Any]:
    """Return for each change how many of the scans are found as themselves, or as a copy."""
    prints = Prints([scan.print for scan in scans])
    copies = find_copies(scans)
    found = {}
    for name, change in changes.items():
        rng = np.random.default_rng(SEED)
        right, other = 0, 0
        for index, scan in enumerate(scans):
            changed = np.ascontiguousarray(change(read_scan(scan.path), rng))
            figures = find(prints, take(changed), most)
            is_it = figures is not None and (
                figures == index
                or (min(figures, index), max(figures, index)) in copies
                or is_cropped_copy(scans[figures], scan)
            )
            right += is_it
            other += figures is not None and not is_it
        found[name] = share(right, len(scans)) | {"taken for another": other}
    return found


def is_cropped_copy(one: Seen, other: Seen) -> bool:
    """Whether two scans are the same picture, cropped otherwise."""
    return any(how >= CROPPED_COPY for _, how in Prints([one.print]).compare(other.print))


def false_rates(
    scans: Sequence[Seen], prints: Prints, copies: frozenset[tuple[int, int]], most: int | None
) -> dict[str, Any]:
    """Return how many pairs of different scans count as the same, of one patient and of two."""
    n = len(scans)
    of_one = {
        (i, j) for i in range(n) for j in range(i + 1, n) if scans[i].patient == scans[j].patient
    }
    alike: dict[tuple[int, int], float] = {}
    for index, scan in enumerate(scans):
        for other, how in prints.compare(scan.print, most and most + 1):  # itself is the nearest
            pair = (min(index, other), max(index, other))
            if other != index and pair not in copies:
                alike[pair] = max(alike.get(pair, -1.0), how)
    copies |= {pair for pair, how in alike.items() if how >= CROPPED_COPY}
    wrong = {pair for pair, how in alike.items() if how >= SAME} - copies
    pairs, mine = n * (n - 1) // 2 - len(copies), len(of_one - copies)
    closest = sorted(wrong, key=lambda pair: -alike[pair])[:12]
    return {
        "all pairs": share(len(wrong), pairs),
        "of one patient": share(len(wrong & of_one), mine),
        "of two patients": share(len(wrong - of_one), pairs - mine),
        "copies": len(copies),
        "closest": [
            [scans[i].path.name, scans[j].path.name, round(alike[i, j], 3)] for i, j in closest
        ],
    }


def times(scans: Sequence[Seen], take: Taking, most: int | None) -> dict[str, float]:
    """Return milliseconds: one print, and one search in 1,000 prints, as the median of 40.

    Once the scan is among them, once it is not.
    """
    picked = scans[:: max(1, len(scans) // 40)]
    pictures = [read_scan(scan.path) for scan in picked]
    prints = Prints([scan.print for scan in scans[:1000]])
    known = {scan.path for scan in picked}
    others = Prints([scan.print for scan in scans[:1000] if scan.path not in known])
    return {
        "print_ms": median_ms([lambda p=p: take(p) for p in pictures]),
        "search_1000_ms": median_ms([lambda s=s: find(prints, s.print, most) for s in picked]),
        "search_others_ms": median_ms([lambda s=s: find(others, s.print, most) for s in picked]),
    }


def median_ms(calls: Sequence[Callable[[], object]]) -> float:
    """Return how long a call takes in the middle."""
    took = []
    for call in calls:
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return round(1000 * float(np.median(took)), 1)


def share(count: int, n: int) -> dict[str, Any]:
    """Return a share with its interval."""
    figure = wilson(count, n)
    return {"count": count, "n": n, "share": figure.value, "low": figure.low, "high": figure.high}


def jpeg(scan: Pixels, quality: int) -> Pixels:
    """Save a scan as JPEG and read it again."""
    data = cv2.imencode(".jpg", scan, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))


def scaled(scan: Pixels, by: float) -> Pixels:
    """Scale a scan."""
    how = cv2.INTER_AREA if by < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(scan, None, fx=by, fy=by, interpolation=how))


def cropped(scan: Pixels, sides: npt.NDArray[np.float64]) -> Pixels:
    """Take shares off a scan's sides: top, bottom, left, right."""
    height, width = scan.shape
    top, bottom, left, right = sides * [height, height, width, width]
    return scan[round(top) : round(height - bottom), round(left) : round(width - right)]


def framed(scan: Pixels, rng: np.random.Generator) -> Pixels:
    """Put a flat rim around a scan, up to 30 % of its size on each side."""
    height, width = scan.shape
    rims = (rng.uniform(0, 0.3, 4) * [height, height, width, width]).astype(int).tolist()
    grey = int(rng.choice([0, 17, 34, 128, 250]))
    return np.asarray(cv2.copyMakeBorder(scan, *rims, cv2.BORDER_CONSTANT, value=grey))


def screenshot(scan: Pixels, rng: np.random.Generator) -> Pixels:
    """Scale, put the desk around, save as JPEG."""
    return jpeg(framed(scaled(scan, rng.uniform(0.5, 2)), rng), 50)


def retouched(scan: Pixels, rng: np.random.Generator) -> Pixels:
    """Change brightness and contrast as a viewer's sliders do."""
    changed = (scan - 128.0) * rng.uniform(0.7, 1.4) + 128 + rng.uniform(-40, 40)
    return np.clip(changed, 0, 255).astype(np.uint8)


def tinted(scan: Pixels, rng: np.random.Generator) -> Pixels:
    """Lay a heat map over a scan: a blob somewhere, as the page draws it."""
    height, width = scan.shape
    y, x = rng.uniform(0.2, 0.8, 2) * [height, width]
    far = np.hypot(*np.meshgrid((np.arange(width) - x) / width, (np.arange(height) - y) / height))
    level = np.exp(-((far / 0.15) ** 2)).astype(np.float32)
    return np.asarray(cv2.cvtColor(overlay(scan, level), cv2.COLOR_BGR2RGB))


def all_at_once(scan: Pixels, rng: np.random.Generator) -> Pixels:
    """Scale, crop, mirror, save as JPEG."""
    part = cropped(scaled(scan, rng.uniform(0.5, 2)), rng.uniform(0, 0.1, 4))
    return jpeg(np.ascontiguousarray(part[:, ::-1]), 50)


CHANGES: dict[str, Change] = {
    "saved anew (PNG)": lambda scan, _: scan,
    "JPEG, quality 50": lambda scan, _: jpeg(scan, 50),
    "scaled to 50 %": lambda scan, _: scaled(scan, 0.5),
    "scaled to 50 to 200 %": lambda scan, rng: scaled(scan, rng.uniform(0.5, 2)),
    "scaled to 200 %": lambda scan, _: scaled(scan, 2),
    "mirrored": lambda scan, _: scan[:, ::-1],
    "upside down": lambda scan, _: scan[::-1],
    "cropped by 0 to 10 % on each side": lambda scan, rng: cropped(scan, rng.uniform(0, 0.1, 4)),
    "cropped by 10 % on one side": lambda scan, rng: cropped(
        scan, 0.1 * np.eye(4)[rng.integers(4)]
    ),
    "cropped by 10 % on all sides": lambda scan, _: cropped(scan, np.full(4, 0.1)),
    "scaled, cropped, mirrored, JPEG 50": all_at_once,
    "screenshot: scaled, a rim, JPEG 50": screenshot,
    "screenshot of a crop": lambda scan, rng: screenshot(
        cropped(scan, rng.uniform(0, 0.1, 4)), rng
    ),
    "brightness and contrast": retouched,
    "heat map over it": tinted,
}


def beside_a_panel(scan: Pixels, rng: np.random.Generator) -> Pixels:
    """Put a picture of blotches, as a fundus image is, and a white gap beside a scan."""
    height = len(scan)
    blotches = cv2.GaussianBlur(rng.integers(90, 200, (40, 40)).astype(np.uint8), (5, 5), 1)
    gap = np.full((height, 12), 255, np.uint8)
    return np.hstack([cv2.resize(blotches, (height, height)), gap, scan])


def coloured(scan: Pixels, _: np.random.Generator) -> Pixels:
    """Give a scan the colours of an OCT device."""
    text = files("octtutor.datasets.preparation").joinpath("topcon.csv").read_text("utf-8")
    rows = [[int(row[name]) for name in "rgb"] for row in csv.DictReader(text.splitlines())]
    return np.asarray(np.array(rows, np.uint8)[scan])


def sent(scan: Pixels, rng: np.random.Generator) -> Pixels:
    """Scale, crop, save as JPEG."""
    return jpeg(cropped(scaled(scan, rng.uniform(0.5, 2)), rng.uniform(0, 0.1, 4)), 50)


FRAMED_CHANGES: dict[str, Change] = {
    "inverted": lambda scan, _: 255 - scan,
    "on its side": lambda scan, _: np.rot90(scan),
    "beside another panel": beside_a_panel,
    "in a device's colours": coloured,
    "inverted, scaled, cropped, JPEG 50": lambda scan, rng: sent(255 - scan, rng),
    "on its side, scaled, cropped, JPEG 50": lambda scan, rng: np.rot90(sent(scan, rng)),
    "beside a panel, cropped, JPEG 50": lambda scan, rng: beside_a_panel(sent(scan, rng), rng),
}


def print_table(figures: dict[str, Any]) -> None:
    """Print the figures for people."""
    print(
        f"{figures['scans']} scans of {figures['patients']} patients, "
        f"{figures['false']['copies']} pairs of copies"
    )
    for name, one in figures["found"].items():
        print(
            f"{name:36} found {one['count']:5} of {one['n']} ({100 * one['share']:.1f} %, "
            f"{100 * one['low']:.1f} to {100 * one['high']:.1f}), "
            f"another {one['taken for another']}"
        )
    for name in ("all pairs", "of one patient", "of two patients"):
        one = figures["false"][name]
        print(
            f"{name:36} false {one['count']:5} of {one['n']:,} ({one['share']:.1e}, "
            f"{one['low']:.1e} to {one['high']:.1e})"
        )
    print(f"closest: {figures['false']['closest']}")
    print(f"{figures['time']}, {figures['seconds']} s in all")


if __name__ == "__main__":
    main()
