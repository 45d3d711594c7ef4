"""The article's published head answers as its file says; anything else is refused in one line."""

import io
import json
import shutil
import tarfile
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from octtutor.errors import BadInputError, ModelError, OctTutorError
from octtutor.model.graph.graph_file import GRAPH, NUMBERS
from octtutor.model.network.card import read_card
from octtutor.model.network.engine_contract import softmax
from octtutor.model.network.preprocess import Preprocessing
from octtutor.model.publish.model_import import article_head, import_model, read_article_head
from octtutor.model.serve.engine import KerasEngine
from tests.conftest import MODEL, SHARED

CONFIGS = [
    ("InputLayer", "input_1", {"batch_input_shape": [None, 8, 8, 2048]}),
    (
        "Conv2D",
        "conv2d_1",
        {
            "filters": 64,
            "kernel_size": [1, 1],
            "strides": [1, 1],
            "use_bias": False,
            "activation": "linear",
            "data_format": "channels_last",
        },
    ),
    (
        "BatchNormalization",
        "batch_normalization_1",
        {"axis": 3, "epsilon": 0.001, "center": True, "scale": False},
    ),
    ("Activation", "activation_1", {"activation": "relu"}),
    ("Dropout", "dropout_1", {"rate": 0.5}),
    ("Flatten", "flatten_1", {}),
    ("Dense", "dense_1", {"units": 4, "use_bias": True, "activation": "softmax"}),
]
ARRAYS = {
    "conv2d_1": {"kernel": (1, 1, 2048, 64)},
    "batch_normalization_1": {"beta": (64,), "moving_mean": (64,), "moving_variance": (64,)},
    "dense_1": {"kernel": (4096, 4), "bias": (4,)},
}


def config_of(layers: list) -> str:
    before: str | None = None
    written = []
    for kind, name, config in layers:
        nodes = [[[before, 0, 0, {}]]] if before else []
        written.append({"class_name": kind, "name": name, "config": config, "inbound_nodes": nodes})
        before = name
    return json.dumps({"class_name": "Model", "config": {"layers": written}})


def write_head(path: Path, layers: list = CONFIGS, shapes: dict = ARRAYS) -> Path:
    """Write a file as Keras 2.1 wrote the article's, with made-up numbers."""
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = config_of(layers)
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = [name.encode() for _, name, _ in layers]
        for _, name, _ in layers:
            group = root.create_group(name)
            arrays = shapes.get(name, {})
            group.attrs["weight_names"] = [f"{name}/{array}:0".encode() for array in arrays]
            for array, shape in arrays.items():
                values = rng.random(shape, np.float32) - (0.5 if array == "kernel" else 0)
                group[f"{name}/{array}:0"] = values / 10
    return path


def by_hand(path: Path, x: np.ndarray) -> tuple[np.ndarray, int]:
    """Run the file's own layers in NumPy; probabilities, and the number of parameters."""
    with h5py.File(path) as file:
        layers = json.loads(file.attrs["model_config"])["config"]["layers"]
        count = 0
        for layer in layers:
            name, config = layer["name"], layer["config"]
            group = file["model_weights"][name]
            arrays = {
                key.decode() if isinstance(key, bytes) else key: group[key][()]
                for key in group.attrs["weight_names"]
            }
            arrays = {key.split("/")[-1][:-2]: value for key, value in arrays.items()}
            count += sum(array.size for array in arrays.values())
            if layer["class_name"] == "Conv2D":
                x = np.tensordot(x, arrays["kernel"][0, 0], axes=1)
            elif layer["class_name"] == "BatchNormalization":
                deviation = np.sqrt(arrays["moving_variance"] + config["epsilon"])
                x = (x - arrays["moving_mean"]) / deviation + arrays["beta"]
            elif layer["class_name"] == "Flatten":
                x = x.reshape(len(x), -1)
            elif layer["class_name"] == "Dense":
                x = x @ arrays["kernel"] + arrays["bias"]
            if config.get("activation") == "relu":
                x = np.maximum(x, 0)
            elif config.get("activation") == "softmax":
                x = np.exp(x - x.max(1, keepdims=True))
                x /= x.sum(1, keepdims=True)
    return x, count


