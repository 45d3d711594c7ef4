"""What annotators agree on becomes a deck that Learn and quizzes use at once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from octtutor.core.annotation import Box, Mark, Project, Reading
from octtutor.core.case import Case
from octtutor.core.diagnosis import LABELS
from octtutor.core.quiz import Options
from octtutor.errors import BadInputError
from octtutor.tutor.annotating import Annotating
from octtutor.tutor.atlas import Atlas, known_regions
from octtutor.tutor.importing import EMBEDDED, import_scans
from octtutor.tutor.lessons import Lessons, Published
from octtutor.tutor.practice import Practice
from tests.conftest import DECK, Clock

CNV, DME, DRUSEN, NORMAL = LABELS
DRAWN = Mark("a", "drusen", Box(10, 20, 30, 40))
PIT = Mark("b", "foveal pit", Box(100, 100, 20, 20))
NOTED = Mark("c", "other", Box(60, 60, 10, 10), "a fold")


@pytest.fixture
def room(store, images, shelf, clock: Clock, scans: Path) -> Annotating:
    import_scans(store, images, scans, clock, "real")
    return Annotating(store, images, shelf, clock, lambda: 7)


@pytest.fixture
def lessons(store, images, clock) -> Lessons:
    return Lessons(store, images, clock)


def begin(room: Annotating, readers: int = 1, name: str = "p") -> Project:
    return room.create(name, "First", "real", readers, controls=0)


def read_all(room: Annotating, who: str, reading: Reading, most: int = 8, name="p") -> list[str]:
    seen: list[str] = []
    while len(seen) < most and (task := room.next(name, who)):
        room.record(name, task.sha256, who, reading)
        seen.append(task.sha256)
    return seen


def publish(room: Annotating, lessons: Lessons, *marks: Mark) -> tuple[Published, tuple[Case, ...]]:
    begin(room)
    read_all(room, "ada", Reading(True, DRUSEN, ("hyperreflective foci",), marks))
    return lessons.publish("p", "taught", "Taught"), room._store.cases_of("taught")


def test_agreed_scans_become_a_deck_with_label_findings_and_mask(room, lessons, images):
    done, cases = publish(room, lessons, DRAWN, PIT, NOTED)
    assert (done.added, done.left_out, done.annotators, done.readers) == (8, {}, 1, 1)
    assert done.deck == room._store.find_deck("taught")
    assert done.deck.complete
    assert done.deck.title == "Taught (1 annotator)"
    origin = {case.sha256: case for case in room._store.cases_of("real")}
    for case in cases:
        old = origin[case.sha256]
        assert (case.label, case.patient, case.name) == (DRUSEN, old.patient, old.name)
        assert case.findings == ("drusen", "foveal pit", "hyperreflective foci", "other")
        mask = images.read(case.mask_sha256)
        assert mask.shape == (160, 160)
        assert set(np.unique(mask)) == {0, 255}
        assert (mask > 0).sum() == 30 * 40 + 10 * 10  # the pit is no lesion
    assert {case.label for case in room._store.cases_of("real")} == set(LABELS)


def test_learn_shows_the_regions_by_finding_and_caption_lesions_first(room, lessons, store, images):
    _, cases = publish(room, lessons, PIT, DRAWN, replace(NOTED, finding="drusen"), NOTED)
    regions = lessons.regions_of(cases[0])
    assert [r.name for r in regions] == ["drusen", "drusen: a fold", "a fold", "foveal pit"]
    xs, ys = zip(*regions[0].largest, strict=True)
    assert (min(xs), max(xs), min(ys), max(ys)) == (10.5, 39.5, 20.5, 59.5)
    atlas = Atlas(store, images, room._shelf, lessons.regions_of)
    assert "taught" in {deck.name for deck in atlas.decks()}
    example = atlas.examples("taught", DRUSEN)[0]
    assert example.regions == regions


def test_a_published_case_keeps_its_regions_when_the_reading_changes(room, lessons):
    _, cases = publish(room, lessons, DRAWN)
    (before,) = lessons.regions_of(cases[0])
    room.settle("p", cases[0].sha256, "mary", Reading(True, CNV, marks=(NOTED,)))
    fresh = Lessons(room._store, room._images, room._clock)
    assert fresh.regions_of(cases[0]) == (before,)
    assert room._store.cases_of("taught") == cases


def test_quizzes_score_a_click_against_the_regions(room, lessons, store, images, shelf, clock):
    _, cases = publish(room, lessons, DRAWN)
    practice = Practice(store, images, shelf, clock)
    trainee = practice.enrol(None, "Ada")
    plain = practice.start(trainee.id, "taught", 2, seed=1)
    attempt = replace(plain, id="marked", options=Options(mark_where=True))
    store.start_attempt(attempt)
    for position, mark in enumerate(((25, 40), (140, 140))):
        practice.question(trainee.id, attempt.id)
        practice.commit(trainee.id, attempt.id, position, DRUSEN, 3, mark=mark)
    assert len(cases) == 8
    assert practice.count_marks(attempt) == (1, 2)


def test_a_case_of_no_project_shows_what_is_known_of_it(lessons, store, images, clock):
    import_scans(store, images, DECK, clock, EMBEDDED)
    for case in store.cases_of(EMBEDDED)[:3]:
        assert lessons.regions_of(case) == known_regions(images, case)
        assert lessons.regions_of(case)


def test_what_is_unread_in_dispute_ungradable_or_gone_is_left_out(room, lessons, images):
    begin(room, readers=2)
    first, second, third, fourth = read_all(room, "ada", Reading(True, CNV, marks=(DRAWN,)), 4)
    for sha, reading in (
        (first, Reading(True, CNV, ("drusen",))),
        (second, Reading(True, DME)),
        (third, Reading(True, CNV, ("drusen",))),
    ):
        assert room.next("p", "grace").sha256 == sha
        room.record("p", sha, "grace", reading)
    room.settle("p", fourth, "mary", Reading(False, None))
    images.place(third).unlink()
    done = lessons.publish("p", "taught", "Taught")
    assert done.added == 1
    assert done.left_out == {
        "in dispute": 1,
        "ungradable": 1,
        "gone from the data home": 1,
        "read by too few": 4,
    }
    (case,) = room._store.cases_of("taught")
    assert (case.sha256, case.label) == (first, CNV)
    assert (done.annotators, done.readers) == (2, 2)
    assert done.agreement.n == 3
    assert done.deck.title == f"Taught (2 annotators, kappa {done.agreement.value:.2f})"


def test_a_case_keeps_its_regions_when_its_readers_come_to_differ_in_what_they_see(room, lessons):
    begin(room, readers=2)
    (sha,) = read_all(room, "ada", Reading(True, CNV, marks=(DRAWN,)), 1)
    assert read_all(room, "grace", Reading(True, CNV, ("drusen",)), 1) == [sha]
    lessons.publish("p", "taught", "Taught")
    room.record("p", sha, "grace", Reading(True, CNV, ("subretinal fluid",)))
    with pytest.raises(BadInputError, match="1 in dispute"):
        lessons.publish("p", "again", "Again")
    (case,) = room._store.cases_of("taught")
    fresh = Lessons(room._store, room._images, room._clock)
    assert [region.name for region in fresh.regions_of(case)] == ["drusen"]


def test_a_settled_scan_is_published_as_it_was_settled(room, lessons):
    begin(room, readers=2)
    sha = read_all(room, "ada", Reading(True, CNV), 1)[0]
    assert read_all(room, "grace", Reading(True, DME), 1) == [sha]
    room.settle("p", sha, "mary", Reading(True, NORMAL))
    lessons.publish("p", "taught", "Taught")
    (case,) = room._store.cases_of("taught")
    assert (case.label, case.mask_sha256, case.findings) == (NORMAL, None, ())
    assert lessons.regions_of(case) == ()


@pytest.mark.parametrize(
    ("project", "deck", "title", "why"),
    [
        ("q", "taught", "Taught", "annotation project"),
        ("p", "real", "Taught", "no deck has"),
        ("p", "No Name", "Taught", "deck name"),
        ("p", "taught", " ", "title"),
        ("p", "taught", "x" * 99, "title"),
    ],
)
def test_what_cannot_be_published_is_refused_in_a_line(room, lessons, project, deck, title, why):
    begin(room)
    read_all(room, "ada", Reading(True, CNV))
    before = room._store.decks(), room._store.cases_of("real")
    with pytest.raises(BadInputError, match=why) as error:
        lessons.publish(project, deck, title)
    assert "\n" not in str(error.value)
    assert (room._store.decks(), room._store.cases_of("real")) == before


def test_a_project_without_a_result_publishes_no_deck(room, lessons):
    begin(room, readers=2)
    read_all(room, "ada", Reading(True, CNV))
    with pytest.raises(BadInputError, match="8 read by too few"):
        lessons.publish("p", "taught", "Taught")
    assert room._store.find_deck("taught") is None


def test_a_control_that_all_read_otherwise_is_not_published_as_they_read_it(room, lessons):
    room.create("p", "First reading", "real", readers=1, controls=0.15, random_share=1)
    labels = {case.sha256: case.label for case in room._store.cases_of("real")}
    while task := room.next("p", "ada"):
        wrong = DME if labels[task.sha256] is CNV else CNV
        room.record("p", task.sha256, "ada", Reading(True, wrong))
    done = lessons.publish("p", "taught", "Taught")
    assert (done.added, done.left_out) == (7, {"controls that were read otherwise": 1})
