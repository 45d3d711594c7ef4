"""A session on a deck of eight diagnoses: its board and its report are in the scheme's words."""

import re
from pathlib import Path

import pytest

from octtutor.core.quiz import Trainee
from octtutor.core.quizfile.writing import write_quiz
from octtutor.reports.session_report import session_report_html
from octtutor.tutor.exams.quiz_building import build_quiz
from octtutor.tutor.exams.quizzes import Quizzes
from octtutor.tutor.practice.practice import Practice
from octtutor.tutor.sessions.board import board_of
from octtutor.tutor.sessions.class_sessions import Sessions
from octtutor.ui.sessions.handlers import SessionsHandlers
from tests.eight_scans import OCTDL, import_eight


@pytest.fixture
def sessions(store, images, shelf, clock, tmp_path: Path) -> Sessions:
    deck = import_eight(store, images, clock, tmp_path)
    quizzes = Quizzes(store, (tmp_path / "quizzes",))
    rule = {"VID": 1, "ERM": 1}
    quiz = build_quiz("two", "Two", deck=deck, per_class=rule, scheme=OCTDL)
    quizzes.save(write_quiz(quiz), "two")
    return Sessions(store, images, quizzes, shelf, clock)


def test_bars_dots_and_columns_are_the_scheme_s(sessions, practice: Practice, store, clock):
    handlers = SessionsHandlers(sessions, {})
    code = handlers.open("grace", "two", "")
    store.add_trainee(Trainee("ada", "Ada", clock()))
    attempt = sessions.join(code, "ada", "192.0.2.1")
    practice.question("ada", attempt.id)
    practice.commit("ada", attempt.id, 0, "RAO", 3)
    handlers.reveal(handlers.room(code, ""))
    room = handlers.room(code, "")
    bars = dict(
        re.findall(
            r"<th scope='row'>(\w+)[^<]*</th>\s*<td class='bars'><i[^>]*style='([^']*)'", room.said
        )
    )
    assert bars["RAO"] == f"width:100%;--class:{OCTDL.get('RAO').colour}"
    assert bars["VID"] == f"width:0%;--class:{OCTDL.get('VID').colour}"
    truth = store.get_case("eight", attempt.cases[0]).label
    assert f"<span class='truth' style='--class:{OCTDL.get(truth).colour}'>" in room.pictures
    for key, colour in OCTDL.colours.items():
        assert f"style='--class:{colour}'></i>{key}" in room.board_html
    gathered = sessions.gather(code)
    report = session_report_html(gathered, board_of(gathered), clock(), True)
    for key in OCTDL.keys:
        assert f"<th scope='col'>{key}</th>" in report
    assert "<th scope='col'>CNV</th>" not in report
