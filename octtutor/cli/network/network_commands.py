"""`octtutor train|evaluate|predict|explain`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from octtutor.cli.network.explanation_options import check_methods, read_class
from octtutor.cli.network.training_options import takes_an_order
from octtutor.cli.output import Json, note, print_json, progress_bar
from octtutor.core.verdict import Verdict
from octtutor.datasets.schemes.naming import open_naming
from octtutor.jobs.training_order import TrainingOrder
from octtutor.model.explain.methods import DEFAULT_METHOD, METHODS
from octtutor.model.network.backend import import_keras_quietly
from octtutor.model.network.card import Card, read_card
from octtutor.model.serve.engine_choice import EngineChoice
from octtutor.model.training.recipes import settings_of
from octtutor.model.training.recipes.features import HeadRecipe
from octtutor.settings import DEFAULT
from octtutor.wiring import find_folder, now, open_schemes, read_settings

HEADS = settings_of(HeadRecipe)["head"].choices
LITE0 = "lite0"
_UNREAD = (Verdict.OTHER_SCAN, Verdict.NO_SCAN)
Model = Annotated[str, typer.Option(help="A model's name or folder.")]
Slice = Annotated[
    int | None, typer.Option("--slice", min=1, help="Of a volume: which B-scan, from 1.")
]
Method = Annotated[str, typer.Option(help=f"Of the maps: {', '.join(METHODS)}.")]
OnCluster = Annotated[
    str | None,
    typer.Option("--cluster", help="A Ray cluster: host:port, auto, or local to start one."),
]


@takes_an_order
def train(
    facts: dict[str, Any],
    out: Annotated[Path, typer.Option(help="The model folder to make.")],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that was cut off.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train a network and write its folder (weights, card, history, curves)."""
    order = TrainingOrder(title=out.name, **facts)
    card, writes = _train(order, out, resume)
    if not writes:
        note(f"Another process writes. Weights here: SHA-256 {card.weights_sha256}")
        return
    _say_split(card.split)
    if as_json:
        figures = {"figures": card.figures, "figures_from": card.figures_from}
        print_json({"name": card.name, "folder": str(out), "kept": card.recipe["kept"], **figures})
        return
    typer.echo(f"Written: {out} (weights, card.json, history.csv, curves.png)")
    _say_figures(card.figures)
    if card.abstention:
        own = {**card.abstention["all"], "by_source": card.abstention["by_source"]}
        _say_answered({"answers_from": card.answers_from, **own})


def _say_split(split: dict[str, Any]) -> None:
    """Say what a person should know of the scans, on standard error."""
    if unreadable := split.get("unreadable"):
        note(f"{len(unreadable)} files cannot be read and were left out, e.g. {unreadable[0]}")
    for key in ("without_patient", "start_not_known", "temperature", "chose"):
        if key in split:
            note(split[key])
    for key in ("leaky", "leaky_by_start"):
        if key in split:
            facts = ", ".join(f"{n} {what}" for what, n in split[key].items() if n)
            note(f"LEAKY: {facts} are measured on and known from training; the card says so")


