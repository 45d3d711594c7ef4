"""What every store promises of sessions."""

from dataclasses import replace

import pytest

from octtutor.core.quiz import Options, Trainee
from octtutor.core.scheme import SchemeVersion
from octtutor.core.session import Discussion, Session
from octtutor.core.switch import Switch
from octtutor.errors import StaleError, StoreError
from octtutor.store.contract import Store
from octtutor.testing.stores.examples import HASHES, NOW, answer, begin, later

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
    scheme=SchemeVersion("octdl", 3),
)


class SessionSuite:
    """Needs a fixture `store`, an empty `Store`: sessions hold attempts."""

    def test_a_session_comes_back_as_it_was_opened_and_its_code_is_used_once(
        self, store: Store
    ) -> None:
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

    def test_a_session_pauses_goes_on_and_ends_with_its_attempts(self, store: Store) -> None:
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

    def test_some_sessions_come_together_with_what_was_discussed_in_them(
        self, store: Store
    ) -> None:
        begin(store)
        practice = replace(SESSION, code="PRACT", options=Options(), opened_at=later(1))
        over = replace(SESSION, code="ENDED", opened_at=later(2))
        other = replace(SESSION, code="OTHER", opened_at=later(3))
        for session in (SESSION, practice, over, other):
            store.open_session(session)
        store.end_session("ENDED", later(9))
        assert store.sessions_among(["PRACT", "nope"]) == (practice,)
        found = store.sessions_among(["PRACT"], and_open_exams=True)
        assert [session.code for session in found] == ["OTHER", "PRACT", "ABCDE"]
        assert store.sessions_among([]) == ()
        for code, position in (("OTHER", 1), ("ABCDE", 2), ("ABCDE", 0)):
            store.discuss(code, position, later(5))
        shown = store.discussions_among(["ABCDE", "PRACT"])
        assert shown == (Discussion("ABCDE", 0, later(5)), Discussion("ABCDE", 2, later(5)))
        assert store.discussions_among([]) == ()

    def test_a_trainee_is_in_a_session_once(self, store: Store) -> None:
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
        assert (store.answers_in("nope"), store.attempts_in("nope")) == ((), ())

    def test_a_class_is_asked_what_it_answered_to_its_scans_anywhere(self, store: Store) -> None:
        first = begin(store)
        store.record_answer(replace(answer(first, 0), answered_at=later(1)))
        store.record_answer(replace(answer(first, 1), answered_at=later(2)))
        store.open_session(SESSION)
        assert store.answers_of_class("ABCDE", first.cases) == ()
        store.start_attempt(replace(first, id="s1", session="ABCDE", started_at=later(3)))
        store.record_answer(replace(answer(store.get_attempt("s1"), 0), answered_at=later(4)))
        other = begin(store, "b1", "t2")  # who is not in it
        store.record_answer(replace(answer(other, 0), answered_at=later(5)))
        found = store.answers_of_class("ABCDE", first.cases[:1])
        assert [i.answer.attempt_id for i in found] == ["a1", "s1"]
        found = store.answers_of_class("ABCDE", first.cases)
        assert [(i.answer.attempt_id, i.answer.position) for i in found] == [
            ("a1", 0),
            ("a1", 1),
            ("s1", 0),
        ]

    def test_a_discussion_keeps_when_it_began(self, store: Store) -> None:
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

    def test_open_exams_are_everybodys_that_have_not_ended(self, store: Store) -> None:
        first = begin(store)
        exam = replace(first, id="exam", options=OPTIONS, started_at=later(1))
        store.start_attempt(exam)
        for number, options in enumerate((OPTIONS, Options(second_look=True)), start=2):
            other = Trainee(f"t{number}", "Bo", NOW)
            store.add_trainee(other)
            started = replace(exam, id=f"a{number}", trainee_id=other.id, options=options)
            store.start_attempt(replace(started, started_at=later(number)))
        assert [attempt.id for attempt in store.open_exam_attempts()] == ["exam", "a2"]
        store.end_attempt("exam", later(9))
        assert [attempt.id for attempt in store.open_exam_attempts()] == ["a2"]
        store.forget_trainee("t2")
        assert store.open_exam_attempts() == ()

    def test_a_switch_is_as_it_was_set_last(self, store: Store) -> None:
        assert store.find_switch("close") is None
        for setting in (
            Switch("close", True, "ada", NOW),
            Switch("close", False, "bo", later(1)),
            Switch("other", True, "bo", later(2)),
        ):
            store.set_switch(setting)
            assert store.find_switch(setting.name) == setting
        assert store.find_switch("close") == Switch("close", False, "bo", later(1))
        with pytest.raises(ValueError, match="zone"):
            store.set_switch(Switch("close", True, "ada", NOW.replace(tzinfo=None)))
