"""Exports: each format once, read back from what it says of itself, beside the Keras model."""

import json
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.datasets.decode import read_scan
from octtutor.errors import BadInputError, ModelError
from octtutor.model.network.backend import import_keras_quietly
from octtutor.model.network.preprocess import Preprocessing
from tests.conftest import MODEL, ROOT, missing, write_scans
from tests.model.folders import make_model

KINDS = [
    ("litert", "float32"),
    ("litert", "int8"),
    ("onnx", "float32"),
    ("openvino", "float16"),
    ("savedmodel", "float32"),
]


def need(*modules: str) -> None:
    if any(find_spec(module) is None for module in modules):
        missing("export", "Install it: pip install 'octtutor[export]'")


def find(name: str, quantise: str = "float32"):
    import_keras_quietly()
    from octtutor.model.exporting.formats import FORMATS, find_format

    need(*FORMATS[name].packages)
    return find_format(name, quantise)


@pytest.fixture(scope="module")
def deck(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scans(tmp_path_factory.mktemp("deck"), per_class=2, size=(248, 256))


@pytest.fixture(scope="module", params=KINDS, ids="-".join)
def exported(request: pytest.FixtureRequest, tmp_path_factory, deck: Path):
    """The shipped model in one format, checked on a few synthetic scans."""
    name, quantise = request.param
    form = find(name, quantise)
    from octtutor.model.exporting.export import ExportScans, export_model

    place = tmp_path_factory.mktemp("exports") / f"model{form.suffix}"
    return export_model(MODEL, form, place, quantise, ExportScans(deck, deck))


@pytest.fixture(scope="module")
def opened(exported):
    from octtutor.model.exporting.export_engine import ExportedEngine

    return ExportedEngine.open(exported.out)


def test_an_export_answers_and_explains_as_the_keras_model_does(exported):
    check = exported.check
    assert check.scans == check.labelled == 8
    if exported.quantise == "int8":
        assert check.accuracy >= check.keras_accuracy - 0.01
    else:
        assert check.same_label == 8
        assert check.largest_difference <= (0.02 if exported.quantise == "float16" else 1e-4)
        assert check.map_difference <= 0.05
    assert min(check.milliseconds, check.keras_milliseconds) > 0
    assert exported.keras_size == (MODEL / "weights.safetensors").stat().st_size
    json.dumps(exported.as_json(), allow_nan=False)


def test_an_export_of_a_model_of_framed_scans_frames_them_too(tmp_path: Path, deck: Path):
    form = find("litert")
    from octtutor.model.exporting.export import ExportScans, export_model
    from octtutor.model.exporting.export_engine import ExportedEngine

    how = Preprocessing(224).framed()
    folder = make_model(tmp_path / "framed", preprocessing=how.as_facts())
    made = export_model(
        folder, form, tmp_path / "framed.tflite", "float32", ExportScans(deck, deck)
    )
    assert made.check.same_label == made.check.scans == 8
    opened = ExportedEngine.open(made.out)
    assert opened.how == how
    assert "the retina found" in opened.facts["preprocessing"]["in_a_page"]
    assert "palettes" in opened.facts["preprocessing"]["in_octtutor_only"]


def test_an_export_is_as_small_as_its_numbers_and_leaves_nothing_beside_it(exported):
    assert list(exported.out.parent.iterdir()) == [exported.out]
    share = {"float32": 1.0, "float16": 0.5, "int8": 0.3}[exported.quantise]
    assert exported.size / exported.keras_size == pytest.approx(share, abs=0.15)


def test_an_export_tells_all_that_its_use_needs(exported, opened, engine, deck: Path):
    card = engine.card
    assert opened.facts["labels"] == list(LABELS)
    assert opened.facts["temperature"] == card.temperature
    assert opened.facts["flip_average"] == card.flip_average
    assert opened.facts["weights_sha256"] == card.weights_sha256
    assert "Not for diagnosis" in opened.facts["purpose"]
    fed = opened.facts["preprocessing"]
    assert (fed["size"], fed["what"]) == (224, card.preprocessing["what"])
    prepared = opened.prepare(read_scan(next((deck / "DME").iterdir())))[None]
    by_hand = (np.repeat(prepared[..., None], 3, -1) - np.array(fed["mean"])) / np.array(
        fed["scale"]
    )
    assert np.allclose(by_hand, engine.how.to_input(prepared), atol=1e-6)
    answer = opened.run(prepared)
    assert answer.features.shape == (1, 7, 7, 1280)
    assert answer.logits.shape == (1, 4)
    assert answer.probabilities.sum() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("exported", KINDS[:1], ids="-".join, indirect=True)
def test_the_recipe_in_the_docs_gives_the_answer_and_the_map(exported, opened, deck: Path):
    recipe = (ROOT / "docs" / "exports.md").read_text().split("```python\n")[1].split("```")[0]
    recipe = recipe.replace('"lite0.tflite"', repr(str(exported.out)))
    grey = opened.prepare(read_scan(next((deck / "CNV").iterdir())))
    said: dict = {"grey": grey}
    exec(recipe, said)
    answer = opened.run(grey[None])
    assert np.allclose(said["chances"], answer.probabilities[0], atol=1e-5)
    wanted = opened.gradcam(answer.features[0], [int(said["chances"].argmax())])[0]
    assert np.allclose(said["raw"], wanted, atol=1e-4)


def test_an_export_takes_several_scans_at_once(exported, opened, deck: Path):
    prepared = np.stack([opened.prepare(read_scan(p)) for p in sorted((deck / "CNV").iterdir())])
    alone = [opened.run(scan[None]).probabilities[0] for scan in prepared]
    assert np.allclose(opened.run(prepared).probabilities, alone, atol=1e-4)


def test_other_programs_find_the_labels_where_the_format_keeps_them(exported):
    place, lines = exported.out, "CNV\nDME\nDRUSEN\nNORMAL\n"
    if exported.format == "litert":
        with zipfile.ZipFile(place) as archive:
            assert archive.read("labels.txt").decode() == lines
    elif exported.format == "onnx":
        import onnx

        props = {entry.key: entry.value for entry in onnx.load(place).metadata_props}
        assert props["labels"] == "CNV,DME,DRUSEN,NORMAL"
    elif exported.format == "openvino":
        (xml,) = place.glob("*.xml")
        assert '<labels value="CNV DME DRUSEN NORMAL"' in xml.read_text()
        assert '<scale_values value="128.0 128.0 128.0"' in xml.read_text()
    else:
        assert (place / "assets.extra" / "labels.txt").read_text() == lines


def test_an_export_that_answers_differently_is_not_written(tmp_path: Path, deck: Path, engine):
    form = find("savedmodel")
    from octtutor.model.exporting.export import ExportScans, export_model
    from octtutor.model.exporting.export_draft import Format

    def write(draft, target: Path) -> None:
        target.write_text(json.dumps(draft.facts))

    def open_(path: Path):
        def run(inputs):
            features = engine.network.backbone.predict_on_batch(inputs)
            logits = engine.network.head.predict_on_batch(features)
            return features, logits[:, ::-1]

        return json.loads(path.read_text()), run

    wrong = Format("wrong", ".wrong", False, form.quantise, (), write, open_)
    with pytest.raises(ModelError, match=r"of 8 scans get another label.*Nothing was written"):
        export_model(MODEL, wrong, tmp_path / "a.wrong", scans=ExportScans(deck, deck))
    assert list(tmp_path.iterdir()) == []


def test_a_converter_that_fails_leaves_one_line_and_nothing_else(tmp_path: Path, deck: Path):
    form = find("savedmodel")
    from octtutor.model.exporting.export import ExportScans, export_model
    from octtutor.model.exporting.export_draft import Format

    def write(draft, target: Path) -> None:
        target.write_text("half")
        raise RuntimeError("no such operation\nand a long story")

    broken = Format("broken", ".broken", False, form.quantise, (), write, form.open)
    with pytest.raises(ModelError, match=r"says: no such operation\. Nothing was written"):
        export_model(MODEL, broken, tmp_path / "a.broken", scans=ExportScans(deck, deck))
    assert list(tmp_path.iterdir()) == []


def checked(**found):
    from octtutor.model.exporting.checking import Check

    usual = {
        "scans": 100,
        "unreadable": (),
        "same_label": 100,
        "largest_difference": 0.0,
        "map_difference": 0.0,
        "labelled": 100,
        "accuracy": 0.95,
        "keras_accuracy": 0.95,
        "milliseconds": 1.0,
        "keras_milliseconds": 1.0,
    }
    return Check(**{**usual, **found})


@pytest.mark.parametrize(
    ("quantise", "found", "fault"),
    [
        ("float32", {}, None),
        ("float32", {"same_label": 99}, "1 of 100 scans"),
        ("float16", {"largest_difference": 0.021}, "differ by up to 0.021"),
        ("float16", {"largest_difference": 0.0199}, None),
        ("float32", {"largest_difference": float("nan")}, "differ by up to nan"),
        ("float32", {"map_difference": 0.06}, "maps differ"),
        ("float32", {"map_difference": None}, None),
        ("int8", {"same_label": 97, "largest_difference": 0.3, "accuracy": 0.941}, None),
        ("int8", {"accuracy": 0.93}, "0.020 lower"),
    ],
)
def test_what_an_export_may_differ_by(quantise: str, found: dict, fault: str | None):
    import_keras_quietly()
    told = checked(**found).fault(quantise)
    assert (told is None) if fault is None else (fault in str(told))


def tiny(head: dict):
    """A network of a few layers whose backbone scales its own input, as EfficientNet's does."""
    import_keras_quietly()
    import keras

    from octtutor.model.network.network import with_head

    keras.utils.set_random_seed(1)
    scan = keras.Input((32, 32, 3), name="scan")
    scaled = keras.layers.Normalization(mean=[100.0, 110.0, 120.0], variance=[9.0, 16.0, 25.0])(
        scan
    )
    features = keras.layers.Conv2D(6, 8, 8, activation="relu")(scaled)
    return with_head(keras.Model(scan, features), head)


def described(head: dict, engine):
    from dataclasses import replace

    from octtutor.model.exporting.facts import describe
    from octtutor.model.network.preprocess import Preprocessing

    network, fed = tiny(head), Preprocessing(32).as_facts()
    card = replace(engine.card, head=head, input_size=32, preprocessing=fed)
    return network, describe(card, network, "float32")


def test_onnx_holds_the_constants_of_a_backbone_that_scales_its_input(tmp_path: Path, engine):
    form = find("onnx")
    from octtutor.model.exporting.export_draft import ExportDraft, quiet
    from octtutor.model.network.preprocess import Preprocessing

    network, facts = described({"kind": "gap-dense"}, engine)
    none = np.zeros((0, 32, 32), np.uint8)
    draft = ExportDraft(network, Preprocessing(32), facts, "float32", none)
    with quiet():
        form.write(draft, tmp_path / "tiny.onnx")
    _, run = form.open(tmp_path / "tiny.onnx")
    inputs = np.random.default_rng(1).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    features, logits = run(inputs)
    wanted = np.asarray(network.backbone(inputs))
    assert np.allclose(features, wanted, atol=1e-3)
    assert np.allclose(logits, network.head(wanted), atol=1e-3)


@pytest.mark.parametrize("head", [{"kind": "gap-dense"}, {"kind": "gap-dense", "hidden": 5}])
def test_the_metadata_is_enough_for_grad_cam(head: dict, engine):
    network, facts = described(head, engine)
    from octtutor.model.explain.gradcam import gradcam
    from octtutor.model.exporting.export_engine import ExportedEngine

    facts = json.loads(json.dumps(facts))
    exported = ExportedEngine(facts, lambda inputs: (inputs, inputs))
    features = np.random.default_rng(2).uniform(0, 2, (4, 4, 6)).astype(np.float32)
    wanted = gradcam(network.head, features, range(4))
    assert wanted.any()
    assert np.allclose(exported.gradcam(features, range(4)), wanted, atol=1e-5)


def test_a_head_without_pooling_is_exported_without_a_map(engine):
    _, facts = described({"kind": "conv-flatten", "filters": 3}, engine)
    from octtutor.model.exporting.export_engine import ExportedEngine

    exported = ExportedEngine(facts, lambda inputs: (inputs, inputs))
    assert not exported.explains
    with pytest.raises(ModelError, match="conv-flatten"):
        exported.gradcam(np.zeros((4, 4, 6), np.float32), [0])


def test_the_place_of_an_export_must_be_new_and_of_its_kind(tmp_path: Path):
    litert, folder = find("litert"), find("savedmodel")
    from octtutor.model.exporting.export import place_of

    assert place_of(litert, None, "lite0", "float32") == Path("lite0.tflite")
    assert place_of(litert, None, "lite0", "int8") == Path("lite0-int8.tflite")
    assert place_of(folder, None, "lite0", "float32") == Path("lite0-savedmodel")
    assert place_of(litert, tmp_path, "lite0", "float32") == tmp_path / "lite0.tflite"
    assert place_of(folder, tmp_path, "lite0", "float32") == tmp_path
    (tmp_path / "lite0.tflite").touch()
    for form in (litert, folder):
        with pytest.raises(BadInputError, match="there already"):
            place_of(form, tmp_path, "lite0", "float32")
    with pytest.raises(BadInputError, match=r"ending in \.tflite"):
        place_of(litert, tmp_path / "lite0.bin", "lite0", "float32")


def test_formats_and_numbers_that_are_not_offered_are_named():
    import_keras_quietly()
    from octtutor.model.exporting.formats import find_format

    with pytest.raises(BadInputError, match=r"litert, openvino, onnx, savedmodel.*'coreml'"):
        find_format("coreml", "float32")
    with pytest.raises(BadInputError, match="'int8', which goes with litert"):
        find_format("savedmodel", "int8")


def test_what_is_no_export_is_refused(tmp_path: Path):
    find("litert")
    from octtutor.model.exporting.export_engine import ExportedEngine
    from octtutor.model.exporting.facts import check_facts

    with pytest.raises(ModelError, match="Expected an export"):
        ExportedEngine.open(tmp_path / "nothing.tflite")
    with pytest.raises(ModelError, match=r"Expected one \.xml file"):
        ExportedEngine.open(tmp_path)
    with pytest.raises(ModelError, match="no such metadata"):
        check_facts(None, "other.onnx")
