"""What pictures are called: real scans, copies of them, small inputs, pictures of other things.

    python benchmarks/verdicts.py --scans ../shared/oct2017 ../shared/octdl --field ../shared/field
    python benchmarks/verdicts.py --fit --scans ../shared/oct2017 ../shared/octdl

Prints a table: how many of each kind a model's verdict calls `scan`, `unlike`, `other scan` and
`no scan`, and of how many `unlike` ones it cannot say in which way; and JSON. `--fit` fits the
weights by which a retina is told from what other pictures show
(`octtutor.datasets.preparation.weights`), says how they carry over to a folder and to kinds of
pictures that were left out, and prints them.
"""

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from benchmarks.no_scans import CHOSEN_ON, FRESH, crops, drawn, from_packages
from benchmarks.preparation import boxed, coloured, on_page, photographed
from octtutor.core.diagnosis import LABELS
from octtutor.core.verdict import Verdict
from octtutor.datasets.decode import Pixels, decode_picture
from octtutor.datasets.preparation import prepare
from octtutor.datasets.scan_picture import ScanPicture
from octtutor.datasets.volumes import open_volume
from octtutor.errors import BadScanError
from octtutor.model.network.backend import import_keras_quietly
from octtutor.model.ood.corruption import KINDS, corrupt
from octtutor.model.ood.judging import UNMEASURED
from octtutor.model.ood.non_scans import APART, LEARNED
from octtutor.phantom import make

Shown = tuple[str, str, ScanPicture]
"""A group, what a line about it says, and the picture."""


class Row(NamedTuple):
    """A picture to fit to: its group, whether it is a scan, and 33 numbers."""

    group: str
    is_scan: bool
    looks: np.ndarray


def cut_to_retina(scan: Pixels) -> Pixels:
    """Cut a scan close to its retina, as volumes of some clinics are."""
    found = prepare(scan).retina
    margin = len(scan) // 20
    top, bottom = int(found.top.min()) - margin, int(found.bottom.max()) + margin
    part = scan[max(0, top) : min(len(scan), bottom)]
    return part if len(part) >= 64 else scan


COPIES: dict[str, Callable[[Pixels], Pixels]] = {
    "inverted": lambda scan: 255 - scan,
    "upside down": lambda scan: scan[::-1].copy(),
    "sideways": lambda scan: np.rot90(scan).copy(),
    "in a device's colours": coloured,
    "with an orientation box": boxed,
    "on a white page": on_page,
    "photographed": photographed,
    "cut to the retina": cut_to_retina,
}