@pytest.fixture(params=["made up", "published"])
def head_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "made up":
        return write_head(tmp_path / "head.hdf5")
    path = SHARED / "article" / "model.24-0.99.hdf5"
    if not path.exists():
        pytest.skip("needs the article's head: ../shared/article/model.24-0.99.hdf5")
    return path


def test_the_heads_forward_pass_is_that_of_its_file(head_file: Path):
    features = np.random.default_rng(1).random((5, 8, 8, 2048), np.float32)
    head = article_head(read_article_head(head_file))
    expected, count = by_hand(head_file, features)
    assert count == head.count_params() == 147_652
    found = softmax(np.asarray(head(features, training=False)))
    assert found == pytest.approx(expected, abs=1e-5)
    assert len({tuple(row.round(4)) for row in found}) == 5


def test_the_article_becomes_a_model_folder(tmp_path: Path):
    source = write_head(tmp_path / "head.hdf5")
    card, folder = import_model(source, "article", (tmp_path / "models",), "none")
    assert card.labels == ("CNV", "DME", "DRUSEN", "NORMAL")
    assert any("mean nothing" in note for note in card.notes)
    assert "random" in card.backbone["origin"]
    engine = KerasEngine.open(folder)
    assert engine.card == card
    assert engine.how == Preprocessing(299, "1/255", "kept")
    scan = np.random.default_rng(0).integers(0, 255, (496, 512), np.uint8)
    output = engine.run(engine.prepare(scan)[None])
    assert output.features.shape == (1, 8, 8, 2048)
    expected, _ = by_hand(source, output.features)
    assert output.probabilities == pytest.approx(expected, abs=1e-4)
    assert engine.gradcam(output.features[0], range(4)).shape == (4, 8, 8)


def changed(kind: str, **settings) -> list:
    return [(k, n, {**config, **settings} if k == kind else config) for k, n, config in CONFIGS]


BAD = {
    "epsilon": lambda path: write_head(path, changed("BatchNormalization", epsilon=0.1)),
    "bias": lambda path: write_head(path, changed("Conv2D", use_bias=True)),
    "activation": lambda path: write_head(path, changed("Dense", activation="sigmoid")),
    "order": lambda path: write_head(path, [*CONFIGS[:3], CONFIGS[4], CONFIGS[3], *CONFIGS[5:]]),
    "shapes": lambda path: write_head(
        path, CONFIGS, {**ARRAYS, "dense_1": {"kernel": (4096, 5), "bias": (5,)}}
    ),
    "missing": lambda path: write_head(path, CONFIGS, {"conv2d_1": ARRAYS["conv2d_1"]}),
    "huge": lambda path: (
        write_head(path, CONFIGS, ARRAYS)
        and _append(path, lambda f: f.create_dataset("x", (40_000, 40_000), "f4", chunks=True))
    ),
    "link": lambda path: (
        write_head(path)
        and _append(path, lambda f: f.__setitem__("x", h5py.ExternalLink("/etc/passwd", "/")))
    ),
    "no config": lambda path: write_head(path) and _append(path, lambda f: f.attrs.clear()),
    "deep config": lambda path: (
        write_head(path)
        and _append(path, lambda f: f.attrs.__setitem__("model_config", "[" * 50_000))
    ),
    "not finite": lambda path: (
        write_head(path)
        and _append(path, lambda f: _spoil(f["model_weights/dense_1/dense_1/bias:0"]))
    ),
    "other file": lambda path: _append(path, lambda f: f.__setitem__("a", np.zeros(3))),
    "cut": lambda path: path.write_bytes(write_head(path).read_bytes()[:500_000]),
    "text": lambda path: path.write_text("hello"),
    "empty": lambda path: path.write_bytes(b""),
}


