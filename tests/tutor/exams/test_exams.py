"""Quizzes with a file, as a trainee takes them: how often, how they end, and the retest."""

from dataclasses import replace
from datetime import timedelta

import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.core.quiz import CaseOrder
from octtutor.errors import BadInputError, StaleError
from octtutor.tutor.decks.deck_import import EMBEDDED, import_scans
from octtutor.tutor.exams.exams import ExamOffer, Exams
from octtutor.tutor.practice.practice import Practice
from tests.conftest import DECK, Clock

CNV = LABELS[0]
EXAM = """
title = "Eight"
deck = "embedded"
mode = "exam"
pass_mark = 0.75
[options]
attempts = 2
retest_days = 14
[rule]
per_class = 2
seed = 5
"""


@pytest.fixture(autouse=True)
def embedded(store, images, clock):
    import_scans(store, images, DECK, clock, EMBEDDED)


@pytest.fixture
def trainee(practice: Practice) -> str:
    return practice.enrol(None, "Ada").id


@pytest.fixture
def eight(quizzes) -> str:
    quizzes.save(EXAM, "eight")
    return "eight"


def take(practice: Practice, store, clock: Clock, attempt, right: int):
    """Answer all cases, the first `right` of them rightly, and return the attempt."""
    question = practice.question(attempt.trainee_id, attempt.id)
    while question is not None:
        case = store.get_case(attempt.deck, attempt.cases[question.position])
        wrong = next(label for label in LABELS if label != case.label)
        clock.pass_seconds(10)
        choice = case.label if question.position < right else wrong
        practice.commit(attempt.trainee_id, attempt.id, question.position, choice, 3)
        question = practice.next_question(attempt.trainee_id, attempt.id, question.position)
    return store.get_attempt(attempt.id)


def outcome(exams: Exams, practice: Practice, attempt):
    answers = practice.answers(attempt.trainee_id, attempt.id)[1]
    return exams.outcome(attempt, answers, practice.trained_on(attempt))


def offer_of(exams: Exams, trainee: str | None, key: str) -> ExamOffer:
    return next(offer for offer in exams.offers(trainee) if offer.quiz.key == key)


def test_the_shipped_quizzes_are_on_offer_to_anybody(exams: Exams):
    offers = {offer.quiz.key: offer for offer in exams.offers(None)}
    assert {"first-ten", "drusen-or-cnv", "is-it-normal", "forty", "kermanys-hundred"} == set(
        offers
    )
    assert offers["first-ten"].fault is None
    assert "100 of 100 scans are not here" in offers["kermanys-hundred"].fault
    assert [o.quiz.options.is_exam for o in exams.offers(None)] == [False] * 3 + [True] * 2


def test_a_quiz_that_cannot_be_played_here_is_refused_in_words(exams: Exams, trainee):
    with pytest.raises(BadInputError, match="scans are not here"):
        exams.start(trainee, "kermanys-hundred")
    with pytest.raises(BadInputError, match="none named"):
        exams.start(trainee, "made-up")


def test_a_quiz_that_is_not_offered_is_for_sessions_only(exams, trainee, quizzes, sessions):
    quizzes.save(EXAM.replace("mode", "offered = false\nmode"), "hidden")
    assert "hidden" not in [offer.quiz.key for offer in exams.offers(trainee)]
    with pytest.raises(BadInputError, match="not \\(any more\\)"):
        exams.start(trainee, "hidden")
    assert "hidden" in [quiz.key for quiz in sessions.quizzes()]


def test_a_quiz_without_a_deck_brings_no_withheld_one(exams, trainee, quizzes, store):
    deck = store.find_deck(EMBEDDED)
    named = "".join(f'[[cases]]\nsha256 = "{c.sha256}"\n' for c in store.cases_of(EMBEDDED)[:4])
    quizzes.save(f'title = "Four"\n{named}', "four")
    assert "four" in [offer.quiz.key for offer in exams.offers(trainee)]
    store.put_deck(replace(deck, offered=False))
    assert "four" not in [offer.quiz.key for offer in exams.offers(trainee)]
    with pytest.raises(BadInputError, match="not \\(any more\\)"):
        exams.start(trainee, "four")


