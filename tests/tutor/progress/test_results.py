"""The results card's figures, on answers made by hand."""

import csv
import io
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from octtutor.core.answer import Answer, Answered
from octtutor.core.counting import count_answers
from octtutor.core.diagnosis import LABELS, Diagnosis, by_label, penalty
from octtutor.core.disclosure import Audience
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt, CaseOrder
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.tutor.disclosing import disclose
from octtutor.tutor.progress.results import results, to_csv
from octtutor.ui.desk.results_card import results_card

NOW = datetime(2026, 1, 5, tzinfo=UTC)
C, M, D, N = LABELS


def answered(rows) -> tuple[Attempt, list[Answered]]:
    items = []
    for position, (truth, choice, model) in enumerate(rows):
        chances = tuple(0.7 if label is model else 0.1 for label in LABELS)
        prediction = Prediction("m", "0" * 64, by_label(chances)) if model else None
        answer = Answer("a", position, "t", f"{position:064x}", truth, choice, 3,
                        1000 * (position + 1), NOW, "d", "practice", "1")  # fmt: skip
        items.append(Answered(answer, prediction))
    cases = tuple(item.answer.sha256 for item in items)
    return Attempt("a", "t", "practice", "1", "d", CaseOrder.BALANCED, 1, cases, NOW, NOW), items


def test_score_errors_and_comparison_come_out_as_counted_by_hand():
    attempt, items = answered([(C, C, C), (C, N, C), (M, M, N), (D, N, N), (N, None, N)])
    figures = results(attempt, count_answers(items, [attempt]), OCT2017_SCHEME)
    assert figures.right.value == 2 / 5
    assert figures.ungradable == 1
    assert figures.matrix[0].tolist() == [1, 0, 0, 1, 0, 0]
    assert figures.matrix[3, 4] == 1
    assert figures.weighted_error.value == pytest.approx((0 + 4 + 0 + 1) / 4)
    assert figures.weighted_error.n == 4
    assert figures.model_weighted_error.value == pytest.approx((0 + 0 + 4 + 1 + 0) / 5)
    compared = figures.you_and_model
    assert compared is not None
    assert (compared.both, compared.only_you, compared.only_model, compared.neither) == (1, 1, 2, 1)
    assert figures.median_seconds == 3.0
    sensitivity, specificity = figures.per_class["CNV"]
    assert (sensitivity.value, sensitivity.n) == (0.5, 2)
    assert (specificity.value, specificity.n) == (1.0, 2)


rows = st.lists(
    st.tuples(
        st.sampled_from(LABELS),
        st.sampled_from([*LABELS, None]),
        st.sampled_from([*LABELS, None]),
    ),
    min_size=1,
    max_size=40,
)


@given(rows)
def test_every_answer_is_counted_once_and_the_penalties_add_up(made):
    attempt, items = answered(made)
    figures = results(attempt, count_answers(items, [attempt]), OCT2017_SCHEME)
    assert figures.matrix.sum() == len(made)
    assert np.trace(figures.matrix[:, :4]) == round((figures.right.value or 0) * len(made))
    graded = [penalty(truth, choice) for truth, choice, _ in made if choice]
    if graded:
        assert figures.weighted_error.value == pytest.approx(sum(graded) / len(graded))
    else:
        assert figures.weighted_error.value is None
    with_model = sum(model is not None for _, _, model in made)
    compared = figures.you_and_model
    total = (
        0
        if compared is None
        else (compared.both + compared.only_you + compared.only_model + compared.neither)
    )
    assert total == with_model


@given(rows)
def test_the_csv_has_a_row_for_each_answer(made):
    attempt, items = answered(made)
    table = list(
        csv.DictReader(
            io.StringIO(to_csv(attempt, disclose(Audience.READER, items, [attempt]), "Ada", LABELS))
        )
    )
    assert len(table) == len(made)
    for row, (truth, choice, _) in zip(table, made, strict=True):
        assert row["truth"] == truth
        assert row["answer"] == (choice or "UNGRADABLE")


@pytest.mark.parametrize("name", ["=1+1", "@x", "+x", "-x"])
def test_a_nickname_is_no_formula_in_a_spreadsheet(name: str):
    attempt, items = answered([(C, C, C)])
    (row,) = csv.DictReader(
        io.StringIO(to_csv(attempt, disclose(Audience.READER, items, [attempt]), name, LABELS))
    )
    assert row["reader"] == f"'{name}"


@given(rows)
def test_a_card_is_drawn_of_any_answers(made):
    attempt, items = answered(made)
    card = results_card(
        results(attempt, count_answers(items, [attempt]), OCT2017_SCHEME),
        to_csv(attempt, disclose(Audience.READER, items, [attempt]), "x", LABELS),
        True,
    )
    assert card.count("<table") >= 2
    assert "Kermany" in card
    assert "synthetic" in card
    assert "nan" not in card.lower()


def test_an_empty_attempt_has_a_card_too():
    attempt, items = answered([])
    assert "No case was answered" in results_card(
        results(attempt, count_answers(items, [attempt]), OCT2017_SCHEME), "", False
    )


def test_a_perfect_reader_stands_at_the_scales_start():
    attempt, items = answered([(label, label, label) for label in LABELS])
    card = results_card(
        results(attempt, count_answers(items, [attempt]), OCT2017_SCHEME), "", False
    )
    assert "0.0 %" in card
    assert "0.4–10.5 %" in card
    assert Diagnosis.CNV in card
