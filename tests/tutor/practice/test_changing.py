"""An answer may be changed where nothing was told of it, and stands where anything was."""

from dataclasses import replace

import pytest

from octtutor.core.quiz import Options
from octtutor.errors import BadInputError, StaleError
from octtutor.tutor.practice.answering import Given
from octtutor.tutor.practice.practice import Practice
from octtutor.tutor.practice.sitting import CaseStage


@pytest.fixture
def trainee(practice: Practice) -> str:
    return practice.enrol(None, "Ada").id


@pytest.fixture
def begin(practice: Practice, store, trainee):
    """Begin a quiz that is played in some way, see its first case, and return its name."""

    def start(**options) -> str:
        attempt = practice.start(trainee, "real", 3, seed=1)
        played = replace(attempt, id=f"q{len(options)}{options}"[:60], options=Options(**options))
        store.start_attempt(replace(played, quiz="q"))
        practice.turn(trainee, played.id)
        return played.id

    return start


def test_in_an_exam_an_answer_is_changed_until_the_next_case(
    practice, trainee, begin, store, clock
):
    quiz = begin(is_exam=True)
    practice.answer(trainee, quiz, 0, Given("CNV", 2, 0))
    first_at = clock()
    clock.pass_seconds(4)
    kept = practice.turn(trainee, quiz, at_kept=True)
    assert (kept.stage, kept.position) == (CaseStage.KEPT, 0)
    assert kept.sitting.may_change(0)
    changed = practice.change(trainee, quiz, 0, Given("DME", 5))
    assert changed.version > kept.sitting.version
    (item,) = store.answers_of(quiz)
    assert (item.answer.choice, item.answer.confidence, item.answer.changes) == ("DME", 5, 1)
    assert (item.answer.answered_at, item.answer.response_ms) == (clock(), 4000)
    (replaced,) = store.replaced_answers(quiz)
    assert (replaced.version, replaced.choice, replaced.confidence) == (0, "CNV", 2)
    assert replaced.answered_at == first_at
    assert practice.next_turn(trainee, quiz, 0).position == 1
    with pytest.raises(StaleError, match="stands"):
        practice.change(trainee, quiz, 0, Given("CNV", 2))
    assert len(store.replaced_answers(quiz)) == 1


def test_the_last_version_is_what_the_exam_counts(practice, trainee, begin, store):
    quiz = begin(is_exam=True)
    for position in range(3):
        truth = store.get_case("real", store.get_attempt(quiz).cases[position]).label
        wrong = next(key for key in ("CNV", "DME") if key != truth)
        practice.answer(trainee, quiz, position, Given(wrong, 3, 0))
        practice.change(trainee, quiz, position, Given(truth, 3))
        practice.next_turn(trainee, quiz, position)
    _, items = practice.disclosed(trainee, quiz)
    assert all(item.disclosed.truth and item.answer.is_right for item in items)


def test_where_feedback_follows_an_answer_stands(practice, trainee, begin):
    for options in ({}, {"second_look": True}):
        quiz = begin(**options)
        practice.answer(trainee, quiz, 0, Given("CNV", 3, 0))
        with pytest.raises(StaleError, match="stands"):
            practice.change(trainee, quiz, 0, Given("DME", 3))


def test_a_quiz_may_forbid_to_change(practice, trainee, begin):
    quiz = begin(is_exam=True, may_change=False)
    practice.answer(trainee, quiz, 0, Given("CNV", 3, 0))
    with pytest.raises(StaleError, match="stands"):
        practice.change(trainee, quiz, 0, Given("DME", 3))


def test_no_answer_is_changed_that_there_is_not_or_after_the_end(practice, trainee, begin):
    quiz = begin(is_exam=True)
    with pytest.raises(StaleError, match="no answer yet"):
        practice.change(trainee, quiz, 0, Given("DME", 3))
    practice.answer(trainee, quiz, 0, Given("CNV", 3, 0))
    practice.end(trainee, quiz)
    with pytest.raises(StaleError, match="stands"):
        practice.change(trainee, quiz, 0, Given("DME", 3))


