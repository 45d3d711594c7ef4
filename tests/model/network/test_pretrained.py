"""Weights come from Keras's files as data only; anything else is refused in one line."""

import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from octtutor.errors import ModelError
from octtutor.model.network.backbones import build_backbone
from octtutor.model.network.lite0 import find_weights_file
from octtutor.model.network.pretrained import BackboneSource, load_weights_file, open_backbone
from tests.conftest import MODEL

ARRAYS = list[np.ndarray]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Path], ARRAYS]:
    folder = tmp_path_factory.mktemp("weights")
    model = build_backbone("MobileNetV2", 32)
    files = {s: folder / f"mobile{s}" for s in (".weights.h5", ".keras", "_notop.h5")}
    model.save_weights(files[".weights.h5"])
    model.save(files[".keras"])
    write_like_keras2(model, files["_notop.h5"])
    return files, model.get_weights()


def write_like_keras2(model: keras.Model, path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{v.name}:0".encode() for v in layer.weights]
            group.attrs["weight_names"] = names
            for name, variable in zip(names, layer.weights, strict=True):
                group[name.decode()] = np.asarray(variable)


def open_file(path: Path, name: str = "MobileNetV2", size: int = 32):
    return open_backbone(BackboneSource(name, str(path), size=size), seed=1)


@pytest.mark.parametrize("suffix", [".weights.h5", ".keras", "_notop.h5"])
def test_every_kind_of_file_gives_its_weights(saved, suffix: str):
    files, arrays = saved
    opened = open_file(files[suffix])
    for ours, theirs in zip(opened.network.get_weights(), arrays, strict=True):
        assert (ours == theirs).all()
    assert opened.facts["weights_sha256"]
    assert opened.how.scaling == "-1..1"


def test_no_weights_are_random_and_the_same_for_a_seed():
    one, two = (open_backbone(BackboneSource("mobilenet", "none", size=32), 5) for _ in range(2))
    for a, b in zip(one.network.get_weights(), two.network.get_weights(), strict=True):
        assert (a == b).all()
    assert "random" in one.facts["origin"]


def test_lite0s_own_file_can_be_given():
    given = open_backbone(BackboneSource(weights=str(find_weights_file()), size=32))
    usual = open_backbone(BackboneSource(size=32))
    for a, b in zip(given.network.get_weights(), usual.network.get_weights(), strict=True):
        assert (a == b).all()
    with pytest.raises(ModelError, match="PyTorch weights file"):
        open_backbone(BackboneSource(weights="/nothing.pth", size=32))


def test_a_models_backbone_can_be_the_start():
    opened = open_backbone(BackboneSource(model=MODEL))
    assert opened.name == "lite0"
    assert "model lite0" in opened.facts["origin"]
    assert opened.how.size == 224
    with pytest.raises(ModelError, match="224 px"):
        open_backbone(BackboneSource(model=MODEL, size=96))


def test_an_efficientnet_with_imagenets_means_is_scaled_as_keras_does_it(tmp_path: Path):
    mean, deviation = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    model = build_backbone("EfficientNetB0", 32)
    (normal,) = (x for x in model.layers if isinstance(x, keras.layers.Normalization))
    normal.adapt_mean.assign(mean)
    normal.adapt_variance.assign(deviation)
    model.save_weights(tmp_path / "b0.weights.h5")
    opened = open_file(tmp_path / "b0.weights.h5", "EfficientNetB0")
    (ours,) = (x for x in opened.network.layers if isinstance(x, keras.layers.Normalization))
    x = np.random.default_rng(0).random((1, 2, 2, 3), np.float32)
    # Normalization, then Rescaling(1 / sqrt(deviation)), as keras.applications builds it
    expected = (x - mean) / np.sqrt(deviation) / np.sqrt(deviation)
    assert np.asarray(ours(x)) == pytest.approx(expected, rel=1e-4)


def test_another_networks_file_is_refused(saved):
    files, _ = saved
    for file in files.values():
        with pytest.raises(ModelError, match=r"of another network|at most"):
            open_file(file, "MobileNet")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
@pytest.mark.parametrize("suffix", [".weights.h5", ".keras", "_notop.h5"])
def test_a_file_cut_short_is_refused(saved, tmp_path: Path, suffix: str, share: float):
    data = saved[0][suffix].read_bytes()
    (tmp_path / "cut.h5").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ModelError, match="Expected"):
        open_file(tmp_path / "cut.h5")


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ModelError, match=r"nothing\.h5"):
        open_file(tmp_path / "nothing.h5")


def _external(file: h5py.File) -> None:
    raw = Path(file.filename).with_suffix(".raw")
    raw.write_bytes(bytes(400))
    file.create_dataset("a", (100,), "<f4", external=[(str(raw), 0, 400)])


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((4,), "<f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (4,))
    file.create_virtual_dataset("a", layout)


def _itself(file: h5py.File) -> None:
    group = file.create_group("g")
    group["g"] = group


def _shared_text(file: h5py.File) -> None:
    file.attrs["more"] = "x" * 3_000_000
    file.attrs["layer_names"] = ["x"] * 4000


HOSTILE = {
    "soft": lambda file: file.__setitem__("a", h5py.SoftLink("/b")),
    "elsewhere": lambda file: file.__setitem__("a", h5py.ExternalLink("/etc/passwd", "/")),
    "external": _external,
    "virtual": _virtual,
    "huge": lambda file: file.create_dataset("a", (30_000, 30_000), "<f4", chunks=(1000, 1000)),
    "texts": lambda file: file.__setitem__("a", np.array([b"x"])),
    "itself": _itself,
    "shared text": _shared_text,
}


@pytest.mark.parametrize(
    ("kind", "match"),
    [
        ("soft", "a link to elsewhere"),
        ("elsewhere", "a link to elsewhere"),
        ("external", "lies elsewhere"),
        ("virtual", "lies elsewhere"),
        ("huge", "bytes of data"),
        ("texts", "no numbers"),
        ("itself", "more groups"),
        ("shared text", "very long one"),
    ],
)
def test_a_file_that_is_not_plain_is_refused(tmp_path: Path, kind: str, match: str):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        HOSTILE[kind](file)
    model = build_backbone("MobileNetV2", 32)
    with pytest.raises(ModelError, match=match):
        load_weights_file(model, tmp_path / "x.h5")


def test_a_packed_file_that_swells_is_refused(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "x.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(60_000_000))
    model = build_backbone("MobileNetV2", 32)
    with pytest.raises(ModelError, match="at most"):
        load_weights_file(model, tmp_path / "x.keras")
