from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octtutor.core.answer import Answer, check_confidence, choice_word, parse_choice
from octtutor.core.diagnosis import LABELS, PENALTY, Diagnosis, by_label, penalty
from octtutor.core.prediction import Prediction
from octtutor.errors import BadInputError

choices = st.sampled_from([*LABELS, None])


@given(choices)
def test_a_choice_survives_its_word(choice):
    assert parse_choice(choice_word(choice)) == choice


@pytest.mark.parametrize("confidence", [0, 6, -1, 99])
def test_confidence_is_one_to_five(confidence):
    with pytest.raises(BadInputError, match="1 to 5"):
        check_confidence(confidence)


@given(st.sampled_from(LABELS), choices)
def test_an_answer_is_right_only_when_it_is_the_truth(truth, choice):
    when = datetime(2026, 1, 1, tzinfo=UTC)
    answer = Answer("a", 0, "t", "s", truth, choice, 3, 1000, when, "d", "q", "1")
    assert answer.is_right == (choice == truth)


def test_missing_an_urgent_scan_costs_most():
    assert penalty(Diagnosis.CNV, Diagnosis.NORMAL) == 4
    assert penalty(Diagnosis.NORMAL, Diagnosis.CNV) == 1
    assert all(PENALTY[i][i] == 0 for i in range(4))


def test_a_predictions_label_is_its_most_probable_class():
    prediction = Prediction("m", "0" * 64, by_label((0.1, 0.2, 0.6, 0.1)))
    assert prediction.label == Diagnosis.DRUSEN
    assert prediction.of(Diagnosis.DME) == 0.2
