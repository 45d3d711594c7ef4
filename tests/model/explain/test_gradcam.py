"""The map from the head alone is the textbook's map through the whole network."""

import cv2
import numpy as np
import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.model.explain.gradcam import gradcam
from octtutor.model.explain.maps import to_scan_size
from octtutor.model.network.preprocess import to_input
from octtutor.phantom import make


@pytest.fixture(scope="module", params=LABELS)
def prepared(request, engine):
    scan = make(request.param, np.random.default_rng(5), (496, 512)).scan
    return engine.prepare(scan)


def textbook(engine, prepared, label):
    """Selvaraju et al.: gradient of the logit at the last convolution's output."""
    import tensorflow as tf

    x = tf.convert_to_tensor(to_input(prepared[None]))
    with tf.GradientTape() as tape:
        tape.watch(x)
        features = engine.network.backbone(x, training=False)
        tape.watch(features)
        score = engine.network.head(features, training=False)[:, label]
    weights = tf.reduce_mean(tape.gradient(score, features), axis=(1, 2), keepdims=True)
    return tf.nn.relu(tf.reduce_sum(weights * features, axis=-1)).numpy()[0]


@pytest.mark.parametrize("label", range(4))
def test_it_equals_the_gradient_through_the_whole_network(engine, prepared, label):
    ours = engine.gradcam(engine.run(prepared[None]).features[0], [label])[0]
    assert ours == pytest.approx(textbook(engine, prepared, label), abs=1e-4)


@pytest.mark.parametrize("label", range(4))
def test_it_is_the_class_activation_map_of_the_dense_layer(engine, prepared, label):
    features = engine.run(prepared[None]).features[0]
    kernel = engine.network.head.get_layer("logits").kernel.numpy()[:, label]
    cam = np.maximum(features @ kernel / (7 * 7), 0)
    assert engine.gradcam(features, [label])[0] == pytest.approx(cam, abs=1e-5)


def test_the_score_is_the_logit_and_not_the_probability(engine, prepared):
    """For the probability the weights would be p_c (W_c - sum p_k W_k) / Z: another map."""
    output = engine.run(prepared[None])
    features, p = output.features[0], np.exp(output.logits[0]) / np.exp(output.logits[0]).sum()
    kernel = engine.network.head.get_layer("logits").kernel.numpy()
    label = int(p.argmax())
    of_probability = p[label] * (kernel[:, label] - kernel @ p) / 49
    other = np.maximum(features @ of_probability, 0)
    ours = engine.gradcam(features, [label])[0]
    assert not np.allclose(other / max(other.max(), 1e-9), ours / ours.max(), atol=1e-3)


def test_a_map_has_the_scans_size_and_lies_between_0_and_1(engine, prepared):
    raw = engine.gradcam(engine.run(prepared[None]).features[0], [0])[0]
    level = to_scan_size(raw, 496, 768)
    assert level.shape == (496, 768)
    assert level.dtype == np.float32
    assert level.min() >= 0
    assert level.max() in (0, 1)


def test_no_evidence_is_a_map_of_zeros_and_no_division(engine):
    nothing = gradcam(engine.network.head, np.zeros((7, 7, 1280), np.float32), [0, 1, 2, 3])
    assert not nothing.any()
    level = to_scan_size(nothing[0], 100, 120)
    assert not level.any()
    assert np.isfinite(level).all()


def test_one_pass_gives_answer_and_map(engine, prepared):
    """The features that the map is made of are those of the answer's own pass."""
    output = engine.run(prepared[None])
    head = engine.network.head(output.features, training=False).numpy()
    assert head == pytest.approx(output.logits, abs=1e-4)


def test_a_map_is_large_where_the_evidence_is():
    raw = np.zeros((7, 7), np.float32)
    raw[2, 5] = 1.0
    level = to_scan_size(raw, 490, 700)
    y, x = np.unravel_index(level.argmax(), level.shape)
    assert abs(y - 2.5 * 70) <= 2
    assert abs(x - 5.5 * 100) <= 2
    assert cv2.countNonZero(level) < level.size / 4
