"""Two models beside each other: counted by hand, told in words, explained on what differs."""

import csv
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.errors import BadInputError, ModelError
from octtutor.model.network.backend import import_keras_quietly
from tests.conftest import MODEL, write_scans
from tests.model.folders import make_model

import_keras_quietly()
from octtutor.model.measure.comparison import compare, difference_maps, write_maps  # noqa: E402
from octtutor.model.measure.evaluation import evaluate  # noqa: E402
from octtutor.model.network.preprocess import Preprocessing  # noqa: E402


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 synthetic scans of 40 patients."""
    return write_scans(tmp_path_factory.mktemp("compare") / "scans", per_class=10)


@pytest.fixture(scope="module")
def drusen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that calls everything DRUSEN: right on a quarter."""
    return make_model(tmp_path_factory.mktemp("models") / "drusen", "DRUSEN", 100.0)


@pytest.fixture(scope="module")
def told(data: Path, drusen: Path) -> dict:
    return compare(MODEL, drusen, data)


def test_either_side_has_the_figures_that_evaluate_gives(told, data: Path, drusen: Path):
    for side, folder in (("first", MODEL), ("second", drusen)):
        alone = evaluate(folder, data)
        shared = told[side].keys() & alone.keys()
        assert {key: told[side][key] for key in shared} == {key: alone[key] for key in shared}
        assert {"accuracy_ci", "weighted_error_ci", "confusion", "model_sha256"} <= shared


def test_the_differences_are_the_differences_of_the_figures(told):
    for measure in ("accuracy", "weighted_error"):
        difference = told[f"{measure}_difference"]
        expected = told["second"][measure] - told["first"][measure]
        assert difference["value"] == pytest.approx(expected)
        assert difference["ci"][0] < difference["value"] < difference["ci"][1]
        assert "over 40 patients" in difference["method"]


def test_the_table_and_the_differing_scans_are_one_count(told):
    table = told["mcnemar"]
    assert table["both"] + table["only_first"] == round(told["first"]["accuracy"] * 40)
    assert table["both"] + table["only_second"] == round(told["second"]["accuracy"] * 40) == 10
    right = [
        (scan["truth"] == scan["first"]["label"], scan["truth"] == scan["second"]["label"])
        for scan in told["differing"]
    ]
    assert right.count((True, False)) == table["only_first"]
    assert right.count((False, True)) == table["only_second"]
    assert all(scan["second"]["label"] == "DRUSEN" for scan in told["differing"])
    for scan in told["differing"]:
        for side in ("first", "second"):
            chances = scan[side]["probabilities"]
            assert max(chances, key=chances.get) == scan[side]["label"]


def test_a_worse_model_is_called_worse_and_the_other_way_round_better(
    told, data: Path, drusen: Path
):
    assert told["verdict"] == "worse"
    assert told["verdict_words"].startswith(
        "drusen is worse than lite0 on these 40 scans of 40 patients."
    )
    back = compare(drusen, MODEL, data)
    assert back["verdict"] == "better"
    assert back["verdict_words"].startswith("lite0 is better than drusen")
    assert back["accuracy_difference"]["value"] == -told["accuracy_difference"]["value"]
    assert back["mcnemar"]["p"] == told["mcnemar"]["p"]


def test_a_model_does_not_differ_from_itself(data: Path):
    told = compare(MODEL, MODEL, data)
    assert told["verdict"] == "no difference"
    assert told["differing"] == []
    assert told["mcnemar"]["p"] == 1
    assert told["accuracy_difference"]["ci"] is None
    assert "They have the same weights" in told["verdict_words"]


def test_few_scans_show_no_difference_however_far_apart(drusen: Path, tmp_path: Path):
    told = compare(MODEL, drusen, write_scans(tmp_path / "few", per_class=1))
    assert told["second"]["accuracy"] == 0.25
    assert told["verdict"] == "no difference"
    assert "that these scans can show (4 of 4 patients)" in told["verdict_words"]


def test_scans_of_one_patient_say_little(drusen: Path, data: Path, tmp_path: Path):
    same = tmp_path / "same"
    for n, path in enumerate(sorted(data.rglob("*.png"))):
        label = path.parent.name
        (same / label).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, same / label / f"{label}-7-{n}.png")
    told = compare(MODEL, drusen, same)
    assert told["patients"] == 1
    assert told["weighted_error_difference"]["p"] == 1


def test_models_of_other_input_sizes_are_each_fed_as_their_card_says(data: Path, tmp_path: Path):
    fed = Preprocessing(64).framed().as_facts()
    small = make_model(tmp_path / "small", by=0.0, input_size=64, preprocessing=fed)
    told = compare(MODEL, small, data)
    for side, folder in (("first", MODEL), ("second", small)):
        assert told[side]["brier"] == pytest.approx(evaluate(folder, data)["brier"])
    assert told["first"]["brier"] != told["second"]["brier"]
    item = next(difference_maps(told, MODEL, small, data))
    assert item.maps[0].shape == item.maps[1].shape == item.scan.shape


