"""The benchmarks of labels measure what they say, and say how to get the scans they need."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, write_scans


def run(home: Path, name: str, *words: object) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(ROOT), "OCTTUTOR_HOME": str(home), "PATH": ""}
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # cores are shared
    command = [sys.executable, str(ROOT / "benchmarks" / name), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)


def test_every_order_starts_from_the_same_labels_and_is_set_beside_random(tmp_path: Path):
    write_scans(tmp_path / "train", per_class=8)
    write_scans(tmp_path / "test", per_class=3, size=(150, 150))
    small = ["--size", 64, "--repeats", 2, "--start", 8, "--batch", 8, "--most", 24]
    done = run(tmp_path, "active.py", "--json", "--data", tmp_path, "--reach", "0.5", *small)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["counts"] == [8, 16, 24]
    starts = {curve[0] for curve in found["curves"].values()}
    assert len(found["curves"]) == 6
    assert len(starts) == 1
    assert all(0 <= value <= 1 for curve in found["curves"].values() for value in curve)
    rows = found["labels_to_reach"]["0.5"]
    assert rows["margin"]["minus_random"]["value"] == pytest.approx(
        rows["margin"]["mean"]["value"] - rows["random"]["mean"]["value"]
    )
    assert found["accuracy_with"]["8"]["entropy"]["minus_random"]["value"] == 0


def test_flipped_labels_are_found_more_often_than_by_chance(tmp_path: Path):
    write_scans(tmp_path / "scans", per_class=10)
    small = ["--size", 64, "--repeats", 2, "--folds", 3, "--flip", 0.1]
    done = run(tmp_path, "suspects.py", "--json", "--data", tmp_path / "scans", *small)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["scans"], found["flipped"]) == (40, 4)
    top = found["flips"]["uniform"]["found_in_top"]["10%"]
    assert top["confident learning"]["value"] > top["random"]["value"]
    for figures in found["flips"].values():
        assert set(figures["suspects"]) == {"confident", "by class", "by noise rate", "both"}


@pytest.mark.parametrize("name", ["active.py", "suspects.py"])
def test_without_scans_one_line_says_where_to_get_them(tmp_path: Path, name: str):
    done = run(tmp_path, name, "--data", tmp_path / "nothing")
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert "rscbjbr9sj" in done.stderr
