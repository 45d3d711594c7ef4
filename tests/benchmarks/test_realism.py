"""How real synthetic scans are is measured by patient, and finds what was put in."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from benchmarks.realism.command import print_table
from benchmarks.realism.measuring import (
    Effort,
    Parts,
    Rows,
    area_by_patient,
    gain,
    measure_realism,
    tell_apart,
    tell_apart_by_pixels,
    transfer,
)
from benchmarks.realism.plots import write_plots, write_sheets
from benchmarks.realism.radiomics import Looked, compare_textures, look_at
from benchmarks.realism.texture import UNITS
from octtutor.cli.bench.bench_phantom import app
from octtutor.core.diagnosis import LABELS
from octtutor.datasets.decode import read_scan
from octtutor.errors import BadInputError
from octtutor.model.network.preprocess import Preprocessing
from octtutor.model.network.pretrained import Backbone, BackboneSource, open_backbone
from octtutor.model.training.feature_cache import FeatureCache
from tests.conftest import write_scans

SIZE = 64


def clusters(each: int, seed: int, spread: float = 0.5, move: float = 0.0, name: str = "p") -> Rows:
    """Return rows of four classes that lie apart, two scans a patient, moved as a whole."""
    truth = np.repeat(np.arange(4), each)
    noise = np.random.default_rng(seed).normal(0, spread, (len(truth), 8))
    values = (2 * np.eye(4, 8)[truth] + noise + move).astype(np.float32)
    return Rows(values, truth, tuple(f"{name}{index // 2}" for index in range(len(truth))))


def test_scans_alike_transfer_both_ways_and_are_told_which_aim_they_reach():
    found = transfer(clusters(20, 1), clusters(10, 2), clusters(15, 3, name="s"))
    for name in ("synthetic_to_real", "real_to_synthetic", "real_to_real"):
        assert found[name]["accuracy"] > 0.9
    one = found["synthetic_to_real"]
    assert (one["n"], one["patients"], one["aim"], one["reached"]) == (40, 20, 0.80, True)
    assert one["accuracy_ci"][0] < one["accuracy"] <= one["accuracy_ci"][1]
    assert np.sum(one["confusion"]) == 40
    assert found["real_to_synthetic"]["n"] == 60


def test_synthetic_scans_with_wrong_classes_do_not_transfer():
    wrong = clusters(15, 3, name="s")
    turned = Rows(wrong.values, (wrong.truth + 1) % 4, wrong.patients)
    found = transfer(clusters(20, 1), clusters(10, 2), turned)
    assert found["synthetic_to_real"]["accuracy"] < 0.1
    assert not found["synthetic_to_real"]["reached"]
    assert found["real_to_real"]["accuracy"] > 0.9


def test_good_synthetic_scans_are_a_gain_where_real_ones_are_few():
    real, synthetic = clusters(40, 4, spread=1.2), clusters(60, 5, spread=1.2, name="s")
    found = gain(real, synthetic, (2, 20), repeats=6, seed=1)
    few, more = found["2"], found["20"]
    assert few["difference"]["low"] > 0
    assert few["verdict"] == "gain"
    assert few["difference"]["value"] == pytest.approx(
        few["both"]["value"] - few["real"]["value"], abs=1e-6
    )
    assert more["difference"]["value"] < few["difference"]["value"]
    assert (few["trained_on"], few["repeats"]) == (2, 6)
    assert few["tests"] == few["real"]["n"] >= 6 * 4


def test_bad_synthetic_scans_are_a_loss():
    real, synthetic = clusters(40, 4, spread=0.8), clusters(60, 5, name="s")
    turned = Rows(synthetic.values, (synthetic.truth + 1) % 4, synthetic.patients)
    assert gain(real, turned, (10,), repeats=5, seed=1)["10"]["verdict"] == "loss"


def patients_only(each: int, of_one: int, name: str) -> Rows:
    """Return rows that say who it is, and nothing of class or kind: only a leak could tell."""
    truth = np.repeat(np.arange(4), each)
    who = np.arange(len(truth)) // of_one
    start = 0 if name == "p" else 1000
    values = np.random.default_rng(start).normal(0, 1, (who.max() + 1, 200))[who]
    return Rows(values.astype(np.float32), truth, tuple(f"{name}{index}" for index in who))


def test_patients_that_were_trained_on_are_never_tested():
    real = patients_only(24, 4, "p")
    figures = tell_apart(real, patients_only(24, 4, "s"), folds=4, seed=3)
    assert 0.2 < figures["auroc"] < 0.8
    found = gain(real, real_noise(), (8,), 4, seed=2)
    assert found["8"]["real"]["value"] < 0.5


def real_noise() -> Rows:
    values = np.random.default_rng(9).normal(0, 1, (16, 200)).astype(np.float32)
    return Rows(values, np.arange(16) % 4, tuple(f"s{index}" for index in range(16)))


def test_what_is_alike_cannot_be_told_apart_and_what_is_moved_can():
    real = clusters(30, 6)
    alike = tell_apart(real, clusters(30, 7, name="s"), folds=3, seed=1)
    assert alike["auroc_ci"][0] < 0.5 < alike["auroc_ci"][1] + 0.1
    assert alike["reached"]
    moved = tell_apart(real, clusters(30, 7, move=1.5, name="s"), folds=3, seed=1)
    assert moved["auroc"] > 0.97
    assert not moved["reached"]
    assert (moved["n"], moved["patients"]) == (240, 120)
    assert set(moved["by_class"]) == {str(label) for label in LABELS}


def test_the_area_counts_ties_half():
    positive = np.array([True, True, False, False])
    scores = np.array([1.0, 0.5, 0.5, 0.0])
    assert area_by_patient(positive, scores, ["a", "b", "c", "d"]).value == 0.875


def test_a_small_network_sees_a_difference_of_grain():
    rng = np.random.default_rng(8)
    rough = rng.integers(0, 255, (64, 32, 32))
    smooth = (rough + np.roll(rough, 1, axis=1) + np.roll(rough, 1, axis=2)) // 3
    scans = np.concatenate([rough, smooth]).astype(np.uint8)
    found = tell_apart_by_pixels(scans, clusters(16, 1), clusters(16, 2, name="s"), 3, 5, 12)
    assert found["auroc"] > 0.9
    assert found["n"] < 64


# --- on pictures -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three folders of synthetic scans; the first two stand for real ones."""
    root = tmp_path_factory.mktemp("realism")
    sizes = {"train": (160, 160), "test": (150, 170), "synthetic": (170, 150)}
    each = {"train": 5, "test": 3, "synthetic": 4}
    made = {n: write_scans(root / n, each[n], size) for n, size in sizes.items()}
    for path in made["test"].glob("*/*.png"):  # other patients than those of train
        path.rename(path.with_name(path.name.replace("-1.png", "7-1.png")))
    for path in made["synthetic"].glob("*/*.png"):
        path.rename(path.with_name(path.name.replace("-1.png", "9-1.png")))
    return made


