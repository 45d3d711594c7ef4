"""The educators' tab Annotate: projects, blind reading, settling, the log, files, decks."""

import base64
import json
import re
from dataclasses import replace
from inspect import signature
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from octtutor.core.annotation.annotation import FINDINGS, Mark, Reading, ReadingSource
from octtutor.core.annotation.annotation_json import mark_to_dict
from octtutor.core.annotation.region_shape import Box
from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.errors import BadInputError, NotAllowedError, StaleError
from octtutor.tutor.annotation.annotating import open_annotating
from octtutor.tutor.annotation.deck_publishing import DeckPublisher
from octtutor.tutor.decks.deck_import import import_scans
from octtutor.ui.annotate.handlers import AnnotateHandlers
from octtutor.ui.annotate.page import build_annotate_tab
from octtutor.ui.annotate.project_handlers import ProjectForm
from octtutor.ui.annotate.reading_handlers import read_said
from octtutor.ui.annotate.settling_handlers import (
    ALL,
    NO_REGIONS,
    OWN,
    SOMETHING_ELSE,
    first_regions,
    holds_choices,
    region_choices,
    regions_with,
)
from octtutor.ui.annotate.texts import ACTIONS, DRAWING
from octtutor.ui.annotate.views import readings_view
from tests.conftest import write_scans

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def handlers(store, images, shelf, clock, tmp_path: Path):
    source = write_scans(tmp_path / "ward", 2)
    import_scans(store, images, source, clock, "ward", title=f"Ward {HOSTILE}")
    annotating = open_annotating(store, images, shelf, clock, draw_seed=lambda: 7)
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    return AnnotateHandlers(
        annotating, DeckPublisher(store, images, clock), store, images, clock, uploads
    )


def form(**changed) -> ProjectForm:
    usual = {
        "name": "pilot",
        "title": f"Pilot {HOSTILE}",
        "deck": "ward",
        "readers": 1,
        "controls": 0,
        "order": "random",
        "random_share": 20,
        "suggest": False,
    }
    return ProjectForm(**{**usual, **changed})


@pytest.fixture
def project(handlers) -> str:
    return handlers.projects.create(form())[0]


def say(screen, diagnosis: str | None = "CNV", do: str = "say", **more) -> dict:
    said = {
        "do": do,
        "task": screen.panel["task"],
        "gradable": diagnosis is not None,
        "diagnosis": diagnosis,
        "findings": [],
        "confidence": 4,
        "ms": 1500,
        "flagged": False,
        "note": "",
    }
    return {**said, **more}


def payload(screen, *marks: Mark) -> dict:
    return {"task": screen.panel["task"], "marks": [*map(mark_to_dict, marks)], "serial": 9}


BOX = Mark("a1", "drusen", Box(2, 3, 10, 8), HOSTILE)


def readings(store, project: str, who: str) -> list[Reading]:
    return [e.after for e in store.entries_in(project) if e.who == who and e.after]


# ---- projects --------------------------------------------------------------------------------


def test_a_project_is_made_listed_closed_and_reopened(handlers):
    name, line = handlers.projects.create(form(readers=2.0, controls=10))
    assert name == "pilot"
    assert "8 scans, 2 reading each" in line
    assert handlers.projects.projects() == [(f"Pilot {HOSTILE} (pilot)", "pilot")]
    assert handlers.projects.first("ada") == "pilot"
    table = handlers.projects.table("ada", "pilot")
    assert HOSTILE not in table
    assert "&lt;img" in table
    handlers.projects.close("pilot")
    assert "closed" in handlers.projects.projects()[0][0]
    assert "closed" in handlers.reading.open("pilot", "ada").panel["message"]
    handlers.projects.reopen("pilot")
    assert handlers.reading.open("pilot", "ada").panel["phase"] == "ask"


