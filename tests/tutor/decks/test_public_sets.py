"""A public set becomes a deck that says whose it is; Kermany's hundred becomes playable."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from octtutor.core.scheme import SchemeVersion
from octtutor.datasets.public.registry import find_set, read_registry
from octtutor.errors import BadInputError
from octtutor.model.network.training_set import read_training_set
from octtutor.tutor.decks.deck_import import import_scans
from octtutor.tutor.decks.public_sets import IMPORTING, PublicSets, reach_of
from octtutor.tutor.exams.quizzes import Quizzes
from tests.conftest import MODEL, ROOT
from tests.datasets.public.standin import (
    Standin,
    a_set,
    filler,
    reach,
    release,
    scans_of,
    serving,
    zip_of,
)


@pytest.fixture
def standin() -> Iterator[Standin]:
    with serving() as served:
        yield served


def open_sets(rows, store, images, clock, tmp_path: Path) -> PublicSets:
    return PublicSets(
        store, images, lambda: tuple(rows), tmp_path / "fetching", clock, lambda row: reach()
    )


def quiet(part: str, done: int, total: int) -> None:
    """Say nothing."""


@pytest.fixture
def sets(standin: Standin, store, images, clock, tmp_path: Path) -> PublicSets:
    data = zip_of(release(scans_of(tmp_path / "made")))
    row = a_set(standin.put("/set.zip", data), len(data), scheme="wards")
    return open_sets([row], store, images, clock, tmp_path)


def test_a_fetched_set_is_a_deck_with_its_citation_and_licence(sets, store, tmp_path: Path):
    told: list[tuple[str, int, int]] = []
    brought = sets.fetch("ward", lambda *how: told.append(how))
    assert brought.imported.added == 12
    assert brought.imported.patients == 12
    (deck,) = store.decks()
    assert deck.complete
    assert (deck.name, deck.title, deck.source) == ("ward", "The ward's scans", "ward")
    assert deck.citation == "Ada, 2026. doi:10.1/1"
    assert deck.scheme == SchemeVersion("wards", 1)
    assert deck.licence == "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/"
    assert told[-1] == (IMPORTING, 12, 12)
    assert not (tmp_path / "fetching" / "ward" / "files").exists()


def test_the_list_says_what_is_here(sets: PublicSets):
    (offer,) = sets.all()
    assert (offer.deck, offer.begun) == (None, False)

    def stop(part: str, done: int, total: int) -> None:
        raise BadInputError("Stopped.")

    with pytest.raises(BadInputError, match="Stopped"):
        sets.fetch("ward", stop)
    (offer,) = sets.all()
    assert offer.deck is None
    assert offer.begun
    sets.fetch("ward", quiet)
    (offer,) = sets.all()
    assert offer.deck is not None
    assert sum(offer.deck.per_class.values()) == 12
    assert not offer.begun


def test_fetching_twice_adds_nothing(sets: PublicSets):
    sets.fetch("ward", quiet)
    again = sets.fetch("ward", quiet)
    assert (again.imported.added, again.imported.already) == (0, 12)


def test_a_deck_of_ones_own_is_not_mixed_with_a_public_set(sets, store, images, clock, scans):
    import_scans(store, images, scans, clock, "ward")
    with pytest.raises(BadInputError, match="octtutor data fetch ward --as NAME"):
        sets.fetch("ward", quiet)
    assert sets.fetch("ward", quiet, "theirs").imported.deck == "theirs"
    assert store.find_deck("ward").citation == ""


def test_two_sets_do_not_go_into_one_deck(standin, store, images, clock, tmp_path: Path):
    data = zip_of(release(scans_of(tmp_path / "made")))
    row = a_set(standin.put("/set.zip", data), len(data))
    other = replace(row, name="other", citation="Bo, 2025.")
    both = open_sets([row, other], store, images, clock, tmp_path)
    both.fetch("ward", quiet)
    with pytest.raises(
        BadInputError, match=r"is that of ward.*octtutor data fetch other --as NAME"
    ):
        both.fetch("other", quiet)
    assert (store.find_deck("ward").source, store.find_deck("ward").citation[:3]) == ("ward", "Ada")
    here = {offer.row.name: offer.deck is not None for offer in both.all()}
    assert here == {"ward": True, "other": False}


def test_only_rows_of_ones_own_lead_into_the_own_network():
    row = a_set("https://example.org/x.zip", 1)
    from ipaddress import ip_address

    assert not reach_of(row).allowed(ip_address("10.0.0.1"))
    assert reach_of(replace(row, is_own=True)).allowed(ip_address("10.0.0.1"))


def test_kermanys_hundred_becomes_playable(
    standin: Standin, store, images, clock, tmp_path: Path, real_scans: Path
):
    scans = {path.name: path.read_bytes() for path in real_scans.glob("*/*/*.jpeg")}
    files = {f"CellData/OCT/train/CNV/{n}.jpeg": data for n, data in enumerate(scans.values())}
    files |= {f"CellData/chest_xray/{n}.jpeg": filler(2_000_000 + n) for n in range(8)}
    data = zip_of(files, packed=False)
    address = standin.put("/lab.zip", data)
    shipped = read_registry()
    rows = [
        replace(find_set(shipped, name), address=address, size=len(data))
        for name in ("kermanys-hundred", "oct2017-test")
    ]
    sets = open_sets(rows, store, images, clock, tmp_path)
    quizzes = Quizzes(store, (tmp_path / "quizzes", ROOT / "quizzes"))
    quiz = quizzes.find("kermanys-hundred")
    assert "octtutor data fetch kermanys-hundred" in quizzes.check(quiz)[0].what
    brought = sets.fetch("kermanys-hundred", quiet)
    assert brought.imported.added == 100
    assert brought.fetched.received < len(data) / 2
    assert quizzes.check(quiz) == ()
    assert len(quizzes.resolve(quiz).cases) == 100
    known = read_training_set(MODEL).patients
    assert not known & {case.patient for case in store.cases_of("kermanys-hundred")}
    sets.fetch("oct2017-test", quiet)
    assert known & {case.patient for case in store.cases_of("oct2017-test")}
