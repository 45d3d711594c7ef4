"""Every method keeps one contract, and does what its paper says."""

from dataclasses import replace

import numpy as np
import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.errors import BadInputError
from octtutor.model.explain.methods import DEFAULT_METHOD, METHODS, explain, explain_raw
from octtutor.model.network.preprocess import to_input
from octtutor.phantom import make


@pytest.fixture(scope="module")
def scan():
    return make(LABELS[1], np.random.default_rng(5), (496, 768)).scan


@pytest.fixture(scope="module")
def prepared(engine, scan):
    return engine.prepare(scan)


@pytest.mark.parametrize("method", METHODS)
def test_every_map_has_the_scans_size_and_lies_between_0_and_1(engine, scan, method):
    told: list[tuple[int, int]] = []
    maps = explain(engine, scan, [1, 3], method, lambda *done: told.append(done))
    assert maps.shape == (2, 496, 768)
    assert maps.dtype == np.float32
    assert maps.min() >= 0
    assert all(one.max() in (0, pytest.approx(1)) for one in maps)
    assert maps[0].max() == pytest.approx(1)
    assert not np.allclose(maps[0], maps[1], atol=0.01)
    assert bool(told) is METHODS[method].slow
    assert all(done == total for done, total in told[-1:])


def test_an_unknown_method_is_refused_with_the_names_of_the_known(engine, scan):
    with pytest.raises(BadInputError, match="fine-cam, gradcam, "):
        explain(engine, scan, [1], "magic")


def test_the_default_method_is_finer_than_the_feature_map(engine, prepared):
    assert explain_raw(engine, prepared, range(4)).shape == (4, 28, 28)
    assert DEFAULT_METHOD in METHODS


def test_the_gradient_from_cut_to_cut_is_that_of_the_whole_network(engine, prepared):
    """The chain rule over the parts, against one tape over all."""
    import keras
    import tensorflow as tf

    from octtutor.model.explain.layercam import against_healthy, run_stages, stage_outputs

    stages = run_stages(engine, prepared, against_healthy(engine.card, [1]))
    assert [stage.activations.shape[0] for stage in stages] == [28, 14, 7]
    backbone = engine.network.backbone
    whole = keras.Model(backbone.input, stage_outputs(backbone))
    with tf.GradientTape() as tape:
        cuts = whole(tf.constant(to_input(prepared[None])), training=False)
        logits = engine.network.head(cuts[-1], training=False)
        score = logits[0, 1] - logits[0, 3]
    for stage, slope in zip(stages, tape.gradient(score, cuts), strict=True):
        # a value at a kink of ReLU6 may fall to either side, so no single one is compared
        apart = np.linalg.norm(stage.slopes[0] - slope.numpy()[0])
        assert apart < 0.02 * np.linalg.norm(slope)


def test_the_fine_map_is_zero_where_one_stage_sees_nothing(engine, prepared):
    from octtutor.model.explain.gradcam import weighed
    from octtutor.model.explain.layercam import against_healthy, finecam, run_stages

    last = run_stages(engine, prepared, against_healthy(engine.card, [1]))[-1]
    coarse = weighed(last.activations, last.slopes.mean((1, 2)))[0]
    dark = np.kron(coarse == 0, np.ones((4, 4), bool))
    # the cubic interpolation reaches one cell beyond what is lit
    lit = np.pad(coarse > 0, 2)
    near = sum(np.roll(lit, (y, x), (0, 1)) for y in range(-2, 3) for x in range(-2, 3))
    far = dark & np.kron(near[2:-2, 2:-2] == 0, np.ones((4, 4), bool))
    assert not finecam(engine, prepared, [1])[0][far].any()


def test_the_score_of_a_disease_is_measured_from_health(engine):
    from octtutor.model.explain.layercam import against_healthy

    rows = against_healthy(engine.card, range(4))
    assert rows[0].tolist() == [1, 0, 0, -1]
    assert rows[3] == pytest.approx([-1 / 3, -1 / 3, -1 / 3, 1])
    assert rows.sum(axis=1) == pytest.approx(np.zeros(4))


def test_without_a_healthy_class_a_score_is_measured_from_all_others(engine):
    from octtutor.model.explain.layercam import against_healthy

    rows = against_healthy(replace(engine.card, healthy=None), [0])
    assert rows[0] == pytest.approx([1, -1 / 3, -1 / 3, -1 / 3])