def test_below_the_projects_stands_whose_the_scans_are(handlers, project, store):
    assert "class='cited'" not in handlers.projects.table("ada", project)
    whose = {"citation": "Ada, 2026.", "licence": "CC"}
    deck = store.find_project(project).deck
    store.put_deck(replace(store.find_deck(deck), **whose))
    assert "Ada, 2026. CC" in handlers.projects.table("ada", project)


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "../x"},
        {"name": None},
        {"deck": "nothing"},
        {"readers": "two"},
        {"readers": 1.5},
        {"controls": 40},
        {"controls": 4},
        {"controls": True},
        {"order": "alphabet"},
        {"random_share": None},
    ],
)
def test_a_project_is_refused_when_something_in_the_form_is_of_no_use(handlers, changed):
    with pytest.raises(BadInputError, match="Expected"):
        handlers.projects.create(form(**changed))
    assert handlers.projects.projects() == []


def test_begun_projects_come_first(handlers, project, clock):
    clock.pass_seconds(5)
    handlers.projects.create(form(name="later"))
    assert handlers.projects.first("ada") == "later"
    handlers.reading.open(project, "ada")
    assert handlers.projects.first("ada") == project
    assert handlers.projects.first("bo") == "later"


# ---- reading ---------------------------------------------------------------------------------


def test_nothing_that_is_known_of_a_scan_reaches_the_page_before_the_answer(
    handlers,
    store,
):
    project, _ = handlers.projects.create(form(readers=2, controls=15, suggest=True))
    cases = {case.sha256: case for case in store.cases_of("ward")}
    sent: dict[str, list[str]] = {}
    for who in ("ada", "bo"):
        screen = handlers.reading.open(project, who)
        while screen.panel["phase"] == "ask":
            shown = {**screen.outline, "scan": ""}
            sent.setdefault(who, []).append(json.dumps([screen.panel, shown]))
            handlers.reading.act(who, say(screen, "DME", note=f"said by {who}"))
            screen = handlers.reading.open(project, who)
    assert len(sent["ada"]) == len(cases)
    for told in (*sent["ada"], *sent["bo"]):
        for case in cases.values():
            assert case.sha256 not in told
            assert case.name not in told
            assert case.patient not in re.sub(r"[0-9a-f]{8,}", "", told)
        assert not any(word in told for word in ("control", "model", "said by", *LABELS))
    tasks = [json.loads(text)[0]["task"] for who in sent for text in sent[who]]
    assert len(set(tasks)) == len(tasks)


def test_drawn_regions_are_a_draft_at_once_and_come_back(handlers, project, store):
    screen = handlers.reading.open(project, "ada")
    answer = handlers.reading.draw("ada", payload(screen, BOX))
    assert answer == {"task": screen.panel["task"], "saved": 9, "fault": ""}
    again = handlers.reading.open(project, "ada")
    assert again.panel["task"] == screen.panel["task"]
    assert again.outline["marks"] == [mark_to_dict(BOX)]
    assert again.panel["mine"]["diagnosis"] is None
    handlers.reading.act("ada", say(screen, "DRUSEN", findings=["drusen", "made up"]))
    reading = readings(store, project, "ada")[-1]
    assert reading.diagnosis == Diagnosis.DRUSEN
    assert reading.marks == (BOX,)
    assert reading.findings == ("drusen",)
    assert (reading.confidence, reading.response_ms) == (4, 1500)


def test_a_fault_in_a_region_is_told_and_nothing_is_kept(handlers, project, store):
    screen = handlers.reading.open(project, "ada")
    outside = Mark("a1", "drusen", Box(-50, 0, 10, 10))
    assert "inside the scan" in handlers.reading.draw("ada", payload(screen, outside))["fault"]
    for broken in (None, "x", {}, {"task": screen.panel["task"], "marks": 3}):
        assert handlers.reading.draw("ada", broken)["fault"]
    assert store.entries_in(project) == ()


def test_nobody_answers_for_another_and_no_token_is_guessed(handlers, project):
    screen = handlers.reading.open(project, "ada")
    for task in (screen.panel["task"], "pilot.0", "pilot.", "", None, 7, "nothing.00"):
        with pytest.raises(StaleError, match="none, or not any more"):
            handlers.reading.act("bo", say(screen, task=task))
    with pytest.raises(BadInputError, match="Expected an answer"):
        handlers.reading.act("ada", say(screen, do="destroy"))


