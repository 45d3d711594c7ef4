"""The educators' tab Sessions: the link, the board, the discussion, the downloads, the door."""

import base64
import csv
import io
import re
from collections.abc import Mapping
from pathlib import Path

import gradio as gr
import pytest

from octtutor.core.answer import Answer
from octtutor.core.quiz import Trainee
from octtutor.core.session import Session
from octtutor.errors import BadInputError, NotAllowedError, StaleError, StoreError
from octtutor.reports.session_files import session_files
from octtutor.tutor.decks.deck_import import import_scans
from octtutor.tutor.exams.quizzes import Quizzes
from octtutor.tutor.sessions.class_sessions import Sessions
from octtutor.ui.sessions.handlers import SessionNow, SessionsHandlers
from octtutor.ui.sessions.page import build_sessions_tab
from octtutor.ui.sessions.public_address import public_address
from octtutor.ui.sessions.views import door_view, downloads_view

HERE = "http://tutor.example/"
QUIZ = """
title = "<i>Six</i> scans"
deck = "real"
[rule]
per_class = { CNV = 2, DME = 2, NORMAL = 2 }
"""


@pytest.fixture
def sessions(store, images, shelf, clock, scans, tmp_path: Path) -> Sessions:
    import_scans(store, images, scans, clock, "real")
    (tmp_path / "quizzes").mkdir()
    (tmp_path / "quizzes" / "six.toml").write_text(QUIZ)
    (tmp_path / "quizzes" / "exam.toml").write_text('mode = "exam"\n' + QUIZ)
    quizzes = Quizzes(store, (tmp_path / "quizzes",))
    return Sessions(store, images, quizzes, shelf, clock)


@pytest.fixture
def handlers(sessions: Sessions) -> SessionsHandlers:
    exports = {
        "answers.csv": lambda code: f"code,ü\n{code}\n",
        "report.html": lambda code: f"<h1>{code}</h1>",
    }
    return SessionsHandlers(sessions, exports)


@pytest.fixture
def code(handlers: SessionsHandlers) -> str:
    return handlers.open("grace", "six", "")


class Class:
    """Trainees who join and answer; the clock goes on with each answer."""

    def __init__(self, sessions: Sessions, store, clock) -> None:
        self._sessions, self._store, self._clock = sessions, store, clock

    def joins(self, code: str, *names: str) -> None:
        for name in names:
            self._store.add_trainee(Trainee(f"id {name}", name, self._clock()))
            self._sessions.join(code, f"id {name}", "192.0.2.1")
            self._clock.pass_seconds(1)

    def answers(self, code: str, name: str, right: bool = True) -> None:
        self._clock.pass_seconds(1)
        attempt = self._sessions.join(code, f"id {name}", "192.0.2.1")
        position = len(self._store.answers_of(attempt.id))
        case = self._store.get_case(attempt.deck, attempt.cases[position])
        self._store.record_answer(
            Answer(
                attempt.id,
                position,
                attempt.trainee_id,
                case.sha256,
                case.label,
                case.label if right else None,
                3,
                1000,
                self._clock(),
                attempt.deck,
                attempt.quiz,
                attempt.quiz_version,
            )
        )


@pytest.fixture
def people(sessions: Sessions, store, clock) -> Class:
    return Class(sessions, store, clock)


# ---- the link --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "scheme", "address"),
    [
        ({"host": "127.0.0.1:7860"}, "http", "http://127.0.0.1:7860/"),
        ({"host": "[::1]:7860"}, "http", "http://[::1]:7860/"),
        (
            {"host": "inner:7860", "x-forwarded-host": "tutor.example, inner"},
            "http",
            "http://tutor.example/",
        ),
        (
            {"host": "tutor.example", "x-forwarded-proto": "https, http"},
            "http",
            "https://tutor.example/",
        ),
        (
            {"host": "tutor.example", "referer": "https://tutor.example/eyes/educator/?x=1"},
            "http",
            "https://tutor.example/eyes/",
        ),
        (
            {"host": "tutor.example", "referer": "https://evil.example/educator/"},
            "https",
            "https://tutor.example/",
        ),
        (
            {"host": "tutor.example", "referer": "https://tutor.example/<b>/educator/"},
            "https",
            "https://tutor.example/",
        ),
        (
            {"host": "tutor.example", "referer": "https://[x/educator/"},
            "https",
            "https://tutor.example/",
        ),
        ({"host": "a'><script>.example"}, "http", ""),
        ({"host": "user@evil.example"}, "http", ""),
        ({"host": "tutor.example"}, "javascript", ""),
        ({"host": "tutor.example", "x-forwarded-host": "a b"}, "http", ""),
        ({}, "http", ""),
    ],
)
def test_the_link_is_the_page_that_the_browser_sees(
    headers: Mapping[str, str], scheme: str, address: str
):
    assert public_address(headers, scheme) == address