def _append(path: Path, edit) -> None:
    with h5py.File(path, "a") as file:
        edit(file)


def _spoil(dataset: h5py.Dataset) -> None:
    dataset[0] = np.nan


@pytest.mark.parametrize("kind", BAD)
def test_any_other_file_is_refused_in_one_line(tmp_path: Path, kind: str):
    path = tmp_path / "bad.hdf5"
    BAD[kind](path)
    with pytest.raises(OctTutorError, match="Expected") as caught:
        import_model(path, "article", (tmp_path / "models",), "none")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert list((tmp_path / "models").iterdir()) == []


@pytest.fixture(params=["folder", "zip", "zip of files", "tar.gz"])
def packed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "folder":
        return MODEL
    path = tmp_path / f"packed.{request.param.split()[0]}"
    if request.param == "tar.gz":
        with tarfile.open(path, "w:gz") as archive:
            archive.add(MODEL, "lite0")
        return path
    inside = "some/lite0/" if request.param == "zip" else ""
    with zipfile.ZipFile(path, "w") as archive:
        for file in MODEL.iterdir():
            archive.write(file, inside + file.name)
    return path


def test_a_model_folder_is_imported_whole(packed: Path, tmp_path: Path):
    card, folder = import_model(packed, "mine", (tmp_path / "models",))
    assert read_card(folder) == card
    assert card.name == "mine"
    assert card.weights_sha256 == read_card(MODEL).weights_sha256
    kept = {file.name for file in MODEL.iterdir()} - {GRAPH, NUMBERS}  # which is made anew here
    assert {file.name for file in folder.iterdir()} == kept
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["mine"]


def test_a_taken_or_impossible_name_is_refused(tmp_path: Path):
    import_model(MODEL, "mine", (tmp_path / "models",))
    for name in ("mine", "Mine", MODEL.name):  # the shipped one's would put this one in use
        with pytest.raises(ModelError, match="Expected a name that is free"):
            import_model(MODEL, name, (tmp_path / "models", MODEL.parent))
    for name in ("", "../x", ".hidden", "a/b", "x" * 65, "default"):
        with pytest.raises(ModelError, match="Expected a model's name"):
            import_model(MODEL, name, (tmp_path / "models",))
    with pytest.raises(BadInputError, match="not there"):
        import_model(tmp_path / "nothing", "x", (tmp_path / "models",))


def test_an_altered_model_is_refused(tmp_path: Path):
    copy = shutil.copytree(MODEL, tmp_path / "copy")
    data = bytearray((copy / "weights.safetensors").read_bytes())
    data[-1] ^= 1
    (copy / "weights.safetensors").write_bytes(data)
    with pytest.raises(OctTutorError, match="SHA-256"):
        import_model(copy, "mine", (tmp_path / "models",))
    assert list((tmp_path / "models").iterdir()) == []


def _tar(path: Path, *entries: tuple[str, bytes]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


@pytest.mark.parametrize(
    ("entries", "match"),
    [
        ((("a/x.txt", b""),), "Found 0"),
        ((("a/card.json", b"{}"), ("b/card.json", b"{}")), "Found 2"),
        ((("card.json", b"{}"), (".. ", b"")), "few files"),
        ((("card.json", b"{}"),), "Missing"),
        ((("../../card.json", b"{}"),), "Missing"),
    ],
)
def test_an_archive_without_one_whole_model_is_refused(tmp_path: Path, entries, match: str):
    _tar(tmp_path / "x.tar", *entries)
    with pytest.raises(OctTutorError, match=match):
        import_model(tmp_path / "x.tar", "mine", (tmp_path / "models",))
    assert list((tmp_path / "models").iterdir()) == []
    assert not (tmp_path / "card.json").exists()
