"""Which of Keras's layers an imported network may have, and what their settings may be.

A layer is made of what is written here and of nothing else: its kind is looked up by name in this
list, each setting is checked, and what only matters to training is left out.
"""

from collections.abc import Callable, Mapping
from typing import Any

import keras

from octtutor.errors import ModelError

Check = Callable[[Any], Any]
"""Returns the setting as it is kept; raises ValueError, TypeError or KeyError where it is none."""
_MOST = 16_384
_ACTIVATIONS = (
    "linear", "relu", "relu6", "elu", "selu", "gelu", "silu", "swish", "sigmoid", "tanh",
    "softmax", "softplus", "softsign", "hard_sigmoid", "hard_silu", "hard_swish", "leaky_relu",
    "mish", "exponential",
)  # fmt: skip


def _whole(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= _MOST:
        raise ValueError(f"a whole number from 1 to {_MOST}")
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not abs(value) < 1e6:
        raise ValueError("a number")
    return float(value)


def _numbers(value: Any) -> float | list[float]:
    if isinstance(value, list) and 0 < len(value) <= 4:
        return [_number(one) for one in value]
    return _number(value)


def _no_or(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError("true or false")
    return value


def _pair(value: Any) -> list[int]:
    both = [value, value] if type(value) is int else value
    if not isinstance(both, list) or len(both) != 2 or not all(1 <= _whole(n) <= 64 for n in both):
        raise ValueError("two whole numbers from 1 to 64")
    return both


def _borders(value: Any) -> list[list[int]]:
    rows = value if isinstance(value, list) else [value, value]
    found = [row if isinstance(row, list) else [row, row] for row in rows]
    flat = [n for row in found for n in row]
    if len(found) != 2 or len(flat) != 4 or not all(type(n) is int and 0 <= n <= 64 for n in flat):
        raise ValueError("two pairs of whole numbers from 0 to 64")
    return found


def _padding(value: Any) -> str:
    if value not in ("same", "valid"):
        raise ValueError("'same' or 'valid'")
    return str(value)


def _last(value: Any) -> int:
    """Return the axis of the channels, which is the last one of a picture."""
    axis = value[0] if isinstance(value, list) and len(value) == 1 else value
    if axis not in (-1, 3):
        raise ValueError("the last axis")
    return -1


def _shape(value: Any) -> list[int]:
    if not isinstance(value, list) or not 1 <= len(value) <= 3:
        raise ValueError("one to three whole numbers")
    return [n if n == -1 else _whole(n) for n in value]


def _activation(value: Any) -> str:
    if isinstance(value, dict):  # as Keras 3 may write it
        value = value.get("config") if value.get("class_name") == "function" else None
    if value is None:
        return "linear"
    if value not in _ACTIVATIONS:
        raise ValueError(f"one of {', '.join(_ACTIVATIONS)}")
    return str(value)


_WINDOW: Mapping[str, Check] = {"pool_size": _pair, "strides": _no_or(_pair), "padding": _padding}
_CONV: Mapping[str, Check] = {
    "kernel_size": _pair,
    "strides": _pair,
    "padding": _padding,
    "dilation_rate": _pair,
    "activation": _activation,
    "use_bias": _flag,
}
_NORM: Mapping[str, Check] = {
    "axis": _last,
    "epsilon": _number,
    "center": _flag,
    "scale": _flag,
}
_CHANNELS: Mapping[str, Check] = {"keepdims": _flag}
KINDS: dict[str, Mapping[str, Check]] = {
    "Conv2D": {**_CONV, "filters": _whole, "groups": _whole},
    "DepthwiseConv2D": {**_CONV, "depth_multiplier": _whole},
    "SeparableConv2D": {**_CONV, "filters": _whole, "depth_multiplier": _whole},
    "Dense": {"units": _whole, "activation": _activation, "use_bias": _flag},
    "BatchNormalization": _NORM,
    "LayerNormalization": _NORM,
    "Normalization": {"axis": _last, "mean": _no_or(_numbers), "variance": _no_or(_numbers)},
    "Rescaling": {"scale": _numbers, "offset": _numbers},
    "Activation": {"activation": _activation},
    "ReLU": {"max_value": _no_or(_number), "negative_slope": _number, "threshold": _number},
    "LeakyReLU": {"negative_slope": _number, "alpha": _number},
    "ELU": {"alpha": _number},
    "Softmax": {"axis": _last},
    "ZeroPadding2D": {"padding": _borders},
    "Cropping2D": {"cropping": _borders},
    "MaxPooling2D": _WINDOW,
    "AveragePooling2D": _WINDOW,
    "GlobalAveragePooling2D": _CHANNELS,
    "GlobalMaxPooling2D": _CHANNELS,
    "Flatten": {},
    "Reshape": {"target_shape": _shape},
    "Add": {},
    "Multiply": {},
    "Average": {},
    "Maximum": {},
    "Concatenate": {"axis": _last},
}
"""The settings of each kind that decide what it computes."""
SILENT = frozenset(
    {
        "Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise",
        "ActivityRegularization", "Identity", "RandomFlip", "RandomRotation", "RandomZoom",
        "RandomTranslation", "RandomContrast", "RandomBrightness",
    }
)  # fmt: skip
"""Layers that do nothing to an answer, only while a network learns."""
_ASIDE = frozenset(
    {
        "name", "trainable", "dtype", "batch_input_shape", "batch_shape", "input_shape", "momentum",
        "kernel_initializer", "bias_initializer", "beta_initializer", "gamma_initializer",
        "depthwise_initializer", "pointwise_initializer", "moving_mean_initializer",
        "moving_variance_initializer", "kernel_regularizer", "bias_regularizer",
        "beta_regularizer", "gamma_regularizer", "depthwise_regularizer", "pointwise_regularizer",
        "activity_regularizer", "kernel_constraint", "bias_constraint", "beta_constraint",
        "gamma_constraint", "depthwise_constraint", "pointwise_constraint", "synchronized",
        "renorm_momentum", "fused",
    }
)  # fmt: skip
"""Settings that decide nothing of an answer."""
_LARGEST = 400_000_000
"""Numbers that one layer may learn."""


def check_settings(kind: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what decides a layer's answer, of its settings.

    Args:
        kind: the name of its class.
        given: its settings, as Keras or `LayerStep` has them.

    Raises:
        ModelError: the kind is not in the list, or a setting is not what it may be.
    """
    if kind not in KINDS:
        raise ModelError(
            f"Expected layers of Keras's own that are known here. Received a {str(kind)[:60]} "
            "layer; octtutor runs no code of others, and imports what docs/library.md lists."
        )
    known, kept = KINDS[kind], {}
    for key, value in given.items():
        if key == "data_format":
            if value not in (None, "channels_last"):
                raise _odd(kind, key, value, "'channels_last'")
        elif key in known:
            try:
                kept[key] = known[key](value)
            except (ValueError, TypeError, KeyError) as error:
                raise _odd(kind, key, value, str(error)) from error
        elif key not in _ASIDE and value not in (None, False):
            raise _odd(kind, key, value, "no such setting")
    return kept


def make_layer(kind: str, settings: Mapping[str, Any], name: str) -> keras.layers.Layer:
    """Make a layer of settings that were checked (see `check_settings`).

    Raises:
        ModelError: they do not go together.
    """
    plain = dict(settings)
    if "alpha" in plain and kind == "LeakyReLU":  # as Keras 2 called it
        plain["negative_slope"] = plain.pop("alpha")
    try:
        return getattr(keras.layers, kind)(**plain, name=name)
    except (ValueError, TypeError) as error:
        raise ModelError(
            f"Expected a {kind} layer as Keras makes it. It cannot be made of {plain} "
            f"({' '.join(str(error).split())[:120]}). Save the model again."
        ) from error


def refuse_huge(kind: str, settings: Mapping[str, Any], channels: int | None) -> None:
    """Refuse a layer that would learn more numbers than any network's, before any is made.

    Raises:
        ModelError: it would.
    """
    sides = settings.get("kernel_size", [1, 1])
    wide = settings.get("units") or settings.get("filters") or settings.get("depth_multiplier", 1)
    if (channels or 1) * sides[0] * sides[1] * wide > _LARGEST:
        raise ModelError(
            f"Expected layers of at most {_LARGEST:,} numbers. A {kind} layer has more. Use a "
            "smaller network."
        )


def _odd(kind: str, key: str, value: Any, expected: str) -> ModelError:
    return ModelError(
        f"Expected {expected} for {key[:40]!r} of a {kind} layer. Received {str(value)[:60]!r}: "
        "octtutor cannot import it. Save the model without that."
    )
