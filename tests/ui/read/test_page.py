"""The tab Read a scan: what it takes, what it shows, and what it leaves behind: nothing."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from octtutor.core.diagnosis import LABELS
from octtutor.core.verdict import Verdict
from octtutor.datasets.scan_picture import ScanPicture
from octtutor.errors import BadInputError, OctTutorError
from octtutor.model.explain.trust import Trust
from octtutor.model.network.card import read_card
from octtutor.model.serve.library import ModelAnswer
from octtutor.tutor.exams.examined import Refusal
from octtutor.ui.read.intake import KEPT, Intake, OpenedFiles, sweep
from octtutor.ui.read.page import ReadHandlers
from octtutor.ui.read.views import level_uri, maps_view
from tests.conftest import MODEL

ANSWER = ModelAnswer(
    "DME", dict(zip(map(str, LABELS), (0.1, 0.6, 0.2, 0.1))), True, 1, 2, "told", "ab"
)
EXAMINED = {"id": "examined"}


class ToldModel:
    """A model that says what it was told, and looks in the upper half."""

    is_ready = True
    folder = MODEL
    card = read_card(MODEL)

    def __init__(self, answer: ModelAnswer = ANSWER) -> None:
        self.answer = answer
        self.seen: list[int] = []

    def current(self) -> "ToldModel":
        return self

    def predict(self, scan: ScanPicture) -> ModelAnswer:
        self.given = scan
        self.seen.append(int(scan.grey.max()))
        return self.answer

    def maps(self, scan, labels, method, progress) -> np.ndarray:
        for done in range(1, 4):
            progress(done, 3)
        maps = np.zeros((len(labels), *scan.shape), np.float32)
        maps[1, : scan.shape[0] // 2] = 1
        return maps


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    folder = tmp_path / "uploads"
    folder.mkdir()
    return folder


@pytest.fixture
def model() -> ToldModel:
    return ToldModel()


class ToldGuard:
    """Knows all files or none, and that no exam is under way."""

    def __init__(self, known: bool = False) -> None:
        self.known = known

    def is_any(self) -> bool:
        return False

    def why_not_file(self, sha256: str) -> Refusal | None:
        return Refusal.KNOWN if self.known else None

    def why_not_scan(self, picture: ScanPicture) -> Refusal | None:
        return None


def handlers_of(model: ToldModel, uploads: Path, known: bool = False, urls: bool = True):
    intake = Intake(uploads, ToldGuard(known), urls)
    return ReadHandlers(model, intake, lambda trainee: trainee == "examined")


def upload(uploads: Path, name: str, *greys: int) -> str:
    """Put a file where Gradio would: a scan, a stack where there are several greys."""
    place = uploads / f"sha-of-{name}" / name
    place.parent.mkdir()
    pages = [Image.fromarray(np.full((40, 60), grey, np.uint8)) for grey in greys]
    if not pages:
        place.write_bytes(b"no scan")
    elif len(pages) == 1:
        pages[0].save(place)
    else:
        pages[0].save(place, save_all=True, append_images=pages[1:])
    return str(place)


def last(steps: Iterator) -> tuple[OpenedFiles, dict]:
    return list(steps)[-1]


def left(folder: Path) -> list[Path]:
    return list(folder.rglob("*"))


def test_a_scan_is_answered_and_explained_and_its_file_is_gone(model, uploads):
    files = {"files": [upload(uploads, "a.png", 7)]}
    sitting, view = last(handlers_of(model, uploads).open(None, None, files))
    assert view["answer"]["label"] == "DME"
    assert view["scan"].startswith("data:image/png;base64,")
    assert (view["width"], view["height"]) == (60, 40)
    assert view["maps"]["inferno"]["DME"].startswith("data:image/webp;base64,")
    assert view["maps"]["jet"]["CNV"] is None
    assert left(uploads) == []
    sitting.close()


def test_the_answer_comes_before_the_maps_and_a_slow_method_says_how_far_it_is(model, uploads):
    files = {"files": [upload(uploads, "a.png", 7)]}
    steps = list(handlers_of(model, uploads).open(None, None, files))
    views = [view for _, view in steps]
    first = next(n for n, view in enumerate(views) if view["phase"] == "read")
    assert views[first]["maps"] is None
    said = [(view["done"], view["total"]) for view in views[first:] if view["phase"] == "busy"]
    assert said == [(0, 0), (1, 3), (2, 3), (3, 3)]
    assert views[-1]["maps"] is not None
    steps[-1][0].close()


def test_a_slice_of_a_stack_can_be_chosen_after_the_file_is_gone(model, uploads):
    handlers = handlers_of(model, uploads)
    files = {"files": [upload(uploads, "stack.tif", 10, 20, 30, 40)]}
    sitting, view = last(handlers.open(None, None, files))
    assert (view["items"][0]["count"], view["slice"]) == (4, 2)
    assert left(uploads) == []
    last(handlers.turn(None, sitting, {"item": 0, "slice": 3}))
    assert model.seen == [30, 40]
    _, view = last(handlers.explain(None, sitting, {"item": 0, "slice": 3}))
    assert "scan" not in view
    for wrong in ({"item": 0, "slice": 4}, {"item": 1, "slice": 0}, {"item": "x"}, {}):
        with pytest.raises(BadInputError, match="not on the server"):
            list(handlers.turn(None, sitting, wrong))
    handlers.close(sitting)
    with pytest.raises(BadInputError, match="not on the server"):
        list(handlers.turn(None, sitting, {"item": 0, "slice": 0}))
    with pytest.raises(BadInputError, match="not on the server"):
        list(handlers.explain(None, None, {"item": 0, "slice": 0}))


def test_of_several_files_the_unreadable_are_left_out_and_named(model, uploads):
    paths = [upload(uploads, "bad.png"), upload(uploads, "a.png", 5), upload(uploads, "b.png", 6)]
    sitting, view = last(handlers_of(model, uploads).open(None, None, {"files": paths}))
    assert [item["name"] for item in view["items"]] == ["a.png", "b.png"]
    assert len(view["faults"]) == 1
    assert "bad.png" in view["faults"][0]
    assert left(uploads) == []
    sitting.close()


def test_another_scan_takes_the_place_of_the_one_before(model, uploads):
    handlers = handlers_of(model, uploads)
    first, _ = last(handlers.open(None, None, {"files": [upload(uploads, "a.png", 5)]}))
    bad = {"files": [upload(uploads, "bad.png")]}
    with pytest.raises(OctTutorError):
        list(handlers.open(None, first, bad))
    assert first.picture(0, 0).grey.max() == 5  # what was open stays when nothing new can be read
    second, _ = last(handlers.open(None, first, {"files": [upload(uploads, "b.png", 6)]}))
    assert first.file.closed
    second.close()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"files": []}, "Received none"),
        ({"files": "a.png"}, "Received none"),
        ({"files": [7, None]}, "Received none"),
        ({"files": ["a.png"] * 201}, "at most 200"),
        ({"files": ["/etc/hostname"]}, "not on this server"),
        ({"files": ["a\0b"]}, "not on this server"),
        ({}, "Expected a web address"),
        ({"url": "file:///etc/hostname"}, "Expected a web address"),
        ({"url": "http://127.0.0.1/a.png"}, "public web address"),
    ],
)
def test_what_is_not_given_rightly_is_refused_in_one_line(model, uploads, data, said):
    with pytest.raises(BadInputError, match=said) as caught:
        list(handlers_of(model, uploads).open(None, None, data))
    assert "\n" not in str(caught.value)


def test_only_what_was_uploaded_is_taken_and_nothing_else_is_removed(model, uploads, tmp_path):
    outside = tmp_path / "mine.png"
    Image.new("L", (64, 64)).save(outside)
    (uploads / "link.png").symlink_to(outside)
    for path in (outside, uploads / "link.png", uploads / ".." / "mine.png", uploads):
        with pytest.raises(BadInputError, match="not on this server"):
            list(handlers_of(model, uploads).open(None, None, {"files": [str(path)]}))
    assert outside.exists()


def test_an_unreadable_file_is_removed_all_the_same(model, uploads):
    with pytest.raises(OctTutorError, match=r"bad\.png"):
        list(handlers_of(model, uploads).open(None, None, {"files": [upload(uploads, "bad.png")]}))
    assert left(uploads) == []


def test_addresses_are_not_fetched_where_they_are_off(model, uploads):
    handlers = handlers_of(model, uploads, urls=False)
    with pytest.raises(BadInputError, match="not fetched here"):
        list(handlers.open(None, None, {"url": "https://example.org/scan.png"}))


def test_the_programs_own_cases_are_read_in_practise_only(model, uploads):
    steps = handlers_of(model, uploads, known=True).open(
        None, None, {"files": [upload(uploads, "a.png", 5)]}
    )
    with pytest.raises(BadInputError, match="Read it under Practise"):
        list(steps)
    assert model.seen == []
    assert left(uploads) == []


def test_nothing_is_read_for_who_is_in_an_exam(model, uploads):
    handlers = handlers_of(model, uploads)
    sitting, _ = last(handlers.open(None, None, {"files": [upload(uploads, "a.png", 5)]}))
    model.seen.clear()
    files = {"files": [upload(uploads, "b.png", 5)]}
    here = {"item": 0, "slice": 0}
    for steps in (
        handlers.open(EXAMINED, sitting, files),
        handlers.turn(EXAMINED, sitting, here),
        handlers.explain(EXAMINED, sitting, here),
    ):
        with pytest.raises(BadInputError, match="exam or session runs"):
            list(steps)
    assert model.seen == []
    assert left(uploads) == []
    sitting.close()


def test_what_a_picture_is_and_what_was_done_to_it_are_shown(model, uploads):
    why = "This does not look like an OCT B-scan: no layers of a retina were found in it."
    model.answer = replace(
        ANSWER, verdict=Verdict.NO_SCAN, why=why, preparation=("A scan upside down: turned.",)
    )
    files = {"files": [upload(uploads, "cat.png", 5)]}
    sitting, view = last(handlers_of(model, uploads).open(None, None, files))
    assert (view["answer"]["verdict"], view["answer"]["why"]) == ("no scan", why)
    assert view["answer"]["preparation"] == ("A scan upside down: turned.",)
    sitting.close()


@pytest.mark.parametrize(
    ("verdict", "would_answer", "said"),
    [
        (Verdict.SCAN, True, False),
        (Verdict.SCAN, False, True),
        (Verdict.UNLIKE, False, True),
        (Verdict.NO_SCAN, False, False),  # of which another thing is said
    ],
)
def test_a_model_that_would_not_answer_says_between_what_it_wavers(
    model, uploads, verdict: Verdict, would_answer: bool, said: bool
):
    model.answer = replace(ANSWER, verdict=verdict, would_answer=would_answer)
    files = {"files": [upload(uploads, "a.png", 5)]}
    sitting, view = last(handlers_of(model, uploads).open(None, None, files))
    if said:
        assert view["abstains"][0] == "I would not answer this one."
        assert "DME (0.60) or DRUSEN (0.20)" in view["abstains"][1]
    else:
        assert view["abstains"] == []
    sitting.close()


@pytest.mark.parametrize("calibrated", [True, False])
def test_calibrated_is_written_only_where_it_was_measured(model, uploads, calibrated: bool):
    model.answer = replace(ANSWER, calibrated=calibrated)
    files = {"files": [upload(uploads, "a.png", 5)]}
    sitting, view = last(handlers_of(model, uploads).open(None, None, files))
    assert ("are calibrated" in view["worth"]) == calibrated
    assert ("never measured on scans like this" in view["worth"]) != calibrated
    sitting.close()


def test_the_model_gets_a_pictures_colours_and_the_page_its_grey(uploads):
    model = ToldModel()
    place = uploads / "sha-of-red" / "red.png"
    place.parent.mkdir()
    Image.fromarray(np.full((40, 60, 3), (200, 30, 30), np.uint8)).save(place)
    sitting, view = last(handlers_of(model, uploads).open(None, None, {"files": [str(place)]}))
    assert model.given.pixels.shape == (40, 60, 3)
    assert sitting.picture(0, 0).grey.shape == (40, 60)
    assert (view["width"], view["height"]) == (60, 40)
    sitting.close()


def test_uploads_that_a_killed_server_left_are_removed(uploads):
    old, new = upload(uploads, "old.png", 5), upload(uploads, "new.png", 5)
    long_ago = time.time() - KEPT - 60
    os.utime(old, (long_ago, long_ago))
    sweep(uploads)
    assert not Path(old).exists()
    assert Path(new).exists()


def test_an_empty_map_has_no_picture():
    assert level_uri(np.zeros((50, 60), np.float32), "inferno") is None


def test_what_was_measured_of_the_maps_is_told_and_nothing_where_nobody_did():
    maps = np.zeros((4, 40, 50), np.float32)
    assert maps_view(maps, LABELS, "gradcam", None)["trust"] == []
    assert maps_view(maps, LABELS, "gradcam", Trust("?", ("a line",)))["trust"] == ["a line"]