@pytest.mark.parametrize(
    "changed",
    [
        {"diagnosis": "GLAUCOMA"},
        {"gradable": "yes"},
        {"confidence": "5"},
        {"ms": None},
        {"note": 3},
        {"findings": None},
    ],
)
def test_what_no_panel_says_is_refused(handlers, project, changed):
    screen = handlers.reading.open(project, "ada")
    with pytest.raises(BadInputError, match="Expected"):
        handlers.reading.act("ada", say(screen, **changed))
    assert handlers.reading.open(project, "ada").panel["task"] == screen.panel["task"]


def test_skip_and_undo_lead_back(handlers, project):
    first = handlers.reading.open(project, "ada")
    second = handlers.reading.act("ada", say(first, do="skip"))
    assert second.panel["task"] != first.panel["task"]
    undo = {"do": "undo", "project": project}
    assert handlers.reading.act("ada", undo).panel["task"] == first.panel["task"]
    third = handlers.reading.act("ada", say(first, None))
    assert third.panel["task"] != first.panel["task"]
    back = handlers.reading.act("ada", undo)
    assert back.panel["task"] == first.panel["task"]
    with pytest.raises(BadInputError, match="nothing of yours"):
        handlers.reading.act("bo", undo)


def test_the_queue_ends_with_a_word(handlers, project):
    screen = handlers.reading.open(project, "ada")
    while screen.panel["phase"] == "ask":
        screen = handlers.reading.act("ada", say(screen))
    assert "you have read 8" in screen.panel["message"]
    assert screen.outline is None
    assert handlers.reading.open(None, "ada").panel["phase"] == "idle"


def test_scans_that_are_gone_are_not_called_read(handlers, project, store, images):
    handlers.reading.act("ada", say(handlers.reading.open(project, "ada")))
    for case in store.cases_of("ward"):
        images.place(case.sha256).unlink()
    message = handlers.reading.open(project, "ada").panel["message"]
    assert "6 scans are left for you in this project, but are gone" in message


# ---- the model's answer ----------------------------------------------------------------------


@pytest.fixture
def suggesting(handlers) -> str:
    return handlers.projects.create(form(name="helped", suggest=True))[0]


def test_the_suggestion_comes_after_the_own_answer_and_is_accepted_as_such(
    handlers, suggesting, store
):
    screen = handlers.reading.open(suggesting, "ada")
    early = handlers.reading.suggest_outline("ada", {"task": screen.panel["task"]})
    assert early["suggestion"] is None
    assert "after your own answer" in early["note"]
    look = handlers.reading.act("ada", say(screen, "DME"))
    assert look.panel["phase"] == "look"
    assert (look.panel["label"], look.panel["agrees"]) == ("CNV", False)
    assert look.outline["suggests"]
    onward = handlers.reading.act("ada", say(look, do="accept"))
    assert onward.panel["phase"] == "ask"
    last = store.entries_in(suggesting)[-1]
    assert (last.source, last.model) == (ReadingSource.ACCEPTED, "told")
    assert last.after.diagnosis == Diagnosis.CNV


def test_own_answers_are_kept_or_corrected(handlers, suggesting, store):
    look = handlers.reading.act("ada", say(handlers.reading.open(suggesting, "ada"), "DME"))
    screen = handlers.reading.act("ada", say(look, "CNV", do="keep", note="sure of it"))
    kept = store.entries_in(suggesting)[-1].after
    assert (kept.diagnosis, kept.note) == (Diagnosis.DME, "sure of it")
    assert {entry.source for entry in store.entries_in(suggesting)} == {ReadingSource.HUMAN}
    look = handlers.reading.act("ada", say(screen, "DME"))
    handlers.reading.act("ada", say(look, "DRUSEN", do="correct"))
    last = store.entries_in(suggesting)[-1]
    assert last.source is ReadingSource.CORRECTED
    assert last.after.diagnosis == Diagnosis.DRUSEN


