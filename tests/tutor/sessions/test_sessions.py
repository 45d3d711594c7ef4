"""Sessions: opened on a quiz, joined with a code, paused, discussed, ended; bad codes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import pytest

from octtutor.core.answer import Answer
from octtutor.core.counting import WhyNot
from octtutor.core.diagnosis import Diagnosis
from octtutor.core.educator import FIRST_WAIT, FREE_GUESSES
from octtutor.core.quiz import Attempt, CaseOrder, Options, Trainee
from octtutor.core.session import Session
from octtutor.errors import BadInputError, StaleError, StoreError, TooManyGuessesError
from octtutor.tutor.decks.deck_import import import_scans
from octtutor.tutor.exams.quizzes import Quizzes
from octtutor.tutor.sessions.class_sessions import Sessions
from octtutor.tutor.sessions.session_code import ALPHABET, draw_code, tidy

HERE = "192.0.2.7"
QUIZ = """
title = "Six scans"
deck = "real"
{more}
[rule]
per_class = {{ CNV = 2, DME = 2, NORMAL = 2 }}
seed = 3
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    quizzes = tmp_path / "quizzes"
    quizzes.mkdir()
    (quizzes / "six.toml").write_text(QUIZ.format(more=""))
    (quizzes / "exam.toml").write_text(QUIZ.format(more='mode = "exam"'))
    (quizzes / "faulty.toml").write_text("title = 7")
    return quizzes


@pytest.fixture
def make(store, images, shelf, clock, scans, folder) -> Callable[..., Sessions]:
    import_scans(store, images, scans, clock, "real")
    for name in ("ada", "ben"):
        store.add_trainee(Trainee(name, name.title(), clock()))

    def build(draw: Callable[[], str] = draw_code) -> Sessions:
        return Sessions(store, images, Quizzes(store, (folder,)), shelf, clock, draw)

    return build


@pytest.fixture
def sessions(make) -> Sessions:
    return make()


@pytest.fixture
def opened(sessions: Sessions) -> Session:
    return sessions.open("grace", "six")


def answer(
    attempt: Attempt, position: int, clock, choice: Diagnosis | None = Diagnosis.CNV
) -> Answer:
    return Answer(
        attempt_id=attempt.id,
        position=position,
        trainee_id=attempt.trainee_id,
        sha256=attempt.cases[position],
        truth=Diagnosis.CNV,
        choice=choice,
        confidence=3,
        response_ms=1000,
        answered_at=clock(),
        deck=attempt.deck,
        quiz=attempt.quiz,
        quiz_version=attempt.quiz_version,
    )


def test_codes_are_not_mistaken_when_they_are_read_from_a_wall():
    codes = {draw_code() for _ in range(300)}
    assert len(codes) > 295
    assert all(len(code) == 6 and set(code) <= set(ALPHABET) for code in codes)
    assert not set("01OILU") & set(ALPHABET)


def test_a_session_has_the_quizs_cases_and_the_model_in_use(sessions, opened, store, predictor):
    assert opened == store.find_session(opened.code) == sessions.get(f" {opened.code.lower()} ")
    assert (opened.title, opened.educator, opened.quiz, opened.deck) == (
        "Six scans",
        "grace",
        "six",
        "real",
    )
    assert len(opened.cases) == 6
    assert (opened.model, opened.model_sha256) == (predictor.name, predictor.sha256)
    again = sessions.open("grace", "six", "  Tuesday's\n class ")
    assert again.title == "Tuesday's class"
    assert again.cases == opened.cases
    assert sessions.all() == tuple(
        sorted((opened, again), key=lambda session: session.code)
    )  # at the same moment


def test_only_quizzes_without_faults_can_be_opened(sessions):
    assert [quiz.key for quiz in sessions.quizzes()] == ["exam", "six"]
    for key in ("faulty", "nothing"):
        with pytest.raises(BadInputError):
            sessions.open("grace", key)
    with pytest.raises(BadInputError, match="at most 80 characters"):
        sessions.open("grace", "six", "x" * 10_000)
    assert sessions.all() == ()


def test_a_code_that_was_used_before_is_drawn_again(make):
    codes = iter(["AAAAA", "AAAAA", "AAAAA", "BBBBB"])
    sessions = make(lambda: next(codes))
    assert [sessions.open("grace", "six").code for _ in range(2)] == ["AAAAA", "BBBBB"]
    stuck = make(cycle(["AAAAA"]).__next__)
    with pytest.raises(StaleError, match="all were used before"):
        stuck.open("grace", "six")


