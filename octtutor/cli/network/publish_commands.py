"""`octtutor models publish|use|rollback|compare`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from octtutor.cli.output import Json, note, print_json, progress_bar
from octtutor.datasets.schemes.naming import open_naming
from octtutor.wiring import open_schemes, read_settings

if TYPE_CHECKING:
    from octtutor.model.publish.publishing import Change

Folders = tuple[Path, ...]


def publish(
    folder: Annotated[Path, typer.Argument(help="A trained model's folder.")],
    name: Annotated[str, typer.Option("--as", help="What to call it.")],
    as_json: Json = False,
) -> None:
    """Check a model, copy it among your models, and put it in use. The old one is kept."""
    from octtutor.model.publish.publishing import publish as publish_model

    _change(
        lambda folders: publish_model(folder, name, folders, lambda step: note(f"{step} …")),
        as_json,
    )


def use(
    name: Annotated[str, typer.Argument(help="A model's name.")],
    as_json: Json = False,
) -> None:
    """Put another model in use, for new quizzes; those under way finish on theirs."""
    from octtutor.model.publish.publishing import use as use_model

    _change(lambda folders: use_model(name, folders), as_json)


def rollback(as_json: Json = False) -> None:
    """Go back to the model that was in use before; again, and it goes back further."""
    from octtutor.model.publish.publishing import roll_back

    _change(roll_back, as_json)


def _change(do: Callable[[Folders], "Change"], as_json: bool) -> None:
    from octtutor.model.serve.model_registry import override_note

    settings = read_settings()
    change = do(settings.model_folders)
    overridden = override_note(settings.model)
    if as_json:
        print_json(
            {
                "in_use": change.name,
                "before": change.before,
                "folder": str(change.folder),
                "overridden_by": settings.model if overridden else None,
            }
        )
    else:
        typer.echo(
            f"In use: {change.name} (before: {change.before}). New quizzes get it at once; "
            "those under way finish on theirs."
        )
    if overridden:
        note(overridden)


def compare(
    first: Annotated[str, typer.Argument(help="A model's name or folder, e.g. default.")],
    second: Annotated[str, typer.Argument(help="The model that is to be judged.")],
    data: Annotated[Path, typer.Option(help="Scans that neither was trained on, with truth.")],
    maps: Annotated[
        Path | None, typer.Option(help="A new folder for the scans they differ on, with maps.")
    ] = None,
    scheme: Annotated[
        str | None, typer.Option(help="Whose words the labels are; the models' own by default.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare two models on the same scans: is the second better, worse, or not to be told?"""
    from octtutor.model.network.backend import import_keras_quietly

    import_keras_quietly()
    from octtutor.model.measure.comparison import compare as compare_models
    from octtutor.model.measure.comparison import write_maps
    from octtutor.wiring import find_folder

    settings = read_settings()
    schemes = open_schemes(settings)
    naming = open_naming(schemes, scheme)
    folders = find_folder(first, settings), find_folder(second, settings)
    with progress_bar("comparing") as progress:
        comparison = compare_models(*folders, data, progress, naming, schemes)
    if maps is not None:
        with progress_bar("explaining") as progress:
            comparison["maps"] = [
                str(path) for path in write_maps(comparison, *folders, data, maps, progress)
            ]
    if as_json:
        print_json(comparison)
    else:
        _say(comparison)


def _say(comparison: dict[str, Any]) -> None:
    for side in ("first", "second"):
        model = comparison[side]
        low, high = model["accuracy_ci"]
        typer.echo(
            f"{model['model']}: accuracy {model['accuracy']:.3f} ({low:.3f} to {high:.3f}), "
            f"weighted error {model['weighted_error']:.3f}"
        )
    test = comparison["mcnemar"]
    typer.echo(
        f"both right {test['both']}, only {comparison['first']['model']} {test['only_first']}, "
        f"only "
        f"{comparison['second']['model']} {test['only_second']}, neither {test['neither']}; "
        f"p = {test['p']:.3g} ({test['method']})"
    )
    for scan in comparison["differing"]:
        first, second = scan["first"]["label"], scan["second"]["label"]
        typer.echo(f"  {scan['source']}: {scan['truth']}, taken for {first} and for {second}")
    typer.echo(comparison["verdict_words"])
