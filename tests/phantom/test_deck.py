"""What a deck on disk must be."""

import csv
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from octtutor.core.diagnosis import Diagnosis
from octtutor.errors import BadInputError
from octtutor.phantom import make, write_deck
from tests.conftest import DECK

SIZE = (128, 160)


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "cases.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def grey(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image


def test_a_deck_has_a_scan_and_a_mask_for_every_row(tmp_path: Path) -> None:
    rows = write_deck(tmp_path / "deck", 2, 7, SIZE)
    listed = table(tmp_path / "deck")
    assert [row["file"] for row in listed] == [row.file for row in rows]
    assert len(contents(tmp_path / "deck")) == 2 * len(listed) + 1
    for row in listed:
        assert row["file"] == f"{row['label']}/{row['label']}-{row['patient']}-1.png"
        assert row["mask"] == f"masks/{row['label']}-{row['patient']}-1.png"
        assert grey(tmp_path / "deck" / row["file"]).shape == SIZE
        assert grey(tmp_path / "deck" / row["mask"]).shape == SIZE


def test_the_table_has_the_columns_that_importers_read(tmp_path: Path) -> None:
    write_deck(tmp_path / "deck", 1, 7, SIZE)
    columns = ["file", "label", "patient", "synthetic", "mask", "findings", "seed"]
    assert all(list(row) == columns for row in table(tmp_path / "deck"))
    assert {row["synthetic"] for row in table(tmp_path / "deck")} == {"true"}


def test_patients_are_unique_seven_digit_numbers(tmp_path: Path) -> None:
    patients = [row.patient for row in write_deck(tmp_path / "deck", 3, 7, SIZE)]
    assert len(set(patients)) == 12
    assert all(len(patient) == 7 and patient.isdigit() for patient in patients)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    write_deck(tmp_path / "one", 2, 7, SIZE)
    write_deck(tmp_path / "two", 2, 7, SIZE)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_case_is_the_same_however_many_are_made(tmp_path: Path) -> None:
    few = contents(tmp_path / "few") if write_deck(tmp_path / "few", 1, 7, SIZE) else {}
    many = contents(tmp_path / "many") if write_deck(tmp_path / "many", 3, 7, SIZE) else {}
    del few["cases.csv"]
    assert len(few) == 8
    assert few.items() <= many.items()


def test_a_row_s_seed_makes_its_scan_again(tmp_path: Path) -> None:
    row = write_deck(tmp_path / "deck", 1, 7, SIZE)[2]
    entropy = [int(part) for part in row.seed.split(":")]
    rng = np.random.default_rng(np.random.SeedSequence(entropy))
    again = make(Diagnosis(row.label), rng, SIZE)
    assert np.array_equal(grey(tmp_path / "deck" / row.file), again.scan)
    assert np.array_equal(grey(tmp_path / "deck" / row.mask), again.mask)
    assert row.findings == "; ".join(finding.name for finding in again.findings)


def test_progress_is_told_after_every_scan(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    write_deck(tmp_path / "deck", 1, 7, SIZE, lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_an_interrupted_run_leaves_no_table_and_no_litter(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_deck(tmp_path / "deck", 2, 7, SIZE, interrupt)
    assert contents(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_run_leaves_the_older_deck_whole(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    write_deck(tmp_path / "deck", 1, 7, SIZE)
    before = contents(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        write_deck(tmp_path / "deck", 2, 8, SIZE, interrupt)
    assert contents(tmp_path) == before


def test_a_new_deck_replaces_an_older_and_larger_one(tmp_path: Path) -> None:
    write_deck(tmp_path / "deck", 3, 7, SIZE)
    (tmp_path / "deck" / "notes.txt").write_text("mine")
    write_deck(tmp_path / "deck", 1, 8, SIZE)
    assert len(contents(tmp_path / "deck")) == 2 * 4 + 2
    assert (tmp_path / "deck" / "notes.txt").read_text() == "mine"


def test_an_older_table_that_points_outside_removes_nothing_there(tmp_path: Path) -> None:
    (tmp_path / "deck").mkdir()
    (tmp_path / "precious.png").write_bytes(b"x")
    (tmp_path / "deck" / "cases.csv").write_text("file,mask\n../precious.png,../precious.png\n")
    write_deck(tmp_path / "deck", 1, 7, SIZE)
    assert (tmp_path / "precious.png").exists()


@pytest.mark.parametrize("per_class", [0, -1, 10_001])
def test_a_number_per_class_outside_the_limits_is_refused(tmp_path: Path, per_class: int) -> None:
    with pytest.raises(BadInputError, match=f"1 to 10000.*Received: {per_class}"):
        write_deck(tmp_path / "deck", per_class, 7, SIZE)
    assert list(tmp_path.iterdir()) == []


def test_a_negative_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"seed of 0 or more.*Received: -1"):
        write_deck(tmp_path / "deck", 1, -1, SIZE)


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(BadInputError, match="Choose an empty folder"):
        write_deck(tmp_path, 1, 7, SIZE)
    assert contents(tmp_path) == {"thesis.txt": b"years of work"}


def test_an_empty_folder_is_welcome(tmp_path: Path) -> None:
    assert len(write_deck(tmp_path, 1, 7, SIZE)) == 4


def test_a_file_in_the_folder_s_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "deck").write_text("a file")
    with pytest.raises(BadInputError, match="Received a file"):
        write_deck(tmp_path / "deck", 1, 7, SIZE)


def test_a_folder_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file where a folder should be")
    with pytest.raises(BadInputError, match=r"folder that can be written.*Choose another"):
        write_deck(tmp_path / "blocked" / "deck", 1, 7, SIZE)


def test_paths_in_the_table_use_forward_slashes(tmp_path: Path) -> None:
    rows = write_deck(os.fspath(tmp_path / "deck"), 1, 7, SIZE)
    assert all("\\" not in row.file + row.mask for row in rows)


def test_the_shipped_deck_is_what_the_command_draws() -> None:
    """Another processor may round a pixel differently; nothing more may differ."""
    rows = table(DECK)
    assert len(rows) == 60
    for row in rows[::9]:
        seed, index = map(int, row["seed"].split(":"))
        rng = np.random.default_rng(np.random.SeedSequence([seed, index]))
        drawn = make(Diagnosis(row["label"]), rng, (496, 512))
        shipped, mask = grey(DECK / row["file"]), grey(DECK / row["mask"])
        assert np.abs(drawn.scan.astype(int) - shipped).mean() < 0.1
        assert (drawn.mask != mask).mean() < 0.001