def test_a_suggested_outline_is_drawn_accepted_and_corrected(
    handlers,
    suggesting,
    store,
):
    look = handlers.reading.act("ada", say(handlers.reading.open(suggesting, "ada"), "CNV"))
    told = handlers.reading.suggest_outline("ada", {"task": look.panel["task"]})
    suggestion = told["suggestion"]
    assert suggestion["shape"]["kind"] == "polygon"
    sent = {"task": look.panel["task"], "marks": [suggestion], "serial": 1}
    assert handlers.reading.draw("ada", sent)["fault"] == ""
    assert store.entries_in(suggesting)[-1].source is ReadingSource.ACCEPTED
    smaller = {**suggestion, "shape": {**mark_to_dict(BOX)["shape"]}}
    assert handlers.reading.draw("ada", {**sent, "marks": [smaller]})["fault"] == ""
    assert store.entries_in(suggesting)[-1].source is ReadingSource.CORRECTED


def test_a_broken_model_does_not_stop_the_reading(handlers, suggesting, predictor):
    predictor.fault = "its folder is gone"
    screen = handlers.reading.act("ada", say(handlers.reading.open(suggesting, "ada"), "DME"))
    assert screen.panel["phase"] == "ask"
    assert screen.panel["notice"] == "its folder is gone"


# ---- settling --------------------------------------------------------------------------------


@pytest.fixture
def disputed(handlers) -> str:
    """Two readers who differ on one scan; the first drew and flagged."""
    project, _ = handlers.projects.create(form(name="double", readers=2))
    for who, label in (("ada", "CNV"), ("bo", "DME")):
        screen = handlers.reading.open(project, who)
        handlers.reading.draw(who, payload(screen, BOX))
        handlers.reading.act(who, say(screen, label, note=HOSTILE, flagged=who == "ada"))
    return project


def test_both_readings_are_seen_side_by_side_and_one_holds(handlers, disputed, store):
    ((line, sha256),) = handlers.settling.disputes(disputed, "eva")
    assert "CNV, DME" in line
    assert "readers differ in the diagnosis, flagged" in line
    dispute = handlers.settling.dispute(disputed, sha256, "eva")
    drawn = handlers.settling.dispute_view(dispute)
    assert drawn.count("<figure") == 2
    assert HOSTILE not in drawn
    assert drawn.count("<path") == 2
    assert [value for _, value in holds_choices(dispute)] == ["ada", "bo", SOMETHING_ELSE]
    assert [value for _, value in region_choices(dispute)] == [ALL, "ada", "bo", NO_REGIONS]
    line = handlers.settling.settle(disputed, sha256, "eva", "ada", None, [], "bo", "seen by both")
    assert line == "Settled: CNV. 0 left."
    settled = store.entries_in(disputed)[-1].after
    assert (settled.diagnosis, settled.marks) == (Diagnosis.CNV, (BOX,))
    assert settled.note == "seen by both"
    assert not settled.flagged
    with pytest.raises(BadInputError, match="Expected a scan to settle"):
        handlers.settling.settle(disputed, sha256, "eva", "ada", None, [], "bo", "")


def canvas(handlers, project: str, sha256: str, who: str, regions: str = ALL) -> dict:
    return handlers.settling.settling_view(
        project, handlers.settling.dispute(project, sha256, who), regions, who
    )


