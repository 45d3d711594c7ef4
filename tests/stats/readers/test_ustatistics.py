"""U-statistics of incomplete designs: against iMRMC's R code, the definition, and complete data."""

import itertools

import numpy as np
import pytest

from octtutor.stats.mrmc import compare_modalities
from octtutor.stats.readers.ustatistics import compare_incomplete

NAN = np.nan


def incomplete(seed=6):
    """Four readers: one leaves after 12 of 20 cases, two have gaps."""
    rng = np.random.default_rng(seed)
    truth = np.repeat([True, False], [9, 11])
    skill = 0.8 + 0.6 * np.arange(2)[:, None]
    seen = rng.normal(size=20) + rng.normal(size=(4, 2, 20)) + skill * truth
    ratings = np.clip(np.round(2 * seen), -5, 5)
    ratings[1, :, 12:] = ratings[2, :, [3, 7, 15]] = ratings[3, 1, ::4] = NAN
    return truth, ratings


def test_areas_variance_and_degrees_are_those_of_imrmcs_r_code():
    # doAUCmrmc of the R package iMRMC (its formulas run in R 4.2 on these very ratings):
    # AUC 0.65932203389831 and 0.694, variance of the difference 0.02033889788847, 2 degrees
    told = compare_incomplete(*incomplete())
    assert [area.value for area in told.areas] == pytest.approx([0.65932203389831, 0.694])
    assert told.error_df == pytest.approx(2.0)
    spread = 0.02033889788847**0.5
    assert told.difference.value == pytest.approx(0.694 - 0.65932203389831)
    margin = 4.302652729911275 * spread
    assert told.difference.high == pytest.approx(0.694 - 0.65932203389831 + margin)
    assert told.f == pytest.approx((0.694 - 0.65932203389831) ** 2 / 0.02033889788847)
    assert (told.readers, told.cases) == (4, 20)


def test_the_variance_is_the_mean_product_less_that_of_pairs_that_share_nothing():
    # by definition: E(area²) less (E area)², the latter from pairs without a common reader or case
    truth, ratings = incomplete(seed=3)
    ratings = ratings[:, :, [0, 1, 2, 3, 4, 9, 10, 11, 12, 13]]
    truth = truth[[0, 1, 2, 3, 4, 9, 10, 11, 12, 13]]

    def wins(modality):
        found = {}
        for r, i, j in itertools.product(
            range(4), np.flatnonzero(~truth).tolist(), np.flatnonzero(truth).tolist()
        ):
            gap = ratings[r, modality, j] - ratings[r, modality, i]
            if not np.isnan(gap):
                found[r, i, j] = (np.sign(gap) + 1) / 2
        return found

    def covariance(one, other):
        apart = [
            a * b
            for (here, a), (there, b) in itertools.product(one.items(), other.items())
            if all(x != y for x, y in zip(here, there, strict=True))
        ]
        return np.mean(list(one.values())) * np.mean(list(other.values())) - np.mean(apart)

    first, second = wins(0), wins(1)
    expected = covariance(first, first) + covariance(second, second) - 2 * covariance(first, second)
    told = compare_incomplete(truth, ratings)
    assert expected > 0
    assert told.f == pytest.approx(told.difference.value**2 / expected)


def test_of_complete_ratings_areas_and_difference_are_obuchowski_and_rocketts():
    rng = np.random.default_rng(1)
    truth = np.repeat([True, False], [30, 40])
    ratings = rng.normal(size=(5, 2, 70)) + rng.normal(size=70) + truth
    one, other = compare_incomplete(truth, ratings), compare_modalities(truth, ratings)
    assert [a.value for a in one.areas] == pytest.approx([a.value for a in other.areas])
    assert one.difference.value == pytest.approx(other.difference.value)
    assert one.p == pytest.approx(other.p, abs=0.05)


def test_a_leaver_and_gaps_leave_a_study_that_complete_cases_alone_cannot_decide():
    truth, ratings = incomplete()
    ratings[0, 0, 9:] = NAN
    assert compare_modalities(truth, ratings).p is None
    assert compare_incomplete(truth, ratings).areas[0].value is not None


@pytest.mark.parametrize(
    ("readers", "modalities", "why"), [(1, 2, "needs 2 readers"), (3, 1, "needs 2 modalities")]
)
def test_one_reader_or_modality_decides_nothing_and_says_so(readers, modalities, why):
    truth, ratings = incomplete()
    told = compare_incomplete(truth, ratings[:readers, :modalities])
    assert (told.p, told.difference.value) == (None, None)
    assert why in told.method


def test_a_variance_estimated_below_zero_gives_the_areas_without_an_interval():
    # seed 7: R's doAUCmrmc finds −0.0012436127590 and prints NA
    told = compare_incomplete(*incomplete(seed=7))
    assert [area.value for area in told.areas] == pytest.approx([0.732203389830508, 0.788])
    assert told.difference.value == pytest.approx(0.788 - 0.732203389830508)
    assert (told.difference.low, told.p) == (None, None)
    assert "0 or below" in told.method
