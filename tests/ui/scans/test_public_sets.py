"""What the part Public sets shows, and that whose the scans are stands wherever their deck is."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from octtutor.core.case import Deck, DeckSummary
from octtutor.core.diagnosis import LABELS
from octtutor.core.scheme import SchemeVersion
from octtutor.datasets.public.fetching import PAUSED
from octtutor.datasets.public.registry import find_set, read_registry
from octtutor.errors import BadInputError
from octtutor.jobs.fetch_jobs import Fetches
from octtutor.jobs.state import DONE, FAILED, RUNNING, State
from octtutor.reports.citing import cited_html
from octtutor.testing import MemoryStore
from octtutor.tutor.decks.public_sets import PublicSets, SetOffer
from octtutor.ui.scans.page import decks_table
from octtutor.ui.scans.public_sets_page import PublicSetsHandlers, set_card, sets_table, size
from tests.conftest import Clock
from tests.datasets.public.standin import Standin, a_set, serving

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
THEIRS = Deck(
    "octdl",
    "OCTDL <i>",
    False,
    True,
    NOW,
    "octdl",
    "Kulyabin & others, 2024. doi:10.1/1",
    "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
)
OWN = Deck("ward", "Ward", False, True, NOW)


def summary(deck: Deck) -> DeckSummary:
    return DeckSummary(deck, dict.fromkeys(LABELS, 3), 5)


def test_whose_the_scans_are_stands_below_the_decks():
    line = cited_html([OWN, THEIRS])
    assert line.count("<p") == 1
    assert "OCTDL &lt;i&gt;: Kulyabin &amp; others, 2024. doi:10.1/1 <a href=" in line
    assert ">CC BY 4.0</a>" in line
    assert cited_html([OWN]) == ""
    table = decks_table([summary(OWN), summary(replace(THEIRS, scheme=SchemeVersion("octdl", 1)))])
    assert line in table
    assert table.count("labels of the scheme") == 1
    assert "<small>labels of the scheme octdl, CNV 3" in table
    assert table.count("<td>–</td>") == 4


def test_the_table_says_what_there_is_and_what_is_here():
    rows = read_registry()
    offers = [SetOffer(row, None, False) for row in rows]
    table = sets_table(offers, {"octdl"})
    assert table.count("<tr>") == 1 + len(rows)
    octdl = table[table.index(">octdl<") :]
    assert octdl.index("being fetched") < octdl.index("octid")
    assert "by hand" in table
    there = SetOffer(find_set(rows, "octdl"), summary(THEIRS), False)
    assert "deck octdl, 12 scans" in sets_table([there], set())
    begun = SetOffer(find_set(rows, "octdl"), None, True)
    assert "<td>begun</td>" in sets_table([begun], set())


def test_a_card_says_licence_and_citation_before_anything_travels():
    card = set_card(find_set(read_registry(), "oct2017-test"), State())
    for told in ("CC BY 4.0", "Name the authors", "Kermany D", "10.17632/rscbjbr9sj.3"):
        assert told in card
    assert "labels are those of the scheme oct2017" in card
    assert "about 34.2 MB of an archive of about 8.4 GB" in card
    assert "last written down on 2026-11-30" in card
    assert "<progress" not in card


def test_a_card_of_a_set_whose_licence_nobody_read_says_to_ask():
    card = set_card(find_set(read_registry(), "octid"), State())
    assert "not checked: No licence" in card
    assert "ask them what you may do" in card
    assert "you like" not in card
    assert "href=''" not in card


def test_a_card_says_how_far_it_is_and_how_it_ended():
    row = a_set("https://example.org/x.zip", 100)
    working = State(status=RUNNING, phase="files", step=5_000_000, steps=10**7, seconds_left=70.0)
    card = set_card(row, working)
    assert "<progress max='10000000' value='5000000'" in card
    assert "files: 5.0 MB of 10.0 MB, 1 min 10 s left" in card
    waiting = State(status=RUNNING, phase=PAUSED, step=5, steps=30)
    assert "since the server is busy: 5 of 30" in set_card(row, waiting)
    importing = State(status=RUNNING, phase="importing", step=5, steps=12)
    assert "importing: 5 of 12" in set_card(row, importing)
    failed = State(status=FAILED, message="Received <b>a page")
    assert "Not fetched: Received &lt;b&gt;a page" in set_card(row, failed)
    outcome = {
        "received_bytes": 70_000_000,
        "archive_bytes": 8_440_000_000,
        "added": 1000,
        "deck": "ward",
        "left_out": {"ERM": 155},
        "missing": 2,
        "wrong": ["x"],
        "unreadable": 0,
    }
    done = set_card(row, State(status=DONE, outcome=outcome))
    assert "70.0 MB of 8.4 GB travelled; 1000 scans added to the deck ward" in done
    assert "Left out, none of the four diagnoses: ERM 155." in done
    assert "2 of the wanted files are not in the archive" in done
    assert "cannot be read" not in done


@pytest.mark.parametrize(
    ("count", "words"), [(7, "7 B"), (7_100, "7.1 kB"), (7_000_000, "7.0 MB"), (8.4e9, "8.4 GB")]
)
def test_sizes_are_told_in_words(count: int, words: str):
    assert size(count) == words


@pytest.fixture
def standin() -> Iterator[Standin]:
    with serving() as served:
        yield served


def test_only_sets_of_the_registry_can_be_started(standin, clock: Clock, tmp_path: Path):
    rows = (a_set("https://example.org/x.zip", 1), a_set("", 0, name="far", form=""))
    sets = PublicSets(MemoryStore(), None, lambda: rows, tmp_path, clock)  # type: ignore[arg-type]
    handlers = PublicSetsHandlers(sets, Fetches(tmp_path, clock))
    shown = handlers.show(None)
    assert (shown.chosen, shown.can_fetch, shown.any_busy) == ("ward", True, False)
    assert not handlers.show("far").can_fetch
    with pytest.raises(BadInputError, match="fetched by hand from"):
        handlers.start("far")
    for what in (None, "", "nothing", "../../etc", 7, ["ward"], {"path": "x"}):
        with pytest.raises(BadInputError, match="Expected the name of a public set"):
            handlers.start(what)
        with pytest.raises(BadInputError, match="Expected the name of a public set"):
            handlers.stop(what)
    assert list(tmp_path.iterdir()) == []
