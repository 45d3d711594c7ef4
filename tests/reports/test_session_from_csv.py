"""Every displayed number of a session, recomputed from its CSV by the documented rule.

The session is played through the real use cases: an idle reader, one who leaves, answers after a
discussion, a scan that had been read before, an ungradable, and second looks.
"""

import csv
import io
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.core.disclosure import Audience
from octtutor.core.quiz import Trainee
from octtutor.reports.session_files import session_files
from octtutor.stats.intervals import share_by_patient
from octtutor.tutor.decks.deck_import import import_scans
from octtutor.tutor.exams.exams import Exams
from octtutor.tutor.exams.quizzes import Quizzes
from octtutor.tutor.practice.practice import Practice
from octtutor.tutor.progress.results import results
from octtutor.tutor.progress.trainee_records import Records
from octtutor.tutor.sessions.board import board_of
from octtutor.tutor.sessions.class_sessions import Sessions
from tests.conftest import write_scans

HERE = "192.0.2.7"
QUIZ = """
title = "Twelve scans"
deck = "real"
{mode}
[rule]
per_class = {{ CNV = 3, DME = 3, DRUSEN = 3, NORMAL = 3 }}
seed = 3
"""
LOOK = "[options]\nsecond_look = true\n"
NAMES = ("Ada", "Ben", "Cleo", "Idle")


class Room:
    """A class that reads through the same use cases as the page."""

    def __init__(self, store, images, shelf, clock, folder: Path) -> None:
        import_scans(store, images, write_scans(folder / "twelve", 3), clock, "real")
        (folder / "quizzes").mkdir()
        (folder / "quizzes" / "twelve.toml").write_text(QUIZ.format(mode="") + LOOK)
        exam = QUIZ.format(mode='mode = "exam"\npass_mark = 0.9')
        (folder / "quizzes" / "exam.toml").write_text(exam)
        quizzes = Quizzes(store, (folder / "quizzes",))
        self.store, self.clock = store, clock
        self.practice = Practice(store, images, shelf, clock)
        self.sessions = Sessions(store, images, quizzes, shelf, clock)
        self.exams = Exams(store, quizzes, shelf, clock)
        for name in NAMES:
            store.add_trainee(Trainee(name, name, clock()))

    def answers(self, name: str, attempt, position: int, choice, sure: int = 3) -> None:
        self.clock.pass_seconds(5)
        self.practice.question(name, attempt.id)
        self.practice.commit(name, attempt.id, position, choice, sure)
        if attempt.options.second_look and attempt.session:
            look = self.practice.look(name, attempt.id, position)
            assert look is not None
            self.practice.decide(name, attempt.id, position, look.prediction.label, 500)
        self.practice.next_question(name, attempt.id, position)

    def truth(self, attempt, position: int):
        return self.store.get_case(attempt.deck, attempt.cases[position]).label


@pytest.fixture
def room(store, images, shelf, clock, tmp_path: Path) -> Room:
    return Room(store, images, shelf, clock, tmp_path)


@pytest.fixture
def played(room: Room) -> str:
    """Play it; returns the session's code."""
    code = room.sessions.open("grace", "twelve").code
    alone = room.exams.start("Ben", "twelve")
    room.answers("Ben", alone, 0, room.truth(alone, 0))
    room.practice.end("Ben", alone.id)
    joined = {name: room.sessions.join(code, name, HERE) for name in NAMES}
    rng = np.random.default_rng(4)
    for position, name in product(range(12), ("Ada", "Ben", "Cleo")):
        if name == "Ben" and position == 9:
            room.practice.end("Ben", joined["Ben"].id)  # the leaver
        if name == "Ben" and position >= 9:
            continue
        if name == "Cleo" and position in (4, 7):
            room.clock.pass_seconds(5)
            room.sessions.discuss(code, position)  # before Cleo answers
        right = room.truth(joined[name], position)
        choice = right if rng.random() < 0.6 else LABELS[int(rng.integers(4))]
        choice = None if (name, position) == ("Ada", 2) else choice
        room.answers(name, joined[name], position, choice, 1 + position % 5)
    room.sessions.end(code)
    return code


def rows_of(room: Room, code: str, kinds=("csv",)):
    files = session_files(
        room.store, room.sessions.gather(code), kinds, room.clock(), lambda *asked: None
    )
    return list(csv.DictReader(io.StringIO(files[f"session-{code}.csv"])))