def test_the_door_shows_code_link_and_qr_picture(handlers, code):
    door = handlers.room(code, HERE).door
    assert f">{code}</p>" in door
    assert f"href='http://tutor.example/?session={code}'" in door
    assert "<svg" in door
    assert "this machine only" not in door
    assert "this machine only" in handlers.room(code, "http://127.0.0.1:7860/").door
    without = handlers.room(code, "").door
    assert code in without
    assert "<svg" not in without


def test_a_session_that_has_ended_has_no_door(handlers, code):
    handlers.end(handlers.room(code, HERE))
    door = handlers.room(code, HERE).door
    assert "Ended 2026-01-05" in door
    assert "<svg" not in door


def test_titles_and_names_with_html_are_text(handlers, code, people):
    people.joins(code, "<img src=x onerror=alert(1)>")
    people.answers(code, "<img src=x onerror=alert(1)>")
    handlers.reveal(handlers.room(code, HERE))
    room = handlers.room(code, HERE)
    drawn = room.door + room.board_html + room.pictures + room.said
    assert "<i>Six</i>" not in drawn
    assert "<img src=x" not in drawn
    assert drawn.count("&lt;img src=x") == 2


# ---- opening and watching --------------------------------------------------------------------


def test_only_a_quiz_can_be_opened(handlers):
    assert handlers.quizzes() == [
        ("<i>Six</i> scans (6 scans, exam)", "exam"),
        ("<i>Six</i> scans (6 scans)", "six"),
    ]
    for quiz in (None, "", 7, "nothing", "../six"):
        with pytest.raises(BadInputError):
            handlers.open("grace", quiz, "")


def test_without_a_session_the_tab_says_what_to_do(handlers):
    room = handlers.room(None, HERE)
    assert room.code is None
    assert "no session yet" in room.board_html
    for act in (handlers.pause, handlers.go_on, handlers.end, handlers.reveal, handlers.hide):
        with pytest.raises(BadInputError, match="None is chosen"):
            act(room)
    with pytest.raises(BadInputError, match="None is chosen"):
        handlers.step(None, 1)
    with pytest.raises(BadInputError, match="None is chosen"):
        handlers.downloads(None)


def test_the_latest_session_is_shown_and_earlier_ones_can_be_chosen(handlers, code, clock):
    clock.pass_seconds(60)
    later = handlers.open("grace", "six", "Second")
    room = handlers.room(None, HERE)
    assert room.code == later
    assert [value for _, value in room.choices] == [later, code]
    assert "Second · open" in room.choices[0][0]
    assert handlers.room(code.lower(), HERE).code == code
    assert handlers.room("ZZZZZ", HERE).code == later


def test_the_board_moves_when_somebody_answers(handlers, code, people):
    empty = handlers.room(code, HERE)
    assert "Nobody has joined yet" in empty.board_html
    people.joins(code, "Ada", "Ben")
    joined = handlers.room(code, HERE, empty)
    assert "1 of 6" in joined.board_html
    same = handlers.room(code, HERE, joined)
    assert same == joined
    assert same.board is joined.board  # not reckoned again
    people.answers(code, "Ada", right=False)
    moved = handlers.room(code, HERE, joined)
    assert "2 of 6" in moved.board_html
    assert "0 %" not in moved.board_html  # Ben still reads it
    assert "in no figure yet: 1" in moved.board_html
    assert "1 answered, 1 of 2 have not yet" in moved.note


def test_a_reload_and_a_second_educator_see_the_same(handlers, code, people, sessions):
    people.joins(code, "Ada")
    first = handlers.room(code, HERE)
    handlers.reveal(handlers.step(first, 2))
    handlers.pause(first)
    mine = handlers.room(code, HERE, first)
    other = SessionsHandlers(sessions, {}).room(None, HERE)
    assert (mine.position, mine.discussed) == (other.position, other.discussed) == (2, 2)
    assert other.session is not None
    assert other.session.paused_at is not None
    assert "Paused" in other.door
    assert mine.board_html == other.board_html


