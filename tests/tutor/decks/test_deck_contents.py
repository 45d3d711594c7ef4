"""Educators add scans to decks of their own."""

from dataclasses import replace
from pathlib import Path

import pytest

from octtutor.errors import BadInputError
from octtutor.tutor.atlas.atlas import Atlas
from octtutor.tutor.atlas.real_or_synthetic import deal
from octtutor.tutor.decks.deck_contents import DeckContents
from octtutor.tutor.decks.deck_import import import_scans
from tests.conftest import DECK, write_scans
from tests.eight_scans import OCTDL, import_eight, write_eight


@pytest.fixture
def atlas(store, images, shelf) -> Atlas:
    return Atlas(store, images, shelf)


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


def test_what_is_uploaded_is_withheld_until_it_is_offered(store, images, clock, tmp_path: Path):
    scans = DeckContents(store, images, clock)
    scans.add(write_scans(tmp_path / "ward"), "ward", None)
    assert not store.find_deck("ward").offered
    scans.offer("ward", True)
    assert store.find_deck("ward").offered
    scans.add(tmp_path / "ward", "ward", None)  # adding says nothing of it
    assert store.find_deck("ward").offered
    scans.offer("ward", False)
    scans.add(tmp_path / "ward", "ward", None, offered=True)
    assert store.find_deck("ward").offered


def test_an_import_offers_a_new_deck_and_leaves_one_as_it_is(store, images, clock, tmp_path: Path):
    scans = write_scans(tmp_path / "ward")
    import_scans(store, images, scans, clock)
    assert store.find_deck("ward").offered
    import_scans(store, images, scans, clock, offered=False)
    assert not store.find_deck("ward").offered
    import_scans(store, images, scans, clock)
    assert not store.find_deck("ward").offered


def test_a_withheld_deck_is_nowhere_that_trainees_look(store, images, clock, practice, atlas):
    trainee = practice.enrol(None, "Ada").id
    import_scans(store, images, DECK, clock, "ward")
    running = practice.start(trainee, "ward", 4)
    taught = atlas.examples("ward", "CNV", most=1)[0].case
    DeckContents(store, images, clock).offer("ward", False)
    assert [deck.name for deck, _ in practice.decks()] == ["real"]
    with pytest.raises(BadInputError, match="not \\(any more\\)"):
        practice.start(trainee, "ward", 4)
    assert atlas.decks() == ()
    with pytest.raises(BadInputError, match="which has none"):
        atlas.examples("ward", taught.label)
    with pytest.raises(BadInputError, match="real and"):
        deal(store, 1)
    assert practice.question(trainee, running.id).position == 0  # what was begun goes on


def test_a_deck_is_renamed_and_the_program_s_own_is_not(store, images, clock, tmp_path: Path):
    scans = DeckContents(store, images, clock)
    scans.add(write_scans(tmp_path / "ward"), "ward", None)
    assert scans.rename("ward", "  The ward ").title == "The ward"
    for title in ("", " ", "a\nb", "x" * 81):
        with pytest.raises(BadInputError, match="title of 1 to 80"):
            scans.rename("ward", title)
    with pytest.raises(BadInputError, match="belongs to the program"):
        scans.rename("embedded", "Mine")
    with pytest.raises(BadInputError, match=r"none named 'word'. There are: ward\."):
        scans.rename("word", "The ward")
    assert store.find_deck("ward").title == "The ward"


def test_a_deck_is_removed_with_the_pictures_that_no_other_deck_has(
    store, images, clock, tmp_path: Path
):
    scans = DeckContents(store, images, clock)
    scans.add(write_scans(tmp_path / "ward"), "ward", None)
    shared, *own = store.cases_of("ward")
    scans.add(write_scans(tmp_path / "more"), "more", None)
    for case in store.cases_of("more"):
        assert images.place(case.sha256).exists()
    store.put_deck(replace(store.find_deck("ward"), name="half"))
    store.add_cases("half", [shared])
    scans.remove("more")
    assert scans.remove("ward", quizzes=()) == 8
    assert images.place(shared.sha256).exists()
    assert not any(images.place(case.sha256).exists() for case in own)
    with pytest.raises(BadInputError, match="none named 'ward'"):
        scans.remove("ward")


def test_a_deck_on_which_something_depends_is_not_removed(store, images, clock, practice):
    scans = DeckContents(store, images, clock)
    practice.start(practice.enrol(None, "Ada").id, "real", 4)
    with pytest.raises(BadInputError, match=r"depend 1 attempts, the quiz 'eight'\. Withhold"):
        scans.remove("real", ["eight"])
    assert store.count_cases("real") == 8
