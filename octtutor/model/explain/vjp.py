"""Gradients backwards through a part of a network, on TensorFlow and on JAX."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
PullBack = Callable[[Floats, Floats], tuple[Floats, Floats]]


@lru_cache(maxsize=32)
def vector_jacobian_product(part: keras.Model) -> PullBack:
    """Compile a part of a network for going forwards once and backwards several times.

    Returns:
        A function of what goes in, float32 (n, …), and of k directions among what comes out for
        each of these, float32 (k, n, …). It gives what comes out, (n, …), and for each direction
        its gradient by what went in, (k, n, …).
    """
    run = _on_jax(part) if keras.backend.backend() == "jax" else _on_tensorflow(part)

    def both(x: Floats, directions: Floats) -> tuple[Floats, Floats]:
        y, slopes = run(np.asarray(x, np.float32), np.asarray(directions, np.float32))
        return np.asarray(y), np.asarray(slopes)

    return both


@lru_cache(maxsize=4)
def joined(backbone: keras.Model, head: keras.Model) -> keras.Model:
    """Join both rooms to a model from float32 (n, s, s, 3) to logits (n, 4), kept compiled."""
    whole = keras.Model(backbone.input, head(backbone.output))
    whole.compile(jit_compile=False)  # XLA makes depthwise networks slower on CPUs
    return whole


def _on_jax(part: keras.Model) -> Callable[..., Any]:
    import jax

    def run(x: Any, directions: Any) -> Any:
        y, back = jax.vjp(lambda x: part(x, training=False), x)
        return y, jax.vmap(lambda direction: back(direction)[0])(directions)

    return jax.jit(run)


def _on_tensorflow(part: keras.Model) -> Callable[..., Any]:
    import tensorflow as tf

    def run(x: Any, directions: Any) -> Any:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = part(x, training=False)
        rows = tf.unstack(directions)
        slopes = [tape.gradient(y, x, row, unconnected_gradients="zero") for row in rows]
        return y, tf.stack(slopes)

    compiled = tf.function(run)
    return lambda x, directions: compiled(tf.constant(x), tf.constant(directions))