def test_who_settles_draws_on_the_regions_of_a_choice_and_that_holds(
    handlers,
    disputed,
    store,
):
    ((_, sha256),) = handlers.settling.disputes(disputed, "eva")
    view = canvas(handlers, disputed, sha256, "eva")
    assert not view["readonly"]
    assert len(view["marks"]) == 1
    assert canvas(handlers, disputed, sha256, "eva", "ada")["marks"] == [mark_to_dict(BOX)]
    assert canvas(handlers, disputed, sha256, "eva", NO_REGIONS)["marks"] == []
    dispute = handlers.settling.dispute(disputed, sha256, "eva")
    assert first_regions(dispute, "eva") == ALL
    assert regions_with(dispute, "ada", ALL) == "ada"
    other = Mark("b", "other", Box(30, 30, 5, 5), HOSTILE)
    sent = {"task": view["task"], "marks": [mark_to_dict(other)], "serial": 3}
    answer, dispute = handlers.settling.sketch("eva", sent)
    assert answer == {"task": view["task"], "saved": 3, "fault": ""}
    assert region_choices(dispute, "eva")[0] == ("as drawn below (1)", OWN)
    assert first_regions(dispute, "eva") == regions_with(dispute, "ada", OWN) == OWN
    assert first_regions(dispute, "ada") == ALL
    assert canvas(handlers, disputed, sha256, "eva", OWN)["marks"] == [mark_to_dict(other)]
    (line, entry_id) = handlers.log.log(disputed, sha256, "eva")[1][-1]
    assert "sketch" in line
    assert "eva, drawn to settle it" in handlers.log.state(disputed, sha256, entry_id, "eva")
    handlers.settling.settle(disputed, sha256, "eva", "ada", None, [], OWN, "")
    settled = store.entries_in(disputed)[-1].after
    assert (settled.diagnosis, settled.marks) == (Diagnosis.CNV, (other,))


def test_what_a_settler_s_canvas_sends_is_checked(handlers, disputed, store, images):
    ((_, sha256),) = handlers.settling.disputes(disputed, "eva")
    view, before = canvas(handlers, disputed, sha256, "eva"), store.entries_in(disputed)
    outside = mark_to_dict(Mark("a1", "drusen", Box(-50, 0, 10, 10)))
    reading = handlers.reading.open(disputed, "ada").panel["task"]
    for sent in (
        {"task": view["task"], "marks": [outside]},
        {"task": view["task"], "marks": 3},
        {"task": f"{view['task']}0", "marks": []},
        {"task": f"{disputed}.0.{sha256}", "marks": []},
        {"task": f"nothing.0.{sha256}", "marks": []},
        {"task": reading, "marks": []},
        {"marks": []},
        None,
    ):
        answer, dispute = handlers.settling.sketch("eva", sent)
        assert answer["fault"].startswith("Expected")
        assert dispute is None
    assert handlers.settling.sketch("bo", {"task": view["task"], "marks": []})[0]["fault"]
    assert store.entries_in(disputed) == before
    images.place(sha256).unlink()
    assert canvas(handlers, disputed, sha256, "eva") is None
    assert handlers.settling.settling_view(disputed, None, ALL, "eva") is None


def test_how_far_the_model_has_come_and_how_to_go_on_is_said(handlers, predictor, monkeypatch):
    monkeypatch.setattr("octtutor.tutor.annotation.assignment_queue.AHEAD", 5)
    by_margin, _ = handlers.projects.create(form(order="margin"))
    line = handlers.projects.order_anew(by_margin, lambda done, total: None)
    assert "answered 5 scans of 8 that lack a reader" in line
    assert "“Order anew” lets it answer" in line
    predictor.knows = lambda sha256: sha256 in predictor.asked
    line = handlers.projects.order_anew(by_margin, lambda done, total: None)
    assert "answered 8 scans of 8" in line
    assert "Order anew" not in line


def test_what_readers_differ_in_is_said(handlers):
    project, _ = handlers.projects.create(form(name="double", readers=2))
    far = Mark("a2", "drusen", Box(60, 60, 9, 9))
    fluid = Mark("a3", "subretinal fluid", Box(30, 30, 9, 9))
    for who, marks in (("ada", (BOX,)), ("bo", (far, fluid))):
        screen = handlers.reading.open(project, who)
        handlers.reading.draw(who, payload(screen, *marks))
        handlers.reading.act(who, say(screen))
    ((line, sha256),) = handlers.settling.disputes(project, "eva")
    assert "readers differ in findings, regions" in line
    drawn = handlers.settling.dispute_view(handlers.settling.dispute(project, sha256, "eva"))
    assert "Readers differ in findings, regions." in drawn
    assert "Seen by some only: subretinal fluid." in drawn
    assert "Outlined in different places: drusen." in drawn


