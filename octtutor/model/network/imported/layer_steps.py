"""An imported network as a list of steps, one a layer, and its two rooms made of them.

The list is JSON in the card (`backbone.architecture`); it is checked whenever it is read.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import keras
from pydantic import TypeAdapter, ValidationError

from octtutor.core.validation import explain
from octtutor.errors import ModelError
from octtutor.model.network.imported.layer_kinds import check_settings, make_layer, refuse_huge

IMPORTED = "imported"
"""The name of the backbone and the kind of the head, in a card."""
MOST_STEPS = 2_000
_CONVOLUTIONS = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D")
_AFTER = (
    "BatchNormalization", "LayerNormalization", "Activation", "ReLU", "LeakyReLU", "ELU", "Add",
    "Multiply", "Average", "Maximum", "Concatenate", *_CONVOLUTIONS,
)  # fmt: skip
"""What may follow the last convolution and still belongs to its picture."""


@dataclass(frozen=True, slots=True)
class LayerStep:
    """A layer, and where its input comes from."""

    kind: str
    settings: dict[str, Any]
    takes: tuple[int, ...]
    """Numbers of steps, from 1; 0 is the scan."""


@dataclass(frozen=True, slots=True)
class LayerSteps:
    """A network from scan to logits, and where it is cut into two rooms."""

    steps: tuple[LayerStep, ...]
    cut: int
    """The number of the last step of the backbone."""

    def to_json(self) -> str:
        """Return it as the card has it."""
        return json.dumps(asdict(self), separators=(",", ":"))


def read_steps(text: str) -> LayerSteps:
    """Read what `LayerSteps.to_json` wrote, and check each layer.

    Raises:
        ModelError: it is damaged, or a layer is not in the list.
    """
    try:
        found = TypeAdapter(LayerSteps).validate_json(text)
    except ValidationError as error:
        raise _damaged(explain(error)[:200]) from error
    n = len(found.steps)
    wired = all(
        step.takes and all(0 <= one < number for one in step.takes)
        for number, step in enumerate(found.steps, 1)
    )
    if not (0 < found.cut < n <= MOST_STEPS and wired):
        raise _damaged("Its steps do not follow each other.")
    steps = (
        LayerStep(step.kind, check_settings(step.kind, step.settings), step.takes)
        for step in found.steps
    )
    return LayerSteps(tuple(steps), found.cut)


def build_rooms(found: LayerSteps, size: int) -> tuple[keras.Model, keras.Model]:
    """Build backbone and head with random weights.

    Args:
        found: as `read_steps` gives it.
        size: side of the input, pixels.

    Raises:
        ModelError: the layers do not fit each other, or later ones reach behind the cut.
    """
    scan = keras.Input((size, size, 3), name="scan")
    backbone = _build(found.steps[: found.cut], {0: scan}, 1)
    features = keras.Input(backbone.shape[1:], name="features")
    head = _build(found.steps[found.cut :], {found.cut: features}, found.cut + 1)
    return (
        keras.Model(scan, backbone, name=IMPORTED),
        keras.Model(features, head, name="head"),
    )


def find_cut(steps: Sequence[LayerStep], shapes: Mapping[int, Sequence[int | None]]) -> int:
    """Return the step at which a network is cut: the last picture that a convolution makes.

    Everything after it goes through it, so that a map of it explains the answer.

    Args:
        steps: from scan to logits.
        shapes: of each step's output, with the batch, by its number.

    Raises:
        ModelError: it has no convolution, or what follows the last goes past it.
    """
    pictures = [
        number
        for number, step in enumerate(steps, 1)
        if step.kind in _CONVOLUTIONS and len(shapes[number]) == 4 and (shapes[number][1] or 0) > 1
    ]
    if not pictures:
        raise ModelError(
            "Expected a convolutional network. It has no convolution with a picture of more than "
            "one pixel. octtutor cannot show where it looks."
        )
    found, reached = None, pictures[-1]
    for number in range(pictures[-1], len(steps)):
        step = steps[number - 1]
        if number > pictures[-1] and (step.kind not in _AFTER or len(shapes[number]) != 4):
            break
        reached = number
        later = steps[number:]
        past = any(1 <= one < number or one == 0 for each in later for one in each.takes)
        if not past:
            found = reached
    if found is None:
        raise ModelError(
            "Expected a network whose answer goes through its last convolution alone. Something "
            "goes past it. octtutor cannot cut it into two."
        )
    return found


def _build(steps: Sequence[LayerStep], known: dict[int, Any], first: int) -> Any:
    made = dict(known)
    number = first
    for number, step in enumerate(steps, first):
        if not set(step.takes) <= set(made):
            raise _damaged("A layer behind the cut takes what lies before it.")
        made[number] = call_step(step, [made[one] for one in step.takes], f"s{number:04d}")
    return made[number]


def call_step(step: LayerStep, given: Sequence[Any], name: str) -> Any:
    """Add a step to tensors, and return what it gives.

    Raises:
        ModelError: they do not fit.
    """
    refuse_huge(step.kind, step.settings, given[0].shape[-1])
    layer = make_layer(step.kind, step.settings, name)
    try:
        return layer(given[0] if len(given) == 1 else list(given))
    except (ValueError, TypeError) as error:
        raise ModelError(
            f"Expected layers that fit each other. A {step.kind} layer does not fit what it is "
            f"given ({' '.join(str(error).split())[:120]}). Save the model again."
        ) from error


def _damaged(why: str) -> ModelError:
    return ModelError(
        f"Expected the architecture of an imported network in the card. {why} Import it again."
    )
