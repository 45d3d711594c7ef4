"""The board: names, places, confusion, hardest scans, agreement, the class against the model."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix
from statsmodels.stats.inter_rater import fleiss_kappa as statsmodels_kappa

from octtutor.core.answer import Answer, Answered, SecondLook
from octtutor.core.case import Case
from octtutor.core.counting import WhyNot
from octtutor.core.diagnosis import LABELS, Diagnosis, by_label
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt, CaseOrder, Options, Trainee
from octtutor.core.session import Discussion, Session
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.tutor.sessions.board import Board, board
from octtutor.tutor.sessions.board_lines import NAMELESS

C, M, D, N = LABELS
U = None
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
TRUTHS = (C, M, D, N, C, N)
HASHES = tuple(f"{n:064x}" for n in range(len(TRUTHS)))
CASES = tuple(
    Case(sha256, truth, f"p{n // 2}", f"{n}.png")
    for n, (sha256, truth) in enumerate(zip(HASHES, TRUTHS, strict=True))
)
SESSION = Session(
    "ABCDE", "Tuesday", "grace", "six", "1", "deck", HASHES, 7, Options(), NOW, "lite0", "f" * 64
)
Choices = list[Diagnosis | None]


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def attempt(n: int, **changes) -> Attempt:
    order = CaseOrder.SESSION
    first = Attempt(f"a{n}", f"t{n}", "six", "1", "deck", order, 7, HASHES, later(n))
    return replace(first, **{"session": "ABCDE", **changes})


def said(label: Diagnosis) -> Prediction:
    chances = [0.7 if other == label else 0.1 for other in LABELS]
    return Prediction("lite0", "f" * 64, by_label(chances))


def answered(n: int, position: int, choice: Diagnosis | None, model: Diagnosis | None) -> Answered:
    answer = Answer(
        attempt_id=f"a{n}",
        position=position,
        trainee_id=f"t{n}",
        sha256=HASHES[position],
        truth=TRUTHS[position],
        choice=choice,
        confidence=3,
        response_ms=1000,
        answered_at=later(100 + 10 * position + n),
        deck="deck",
        quiz="six",
        quiz_version="1",
    )
    return Answered(answer, said(model) if model else None)


def class_of(*choices: Choices, names: tuple[str, ...] = (), model: Choices | None = None):
    """Attempts, trainees and answers of a class whose readers chose so, case by case."""
    nicknames = names or tuple(f"Reader {n}" for n in range(len(choices)))
    answers = [
        answered(n, position, choice, model[position] if model else None)
        for n, theirs in enumerate(choices)
        for position, choice in enumerate(theirs)
    ]
    return (
        [attempt(n) for n in range(len(choices))],
        [Trainee(f"t{n}", name, NOW) for n, name in enumerate(nicknames)],
        answers,
    )


def drawn(*choices: Choices, discussions: tuple[Discussion, ...] = (), **more) -> Board:
    attempts, trainees, answers = class_of(*choices, **more)
    return board(SESSION, attempts, trainees, answers, discussions, CASES, OCT2017_SCHEME)


def test_an_empty_class_has_a_board_without_figures():
    empty = drawn()
    assert empty.readers == empty.hardest == ()
    assert empty.right.value is None
    assert empty.agreement.value is None
    assert empty.against_model is None
    assert empty.matrix.shape == (4, 6)
    assert empty.matrix.sum() == 0
    assert [line.waiting for line in empty.cases] == [0] * 6


def test_equal_pseudonyms_are_told_apart():
    names = ("Ada", "ada", "", "Ada (2)", "Ada", "")
    readers = drawn(*([[]] * 6), names=names).readers
    assert [reader.name for reader in readers] == [
        "Ada",
        "ada (2)",
        NAMELESS,
        "Ada (2) (2)",
        "Ada (3)",
        f"{NAMELESS} (2)",
    ]


def test_the_board_says_who_is_where():
    whole: Choices = [C, C, D, N, C, N]
    attempts, trainees, answers = class_of(whole, [C, C], [])
    attempts[1] = replace(attempts[1], ended_at=later(500))
    ada, ben, cleo = board(SESSION, attempts, trainees, answers, (), CASES, OCT2017_SCHEME).readers
    assert (ada.at, ada.asked, ada.finished, ada.left) == (6, 6, True, False)
    assert (ada.right.value, ada.right.n) == (5 / 6, 6)
    assert ada.last_seen == later(150)
    assert (ben.at, ben.finished, ben.left) == (2, False, True)
    assert (cleo.at, cleo.left, cleo.right.value) == (0, False, None)
    assert cleo.last_seen == later(2)


def test_the_confusion_is_scikit_learns_with_a_column_of_ungradables():
    readers: list[Choices] = [[C, M, N, N, U, N], [D, M, D, N, C, C], [C, C, D, D, C]]
    shown = drawn(*readers)
    truth = [TRUTHS[p] for theirs in readers for p, c in enumerate(theirs) if c is not None]
    choice = [c for theirs in readers for c in theirs if c is not None]
    expected = confusion_matrix(truth, choice, labels=LABELS)
    assert shown.matrix.dtype == np.int64
    np.testing.assert_array_equal(shown.matrix[:, :4], expected)
    assert shown.matrix[:, 4].tolist() == [1, 0, 0, 0]
    assert shown.right.n == 17
    assert shown.right.value == pytest.approx(11 / 17)


def test_the_hardest_scans_come_worst_first_with_what_was_answered():
    shown = drawn([C, C, N, N, D, N], [C, C, U, N, C, N], [C, M, N, N, C, N])
    assert [line.position for line in shown.hardest] == [2, 1, 4]
    worst = shown.hardest[0]
    assert (worst.right.value, worst.right.n) == (0, 3)
    assert worst.right.high == pytest.approx(0.5615, abs=1e-4)
    assert worst.counts == (0, 0, 0, 2, 1)
    assert [reading.choice for reading in worst.readings] == [N, U, N]
    assert shown.hardest[1].case.label == M


def test_agreement_is_that_of_statsmodels():
    readers: list[Choices] = [[C, M, N, N, U, N], [D, M, D, N, C, C], [C, C, D, D, C, N]]
    shown = drawn(*readers)
    table = np.array([line.counts for line in shown.cases])
    assert shown.agreement.value == pytest.approx(statsmodels_kappa(table))
    assert shown.agreement.low is not None


def test_answers_after_a_discussion_are_counted_and_left_out_of_every_figure():
    before = drawn([C, M, D, N, C, N], [C, M, D, N, C])
    talk = (Discussion("ABCDE", 5, later(150)),)  # the first reader answered in that very moment
    attempts, trainees, answers = class_of([C, M, D, N, C, N], [C, M, D, N, C, D])
    after = board(SESSION, attempts, trainees, answers, talk, CASES, OCT2017_SCHEME)
    assert (after.answered, after.left_out) == (11, {WhyNot.DISCUSSED: 1})
    np.testing.assert_array_equal(after.matrix, before.matrix)
    assert after.right == before.right
    assert after.agreement == before.agreement
    late = after.cases[5]
    assert (late.counts, late.left_out, late.waiting) == ((0, 0, 0, 1, 0), 1, 0)
    assert [reading.why_not for reading in late.readings] == [None, WhyNot.DISCUSSED]
    assert after.readers[1].finished
    assert after.readers[1].right.n == 5


def test_an_answer_that_ran_out_of_time_has_a_column_of_its_own_and_no_other_figure():
    attempts, trainees, answers = class_of([C, M, D, U], [C, M, D, N])
    late = replace(answers[2].answer, choice=None, timed_out=True)
    answers[2] = replace(answers[2], answer=late)
    shown = board(SESSION, attempts, trainees, answers, (), CASES, OCT2017_SCHEME)
    assert shown.timed_out == 1
    assert shown.matrix.sum() == 8
    assert shown.matrix[:, 4:].tolist() == [[0, 0], [0, 0], [0, 1], [1, 0]]
    line = shown.cases[2]
    assert (line.right.value, line.timed_out, sum(line.counts)) == (1.0, 1, 1)
    assert (shown.readers[0].right.value, shown.readers[0].timed_out) == (pytest.approx(2 / 3), 1)


def test_the_second_look_is_no_reading_of_the_class():
    attempts, trainees, answers = class_of([D], [C])
    answers[0] = replace(answers[0], second=SecondLook("a0", 0, C, 500, NOW))
    shown = board(SESSION, attempts, trainees, answers, (), CASES, OCT2017_SCHEME)
    assert shown.right.value == 0.5


def test_the_class_is_set_against_the_model_on_the_same_scans():
    model: Choices = [C, C, D, N, C, C]  # 4 of 6 right
    readers: list[Choices] = [[C, M, D, N, C, N], [C, C, D, N, D, N], [D, C, N], [C, M, N]]
    against = drawn(*readers, model=model).against_model
    assert against is not None
    truth = [TRUTHS[p] for theirs in readers for p in range(len(theirs))]
    given = [c or "U" for theirs in readers for c in theirs]
    beside = [model[p] for theirs in readers for p in range(len(theirs))]
    assert against.scans == 6
    assert against.readers.value == pytest.approx(accuracy_score(truth, given))
    assert against.model.value == pytest.approx(4 / 6)
    gap = accuracy_score(truth, given) - accuracy_score(truth, beside)
    assert against.difference.value == pytest.approx(gap)
    assert "3 patients" in against.difference.method
    assert (against.ahead, against.level, against.behind) == (1, 2, 1)


def test_the_majority_of_the_class_is_set_against_the_model():
    model: Choices = [C, C, D, N, C, C]
    against = drawn(
        [C, M, D, U, N, N], [C, M, N, U, C, N], [D, C, N, N, U], model=model
    ).against_model
    assert against is not None
    assert (against.majority.value, against.majority.n) == (3 / 6, 6)  # a tie, and ungradable
    pairs = against.pairs
    assert pairs is not None
    assert (pairs.both, pairs.only_first, pairs.only_second, pairs.neither) == (1, 2, 3, 0)
    assert 0 < pairs.p <= 1


def test_a_class_of_one_has_no_majority():
    against = drawn([C, M], model=[C, C]).against_model
    assert against is not None
    assert against.majority.value is None
    assert against.pairs is None


def test_scans_that_the_model_has_not_answered_are_not_compared():
    attempts, trainees, answers = class_of([C, C, D], [C, M, D])
    answers[0] = replace(answers[0], prediction=said(C))
    shown = board(SESSION, attempts, trainees, answers, (), CASES, OCT2017_SCHEME)
    assert shown.cases[0].model == said(C)
    assert shown.against_model is not None
    assert shown.against_model.scans == 1
    assert shown.against_model.readers.n == 2
    assert shown.right.n == 6
