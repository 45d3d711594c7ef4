"""Educators add scans to decks of their own."""

from pathlib import Path

import pytest

from octtutor.errors import BadInputError
from octtutor.tutor.scans import Scans
from tests.conftest import write_scans


def test_added_scans_are_in_the_summary(store, images, clock, tmp_path: Path):
    scans = Scans(store, images, clock)
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
        Scans(store, images, clock).add(scans, "embedded", None)
    assert store.decks() == ()
