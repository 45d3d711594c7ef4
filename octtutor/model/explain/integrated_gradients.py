"""Integrated gradients: each pixel's share in the score, summed on the way from a blank scan."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.model.explain.vjp import joined, vector_jacobian_product

if TYPE_CHECKING:
    from octtutor.datasets.decode import Pixels
    from octtutor.model.network.engine_contract import Engine
    from octtutor.model.network.scan_set import Progress

Floats = npt.NDArray[np.float32]
STEPS = 32
_SMOOTH = 4.0
"""Deviation of the Gaussian that turns specks into a map, pixels of the network's input."""


def integrated_gradients(
    engine: "Engine",
    prepared: "Pixels",
    classes: Sequence[int],
    progress: "Progress | None" = None,
) -> Floats:
    """Compute raw maps: the shares that speak for the class, smoothed.

    Args:
        engine: the network.
        prepared: uint8 (s, s).
        classes: indices into the card's labels.
        progress: called with (done, total) steps.

    Returns:
        float32 (len(classes), s, s), not negative.
    """
    shares = attribute(engine, prepared, classes, progress)
    smooth = [cv2.GaussianBlur(np.maximum(one, 0), (0, 0), _SMOOTH) for one in shares]
    return np.stack(smooth).astype(np.float32)


def attribute(
    engine: "Engine",
    prepared: "Pixels",
    classes: Sequence[int],
    progress: "Progress | None" = None,
    steps: int = STEPS,
) -> Floats:
    """Share the logits out among the pixels (Sundararajan, Taly and Yan, ICML 2017).

    The way begins at a blank scan of the median grey, and the integral is a midpoint sum.

    Returns:
        float32 (len(classes), s, s); a class's sum is, up to the sum's error, its logit less
        that of the blank scan.
    """
    end = engine.how.to_input(prepared[None])
    start = engine.how.to_input(np.full_like(prepared, np.median(prepared))[None])
    backwards = vector_jacobian_product(joined(engine.network.backbone, engine.network.head))
    directions = np.eye(len(engine.card.labels), dtype=np.float32)[list(classes)][:, None]
    total = np.zeros((len(classes), *end.shape[1:]), np.float32)
    for step in range(steps):
        total += backwards(start + (step + 0.5) / steps * (end - start), directions)[1][:, 0]
        if progress is not None:
            progress(step + 1, steps)
    return np.asarray((total / steps * (end - start)).sum(axis=-1), np.float32)
