"""`octtutor train|evaluate|predict|explain`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from octtutor.cli.explained import check_methods, read_class
from octtutor.cli.output import Json, note, print_json, progress_bar
from octtutor.jobs.order import Order
from octtutor.model.backend import import_keras_quietly
from octtutor.model.card import Card
from octtutor.model.explaining import DEFAULT_METHOD, METHODS
from octtutor.settings import DEFAULT
from octtutor.wiring import find_folder, now, read_settings

RECIPES = ("finetune", "features", "article")
HEADS = ("gap-dense", "conv-flatten")
LITE0 = "lite0"
STRANGE = "this does not look like an OCT B-scan"
Model = Annotated[str, typer.Option(help="A model's name or folder.")]
Slice = Annotated[
    int | None, typer.Option("--slice", min=1, help="Of a volume: which B-scan, from 1.")
]
Method = Annotated[str, typer.Option(help=f"Of the maps: {', '.join(METHODS)}.")]
OnCluster = Annotated[
    str | None,
    typer.Option("--cluster", help="A Ray cluster: host:port, auto, or local to start one."),
]


def train(
    data: Annotated[Path, typer.Option(help="Training scans: folder, ZIP, tar, or a list (CSV).")],
    out: Annotated[Path, typer.Option(help="The model folder to make.")],
    recipe: Annotated[str, typer.Option(help="finetune, features or article.")] = "finetune",
    val: Annotated[Path | None, typer.Option(help="Scans to measure on.")] = None,
    hold_out: Annotated[
        Path | None,
        typer.Option(help="A list (CSV) of scans in --data to measure on, not to train on."),
    ] = None,
    leaky: Annotated[
        bool, typer.Option("--leaky", help="Allow the same patients in --val; the card says so.")
    ] = False,
    folds: Annotated[
        int, typer.Option(min=0, help="Also cross-validate over so many folds by patient.")
    ] = 0,
    backbone: Annotated[
        str | None, typer.Option(help="lite0, or a name of keras.applications.")
    ] = None,
    backbone_weights: Annotated[
        str | None, typer.Option(help="imagenet, none, or a Keras weights file without top.")
    ] = None,
    size: Annotated[int | None, typer.Option(help="Side of the input, pixels.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="A model to start from, by name or folder.")
    ] = None,
    head: Annotated[
        str, typer.Option(help="For features: gap-dense or conv-flatten.")
    ] = "gap-dense",
    choose: Annotated[
        str | None, typer.Option(help="For finetune: keep the last epoch, or by weighted_error.")
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(min=1, help="For finetune: end after so many epochs without a lower one."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the scans.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Scans a step.")] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="Fixes order and augmentation.")
    ] = 2017,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that was cut off.")
    ] = False,
    note_: Annotated[
        list[str] | None, typer.Option("--note", help="A line for the card; may be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a network and write its folder (weights, card, history, curves)."""
    if recipe not in RECIPES:
        expected = ", ".join(RECIPES)
        raise typer.BadParameter(f"expected {expected}, got {recipe}", param_hint="--recipe")
    if folds == 1:
        raise typer.BadParameter("expected 0, or 2 and more", param_hint="--folds")
    order = Order(
        title=out.name,
        data=str(data),
        val=str(val) if val else None,
        hold_out=str(hold_out) if hold_out else None,
        leaky=leaky,
        recipe=recipe,
        backbone=backbone,
        backbone_weights=backbone_weights,
        size=size,
        start=start,
        head=head,
        choose=choose,
        patience=patience,
        epochs=epochs,
        batch=batch,
        folds=folds,
        seed=seed,
        notes=tuple(note_ or ()),
    )
    card, writes = _train(order, out, resume)
    if not writes:
        note(f"Another process writes. Weights here: SHA-256 {card.weights_sha256}")
        return
    _say_split(card.split)
    if as_json:
        told = {"figures": card.figures, "figures_from": card.figures_from}
        print_json({"name": card.name, "folder": str(out), "kept": card.recipe["kept"], **told})
        return
    typer.echo(f"Written: {out} (weights, card.json, history.csv, curves.png)")
    _say_figures(card.figures)


def _say_split(split: dict[str, Any]) -> None:
    """Say what a person should know of the scans, on standard error."""
    if unreadable := split.get("unreadable"):
        note(f"{len(unreadable)} files cannot be read and were left out, e.g. {unreadable[0]}")
    for key in ("without_patient", "start_not_known", "temperature", "chose"):
        if key in split:
            note(split[key])
    for key in ("leaky", "leaky_by_start"):
        if key in split:
            told = ", ".join(f"{n} {what}" for what, n in split[key].items() if n)
            note(f"LEAKY: {told} are measured on and known from training; the card says so")