def test_no_answer_is_changed_after_its_time(practice, trainee, begin, clock, store):
    quiz = begin(is_exam=True, case_seconds=30)
    practice.answer(trainee, quiz, 0, Given("CNV", 3, 0))
    clock.pass_seconds(40)
    with pytest.raises(StaleError, match="time of this case is over"):
        practice.change(trainee, quiz, 0, Given("DME", 3))
    practice.end(trainee, quiz)
    whole = begin(is_exam=True, total_seconds=30)
    practice.answer(trainee, whole, 0, Given("CNV", 3, 0))
    clock.pass_seconds(40)
    with pytest.raises(StaleError, match="time of this quiz is over"):
        practice.change(trainee, whole, 0, Given("DME", 3))
    assert store.get_attempt(whole).ended_at == clock()
    assert (store.replaced_answers(quiz), store.replaced_answers(whole)) == ((), ())


def test_an_answer_given_up_by_the_clock_is_not_changed(practice, trainee, begin, clock):
    quiz = begin(is_exam=True, case_seconds=30, total_seconds=900)
    clock.pass_seconds(40)
    kept = practice.turn(trainee, quiz, at_kept=True)
    assert (kept.stage, kept.sitting.given[0].answer.timed_out) == (CaseStage.KEPT, True)
    with pytest.raises(StaleError, match="stands"):
        practice.change(trainee, quiz, 0, Given("DME", 3))


def test_a_change_is_checked_as_an_answer_is(practice, trainee, begin, store):
    quiz = begin(is_exam=True)
    practice.answer(trainee, quiz, 0, Given("CNV", 3, 0))
    for bad in (Given("ERM", 3), Given("DME", 9)):
        with pytest.raises(BadInputError):
            practice.change(trainee, quiz, 0, bad)
    assert store.replaced_answers(quiz) == ()


def test_in_a_sessions_exam_an_answer_that_was_discussed_stands(
    practice, sessions, quizzes, trainee
):
    text = 'title = "C"\ndeck = "real"\nmode = "exam"\n[rule]\nper_class = 1\n'
    quizzes.save(text, "class")
    session = sessions.open("ada", "class")
    quiz = sessions.join(session.code, trainee, "192.0.2.1").id
    practice.turn(trainee, quiz)
    practice.answer(trainee, quiz, 0, Given("CNV", 3, 0))
    sessions.pause(session.code)
    with pytest.raises(StaleError, match="paused"):
        practice.change(trainee, quiz, 0, Given("DME", 3))
    sessions.go_on(session.code)
    practice.change(trainee, quiz, 0, Given("DME", 3))
    sessions.discuss(session.code, 0)
    sessions.discuss(session.code, None)
    with pytest.raises(StaleError, match="stands"):
        practice.change(trainee, quiz, 0, Given("NORMAL", 3))


def test_after_the_models_answer_confidence_is_asked_again(practice, trainee, begin, store):
    quiz = begin(second_look=True)
    practice.answer(trainee, quiz, 0, Given("CNV", 2, 0))
    practice.look(trainee, quiz, 0)
    with pytest.raises(BadInputError, match="confidence"):
        practice.look_again(trainee, quiz, 0, "DME", 0, 7)
    practice.look_again(trainee, quiz, 0, "DME", 0, 4)
    (item,) = store.answers_of(quiz)
    assert (item.answer.confidence, item.second.confidence) == (2, 4)
    unasked = begin(second_look=True, confidence=False)
    practice.answer(trainee, unasked, 0, Given("CNV", 2, 0))
    practice.look(trainee, unasked, 0)
    practice.look_again(trainee, unasked, 0, "DME", 0, 4)
    assert store.answers_of(unasked)[0].second.confidence == 0
