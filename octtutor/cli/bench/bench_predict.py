"""`octtutor bench predict`."""

import statistics
import time
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import typer

from octtutor.cli.output import Json, print_json
from octtutor.settings import DEFAULT


def predict(
    rounds: Annotated[int, typer.Option(min=1, help="Synthetic scans to answer.")] = 30,
    model: Annotated[str, typer.Option(help="A model's name or folder.")] = DEFAULT,
    as_json: Json = False,
) -> None:
    """Measure how long one scan takes: answer and maps against Keras's own predict."""
    figures = measure(rounds, model)
    print_json(figures) if as_json else print_table(figures)


def measure(rounds: int, model: str = DEFAULT) -> dict[str, Any]:
    """Return the median milliseconds of each step on `rounds` synthetic scans."""
    from octtutor.model.network.backend import import_keras_quietly
    from octtutor.wiring import find_folder, read_settings

    import_keras_quietly()
    from octtutor.core.diagnosis import LABELS
    from octtutor.model.explain.methods import DEFAULT_METHOD, explain_raw
    from octtutor.model.serve.engine import KerasEngine
    from octtutor.phantom import make

    engine = KerasEngine.open(find_folder(model, read_settings()))
    joined = engine.network.joined()
    rng = np.random.default_rng(0)
    scans = [make(LABELS[i % 4], rng, (496, 512)).scan for i in range(rounds)]
    prepared = [engine.prepare(scan)[None] for scan in scans]
    outputs = [engine.run(one) for one in prepared[:3]]
    steps: dict[str, Callable[[int], object]] = {
        "keras predict": lambda i: joined.predict(engine.how.to_input(prepared[i]), verbose=0),
        "engine, answer (scan and its mirror image)": lambda i: engine.run(prepared[i]),
        "engine, four maps, gradcam": lambda i: engine.gradcam(
            outputs[i % len(outputs)].features[0], range(4)
        ),
        f"engine, four maps, {DEFAULT_METHOD}": lambda i: explain_raw(
            engine, prepared[i][0], range(4)
        ),
        "preparing a scan": lambda i: engine.prepare(scans[i]),
    }
    return {"scans": rounds, "milliseconds": _medians(steps, rounds)}


def print_table(figures: dict[str, Any]) -> None:
    """Print one line a step."""
    typer.echo(f"{'what':<46}{'median ms':>12}{'against predict':>18}")
    for what, ms in figures["milliseconds"].items():
        share = ms / figures["milliseconds"]["keras predict"]
        typer.echo(f"{what:<46}{ms:>12.1f}{share:>17.2f}x")


def _medians(steps: dict[str, Callable[[int], object]], rounds: int) -> dict[str, float]:
    """Take the steps turn and turn about; the first turn of each is not counted."""
    times: dict[str, list[float]] = {what: [] for what in steps}
    for step in steps.values():
        step(0)
    for i in range(rounds):
        for what, step in steps.items():
            start = time.perf_counter()
            step(i)
            times[what].append(1000 * (time.perf_counter() - start))
    return {what: statistics.median(taken) for what, taken in times.items()}
