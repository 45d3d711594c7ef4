"""`octtutor models export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from octtutor.cli.output import Json, note, print_json, progress_bar
from octtutor.model.exporting.formats import FORMATS, find_format

if TYPE_CHECKING:
    from octtutor.model.exporting.export import Exported

KINDS = tuple(dict.fromkeys(kind for form in FORMATS.values() for kind in form.quantise))


def export(
    name: Annotated[str, typer.Argument(help="A model's name or folder, e.g. default.")],
    format_: Annotated[str, typer.Option("--format", help=f"{', '.join(FORMATS)}.")],
    quantise: Annotated[
        str,
        typer.Option(help="float32, float16 (litert, openvino) or int8 (litert)."),
    ] = "float32",
    calibration: Annotated[
        Path | None,
        typer.Option(help="ExportScans for int8's ranges; the embedded phantoms by default."),
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option(help="ExportScans for the check; the embedded phantoms by default."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The file or folder to make.")] = None,
    as_json: Json = False,
) -> None:
    """Write a model for phones, other runtimes or web pages, checked against the Keras model."""
    _check_choice(format_, tuple(FORMATS), "--format")
    _check_choice(quantise, KINDS, "--quantise")
    from octtutor.model.network.backend import import_keras_quietly
    from octtutor.wiring import find_folder, read_settings

    import_keras_quietly()
    from octtutor.model.exporting.export import DECK, ExportScans, export_model

    form = find_format(format_, quantise)
    folder = find_folder(name, read_settings())
    scans = ExportScans(calibration or DECK, test or DECK)
    with progress_bar("checking") as progress:
        exported = export_model(
            folder, form, out, quantise, scans, progress, lambda s: note(f"{s} …")
        )
    for file in exported.check.unreadable:
        note(f"cannot be read: {file}")
    if as_json:
        print_json(exported.as_json())
    else:
        print_export(exported)


def _check_choice(given: str, known: tuple[str, ...], option: str) -> None:
    if given not in known:
        raise typer.BadParameter(f"expected {', '.join(known)}, got {given}", param_hint=option)


def print_export(exported: "Exported") -> None:
    """Print what was written, and how its answers differ from the original's, in four lines."""
    seen = exported.check
    maps = "" if seen.map_difference is None else f", maps by at most {seen.map_difference:.2g}"
    typer.echo(f"Written: {exported.out} ({exported.format}, {exported.quantise})")
    typer.echo(
        f"checked on {seen.scans} scans of {exported.checked_on}: {seen.same_label} get the same "
        f"label, probabilities differ by at most {seen.largest_difference:.2g}{maps}; accuracy "
        f"{seen.accuracy:.3f}, Keras {seen.keras_accuracy:.3f}"
    )
    typer.echo(f"size: {exported.size / 1e6:.1f} MB, Keras {exported.keras_size / 1e6:.1f} MB")
    typer.echo(
        f"one answer: {seen.milliseconds:.1f} ms, Keras {seen.keras_milliseconds:.1f} ms "
        "(median, here, one scan at a time)"
    )
