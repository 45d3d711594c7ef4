"""Decks as educators see them: what they hold, and more scans for them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from octtutor.core.case import Deck, DeckSummary, DeckUses
from octtutor.core.scheme import OCT2017, Scheme
from octtutor.datasets.schemes.naming import open_naming
from octtutor.datasets.schemes.scheme_registry import SHIPPED, Schemes
from octtutor.errors import BadInputError
from octtutor.store.contract import DeckStore
from octtutor.tutor.decks.deck_import import EMBEDDED, Imported, Progress, import_scans
from octtutor.tutor.decks.endless import ENDLESS
from octtutor.tutor.ports import Clock, Images

MOST_TITLE = 80
"""Most characters of a deck's title."""


class DeckContents:
    """Lists decks, adds scans to them, offers, renames and removes them."""

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
        offered: bool = False,
    ) -> Imported:
        """Add a folder, ZIP or tar to a deck; see `import_scans`.

        What is uploaded may be a hospital's: a new deck is withheld unless it shall be offered.

        Args:
            path: the source.
            name: the deck's.
            title: what people see.
            progress: called with (done, total).
            scheme: whose words the labels are; empty: that of a deck which is there.
            meanings: what other words mean, `MH=VID`.
            skip_unknown: whether scans of unknown words are left out, not refused.
            offered: whether trainees may choose the deck; False leaves one that is there as it is.

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
            True if offered else None if known else False,
            self._schemes,
        )

    def offer(self, name: str, offered: bool) -> Deck:
        """Let trainees choose a deck, or withhold it; what they have begun goes on.

        Raises:
            BadInputError: there is no such deck.
        """
        return self._put(replace(self._get(name), offered=offered))

    def rename(self, name: str, title: str) -> Deck:
        """Give a deck another title, 1 to 80 characters; its name stays, since quizzes say it.

        Raises:
            BadInputError: there is no such deck, it is the program's, or the title is of no use.
        """
        deck, title = self._get_own(name), title.strip()
        if not (1 <= len(title) <= MOST_TITLE and title.isprintable()):
            raise BadInputError(
                f"Expected a title of 1 to {MOST_TITLE} characters in one line. Received "
                f"{title[:MOST_TITLE]!r}. Give another."
            )
        return self._put(replace(deck, title=title))

    def uses(self, name: str) -> DeckUses:
        """Return how many records name a deck."""
        return self._store.count_uses(name)

    def remove(self, name: str, quizzes: Sequence[str] = ()) -> int:
        """Remove a deck, and the pictures that no other deck has; return how many cases it had.

        Args:
            name: the deck's.
            quizzes: those that name it.

        Raises:
            BadInputError: there is no such deck, it is the program's, or something depends on it.
        """
        deck, uses = self._get_own(name), self._store.count_uses(name)
        counted = {
            "attempts": uses.attempts,
            "sessions": uses.sessions,
            "annotation projects": uses.projects,
        }
        depend = [f"{n} {what}" for what, n in counted.items() if n]
        depend += [f"the quiz {key!r}" for key in quizzes]
        if depend:
            raise BadInputError(
                f"Expected a deck that nothing depends on. On {name!r} depend {', '.join(depend)}. "
                "Withhold it instead: trainees then see nothing of it, and figures stay."
            )
        gone = self._store.cases_of(deck.name)
        self._store.remove_deck(deck.name)
        kept = {
            digest
            for other in self._store.decks()
            for case in self._store.cases_of(other.name)
            for digest in (case.sha256, case.mask_sha256)
        }
        for digest in {d for case in gone for d in (case.sha256, case.mask_sha256)} - kept:
            if digest is not None:
                self._images.remove(digest)
        return len(gone)

    def _get(self, name: str) -> Deck:
        deck = self._store.find_deck(name)
        if deck is None:
            known = ", ".join(one.name for one in self._store.decks())
            raise BadInputError(
                f"Expected a deck's name. There is none named {name[:64]!r}. There are: {known}."
            )
        return deck

    def _get_own(self, name: str) -> Deck:
        if name in (EMBEDDED, ENDLESS):
            raise BadInputError(
                f"Expected a deck of your own. The deck {name!r} belongs to the program. It can be "
                "withheld."
            )
        return self._get(name)

    def _put(self, deck: Deck) -> Deck:
        self._store.put_deck(deck)
        return deck
