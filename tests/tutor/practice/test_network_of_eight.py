"""A network learns a deck of eight diagnoses, is published, and reveals with maps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from octtutor.core.scheme import OCT2017
from octtutor.datasets.decode import decode
from octtutor.datasets.schemes.naming import Naming
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import BadInputError, ModelError
from octtutor.model.measure.comparison import compare
from octtutor.model.measure.evaluation import evaluate
from octtutor.model.network.card import read_card, write_card
from octtutor.model.network.pretrained import BackboneSource
from octtutor.model.publish.publishing import publish
from octtutor.model.serve.library import open_model
from octtutor.model.serve.predictor import ModelPredictor
from octtutor.model.training.feature_cache import FeatureCache
from octtutor.model.training.plan import TrainingPlan
from octtutor.model.training.recipes.features import HeadRecipe
from octtutor.model.training.recipes.finetune import Finetune
from octtutor.model.training.train import train
from octtutor.tutor.decks.training_lists import TrainingScans
from octtutor.tutor.practice.practice import Practice
from tests.conftest import MODEL, write_scans
from tests.eight_scans import OCTDL, import_eight, write_eight
from tests.fakes import ToldShelf

KEYS = OCTDL.keys


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a network of recipe `features` that knows the eight."""
    folder = tmp_path_factory.mktemp("eight")
    plan = TrainingPlan(
        write_eight(folder),
        HeadRecipe(epochs=3),
        BackboneSource(weights="none", size=64),
        val=folder / "eight",
        leaky=True,
        naming=Naming(OCTDL),
    )
    train(plan, folder / "model", cache=FeatureCache(folder / "cache", 10**9))
    return folder / "model"


def test_its_card_says_which_diagnoses_it_knows(eight: Path):
    card = read_card(eight)
    assert (card.labels, card.scheme, card.healthy) == (KEYS, OCTDL.stamp, "NORMAL")
    assert np.array(card.figures["confusion"]).shape == (8, 8)
    assert card.training_data["per_class"] == dict.fromkeys(KEYS, 2)


def test_a_card_of_before_there_were_schemes_is_of_oct2017():
    card = read_card(MODEL)
    assert (card.scheme, card.healthy) == (OCT2017, "NORMAL")


def test_published_it_reveals_in_the_decks_own_words_with_maps(
    eight: Path, store, images, clock, tmp_path: Path
):
    change = publish(eight, "eight", (tmp_path / "models", MODEL.parent))
    predictor = ModelPredictor(change.folder, tmp_path / "answers")
    practice = Practice(store, images, ToldShelf(predictor), clock)
    trainee = practice.enrol(None, "Ada").id
    attempt = practice.start(trainee, import_eight(store, images, clock, tmp_path), 1)
    practice.question(trainee, attempt.id)
    practice.commit(trainee, attempt.id, 0, "ERM", 3)
    told = practice.reveal(trainee, attempt.id, 0)
    assert told.model_fault is None
    assert told.counterparts is None
    assert (told.prediction.scheme, tuple(told.prediction.probabilities)) == (OCTDL.stamp, KEYS)
    assert told.maps.shape[0] == 8
    assert store.answers_of(attempt.id)[0].prediction == told.prediction


def test_it_is_not_asked_on_a_deck_that_its_words_do_not_map_to(
    eight: Path, store, images, clock, tmp_path: Path
):
    card = replace(read_card(eight), scheme=replace(OCTDL.stamp, version=7))
    write_card(card, eight)
    try:
        predictor = ModelPredictor(eight, tmp_path / "answers")
        practice = Practice(store, images, ToldShelf(predictor), clock)
        trainee = practice.enrol(None, "Ada").id
        attempt = practice.start(trainee, import_eight(store, images, clock, tmp_path), 1)
        practice.question(trainee, attempt.id)
        practice.commit(trainee, attempt.id, 0, "ERM", 3)
        assert "version 7" in practice.reveal(trainee, attempt.id, 0).model_fault
    finally:
        write_card(replace(card, scheme=OCTDL.stamp), eight)


def test_predicting_and_explaining_go_by_its_card(eight: Path, tmp_path: Path):
    scan = next((write_scans(tmp_path / "one", 1)).rglob("*.png"))
    model = open_model(eight)
    answer = model.predict(scan)
    assert (answer.scheme, tuple(answer.probabilities)) == ("octdl", KEYS)
    assert model.explain(scan, "erm").shape == decode(scan.read_bytes(), scan.name).shape
    with pytest.raises(BadInputError, match=r"AMD_EARLY, AMD_LATE, .*Received 'CNV'"):
        model.explain(scan, "CNV")


def test_evaluating_goes_by_its_own_words_and_by_a_mapping(eight: Path, tmp_path: Path):
    own = evaluate(eight, write_eight(tmp_path))
    assert (own["scheme"], own["labels"], own["n"]) == ("octdl", list(KEYS), 16)
    assert "mapping" not in own
    four = write_scans(tmp_path / "four", 1)
    mapped = evaluate(eight, four, naming=Naming(OCT2017_SCHEME))
    assert {key: row["as"] for key, row in mapped["mapping"]["counted"].items()} == {
        "CNV": "AMD_LATE", "DME": "DME", "DRUSEN": "AMD_EARLY", "NORMAL": "NORMAL",
    }  # fmt: skip
    assert (mapped["n"], mapped["labels"]) == (4, list(KEYS))


def test_models_of_two_schemes_are_not_compared(eight: Path, tmp_path: Path):
    with pytest.raises(BadInputError, match=r"two models of one scheme.*'octdl'.*'oct2017'"):
        compare(eight, MODEL, write_eight(tmp_path))


def test_models_of_one_scheme_are_compared(eight: Path, tmp_path: Path):
    facts = compare(eight, eight, write_eight(tmp_path))
    assert (facts["n"], facts["labels"]) == (16, list(KEYS))
    assert np.array(facts["first"]["confusion"]).shape == (8, 8)


def test_the_shipped_model_is_retrained_from_its_backbone():
    for recipe in (Finetune(), HeadRecipe()):
        made = recipe.begin(BackboneSource(model=MODEL), OCTDL)
        assert made.network.head.output_shape == (None, 8)
        assert made.backbone.facts["origin"].startswith("model lite0")
    same = Finetune().begin(BackboneSource(model=MODEL))
    assert same.network.head.output_shape == (None, 4)


def test_the_list_of_a_deck_is_read_by_the_decks_scheme(store, images, clock, tmp_path: Path):
    name = import_eight(store, images, clock, tmp_path)
    scans = TrainingScans(store, images, tmp_path / "lists")
    chosen = scans.look([name])
    assert chosen.scheme == OCTDL.stamp
    assert {key: row["files"] for key, row in chosen.report["per_class"].items()} == dict.fromkeys(
        KEYS, 2
    )


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"labels": ("A", "B"), "healthy": None}, "labels"),
        ({"labels": ("A", "B", "C", "D", "E", "E", "F", "G")}, "labels"),
        ({"labels": ("<b>", "B", "C", "D", "E", "F", "G", "H")}, "labels"),
        ({"healthy": "HEALTHY"}, "healthy"),
    ],
)
def test_a_card_with_labels_that_cannot_be_is_refused(eight: Path, tmp_path: Path, changed, what):
    card = replace(read_card(eight), **changed)
    if what == "labels" and changed["labels"] == ("A", "B"):
        card = replace(card, scheme=OCT2017)
    write_card(card, tmp_path)
    with pytest.raises(ModelError, match=what):
        read_card(tmp_path)
