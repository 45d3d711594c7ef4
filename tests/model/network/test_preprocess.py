"""A network is fed what its card says, and what the first models were fed stays the same."""

import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.datasets.preparation import ScanFrame
from octtutor.datasets.preparation import prepare as prepare_framed
from octtutor.errors import ModelError
from octtutor.model.network.backbones import known_backbones, own_preprocessing
from octtutor.model.network.preprocess import SCALINGS, Preprocessing, prepare, to_input
from octtutor.model.network.pretrained import BackboneSource, open_backbone
from octtutor.phantom import make

GREYS = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)


def test_the_first_models_are_fed_what_they_always_were():
    expected = np.repeat(((GREYS.astype(np.float32) - 127) / 128)[..., None], 3, -1)
    facts = {"version": "1", "scaling": "127/128", "fill": "painted"}  # of lite0 in version 0.1
    how = Preprocessing.read(facts, 224)
    assert how == Preprocessing(224, "127/128", "painted")
    assert how.key == "1"
    for fed in (to_input(GREYS), how.to_input(GREYS)):
        assert fed.dtype == np.float32
        assert (fed == expected).all()
    scan = make(LABELS[0], np.random.default_rng(0), (160, 200)).scan
    assert (how.prepare(scan) == prepare(scan, 224)).all()


def test_the_articles_way_is_a_255th_of_the_raw_scan():
    how = Preprocessing(16, "1/255", "kept")
    assert how.to_input(GREYS) == pytest.approx(np.repeat(GREYS[..., None] / 255, 3, -1))
    scan = np.full((64, 64), 60, np.uint8)
    scan[:20, :20] = 255
    assert how.prepare(scan)[0, 0] == 255
    assert Preprocessing(16, "1/255").prepare(scan)[0, 0] == 60


@pytest.mark.parametrize("scaling", SCALINGS)
def test_what_goes_into_the_card_comes_out_of_it(scaling: str):
    how = Preprocessing(96, scaling, "kept")
    assert Preprocessing.read(how.as_facts(), 96) == how
    assert how.key not in ("1", Preprocessing(97, scaling, "kept").key)


@pytest.mark.parametrize(
    "wrong",
    [{}, {"version": "3"}, {"version": "1", "scaling": "1/7"}, {"version": "1", "fill": ["x"]}],
)
def test_an_unknown_way_is_refused(wrong: dict):
    with pytest.raises(ModelError, match="fed something else"):
        Preprocessing.read(wrong, 224)


def test_the_second_way_is_in_the_card_and_comes_out_of_it():
    how = Preprocessing(96).framed()
    assert how.version == "2"
    assert Preprocessing.read(how.as_facts(), 96) == how
    assert how.key not in (Preprocessing(96).key, Preprocessing(224).framed().key)
    scan = make(LABELS[0], np.random.default_rng(0), (496, 512)).scan
    fed = how.prepare(scan)
    assert (fed.shape, fed.dtype) == ((96, 96), np.uint8)
    assert (fed == prepare_framed(scan, frame=ScanFrame.of_side(96)).scan).all()


@pytest.mark.parametrize("how", [Preprocessing(224), Preprocessing(224).framed()])
def test_what_the_network_saw_lies_on_the_scan_where_it_came_from(how: Preprocessing):
    scan = make(LABELS[1], np.random.default_rng(1), (496, 768)).scan
    fed = how.feed(scan)
    laid = fed.lay_on(fed.scan.astype(np.float32))
    assert laid.shape == scan.shape
    seen = laid > 0
    assert seen.mean() > 0.5
    same = np.corrcoef(cv2.blur(scan, (9, 9))[seen], cv2.blur(laid, (9, 9))[seen])[0, 1]
    moved = np.corrcoef(cv2.blur(scan, (9, 9))[seen], np.roll(laid, 40, 0)[seen])[0, 1]
    assert same > 0.9 > moved


@pytest.mark.parametrize(
    "frame", [None, {}, {"height": 96}, ScanFrame.of_side(224).as_facts(), {"height": "x"}]
)
def test_a_frame_that_does_not_fit_is_refused(frame: dict | None):
    with pytest.raises(ModelError, match="frame of 96 x 96"):
        Preprocessing.read({"version": "2", "frame": frame}, 96)


def test_training_chooses_how_scans_are_prepared():
    source = BackboneSource("lite0", "none", size=64)
    assert open_backbone(source).how.version == "1"
    assert open_backbone(replace(source, preprocessing="2")).how.version == "2"
    with pytest.raises(ModelError, match="preprocessing"):
        open_backbone(replace(source, preprocessing="3"))


@pytest.mark.parametrize("name", known_backbones()[1:])
def test_every_backbone_of_keras_is_fed_what_keras_says(name: str):
    import keras

    module = sys.modules[getattr(keras.applications, name).__module__]
    grey = np.repeat(GREYS.astype(np.float32)[..., None], 3, -1)
    expected = np.asarray(module.preprocess_input(grey.copy()))
    assert own_preprocessing(name, 16).to_input(GREYS) == pytest.approx(expected, abs=1e-4)
