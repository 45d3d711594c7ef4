"""Grad-CAM and Grad-CAM++ from the feature map, through the head alone.

The score explained is the class's logit. For a head of global average pooling and one dense
layer Grad-CAM is the class activation map (Zhou et al., CVPR 2016).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np
import numpy.typing as npt

from octtutor.model.explain.vjp import vector_jacobian_product

if TYPE_CHECKING:
    from octtutor.datasets.decode import Pixels
    from octtutor.model.network.engine_contract import Engine
    from octtutor.model.network.scan_set import Progress

Floats = npt.NDArray[np.float32]


def gradcam(head: keras.Model, features: Floats, classes: Sequence[int]) -> Floats:
    """Compute raw maps of several classes for one scan (Selvaraju et al., ICCV 2017).

    Args:
        head: from feature map (1, h, w, c) to logits (1, k).
        features: float32 (h, w, c).
        classes: indices into the card's labels.

    Returns:
        float32 (len(classes), h, w), not negative, in units of logit: the weights are the
        gradients' means, the weighted sum of the channels is cut at 0.
    """
    return weighed(features, _slopes(head, features, classes).mean((1, 2)))


def gradcam_plus_plus(head: keras.Model, features: Floats, classes: Sequence[int]) -> Floats:
    """Compute raw maps as Grad-CAM++ does (Chattopadhay et al., WACV 2018, equation 19).

    Args:
        head: from feature map (1, h, w, c) to logits (1, k).
        features: float32 (h, w, c).
        classes: indices into the card's labels.

    Returns:
        float32 (len(classes), h, w), not negative.
    """
    slopes = _slopes(head, features, classes)
    total = features.sum((0, 1))
    under = 2 * slopes**2 + total * slopes**3
    share = slopes**2 / np.where(under == 0, 1, under)
    return weighed(features, (share * np.maximum(slopes, 0)).sum((1, 2)))


def explain_gradcam(
    engine: "Engine", prepared: "Pixels", classes: Sequence[int], _: "Progress | None" = None
) -> Floats:
    """Compute `gradcam` of a prepared scan, uint8 (s, s)."""
    return engine.gradcam(engine.run(prepared[None]).features[0], classes)


def explain_gradcam_plus_plus(
    engine: "Engine", prepared: "Pixels", classes: Sequence[int], _: "Progress | None" = None
) -> Floats:
    """Compute `gradcam_plus_plus` of a prepared scan, uint8 (s, s)."""
    return gradcam_plus_plus(engine.network.head, engine.run(prepared[None]).features[0], classes)


def weighed(features: Floats, weights: Floats) -> Floats:
    """Sum channels, float32 (h, w, c), by weights (k, c), cut at 0: float32 (k, h, w)."""
    return np.asarray(np.maximum(np.einsum("hwc,kc->khw", features, weights), 0), np.float32)


def _slopes(head: keras.Model, features: Floats, classes: Sequence[int]) -> Floats:
    one_each = np.eye(head.output_shape[-1], dtype=np.float32)[list(classes)]
    return vector_jacobian_product(head)(features[None], one_each[:, None])[1][:, 0]
