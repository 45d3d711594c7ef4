"""Two readers on the same scans, against published tables and counting by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, chi2

from octtutor.stats.intervals import by_patient
from octtutor.stats.pairs import mcnemar, mcnemar_of_counts, mean_by_patient, swap_test


@st.composite
def two_readers(draw):
    """Whether each of two readers was right on up to 40 scans of up to 8 patients."""
    n = draw(st.integers(1, 40))
    rights = st.lists(st.booleans(), min_size=n, max_size=n)
    patients = draw(st.lists(st.sampled_from("abcdefgh"), min_size=n, max_size=n))
    return np.array(draw(rights)), np.array(draw(rights)), patients


def test_many_discordant_pairs_give_agrestis_approval_ratings():
    # Agresti, Categorical Data Analysis (2nd ed., 2002), table 10.1: 794, 150, 86, 570;
    # uncorrected z² = 17.36; with Edwards's correction (|150 − 86| − 1)² / 236 = 16.82
    told = mcnemar_of_counts(794, 150, 86, 570)
    assert told.statistic == pytest.approx(63**2 / 236)
    assert told.p == pytest.approx(chi2.sf(63**2 / 236, 1))
    assert told.p < 1e-4
    assert "chi-squared" in told.method


def test_few_discordant_pairs_give_the_binomial_counted_by_hand():
    # 2 against 10 of 12: p = 2 · (1 + 12 + 66) / 2¹² = 158 / 4096
    told = mcnemar_of_counts(50, 2, 10, 3)
    assert told.p == pytest.approx(158 / 4096)
    assert "exact" in told.method
    assert mcnemar_of_counts(50, 5, 0, 3).p == pytest.approx(2 / 2**5)
    assert mcnemar_of_counts(50, 4, 4, 3).p == 1.0


def test_the_exact_test_ends_where_there_are_25_discordant_pairs():
    assert "exact" in mcnemar_of_counts(0, 12, 12, 0).method
    assert "chi-squared" in mcnemar_of_counts(0, 12, 13, 0).method


def test_readers_who_agree_everywhere_do_not_differ():
    told = mcnemar(np.array([True, False, True]), np.array([True, False, True]))
    assert (told.both, told.only_first, told.only_second, told.neither) == (2, 0, 0, 1)
    assert told.p == 1.0


@given(two_readers())
def test_the_table_counts_every_scan_once_and_swapping_mirrors_it(readers):
    first, second, _ = readers
    one, other = mcnemar(first, second), mcnemar(second, first)
    assert one.both + one.only_first + one.only_second + one.neither == len(first)
    assert (one.only_first, one.only_second) == (other.only_second, other.only_first)
    assert one.p == pytest.approx(other.p)
    assert 0 < one.p <= 1
    discordant = one.only_first + one.only_second
    if 0 < discordant < 25:
        tail = binom.cdf(min(one.only_first, one.only_second), discordant, 0.5)
        assert one.p == pytest.approx(min(1, 2 * tail))


@settings(max_examples=25)
@given(two_readers())
def test_the_quick_bootstrap_is_the_slow_one(readers):
    first, second, patients = readers
    difference = second.astype(float) - first.astype(float)
    quick = mean_by_patient(difference, patients, repeats=200)
    slow = by_patient(lambda index: float(difference[index].mean()), patients, repeats=200)
    assert quick.value == pytest.approx(slow.value)
    if slow.low is None:
        assert quick.low is None
    else:
        assert (quick.low, quick.high) == pytest.approx((slow.low, slow.high))
    assert quick.method == slow.method


@given(two_readers())
def test_swapping_the_readers_changes_the_sign_and_not_the_p(readers):
    first, second, patients = readers
    difference = second.astype(float) - first.astype(float)
    p = swap_test(difference, patients)
    assert 0 < p <= 1
    assert swap_test(-difference, patients) == pytest.approx(p)
    there, back = mean_by_patient(difference, patients), mean_by_patient(-difference, patients)
    assert there.value == pytest.approx(-back.value)


def test_swaps_are_counted_by_hand():
    # three patients, all +1: of 8 swaps 2 are as extreme
    assert swap_test(np.ones(3), ["a", "b", "c"]) == pytest.approx(2 / 8)
    # the same scans, all of one patient: 2 of 2
    assert swap_test(np.ones(3), ["a", "a", "a"]) == 1.0
    # a patient on whom they do not differ says nothing
    assert swap_test(np.array([1.0, 1.0, 1.0, 0.0]), ["a", "b", "c", "d"]) == pytest.approx(2 / 8)
    assert swap_test(np.zeros(5), list("abcde")) == 1.0


def test_for_single_scans_the_swap_test_is_the_exact_mcnemar():
    difference = np.array([1.0] * 10 + [-1.0] * 2 + [0.0] * 40)
    patients = [str(n) for n in range(52)]
    assert swap_test(difference, patients) == pytest.approx(158 / 4096)


def test_many_patients_are_sampled_and_come_near_the_exact_answer():
    difference = np.array([1.0] * 14 + [-1.0] * 6)
    patients = [str(n) for n in range(20)]
    exact = mcnemar_of_counts(0, 6, 14, 0).p
    assert swap_test(difference, patients) == pytest.approx(exact, abs=0.015)
