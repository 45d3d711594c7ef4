"""Decks as educators see them: what they hold, and more scans for them."""

from contextlib import suppress
from pathlib import Path

from octtutor.core.case import DeckSummary
from octtutor.errors import BadInputError, StoreError
from octtutor.store.contract import Store
from octtutor.tutor.endless import ENDLESS
from octtutor.tutor.importing import EMBEDDED, Imported, Progress, import_scans
from octtutor.tutor.ports import Clock, Images


class Scans:
    """Lists decks and adds scans to them."""

    def __init__(self, store: Store, images: Images, clock: Clock) -> None:
        """Take the records, the scans on disk and a clock."""
        self._store, self._images, self._clock = store, images, clock

    def decks(self) -> tuple[DeckSummary, ...]:
        """Return all decks by name, with what they hold."""
        return self._store.summarise_decks()

    def is_case(self, sha256: str) -> bool:
        """Whether a file, by its SHA-256, is a case of any deck."""
        for deck in self._store.decks():
            with suppress(StoreError):
                self._store.get_case(deck.name, sha256)
                return True
        return False

    def add(
        self, path: Path, name: str | None, title: str | None, progress: Progress | None = None
    ) -> Imported:
        """Add a folder, ZIP or tar to a deck; see `import_scans`.

        Raises:
            BadInputError: there is nothing to add, or the deck is the program's own.
        """
        if name in (EMBEDDED, ENDLESS):
            raise BadInputError(
                f"Expected a deck of your own. The deck {name!r} belongs to the program. Take "
                "another name."
            )
        return import_scans(self._store, self._images, path, self._clock, name, title, progress)
