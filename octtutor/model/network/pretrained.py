"""Where training starts: a backbone with ImageNet's weights, a file's, a model's, or none."""

import contextlib
import hashlib
import io
import sys
import tempfile
import warnings
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import keras
import numpy as np
import numpy.typing as npt

from octtutor.errors import ModelError
from octtutor.model.network.backbones import (
    OWN,
    build_backbone,
    call_application,
    own_preprocessing,
    resolve_backbone,
    settle,
)
from octtutor.model.network.hdf5 import is_keras2, open_hdf5, saved_layers
from octtutor.model.network.model_folder import load_network
from octtutor.model.network.preprocess import FRAMED, VERSION, Preprocessing

IMAGENET, NONE = "imagenet", "none"
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class BackboneSource:
    """Which backbone, and where its weights come from."""

    name: str = "lite0"
    """`lite0` or any spelling of a name of keras.applications."""
    weights: str = IMAGENET
    """`imagenet`, `none` (random), or the path of a Keras weights file (`…_notop.h5`)."""
    model: Path | None = None
    """A model folder whose backbone is taken instead, with its way of preparing scans."""
    size: int | None = None
    """Side of the input, pixels; the backbone's published one by default."""
    preprocessing: str | None = None
    """`1` or `2`, how scans are prepared; `1`, or the model's own, by default."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """A backbone with its weights, what the card says of it, and what it is fed."""

    network: keras.Model
    facts: dict[str, str]
    how: Preprocessing

    @property
    def name(self) -> str:
        """The architecture's name."""
        return self.facts["name"]


def open_backbone(source: BackboneSource, seed: int = 2017) -> Backbone:
    """Build a backbone and give it its weights.

    Args:
        source: which one, and its weights.
        seed: of the random numbers where there are no weights.

    Raises:
        ModelError: it is not known, its weights cannot be had, or they do not fit.
    """
    if source.model is not None:
        return _from_model(source)
    name = resolve_backbone(source.name)
    how = _way(own_preprocessing(name, source.size), source.preprocessing)
    if source.weights == NONE:
        keras.utils.set_random_seed(seed)
    network = build_backbone(name, how.size)
    return Backbone(network, {"name": name, **_give_weights(name, network, source.weights)}, how)


def load_weights_file(backbone: keras.Model, path: Path) -> str:
    """Set a backbone's weights to those of a Keras file, read as data only.

    Args:
        backbone: a network without its top.
        path: `…_notop.h5` as keras.applications publishes it, `.weights.h5`, or `.keras`.

    Returns:
        The file's SHA-256, hex.

    Raises:
        ModelError: the file is missing, damaged, not plain, or of another architecture.
    """
    most = 4 * sum(int(np.prod(v.shape)) * 4 for v in backbone.weights) + 4_000_000
    with tempfile.TemporaryDirectory() as place:
        # what is looked through is what is read: a copy that nobody changes meanwhile
        copy = Path(place) / "copy.weights.h5"
        digest = _copy(path, copy, most)
        with open_hdf5(copy, most) as file:
            layers = saved_layers(file) if is_keras2(file) else None
            if layers is not None:
                _set_by_order(backbone, layers, path.name)
        if layers is None:
            _let_keras_read(backbone, copy, path.name)
    _complete(backbone)
    return digest


def _from_model(source: BackboneSource) -> Backbone:
    assert source.model is not None
    network, card = load_network(source.model)
    if source.size not in (None, card.input_size):
        raise ModelError(
            f"Expected the input size of {card.name!r}, {card.input_size} px. Received "
            f"{source.size}. Leave --size out."
        )
    was = card.backbone.get("origin", "unknown")
    origin = f"model {card.name} ({card.weights_sha256[:12]}), which began with: {was}"
    facts = {**card.backbone, "origin": origin}
    how = Preprocessing.read(card.preprocessing, card.input_size)
    return Backbone(network.backbone, facts, _way(how, source.preprocessing))


def _way(how: Preprocessing, version: str | None) -> Preprocessing:
    if version not in (None, VERSION, FRAMED):
        raise ModelError(
            f"Expected preprocessing {VERSION!r} or {FRAMED!r}. Received {version[:20]!r}. "
            "See docs/preparation.md."
        )
    if version == FRAMED:
        return how if how.frame else how.framed()
    return replace(how, frame=None) if version == VERSION else how