def test_the_csv_says_what_counts_and_why_not(room: Room, played: str):
    rows = rows_of(room, played)
    assert len(rows) == 12 + 9 + 12
    why = {(row["reader"], row["case"]): row["why_not"] for row in rows if row["counts"] == "0"}
    repeated = [key for key, reason in why.items() if reason == "repeated"]
    assert {key for key, reason in why.items() if reason == "discussed"} == {
        ("Cleo", "5"),
        ("Cleo", "8"),
    }
    assert [who for who, _ in repeated] == ["Ben"]
    assert len(why) == 3


def test_the_boards_numbers_come_out_of_the_csv(room: Room, played: str):
    rows = rows_of(room, played)
    board = board_of(room.sessions.gather(played), Audience.EDUCATOR)
    counts = [row for row in rows if row["counts"] == "1"]
    right = np.array([row["right"] == "1" for row in counts])
    assert (board.answered, board.held_back, board.timed_out) == (len(counts), 0, 0)
    assert {str(why): n for why, n in board.left_out.items()} == {"discussed": 2, "repeated": 1}
    scans = [row["scan_sha256"] for row in counts]
    patients = {c.sha256: c.patient for c in room.store.cases_of("real")}
    readers = [row["attempt"] for row in counts]
    expected = share_by_patient(right, [patients[scan] for scan in scans], readers)
    assert board.right == expected
    columns = [*LABELS, "UNGRADABLE"]
    for truth, answer in product(LABELS, columns):
        n = sum((row["truth"], row["answer"]) == (truth, answer) for row in counts)
        assert board.matrix[LABELS.index(truth), columns.index(answer)] == n
    for reader in board.readers:
        own = [row["right"] == "1" for row in counts if row["reader"] == reader.name]
        assert (reader.right.n, reader.right.value) == (len(own), np.mean(own) if own else None)
    for line in board.cases:
        here = [row for row in counts if int(row["case"]) == line.position + 1]
        assert line.right.n == len(here)
        assert line.right.value == pytest.approx(np.mean([row["right"] == "1" for row in here]))
        assert line.counts == tuple(sum(row["answer"] == c for row in here) for c in columns)


def test_the_readings_for_imrmc_are_the_rows_that_count(room: Room, played: str):
    files = session_files(
        room.store, room.sessions.gather(played), ("imrmc",), room.clock(), lambda *asked: None
    )
    text = files[f"session-{played}.imrmc"]
    counts = [row for row in rows_of(room, played) if row["counts"] == "1"]
    table = text.partition("BEGIN DATA:\n")[2].splitlines()
    unaided = [line for line in table if ",unaided," in line]
    assert (len(unaided), text.count("NR: 3")) == (len(counts), 1)
    signs = {"CNV": 1, "DME": 1, "DRUSEN": -1, "NORMAL": -1, "UNGRADABLE": 0}
    scores = sorted(signs[row["answer"]] * int(row["confidence"]) for row in counts)
    assert sorted(float(line.split(",")[3]) for line in unaided) == scores


def test_the_report_says_how_many_went_in(room: Room, played: str):
    files = session_files(
        room.store, room.sessions.gather(played), ("html",), room.clock(), lambda *asked: None
    )
    html = files[f"session-{played}.html"]
    assert "3 of 4 readers, 12 scans of 12 patients, 30 first answers." in html
    assert "1 readers without an answer that counts are dropped." in html
    assert "Not counted in the figures: 2 discussed, 1 repeated." in html
    assert "The 6 scans that all rated both ways" in html


def test_an_exams_card_progress_and_csv_have_one_verdict(room: Room):
    code = room.sessions.open("grace", "exam").code
    exam = room.sessions.join(code, "Ada", HERE)
    for position in range(12):
        if position in (3, 5):
            room.sessions.discuss(code, position)
        room.answers("Ada", exam, position, room.truth(exam, position))
    room.sessions.end(code)
    attempt, items = room.practice.disclosed("Ada", exam.id)
    outcome = room.exams.outcome(attempt, [item.answered for item in items], 0)
    scheme = room.practice.scheme_of(attempt)
    card = results(attempt, outcome.counted, scheme, None, outcome.patients)
    records = Records(room.store, room.clock)
    shown = records.of("Ada", False)
    (in_progress,) = shown.exams
    rows = rows_of(room, code)
    told = ("late", "discussed")
    right = sum(row["right"] == "1" and row["why_not"] not in told for row in rows)
    assert right == 10
    assert (outcome.right, outcome.passed) == (right, False)
    assert (in_progress.score.value, in_progress.passed) == (pytest.approx(right / 12), False)
    counts = [row["right"] == "1" for row in rows if row["counts"] == "1"]
    for figure in (card.right, shown.right):
        assert (figure.n, figure.value) == (len(counts), np.mean(counts)) == (10, 1.0)
