"""EfficientNet-Lite0 in Keras: ReLU6, no squeeze-and-excitation; fast on CPUs and phones.

Architecture: Tan & Le, EfficientNet (ICML 2019), and the Lite variant of
tensorflow/tpu/models/official/efficientnet/lite (Apache-2.0).
"""

from dataclasses import dataclass

import keras
from keras import layers

BN_EPSILON = 1e-3
BN_MOMENTUM = 0.9
FEATURES = 1280


@dataclass(frozen=True, slots=True)
class Stage:
    """One row of the architecture's table: `repeats` inverted bottlenecks of one width."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    filters: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


def build_lite0(size: int) -> keras.Model:
    """Build the backbone without weights.

    Args:
        size: side of the square input, pixels; 224 is the published size.

    Returns:
        A model from float32 (n, size, size, 3), scaled as `preprocess.to_input` does, to the
        feature map float32 (n, size/32, size/32, 1280). Layers are named as in the published
        network (`stem`, `block3.expand`, `top`).
    """
    scan = keras.Input((size, size, 3), name="scan")
    x = _conv(scan, 32, 3, 2, "stem")
    x = layers.ReLU(6.0)(_norm(x, "stem"))
    index = 0
    for stage in STAGES:
        for repeat in range(stage.repeats):
            x = _block(x, stage, stage.stride if repeat == 0 else 1, f"block{index}")
            index += 1
    x = _conv(x, FEATURES, 1, 1, "top")
    x = layers.ReLU(6.0, name="features")(_norm(x, "top"))
    return keras.Model(scan, x, name="lite0")


def _block(x: keras.KerasTensor, stage: Stage, stride: int, name: str) -> keras.KerasTensor:
    entry = x
    if stage.expansion > 1:
        x = _conv(x, x.shape[-1] * stage.expansion, 1, 1, f"{name}.expand")
        x = layers.ReLU(6.0)(_norm(x, f"{name}.expand"))
    x = layers.DepthwiseConv2D(
        stage.kernel, stride, padding="same", use_bias=False, name=f"{name}.depthwise"
    )(x)
    x = layers.ReLU(6.0)(_norm(x, f"{name}.depthwise"))
    x = _norm(_conv(x, stage.filters, 1, 1, f"{name}.project"), f"{name}.project")
    return layers.Add()([x, entry]) if x.shape == entry.shape else x


def _conv(
    x: keras.KerasTensor, filters: int, kernel: int, stride: int, name: str
) -> keras.KerasTensor:
    return layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=name)(x)


def _norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.BatchNormalization(epsilon=BN_EPSILON, momentum=BN_MOMENTUM, name=f"{name}.norm")(
        x
    )
