"""What a scan costs here, and what 109,000 and 10 million would cost.

    python benchmarks/scale.py [--json] [--data DIR] [--scans 128]

One process, each step timed by itself on the same scans, the median of several turns. The
projection multiplies, and says nothing of steps that do not grow in proportion: docs/scale.md
does.
"""

import argparse
import hashlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from octtutor.model.network.backend import import_keras_quietly

SHARED = Path(__file__).parent.parent.parent / "shared" / "oct2017" / "test"
SIZES = (109_000, 10_000_000)
TURNS = 3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--data", type=Path, default=SHARED, help="folder of scans")
    parser.add_argument("--scans", type=int, default=128, help="how many are measured on")
    arguments = parser.parse_args()
    import_keras_quietly()
    with tempfile.TemporaryDirectory() as place:
        figures = measure(find_data(arguments.data, Path(place)), arguments.scans, Path(place))
    print(json.dumps(figures, indent=2) if arguments.json else to_table(figures))


def find_data(folder: Path, place: Path) -> Path:
    """Return the folder of scans, or draw synthetic ones where it is not there."""
    if folder.is_dir():
        return folder
    from octtutor.phantom import write_deck

    write_deck(place / "drawn", 16, 1)
    for mask in (place / "drawn" / "masks").iterdir():
        mask.unlink()
    return place / "drawn"


def measure(data: Path, count: int, place: Path) -> dict[str, Any]:
    """Return milliseconds a scan of each step, bytes, and projections."""
    from octtutor.datasets.decode import decode
    from octtutor.datasets.groups import group_near, thumbnail
    from octtutor.datasets.sources import open_source, scans_of
    from octtutor.model.network.pretrained import BackboneSource
    from octtutor.model.network.scan_set import load_scans
    from octtutor.model.serve.engine import KerasEngine
    from octtutor.model.training.feature_cache import FeatureCache, Filler, row_kind
    from octtutor.model.training.finetune_training import finetune
    from octtutor.model.training.head_training import train_head
    from octtutor.model.training.loop import Watch
    from octtutor.model.training.recipes.features import HeadRecipe
    from octtutor.model.training.recipes.finetune import Finetune

    with open_source(data) as members:
        files = [member.read() for member in scans_of(members, data)[:count]]
    engine = KerasEngine.open(Path(__file__).parent.parent / "models" / "lite0")
    prepared = np.stack([engine.prepare(decode(file)) for file in files])
    n = len(files)
    tuned = Finetune().begin(BackboneSource())
    frozen = HeadRecipe().begin(BackboneSource())
    kind = row_kind(frozen.backbone, pooled=True)
    filler = Filler(frozen.backbone, kind, 32)
    scans = load_scans(data, frozen.how)
    cache = FeatureCache(place / "features", 10**10)
    epochs: dict[str, list[float]] = {"fine-tune": [], "head": []}

    def note(name: str) -> Watch:
        return Watch(on_epoch=lambda *_: epochs[name].append(time.perf_counter()))

    finetune(tuned.network, scans, Finetune(epochs=3), None, note("fine-tune"))
    recipe = HeadRecipe(epochs=12)
    train_head(frozen.network, frozen.backbone, cache, scans, recipe, None, note("head"))
    thumbs = np.stack([thumbnail(scan) for scan in prepared])
    steps = {
        "hash, decode, prepare": each(
            lambda: [(hashlib.sha256(f).digest(), engine.prepare(decode(f))) for f in files], n
        ),
        "answer, with its mirror image": each(lambda: engine.run_many(prepared), n),
        "features, pooled": each(lambda: filler.rows(prepared), n),
        "an epoch of fine-tuning": per_epoch(epochs["fine-tune"], len(scans.names)),
        "an epoch of a head on cached features": per_epoch(epochs["head"], len(scans.names)),
    }
    pair = each(lambda: group_near(thumbs), n * n)
    return {
        "cores": os.cpu_count(),
        "scans": n,
        "milliseconds_a_scan": steps,
        "near_copies_milliseconds_a_pair": pair,
        "bytes_a_scan": {
            "file": round(statistics.mean(map(len, files))),
            "prepared": int(prepared[0].nbytes),
            "cached features": kind.row_bytes,
        },
        "projected": {str(size): project(steps, kind.row_bytes, size) for size in SIZES},
    }


def each(work: Callable[[], Any], count: int) -> float:
    """Return the median milliseconds for one of `count`, after a turn that is not counted."""
    work()
    times = []
    for _ in range(TURNS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times) / count


def per_epoch(ends: list[float], count: int) -> float:
    """Return the median milliseconds a scan of the epochs after the first."""
    return 1000 * statistics.median(np.diff(ends).tolist()) / count


def project(steps: dict[str, float], row: int, size: int) -> dict[str, float]:
    """Return hours of each step for so many scans on this machine, and gigabytes of cache."""
    hours = {name: value * size / 3.6e6 for name, value in steps.items()}
    return hours | {"cache, gigabytes": row * size / 1e9}


def to_table(figures: dict[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    lines = [
        f"{figures['scans']} scans, {figures['cores']} cores",
        "| step | ms a scan | " + " | ".join(f"{size:,} scans, hours" for size in SIZES) + " |",
        "|---|---|" + "---|" * len(SIZES),
    ]
    for name, value in figures["milliseconds_a_scan"].items():
        hours = (f"{figures['projected'][str(size)][name]:.3g}" for size in SIZES)
        lines.append(f"| {name} | {value:.3g} | " + " | ".join(hours) + " |")
    sizes = ", ".join(f"{name} {value:,}" for name, value in figures["bytes_a_scan"].items())
    pair = figures["near_copies_milliseconds_a_pair"]
    return "\n".join([*lines, f"bytes a scan: {sizes}", f"near copies: {1e6 * pair:.3g} ns a pair"])


if __name__ == "__main__":
    main()