def test_a_project_is_ordered_anew(handlers, predictor):
    at_random, _ = handlers.projects.create(form())
    by_margin, _ = handlers.projects.create(form(name="margin", order="margin"))
    told = []
    line = handlers.projects.order_anew(by_margin, lambda done, total: told.append((done, total)))
    assert "answered 8 scans" in line
    assert told[-1] == (8, 8)
    assert len(predictor.asked) == 8
    assert "nothing to order" in handlers.projects.order_anew(at_random, lambda done, total: None)
    assert len(predictor.asked) == 8


def test_something_else_can_hold(handlers, disputed, store):
    ((_, sha256),) = handlers.settling.disputes(disputed, "eva")
    for holds, other in ((None, None), ("cleo", None), (SOMETHING_ELSE, "GLAUCOMA")):
        with pytest.raises(BadInputError, match="what holds"):
            handlers.settling.settle(disputed, sha256, "eva", holds, other, [], ALL, "")
    findings = ["drusen", "nonsense"]
    handlers.settling.settle(disputed, sha256, "eva", SOMETHING_ELSE, "DRUSEN", findings, ALL, None)
    settled = store.entries_in(disputed)[-1].after
    assert settled.diagnosis == Diagnosis.DRUSEN
    assert settled.findings == ("drusen",)
    assert len(settled.marks) == 1  # both drew the same


def test_who_has_the_scan_to_read_does_not_see_what_others_said(handlers, project):
    screen = handlers.reading.open(project, "ada")
    handlers.reading.act("ada", say(screen, flagged=True))
    assert len(handlers.settling.disputes(project, "bo")) == 1
    assert handlers.settling.disputes("nothing", "bo") == []
    assert "Nothing is to be settled" in handlers.settling.dispute_view(None)


# ---- figures, log ----------------------------------------------------------------------------


def test_figures_have_n_and_method_on_hover(handlers, disputed):
    drawn = handlers.log.figures(disputed, "eva")
    assert "ada, bo" in drawn
    assert "Cohen" in drawn
    assert re.search(r"<abbr title='n = \d+, [^']+'>", drawn)
    assert "Dice" in drawn
    assert "hidden until" not in drawn
    assert "hidden until you have read all" in handlers.log.figures(disputed, "ada")
    assert "no project yet" in handlers.log.figures(None, "eva")


def test_any_earlier_state_is_shown_and_restored(handlers, disputed, store):
    ((_, sha256),) = handlers.log.log_scans(disputed, "eva")
    drawn, entries = handlers.log.log(disputed, sha256, "eva")
    assert sha256 in drawn
    assert HOSTILE not in drawn
    assert len(entries) == len(store.entries_in(disputed))
    draft = next(value for line, value in entries if "ada" in line)
    complete = [entry.id for entry in store.entries_in(disputed) if entry.after.diagnosis]
    assert "regions only" in handlers.log.state(disputed, sha256, draft, "eva")
    handlers.log.restore(disputed, sha256, complete[0], "eva")
    drawn, _ = handlers.log.log(disputed, sha256, "eva")
    assert "restore" in drawn
    assert "settled: CNV" in drawn
    with pytest.raises(BadInputError, match="Expected an entry"):
        handlers.log.state(disputed, sha256, "nothing", "eva")


def test_the_log_of_the_scan_that_is_open_is_not_told(handlers, project, store):
    screen = handlers.reading.open(project, "ada")
    handlers.reading.draw("ada", payload(screen, BOX))
    assert handlers.log.log_scans(project, "ada") == []
    (sha256,) = {entry.sha256 for entry in store.entries_in(project)}
    with pytest.raises(NotAllowedError):
        handlers.log.log(project, sha256, "ada")
    assert len(handlers.log.log_scans(project, "bo")) == 1


# ---- out, in, decks --------------------------------------------------------------------------


def exported(handlers, project: str) -> dict[str, bytes]:
    links = re.findall(
        r"download='([^']+)' href='data:[^;]+;base64,([^']*)'", handlers.use.export(project, "eva")
    )
    return {name: base64.b64decode(data) for name, data in links}


