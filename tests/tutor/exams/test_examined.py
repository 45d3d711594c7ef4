"""Which scans the model must not answer just now, and how long that lasts."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from sqlalchemy import Engine

from octtutor.core.quiz import Options
from octtutor.datasets.scan_picture import ScanPicture
from octtutor.store.sql import SqlStore
from octtutor.store.sql.engines import open_engine, sqlite_url
from octtutor.store.sql.migrate import upgrade
from octtutor.tutor.decks.deck_import import EMBEDDED, import_scans
from octtutor.tutor.exams.examined import ExaminedScans, Refusal
from octtutor.tutor.exams.exams import Exams
from octtutor.tutor.sessions.class_sessions import Sessions
from tests.conftest import DECK, Clock
from tests.datasets.preparation.pictures import localizer
from tests.datasets.preparation.test_cleaning import coloured

EXAM = """
title = "Eight"
deck = "embedded"
mode = "exam"
[options]
total_seconds = 600
[rule]
per_class = 2
seed = 5
"""
UNTIMED = EXAM.replace("total_seconds = 600", "")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """The records' database, which two servers may have open."""
    opened = open_engine(sqlite_url(tmp_path / "records.db"))
    upgrade(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def store(engine: Engine) -> SqlStore:
    return SqlStore(engine)


@pytest.fixture(autouse=True)
def embedded(store, images, clock):
    import_scans(store, images, DECK, clock, EMBEDDED)


@pytest.fixture
def examined(store, images, clock: Clock) -> ExaminedScans:
    return ExaminedScans(store, images, clock)


@pytest.fixture
def trainee(practice) -> str:
    return practice.enrol(None, "Ada").id


@pytest.fixture
def attempt(quizzes, exams: Exams, trainee):
    quizzes.save(EXAM, "eight")
    return exams.start(trainee, "eight")


def other_case(store, cases) -> str:
    return next(c.sha256 for c in store.cases_of(EMBEDDED) if c.sha256 not in cases)


def test_before_any_exam_every_picture_may_be_answered(examined, store, images):
    case = store.cases_of(EMBEDDED)[0].sha256
    assert not examined.is_any()
    assert examined.why_not_scan(ScanPicture(images.read(case))) is None
    assert examined.why_not_file(case) is Refusal.KNOWN
    assert examined.why_not_file("0" * 64) is None


def test_a_scan_of_an_exam_is_known_by_its_file_and_its_pixels(examined, store, images, attempt):
    assert examined.is_any()
    for sha256 in attempt.cases:
        small = cv2.resize(images.read(sha256), None, fx=0.7, fy=0.7)
        mirrored = np.ascontiguousarray(small[:, ::-1])
        assert examined.why_not_file(sha256) is Refusal.EXAMINED
        assert examined.why_not_scan(ScanPicture(mirrored)) is Refusal.EXAMINED
    other = other_case(store, attempt.cases)
    assert examined.why_not_file(other) is Refusal.KNOWN
    assert examined.why_not_scan(ScanPicture(images.read(other))) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda scan: 255 - scan,
        np.rot90,
        lambda scan: np.hstack([localizer(len(scan)), np.full((len(scan), 12), 255), scan]),
        coloured,
    ],
    ids=["inverted", "on its side", "beside another panel", "in a device's colours"],
)
def test_a_scan_of_an_exam_is_known_by_what_a_network_is_shown_of_it(
    examined, store, images, attempt, change
):
    def ask(sha256: str) -> Refusal | None:
        picture = np.ascontiguousarray(change(images.read(sha256)), np.uint8)
        return examined.why_not_scan(ScanPicture(picture))

    assert [ask(sha256) for sha256 in attempt.cases] == [Refusal.EXAMINED] * len(attempt.cases)
    assert ask(other_case(store, attempt.cases)) is None


def test_a_pixel_size_that_is_not_its_own_does_not_hide_a_scan(examined, images, attempt):
    inverted = 255 - images.read(attempt.cases[0])
    assert examined.why_not_scan(ScanPicture(inverted, (1.5, 40.0))) is Refusal.EXAMINED


