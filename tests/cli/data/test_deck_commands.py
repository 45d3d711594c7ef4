"""`octtutor data decks|offer|withhold|rename|remove`."""

from pathlib import Path

import pytest

from tests.cli.said import fault
from tests.conftest import write_scans


@pytest.fixture
def ward(octtutor, own_home: Path, tmp_path: Path) -> str:
    octtutor("data", "import", str(write_scans(tmp_path / "ward")), "--no-offer")
    return "ward"


def offered(octtutor) -> dict[str, bool]:
    return {row["name"]: row["offered"] for row in octtutor("data", "decks", "--json").json}


def test_a_deck_is_offered_and_withheld(octtutor, ward: str):
    assert offered(octtutor) == {"ward": False}
    assert "ward, 8 scans of 8 patients, withheld from trainees" in octtutor("data", "decks").out
    assert "can choose ward now" in octtutor("data", "offer", "ward").out
    assert offered(octtutor) == {"ward": True}
    octtutor("data", "withhold", "ward")
    assert offered(octtutor) == {"ward": False}
    done = octtutor("data", "offer", "word")
    assert "none named 'word'. There are: ward." in fault(done)


def test_a_deck_is_renamed_and_removed(octtutor, ward: str, own_home: Path):
    octtutor("data", "rename", "ward", "The ward")
    assert octtutor("data", "decks", "--json").json[0]["title"] == "The ward"
    quizzes = own_home / "quizzes"
    quizzes.mkdir(parents=True, exist_ok=True)
    quiz = quizzes / "mine.toml"
    quiz.write_text('title = "Mine"\ndeck = "ward"\n[rule]\nper_class = 1\n')
    assert "the quiz 'mine'" in fault(octtutor("data", "remove", "ward", "--yes"))
    assert any((own_home / "images").glob("*/*"))
    quiz.unlink()
    assert "removed, with 8 scans" in octtutor("data", "remove", "ward", "--yes").out
    assert offered(octtutor) == {}
    assert not any((own_home / "images").glob("*/*"))
