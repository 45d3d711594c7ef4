"""What annotators agree on becomes a deck that Learn and quizzes use at once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from octtutor.core.annotation.annotation import Mark, Project, Reading
from octtutor.core.annotation.region_shape import Box
from octtutor.core.case import Case
from octtutor.core.diagnosis import LABELS
from octtutor.core.quiz import Options
from octtutor.errors import BadInputError
from octtutor.tutor.annotation.annotating import open_annotating
from octtutor.tutor.annotation.deck_publishing import DeckPublisher, Published
from octtutor.tutor.atlas.atlas import Atlas, known_regions
from octtutor.tutor.decks.deck_import import EMBEDDED, import_scans
from octtutor.tutor.practice.practice import Practice
from tests.conftest import DECK, Clock
from tests.tutor.annotation.annotation_room import Room

CNV, DME, DRUSEN, NORMAL = LABELS
DRAWN = Mark("a", "drusen", Box(10, 20, 30, 40))
PIT = Mark("b", "foveal pit", Box(100, 100, 20, 20))
NOTED = Mark("c", "other", Box(60, 60, 10, 10), "a fold")


@pytest.fixture
def room(store, images, shelf, clock: Clock, scans: Path) -> Room:
    import_scans(store, images, scans, clock, "real")
    do = open_annotating(store, images, shelf, clock, lambda: 7)
    return Room(store, images, shelf, clock, do)


@pytest.fixture
def publisher(store, images, clock) -> DeckPublisher:
    return DeckPublisher(store, images, clock)


def begin(room: Room, readers: int = 1, name: str = "p") -> Project:
    return room.projects.create(name, "First", "real", readers, controls=0)


def read_all(room: Room, who: str, reading: Reading, most: int = 8, name="p") -> list[str]:
    seen: list[str] = []
    while len(seen) < most and (task := room.annotators.next(name, who)):
        room.annotators.record(name, task.sha256, who, reading)
        seen.append(task.sha256)
    return seen


def publish(
    room: Room, publisher: DeckPublisher, *marks: Mark
) -> tuple[Published, tuple[Case, ...]]:
    begin(room)
    read_all(room, "ada", Reading(True, DRUSEN, ("hyperreflective foci",), marks))
    return publisher.publish("p", "taught", "Taught"), room.store.cases_of("taught")


def test_agreed_scans_become_a_deck_with_label_findings_and_mask(room, publisher, images):
    done, cases = publish(room, publisher, DRAWN, PIT, NOTED)
    assert (done.added, done.left_out, done.annotators, done.readers) == (8, {}, 1, 1)
    assert done.deck == room.store.find_deck("taught")
    assert done.deck.complete
    assert done.deck.title == "Taught (1 annotator)"
    origin = {case.sha256: case for case in room.store.cases_of("real")}
    for case in cases:
        old = origin[case.sha256]
        assert (case.label, case.patient, case.name) == (DRUSEN, old.patient, old.name)
        assert case.findings == ("drusen", "foveal pit", "hyperreflective foci", "other")
        mask = images.read(case.mask_sha256)
        assert mask.shape == (160, 160)
        assert set(np.unique(mask)) == {0, 255}
        assert (mask > 0).sum() == 30 * 40 + 10 * 10  # the pit is no lesion
    assert {case.label for case in room.store.cases_of("real")} == set(LABELS)


def test_a_published_deck_says_whose_scans_its_projects_were(room, publisher):
    whose = {"source": "octdl", "citation": "Ada, 2026.", "licence": "CC"}
    room.store.put_deck(replace(room.store.find_deck("real"), **whose))
    done, _ = publish(room, publisher, DRAWN)
    assert (done.deck.citation, done.deck.licence) == ("Ada, 2026.", "CC")
    assert done.deck.source == ""  # it is no fetched one
    assert room.store.find_deck("taught") == done.deck


def test_learn_shows_the_regions_by_finding_and_caption_lesions_first(
    room, publisher, store, images
):
    _, cases = publish(room, publisher, PIT, DRAWN, replace(NOTED, finding="drusen"), NOTED)
    regions = publisher.regions_of(cases[0])
    assert [r.name for r in regions] == ["drusen", "drusen: a fold", "a fold", "foveal pit"]
    xs, ys = zip(*regions[0].largest, strict=True)
    assert (min(xs), max(xs), min(ys), max(ys)) == (10.5, 39.5, 20.5, 59.5)
    atlas = Atlas(store, images, room.shelf, publisher.regions_of)
    assert "taught" in {deck.name for deck in atlas.decks()}
    example = atlas.examples("taught", DRUSEN)[0]
    assert example.regions == regions


def test_a_published_case_keeps_its_regions_when_the_reading_changes(room, publisher):
    _, cases = publish(room, publisher, DRAWN)
    (before,) = publisher.regions_of(cases[0])
    room.settling.settle("p", cases[0].sha256, "mary", Reading(True, CNV, marks=(NOTED,)))
    fresh = DeckPublisher(room.store, room.images, room.clock)
    assert fresh.regions_of(cases[0]) == (before,)
    assert room.store.cases_of("taught") == cases


def test_quizzes_score_a_click_against_the_regions(room, publisher, store, images, shelf, clock):
    _, cases = publish(room, publisher, DRAWN)
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


def test_a_case_of_no_project_shows_what_is_known_of_it(publisher, store, images, clock):
    import_scans(store, images, DECK, clock, EMBEDDED)
    for case in store.cases_of(EMBEDDED)[:3]:
        assert publisher.regions_of(case) == known_regions(images, case)
        assert publisher.regions_of(case)


def test_what_is_unread_in_dispute_ungradable_or_gone_is_left_out(room, publisher, images):
    begin(room, readers=2)
    first, second, third, fourth = read_all(room, "ada", Reading(True, CNV, marks=(DRAWN,)), 4)
    for sha, reading in (
        (first, Reading(True, CNV, ("drusen",))),
        (second, Reading(True, DME)),
        (third, Reading(True, CNV, ("drusen",))),
    ):
        assert room.annotators.next("p", "grace").sha256 == sha
        room.annotators.record("p", sha, "grace", reading)
    room.settling.settle("p", fourth, "mary", Reading(False, None))
    images.place(third).unlink()
    done = publisher.publish("p", "taught", "Taught")
    assert done.added == 1
    assert done.left_out == {
        "in dispute": 1,
        "ungradable": 1,
        "gone from the data home": 1,
        "read by too few": 4,
    }
    (case,) = room.store.cases_of("taught")
    assert (case.sha256, case.label) == (first, CNV)
    assert (done.annotators, done.readers) == (2, 2)
    assert done.agreement.n == 3
    assert done.deck.title == f"Taught (2 annotators, kappa {done.agreement.value:.2f})"


def test_a_case_keeps_its_regions_when_its_readers_come_to_differ_in_what_they_see(room, publisher):
    begin(room, readers=2)
    (sha,) = read_all(room, "ada", Reading(True, CNV, marks=(DRAWN,)), 1)
    assert read_all(room, "grace", Reading(True, CNV, ("drusen",)), 1) == [sha]
    publisher.publish("p", "taught", "Taught")
    room.annotators.record("p", sha, "grace", Reading(True, CNV, ("subretinal fluid",)))
    with pytest.raises(BadInputError, match="1 in dispute"):
        publisher.publish("p", "again", "Again")
    (case,) = room.store.cases_of("taught")
    fresh = DeckPublisher(room.store, room.images, room.clock)
    assert [region.name for region in fresh.regions_of(case)] == ["drusen"]


def test_a_settled_scan_is_published_as_it_was_settled(room, publisher):
    begin(room, readers=2)
    sha = read_all(room, "ada", Reading(True, CNV), 1)[0]
    assert read_all(room, "grace", Reading(True, DME), 1) == [sha]
    room.settling.settle("p", sha, "mary", Reading(True, NORMAL))
    publisher.publish("p", "taught", "Taught")
    (case,) = room.store.cases_of("taught")
    assert (case.label, case.mask_sha256, case.findings) == (NORMAL, None, ())
    assert publisher.regions_of(case) == ()


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
def test_what_cannot_be_published_is_refused_in_a_line(room, publisher, project, deck, title, why):
    begin(room)
    read_all(room, "ada", Reading(True, CNV))
    before = room.store.decks(), room.store.cases_of("real")
    with pytest.raises(BadInputError, match=why) as error:
        publisher.publish(project, deck, title)
    assert "\n" not in str(error.value)
    assert (room.store.decks(), room.store.cases_of("real")) == before


def test_a_project_without_a_result_publishes_no_deck(room, publisher):
    begin(room, readers=2)
    read_all(room, "ada", Reading(True, CNV))
    with pytest.raises(BadInputError, match="8 read by too few"):
        publisher.publish("p", "taught", "Taught")
    assert room.store.find_deck("taught") is None


def test_a_control_that_all_read_otherwise_is_not_published_as_they_read_it(room, publisher):
    room.projects.create("p", "First reading", "real", readers=1, controls=0.15, random_share=1)
    labels = {case.sha256: case.label for case in room.store.cases_of("real")}
    while task := room.annotators.next("p", "ada"):
        wrong = DME if labels[task.sha256] == CNV else CNV
        room.annotators.record("p", task.sha256, "ada", Reading(True, wrong))
    done = publisher.publish("p", "taught", "Taught")
    assert (done.added, done.left_out) == (7, {"controls that were read otherwise": 1})