def _train(order: TrainingOrder, out: Path, resume: bool) -> tuple[Card, bool]:
    """Train; return the card, and whether this process wrote it (of several hosts' one does)."""
    import_keras_quietly()
    from octtutor.jobs.planning import open_cache, to_plan
    from octtutor.model.network.hosts import rank
    from octtutor.model.training.loop import Watch
    from octtutor.model.training.train import run_folder
    from octtutor.model.training.train import train as train_model

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
    scheme: Annotated[
        str | None,
        typer.Option(help="Whose words the labels are; measures what maps to the network's."),
    ] = None,
    cluster: OnCluster = None,
    as_json: Json = False,
) -> None:
    """Measure a model on scans with known truth."""
    schemes = open_schemes(read_settings())
    naming = open_naming(schemes, scheme)
    if report and cluster:
        raise typer.BadParameter("a report's maps are made here: give one", param_hint="--cluster")
    check_methods([method])
    import_keras_quietly()
    from octtutor.model.bulk.cluster import connected
    from octtutor.model.measure.evaluation import evaluate as measure

    with (
        progress_bar("answering") as reading,
        progress_bar("corrupting") as copying,
        connected(cluster) as workers,
    ):
        folder = find_folder(model, read_settings())
        rough = copying if corrupted else None
        if report:
            from octtutor.reports.evaluation_report import write_evaluation_report as write

            where = report, folder, data, now()
            figures = write(*where, reading, rough, only, method, naming, schemes)
        else:
            figures = measure(folder, data, reading, rough, only, workers, naming, schemes)
    if report:
        note(f"Written: {report}")
    if as_json:
        print_json(figures)
        return
    _say_figures(figures)
    for name, own in figures["by_source"].items():
        said = f"accuracy {own['accuracy']:.3f}, calibration error {own['ece']:.3f}"
        typer.echo(f"  {name or 'source not told'}: {said}; {own['n']} scans")
    _say_answered(figures["answered"])
    _say_verdicts(figures["verdicts"])
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
    from octtutor.model.bulk.cluster import connected
    from octtutor.model.bulk.feature_filling import fill_cache
    from octtutor.model.network.heads import pools_first

    settings = read_settings()
    with progress_bar("features") as progress, connected(cluster) as workers:
        frozen = open_frozen(backbone, backbone_weights, size, start, settings)
        pooled = pools_first({"kind": head})
        facts = fill_cache(open_cache(settings), frozen, data, pooled, progress, workers)
    if as_json:
        print_json(facts)
        return
    for name in facts["unreadable"]:
        note(f"cannot be read: {name}")
    typer.echo(
        f"{facts['scans']} scans, {facts['computed']} computed now, {facts['row_bytes']} bytes "
        f"each "
        f"({facts['backbone']}; see `octtutor cache show`)"
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
    from octtutor.model.bulk.cluster import connected
    from octtutor.model.bulk.predicting import predict_sources

    settings = read_settings()
    folder, choice = find_folder(model, settings), EngineChoice(settings.engine)
    with progress_bar("predicting") as progress, connected(cluster) as workers:
        answers, unreadable = predict_sources(folder, sources, progress, workers, slice_, choice)
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
    from octtutor.model.bulk.predicting import explain_path
    from octtutor.model.explain.maps import COLOURS

    if colours not in COLOURS:
        expected = " or ".join(COLOURS)
        raise typer.BadParameter(f"expected {expected}, got {colours}", param_hint="--colours")
    settings = read_settings()
    folder, choice = find_folder(model, settings), EngineChoice(settings.engine)
    labels = read_card(folder).labels
    wanted, other = (
        read_class(label, "--label", labels),
        read_class(against, "--against", labels),
    )
    if other is not None and other == wanted:
        raise typer.BadParameter("expected another class than --label", param_hint="--against")
    with progress_bar("explaining", "step") as progress:
        facts = explain_path(
            folder, image, out, map_file, wanted, colours, method, other, progress, slice_, choice
        )
    if as_json:
        print_json(facts)
        return
    if facts["verdict"] in _UNREAD and wanted is None:
        typer.echo(f"{out}: {facts['why']} The map is of no answer to rely on.")
        return
    evidence = "" if facts["evidence"] else " (no evidence for this class: the map is all zero)"
    beside = f", beside it for {facts['against']}" if facts["against"] else ""
    typer.echo(f"{out}: {METHODS[method].title} for {facts['explained']}{beside}{evidence}")


def _in_words(answer: dict[str, Any]) -> str:
    if answer["verdict"] in _UNREAD:
        return str(answer["why"])
    ranked = sorted(answer["probabilities"].items(), key=lambda pair: -pair[1])
    likely = [f"{label} {chance:.2f}" for label, chance in ranked[:2]]
    said = likely[0] if answer["would_answer"] else f"would not answer: {' or '.join(likely)}"
    return " ".join([f"{said}.", answer["why"]]) if answer["why"] else said


def _say_epoch(epoch: int, measures: dict[str, float]) -> None:
    note(f"epoch {epoch}: " + json.dumps({k: round(v, 4) for k, v in measures.items()}))


def _say_mapping(facts: dict[str, Any]) -> None:
    typer.echo(f"Measured over the mapping from the scheme {facts['scheme']}:")
    for key, row in facts["counted"].items():
        typer.echo(f"  {key}: {row['n']} scans, as {row['as']}")
    for key, row in facts["left_out"].items():
        said = ", ".join(f"{label} {n}" for label, n in row["answers"].items())
        typer.echo(
            f"  {key}: {row['n']} scans left out: the network has no one word; it says {said}"
        )


def _say_figures(figures: dict[str, Any]) -> None:
    if "mapping" in figures:
        _say_mapping(figures["mapping"])
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


def _say_answered(facts: dict[str, Any]) -> None:
    if not facts["answers_from"]:
        return
    typer.echo(f"It would answer from a probability of {facts['answers_from']:.2f} on:")
    for name, row in {"all": facts, **facts["by_source"]}.items():
        typer.echo(
            f"  {name or 'source not told'}: answers {row['answered']} of {row['n']} "
            f"({_number(row['coverage'])}), right {_number(row['right'])}"
        )


def _say_verdicts(verdicts: dict[str, list[str]]) -> None:
    for verdict, names in verdicts.items():
        if names:
            note(f"{len(names)} of the scans: {verdict}, e.g. {names[0]}")


def _say_corrupted(facts: dict[str, Any]) -> None:
    typer.echo(
        f"corrupted copies (severities {', '.join(map(str, facts['severities']))}): accuracy "
        f"{_number(facts['accuracy'])}, weighted error {_number(facts['weighted_error'])}, healthy "
        f"called diseased {_number(facts['healthy_called_diseased'])}"
    )
    for kind, levels in facts["kinds"].items():
        typer.echo(f"  {kind:<16}" + "".join(f"{_number(row['accuracy']):>7}" for row in levels))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
