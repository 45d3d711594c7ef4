"""The training benchmark measures what it says, on scans that it draws itself if need be."""

import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT


def test_it_compares_both_recipes_on_the_same_scans(tmp_path: Path):
    command = [sys.executable, str(ROOT / "benchmarks" / "training.py"), "--json"]
    small = ["--data", str(tmp_path), "--per-class", "8", "--size", "32"]
    few = ["--epochs", "2", "--epochs-article", "2"]
    environment = {"PYTHONPATH": str(ROOT), "OCTTUTOR_HOME": str(tmp_path), "PATH": ""}
    done = subprocess.run(
        [*command, *small, *few], capture_output=True, text=True, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["scans"]["from"] == "synthetic scans"
    assert figures["scans"]["train"] + figures["scans"]["validation"] == 32
    for recipe in ("article", "features"):
        assert figures[recipe]["epochs"] == 2
        assert figures[recipe]["seconds_per_epoch"] > 0
        assert 0 <= figures[recipe]["accuracy_held_out"] <= 1
    assert figures["cache_times_smaller"] > 50
    assert figures["features"]["cache_bytes_per_scan"] > 2 * 1280