def _give_weights(name: str, network: keras.Model, weights: str) -> dict[str, str]:
    if weights == NONE:
        return {"origin": "random numbers, not trained", "licence": "none needed"}
    own = OWN.get(name)
    if weights != IMAGENET:
        if own and own.load and weights.endswith(".pth"):
            own.load(network, Path(weights))
            digest = hashlib.sha256(Path(weights).read_bytes()).hexdigest()
        else:
            digest = load_weights_file(network, Path(weights))
        origin = f"weights file {Path(weights).name}"
        return {"origin": origin, "weights_sha256": digest, "licence": "its publisher's"}
    if own:
        if own.load is None:
            raise ModelError(
                f"Expected weights for {name}, which has none of ImageNet. Give a file with "
                "--backbone-weights FILE, or start without: --backbone-weights none."
            )
        own.load(network, None)
        return {"origin": own.origin, "licence": own.licence}
    _fetch(name, network)
    return {
        "origin": f"ImageNet, keras.applications of Keras {keras.__version__}",
        "licence": "its authors' (see keras.io/api/applications)",
    }


def _fetch(name: str, network: keras.Model) -> None:
    try:
        # Keras speaks of its download on standard output, which belongs to the answer
        facts = sys.stderr if sys.stderr.isatty() else io.StringIO()
        with contextlib.redirect_stdout(facts), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "weights for 224 px will be used": as it should be
            fetched = call_application(name, network.input_shape[1], IMAGENET)
    except ModelError:
        raise
    except Exception as error:  # Keras raises plain Exception when a download fails
        raise ModelError(
            f"Expected to fetch the ImageNet weights of {name}. It failed "
            f"({' '.join(str(error).split())[:160]}). Give the file that keras.applications "
            "publishes with --backbone-weights FILE, or start without: --backbone-weights none."
        ) from error
    network.set_weights(fetched.get_weights())
    _complete(network)


def _copy(path: Path, copy: Path, most: int) -> str:
    try:
        if zipfile.is_zipfile(path):  # a .keras file: its weights, never its config
            with zipfile.ZipFile(path) as archive, archive.open("model.weights.h5") as member:
                _pour(member, copy, most, path.name)
        else:
            with path.open("rb") as file:
                _pour(file, copy, most, path.name)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, KeyError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise ModelError(
            f"Expected a Keras weights file (.h5, .weights.h5, .keras). {str(path)!r} cannot be "
            f"read ({' '.join(str(error).split())[:120]}). Check the path, or download it again."
        ) from error


def _pour(source: IO[bytes], copy: Path, most: int, name: str) -> None:
    with copy.open("wb") as file:
        while data := source.read(1 << 20):
            file.write(data)
            if file.tell() > most:
                raise ModelError(
                    f"Expected at most {most:,} bytes of weights for this backbone. {name!r} "
                    "holds more. Give the file of the network without its top."
                )


def _set_by_order(backbone: keras.Model, layers: list[tuple[str, list[Any]]], name: str) -> None:
    ours = [v for layer in backbone.layers for v in _in_saved_order(layer)]
    theirs = [dataset for _, weights in layers for dataset in weights]
    if len(ours) != len(theirs):
        raise _unlike(name, f"{len(theirs)} tensors, not {len(ours)}")
    for variable, dataset in zip(ours, theirs, strict=True):
        if tuple(variable.shape) != dataset.shape:
            raise _unlike(name, f"{dataset.name} of {dataset.shape}, not {tuple(variable.shape)}")
    for variable, dataset in zip(ours, theirs, strict=True):
        variable.assign(np.asarray(dataset))


def _in_saved_order(layer: keras.layers.Layer) -> list[Any]:
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _let_keras_read(backbone: keras.Model, copy: Path, name: str) -> None:
    try:
        with warnings.catch_warnings():
            # Keras only warns of layers that it finds no weights for
            warnings.simplefilter("error", UserWarning)
            backbone.load_weights(copy)
    except (ValueError, KeyError, TypeError, OSError, UserWarning) as error:
        raise _unlike(name, "its layers differ") from error


def _unlike(name: str, what: str) -> ModelError:
    return ModelError(
        f"Expected the weights of this backbone without its top. {name!r} is of another network: "
        f"{what}. Give the file '…_notop.h5' of the same backbone."
    )


def _complete(backbone: keras.Model) -> None:
    # With ImageNet's weights, and only then, Keras builds EfficientNet with one more layer, which
    # divides by the root of the deviation (tensorflow issue 49930). Here it goes into the variance.
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.input_mean is None:
            mean: npt.NDArray[Any] = keras.ops.convert_to_numpy(layer.adapt_mean)
            if mean.shape == (3,) and np.allclose(mean, _MEAN, atol=1e-3):
                variance = keras.ops.convert_to_numpy(layer.adapt_variance)
                layer.adapt_variance.assign(variance * np.array(_STD, np.float32))
    settle(backbone)


def article_preprocessing(how: Preprocessing, name: str) -> Preprocessing:
    """Return what the article fed its backbone; other backbones keep their own way."""
    fill = "painted" if how.frame else "kept"
    return replace(how, scaling="1/255", fill=fill) if name == "InceptionV3" else how
