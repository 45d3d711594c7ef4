"""The tab Progress without a browser: what is shown, exported, deleted, refused."""

import json
from dataclasses import replace

import gradio as gr
import pytest

from octtutor.core.case import Case
from octtutor.core.diagnosis import LABELS
from octtutor.core.quiz import Options, Trainee
from octtutor.errors import BadInputError
from octtutor.store.sql import SqlStore
from octtutor.tutor.progress.trainee_records import Records
from octtutor.ui.progress.page import (
    PLOTS,
    REAL,
    SYNTHETIC,
    TEXTS,
    ProgressHandlers,
    build_progress_tab,
)
from tests.conftest import Clock
from tests.tutor.progress.histories import EXAM, attempt, keep_history, read

C = LABELS[0]
ADA = {"id": "t", "nickname": "Ada"}
FORGED = [
    None,
    [],
    "t",
    {},
    {"id": None},
    {"id": 7},
    {"id": ["t"]},
    {"id": ""},
    {"id": "x" * 65},
    {"id": "nobody"},
]


@pytest.fixture
def kept(clock: Clock):
    return keep_history(clock)


@pytest.fixture
def handlers(kept, clock: Clock) -> ProgressHandlers:
    return ProgressHandlers(kept[0], clock)


def test_the_tab_shows_what_was_read_last_and_lets_choose(handlers: ProgressHandlers):
    shown = handlers.show(ADA)
    assert shown.synthetic is True
    assert set(shown.kinds) == {True, False}
    assert "Scans read: 2" in shown.note
    assert "synthetic" in shown.note
    assert "Scans read: 3" in handlers.show(ADA, REAL).note
    assert "Scans read: 2" in handlers.show(ADA, SYNTHETIC).note
    assert "Scans read: 2" in handlers.show(ADA, "<forged>").note


def test_whose_the_scans_are_can_be_unfolded(handlers: ProgressHandlers, kept):
    _, store = kept
    assert "class='cited'" not in handlers.show(ADA, REAL).note
    store.put_deck(replace(store.find_deck("d"), citation="Ada, 2026.", licence="CC"))
    assert "<details><summary>Whose scans these are</summary><p" in handlers.show(ADA, REAL).note
    assert "Ada, 2026. CC" in handlers.show(ADA, REAL).note
    assert "Ada, 2026" not in handlers.show(ADA, SYNTHETIC).note


def test_the_head_says_where_the_model_knew_the_patient_or_nobody_does(kept, clock: Clock):
    records, store = kept
    store.put_deck(replace(store.find_deck("d"), name="x"))
    cases = [Case(f"e{n}" + "0" * 62, C, name, "x.png") for n, name in enumerate(("p7", "x.png"))]
    store.add_cases("x", cases)
    hashes = tuple(case.sha256 for case in cases)
    store.start_attempt(attempt("x", hashes, deck="x", started_at=clock(), ended_at=None))
    for n, sha256 in enumerate(hashes):
        clock.pass_seconds(60)
        item = read(n, C, C, attempt="x", sha256=sha256, deck="x", at=clock(), model=C)
        store.record_answer(item.answer)
        store.record_prediction("x", n, item.prediction)
    knows = ProgressHandlers(records, clock, lambda: lambda weights, sha256, who: who == "p7")
    note = knows.show(ADA, REAL).note
    assert "The model answered 2 times. 1 of these scans are of patients that it was" in note
    assert "Of 1 it is not known, or cannot be" in note
    assert "class='training'" not in knows.show(ADA, SYNTHETIC).note


def test_every_part_has_words_and_due_comes_first(handlers: ProgressHandlers):
    shown = handlers.show(ADA, REAL)
    assert len(shown.texts) == len(TEXTS)
    assert len(shown.plots) == len(PLOTS)
    assert "Due" in shown.texts[0]
    assert all("<div class='record'>" in text for text in shown.texts)
    drawn = dict(zip(PLOTS, shown.plots, strict=True))
    assert drawn["curve_plot"] is not None
    assert drawn["exams_plot"] is None
    assert drawn["second_plot"] is None


