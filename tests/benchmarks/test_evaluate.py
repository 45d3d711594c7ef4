"""The benchmark of evaluating measures time and memory on any folder of scans."""

import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT, write_scans


def run(home: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "evaluate.py"), *map(str, words)]
    environment = {"PYTHONPATH": str(ROOT), "OCTTUTOR_HOME": str(home), "PATH": ""}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)


def test_it_gives_pace_and_memory_of_each_method(tmp_path: Path):
    data = write_scans(tmp_path / "scans", per_class=3, size=(128, 128))
    done = run(tmp_path, "--json", "--data", data, "--method", "fine-cam", "--method", "gradcam")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(found["methods"]) == ["fine-cam", "gradcam"]
    for row in found["methods"].values():
        assert row["scans"] == 12
        assert row["scans_per_second"] == 12 / row["seconds"]
        low, middle, high = (row["peak_mb"][share] for share in ("10%", "50%", "100%"))
        assert 50 < low <= middle <= high


def test_without_scans_and_without_such_a_method_it_says_so_in_one_line(tmp_path: Path):
    for words, why in ((["--data", tmp_path / "nothing"], "nothing"), (["--method", "x"], "'x'")):
        done = run(tmp_path, *words)
        assert (done.returncode, done.stdout) == (1, "")
        (line,) = done.stderr.strip().splitlines()
        assert line.startswith("Error: Expected")
        assert why in line
