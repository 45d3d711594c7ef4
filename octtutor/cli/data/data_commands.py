"""`octtutor data import|audit|draw`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from octtutor.cli.output import Json, note, print_json, progress_bar

if TYPE_CHECKING:
    from octtutor.tutor.decks.deck_contents import DeckContents
    from octtutor.tutor.exams.quizzes import Quizzes

app = typer.Typer(help="Scans: fetch, import, audit, doubt.", no_args_is_help=True)
Source = Annotated[
    Path,
    typer.Argument(
        help="Folder, ZIP, tar, a CSV of labels, OCTMNIST (.npz), DICOM or a device's export."
    ),
]
SchemeName = Annotated[
    str | None, typer.Option(help="The list of diagnoses; see `octtutor schemes list`.")
]
Meanings = Annotated[
    list[str] | None,
    typer.Option("--map", help="What a folder's or table's word means: MH=VID. Repeatable."),
]
DeckName = Annotated[str, typer.Argument(help="A deck's name; see `octtutor data decks`.")]
SkipUnknown = Annotated[
    bool, typer.Option("--skip-unknown", help="Leave scans of unknown words out.")
]


@app.command("import")
def import_(
    path: Source,
    name: Annotated[str | None, typer.Option("--as", help="The deck's name.")] = None,
    title: Annotated[str | None, typer.Option(help="What people see.")] = None,
    scheme: SchemeName = None,
    meanings: Meanings = None,
    skip_unknown: SkipUnknown = False,
    offer: Annotated[
        bool | None,
        typer.Option("--offer/--no-offer", help="Whether trainees may choose it; a new deck: yes."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Import scans as a deck. Safe to repeat; an interrupted import goes on next time."""
    from octtutor.datasets.schemes.naming import open_naming
    from octtutor.wiring import import_into, open_archive, open_schemes, read_settings

    settings = read_settings()
    schemes = open_schemes(settings)
    naming = open_naming(schemes, scheme, meanings or (), skip_unknown)
    archive = open_archive(settings)
    try:
        with progress_bar("importing") as progress:
            done = import_into(archive, path, name, title, progress, naming, offer, schemes)
    finally:
        archive.store.close()
    for fault in done.unreadable:
        note(f"left out: {fault}")
    for scan in done.conflicts:
        note(f"left out: {scan}: the deck holds this scan under another label")
    if as_json:
        print_json(asdict(done))
        return
    counts = ", ".join(f"{label} {count}" for label, count in done.per_class.items())
    typer.echo(
        f"Deck {done.deck}: {done.added} scans added, {done.already} were there already, "
        f"{len(done.unreadable)} unreadable. Now {counts}; {done.patients} patients."
    )


@contextmanager
def _decks() -> "Iterator[tuple[DeckContents, Quizzes]]":
    from octtutor.wiring import open_archive, open_deck_contents, open_quizzes, read_settings

    settings = read_settings()
    archive = open_archive(settings)
    try:
        yield open_deck_contents(archive, settings), open_quizzes(archive, settings)
    finally:
        archive.store.close()


@app.command("decks")
def decks(as_json: Json = False) -> None:
    """List the decks: what they hold, and whether trainees may choose them."""
    with _decks() as (contents, _):
        found = contents.decks()
    if as_json:
        print_json(
            [
                {
                    "name": one.deck.name,
                    "title": one.deck.title,
                    "offered": one.deck.offered,
                    "scheme": one.deck.scheme.name,
                    "scans": sum(one.per_class.values()),
                    "per_class": one.per_class,
                    "patients": one.patients,
                }
                for one in found
            ]
        )
        return
    for one in found:
        withheld = "" if one.deck.offered else ", withheld from trainees"
        counts = f"{sum(one.per_class.values())} scans of {one.patients} patients"
        typer.echo(f"{one.deck.name}: {one.deck.title}, {counts}{withheld}")


@app.command("offer")
def offer(name: DeckName) -> None:
    """Let trainees choose a deck."""
    with _decks() as (contents, _):
        contents.offer(name, True)
    typer.echo(f"Trainees can choose {name} now.")


@app.command("withhold")
def withhold(name: DeckName) -> None:
    """Withhold a deck from trainees; what they have begun goes on, and educators can use it."""
    with _decks() as (contents, _):
        contents.offer(name, False)
    typer.echo(f"Trainees cannot choose {name} any more.")


@app.command("rename")
def rename(
    name: DeckName, title: Annotated[str, typer.Argument(help="What people shall see.")]
) -> None:
    """Give a deck another title; its name stays, since quizzes say it."""
    with _decks() as (contents, _):
        contents.rename(name, title)
    typer.echo(f"{name} is called {title.strip()!r} now.")


