"""Which answers count: one rule, its reasons in order."""

from dataclasses import replace
from datetime import timedelta

import pytest

from octtutor.core.counting import (
    WhyNot,
    count_answers,
    first_readings,
    left_out,
    score,
    those_that_count,
)
from octtutor.core.quiz import CaseOrder
from octtutor.core.session import Discussion
from tests.tutor.progress.histories import EXAM, NOW, C, M, N, attempt, read

TOLD = [Discussion("KKKKK", 0, NOW - timedelta(seconds=1))]


def why(item, of=None, discussions=(), first=None):
    (found,) = count_answers([item], [of or attempt()], discussions, first)
    return found.why_not


def test_an_answer_counts_where_nothing_is_said_against_it():
    (found,) = count_answers([read(0, C, N)], [attempt()])
    assert (found.counts, found.counts_by_class, found.may_be_right) == (True, True, True)


def test_what_came_after_the_end_is_late():
    ended = attempt(ended_at=NOW - timedelta(seconds=1))
    assert why(read(0, C, C), ended) is WhyNot.LATE
    assert why(read(0, C, C), replace(ended, ended_at=NOW)) is None


def test_what_came_after_a_discussion_of_its_session_is_discussed():
    assert why(read(0, C, C), attempt(session="KKKKK"), TOLD) is WhyNot.DISCUSSED
    assert why(read(0, C, C), attempt(session="LLLLL"), TOLD) is None
    assert why(read(1, C, C), attempt(session="KKKKK"), TOLD) is None
    assert why(read(0, C, C, at=TOLD[0].at), attempt(session="KKKKK"), TOLD) is None


def test_the_second_answer_to_a_scan_is_repeated_wherever_the_first_was():
    first = read(0, C, C, attempt="b", at=NOW - timedelta(days=1), timed_out=True)
    again = read(3, C, C, sha256=first.answer.sha256)
    found = count_answers([again, first], [attempt(), attempt("b")])
    assert [item.why_not for item in found] == [WhyNot.REPEATED, WhyNot.TIMED_OUT]
    known = first_readings([first.answer, again.answer])
    assert why(again, first=known) is WhyNot.REPEATED


def test_another_readers_answer_to_the_scan_is_no_repetition():
    other = read(0, C, C, attempt="b", at=NOW - timedelta(days=1))
    other = replace(other, answer=replace(other.answer, trainee_id="u"))
    found = count_answers([other, read(0, C, C)], [attempt(), attempt("b")])
    assert [item.why_not for item in found] == [None, None]


@pytest.mark.parametrize("order", [CaseOrder.ADAPTIVE, CaseOrder.DUE])
def test_practice_in_adaptive_order_counts_class_by_class(order):
    (found,) = count_answers([read(0, C, C)], [attempt(order=order)])
    assert (found.why_not, found.counts, found.counts_by_class) == (WhyNot.PRACTICE, False, True)


def test_of_several_reasons_the_first_is_said():
    item = read(0, C, None, timed_out=True)
    practice = attempt(session="KKKKK", order=CaseOrder.ADAPTIVE)
    assert why(item, practice, TOLD) is WhyNot.DISCUSSED
    assert why(item, practice) is WhyNot.TIMED_OUT


def test_what_is_left_out_is_counted_by_reason():
    items = [read(0, C, C), read(1, M, None, timed_out=True), read(2, N, N, sha256=f"{0:064x}")]
    found = count_answers(items, [attempt()])
    assert left_out(found) == {WhyNot.TIMED_OUT: 1, WhyNot.REPEATED: 1}
    assert those_that_count(found) == (items[0],)


def test_an_exams_mark_is_of_all_cases_and_gives_nothing_for_what_was_told():
    # six cases, one discussed before: 5 of 6, on the card and in Progress alike
    items = [read(n, C, C) for n in range(6)]
    exam = attempt(cases=[f"{n:064x}" for n in range(6)], options=EXAM, session="KKKKK")
    assert score(exam, count_answers(items, [exam], TOLD)) == (5, 6)
    # what had been read before in practice is an exam's all the same
    again = first_readings([read(0, C, C, attempt="b", at=NOW - timedelta(days=1)).answer])
    assert score(exam, count_answers(items, [exam], (), again)) == (6, 6)