def test_a_paused_session_goes_on_and_an_ended_one_does_not(handlers, code):
    room = handlers.room(code, HERE)
    handlers.pause(room)
    assert "paused" in handlers.room(code, HERE).choices[0][0]
    handlers.go_on(room)
    assert "Paused" not in handlers.room(code, HERE).door
    handlers.end(room)
    with pytest.raises(StaleError, match="ended"):
        handlers.pause(room)
    assert "ended" in handlers.room(code, HERE).choices[0][0]


# ---- discussing ------------------------------------------------------------------------------


def truth_of(sessions: Sessions, session: Session, position: int) -> str:
    return str(sessions.show(session.code, position).case.label)


def test_a_case_is_revealed_with_the_class_the_model_and_its_map(handlers, code, people, sessions):
    people.joins(code, "Ada", "Ben")
    people.answers(code, "Ada", right=False)
    room = handlers.room(code, HERE)
    assert "Their answers will not count" in room.note
    assert room.pictures == room.said == ""
    handlers.reveal(room)
    shown = handlers.room(code, HERE, room)
    assert room.session is not None
    assert f"Truth: {truth_of(sessions, room.session, 0)}" in shown.pictures
    assert shown.pictures.count("data:image/png") == 2
    assert "data:image/webp" in shown.pictures
    assert "Model: CNV" in shown.pictures
    assert "<strong>ungradable</strong>: Ada" in shown.said
    assert "1 of 2 have not answered" in shown.note
    people.answers(code, "Ben")
    again = handlers.room(code, HERE, shown)
    assert again.pictures is shown.pictures  # not drawn again
    assert "not counted: 1" in again.said
    assert "Ben (discussed)" in again.said
    handlers.hide(again)
    assert handlers.room(code, HERE, again).pictures == ""


def test_going_to_another_case_shows_nothing_before_it_is_revealed(handlers, code, sessions):
    room = handlers.room(code, HERE)
    assert handlers.step(room, -1).position == 0
    handlers.reveal(room)
    shown = handlers.room(code, HERE, room)
    moved = handlers.step(shown, 1)
    assert sessions.get(code).discussed is None
    after = handlers.room(code, HERE, moved)
    assert (after.position, after.pictures, after.said) == (1, "", "")
    for _ in range(9):
        after = handlers.step(after, 1)
    assert after.position == 5


def test_the_truth_of_a_case_that_is_still_read_is_kept_off_the_projector(handlers, code, people):
    people.joins(code, "Ada", "Ben")
    for _ in range(2):
        people.answers(code, "Ada", right=False)
    room = handlers.room(code, HERE)
    assert "class='truth'" not in room.board_html
    assert "%</abbr>" not in room.board_html
    handlers.reveal(room)
    told = handlers.room(code, HERE, room)
    assert told.board_html.count("class='truth'") == 1
    handlers.end(told)
    assert handlers.room(code, HERE, told).board_html.count("class='truth'") == 2


def test_the_board_of_people_who_still_read_is_the_same_whatever_is_true(
    handlers, sessions, people, store
):
    """What one reader was right about, and another is yet to be asked, moves no figure."""
    drawn = []
    for right in (True, False):
        code = handlers.open("grace", "exam", "One exam")
        names = [f"{name} {right}" for name in ("Ada", "Ben")]
        people.joins(code, *names)
        for _ in range(2):
            people.answers(code, names[0], right)
        board = handlers.room(code, HERE).board
        figures = (board.right, board.matrix.tolist(), board.hardest, board.against_model)
        lines = [(line.right, line.is_disclosed, line.model) for line in board.cases]
        drawn.append((figures, lines, [reader.right for reader in board.readers]))
    assert drawn[0] == drawn[1]


