"""The benchmark of maps: masks of any size, cases left out and told, one card for the page."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.errors import BadInputError
from octtutor.model.explain.trust import read_trust, trust_card, write_trust
from octtutor.model.measure.bench_cases import read_mask
from octtutor.model.measure.explain_bench import bench_explain, curves, shifted
from octtutor.phantom import make
from tests.conftest import MODEL

KEYS = ("pointing_game", "energy_ratio", "deletion", "insertion", "randomisation", "n")


def write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture)


@pytest.fixture(scope="module")
def annotated(tmp_path_factory) -> Path:
    """Two scans with masks (one smaller, of another kind), one each with an empty and no mask."""
    root = tmp_path_factory.mktemp("annotated")
    for index, label in enumerate(LABELS):
        made = make(label, np.random.default_rng([8, index]), (248, 256))
        write(root / "scans" / label / f"{label}-{100 + index}-1.png", made.scan)
        if label == "CNV":
            small = cv2.resize(made.mask, (128, 124), interpolation=cv2.INTER_NEAREST)
            write(root / "drawn" / f"{label}-{100 + index}-1.tif", small // 255)
        elif label != "DME":
            write(root / "drawn" / f"{label}-{100 + index}-1.png", made.mask)
    return root


@pytest.fixture(scope="module")
def measured(annotated, engine):
    folder, drawn = annotated / "scans", annotated / "drawn"
    return bench_explain(engine, folder, drawn, methods=("fine-cam", "gradcam"))


def test_every_method_and_every_comparison_has_the_agreed_figures(measured):
    assert list(measured["methods"]) == ["fine-cam", "gradcam", "random", "centre"]
    for row in measured["methods"].values():
        assert set(KEYS) <= set(row)
        assert row["n"] == 2
        assert 0 <= row["pointing_game"] <= 1
        assert 0 <= row["deletion"] <= 1
        assert row["energy_ratio"] >= 0
    json.dumps(measured, allow_nan=False)


def test_scans_without_a_lesion_are_counted_and_told(measured):
    assert measured["left_out"]["no_mask"] == ["DME/DME-101-1.png"]
    assert measured["left_out"]["empty_mask"] == ["NORMAL/NORMAL-103-1.png"]
    assert measured["methods"]["gradcam"]["per_class"].keys() == {"CNV", "DRUSEN"}


def test_a_map_of_the_centre_ignores_the_weights_and_a_random_one_repeats_nothing(measured):
    assert measured["methods"]["centre"]["randomisation"] == pytest.approx(1)
    assert measured["methods"]["random"]["repeatability"] < 0.7
    assert measured["methods"]["fine-cam"]["randomisation"] < 0.9


def test_a_label_given_is_the_class_explained(annotated, engine):
    folder, drawn = annotated / "scans", annotated / "drawn"
    told = bench_explain(engine, folder, drawn, Diagnosis.DME, ("gradcam",), limit=1)
    assert told["methods"]["gradcam"]["per_class"].keys() == {"DME"}
    assert told["scans"] == 1


def test_scans_without_masks_are_measured_on_the_rest(annotated, engine):
    told = bench_explain(engine, annotated / "scans", None, None, ("gradcam",), limit=1)
    row = told["methods"]["gradcam"]
    assert row["pointing_game"] is None
    assert row["deletion"] is not None
    assert row["n"] == 1


def test_phantoms_serve_where_no_scans_are_given(engine):
    told = bench_explain(engine, methods=("gradcam",), limit=1)
    assert told["source"] == "phantoms of the embedded deck"
    assert told["methods"]["gradcam"]["energy_ratio"] > 1


def test_no_usable_mask_is_refused_with_the_reason(annotated, tmp_path, engine):
    with pytest.raises(BadInputError, match="4 no_mask"):
        bench_explain(engine, annotated / "scans", tmp_path, methods=("gradcam",))
    with pytest.raises(BadInputError, match="folder of masks"):
        bench_explain(engine, annotated / "scans", tmp_path / "gone", methods=("gradcam",))
    with pytest.raises(BadInputError, match="a method of"):
        bench_explain(engine, annotated / "scans", methods=("magic",))


def test_a_mask_is_brought_to_the_scans_size_by_the_nearest_pixel(tmp_path):
    drawn = np.zeros((40, 40), np.uint8)
    drawn[10:20, 20:30] = 1
    write(tmp_path / "m.png", drawn)
    large = read_mask(tmp_path / "m.png", (80, 120))
    assert large.shape == (80, 120)
    assert large[20:40, 60:90].all()
    assert large.sum() == 20 * 30


def test_a_shift_and_its_opposite_leave_the_inside_alone():
    picture = np.arange(400).reshape(20, 20)
    back = shifted(shifted(picture, (3, -5)), (-3, 5))
    assert (back[5:-5, 5:-5] == picture[5:-5, 5:-5]).all()
    assert shifted(picture, (3, 0))[3, 0] == picture[0, 0]


def test_curves_begin_and_end_at_the_whole_and_at_the_empty_scan(engine):
    scan = make(LABELS[1], np.random.default_rng(5), (248, 256)).scan
    rising = np.linspace(0, 1, scan.size, dtype=np.float32).reshape(scan.shape)
    deletion, insertion = curves(engine, scan, rising, 1)
    prepared = engine.prepare(scan)
    blank = np.full_like(prepared, np.median(prepared))
    whole, empty = engine.run(np.stack([prepared, blank])).probabilities[:, 1]
    assert deletion[0] == pytest.approx(whole, abs=1e-4)
    assert insertion[-1] == pytest.approx(whole, abs=1e-4)
    assert deletion[-1] == pytest.approx(empty, abs=1e-4)


def test_the_card_tells_what_was_measured_and_only_of_the_same_weights(measured, tmp_path):
    folder = tmp_path / "lite0"
    folder.mkdir()
    shutil.copy(MODEL / "card.json", folder)
    assert trust_card(folder) is None
    write_trust(folder, measured)
    card = trust_card(folder)
    assert card is not None
    assert "Fine CAM" in card.title
    assert "of 2 scans" in card.lines[0]
    assert len(card.lines) == 5
    assert trust_card(folder, "occlusion") is None
    write_trust(folder, measured | {"model_sha256": "0" * 64})
    assert read_trust(folder) is None
