"""The bootstrap of sums against the bootstrap of patients and scipy's."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from octtutor.stats.intervals import by_patient
from octtutor.stats.resampling import by_totals

COSTS = np.random.default_rng(5).gamma(2.0, size=60)


def mean_of(totals):
    return np.divide(totals[..., 0], totals[..., 1])


def parts_of(costs):
    return np.column_stack([costs, np.ones(len(costs))])


def test_it_is_the_bootstrap_of_patients_with_one_case_each():
    figure = by_totals(mean_of, parts_of(COSTS), seed=3)
    names = [f"{place:03}" for place in range(len(COSTS))]
    other = by_patient(lambda index: float(COSTS[index].mean()), names, seed=3)
    assert figure.value == pytest.approx(other.value)
    assert (figure.low, figure.high) == pytest.approx((other.low, other.high), abs=0.02)


def test_its_interval_is_near_scipys():
    figure = by_totals(mean_of, parts_of(COSTS), repeats=5000)
    told = bootstrap(
        (COSTS,), np.mean, n_resamples=5000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert (figure.low, figure.high) == pytest.approx((told.low, told.high), abs=0.04)


def test_cases_that_are_all_alike_have_no_interval():
    figure = by_totals(mean_of, parts_of(np.full(7, 0.1)))
    assert figure.value == pytest.approx(0.1)
    assert (figure.low, figure.high) == (None, None)
    assert "all resamples equal" in figure.method


def test_resamples_without_a_value_are_left_out_and_counted():
    def ratio(totals):
        share = np.full(totals.shape[:-1], np.nan)
        return np.divide(totals[..., 0], totals[..., 1], out=share, where=totals[..., 1] > 0)

    # the second sum is 0 in a resample that draws only the first two of three: (2/3)³ = 8/27
    parts = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 1.0]])
    figure = by_totals(ratio, parts, "answers", repeats=1000)
    assert figure.value == 6.0
    left_out = int(figure.method.split("answers, ")[1].split()[0])
    assert left_out == pytest.approx(1000 * 8 / 27, abs=60)