def test_the_files_of_an_exam_that_is_still_read_tell_nothing_but_what_was_discussed(
    handlers, sessions, people, store, clock
):
    code = handlers.open("grace", "exam", "")
    people.joins(code, "Ada", "Ben")
    for right in (True, False):
        people.answers(code, "Ada", right)
    sessions.discuss(code, 1)

    def files() -> dict[str, str]:
        kinds = ("html", "csv", "imrmc")
        return session_files(store, sessions.gather(code), kinds, clock(), lambda *asked: None)

    hidden, shown, *others = sessions.get(code).cases
    for text in files().values():
        assert not any(sha256 in text for sha256 in (hidden, *others))
    first, second = csv.DictReader(io.StringIO(files()[f"session-{code}.csv"]))
    assert {first["truth"], first["right"], first["scan_sha256"], first["seed"]} == {""}
    assert (second["right"], second["scan_sha256"]) == ("0", shown)
    assert "1 answers to scans that were not shown" in files()[f"session-{code}.html"]
    sessions.end(code)
    assert hidden in files()[f"session-{code}.csv"]
    assert "held back" not in files()[f"session-{code}.html"]


def test_practice_that_all_have_answered_is_told_on_the_board(handlers, code, people):
    people.joins(code, "Ada", "Ben")
    people.answers(code, "Ada", right=False)
    assert "%</abbr>" not in handlers.room(code, HERE).board_html
    people.answers(code, "Ben", right=False)
    room = handlers.room(code, HERE)
    assert "0 %" in room.board_html
    assert room.board_html.count("class='truth'") == 1


def test_the_class_is_discussed_without_a_model_too(handlers, code, predictor):
    predictor.fault = "its folder is <gone>"
    handlers.reveal(handlers.room(code, HERE))
    pictures = handlers.room(code, HERE).pictures
    assert "its folder is &lt;gone&gt;" in pictures
    assert pictures.count("<img") == 1


def test_a_patient_of_the_training_data_is_named_as_one(handlers, code, predictor):
    handlers.reveal(handlers.room(code, HERE))
    room = handlers.room(code, HERE)
    assert "trained on scans of this patient" not in room.pictures
    assert room.gathered is not None
    predictor.known_patients = {room.gathered.cases[0].patient}
    assert "trained on scans of this patient" in handlers.room(code, HERE).pictures


# ---- afterwards ------------------------------------------------------------------------------


def test_downloads_hold_their_text(handlers, code):
    links = handlers.downloads(code)
    hrefs = re.findall(
        r"download='([^']+)' href='data:([^;]+);charset=utf-8;base64,([^']+)'", links
    )
    assert [(name, kind) for name, kind, _ in hrefs] == [
        (f"session-{code}-answers.csv", "text/csv"),
        (f"session-{code}-report.html", "text/html"),
    ]
    texts = [base64.b64decode(data).decode() for _, _, data in hrefs]
    assert texts == [f"code,ü\n{code}\n", f"<h1>{code}</h1>"]
    with pytest.raises(StoreError, match="no session"):
        handlers.downloads("ZZZZZ")
    assert downloads_view("A", {}).count("<a") == 0


# ---- who may ---------------------------------------------------------------------------------


def test_every_event_of_the_tab_asks_first_who_is_asking(handlers, code):
    asked = []

    def nobody(request: gr.Request):
        asked.append(request)
        raise NotAllowedError("Expected an educator.")

    with gr.Blocks() as page, gr.Tabs():
        build_sessions_tab(page, handlers, nobody)
    events = [fn for fn in page.fns.values() if fn.fn is not None]
    assert len(events) >= 12
    assert all(fn.api_visibility == "private" for fn in page.fns.values())
    room = handlers.room(code, HERE)
    for fn in events:
        given = [None if isinstance(c, gr.Dropdown) else room for c in fn.inputs]
        with pytest.raises(gr.Error, match="Expected an educator"):
            fn.fn(gr.Request(), *given)
    assert len(asked) == len(events)
    session = handlers.room(code, HERE).session
    assert session is not None
    assert session.is_open
    assert session.paused_at is None


def test_a_door_without_a_model_says_so(sessions, code):
    from dataclasses import replace

    session = replace(sessions.get(code), model=None)
    assert "model none" in door_view(session, HERE)
    assert SessionNow(()).code is None


def test_below_the_door_stands_whose_the_scans_are(handlers, code, store):
    from dataclasses import replace

    assert "class='cited'" not in handlers.room(code, HERE).door
    deck = store.find_deck(handlers.room(code, HERE).session.deck)
    store.put_deck(replace(deck, citation="Ada, 2026.", licence="CC"))
    door = handlers.room(code, HERE).door
    assert door.index(code) < door.index("Ada, 2026. CC")
