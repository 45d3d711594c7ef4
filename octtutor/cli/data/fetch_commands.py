"""`octtutor data list|fetch`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from tqdm import tqdm

from octtutor.cli.output import Json, note, print_json

if TYPE_CHECKING:
    from octtutor.datasets.public.registry import PublicSet
    from octtutor.tutor.decks.public_sets import Brought, SetOffer


def list_(as_json: Json = False) -> None:
    """List public sets: whose they are, what one may do with them, and what is here."""
    from octtutor.wiring import open_archive, open_public_sets, read_settings

    settings = read_settings()
    archive = open_archive(settings)
    try:
        offers = open_public_sets(archive, settings).all()
    finally:
        archive.store.close()
    if as_json:
        print_json([_row(offer) for offer in offers])
        return
    for offer in offers:
        typer.echo(f"{offer.row.name}: {offer.row.title}. {_here(offer)}")
        row = offer.row
        typer.echo(f"  {_travels(row)}; scheme {row.scheme}; {row.licence.name}; {row.page}")


def fetch(
    name: Annotated[str, typer.Argument(help="Of a set, see `octtutor data list`.")],
    deck: Annotated[str | None, typer.Option("--as", help="The deck's name.")] = None,
    background: Annotated[bool, typer.Option(hidden=True, help="Begun by the page.")] = False,
    as_json: Json = False,
) -> None:
    """Fetch a public set as a deck; only the wanted files travel, and what is cut off goes on."""
    from octtutor.wiring import open_archive, open_fetches, open_public_sets, read_settings

    settings = read_settings()
    archive = open_archive(settings)
    try:
        sets = open_public_sets(archive, settings)
        row = sets.get(name)
        _introduce(row)
        with open_fetches(settings).following(row.name, background) as follow, _bars() as bar:

            def tell(part: str, done: int, total: int) -> None:
                follow.tell(part, done, total)
                bar(part, done, total)

            brought = sets.fetch(row.name, tell, deck)
            follow.end(_outcome(brought))
    finally:
        archive.store.close()
    for fault in (*brought.imported.unreadable, *brought.fetched.wrong):
        note(f"left out: {fault}")
    if as_json:
        print_json(_outcome(brought))
    else:
        typer.echo(_summary(brought))


@contextmanager
def _bars() -> Iterator[Callable[[str, int, int], None]]:
    """Show a progress bar for each part of the work, in bytes, or scans while they are imported."""
    from octtutor.datasets.public.fetching import PAUSED
    from octtutor.tutor.decks.public_sets import IMPORTING

    bars: dict[str, tqdm[Any]] = {}

    def show(part: str, done: int, total: int) -> None:
        if part not in bars:
            for ended in bars.values():
                ended.close()
            bars.clear()
            unit = {IMPORTING: "scan", PAUSED: "s"}.get(part, "B")
            bars[part] = tqdm(
                desc=part, unit=unit, unit_scale=unit == "B", leave=False, disable=None
            )
        bar = bars[part]
        if bar.total != total or done < bar.n:
            bar.reset(total)
        bar.update(done - bar.n)

    try:
        yield show
    finally:
        for bar in bars.values():
            bar.close()


def _introduce(row: "PublicSet") -> None:
    """Say whose the scans are, what one may do with them and what will travel, before it does."""
    note(f"{row.title}. {row.citation} doi:{row.doi}")
    note(f"Licence: {row.licence.line}. {row.licence.text}")
    note(f"It stands {row.licence.stands}: {row.page}")
    note(f"{_travels(row)}. {row.note}".strip())


def _travels(row: "PublicSet") -> str:
    about = "about " if row.about else ""
    whole = f"{about}{_size(row.size)}"
    if row.by_hand:
        return f"{row.scans:,} scans, {whole}, by hand"
    if row.form == "zip":
        return f"{row.scans:,} scans, about {_size(row.wanted)} of an archive of {whole}"
    return f"{row.scans:,} scans, up to {whole} travel (a tar.gz is read from its beginning)"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _here(offer: "SetOffer") -> str:
    if offer.deck is not None:
        scans = sum(offer.deck.per_class.values())
        return f"Here: deck {offer.deck.deck.name}, {scans:,} scans"
    if offer.begun:
        return "Begun, not whole; fetch it again to go on"
    return "By hand" if offer.row.by_hand else "Not here"


def _row(offer: "SetOffer") -> dict[str, Any]:
    row, deck = offer.row, offer.deck
    return {
        "name": row.name,
        "title": row.title,
        "authors": row.authors,
        "doi": row.doi,
        "citation": row.citation,
        "page": row.page,
        "licence": row.licence.name,
        "licence_url": row.licence.url,
        "licence_stands": row.licence.stands,
        "scheme": row.scheme,
        "scans": row.scans,
        "archive_bytes": row.size,
        "archive_bytes_exact": not row.about,
        "wanted_bytes": row.wanted,
        "address": row.address,
        "address_known": row.known.isoformat() if row.address else "",
        "by_hand": row.by_hand,
        "note": row.note,
        "deck": deck.deck.name if deck else None,
        "deck_scheme": deck.deck.scheme.name if deck else None,
        "scans_here": sum(deck.per_class.values()) if deck else 0,
        "begun": offer.begun,
    }


def _outcome(brought: "Brought") -> dict[str, Any]:
    fetched, imported = brought.fetched, brought.imported
    return {
        "deck": imported.deck,
        "received_bytes": fetched.received,
        "archive_bytes": fetched.archive,
        "files": fetched.files,
        "missing": fetched.missing,
        "left_out": fetched.left_out,
        "wrong": list(fetched.wrong),
        "added": imported.added,
        "already": imported.already,
        "unreadable": len(imported.unreadable),
        "per_class": imported.per_class,
        "patients": imported.patients,
    }


def _summary(brought: "Brought") -> str:
    fetched, imported = brought.fetched, brought.imported
    share = 100 * fetched.received / max(fetched.archive, 1)
    counts = ", ".join(f"{label} {count}" for label, count in imported.per_class.items())
    lines = [
        f"Fetched {fetched.received:,} bytes of {fetched.archive:,} ({share:.1f} %).",
        f"Deck {imported.deck}: {imported.added} scans added, {imported.already} were there "
        f"already. Now {counts}; {imported.patients} patients.",
    ]
    if fetched.left_out:
        left = ", ".join(f"{label} {n}" for label, n in sorted(fetched.left_out.items()))
        lines.append(f"Left out, none of the four diagnoses: {left}.")
    if fetched.missing:
        lines.append(f"{fetched.missing} of the wanted files are not in the archive.")
    return " ".join(lines)
