"""What a deck on disk must be."""

import csv
import os
import shutil
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from octtutor.core.diagnosis import Diagnosis
from octtutor.errors import BadInputError
from octtutor.phantom import Difficulty, make, write_deck
from octtutor.phantom.deck import case_to_draw, write_cases, write_chosen
from octtutor.phantom.difficulty import rate
from octtutor.phantom.embedded import CHOSEN, EMBEDDED_SEED
from octtutor.phantom.synthetic_scan import DIFFUSE
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
    named = sum(len(row["findings"].split("; ")) for row in listed if row["findings"])
    assert len(contents(tmp_path / "deck")) == 3 * len(listed) + named + 1
    for row in listed:
        assert row["file"] == f"{row['label']}/{row['label']}-{row['patient']}-1.png"
        assert row["mask"] == f"masks/{row['label']}-{row['patient']}-1.png"
        assert grey(tmp_path / "deck" / row["file"]).shape == SIZE
        assert grey(tmp_path / "deck" / row["mask"]).shape == SIZE


def test_the_table_has_the_columns_that_importers_read(tmp_path: Path) -> None:
    write_deck(tmp_path / "deck", 1, 7, SIZE)
    columns = ["file", "label", "patient", "synthetic", "mask", "findings", "seed"]
    assert all(list(row)[:7] == columns for row in table(tmp_path / "deck"))
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
    assert len(few) >= 12
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
    left = table(tmp_path / "deck")
    assert len([name for name in contents(tmp_path / "deck") if name.startswith("masks/")]) == 4
    assert {"notes.txt", *(row["boundaries"] for row in left)} <= set(contents(tmp_path / "deck"))
    assert len([n for n in contents(tmp_path / "deck") if n.startswith("boundaries/")]) == 4
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


def test_every_finding_has_its_own_mask_and_they_make_up_the_one(tmp_path: Path) -> None:
    write_deck(tmp_path / "deck", 2, 7, SIZE)
    for row in table(tmp_path / "deck"):
        names, paths = row["findings"].split("; "), row["finding_masks"].split("; ")
        masks = dict(zip(names, paths, strict=True)) if row["findings"] else {}
        union = np.zeros(SIZE, np.uint8)
        for name, path in masks.items():
            mask = grey(tmp_path / "deck" / path)
            assert mask.any(), name
            union |= mask if name not in DIFFUSE else 0
        assert np.array_equal(union, grey(tmp_path / "deck" / row["mask"]))


def test_boundaries_are_written_in_pixels_and_um_and_never_cross(tmp_path: Path) -> None:
    row = write_deck(tmp_path / "deck", 1, 7, SIZE)[0]
    lines = (tmp_path / "deck" / row.boundaries).read_text("utf-8").splitlines()
    head = lines[0].split(",")
    assert head[:3] == ["x_px", "x_um", "ILM_px"]
    assert head[-1] == "CHOROID_um"
    values = np.array([line.split(",") for line in lines[1:]], float)
    assert len(values) == SIZE[1]
    pixels, um = values[:, 2:19], values[:, 19:]
    assert np.abs(pixels * 496 * 3.87 / SIZE[0] - um).max() < 0.2
    assert np.diff(um, axis=1).min() >= -0.11


def test_difficulty_severity_and_eye_of_each_case_are_told(tmp_path: Path) -> None:
    rows = write_deck(tmp_path / "deck", 2, 7, SIZE)
    assert {row.difficulty for row in rows} <= set(Difficulty)
    assert {row.eye for row in rows} <= {"OD", "OS"}
    for row in rows:
        count = len(row.look_alikes.split("; ")) if row.look_alikes else 0
        rated = rate(Diagnosis(row.label), float(row.severity), count)
        assert rated == row.difficulty


def test_several_processes_write_the_bytes_of_one(tmp_path: Path) -> None:
    write_deck(tmp_path / "one", 2, 7, SIZE, workers=1)
    write_deck(tmp_path / "two", 2, 7, SIZE, workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_an_error_among_several_processes_leaves_no_litter(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_deck(tmp_path / "deck", 2, 7, SIZE, interrupt, workers=2)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    """A disk smaller than the deck: the largest that can be asked for, on any machine's disk."""
    free = shutil.disk_usage(tmp_path).free
    orders = [case_to_draw(0, 7, (1024, 1536))] * (free // 2_000_000 + 1000)
    with pytest.raises(BadInputError, match=r"MB of free disk for \d+ scans. Received: .* fill"):
        write_cases(tmp_path / "deck", orders, None, 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("workers", [0, 257])
def test_a_number_of_processes_outside_the_limits_is_refused(tmp_path: Path, workers: int) -> None:
    with pytest.raises(BadInputError, match=f"1 to 256 processes. Received: {workers}"):
        write_deck(tmp_path / "deck", 1, 7, SIZE, workers=workers)


def test_sizes_are_those_of_spectralis_where_none_is_asked_for() -> None:
    sizes = [case_to_draw(index, 7, None).size for index in range(200)]
    assert set(sizes) == {(496, 512), (496, 768)}
    assert 30 < sizes.count((496, 768)) < 70


def test_the_shipped_deck_is_what_the_command_draws() -> None:
    """Another processor may round a pixel differently; nothing more may differ."""
    rows = table(DECK)
    assert len(rows) == 100
    for row in rows[::17]:
        seed, index = map(int, row["seed"].split(":"))
        rng = np.random.default_rng(np.random.SeedSequence([seed, index]))
        size = (int(row["height"]), int(row["width"]))
        drawn = make(Diagnosis(row["label"]), rng, size)
        shipped, mask = grey(DECK / row["file"]), grey(DECK / row["mask"])
        assert np.abs(drawn.scan.astype(int) - shipped).mean() < 0.1
        assert (drawn.mask != mask).mean() < 0.001


def test_the_shipped_deck_has_ten_easy_ten_typical_and_five_hard_of_each_class() -> None:
    counted = Counter((row["label"], row["difficulty"]) for row in table(DECK))
    wanted = {"easy": 10, "typical": 10, "hard": 5}
    assert counted == {(str(d), name): n for d in Diagnosis for name, n in wanted.items()}


def test_a_class_of_the_shipped_deck_can_be_written_again(tmp_path: Path) -> None:
    """Its first case, to the byte where the processor rounds as the one that drew it."""
    (row,) = write_chosen(tmp_path / "deck", CHOSEN[:1], EMBEDDED_SEED)
    assert row.seed == f"{EMBEDDED_SEED}:{CHOSEN[0][1]}"
    assert np.abs(grey(tmp_path / "deck" / row.file).astype(int) - grey(DECK / row.file)).mean() < 1
