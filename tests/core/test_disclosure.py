"""What may be told to whom, over all that can be."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octtutor.core.case import Case
from octtutor.core.diagnosis import LABELS
from octtutor.core.disclosure import (
    AttemptStatus,
    Audience,
    CaseSoFar,
    is_under_way,
    learn_examples,
    may_disclose,
    status_of,
)
from octtutor.core.quiz import Attempt, CaseOrder, Options
from octtutor.core.session import Session

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
yes_or_no = st.booleans()
footings = st.builds(AttemptStatus, yes_or_no, yes_or_no, yes_or_no, yes_or_no)
cases = st.builds(CaseSoFar, yes_or_no, yes_or_no, yes_or_no, yes_or_no)
everybody = st.sampled_from(Audience)
options = st.builds(
    Options,
    is_exam=yes_or_no,
    second_look=yes_or_no,
    attempts=st.none() | st.integers(1, 3),
    pass_mark=st.none() | st.just(0.5),
)
retests = st.sampled_from([None, "earlier"])


def attempt(played: Options, retest_of: str | None = None) -> Attempt:
    first = Attempt("a", "t", "q", "1", "d", CaseOrder.FIXED, 1, ("x",), NOW)
    return replace(first, options=played, retest_of=retest_of)


def session(played: Options) -> Session:
    return Session("ABCDE", "T", "ada", "q", "1", "d", ("x",), 1, played, NOW)


@given(footings, cases)
def test_no_reader_is_told_a_truth_before_their_answer_or_their_second_look(status, case):
    told = may_disclose(Audience.READER, status, case)
    if not case.is_answered or case.awaits_look:
        assert not told.truth
        assert not told.again
    if not case.is_answered:
        assert not told.model


@given(everybody, footings, cases)
def test_while_an_exam_goes_on_nobody_is_told_but_what_was_shown_to_all(to, status, case):
    told = may_disclose(to, replace(status, is_exam=True, goes_on=True), case)
    assert not told.score
    if not case.is_discussed:
        assert (told.truth, told.model, told.again) == (False, False, False)


@given(everybody, footings, cases)
def test_who_is_told_the_truth_is_told_the_models_answer(to, status, case):
    told = may_disclose(to, status, case)
    assert told.model or not told.truth
    assert told.truth or not told.again


@given(everybody, footings, cases)
def test_what_was_told_stays_told(to, status, case):
    """Time goes on: answers and looks come, cases are discussed, quizzes and sessions end."""
    told = may_disclose(to, status, case)
    laters = [
        (status, replace(case, is_answered=True)),
        (status, replace(case, awaits_look=False)),
        (status, replace(case, is_discussed=True)),
        (status, replace(case, is_kept_back=False)),
        (replace(status, goes_on=False), case),
        (replace(status, can_come_again=False), case),
    ]
    for later, so_far in laters:
        after = may_disclose(to, later, so_far)
        assert after.truth or not told.truth
        assert after.model or not told.model
        assert after.score or not told.score


@given(cases)
def test_practice_tells_after_each_answer(case):
    told = may_disclose(Audience.READER, AttemptStatus(goes_on=True), case)
    free = case.is_discussed or not case.is_kept_back
    assert told.truth is (case.is_answered and not case.awaits_look and free)
    assert told.model is (told.truth or (case.is_answered and not case.is_kept_back))
    assert told.score


@given(cases, options, st.integers(0, 4), yes_or_no, retests)
def test_in_the_end_everything_answered_is_told(case, played, taken, passed, retest_of):
    ended = replace(attempt(played, retest_of), ended_at=NOW)
    done = replace(case, is_answered=True, awaits_look=False, is_kept_back=False)
    last = status_of(ended, None, max(taken, played.attempts or 0), passed or not played.attempts)
    assert may_disclose(Audience.READER, last, done).truth


@given(options, st.integers(1, 4), yes_or_no)
def test_an_ended_exam_is_told_when_no_attempt_at_stake_can_follow(played, taken, passed):
    ended = replace(attempt(replace(played, is_exam=True)), ended_at=NOW)
    told = may_disclose(Audience.READER, status_of(ended, None, taken, passed), CaseSoFar(True))
    left = played.attempts is None or taken < played.attempts
    at_stake = played.attempts is not None or played.pass_mark is not None
    assert told.truth is (passed or not (left and at_stake))
    assert told.score


@given(options)
def test_the_exam_of_a_session_goes_on_until_the_session_ends(played):
    exam = replace(played, is_exam=True)
    room, left = session(exam), replace(attempt(exam), session="ABCDE", ended_at=NOW)
    assert is_under_way(left, room)
    for to, is_discussed in product(Audience, (True, False)):
        so_far = CaseSoFar(is_answered=True, is_discussed=is_discussed)
        assert may_disclose(to, status_of(left, room), so_far).truth is is_discussed
        over = status_of(left, replace(room, ended_at=NOW))
        assert may_disclose(to, over, so_far).truth


@given(options)
def test_an_exam_taken_alone_goes_on_while_a_class_reads_one_of_its_scans(played):
    ended = replace(attempt(replace(played, is_exam=True)), ended_at=NOW)
    for read, goes_on in ((("x", "y"), True), (("y",), False), ((), False)):
        assert status_of(ended, None, read_by_classes=read).goes_on is goes_on
    practised = replace(ended, options=replace(played, is_exam=False))
    assert not status_of(practised, None, read_by_classes=("x",)).goes_on


@pytest.mark.parametrize(
    ("is_exam", "by_all", "discussed", "is_open", "told"),
    [
        (False, False, False, True, False),
        (False, True, False, True, True),
        (True, True, False, True, False),
        (True, False, True, True, True),
        (True, False, False, False, True),
    ],
)
def test_the_class_is_told_what_nobody_reads_any_more(is_exam, by_all, discussed, is_open, told):
    so_far = CaseSoFar(is_answered=by_all, is_discussed=discussed)
    assert (
        may_disclose(Audience.CLASS, AttemptStatus(is_exam=is_exam, goes_on=is_open), so_far).truth
        is told
    )


def test_beside_a_running_exam_nothing_is_shown_again():
    status, read = AttemptStatus(is_examined=True), CaseSoFar(is_answered=True)
    assert may_disclose(Audience.READER, status, read).truth
    assert not may_disclose(Audience.READER, status, read).again
    assert may_disclose(Audience.READER, status, replace(read, is_discussed=True)).again


def test_learn_shows_what_is_annotated_where_any_lesion_is():
    plain = Case("a", LABELS[0], "p", "n")
    marked = Case("b", LABELS[0], "p", "n", mask_sha256="m")
    normal = Case("c", LABELS[3], "p", "n", mask_sha256="m")
    assert learn_examples([plain, marked, normal], "NORMAL") == {"b", "c"}
    assert learn_examples([plain, normal], "NORMAL") == frozenset()
