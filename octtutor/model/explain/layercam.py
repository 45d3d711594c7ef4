"""Maps from earlier, finer stages of the backbone: LayerCAM, and the fine map that joins stages.

The backbone is cut where everything passes through one layer, and the gradient of the score is
pulled back from cut to cut; each part runs forwards once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import keras
import numpy as np
import numpy.typing as npt

from octtutor.model.explain.gradcam import weighed
from octtutor.model.explain.vjp import vector_jacobian_product

if TYPE_CHECKING:
    from octtutor.datasets.decode import Pixels
    from octtutor.model.network.card import Card
    from octtutor.model.network.engine_contract import Engine
    from octtutor.model.network.scan_set import Progress

Floats = npt.NDArray[np.float32]
FINER = (2, 4)
"""How much finer than the feature map the stages are that are looked for."""
AT_ONCE = 16
"""Maps that `finecam_each` makes in one pass."""
_SLACK = 1.4
"""A stage may be coarser or finer by this factor (InceptionV3: 8, 17, 35)."""


@dataclass(frozen=True, slots=True)
class StageGradients:
    """What a scan gives at one stage: activations (h, w, c), and gradients (k, h, w, c)."""

    activations: Floats
    slopes: Floats


_Batch = tuple[Floats, Floats]
"""Activations (n, h, w, c), and gradients (k, n, h, w, c), of several scans at one stage."""


def layercam(
    engine: "Engine", prepared: "Pixels", classes: Sequence[int], _: "Progress | None" = None
) -> Floats:
    """Compute raw maps as LayerCAM does (Jiang et al., IEEE TIP 30:5875, 2021, equation 5).

    At the last layer that is twice as fine as the feature map; the score is the class's logit.

    Args:
        engine: the network.
        prepared: uint8 (s, s).
        classes: indices into the card's labels.

    Returns:
        float32 (len(classes), h, w), not negative; of the feature map itself where the backbone
        has no such layer.
    """
    directions = np.eye(len(engine.card.labels), dtype=np.float32)[list(classes)]
    found = run_stages(engine, prepared, directions)
    return _layercam(found[-2] if len(found) > 1 else found[-1])


def finecam(
    engine: "Engine", prepared: "Pixels", classes: Sequence[int], _: "Progress | None" = None
) -> Floats:
    """Compute raw maps that hold only where several stages agree.

    The geometric mean of Grad-CAM on the feature map, which knows what but not where, and of
    LayerCAM at stages twice and four times as fine, which know where. The score is what
    `against_healthy` says.

    Args:
        engine: the network.
        prepared: uint8 (s, s).
        classes: indices into the card's labels.

    Returns:
        float32 (len(classes), h, w), in [0, 1], as fine as the finest stage; where the backbone
        has no finer stage, that of the feature map.
    """
    return _agreed(run_stages(engine, prepared, against_healthy(engine.card, classes)))


def finecam_each(engine: "Engine", prepared: "Pixels", classes: Sequence[int]) -> Floats:
    """Compute the raw maps of `finecam` for many scans, each for a class of its own.

    Args:
        engine: the network.
        prepared: uint8 (n, s, s).
        classes: n indices into the card's labels.

    Returns:
        float32 (n, h, w), in [0, 1].
    """
    maps = []
    for start in range(0, len(prepared), AT_ONCE):
        # always as many, the last again: each other number would be compiled anew
        rows = np.arange(start, start + AT_ONCE).clip(max=len(prepared) - 1)
        directions = against_healthy(engine.card, [classes[row] for row in rows])
        batch = _run(engine, prepared[rows], directions[None])
        maps += [_agreed(_of(batch, row))[0] for row in range(min(AT_ONCE, len(prepared) - start))]
    return np.stack(maps)


def against_healthy(card: "Card", classes: Sequence[int]) -> Floats:
    """Return the direction of each of k classes among the n logits, float32 (k, n).

    A disease's is its logit less that of the healthy class: what makes it this and not a healthy
    eye. That of the healthy class is its logit less the mean of the diseases'; where the card
    names none, each class's is so.
    """
    healthy, n = card.healthy_index, len(card.labels)
    directions = np.full((n, n), -1 / (n - 1), np.float32)
    np.fill_diagonal(directions, 1)
    if healthy is not None:
        others = np.arange(n) != healthy
        directions[others] = np.eye(n, dtype=np.float32)[others]
        directions[others, healthy] = -1
    return directions[list(classes)]


def run_stages(engine: "Engine", prepared: "Pixels", directions: Floats) -> list[StageGradients]:
    """Run a scan forwards, and directions among the logits, float32 (k, classes), backwards.

    Returns:
        The stages from fine to coarse; the last is the feature map.
    """
    return _of(_run(engine, prepared[None], directions[:, None]), 0)


def _run(engine: "Engine", prepared: "Pixels", directions: Floats) -> list[_Batch]:
    """Run n scans, uint8 (n, s, s), forwards, and directions, float32 (k, n, c), backwards."""
    first, *parts = _parts(engine.network.backbone, engine.network.head)
    x = first.predict_on_batch(engine.how.to_input(prepared))
    entries = [np.asarray(x, np.float32)]
    for part in parts[:-1]:
        entries.append(np.asarray(part.predict_on_batch(entries[-1]), np.float32))
    stages: list[_Batch] = []
    slopes = directions
    for part, entry in zip(reversed(parts), reversed(entries), strict=True):
        slopes = vector_jacobian_product(part)(entry, slopes)[1]
        stages.insert(0, (entry, slopes))
    return stages


def _of(batch: list[_Batch], row: int) -> list[StageGradients]:
    """Return the stages of one scan of several."""
    return [StageGradients(activations[row], slopes[:, row]) for activations, slopes in batch]


def _agreed(stages: list[StageGradients]) -> Floats:
    """Join the stages, from fine to coarse, to maps, float32 (k, h, w), in [0, 1]."""
    *finer, last = stages
    coarse = weighed(last.activations, last.slopes.mean((1, 2)))
    maps = [*map(_layercam, finer), coarse]
    size = maps[0].shape[:0:-1]
    joined = np.prod([[_brought(one, size) for one in each] for each in maps], axis=0)
    return np.asarray(joined ** (1 / len(maps)), np.float32)


def stage_sides(backbone: keras.Model) -> tuple[int, ...]:
    """Return the sides of the stages, from fine to coarse; the last is the feature map's."""
    return tuple(cut.shape[1] for cut in stage_outputs(backbone))


