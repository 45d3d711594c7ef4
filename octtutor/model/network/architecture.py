"""A backbone of our own: how it is built, what it is fed, and where its ImageNet weights are."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras


@dataclass(frozen=True, slots=True)
class Architecture:
    """A backbone that is no function of keras.applications."""

    name: str
    build: Callable[[int], keras.Model]
    """From the input's side, pixels, to a model without weights: float32 (n, s, s, 3) to (n, h, w,
    c). Its layers must be named by us, so that weights have the same names in every process."""
    size: int = 224
    """Side of the input, pixels, where none is asked for."""
    step: int = 1
    """The side is a multiple of this."""
    scaling: str = "127/128"
    """Of grey values; a key of `preprocess.SCALINGS`."""
    load: Callable[[keras.Model, Path | None], None] | None = None
    """Gives it ImageNet's weights, or those of a PyTorch file (`.pth`); None: there are none."""
    origin: str = ""
    """Of these weights, for the card."""
    licence: str = ""
