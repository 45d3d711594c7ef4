"""Kappas against published tables and other packages."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.inter_rater import fleiss_kappa as kappa_of_statsmodels

from octtutor.stats.agreement import cohen_kappa, fleiss_kappa

FLEISS_1971 = np.array(
    [
        *([0, 0, 0, 6, 0], [0, 3, 0, 0, 3], [0, 1, 4, 0, 1], [0, 0, 0, 0, 6], [0, 3, 0, 3, 0]),
        *([2, 0, 4, 0, 0], [0, 0, 4, 0, 2], [2, 0, 3, 1, 0], [2, 0, 0, 4, 0], [0, 0, 0, 0, 6]),
        *([1, 0, 0, 5, 0], [1, 1, 0, 4, 0], [0, 3, 3, 0, 0], [1, 0, 0, 5, 0], [0, 2, 0, 3, 1]),
        *([0, 0, 5, 0, 1], [3, 0, 0, 1, 2], [5, 1, 0, 0, 0], [0, 2, 0, 4, 0], [1, 0, 2, 0, 3]),
        *([0, 0, 0, 0, 6], [0, 1, 0, 5, 0], [0, 2, 0, 1, 3], [2, 0, 0, 4, 0], [1, 0, 0, 4, 1]),
        *([0, 5, 0, 1, 0], [4, 0, 0, 0, 2], [0, 2, 0, 4, 0], [1, 0, 5, 0, 0], [0, 0, 0, 0, 6]),
    ]
)
"""Fleiss, Psychol. Bull. 76:378 (1971), table 1: 30 patients, 6 psychiatrists, 5 diagnoses."""

FOURTEEN_RATERS = np.array(
    [
        *([0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1]),
        *([7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]),
    ]
)
"""The worked example of Wikipedia's "Fleiss' kappa": 10 subjects, 14 raters."""

RATERS_AND_POSITIVE = (
    *((2, 2), (2, 0), (3, 2), (4, 3), (3, 3), (4, 1), (3, 0), (5, 0), (2, 0), (4, 4), (5, 5)),
    *((3, 3), (4, 4), (4, 3), (2, 0), (2, 2), (3, 1), (2, 1), (4, 1), (5, 4), (3, 2), (4, 0)),
    *((3, 0), (3, 3), (2, 2)),
)
"""Fleiss, Levin & Paik (2003), p. 612: raters of each subject, and how many said positive."""

AGREEMENT_ON_100 = ((75, 1, 4), (5, 4, 1), (0, 0, 10))
"""Fleiss, Levin & Paik (2003), table 18.1: two raters, 100 patients, three diagnoses."""

HUSBANDS_AND_WIVES = ((7, 7, 2, 3), (2, 8, 3, 7), (1, 5, 4, 9), (2, 8, 9, 14))
"""Hout, Duncan & Sobel (1987); R's vcd::SexualFun, 91 couples."""


def readings(table):
    """The two readers' categories of every case of a table."""
    counts = np.array(table)
    first, second = np.indices(counts.shape)
    return np.repeat(first.ravel(), counts.ravel()), np.repeat(second.ravel(), counts.ravel())


def test_fleisss_psychiatrists_agree_with_0_430():
    figure = fleiss_kappa(FLEISS_1971)
    assert figure.value == pytest.approx(0.430, abs=5e-4)
    assert figure.value == pytest.approx(kappa_of_statsmodels(FLEISS_1971))
    assert figure.low < 0.430 < figure.high
    assert figure.n == 30
    assert "bootstrap over 30 cases" in figure.method


def test_fourteen_raters_agree_with_0_210():
    figure = fleiss_kappa(FOURTEEN_RATERS)
    assert figure.value == pytest.approx(0.210, abs=5e-4)
    assert figure.value == pytest.approx(kappa_of_statsmodels(FOURTEEN_RATERS))


def test_unequal_numbers_of_raters_give_the_books_0_5415():
    # 0.5415: Stata's manual, entry `kappa`, on the same table
    counts = np.array([(positive, n - positive) for n, positive in RATERS_AND_POSITIVE])
    assert counts.sum(axis=0).tolist() == [46, 35]
    assert fleiss_kappa(counts).value == pytest.approx(0.5415, abs=5e-5)


@given(arrays(np.int64, (8, 12), elements=st.integers(0, 3)))
def test_equal_numbers_of_raters_give_statsmodels_kappa(categories):
    counts = np.array([np.bincount(row, minlength=4) for row in categories])
    figure = fleiss_kappa(counts, repeats=5)
    if (counts.sum(axis=0) > 0).sum() < 2:
        assert figure.value is None
    else:
        assert figure.value == pytest.approx(kappa_of_statsmodels(counts))


