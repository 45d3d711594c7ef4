"""A network is fed what its card says, and what the first models were fed stays the same."""

import sys

import numpy as np
import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.errors import ModelError
from octtutor.model.backbones import known_backbones, own_preprocessing
from octtutor.model.card import read_card
from octtutor.model.preprocess import SCALINGS, Preprocessing, prepare, to_input
from octtutor.phantom import make
from tests.conftest import MODEL

GREYS = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)


def test_the_first_models_are_fed_what_they_always_were():
    expected = np.repeat(((GREYS.astype(np.float32) - 127) / 128)[..., None], 3, -1)
    card = read_card(MODEL)
    how = Preprocessing.read(card.preprocessing, card.input_size)
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
    [{}, {"version": "2"}, {"version": "1", "scaling": "1/7"}, {"version": "1", "fill": ["x"]}],
)
def test_an_unknown_way_is_refused(wrong: dict):
    with pytest.raises(ModelError, match="fed something else"):
        Preprocessing.read(wrong, 224)


@pytest.mark.parametrize("name", known_backbones()[1:])
def test_every_backbone_of_keras_is_fed_what_keras_says(name: str):
    import keras

    module = sys.modules[getattr(keras.applications, name).__module__]
    grey = np.repeat(GREYS.astype(np.float32)[..., None], 3, -1)
    expected = np.asarray(module.preprocess_input(grey.copy()))
    assert own_preprocessing(name, 16).to_input(GREYS) == pytest.approx(expected, abs=1e-4)
