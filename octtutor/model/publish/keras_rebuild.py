"""A model of Keras's own layers, built again from its checked config and given its weights."""

import contextlib
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import keras

from octtutor.errors import ModelError
from octtutor.limits import MAX_HDF5_ATTRIBUTE_BYTES, MAX_MODEL_BYTES
from octtutor.model.network.hdf5 import open_hdf5, read_text, saved_layers
from octtutor.model.network.imported.layer_kinds import SILENT, make_layer, refuse_huge
from octtutor.model.network.imported.layer_steps import LayerStep
from octtutor.model.publish.keras_config import ConfigLayer, ConfigModel, read_config

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
Layers = dict[str, keras.layers.Layer]
"""By the way to each: names of models and its own, with `/` between."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A file's model: nested as it was saved, and as a list of steps."""

    config: ConfigModel
    model: keras.Model
    layers: Layers
    steps: tuple[LayerStep, ...]
    ways: tuple[str, ...]
    """Of each step: the way to the layer that has its weights."""


def rebuild(path: Path, size: int | None = None) -> Rebuilt:
    """Read a Keras file of a whole model: its config as data, its weights, and nothing else.

    Args:
        path: `.keras`, or `.h5` of Keras 2 or 3.
        size: side of the input, pixels, where the file leaves that open.

    Raises:
        ModelError: it is no such file, has a layer that is not in the list, or is damaged.
    """
    with _files(path) as (text, weights):
        config = _sized(read_config(text, path.name), size)
        steps: list[tuple[LayerStep, str]] = []
        (end,) = _one(_flatten(config, "", [0], steps), "answer")
        if end != len(steps):
            raise ModelError("Expected a network in which every layer leads to the answer.")
        layers: Layers = {}
        model = _build(config, "", layers, config.shape)
        _freeze(config, "", layers)
        _load(model, weights, path.name)
    return Rebuilt(
        config, model, layers, tuple(step for step, _ in steps), tuple(way for _, way in steps)
    )


@contextlib.contextmanager
def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """Give a model's config, and a file of its weights that nobody changes meanwhile."""
    with tempfile.TemporaryDirectory() as place:
        if zipfile.is_zipfile(path):
            copy = Path(place) / _WEIGHTS
            try:
                with zipfile.ZipFile(path) as archive:
                    for name, most in ((_CONFIG, MAX_HDF5_ATTRIBUTE_BYTES), (_WEIGHTS, None)):
                        if archive.getinfo(name).file_size > (most or MAX_MODEL_BYTES):
                            raise ModelError(f"Expected a smaller {name} in {path.name!r}.")
                    text = archive.read(_CONFIG).decode("utf-8")
                    with archive.open(_WEIGHTS) as member, copy.open("wb") as file:
                        shutil.copyfileobj(member, file)
            except (KeyError, OSError, UnicodeDecodeError, zipfile.BadZipFile) as error:
                raise _no_model(path, str(error)) from error
            with open_hdf5(copy, MAX_MODEL_BYTES):
                pass  # looked through
            yield text, copy
            return
        copy = Path(place) / "copy.h5"
        try:
            shutil.copyfile(path, copy)
        except OSError as error:
            raise _no_model(path, str(error.strerror)) from error
        with open_hdf5(copy, MAX_MODEL_BYTES) as file:
            if "model_config" not in file.attrs:
                raise _no_model(path, "it has weights alone, and no config")
            text = read_text(file, "model_config")
        yield text, copy


def _no_model(path: Path, why: str) -> ModelError:
    return ModelError(
        f"Expected a whole Keras model (.keras, or .h5 of `model.save`). {path.name!r} is none: "
        f"{' '.join(why.split())[:100]}. Save the whole model."
    )


def _sized(config: ConfigModel, size: int | None) -> ConfigModel:
    _one(config.inputs, "input")
    _one(config.outputs, "answer")
    height, width, channels = config.shape or (None, None, 3)
    sides = {side or size for side in (height, width)}
    if len(sides) != 1 or None in sides or channels not in (1, 3):
        raise ModelError(
            f"Expected a network for square pictures of 1 or 3 channels. Received one for "
            f"{config.shape or 'any'}. Give the side with --size where the file leaves it open."
        )
    side = sides.pop()
    if size not in (None, side):
        raise ModelError(f"Expected --size {side}, as the file has it. Received {size}.")
    return replace(config, shape=(side, side, channels))


def _one(many: Sequence[Any], what: str) -> Sequence[Any]:
    if len(many) != 1:
        raise ModelError(
            f"Expected a network with one {what}. Received {len(many)}. octtutor imports "
            "classifiers of one picture."
        )
    return many


