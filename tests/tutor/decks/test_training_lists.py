"""Decks as training takes them: listed, looked through, and refused before anything starts."""

import csv
from pathlib import Path

import pytest

from octtutor.datasets.images import ImageFolder
from octtutor.errors import BadInputError
from octtutor.testing import MemoryStore
from octtutor.tutor.decks.deck_import import import_scans
from octtutor.tutor.decks.training_lists import TrainingScans
from tests.conftest import Clock, write_scans


class Room:
    """An empty archive, and what training makes of its decks."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder, self.clock = folder, clock
        self.store, self.images = MemoryStore(), ImageFolder(folder / "images")
        self.scans = TrainingScans(self.store, self.images, folder / "listings")

    def add(self, source: Path, name: str) -> None:
        import_scans(self.store, self.images, source, self.clock, name)


@pytest.fixture
def room(tmp_path: Path, clock: Clock) -> Room:
    return Room(tmp_path, clock)


@pytest.fixture
def ward(tmp_path: Path) -> Path:
    """Three scans a class, each of its own patient."""
    return write_scans(tmp_path / "ward", 3, (128, 128))


def rename(folder: Path, old: str, new: str) -> None:
    for path in sorted(folder.rglob(f"*{old}*")):
        path.rename(path.with_name(path.name.replace(old, new)))


def test_decks_become_a_list_of_files_that_training_can_read(room: Room, ward: Path):
    room.add(ward, "ward")
    chosen = room.scans.look(["ward"])
    rows = list(csv.DictReader(chosen.data.read_text().splitlines()))
    assert len(rows) == 12
    assert all(Path(row["file"]).is_file() for row in rows)
    assert {row["patient"] for row in rows} == {
        str(1000 * c + n) for c in (1, 2, 3, 4) for n in range(3)
    }
    assert chosen.faults == ()
    assert chosen.report["per_class"]["DME"] == {"files": 3, "patients": 3}
    assert room.scans.look(["ward"]).data == chosen.data


def test_a_scan_in_two_decks_is_taken_once(room: Room, ward: Path):
    room.add(ward, "ward")
    room.add(ward, "again")
    assert room.scans.look(["ward", "again"]).report["files"] == 12


def test_a_test_deck_with_the_same_patients_is_told(room: Room, ward: Path, tmp_path: Path):
    room.add(ward, "ward")
    room.add(ward, "test")
    chosen = room.scans.look(["ward"], "test")
    assert chosen.faults == ()
    assert len(chosen.report["shared"]["patients"]) == 12
    assert chosen.shared == 24
    other = write_scans(tmp_path / "other", 5, (128, 128))
    for label in other.iterdir():
        for path in sorted(label.iterdir())[:3]:
            path.unlink()
    room.add(other, "other")
    assert room.scans.look(["ward"], "other").shared == 0


def test_scans_of_three_classes_are_refused_in_the_words_of_training(room: Room, ward: Path):
    for path in (ward / "DRUSEN").iterdir():
        path.unlink()
    room.add(ward, "ward")
    (fault,) = room.scans.look(["ward"]).faults
    assert "Received none of DRUSEN" in fault


def test_a_class_with_one_patient_needs_a_test_deck(room: Room, ward: Path, tmp_path: Path):
    for n, path in enumerate(sorted((ward / "CNV").iterdir())):
        path.rename(path.with_name(f"CNV-77-{n + 1}.png"))
    room.add(ward, "ward")
    (fault,) = room.scans.look(["ward"]).faults
    assert "All scans of CNV are of one patient" in fault
    other = write_scans(tmp_path / "other", 1, (160, 160))
    rename(other, "000-1", "999-1")
    room.add(other, "other")
    assert room.scans.look(["ward"], "other").faults == ()


def test_scans_of_one_patient_only_are_refused(room: Room, ward: Path):
    for folder in ward.iterdir():
        for n, path in enumerate(sorted(folder.iterdir())):
            path.rename(path.with_name(f"{folder.name}-5-{n + 1}.png"))
    room.add(ward, "ward")
    chosen = room.scans.look(["ward"])
    assert chosen.report["patients_with_several_labels"] == ["5"]
    assert "of one patient" in chosen.faults[0]


def test_a_scan_with_two_labels_is_refused(room: Room, ward: Path, tmp_path: Path):
    room.add(ward, "ward")
    wrong = tmp_path / "wrong" / "NORMAL" / "NORMAL-1000-1.png"
    wrong.parent.mkdir(parents=True)
    wrong.write_bytes((ward / "CNV" / "CNV-1000-1.png").read_bytes())
    room.add(tmp_path / "wrong", "wrong")
    (fault,) = room.scans.look(["ward", "wrong"]).faults
    assert "Expected one label for each scan" in fault


def test_a_file_that_is_gone_is_counted_as_unreadable(room: Room, ward: Path):
    room.add(ward, "ward")
    case = room.store.cases_of("ward")[0]
    room.images.place(case.sha256).unlink()
    (unreadable,) = room.scans.look(["ward"]).report["unreadable"]
    assert unreadable["name"] == case.name


@pytest.mark.parametrize("decks", [[], ["none"], ["ward", "none"]])
def test_decks_that_are_not_there_are_refused(room: Room, ward: Path, decks: list[str]):
    room.add(ward, "ward")
    with pytest.raises(BadInputError):
        room.scans.look(decks)
