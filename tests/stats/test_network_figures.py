import numpy as np
import pytest
from sklearn.metrics import precision_score, roc_auc_score

from octtutor.core.diagnosis import LABELS
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.stats.figures import calibration_error, model_figures
from octtutor.stats.intervals import by_patient
from octtutor.stats.network_figures import accuracy_of, calibrated_error, measure, reliability_bins

RNG = np.random.default_rng(7)
TRUTH = np.repeat(np.arange(4), 25)
PATIENTS = [f"{place // 2}" for place in range(100)]


def answers(truth: np.ndarray, skill: float) -> np.ndarray:
    scores = RNG.normal(size=(len(truth), 4)) + skill * np.eye(4)[truth]
    chances = np.exp(scores)
    return chances / chances.sum(axis=1, keepdims=True)


CHANCES = answers(TRUTH, 2.0)


def test_the_figures_are_those_that_evaluate_prints():
    found, told = (
        measure(TRUTH, CHANCES, PATIENTS, OCT2017_SCHEME),
        model_figures(TRUTH, CHANCES, PATIENTS, OCT2017_SCHEME),
    )
    for figure, key in ((found.accuracy, "accuracy"), (found.weighted_error, "weighted_error")):
        assert (figure.value, [figure.low, figure.high]) == (told[key], told[f"{key}_ci"])
    assert found.urgent.sensitivity.value == told["sensitivity"]
    assert found.urgent.specificity.value == told["specificity"]
    assert found.urgent.auroc.value == pytest.approx(told["auroc"])
    assert found.kappa.value == pytest.approx(told["kappa"])
    assert found.brier.value == pytest.approx(told["brier"])
    assert found.calibration_error.value == pytest.approx(told["ece"])
    assert found.matrix.tolist() == told["confusion"]
    for label in LABELS:
        assert found.classes[label].sensitivity.value == told["per_class"][label]["sensitivity"]


def test_the_calibration_error_has_the_interval_that_resampling_patients_gives():
    found = measure(TRUTH, CHANCES, PATIENTS, OCT2017_SCHEME).calibration_error
    slow = by_patient(lambda index: calibration_error(TRUTH[index], CHANCES[index]), PATIENTS)
    assert found.value == pytest.approx(slow.value)
    assert [found.low, found.high] == pytest.approx([slow.low, slow.high], abs=0.01)
    assert (found.n, found.method) == (slow.n, slow.method)


def test_precision_and_areas_are_those_of_scikit_learn():
    found = measure(TRUTH, CHANCES, PATIENTS, OCT2017_SCHEME)
    precisions = precision_score(TRUTH, CHANCES.argmax(axis=1), average=None)
    for index, (one, precision) in enumerate(zip(found.classes.values(), precisions, strict=True)):
        assert one.n == 25
        assert one.precision.value == pytest.approx(precision)
        assert one.auroc.value == pytest.approx(roc_auc_score(index == TRUTH, CHANCES[:, index]))
        assert one.auroc.low < one.auroc.value < one.auroc.high
        ends = one.curve[0], one.curve[-1]
        assert [(end.false_positives, end.sensitivity) for end in ends] == [(0, 0), (1, 1)]


def test_one_class_alone_has_no_roc_and_no_kappa():
    truth = np.zeros(6, np.int64)
    found = measure(truth, np.tile([0.7, 0.1, 0.1, 0.1], (6, 1)), list("aabbcc"), OCT2017_SCHEME)
    assert found.classes["CNV"].curve == ()
    assert found.classes["DME"].sensitivity.value is None
    assert found.urgent.auroc.value is None
    assert found.kappa.value is None
    assert found.accuracy.value == 1.0


def test_one_patient_alone_gives_no_interval_over_patients():
    right = np.array([True, True, True, False])
    figure = accuracy_of(right, ["a"] * 4)
    assert (figure.value, figure.low, figure.high, figure.n) == (0.75, None, None, 4)
    assert "one patient" in figure.method
    assert accuracy_of(right, list("abcd")).low is not None


def test_bins_hold_every_answer_once_and_know_how_often_it_was_right():
    bins = reliability_bins(TRUTH, CHANCES)
    assert sum(one.right.n for one in bins) == len(TRUTH)
    assert [one.low for one in bins] == pytest.approx(np.arange(10) / 10)
    for one in bins:
        assert one.stated is None or one.low <= one.stated <= one.high
    right = sum((one.right.value or 0) * one.right.n for one in bins)
    assert right == pytest.approx((CHANCES.argmax(axis=1) == TRUTH).sum())
    sure = reliability_bins(np.array([0]), np.array([[1.0, 0, 0, 0]]))
    assert (sure[-1].stated, sure[-1].right.n) == (1.0, 1)


def test_chance_alone_gives_a_perfectly_calibrated_network_an_error():
    # of n answers in one bin stated as p: E|binomial − n·p| / n, about √(2·p·(1 − p) / (π·n))
    chances = np.tile([0.8, 0.2], (100, 1))
    band = calibrated_error(chances)
    assert band.value == pytest.approx((2 * 0.8 * 0.2 / (np.pi * 100)) ** 0.5, rel=0.05)
    assert band.low < band.value < band.high
    # 97.5 % of |binomial(100, 0.8) − 80| / 100 lie at or below 0.09 (scipy's binomial)
    assert band.high == pytest.approx(0.09, abs=0.011)
    assert calibrated_error(np.tile([0.8, 0.2], (6400, 1))).value < band.value / 6
