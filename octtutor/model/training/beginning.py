"""The network that training starts from, and what its card says of it."""

from dataclasses import dataclass, replace
from typing import Any

import keras

from octtutor.core.scheme import Scheme
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.model.network.imported.layer_steps import IMPORTED
from octtutor.model.network.model_folder import load_network
from octtutor.model.network.network import GAP_DENSE, Network, with_head
from octtutor.model.network.preprocess import Preprocessing
from octtutor.model.network.pretrained import (
    Backbone,
    BackboneSource,
    article_preprocessing,
    open_backbone,
)


@dataclass(frozen=True, slots=True)
class Beginning:
    """A network before a recipe trains it, and what its card says of it."""

    network: Network
    backbone: Backbone
    head: dict[str, Any]
    flip_average: bool
    scheme: Scheme = OCT2017_SCHEME
    """The list of diagnoses that it is to tell apart."""

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
            "labels": self.scheme.keys,
            "scheme": self.scheme.stamp,
            "healthy": self.scheme.normal,
        }


def begin_with_head(
    source: BackboneSource,
    head: dict[str, Any],
    seed: int,
    flip_average: bool = False,
    scheme: Scheme = OCT2017_SCHEME,
) -> Beginning:
    """Give a backbone a new head.

    Args:
        source: the backbone, and where its weights come from.
        head: its kind and settings, as in a card.
        seed: fixes the head's start.
        flip_average: whether the model is to answer with the mean over scan and mirror image.
        scheme: the list of diagnoses that it is to tell apart.

    Raises:
        ModelError: see `open_backbone`; or the head does not suit it.
    """
    backbone = open_backbone(source, seed)
    network = start_network(backbone, head, seed, len(scheme.keys))
    return Beginning(network, backbone, head, flip_average, scheme)


def begin_as_article(
    source: BackboneSource,
    head: dict[str, Any],
    seed: int,
    flip_average: bool = False,
    scheme: Scheme = OCT2017_SCHEME,
) -> Beginning:
    """Give a backbone a new head; an InceptionV3 is fed what the article fed (else see above)."""
    backbone = open_backbone(source, seed)
    if source.model is None:
        how = article_preprocessing(backbone.how, backbone.name)
        backbone = replace(backbone, how=how)
    network = start_network(backbone, head, seed, len(scheme.keys))
    return Beginning(network, backbone, head, flip_average, scheme)


def begin_with_model(
    source: BackboneSource,
    seed: int,
    flip_average: bool = False,
    scheme: Scheme = OCT2017_SCHEME,
) -> Beginning:
    """Go on with the whole of the model that `source` names; with a new head for another scheme.

    Raises:
        ModelError: it cannot be loaded.
    """
    assert source.model is not None
    backbone = open_backbone(source, seed)
    keras.utils.set_random_seed(seed)
    network, card = load_network(source.model)
    backbone = replace(backbone, network=network.backbone)
    head = card.head
    if (card.scheme, card.labels) != (scheme.stamp, scheme.keys):
        head = GAP_DENSE if head.get("kind") == IMPORTED else head
        network = start_network(backbone, head, seed, len(scheme.keys))
    return Beginning(network, backbone, head, flip_average, scheme)


def start_network(backbone: Backbone, head: dict[str, Any], seed: int, classes: int = 4) -> Network:
    """Give a backbone a new head for so many classes and fix the random numbers that follow."""
    keras.utils.set_random_seed(seed)
    return with_head(backbone.network, head, classes)
