"""`octtutor models publish|use|rollback|compare|list`, as the shell runs them."""

import shutil
from pathlib import Path

import pytest

from tests.cli.said import fault
from tests.conftest import MODEL
from tests.model.folders import break_weights, make_model


def in_use(run) -> list[str]:
    return [row["name"] for row in run("models", "list", "--json").json if row["in_use"]]


def test_publish_use_and_roll_back(octtutor, own_home: Path, tmp_path: Path):
    trained = make_model(tmp_path / "trained", flip_average=True)
    said = octtutor("models", "publish", trained, "--as", "v2", "--json")
    assert said.json == {
        "in_use": "v2",
        "before": "lite0",
        "folder": str(own_home / "models" / "v2"),
        "overridden_by": None,
    }
    assert "checking the copy" in said.err
    assert in_use(octtutor) == ["v2"]
    assert "In use: lite0 (before: v2)" in octtutor("models", "use", "lite0").out
    assert octtutor("models", "rollback", "--json").json["in_use"] == "v2"
    assert octtutor("models", "rollback", "--json").json["in_use"] == "lite0"
    assert "none" in fault(octtutor("models", "rollback"))
    assert "Take 'v2-2'" in fault(
        octtutor("models", "publish", make_model(tmp_path / "x", by=1.0), "--as", "v2")
    )
    assert "Known: lite0, v2" in fault(octtutor("models", "use", "v9"))


def test_the_model_in_use_is_what_the_other_commands_mean_by_default(
    octtutor, own_home: Path, scans: Path, monkeypatch: pytest.MonkeyPatch
):
    make_model(own_home / "models" / "drusen", "DRUSEN", 100.0)
    make_model(own_home / "models" / "normal", "NORMAL", 100.0)
    scan = next((scans / "CNV").iterdir())
    octtutor("models", "use", "drusen")
    assert octtutor("predict", scan, "--json").json[0]["label"] == "DRUSEN"
    monkeypatch.setenv("OCTTUTOR_MODEL", "normal")
    assert octtutor("predict", scan, "--json").json[0]["label"] == "NORMAL"
    assert in_use(octtutor) == ["normal"]
    said = octtutor("models", "use", "lite0", "--json")
    assert said.json["overridden_by"] == "normal"
    assert "OCTTUTOR_MODEL is set to 'normal' here and wins" in said.err
    assert octtutor("predict", scan, "--json").json[0]["label"] == "NORMAL"


@pytest.mark.parametrize("how", ["gone", "cut"])
def test_the_list_says_what_is_wrong_with_the_published_model(octtutor, own_home: Path, how: str):
    folder = make_model(own_home / "models" / "v2")
    octtutor("models", "use", "v2")
    if how == "gone":
        shutil.rmtree(folder)
    else:
        break_weights(folder)
    said = octtutor("models", "list", "--json")
    rows = {row["name"]: row for row in said.json}
    assert rows["lite0"]["in_use"]
    assert not rows["v2"]["in_use"]
    assert not rows["v2"]["usable"]
    assert rows["v2"]["fault"]
    assert "'lite0' serves instead" in said.err


def test_a_damaged_pointer_is_said_by_the_list(octtutor, own_home: Path):
    octtutor("models", "use", "lite0")
    (own_home / "models" / "_in_use.json").write_text("}")
    said = octtutor("models", "list")
    assert "* lite0" in said.out
    assert "is damaged" in said.err


def test_a_model_without_figures_and_one_chosen_by_its_path_are_listed(
    octtutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OCTTUTOR_MODEL", str(make_model(tmp_path / "aside", figures={})))
    said = octtutor("models", "list")
    assert "* aside: no figures" in said.out
    assert "  lite0: accuracy" in said.out


def test_compare_prints_the_verdict_and_the_differing_scans(
    octtutor, own_home: Path, tmp_path: Path, scans: Path
):
    drusen = make_model(tmp_path / "drusen", "DRUSEN", 100.0)
    out = tmp_path / "maps"
    said = octtutor(
        "models", "compare", "default", drusen, "--data", scans, "--maps", out, "--json"
    )
    told = said.json
    assert (told["first"]["model"], told["second"]["model"]) == ("lite0", "drusen")
    assert len(told["maps"]) == len(told["differing"]) == len(list(out.glob("*.png")))
    words = octtutor("models", "compare", MODEL, drusen, "--data", scans).out
    assert told["verdict_words"] in words
    assert "both right" in words
    assert all(scan["source"] in words for scan in told["differing"])
    assert "there already" in fault(
        octtutor("models", "compare", MODEL, drusen, "--data", scans, "--maps", out)
    )


@pytest.mark.parametrize(
    "words", [["publish", "x"], ["use"], ["compare", "a", "b"], ["compare", "a", "--data", "."]]
)
def test_wrong_usage_exits_with_2(octtutor, words):
    assert octtutor("models", *words).code == 2
