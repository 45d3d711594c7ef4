"""How fast scans are measured with maps, and whether memory stays flat while they are.

    python benchmarks/evaluate.py [--json] [--data DIR] [--method NAME …]

DIR is what `octtutor evaluate --data` takes: OCT2017's `train`, or what `octtutor phantom make
--out DIR` drew. Each method has a process of its own. Printed as JSON it is one object: `data`,
`cores`, and `methods`, by name `scans`, `seconds` (loading the model included),
`scans_per_second`, and `peak_mb`: the most resident memory until 10, 50 and 100 % of the scans.
"""

import argparse
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from octtutor.cli.output import one_line_errors, progress_bar
from octtutor.model.explain.methods import DEFAULT_METHOD, find_method
from octtutor.model.network.backend import import_keras_quietly
from octtutor.model.network.scan_set import Progress
from octtutor.settings import DEFAULT
from octtutor.wiring import find_folder, prepare_environment, read_settings

SHARES = (10, 50, 100)
"""Per cent of the scans at which memory is read."""
REAL = Path("../shared/oct2017/train")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--data", type=Path, default=REAL, help="folder, ZIP, tar or list of scans")
    parser.add_argument("--method", action="append", help="of the maps; may be repeated")
    arguments = parser.parse_args()
    with one_line_errors():
        names = arguments.method or [DEFAULT_METHOD, "gradcam"]
        methods = {name: in_own_process(arguments.data, name) for name in names}
    figures = {"data": str(arguments.data), "cores": os.cpu_count(), "methods": methods}
    print(json.dumps(figures, indent=2) if arguments.json else to_table(figures))


def in_own_process(data: Path, method: str) -> dict[str, Any]:
    """Return what `measure` returns, of a process whose memory begins anew.

    Raises:
        OctTutorError: there is no such method, or the scans cannot be measured.
    """
    find_method(method)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn) as pool:
        return pool.submit(measure, data, method).result()


def measure(data: Path, method: str) -> dict[str, Any]:
    """Answer and explain all scans in one pass; return scans, seconds and peaks of memory."""
    prepare_environment(read_settings())
    import_keras_quietly()
    from octtutor.model.measure.inspecting import inspect

    folder, peaks = find_folder(DEFAULT, read_settings()), dict[int, float]()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as place, progress_bar(method) as bar:
        figures = inspect(folder, data, Path(place), partial(_follow, bar, peaks), method=method)
    seconds = time.perf_counter() - start
    return {
        "scans": figures["n"],
        "seconds": seconds,
        "scans_per_second": figures["n"] / seconds,
        "peak_mb": {f"{share}%": peaks[share] for share in SHARES},
    }


def _follow(bar: Progress, peaks: dict[int, float], done: int, total: int) -> None:
    bar(done, total)
    for share in SHARES:
        if 100 * done >= share * total:
            peaks.setdefault(share, peak_mb())


def peak_mb() -> float:
    """Return the most resident memory that this process has had, megabytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1e6 if sys.platform == "darwin" else 1e6 / 1024)


def to_table(figures: dict[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    head = ["maps", "scans", "seconds", "scans a second", *(f"MB at {share} %" for share in SHARES)]
    lines = [
        f"{figures['data']}, {figures['cores']} cores",
        " | ".join(head),
        "|".join("---" for _ in head),
    ]
    for name, row in figures["methods"].items():
        peaks = (f"{value:.0f}" for value in row["peak_mb"].values())
        cells = [name, str(row["scans"]), f"{row['seconds']:.0f}", f"{row['scans_per_second']:.1f}"]
        lines.append(" | ".join([*cells, *peaks]))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
