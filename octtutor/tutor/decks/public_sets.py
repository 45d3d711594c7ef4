"""Public sets: what there is, what is here, and fetching one so that it is a deck."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from octtutor.core.case import Deck, DeckSummary
from octtutor.core.scheme import SchemeVersion
from octtutor.datasets.public.fetching import Fetched, Tell, fetch, is_begun
from octtutor.datasets.public.registry import PublicSet, Reader, find_set
from octtutor.datasets.public.web import Reach
from octtutor.errors import BadInputError
from octtutor.store.contract import Store
from octtutor.tutor.decks.deck_import import Imported, check_deck_name, import_scans
from octtutor.tutor.ports import Clock, Images

IMPORTING = "importing"
"""The part of the work after the bytes are here; it is counted in scans."""
FILES = "files"
_TITLE = 80
ReachOf = Callable[[PublicSet], Reach]


@dataclass(frozen=True, slots=True)
class SetOffer:
    """A public set, and what of it is here."""

    row: PublicSet
    deck: DeckSummary | None
    """The deck that it was fetched into."""
    begun: bool
    """There is something of a fetch that has not ended."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What fetching a set brought."""

    fetched: Fetched
    imported: Imported


def reach_of(row: PublicSet) -> Reach:
    """Return how a set is reached: shipped rows on the public web only.

    The rows of the data home's own registry may lead to a mirror in the own network: whoever
    wrote that file may reach it anyway.
    """
    return Reach(allowed=lambda address: True) if row.is_own else Reach()


class PublicSets:
    """Lists public sets and fetches them into decks."""

    def __init__(
        self,
        store: Store,
        images: Images,
        registry: Reader,
        root: Path,
        clock: Clock,
        reach: ReachOf = reach_of,
    ) -> None:
        """Take records, scans, what reads the registry, and where fetches lie until they end."""
        self._store, self._images, self._clock = store, images, clock
        self._registry, self._root, self._reach = registry, root, reach

    def all(self) -> tuple[SetOffer, ...]:
        """Return all sets of the registry with what of each is here.

        Raises:
            BadInputError: the registry has a fault.
        """
        here = {one.deck.name: one for one in self._store.summarise_decks()}
        return tuple(self._offer(row, here) for row in self._registry())

    def get(self, name: str) -> PublicSet:
        """Return a set.

        Raises:
            BadInputError: there is none of this name.
        """
        return find_set(self._registry(), name)

    def fetch(self, name: str, tell: Tell, deck: str | None = None) -> Brought:
        """Fetch a set, or go on, and import it as a deck with its citation and licence.

        Args:
            name: the set's.
            tell: told (part of the work, done, in all); what it raises ends the work, and what
                came is kept.
            deck: another name than the registry's.

        Raises:
            BadInputError: there is no such set, it cannot be fetched (see `fetch`), or the deck
                is one of the user's own or another set's.
            SettingsError: the data home cannot be written or the disk is too small.
        """
        row = self.get(name)
        into = check_deck_name(deck or row.deck)
        self._refuse_other(row, into)
        folder = self._root / row.name / FILES
        fetched = fetch(row, folder, self._reach(row), tell)
        self._name_source(row, into)
        imported = import_scans(
            self._store,
            self._images,
            fetched.source,
            self._clock,
            into,
            progress=lambda done, total: tell(IMPORTING, done, total),
        )
        shutil.rmtree(folder, ignore_errors=True)
        return Brought(fetched, imported)

    def _offer(self, row: PublicSet, here: dict[str, DeckSummary]) -> SetOffer:
        decks = [one for one in here.values() if one.deck.source == row.name]
        folder = self._root / row.name / FILES
        return SetOffer(row, decks[0] if decks else None, is_begun(folder))

    def _refuse_other(self, row: PublicSet, into: str) -> None:
        known = self._store.find_deck(into)
        if known is None or known.source == row.name or not self._store.count_cases(into):
            return
        whose = f"is that of {known.source}" if known.source else "is your own"
        raise BadInputError(
            f"Expected no other deck named {into!r}, into which {row.name} would go. There is "
            f"one: it {whose}. Take another name: octtutor data fetch {row.name} --as NAME."
        )

    def _name_source(self, row: PublicSet, into: str) -> None:
        """Put whose scans they are, and their scheme, into the records before the first scan."""
        deck = self._store.find_deck(into)
        if deck is None:
            deck = Deck(into, row.title[:_TITLE], False, False, self._clock())
        facts = f"{row.citation} doi:{row.doi}"
        deck = replace(deck, source=row.name, citation=facts, licence=row.licence.line)
        self._store.put_deck(replace(deck, scheme=SchemeVersion(row.scheme, 1)))
