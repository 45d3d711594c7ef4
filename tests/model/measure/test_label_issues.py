"""Wrong labels are found by a model that never saw the patient."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.errors import BadInputError
from octtutor.model.measure.label_issues import (
    STRENGTHS,
    chances,
    cross_validated,
    find_label_issues,
    fit_head,
    out_of_fold,
)
from octtutor.model.network.scan_set import ScanSet


def scan_set(labels: np.ndarray, patients: list[str]) -> ScanSet:
    names = tuple(f"{index}.png" for index in range(len(labels)))
    scans = np.zeros((len(labels), 1, 1), np.uint8)
    hashes = tuple(f"{index:064x}" for index in range(len(labels)))
    return ScanSet(scans, labels.astype(np.int64), tuple(patients), names, hashes, ())


def clusters(each: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Return features of four classes that lie apart, and their classes."""
    truth = np.repeat(np.arange(4), each)
    noise = np.random.default_rng(1).normal(0, 0.3, (len(truth), 8))
    return 3 * np.eye(4, 8)[truth] + noise, truth


def test_flipped_labels_come_first_and_are_counted():
    rows, truth = clusters()
    labels = truth.copy()
    labels[[3, 60, 140]] = [2, 0, 1]
    doubts = find_label_issues(scan_set(labels, [f"p{i}" for i in range(160)]), rows, folds=4)
    assert {scan.name for scan in doubts.ranked[:3]} == {"3.png", "60.png", "140.png"}
    suspects = [scan.name for scan in doubts.ranked if scan.suspect]
    assert 2 <= len(suspects) <= 3  # one may lie below the mean confidence of its true class
    assert suspects == [scan.name for scan in doubts.ranked[: len(suspects)]]
    assert doubts.noise == pytest.approx(3 / 160, abs=0.01)
    assert len(doubts.ranked) == 160
    first = next(scan for scan in doubts.ranked if scan.name == "3.png")
    assert (first.label, first.likely) == (LABELS[2], LABELS[0])
    assert first.margin < 0 < first.self_confidence < 0.5
    assert np.sum(doubts.joint) == pytest.approx(1)
    assert doubts.strength in STRENGTHS


def test_a_patients_own_scans_never_speak_for_its_label():
    # features that say who it is, and nothing of the class: only a leak could answer rightly
    rng = np.random.default_rng(5)
    who = np.repeat(np.arange(40), 3)
    rows = rng.normal(size=(40, 30))[who]
    labels = rng.permutation(np.arange(40) % 4)[who]
    scans = scan_set(labels, [f"p{number}" for number in who])
    found, _ = cross_validated(scans, rows, 4, 1)
    assert (found.argmax(axis=1) == labels).mean() < 0.5
    leaky = out_of_fold(rows, scans.truth, [list(range(0, 120, 3)), list(range(1, 120, 3))], 0.1)
    assert (leaky[::3].argmax(axis=1) == labels[::3]).mean() > 0.9


def test_a_class_that_the_head_never_saw_gets_no_probability():
    rows, truth = clusters()
    known = truth != 1
    found = chances(fit_head(rows[known], truth[known]), rows)
    assert (found[:, 1] == 0).all()
    assert found.sum(axis=1) == pytest.approx(1)


def test_the_same_seed_gives_the_same_list():
    rows, truth = clusters(8)
    scans = scan_set(truth, [f"p{i}" for i in range(32)])
    assert find_label_issues(scans, rows, 2, 7) == find_label_issues(scans, rows, 2, 7)


def test_one_class_alone_cannot_be_doubted():
    scans = scan_set(np.zeros(6, int), list("abcdef"))
    with pytest.raises(BadInputError, match=r"two classes or more\. All are CNV"):
        find_label_issues(scans, np.zeros((6, 2)), 2)


def test_a_label_of_too_few_patients_is_refused():
    rows, truth = clusters(4)
    with pytest.raises(BadInputError, match="4 patients or more"):
        find_label_issues(scan_set(truth, ["a", "b"] * 8), rows, 4)


def picture(kind: int, rng: np.random.Generator) -> np.ndarray:
    """Draw stripes across, stripes down, a ring or nothing, with noise: as easy as can be."""
    y, x = np.mgrid[:160, :160]
    away = np.hypot(y - 80, x - 80)
    plain = (y % 16 < 8, x % 16 < 8, (away > 35) & (away < 55), np.zeros_like(y))[kind]
    return np.clip(60 + 120 * plain + rng.normal(0, 12, y.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Ten pictures a class, of which one of NORMAL lies among the drusen."""
    for kind, label in enumerate(LABELS):
        for number in range(10):
            folder = "DRUSEN" if (label, number) == (Diagnosis.NORMAL, 4) else label
            path = tmp_path / "data" / folder / f"{folder}-{1000 * kind + number}-1.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            rng = np.random.default_rng([kind, number])
            Image.fromarray(picture(kind, rng)).save(path)
    return tmp_path / "data"


def run(data: Path, *words: str):
    from octtutor.cli.data.label_issue_commands import suspects

    app = typer.Typer()
    app.command()(suspects)
    return CliRunner().invoke(app, [str(data), "--size", "64", "--folds", "4", *words])


def test_the_command_lists_the_scan_in_the_wrong_folder(data: Path):
    told = run(data, "--json")
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert (found["scans"], found["patients"], found["folds"]) == (40, 40, 4)
    assert (found["probably_wrong"], found["accuracy"]) == (1, 39 / 40)
    (scan,) = found["suspects"]
    assert scan["name"] == "DRUSEN/DRUSEN-3004-1.png"
    assert (scan["label"], scan["likely"]) == (Diagnosis.DRUSEN, Diagnosis.NORMAL)
    assert scan["margin"] < 0


def test_the_command_lists_as_many_as_are_wanted_and_asks_for_a_second_look(data: Path):
    told = run(data, "--top", "2")
    lines = told.stdout.splitlines()
    assert lines[0].startswith("40 scans of 40 patients, 4 folds by patient: 1 label")
    assert "Look again before you change one." in lines[0]
    assert len(lines) == 3
    assert lines[1].startswith("  DRUSEN/DRUSEN-3004-1.png: DRUSEN 0.")
    assert "rather NORMAL 0." in lines[1]
