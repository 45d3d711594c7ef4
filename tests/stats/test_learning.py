"""Learning curves by hand, differences of proportions against Newcombe's table."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from octtutor.stats.intervals import wilson
from octtutor.stats.learning import balanced_curve, change, cumulative, moving_accuracy


def test_a_window_of_three_is_counted_by_hand():
    points = moving_accuracy(np.array([True, False, True, True, True]), window=3)
    assert [point.case for point in points] == [1, 2, 3, 4, 5]
    assert [point.accuracy for point in points] == [
        *(wilson(1, 1), wilson(1, 2), wilson(2, 3), wilson(2, 3), wilson(3, 3))
    ]
    assert [point.accuracy.n for point in points] == [1, 2, 3, 3, 3]


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 25))
def test_every_point_is_the_share_of_the_last_cases_with_statsmodels_interval(rights, window):
    points = moving_accuracy(np.array(rights, bool), window)
    assert len(points) == len(rights)
    for place, point in enumerate(points):
        last = rights[max(0, place + 1 - window) : place + 1]
        low, high = proportion_confint(sum(last), len(last), method="wilson")
        assert point.accuracy.value == pytest.approx(sum(last) / len(last))
        assert (point.accuracy.low, point.accuracy.high) == pytest.approx((low, high), abs=1e-9)


def test_the_cumulative_curve_ends_at_all_cases():
    right = np.arange(50) % 3 > 0
    points = cumulative(right)
    assert points[-1].accuracy == wilson(int(right.sum()), 50)
    assert points[9].accuracy == wilson(int(right[:10].sum()), 10)


def test_without_cases_there_is_no_curve():
    assert moving_accuracy(np.array([], bool)) == ()
    assert cumulative(np.array([], bool)) == ()


@pytest.mark.parametrize(
    ("after", "before", "limits"),
    [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((6, 7), (2, 7), (0.0582, 0.8062)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
        ((0, 10), (0, 20), (-0.1611, 0.2775)),
        ((0, 10), (0, 10), (-0.2775, 0.2775)),
        ((10, 10), (0, 20), (0.6791, 1.0)),
        ((10, 10), (0, 10), (0.6075, 1.0)),
    ],
)
def test_a_change_has_the_interval_of_newcombes_table(after, before, limits):
    # Newcombe, Stat. Med. 17:873 (1998), table II, method 10 (without continuity correction)
    figure = change(before, after)
    assert (figure.low, figure.high) == pytest.approx(limits, abs=1e-4)
    assert figure.value == pytest.approx(after[0] / after[1] - before[0] / before[1])
    assert figure.n == before[1] + after[1]


def test_a_change_turned_round_is_its_mirror_image():
    rise, fall = change((48, 80), (56, 70)), change((56, 70), (48, 80))
    assert (rise.value, rise.low, rise.high) == pytest.approx((-fall.value, -fall.high, -fall.low))


@pytest.mark.parametrize(("before", "after"), [((0, 0), (3, 4)), ((3, 4), (0, 0))])
def test_a_change_needs_both_tests(before, after):
    figure = change(before, after)
    assert (figure.value, figure.low, figure.n) == (None, None, 4)


def test_a_curve_of_classes_alike_is_not_moved_by_asking_most_what_is_confused():
    # class 0 is read rightly 1 of 2 times, class 1 always; 0 is asked three times as often
    truth = np.array([0, 0, 0, 1] * 10)
    right = np.array([True, False, True, True, False, True, False, True] * 5)
    last = balanced_curve(right, truth, 2, window=20)[-1]
    assert (last.case, last.accuracy.value, last.accuracy.n) == (40, (0.5 + 1) / 2, 20)
    assert moving_accuracy(right)[-1].accuracy.value < 0.7
    # Wilson's limits of 15 of 20
    assert last.accuracy.low == pytest.approx(wilson(15, 20).low)


def test_the_curve_begins_when_each_class_that_is_asked_was_read():
    points = balanced_curve(np.ones(4, bool), np.array([0, 0, 1, 0]), 4)
    assert [point.case for point in points] == [3, 4]
