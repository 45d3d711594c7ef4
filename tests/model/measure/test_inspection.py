"""One pass over scans: figures, every answer, pictures with maps; and what stops it."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.datasets.listing import write_listing
from octtutor.errors import BadArchiveError, BadInputError, ModelError
from octtutor.model.explain.methods import DEFAULT_METHOD, METHODS
from octtutor.model.measure.gallery import SCAN
from octtutor.model.measure.inspection import FIGURES, read_inspection
from octtutor.model.network.backend import import_keras_quietly
from octtutor.model.network.training_set import read_training_set
from tests.conftest import MODEL, write_scans

import_keras_quietly()
from octtutor.model.measure.evaluation import evaluate  # noqa: E402
from octtutor.model.measure.inspecting import inspect  # noqa: E402


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic scans of which one is named after a patient that the model was trained on,
    one has another class's name, and one is no scan."""
    folder = write_scans(tmp_path_factory.mktemp("scans") / "ward", 2, (160, 160))
    known = min(read_training_set(MODEL).patients)
    (folder / "CNV" / "CNV-1000-1.png").rename(folder / "CNV" / f"CNV-{known}-1.png")
    (folder / "NORMAL" / "NORMAL-4000-1.png").rename(folder / "DME" / "DME-4000-1.png")
    (folder / "DRUSEN" / "DRUSEN-1-1.png").write_bytes(b"no scan")
    return folder


@pytest.fixture(scope="module")
def seen() -> list[tuple[int, int]]:
    return []


@pytest.fixture(scope="module")
def inspected(data: Path, seen: list, tmp_path_factory: pytest.TempPathFactory):
    place = tmp_path_factory.mktemp("inspected")
    told = inspect(MODEL, data, place, lambda *at: seen.append(at))
    return told, read_inspection(place)


def test_the_figures_are_those_of_evaluate(inspected, data: Path):
    told, found = inspected
    plain = evaluate(MODEL, data)
    for key in ("n", "patients", "accuracy", "confusion", "unreadable", "leaky", "model_sha256"):
        assert told[key] == plain[key]
    assert told["brier"] == pytest.approx(plain["brier"], abs=1e-5)
    assert [miss["source"] for miss in told["misclassified"]] == [
        miss["source"] for miss in plain["misclassified"]
    ]
    assert found.figures == told


def test_every_answer_is_kept_and_every_file_counted(inspected, seen: list):
    told, found = inspected
    assert seen == [(done, 9) for done in range(1, 10)]
    assert told["unreadable"] == ["DRUSEN/DRUSEN-1-1.png"]
    assert found.chances.shape == (8, 4)
    assert found.chances.sum(axis=1) == pytest.approx(np.ones(8), abs=1e-5)
    assert np.bincount(found.truth, minlength=4).tolist() == [2, 3, 2, 1]


def test_the_scans_of_known_patients_are_marked(inspected):
    told, found = inspected
    assert told["leaky"] is True
    assert told["overlap_with_training"] == {"files": 0, "patients": 1}
    marked = [name for name, known in zip(found.names, found.trained_on, strict=True) if known]
    assert marked == [f"CNV/CNV-{min(read_training_set(MODEL).patients)}-1.png"]


def test_every_scan_has_its_pictures_with_maps_of_the_answer_and_of_the_missed_truth(inspected):
    _, found = inspected
    assert sorted(one.place for one in found.shown) == list(range(8))
    for one in found.shown:
        truth, label = (str(LABELS[index]) for index in one.cell)
        assert one.names == (SCAN, *dict.fromkeys((label, truth)))
        assert one.cell == (found.truth[one.place], found.chances[one.place].argmax())
        assert all(found.picture(one, name)[8:12] == b"WEBP" for name in one.names)