def real(folders: list[Path], every: int, first: int = 0) -> Iterator[Shown]:
    """Yield each `every`-th scan of folders."""
    for folder in folders:
        names = (path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
        for path in sorted(names)[first::every]:
            yield folder.name, path.name, ScanPicture(decode_picture(path.read_bytes()))


def copies(folders: list[Path], every: int) -> Iterator[Shown]:
    """Yield copies of scans that lie wrong, are cut, drawn on or coloured."""
    for _, name, picture in real(folders, every, every // 2):
        for kind, change in COPIES.items():
            changed = np.ascontiguousarray(change(picture.grey))
            yield f"copies {kind}", name, ScanPicture(changed)


def others(seed: int) -> Iterator[Shown]:
    """Yield pictures of other things, drawn and from packages."""
    named = {"drawn, learned": LEARNED, "drawn, apart": APART, "drawn, chosen on": CHOSEN_ON}
    for group, kinds in (named | {"drawn, fresh": FRESH}).items():
        for picture in drawn(kinds, group, 8, seed):
            yield group, picture.name, ScanPicture(picture.pixels)
    for picture in from_packages():
        for part in (picture, *crops(picture, seed)):
            yield "from packages", part.name, ScanPicture(part.pixels)


def field(folder: Path) -> Iterator[Shown]:
    """Yield small inputs, each a file."""
    for path in sorted(folder.iterdir()):
        if path.suffix in (".md", ".h5"):
            continue
        try:
            volume = open_volume(path)
            yield "field", path.name, volume.picture(volume.middle)
        except BadScanError as error:
            print(f"{path.name}: {error}")


def measure(shown: Iterator[Shown], model: Any) -> dict[str, Any]:
    """Return how many of each group got each verdict, and what was said of `no scan`."""
    counts: dict[str, Counter[str]] = {}
    lines: dict[str, list[str]] = {}
    for group, name, picture in shown:
        answer = model.predict(picture)
        counts.setdefault(group, Counter())[str(answer.verdict)] += 1
        lines.setdefault(group, []).append(f"{name}: {answer.verdict}: {answer.why}")
    return {group: {"verdicts": dict(counts[group]), "lines": lines[group]} for group in counts}


def show(found: dict[str, Any], each: bool) -> None:
    """Print the table, and a line for each picture where wanted."""
    heads = "".join(f"{head:>13}" for head in (*Verdict, "no way found"))
    print(f"{'':28}{'n':>6}{heads}")
    for group, one in found.items():
        counts = one["verdicts"]
        total = sum(counts.values())
        shares = "".join(f"{counts.get(verdict, 0):>13}" for verdict in Verdict)
        unclear = sum(UNMEASURED in line for line in one["lines"])
        print(f"{group:28}{total:>6}{shares}{unclear:>13}")
        for line in one["lines"] if each or group == "field" else ():
            print("   ", line)


def rows_of(folders: list[Path], every: int) -> list[Row]:
    """Return what is fitted to: scans, worse copies of them, phantoms; pictures of other things."""
    rows: list[Row] = []
    rng = np.random.default_rng(41)
    for group, _, picture in real(folders, every):
        kind, severity = str(rng.choice(sorted(KINDS))), int(rng.integers(2, 5))
        worse = corrupt(picture.grey, kind, severity, int(rng.integers(2**31)))
        change = COPIES[str(rng.choice(sorted(COPIES)))]
        copy = np.ascontiguousarray(change(picture.grey))
        for scan in (picture.pixels, worse, copy, cut_to_retina(picture.grey)):
            rows.append(Row(group, True, prepare(scan).looks))
    for index in range(60):
        phantom = make(LABELS[index % 4], np.random.default_rng([43, index]), (496, 512))
        rows.append(Row("phantoms", True, prepare(phantom.scan).looks))
    for group, _, picture in others(79):
        rows.append(Row(group, False, prepare(picture.pixels).looks))
    return rows


def fit(rows: list[Row]) -> None:
    """Fit, say how the weights carry over, and print them."""
    from sklearn.linear_model import LogisticRegression

    looks = np.array([row.looks for row in rows])
    truth = np.array([row.is_scan for row in rows])
    groups = np.array([row.group for row in rows])

    def weigh(kept: np.ndarray) -> tuple[np.ndarray, float]:
        mean, spread = looks[kept].mean(0), looks[kept].std(0) + 1e-6
        made = LogisticRegression(C=0.1, max_iter=5000, class_weight="balanced")
        made.fit((looks[kept] - mean) / spread, truth[kept])
        weights = made.coef_[0] / spread
        return weights, float(made.intercept_[0] - weights @ mean)

    for group in dict.fromkeys(groups.tolist()):
        kept = groups != group
        weights, start = weigh(kept)
        score = looks[~kept] @ weights + start
        low, middle, high = np.quantile(score, [0.01, 0.5, 0.99])
        print(f"without {group}: {low:.2f} {middle:.2f} {high:.2f} (1st, 50th, 99th hundredth)")
    weights, start = weigh(np.ones(len(rows), bool))
    print("LAYERED =", [float(f"{each:.4g}") for each in weights])
    print("LAYERED_FROM =", f"{start:.4g}")


def main() -> None:
    """Measure, or fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=Path, nargs="*", default=[])
    parser.add_argument("--field", type=Path)
    parser.add_argument("--model", default="lite0")
    parser.add_argument("--every", type=int, default=6)
    parser.add_argument("--copies-every", type=int, default=42)
    parser.add_argument("--each", action="store_true", help="a line for each picture, too")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--fit", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if options.fit:
        fit(rows_of(options.scans, options.every))
        return
    import_keras_quietly()
    from octtutor import load_model

    def shown() -> Iterator[Shown]:
        yield from field(options.field) if options.field else ()
        # not those that were fitted to, where both are every so many
        yield from real(options.scans, options.every, options.every // 2)
        yield from copies(options.scans, options.copies_every)
        yield from others(83)

    found = measure(shown(), load_model(options.model))
    show(found, options.each)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
