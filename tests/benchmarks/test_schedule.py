"""The simulation of the adaptive order says that it is one, and repeats itself."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.schedule import called_mastered, five_in_a_row
from tests.conftest import ROOT


def run(home: Path, *arguments: str) -> str:
    command = [sys.executable, str(ROOT / "benchmarks" / "schedule.py"), *arguments]
    environment = {"PYTHONPATH": str(ROOT), "OCTTUTOR_HOME": str(home), "PATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def figures(home: Path, *arguments: str) -> dict[str, Any]:
    return dict(json.loads(run(home, "--json", "--learners", "4", *arguments)))


def test_it_gives_means_differences_and_intervals_of_every_setting(tmp_path: Path):
    found = figures(tmp_path)
    assert found["simulation"] is True
    assert len(found["settings"]) >= 2
    for setting in found["settings"].values():
        trials = setting["trials_to_mastery"]
        low, high = trials["difference"]["ci95"]
        assert 20 <= trials["adaptive"] <= 400
        assert 20 <= trials["random"] <= 400
        assert low <= trials["difference"]["mean"] == trials["adaptive"] - trials["random"] <= high
        assert trials["difference"]["n"] == 4
        assert 0 <= setting["mastered"]["adaptive"] <= 1


def test_the_same_seed_gives_the_same_figures_and_another_does_not(tmp_path: Path):
    first = figures(tmp_path, "--settings", "usual", "--seed", "5")
    assert figures(tmp_path, "--settings", "usual", "--seed", "5") == first
    other = figures(tmp_path, "--settings", "usual", "--seed", "6")
    assert other["settings"] != first["settings"]


def test_who_does_not_reach_mastery_counts_with_the_limit(tmp_path: Path):
    few = figures(tmp_path, "--settings", "usual", "--limit", "15", "--budget", "10")["settings"]
    assert few["usual"]["mastered"] == {"adaptive": 0, "random": 0}
    assert few["usual"]["trials_to_mastery"]["random"] == 15


def test_adaptive_order_masters_sooner_in_the_usual_setting(tmp_path: Path):
    found = json.loads(run(tmp_path, "--json", "--learners", "60", "--settings", "usual"))
    low, high = found["settings"]["usual"]["trials_to_mastery"]["difference"]["ci95"]
    assert low < high < 0


def test_the_table_says_that_it_is_a_simulation_and_what_lost(tmp_path: Path):
    table = run(tmp_path, "--learners", "3", "--settings", "no learning,equal classes")
    assert table.startswith("SIMULATION, 3 learners")
    lost = table.split("not better")[1]
    assert "no learning: retained_a_week_later" in lost
    assert "no learning: class_shown_longest_ago_comes" in lost


def test_a_reader_of_sixty_percent_is_no_master_within_twenty_answers():
    # issue 19: by five right in a row 48 % of such readers were
    assert five_in_a_row(0.6, 20) == pytest.approx(0.48, abs=0.02)
    assert called_mastered(0.6, 12) == pytest.approx(0.6**12)
    assert called_mastered(0.6, 20) < 0.01
    assert called_mastered(0.95, 60) > 0.9