@app.command("remove")
def remove(
    name: DeckName,
    sure: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a deck and its pictures for good; refused while anything depends on it."""
    with _decks() as (contents, quizzes):
        depend = quizzes.naming(name)
        if not sure:
            typer.confirm(f"Remove {name} and its scans for good?", abort=True)
        gone = contents.remove(name, depend)
    typer.echo(f"{name} is removed, with {gone} scans.")


@app.command("audit")
def audit(
    path: Source,
    against: Annotated[Path | None, typer.Option(help="A second set to compare with.")] = None,
    scheme: SchemeName = None,
    meanings: Meanings = None,
    skip_unknown: SkipUnknown = False,
    as_json: Json = False,
) -> None:
    """Look for copies, leaks between splits, unreadable files and conflicting labels."""
    from octtutor.datasets.audit import audit as look_through
    from octtutor.datasets.schemes.naming import open_naming
    from octtutor.wiring import open_schemes, read_settings

    schemes = open_schemes(read_settings())
    naming = open_naming(schemes, scheme, meanings or (), skip_unknown)
    with progress_bar("looking") as progress:
        report = look_through(path, against, progress, naming, schemes)
    if as_json:
        print_json(report)
    else:
        _say(report)


@app.command("draw")
def draw(
    path: Source,
    out: Annotated[Path, typer.Option(help="The list to write (CSV).")],
    per_class: Annotated[int, typer.Option(min=1, help="Scans of each class.")] = 25,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same scans.")] = 2017,
    scheme: SchemeName = None,
    meanings: Meanings = None,
    skip_unknown: SkipUnknown = False,
    as_json: Json = False,
) -> None:
    """Draw scans at random, as many of each class, into a list: names and hashes, no pictures."""
    import hashlib

    from octtutor.datasets.listing import draw_listing, write_listing
    from octtutor.datasets.schemes.naming import open_naming
    from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
    from octtutor.datasets.sources import open_source, scans_of
    from octtutor.wiring import open_schemes, read_settings

    schemes = open_schemes(read_settings())
    naming = open_naming(schemes, scheme, meanings or (), skip_unknown)
    with open_source(path) as members:
        rows = [
            {
                "sha256": hashlib.sha256(member.read()).hexdigest(),
                "label": str(member.place.label),
                "patient": member.place.patient or "",
                "name": member.name,
            }
            for member in scans_of(members, path, naming, schemes)
        ]
    drawn = draw_listing(
        rows, per_class, seed, naming.scheme.keys if naming else OCT2017_SCHEME.keys
    )
    write_listing(out, drawn)
    patients = len({row["patient"] for row in drawn})
    if as_json:
        print_json({"list": str(out), "scans": len(drawn), "patients": patients, "seed": seed})
        return
    typer.echo(f"Written: {out}, {len(drawn)} scans of {patients} patients (seed {seed})")


def _say(report: dict[str, Any]) -> None:
    typer.echo(f"{report['files']} scans of {report['patients']} patients")
    for split, classes in report["splits"].items():
        counts = ", ".join(
            f"{label} {n['files']} ({n['patients']} patients)" for label, n in classes.items()
        )
        typer.echo(f"  {split}: {counts}")
    several = len(report["patients_with_several_labels"])
    typer.echo(f"patients with scans of several classes: {several}")
    shared = report["shared"]
    lines = {
        "exact copies (groups)": report["duplicates"]["exact"],
        "near copies (groups)": report["duplicates"]["near"],
        f"patients shared between {shared['between']}": shared["patients"],
        f"files shared between {shared['between']}": shared["files"],
        f"near copies between {shared['between']}": shared["near"],
        "unreadable files": report["unreadable"],
        "conflicting labels": report["conflicts"],
        "without a known label": report["unlabelled"],
    }
    for what, found in lines.items():
        typer.echo(f"{what}: {len(found)}{_examples(found)}")
    _say_unknown(report)
    typer.echo("Clean." if report["clean"] else "Not clean: see above, or --json for all names.")


def _say_unknown(report: dict[str, Any]) -> None:
    from collections import Counter

    from octtutor.datasets.schemes.naming import OTHER_SCHEME, list_words

    if report["unknown_words"]:
        typer.echo(f"unknown words: {list_words(Counter(report['unknown_words']))}")
    if report["nearest_scheme"]:
        typer.echo(OTHER_SCHEME.format(name=report["nearest_scheme"]))


def _examples(found: list[Any]) -> str:
    if not found:
        return ""
    first = found[0]
    if isinstance(first, dict):
        first = first.get("why") if "names" not in first else first["names"][0]
    return f", e.g. {', '.join(first) if isinstance(first, list) else first}"
