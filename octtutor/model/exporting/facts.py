"""What an export says of itself: labels, preprocessing, and how to compose an answer and a map.

The same JSON is in every format; `ExportedEngine` needs nothing else, and neither does a page.
"""

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from octtutor.errors import ModelError
from octtutor.model.network.card import Card
from octtutor.model.network.preprocess import SCALINGS, Preprocessing

if TYPE_CHECKING:
    from octtutor.model.network.network import Network

KEY = "octtutor"
"""The metadata's key, wherever a format has keys."""
FACTS, LABELS_FILE = "octtutor.json", "labels.txt"
"""The metadata's files, wherever a format has files."""
SCAN, FEATURES, LOGITS = "scan", "features", "logits"
_FORMAT = "octtutor-export-1"
Floats = npt.NDArray[np.float32]
Dense = tuple[Floats, Floats]
"""Kernel (in, out) and bias (out,) of a dense layer."""


def describe(card: Card, network: "Network", quantised: str) -> dict[str, Any]:
    """Return what an export says of itself, ready for JSON."""
    how = Preprocessing.read(card.preprocessing, card.input_size)
    both = " + logits(mirror image)) / 2" if card.flip_average else ")"
    return {
        "format": _FORMAT,
        "name": card.name,
        "purpose": card.purpose,
        "labels": list(card.labels),
        "scheme": {"name": card.scheme.name, "version": card.scheme.version},
        "input": {"name": SCAN, "dtype": "float32", "shape": _shape(network.backbone.input)},
        "outputs": {
            FEATURES: {"dtype": "float32", "shape": _shape(network.backbone.output)},
            LOGITS: {"dtype": "float32", "shape": [None, len(card.labels)]},
        },
        "preprocessing": {**how.as_facts(), "size": how.size, **_scaling(how), **_divide(how)},
        "flip_average": card.flip_average,
        "temperature": card.temperature,
        "answer": f"softmax((logits(scan){both} / temperature)",
        "head": {"kind": card.head.get("kind"), "layers": _dense_layers(card, network)},
        "map": "Grad-CAM for a class: max(0, sum over the channels of features x weight), where "
        "the weights are the gradient of the class's logit through the head's dense layers "
        "(ReLU between them), which take the features' mean over the map, divided by h x w",
        "quantised": quantised,
        "weights_sha256": card.weights_sha256,
        "program_version": card.program_version,
    }


def read_layers(facts: Mapping[str, Any]) -> list[Dense] | None:
    """Return the head's dense layers, or None where the head is of another kind."""
    layers = facts["head"]["layers"]
    return (
        None if layers is None else [(_array(one["kernel"]), _array(one["bias"])) for one in layers]
    )


def check_facts(facts: Any, name: str) -> dict[str, Any]:
    """Refuse metadata that is not of an export of this program.

    Raises:
        ModelError: it is not.
    """
    if not isinstance(facts, dict) or facts.get("format") != _FORMAT:
        raise ModelError(
            f"Expected a network exported by `octtutor models export`. {name!r} has no such "
            "metadata. Export it again."
        )
    return facts


def labels_text(facts: Mapping[str, Any]) -> str:
    """Return the labels, one a line, as field tools read them."""
    return "".join(f"{label}\n" for label in facts["labels"])


def _shape(tensor: Any) -> list[int | None]:
    return [None if side is None else int(side) for side in tensor.shape]


def _scaling(how: Preprocessing) -> dict[str, Any]:
    less, by, each, _ = SCALINGS[how.scaling]
    return {
        "mean": list(less),
        "scale": [by * one for one in each],
        "input": "(grey - mean) / scale",
    }


def _divide(how: Preprocessing) -> dict[str, str]:
    """Say which steps of the second way a page does by itself, and which are left to octtutor."""
    if how.frame is None:
        return {}
    return {
        "in_a_page": "border lines replaced; white or black fill cut off or painted; the retina "
        "found; spacing as the file tells, by the picture's size, or by the retina; the frame "
        "(examples/web/src/frame.js, docs/preparation.md)",
        "in_octtutor_only": "device palettes undone; marks painted over; panels parted; a "
        "surround cut off; photographs, and inverted, sideways and upside-down scans, righted: a "
        "page expects one whole grey scan that lies upright, bright on dark",
    }


def _dense_layers(card: Card, network: "Network") -> list[dict[str, Any]] | None:
    from octtutor.model.network.heads import pools_first

    if not pools_first(card.head):
        return None
    arrays = network.weights()
    names = [name.rsplit("/", 1)[0] for name in arrays if name.startswith("head/")]
    return [
        {part: _text(arrays[f"{layer}/{part}"]) for part in ("kernel", "bias")}
        for layer in dict.fromkeys(names)
    ]


def _text(array: Floats) -> dict[str, Any]:
    data = np.ascontiguousarray(array, "<f4").tobytes()
    return {"shape": list(array.shape), "float32": base64.b64encode(data).decode("ascii")}


def _array(text: Mapping[str, Any]) -> Floats:
    data = np.frombuffer(base64.b64decode(text["float32"]), "<f4")
    return np.asarray(data.reshape(text["shape"]), np.float32)