def test_the_maps_are_of_the_method_that_was_asked_for(inspected, data: Path, tmp_path: Path):
    told, found = inspected
    assert told["method"] == METHODS[DEFAULT_METHOD].title
    other = inspect(MODEL, data, tmp_path, method="gradcam")
    assert (other["method"], other["confusion"]) == ("Grad-CAM", told["confusion"])
    again, one = read_inspection(tmp_path), found.shown[0]
    name = str(LABELS[one.cell[1]])
    assert again.picture(one, SCAN) == found.picture(one, SCAN)
    assert again.picture(one, name) != found.picture(one, name)
    with pytest.raises(BadInputError, match="Expected a method"):
        inspect(MODEL, data, tmp_path / "x", method="guess")


def test_a_list_of_wanted_scans_leaves_the_others_out(data: Path, inspected, tmp_path: Path):
    _, found = inspected
    with (found.folder / "answers.csv").open() as file:
        rows = list(csv.DictReader(file))[:2]
    listing = tmp_path / "only.csv"
    write_listing(listing, ({"sha256": r["sha256"], "label": r["truth"]} for r in rows))
    told = inspect(MODEL, data, tmp_path / "out", only=listing)
    assert told["n"] == 2


def test_scans_with_the_table_of_phantoms_are_called_synthetic(inspected, tmp_path: Path):
    assert inspected[0]["synthetic"] is False
    folder = write_scans(tmp_path / "one", 1, (128, 128))
    for label in ("DME", "DRUSEN", "NORMAL"):
        shutil.rmtree(folder / label)
    (folder / "cases.csv").write_text("file,synthetic\nCNV-1000-1.png,true\n")
    told = inspect(MODEL, folder, tmp_path / "out")
    assert told["synthetic"] is True
    assert (told["n"], told["auroc"], told["kappa"]) == (1, None, None)


def test_what_cannot_be_measured_is_refused_in_one_line_before_the_model_is_loaded(
    tmp_path: Path,
):
    empty, unlabelled, packed = (tmp_path / name for name in ("empty", "unlabelled", "scans.zip"))
    empty.mkdir()
    shutil.copytree(write_scans(tmp_path / "x", 1, (128, 128)) / "CNV", unlabelled)
    (unlabelled / "CNV-1000-1.png").rename(unlabelled / "a.png")
    packed.write_bytes(b"PK\3\4 and no end")
    nowhere = tmp_path / "no-weights"
    nowhere.mkdir()
    shutil.copy(MODEL / "card.json", nowhere)
    for data, error, why in (
        (empty, BadInputError, "Found none"),
        (unlabelled, BadInputError, "1 of 1 without a known label"),
        (packed, BadArchiveError, "damaged"),
        (tmp_path / "gone", BadInputError, "not there"),
        (tmp_path / "x", ModelError, "weights.safetensors"),
    ):
        with pytest.raises(error, match=why) as caught:
            inspect(nowhere, data, tmp_path / "out")
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_scans_of_which_none_can_be_read_are_refused(tmp_path: Path):
    (tmp_path / "CNV").mkdir()
    (tmp_path / "CNV" / "CNV-1-1.png").write_bytes(b"no scan")
    with pytest.raises(BadInputError, match="None of 1 can be opened"):
        inspect(MODEL, tmp_path, tmp_path / "out")


@pytest.mark.parametrize("harm", ["missing", "cut short", "other"])
def test_a_damaged_evaluation_is_refused_in_words(inspected, tmp_path: Path, harm: str):
    folder = tmp_path / "copy"
    shutil.copytree(inspected[1].folder, folder)
    whole = (folder / FIGURES).read_text()
    text = {"cut short": whole[: len(whole) // 2], "other": "[]"}.get(harm)
    if text is None:
        (folder / FIGURES).unlink()
    else:
        (folder / FIGURES).write_text(text)
    with pytest.raises(BadInputError, match="Evaluate again"):
        read_inspection(folder)


def test_a_picture_that_is_gone_is_said(inspected, tmp_path: Path):
    folder = tmp_path / "copy"
    shutil.copytree(inspected[1].folder, folder)
    found = read_inspection(folder)
    shutil.rmtree(folder / "pictures")
    with pytest.raises(BadInputError, match="Evaluate again"):
        found.picture(found.shown[0], SCAN)
