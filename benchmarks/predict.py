"""How long one scan takes: the engine (answer and four maps) against Keras's own `predict`.

    python benchmarks/predict.py [--json]

Same process, same scans, same network, turn and turn about; medians.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np

from octtutor.core.diagnosis import LABELS
from octtutor.model.backend import import_keras_quietly
from octtutor.phantom import make
from octtutor.wiring import read_settings


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rounds", type=int, default=30, help="scans, default 30")
    arguments = parser.parse_args()
    figures = measure(arguments.rounds)
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{'what':<42}{'median ms':>12}{'against predict':>18}")
    for what, ms in figures["milliseconds"].items():
        print(f"{what:<42}{ms:>12.1f}{ms / figures['milliseconds']['keras predict']:>17.2f}x")


def measure(rounds: int) -> dict[str, object]:
    """Return the median milliseconds of each step on `rounds` synthetic scans."""
    import_keras_quietly()
    from octtutor.model.engine import KerasEngine
    from octtutor.model.preprocess import to_input
    from octtutor.model.registry import find_model

    engine = KerasEngine.open(find_model("default", read_settings().model_folders))
    joined = engine.network.joined()
    rng = np.random.default_rng(0)
    scans = [make(LABELS[i % 4], rng, (496, 512)).scan for i in range(rounds)]
    prepared = [engine.prepare(scan)[None] for scan in scans]
    outputs = [engine.run(one) for one in prepared[:3]]
    steps: dict[str, Callable[[int], object]] = {
        "keras predict": lambda i: joined.predict(to_input(prepared[i]), verbose=0),
        "engine, answer (scan and its mirror image)": lambda i: engine.run(prepared[i]),
        "engine, four maps": lambda i: engine.gradcam(outputs[i % 3].features[0], range(4)),
        "preparing a scan": lambda i: engine.prepare(scans[i]),
    }
    for step in steps.values():
        step(0)
    times: dict[str, list[float]] = {what: [] for what in steps}
    for i in range(rounds):
        for what, step in steps.items():
            start = time.perf_counter()
            step(i)
            times[what].append(1000 * (time.perf_counter() - start))
    return {
        "scans": rounds,
        "milliseconds": {what: statistics.median(taken) for what, taken in times.items()},
    }


if __name__ == "__main__":
    main()
