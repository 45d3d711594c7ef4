"""The commands of the contract: their keys, their exit codes, one line for every fault."""

import csv
import os
import re
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

from octtutor.cli.main import COMMANDS, app
from octtutor.core.diagnosis import LABELS
from octtutor.core.verdict import Verdict
from octtutor.model.network.card import read_card
from tests.cli.said import fault
from tests.conftest import MODEL, ROOT, write_scans
from tests.eight_scans import OCTDL, write_eight
from tests.model.folders import make_model

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


def walk(command, path=()):
    yield path, command
    for name, sub in getattr(command, "commands", {}).items():
        yield from walk(sub, (*path, name))


def test_the_list_of_commands_says_what_each_command_says_first():
    for name, command in app.commands.items():
        assert COMMANDS[name].help == " ".join(command.help.split("\n\n")[0].split()), name


def test_every_command_and_option_has_help_and_is_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    for path, command in walk(app):
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


def test_audit_and_draw_take_any_scheme(octtutor, tmp_path: Path):
    folder = write_eight(tmp_path)
    (folder / "VID").rename(folder / "MH")
    text = octtutor("data", "audit", folder)
    assert "unknown words: AMD_EARLY 2, AMD_LATE 2, ERM 2" in text.out
    assert "import with --scheme octdl" in text.out
    told = ("--scheme", "octdl", "--map", "MH=VID")
    assert "unknown words" not in octtutor("data", "audit", folder, *told).out
    out = tmp_path / "list.csv"
    assert "MH 2" in fault(octtutor("data", "draw", folder, "--out", out, "--scheme", "octdl"))
    drawn = octtutor("data", "draw", folder, "--out", out, "--per-class", 1, *told, "--json").json
    assert drawn["scans"] == 8
    with out.open(newline="") as file:
        assert [row["label"] for row in csv.DictReader(file)] == list(OCTDL.keys)


def test_bench_predict_times_a_reveal_beside_the_articles_way_and_bare_passes(octtutor):
    told = octtutor("bench", "predict", "--rounds", 2, "--json").json
    assert (told["scans"], told["engine"]) == (2, "openvino")
    times = told["milliseconds"]
    assert "keras predict" in times
    assert all(low <= times[what] <= high for what, (low, high) in told["quartiles"].items())
    (article,) = (ms for what, ms in times.items() if "article" in what)
    (reveal,) = (ms for what, ms in times.items() if what.startswith("reveal"))
    (bare,) = (ms for what, ms in times.items() if what.startswith("bare OpenVINO"))
    ratios = {"reveal_over_bare_forward": reveal / bare, "article_over_reveal": article / reveal}
    assert told["ratios"] == pytest.approx(ratios)


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


def test_evaluate_over_a_mapping_counts_what_maps_and_says_what_does_not(
    octtutor, scans: Path, tmp_path: Path
):
    (scans / "CNV").rename(scans / "AMD_LATE")
    (scans / "DRUSEN").rename(scans / "epiretinal membrane")
    for path in scans.rglob("*.png"):
        path.rename(path.with_name(path.name.split("-", 1)[1]))
    over = ["evaluate", "--data", scans, "--scheme", "octdl"]
    figures = octtutor(*over, "--json").json
    assert figures["n"] == np.sum(figures["confusion"]) == 6
    assert np.sum(figures["confusion"], axis=1).tolist() == [2, 2, 0, 2]
    mapping = figures["mapping"]
    assert mapping["counted"] == {
        "AMD_LATE": {"n": 2, "as": "CNV"},
        "DME": {"n": 2, "as": "DME"},
        "NORMAL": {"n": 2, "as": "NORMAL"},
    }
    assert list(mapping["left_out"]) == ["ERM"]
    assert mapping["left_out"]["ERM"]["n"] == 2
    assert sum(mapping["left_out"]["ERM"]["answers"].values()) == 2
    assert set(mapping["left_out"]["ERM"]["answers"]) <= set(LABELS)
    assert "ERM: 2 scans left out" in octtutor(*over).out
    assert "corrupted copies" in octtutor(*over, "--corrupted").out
    (scans / "epiretinal membrane").rename(tmp_path / "ERM")
    (tmp_path / "only").mkdir()
    (tmp_path / "ERM").rename(tmp_path / "only" / "ERM")
    lone = octtutor("evaluate", "--data", tmp_path / "only", "--scheme", "octdl")
    assert "Received ERM" in fault(lone)


def test_predict_lists_source_label_and_probabilities(octtutor, scans: Path):
    single = next((scans / "CNV").iterdir())
    rows = octtutor("predict", scans, single, "--json").json
    assert len(rows) == 9
    for row in rows:
        assert row["label"] in LABELS
        assert list(row["probabilities"]) == list(LABELS)
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert row["verdict"] in list(Verdict)
        assert (row["why"] == "") == (row["verdict"] == Verdict.SCAN)
        is_scan = row["verdict"] in (Verdict.SCAN, Verdict.UNLIKE)
        is_sure = max(row["probabilities"].values()) >= read_card(MODEL).answers_from
        assert row["would_answer"] == (is_scan and is_sure)
        assert row["calibrated"] == (row["verdict"] == Verdict.SCAN)
        assert row["preparation"] in ([], ["White or black fill at the borders was painted over."])
        assert Path(row["source"]).exists()
    (same,) = [row for row in rows[:-1] if row["source"] == rows[-1]["source"]]
    assert rows[-1]["probabilities"] == pytest.approx(same["probabilities"], abs=1e-5)


def test_a_model_says_what_it_would_not_answer_by_itself(
    octtutor, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OCTTUTOR_HOME", str(tmp_path / "home"))
    own = {"all": {"coverage": 0.75, "right": 0.99}}
    make_model(tmp_path / "home" / "models" / "shy", answers_from=1.01, abstention=own)
    (row,) = octtutor("predict", next((scans / "CNV").iterdir()), "--model", "shy", "--json").json
    assert not row["would_answer"]
    said = octtutor("predict", scans, "--model", "shy").out
    assert len(re.findall(r"would not answer: [A-Z]+ [01]\.\d\d or [A-Z]+ 0\.\d\d", said)) == 8
    found = octtutor("evaluate", "--data", scans, "--model", "shy", "--json").json["answered"]
    assert (found["answers_from"], found["answered"], found["right"]) == (1.01, 0, None)
    rows = [f"{path.parent.name}/{path.name},{path.parent.name}" for path in scans.rglob("*.png")]
    table = ["file,label,site", *(f"{row},Ward {row.startswith('CNV')}" for row in rows)]
    (scans / "table.csv").write_text("\n".join(table))
    said = octtutor("evaluate", "--data", scans, "--model", "shy").out
    assert re.search(r"Ward True: accuracy \d\.\d{3}, calibration error \d\.\d{3}; 2 scans", said)
    assert "Ward True: answers 0 of 2 (0.000), right –" in said
    assert "all: answers 0 of 8 (0.000), right –" in said
    said = octtutor("models", "list").out
    assert "it would answer 0.750 of them, from a probability of 1.01 on: right 0.990" in said


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
