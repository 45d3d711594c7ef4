"""The architectures that turn a scan into a feature map: our own, and all of keras.applications.

A new one of our own is a file with its `Architecture` and a line in `OWN`.
"""

import difflib
import hashlib
import inspect
import re
import sys
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from octtutor.errors import ModelError
from octtutor.model.network.architecture import Architecture
from octtutor.model.network.lite0 import LITE0
from octtutor.model.network.preprocess import SCALINGS, Preprocessing

OWN: dict[str, Architecture] = {
    LITE0.name: LITE0,
}
LARGEST = 1024
_SIZES = {"InceptionV3": 299, "InceptionResNetV2": 299, "Xception": 299, "NASNetLarge": 331}


def known_backbones() -> tuple[str, ...]:
    """Return the names of all backbones, our own first, as keras.applications spells them."""
    return (*OWN, *sorted(_functions()))


def resolve_backbone(name: str) -> str:
    """Return a backbone's name as it is spelled, from any sensible spelling of it.

    Args:
        name: e.g. `InceptionV3`, `inception_v3`, `mobilenet-v2`.

    Raises:
        ModelError: there is no such backbone.
    """
    plain = {_plain(known): known for known in known_backbones()}
    if _plain(name) in plain:
        return plain[_plain(name)]
    near = difflib.get_close_matches(_plain(name), list(plain), n=3, cutoff=0.5)
    meant = ", ".join(plain[match] for match in near) or ", ".join(known_backbones())
    raise _unknown(name, f"Try: {meant}.")


def default_size(name: str) -> int:
    """Return the side, pixels, of the scans that a backbone's ImageNet weights were made for."""
    return OWN[name].size if name in OWN else _SIZES.get(name, 224)


def own_preprocessing(name: str, size: int | None = None) -> Preprocessing:
    """Return what a backbone's ImageNet weights expect.

    Args:
        name: as `resolve_backbone` gives it.
        size: side of the input, pixels; the published one by default.
    """
    return Preprocessing(size or default_size(name), _scaling(name))


def build_backbone(name: str, size: int) -> keras.Model:
    """Build an architecture with random weights.

    Args:
        name: as `resolve_backbone` gives it.
        size: side of the input, pixels.

    Returns:
        A model from float32 (n, size, size, 3) to a feature map float32 (n, h, w, c).

    Raises:
        ModelError: the name is not known, or the size does not suit it.
    """
    own = OWN.get(name)
    step = own.step if own else 1
    if not 32 <= size <= LARGEST or size % step:
        steps = f" in steps of {step}" if step > 1 else ""
        raise ModelError(f"Expected an input size of 32 to {LARGEST}{steps}. Received {size}.")
    if own:
        return own.build(size)
    if name not in _functions():
        raise _unknown(name, "Update octtutor, or keras.")
    try:
        return call_application(name, size, None)
    except ValueError as error:
        least = re.search(r"at least (\d+)", str(error))
        needed = f"at least {least.group(1)} px" if least else "a larger size"
        raise ModelError(f"Expected {needed} for {name}. Received {size} px.") from error


def call_application(name: str, size: int, weights: str | None) -> keras.Model:
    """Build a network of keras.applications without its top; see Keras for what it raises."""
    return _functions()[name](include_top=False, weights=weights, input_shape=(size, size, 3))


def stable_variables(backbone: keras.Model) -> dict[str, Any]:
    """Return every variable of a backbone by a name that is the same in every process.

    Keras numbers the layers of keras.applications by what was built before in the process
    (`conv2d_94`); their order is always the same, so there the place stands for the layer.
    """
    variables = [v for v in backbone.weights if "seed" not in v.path]
    if backbone.name in OWN:
        return {v.path: v for v in variables}
    return {f"{i:04d}.{re.sub(r'_[0-9]+$', '', v.name)}": v for i, v in enumerate(variables)}


def settle(backbone: keras.Model) -> None:
    """Let layers that keep copies of their weights take the new ones; after every assignment."""
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


def fingerprint(name: str, backbone: keras.Model) -> str:
    """Return the SHA-256, hex, of a backbone's architecture and weights."""
    digest = hashlib.sha256(f"{name} {backbone.input_shape} {backbone.output_shape}".encode())
    for path, variable in stable_variables(backbone).items():
        array = np.ascontiguousarray(keras.ops.convert_to_numpy(variable))
        digest.update(f"{path} {array.shape} {array.dtype}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _functions() -> dict[str, Callable[..., keras.Model]]:
    found = inspect.getmembers(keras.applications, inspect.isfunction)
    return {n: f for n, f in found if "include_top" in inspect.signature(f).parameters}


def _unknown(name: str, what_to_do: str) -> ModelError:
    own = ", ".join(map(repr, OWN))
    return ModelError(
        f"Expected backbone {own} or a name of keras.applications. Received {name[:60]!r}. "
        f"{what_to_do}"
    )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _scaling(name: str) -> str:
    if name in OWN:
        return OWN[name].scaling
    # Keras says it in code only: ask its function what becomes of the grey values 0, 100, 255
    greys = np.array([0, 100, 255], np.uint8)
    ask = sys.modules[_functions()[name].__module__].preprocess_input
    said = np.asarray(ask(np.repeat(greys[:, None], 3, 1).reshape(1, 1, 3, 3).astype("float32")))
    for scaling in SCALINGS:
        ours = Preprocessing(1, scaling).to_input(greys.reshape(1, 1, 3))
        if np.allclose(ours, said, atol=1e-3):
            return scaling
    raise ModelError(f"Expected a known scaling for {name}. keras.applications has a new one.")