@pytest.mark.parametrize("browser", FORGED)
def test_a_forged_browser_state_shows_nothing_and_says_what_to_do(
    handlers: ProgressHandlers, browser
):
    shown = handlers.show(browser)
    assert "Go to <b>Practise</b>" in shown.note
    assert not shown.texts
    assert not shown.known
    with pytest.raises(BadInputError, match="Reload the page"):
        handlers.export(browser)
    with pytest.raises(BadInputError, match="Reload the page"):
        handlers.losses(browser)


@pytest.mark.parametrize("browser", FORGED)
def test_a_forged_browser_state_deletes_nobody(handlers: ProgressHandlers, kept, browser):
    handlers.forget(browser)
    assert len(kept[1].answers_by("t")) == 5


def test_everything_is_exported_and_then_deleted(handlers: ProgressHandlers, kept):
    assert len(json.loads(handlers.export(ADA))["answers"]) == 5
    assert "5 answers in 2 quizzes, 0 of them exams" in handlers.losses(ADA)
    assert "Deleted" in handlers.forget(ADA).note
    assert kept[1].find_trainee("t") is None
    assert "Go to <b>Practise</b>" in handlers.show(ADA).note


def test_who_has_read_nothing_can_delete_their_nickname(kept, clock: Clock):
    records, store = kept
    store.add_trainee(Trainee("new", "Bo", clock()))
    shown = ProgressHandlers(records, clock).show({"id": "new"})
    assert shown.known
    assert not shown.texts


def test_a_running_exam_alone_shows_nothing_yet(kept, clock: Clock):
    _, store = kept
    store.add_trainee(Trainee("e", "Eve", clock()))
    cases = ("d0" + "0" * 62,)
    exam = attempt("x", cases, trainee_id="e", options=EXAM, started_at=clock(), ended_at=None)
    store.start_attempt(exam)
    item = read(0, LABELS[0], LABELS[0], attempt="x", sha256=cases[0], at=clock())
    store.record_answer(replace(item.answer, trainee_id="e"))
    handlers = ProgressHandlers(Records(store, clock), clock)
    assert "An exam gives no feedback" in handlers.show({"id": "e"}).note
    assert '"truth": null' in handlers.export({"id": "e"})


def test_a_running_exam_is_left_out_and_the_rest_is_shown(
    handlers: ProgressHandlers, kept, clock: Clock
):
    _, store = kept
    _fail_an_exam(store, clock, replace(EXAM, attempts=1))
    assert handlers.show(ADA).synthetic is True
    assert "Scans read: 3" in handlers.show(ADA, REAL).note
    store.end_attempt("x", clock())
    assert "Scans read: 4" in handlers.show(ADA).note


def test_a_failed_exam_is_left_out_as_long_as_it_can_be_taken_again(
    handlers: ProgressHandlers,
    kept,
    clock: Clock,
):
    _, store = kept
    _fail_an_exam(store, clock, replace(EXAM, attempts=2))
    store.end_attempt("x", clock())
    assert "Scans read: 3" in handlers.show(ADA, REAL).note


def _fail_an_exam(store: SqlStore, clock: Clock, options: Options) -> None:
    """Answer the one case of an exam, and do not end it."""
    cases = ("d3" + "0" * 62,)
    exam = attempt("x", cases, quiz="x", options=options, started_at=clock(), ended_at=None)
    store.start_attempt(exam)
    store.record_answer(read(0, LABELS[3], C, attempt="x", sha256=cases[0], at=clock()).answer)


def test_a_nickname_with_markup_is_never_drawn(kept, clock: Clock):
    records, store = kept
    store.add_trainee(Trainee("t", "<img src=x onerror=alert(1)>", clock()))
    shown = ProgressHandlers(records, clock).show(ADA)
    assert "<img" not in shown.note + "".join(shown.texts)


def test_the_tab_is_built_and_its_events_are_private(handlers: ProgressHandlers):
    with gr.Blocks() as page:
        browser = gr.BrowserState(None, storage_key="octtutor", secret="octtutor")
        with gr.Tabs():
            build_progress_tab(page, handlers, browser)
    events = [event for event in page.config["dependencies"] if event["backend_fn"]]
    assert len(events) >= 6
    assert {event["api_visibility"] for event in events} == {"private"}