def test_everybody_gets_the_same_cases_of_a_practice_quiz(exams: Exams, practice, trainee):
    other = practice.enrol(None, "Eve").id
    first, second = exams.start(trainee, "first-ten"), exams.start(other, "first-ten")
    assert first.cases == second.cases
    assert (first.quiz, len(first.cases)) == ("first-ten", 10)
    assert first.quiz_version == second.quiz_version != "1"


def test_an_exam_is_taken_no_more_often_than_it_may_be(
    exams: Exams, practice, trainee, clock, eight, store
):
    for n in (1, 2):
        take(practice, store, clock, exams.start(trainee, eight), right=0)
        assert offer_of(exams, trainee, eight).taken == n
    assert offer_of(exams, trainee, eight).is_used_up
    with pytest.raises(StaleError, match="at most 2 attempts"):
        exams.start(trainee, eight)
    other = practice.enrol(None, "Eve").id
    assert not offer_of(exams, other, eight).is_used_up


def test_an_exam_keeps_to_patients_not_seen_in_practice(
    exams: Exams, practice, trainee, clock, eight, store
):
    fresh = outcome(exams, practice, take(practice, store, clock, exams.start(trainee, eight), 8))
    assert fresh.seen_before == 0
    other = practice.enrol(None, "Eve").id
    practised = practice.start(other, EMBEDDED, 40, order=CaseOrder.ADAPTIVE)
    question = practice.question(other, practised.id)
    while question is not None:
        practice.commit(other, practised.id, question.position, CNV, 3)
        question = practice.next_question(other, practised.id, question.position)
    exam = take(practice, store, clock, exams.start(other, eight), 8)
    left = {c.sha256 for c in store.cases_of(EMBEDDED)} - set(store.get_attempt(practised.id).cases)
    per_class = [sum(store.get_case(EMBEDDED, s).label == label for s in left) for label in LABELS]
    expected = sum(max(0, 2 - n) for n in per_class)
    assert outcome(exams, practice, exam).seen_before == expected


def test_the_report_says_how_many_cases_had_been_seen(
    exams: Exams, practice, trainee, clock, eight, store
):
    all_of_it = practice.start(trainee, EMBEDDED, 100)
    question = practice.question(trainee, all_of_it.id)
    while question is not None:
        practice.commit(trainee, all_of_it.id, question.position, CNV, 3)
        question = practice.next_question(trainee, all_of_it.id, question.position)
    exam = take(practice, store, clock, exams.start(trainee, eight), 8)
    assert outcome(exams, practice, exam).seen_before == 8


@pytest.mark.parametrize(("right", "passed"), [(8, True), (6, True), (5, False)])
def test_the_pass_mark_is_of_all_cases(
    exams, practice, trainee, clock, eight, right, passed, store
):
    found = outcome(
        exams, practice, take(practice, store, clock, exams.start(trainee, eight), right)
    )
    assert (found.passed, found.pass_mark) == (passed, 0.75)
    assert offer_of(exams, trainee, eight).passed is passed


def test_an_exam_that_was_left_early_has_not_passed(exams, practice, trainee, clock, eight, store):
    exam = exams.start(trainee, eight)
    practice.question(trainee, exam.id)
    case = store.get_case(EMBEDDED, exam.cases[0])
    practice.commit(trainee, exam.id, 0, case.label, 3)
    practice.end(trainee, exam.id)
    assert outcome(exams, practice, store.get_attempt(exam.id)).passed is False


def test_the_cases_are_looked_at_again_once_that_spoils_no_attempt(
    exams, practice, trainee, clock, eight, store
):
    exam = exams.start(trainee, eight)
    assert not exams.may_review(exam)
    failed = take(practice, store, clock, exam, right=0)
    assert not exams.may_review(failed)
    last = take(practice, store, clock, exams.start(trainee, eight), right=0)
    assert exams.may_review(last)
    assert exams.may_review(failed)
    other = practice.enrol(None, "Eve").id
    assert exams.may_review(take(practice, store, clock, exams.start(other, eight), right=8))


