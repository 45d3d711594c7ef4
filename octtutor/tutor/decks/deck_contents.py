"""Decks as educators see them: what they hold, and more scans for them."""

from collections.abc import Iterable
from pathlib import Path

from octtutor.core.case import DeckSummary
from octtutor.core.scheme import OCT2017, Scheme
from octtutor.datasets.schemes.naming import open_naming
from octtutor.datasets.schemes.scheme_registry import SHIPPED, Schemes
from octtutor.errors import BadInputError
from octtutor.store.contract import DeckStore
from octtutor.tutor.decks.deck_import import EMBEDDED, Imported, Progress, import_scans
from octtutor.tutor.decks.endless import ENDLESS
from octtutor.tutor.ports import Clock, Images


class DeckContents:
    """Lists decks and adds scans to them."""

    def __init__(
        self, store: DeckStore, images: Images, clock: Clock, schemes: Schemes = SHIPPED
    ) -> None:
        """Take the records, the scans on disk, a clock and the schemes at hand."""
        self._store, self._images, self._clock = store, images, clock
        self._schemes = schemes

    def decks(self) -> tuple[DeckSummary, ...]:
        """Return all decks by name, with what they hold."""
        return self._store.summarise_decks()

    def schemes(self) -> tuple[Scheme, ...]:
        """Return the schemes that labels may be of, by name."""
        return tuple(one.scheme for one in self._schemes.all() if one.scheme)

    def add(
        self,
        path: Path,
        name: str | None,
        title: str | None,
        progress: Progress | None = None,
        scheme: str = "",
        meanings: Iterable[str] = (),
        skip_unknown: bool = False,
    ) -> Imported:
        """Add a folder, ZIP or tar to a deck; see `import_scans`.

        Args:
            path: the source.
            name: the deck's.
            title: what people see.
            progress: called with (done, total).
            scheme: whose words the labels are; empty: that of a deck which is there.
            meanings: what other words mean, `MH=VID`.
            skip_unknown: whether scans of unknown words are left out, not refused.

        Raises:
            BadInputError: there is nothing to add, the deck is the program's own or of another
                scheme, there is no such scheme, or a label is unknown.
        """
        if name in (EMBEDDED, ENDLESS):
            raise BadInputError(
                f"Expected a deck of your own. The deck {name!r} belongs to the program. Take "
                "another name."
            )
        known = self._store.find_deck(name) if name else None
        if not scheme and known and known.scheme != OCT2017:
            scheme = known.scheme.name
        naming = open_naming(self._schemes, scheme, meanings, skip_unknown)
        return import_scans(
            self._store,
            self._images,
            path,
            self._clock,
            name,
            title,
            progress,
            naming,
            self._schemes,
        )
