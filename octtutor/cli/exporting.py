"""`octtutor models export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from octtutor.cli.output import Json, note, print_json, progress_bar

if TYPE_CHECKING:
    from octtutor.model.exporting.export import Exported

FORMATS = ("litert", "openvino", "onnx", "savedmodel")
KINDS = ("float32", "float16", "int8")


def export(
    name: Annotated[str, typer.Argument(help="A model's name or folder, e.g. default.")],
    format_: Annotated[str, typer.Option("--format", help="litert, openvino, onnx or savedmodel.")],
    quantise: Annotated[
        str,
        typer.Option(help="float32, float16 (litert, openvino) or int8 (litert)."),
    ] = "float32",
    calibration: Annotated[
        Path | None, typer.Option(help="Scans for int8's ranges; the embedded phantoms by default.")
    ] = None,
    test: Annotated[
        Path | None, typer.Option(help="Scans for the check; the embedded phantoms by default.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The file or folder to make.")] = None,
    as_json: Json = False,
) -> None:
    """Write a model for phones, other runtimes or web pages, checked against the Keras model."""
    _check_choice(format_, FORMATS, "--format")
    _check_choice(quantise, KINDS, "--quantise")
    from octtutor.model.backend import import_keras_quietly
    from octtutor.wiring import find_folder, read_settings

    import_keras_quietly()
    from octtutor.model.exporting.export import DECK, Scans, export_model
    from octtutor.model.exporting.formats import find_format

    form = find_format(format_, quantise)
    folder = find_folder(name, read_settings())
    scans = Scans(calibration or DECK, test or DECK)
    with progress_bar("checking") as progress:
        told = export_model(folder, form, out, quantise, scans, progress, lambda s: note(f"{s} …"))
    for file in told.check.unreadable:
        note(f"cannot be read: {file}")
    if as_json:
        print_json(told.as_json())
    else:
        _say(told)


def _check_choice(given: str, known: tuple[str, ...], option: str) -> None:
    if given not in known:
        raise typer.BadParameter(f"expected {', '.join(known)}, got {given}", param_hint=option)


def _say(told: "Exported") -> None:
    seen = told.check
    maps = "" if seen.map_difference is None else f", maps by at most {seen.map_difference:.2g}"
    typer.echo(f"Written: {told.out} ({told.format}, {told.quantise})")
    typer.echo(
        f"checked on {seen.scans} scans of {told.checked_on}: {seen.same_label} get the same "
        f"label, probabilities differ by at most {seen.largest_difference:.2g}{maps}; accuracy "
        f"{seen.accuracy:.3f}, Keras {seen.keras_accuracy:.3f}"
    )
    typer.echo(f"size: {told.size / 1e6:.1f} MB, Keras {told.keras_size / 1e6:.1f} MB")
    typer.echo(
        f"one answer: {seen.milliseconds:.1f} ms, Keras {seen.keras_milliseconds:.1f} ms "
        "(median, here, one scan at a time)"
    )
