"""Grad-CAM (Selvaraju et al., ICCV 2017) from the feature map, through the head alone.

The score explained is the class's logit. For a head of global average pooling and one dense
layer this is the class activation map (Zhou et al., CVPR 2016).
"""

from collections.abc import Sequence

import keras
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def gradcam(head: keras.Model, features: Floats, classes: Sequence[int]) -> Floats:
    """Compute raw maps of several classes for one scan.

    Args:
        head: from feature map (1, h, w, c) to logits (1, 4).
        features: float32 (h, w, c).
        classes: indices into LABELS.

    Returns:
        float32 (len(classes), h, w), not negative, in units of logit: the weights are the
        gradients' means, the weighted sum of the channels is cut at 0.
    """
    weights = np.stack([_gradient(head, features[None], c)[0].mean((0, 1)) for c in classes])
    return np.asarray(np.maximum(np.einsum("hwc,kc->khw", features, weights), 0), np.float32)


def _gradient(head: keras.Model, features: Floats, label: int) -> Floats:
    if keras.backend.backend() == "jax":
        import jax

        def logit(x):  # type: ignore[no-untyped-def]
            return head(x, training=False)[0, label]

        return np.asarray(jax.grad(logit)(features))
    import tensorflow as tf

    x = tf.convert_to_tensor(features)
    with tf.GradientTape() as tape:
        tape.watch(x)
        score = head(x, training=False)[0, label]
    return np.asarray(tape.gradient(score, x))
