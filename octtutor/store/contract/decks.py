"""What a store promises of decks and their cases."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable

from octtutor.core.case import Case, Deck, DeckSummary, DeckUses


class DeckStore(ABC):
    """Records of decks and cases. A case is never changed."""

    @abstractmethod
    def summarise_decks(self) -> tuple[DeckSummary, ...]:
        """Return all decks by name, with what they hold."""

    @abstractmethod
    def put_deck(self, deck: Deck) -> None:
        """Add a deck, or replace its facts; its cases stay."""

    @abstractmethod
    def count_uses(self, deck: str) -> DeckUses:
        """Return how many records name a deck; none name an unknown one."""

    @abstractmethod
    def remove_deck(self, name: str) -> None:
        """Remove a deck and its cases; pictures stay.

        Raises:
            StaleError: a record names it.
            StoreError: there is no such deck.
        """

    @abstractmethod
    def decks(self) -> tuple[Deck, ...]:
        """Return all decks by name."""

    @abstractmethod
    def find_deck(self, name: str) -> Deck | None:
        """Return a deck."""

    @abstractmethod
    def count_cases(self, deck: str, but: Collection[str] = ()) -> int:
        """Return how many cases a deck has; an unknown one has none.

        Args:
            deck: its name.
            but: SHA-256 of scans that are not counted.
        """

    @abstractmethod
    def add_cases(self, deck: str, new_cases: Iterable[Case]) -> int:
        """Add the cases that the deck does not hold yet (by scan hash); return how many."""

    @abstractmethod
    def cases_of(self, deck: str) -> tuple[Case, ...]:
        """Return a deck's cases by scan hash; an unknown deck has none."""

    @abstractmethod
    def get_case(self, deck: str, sha256: str) -> Case:
        """Return a case of a deck."""