@pytest.fixture(scope="module")
def parts(sources: dict[str, Path]) -> Parts:
    return Parts(*(look_at(sources[name], Preprocessing(SIZE)) for name in sources))


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return open_backbone(BackboneSource("lite0", "none", size=SIZE))


@pytest.fixture(scope="module")
def measured(
    parts: Parts, backbone: Backbone, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict]:
    cache = FeatureCache(tmp_path_factory.mktemp("features"), 10**8)
    effort = Effort((1, 3), repeats=2, folds=2, splits=3, networks=True, seed=1)
    said: list[str] = []
    yield measure_realism(parts, backbone, cache, None, effort, said.append)
    assert said[0] == "features"


def test_a_comparison_tells_all_five_with_their_numbers(measured: dict):
    both = "patients_in_train_and_test"
    assert list(measured) == ["scans", both, "transfer", "gain", "told_apart", "radiomics"]
    assert measured[both] == 0
    json.dumps(measured, allow_nan=False)
    counted = {name: figures["files"] for name, figures in measured["scans"].items()}
    assert counted == {"train": 20, "test": 12, "synthetic": 16}
    transferred = measured["transfer"]
    assert transferred["synthetic_to_real"]["n"] == 12
    assert transferred["synthetic_to_real_recipe"]["n"] == 12
    assert transferred["real_to_synthetic_recipe"]["n"] == 16
    assert list(measured["gain"]) == ["1", "3"]
    assert measured["told_apart"]["probe"]["n"] == 48
    assert 0 < measured["told_apart"]["small_network"]["n"] < 48
    one = measured["radiomics"]["figures"]["retina_thickness"]
    assert one["n"] == [20, 16]
    assert set(one["by_class"]) == {str(label) for label in LABELS}


def test_the_table_names_every_measurement(measured: dict, capsys: pytest.CaptureFixture[str]):
    print_table({**measured, "plots": ["here.png"]})
    printed = capsys.readouterr().out
    for words in ("synthetic to real", "real to synthetic", "small network", "vitreous grey"):
        assert words in printed
    assert "aim 0.80" in printed
    assert "here.png" in printed


