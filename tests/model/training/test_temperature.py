"""The temperature makes probabilities mean what they say, and is not fooled by a perfect score."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from octtutor.model.network.engine_contract import softmax
from octtutor.model.training.temperature import RANGE, fit_temperature
from octtutor.stats.figures import calibration_error


def drawn(heat: float, n: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are `heat` times too large for the truths drawn from them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, 4))
    chances = softmax(logits.astype(np.float32))
    truth = np.array([rng.choice(4, p=row / row.sum()) for row in chances.astype(np.float64)])
    return (logits * heat).astype(np.float32), truth


@pytest.mark.parametrize("heat", [0.6, 1.0, 2.5])
def test_it_finds_the_heat_that_was_put_in(heat: float):
    logits, truth = drawn(heat)
    found = fit_temperature(logits, truth)
    assert found == pytest.approx(heat, rel=0.06)
    before = calibration_error(truth, softmax(logits))
    after = calibration_error(truth, softmax(logits / found))
    assert after <= before + 0.002
    assert after < 0.03


def test_a_perfect_score_gives_no_certainty():
    truth = np.arange(100) % 4
    logits = (8 * np.eye(4)[truth]).astype(np.float32)
    chances = softmax(logits / fit_temperature(logits, truth))
    assert 0.95 < chances.max(axis=1).mean() < 0.999


def test_no_large_source_decides_alone():
    (here, truth), (there, others) = drawn(0.7, 1600), drawn(2.0, 400, seed=1)
    logits, both = np.concatenate([here, there]), np.concatenate([truth, others])
    apart = [fit_temperature(here, truth), fit_temperature(there, others)]
    plain = fit_temperature(logits, both)
    found = fit_temperature(logits, both, ["here"] * 1600 + ["there"] * 400)
    assert apart[0] < plain < found < apart[1]
    named = fit_temperature(logits, both, ["one"] * 2000)
    assert named == pytest.approx(plain)
    alike = np.concatenate([here[:400], there]), np.concatenate([truth[:400], others])
    even = fit_temperature(*alike, ["here"] * 400 + ["there"] * 400)
    assert even == pytest.approx(fit_temperature(*alike))


def test_no_scan_gives_no_temperature():
    assert fit_temperature(np.zeros((0, 4), np.float32), np.zeros(0, np.int64)) == 1.0


@given(st.integers(0, 10**6), st.integers(1, 40))
def test_it_stays_within_its_range_and_changes_no_answer(seed: int, n: int):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 5, (n, 4)).astype(np.float32)
    heat = fit_temperature(logits, rng.integers(0, 4, n))
    assert RANGE[0] <= heat <= RANGE[1]
    assert (softmax(logits / heat).argmax(axis=1) == logits.argmax(axis=1)).all()