def test_everybody_who_joins_reads_the_same(sessions, opened):
    typed = f"  {opened.code[:2].lower()} {opened.code[2:].lower()}\n"
    one, two = sessions.join(typed, "ada", HERE), sessions.join(opened.code, "ben", HERE)
    assert one.cases == two.cases == opened.cases
    assert one.id != two.id
    for attempt in (one, two):
        assert (attempt.quiz, attempt.quiz_version) == (opened.quiz, opened.quiz_version)
        assert (attempt.seed, attempt.options) == (opened.seed, opened.options)
        assert (attempt.model, attempt.model_sha256) == (opened.model, opened.model_sha256)
        assert (attempt.order, attempt.session) == (CaseOrder.SESSION, opened.code)


@pytest.mark.parametrize("typed", ["ab-cde", "ＡＢＣＤＥ", "a b c d e", "\tabcde\n"])
def test_a_code_is_understood_however_it_is_typed(typed: str):
    assert tidy(typed) == "ABCDE"


def test_a_code_of_ten_thousand_characters_is_short_in_the_answer(sessions):
    with pytest.raises(BadInputError) as told:
        sessions.join("<b>" * 3000, "ada", HERE)
    assert len(str(told.value)) < 150
    assert "\n" not in str(told.value)


def test_joining_again_gives_the_same_attempt(sessions, opened, store, clock):
    first = sessions.join(opened.code, "ada", HERE)
    clock.pass_seconds(60)
    store.record_answer(answer(first, 0, clock))
    assert sessions.join(opened.code, "ada", HERE) == first
    assert len(store.attempts_in(opened.code)) == 1
    store.end_attempt(first.id, clock())
    assert sessions.join(opened.code, "ada", HERE).id == first.id


def test_two_tabs_that_join_at_once_are_one_reader(sessions, opened, store):
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: sessions.join(opened.code, "ada", HERE).id, range(16)))
    assert len(ids) == 1
    assert len(store.attempts_in(opened.code)) == 1


def test_a_class_of_sixty_joins_at_once_from_one_address(sessions, opened, store, clock):
    for n in range(60):
        store.add_trainee(Trainee(f"t{n}", "", clock()))
    for n in range(60):  # each has typed it wrongly before
        for _ in range(FREE_GUESSES - 1):
            with pytest.raises(BadInputError):
                sessions.join("ZZZZZZ", f"t{n}", HERE)
    with ThreadPoolExecutor(16) as pool:
        joined = list(pool.map(lambda n: sessions.join(opened.code, f"t{n}", HERE), range(60)))
    assert len({attempt.id for attempt in joined}) == len(store.attempts_in(opened.code)) == 60


def test_who_guesses_codes_must_wait_and_stops_nobody_else(sessions, opened, clock):
    seen = []
    for n in range(100):
        with pytest.raises((BadInputError, TooManyGuessesError)) as told:
            sessions.join(f"ZZZ{n:03}", "ada", HERE)
        seen.append(told.type)
    assert seen == [BadInputError] * FREE_GUESSES + [TooManyGuessesError] * (100 - FREE_GUESSES)
    with pytest.raises(TooManyGuessesError, match=r"wrong codes\. Wait 30 seconds"):
        sessions.join(opened.code, "ada", HERE)
    assert sessions.join(opened.code, "ben", HERE).session == opened.code  # a classmate
    clock.pass_seconds(FIRST_WAIT.total_seconds() + 1)
    assert sessions.join(opened.code, "ada", HERE).session == opened.code


def test_guessed_codes_lock_no_educator_out(sessions, store, clock):
    from octtutor.tutor.accounts import Educators

    educators = Educators(store, clock)
    educators.add("grace", "correct horse battery")
    for n in range(FREE_GUESSES + 5):
        with pytest.raises((BadInputError, TooManyGuessesError)):
            sessions.join(f"ZZZ{n:03}", "grace", HERE)
    assert educators.sign_in("grace", "correct horse battery", HERE)


def test_whoever_comes_too_late_is_told(sessions, opened, store):
    early = sessions.join(opened.code, "ada", HERE)
    sessions.end(opened.code)
    sessions.end(opened.code)
    for who in ("ada", "ben"):
        with pytest.raises(StaleError, match="has ended"):
            sessions.join(opened.code, who, HERE)
    assert store.get_attempt(early.id).ended_at is not None
    assert not sessions.state(opened.code, "ada").is_open
    for change in (sessions.pause, sessions.go_on):
        with pytest.raises(StaleError, match="has ended"):
            change(opened.code)


