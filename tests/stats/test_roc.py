"""ROC curves against published readings, scikit-learn, scipy and the jackknife."""

from math import exp, inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score

from octtutor.stats.roc import delong, roc_of_ratings, urgent_rating

NORMAL, ABNORMAL = (33, 6, 6, 11, 2), (3, 2, 2, 11, 33)
"""Hanley & McNeil, Radiology 143:29 (1982), table I: ratings 1 to 5 of 109 CT images."""
POSITIVE = np.repeat([False, True], [58, 51])
RATING = np.concatenate([np.repeat(np.arange(1, 6), NORMAL), np.repeat(np.arange(1, 6), ABNORMAL)])


@st.composite
def rated_cases(draw):
    """At least two cases of each kind, with their ratings −5 to 5."""
    sides = [draw(st.lists(st.integers(-5, 5), min_size=2, max_size=25)) for _ in range(2)]
    truth = np.repeat([False, True], [len(side) for side in sides])
    return truth, np.array(sides[0] + sides[1])


def test_hanleys_and_mcneils_images_have_their_published_area_and_points():
    # area 0.893; rating 5 alone: 2 of 58 and 33 of 51; 4 or more: 13 and 44; and so on
    points, area = roc_of_ratings(POSITIVE, RATING)
    assert area.value == pytest.approx(0.893, abs=5e-4)
    assert area.n == 109
    assert [point.threshold for point in points] == [inf, 5, 4, 3, 2, 1]
    called = np.array([(point.false_positives * 58, point.sensitivity * 51) for point in points])
    expected = [[0, 0], [2, 33], [13, 44], [19, 46], [25, 48], [58, 51]]
    np.testing.assert_allclose(called, expected, atol=1e-9)


def test_their_error_and_plain_interval_are_those_stata_prints():
    # Stata's manual, `roctab disease rating` (DeLong): 0.8932, 0.0307, 0.83295 to 0.95339
    areas, covariance = delong(POSITIVE, RATING[None])
    error = covariance[0, 0] ** 0.5
    assert areas[0] == pytest.approx(0.8932, abs=5e-5)
    assert error == pytest.approx(0.0307, abs=5e-5)
    limits = areas[0] - 1.959964 * error, areas[0] + 1.959964 * error
    assert limits == pytest.approx((0.83295, 0.95339), abs=1e-5)


def test_the_interval_is_that_of_the_logit():
    _, area = roc_of_ratings(POSITIVE, RATING)
    scale = area.value * (1 - area.value)
    middle, margin = log(area.value / (1 - area.value)), 1.959964 * 0.0307244 / scale
    assert area.low == pytest.approx(1 / (1 + exp(margin - middle)), abs=1e-6)
    assert area.high == pytest.approx(1 / (1 + exp(-margin - middle)), abs=1e-6)
    assert "logit" in area.method


@given(rated_cases())
def test_the_area_is_sklearns_and_scipys(cases):
    truth, rating = cases
    points, area = roc_of_ratings(truth, rating)
    assert area.value == pytest.approx(roc_auc_score(truth, rating))
    wins = mannwhitneyu(rating[truth], rating[~truth], method="asymptotic").statistic
    assert area.value == pytest.approx(wins / (truth.sum() * (~truth).sum()))
    curve = np.array([(point.false_positives, point.sensitivity) for point in points])
    assert np.trapezoid(curve[:, 1], curve[:, 0]) == pytest.approx(area.value)
    if area.low is not None:
        assert 0 < area.low < area.value < area.high < 1


def test_delongs_variance_is_the_two_sample_jackknifes():
    # Arvesen, Ann. Math. Stat. 40:2076 (1969): leave out each case, each side by itself
    variance = 0.0
    for side in (POSITIVE, ~POSITIVE):
        left = np.array(
            [
                roc_auc_score(np.delete(POSITIVE, case), np.delete(RATING, case))
                for case in np.flatnonzero(side)
            ]
        )
        variance += (len(left) - 1) * left.var()
    assert delong(POSITIVE, RATING[None])[1][0, 0] == pytest.approx(variance)


@pytest.mark.parametrize("truth", [np.ones(4, bool), np.zeros(4, bool), np.zeros(0, bool)])
def test_with_one_side_missing_there_is_no_curve(truth):
    points, area = roc_of_ratings(truth, np.arange(len(truth)))
    assert points == ()
    assert (area.value, area.n) == (None, len(truth))
    assert "missing" in area.method


def test_an_area_without_variance_has_no_interval():
    truth = np.array([False, False, True, True])
    perfect = roc_of_ratings(truth, np.array([1, 2, 3, 4]))[1]
    assert (perfect.value, perfect.low) == (1.0, None)
    blank = roc_of_ratings(truth, np.array([3, 3, 3, 3]))[1]
    assert (blank.value, blank.low) == (0.5, None)


def test_one_case_on_a_side_gives_an_area_without_interval():
    area = roc_of_ratings(np.array([True, False, False]), np.array([2, 1, 2]))[1]
    assert (area.value, area.low) == (0.75, None)
    assert "one case" in area.method


def test_the_surest_not_urgent_is_the_lowest_rating_and_the_surest_urgent_the_highest():
    urgent = np.array([False, False, True, True])
    assert urgent_rating(urgent, np.array([5, 1, 1, 5])).tolist() == [-5, -1, 1, 5]
