"""When answers are held back, what is given is right often enough, and no more is held back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from octtutor.stats.abstaining import LEAST, NEVER, answered_figures, choose_threshold


def drawn(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Answers that are right as often as they say, of few different probabilities."""
    rng = np.random.default_rng(seed)
    surest = rng.choice(np.linspace(0.3, 0.999, 40), n).astype(np.float32)
    return surest, rng.random(n) < surest


@given(st.integers(0, 10**6), st.sampled_from([0.9, 0.95, 0.98]))
def test_as_many_as_can_be_are_given_of_which_so_many_are_right(seed: int, wanted: float):
    surest, right = drawn(seed)
    threshold = choose_threshold(surest, right, wanted)
    given = surest >= threshold
    assert right[given].mean() >= wanted if given.any() else threshold == NEVER
    for lower in set(surest[~given].tolist()):
        assert right[surest >= lower].mean() < wanted


def test_where_all_are_right_all_are_given():
    surest, _ = drawn(0)
    assert choose_threshold(surest, np.ones(300, bool)) == 0


def test_where_the_surest_are_wrong_none_is_given():
    surest = np.linspace(0.3, 1, 100).astype(np.float32)
    threshold = choose_threshold(surest, surest < 0.9)
    assert threshold == NEVER
    assert not (surest >= threshold).any()


def test_too_few_scans_choose_nothing():
    surest = np.linspace(0.3, 1, LEAST).astype(np.float32)
    right = surest > 0.7
    assert choose_threshold(surest, right) == pytest.approx(0.7, abs=0.02)
    assert choose_threshold(surest[1:], right[1:]) == 0


def test_coverage_and_share_of_right_answers_are_over_patients():
    given, right = np.array([1, 1, 1, 0, 0, 1], bool), np.array([1, 0, 1, 0, 1, 1], bool)
    found = answered_figures(given, right, ["a", "a", "b", "c", "c", "d"])
    assert (found["n"], found["patients"], found["answered"]) == (6, 4, 4)
    assert (found["coverage"], found["right"]) == (pytest.approx(4 / 6), 0.75)
    assert found["coverage_ci"][0] < 4 / 6 < found["coverage_ci"][1]
    assert found["right_ci"][0] < 0.75 < found["right_ci"][1]


def test_of_no_answer_nothing_is_said_to_be_right():
    found = answered_figures(np.zeros(3, bool), np.ones(3, bool), ["a", "b", "c"])
    assert (found["coverage"], found["right"], found["right_ci"]) == (0, None, [None, None])