def test_a_paused_session_can_be_joined_and_goes_on(sessions, opened, clock):
    sessions.pause(opened.code)
    paused_at = clock()
    sessions.join(opened.code, "ada", HERE)
    assert sessions.state(opened.code, "ada").display.is_paused
    clock.pass_seconds(5)
    sessions.pause(opened.code)
    assert sessions.get(opened.code).paused_at == paused_at
    sessions.go_on(opened.code)
    assert not sessions.state(opened.code, "ada").display.is_paused
    sessions.pause(opened.code)
    sessions.end(opened.code)
    assert not sessions.state(opened.code, "ada").display.is_paused


def test_the_word_that_pages_ask_for_changes_with_all_they_show(sessions, opened, store, clock):
    attempt = sessions.join(opened.code, "ada", HERE)
    words = [sessions.standing(attempt.id)]
    store.record_answer(answer(attempt, 0, clock))
    assert sessions.standing(attempt.id) == words[0]
    sessions.pause(opened.code)
    words.append(sessions.standing(attempt.id))
    sessions.go_on(opened.code)
    assert sessions.standing(attempt.id) == words[0]
    sessions.discuss(opened.code, 1)
    words.append(sessions.standing(attempt.id))
    store.record_answer(answer(attempt, 1, clock))
    words.append(sessions.standing(attempt.id))
    sessions.discuss(opened.code, 0)
    words.append(sessions.standing(attempt.id))
    sessions.end(opened.code)
    words.append(sessions.standing(attempt.id))
    assert len(set(words)) == 6
    alone = replace(attempt, id="alone", trainee_id="ben", session=None)
    store.start_attempt(alone)
    assert sessions.standing("alone") == words[-1]
    with pytest.raises(StoreError):
        sessions.standing("guessed")


def test_an_exam_elsewhere_is_not_ended_by_joining(sessions, opened, store):
    exam = replace(
        sessions.join(opened.code, "ben", HERE),
        id="exam",
        trainee_id="ada",
        session=None,
        options=Options(is_exam=True),
    )
    store.start_attempt(exam)
    with pytest.raises(StaleError, match="exam"):
        sessions.join(opened.code, "ada", HERE)
    assert store.get_attempt("exam").ended_at is None
    store.end_attempt("exam", exam.started_at)
    assert sessions.join(opened.code, "ada", HERE).session == opened.code


def test_an_exam_can_be_a_session_itself_and_is_joined_once(sessions):
    code = sessions.open("grace", "exam").code
    first = sessions.join(code, "ada", HERE)
    assert first.options.is_exam
    assert sessions.join(code, "ada", HERE) == first


def test_only_who_has_answered_may_see_what_is_discussed(sessions, opened, store, clock):
    attempt = sessions.join(opened.code, "ada", HERE)
    sessions.join(opened.code, "ben", HERE)
    store.record_answer(answer(attempt, 0, clock))
    sessions.discuss(opened.code, 0)
    assert sessions.state(opened.code, "ada").display.may_see
    ben = sessions.state(opened.code, "ben")
    assert (ben.display.discussed, ben.display.may_see) == (0, False)
    assert "CNV" not in repr(ben)
    sessions.discuss(opened.code, None)
    assert sessions.state(opened.code, "ada").display.discussed is None
    for nowhere in (-1, 6):
        with pytest.raises(BadInputError, match="a case from 1 to 6"):
            sessions.discuss(opened.code, nowhere)


def test_strangers_learn_nothing_of_a_session(sessions, opened):
    for code in (opened.code, "ZZZZZ"):
        with pytest.raises(StoreError, match="in no such session"):
            sessions.state(code, "ada")
    with pytest.raises(StoreError):
        sessions.join(opened.code, "nobody", HERE)


def test_the_board_counts_what_came_before_the_discussion(sessions, opened, store, clock):
    early, late = (sessions.join(opened.code, who, HERE) for who in ("ada", "ben"))
    store.record_answer(answer(early, 0, clock))
    clock.pass_seconds(1)
    sessions.discuss(opened.code, 0)
    clock.pass_seconds(1)
    store.record_answer(answer(late, 0, clock))
    board = sessions.board(opened.code)
    assert {reader.name for reader in board.readers} == {"Ada", "Ben"}
    assert (board.answered, board.left_out) == (1, {WhyNot.DISCUSSED: 1})
    assert len(board.cases) == 6


def test_a_case_is_shown_with_truth_model_and_map(sessions, opened, predictor, shelf):
    shown = sessions.show(opened.code, 2)
    assert shown.case.sha256 == opened.cases[2]
    assert shown.scan.shape == (160, 160)
    assert shown.prediction is not None
    assert shown.prediction.label == Diagnosis.CNV
    assert shown.maps is not None
    predictor.fault = "it cannot be read"
    broken = sessions.show(opened.code, 2)
    assert (broken.prediction, broken.fault) == (None, "it cannot be read")
    with pytest.raises(BadInputError):
        sessions.show(opened.code, 6)
