"""The ImageNet weights, read without PyTorch, give PyTorch's numbers."""

import io
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from octtutor.errors import ModelError
from octtutor.model.network.lite0 import (
    build_lite0,
    classifier_weights,
    find_weights_file,
    load_imagenet,
)
from octtutor.model.network.preprocess import to_input
from octtutor.model.network.torchfile import read_torch_file

# of PyPI efficientnet_lite_pytorch 0.1.0 with the same weights on torch 2.13.0, CPU
LOGITS = {
    0: -1.1233065128326416,
    1: -0.39436936378479004,
    3: -2.3176591396331787,
    599: 3.8733692169189453,
    999: 0.502509593963623,
}
FEATURES = {31: 4.406798839569092, 567: 3.072845935821533, 735: 3.0358755588531494}


def picture() -> np.ndarray:
    y, x = np.mgrid[0:224, 0:224]
    waves = np.sin(x / 9.0) + np.cos(y / 7.0) + np.sin((x + y) / 23.0)
    return (waves * 40 + 127).round().clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def backbone():
    model = build_lite0(224)
    load_imagenet(model)
    return model


def test_the_features_are_those_of_the_original(backbone):
    features = np.asarray(backbone(to_input(picture()[None]), training=False))[0]
    assert features.shape == (7, 7, 1280)
    assert features.mean() == pytest.approx(0.08867297321557999, abs=1e-5)
    for channel, value in FEATURES.items():
        assert features[3, 3, channel] == pytest.approx(value, abs=1e-3)


def test_the_class_scores_are_those_of_the_original(backbone):
    features = np.asarray(backbone(to_input(picture()[None]), training=False))
    kernel, bias = classifier_weights()
    logits = features.mean(axis=(1, 2))[0] @ kernel + bias
    assert logits.argmax() == 599
    for label, value in LOGITS.items():
        assert logits[label] == pytest.approx(value, abs=1e-3)


def test_pytorch_itself_reads_the_same_tensors():
    torch = pytest.importorskip("torch", reason="needs PyTorch: pip install torch==2.13.0")
    theirs = torch.load(find_weights_file(), weights_only=True)
    ours = read_torch_file(find_weights_file())
    assert set(ours) == set(theirs)
    for name, tensor in theirs.items():
        assert (ours[name] == tensor.numpy()).all(), name


class Evil:
    def __reduce__(self):
        return (eval, ("__import__('os').system('touch /tmp/octtutor-was-here')",))


@pytest.mark.parametrize("thing", [Evil(), OrderedDict(a=Evil()), io.BytesIO])
def test_a_weights_file_cannot_run_code(tmp_path: Path, thing):
    path = tmp_path / "evil.pth"
    header = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, thing]
    path.write_bytes(b"".join(pickle.dumps(part, protocol=2) for part in header))
    with pytest.raises(ModelError, match="Do not use it"):
        read_torch_file(path)
    assert not Path("/tmp/octtutor-was-here").exists()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_weights_file_cut_short_is_refused(tmp_path: Path, share: float):
    data = find_weights_file().read_bytes()
    path = tmp_path / "half.pth"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ModelError):
        read_torch_file(path)


def test_a_missing_weights_file_is_named(tmp_path: Path):
    with pytest.raises(ModelError, match=r"nothing\.pth"):
        read_torch_file(tmp_path / "nothing.pth")
