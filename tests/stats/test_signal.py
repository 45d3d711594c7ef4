"""Signal detection against textbooks, Python's own normal distribution and exact counting."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, norm

from octtutor.core.diagnosis import LABELS
from octtutor.stats.signal import detection, per_class_detection

Z = NormalDist().inv_cdf
PHI = NormalDist().pdf
counts = st.integers(0, 60)


def test_remembered_faces_give_the_textbooks_d_prime_and_criterion():
    # Macmillan & Creelman, Detection Theory (2nd ed., 2005), chapters 1 and 2: 20 hits of 25,
    # 10 false alarms of 25; d′ = 0.842 + 0.253 = 1.095, c = −(0.842 − 0.253) / 2 = −0.294
    told = detection(20, 5, 10, 15, correction=0)
    assert told.d_prime.value == pytest.approx(1.095, abs=5e-4)
    assert told.criterion.value == pytest.approx(-0.294, abs=5e-4)
    assert told.d_prime.n == 50


def test_the_interval_is_gourevitchs_and_galanters_counted_by_hand():
    # 0.8 · 0.2 / (25 · 0.2800²) + 0.4 · 0.6 / (25 · 0.3863²) = 0.0816 + 0.0643 = 0.382²
    told = detection(20, 5, 10, 15, correction=0)
    assert told.d_prime.high - told.d_prime.value == pytest.approx(1.96 * 0.382, abs=1e-3)
    assert told.d_prime.value - told.d_prime.low == pytest.approx(1.96 * 0.382, abs=1e-3)
    assert told.criterion.high - told.criterion.low == pytest.approx(1.96 * 0.382, abs=1e-3)
    error = (0.16 / (25 * PHI(Z(0.8)) ** 2) + 0.24 / (25 * PHI(Z(0.4)) ** 2)) ** 0.5
    assert told.d_prime.high == pytest.approx(Z(0.8) - Z(0.4) + Z(0.975) * error)


def test_the_error_is_near_the_exact_one_of_the_binomials():
    # Miller, Percept. Psychophys. 58:65 (1996): the moments over all outcomes, 200 of each
    outcomes = np.arange(201)
    z = norm.ppf((outcomes + 0.5) / 201)
    variance = 0.0
    for rate in (0.8, 0.4):
        weights = binom.pmf(outcomes, 200, rate)
        variance += weights @ z**2 - (weights @ z) ** 2
    told = detection(160, 40, 80, 120)
    error = (told.d_prime.high - told.d_prime.low) / 2 / 1.96
    assert error == pytest.approx(variance**0.5, rel=0.01)


def test_a_perfect_reader_has_a_finite_d_prime_by_hautuss_correction():
    told = detection(10, 0, 0, 10)
    assert told.d_prime.value == pytest.approx(Z(10.5 / 11) - Z(0.5 / 11))
    assert told.criterion.value == pytest.approx(0.0)
    assert "0.5 added" in told.d_prime.method


def test_without_the_correction_a_perfect_reader_has_none():
    told = detection(10, 0, 0, 10, correction=0)
    assert told.d_prime.value is None
    assert "0 or 1" in told.criterion.method


@pytest.mark.parametrize("cells", [(0, 0, 3, 4), (3, 4, 0, 0), (0, 0, 0, 0)])
def test_with_one_side_missing_there_is_no_d_prime(cells):
    told = detection(*cells)
    assert (told.d_prime.value, told.criterion.value) == (None, None)
    assert told.d_prime.n == sum(cells)
    assert "missing" in told.d_prime.method


@given(counts, counts, counts, counts)
def test_calling_the_opposite_turns_d_prime_and_criterion_round(hits, misses, alarms, rejections):
    one = detection(hits, misses, alarms, rejections)
    other = detection(misses, hits, rejections, alarms)
    if one.d_prime.value is None:
        assert other.d_prime.value is None
        return
    assert other.d_prime.value == pytest.approx(-one.d_prime.value)
    assert other.criterion.value == pytest.approx(-one.criterion.value)
    assert one.d_prime.low < one.d_prime.value < one.d_prime.high


def test_each_class_is_detected_against_the_rest():
    matrix = np.array([[8, 1, 1, 0], [2, 6, 0, 2], [1, 0, 9, 0], [0, 0, 3, 7]])
    told = per_class_detection(matrix, LABELS)
    assert list(told) == [str(label) for label in LABELS]
    assert told["CNV"] == detection(8, 2, 3, 27)
    assert told["DRUSEN"] == detection(9, 1, 4, 26)


def test_a_class_that_was_never_shown_has_no_d_prime():
    matrix = np.diag([3, 4, 0, 5])
    told = per_class_detection(matrix, LABELS)
    assert told["DRUSEN"].d_prime.value is None
    assert told["NORMAL"].d_prime.value > 0
