"""What every store promises of attempts, answers, predictions and second looks."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from octtutor.core.answer import Answered, ReplacedAnswer, SecondLook
from octtutor.core.case import Case, Deck, DeckUses
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt, AttemptWithExams, CaseOrder, Options, Showing, Trainee
from octtutor.core.scheme import SchemeVersion
from octtutor.errors import StaleError, StoreError
from octtutor.store.contract import Store
from octtutor.testing.stores.examples import HASHES, NOW, PREDICTION, answer, begin, later

OPTIONS = Options(is_exam=True, mark_where=True, case_seconds=30, attempts=2, pass_mark=0.8)


def adaptive(store: Store) -> Attempt:
    """Begin an attempt that grows."""
    first = begin(store)
    order = CaseOrder.ADAPTIVE
    grown = replace(first, id="grows", cases=(), size=3, order=order, started_at=later(1))
    store.start_attempt(grown)
    return grown


def ward(store: Store) -> tuple[Case, ...]:
    """Put a deck of two diagnoses and two patients of each into a store; return it by hash."""
    store.put_deck(Deck("ward", "Ward", False, True, NOW))
    held = tuple(
        Case(f"{n:x}" * 64, ("CNV", "DME")[n % 2], f"p{n // 4}", f"{n}.png") for n in range(8)
    )
    store.add_cases("ward", held)
    return held


class AttemptSuite:
    """Needs a fixture `store`, an empty `Store`: attempts are of trainees, on decks."""

    def test_an_attempt_keeps_the_model_it_began_with(self, store: Store) -> None:
        plain = begin(store)
        assert (store.get_attempt(plain.id).model, store.get_attempt(plain.id).model_sha256) == (
            None,
            None,
        )
        named = replace(plain, id="a2", model="lite0", model_sha256="f" * 64)
        store.start_attempt(named)
        assert store.get_attempt("a2") == named
        assert store.find_latest_attempt(named.trainee_id) == named

    def test_a_miss_raises(self, store: Store) -> None:
        with pytest.raises(StoreError, match="no attempt"):
            store.get_attempt("nothing")
        with pytest.raises(StoreError, match="no case"):
            store.get_case("deck", "nothing")
        with pytest.raises(StoreError):
            store.record_shown("nothing", 0, NOW)

    def test_an_attempt_needs_a_trainee(self, store: Store) -> None:
        store.put_deck(Deck("deck", "A deck", False, True, NOW))
        attempt = Attempt("a", "ghost", "q", "1", "deck", CaseOrder.BALANCED, 1, (), NOW)
        with pytest.raises(StoreError, match="no trainee"):
            store.start_attempt(attempt)

    def test_a_deck_that_an_attempt_names_stays(self, store: Store) -> None:
        attempt = begin(store)
        assert store.count_uses(attempt.deck) == DeckUses(attempts=1, sessions=0, projects=0)
        with pytest.raises(StaleError, match="in use"):
            store.remove_deck(attempt.deck)
        assert store.find_deck(attempt.deck) is not None
        assert store.count_cases(attempt.deck) > 0

    def test_an_attempt_comes_back_as_it_went_in(self, store: Store) -> None:
        attempt = begin(store)
        assert store.get_attempt("a1") == attempt
        assert store.find_latest_attempt("t1") == attempt
        assert store.find_latest_attempt("t2") is None

    def test_a_new_attempt_ends_the_running_one(self, store: Store) -> None:
        begin(store)
        later = NOW + timedelta(minutes=5)
        second = replace(store.get_attempt("a1"), id="a2", started_at=later)
        store.start_attempt(second)
        assert store.get_attempt("a1").ended_at == later
        assert store.find_latest_attempt("t1") == second

    def test_an_end_is_final(self, store: Store) -> None:
        begin(store)
        store.end_attempt("a1", NOW)
        store.end_attempt("a1", NOW + timedelta(days=1))
        assert store.get_attempt("a1").ended_at == NOW

    def test_a_case_is_shown_first_once(self, store: Store) -> None:
        begin(store)
        assert store.last_shown("a1") is None
        assert store.record_shown("a1", 0, NOW) == NOW
        assert store.record_shown("a1", 0, NOW + timedelta(hours=1)) == NOW
        store.record_shown("a1", 1, NOW)
        assert store.last_shown("a1") == 1

    def test_answers_come_back_in_order_with_the_models(self, store: Store) -> None:
        attempt = begin(store)
        store.record_answer(answer(attempt, 0))
        store.record_answer(answer(attempt, 1, None))
        assert store.record_prediction("a1", 0, PREDICTION) == PREDICTION
        assert store.answers_of("a1") == (
            Answered(answer(attempt, 0), PREDICTION),
            Answered(answer(attempt, 1, None), None),
        )

    def test_the_first_answer_counts(self, store: Store) -> None:
        attempt = begin(store)
        store.record_answer(answer(attempt, 0, "CNV"))
        with pytest.raises(StaleError, match="answered already"):
            store.record_answer(answer(attempt, 0, "DME"))
        assert store.answers_of("a1")[0].answer.choice == "CNV"

    @pytest.mark.parametrize("position", [1, 4, 5, 99])
    def test_no_answer_out_of_turn(self, store: Store, position: int) -> None:
        attempt = begin(store)
        with pytest.raises(StaleError, match="not the next one"):
            store.record_answer(answer(attempt, position))
        assert store.answers_of("a1") == ()

    def test_no_answer_after_the_end(self, store: Store) -> None:
        attempt = begin(store)
        store.end_attempt("a1", NOW)
        with pytest.raises(StaleError, match="has ended"):
            store.record_answer(answer(attempt, 0))

    def test_the_model_comes_after_the_trainee_and_its_first_answer_counts(
        self, store: Store
    ) -> None:
        attempt = begin(store)
        with pytest.raises(StoreError, match="no answer yet"):
            store.record_prediction("a1", 0, PREDICTION)
        store.record_answer(answer(attempt, 0))
        store.record_prediction("a1", 0, PREDICTION)
        chances, octdl = {"ERM": 0.1 + 0.2, "NORMAL": 1 / 3}, SchemeVersion("octdl", 2)
        other = Prediction("new", "0" * 64, chances, octdl)
        assert store.record_prediction("a1", 0, other) == PREDICTION
        assert store.answers_of("a1")[0].prediction == PREDICTION

    def test_times_of_other_zones_are_the_same_instant(self, store: Store) -> None:
        begin(store)
        elsewhere = NOW.astimezone(timezone(timedelta(hours=5)))
        assert store.record_shown("a1", 0, elsewhere) == NOW
        assert store.record_shown("a1", 0, NOW) == NOW

    def test_of_many_tabs_exactly_one_answers(self, store: Store) -> None:
        attempt = begin(store)

        def try_it(n: int) -> bool:
            choice = tuple(PREDICTION.probabilities)[n % 4]
            try:
                store.record_answer(answer(attempt, 0, choice))
            except StaleError:
                return False
            return True

        with ThreadPoolExecutor(16) as pool:
            won = list(pool.map(try_it, range(32)))
        assert won.count(True) == 1
        assert len(store.answers_of("a1")) == 1

    def test_forty_trainees_at_once_lose_nothing(self, store: Store) -> None:
        attempts = [begin(store, f"a{n}", f"t{n}") for n in range(40)]

        def play(attempt: Attempt) -> int:
            for position in range(len(attempt.cases)):
                store.record_shown(attempt.id, position, NOW)
                store.record_answer(answer(attempt, position))
                store.record_prediction(attempt.id, position, PREDICTION)
            return len(store.answers_of(attempt.id))

        with ThreadPoolExecutor(20) as pool:
            assert list(pool.map(play, attempts)) == [5] * 40

    def test_the_latest_answered_attempt_skips_empty_ones(self, store: Store) -> None:
        attempt = begin(store)
        assert store.find_answered_attempt("t1") is None
        store.record_answer(answer(attempt, 0))
        store.start_attempt(replace(attempt, id="a2", started_at=NOW + timedelta(hours=1)))
        found = store.find_answered_attempt("t1")
        assert found is not None
        assert found.id == "a1"

    def test_naive_times_of_attempts_are_refused(self, store: Store) -> None:
        begin(store)
        naive = NOW.replace(tzinfo=None)
        with pytest.raises((ValueError, StoreError), match="zone"):
            store.record_shown("a1", 0, naive)

    def test_how_a_quiz_is_played_comes_back_with_its_attempt(self, store: Store) -> None:
        first = begin(store)
        attempt = replace(
            first, id="exam", options=OPTIONS, size=9, session="ABCDE", retest_of="a1", ended_at=NOW
        )
        store.start_attempt(attempt)
        assert store.get_attempt("exam") == attempt
        assert store.get_attempt("a1").options == Options()

    def test_an_adaptive_attempt_grows_case_by_case(self, store: Store) -> None:
        attempt = adaptive(store)
        assert attempt.asked == 3
        once = store.extend_attempt(attempt, HASHES[3])
        assert once.cases == (HASHES[3],)
        assert store.extend_attempt(once, HASHES[1]).cases == (HASHES[3], HASHES[1])
        assert store.get_attempt("grows").cases == (HASHES[3], HASHES[1])

    def test_of_two_tabs_that_ask_for_the_next_case_the_first_decides(self, store: Store) -> None:
        attempt = adaptive(store)
        with ThreadPoolExecutor(8) as pool:
            seen = list(pool.map(lambda sha: store.extend_attempt(attempt, sha).cases, HASHES * 3))
        assert len(set(seen)) == 1
        assert store.get_attempt("grows").cases == seen[0]

    def test_a_case_cannot_be_appended_with_a_gap_or_after_the_end(self, store: Store) -> None:
        attempt = adaptive(store)
        with pytest.raises(StaleError, match="not the next one"):
            store.extend_attempt(replace(attempt, cases=HASHES[:1]), HASHES[0])
        store.end_attempt("grows", later(2))
        with pytest.raises(StaleError, match="ended"):
            store.extend_attempt(attempt, HASHES[0])

    def test_a_quiz_is_taken_no_more_often_than_it_may_be(self, store: Store) -> None:
        first = begin(store)
        for n in (1, 2):
            store.start_attempt(replace(first, id=f"e{n}", quiz="exam", started_at=later(n)), 2)
        with pytest.raises(StaleError, match="at most 2 attempts"):
            store.start_attempt(replace(first, id="e3", quiz="exam", started_at=later(3)), 2)
        store.start_attempt(replace(first, id="r", quiz="exam", retest_of="e1"), 3)
        assert [a.id for a in store.attempts_of("t1")] == ["a1", "r", "e1", "e2"]
        assert store.get_attempt("e2").ended_at is not None

    def test_of_many_starts_at_once_no_more_than_allowed_get_through(self, store: Store) -> None:
        first = begin(store)

        def start(n: int) -> bool:
            try:
                store.start_attempt(replace(first, id=f"e{n}", quiz="exam", started_at=later(n)), 1)
            except StaleError:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(start, range(12))) == 1

    def test_marks_and_timeouts_come_back(self, store: Store) -> None:
        attempt = begin(store)
        marked = replace(answer(attempt, 0), mark=(12, 345), confidence=0)
        late = replace(answer(attempt, 1, None), timed_out=True)
        store.record_answer(marked)
        store.record_answer(late)
        assert [item.answer for item in store.answers_of("a1")] == [marked, late]

    def test_a_second_look_comes_once_and_after_the_answer(self, store: Store) -> None:
        attempt = begin(store)
        look = SecondLook("a1", 0, "DME", 1200, later(9), 4)
        with pytest.raises(StaleError):
            store.record_second_look(look)
        store.record_answer(answer(attempt, 0))
        store.record_prediction("a1", 0, PREDICTION)
        store.record_second_look(look)
        with pytest.raises(StaleError):
            store.record_second_look(replace(look, choice=None))
        (item,) = store.answers_of("a1")
        assert (item.answer.choice, item.second, item.final) == ("CNV", look, "DME")
        assert item.prediction == PREDICTION

    def test_all_answers_of_a_trainee_come_in_time_order(self, store: Store) -> None:
        one = begin(store)
        store.record_answer(answer(one, 0))
        two = replace(one, id="a2", started_at=later(50))
        store.start_attempt(two)
        store.record_answer(replace(answer(two, 0), answered_at=later(60)))
        other = begin(store, "b1", "t2")
        store.record_answer(replace(answer(other, 0), answered_at=later(30)))
        mine = [item.answer for item in store.answers_by("t1")]
        assert [(a.attempt_id, a.answered_at) for a in mine] == [
            ("a1", later(0)),
            ("a2", later(60)),
        ]
        assert [a.attempt_id for a in store.answers_to("deck")] == ["a1", "b1", "a2"]
        assert (store.answers_to("other"), store.answers_by("nobody")) == ((), ())

    def test_scans_that_were_shown_come_back_longest_unseen_first(self, store: Store) -> None:
        begin(store)
        for position, at in ((0, 1), (1, 2), (2, 3)):
            store.record_shown("a1", position, later(at))
        again = replace(store.get_attempt("a1"), id="a2", started_at=later(9), cases=HASHES[:1])
        store.start_attempt(again)
        store.record_shown("a2", 0, later(10))
        assert store.seen_by("t1") == (HASHES[1], HASHES[2], HASHES[0])
        assert store.seen_by("t2") == ()

    def test_cases_not_seen_come_by_diagnosis_from_a_hash_on_and_round(self, store: Store) -> None:
        begin(store)
        held = ward(store)
        both = ("DME", "CNV")
        drawn = store.unseen_cases("ward", "t1", both, "5" * 64, 3)
        assert drawn == (held[5], held[7], held[1], held[6], held[0], held[2])
        assert store.unseen_cases("ward", "t1", ("CNV",), "f" * 64, 9) == held[::2]
        assert store.unseen_cases("ward", "t1", ("NORMAL",), "0", 9) == ()
        assert store.unseen_cases("nowhere", "t1", both, "0", 9) == ()

    def test_cases_seen_or_left_out_are_not_among_those_not_seen(self, store: Store) -> None:
        held, first = ward(store), begin(store)
        mine = replace(first, id="w", deck="ward", cases=(held[1].sha256, held[0].sha256))
        store.start_attempt(mine)
        for position in (0, 1):
            store.record_shown("w", position, later(position))
        begin(store, "other", "t2")
        both = ("CNV", "DME")
        drawn = store.unseen_cases("ward", "t1", both, "0", 9, [held[2].sha256])
        assert drawn == (held[4], held[6], held[3], held[5], held[7])
        fresh = store.unseen_cases("ward", "t1", both, "0", 9, new_patients=True)
        assert fresh == (held[4], held[6], held[5], held[7])
        assert len(store.unseen_cases("ward", "t2", both, "0", 9)) == 8

    def test_cases_seen_come_back_longest_unseen_first(self, store: Store) -> None:
        held, first = ward(store), begin(store)
        hashes = tuple(held[n].sha256 for n in (3, 0, 1))
        store.start_attempt(replace(first, id="w", deck="ward", cases=hashes))
        for position in range(3):
            store.record_shown("w", position, later(position), hashes[position])
        store.start_attempt(replace(first, id="x", deck="ward", cases=hashes[:1]))
        store.record_shown("x", 0, later(9))
        assert store.seen_cases("ward", "t1") == (held[0], held[1], held[3])
        assert store.seen_cases("ward", "t1", "DME") == (held[1], held[3])
        assert store.seen_cases("ward", "t1", "DME", [held[3].sha256]) == (held[1],)
        assert store.seen_cases("ward", "t1", last=1) == (held[3],)
        assert store.seen_cases("nowhere", "t1") == ()

    def test_a_seat_is_an_attempt_with_exams_beside_it(self, store: Store) -> None:
        first = begin(store)
        with pytest.raises(StoreError, match="no attempt"):
            store.get_attempt_with_exams("nothing")
        assert store.get_attempt_with_exams("a1") == AttemptWithExams(first, (), None)
        exam = replace(first, id="e", quiz="exam", options=OPTIONS, started_at=later(1))
        store.start_attempt(exam)
        before = replace(exam, id="p", options=Options(), started_at=later(2))
        store.start_attempt(before)
        store.start_attempt(replace(first, id="b", quiz="other", started_at=later(3)))
        begin(store, "c1", "t2")
        store.record_shown("a1", 0, NOW)
        store.record_shown("a1", 1, later(1))
        with_exams = store.get_attempt_with_exams("a1")
        assert [attempt.id for attempt in with_exams.beside] == ["e", "p", "b"]
        assert with_exams.shown == Showing(1, later(1))

    def test_an_answer_that_is_changed_keeps_its_versions(self, store: Store) -> None:
        attempt = begin(store)
        first = replace(answer(attempt, 0, "CNV"), mark=(1, 2))
        store.record_answer(first)
        second = replace(answer(attempt, 0, "DME"), confidence=5, answered_at=later(5))
        third = replace(second, choice=None, answered_at=later(7))
        assert store.change_answer(second).changes == 1
        assert store.change_answer(third) == replace(third, changes=2)
        assert [item.answer for item in store.answers_of("a1")] == [replace(third, changes=2)]
        assert store.replaced_answers("a1") == (
            ReplacedAnswer("a1", 0, 0, "CNV", 3, 4321, first.answered_at, (1, 2)),
            ReplacedAnswer("a1", 0, 1, "DME", 5, 4321, later(5), None),
        )
        store.forget_trainee("t1")
        assert store.replaced_answers("a1") == ()

    def test_only_the_last_answer_is_changed_and_only_until_the_next_case(
        self, store: Store
    ) -> None:
        attempt = begin(store)
        with pytest.raises(StaleError, match="stands"):
            store.change_answer(answer(attempt, 0))
        for position in (0, 1):
            store.record_shown("a1", position, NOW)
            store.record_answer(answer(attempt, position))
        with pytest.raises(StaleError, match="stands"):
            store.change_answer(answer(attempt, 0))
        store.change_answer(answer(attempt, 1))
        store.record_shown("a1", 2, NOW)
        with pytest.raises(StaleError, match="stands"):
            store.change_answer(answer(attempt, 1))
        store.end_attempt("a1", NOW)
        with pytest.raises(StaleError, match="has ended"):
            store.change_answer(answer(attempt, 1))
        assert len(store.replaced_answers("a1")) == 1

    def test_answers_of_some_attempts_come_together(self, store: Store) -> None:
        one, other = begin(store), begin(store, "b1", "t2")
        store.record_answer(answer(one, 0))
        store.record_answer(answer(other, 0))
        store.record_answer(answer(other, 1))
        found = store.answers_among(["b1", "a1", "nothing"])
        places = [(item.answer.attempt_id, item.answer.position) for item in found]
        assert places == [("a1", 0), ("b1", 0), ("b1", 1)]
        assert store.answers_among([]) == ()

    def test_what_is_called_at_once_is_written_wholly_or_not_at_all(self, store: Store) -> None:
        attempt = begin(store)
        with store.transaction():
            store.record_shown("a1", 0, NOW)
            store.record_answer(answer(attempt, 0))
            assert len(store.answers_of("a1")) == 1

        def twice() -> None:
            with store.transaction():
                store.record_answer(answer(attempt, 1))
                store.record_answer(answer(attempt, 1))

        with pytest.raises(StaleError):
            twice()
        assert len(store.answers_of("a1")) == 1
        with store.transaction(writes=False):
            assert store.get_attempt("a1") == attempt
            with pytest.raises(RuntimeError, match="begun to read"):
                store.end_attempt("a1", NOW)

    def test_a_forgotten_trainee_leaves_nothing_and_others_stay(self, store: Store) -> None:
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
        assert (store.answers_by("t1"), store.attempts_of("t1"), store.seen_by("t1")) == (
            (),
            (),
            (),
        )
        with pytest.raises(StoreError):
            store.get_attempt("a1")
        assert len(store.answers_by("t2")) == 1
        assert store.trainees() == (Trainee("t2", "Ada", NOW),)

    def test_records_keep_the_list_that_their_diagnoses_are_of(self, store: Store) -> None:
        octdl = SchemeVersion("octdl", 3)
        attempt = replace(begin(store), id="a2", scheme=octdl, started_at=later(1))
        store.start_attempt(attempt)
        given = replace(answer(attempt, 0, "AMD_EARLY"), truth="VID", scheme=octdl)
        store.record_answer(given)
        theirs = replace(PREDICTION, probabilities={"VID": 0.1 + 0.2, "ERM": 1 / 3}, scheme=octdl)
        store.record_prediction("a2", 0, theirs)
        store.record_answer(replace(answer(attempt, 1, None), scheme=octdl))
        store.record_prediction("a2", 1, PREDICTION)
        assert store.get_attempt("a2") == attempt
        first, second = store.answers_of("a2")
        assert first == Answered(given, theirs)
        assert first.prediction is not None
        assert list(first.prediction.probabilities) == ["VID", "ERM"]
        assert (second.answer.scheme, second.prediction) == (octdl, PREDICTION)
