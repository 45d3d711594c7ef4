import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    recall_score,
)

from octtutor.core.diagnosis import LABELS, PENALTY, Diagnosis, penalty
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.stats.figures import (
    balanced_mean,
    balanced_share,
    brier,
    calibration_error,
    confusion,
    kappa,
    model_figures,
    per_class,
    weighted_error,
)
from octtutor.stats.intervals import (
    Figure,
    by_patient,
    effective_wilson,
    rounded,
    share_by_patient,
    wilson,
)

answers = hnp.arrays(np.int64, st.integers(1, 60), elements=st.integers(0, 3))


def pair(draw_from):
    return draw_from.flatmap(
        lambda truth: st.tuples(
            st.just(truth), hnp.arrays(np.int64, len(truth), elements=st.integers(0, 3))
        )
    )


@given(pair(answers))
def test_the_confusion_matrix_is_scikit_learns(both):
    truth, answer = both
    expected = confusion_matrix(truth, answer, labels=range(4))
    assert (confusion(truth, answer, 4) == expected).all()


@given(pair(answers))
def test_the_weighted_error_is_the_mean_of_the_penalties(both):
    truth, answer = both
    costs = [penalty(LABELS[t], LABELS[a]) for t, a in zip(truth, answer, strict=True)]
    assert weighted_error(confusion(truth, answer, 4), PENALTY) == pytest.approx(np.mean(costs))


@given(pair(answers))
def test_no_answer_is_better_than_the_truth(both):
    truth, answer = both
    assert weighted_error(confusion(truth, truth, 4), PENALTY) == 0
    assert weighted_error(confusion(truth, answer, 4), PENALTY) >= 0
    if (truth != answer).any():
        assert weighted_error(confusion(truth, answer, 4), PENALTY) > 0


def test_kermanys_reference_points_come_out():
    truth = np.repeat(np.arange(4), 250)
    always = {
        label: weighted_error(confusion(truth, np.full(1000, LABELS.index(label)), 4), PENALTY)
        for label in LABELS
    }
    assert always[Diagnosis.CNV] == 0.75
    assert always[Diagnosis.NORMAL] == 2.25
    everything = np.ones((4, 4), np.int64)
    assert weighted_error(everything, PENALTY) == 1.25


@given(pair(answers))
def test_sensitivity_is_scikit_learns_recall(both):
    truth, answer = both
    for index, (sensitivity, _) in enumerate(
        per_class(truth, answer, [str(n) for n in range(len(truth))], LABELS).values()
    ):
        if sensitivity.n:
            expected = recall_score(truth == index, answer == index)
            assert sensitivity.value == pytest.approx(expected)


def test_wilsons_interval_is_the_published_one():
    # Newcombe, Statistics in Medicine 17:857 (1998), table I: 81 of 263, Wilson 0.2553 to 0.3662
    figure = wilson(81, 263)
    assert (round(figure.low, 4), round(figure.high, 4)) == (0.2553, 0.3662)


@given(st.integers(0, 50), st.integers(1, 50))
def test_a_wilson_interval_holds_its_figure_and_stays_in_bounds(k, n):
    k = min(k, n)
    figure = wilson(k, n)
    assert -1e-12 <= figure.low <= figure.value + 1e-12
    assert figure.value - 1e-12 <= figure.high <= 1 + 1e-12


def test_nothing_out_of_nothing_is_no_figure():
    assert wilson(0, 0) == Figure(None, None, None, 0, "Wilson 95 %")
    assert str(wilson(0, 0)) == "–"