def _train(order: Order, out: Path, resume: bool) -> tuple[Card, bool]:
    """Train; return the card, and whether this process wrote it (of several hosts' one does)."""
    import_keras_quietly()
    from octtutor.jobs.planning import open_cache, to_plan
    from octtutor.model.hosts import rank
    from octtutor.model.loop import Watch
    from octtutor.model.training import run_folder
    from octtutor.model.training import train as train_model

    settings = read_settings()
    plan = to_plan(order, settings)
    with (
        progress_bar("reading") as reading,
        progress_bar("training", "step") as training,
        run_folder(out, resume) as checkpoints,
    ):
        watch = Watch(_say_epoch, training, on_phase=note, checkpoints=checkpoints)
        return train_model(plan, out, reading, watch, open_cache(settings)), rank() == 0


def evaluate(
    data: Annotated[Path, typer.Option(help="Scans with known truth: folder, ZIP or tar.")],
    model: Model = DEFAULT,
    only: Annotated[
        Path | None, typer.Option(help="A list (CSV) of the scans in --data that are wanted.")
    ] = None,
    corrupted: Annotated[
        bool,
        typer.Option("--corrupted", help="Also on copies as other devices would make them."),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(help="Also write a report: an HTML file with plots, scans and their maps."),
    ] = None,
    method: Method = DEFAULT_METHOD,
    cluster: OnCluster = None,
    as_json: Json = False,
) -> None:
    """Measure a model on scans with known truth."""
    if report and cluster:
        raise typer.BadParameter("a report's maps are made here: give one", param_hint="--cluster")
    check_methods([method])
    import_keras_quietly()
    from octtutor.model.cluster import connected
    from octtutor.model.evaluation import evaluate as measure

    with (
        progress_bar("answering") as reading,
        progress_bar("corrupting") as copying,
        connected(cluster) as workers,
    ):
        folder = find_folder(model, read_settings())
        rough = copying if corrupted else None
        if report:
            from octtutor.ui.evaluation_report import write_evaluation_report as write

            figures = write(report, folder, data, now(), reading, rough, only, method)
        else:
            figures = measure(folder, data, reading, rough, only, workers)
    if report:
        note(f"Written: {report}")
    if as_json:
        print_json(figures)
        return
    _say_figures(figures)
    _say_unfamiliar((figures["unfamiliar"] or {}).get("names", []))
    for miss in figures["misclassified"]:
        typer.echo(f"  {miss['source']}: {miss['truth']} taken for {miss['label']}")
    if corrupted:
        _say_corrupted(figures["corrupted"])