@lru_cache(maxsize=4)
def _parts(backbone: keras.Model, head: keras.Model) -> tuple[keras.Model, ...]:
    """Cut the network: scan to the first stage, stage to stage, and the head."""
    joints = [backbone.input, *stage_outputs(backbone)]
    parts = [keras.Model(start, end) for start, end in pairwise(joints)]
    for part in parts:
        part.compile(jit_compile=False)  # XLA makes depthwise networks slower on CPUs
    return (*parts, head)


def stage_outputs(backbone: keras.Model) -> list[keras.KerasTensor]:
    """Return the last tensor of each stage through which everything passes, fine to coarse."""
    last = backbone.output
    found = {}
    for tensor in _bottlenecks(backbone):
        for finer in FINER:
            if finer / _SLACK < tensor.shape[1] / last.shape[1] < finer * _SLACK:
                found[finer] = tensor
    return [*(found[finer] for finer in sorted(found, reverse=True)), last]


def _bottlenecks(backbone: keras.Model) -> list[keras.KerasTensor]:
    """Return the tensors (n, h, w, c) that every way from scan to feature map passes."""
    steps = backbone.operations
    places = {id(step.output): place for place, step in enumerate(steps)}
    furthest = list(range(len(steps)))
    for place, step in enumerate(steps[1:], 1):
        for entry in keras.tree.flatten(step.input):
            before = places.get(id(entry), 0)  # from a nested model: as if from the scan itself
            furthest[before] = max(furthest[before], place)
    found, reached = [], 0
    for place, step in enumerate(steps):
        if reached <= place and _is_picture(step):
            found.append(step.output)
        reached = max(reached, furthest[place])
    return found


def _is_picture(step: keras.Operation) -> bool:
    padded = isinstance(step, keras.layers.ZeroPadding2D)  # its border is no part of the scan
    return not padded and len(step.output.shape) == 4 and step.output.shape[1] > 1


def _layercam(stage: StageGradients) -> Floats:
    summed = np.einsum("hwc,khwc->khw", stage.activations, np.maximum(stage.slopes, 0))
    return np.asarray(np.maximum(summed, 0), np.float32)


def _brought(one: Floats, size: tuple[int, ...]) -> Floats:
    """Bring a map, float32 (h, w), to (width, height) and to [0, 1]."""
    large = np.maximum(cv2.resize(one, size, interpolation=cv2.INTER_CUBIC), 0)
    return np.asarray(large / max(float(large.max()), np.finfo(np.float32).tiny), np.float32)
