"""Models from elsewhere: the 2018 article's published head, or a model folder of this program."""

import hashlib
import json
import os
import re
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, Any

import h5py
import keras
import numpy as np
import numpy.typing as npt

from octtutor import __version__
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import BadArchiveError, BadInputError, ModelError
from octtutor.limits import MAX_HEAD_BYTES, MAX_MODEL_BYTES, MAX_MODEL_ENTRIES, MAX_MODEL_FILES
from octtutor.model.graph.graph_file import GRAPH, NUMBERS
from octtutor.model.network.card import CARD, WEIGHTS, Card
from octtutor.model.network.hdf5 import open_hdf5, read_text, saved_layers
from octtutor.model.network.heads import CONV_FLATTEN, build_head
from octtutor.model.network.model_folder import check_target, load_network, save_model
from octtutor.model.network.network import with_head
from octtutor.model.network.preprocess import KEPT, Preprocessing
from octtutor.model.network.pretrained import IMAGENET, NONE, BackboneSource, open_backbone
from octtutor.model.ood.ood_score import check_ood_detector
from octtutor.model.publish.publishing import check_free

BACKBONE, SIZE = "InceptionV3", 299
_MAP = (8, 8, 2048)
_OURS = (CARD, WEIGHTS, GRAPH, NUMBERS)
"""Files of a folder that are written anew, or made anew where they are needed."""
_FILE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, RuntimeError, ValueError)
_LAYERS = (
    "InputLayer",
    "Conv2D",
    "BatchNormalization",
    "Activation",
    "Dropout",
    "Flatten",
    "Dense",
)
_SETTINGS: tuple[dict[str, Any], ...] = (
    {"batch_input_shape": [None, *_MAP]},
    {
        "filters": 64,
        "kernel_size": [1, 1],
        "strides": [1, 1],
        "use_bias": False,
        "activation": "linear",
        "data_format": "channels_last",
    },
    {"axis": 3, "epsilon": 0.001, "center": True, "scale": False},
    {"activation": "relu"},
    {},
    {},
    {"units": len(OCT2017_SCHEME.keys), "use_bias": True, "activation": "softmax"},
)
"""What decides the forward pass of the article's head, layer by layer."""


@dataclass(frozen=True, slots=True)
class ImportedHead:
    """The arrays of the article's head, in Keras's order, and its file's SHA-256."""

    arrays: tuple[npt.NDArray[np.float32], ...]
    sha256: str


def import_model(
    source: Path, name: str, folders: Sequence[Path], backbone_weights: str = IMAGENET
) -> tuple[Card, Path]:
    """Bring a model into the folder of models, whole or not at all.

    Args:
        source: the article's head (`model.24-0.99.hdf5`), or a model folder of this program, or
            a ZIP or tar of one.
        name: what the model will be called.
        folders: where models are looked for; it goes into the first, the user's.
        backbone_weights: for the article's head: `imagenet`, the InceptionV3 file without its
            top, or `none` (random; the card then says so).

    Returns:
        The card as written, and the model's folder.

    Raises:
        BadInputError: the name cannot be used or is taken, or nothing is there.
        BadArchiveError: the archive is damaged or unsafe.
        ModelError: the file or the model does not fit.
    """
    check_free(name, folders)
    target = folders[0] / name
    check_target(target)
    if not os.path.exists(source):  # noqa: PTH110 (False, not an error, for impossible names)
        raise BadInputError(
            f"Expected a model to import. {str(source)!r} is not there. Check the path."
        )
    if source.is_file() and h5py.is_hdf5(source):
        return _import_head(source, target, backbone_weights), target
    with _opened(source) as folder:
        network, card = load_network(folder)
        check_ood_detector(folder, network.backbone.output.shape[-1])
        extras = {
            path.name: path.read_bytes()
            for path in sorted(folder.iterdir())
            if path.is_file() and _FILE.match(path.name) and path.name not in _OURS
        }
        return save_model(network, replace(card, name=name, graph={}), target, extras), target


def read_article_head(path: Path) -> ImportedHead:
    """Read the article's head as data: its architecture is compared, its arrays are taken.

    Args:
        path: Keras 2 HDF5 of a whole model: 1×1 convolution to 64 without bias, batch
            normalisation without scale, ReLU, dropout, flatten, dense to 4, on 8×8×2048.

    Raises:
        ModelError: it is another file or another network, damaged, or not plain.
    """
    with open_hdf5(path, MAX_HEAD_BYTES) as file:
        _check_config(read_text(file, "model_config"), path.name)
        found = [dataset for _, weights in saved_layers(file) for dataset in weights]
        shapes = [tuple(v.shape) for v in _head_variables(build_head(CONV_FLATTEN, _MAP))]
        if [dataset.shape for dataset in found] != shapes:
            raise _other(path.name, f"arrays of {[d.shape for d in found]}"[:160])
        arrays = tuple(np.asarray(dataset, np.float32) for dataset in found)
    if not all(np.isfinite(array).all() for array in arrays):
        raise _other(path.name, "numbers that are not finite")
    return ImportedHead(arrays, hashlib.sha256(path.read_bytes()).hexdigest())


def article_head(head: ImportedHead) -> keras.Model:
    """Build the article's head with its weights: float32 (n, 8, 8, 2048) to logits (n, 4)."""
    built = build_head(CONV_FLATTEN, _MAP)
    for variable, array in zip(_head_variables(built), head.arrays, strict=True):
        variable.assign(array)
    return built


