"""One's own Keras model becomes a model with maps, or is refused in a line; no code is run."""

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME, SHIPPED
from octtutor.errors import BadInputError, ModelError, OctTutorError
from octtutor.model.explain.methods import METHODS, explain_raw
from octtutor.model.network.card import read_card, write_card
from octtutor.model.network.model_folder import load_network
from octtutor.model.network.network import GAP_DENSE
from octtutor.model.network.pretrained import BackboneSource
from octtutor.model.publish.keras_import import KerasSource, import_keras
from octtutor.model.serve.engine import KerasEngine, softmax
from octtutor.model.training.recipes.finetune import Finetune

SIDE = 32


def plain(answers: int = 4, last: str = "softmax", channels: int = 3) -> keras.Model:
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE, channels)),
            layers.Rescaling(1 / 255),
            layers.RandomFlip(),
            layers.Conv2D(6, 3, padding="same"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(answers, activation=last),
        ]
    )


def nested() -> keras.Model:
    """A frozen functional backbone with a skip, in a functional model, after augmentation."""
    keras.utils.set_random_seed(2)
    entry = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(4, 3, 2, padding="same", use_bias=False)(entry)
    x = layers.BatchNormalization()(x)
    y = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.Add()([x, layers.Activation("swish")(y)])
    inner = keras.Model(entry, layers.Conv2D(8, 1)(x), name="inner")
    inner.layers[1].trainable = False
    scan = keras.Input((SIDE, SIDE, 3))
    x = keras.Sequential([layers.RandomFlip(), layers.RandomRotation(0.1)], name="augment")(scan)
    x = inner(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = keras.Sequential([layers.Dense(5, activation="relu"), layers.Dense(4)], name="top")(x)
    return keras.Model(scan, layers.Softmax()(x))


def shake(model: keras.Model) -> keras.Model:
    """Give every weight a value of its own, also means and variances."""
    rng = np.random.default_rng(3)
    model.set_weights([rng.uniform(0.2, 0.9, w.shape) for w in model.get_weights()])
    return model


def bring(model: keras.Model, folder: Path, ending: str = "keras", **more) -> Path:
    path = folder / f"own.{ending}"
    model.save(path)
    asked = {"scheme": OCT2017_SCHEME, "labels": (), "scaling": "0..255"} | more
    return import_keras(KerasSource(path, **asked), "own", (folder / "models",))[1]


def answers(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    engine = KerasEngine.open(folder)
    scans = np.random.default_rng(4).integers(0, 255, (3, SIDE, SIDE), np.uint8)
    return scans, engine.run_many(scans)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("make", [plain, nested])
def test_it_answers_as_it_did_and_has_maps_of_every_method(tmp_path: Path, make, ending: str):
    model = shake(make())
    folder = bring(model, tmp_path, ending)
    scans, found = answers(folder)
    told = model.predict(np.repeat(scans[..., None], 3, -1).astype(np.float32), verbose=0)
    assert found == pytest.approx(told, abs=1e-5)
    engine = KerasEngine.open(folder)
    for method in ("fine-cam", "gradcam", "layercam", "gradcam++"):
        assert method in METHODS
        maps = explain_raw(engine, scans[0], range(4), method)
        assert maps.shape[0] == 4
        assert np.isfinite(maps).all()


def test_it_is_cut_at_the_last_picture_of_a_convolution(tmp_path: Path):
    network, card = load_network(bring(shake(plain()), tmp_path))
    assert network.backbone.output_shape == (None, 14, 14, 8)
    assert network.head.output_shape == (None, 4)
    assert (card.labels, card.head, card.flip_average) == (
        OCT2017_SCHEME.keys, {"kind": "imported"}, False,
    )  # fmt: skip
    assert "20 scans of the embedded deck" in card.notes[1]


def test_answers_come_in_the_schemes_order_whatever_the_networks_is(tmp_path: Path):
    model = shake(plain())
    folder = bring(model, tmp_path, labels=("NORMAL", "drusen", "CNV", "DME"))
    scans, found = answers(folder)
    told = model.predict(np.repeat(scans[..., None], 3, -1).astype(np.float32), verbose=0)
    assert found == pytest.approx(told[:, [2, 3, 1, 0]], abs=1e-5)


def test_grey_networks_and_networks_of_logits_are_taken(tmp_path: Path):
    model = shake(plain(8, "linear", channels=1))
    folder = bring(model, tmp_path, scheme=SHIPPED.get("octdl"))
    scans, found = answers(folder)
    told = softmax(model.predict(scans[..., None].astype(np.float32), verbose=0))
    assert found == pytest.approx(told, abs=1e-5)
    assert read_card(folder).scheme.name == "octdl"


def test_it_can_be_trained_on(tmp_path: Path):
    folder = bring(shake(plain()), tmp_path)
    same = Finetune().begin(BackboneSource(model=folder))
    assert same.network.head.output_shape == (None, 4)
    other = Finetune().begin(BackboneSource(model=folder), SHIPPED.get("octdl"))
    assert (other.network.head.output_shape, other.head) == ((None, 8), GAP_DENSE)


def lambda_layer() -> keras.Model:
    scan = keras.Input((SIDE, SIDE, 3))
    x = layers.Lambda(lambda x: x / 255, output_shape=(SIDE, SIDE, 3))(scan)
    x = layers.Conv2D(4, 3)(x)
    return keras.Model(scan, layers.Dense(4)(layers.Flatten()(x)))


@keras.saving.register_keras_serializable("mine")
class Mine(layers.Layer):
    def call(self, x):
        return x


def own_layer() -> keras.Model:
    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), Mine(), layers.Conv2D(4, 3)])


