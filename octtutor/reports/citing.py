"""Whose scans these are, and what one may do with them, wherever a deck is shown."""

from collections.abc import Iterable

from markupsafe import Markup

from octtutor.core.case import Deck
from octtutor.reports.markup import joined, library

_HTML = library(__file__, "cited.html.j2")


def cited_html(decks: Iterable[Deck | None]) -> Markup:
    """Return a line for each deck that names its source; empty where none does or is known."""
    return joined(_line(deck) for deck in decks if deck is not None and deck.citation)


def _line(deck: Deck) -> Markup:
    name, _, address = deck.licence.partition(", ")
    if not address.startswith("https://"):
        name, address = deck.licence, ""
    return Markup(_HTML.line(deck.title, deck.citation, name, address))