def test_wide_scans_are_compared_by_their_middle(tmp_path: Path):
    rng = np.random.default_rng(1)
    middle = rng.integers(0, 200, (200, 512)).astype(np.uint8)
    wide = np.pad(middle, ((0, 0), (128, 128)))
    for name, scan in (("narrow", middle), ("wide", wide)):
        (tmp_path / name / "DME").mkdir(parents=True)
        Image.fromarray(scan).save(tmp_path / name / "DME" / "DME-1-1.png")
    narrow, other = (look_at(tmp_path / name, Preprocessing(SIZE)) for name in ("narrow", "wide"))
    assert np.array_equal(narrow.middles, other.middles)
    assert np.array_equal(narrow.stacked("figures"), other.stacked("figures"))
    assert not np.array_equal(narrow.scans.scans, other.scans.scans)


def test_a_damaged_scan_is_listed_and_the_rest_is_looked_at(tmp_path: Path):
    folder = write_scans(tmp_path / "scans", 1)
    (folder / "CNV" / "CNV-1-1.png").write_bytes(b"no picture")
    found = look_at(folder, Preprocessing(SIZE))
    assert found.scans.unreadable == ("CNV/CNV-1-1.png",)
    assert len(found.textures) == len(found.middles) == 4


def test_a_scan_too_small_to_compare_is_named(tmp_path: Path):
    (tmp_path / "CNV").mkdir()
    Image.fromarray(np.zeros((90, 90), np.uint8)).save(tmp_path / "CNV" / "CNV-1-1.png")
    with pytest.raises(BadInputError, match="CNV-1-1"):
        look_at(tmp_path, Preprocessing(SIZE))


def test_so_many_of_a_class_are_drawn_and_always_the_same(sources: dict[str, Path]):
    one = look_at(sources["train"], Preprocessing(SIZE), per_class=2, seed=4)
    same = look_at(sources["train"], Preprocessing(SIZE), per_class=2, seed=4)
    assert one.scans.names == same.scans.names
    assert np.bincount(one.scans.truth).tolist() == [2, 2, 2, 2]


def test_a_set_beside_itself_differs_less_than_beside_noise(parts: Parts):
    found = compare_textures(parts.train, parts.train, splits=10)["figures"]
    assert set(found) == set(UNITS)
    assert np.median([figures["ratio"] for figures in found.values()]) < 1.5
    ratios = [figures["ratio"] for figures in found.values()]
    assert ratios == sorted(ratios, reverse=True)


def test_sheets_mix_both_kinds_and_the_key_says_which_is_which(
    sources: dict[str, Path], parts: Parts, tmp_path: Path
):
    real = sources["train"], parts.train
    written = write_sheets(tmp_path, real, (sources["synthetic"], parts.synthetic), seed=1)
    assert [path.name for path in written] == ["mixed.png", "mixed.csv", "synthetic.png"]
    rows = list(csv.DictReader(written[1].read_text(encoding="utf-8").splitlines()))
    assert [int(row["number"]) for row in rows] == list(range(1, 33))
    origins = [row["origin"] for row in rows]
    assert (origins.count("real"), origins.count("synthetic")) == (16, 16)
    assert origins != sorted(origins)
    names = {row["name"] for row in rows if row["origin"] == "synthetic"}
    assert names == set(parts.synthetic.scans.names)
    mixed, alone = read_scan(written[0]), read_scan(written[2])
    assert mixed.shape == (2 * alone.shape[0], alone.shape[1])


def test_plots_are_drawn_of_every_figure(parts: Parts, tmp_path: Path):
    written = write_plots(tmp_path, parts.train, parts.synthetic)
    assert [path.name for path in written] == ["curves.png", "figures.png", "thickness.png"]
    for path in written:
        picture = read_scan(path)
        assert picture.shape[1] > 800
        assert len(np.unique(picture)) > 20


def test_without_real_scans_one_line_says_where_to_get_them(tmp_path: Path):
    there, gone = write_scans(tmp_path / "there", 1), tmp_path / "gone"
    for words in (["--data", gone, "--test", there], ["--data", there, "--test", gone]):
        done = CliRunner().invoke(app, ["phantom", *map(str, words)])
        assert isinstance(done.exception, BadInputError)
        assert "rscbjbr9sj" in str(done.exception)
        assert done.stdout == ""


def test_a_deck_that_is_not_there_is_said_before_anything_is_read(tmp_path: Path):
    there = str(write_scans(tmp_path / "there", 1))
    words = ["phantom", "--data", there, "--test", there, "--synthetic", str(tmp_path / "gone")]
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, BadInputError)
    assert "phantom make" in str(done.exception)


def test_looked_at_scans_keep_their_patients(parts: Parts):
    looked: Looked = parts.train
    assert len(set(looked.scans.patients)) == 20
    assert not set(looked.scans.patients) & set(parts.test.scans.patients)
