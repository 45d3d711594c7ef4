"""The tab Progress without a browser: what is shown, exported, deleted, refused."""

import json
from dataclasses import replace

import gradio as gr
import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.core.quiz import Trainee
from octtutor.errors import BadInputError
from octtutor.tutor.progress import Records
from octtutor.ui.progress import (
    PLOTS,
    REAL,
    SYNTHETIC,
    TEXTS,
    ProgressHandlers,
    build_progress_tab,
)
from tests.conftest import Clock
from tests.tutor.test_progress import EXAM, attempt, kept, read  # noqa: F401

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
def handlers(kept, clock: Clock) -> ProgressHandlers:  # noqa: F811
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
def test_a_forged_browser_state_deletes_nobody(handlers: ProgressHandlers, kept, browser):  # noqa: F811
    handlers.forget(browser)
    assert len(kept[1].answers_by("t")) == 5


def test_everything_is_exported_and_then_deleted(handlers: ProgressHandlers, kept):  # noqa: F811
    assert len(json.loads(handlers.export(ADA))["answers"]) == 5
    assert "5 answers in 2 quizzes, 0 of them exams" in handlers.losses(ADA)
    assert "Deleted" in handlers.forget(ADA).note
    assert kept[1].find_trainee("t") is None
    assert "Go to <b>Practise</b>" in handlers.show(ADA).note


def test_who_has_read_nothing_can_delete_their_nickname(kept, clock: Clock):  # noqa: F811
    records, store = kept
    store.add_trainee(Trainee("new", "Bo", clock()))
    shown = ProgressHandlers(records, clock).show({"id": "new"})
    assert shown.known
    assert not shown.texts


def test_a_running_exam_alone_shows_nothing_yet(kept, clock: Clock):  # noqa: F811
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
    handlers: ProgressHandlers,
    kept,  # noqa: F811
    clock: Clock,
):
    _, store = kept
    cases = ("d3" + "0" * 62,)
    store.start_attempt(attempt("x", cases, options=EXAM, started_at=clock(), ended_at=None))
    store.record_answer(read(0, LABELS[3], C, attempt="x", sha256=cases[0], at=clock()).answer)
    assert handlers.show(ADA).synthetic is True
    assert "Scans read: 3" in handlers.show(ADA, REAL).note
    store.end_attempt("x", clock())
    assert "Scans read: 4" in handlers.show(ADA).note


def test_a_nickname_with_markup_is_never_drawn(kept, clock: Clock):  # noqa: F811
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
