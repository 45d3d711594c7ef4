"""What every store promises of quizzes that grow, second looks, sessions and forgetting."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from octtutor.core.answer import SecondLook
from octtutor.core.diagnosis import Diagnosis
from octtutor.core.quiz import Attempt, Options, Trainee
from octtutor.core.session import Discussion, Session
from octtutor.errors import StaleError, StoreError
from octtutor.store.contract import Store
from tests.store.test_contract import CASES, NOW, PREDICTION, answer, begin

HASHES = tuple(case.sha256 for case in CASES)
OPTIONS = Options(is_exam=True, mark_where=True, case_seconds=30, attempts=2, pass_mark=0.8)
SESSION = Session(
    code="ABCDE",
    title="Tuesday",
    educator="ada",
    quiz="first-ten",
    quiz_version="abc",
    deck="deck",
    cases=HASHES,
    seed=7,
    options=OPTIONS,
    opened_at=NOW,
    model="lite0",
    model_sha256="f" * 64,
)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def adaptive(store: Store) -> Attempt:
    first = begin(store)
    grown = replace(first, id="grows", cases=(), size=3, started_at=later(1))
    store.start_attempt(grown)
    return grown


def test_how_a_quiz_is_played_comes_back_with_its_attempt(store: Store):
    first = begin(store)
    attempt = replace(
        first, id="exam", options=OPTIONS, size=9, session="ABCDE", retest_of="a1", ended_at=NOW
    )
    store.start_attempt(attempt)
    assert store.get_attempt("exam") == attempt
    assert store.get_attempt("a1").options == Options()


def test_an_adaptive_attempt_grows_case_by_case(store: Store):
    attempt = adaptive(store)
    assert attempt.asked == 3
    assert store.extend_attempt("grows", 0, HASHES[3]).cases == (HASHES[3],)
    assert store.extend_attempt("grows", 1, HASHES[1]).cases == (HASHES[3], HASHES[1])
    assert store.get_attempt("grows").cases == (HASHES[3], HASHES[1])


def test_of_two_tabs_that_ask_for_the_next_case_the_first_decides(store: Store):
    adaptive(store)
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda sha: store.extend_attempt("grows", 0, sha).cases, HASHES * 3))
    assert len(set(seen)) == 1


def test_a_case_cannot_be_appended_with_a_gap_or_after_the_end(store: Store):
    adaptive(store)
    with pytest.raises(StaleError, match="not the next one"):
        store.extend_attempt("grows", 1, HASHES[0])
    store.end_attempt("grows", later(2))
    with pytest.raises(StaleError, match="ended"):
        store.extend_attempt("grows", 0, HASHES[0])


def test_a_quiz_is_taken_no_more_often_than_it_may_be(store: Store):
    first = begin(store)
    for n in (1, 2):
        store.start_attempt(replace(first, id=f"e{n}", quiz="exam", started_at=later(n)), 2)
    with pytest.raises(StaleError, match="at most 2 attempts"):
        store.start_attempt(replace(first, id="e3", quiz="exam", started_at=later(3)), 2)
    store.start_attempt(replace(first, id="r", quiz="exam", retest_of="e1"), 3)
    assert [a.id for a in store.attempts_of("t1")] == ["a1", "r", "e1", "e2"]
    assert store.get_attempt("e2").ended_at is not None


def test_of_many_starts_at_once_no_more_than_allowed_get_through(store: Store):
    first = begin(store)

    def start(n: int) -> bool:
        try:
            store.start_attempt(replace(first, id=f"e{n}", quiz="exam", started_at=later(n)), 1)
        except StaleError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(start, range(12))) == 1


def test_marks_and_timeouts_come_back(store: Store):
    attempt = begin(store)
    marked = replace(answer(attempt, 0), mark=(12, 345), confidence=0)
    late = replace(answer(attempt, 1, None), timed_out=True)
    store.record_answer(marked)
    store.record_answer(late)
    assert [item.answer for item in store.answers_of("a1")] == [marked, late]


def test_a_second_look_comes_once_and_after_the_answer(store: Store):
    attempt = begin(store)
    look = SecondLook("a1", 0, Diagnosis.DME, 1200, later(9))
    with pytest.raises(StaleError):
        store.record_second_look(look)
    store.record_answer(answer(attempt, 0))
    store.record_prediction("a1", 0, PREDICTION)
    store.record_second_look(look)
    with pytest.raises(StaleError):
        store.record_second_look(replace(look, choice=None))
    (item,) = store.answers_of("a1")
    assert (item.answer.choice, item.second, item.final) == (Diagnosis.CNV, look, Diagnosis.DME)
    assert item.prediction == PREDICTION


def test_all_answers_of_a_trainee_come_in_time_order(store: Store):
    one = begin(store)
    store.record_answer(answer(one, 0))
    two = replace(one, id="a2", started_at=later(50))
    store.start_attempt(two)
    store.record_answer(replace(answer(two, 0), answered_at=later(60)))
    other = begin(store, "b1", "t2")
    store.record_answer(replace(answer(other, 0), answered_at=later(30)))
    mine = [item.answer for item in store.answers_by("t1")]
    assert [(a.attempt_id, a.answered_at) for a in mine] == [("a1", later(0)), ("a2", later(60))]
    assert [a.attempt_id for a in store.answers_to("deck")] == ["a1", "b1", "a2"]
    assert store.answers_to("other") == store.answers_by("nobody") == ()


def test_scans_that_were_shown_come_back_longest_unseen_first(store: Store):
    begin(store)
    for position, at in ((0, 1), (1, 2), (2, 3)):
        store.record_shown("a1", position, later(at))
    again = replace(store.get_attempt("a1"), id="a2", started_at=later(9), cases=HASHES[:1])
    store.start_attempt(again)
    store.record_shown("a2", 0, later(10))
    assert store.seen_by("t1") == (HASHES[1], HASHES[2], HASHES[0])
    assert store.seen_by("t2") == ()


def test_a_forgotten_trainee_leaves_nothing_and_others_stay(store: Store):
    attempt = begin(store)
    store.record_shown("a1", 0, NOW)
    store.record_answer(answer(attempt, 0))
    store.record_prediction("a1", 0, PREDICTION)
    store.record_second_look(SecondLook("a1", 0, None, 5, NOW))
    other = begin(store, "b1", "t2")
    store.record_answer(answer(other, 0))
    assert [t.id for t in store.trainees()] == ["t1", "t2"]
    store.forget_trainee("t1")
    store.forget_trainee("nobody")
    assert store.find_trainee("t1") is None
    assert store.answers_by("t1") == store.attempts_of("t1") == store.seen_by("t1") == ()
    with pytest.raises(StoreError):
        store.get_attempt("a1")
    assert len(store.answers_by("t2")) == 1
    assert store.trainees() == (Trainee("t2", "Ada", NOW),)


def test_a_session_comes_back_as_it_was_opened_and_its_code_is_used_once(store: Store):
    begin(store)
    store.open_session(SESSION)
    newer = replace(SESSION, code="FGHJK", opened_at=later(5), model=None, model_sha256=None)
    store.open_session(newer)
    assert store.find_session("ABCDE") == SESSION
    assert store.find_session("nope") is None
    assert store.sessions() == (newer, SESSION)
    with pytest.raises(StaleError, match="used before"):
        store.open_session(replace(SESSION, title="other"))
    assert store.find_session("ABCDE") == SESSION


def test_a_session_pauses_goes_on_and_ends_with_its_attempts(store: Store):
    first = begin(store)
    store.open_session(SESSION)
    store.start_attempt(replace(first, id="s1", session="ABCDE", started_at=later(1)))
    store.pause_session("ABCDE", later(2))
    assert store.find_session("ABCDE") == replace(SESSION, paused_at=later(2))
    store.pause_session("ABCDE", None)
    store.end_session("ABCDE", later(9))
    store.end_session("ABCDE", later(99))
    assert store.find_session("ABCDE") == replace(SESSION, ended_at=later(9))
    assert store.get_attempt("s1").ended_at == later(9)
    with pytest.raises(StaleError, match="ended"):
        store.pause_session("ABCDE", later(10))
    with pytest.raises(StoreError, match="no session"):
        store.end_session("nope", NOW)


def test_a_trainee_is_in_a_session_once(store: Store):
    first = begin(store)
    store.open_session(SESSION)
    store.start_attempt(replace(first, id="s1", session="ABCDE", started_at=later(1)))
    with pytest.raises(StaleError, match="in this session already"):
        store.start_attempt(replace(first, id="s2", session="ABCDE", started_at=later(2)))
    assert store.get_attempt("s1").ended_at is None
    other = begin(store, "b1", "t2")
    store.start_attempt(replace(other, id="s3", session="ABCDE", started_at=later(3)))
    store.record_answer(replace(answer(store.get_attempt("s3"), 0), answered_at=later(4)))
    store.record_answer(replace(answer(store.get_attempt("s1"), 0), answered_at=later(5)))
    assert [a.id for a in store.attempts_in("ABCDE")] == ["s1", "s3"]
    assert [i.answer.attempt_id for i in store.answers_in("ABCDE")] == ["s3", "s1"]
    assert store.answers_in("nope") == store.attempts_in("nope") == ()


def test_a_discussion_keeps_when_it_began(store: Store):
    begin(store)
    store.open_session(SESSION)
    store.discuss("ABCDE", 2, later(1))
    store.discuss("ABCDE", 0, later(2))
    store.discuss("ABCDE", 2, later(3))
    assert store.find_session("ABCDE") == replace(SESSION, discussed=2)
    store.discuss("ABCDE", None, later(4))
    assert store.find_session("ABCDE") == SESSION
    kept = (Discussion("ABCDE", 0, later(2)), Discussion("ABCDE", 2, later(1)))
    assert store.discussions_of("ABCDE") == kept
    assert store.discussions_of("nope") == ()
