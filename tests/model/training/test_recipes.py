"""Every recipe trains any backbone, and what it saves answers as what it trained."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from octtutor.model.network.model_folder import save_model
from octtutor.model.network.pretrained import BackboneSource
from octtutor.model.network.scan_set import load_scans
from octtutor.model.serve.engine import KerasEngine
from octtutor.model.training.feature_cache import FeatureCache
from octtutor.model.training.recipes import Recipe, TrainingInput
from octtutor.model.training.recipes.article import Article
from octtutor.model.training.recipes.features import HeadRecipe
from octtutor.model.training.recipes.finetune import Finetune
from tests.conftest import MODEL, write_scans
from tests.model.network.test_backbones import card_of

FAST = {"epochs": 1, "batch": 4}
RECIPES = [
    Finetune(**FAST),
    Article(**FAST),
    HeadRecipe(**FAST),
    HeadRecipe(**FAST, kind="conv-flatten", mirror=True),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.as_facts()["name"])
def test_a_recipe_trains_a_keras_backbone_and_saves_it(recipe: Recipe, tmp_path: Path):
    beginning = recipe.begin(BackboneSource("MobileNetV2", "none", size=32))
    scans = load_scans(write_scans(tmp_path / "scans"), beginning.how)
    cache = FeatureCache(tmp_path / "features", 10**9)
    outcome = recipe.fit(TrainingInput(beginning, scans, scans, cache=cache))
    assert outcome.kept == 1
    card = replace(card_of("", {}, 0), **beginning.card_facts(), recipe=recipe.as_facts())
    written = save_model(beginning.network, card, tmp_path / "model")
    before, after = KerasEngine(beginning.network, card), KerasEngine.open(tmp_path / "model")
    assert after.card == written
    assert after.how == beginning.how == after.how.read(written.preprocessing, 32)
    assert after.run_many(scans.scans) == pytest.approx(before.run_many(scans.scans), abs=1e-5)
    assert written.backbone["name"] == "MobileNetV2"
    assert written.preprocessing["scaling"] == "-1..1"


def test_the_articles_recipes_feed_inceptions_as_the_article_did():
    source = BackboneSource("inceptionv3", "none", size=75)
    for recipe in (Article(), HeadRecipe(kind="conv-flatten")):
        how = recipe.begin(source).how
        assert (how.scaling, how.fill) == ("1/255", "kept")
    assert Finetune().begin(source).how.scaling == "-1..1"
    assert Article().begin(BackboneSource(size=32)).how.scaling == "127/128"


def test_a_model_can_be_the_start_of_every_recipe(engine):
    source = BackboneSource(model=MODEL)
    kernel = engine.network.weights()["backbone/stem/kernel"]
    for recipe in (Finetune(), Article(), HeadRecipe()):
        beginning = recipe.begin(source)
        weights = beginning.network.weights()
        assert (weights["backbone/stem/kernel"] == kernel).all()
        same_head = np.array_equal(
            weights["head/logits/bias"], engine.network.weights()["head/logits/bias"]
        )
        assert same_head == isinstance(recipe, Finetune)
        assert "model lite0" in beginning.card_facts()["backbone"]["origin"]