def test_an_interval_over_patients_is_wider_than_one_over_scans():
    right = np.repeat([1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0], 10)
    measure = lambda index: float(right[index].mean())  # noqa: E731
    patients = by_patient(measure, [str(i // 10) for i in range(80)])
    scans = by_patient(measure, [str(i) for i in range(80)])
    assert patients.high - patients.low > 2 * (scans.high - scans.low)
    assert patients.value == scans.value


def test_a_perfect_score_is_not_certain():
    """Of perfect answers no likeness can be seen: four scans a patient count as 1 + 0.4 · 3."""
    truth = np.arange(40) % 4
    figures = model_figures(
        truth, np.eye(4)[truth], [str(i // 4) for i in range(40)], OCT2017_SCHEME
    )
    assert figures["accuracy"] == 1
    quantile = 1.959964 + (2.262157 - 1.959964) * (1 - 1 / 2.2)  # t has 9 degrees
    assert figures["accuracy_ci"] == pytest.approx([40 / (40 + 2.2 * quantile**2), 1])
    assert figures["accuracy_ci"][1] == 1
    assert figures["weighted_error_ci"] == [None, None]


def test_brier_and_calibration_of_a_sure_and_right_reader_are_nought():
    truth = np.array([0, 1, 2, 3])
    assert brier(truth, np.eye(4)) == 0
    assert calibration_error(truth, np.eye(4)) == 0
    assert brier(truth, np.eye(4)[::-1]) == 2


def test_calibration_error_is_the_gap_between_confidence_and_accuracy():
    chances = np.tile([0.7, 0.1, 0.1, 0.1], (10, 1))
    truth = np.array([0] * 5 + [1] * 5)
    assert calibration_error(truth, chances) == pytest.approx(0.2)


def test_kappa_is_undefined_when_all_agree_on_one_class():
    assert kappa(np.zeros(5, np.int64), np.zeros(5, np.int64)) is None


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31))
def test_all_figures_come_out_of_any_answers(seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, 40)
    chances = rng.dirichlet(np.ones(4), 40)
    figures = model_figures(truth, chances, [str(i // 3) for i in range(40)], OCT2017_SCHEME)
    assert figures["accuracy"] == accuracy_score(truth, chances.argmax(1))
    assert figures["accuracy_ci"][0] <= figures["accuracy"] <= figures["accuracy_ci"][1]
    assert figures["n"] == 40
    assert figures["patients"] == 14
    assert sum(map(sum, figures["confusion"])) == 40


def test_45_of_45_ends_at_one_and_0_of_45_at_nought():
    # the audit of 0.1 found 0.9999999999999999; Wilson's lower limit is n / (n + 1.96²)
    assert wilson(45, 45).high == 1
    assert wilson(0, 45).low == 0
    assert wilson(45, 45).low == pytest.approx(45 / (45 + 1.959964**2))


def test_scans_that_are_copies_count_once():
    right = np.array([1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 0, 0, 1, 1, 1], bool)
    once = share_by_patient(right, [str(n) for n in range(18)])
    thrice = share_by_patient(np.repeat(right, 3), [str(n // 3) for n in range(54)])
    assert (once.low, once.high) == pytest.approx(
        (wilson(12, 18).low, wilson(12, 18).high), abs=0.01
    )
    assert "18 effective" not in once.method
    # the design effect of three copies is 3 · 18 / 17 (Kish 1965, with the clusters' correction)
    assert f"{54 / (3 * 18 / 17):.0f} effective of 54" in thrice.method
    assert thrice.low < once.low < thrice.value < once.high < thrice.high


def test_answers_of_one_reader_are_alike_too():
    right = np.repeat([True, True, True, False], 12)
    readers = [f"r{n // 12}" for n in range(48)]
    scans = [f"p{n % 12}" for n in range(48)]
    assert share_by_patient(right, scans, readers).low < share_by_patient(right, scans).low - 0.2


def test_near_the_ceiling_the_upper_limit_is_a_poisson_counts():
    # Brown, Cai & DasGupta 2001, 4.1.1: half the 5 % point of chi-squared with 2 degrees is 0.0513
    assert effective_wilson(0.9, 10)[1] == pytest.approx(1 - 0.0512932943875505 / 10)
    assert effective_wilson(0.1, 10)[0] == pytest.approx(0.0512932943875505 / 10)


def test_balanced_accuracy_is_scikit_learns_whatever_was_asked_most():
    truth = np.array([0] * 8 + [1] * 2 + [2] * 5)
    answer = np.array([0] * 6 + [1] * 2 + [1, 2] + [2] * 4 + [0])
    figure = balanced_share(truth == answer, truth, [str(n) for n in range(15)])
    assert figure.value == pytest.approx(balanced_accuracy_score(truth, answer))
    assert "3 classes" in figure.method


def test_a_mean_over_classes_weighs_each_class_the_same():
    paid = np.array([4.0, 0, 0, 0, 1, 1])
    figure = balanced_mean(paid, np.array([0, 0, 0, 0, 1, 1]), list("abcdef"))
    assert figure.value == pytest.approx((1 + 1) / 2)


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [(-0.004, 2, "-0.004"), (0.19, 2, "0.19"), (0.0, 2, "0.00"), (-1e-9, 2, "0.00"),
     (-0.3, 0, "-0.3"), (12.34, 1, "12.3"), (0.00049, 2, "0.0005")],
)  # fmt: skip
def test_decimals_do_not_hide_a_sign(value, digits, shown):
    # the audit of 0.1 found "−0.00 to 0.19"
    assert rounded(value, digits) == shown


def test_an_interval_that_leaves_out_nought_by_little_shows_it():
    assert str(Figure(0.1, -0.0003, 0.2, 9, "")) == "10.0 % (-0.03 to 20.0)"
