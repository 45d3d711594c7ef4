"""Confidence by hand and against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from octtutor.stats.confidence import (
    confidence_brier,
    overconfidence,
    reliability,
    stated_probability,
)
from octtutor.stats.intervals import wilson

CONFIDENCE = np.array([1, 1, 1, 1, 3, 3, 5, 5, 5, 5])
RIGHT = np.array([True, False, False, False, True, False, True, True, True, False])


def test_the_levels_run_from_chance_to_certainty_in_even_steps():
    assert stated_probability(np.arange(1, 6), 4).tolist() == [0.25, 0.4375, 0.625, 0.8125, 1.0]


def test_each_level_tells_how_often_it_was_right():
    levels = reliability(CONFIDENCE, RIGHT, 4)
    assert [level.level for level in levels] == [1, 2, 3, 4, 5]
    assert [level.stated for level in levels] == [0.25, 0.4375, 0.625, 0.8125, 1.0]
    assert [level.right for level in levels] == [
        *(wilson(1, 4), wilson(0, 0), wilson(1, 2), wilson(0, 0), wilson(3, 4))
    ]


def test_the_brier_score_is_counted_by_hand():
    # guesses: 0.75² + 3 · 0.25²; middling: 0.375² + 0.625²; certain: 3 · 0 + 1
    total = 0.5625 + 3 * 0.0625 + 0.140625 + 0.390625 + 1
    figure = confidence_brier(CONFIDENCE, RIGHT, 4)
    assert figure.value == pytest.approx(total / 10)
    assert figure.low < figure.value < figure.high
    assert figure.n == 10
    assert "bootstrap over 10 answers" in figure.method


def test_overconfidence_is_what_was_promised_less_what_was_kept():
    # promised 4 · 0.25 + 2 · 0.625 + 4 · 1 = 6.25 of 10, kept 5 of 10
    figure = overconfidence(CONFIDENCE, RIGHT, 4)
    assert figure.value == pytest.approx(0.125)
    assert figure.low < 0.125 < figure.high


@given(st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=1, max_size=60))
def test_the_brier_score_is_sklearns(answers):
    confidence, right = (np.array(column) for column in zip(*answers, strict=True))
    figure = confidence_brier(confidence, right, 4, repeats=5)
    expected = brier_score_loss(right, stated_probability(confidence, 4), pos_label=True)
    assert figure.value == pytest.approx(expected)


def test_a_reader_who_is_certain_and_right_has_nothing_to_correct():
    certain = np.full(6, 5)
    assert confidence_brier(certain, certain > 0, 4).value == 0.0
    figure = overconfidence(certain, certain > 0, 4)
    assert (figure.value, figure.low) == (0.0, None)
    assert overconfidence(certain, certain < 0, 4).value == 1.0
    assert overconfidence(np.full(6, 1), certain > 0, 4).value == -0.75


def test_without_answers_there_is_nothing_to_tell():
    none, right = np.array([], int), np.array([], bool)
    assert confidence_brier(none, right, 4).value is None
    assert overconfidence(none, right, 4).value is None
    assert all(level.right.value is None for level in reliability(none, right, 4))
