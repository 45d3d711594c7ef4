"""The doubted labels of a deck: reckoned with the real backbone, and kept."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.errors import BadInputError
from octtutor.jobs.label_check import KeptLabelChecks
from octtutor.settings import Settings
from octtutor.tutor.decks.deck_import import import_scans
from octtutor.tutor.decks.training_lists import TrainingScans
from octtutor.wiring import open_archive
from tests.conftest import DECK


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory):
    home = tmp_path_factory.mktemp("doubts") / "home"
    settings = Settings.from_env({"OCTTUTOR_HOME": str(home)})
    archive = open_archive(settings)
    scans = TrainingScans(archive.store, archive.images, settings.listings)
    yield archive, settings, scans
    archive.store.close()


def swap_two(folder: Path) -> list[str]:
    """Write 10 scans of each class of the embedded deck; give two of them the other's label."""
    swapped = []
    for label in LABELS:
        for n, path in enumerate(sorted((DECK / label).glob("*.png"))[:10]):
            other = {"CNV": "NORMAL", "NORMAL": "CNV"}.get(label, "")
            name = path.name
            if n == 0 and other:
                name = f"{other}-{path.name.split('-', 1)[1]}"
                swapped.append(name)
            place = folder / (other if n == 0 and other else label) / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
    return swapped


def test_wrong_labels_are_doubted_most_and_it_is_reckoned_once(room, tmp_path):
    archive, settings, scans = room
    swapped = swap_two(tmp_path / "scans")
    import_scans(archive.store, archive.images, tmp_path / "scans", _now, "ward")
    doubts = KeptLabelChecks(scans, settings)
    assert doubts.recall("ward") == ()
    told: list[tuple[int, int]] = []
    found = doubts.look("ward", lambda done, total: told.append((done, total)))
    assert told[-1] == (40, 40)
    assert len(found) == 40
    assert {each.name.rpartition("/")[2] for each in found[:8]} >= set(swapped)
    told.clear()
    again = KeptLabelChecks(scans, settings)
    assert again.recall("ward") == found == again.look("ward", lambda *at: told.append(at))
    assert told == []


def test_kept_doubts_that_are_damaged_are_reckoned_anew(room):
    _, settings, scans = room
    found = KeptLabelChecks(scans, settings).look("ward")
    kept = next(settings.listings.glob("*.doubts.json"))
    kept.write_text('[{"name": 1')
    assert KeptLabelChecks(scans, settings).recall("ward") == ()
    assert KeptLabelChecks(scans, settings).look("ward") == found


def test_a_deck_of_one_class_is_refused_in_a_line(room, tmp_path):
    archive, settings, scans = room
    for path in sorted((DECK / "CNV").glob("*.png"))[:3]:
        (tmp_path / "CNV").mkdir(exist_ok=True)
        (tmp_path / "CNV" / path.name).write_bytes(path.read_bytes())
    import_scans(archive.store, archive.images, tmp_path, _now, "one-class")
    with pytest.raises(BadInputError, match="two classes or more"):
        KeptLabelChecks(scans, settings).look("one-class")


def _now() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)
