"""The two rooms built and joined: backbone to feature map, head to logits."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from octtutor.core.diagnosis import LABELS
from octtutor.errors import ModelError
from octtutor.model.card import Card
from octtutor.model.lite0 import build_lite0

GAP_DENSE: dict[str, Any] = {"kind": "gap-dense", "dropout": 0.2}


@dataclass(frozen=True, slots=True)
class Network:
    """A backbone (scan to feature map) and a head (feature map to four logits)."""

    backbone: keras.Model
    head: keras.Model

    def joined(self) -> keras.Model:
        """Return one trainable model from scan to logits, sharing both rooms' weights."""
        return keras.Model(self.backbone.input, self.head(self.backbone.output), name="octtutor")

    def weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """Return every weight by `room/layer/variable`, float32."""
        return {
            name: np.asarray(variable.numpy() if hasattr(variable, "numpy") else variable)
            for name, variable in self.variables().items()
        }

    def variables(self) -> dict[str, Any]:
        """Return every Keras variable by `room/layer/variable`."""
        rooms = {"backbone": self.backbone, "head": self.head}
        return {
            f"{room}/{variable.path}": variable
            for room, model in rooms.items()
            for variable in model.weights
            if "seed" not in variable.path
        }


def build_network(backbone: str, head: dict[str, Any], size: int) -> Network:
    """Build an architecture without weights.

    Args:
        backbone: `lite0`.
        head: its kind and settings, as in a card: `{"kind": "gap-dense", "dropout": 0.2}`.
        size: side of the input, pixels.

    Raises:
        ModelError: backbone or head are not known.
    """
    if backbone != "lite0":
        raise ModelError(f"Expected backbone 'lite0'. Received {backbone!r}. Update octtutor.")
    if size % 32 or not 32 <= size <= 1024:
        raise ModelError(f"Expected an input size of 32 to 1024 in steps of 32. Received {size}.")
    body = build_lite0(size)
    return Network(body, _build_head(head, body.output.shape[1:]))


def build_from_card(card: Card) -> Network:
    """Build the architecture that a card describes."""
    return build_network(card.backbone.get("name", ""), card.head, card.input_size)


def _build_head(head: dict[str, Any], shape: tuple[int, ...]) -> keras.Model:
    if head.get("kind") != "gap-dense":
        raise ModelError(
            f"Expected head 'gap-dense'. Received {head.get('kind')!r}. Update octtutor."
        )
    features = keras.Input(shape, name="features")
    x = layers.GlobalAveragePooling2D(name="gap")(features)
    x = layers.Dropout(head.get("dropout", 0.0), name="dropout")(x)
    return keras.Model(features, layers.Dense(len(LABELS), name="logits")(x), name="head")
