"""What `finetune` freezes stays, what lies deep moves less, and mixed batches keep their weight."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from octtutor.errors import BadInputError
from octtutor.model.network.network import GAP_DENSE, build_network
from octtutor.model.network.scan_set import ScanSet
from octtutor.model.training.augment import augment
from octtutor.model.training.finetune_training import DepthAdamW, finetune
from octtutor.model.training.loop import Watch
from octtutor.model.training.recipes import make_recipe
from octtutor.model.training.recipes.finetune import Finetune

RECIPE = Finetune(epochs=1, batch=8, probe=1, frozen=0.3, depth_rate=0.1)


def scans(n: int = 16, size: int = 32) -> ScanSet:
    rng = np.random.default_rng(3)
    names = tuple(f"scan {i}" for i in range(n))
    pixels = rng.integers(0, 255, (n, size, size), np.uint8)
    return ScanSet(pixels, np.arange(n) % 4, names, names, names, ())


def test_frozen_layers_stay_and_the_others_move():
    network = build_network("lite0", GAP_DENSE, 32)
    before = network.weights()
    outcome = finetune(network, scans(), replace(RECIPE, mixup=0.2, cutmix=0.5))
    after = network.weights()
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    assert outcome.kept == 1
    assert "head/logits/kernel" in moved
    assert "backbone/top/kernel" in moved
    assert "backbone/stem/kernel" not in moved
    assert "backbone/stem.norm/moving_mean" not in moved
    assert "backbone/block2.expand/kernel" not in moved
    assert "backbone/block12.expand/kernel" in moved


def test_each_variable_moves_by_its_own_share_of_the_rate():
    first, second = (keras.Variable([1.0, 1.0], name=name) for name in ("deep", "shallow"))
    optimizer = DepthAdamW(0.1, weight_decay=0.0, factors={first.path: 0.25})
    gradient = keras.ops.ones(2)
    optimizer.apply([gradient, gradient], [first, second])
    moves = [1 - keras.ops.convert_to_numpy(v)[0] for v in (first, second)]
    assert moves[1] == pytest.approx(0.1, rel=1e-3)
    assert moves[0] == pytest.approx(0.025, rel=1e-3)


def test_a_rare_class_weighs_as_much_as_a_frequent_one():
    few = scans(20)
    few.truth[:] = [0] * 14 + [1] * 2 + [2] * 2 + [3] * 2
    from octtutor.model.network.preprocess import to_input
    from octtutor.model.training.finetune_training import AugmentedBatches

    batches = AugmentedBatches(few, replace(RECIPE, batch=20), to_input)
    _, wanted, weights = batches[0]
    totals = [weights[wanted[:, label] == 1].sum() for label in range(4)]
    assert totals == pytest.approx([5.0] * 4)


@pytest.mark.parametrize(
    ("balance", "expected"), [(0.0, [72, 8]), (0.5, [60, 20]), (1.0, [40, 40])]
)
def test_an_epoch_draws_from_sources_as_evenly_as_asked(balance: float, expected: list[int]):
    from octtutor.model.network.preprocess import to_input
    from octtutor.model.training.finetune_training import AugmentedBatches

    many = replace(scans(80), sources=("dark",) * 72 + ("bright",) * 8)
    many.scans[:72], many.scans[72:] = 20, 235
    batches = AugmentedBatches(many, replace(RECIPE, batch=80, balance=balance), to_input)
    inputs, wanted, weights = batches[0]
    assert np.bincount(inputs.mean(axis=(1, 2, 3)) > 0).tolist() == expected
    assert wanted.sum(axis=0).tolist() == [20] * 4
    assert weights == pytest.approx(1.0)


def test_of_an_outlier_each_diagnosis_is_wanted_alike():
    from octtutor.model.network.preprocess import to_input
    from octtutor.model.training.finetune_training import AugmentedBatches

    few = scans(8)
    few.truth[6:] = -1
    _, wanted, weights = AugmentedBatches(few, replace(RECIPE, batch=8), to_input)[0]
    assert sorted(wanted.max(axis=1).tolist()) == [0.25] * 2 + [1.0] * 6
    assert (wanted.sum(axis=1) == 1).all()
    assert weights[wanted.max(axis=1) < 1] == pytest.approx([np.mean([0.75, 0.75, 1.5, 1.5])] * 2)


def test_a_batch_is_the_same_for_the_same_epoch_and_differs_in_the_next():
    from octtutor.model.network.preprocess import to_input
    from octtutor.model.training.finetune_training import AugmentedBatches

    one, other = (AugmentedBatches(scans(), replace(RECIPE, mixup=0.2), to_input) for _ in range(2))
    assert (one[1][0] == other[1][0]).all()
    other.epoch = 1
    assert not (one[1][0] == other[1][0]).all()


def test_mixed_truths_still_sum_to_one():
    from octtutor.model.network.preprocess import to_input
    from octtutor.model.training.finetune_training import AugmentedBatches

    for change in ({"mixup": 0.4}, {"cutmix": 1.0}):
        inputs, wanted, weights = AugmentedBatches(scans(), replace(RECIPE, **change), to_input)[0]
        assert inputs.shape == (8, 32, 32, 3)
        assert wanted.sum(axis=1) == pytest.approx(np.ones(8), abs=1e-6)
        assert ((wanted > 0) & (wanted < 1)).any()
        assert (weights > 0).all()


def test_an_unknown_choice_is_refused():
    with pytest.raises(BadInputError, match=r"Expected 'last', 'weighted_error'.*Received 'luck'"):
        make_recipe(Finetune, {"choose": "luck"})
    with pytest.raises(ValueError, match="luck"):
        replace(RECIPE, choose="luck")


def test_nothing_is_trained_when_it_is_stopped_at_once_but_the_model_is_whole():
    network = build_network("lite0", GAP_DENSE, 32)
    recipe = replace(RECIPE, probe=0, epochs=3)
    outcome = finetune(network, scans(), recipe, scans(8), Watch(should_stop=lambda: True))
    assert outcome.stopped == "stopped by request"
    assert len(outcome.history) == 1


def test_a_window_of_a_healthy_scan_may_leave_out_its_middle():
    """A bright middle column stands for the fovea."""
    from octtutor.model.training.augment import MILD

    how = replace(
        MILD, window=1.0, rotation=0, shift=0, scale=0, gain=0, offset=0, gamma=0, speckle=0
    )
    scan = np.zeros((64, 64), np.uint8)
    scan[:, 30:34] = 255

    def share(healthy: bool) -> float:
        copies = [augment(scan, np.random.default_rng(i), how, healthy) for i in range(60)]
        return float(np.mean([copy.max() > 100 for copy in copies]))

    assert share(healthy=False) == 1.0
    assert 0.5 < share(healthy=True) < 1.0
