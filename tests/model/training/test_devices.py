"""Two devices, and two hosts, train what one trains."""

import json
import os
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from octtutor.errors import SettingsError
from octtutor.model.measure.evaluation import evaluate
from octtutor.model.network.card import read_card
from octtutor.model.network.hosts import Meeting, agree, is_same_everywhere, read_meeting, share_of
from tests.conftest import ROOT, missing, write_scans


def test_two_devices_of_one_host_reach_what_one_reaches():
    done = subprocess.run(
        [sys.executable, "-m", "tests.model.training.mirrored"],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["replicas"] == [2]
    assert told["losses"][-1] < told["losses"][0]
    assert told["moved"] > 0.01
    assert told["largest_gap"] < 1e-5


def start_host(data: Path, out: Path, meeting: dict[str, str]) -> subprocess.Popen[str]:
    """Start `octtutor train` on JAX, as a launcher would start it on one of the hosts."""
    words = ["--data", data, "--out", out, "--size", 64, "--epochs", 1, "--batch", 8]
    return subprocess.Popen(
        [sys.executable, "-m", "octtutor", "train", *map(str, words)],
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            "JAX_PLATFORMS": "cpu",
            "OCTTUTOR_HOME": str(out.parent / "home"),
            **meeting,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def meetings(count: int) -> list[dict[str, str]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    shared = {"JAX_COORDINATOR_ADDRESS": address, "JAX_NUM_PROCESSES": str(count)}
    return [{**shared, "JAX_PROCESS_ID": str(number)} for number in range(count)]


def finish(processes: list[subprocess.Popen[str]]) -> list[str]:
    try:
        said = [process.communicate(timeout=1500)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0] * len(processes), said
    return said


def test_two_hosts_on_jax_reach_what_one_reaches_and_tensorflow_serves_it(tmp_path: Path):
    if find_spec("jax") is None:
        missing("jax", "Install it: make scale")
    data = write_scans(tmp_path / "data", per_class=6)
    alone, together = tmp_path / "alone", tmp_path / "together"
    finish([start_host(data, alone, {})])
    said = finish([start_host(data, together, meeting) for meeting in meetings(2)])
    card = read_card(together)
    assert "Written" in said[0]
    assert f"Another process writes. Weights here: SHA-256 {card.weights_sha256}" in said[1]
    assert not list(tmp_path.glob(".together*"))
    one, two = (load_file(folder / "weights.safetensors") for folder in (alone, together))
    far = sum(float(np.square(one[name] - two[name]).sum()) for name in one)
    long = sum(float(np.square(one[name]).sum()) for name in one)
    assert np.sqrt(far / long) < 1e-3
    held = [row for row in (together / "held_out_scans.csv").read_text().splitlines()]
    assert held == (alone / "held_out_scans.csv").read_text().splitlines()
    figures = evaluate(together, data, only=together / "held_out_scans.csv")
    assert figures["n"] == card.figures["n"] == 4
    assert figures["brier"] == pytest.approx(card.figures["brier"], abs=1e-4)
    assert figures["brier"] == pytest.approx(read_card(alone).figures["brier"], abs=1e-2)


@pytest.mark.parametrize(
    "env",
    [
        {
            "JAX_COORDINATOR_ADDRESS": "a:1",
            "JAX_NUM_PROCESSES": "3",
            "JAX_PROCESS_ID": "2",
        },
        {
            "KERAS_DISTRIBUTION_JOB_ADDRESSES": "a:1,b:1,c:1",
            "KERAS_DISTRIBUTION_NUM_PROCESSES": "3",
            "KERAS_DISTRIBUTION_PROCESS_ID": "2",
        },
        {
            "COORDINATOR_ADDRESS": "a",
            "COORDINATOR_PORT": "1",
            "NUM_PROCESSES": "3",
            "PROCESS_ID": "2",
        },
    ],
)
def test_every_launchers_variables_are_understood(env: dict[str, str]):
    assert read_meeting(env) == Meeting("a:1", 3, 2)


def test_a_process_without_a_launcher_is_alone():
    assert read_meeting({}) is None
    assert read_meeting({"SLURM_NTASKS": "1"}) is None
    assert read_meeting({"SLURM_NTASKS": "4"}) == Meeting(None)


@pytest.mark.parametrize(
    ("count", "number", "why"),
    [("", "0", "JAX_NUM_PROCESSES"), ("2", "x", "JAX_PROCESS_ID"), ("2", "2", "from 0 to")],
)
def test_half_a_launcher_is_refused(count: str, number: str, why: str):
    env = {"JAX_COORDINATOR_ADDRESS": "a:1", "JAX_NUM_PROCESSES": count, "JAX_PROCESS_ID": number}
    with pytest.raises(SettingsError, match=why):
        read_meeting(env)


def test_alone_everything_is_ones_own():
    assert share_of(7) == slice(0, 7)
    assert is_same_everywhere(3.0)
    assert agree(np.array([1.5, 2.5])).tolist() == [1.5, 2.5]