def test_batches_do_not_change_the_answers(told, data: Path, tmp_path: Path, drusen: Path):
    part = tmp_path / "part"
    for path in sorted(data.rglob("*.png"))[5:17]:
        (part / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, part / path.parent.name / path.name)
    whole = {scan["sha256"]: scan["first"] for scan in told["differing"]}
    for scan in compare(MODEL, drusen, part)["differing"]:
        expected = whole[scan["sha256"]]["probabilities"]
        assert scan["first"]["probabilities"] == pytest.approx(expected, abs=1e-4)


def test_training_scans_among_these_are_called_leaky(data: Path, tmp_path: Path):
    knows = make_model(tmp_path / "knows", by=0.5)
    rows = "sha256,patient,label\nabc,1003,CNV\nabd,999999,DME\n"
    (knows / "training_scans.csv").write_text(rows)
    silent = make_model(tmp_path / "silent", by=0.6)
    (silent / "training_scans.csv").unlink()
    told = compare(knows, silent, data)
    assert told["first"]["overlap_with_training"] == {"files": 0, "patients": 1}
    assert told["first"]["leaky"] is True
    assert told["second"]["leaky"] is None
    assert "LEAKY: 1 patients and 0 files" in told["verdict_words"]
    assert "silent does not list its training scans" in told["verdict_words"]


def test_a_damaged_list_of_training_scans_is_one_line(data: Path, tmp_path: Path):
    damaged = make_model(tmp_path / "damaged")
    (damaged / "training_scans.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ModelError, match=r"training_scans\.csv in 'damaged' to list sha256"):
        compare(damaged, MODEL, data)


def test_maps_are_of_either_models_own_answer(told, data: Path, drusen: Path):
    from octtutor.datasets.decode import read_scan
    from octtutor.model.explain.maps import lay_on_scan
    from octtutor.model.serve.engine import KerasEngine

    (item,) = difference_maps(told, MODEL, drusen, data, limit=1)
    scan = told["differing"][0]
    assert (item.source, item.truth) == (scan["source"], scan["truth"])
    assert item.labels == (scan["first"]["label"], "DRUSEN")
    assert (item.scan == read_scan(data / scan["source"])).all()
    engine = KerasEngine.open(MODEL)
    fed = engine.how.feed(item.scan)
    features = engine.run(fed.scan[None]).features[0]
    index = [str(label) for label in LABELS].index(item.labels[0])
    expected = lay_on_scan(engine.gradcam(features, [index])[0], fed)
    assert item.maps[0] == pytest.approx(expected)
    assert item.maps[1].dtype == np.float32
    assert item.maps[1].max() in (0, pytest.approx(1))


def test_maps_are_written_as_pictures_with_a_list(told, data: Path, drusen: Path, tmp_path: Path):
    few = {**told, "differing": told["differing"][:3]}
    steps: list[tuple[int, int]] = []
    out = tmp_path / "maps"
    written = write_maps(few, MODEL, drusen, data, out, lambda *step: steps.append(step))
    assert [path.name for path in written] == ["001.png", "002.png", "003.png"]
    assert steps == [(1, 3), (2, 3), (3, 3)]
    rows = list(csv.DictReader((out / "differing.csv").read_text().splitlines()))
    assert {row["source"] for row in rows} == {scan["source"] for scan in few["differing"]}
    for row, path in zip(rows, written, strict=True):
        assert cv2.imread(str(path)).shape == (160, 480, 3)
        assert row["second"] == "DRUSEN"
    with pytest.raises(BadInputError, match="there already"):
        write_maps(few, MODEL, drusen, data, out)


def test_scans_that_changed_since_are_not_explained(told, drusen: Path, data: Path, tmp_path: Path):
    other = shutil.copytree(data, tmp_path / "other")
    changed, gone = (other / scan["source"] for scan in told["differing"][:2])
    changed.write_bytes((other / told["differing"][2]["source"]).read_bytes())
    gone.unlink()
    few = {**told, "differing": told["differing"][:2]}
    with pytest.raises(BadInputError, match="2 of 2 are gone or were changed"):
        list(difference_maps(few, MODEL, drusen, other))


def test_unreadable_scans_are_listed_and_all_unreadable_refused(
    drusen: Path, data: Path, tmp_path: Path
):
    some = shutil.copytree(data / "CNV", tmp_path / "some" / "CNV")
    names = sorted(path.name for path in some.iterdir())
    (some / names[0]).write_text("no scan")
    told = compare(MODEL, drusen, some.parent)
    assert told["unreadable"] == [f"CNV/{names[0]}"]
    assert told["n"] == 9
    for path in some.iterdir():
        path.write_text("no scan")
    with pytest.raises(BadInputError, match="None of 10 can be opened"):
        compare(MODEL, drusen, some.parent)


def test_a_comparison_is_plain_json(told):
    assert json.loads(json.dumps(told, allow_nan=False)) == told
