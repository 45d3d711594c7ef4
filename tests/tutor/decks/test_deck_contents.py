"""Educators add scans to decks of their own."""

from pathlib import Path

import pytest

from octtutor.errors import BadInputError
from octtutor.tutor.decks.deck_contents import DeckContents
from octtutor.tutor.decks.deck_import import import_scans
from tests.conftest import write_scans
from tests.eight_scans import OCTDL, import_eight, write_eight


def test_added_scans_are_in_the_summary(store, images, clock, tmp_path: Path):
    scans = DeckContents(store, images, clock)
    assert scans.decks() == ()
    seen: list[tuple[int, int]] = []
    scans.add(write_scans(tmp_path / "ward"), None, "The ward", lambda *at: seen.append(at))
    (summary,) = scans.decks()
    assert (summary.deck.name, summary.deck.title) == ("ward", "The ward")
    assert list(summary.per_class.values()) == [2, 2, 2, 2]
    assert summary.patients == 8
    assert seen[-1] == (8, 8)


def test_the_programs_own_deck_is_not_added_to(store, images, clock, scans: Path):
    with pytest.raises(BadInputError, match="belongs to the program"):
        DeckContents(store, images, clock).add(scans, "embedded", None)
    assert store.decks() == ()


def test_added_scans_are_read_by_the_scheme_that_is_told_or_the_deck_s(
    store, images, clock, tmp_path: Path
):
    scans, folder = DeckContents(store, images, clock), write_eight(tmp_path)
    assert OCTDL in scans.schemes()
    with pytest.raises(BadInputError, match=r"ERM 2.*import with --scheme octdl"):
        scans.add(folder, "eight", None)
    (folder / "VID").rename(folder / "MH")
    with pytest.raises(BadInputError, match="MH 2"):
        scans.add(folder, "eight", None, scheme="octdl")
    assert scans.add(folder, "eight", None, scheme="octdl", skip_unknown=True).added == 14
    assert scans.add(folder, "eight", None, meanings=["MH=VID"]).added == 2
    (summary,) = scans.decks()
    assert summary.deck.scheme == OCTDL.stamp
    assert summary.per_class == dict.fromkeys(OCTDL.keys, 2)


def test_a_deck_of_another_scheme_takes_no_labels_of_oct2017(store, images, clock, tmp_path: Path):
    deck = import_eight(store, images, clock, tmp_path)
    with pytest.raises(BadInputError, match="Expected scans of the scheme 'octdl'"):
        import_scans(store, images, write_scans(tmp_path / "four"), clock, deck)