def _head_variables(head: keras.Model) -> list[Any]:
    # as Keras 2 saves them: of each layer what is trained, then what is not
    return [
        v
        for layer in head.layers
        if not isinstance(layer, keras.layers.Dropout)
        for v in (*layer.trainable_weights, *layer.non_trainable_weights)
    ]


def _import_head(source: Path, target: Path, weights: str) -> Card:
    head = read_article_head(source)
    backbone = open_backbone(BackboneSource(BACKBONE, weights, size=SIZE))
    network = with_head(backbone.network, CONV_FLATTEN)
    network.head.set_weights(article_head(head).get_weights())
    notes = [
        f"The head of Mapshalli's 2018 article, as published ({source.name}, SHA-256 "
        f"{head.sha256[:12]}…), on an InceptionV3 backbone. Nothing was measured here."
    ]
    if weights == NONE:
        notes.append(
            "The backbone's weights are random: the model's answers mean nothing. For testing only."
        )
    return save_model(network, _card(target.name, backbone.facts, head, notes), target)


def _card(name: str, backbone: dict[str, str], head: ImportedHead, notes: list[str]) -> Card:
    return Card(
        name=name,
        labels=OCT2017_SCHEME.keys,
        input_size=SIZE,
        preprocessing=Preprocessing(SIZE, "1/255", KEPT).as_facts(),
        backbone=backbone,
        head=CONV_FLATTEN,
        flip_average=False,
        recipe={"name": "features", "imported": True, "file_sha256": head.sha256},
        training_data={},
        split={"how": "not known"},
        figures={},
        figures_from="not measured here: run `octtutor evaluate`",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        program_version=__version__,
        weights_sha256="",
        notes=tuple(notes),
    )


def _check_config(text: str, name: str) -> None:
    try:
        layers = json.loads(text)["config"]["layers"]
        kinds = tuple(layer["class_name"] for layer in layers)
        chain = [layer["inbound_nodes"] for layer in layers]
        inputs = [nodes[0][0][0] if nodes else None for nodes in chain]
        names = [layer["name"] for layer in layers]
        configs = [layer["config"] for layer in layers]
        odd = [
            f"{kind}: {key} {config.get(key)!r}"
            for kind, config, wanted in zip(kinds, configs, _SETTINGS, strict=False)
            for key, value in wanted.items()
            if config.get(key) != value
        ]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise _other(name, f"an architecture that cannot be read ({error!r})"[:160]) from error
    if kinds != _LAYERS or inputs != [None, *names[:-1]]:
        raise _other(name, f"layers {', '.join(map(str, kinds))}"[:160])
    if odd:
        raise _other(name, odd[0][:160])


def _other(name: str, what: str) -> ModelError:
    return ModelError(
        "Expected the article's head (1×1 convolution to 64, batch normalisation, dense to 4, on "
        f"8×8×2048), or a model folder of octtutor. {name!r} holds something else: {what}. For a "
        "Keras model of your own say --preprocessing, --scheme and --labels."
    )


@contextmanager
def _opened(source: Path) -> Iterator[Path]:
    """Give a model folder: the source itself, or what its archive holds, unpacked."""
    if source.is_dir():
        yield source
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / source.name.split(".")[0][:60]
        folder.mkdir()
        try:
            _unpack(source, folder)
        except _DAMAGED as error:
            raise BadArchiveError(
                f"Expected a model: a Keras HDF5 head, a model folder, or a ZIP or tar of one. "
                f"{source.name!r} cannot be read ({' '.join(str(error).split())[:120]}). "
                "Pack or download it again."
            ) from error
        yield folder


def _unpack(source: Path, folder: Path) -> None:
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
            for name in _wanted(names, source.name):
                with archive.open(name) as file:
                    _pour(file, folder / PurePosixPath(name).name, source.name)
        return
    with tarfile.open(source) as archive:
        members = {e.name: e for e in islice(archive, MAX_MODEL_ENTRIES) if e.isfile()}
        for name in _wanted(list(members), source.name):
            member = archive.extractfile(members[name])
            assert member is not None  # only links and folders give None
            with member:
                _pour(member, folder / PurePosixPath(name).name, source.name)


def _wanted(names: list[str], source: str) -> list[str]:
    """Return the files beside the one card; links and folders in folders are not looked at."""
    cards = [name for name in names if PurePosixPath(name).name == CARD]
    if len(cards) != 1:
        raise ModelError(
            f"Expected one {CARD} in {source!r}. Found {len(cards)}. Pack one model folder."
        )
    beside = PurePosixPath(cards[0]).parent
    wanted = [name for name in names if PurePosixPath(name).parent == beside]
    odd = [name for name in wanted if not _FILE.match(PurePosixPath(name).name)]
    received = repr(odd[0][:60]) if odd else f"{len(wanted)} files"
    if odd or len(wanted) > MAX_MODEL_FILES or len(set(wanted)) != len(wanted):
        raise BadArchiveError(
            f"Expected the few files of a model folder in {source!r}. Received {received}. "
            "Pack the model folder again."
        )
    return wanted


def _pour(source: IO[bytes], path: Path, archive: str) -> None:
    before = sum(file.stat().st_size for file in path.parent.iterdir())
    with path.open("wb") as file:
        while data := source.read(1 << 20):
            file.write(data)
            if before + file.tell() > MAX_MODEL_BYTES:
                raise BadArchiveError(
                    f"Expected a model of at most {MAX_MODEL_BYTES:,} bytes in {archive!r}. It is "
                    "larger. Do not use it."
                )
