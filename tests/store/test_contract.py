"""What every store promises, over all of them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from octtutor.core.answer import Answer, Answered
from octtutor.core.case import Case, Deck
from octtutor.core.diagnosis import Diagnosis
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt, Trainee
from octtutor.errors import StaleError, StoreError
from octtutor.store.contract import Store

NOW = datetime(2026, 1, 5, 9, 0, 0, 123456, tzinfo=UTC)
CASES = tuple(
    Case(f"{n:064x}", Diagnosis.DME, f"p{n}", f"DME-{n}-1.jpeg", False, ("cyst",), None)
    for n in range(5)
)
PREDICTION = Prediction("lite0", "f" * 64, (0.7, 0.1, 0.1, 0.1))


def begin(store: Store, attempt_id: str = "a1", trainee: str = "t1") -> Attempt:
    if store.find_trainee(trainee) is None:
        store.add_trainee(Trainee(trainee, "Ada", NOW))
    store.put_deck(Deck("deck", "A deck", False, True, NOW))
    store.add_cases("deck", CASES)
    cases = tuple(case.sha256 for case in CASES)
    attempt = Attempt(attempt_id, trainee, "practice", "1", "deck", "random", 7, cases, NOW)
    store.start_attempt(attempt)
    return attempt


def answer(attempt: Attempt, position: int, choice: Diagnosis | None = Diagnosis.CNV) -> Answer:
    return Answer(
        attempt_id=attempt.id,
        position=position,
        trainee_id=attempt.trainee_id,
        sha256=attempt.cases[position] if position < len(attempt.cases) else "x",
        truth=Diagnosis.DME,
        choice=choice,
        confidence=3,
        response_ms=4321,
        answered_at=NOW + timedelta(seconds=position),
        deck="deck",
        quiz="practice",
        quiz_version="1",
    )


def test_a_trainee_is_found_again_and_can_change_the_nickname(store: Store):
    store.add_trainee(Trainee("t", "Ada", NOW))
    store.add_trainee(Trainee("t", "Grace", NOW + timedelta(days=1)))
    assert store.find_trainee("t") == Trainee("t", "Grace", NOW)
    assert store.find_trainee("nobody") is None


def test_decks_and_cases_come_back_as_they_went_in(store: Store):
    begin(store)
    assert store.decks() == (Deck("deck", "A deck", False, True, NOW),)
    assert store.cases_of("deck") == CASES
    assert store.get_case("deck", CASES[2].sha256) == CASES[2]
    assert store.cases_of("other") == ()
    assert store.find_deck("deck") == store.decks()[0]
    assert store.find_deck("other") is None
    assert (store.count_cases("deck"), store.count_cases("other")) == (len(CASES), 0)


def test_a_case_is_added_once_and_its_first_label_stays(store: Store):
    begin(store)
    again = replace(CASES[0], label=Diagnosis.NORMAL)
    assert store.add_cases("deck", [again, again]) == 0
    assert store.get_case("deck", CASES[0].sha256).label is Diagnosis.DME


def test_cases_need_a_deck(store: Store):
    with pytest.raises(StoreError, match="no deck"):
        store.add_cases("nowhere", CASES)


def test_an_attempt_keeps_the_model_it_began_with(store: Store):
    plain = begin(store)
    assert (store.get_attempt(plain.id).model, store.get_attempt(plain.id).model_sha256) == (
        None,
        None,
    )
    named = replace(plain, id="a2", model="lite0", model_sha256="f" * 64)
    store.start_attempt(named)
    assert store.get_attempt("a2") == named
    assert store.find_latest_attempt(named.trainee_id) == named


def test_a_miss_raises(store: Store):
    with pytest.raises(StoreError, match="no attempt"):
        store.get_attempt("nothing")
    with pytest.raises(StoreError, match="no case"):
        store.get_case("deck", "nothing")
    with pytest.raises(StoreError):
        store.record_shown("nothing", 0, NOW)


def test_an_attempt_needs_a_trainee(store: Store):
    store.put_deck(Deck("deck", "A deck", False, True, NOW))
    with pytest.raises(StoreError, match="no trainee"):
        store.start_attempt(Attempt("a", "ghost", "q", "1", "deck", "r", 1, (), NOW))


def test_an_attempt_comes_back_as_it_went_in(store: Store):
    attempt = begin(store)
    assert store.get_attempt("a1") == attempt
    assert store.find_latest_attempt("t1") == attempt
    assert store.find_latest_attempt("t2") is None


def test_a_new_attempt_ends_the_running_one(store: Store):
    begin(store)
    later = NOW + timedelta(minutes=5)
    second = replace(store.get_attempt("a1"), id="a2", started_at=later)
    store.start_attempt(second)
    assert store.get_attempt("a1").ended_at == later
    assert store.find_latest_attempt("t1") == second


def test_an_end_is_final(store: Store):
    begin(store)
    store.end_attempt("a1", NOW)
    store.end_attempt("a1", NOW + timedelta(days=1))
    assert store.get_attempt("a1").ended_at == NOW


def test_a_case_is_shown_first_once(store: Store):
    begin(store)
    assert store.last_shown("a1") is None
    assert store.record_shown("a1", 0, NOW) == NOW
    assert store.record_shown("a1", 0, NOW + timedelta(hours=1)) == NOW
    store.record_shown("a1", 1, NOW)
    assert store.last_shown("a1") == 1


def test_answers_come_back_in_order_with_the_models(store: Store):
    attempt = begin(store)
    store.record_answer(answer(attempt, 0))
    store.record_answer(answer(attempt, 1, None))
    assert store.record_prediction("a1", 0, PREDICTION) == PREDICTION
    assert store.answers_of("a1") == (
        Answered(answer(attempt, 0), PREDICTION),
        Answered(answer(attempt, 1, None), None),
    )


def test_the_first_answer_counts(store: Store):
    attempt = begin(store)
    store.record_answer(answer(attempt, 0, Diagnosis.CNV))
    with pytest.raises(StaleError, match="answered already"):
        store.record_answer(answer(attempt, 0, Diagnosis.DME))
    assert store.answers_of("a1")[0].answer.choice is Diagnosis.CNV


@pytest.mark.parametrize("position", [1, 4, 5, 99])
def test_no_answer_out_of_turn(store: Store, position: int):
    attempt = begin(store)
    with pytest.raises(StaleError, match="not the next one"):
        store.record_answer(answer(attempt, position))
    assert store.answers_of("a1") == ()


def test_no_answer_after_the_end(store: Store):
    attempt = begin(store)
    store.end_attempt("a1", NOW)
    with pytest.raises(StaleError, match="has ended"):
        store.record_answer(answer(attempt, 0))


def test_the_model_comes_after_the_trainee_and_its_first_answer_counts(store: Store):
    attempt = begin(store)
    with pytest.raises(StoreError, match="no answer yet"):
        store.record_prediction("a1", 0, PREDICTION)
    store.record_answer(answer(attempt, 0))
    store.record_prediction("a1", 0, PREDICTION)
    other = Prediction("new", "0" * 64, (0.0, 0.0, 0.0, 1.0))
    assert store.record_prediction("a1", 0, other) == PREDICTION
    assert store.answers_of("a1")[0].prediction == PREDICTION


def test_naive_times_are_refused(store: Store):
    begin(store)
    naive = NOW.replace(tzinfo=None)
    with pytest.raises((ValueError, StoreError), match="zone"):
        store.record_shown("a1", 0, naive)


def test_times_of_other_zones_are_the_same_instant(store: Store):
    begin(store)
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5)))
    assert store.record_shown("a1", 0, elsewhere) == NOW
    assert store.record_shown("a1", 0, NOW) == NOW


def test_of_many_tabs_exactly_one_answers(store: Store):
    attempt = begin(store)

    def try_it(n: int) -> bool:
        choice = list(Diagnosis)[n % 4]
        try:
            store.record_answer(answer(attempt, 0, choice))
        except StaleError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(try_it, range(32)))
    assert won.count(True) == 1
    assert len(store.answers_of("a1")) == 1


def test_forty_trainees_at_once_lose_nothing(store: Store):
    attempts = [begin(store, f"a{n}", f"t{n}") for n in range(40)]

    def play(attempt: Attempt) -> int:
        for position in range(len(attempt.cases)):
            store.record_shown(attempt.id, position, NOW)
            store.record_answer(answer(attempt, position))
            store.record_prediction(attempt.id, position, PREDICTION)
        return len(store.answers_of(attempt.id))

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(play, attempts)) == [5] * 40


def test_text_of_any_kind_is_kept(store: Store):
    odd = "Zoë <b>'; DROP TABLE trainees; -- 眼 🩺"
    store.add_trainee(Trainee("t", odd, NOW))
    found = store.find_trainee("t")
    assert found is not None
    assert found.nickname == odd


def test_the_latest_answered_attempt_skips_empty_ones(store: Store):
    attempt = begin(store)
    assert store.find_answered_attempt("t1") is None
    store.record_answer(answer(attempt, 0))
    store.start_attempt(replace(attempt, id="a2", started_at=NOW + timedelta(hours=1)))
    found = store.find_answered_attempt("t1")
    assert found is not None
    assert found.id == "a1"


def test_servers_that_start_together_import_the_same_deck_once(store: Store):
    def start(_: int) -> int:
        store.put_deck(Deck("deck", "A deck", False, False, NOW))
        return store.add_cases("deck", CASES)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(start, range(8))) == len(CASES)
    assert len(store.decks()) == 1
