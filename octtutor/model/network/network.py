"""The two rooms built and joined: backbone to feature map, head to logits."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from octtutor.errors import ModelError
from octtutor.model.network.backbones import build_backbone, settle, stable_variables
from octtutor.model.network.card import Card
from octtutor.model.network.heads import build_head
from octtutor.model.network.imported.layer_steps import IMPORTED, build_rooms, read_steps

GAP_DENSE: dict[str, Any] = {"kind": "gap-dense", "dropout": 0.2}


@dataclass(frozen=True, slots=True)
class Network:
    """A backbone (scan to feature map) and a head (feature map to a logit for each class)."""

    backbone: keras.Model
    head: keras.Model

    def joined(self) -> keras.Model:
        """Return one trainable model from scan to logits, sharing both rooms' weights."""
        return keras.Model(self.backbone.input, self.head(self.backbone.output), name="octtutor")

    def weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """Return every weight by its name in `variables`; float32, but for a few counters."""
        return {
            name: np.asarray(variable.numpy() if hasattr(variable, "numpy") else variable)
            for name, variable in self.variables().items()
        }

    def variables(self) -> dict[str, Any]:
        """Return every Keras variable by `room/layer/variable`, or `room/place.variable`."""
        head = {v.path: v for v in self.head.weights if "seed" not in v.path}
        rooms = {"backbone": stable_variables(self.backbone), "head": head}
        return {f"{room}/{name}": v for room, named in rooms.items() for name, v in named.items()}

    def assign(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Set every weight, or none.

        Args:
            arrays: as `weights` gives them.

        Raises:
            ValueError: a weight is missing, too many, or of another shape.
        """
        variables = self.variables()
        if set(variables) != set(arrays):
            odd = sorted(set(variables) ^ set(arrays))
            raise ValueError(f"{len(odd)} tensors are missing or too many, e.g. {odd[0]}")
        for name, variable in variables.items():
            if tuple(variable.shape) != arrays[name].shape:
                raise ValueError(f"{name} is {arrays[name].shape}, not {tuple(variable.shape)}")
        for name, variable in variables.items():
            variable.assign(arrays[name])
        settle(self.backbone)


def build_network(backbone: str, head: dict[str, Any], size: int, classes: int = 4) -> Network:
    """Build an architecture without weights.

    Args:
        backbone: `lite0`, or a name of keras.applications as it is spelled there.
        head: its kind and settings, as in a card (see `build_head`).
        size: side of the input, pixels.
        classes: how many diagnoses it tells apart.

    Raises:
        ModelError: backbone or head are not known, or the size does not suit the backbone.
    """
    return with_head(build_backbone(backbone, size), head, classes)


def with_head(backbone: keras.Model, head: dict[str, Any], classes: int = 4) -> Network:
    """Give a backbone a new head for so many classes."""
    shape = tuple(backbone.output.shape[1:])
    if len(shape) != 3 or None in shape or 0 in shape:
        raise ModelError(f"Expected a feature map (h, w, c). This backbone gives {shape}.")
    return Network(backbone, build_head(head, shape, classes))


def build_from_card(card: Card) -> Network:
    """Build the architecture that a card describes."""
    name = str(card.backbone.get("name", ""))
    if name == IMPORTED:
        steps = read_steps(card.backbone.get("architecture", ""))
        backbone, head = build_rooms(steps, card.input_size)
        if card.head.get("kind") == IMPORTED:
            return Network(backbone, head)
        return with_head(backbone, card.head, len(card.labels))
    return build_network(name, card.head, card.input_size, len(card.labels))
