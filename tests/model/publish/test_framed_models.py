"""A model that is fed framed scans (preprocessing 2), from publishing to every map that is shown.

Its weights are those of the shipped model, so its answers are worth nothing; where its maps lie
is what is tried here.
"""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from octtutor.core.diagnosis import LABELS
from octtutor.core.verdict import Verdict
from octtutor.datasets.preparation import palettes
from octtutor.datasets.scan_picture import ScanPattern, ScanPicture
from octtutor.model.bulk.predicting import explain_path, predict_sources
from octtutor.model.measure.comparison import compare, difference_maps
from octtutor.model.measure.inspecting import inspect
from octtutor.model.network.preprocess import Preprocessing
from octtutor.model.network.scan_set import load_scans
from octtutor.model.publish.publishing import publish
from octtutor.model.serve.engine import KerasEngine
from octtutor.model.serve.library import Model, OneAtATime
from octtutor.model.serve.predictor import ModelPredictor
from octtutor.phantom import make
from octtutor.tutor.decks.deck_import import import_scans
from octtutor.tutor.decks.training_lists import TrainingScans
from octtutor.tutor.practice.practice import Practice
from tests.conftest import MODEL, write_scans
from tests.datasets import exports
from tests.fakes import ToldShelf
from tests.model.folders import make_model

SCAN = make(LABELS[1], np.random.default_rng(5), (496, 768)).scan
PALETTE = Path(palettes.__file__).with_name("topcon.csv")
FLIPPED = np.ascontiguousarray(SCAN[::-1])


@pytest.fixture(scope="module")
def framed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published model's folder."""
    place = tmp_path_factory.mktemp("framed")
    how = Preprocessing(224).framed().as_facts()
    made = make_model(place / "made" / "framed", preprocessing=how)
    home = place / "home"
    home.mkdir()
    return publish(made, "framed", (home, MODEL.parent), makes_graph=False).folder


@pytest.fixture(scope="module")
def model(framed: Path) -> Model:
    from octtutor.model.serve.engine import KerasEngine

    return Model(framed, OneAtATime(KerasEngine.open(framed)))


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scans(tmp_path_factory.mktemp("scans"), per_class=1, size=(248, 384))


def middle_of(level: np.ndarray) -> float:
    """The mean row of a map, as a share of its height."""
    rows = level.sum(axis=1)
    return float((rows * np.arange(len(rows))).sum() / rows.sum() / len(rows))


def test_its_maps_in_a_reveal_lie_on_the_scan_wherever_that_was_righted(
    framed: Path, tmp_path: Path
):
    predictor = ModelPredictor(framed, tmp_path)
    told, maps = predictor.read("a" * 64, SCAN)
    turned, mirrored = predictor.read("b" * 64, FLIPPED)
    assert maps.shape[0] == mirrored.shape[0] == len(LABELS)
    assert maps.shape[1] / maps.shape[2] == pytest.approx(496 / 768, abs=0.01)
    assert turned.probabilities == pytest.approx(told.probabilities, abs=0.05)
    best = LABELS.index(told.label)
    assert middle_of(mirrored[best]) == pytest.approx(1 - middle_of(maps[best]), abs=0.05)
    again, kept = predictor.read("a" * 64, SCAN)
    assert again == told
    assert (kept == maps).all()


def test_a_deck_in_a_devices_colours_is_answered_by_its_signal(framed: Path, tmp_path: Path):
    colours = np.loadtxt(PALETTE, delimiter=",", skiprows=1, dtype=int)[:, 1:].astype(np.uint8)
    painted = ScanPicture(colours[SCAN])
    knowing = ModelPredictor(framed, tmp_path / "one", lambda sha256: painted)
    blind = ModelPredictor(framed, tmp_path / "other")
    told, _ = knowing.read("a" * 64, painted.grey)
    by_brightness, _ = blind.read("a" * 64, painted.grey)
    signal, _ = blind.read("b" * 64, SCAN)
    away = [
        sum(abs(one.probabilities[key] - signal.probabilities[key]) for key in LABELS)
        for one in (told, by_brightness)
    ]
    assert away[0] < away[1]


