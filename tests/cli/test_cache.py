"""`octtutor cache` and `octtutor models import`: their keys, and one line for every fault."""

# ruff: noqa: F811 (the fixture is the other module's)

import os
from pathlib import Path

import numpy as np
import pytest

from octtutor.model.features import FeatureCache
from octtutor.model.pretrained import BackboneSource, open_backbone
from tests.cli.test_commands import fault, octtutor  # noqa: F401
from tests.conftest import MODEL
from tests.model.test_importing import write_head


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
    assert "there already" in fault(octtutor("models", "import", MODEL, "--as", "mine"))


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
