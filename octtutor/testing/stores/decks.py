"""What every store promises of decks and cases."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from octtutor.core.case import Case, Deck, DeckSummary
from octtutor.core.scheme import OCT2017, SchemeVersion
from octtutor.errors import StoreError
from octtutor.store.contract import DeckStore
from octtutor.testing.stores.examples import CASES, NOW, put


class DeckSuite:
    """Needs a fixture `store`, an empty `DeckStore`."""

    def test_decks_and_cases_come_back_as_they_went_in(self, store: DeckStore) -> None:
        put(store)
        assert store.decks() == (Deck("deck", "A deck", False, True, NOW),)
        assert store.cases_of("deck") == CASES
        assert store.get_case("deck", CASES[2].sha256) == CASES[2]
        assert store.cases_of("other") == ()
        assert store.find_deck("deck") == store.decks()[0]
        assert store.find_deck("other") is None
        assert (store.count_cases("deck"), store.count_cases("other")) == (len(CASES), 0)
        assert store.count_cases("deck", [CASES[0].sha256, "f" * 64]) == len(CASES) - 1

    def test_a_deck_keeps_whose_it_is_and_its_scheme(self, store: DeckStore) -> None:
        deck = Deck(
            "deck",
            "A deck",
            False,
            True,
            NOW,
            "octdl",
            "Ada, 2026.",
            "CC",
            SchemeVersion("octdl", 2),
            offered=False,
        )
        store.put_deck(replace(deck, citation="", scheme=OCT2017))
        store.put_deck(deck)
        assert store.find_deck("deck") == deck

    def test_a_deck_that_nothing_names_is_removed_with_its_cases(self, store: DeckStore) -> None:
        put(store)
        store.put_deck(Deck("other", "Another", False, True, NOW))
        store.add_cases("other", CASES[:1])
        assert not store.count_uses("deck").any
        store.remove_deck("deck")
        assert [deck.name for deck in store.decks()] == ["other"]
        assert (store.count_cases("deck"), store.count_cases("other")) == (0, 1)
        with pytest.raises(StoreError, match="no deck"):
            store.remove_deck("deck")

    def test_a_case_is_added_once_and_its_first_label_stays(self, store: DeckStore) -> None:
        put(store)
        again = replace(CASES[0], label="NORMAL")
        assert store.add_cases("deck", [again, again]) == 0
        assert store.get_case("deck", CASES[0].sha256).label == "DME"

    def test_cases_need_a_deck(self, store: DeckStore) -> None:
        with pytest.raises(StoreError, match="no deck"):
            store.add_cases("nowhere", CASES)

    def test_servers_that_start_together_import_the_same_deck_once(self, store: DeckStore) -> None:
        def start(_: int) -> int:
            store.put_deck(Deck("deck", "A deck", False, False, NOW))
            return store.add_cases("deck", CASES)

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(start, range(8))) == len(CASES)
        assert len(store.decks()) == 1

    def test_decks_are_summed_up(self, store: DeckStore) -> None:
        empty, ward = Deck("empty", "", False, False, NOW), Deck("ward", "W", False, True, NOW)
        store.put_deck(ward)
        store.put_deck(empty)
        labels = ["CNV", "CNV", "NORMAL"]
        store.add_cases(
            "ward", [Case(f"{n:064x}", label, f"p{n // 2}", "x") for n, label in enumerate(labels)]
        )
        assert store.summarise_decks() == (
            DeckSummary(empty, {}, 0),
            DeckSummary(ward, {"CNV": 2, "NORMAL": 1}, 2),
        )
