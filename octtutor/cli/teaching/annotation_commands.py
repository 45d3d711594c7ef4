"""`octtutor annotations export|import|list`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from octtutor.cli.output import Json, note, print_json
from octtutor.errors import BadInputError

if TYPE_CHECKING:
    from octtutor.core.annotation.annotation import Project
    from octtutor.store.contract import Store
    from octtutor.tutor.annotation.files.annotation_import import AnnotationImport

app = typer.Typer(help="What annotators said and drew: out, in, list.", no_args_is_help=True)
Name = Annotated[str, typer.Option("--project", help="The annotation project's name.")]


@app.command("export")
def export(
    project: Name,
    out: Annotated[Path, typer.Option("--out", help="The file; of masks or folder a .zip, too.")],
    format_: Annotated[
        str, typer.Option("--format", help="csv, jsonl, coco, masks, folder or labelstudio.")
    ] = "jsonl",
    as_json: Json = False,
) -> None:
    """Write a project's readings and regions, as they stand now, whole or not at all."""
    from octtutor.tutor.annotation.files.file_formats import FORMATS, write_file
    from octtutor.tutor.annotation.files.oct2017_folder import without_misread
    from octtutor.tutor.annotation.files.project_records import gather, known_controls
    from octtutor.wiring import open_archive, read_settings

    _check_format(format_, FORMATS)
    archive = open_archive(read_settings())
    try:
        known = _find_project(archive.store, project)
        sheet = gather(archive.store, archive.images, known)
        if format_ == "folder":
            sheet = without_misread(sheet, known_controls(archive.store, known), known.readers)
        for fault in sheet.faults:
            note(f"left out: {fault}")
        cases = archive.store.cases_of(known.deck)
        written = write_file(
            out,
            format_,
            sheet.scans,
            lambda sha256: archive.images.place(sha256).read_bytes(),
            known.readers,
            frozenset(case.sha256 for case in cases if case.synthetic),
        )
    finally:
        archive.store.close()
    still_open = len(sheet.scans) - written
    if as_json:
        figures = {"scans": written, "open": still_open, "faults": list(sheet.faults)}
        print_json({"project": project, "format": format_, "out": str(out), **figures})
        return
    rest = f"; {still_open} are not settled, or ungradable, and left out" if still_open else ""
    typer.echo(f"Written: {out}, {written} scans{rest}")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A file, folder or ZIP of annotations.")],
    project: Name,
    format_: Annotated[
        str | None,
        typer.Option("--format", help="As for export, or clicks; told from the file by default."),
    ] = None,
    deck: Annotated[
        str | None, typer.Option("--deck", help="Make the project for this deck if it is missing.")
    ] = None,
    who: Annotated[
        str, typer.Option("--as", help="Who brings it in, and has read what it names no reader of.")
    ] = "imported",
    strict: Annotated[
        bool, typer.Option("--strict", help="Write nothing where there is any fault.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring annotations into a project's log. Safe to repeat; what is faulty is named."""
    from octtutor.tutor.annotation.files.annotation_import import import_sheet
    from octtutor.tutor.annotation.files.deck_matching import check_annotator
    from octtutor.tutor.annotation.files.file_formats import FORMATS, read_file
    from octtutor.tutor.annotation.files.project_records import project_for
    from octtutor.wiring import now, open_archive, open_schemes, read_settings

    if format_ is not None:
        _check_format(format_, (*FORMATS, "clicks"))
    check_annotator(who)
    settings = read_settings()
    archive = open_archive(settings)
    try:
        known = project_for(archive.store, project, deck, now)
        scheme = open_schemes(settings).of(known.scheme)
        sheet = read_file(file, format_, scheme)
        report = import_sheet(
            archive.store, archive.images, known, sheet, who, now, strict, scheme.keys
        )
    finally:
        archive.store.close()
    _say(report, file, as_json)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the annotation projects and how far they are."""
    from octtutor.wiring import open_store, read_settings

    store = open_store(read_settings())
    try:
        rows = [_facts(store, project) for project in store.projects()]
    finally:
        store.close()
    if as_json:
        print_json(rows)
        return
    for row in rows:
        state = ", closed" if row["closed"] else ""
        typer.echo(
            f"{row['name']}: deck {row['deck']}, {row['read']} of {row['scans']} scans read, "
            f"{row['settled']} settled, {row['entries']} entries in the log{state}"
        )
    if not rows:
        typer.echo("No annotation projects. Make one in the page's tab Annotate, or by import.")


@app.callback()
def annotations() -> None:
    """What annotators said and drew: out, in, list."""


def _check_format(word: str, known: tuple[str, ...]) -> None:
    if word not in known:
        raise BadInputError(
            f"Expected one of {', '.join(known)} as --format. Received {word[:40]!r}. Choose one."
        )


def _find_project(store: "Store", name: str) -> "Project":
    project = store.find_project(name)
    if project is None:
        raise BadInputError(
            f"Expected an annotation project. There is none {name[:64]!r} in the records. See "
            "`octtutor annotations list`."
        )
    return project


def _facts(store: "Store", project: "Project") -> dict[str, Any]:
    from octtutor.core.annotation.annotation import LogEntry, standing

    logs: dict[str, list[LogEntry]] = {}
    for entry in store.entries_in(project.name):
        logs.setdefault(entry.sha256, []).append(entry)
    stands = [standing(log) for log in logs.values()]
    return {
        "name": project.name,
        "title": project.title,
        "deck": project.deck,
        "readers": project.readers,
        "scans": store.count_cases(project.deck),
        "read": sum(bool(stand.readings) for stand in stands),
        "settled": sum(stand.settled is not None for stand in stands),
        "entries": sum(map(len, logs.values())),
        "closed": project.closed_at is not None,
    }


def _say(report: "AnnotationImport", file: Path, as_json: bool) -> None:
    for fault in report.faults:
        note(f"left out: {fault}")
    if not report.scans:
        raise BadInputError(
            f"Expected annotations of the deck's scans in {file.name!r}. Nothing could be imported "
            f"({len(report.faults)} faults, see above). Correct the file, or give another deck."
        )
    if as_json:
        print_json(asdict(report))
        return
    typer.echo(
        f"Project {report.project}: {report.scans} scans, {report.added} readings added, "
        f"{report.replaced} replaced, {report.already} were there already, "
        f"{len(report.faults)} faults."
    )