def shared_layer() -> keras.Model:
    scan, same = keras.Input((SIDE, SIDE, 3)), layers.Conv2D(3, 3, padding="same")
    x = layers.GlobalAveragePooling2D()(same(same(scan)))
    return keras.Model(scan, layers.Dense(4)(x))


def past_the_convolution() -> keras.Model:
    scan = keras.Input((SIDE, SIDE, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(scan))
    beside = layers.GlobalAveragePooling2D()(scan)
    return keras.Model(scan, layers.Dense(4)(layers.Concatenate()([x, beside])))


def two_inputs() -> keras.Model:
    scan, other = keras.Input((SIDE, SIDE, 3)), keras.Input((3,))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(scan))
    return keras.Model([scan, other], layers.Dense(4)(layers.Concatenate()([x, other])))


def no_convolution() -> keras.Model:
    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), layers.Flatten(), layers.Dense(4)])


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda_layer, "Received a Lambda layer; octtutor runs no code of others"),
        (own_layer, "'mine>Mine', which is code of its own"),
        (shared_layer, "is used 2 times"),
        (past_the_convolution, "Something goes past it"),
        (two_inputs, "one input. Received 2"),
        (no_convolution, "It has no convolution"),
        (lambda: plain(4, "sigmoid"), "It ends in sigmoid"),
        (lambda: plain(3), r"Expected 4 answers, .* The network gives \(3,\)"),
    ],
)
def test_what_cannot_be_imported_is_told_in_one_line(tmp_path: Path, make, why: str):
    with pytest.raises(ModelError, match=why) as caught:
        bring(make(), tmp_path)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "models").glob("*")) if (tmp_path / "models").exists() else True


def test_labels_and_preprocessing_must_be_known(tmp_path: Path):
    for more, why in (
        ({"labels": ("CNV", "DME")}, "Expected for --labels all of CNV, DME, DRUSEN, NORMAL"),
        ({"labels": ("CNV", "DME", "DRUSEN", "glaucoma")}, "Expected for --labels"),
        ({"scaling": "0..1"}, "Expected for --preprocessing one of 127/128, 1/255"),
    ):
        with pytest.raises(BadInputError, match=why):
            bring(plain(), tmp_path, **more)


def test_damaged_files_are_told_in_a_line(tmp_path: Path):
    (tmp_path / "own.h5").write_bytes(b"no HDF5")
    whole = tmp_path / "own.keras"
    plain().save(whole)
    with zipfile.ZipFile(whole) as archive:
        config = json.loads(archive.read("config.json"))
        weights = archive.read("model.weights.h5")
    for name, text, data in (
        ("huge", _with_units(config, 10**9), weights),
        ("cut", json.dumps(config), weights[:2000]),
        ("bare", "{}", weights),
    ):
        with zipfile.ZipFile(tmp_path / f"{name}.keras", "w") as archive:
            archive.writestr("config.json", text)
            archive.writestr("model.weights.h5", data)
    for path in (tmp_path / name for name in ("own.h5", "huge.keras", "cut.keras", "bare.keras")):
        source = KerasSource(path, OCT2017_SCHEME, (), "0..255")
        with pytest.raises(ModelError) as caught:
            import_keras(source, "own", (tmp_path / "models",))
        assert "\n" not in str(caught.value)


def _with_units(config: dict, units: int) -> str:
    config = json.loads(json.dumps(config))
    config["config"]["layers"][-1]["config"]["units"] = units
    return json.dumps(config)


def test_a_card_with_a_layer_that_is_not_in_the_list_is_refused(tmp_path: Path):
    folder = bring(shake(plain()), tmp_path)
    card = read_card(folder)
    for was, then in (
        ('"Flatten"', '"Lambda"'),
        ('"cut":6', '"cut":60'),
        ('"cut":6', '"cut":9'),
        ('"takes":[0]', '"takes":[9]'),
        ('"units":4', '"units":99999'),
    ):
        text = card.backbone["architecture"]
        assert was in text
        changed = {**card.backbone, "architecture": text.replace(was, then, 1)}
        write_card(type(card)(**{**_fields(card), "backbone": changed}), folder)
        with pytest.raises(OctTutorError):
            load_network(folder)


def _fields(card) -> dict:
    return {name: getattr(card, name) for name in card.__dataclass_fields__}


def test_a_real_one_is_imported(tmp_path: Path, real_scans: Path):
    file = real_scans.parent / "field" / "kaggle.h5"
    if not file.is_file():
        pytest.skip("needs ../shared/field")
    source = KerasSource(file, OCT2017_SCHEME, (), "0..255")
    card, folder = import_keras(source, "kaggle", (tmp_path / "models",))
    network, _ = load_network(folder)
    assert network.backbone.output_shape == (None, 7, 7, 1280)
    assert card.input_size == 224
