"""The config that Keras writes of a model, read as data: layers, what each takes, nested models."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from octtutor.errors import ModelError
from octtutor.model.network.imported.layer_kinds import SILENT, check_settings

_MODELS = ("Functional", "Model", "Sequential")
_DEEPEST, _MOST = 8, 2_000


@dataclass(frozen=True, slots=True)
class ConfigLayer:
    """A layer of a config."""

    name: str
    kind: str
    """The name of its class; `InputLayer` for an input, as `SILENT` names those left out."""
    settings: dict[str, Any]
    """Checked, of layers that compute something."""
    takes: tuple[str, ...]
    """Names of layers of the same model."""
    trainable: bool
    model: "ConfigModel | None" = None
    """The model that it is, where it is one."""


@dataclass(frozen=True, slots=True)
class ConfigModel:
    """A model of a config: its layers in the file's order."""

    name: str
    is_sequential: bool
    layers: tuple[ConfigLayer, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    shape: tuple[int | None, ...]
    """Of its input: (height, width, channels); empty where nothing tells it."""


def read_config(text: str, file: str) -> ConfigModel:
    """Read a model's config, and check each layer against the list.

    Args:
        text: JSON, as Keras writes it.
        file: what messages call it.

    Raises:
        ModelError: it cannot be read, or a layer or a connexion is not known here.
    """
    try:
        raw = json.loads(text)
        kind = raw["class_name"]
        if kind not in _MODELS:
            raise _code(kind)
        return _read_model(kind, raw["config"], 0)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"Expected a model's config as Keras writes it in {file!r}. It cannot be read "
            f"({type(error).__name__}: {str(error)[:80]}). Save the model again with `model.save`."
        ) from error


def _read_model(kind: str, config: Mapping[str, Any], depth: int) -> ConfigModel:
    rows = config["layers"]
    if depth > _DEEPEST or len(rows) > _MOST:
        raise ModelError("Expected a network of fewer layers, less deeply nested. Import another.")
    if kind == "Sequential":
        return _read_sequential(config, depth)
    layers = tuple(_read_layer(row, tuple(_takes(row)), depth) for row in rows)
    shape = next((_shape_of(row) for row in rows if row["class_name"] == "InputLayer"), ())
    inputs, outputs = (_names(config[key]) for key in ("input_layers", "output_layers"))
    return ConfigModel(str(config["name"]), False, layers, inputs, outputs, shape)


def _read_sequential(config: Mapping[str, Any], depth: int) -> ConfigModel:
    layers: list[ConfigLayer] = []
    shape: tuple[int | None, ...] = ()
    for row in config["layers"]:
        shape = shape or _shape_of(row)
        if row["class_name"] != "InputLayer":
            before = (layers[-1].name,) if layers else ("",)
            layers.append(_read_layer(row, before, depth))
    name = str(config.get("name", "sequential"))
    shape = shape or _tail(config.get("build_input_shape"))
    if not shape and layers and layers[0].model:
        shape = layers[0].model.shape
    return ConfigModel(name, True, tuple(layers), ("",), (layers[-1].name,), shape)


def _read_layer(row: Mapping[str, Any], takes: tuple[str, ...], depth: int) -> ConfigLayer:
    kind, config = row["class_name"], row["config"]
    called = row.get("registered_name") or kind
    if called != kind or not _is_keras(row.get("module")):
        raise _code(called)
    name = str(row.get("name") or config["name"])
    trainable = config.get("trainable", True) is not False
    if kind in _MODELS:
        inner = _read_model(kind, config, depth + 1)
        return ConfigLayer(name, kind, {}, takes, trainable, inner)
    if kind == "InputLayer" or kind in SILENT:
        return ConfigLayer(name, kind, {}, takes, trainable)
    return ConfigLayer(name, kind, check_settings(kind, config), takes, trainable)


def _is_keras(module: Any) -> bool:
    return module is None or str(module).partition(".")[0] == "keras"


def _takes(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a layer takes; Keras 2 and 3 write it each in their own way."""
    nodes = row["inbound_nodes"]
    if len(nodes) > 1:
        raise ModelError(
            f"Expected each layer once. {str(row.get('name'))[:60]!r} is used {len(nodes)} times. "
            "octtutor cannot import shared layers."
        )
    for node in nodes:
        if isinstance(node, dict):
            extra = {k: v for k, v in node.get("kwargs", {}).items() if k not in _PLAIN}
            if any(value is not None for value in extra.values()):
                raise _called(row, extra)
            yield from _histories(node["args"], row)
        else:
            for one in node:
                if len(one) > 3 and any(value is not None for value in one[3].values()):
                    raise _called(row, one[3])
                yield str(one[0])


_PLAIN = ("training", "mask")


def _histories(value: Any, row: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _histories(one, row)
    elif isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        name, _, place = value["config"]["keras_history"]
        if place != 0:
            raise _called(row, {"output": place})
        yield str(name)
    else:
        raise _called(row, {"argument": value})


def _called(row: Mapping[str, Any], extra: Any) -> ModelError:
    return ModelError(
        f"Expected layers that take other layers' output alone. {str(row.get('name'))[:60]!r} "
        f"takes {str(extra)[:60]}. octtutor cannot import that."
    )


def _names(value: Any) -> tuple[str, ...]:
    """Return the names of inputs or outputs: one, or a list of them."""
    many = value if value and isinstance(value[0], list) else [value]
    return tuple(str(one[0]) for one in many)


def _shape_of(row: Mapping[str, Any]) -> tuple[int | None, ...]:
    config = row["config"]
    return _tail(config.get("batch_shape") or config.get("batch_input_shape"))


def _tail(shape: Any) -> tuple[int | None, ...]:
    return tuple(shape[1:]) if isinstance(shape, list) and len(shape) == 4 else ()


def _code(kind: Any) -> ModelError:
    return ModelError(
        f"Expected a model of Keras's own layers. Received {str(kind)[:60]!r}, which is code of "
        "its own; octtutor runs none. Build it of Keras's layers and save it again."
    )