def test_a_quiz_reveals_its_maps_on_the_case(framed: Path, store, images, clock, tmp_path: Path):
    files = write_scans(tmp_path / "deck", per_class=1, size=(200, 400))
    import_scans(store, images, files, clock, "real")
    shelf = ToldShelf(ModelPredictor(framed, tmp_path / "answers"))
    practice = Practice(store, images, shelf, clock)
    trainee = practice.enrol(None, "Ada").id
    attempt = practice.start(trainee, "real", 1, seed=1)
    practice.commit(trainee, attempt.id, 0, LABELS[0], 4)
    told = practice.reveal(trainee, attempt.id, 0)
    assert told.prediction.model == "framed"
    assert told.maps.shape == (len(LABELS), 80, 160)


def test_a_reader_gets_the_answer_for_the_righted_scan_and_is_told_so(model: Model):
    plain, turned = model.predict(SCAN), model.predict(FLIPPED)
    assert turned.probabilities == pytest.approx(plain.probabilities, abs=0.05)
    assert "A scan upside down: turned." in turned.preparation
    assert "A scan upside down: turned." not in plain.preparation
    (level,) = model.maps(FLIPPED, [LABELS[1]])
    assert level.shape == FLIPPED.shape
    assert level.max() == pytest.approx(1)


def test_what_a_file_says_of_its_pixels_is_heeded(model: Model):
    told = model.predict(ScanPicture(SCAN, (3.87, 5.75)))
    assert told.probabilities != model.predict(SCAN).probabilities
    circle = model.predict(ScanPicture(SCAN, (3.87, 11.5), ScanPattern.CIRCLE))
    assert circle.verdict is Verdict.OTHER_SCAN


def test_a_decks_scan_is_fed_by_the_pixel_size_that_its_volume_told(
    framed: Path, store, images, clock, tmp_path: Path
):
    (tmp_path / "DME").mkdir()
    exports.vol(tmp_path / "DME" / "DME-7-1.vol", exports.reflectivity(SCAN[None]))
    import_scans(store, images, tmp_path / "DME", clock, "ward")
    (case,) = store.cases_of("ward")
    scan, how = images.read(case.sha256), Preprocessing(224).framed()
    told = how.prepare(ScanPicture(scan, (3.9, 10.0)))
    assert (told != how.prepare(scan)).mean() > 0.5
    predictor = ModelPredictor(framed, tmp_path / "answers", images.picture)
    answer, _ = predictor.read(case.sha256, scan)
    bare, _ = ModelPredictor(framed, tmp_path / "others").read(case.sha256, scan)
    assert answer.probabilities != bare.probabilities
    listing = TrainingScans(store, images, tmp_path / "lists").listing(["ward"])
    assert (load_scans(listing, how).scans[0] == told).all()


def test_it_is_evaluated_and_compared_with_a_model_of_the_first_way(
    framed: Path, scans: Path, tmp_path: Path
):
    figures = inspect(framed, scans, tmp_path / "inspected")
    assert figures["n"] == 4
    for picture in (tmp_path / "inspected").rglob("*.webp"):
        assert cv2.imread(str(picture)).shape[:2] == (207, 320)
    beside = compare(MODEL, framed, scans)
    assert beside["first"]["n"] == beside["second"]["n"] == 4
    for item in difference_maps(beside, MODEL, framed, scans):
        assert item.maps[0].shape == item.maps[1].shape == item.scan.shape


def test_commands_explain_it_and_tell_what_was_done(framed: Path, tmp_path: Path):
    scan = tmp_path / "turned.png"
    Image.fromarray(FLIPPED).save(scan)
    out, numbers = tmp_path / "map.png", tmp_path / "map.npy"
    told = explain_path(framed, scan, out, numbers)
    assert cv2.imread(str(out)).shape[:2] == np.load(numbers).shape == FLIPPED.shape
    (answer,), faults = predict_sources(framed, [str(scan)])
    assert faults == []
    assert answer["preparation"] == told["preparation"]
    assert "A scan upside down: turned." in answer["preparation"]
    assert answer["verdict"] in list(Verdict)
    json.dumps(answer)


def test_the_curves_of_a_map_cover_what_the_network_saw(model: Model, framed: Path):
    from octtutor.model.measure.explain_bench import curves

    (level,) = model.maps(SCAN, [LABELS[1]])
    deletion, insertion = curves(KerasEngine.open(framed), SCAN, level, 1)
    assert len(deletion) == len(insertion)
    assert deletion[0] == pytest.approx(insertion[-1], abs=1e-4)
    assert deletion[0] != pytest.approx(deletion[-1], abs=1e-3)
