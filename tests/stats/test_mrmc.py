"""Obuchowski & Rockette's analysis against two published studies, the jackknife and scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel
from sklearn.metrics import roc_auc_score
from statsmodels.stats.anova import AnovaRM

from octtutor.stats.mrmc import (
    ErrorCovariances,
    areas_and_errors,
    compare_modalities,
    obuchowski_rockette,
)
from octtutor.stats.roc import roc_of_ratings

VAN_DYKE = np.array(
    [
        [0.91964573, 0.94782609],
        [0.85877617, 0.90531401],
        [0.90386473, 0.92173913],
        [0.97310789, 0.99935588],
        [0.82979066, 0.92995169],
    ]
)
VAN_DYKE_ERRORS = ErrorCovariances(
    0.00080229, 0.00034661, 0.00034407, 0.00023903, 114, (0.00048396, 0.00020419)
)
"""Van Dyke et al. (1993): five readers, spin-echo and cine MRI, 45 of 114 with a dissection.

Areas, covariances and results as OR-DBM MRMC 2.51 (University of Iowa) prints them; the example
of Hillis, Stat. Med. 26:596 (2007) and 33:330 (2014).
"""
FRANKEN = np.array(
    [
        [0.85345997, 0.84961556],
        [0.86499322, 0.84350972],
        [0.85730439, 0.84011759],
        [0.81524197, 0.81433740],
    ]
)
FRANKEN_ERRORS = ErrorCovariances(
    0.00152578, 0.00079168, 0.00048364, 0.00051251, 100, (0.00047230, 0.00049498)
)
"""Franken et al. (1992): four readers, film and workstation, 67 of 100 abnormal; same program."""


def study(seed=0, readers=3, modalities=2):
    """Ratings of 12 positive and 15 negative cases; the second modality is somewhat better."""
    rng = np.random.default_rng(seed)
    truth = np.repeat([True, False], [12, 15])
    skill = 0.8 + 0.6 * np.arange(modalities)[:, None]
    seen = rng.normal(size=27) + rng.normal(size=(readers, modalities, 27)) + skill * truth
    return truth, np.clip(np.round(2 * seen), -5, 5)


def test_van_dykes_study_has_its_published_test():
    told = obuchowski_rockette(VAN_DYKE, VAN_DYKE_ERRORS)
    assert told.f == pytest.approx(4.46, abs=5e-3)
    assert told.df == 1
    assert told.error_df == pytest.approx(15.26, abs=5e-3)
    assert told.p == pytest.approx(0.0517, abs=5e-5)
    assert (told.readers, told.cases) == (5, 114)


def test_van_dykes_study_has_its_published_difference():
    # printed for the first less the second: −0.04380 (−0.08796 to 0.00036)
    difference = obuchowski_rockette(VAN_DYKE, VAN_DYKE_ERRORS).difference
    assert difference.value == pytest.approx(0.04380, abs=5e-6)
    assert (difference.low, difference.high) == pytest.approx((-0.00036, 0.08796), abs=5e-6)
    assert "5 readers, 114 cases" in difference.method


def test_van_dykes_modalities_have_their_published_areas():
    first, second = obuchowski_rockette(VAN_DYKE, VAN_DYKE_ERRORS).areas
    assert first.value == pytest.approx(0.89703704, abs=1e-8)
    assert (first.low, first.high) == pytest.approx((0.82522360, 0.96885048), abs=1e-6)
    assert second.value == pytest.approx(0.94083736, abs=1e-8)
    assert (second.low, second.high) == pytest.approx((0.89413783, 0.98753689), abs=1e-6)


def test_frankens_study_whose_cov2_is_below_cov3_has_its_published_results():
    told = obuchowski_rockette(FRANKEN, FRANKEN_ERRORS)
    assert told.f == pytest.approx(4.69, abs=5e-3)
    assert told.error_df == pytest.approx(3.0)
    assert told.p == pytest.approx(0.1188, abs=5e-5)
    assert told.difference.value == pytest.approx(-0.01085, abs=6e-6)
    limits = told.difference.low, told.difference.high
    assert limits == pytest.approx((-0.02680, 0.00509), abs=6e-6)
    first, second = told.areas
    assert (first.low, first.high) == pytest.approx((0.79908282, 0.89641696), abs=1e-5)
    assert (second.low, second.high) == pytest.approx((0.79048429, 0.88330585), abs=1e-5)


def test_without_covariances_it_is_scipys_paired_t_test():
    nothing = ErrorCovariances(0.0, 0.0, 0.0, 0.0, 114)
    told = obuchowski_rockette(VAN_DYKE, nothing)
    paired = ttest_rel(VAN_DYKE[:, 1], VAN_DYKE[:, 0])
    assert told.f == pytest.approx(paired.statistic**2)
    assert told.p == pytest.approx(paired.pvalue)
    interval = paired.confidence_interval()
    limits = told.difference.low, told.difference.high
    assert limits == pytest.approx((interval.low, interval.high))


def test_three_modalities_without_covariances_are_statsmodels_repeated_measures():
    areas = np.column_stack([VAN_DYKE, VAN_DYKE[::-1, 0]])
    told = obuchowski_rockette(areas, ErrorCovariances(0.0, 0.0, 0.0, 0.0, 114))
    reader, modality = np.indices(areas.shape)
    table = pd.DataFrame(
        {"area": areas.ravel(), "reader": reader.ravel(), "modality": modality.ravel()}
    )
    row = AnovaRM(table, "area", "reader", within=["modality"]).fit().anova_table.iloc[0]
    assert told.f == pytest.approx(row["F Value"])
    assert (told.df, told.error_df) == pytest.approx((row["Num DF"], row["Den DF"]))
    assert told.p == pytest.approx(row["Pr > F"])
    assert told.difference.value is None


def test_readers_with_equal_differences_leave_only_the_error_of_the_cases():
    # F = MS(T) / (r · (cov2 − cov3)) = (2 · 0.1² / 2) / (2 · 0.001) = 5 with endless degrees
    areas = np.array([[0.7, 0.8], [0.75, 0.85]])
    told = obuchowski_rockette(areas, ErrorCovariances(0.003, 0.001, 0.0015, 0.0005, 50))
    assert told.f == pytest.approx(5.0)
    assert told.p == pytest.approx(0.0253473, abs=1e-6)
    assert told.difference.low == pytest.approx(0.1 - 1.959964 * 0.002**0.5, abs=1e-6)


def test_areas_and_covariances_are_sklearns_and_the_two_sample_jackknifes():
    truth, ratings = study()
    curves = ratings.reshape(-1, 27)
    covariance = np.zeros((6, 6))
    for side in (truth, ~truth):
        left = np.array(
            [
                [roc_auc_score(np.delete(truth, case), np.delete(row, case)) for row in curves]
                for case in np.flatnonzero(side)
            ]
        )
        covariance += (len(left) - 1) * np.cov(left.T, bias=True)
    areas, errors = areas_and_errors(truth, ratings)
    assert areas.ravel() == pytest.approx([roc_auc_score(truth, row) for row in curves])
    # curves 0 to 5 are reader 1's two modalities, reader 2's, reader 3's
    own, first, second = (
        [(0, 1), (2, 3), (4, 5)],
        [(0, 2), (0, 4), (2, 4)],
        [(1, 3), (1, 5), (3, 5)],
    )
    crossed = [(0, 3), (0, 5), (2, 1), (2, 5), (4, 1), (4, 3)]

    def mean(pairs):
        return np.mean([covariance[pair] for pair in pairs])

    assert errors.variance == pytest.approx(np.diag(covariance).mean())
    assert errors.cov1 == pytest.approx(mean(own))
    assert errors.cov2 == pytest.approx(mean(first + second))
    assert errors.cov2_each == pytest.approx((mean(first), mean(second)))
    assert errors.cov3 == pytest.approx(mean(crossed))
    assert errors.cases == 27


def test_a_study_is_analysed_from_its_ratings():
    truth, ratings = study()
    told = compare_modalities(truth, ratings)
    assert told == obuchowski_rockette(*areas_and_errors(truth, ratings))
    assert 0 < told.p < 1
    assert told.difference.low < told.difference.value < told.difference.high
    mean = np.mean([roc_of_ratings(truth, row)[1].value for row in ratings[:, 1]])
    assert told.areas[1].value == pytest.approx(mean)


def test_a_case_that_one_reader_left_out_is_left_out_of_all():
    truth, ratings = study()
    gap = ratings.copy()
    gap[1, 0, 4] = np.nan
    told = compare_modalities(truth, gap)
    assert told.cases == 26
    assert told == compare_modalities(np.delete(truth, 4), np.delete(ratings, 4, axis=2))


def test_turning_the_modalities_round_turns_the_difference_round():
    truth, ratings = study()
    one, other = compare_modalities(truth, ratings), compare_modalities(truth, ratings[:, ::-1])
    assert other.p == pytest.approx(one.p)
    limits = one.difference.low, one.difference.high
    assert limits == pytest.approx((-other.difference.high, -other.difference.low))
    assert other.areas[0].low == pytest.approx(one.areas[1].low)


@pytest.mark.parametrize(("readers", "modalities"), [(1, 2), (3, 1), (1, 1)])
def test_one_reader_or_one_modality_decides_nothing_and_says_so(readers, modalities):
    told = compare_modalities(*study(readers=readers, modalities=modalities))
    assert (told.f, told.p, told.difference.value) == (None, None, None)
    assert len(told.areas) == modalities
    assert all(0 < area.value < 1 for area in told.areas)
    assert f"has {readers} and {modalities}" in told.method


def test_too_few_positive_cases_decide_nothing_and_say_so():
    truth, ratings = study()
    told = compare_modalities(truth & (np.arange(27) < 1), ratings)
    assert (told.p, told.difference.value, told.areas[0].value) == (None, None, None)
    assert "fewer than 2 positive" in told.difference.method


def test_reading_the_same_twice_decides_nothing():
    truth, ratings = study()
    told = compare_modalities(truth, np.repeat(ratings[:, :1], 2, axis=1))
    assert told.p is None
    assert "nothing varies" in told.method


def test_three_copies_of_each_scan_of_a_patient_tell_no_more_than_one():
    # Obuchowski (Biometrics 53:567, 1997): what is summed over a patient is their share of the area
    truth, ratings = study()
    patients = [f"p{n // 3}" for n in range(81)]
    areas, errors = areas_and_errors(np.repeat(truth, 3), np.repeat(ratings, 3, axis=2), patients)
    once, of_once = areas_and_errors(truth, ratings)
    assert areas == pytest.approx(once)
    for name in ("variance", "cov1", "cov2", "cov3"):
        assert getattr(errors, name) == pytest.approx(getattr(of_once, name))
    told = compare_modalities(np.repeat(truth, 3), np.repeat(ratings, 3, axis=2), patients)
    assert told.p == pytest.approx(compare_modalities(truth, ratings).p)
    assert "81 cases of 27 patients" in told.method
    assert compare_modalities(np.repeat(truth, 3), np.repeat(ratings, 3, axis=2)).p < told.p


def test_a_patient_with_positive_and_negative_scans_binds_both_sides():
    # by hand: the influence of each patient on the area, its outer product, factors of 3 patients
    truth = np.array([True, False, True, False, True, False])
    ratings = np.array([[3.0, 1.0, 2.0, 2.0, 1.0, 0.0]])
    whose = ["a", "a", "b", "b", "c", "c"]
    of_positive, of_negative = np.array([1, 5 / 6, 0.5]), np.array([5 / 6, 0.5, 1])
    a, b = (of_positive - 7 / 9) / 3, (of_negative - 7 / 9) / 3
    expected = 1.5 * ((a + b) ** 2).sum()
    _, errors = areas_and_errors(truth, ratings[None], whose)
    assert errors.variance == pytest.approx(expected)