def test_a_case_with_one_reader_changes_nothing():
    more = np.vstack([FOURTEEN_RATERS, [[1, 0, 0, 0, 0], [0, 0, 0, 0, 0]]])
    assert fleiss_kappa(more) == fleiss_kappa(FOURTEEN_RATERS)


def test_the_same_seed_gives_the_same_interval_and_another_one_another():
    first, again = fleiss_kappa(FLEISS_1971, seed=3), fleiss_kappa(FLEISS_1971, seed=3)
    assert first == again
    assert first.low != fleiss_kappa(FLEISS_1971, seed=4).low


@pytest.mark.parametrize(
    "counts", [np.zeros((0, 4), int), np.array([[1, 0], [0, 1]]), np.array([[3, 0], [5, 0]])]
)
def test_fleisss_kappa_without_pairs_or_with_one_category_has_no_value(counts):
    figure = fleiss_kappa(counts)
    assert (figure.value, figure.low, figure.high) == (None, None, None)
    assert "undefined" in figure.method


def test_readers_who_always_agree_have_kappa_1_and_no_interval():
    figure = fleiss_kappa(np.array([[3, 0], [0, 3], [3, 0], [0, 4]] * 5))
    assert (figure.value, figure.low, figure.high) == (1.0, None, None)


def test_two_raters_of_100_patients_have_the_books_kappa_and_error():
    # Fleiss, Levin & Paik (2003): kappa 0.68 with standard error 0.087
    figure = cohen_kappa(*readings(AGREEMENT_ON_100))
    assert figure.value == pytest.approx(0.676, abs=5e-4)
    assert (figure.high - figure.low) / 2 / 1.96 == pytest.approx(0.0877, abs=5e-5)
    assert figure.n == 100


@pytest.mark.parametrize(
    ("weights", "kappa", "error"), [(None, 0.1293, 0.06860), ("linear", 0.2374, 0.07832)]
)
def test_couples_have_the_kappas_and_errors_of_r(weights, kappa, error):
    # R, vcd::Kappa(SexualFun): unweighted 0.1293 (ASE 0.06860), weighted 0.2374 (0.07832)
    figure = cohen_kappa(*readings(HUSBANDS_AND_WIVES), weights)
    assert figure.value == pytest.approx(kappa, abs=5e-5)
    assert (figure.high - figure.low) / 2 / 1.96 == pytest.approx(error, abs=1e-5)


@pytest.mark.parametrize(
    ("weights", "limits"), [(None, (0.2137, 0.7547)), ("linear", (0.1845, 0.7558))]
)
def test_cohens_interval_is_that_of_sas(weights, limits):
    # SAS's example as statsmodels prints it (statsmodels.stats.tests.test_inter_rater)
    figure = cohen_kappa(*readings([[0, 4, 1], [0, 8, 0], [0, 1, 5]]), weights)
    assert (figure.low, figure.high) == pytest.approx(limits, abs=1e-4)


@given(
    arrays(np.int64, 30, elements=st.integers(-1, 3)),
    arrays(np.int64, 30, elements=st.integers(-1, 3)),
    st.sampled_from([None, "linear", "quadratic"]),
)
def test_cohens_kappa_is_sklearns_and_its_interval_statsmodels(first, second, weights):
    both = (first >= 0) & (second >= 0)
    figure = cohen_kappa(first, second, weights)
    assert figure.n == both.sum()
    if figure.value is None:
        assert len({*first[both], *second[both]}) < 2
        return
    labels = np.arange(4)
    expected = cohen_kappa_score(first[both], second[both], labels=labels, weights=weights)
    assert figure.value == pytest.approx(expected)
    if figure.low is not None:
        table = np.zeros((4, 4))
        np.add.at(table, (first[both], second[both]), 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            told = cohens_kappa(table, wt=weights)
        assert figure.low == pytest.approx(max(-1, told.kappa_low))
        assert figure.high == pytest.approx(min(1, told.kappa_upp))


def test_readers_without_spread_have_no_interval():
    alike = cohen_kappa(np.array([0, 1, 2]), np.array([0, 1, 2]))
    assert (alike.value, alike.low) == (1.0, None)
    stubborn = cohen_kappa(np.array([0, 0, 0]), np.array([0, 1, 2]))
    assert (stubborn.value, stubborn.low) == (0.0, None)
    assert "no spread" in stubborn.method


def test_a_category_that_nobody_used_still_counts_in_the_distance():
    # from 1 to 3 is two steps though 2 is unused; scikit-learn closes the gap unless told
    first, second = np.array([0, 0, 1, 1, 3, 3]), np.array([0, 3, 1, 1, 3, 1])
    told = cohen_kappa(first, second, "linear").value
    all_four = cohen_kappa_score(first, second, labels=np.arange(4), weights="linear")
    assert told == pytest.approx(all_four)
    assert told != pytest.approx(cohen_kappa_score(first, second, weights="linear"))
