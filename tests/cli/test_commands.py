"""The commands of the contract: their keys, their exit codes, one line for every fault."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.main import get_command

from octtutor.cli.main import app
from octtutor.core.diagnosis import LABELS
from tests.conftest import MODEL, ROOT, write_scans

EVALUATION_KEYS = {
    "accuracy",
    "accuracy_ci",
    "weighted_error",
    "sensitivity",
    "specificity",
    "per_class",
    "auroc",
    "kappa",
    "brier",
    "ece",
    "confusion",
    "n",
    "patients",
    "misclassified",
}


class Said:
    """What a command printed and how it ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def octtutor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run a command in this process, as the shell would."""
    from octtutor.cli import main

    def run(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["octtutor", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return run


def fault(said: Said) -> str:
    """The one line of a failed command."""
    lines = [line for line in said.err.replace("\r", "\n").splitlines() if "Error: " in line]
    assert said.code == 1
    assert len(lines) == 1, said.err
    assert "Traceback" not in said.err
    return lines[0]


def walk(command, path=()):
    yield path, command
    for name, sub in getattr(command, "commands", {}).items():
        yield from walk(sub, (*path, name))


def test_every_command_and_option_has_help_and_is_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    for path, command in walk(get_command(app)):
        assert command.help, path
        for parameter in command.params:
            has_help = getattr(parameter, "help", None)
            assert has_help or parameter.name == "help", (path, parameter.name)
        if path and not hasattr(command, "commands"):
            assert f"octtutor {' '.join(path)}" in readme, path


def test_data_import_and_audit(octtutor, scans: Path):
    done = octtutor("data", "import", scans, "--as", "mine", "--json")
    assert done.code == 0
    assert done.json["added"] == 8
    assert octtutor("data", "import", scans, "--as", "mine", "--json").json["added"] == 0
    report = octtutor("data", "audit", scans, "--json").json
    assert report["clean"]
    text = octtutor("data", "audit", scans, "--against", scans)
    assert "patients shared between the two sets: 8" in text.out
    assert "Not clean" in text.out


def test_bench_predict_times_answer_and_maps_beside_keras(octtutor):
    told = octtutor("bench", "predict", "--rounds", 2, "--json").json
    assert told["scans"] == 2
    assert "keras predict" in told["milliseconds"]
    assert "engine, four maps, fine-cam" in told["milliseconds"]
    assert all(ms > 0 for ms in told["milliseconds"].values())


def test_phantom_make(octtutor, tmp_path: Path):
    said = octtutor("phantom", "make", "--out", tmp_path / "deck", "--per-class", 1, "--seed", 3)
    assert said.code == 0
    assert len(list((tmp_path / "deck" / "masks").glob("*.png"))) == 4
    assert (tmp_path / "deck" / "cases.csv").exists()
    (tmp_path / "file").write_text("in the way")
    bad = octtutor("phantom", "make", "--out", tmp_path / "file" / "deck", "--per-class", 1)
    assert "file" in fault(bad)
    assert "0" in fault(octtutor("phantom", "make", "--out", tmp_path / "x", "--per-class", 0))


def test_evaluate_has_the_keys_of_the_contract(octtutor, scans: Path):
    figures = octtutor("evaluate", "--model", "default", "--data", scans, "--json").json
    assert figures.keys() >= EVALUATION_KEYS
    assert figures["n"] == 8
    assert np.sum(figures["confusion"]) == 8
    assert len(figures["misclassified"]) == round(8 * (1 - figures["accuracy"]))
    assert "weighted error" in octtutor("evaluate", "--data", scans).out


def test_predict_lists_source_label_and_probabilities(octtutor, scans: Path):
    single = next((scans / "CNV").iterdir())
    rows = octtutor("predict", scans, single, "--json").json
    assert len(rows) == 9
    for row in rows:
        assert row["label"] in LABELS
        assert list(row["probabilities"]) == list(LABELS)
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert Path(row["source"]).exists()
    (same,) = [row for row in rows[:-1] if row["source"] == rows[-1]["source"]]
    assert rows[-1]["probabilities"] == pytest.approx(same["probabilities"], abs=1e-5)


def test_predict_answers_the_good_and_names_the_bad(octtutor, scans: Path):
    (scans / "CNV" / "CNV-7-7.png").write_bytes(b"broken")
    said = octtutor("predict", scans, "--json")
    assert said.code == 1
    assert len(said.json) == 8
    assert "CNV-7-7.png" in said.err


@pytest.mark.parametrize("size", [(160, 160), (496, 768)])
def test_explain_writes_overlay_and_map_of_the_scans_size(octtutor, tmp_path: Path, size):
    scan = next((write_scans(tmp_path / "s", 1, size) / "DME").iterdir())
    out, numbers = tmp_path / "overlay.png", tmp_path / "map.npy"
    told = octtutor("explain", scan, "--out", out, "--map", numbers, "--json").json
    level = np.load(numbers)
    assert level.shape == size
    assert level.dtype == np.float32
    assert level.min() >= 0
    assert level.max() <= 1
    with Image.open(out) as picture:
        assert picture.size == size[::-1]
    assert told["explained"] == told["label"]
    assert told["evidence"] == bool(level.any())
    other = octtutor("explain", scan, "--out", out, "--label", "normal", "--colours", "jet")
    assert "NORMAL" in other.out


def test_models_list_says_which_is_in_use(octtutor):
    (row,) = octtutor("models", "list", "--json").json
    assert row["name"] == "lite0"
    assert row["in_use"]
    assert row["usable"]
    assert "* lite0" in octtutor("models", "list").out


def test_db_upgrade(octtutor):
    assert "from version none (empty) to 00" in octtutor("db", "upgrade").out
    assert "already" in octtutor("db", "upgrade").out


def test_train_writes_a_model_that_evaluate_takes(octtutor, tmp_path: Path):
    data = write_scans(tmp_path / "data", per_class=3, size=(128, 128))
    out = tmp_path / "model"
    said = octtutor("train", "--data", data, "--recipe", "finetune", "--out", out,
                    "--epochs", 1, "--batch", 4, "--json")  # fmt: skip
    assert said.code == 0, said.err
    assert said.json["figures"]["n"] == 4
    assert octtutor("evaluate", "--model", out, "--data", data, "--json").json["leaky"]


# ---- bad input ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["text.png", "half.jpeg", "pixel.png", "missing.png"])
def test_a_bad_scan_is_one_line(octtutor, tmp_path: Path, name: str):
    path = tmp_path / name
    if name == "text.png":
        path.write_text("hello")
    elif name == "half.jpeg":
        noise = np.random.default_rng(0).integers(0, 255, (300, 300), np.uint8)
        Image.fromarray(noise).save(path)
        path.write_bytes(path.read_bytes()[:3000])
    elif name == "pixel.png":
        Image.new("L", (1, 1)).save(path)
    line = fault(octtutor("explain", path, "--out", tmp_path / "out.png", "--json"))
    assert name in line
    assert not (tmp_path / "out.png").exists()


def test_bad_archives_and_folders_are_one_line(octtutor, tmp_path: Path, scans: Path):
    empty = tmp_path / "empty.zip"
    with zipfile.ZipFile(empty, "w"):
        pass
    assert "It is empty" in fault(octtutor("data", "import", empty))
    evil = tmp_path / "evil.zip"
    with zipfile.ZipFile(evil, "w") as archive:
        archive.writestr("../../CNV/CNV-1-1.png", b"x")
    assert "not safe" in fault(octtutor("data", "import", evil))
    unlabelled = tmp_path / "unlabelled"
    unlabelled.mkdir()
    shutil.copy(next((scans / "CNV").iterdir()), unlabelled / "scan.png")
    assert "without a known label" in fault(octtutor("data", "import", unlabelled))
    assert "without a known label" in fault(octtutor("evaluate", "--data", unlabelled))
    (scans / "CNV").rename(scans / "AMD")
    for path in (scans / "AMD").iterdir():
        path.rename(path.with_name(path.name.replace("CNV", "AMD")))
    assert "AMD/AMD-1000-1.png" in fault(octtutor("data", "import", scans))
    assert "not there" in fault(octtutor("data", "audit", tmp_path / "nothing"))
    assert not (tmp_path / "CNV").exists()


def test_a_bad_model_is_one_line(octtutor, tmp_path: Path, scans: Path):
    folder = shutil.copytree(MODEL, tmp_path / "bad")
    with (folder / "weights.safetensors").open("ab") as file:
        file.write(b"x")
    assert "SHA-256" in fault(octtutor("evaluate", "--model", folder, "--data", scans))
    (folder / "card.json").unlink()
    assert "card.json" in fault(octtutor("predict", scans, "--model", folder))
    assert "Known: lite0" in fault(octtutor("predict", scans, "--model", "nothing"))


def test_a_private_address_is_one_line(octtutor):
    assert "private or local" in fault(octtutor("predict", "http://127.0.0.1:9/a.png"))


def test_a_failing_command_prints_one_line_and_nothing_else(tmp_path: Path):
    for words in (
        ["data", "import", "nothing"],
        ["predict", "nothing.png"],
        ["evaluate", "--data", "x"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "octtutor", *words], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert "\r" not in done.stderr


def test_ctrl_c_is_one_line_and_exit_1(tmp_path: Path):
    out = tmp_path / "deck"
    command = [sys.executable, "-m", "octtutor", "phantom", "make", "--out", out]
    process = subprocess.Popen(
        [*command, "--per-class", "2000"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # a suite that runs in the background has it ignored, and children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while process.poll() is None and not list(tmp_path.rglob("*.png")):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the drawing processes get it too
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.splitlines() == ["Stopped. Nothing is half-written; run the command again to go on."]
    assert not (out / "cases.csv").exists()


def test_drawing_processes_end_with_the_command_that_started_them(tmp_path: Path):
    command = [sys.executable, "-m", "octtutor", "phantom", "make", "--out", tmp_path / "deck"]
    process = subprocess.Popen(
        [*command, "--per-class", "2000", "--workers", "2"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    while process.poll() is None and not list(tmp_path.rglob("*.png")):
        time.sleep(0.05)
    process.terminate()  # as a service manager does, which tells the command alone
    try:
        process.communicate(timeout=30)  # ends when nobody has its output open any more
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGTERM


def test_commands_write_nothing_outside_the_data_home(tmp_path: Path, scans: Path):
    home = tmp_path / "person"
    environment = {**os.environ, "HOME": str(home), "OCTTUTOR_HOME": str(tmp_path / "data")}
    for name in ("KERAS_HOME", "MPLCONFIGDIR", "GRADIO_TEMP_DIR"):
        environment.pop(name, None)
    command = [sys.executable, "-B", "-m", "octtutor", "predict", scans]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)
    assert not home.exists()


def test_a_hosts_port_that_is_none_is_one_line():
    environment = {**os.environ, "GRADIO_SERVER_PORT": "abc"}
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "GRADIO_SERVER_PORT" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_taken_output_is_not_overwritten(octtutor, tmp_path: Path, scans: Path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "notes.txt").write_text("mine")
    assert "there already" in fault(octtutor("train", "--data", scans, "--out", tmp_path / "model"))
    assert (tmp_path / "model" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "words",
    [
        ["train"],
        ["train", "--data", ".", "--out", "x", "--recipe", "magic"],
        ["explain", "x.png"],
        ["explain", "x.png", "--out", "y.png", "--method", "magic"],
        ["explain", "x.png", "--out", "y.png", "--label", "AMD"],
        ["serve", "--port", "99999"],
        ["serve", "--port", "many"],
        ["nonsense"],
        ["data"],
    ],
)
def test_wrong_usage_exits_with_2(octtutor, words):
    said = octtutor(*words)
    assert said.code == 2
    assert "Traceback" not in said.err


def serve(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "octtutor", "serve", *words]
    return subprocess.run(
        command, env={**os.environ, **env}, capture_output=True, text=True, timeout=120
    )


def test_a_port_in_use_is_one_line(tmp_path: Path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        done = serve({}, "--port", str(other.getsockname()[1]))
    assert done.returncode == 1
    assert "Cannot serve on 127.0.0.1" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_home_that_cannot_be_written_is_one_line(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    done = serve({"OCTTUTOR_HOME": str(tmp_path / "file")}, "--port", "7999")
    assert done.returncode == 1
    assert "Expected a data home that can be written" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_newer_database_is_one_line(octtutor, own_home: Path):
    import sqlite3

    octtutor("db", "upgrade")
    with sqlite3.connect(own_home / "octtutor.db") as db:
        db.execute("UPDATE alembic_version SET version_num = 'later'")
    db.close()
    done = serve({}, "--port", "7998")
    assert done.returncode == 1
    assert "made by a newer octtutor" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
