"""Keras layers to steps. A new one is a function and a line in `LAYERS`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from octtutor.model.graph.graph_steps import (
    CannotConvertError,
    GraphStep,
    Linear,
    add,
    clamp,
    dense,
    flatten,
    pool_all,
    same,
    shift,
    zero_pad,
)

Arrays = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Placed:
    """A step, and the tensors of Keras (by `id`) that it joins."""

    step: GraphStep
    entries: tuple[int, ...]
    leaves: int


def translate(model: keras.Model) -> list[Placed]:
    """Translate a model, in the order in which it computes.

    Raises:
        CannotConvertError: a layer, or a setting of one, has no step.
    """
    uses: dict[int, int] = {}
    for layer in model.operations:
        for entry in _entries(layer):
            uses[entry] = uses.get(entry, 0) + 1
    found: dict[int, tuple[Linear | GraphStep, tuple[int, ...]]] = {}
    for layer in model.operations:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        entries, leaves = _entries(layer), id(layer.output)
        before, _ = found.get(entries[0], (None, ()))
        if _is_norm(layer) and isinstance(before, Linear) and uses[entries[0]] == 1:
            _, entries = found.pop(entries[0])
            found[leaves] = (before.scaled(*_norm(layer)), entries)
        else:
            found[leaves] = (_translate(layer), entries)
    return [
        Placed(made.step() if isinstance(made, Linear) else made, entries, leaves)
        for leaves, (made, entries) in found.items()
    ]


def _entries(layer: Any) -> tuple[int, ...]:
    if isinstance(layer, keras.layers.InputLayer):
        return ()
    return tuple(id(tensor) for tensor in keras.tree.flatten(layer.input))


def _translate(layer: Any) -> Linear | GraphStep:
    kind = type(layer).__name__
    if kind not in LAYERS:
        raise CannotConvertError(
            f"Expected layers of {', '.join(LAYERS)}. {layer.name!r} is a {kind}: this network is "
            "served by Keras."
        )
    return LAYERS[kind](layer)


def _only(layer: Any, **usual: Any) -> None:
    """Refuse settings that the steps do not heed."""
    for name, value in usual.items():
        found = getattr(layer, name)
        if found != value:
            raise CannotConvertError(
                f"Expected {name}={value!r} in {layer.name!r}. Received {found!r}: this network "
                "is served by Keras."
            )


def _conv(layer: Any) -> Linear:
    _only(layer, groups=1, dilation_rate=(1, 1), data_format="channels_last")
    kernel = _array(layer.kernel).transpose(3, 2, 0, 1)
    return _linear(layer, kernel)


def _depthwise(layer: Any) -> Linear:
    _only(layer, depth_multiplier=1, dilation_rate=(1, 1), data_format="channels_last")
    kernel = _array(layer.kernel).transpose(2, 3, 0, 1)[:, None]
    return _linear(layer, kernel)


def _linear(layer: Any, kernel: Arrays) -> Linear:
    _only(layer, activation=keras.activations.linear)
    sides = tuple(layer.input.shape[1:3])
    bias = _array(layer.bias) if layer.use_bias else np.zeros(len(kernel), np.float32)
    stride = tuple(layer.strides)
    if layer.padding == "valid":
        pads: Any = ((0, 0), (0, 0))
    else:
        axes = zip(sides, kernel.shape[-2:], stride, strict=True)
        pads = tuple(_same_pads(*axis) for axis in axes)
    return Linear(np.ascontiguousarray(kernel), bias, stride, pads, sides)


def _same_pads(side: int, size: int, stride: int) -> tuple[int, int]:
    total = max((-(-side // stride) - 1) * stride + size - side, 0)
    return total // 2, total - total // 2


def _is_norm(layer: Any) -> bool:
    return isinstance(layer, keras.layers.BatchNormalization)


def _norm(layer: Any) -> tuple[Arrays, Arrays]:
    """Return what a batch normalisation multiplies by, and what it adds."""
    scale = 1 / np.sqrt(_array(layer.moving_variance).astype(np.float64) + layer.epsilon)
    if layer.scale:
        scale = scale * _array(layer.gamma)
    added = -_array(layer.moving_mean) * scale
    if layer.center:
        added = added + _array(layer.beta)
    return np.asarray(scale, np.float32), np.asarray(added, np.float32)


def _relu(layer: Any) -> GraphStep:
    _only(layer, negative_slope=0.0, threshold=0.0)
    return clamp(layer.max_value)


def _dense(layer: Any) -> GraphStep:
    relu = layer.activation == keras.activations.relu
    if not relu:
        _only(layer, activation=keras.activations.linear)
    return dense(_array(layer.kernel), _array(layer.bias), relu)


def _zero_pad(layer: Any) -> GraphStep:
    return zero_pad(layer.padding, tuple(layer.input.shape[1:3]))


LAYERS: dict[str, Callable[[Any], Linear | GraphStep]] = {
    "Conv2D": _conv,
    "DepthwiseConv2D": _depthwise,
    "BatchNormalization": lambda layer: shift(*_norm(layer)),
    "ReLU": _relu,
    "Add": lambda layer: add(),
    "ZeroPadding2D": _zero_pad,
    "Dropout": lambda layer: same(),
    "GlobalAveragePooling2D": lambda layer: pool_all(tuple(layer.input.shape[1:3])),
    "Flatten": lambda layer: flatten(tuple(layer.input.shape[1:])),
    "Dense": _dense,
}


def _array(variable: Any) -> Arrays:
    return np.asarray(keras.ops.convert_to_numpy(variable), np.float32)
