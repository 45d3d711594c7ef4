"""`octtutor cache` and `octtutor models import`: their keys, and one line for every fault."""

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from octtutor.model.network.pretrained import BackboneSource, open_backbone
from octtutor.model.training.feature_cache import FeatureCache
from tests.cli.said import fault
from tests.conftest import MODEL, missing
from tests.model.publish.test_model_import import write_head


@pytest.fixture
def filled(own_home: Path) -> Path:
    root = own_home / "features"
    backbone = open_backbone(BackboneSource(size=32))
    scans = np.zeros((2, 32, 32), np.uint8)
    FeatureCache(root, 10**9).features_of(backbone, scans, ["a" * 64, "b" * 64], pooled=True)
    return root


def test_the_cache_is_shown_and_cleared(octtutor, filled: Path):
    shown = octtutor("cache", "show", "--json").json
    assert shown["folder"] == str(filled)
    assert shown["most_bytes"] == 20 * 10**9
    (row,) = shown["kept"]
    assert row["scans"] == 2
    assert row["facts"]["backbone"] == "lite0"
    assert shown["bytes"] == row["bytes"] > 2 * 2 * 1280
    assert "lite0 32 px, pooled: 2 scans" in octtutor("cache", "show").out
    assert octtutor("cache", "clear", "--older-than", "1", "--json").json["removed"] == []
    assert octtutor("cache", "clear", "--json").json["freed_bytes"] == row["bytes"]
    assert octtutor("cache", "show", "--json").json["kept"] == []


def test_an_empty_home_has_an_empty_cache(octtutor):
    shown = octtutor("cache", "show")
    assert shown.code == 0
    assert shown.out.startswith("0.00 of at most 20.00 GB")
    assert "0 backbones" in octtutor("cache", "clear").out


@pytest.mark.parametrize("cap", ["many", "0", "-3", "nan", "inf"])
def test_a_cap_that_is_no_size_is_refused(octtutor, monkeypatch: pytest.MonkeyPatch, cap: str):
    monkeypatch.setenv("OCTTUTOR_FEATURES_GB", cap)
    assert "OCTTUTOR_FEATURES_GB" in fault(octtutor("cache", "show"))


def test_a_cap_can_be_set(octtutor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OCTTUTOR_FEATURES_GB", "0.5")
    assert octtutor("cache", "show", "--json").json["most_bytes"] == 500_000_000


def test_a_model_folder_is_imported_and_listed(octtutor, own_home: Path):
    done = octtutor("models", "import", MODEL, "--as", "mine", "--json")
    assert done.json["name"] == "mine"
    assert done.json["folder"] == str(own_home / "models" / "mine")
    names = [row["name"] for row in octtutor("models", "list", "--json").json]
    assert names == ["lite0", "mine"]
    assert "name that is free" in fault(octtutor("models", "import", MODEL, "--as", "mine"))


def test_the_articles_head_asks_for_a_backbone_where_there_is_none(
    octtutor, tmp_path: Path, own_home: Path
):
    head = write_head(tmp_path / "head.hdf5")
    said = octtutor(
        "models", "import", head, "--as", "x", "--backbone-weights", tmp_path / "none.h5"
    )
    assert "none.h5" in fault(said)
    assert os.listdir(own_home / "models") == []  # noqa: PTH208


def test_an_imported_head_without_figures_is_listed(octtutor, tmp_path: Path):
    head = write_head(tmp_path / "head.hdf5")
    said = octtutor("models", "import", head, "--as", "article", "--backbone-weights", "none")
    assert "mean nothing" in said.out
    assert "article: no figures" in octtutor("models", "list").out


def test_features_are_kept_once_and_then_shown(octtutor, scans: Path):
    words = ["features", "--data", str(scans), "--size", "64", "--json"]
    told = octtutor(*words).json
    assert told["scans"] == told["computed"] == 8
    assert told["unreadable"] == []
    assert told["row_bytes"] == 2 * 1280 + 32
    assert octtutor(*words).json == {**told, "computed": 0}
    (row,) = octtutor("cache", "show", "--json").json["kept"]
    assert (row["key"], row["scans"]) == (told["key"], 8)


def test_features_are_those_that_a_head_is_trained_on(octtutor, scans: Path, tmp_path: Path):
    octtutor("features", "--data", str(scans), "--size", "64")
    before = octtutor("cache", "show", "--json").json["bytes"]
    out = tmp_path / "model"
    words = ["--recipe", "features", "--size", "64", "--epochs", "1", "--out", str(out)]
    assert octtutor("train", "--data", str(scans), *words).code == 0
    assert octtutor("cache", "show", "--json").json["bytes"] == before


def test_features_name_what_they_cannot_read(octtutor, scans: Path):
    (scans / "CNV" / "CNV-9-9.png").write_bytes(b"broken")
    done = octtutor("features", "--data", str(scans), "--size", "64")
    assert done.code == 0
    assert "cannot be read: CNV/CNV-9-9.png" in done.err
    assert "8 scans, 8 computed now" in done.out


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["--head", "tail"], 2, "expected gap-dense or conv-flatten"),
        (["--backbone", "nothing"], 1, "Expected backbone 'lite0' or a name"),
        (["--cluster", "127.0.0.1:1"], 1, "Expected a Ray cluster at '127.0.0.1:1'"),
    ],
)
def test_wrong_words_of_features_get_one_line(octtutor, scans: Path, words, code, why):
    if "--cluster" in words and find_spec("ray") is None:
        missing("ray", "Install it: make scale")
    done = octtutor("features", "--data", str(scans), *words)
    assert done.code == code
    assert why in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("words", [["--folds", "1"], ["--seed", "-1"]])
def test_wrong_numbers_of_training_are_wrong_usage(octtutor, scans: Path, tmp_path: Path, words):
    done = octtutor("train", "--data", str(scans), "--out", str(tmp_path / "m"), *words)
    assert done.code == 2
    assert "Traceback" not in done.err


def test_training_says_what_it_left_out_and_leaves_nothing_when_refused(
    octtutor, scans: Path, tmp_path: Path
):
    (scans / "CNV" / "CNV-9-9.png").write_bytes(b"broken")
    fast = ["--recipe", "features", "--size", "64", "--epochs", "1"]
    done = octtutor("train", "--data", scans, "--out", tmp_path / "made", *fast)
    assert done.code == 0
    assert "1 files cannot be read and were left out, e.g. CNV/CNV-9-9.png" in done.err
    assert "fitted on the scans it is measured on" in done.err
    wrong = octtutor("train", "--data", scans, "--out", tmp_path / "not", "--choose", "luck")
    assert wrong.code == 1
    assert sorted(path.name for path in tmp_path.glob("*not*")) == []
