"""`octtutor bench explain`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from octtutor.cli.network.explanation_options import check_methods, read_class
from octtutor.cli.output import Json, note, print_json, progress_bar
from octtutor.model.explain.methods import METHODS
from octtutor.settings import DEFAULT

_COLUMNS = {
    "pointing_game": "points at",
    "energy_ratio": "energy",
    "deletion": "deletion",
    "insertion": "insertion",
    "randomisation": "shuffled",
    "repeatability": "shifted",
    "milliseconds": "ms",
}


def explain(
    data: Annotated[
        Path | None, typer.Option(help="Scans; phantoms with their masks by default.")
    ] = None,
    masks: Annotated[
        Path | None, typer.Option(help="A folder of masks, each named as its scan.")
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(help="The class to explain; the scan's own, else the model's answer."),
    ] = None,
    model: Annotated[str, typer.Option(help="A model's name or folder.")] = DEFAULT,
    method: Annotated[
        list[str] | None, typer.Option(help="A method to measure; may be repeated. All of them.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="So many scans at most.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of all that is drawn.")] = 2017,
    write: Annotated[
        bool, typer.Option("--write", help="Keep the figures beside the model, for the page.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure whether maps are to be trusted: on lesions, by deletion, by shuffled weights."""
    from octtutor.model.network.backend import import_keras_quietly
    from octtutor.wiring import find_folder, read_settings

    import_keras_quietly()
    from octtutor.model.explain.trust import write_trust
    from octtutor.model.measure.explain_bench import bench_explain
    from octtutor.model.serve.engine import KerasEngine

    if masks is not None and data is None:
        raise typer.BadParameter("expected --data with it", param_hint="--masks")
    check_methods(method or ())
    if slow := [name for name in method or METHODS if METHODS[name].slow]:
        note(f"{', '.join(slow)}: seconds a map; --method names those that are wanted")
    folder = find_folder(model, read_settings())
    engine = KerasEngine.open(folder)
    wanted = read_class(label, "--label", engine.card.labels)
    with progress_bar("explaining") as progress:
        figures = bench_explain(engine, data, masks, wanted, method or (), limit, seed, progress)
    for reason, names in figures["left_out"].items():
        if names:
            note(f"{len(names)} left out ({reason.replace('_', ' ')}), e.g. {names[0]}")
    if write:
        note(f"written: {write_trust(folder, figures)}")
    print_json(figures) if as_json else print_table(figures)


def print_table(figures: dict[str, Any]) -> None:
    """Print one line a method."""
    typer.echo(f"{figures['scans']} {figures['source']}; explained: {figures['explained']}")
    typer.echo(" " * 22 + "".join(f"{title:>11}" for title in _COLUMNS.values()))
    for name, row in figures["methods"].items():
        cells = (_cell(row[key]) for key in _COLUMNS)
        typer.echo(f"{name:<22}" + "".join(f"{cell:>11}" for cell in cells))
    typer.echo(
        "points at: share of scans whose brightest place is on a lesion; energy: lesion's share "
        "of the map over its share of the area; deletion: lower is better; insertion: higher is "
        "better; shuffled: likeness to a map of shuffled weights, 0 is best; shifted: likeness "
        "to the map of the shifted scan, 1 is best"
    )


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
