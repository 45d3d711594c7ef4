"""The room from feature map to logits: pooled and dense, or the article's follow-up's."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers

from octtutor.errors import ModelError

GAP, CONV = "gap-dense", "conv-flatten"
CONV_FLATTEN: dict[str, Any] = {"kind": CONV, "filters": 64, "dropout": 0.5}
"""The follow-up's head: 147,652 parameters on 8×8×2048."""
_WIDEST = 8192


def build_head(head: Mapping[str, Any], shape: tuple[int, ...], classes: int = 4) -> keras.Model:
    """Build a head with random weights.

    Args:
        head: its kind and settings, as in a card. `{"kind": "gap-dense", "hidden": 64,
            "dropout": 0.2}`: global average pooling, optionally a hidden layer of ReLUs,
            dropout, dense. `{"kind": "conv-flatten", "filters": 64, "dropout": 0.5}`: 1×1
            convolution without bias, batch normalisation without scale, ReLU, dropout,
            flatten, dense.
        shape: of the feature map, (h, w, c).
        classes: how many diagnoses it tells apart.

    Returns:
        A model from float32 (n, h, w, c) to logits float32 (n, classes).

    Raises:
        ModelError: the kind is not known, or a setting is out of bounds.
    """
    build = {GAP: _gap_dense, CONV: _conv_flatten}.get(str(head.get("kind")))
    if build is None:
        raise ModelError(
            f"Expected head '{GAP}' or '{CONV}'. Received {head.get('kind')!r}. Update octtutor."
        )
    features = keras.Input(shape, name="features")
    x = build(features, head)
    return keras.Model(features, layers.Dense(classes, name="logits")(x), name="head")


def pools_first(head: Mapping[str, Any]) -> bool:
    """Whether the head begins by averaging the feature map, so that the average is enough."""
    return head.get("kind") == GAP


def _gap_dense(features: keras.KerasTensor, head: Mapping[str, Any]) -> keras.KerasTensor:
    x = layers.GlobalAveragePooling2D(name="gap")(features)
    if head.get("hidden"):
        x = layers.Dense(_width(head, "hidden"), activation="relu", name="hidden")(x)
    return layers.Dropout(head.get("dropout", 0.0), name="dropout")(x)


def _conv_flatten(features: keras.KerasTensor, head: Mapping[str, Any]) -> keras.KerasTensor:
    x = layers.Conv2D(_width(head, "filters", 64), 1, use_bias=False, name="conv")(features)
    x = layers.BatchNormalization(scale=False, epsilon=1e-3, momentum=0.99, name="norm")(x)
    x = layers.ReLU(name="relu")(x)
    x = layers.Dropout(head.get("dropout", 0.0), name="dropout")(x)
    return layers.Flatten(name="flatten")(x)


def _width(head: Mapping[str, Any], key: str, usual: int | None = None) -> int:
    width = head.get(key, usual)
    if type(width) is not int or not 1 <= width <= _WIDEST:
        raise ModelError(f"Expected 1 to {_WIDEST} for the head's {key!r}. Received {width!r}.")
    return width
