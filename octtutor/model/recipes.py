"""The recipes side by side: what each begins with, how it trains, and what its card says."""

from dataclasses import dataclass, replace
from typing import Any

import keras

from octtutor.errors import BadInputError
from octtutor.model.article import Article, article, start_network
from octtutor.model.devices import on_all_devices
from octtutor.model.features import FeatureCache
from octtutor.model.finetune import Finetune, finetune
from octtutor.model.folder import load_model
from octtutor.model.headtrain import HeadRecipe, train_head
from octtutor.model.hosts import hosts
from octtutor.model.loading import Progress, ScanSet
from octtutor.model.loop import Outcome, Watch
from octtutor.model.network import GAP_DENSE, Network
from octtutor.model.preprocess import Preprocessing
from octtutor.model.pretrained import (
    Backbone,
    BackboneSource,
    article_preprocessing,
    open_backbone,
)

Recipe = Finetune | Article | HeadRecipe


@dataclass(frozen=True, slots=True)
class Beginning:
    """A network before a recipe trains it, and what its card says of it."""

    network: Network
    backbone: Backbone
    head: dict[str, Any]
    flip_average: bool

    @property
    def how(self) -> Preprocessing:
        """What scans must be prepared as."""
        return self.backbone.how

    def card_facts(self) -> dict[str, Any]:
        """Return the card's fields that are known before training."""
        return {
            "input_size": self.how.size,
            "preprocessing": self.how.as_facts(),
            "backbone": self.backbone.facts,
            "head": self.head,
            "flip_average": self.flip_average,
        }


def begin(recipe: Recipe, source: BackboneSource) -> Beginning:
    """Build the network that a recipe starts from.

    `finetune` goes on with the whole of a model that is given; the others take its backbone and
    give it a new head. On InceptionV3, `article` and `features` feed what the article fed.

    Args:
        recipe: its seed fixes the head's start.
        source: the backbone, and where its weights come from.

    Raises:
        ModelError: see `open_backbone`; or the head does not suit it.
    """
    if isinstance(recipe, Finetune):
        return _begin_finetune(recipe, source)
    backbone = open_backbone(source, recipe.seed)
    if source.model is None:
        how = article_preprocessing(backbone.how, backbone.name)
        backbone = replace(backbone, how=how)
    network = start_network(backbone, recipe.head, recipe.seed)
    flips = isinstance(recipe, HeadRecipe) and recipe.mirror
    return Beginning(network, backbone, recipe.head, flips)


def fit(
    beginning: Beginning,
    recipe: Recipe,
    train: ScanSet,
    val: ScanSet | None = None,
    watch: Watch | None = None,
    cache: FeatureCache | None = None,
    on_features: Progress | None = None,
) -> Outcome:
    """Train by any recipe; afterwards `beginning.network` has the kept epoch's weights.

    Args:
        beginning: from `begin` with this recipe.
        recipe: the settings.
        train: scans prepared as `beginning.how` says.
        val: scans measured after each epoch.
        watch: who follows, and where the run is kept.
        cache: where `features` keeps features; it needs one.
        on_features: called with (done, total) scans while features are computed.

    Raises:
        BadInputError: a class has no scan.
        SettingsError: the features do not fit into the cache.
    """
    network, feed = beginning.network, beginning.how.to_input
    if isinstance(recipe, Finetune):
        return on_all_devices(
            network, lambda spread: finetune(spread, train, recipe, val, watch, feed)
        )
    if hosts() > 1:
        raise BadInputError(
            "Expected recipe 'finetune' on several hosts. The others train on one; start them "
            "there, without the coordinator's variables."
        )
    if isinstance(recipe, Article):
        return article(network, feed, train, recipe, val, watch)
    assert cache is not None, "recipe `features` needs a cache"
    return train_head(network, beginning.backbone, cache, train, recipe, val, watch, on_features)


def _begin_finetune(recipe: Finetune, source: BackboneSource) -> Beginning:
    backbone = open_backbone(source, recipe.seed)
    if source.model is None:
        network = start_network(backbone, GAP_DENSE, recipe.seed)
        return Beginning(network, backbone, GAP_DENSE, True)
    keras.utils.set_random_seed(recipe.seed)
    network, card = load_model(source.model)
    return Beginning(network, replace(backbone, network=network.backbone), card.head, True)