def test_the_retest_comes_after_its_days_on_other_scans(
    exams: Exams, practice, trainee, clock, eight, store
):
    exam = take(practice, store, clock, exams.start(trainee, eight), right=4)
    due = exam.ended_at + timedelta(days=14)
    assert outcome(exams, practice, exam).retest_at == due
    assert offer_of(exams, trainee, eight).retest_at == due
    with pytest.raises(BadInputError, match="retest that is due"):
        exams.start_retest(trainee, eight)
    clock.time = due + timedelta(hours=1)
    retest = exams.start_retest(trainee, eight)
    assert retest.retest_of == exam.id
    assert not set(retest.cases) & set(exam.cases)
    found = outcome(exams, practice, take(practice, store, clock, retest, right=8))
    assert (found.before.value, found.change.value, found.seen_before) == (0.5, 0.5, 0)
    assert found.change.low < 0.5 < found.change.high
    assert offer_of(exams, trainee, eight).retest_at is None
    with pytest.raises(BadInputError, match="retest that is due"):
        exams.start_retest(trainee, eight)


def test_a_retest_is_compared_with_the_last_exam(
    exams: Exams, practice, trainee, clock, eight, store
):
    take(practice, store, clock, exams.start(trainee, eight), right=0)
    last = take(practice, store, clock, exams.start(trainee, eight), right=8)
    clock.time += timedelta(days=15)
    retest = take(practice, store, clock, exams.start_retest(trainee, eight), right=8)
    assert retest.retest_of == last.id
    assert outcome(exams, practice, retest).change.value == 0


def test_an_exam_with_nothing_at_stake_can_be_looked_at_again(
    exams: Exams, practice, trainee, clock, quizzes, store
):
    plain = EXAM.replace("pass_mark = 0.75", "").replace("attempts = 2", "")
    quizzes.save(plain.replace("retest_days = 14", ""), "plain")
    assert exams.may_review(take(practice, store, clock, exams.start(trainee, "plain"), right=0))


def test_an_exam_of_a_session_is_looked_at_when_the_session_has_ended(
    exams: Exams, practice, trainee, clock, eight, sessions
):
    code = sessions.open("ada", eight).code
    attempt = sessions.join(code, trainee, "10.0.0.1")
    assert attempt.options.attempts is None
    practice.question(trainee, attempt.id)
    practice.commit(trainee, attempt.id, 0, CNV, 3)
    practice.end(trainee, attempt.id)
    assert not exams.may_review(practice.answers(trainee, attempt.id)[0])
    sessions.end(code)
    assert exams.may_review(practice.answers(trainee, attempt.id)[0])


def test_a_practice_does_not_end_a_session(exams: Exams, practice, trainee, eight, sessions):
    code = sessions.open("ada", "first-ten").code
    sessions.join(code, trainee, "10.0.0.1")
    for begin in (
        lambda: practice.start(trainee, EMBEDDED, 4),
        lambda: exams.start(trainee, "first-ten"),
    ):
        with pytest.raises(StaleError, match="no session"):
            begin()
    sessions.end(code)
    practice.start(trainee, EMBEDDED, 4)


def test_a_retest_does_not_use_up_an_attempt(exams: Exams, practice, trainee, clock, eight, store):
    take(practice, store, clock, exams.start(trainee, eight), right=4)
    clock.time += timedelta(days=15)
    take(practice, store, clock, exams.start_retest(trainee, eight), right=8)
    assert offer_of(exams, trainee, eight).taken == 1
    exams.start(trainee, eight)


def test_a_practice_quiz_has_no_retest_and_can_be_taken_again(
    exams: Exams, practice, trainee, clock, store
):
    for _ in range(2):
        quiz = take(practice, store, clock, exams.start(trainee, "first-ten"), right=10)
    found = outcome(exams, practice, quiz)
    assert (found.passed, found.retest_at, found.may_review) == (None, None, True)
    with pytest.raises(BadInputError, match="retest that is due"):
        exams.start_retest(trainee, "first-ten")


def test_nothing_is_begun_beside_a_running_exam(exams: Exams, practice, trainee, eight):
    exams.start(trainee, eight)
    with pytest.raises(StaleError, match="no exam to be running"):
        exams.start(trainee, "first-ten")
    with pytest.raises(StaleError, match="no exam to be running"):
        practice.start(trainee, EMBEDDED, 4)


def test_editing_a_quiz_changes_no_attempt(exams: Exams, practice, trainee, eight, quizzes):
    exam = exams.start(trainee, eight)
    quizzes.save(EXAM.replace("0.75", "0.1"), eight)
    assert practice.answers(trainee, exam.id)[0].options.pass_mark == 0.75