def features(
    data: Annotated[Path, typer.Option(help="Scans: folder, ZIP, tar, or a list (CSV).")],
    backbone: Annotated[str, typer.Option(help="lite0, or a name of keras.applications.")] = LITE0,
    backbone_weights: Annotated[
        str, typer.Option(help="imagenet, or a Keras weights file without top.")
    ] = "imagenet",
    size: Annotated[int | None, typer.Option(help="Side of the input, pixels.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="A model whose backbone is taken instead.")
    ] = None,
    head: Annotated[
        str, typer.Option(help="The head they are for: gap-dense or conv-flatten.")
    ] = "gap-dense",
    cluster: OnCluster = None,
    as_json: Json = False,
) -> None:
    """Keep a frozen backbone's features of scans, for `train --recipe features`."""
    if head not in HEADS:
        expected = " or ".join(HEADS)
        raise typer.BadParameter(f"expected {expected}, got {head}", param_hint="--head")
    import_keras_quietly()
    from octtutor.jobs.planning import open_cache, open_frozen
    from octtutor.model.cluster import connected
    from octtutor.model.filling import fill_cache
    from octtutor.model.heads import pools_first

    settings = read_settings()
    with progress_bar("features") as progress, connected(cluster) as workers:
        frozen = open_frozen(backbone, backbone_weights, size, start, settings)
        pooled = pools_first({"kind": head})
        told = fill_cache(open_cache(settings), frozen, data, pooled, progress, workers)
    if as_json:
        print_json(told)
        return
    for name in told["unreadable"]:
        note(f"cannot be read: {name}")
    typer.echo(
        f"{told['scans']} scans, {told['computed']} computed now, {told['row_bytes']} bytes each "
        f"({told['backbone']}; see `octtutor cache show`)"
    )


def predict(
    sources: Annotated[
        list[str],
        typer.Argument(help="Scans, volumes, folders, archives, or web addresses."),
    ],
    model: Model = DEFAULT,
    slice_: Slice = None,
    cluster: OnCluster = None,
    as_json: Json = False,
) -> None:
    """Answer scans: files, whole folders, or web addresses."""
    import_keras_quietly()
    from octtutor.model.cluster import connected
    from octtutor.model.reading import predict_sources

    folder = find_folder(model, read_settings())
    with progress_bar("predicting") as progress, connected(cluster) as workers:
        answers, unreadable = predict_sources(folder, sources, progress, workers, slice_)
    for fault in unreadable:
        note(fault)
    if as_json:
        print_json(answers)
    else:
        for answer in answers:
            typer.echo(f"{answer['source']}: {_in_words(answer)}")
    if unreadable:
        raise typer.Exit(1)


def explain(
    image: Annotated[str, typer.Argument(help="A scan or volume, or its web address.")],
    out: Annotated[Path, typer.Option(help="Where to write the overlay, a PNG.")],
    map_file: Annotated[
        Path | None, typer.Option("--map", help="Where to write the map, float32 (H, W), .npy.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="The class to explain; the model's answer by default.")
    ] = None,
    method: Method = DEFAULT_METHOD,
    against: Annotated[
        str | None,
        typer.Option(help="Another class, whose overlay is put beside: why this and not that."),
    ] = None,
    slice_: Slice = None,
    colours: Annotated[str, typer.Option(help="inferno, or jet as in the article.")] = "inferno",
    model: Model = DEFAULT,
    as_json: Json = False,
) -> None:
    """Show where the network looked: an overlay, and the map as numbers."""
    check_methods([method])
    import_keras_quietly()
    from octtutor.model.maps import COLOURS
    from octtutor.model.reading import explain_path

    if colours not in COLOURS:
        expected = " or ".join(COLOURS)
        raise typer.BadParameter(f"expected {expected}, got {colours}", param_hint="--colours")
    wanted, other = read_class(label, "--label"), read_class(against, "--against")
    if other is not None and other is wanted:
        raise typer.BadParameter("expected another class than --label", param_hint="--against")
    folder = find_folder(model, read_settings())
    with progress_bar("explaining", "step") as progress:
        told = explain_path(
            folder, image, out, map_file, wanted, colours, method, other, progress, slice_
        )
    if as_json:
        print_json(told)
        return
    if told["familiar"] is False and wanted is None:
        typer.echo(f"{out}: {STRANGE}; the map is of no answer to rely on")
        return
    evidence = "" if told["evidence"] else " (no evidence for this class: the map is all zero)"
    beside = f", beside it for {told['against']}" if told["against"] else ""
    typer.echo(f"{out}: {METHODS[method].title} for {told['explained']}{beside}{evidence}")


def _in_words(answer: dict[str, Any]) -> str:
    if answer["familiar"] is False:
        return STRANGE
    return f"{answer['label']} {answer['probabilities'][answer['label']]:.2f}"


def _say_epoch(epoch: int, measures: dict[str, float]) -> None:
    note(f"epoch {epoch}: " + json.dumps({k: round(v, 4) for k, v in measures.items()}))


def _say_figures(figures: dict[str, Any]) -> None:
    if "leaky" in figures and figures["leaky"] is None:
        typer.echo("The model does not say what it was trained on; it may know these patients.")
    if figures.get("leaky"):
        shared = figures["overlap_with_training"]
        typer.echo(
            f"LEAKY: {shared['files']} files and {shared['patients']} patients were in the "
            "model's training; these figures are too good."
        )
    low, high = figures["accuracy_ci"]
    typer.echo(
        f"accuracy {figures['accuracy']:.3f} (95 % {low:.3f} to {high:.3f} over patients), "
        f"weighted error {figures['weighted_error']:.3f}, urgent referral: sensitivity "
        f"{_number(figures['sensitivity'])}, specificity {_number(figures['specificity'])}; "
        f"{figures['n']} scans of {figures['patients']} patients"
    )


def _say_unfamiliar(names: list[str]) -> None:
    if names:
        note(f"{len(names)} of the scans do not look like OCT B-scans, e.g. {names[0]}")


def _say_corrupted(told: dict[str, Any]) -> None:
    typer.echo(
        f"corrupted copies (severities {', '.join(map(str, told['severities']))}): accuracy "
        f"{_number(told['accuracy'])}, weighted error {_number(told['weighted_error'])}, healthy "
        f"called diseased {_number(told['healthy_called_diseased'])}"
    )
    for kind, levels in told["kinds"].items():
        typer.echo(f"  {kind:<16}" + "".join(f"{_number(row['accuracy']):>7}" for row in levels))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
