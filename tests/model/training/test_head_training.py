"""Heads learn from cached features what the article's way learns from scans, and much sooner."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from octtutor.errors import BadInputError
from octtutor.model.network.pretrained import Backbone, BackboneSource, open_backbone
from octtutor.model.network.scan_set import ScanSet, load_scans
from octtutor.model.training.article_training import article
from octtutor.model.training.beginning import start_network
from octtutor.model.training.feature_cache import FeatureCache
from octtutor.model.training.head_training import train_head
from octtutor.model.training.loop import Watch
from octtutor.model.training.recipes.article import Article
from octtutor.model.training.recipes.features import HeadRecipe
from tests.conftest import write_scans

SMALL = HeadRecipe(epochs=8, batch=8, rate=3e-3)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return open_backbone(BackboneSource(size=64))


@pytest.fixture(scope="module")
def scans(backbone: Backbone, tmp_path_factory: pytest.TempPathFactory) -> ScanSet:
    folder = write_scans(tmp_path_factory.mktemp("data"), per_class=6)
    return load_scans(folder, backbone.how)


@pytest.fixture(scope="module")
def parts(scans: ScanSet) -> tuple[ScanSet, ScanSet]:
    held = list(range(0, 24, 3))
    return scans.take([i for i in range(24) if i not in held]), scans.take(held)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> FeatureCache:
    return FeatureCache(tmp_path_factory.mktemp("home") / "features", 10**9)


def run(backbone, cache, parts, recipe: HeadRecipe, watch: Watch | None = None):
    network = start_network(backbone, recipe.head, recipe.seed)
    train, val = parts
    return network, train_head(network, backbone, cache, train, recipe, val, watch)


@pytest.mark.parametrize(
    "recipe",
    [
        SMALL,
        replace(SMALL, hidden=16),
        replace(SMALL, kind="conv-flatten"),
        replace(SMALL, mirror=True, class_weights=True),
    ],
)
def test_a_head_learns_and_then_belongs_to_the_whole_network(backbone, cache, parts, recipe):
    before = [array.copy() for array in backbone.network.get_weights()]
    network, outcome = run(backbone, cache, parts, recipe)
    losses = [row["loss"] for row in outcome.history]
    assert losses[-1] < losses[0]
    accuracies = [row["val_accuracy"] for row in outcome.history]
    assert accuracies[outcome.kept - 1] == max(accuracies)
    _, val = parts
    logits = np.asarray(network.joined()(backbone.how.to_input(val.scans), training=False))
    right = (logits.argmax(1) == val.truth).mean()
    assert right == pytest.approx(max(accuracies), abs=0.01)
    for ours, theirs in zip(backbone.network.get_weights(), before, strict=True):
        assert (ours == theirs).all()


def test_the_same_seed_gives_the_same_head(backbone, cache, parts):
    one, two, other = (
        run(backbone, cache, parts, replace(SMALL, epochs=2, seed=seed))[0].head.get_weights()
        for seed in (1, 1, 2)
    )
    assert np.allclose(one[0], two[0], atol=1e-5)
    assert not np.allclose(one[0], other[0], atol=1e-3)


def test_a_resumed_run_ends_where_an_uninterrupted_one_ends(backbone, cache, parts, tmp_path: Path):
    # a rate so high, and patience so short, that it is lowered on the way
    recipe = replace(SMALL, rate=0.3, plateau_patience=1, epochs=6)
    whole, all_at_once = run(backbone, cache, parts, recipe)
    watch = Watch(checkpoints=tmp_path / "run")
    run(backbone, cache, parts, replace(recipe, epochs=3), watch)
    resumed, in_two = run(backbone, cache, parts, recipe, watch)
    rates = [row["rate"] for row in all_at_once.history]
    assert rates[-1] < rates[0]
    assert [row["rate"] for row in in_two.history] == rates
    for a, b in zip(whole.head.get_weights(), resumed.head.get_weights(), strict=True):
        assert a == pytest.approx(b, abs=1e-4)


def test_the_rate_is_halved_after_five_epochs_without_a_lower_loss(backbone, cache, parts):
    still = replace(SMALL, rate=1e-12, epochs=8)
    _, outcome = run(backbone, cache, parts, still)
    rates = [row["rate"] for row in outcome.history]
    assert rates == pytest.approx([1e-12] * 6 + [0.5e-12] * 2)


def test_a_class_without_scans_is_named(backbone, cache, parts):
    train, val = parts
    three = train.take([i for i in range(len(train.names)) if train.truth[i] != 1])
    with pytest.raises(BadInputError, match="None of DME"):
        run(backbone, cache, (three, val), SMALL)


def test_without_validation_scans_the_last_epoch_is_kept(backbone, cache, parts):
    train, _ = parts
    network = start_network(backbone, SMALL.head, 1)
    outcome = train_head(network, backbone, cache, train, replace(SMALL, epochs=2))
    assert outcome.kept == 2


def test_the_articles_recipe_learns_behind_a_frozen_backbone(backbone, parts):
    recipe = Article(epochs=4, batch=8, rate=3e-3)
    network = start_network(backbone, recipe.head, recipe.seed)
    before = [array.copy() for array in backbone.network.get_weights()]
    train, val = parts
    outcome = article(network, backbone.how.to_input, train, recipe, val)
    losses = [row["loss"] for row in outcome.history]
    assert losses[-1] < losses[0]
    for ours, theirs in zip(backbone.network.get_weights(), before, strict=True):
        assert (ours == theirs).all()
    assert recipe.head["hidden"] == 64
    assert outcome.name.startswith("model.0")


def test_the_published_settings_are_the_defaults():
    facts = Article().as_facts()
    assert {facts["batch"], facts["rate"], facts["hidden"]} == {128, 0.001, 64}
    facts = HeadRecipe(kind="conv-flatten").as_facts()
    assert facts["plateau_factor"] == 0.5
    assert facts["plateau_patience"] == 5
    assert facts["dropout"] == 0.5
