"""`octtutor train|evaluate|predict|explain`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from octtutor.cli.output import Json, note, print_json, progress_bar
from octtutor.model.backend import import_keras_quietly
from octtutor.settings import DEFAULT
from octtutor.wiring import read_settings

Model = Annotated[str, typer.Option(help="A model's name or folder.")]


def train(
    data: Annotated[Path, typer.Option(help="Training scans: folder, ZIP or tar.")],
    out: Annotated[Path, typer.Option(help="The model folder to make.")],
    recipe: Annotated[str, typer.Option(help="How to train: finetune.")] = "finetune",
    val: Annotated[Path | None, typer.Option(help="Scans to measure on.")] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the scans.")] = 12,
    batch: Annotated[int, typer.Option(min=2, help="Scans a step.")] = 32,
    seed: Annotated[int, typer.Option(help="Fixes order and augmentation.")] = 2017,
    note_: Annotated[
        list[str] | None, typer.Option("--note", help="A line for the card; may be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a network and write its folder (weights, card, history, curves)."""
    if recipe != "finetune":
        raise typer.BadParameter(f"expected finetune, received {recipe}", param_hint="--recipe")
    import_keras_quietly()
    from octtutor.model.finetune import Finetune
    from octtutor.model.training import train as train_model

    settings = Finetune(epochs=epochs, batch=batch, seed=seed)
    with progress_bar("reading") as reading, progress_bar("training", "step") as training:
        card = train_model(
            data,
            out,
            settings,
            val,
            on_load=reading,
            on_batch=training,
            on_epoch=_say_epoch,
            notes=note_ or (),
        )
    if as_json:
        print_json({"name": card.name, "folder": str(out), "figures": card.figures})
        return
    typer.echo(f"Written: {out} (weights, card.json, history.csv, curves.png)")
    _say_figures(card.figures)


def evaluate(
    data: Annotated[Path, typer.Option(help="Scans with known truth: folder, ZIP or tar.")],
    model: Model = DEFAULT,
    as_json: Json = False,
) -> None:
    """Measure a model on scans with known truth."""
    import_keras_quietly()
    from octtutor.model.evaluation import evaluate as measure
    from octtutor.model.registry import find_model

    with progress_bar("reading") as reading:
        figures = measure(find_model(model, read_settings().model_folders), data, reading)
    if as_json:
        print_json(figures)
        return
    _say_figures(figures)
    for miss in figures["misclassified"]:
        typer.echo(f"  {miss['source']}: {miss['truth']} taken for {miss['label']}")


def predict(
    sources: Annotated[list[str], typer.Argument(help="Scans, folders, or web addresses.")],
    model: Model = DEFAULT,
    as_json: Json = False,
) -> None:
    """Answer scans: files, whole folders, or web addresses."""
    import_keras_quietly()
    from octtutor.model.reading import predict_sources
    from octtutor.model.registry import find_model

    folder = find_model(model, read_settings().model_folders)
    with progress_bar("predicting") as progress:
        answers, unreadable = predict_sources(folder, sources, progress)
    for fault in unreadable:
        note(fault)
    if as_json:
        print_json(answers)
    else:
        for answer in answers:
            chance = answer["probabilities"][answer["label"]]
            typer.echo(f"{answer['source']}: {answer['label']} {chance:.2f}")
    if unreadable:
        raise typer.Exit(1)


def explain(
    image: Annotated[Path, typer.Argument(help="A scan.")],
    out: Annotated[Path, typer.Option(help="Where to write the overlay, a PNG.")],
    map_file: Annotated[
        Path | None, typer.Option("--map", help="Where to write the map, float32 (H, W), .npy.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="The class to explain; the model's answer by default.")
    ] = None,
    method: Annotated[str, typer.Option(help="gradcam.")] = "gradcam",
    colours: Annotated[str, typer.Option(help="inferno, or jet as in the article.")] = "inferno",
    model: Model = DEFAULT,
    as_json: Json = False,
) -> None:
    """Show where the network looked: an overlay, and the map as numbers."""
    import_keras_quietly()
    from octtutor.core.diagnosis import Diagnosis
    from octtutor.model.maps import COLOURS
    from octtutor.model.reading import explain_path
    from octtutor.model.registry import find_model

    if method != "gradcam":
        raise typer.BadParameter(f"expected gradcam, received {method}", param_hint="--method")
    if colours not in COLOURS:
        expected = " or ".join(COLOURS)
        raise typer.BadParameter(f"expected {expected}, got {colours}", param_hint="--colours")
    if label is not None and label.upper() not in Diagnosis.__members__:
        raise typer.BadParameter(
            f"expected {', '.join(Diagnosis)}, received {label}", param_hint="--label"
        )
    wanted = Diagnosis(label.upper()) if label else None
    folder = find_model(model, read_settings().model_folders)
    told = explain_path(folder, image, out, map_file, wanted, colours)
    if as_json:
        print_json(told)
        return
    evidence = "" if told["evidence"] else " (no evidence for this class: the map is all zero)"
    typer.echo(f"{out}: Grad-CAM for {told['explained']}{evidence}")


def _say_epoch(epoch: int, measures: dict[str, float]) -> None:
    note(f"epoch {epoch}: " + json.dumps({k: round(v, 4) for k, v in measures.items()}))


def _say_figures(figures: dict[str, Any]) -> None:
    low, high = figures["accuracy_ci"]
    typer.echo(
        f"accuracy {figures['accuracy']:.3f} (95 % {low:.3f} to {high:.3f} over patients), "
        f"weighted error {figures['weighted_error']:.3f}, urgent referral: sensitivity "
        f"{_number(figures['sensitivity'])}, specificity {_number(figures['specificity'])}; "
        f"{figures['n']} scans of {figures['patients']} patients"
    )
    if figures.get("leaky"):
        shared = figures["overlap_with_training"]
        typer.echo(
            f"LEAKY: {shared['files']} files and {shared['patients']} patients were in the "
            "model's training; these figures are too good."
        )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
