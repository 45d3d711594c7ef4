"""Any backbone of keras.applications by any spelling; names of weights that last."""

from pathlib import Path

import numpy as np
import pytest

from octtutor.errors import ModelError
from octtutor.model.network.backbones import (
    build_backbone,
    fingerprint,
    known_backbones,
    resolve_backbone,
    stable_variables,
)
from octtutor.model.network.card import Card
from octtutor.model.network.heads import CONV_FLATTEN, build_head
from octtutor.model.network.model_folder import load_network, save_model
from octtutor.model.network.network import build_network
from octtutor.model.network.preprocess import Preprocessing


def card_of(backbone: str, head: dict, size: int) -> Card:
    facts = {"name": backbone, "origin": "random", "licence": "none"}
    how = Preprocessing(size).as_facts()
    empty: dict = {}
    labels = ("CNV", "DME", "DRUSEN", "NORMAL")
    return Card(
        "m", labels, size, how, facts, head, False, empty, empty, empty, empty, "", "", "", ""
    )


@pytest.mark.parametrize("spelling", ["InceptionV3", "inceptionv3", "inception_v3", "INCEPTION-V3"])
def test_any_sensible_spelling_will_do(spelling: str):
    assert resolve_backbone(spelling) == "InceptionV3"


def test_all_of_keras_is_known():
    assert known_backbones()[0] == "lite0"
    assert {"VGG16", "MobileNetV2", "EfficientNetB0", "ConvNeXtTiny"} < set(known_backbones())
    assert len(known_backbones()) > 35


@pytest.mark.parametrize(("name", "near"), [("inceptoinv3", "InceptionV3"), ("zzz", "lite0")])
def test_a_misspelt_backbone_is_answered_with_the_nearest(name: str, near: str):
    with pytest.raises(ModelError, match=f"Try: .*{near}"):
        resolve_backbone(name)


@pytest.mark.parametrize(
    ("name", "size", "match"),
    [
        ("InceptionV3", 74, "at least 75 px for InceptionV3"),
        ("lite0", 100, "in steps of 32"),
        ("VGG16", 16, "32 to 1024"),
        ("MobileNetV2", 5000, "32 to 1024"),
        ("preprocess_input", 64, "keras.applications"),
    ],
)
def test_a_size_or_name_that_does_not_suit_is_said(name: str, size: int, match: str):
    with pytest.raises(ModelError, match=match):
        build_backbone(name, size)


def test_names_of_weights_do_not_depend_on_what_was_built_before(tmp_path: Path):
    first = build_network("InceptionV3", CONV_FLATTEN, 75)
    card = save_model(first, card_of("InceptionV3", CONV_FLATTEN, 75), tmp_path / "m")
    paths = {variable.path for variable in first.backbone.weights}
    again, read = load_network(tmp_path / "m")
    assert read == card
    # Keras itself names the layers anew each time: this is what the test is about
    assert {variable.path for variable in again.backbone.weights} != paths
    assert list(first.variables()) == list(again.variables())
    for name, array in first.weights().items():
        assert (again.weights()[name] == array).all()
    prints = [fingerprint("InceptionV3", n.backbone) for n in (first, again)]
    assert prints[0] == prints[1]


def test_weights_without_a_name_of_their_own_are_named_alike():
    names = [list(stable_variables(build_backbone("ConvNeXtTiny", 32))) for _ in range(2)]
    assert names[0] == names[1]


def test_a_fingerprint_tells_weights_and_sizes_apart():
    small, same, large = (build_backbone("MobileNetV2", size) for size in (32, 32, 64))
    large.set_weights(small.get_weights())
    same.set_weights(small.get_weights())
    assert fingerprint("MobileNetV2", same) == fingerprint("MobileNetV2", small)
    assert fingerprint("MobileNetV2", large) != fingerprint("MobileNetV2", small)
    same.weights[0].assign(np.asarray(same.weights[0]) + 1e-3)
    assert fingerprint("MobileNetV2", same) != fingerprint("MobileNetV2", small)


def test_the_follow_ups_head_has_its_number_of_parameters():
    assert build_head(CONV_FLATTEN, (8, 8, 2048)).count_params() == 147_652


def test_the_articles_head_is_pooled_with_64_hidden_units():
    head = build_head({"kind": "gap-dense", "hidden": 64, "dropout": 0.0}, (8, 8, 2048))
    assert head.count_params() == 2048 * 64 + 64 + 64 * 4 + 4
    features = np.random.default_rng(0).random((2, 8, 8, 2048), np.float32)
    k1, b1, k2, b2 = head.get_weights()
    expected = np.maximum(features.mean((1, 2)) @ k1 + b1, 0) @ k2 + b2
    assert np.asarray(head(features)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    "head",
    [
        {"kind": "gap-dense", "hidden": 10**12},
        {"kind": "gap-dense", "hidden": True},
        {"kind": "conv-flatten", "filters": "64"},
        {"kind": ["x"]},
        {},
    ],
)
def test_a_head_out_of_bounds_is_refused(head: dict):
    with pytest.raises(ModelError, match="Expected"):
        build_head(head, (2, 2, 8))