def test_files_go_out_and_come_in_again(handlers, disputed, tmp_path):
    files = exported(handlers, disputed)
    endings = ("csv", "jsonl", "coco.json", "labelstudio.json", "masks.zip", "folder.zip")
    assert sorted(files) == sorted(f"double.{ending}" for ending in endings)
    other, _ = handlers.projects.create(form(name="copy"))
    path = tmp_path / "uploads" / "double.jsonl"
    path.write_bytes(files["double.jsonl"])
    report = handlers.use.bring_in(other, {"path": str(path)}, "eva")
    assert "1 scans: 2 readings added" in report
    assert not path.exists()
    outside = tmp_path / "ward"
    with pytest.raises(BadInputError):
        handlers.use.bring_in(other, {"path": str(outside)}, "eva")
    assert "nobody has read" in handlers.use.export(
        handlers.projects.create(form(name="empty"))[0], "eva"
    )


def test_a_project_becomes_a_deck(handlers, project, store):
    handlers.reading.act("ada", say(handlers.reading.open(project, "ada"), "CNV"))
    assert "1 annotator" in handlers.use.publish_state(project, "ada")
    report = handlers.use.publish(project, " learned ", "")
    assert "1 scans published" in report
    assert HOSTILE not in report
    assert "Train" in report
    assert store.count_cases("learned") == 1
    with pytest.raises(BadInputError, match="no deck has"):
        handlers.use.publish(project, "learned", "again")


# ---- the page --------------------------------------------------------------------------------


def test_no_key_has_two_uses_and_none_draws():
    keys = [key for name, key, _ in ACTIONS if not name.startswith("sure-")]
    assert len(set(keys)) == len(keys)
    assert not set(keys) & set(DRAWING)
    places = [key for name, key, _ in ACTIONS if name.startswith("sure-")]
    letters = {key.removeprefix("Key").lower() for key in places}
    assert len(letters) == 5
    assert not letters & (set(keys) | set(DRAWING))
    assert [name for _, _, name in ACTIONS if name in FINDINGS] == list(FINDINGS)


def test_views_show_html_as_text():
    reading = Reading(True, Diagnosis.CNV, ("drusen",), (BOX,), note=HOSTILE, flagged=True)
    drawn = readings_view(np.zeros((40, 60), np.uint8), {HOSTILE: reading})
    assert HOSTILE not in drawn
    assert drawn.count("&lt;img") >= 3
    assert read_said(said_of(reading)).note == HOSTILE


def said_of(reading: Reading) -> dict:
    return {
        "gradable": True,
        "diagnosis": str(reading.diagnosis),
        "findings": list(reading.findings),
        "confidence": 3,
        "ms": 5,
        "flagged": True,
        "note": reading.note,
    }


def test_every_event_of_the_tab_asks_first_who_is_asking(handlers, project, store):
    asked = []

    def nobody(request: gr.Request):
        asked.append(request)
        raise NotAllowedError("Expected an educator.")

    with gr.Blocks() as page, gr.Tabs():
        build_annotate_tab(page, handlers, nobody)
    assert all(fn.api_visibility == "private" for fn in page.fns.values())
    events = [fn for fn in page.fns.values() if fn.fn is not None]
    assert len(events) >= 20
    for fn in events:
        has_event = "event" in signature(fn.fn).parameters
        given = [gr.EventData(None, {})] * has_event + [project for _ in fn.inputs]
        with pytest.raises(gr.Error, match="Expected an educator"):
            fn.fn(gr.Request(), *given)
    assert len(asked) == len(events)
    assert store.entries_in(project) == ()
    assert store.assignments_in(project) == ()


def test_a_tab_that_lags_behind_does_not_overwrite_an_answer(handlers, project, store):
    stale = handlers.reading.open(project, "ada")
    handlers.reading.act("ada", say(stale, "CNV", flagged=True))
    with pytest.raises(StaleError, match="answered already"):
        handlers.reading.act("ada", say(stale, "DME"))
    (entry,) = store.entries_in(project)
    assert (entry.after.diagnosis, entry.after.flagged) == ("CNV", True)
