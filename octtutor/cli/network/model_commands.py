"""`octtutor models list|import`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from octtutor.cli.output import Json, note, print_json, progress_bar

app = typer.Typer(help="Trained models.", no_args_is_help=True)
_ENGINES = {"openvino": "OpenVINO", "keras": "Keras"}


@app.command("list")
def list_(
    as_json: Json = False,
) -> None:
    """List the models, and which one is in use."""
    from octtutor.model.serve.engine_choice import choose_engine
    from octtutor.model.serve.model_registry import override_note, survey
    from octtutor.wiring import read_settings

    settings = read_settings()
    found = survey(settings.model, settings.model_folders)
    rows: list[dict[str, Any]] = [
        {
            "name": entry.name,
            "in_use": entry.folder == found.in_use,
            "shipped": entry.shipped,
            "usable": entry.fault is None,
            "fault": entry.fault,
            "created": entry.card.created if entry.card else None,
            "recipe": entry.card.recipe.get("name") if entry.card else None,
            "accuracy": entry.card.figures.get("accuracy") if entry.card else None,
            "accuracy_ci": entry.card.figures.get("accuracy_ci") if entry.card else None,
            "figures_from": entry.card.figures_from if entry.card else None,
            "scheme": entry.card.scheme.name if entry.card else None,
            "labels": list(entry.card.labels) if entry.card else None,
            "answers_from": entry.card.answers_from if entry.card else None,
            "answered": entry.card.abstention.get("all") if entry.card else None,
            "weights_sha256": entry.card.weights_sha256 if entry.card else None,
            "engine": choose_engine(entry.card, settings.engine).name if entry.card else None,
            "engine_why": choose_engine(entry.card, settings.engine).why if entry.card else None,
        }
        for entry in found.entries
    ]
    for remark in (found.fault, override_note(settings.model)):
        if remark:
            note(remark)
    if as_json:
        print_json(rows)
        return
    if not rows:
        typer.echo("No models. Train one: octtutor train --data FOLDER --out models/NAME")
    for row in rows:
        star = "*" if row["in_use"] else " "
        typer.echo(f"{star} {row['name']}: {row['fault'] or _figures(row) + _engine(row)}")


def _figures(row: dict[str, Any]) -> str:
    if row["accuracy"] is None:
        return "no figures; measure it with `octtutor evaluate`"
    said = f"accuracy {row['accuracy']:.3f} on {row['figures_from']}"
    own = row["answered"]
    if not own:
        return said
    right = "none" if own["right"] is None else f"{own['right']:.3f}"
    return (
        f"{said}; by itself it would answer {own['coverage']:.3f} of them, from a probability of "
        f"{row['answers_from']:.2f} on: right {right}"
    )


def _engine(row: dict[str, Any]) -> str:
    why = f" ({row['engine_why']})" if row["engine_why"] else ""
    return f"; run by {_ENGINES[row['engine']]}{why}"


@app.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            help="A model folder, a ZIP or tar of one, the article's head, or a Keras model "
            "(.keras, .h5) with --preprocessing."
        ),
    ],
    name: Annotated[str, typer.Option("--as", help="What the model will be called.")],
    backbone_weights: Annotated[
        str,
        typer.Option(help="For the article's head: imagenet, a Keras file without top, or none."),
    ] = "imagenet",
    preprocessing: Annotated[
        str | None,
        typer.Option(
            help="Of a Keras model: what its training made of grey values 0 to 255: "
            "0..255, 1/255, -1..1, 127/128, mean-std or mean-bgr."
        ),
    ] = None,
    scheme: Annotated[
        str, typer.Option(help="Of a Keras model: whose diagnoses it answers with.")
    ] = "oct2017",
    labels: Annotated[
        str,
        typer.Option(
            help="Of a Keras model: the diagnoses in the order of its answers, with commas; the "
            "scheme's order by default."
        ),
    ] = "",
    size: Annotated[
        int | None, typer.Option(min=16, max=1024, help="Of a Keras model that leaves it open.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Import a model from elsewhere; weights only, no code is run."""
    from octtutor.model.network.backend import import_keras_quietly
    from octtutor.wiring import open_schemes, read_settings

    settings = read_settings()
    asked = open_schemes(settings).get(scheme)
    settings.make_home()
    import_keras_quietly()
    if preprocessing is not None:
        from octtutor.model.publish.keras_import import KerasSource, import_keras

        words = tuple(word.strip() for word in labels.split(",") if word.strip())
        source = KerasSource(file, asked, words, preprocessing, size)
        card, folder = import_keras(source, name, settings.model_folders)
    else:
        from octtutor.model.publish.model_import import import_model

        card, folder = import_model(file, name, settings.model_folders, backbone_weights)
    if as_json:
        print_json({"name": card.name, "folder": str(folder), "notes": list(card.notes)})
        return
    typer.echo(f"Imported: {card.name}, in {folder}")
    for line in card.notes:
        typer.echo(f"  {line}")


@app.callback()
def models() -> None:
    """Trained models."""


@app.command("gauge")
def gauge(
    name: Annotated[str, typer.Argument(help="A model's name or folder.")],
    data: Annotated[Path, typer.Option(help="Scans like those it was trained on.")],
    scheme: Annotated[
        str | None, typer.Option(help="Whose words the scans' labels are; oct2017's by default.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Teach a model that has no gauge what its scans look like, so that it flags other pictures."""
    from octtutor.datasets.schemes.naming import open_naming
    from octtutor.model.network.backend import import_keras_quietly
    from octtutor.wiring import find_folder, open_schemes, read_settings

    import_keras_quietly()
    from octtutor.model.ood.ood_fitting import add_ood_detector

    settings = read_settings()
    folder, naming = find_folder(name, settings), open_naming(open_schemes(settings), scheme)
    with progress_bar("looking") as progress:
        facts = add_ood_detector(folder, data, progress, naming)
    if as_json:
        print_json(facts)
        return
    typer.echo(f"{name}: pictures above {facts['threshold']:.2f} are flagged")


@app.command("graph")
def graph(
    name: Annotated[str, typer.Argument(help="A model's name or folder.")],
    as_json: Json = False,
) -> None:
    """Make the graph by which OpenVINO serves a model, checked against Keras."""
    from octtutor.errors import ModelError
    from octtutor.model.publish.graph_making import make_graph
    from octtutor.wiring import find_folder, read_settings

    folder = find_folder(name, read_settings())
    with progress_bar("checking") as progress:
        facts = make_graph(folder, progress)
    if as_json:
        print_json(facts)
    elif "refused" in facts:
        raise ModelError(f"{name} has no graph, and Keras serves it: {facts['refused']}")
    else:
        seen = facts["check"]
        typer.echo(
            f"{folder}: graph.xml, graph.bin; on {seen['scans']} synthetic scans the same labels, "
            f"probabilities off by at most {seen['probability']:.1g}, maps by {seen['map']:.1g}"
        )