def _in_order(model: ConfigModel) -> Iterator[ConfigLayer]:
    """Yield the layers so that each comes after what it takes."""
    known = {""} if model.is_sequential else set(model.inputs)
    waiting = [layer for layer in model.layers if layer.name not in known]
    if len({layer.name for layer in model.layers}) < len(model.layers):
        raise ModelError("Expected layers of different names. Save the model again.")
    while waiting:
        ready = [layer for layer in waiting if layer.takes and set(layer.takes) <= known]
        if not ready:
            raise ModelError(
                f"Expected layers that are connected. Nothing leads to {waiting[0].name[:60]!r}."
            )
        for layer in ready:
            yield layer
            known.add(layer.name)
        done = {layer.name for layer in ready}
        waiting = [layer for layer in waiting if layer.name not in done]


def _flatten(
    model: ConfigModel, way: str, given: Sequence[int], steps: list[tuple[LayerStep, str]]
) -> list[int]:
    """Add a model's layers to a list of steps; return the numbers of those that it gives."""
    numbers = dict(zip(model.inputs, given, strict=True))
    for layer in _in_order(model):
        takes = [numbers[name] for name in layer.takes]
        here = f"{way}{layer.name}"
        if layer.model is not None:
            (numbers[layer.name],) = _one(
                _flatten(layer.model, f"{here}/", takes, steps), "answer of each nested model"
            )
        elif layer.kind in SILENT:
            numbers[layer.name] = takes[0]
        else:
            steps.append((LayerStep(layer.kind, layer.settings, tuple(takes)), here))
            numbers[layer.name] = len(steps)
    return [numbers[name] for name in model.outputs]


def _build(model: ConfigModel, way: str, made: Layers, shape: Sequence[int | None]) -> keras.Model:
    """Build a model with the names and the nesting that the file has."""
    entry = keras.Input(tuple(shape), name=None if model.is_sequential else model.inputs[0])
    tensors: dict[str, Any] = {model.inputs[0]: entry}
    for layer in _in_order(model):
        given = [tensors[name] for name in layer.takes]
        here = f"{way}{layer.name}"
        made[here] = _make(layer, here, made, given)
        try:
            tensors[layer.name] = made[here](given[0] if len(given) == 1 else given)
        except (ValueError, TypeError) as error:
            raise ModelError(
                f"Expected layers that fit each other. {layer.name[:60]!r} does not fit what it "
                f"is given ({' '.join(str(error).split())[:120]}). Save the model again."
            ) from error
    if model.is_sequential:
        chain = [made[f"{way}{layer.name}"] for layer in model.layers]
        return keras.Sequential([entry, *chain], name=model.name)
    return keras.Model(entry, tensors[model.outputs[0]], name=model.name)


def _make(layer: ConfigLayer, way: str, made: Layers, given: Sequence[Any]) -> keras.layers.Layer:
    if layer.model is not None:
        _one(layer.model.inputs, "input of each nested model")
        return _build(layer.model, f"{way}/", made, given[0].shape[1:])
    if layer.kind in SILENT:
        return keras.layers.Identity(name=layer.name)
    refuse_huge(layer.kind, layer.settings, given[0].shape[-1])
    return make_layer(layer.kind, layer.settings, layer.name)


def _freeze(model: ConfigModel, way: str, made: Layers) -> None:
    """Make trainable what the file says is: HDF5 has the weights in an order that goes by it."""
    for layer in model.layers:
        here = made.get(f"{way}{layer.name}")
        if layer.model is not None:
            _freeze(layer.model, f"{way}{layer.name}/", made)
        if here is not None and not layer.trainable:
            here.trainable = False


def _load(model: keras.Model, weights: Path, name: str) -> None:
    try:
        if weights.name != _WEIGHTS:
            with open_hdf5(weights, MAX_MODEL_BYTES) as file:
                _check_names(model, file, name)
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras only warns of what it misses
            model.load_weights(weights)
    except (ValueError, KeyError, TypeError, OSError, UserWarning) as error:
        raise ModelError(
            f"Expected the weights of its own layers in {name!r}. They do not fit "
            f"({' '.join(str(error).split())[:120]}). Save the model again."
        ) from error


def _check_names(model: keras.Model, file: h5py.File, name: str) -> None:
    """Refuse weights whose names tell that they come in another order than they are read in."""
    ours = [_legacy(layer) for layer in model.layers]
    theirs = [weights for _, weights in saved_layers(file) if weights]
    for variables, datasets in zip([own for own in ours if own], theirs, strict=False):
        for variable, dataset in zip(variables, datasets, strict=False):
            (own, kind), said = variable.path.split("/")[-2:], dataset.name.split("/")[-2:]
            told = said[1].partition(":")[0].removeprefix("depthwise_")
            if told != kind.removeprefix("depthwise_") or said[0] not in (own, *_groups(file)):
                raise ModelError(
                    f"Expected weights in the order of the layers in {name!r}. Received "
                    f"{'/'.join(said)[:80]} for {own[:40]}/{kind}. Save the model as .keras."
                )


def _groups(file: h5py.File) -> Mapping[str, Any]:
    found: Mapping[str, Any] = file.get("model_weights", file)
    return found


def _legacy(layer: keras.layers.Layer) -> list[Any]:
    return [*layer.trainable_weights, *layer.non_trainable_weights]
