"""Committing comes before knowing, and nothing that was committed is lost."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.errors import BadInputError, StaleError, StoreError
from octtutor.tutor.decks.deck_import import import_scans
from octtutor.tutor.practice.answering import CaseStage
from octtutor.tutor.practice.practice import Practice
from octtutor.tutor.progress.results import to_csv
from tests.conftest import DECK, Clock
from tests.fakes import ToldPredictor

CNV = Diagnosis.CNV


@pytest.fixture
def quiz(practice: Practice):
    trainee = practice.enrol(None, "Ada")
    attempt = practice.start(trainee.id, "real", 4, seed=1)
    return trainee.id, attempt.id


def test_a_quiz_is_balanced_and_without_repeats(practice: Practice, quiz, store):
    attempt, _ = practice.answers(*quiz)
    assert len(set(attempt.cases)) == 4
    labels = {store.get_case("real", sha256).label for sha256 in attempt.cases}
    assert labels == set(LABELS)


def test_the_same_seed_gives_the_same_quiz(practice: Practice):
    trainee = practice.enrol(None, "")
    first = practice.start(trainee.id, "real", 8, seed=42)
    second = practice.start(trainee.id, "real", 8, seed=42)
    other = practice.start(trainee.id, "real", 8, seed=43)
    assert first.cases == second.cases != other.cases


def test_a_larger_quiz_than_the_deck_is_the_deck(practice: Practice):
    trainee = practice.enrol(None, "")
    assert len(practice.start(trainee.id, "real", 10**9).cases) == 8


def test_nothing_is_revealed_before_the_answer(practice: Practice, predictor, quiz):
    question = practice.question(*quiz)
    shown = {name for name in dir(question) if not name.startswith("_")}
    assert shown == {
        "attempt_id",
        "elapsed_ms",
        "left_ms",
        "options",
        "position",
        "scan",
        "scheme",
        "session",
        "stage",
        "synthetic",
        "total",
    }
    with pytest.raises(StaleError, match="Answer it first"):
        practice.reveal(*quiz, 0)
    assert predictor.asked == []


def test_the_answer_is_in_the_records_before_the_model_is_asked(
    practice: Practice, predictor, quiz
):
    practice.question(*quiz)
    predictor.fault = "out of order"
    practice.commit(*quiz, 0, CNV, 4)
    _, answers = practice.answers(*quiz)
    assert answers[0].answer.choice == CNV
    assert answers[0].prediction is None
    told = practice.reveal(*quiz, 0)
    assert told.prediction is None
    assert told.model_fault == "out of order"
    assert told.case.label == told.answer.truth


def test_the_models_answer_is_recorded_with_its_hash(practice: Practice, quiz):
    practice.question(*quiz)
    practice.commit(*quiz, 0, CNV, 4)
    told = practice.reveal(*quiz, 0)
    _, answers = practice.answers(*quiz)
    assert answers[0].prediction == told.prediction
    assert told.prediction is not None
    assert told.prediction.model_sha256 == "0" * 64
    assert told.maps is not None


def test_a_new_model_does_not_rewrite_an_old_reveal(practice: Practice, predictor, quiz):
    practice.question(*quiz)
    practice.commit(*quiz, 0, CNV, 4)
    first = practice.reveal(*quiz, 0)
    predictor.sha256 = "1" * 64
    again = practice.reveal(*quiz, 0)
    assert again.prediction == first.prediction
    assert again.maps is None
    assert again.model_fault is not None


def test_a_quiz_finishes_on_its_model_and_new_ones_get_the_new(practice: Practice, shelf, quiz):
    old = shelf.models[0]
    practice.commit(*quiz, 0, CNV, 4)
    assert practice.reveal(*quiz, 0).prediction.model == "told"
    practice.next_question(*quiz, 0)
    shelf.models.append(ToldPredictor("newer", "1"))
    practice.commit(*quiz, 1, CNV, 4)
    told = practice.reveal(*quiz, 1)
    assert (told.prediction.model, told.prediction.model_sha256) == ("told", old.sha256)
    assert practice.reveal(*quiz, 0).maps is not None
    second = practice.start(quiz[0], "real", 2)
    assert (second.model, second.model_sha256) == ("newer", "1" * 64)
    practice.commit(quiz[0], second.id, 0, CNV, 4)
    assert practice.reveal(quiz[0], second.id, 0).prediction.model == "newer"
    assert "newer" in to_csv(*practice.disclosed(quiz[0], second.id), "Ada", LABELS)
    assert "newer" not in to_csv(*practice.disclosed(*quiz), "Ada", LABELS)


def test_a_quiz_goes_on_in_words_when_its_model_is_gone(practice: Practice, shelf, quiz):
    practice.commit(*quiz, 0, CNV, 4)
    first = practice.reveal(*quiz, 0)
    practice.next_question(*quiz, 0)
    shelf.models = [ToldPredictor("newer", "1")]
    practice.commit(*quiz, 1, CNV, 4)
    assert not practice.must_wait(*quiz, 1)
    told = practice.reveal(*quiz, 1)
    assert told.prediction is None
    assert told.model_fault == "told is not among the models any more"
    assert practice.reveal(*quiz, 0).prediction == first.prediction
    assert practice.next_question(*quiz, 1) is not None


def test_a_quiz_without_a_recorded_model_has_the_shipped_one(
    practice: Practice, shelf, store, quiz
):
    shelf.models.append(ToldPredictor("newer", "1"))
    attempt, _ = practice.answers(*quiz)
    old = replace(attempt, id="old", model=None, model_sha256=None)
    store.start_attempt(old)
    practice.commit(quiz[0], "old", 0, CNV, 4)
    assert practice.reveal(quiz[0], "old", 0).prediction.model == "told"


def test_a_quiz_starts_without_a_model_that_can_be_read(practice: Practice, predictor):
    predictor.sha256 = None
    trainee = practice.enrol(None, "")
    attempt = practice.start(trainee.id, "real", 2)
    assert (attempt.model, attempt.model_sha256) == (None, None)


def test_a_reload_comes_back_to_the_same_case(practice: Practice, clock: Clock, quiz):
    first = practice.question(*quiz)
    clock.pass_seconds(30)
    again = practice.question(*quiz)
    assert (again.position, again.stage) == (0, CaseStage.ASK)
    assert again.elapsed_ms == 30_000
    assert (again.scan == first.scan).all()


def test_a_reload_after_the_reveal_comes_back_to_the_reveal(practice: Practice, quiz):
    practice.question(*quiz)
    practice.commit(*quiz, 0, CNV, 4)
    assert practice.question(*quiz).stage is CaseStage.REVEALED
    with pytest.raises(StaleError):
        practice.commit(*quiz, 0, Diagnosis.DME, 4)
    following = practice.next_question(*quiz, 0)
    assert following is not None
    assert following.position == practice.question(*quiz).position == 1


def test_going_on_without_an_answer_is_refused(practice: Practice, quiz):
    practice.question(*quiz)
    with pytest.raises(StaleError, match="no answer yet"):
        practice.next_question(*quiz, 0)


def test_a_tab_that_lags_behind_is_taken_to_where_the_other_is(practice: Practice, quiz):
    for position in range(3):
        practice.commit(*quiz, position, CNV, 3)
        practice.next_question(*quiz, position)
    following = practice.next_question(*quiz, 0)
    assert following is not None
    assert following.position == 3


def test_a_quiz_ends_after_its_last_case(practice: Practice, quiz):
    for position in range(4):
        practice.commit(*quiz, position, None, 1)
        following = practice.next_question(*quiz, position)
    assert following is None
    attempt, answers = practice.answers(*quiz)
    assert attempt.ended_at is not None
    assert [item.answer.choice for item in answers] == [None] * 4


def test_two_tabs_answering_at_once_leave_one_answer(practice: Practice, quiz):
    practice.question(*quiz)

    def tab(label: Diagnosis) -> bool:
        try:
            practice.commit(*quiz, 0, label, 3)
        except StaleError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(tab, LABELS)).count(True) == 1


@pytest.mark.parametrize(
    ("measured", "recorded"), [(4000, 4000), (None, 5000), (-1, 5000), (99_000, 5000), (0, 0)]
)
def test_the_pages_time_counts_unless_it_is_impossible(
    practice: Practice, clock: Clock, quiz, measured, recorded
):
    practice.question(*quiz)
    clock.pass_seconds(5)
    assert practice.commit(*quiz, 0, CNV, 3, measured).response_ms == recorded


def test_anothers_quiz_cannot_be_read_or_answered(practice: Practice, quiz):
    other = practice.enrol(None, "Eve").id
    for use in (
        lambda: practice.question(other, quiz[1]),
        lambda: practice.commit(other, quiz[1], 0, CNV, 3),
        lambda: practice.reveal(other, quiz[1], 0),
        lambda: practice.next_question(other, quiz[1], 0),
        lambda: practice.answers(other, quiz[1]),
        lambda: practice.end(other, quiz[1]),
        lambda: practice.must_wait(other, quiz[1], 0),
    ):
        with pytest.raises(StoreError, match="no such quiz of yours"):
            use()


@pytest.mark.parametrize("position", [-1, 4, 10**6])
def test_a_case_outside_the_quiz_is_refused(practice: Practice, quiz, position: int):
    with pytest.raises(StaleError):
        practice.commit(*quiz, position, CNV, 3)
    with pytest.raises(StaleError):
        practice.reveal(*quiz, position)


@pytest.mark.parametrize("confidence", [0, 6, -3])
def test_a_wrong_confidence_writes_nothing(practice: Practice, quiz, confidence: int):
    with pytest.raises(BadInputError):
        practice.commit(*quiz, 0, CNV, confidence)
    assert practice.answers(*quiz)[1] == ()


def test_an_unknown_deck_or_size_is_refused(practice: Practice, quiz):
    with pytest.raises(BadInputError, match="has none"):
        practice.start(quiz[0], "nothing", 10)
    with pytest.raises(BadInputError, match="at least 1"):
        practice.start(quiz[0], "real", 0)


def test_a_nickname_is_kept_short_and_may_be_anything_else(practice: Practice):
    with pytest.raises(BadInputError, match="at most 40"):
        practice.enrol(None, "x" * 10_000)
    ada = practice.enrol(None, "  Ada   <b>L</b> ")
    assert ada.nickname == "Ada <b>L</b>"
    assert practice.enrol(ada.id, "Ada").id == ada.id
    assert practice.enrol("somebody else's made-up id", "Eve").id != "somebody else's made-up id"
    drawn = "0d9fb9d2-7a0e-4c0f-9c1e-0a5f6a1b2c3d"  # a page's own, from its first load on
    assert practice.enrol(drawn, "Two tabs").id == practice.enrol(drawn, "Two tabs").id == drawn
    assert practice.enrol(None, "A\ud800b\x00c").nickname == "Abc"


def test_a_commit_out_of_turn_leaves_the_quiz_where_it_is(practice: Practice, quiz):
    practice.question(*quiz)
    with pytest.raises(StaleError, match="not the next one"):
        practice.commit(*quiz, 2, CNV, 3)
    assert practice.question(*quiz).position == 0
    practice.commit(*quiz, 0, CNV, 3)


def test_a_quiz_that_was_ended_elsewhere_hands_out_no_more_cases(practice: Practice, quiz):
    practice.commit(*quiz, 0, CNV, 3)
    practice.end(*quiz)
    assert practice.next_question(*quiz, 0) is None
    with pytest.raises(StaleError, match="has ended"):
        practice.commit(*quiz, 1, CNV, 3)


def test_a_lost_mask_does_not_stop_the_reveal(practice: Practice, store, images, clock):
    import_scans(store, images, DECK, clock, "embedded")
    trainee = practice.enrol(None, "")
    attempt = practice.start(trainee.id, "embedded", 1)
    case = store.get_case("embedded", attempt.cases[0])
    images.place(case.mask_sha256).unlink()
    practice.commit(trainee.id, attempt.id, 0, CNV, 3)
    assert practice.reveal(trainee.id, attempt.id, 0).mask is None