def test_a_backbone_without_a_bottleneck_falls_back_to_its_feature_map():
    import keras

    from octtutor.model.explain.layercam import stage_sides

    scan = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3, 4, padding="same")(scan)
    skipped = keras.layers.Conv2D(4, 3, 4, padding="same")(x)
    x = keras.layers.Conv2D(4, 3, 2, padding="same")(x)
    x = keras.layers.Conv2D(4, 3, 2, padding="same")(x)
    entwined = keras.layers.Add()([x, skipped])
    assert stage_sides(keras.Model(scan, entwined)) == (8, 2)
    twice = keras.layers.AveragePooling2D(16)(scan)
    around = keras.layers.Concatenate()([entwined, twice])
    assert stage_sides(keras.Model(scan, around)) == (2,)


@pytest.mark.parametrize("name", ["MobileNetV2", "ConvNeXtTiny"])
def test_other_backbones_are_cut_at_two_finer_stages(name):
    from octtutor.model.explain.layercam import stage_sides
    from octtutor.model.network.backbones import build_backbone

    assert stage_sides(build_backbone(name, 64)) == (8, 4, 2)


def test_integrated_gradients_add_up_to_the_logits_way_from_a_blank_scan(engine, prepared):
    from octtutor.model.explain.integrated_gradients import attribute

    blank = np.full_like(prepared, np.median(prepared))
    logits = engine.run(np.stack([prepared, blank])).logits
    shares = attribute(engine, prepared, [1], steps=64)
    assert shares.sum() == pytest.approx(logits[0, 1] - logits[1, 1], rel=0.1)


def test_occlusion_is_the_drop_of_the_logit_where_the_scan_is_smoothed_away(engine, prepared):
    from octtutor.model.explain.occlusion import cover, occlusion, smoothed

    first = occlusion(engine, prepared, range(4))
    count = first.shape[1]
    row, column = np.unravel_index(first[1].argmax(), first[1].shape)
    y, x = ((place + 0.5) * 224 / count - 0.5 for place in (row, column))
    covered = cover(prepared, smoothed(prepared), y, x)
    logits = engine.run(np.stack([prepared, covered])).logits
    assert first[1, row, column] == pytest.approx(logits[0, 1] - logits[1, 1], abs=1e-3)


def test_a_cover_takes_fluid_away_and_leaves_layers_and_what_is_far():
    from octtutor.model.explain.occlusion import cover, smoothed

    scan = np.full((224, 224), 20, np.uint8)
    scan[90:130] = 150  # a retina, and a dark cyst in it
    cyst = np.s_[100:120, 100:124]
    scan[cyst] = 25
    covered = cover(scan, smoothed(scan), 109.5, 111.5)
    assert scan[cyst].mean() + 60 < covered[cyst].mean() < 150
    assert (covered[95:125, :20] == scan[95:125, :20]).all()
    assert np.abs(np.diff(covered[110].astype(int))).max() < 12  # no edge of a box


def test_a_remembered_occlusion_runs_nothing(engine, prepared):
    from octtutor.model.explain.occlusion import occlusion

    first = occlusion(engine, prepared, [1])
    told: list[int] = []
    again = occlusion(engine, prepared, [1], lambda done, _: told.append(done))
    assert (again == first).all()
    assert not told


def test_grad_cam_plus_plus_is_equation_19(engine, prepared):
    from octtutor.model.explain.gradcam import gradcam_plus_plus

    features = engine.run(prepared[None]).features[0]
    slope = engine.network.head.get_layer("logits").kernel.numpy()[:, 1] / 49
    alpha = slope**2 / (2 * slope**2 + features.sum((0, 1)) * slope**3)
    weights = 49 * alpha * np.maximum(slope, 0)
    expected = np.maximum(features @ weights, 0)
    ours = gradcam_plus_plus(engine.network.head, features, [1])[0]
    assert ours == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_many_scans_are_explained_at_once_as_each_alone(engine):
    from octtutor.model.explain.layercam import AT_ONCE

    rng = np.random.default_rng(7)
    count = AT_ONCE + 3  # the last pass is not full
    classes = [index % 4 for index in range(count)]
    scans = [engine.prepare(make(LABELS[index], rng, (160, 160)).scan) for index in classes]
    each = METHODS["fine-cam"].each
    assert each is not None
    together = each(engine, np.stack(scans), classes[::-1])
    assert together.shape == (count, 28, 28)
    for place in (0, AT_ONCE - 1, AT_ONCE, count - 1):
        alone = explain_raw(engine, scans[place], [classes[::-1][place]], "fine-cam")[0]
        # a value at a kink of ReLU6 may fall to either side, so no single one is compared
        assert np.linalg.norm(together[place] - alone) < 0.02 * np.linalg.norm(alone)
