"""Every store passes the suite: those of the product, and one that somebody else writes."""

import threading
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import pytest

from octtutor.core.case import Case, Deck, DeckSummary, DeckUses
from octtutor.errors import StoreError
from octtutor.store.contract import DeckStore, Store
from octtutor.store.sql import SqlStore
from octtutor.store.sql.engines import open_engine, sqlite_url
from octtutor.store.sql.migrate import upgrade
from octtutor.testing import MemoryStore
from octtutor.testing.stores.decks import DeckSuite
from octtutor.testing.stores.suite import StoreSuite


def opened(url: str) -> Iterator[Store]:
    engine = open_engine(url)
    upgrade(engine)
    store = SqlStore(engine)
    yield store
    store.close()


class TestSqliteFile(StoreSuite):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        yield from opened(sqlite_url(tmp_path / "records.db"))


class TestSqliteInMemory(StoreSuite):
    @pytest.fixture
    def store(self) -> Iterator[Store]:
        store = MemoryStore()
        yield store
        store.close()


@pytest.mark.postgres
class TestPostgres(StoreSuite):
    @pytest.fixture
    def store(self, fresh_postgres: str) -> Iterator[Store]:
        yield from opened(fresh_postgres)


class Shelved(DeckStore):
    """Somebody else's store of decks, in dictionaries."""

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()
        self._decks: dict[str, Deck] = {}
        self._cases: dict[str, dict[str, Case]] = {}

    def summarise_decks(self) -> tuple[DeckSummary, ...]:
        return tuple(self._summary(deck) for deck in self.decks())

    def _summary(self, deck: Deck) -> DeckSummary:
        cases = self.cases_of(deck.name)
        counts = Counter(case.label for case in cases)
        return DeckSummary(deck, dict(counts), len({case.patient for case in cases}))

    def put_deck(self, deck: Deck) -> None:
        self._decks[deck.name] = deck

    def count_uses(self, deck: str) -> DeckUses:
        return DeckUses(0, 0, 0)

    def remove_deck(self, name: str) -> None:
        if self._decks.pop(name, None) is None:
            raise StoreError(f"There is no deck {name!r}. Import it.")
        self._cases.pop(name, None)

    def decks(self) -> tuple[Deck, ...]:
        return tuple(self._decks[name] for name in sorted(self._decks))

    def find_deck(self, name: str) -> Deck | None:
        return self._decks.get(name)

    def count_cases(self, deck: str, but: Collection[str] = ()) -> int:
        return len(self._cases.get(deck, {}).keys() - set(but))

    def add_cases(self, deck: str, new_cases: Iterable[Case]) -> int:
        if deck not in self._decks:
            raise StoreError(f"There is no deck {deck!r}. Import it.")
        with self._one_at_a_time:
            held = self._cases.setdefault(deck, {})
            before = len(held)
            for case in new_cases:
                held.setdefault(case.sha256, case)
            return len(held) - before

    def cases_of(self, deck: str) -> tuple[Case, ...]:
        held = self._cases.get(deck, {})
        return tuple(held[sha256] for sha256 in sorted(held))

    def get_case(self, deck: str, sha256: str) -> Case:
        return self._cases[deck][sha256]


class TestSomebodyElsesDecks(DeckSuite):
    @pytest.fixture
    def store(self) -> DeckStore:
        return Shelved()


class Forgetful(Shelved):
    def count_cases(self, deck: str, but: Collection[str] = ()) -> int:
        return 0


def test_a_store_that_breaks_a_promise_fails_the_suite():
    with pytest.raises(AssertionError):
        DeckSuite().test_decks_and_cases_come_back_as_they_went_in(Forgetful())
