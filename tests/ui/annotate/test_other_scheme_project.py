"""A project on a deck of eight diagnoses: its buttons, answers, figures, files and deck."""

from collections import Counter
from pathlib import Path

import pytest

from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import BadInputError
from octtutor.tutor.annotation.annotating import open_annotating
from octtutor.tutor.annotation.deck_publishing import DeckPublisher
from octtutor.tutor.annotation.files.annotation_import import import_sheet
from octtutor.tutor.annotation.files.file_formats import read_file, write_file
from octtutor.tutor.annotation.files.labelstudio import setup
from octtutor.tutor.annotation.files.project_records import gather, project_for
from octtutor.ui.annotate.figures_views import figures_view
from octtutor.ui.annotate.handlers import AnnotateHandlers
from octtutor.ui.annotate.project_handlers import ProjectForm
from octtutor.ui.annotate.settling_handlers import SOMETHING_ELSE
from tests.eight_scans import OCTDL, import_eight


@pytest.fixture
def handlers(store, images, shelf, clock, tmp_path: Path) -> AnnotateHandlers:
    import_eight(store, images, clock, tmp_path)
    doing = open_annotating(store, images, shelf, clock)
    publisher = DeckPublisher(store, images, clock)
    made = AnnotateHandlers(doing, publisher, store, images, clock, tmp_path)
    made.projects.create(ProjectForm("p", "P", "eight", 2, 0, "random", 20, False))
    return made


def say(handlers: AnnotateHandlers, who: str, diagnosis: str) -> None:
    panel = handlers.reading.open("p", who).panel
    said = {"do": "say", "task": panel["task"], "gradable": True, "diagnosis": diagnosis,
            "findings": [], "confidence": 4, "ms": 1500, "flagged": False, "note": ""}  # fmt: skip
    handlers.reading.act(who, said)


@pytest.fixture
def read(handlers: AnnotateHandlers, store) -> AnnotateHandlers:
    """Two read all: Ada as it is labelled, Bo likewise but for VID, which he calls ERM."""
    for who in ("ada", "bo"):
        for _ in range(16):
            handlers.reading.open("p", who)
            (given,) = [one for one in store.assignments_in("p", who) if one.done_at is None]
            truth = store.get_case("eight", given.sha256).label
            say(handlers, who, "ERM" if (who, truth) == ("bo", "VID") else truth)
    return handlers


def test_the_panel_has_the_scheme_s_buttons_and_takes_no_others(handlers):
    scheme = handlers.reading.open("p", "ada").panel["scheme"]
    assert scheme["labels"] == list(OCTDL.keys)
    assert scheme["names"]["VID"] == OCTDL.get("VID").name
    assert scheme["colours"] == OCTDL.colours
    for wrong in ("CNV", "vid", 7):
        with pytest.raises(BadInputError):
            say(handlers, "ada", wrong)
    say(handlers, "ada", "VID")


def test_figures_are_of_the_eight(read, store, images, shelf, clock):
    report = open_annotating(store, images, shelf, clock).projects.figures("p")
    assert tuple(report.agreement.per_class) == (*OCTDL.keys, "ungradable")
    (pair,) = report.agreement.pairs
    assert pair.same.value == 14 / 16
    assert pair.kappa.value == pytest.approx((14 / 16 - 1 / 8) / (1 - 1 / 8))
    assert pair.weighted.value is None  # its diagnoses are in no order of urgency
    assert tuple(report.annotators[0].per_class) == OCTDL.keys
    view = figures_view(report)
    assert all(key in view for key in OCTDL.keys)
    assert shelf.current().asked == []


def test_what_differs_is_settled_in_the_scheme_s_words_and_published(read, store):
    words = [word for _, word in read.settling.classes("p")]
    assert words == [*OCTDL.keys, "UNGRADABLE"]
    assert [word for _, word in read.settling.classes(None)] == [*OCT2017_SCHEME.keys, "UNGRADABLE"]
    disputed = [sha256 for _, sha256 in read.settling.disputes("p", "host")]
    assert len(disputed) == 2
    how = (SOMETHING_ELSE, "CNV", [], "\n none", "")
    with pytest.raises(BadInputError):
        read.settling.settle("p", disputed[0], "host", *how)
    for sha256 in disputed:
        read.settling.settle("p", sha256, "host", SOMETHING_ELSE, "VID", [], "\n none", "")
    read.use.publish("p", "lessons", "Lessons")
    assert store.find_deck("lessons").scheme == OCTDL.stamp
    labels = Counter(case.label for case in store.cases_of("lessons"))
    assert labels == dict.fromkeys(OCTDL.keys, 2)


@pytest.mark.parametrize("form", ["csv", "jsonl", "coco", "labelstudio", "folder"])
def test_files_go_out_and_come_in_again(read, store, images, clock, tmp_path, form: str):
    sheet = gather(store, images, store.find_project("p"))
    out = tmp_path / {"csv": "x.csv", "jsonl": "x.jsonl", "folder": "x.zip"}.get(form, "x.json")
    written = write_file(out, form, sheet.scans, lambda sha: images.place(sha).read_bytes(), 2)
    again = project_for(store, "again", "eight", clock)
    assert again.scheme == OCTDL.stamp
    known = read_file(out, form, OCTDL)
    done = import_sheet(store, images, again, known, "host", clock, keys=OCTDL.keys)
    assert (done.scans, done.faults) == (written, ())
    assert written == (14 if form == "folder" else 16)
    assert '<Choice value="VID"/>' in setup(OCTDL.keys)


@pytest.mark.parametrize("change", [{"order": "entropy"}, {"suggest": True}])
def test_no_network_orders_or_suggests_what_it_has_no_words_for(handlers, change):
    usual = {"order": "random", "suggest": False} | change
    form = ProjectForm("q", "Q", "eight", 1, 0, usual["order"], 20, usual["suggest"])
    with pytest.raises(BadInputError, match="networks know the diagnoses of 'oct2017'"):
        handlers.projects.create(form)
