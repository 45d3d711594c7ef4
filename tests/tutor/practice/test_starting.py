"""Adaptive practice, what is due, second looks, marks, and the clock, over real records."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.core.quiz import CaseOrder, Options
from octtutor.core.session import Session
from octtutor.errors import BadInputError, StaleError
from octtutor.tutor.decks.deck_import import EMBEDDED, import_scans
from octtutor.tutor.practice.answering import CaseStage
from octtutor.tutor.practice.marking import NEAR_PX, score_mark
from octtutor.tutor.practice.practice import Practice
from octtutor.tutor.progress.second_looks import second_looks
from tests.conftest import DECK, Clock

CNV, DME, DRUSEN, NORMAL = LABELS


@pytest.fixture
def trainee(practice: Practice) -> str:
    return practice.enrol(None, "Ada").id


@pytest.fixture
def embedded(store, images, clock) -> str:
    import_scans(store, images, DECK, clock, EMBEDDED)
    return EMBEDDED


@pytest.fixture
def begin(practice: Practice, store, shelf, trainee):
    """Begin a quiz of the eight scans of the deck, played as told."""

    def start(**options) -> str:
        plain = practice.start(trainee, "real", 8, seed=1)
        attempt = replace(plain, id="played", options=Options(**options))
        store.start_attempt(attempt)
        return attempt.id

    return start


def answer_all(
    practice: Practice, store, trainee: str, attempt: str, choice=None, step=lambda: None
):
    """Answer until the end; `choice` None: the truth."""
    shown = []
    question = practice.question(trainee, attempt)
    while question is not None:
        case = store.get_attempt(attempt).cases[question.position]
        deck = store.get_attempt(attempt).deck
        label = store.get_case(deck, case).label
        shown.append(label)
        step()
        practice.commit(trainee, attempt, question.position, choice or label, 3)
        question = practice.next_question(trainee, attempt, question.position)
    return shown


# ---- adaptive practice -------------------------------------------------------------------


def test_adaptive_practice_draws_each_case_when_it_comes(
    practice: Practice, trainee, embedded, store
):
    attempt = practice.start(trainee, embedded, 12, order=CaseOrder.ADAPTIVE)
    assert (attempt.cases, attempt.asked, attempt.order) == ((), 12, CaseOrder.ADAPTIVE)
    first = practice.question(trainee, attempt.id)
    assert (first.position, first.total) == (0, 12)
    assert len(practice.answers(trainee, attempt.id)[0].cases) == 1
    assert len(answer_all(practice, store, trainee, attempt.id)) == 12
    ended, answers = practice.answers(trainee, attempt.id)
    assert ended.ended_at is not None
    assert len(set(ended.cases)) == len(answers) == 12


def test_a_confusion_brings_both_classes_back(practice: Practice, trainee, embedded, store):
    attempt = practice.start(trainee, embedded, 40, order=CaseOrder.ADAPTIVE)
    question, confused_at = practice.question(trainee, attempt.id), None
    labels = []
    while question is not None:
        sha256 = practice.answers(trainee, attempt.id)[0].cases[question.position]
        label = store.get_case(embedded, sha256).label
        labels.append(label)
        wrong = label == DRUSEN and confused_at is None
        confused_at = question.position if wrong else confused_at
        practice.commit(trainee, attempt.id, question.position, CNV if wrong else label, 3)
        question = practice.next_question(trainee, attempt.id, question.position)
    after = labels[confused_at + 1 : confused_at + 9]
    assert {CNV, DRUSEN} <= set(after)


def test_no_scan_comes_twice_while_there_is_one_not_seen(
    practice: Practice, trainee, embedded, store
):
    seen = []
    for order in (CaseOrder.ADAPTIVE, CaseOrder.BALANCED, CaseOrder.ADAPTIVE):
        attempt = practice.start(trainee, embedded, 20, order=order)
        answer_all(practice, store, trainee, attempt.id)
        seen += practice.answers(trainee, attempt.id)[0].cases
    assert len(set(seen)) == 60
    again = practice.start(trainee, embedded, 4, order=CaseOrder.ADAPTIVE)
    assert len(answer_all(practice, store, trainee, again.id)) == 4


def test_a_seed_draws_at_random_whatever_the_order(practice: Practice, trainee):
    one = practice.start(trainee, "real", 8, seed=4, order=CaseOrder.ADAPTIVE)
    two = practice.start(trainee, "real", 8, seed=4)
    assert (one.cases, one.order) == (two.cases, CaseOrder.BALANCED)


def test_an_unknown_order_is_refused(practice: Practice, trainee):
    with pytest.raises(BadInputError, match="Expected one of"):
        practice.start(trainee, "real", 4, order="backwards")


def test_what_is_due_is_practised_and_nothing_else(
    practice: Practice, trainee, embedded, clock: Clock, store
):
    attempt = practice.start(trainee, embedded, 30, order=CaseOrder.BALANCED)
    question = practice.question(trainee, attempt.id)
    while question is not None:
        sha256 = practice.answers(trainee, attempt.id)[0].cases[question.position]
        label = store.get_case(embedded, sha256).label
        clock.pass_seconds(30)
        given = DRUSEN if label == NORMAL else label
        practice.commit(trainee, attempt.id, question.position, given, 3)
        question = practice.next_question(trainee, attempt.id, question.position)
    assert practice.due(trainee)[1].scans == 0
    clock.time += timedelta(days=1, minutes=1)
    due = practice.due(trainee)[1]
    assert {str(card.category) for card in due.now} == {"NORMAL", "DRUSEN–NORMAL"}
    assert (due.scans, due.minutes) == (6, 3)
    again = practice.start(trainee, embedded, due.scans, order=CaseOrder.DUE)
    assert set(answer_all(practice, store, trainee, again.id)) <= {NORMAL, DRUSEN}
    assert again.order == CaseOrder.DUE


def test_answers_of_a_running_exam_do_not_show_in_what_is_mastered(practice, trainee, begin):
    exam = begin(is_exam=True)
    practice.question(trainee, exam)
    practice.commit(trainee, exam, 0, CNV, 3)
    assert practice.due(trainee)[0] == ()
    practice.end(trainee, exam)
    assert len(practice.due(trainee)[0]) == 1


# ---- the second look ---------------------------------------------------------------------


def test_a_second_look_shows_the_model_and_not_the_truth(practice: Practice, trainee, begin):
    quiz = begin(second_look=True)
    practice.question(trainee, quiz)
    practice.commit(trainee, quiz, 0, DME, 3)
    look = practice.look(trainee, quiz, 0)
    assert look.prediction.label == CNV
    assert not {"case", "truth", "mask", "findings"} & set(dir(look))
    with pytest.raises(StaleError, match="second look"):
        practice.reveal(trainee, quiz, 0)
    with pytest.raises(StaleError, match="second look"):
        practice.commit(trainee, quiz, 1, DME, 3)
    waiting = practice.next_question(trainee, quiz, 0)
    assert (waiting.position, waiting.stage) == (0, CaseStage.LOOK)
    assert practice.question(trainee, quiz).stage is CaseStage.LOOK


def test_both_answers_are_recorded_and_the_second_once(practice: Practice, trainee, begin):
    quiz = begin(second_look=True)
    practice.question(trainee, quiz)
    practice.commit(trainee, quiz, 0, DME, 3)
    with pytest.raises(StaleError, match="does not wait"):
        practice.decide(trainee, quiz, 0, CNV, 0)  # the model's answer was not shown yet
    practice.look(trainee, quiz, 0)
    practice.decide(trainee, quiz, 0, CNV, 0)
    with pytest.raises(StaleError, match="does not wait"):
        practice.decide(trainee, quiz, 0, DRUSEN, 0)
    (item,) = practice.answers(trainee, quiz)[1]
    assert (item.answer.choice, item.final) == (DME, CNV)
    assert practice.look(trainee, quiz, 0) is None
    told = practice.reveal(trainee, quiz, 0)
    assert told.second.choice == CNV
    assert practice.next_question(trainee, quiz, 0).position == 1


def test_without_a_model_there_is_no_second_look(practice: Practice, trainee, begin, predictor):
    quiz = begin(second_look=True)
    predictor.fault = "out of order"
    practice.question(trainee, quiz)
    practice.commit(trainee, quiz, 0, DME, 3)
    assert practice.look(trainee, quiz, 0) is None
    assert practice.reveal(trainee, quiz, 0).model_fault == "out of order"
    predictor.fault = None
    practice.reveal(trainee, quiz, 0)  # the truth was told: no second look any more
    assert practice.question(trainee, quiz).stage is CaseStage.REVEALED
    assert practice.look(trainee, quiz, 0) is None
    with pytest.raises(StaleError, match="does not wait"):
        practice.decide(trainee, quiz, 0, CNV, 900)
    _, (item,) = practice.disclosed(trainee, quiz)
    assert second_looks([item.answered]).n == 0
    assert practice.next_question(trainee, quiz, 0).position == 1


# ---- where the finding is ----------------------------------------------------------------


def test_a_click_is_scored_against_the_lesion(practice: Practice, trainee, embedded, store, images):
    plain = practice.start(trainee, embedded, 100, seed=3)
    quiz = replace(plain, id="marked", options=Options(mark_where=True))
    store.start_attempt(quiz)
    lesion = next(
        place for place, sha in enumerate(quiz.cases) if store.get_case(embedded, sha).label == CNV
    )
    for position in range(lesion):
        practice.question(trainee, "marked")
        practice.commit(trainee, "marked", position, NORMAL, 3, mark=[1, 1])
        assert practice.reveal(trainee, "marked", position).mark is None
        practice.next_question(trainee, "marked", position)
    mask = images.read(store.get_case(embedded, quiz.cases[lesion]).mask_sha256)
    row, column = (int(value[0]) for value in np.nonzero(mask))
    practice.commit(trainee, "marked", lesion, CNV, 3, mark=[column, row])
    told = practice.reveal(trainee, "marked", lesion)
    assert (told.mark.hit, told.mark.distance) == (True, 0)
    assert told.answer.mark == (column, row)
    assert practice.count_marks(quiz) == (1, 1)


def test_an_answer_that_wants_a_mark_is_refused_without(practice: Practice, trainee, begin):
    quiz = begin(mark_where=True)
    practice.question(trainee, quiz)
    for mark in (None, "here", [5], [-1, 4], [4, 160], [True, 4], [1.5, 2], {"x": 1}):
        with pytest.raises(BadInputError, match="Expected a click"):
            practice.commit(trainee, quiz, 0, CNV, 3, mark=mark)
    assert practice.answers(trainee, quiz)[1] == ()
    practice.commit(trainee, quiz, 0, None, 3)


def test_a_mark_is_kept_only_where_it_is_asked(practice: Practice, trainee, begin):
    quiz = begin()
    practice.question(trainee, quiz)
    assert practice.commit(trainee, quiz, 0, CNV, 3, mark=[3, 4]).mark is None


def test_the_distance_is_to_the_nearest_edge_of_the_lesion():
    mask = np.zeros((100, 120), np.uint8)
    mask[40:60, 50:70] = 255
    assert score_mark((55, 45), mask).distance == 0
    assert score_mark((69 + 3, 59 + 4), mask).distance == 5
    assert score_mark((49 - int(NEAR_PX) + 1, 45), mask).hit
    assert not score_mark((49 - int(NEAR_PX), 45), mask).hit
    assert score_mark((5, 5), np.zeros((9, 9), np.uint8)) is None


# ---- the clock is the server's -----------------------------------------------------------


def test_an_answer_after_its_time_does_not_count(practice: Practice, trainee, begin, clock):
    quiz = begin(case_seconds=20)
    assert practice.question(trainee, quiz).left_ms == 20_000
    clock.pass_seconds(24)
    late = practice.commit(trainee, quiz, 0, CNV, 3)
    assert (late.choice, late.timed_out, late.confidence, late.is_right) == (None, True, 0, False)


def test_an_answer_on_its_way_when_the_time_ends_counts(practice: Practice, trainee, begin, clock):
    quiz = begin(case_seconds=20)
    practice.question(trainee, quiz)
    clock.pass_seconds(22)
    assert practice.commit(trainee, quiz, 0, CNV, 3).choice == CNV


def test_a_page_cannot_say_that_the_time_is_over_when_it_is_not(practice, trainee, begin, clock):
    quiz = begin(case_seconds=20)
    practice.question(trainee, quiz)
    with pytest.raises(BadInputError, match="there is time left"):
        practice.commit(trainee, quiz, 0, None, 0, timed_out=True)
    clock.pass_seconds(19)
    assert practice.commit(trainee, quiz, 0, None, 0, timed_out=True).timed_out


def test_who_was_away_finds_the_case_over_and_goes_on(practice: Practice, trainee, begin, clock):
    quiz = begin(case_seconds=20, is_exam=True)
    practice.question(trainee, quiz)
    clock.pass_seconds(600)
    back = practice.question(trainee, quiz)
    assert (back.position, back.left_ms) == (1, 20_000)
    (item,) = practice.answers(trainee, quiz)[1]
    assert item.answer.timed_out


def test_the_whole_time_ends_the_quiz(practice: Practice, trainee, begin, clock):
    quiz = begin(total_seconds=60, is_exam=True)
    practice.question(trainee, quiz)
    practice.commit(trainee, quiz, 0, CNV, 3)
    clock.pass_seconds(45)
    assert practice.next_question(trainee, quiz, 0).left_ms == 15_000
    clock.pass_seconds(30)
    with pytest.raises(StaleError, match="time of this quiz is over"):
        practice.commit(trainee, quiz, 1, CNV, 3)
    assert practice.question(trainee, quiz) is None
    attempt, answers = practice.answers(trainee, quiz)
    assert attempt.ended_at is not None
    assert len(answers) == 1


# ---- exams and sessions ------------------------------------------------------------------


def test_an_exam_tells_nothing_before_its_end(practice: Practice, trainee, begin, predictor):
    exam = begin(is_exam=True)
    practice.question(trainee, exam)
    practice.commit(trainee, exam, 0, CNV, 3)
    with pytest.raises(StaleError, match="end of the exam"):
        practice.reveal(trainee, exam, 0)
    assert practice.question(trainee, exam).position == 1
    assert predictor.asked == []
    practice.end(trainee, exam)
    assert practice.reveal(trainee, exam, 0).case.label in LABELS


def test_the_model_answers_an_exam_when_it_is_over(practice: Practice, trainee, begin, store):
    exam = begin(is_exam=True)
    answer_all(practice, store, trainee, exam)
    practice.ask_model_for_all(store.get_attempt(exam))
    assert all(item.prediction for item in practice.answers(trainee, exam)[1])


def test_nothing_else_is_begun_beside_an_exam(practice: Practice, trainee, begin):
    exam = begin(is_exam=True)
    with pytest.raises(StaleError, match="no exam to be running"):
        practice.start(trainee, "real", 4)
    practice.end(trainee, exam)
    practice.start(trainee, "real", 4)


CLASS = Session("ABCDE", "T", "ada", "q", "1", "real", (), 1, Options(is_exam=True), Clock()())


def test_who_has_left_a_sessions_exam_begins_nothing_while_the_class_reads_it(
    practice: Practice, trainee, begin, store, clock
):
    exam = store.get_attempt(begin(is_exam=True))
    store.open_session(replace(CLASS, cases=exam.cases))
    store.start_attempt(replace(exam, id="left", session=CLASS.code))
    practice.end(trainee, "left")
    with pytest.raises(StaleError, match="class still reads"):
        practice.start(trainee, "real", 4)
    store.end_session(CLASS.code, clock())
    practice.start(trainee, "real", 4)


def test_what_a_class_reads_is_not_told_to_who_takes_it_alone_before_the_session_ends(
    practice: Practice, trainee, begin, store, clock
):
    exam = begin(is_exam=True)
    store.open_session(replace(CLASS, cases=store.get_attempt(exam).cases[3:]))
    answer_all(practice, store, trainee, exam)
    with pytest.raises(StaleError, match="end of the exam"):
        practice.reveal(trainee, exam, 0)
    store.end_session(CLASS.code, clock())
    assert practice.reveal(trainee, exam, 0).case.label in LABELS


# ---- between two attempts of one exam -----------------------------------------------------


@pytest.fixture
def failed(practice: Practice, trainee, store, clock):
    """Fail an exam, of as many scans as told, that can be taken once more."""

    def fail(cases: int) -> tuple[str, ...]:
        drawn = practice.start(trainee, "real", 8, seed=1)
        options = Options(is_exam=True, attempts=2, pass_mark=1.0)
        exam = replace(drawn, id="failed", quiz="q", cases=drawn.cases[:cases], options=options)
        store.start_attempt(exam)
        answer_all(practice, store, trainee, "failed", CNV)
        clock.pass_seconds(60)
        return exam.cases

    return fail


@pytest.mark.parametrize("order", [CaseOrder.BALANCED, CaseOrder.ADAPTIVE])
@pytest.mark.parametrize("seed", [None, 1])
def test_practice_leaves_out_what_an_exam_keeps_back(
    practice: Practice, trainee, failed, store, order, seed
):
    kept = failed(3)
    attempt = practice.start(trainee, "real", 8, seed=seed, order=order)
    answer_all(practice, store, trainee, attempt.id)
    cases = practice.answers(trainee, attempt.id)[0].cases
    assert len(cases) == 5
    assert not set(cases) & set(kept)


def test_where_a_deck_has_nothing_else_practice_tells_no_truth_before_the_exam_does(
    practice: Practice, trainee, failed, store, shelf
):
    failed(8)
    practised = practice.start(trainee, "real", 2).id
    practice.question(trainee, practised)
    practice.commit(trainee, practised, 0, CNV, 3)
    with pytest.raises(StaleError, match="end of the exam"):
        practice.reveal(trainee, practised, 0)
    (item,) = practice.disclosed(trainee, practised)[1]
    assert (item.disclosed.truth, item.disclosed.model) == (False, False)
    assert practice.question(trainee, practised).position == 1
    practice.end(trainee, practised)
    again = replace(store.get_attempt("failed"), id="again", ended_at=None)
    store.start_attempt(again)
    answer_all(practice, store, trainee, "again")
    assert practice.reveal(trainee, practised, 0).case.label in LABELS


def test_a_second_look_does_not_tell_it_either(
    practice: Practice, trainee, failed, store, predictor
):
    kept = failed(8)
    played = replace(practice.start(trainee, "real", 2), id="looks", cases=kept[:2])
    store.start_attempt(replace(played, options=Options(second_look=True)))
    practice.question(trainee, "looks")
    practice.commit(trainee, "looks", 0, CNV, 3)
    assert practice.look(trainee, "looks", 0) is None
    predictor.fault = "gone"
    with pytest.raises(StaleError, match="end of the exam"):
        practice.reveal(trainee, "looks", 0)


def test_what_practice_told_before_the_exam_stays_told(
    practice: Practice, trainee, begin, store, clock
):
    before = practice.start(trainee, "real", 8)
    answer_all(practice, store, trainee, before.id)
    clock.pass_seconds(60)
    exam = replace(before, id="exam", started_at=clock(), ended_at=None)
    store.start_attempt(replace(exam, options=Options(is_exam=True, attempts=2)))
    practice.end(trainee, "exam")
    assert all(item.disclosed.truth for item in practice.disclosed(trainee, before.id)[1])


def test_a_quiz_need_not_ask_how_sure_one_is(practice: Practice, trainee, begin):
    quiz = begin(confidence=False)
    practice.question(trainee, quiz)
    assert practice.commit(trainee, quiz, 0, CNV, 0).confidence == 0


def test_a_paused_session_takes_no_answers(practice: Practice, trainee, begin, store, clock):
    plain = practice.start(trainee, "real", 4, seed=1)
    session = Session("CODE2", "T", "e", "q", "1", "real", plain.cases, 1, Options(), clock())
    store.open_session(session)
    store.start_attempt(replace(plain, id="joined", session="CODE2"))
    practice.question(trainee, "joined")
    practice.commit(trainee, "joined", 0, CNV, 3)
    store.pause_session("CODE2", clock())
    with pytest.raises(StaleError, match="paused"):
        practice.next_question(trainee, "joined", 0)
    with pytest.raises(StaleError, match="paused"):
        practice.commit(trainee, "joined", 1, CNV, 3)
    store.pause_session("CODE2", None)
    assert practice.next_question(trainee, "joined", 0).session == "CODE2"


def test_the_reveal_says_when_the_model_was_trained_on_the_patient(
    practice: Practice, trainee, begin, predictor, store
):
    quiz = begin()
    practice.question(trainee, quiz)
    practice.commit(trainee, quiz, 0, CNV, 3)
    assert not practice.reveal(trainee, quiz, 0).trained_on
    attempt = store.get_attempt(quiz)
    predictor.known_patients = {store.get_case("real", attempt.cases[0]).patient}
    assert practice.reveal(trainee, quiz, 0).trained_on
    assert practice.trained_on(attempt) == 1


def test_after_a_confusion_a_scan_seen_before_is_set_beside(
    practice: Practice, trainee, begin, store
):
    quiz = begin()
    labels = {}
    for position in range(8):
        practice.question(trainee, quiz)
        sha256 = practice.answers(trainee, quiz)[0].cases[position]
        truth = store.get_case("real", sha256).label
        wrong = next(label for label in LABELS if label != truth)
        practice.commit(trainee, quiz, position, wrong, 3)
        pair = practice.reveal(trainee, quiz, position).contrast
        if wrong in labels.values():
            assert pair[0].sha256 == sha256
            assert labels[pair[1].sha256] == wrong == pair[1].label
        else:
            assert pair is None
        labels[sha256] = truth
        practice.next_question(trainee, quiz, position)


def test_nothing_is_set_beside_a_right_or_ungradable_answer(practice: Practice, trainee, begin):
    quiz = begin()
    practice.question(trainee, quiz)
    practice.commit(trainee, quiz, 0, None, 3)
    assert practice.reveal(trainee, quiz, 0).contrast is None
