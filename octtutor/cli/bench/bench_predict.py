"""`octtutor bench predict`."""

import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from octtutor.cli.output import Json, print_json
from octtutor.settings import DEFAULT

if TYPE_CHECKING:
    from octtutor.model.network.engine_contract import ServingEngine
    from octtutor.model.serve.engine import KerasEngine

REVEAL = "reveal: answer, familiarity and maps of every class"
ARTICLE = "the article's way: predict, one map by an eager tape"
FORWARD = "bare OpenVINO, forward (scan and its mirror image)"
PREDICT = "keras predict"
Steps = dict[str, Callable[[int], object]]


def predict(
    rounds: Annotated[int, typer.Option(min=1, help="Synthetic scans to answer.")] = 30,
    model: Annotated[str, typer.Option(help="A model's name or folder.")] = DEFAULT,
    as_json: Json = False,
) -> None:
    """Measure how long one scan takes: a reveal against the article's way and bare passes."""
    figures = measure(rounds, model)
    print_json(figures) if as_json else print_table(figures)


def measure(rounds: int, model: str = DEFAULT) -> dict[str, Any]:
    """Return the median milliseconds of each step on `rounds` synthetic scans, with quartiles.

    `engine` is what runs the model here. `ratios` are of medians of this run:
    `reveal_over_bare_forward` (preparation aside) and `article_over_reveal`.
    """
    from octtutor.core.diagnosis import LABELS
    from octtutor.model.network.backend import import_keras_quietly
    from octtutor.model.ood.ood_score import open_ood_detector
    from octtutor.model.serve.engine_choice import EngineChoice, open_engine
    from octtutor.phantom import make
    from octtutor.wiring import find_folder, read_settings

    settings = read_settings()
    folder = find_folder(model, settings)
    import_keras_quietly()
    from octtutor.model.serve.engine import KerasEngine

    keras, engine = KerasEngine.open(folder), open_engine(folder, EngineChoice(settings.engine))
    detector = open_ood_detector(folder)

    def reveal(engine: "ServingEngine", prepared: Any) -> object:
        output, maps = engine.read(prepared)
        return output, maps, detector and detector.measure(output.features)

    rng = np.random.default_rng(0)
    scans = [make(LABELS[i % 4], rng, (496, 512)).scan for i in range(rounds + 1)]
    prepared = [engine.prepare(scan) for scan in scans]
    steps: Steps = {
        REVEAL: lambda i: reveal(engine, prepared[i]),
        "preparing a scan": lambda i: engine.prepare(scans[i]),
        **_in_keras(keras, prepared),
        **_peers(keras, prepared),
    }
    times = _times(steps, rounds)
    medians = {what: statistics.median(taken) for what, taken in times.items()}
    return {
        "scans": rounds,
        "engine": engine.name,
        "milliseconds": medians,
        "quartiles": {
            what: np.quantile(taken, [0.25, 0.75]).tolist() for what, taken in times.items()
        },
        "ratios": {
            "reveal_over_bare_forward": medians[REVEAL] / medians[FORWARD],
            "article_over_reveal": medians[ARTICLE] / medians[REVEAL],
        },
    }


def _in_keras(engine: "KerasEngine", prepared: list[Any]) -> Steps:
    from octtutor.model.explain.methods import DEFAULT_METHOD, explain_raw

    joined = engine.network.joined()
    features = engine.run(prepared[0][None]).features[0]
    classes = range(len(engine.card.labels))
    return {
        PREDICT: lambda i: joined.predict(engine.how.to_input(prepared[i][None]), verbose=0),
        "Keras, answer (scan and its mirror image)": lambda i: engine.run(prepared[i][None]),
        "Keras, maps of every class, gradcam": lambda i: engine.gradcam(features, classes),
        f"Keras, maps of every class, {DEFAULT_METHOD}": lambda i: explain_raw(
            engine, prepared[i], classes
        ),
    }


def _peers(engine: "KerasEngine", prepared: list[Any]) -> Steps:
    from octtutor.cli.bench.peers import articles_way, bare_litert, bare_openvino, compiled_map

    looks = {
        ARTICLE: articles_way(engine),
        "a compiled Grad-CAM through the whole network, answer and one map": compiled_map(engine),
        FORWARD: bare_openvino(engine),
        "bare LiteRT, forward (scan and its mirror image)": bare_litert(engine),
    }
    return {what: _at(look, prepared) for what, look in looks.items() if look is not None}


def _at(look: Callable[[Any], object], prepared: list[Any]) -> Callable[[int], object]:
    return lambda i: look(prepared[i])


def print_table(figures: dict[str, Any]) -> None:
    """Print one line a step, and the ratios."""
    typer.echo(f"{'what':<68}{'median ms':>12}{'quartiles':>18}")
    for what, ms in figures["milliseconds"].items():
        low, high = figures["quartiles"][what]
        typer.echo(f"{what:<68}{ms:>12.1f}{f'{low:.1f} to {high:.1f}':>18}")
    for name, ratio in figures["ratios"].items():
        typer.echo(f"{name}: {ratio:.2f}")


def _times(steps: Steps, rounds: int) -> dict[str, list[float]]:
    """Take the steps turn and turn about; a first turn, on a scan of its own, is not counted."""
    times: dict[str, list[float]] = {what: [] for what in steps}
    for step in steps.values():
        step(rounds)
    for i in range(rounds):
        for what, step in steps.items():
            start = time.perf_counter()
            step(i)
            times[what].append(1000 * (time.perf_counter() - start))
    return times