def test_it_lasts_until_the_exam_ends(examined, images, practice, attempt, trainee):
    scan = images.read(attempt.cases[0])
    assert examined.why_not_scan(ScanPicture(scan)) is Refusal.EXAMINED
    practice.end(trainee, attempt.id)
    assert examined.why_not_scan(ScanPicture(scan)) is None


def test_it_lasts_until_the_time_is_over_where_nobody_comes_back(
    examined, images, clock: Clock, attempt
):
    scan = images.read(attempt.cases[0])
    clock.pass_seconds(600)
    assert examined.why_not_scan(ScanPicture(scan)) is Refusal.EXAMINED
    clock.pass_seconds(4)
    assert examined.why_not_scan(ScanPicture(scan)) is None


def test_an_exam_without_a_limit_lasts_until_it_is_ended(
    examined, images, clock: Clock, quizzes, exams, trainee
):
    quizzes.save(UNTIMED, "untimed")
    scan = images.read(exams.start(trainee, "untimed").cases[0])
    clock.pass_seconds(30 * 86400)
    assert examined.why_not_scan(ScanPicture(scan)) is Refusal.EXAMINED


def test_a_session_that_is_an_exam_counts_from_its_opening_to_its_end(
    examined, images, quizzes, sessions: Sessions
):
    quizzes.save(EXAM, "eight")
    session = sessions.open("ada", "eight", "Tuesday")
    scan = images.read(session.cases[3])
    assert examined.why_not_scan(ScanPicture(scan)) is Refusal.EXAMINED
    sessions.end(session.code)
    assert examined.why_not_scan(ScanPicture(scan)) is None


def test_an_exam_that_is_begun_on_another_server_counts_here(
    examined, engine, store: SqlStore, images, clock, practice, attempt
):
    assert examined.why_not_scan(ScanPicture(images.read(attempt.cases[0]))) is Refusal.EXAMINED
    beside = SqlStore(engine)
    other = other_case(store, attempt.cases)
    trainee = practice.enrol(None, "Bo")
    beside.start_attempt(replace(attempt, id="b", trainee_id=trainee.id, cases=(other,)))
    for sha256 in (other, *attempt.cases):
        assert examined.why_not_scan(ScanPicture(images.read(sha256))) is Refusal.EXAMINED


def test_practice_keeps_no_scan_from_the_model(examined, store, images, attempt, practice):
    other = other_case(store, attempt.cases)
    trainee = practice.enrol(None, "Bo")
    practising = replace(attempt, id="b", trainee_id=trainee.id, cases=(other,), options=Options())
    store.start_attempt(practising)
    assert examined.why_not_scan(ScanPicture(images.read(other))) is None


def test_a_scan_that_is_lost_on_disk_does_not_stop_the_others(examined, images, attempt):
    lost, kept = attempt.cases[:2]
    scan = images.read(lost)
    images.place(lost).unlink()
    assert examined.why_not_scan(ScanPicture(images.read(kept))) is Refusal.EXAMINED
    assert examined.why_not_scan(ScanPicture(scan)) is None


def test_an_educator_closes_the_service_on_every_server_while_an_exam_runs(
    examined, engine, images, clock, quizzes, exams, trainee, practice
):
    other = ExaminedScans(SqlStore(engine), images, clock)
    other.close_during_exams("ada", True)
    assert examined.is_closing()
    picture = np.zeros((40, 60), np.uint8)
    assert examined.why_not_scan(ScanPicture(picture)) is None
    quizzes.save(EXAM, "eight")
    attempt = exams.start(trainee, "eight")
    assert examined.why_not_scan(ScanPicture(picture)) is Refusal.CLOSED
    assert examined.why_not_file("0" * 64) is Refusal.CLOSED
    other.close_during_exams("ada", False)
    assert examined.why_not_scan(ScanPicture(picture)) is None
    other.close_during_exams("ada", True)
    practice.end(trainee, attempt.id)
    assert examined.why_not_file("0" * 64) is None
