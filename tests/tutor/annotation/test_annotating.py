"""Annotators are blind to each other, and the log is only ever added to."""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from octtutor.core.annotation.annotation import (
    Kind,
    Mark,
    Project,
    Reading,
    ReadingSource,
    ScanStanding,
    standing,
)
from octtutor.core.annotation.region_shape import Box, Brush, Ellipse, Polygon, crosses_itself
from octtutor.core.diagnosis import LABELS, Diagnosis, by_label
from octtutor.core.prediction import Prediction
from octtutor.errors import BadInputError, NotAllowedError, OctTutorError, StaleError, StoreError
from octtutor.tutor.annotation.annotating import open_annotating
from octtutor.tutor.annotation.assignment_queue import controls_of
from octtutor.tutor.annotation.consensus import result_of
from octtutor.tutor.annotation.orders import Evidence, by_disagreement
from octtutor.tutor.annotation.outlining import strongest_area
from octtutor.tutor.annotation.reading import Task
from octtutor.tutor.decks.deck_import import import_scans
from octtutor.tutor.ports import DeckLabelIssue
from tests.conftest import Clock, write_scans
from tests.fakes import ToldPredictor
from tests.tutor.annotation.annotation_room import Room

CNV, DME, DRUSEN, NORMAL = LABELS
MARK = Mark("a", "drusen", Box(10, 12, 30, 8), "two of them")


class KnowingPredictor(ToldPredictor):
    """Knows answers beforehand, as told."""

    def __init__(self, answers: dict[str, tuple[float, float, float, float]]) -> None:
        super().__init__("knowing", "9")
        self.answers = answers

    def knows(self, sha256: str) -> bool:
        return sha256 in self.answers

    def read(self, sha256: str, scan: np.ndarray) -> tuple[Prediction, np.ndarray]:
        _, maps = super().read(sha256, scan)
        return Prediction(self.name, str(self.sha256), by_label(self.answers[sha256])), maps


def says(label: Diagnosis | None, *marks: Mark, **more) -> Reading:
    return Reading(label is not None, label, marks=marks, confidence=3, response_ms=900, **more)


@pytest.fixture
def room(store, images, shelf, clock: Clock, scans: Path) -> Room:
    import_scans(store, images, scans, clock, "real")
    do = open_annotating(store, images, shelf, clock, lambda: 7)
    return Room(store, images, shelf, clock, do)


def begin(room: Room, **how) -> Project:
    return room.projects.create("p", "First reading", "real", **({"controls": 0} | how))


def read_all(room: Room, who: str, label: Diagnosis | None = CNV) -> list[str]:
    seen = []
    while task := room.annotators.next("p", who):
        room.clock.pass_seconds(5)
        room.annotators.record("p", task.sha256, who, says(label))
        seen.append(task.sha256)
    return seen


def log(room: Room) -> tuple:
    return room.store.entries_in("p")


# Ordering


def test_a_project_keeps_what_was_ordered(room, clock):
    made = begin(room, readers=3, controls=0.15, order="margin", random_share=1, suggest=True)
    assert made == Project("p", "First reading", "real", 3, 0.15, "margin", 1.0, True, 7, clock())
    assert [each.project for each in room.projects.all("ada")] == [made]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Ä b"},
        {"name": "p\n"},
        {"name": "../p"},
        {"name": "p" * 65},
        {"title": "  "},
        {"title": "t" * 81},
        {"deck": "nope"},
        {"readers": 0},
        {"readers": 6},
        {"readers": 1.5},
        {"readers": True},
        {"controls": -0.01},
        {"controls": 0.151},
        {"controls": 0.049},
        {"controls": float("nan")},
        {"random_share": 1.1},
        {"order": "alphabetical"},
    ],
)
def test_a_project_that_cannot_be_is_refused_in_a_line(room, wrong):
    facts = {"name": "p", "title": "t", "deck": "real", "readers": 1, "controls": 0.1} | wrong
    with pytest.raises(BadInputError, match=r"Expected .* Received .*\.") as error:
        room.projects.create(**facts)
    assert "\n" not in str(error.value)
    assert room.projects.all("ada") == ()


def test_a_taken_name_is_refused(room):
    begin(room)
    with pytest.raises(StaleError, match="already"):
        begin(room)


def test_a_closed_project_gives_out_nothing_and_an_open_scan_can_be_finished(room):
    begin(room)
    task = room.annotators.next("p", "ada")
    room.projects.close("p")
    assert room.annotators.next("p", "ada") is None
    assert room.annotators.next("p", "grace") is None
    room.annotators.record("p", task.sha256, "ada", says(CNV))
    room.projects.reopen("p")
    assert room.annotators.next("p", "ada").sha256 != task.sha256


# Blindness


def test_a_task_tells_nothing_that_is_known_of_the_scan(room):
    begin(room, readers=2, controls=0.15, suggest=True)
    room.annotators.record(
        "p", room.annotators.next("p", "grace").sha256, "grace", says(DRUSEN, MARK, note="secret")
    )
    shown = {field.name for field in fields(Task)}
    assert shown == {
        "height",
        "may_suggest",
        "mine",
        "notice",
        "position",
        "project",
        "remaining",
        "scan",
        "scheme",
        "sha256",
        "synthetic",
        "width",
    }
    while task := room.annotators.next("p", "ada"):
        told = repr(replace(task, scan=None, scheme=None)).upper()  # it is the project's
        assert task.mine is None
        assert not any(label in told for label in (*LABELS, "GRACE", "SECRET", "CONTROL", ".PNG"))
        room.annotators.record("p", task.sha256, "ada", says(None))


def test_a_control_looks_like_any_other_scan(room):
    begin(room, readers=1, controls=0.15)
    tasks = {}
    while task := room.annotators.next("p", "ada"):
        tasks[task.sha256] = task
        room.annotators.record("p", task.sha256, "ada", says(CNV))
    given = {one.sha256: one for one in room.store.assignments_in("p")}
    hidden = [tasks[sha] for sha, one in given.items() if one.is_control]
    others = [tasks[sha] for sha, one in given.items() if not one.is_control]
    assert hidden
    assert others

    def kind(task: Task) -> tuple:
        return (task.project, task.width, task.height, task.synthetic, task.mine, task.may_suggest)

    assert {kind(task) for task in hidden} == {kind(task) for task in others}
    assert [task.position for task in tasks.values()] == list(range(1, 9))
    assert [task.remaining for task in tasks.values()] == list(range(8, 0, -1))


def test_every_annotator_gets_every_control_and_no_other_scan_twice(room):
    begin(room, controls=0.15)
    seen = {who: [] for who in ("ada", "grace", "mary")}
    people = list(seen)
    while people:
        for who in tuple(people):
            task = room.annotators.next("p", who)
            if task is None:
                people.remove(who)
                continue
            seen[who].append(task.sha256)
            room.annotators.record("p", task.sha256, who, says(CNV))
    controls = controls_of(room.get_project("p"), room.store.cases_of("real"))
    assert len(controls) == 1
    assert all(controls <= set(given) for given in seen.values())
    times = Counter(sha for given in seen.values() for sha in given)
    assert {n for sha, n in times.items() if sha not in controls} == {1}
    assert len(times) == 8


def test_controls_are_drawn_by_the_seed_at_their_share(room, store, images, clock, tmp_path):
    many = write_scans(tmp_path / "many", per_class=10)
    import_scans(store, images, many, clock, "many")
    project = room.projects.create("p", "t", "many", controls=0.1)
    cases = store.cases_of("many")
    drawn = controls_of(project, cases)
    assert len(drawn) == 4
    assert controls_of(project, cases[::-1]) == drawn
    assert controls_of(replace(project, seed=8), cases) != drawn
    assert controls_of(replace(project, controls=0.0), cases) == frozenset()


def test_controls_come_in_between_and_not_in_a_block(room, store, images, clock, tmp_path):
    import_scans(store, images, write_scans(tmp_path / "many", per_class=10), clock, "many")
    room.projects.create("p", "t", "many", controls=0.15)
    order = read_all(room, "ada")
    controls = controls_of(room.get_project("p"), store.cases_of("many"))
    places = [n for n, sha in enumerate(order) if sha in controls]
    assert len(places) == 6
    assert places[-1] - places[0] > len(places)


def test_readers_of_a_scan_never_see_each_other(room):
    begin(room, readers=2)
    task = room.annotators.next("p", "ada")
    room.annotators.record("p", task.sha256, "ada", says(CNV, MARK))
    other = room.annotators.next("p", "grace")
    assert other.sha256 == task.sha256
    assert other.mine is None
    for look in (
        room.settling.history,
        lambda *a: room.settling.at(a[0], a[1], room.clock(), a[2]),
    ):
        with pytest.raises(NotAllowedError, match="Read it first"):
            look("p", task.sha256, "grace")
    with pytest.raises(NotAllowedError, match="Read it first"):
        room.settling.settle("p", task.sha256, "grace", says(DME))
    with pytest.raises(NotAllowedError, match="Read it first"):
        room.settling.restore("p", task.sha256, log(room)[0].id, "grace")
    room.annotators.record("p", task.sha256, "grace", says(DME))
    assert len(room.settling.history("p", task.sha256, "grace")) == 2


def test_a_flagged_scan_that_an_educator_has_to_read_is_not_shown_to_them(room):
    begin(room, readers=2)
    task = room.annotators.next("p", "ada")
    room.annotators.record("p", task.sha256, "ada", says(CNV, flagged=True))
    room.annotators.next("p", "grace")
    assert room.settling.disputes("p", "grace") == ()
    assert [each.sha256 for each in room.settling.disputes("p", "mary")] == [task.sha256]


def test_who_settled_a_scan_is_never_given_it(room):
    begin(room, readers=5, controls=0.15)
    (control,) = controls_of(room.get_project("p"), room.store.cases_of("real"))
    room.settling.settle("p", control, "ada", says(CNV))
    assert control not in read_all(room, "ada")
    assert control in read_all(room, "grace")


# Suggestions


def test_the_suggestion_comes_after_the_own_answer_only(room, predictor):
    begin(room, suggest=True)
    task = room.annotators.next("p", "ada")
    for ask in (
        lambda: room.annotators.suggestion("p", task.sha256, "ada"),
        lambda: room.annotators.outline("p", task.sha256, "ada", CNV),
    ):
        with pytest.raises(NotAllowedError, match="after your own answer"):
            ask()
    room.annotators.record("p", task.sha256, "ada", Reading(True, None, marks=(MARK,)))
    with pytest.raises(NotAllowedError, match="after your own answer"):
        room.annotators.suggestion("p", task.sha256, "ada")
    assert predictor.asked == []
    room.annotators.record("p", task.sha256, "ada", says(DME, MARK))
    told = room.annotators.suggestion("p", task.sha256, "ada")
    assert (told.prediction.label, told.agrees, told.trained_on) == (CNV, False, False)
    with pytest.raises(StaleError, match="not yours"):
        room.annotators.suggestion("p", task.sha256, "grace")


def test_a_project_without_suggestions_gives_none(room, predictor):
    begin(room)
    task = room.annotators.next("p", "ada")
    room.annotators.record("p", task.sha256, "ada", says(DME))
    with pytest.raises(NotAllowedError, match="no suggestions"):
        room.annotators.suggestion("p", task.sha256, "ada")
    assert not task.may_suggest
    assert predictor.asked == []


def test_what_became_of_a_suggestion_is_in_the_log(room, predictor):
    begin(room, suggest=True)
    sha = room.annotators.next("p", "ada").sha256
    room.annotators.record("p", sha, "ada", says(DME))
    shown = room.annotators.suggestion("p", sha, "ada").prediction
    room.annotators.suggestion("p", sha, "ada")
    model = shown.model, shown.model_sha256
    room.annotators.record("p", sha, "ada", says(CNV), ReadingSource.ACCEPTED, *model)
    room.annotators.record("p", sha, "ada", says(CNV), ReadingSource.ACCEPTED, *model)
    first, seen, taken = log(room)
    assert (first.source, first.model) == (ReadingSource.HUMAN, None)
    assert (seen.before, seen.after, seen.model) == (first.after, first.after, "told")
    assert (taken.source, taken.model, taken.model_sha256) == (
        ReadingSource.ACCEPTED,
        "told",
        "0" * 64,
    )
    assert taken.before == says(DME)


def test_a_suggestion_that_agrees_can_be_accepted_too(room):
    begin(room, suggest=True)
    sha = room.annotators.next("p", "ada").sha256
    room.annotators.record("p", sha, "ada", says(CNV))
    shown = room.annotators.suggestion("p", sha, "ada").prediction
    room.annotators.record(
        "p", sha, "ada", says(CNV), ReadingSource.ACCEPTED, shown.model, shown.model_sha256
    )
    assert log(room)[-1].source is ReadingSource.ACCEPTED


def test_a_source_that_is_not_true_is_refused(room):
    begin(room, suggest=True)
    sha = room.annotators.next("p", "ada").sha256
    claims = [
        (ReadingSource.ACCEPTED, "told", "0" * 64),
        (ReadingSource.CORRECTED, None, None),
        (ReadingSource.IMPORTED, None, None),
    ]
    for claim in claims:
        with pytest.raises(BadInputError, match="suggestion that was shown"):
            room.annotators.record("p", sha, "ada", says(CNV), *claim)
    room.annotators.record("p", sha, "ada", says(CNV))
    room.annotators.suggestion("p", sha, "ada")
    with pytest.raises(BadInputError, match="suggestion that was shown"):
        room.annotators.record(
            "p", sha, "ada", says(CNV), ReadingSource.ACCEPTED, "other", "1" * 64
        )
    assert len(log(room)) == 2


def test_the_strongest_area_becomes_an_outline_that_can_be_edited(room):
    begin(room, suggest=True)
    task = room.annotators.next("p", "ada")
    room.annotators.record("p", task.sha256, "ada", says(CNV))
    mark = room.annotators.outline("p", task.sha256, "ada", CNV)
    assert mark.finding == "other"
    assert 8 <= len(mark.shape.points) <= 40
    room.annotators.record("p", task.sha256, "ada", says(CNV, mark))
    with pytest.raises(BadInputError, match="zero everywhere"):
        room.annotators.outline("p", task.sha256, "ada", DME)


@pytest.mark.parametrize("seed", range(12))
def test_an_outline_holds_the_maximum_and_never_crosses_itself(seed):
    rng = np.random.default_rng(seed)
    raw = rng.random((7, 9)).astype(np.float32) ** rng.integers(1, 9)
    raw[4, 5] = 3
    shape = strongest_area(raw, 301, 203)
    assert 8 <= len(shape.points) <= 40
    assert not crosses_itself(shape.points)
    assert all(0 <= x <= 301 and 0 <= y <= 203 for x, y in shape.points)
    middle = 5.5 / 9 * 301, 4.5 / 7 * 203
    assert cv2.pointPolygonTest(np.array(shape.points, np.float32), middle, False) >= 0


def test_of_two_areas_the_larger_is_outlined():
    raw = np.zeros((8, 8), np.float32)
    raw[1, 1], raw[5:8, 5:8] = 1, 0.8
    xs, ys = zip(*strongest_area(raw, 80, 80).points, strict=True)
    assert min(xs) > 40
    assert min(ys) > 40


# Recording


def test_a_browser_that_closes_in_mid_work_loses_nothing_that_was_drawn(room):
    begin(room)
    task = room.annotators.next("p", "ada")
    draft = Reading(True, None, marks=(MARK,))
    room.annotators.record("p", task.sha256, "ada", draft)
    again = room.annotators.next("p", "ada")
    assert (again.sha256, again.mine) == (task.sha256, draft)
    room.annotators.record("p", task.sha256, "ada", Reading(True, None))
    assert room.annotators.next("p", "ada").mine is None
    assert [entry.after for entry in log(room)] == [draft, None]
    room.annotators.record("p", task.sha256, "ada", says(CNV, MARK))
    assert room.annotators.next("p", "ada").sha256 != task.sha256


def test_a_reading_that_was_written_but_not_ticked_off_is_ticked_off_the_next_time(room, store):
    begin(room)
    task = room.annotators.next("p", "ada")
    room.annotators.record("p", task.sha256, "ada", says(CNV))
    store.reopen_assignment("p", task.sha256, "ada")  # as though the server had died in between
    again = room.annotators.next("p", "ada")
    assert (again.sha256, again.mine) == (task.sha256, says(CNV))
    room.annotators.record("p", task.sha256, "ada", again.mine)
    assert room.annotators.next("p", "ada").sha256 != task.sha256
    assert len(log(room)) == 1


def test_the_same_again_adds_nothing(room):
    begin(room)
    sha = room.annotators.next("p", "ada").sha256
    for _ in range(3):
        room.annotators.record("p", sha, "ada", says(CNV, MARK))
    assert len(log(room)) == 1


@pytest.mark.parametrize(
    "reading",
    [
        Reading(False, CNV),
        Reading(False, CNV, marks=(MARK,)),
        Reading(True, CNV, findings=("<script>",)),
        says(CNV, replace(MARK, finding="lesion")),
        says(CNV, replace(MARK, shape=Box(150, 0, 30, 30))),
        says(CNV, replace(MARK, shape=Box(1, 1, 0, 5))),
        says(CNV, replace(MARK, shape=Polygon(((1, 1), (9, 9), (9, 1), (1, 8))))),
        says(CNV, replace(MARK, shape=Polygon(((1.0, 1.0),) * 10_000))),
        says(CNV, replace(MARK, caption="x" * 201)),
        Reading(True, None, marks=(replace(MARK, shape=Box(-9, 1, 5, 5)),)),
    ],
)
def test_a_reading_that_cannot_be_is_refused_and_nothing_is_written(room, reading):
    begin(room)
    task = room.annotators.next("p", "ada")
    with pytest.raises(BadInputError, match="Expected"):
        room.annotators.record("p", task.sha256, "ada", reading)
    assert log(room) == ()
    assert room.annotators.next("p", "ada").sha256 == task.sha256


def test_odd_numbers_and_texts_of_a_browser_are_kept_within_bounds(room):
    begin(room)
    sha = room.annotators.next("p", "ada").sha256
    odd = Mark("i" * 99, "other", Box(1, 1, 5, 5), "half \ud83d and <b>bold</b>")
    room.annotators.record(
        "p", sha, "ada", Reading(True, CNV, ("drusen",) * 2, (odd,), 99, -5, False, "n" * 9999)
    )
    (entry,) = log(room)
    kept = entry.after
    assert (kept.confidence, kept.response_ms, len(kept.note)) == (5, 0, 1000)
    assert kept.findings == ("drusen",)
    assert kept.marks[0].caption == "half ? and <b>bold</b>"
    room.annotators.record("p", sha, "ada", says(DME))
    assert len(log(room)) == 2


def test_forged_names_are_refused_in_a_line(room):
    begin(room)
    sha = room.annotators.next("p", "ada").sha256
    with pytest.raises(StaleError, match="not yours"):
        room.annotators.record("p", sha, "grace", says(CNV))
    with pytest.raises(StaleError, match="not yours"):
        room.annotators.record("p", "0" * 64, "ada", says(CNV))
    with pytest.raises(StaleError, match="not yours"):
        room.annotators.skip("p", "0" * 64, "ada")
    for who in ("", "x" * 65, "a\nb", None):
        with pytest.raises(BadInputError, match="annotator's name"):
            room.annotators.next("p", who)
    for project in ("", "q", "p' OR '1'='1", None):
        with pytest.raises(BadInputError, match="annotation project"):
            room.annotators.next(project, "ada")
    with pytest.raises(StoreError, match=r"no (such )?case"):
        room.settling.settle("p", "0" * 64, "ada", says(CNV))
    with pytest.raises(BadInputError, match="entry of this scan's log"):
        room.settling.restore("p", sha, "nope", "mary")
    assert log(room) == ()


def test_a_scan_deleted_meanwhile_is_told_in_a_line_and_the_queue_goes_on(room, images):
    begin(room)
    task = room.annotators.next("p", "ada")
    images.place(task.sha256).unlink()
    with pytest.raises(StoreError, match="not in the data home"):
        room.annotators.record("p", task.sha256, "ada", says(CNV))
    after = room.annotators.next("p", "ada")
    assert after.sha256 != task.sha256
    assert "gone from the data home" in after.notice
    assert task.sha256[:6] not in after.notice
    assert "\n" not in after.notice
    room.annotators.record("p", after.sha256, "ada", says(CNV))
    assert room.annotators.next("p", "ada").notice == ""
    assert len(read_all(room, "ada")) == 6


def test_no_scan_at_all_ends_the_queue(room, images):
    begin(room)
    for case in room.store.cases_of("real"):
        images.place(case.sha256).unlink()
    assert room.annotators.next("p", "ada") is None


def test_a_skipped_scan_goes_to_somebody_else(room):
    begin(room)
    first = room.annotators.next("p", "ada").sha256
    room.annotators.skip("p", first, "ada")
    room.annotators.skip("p", first, "ada")
    with pytest.raises(StaleError, match="aside"):
        room.annotators.record("p", first, "ada", says(CNV))
    assert first not in read_all(room, "ada")
    assert read_all(room, "grace") == [first]


# Undo


def test_undo_takes_changes_back_one_by_one_and_adds_to_the_log(room, clock):
    begin(room)
    one = room.annotators.next("p", "ada").sha256
    room.annotators.record("p", one, "ada", says(CNV))
    clock.pass_seconds(1)
    two = room.annotators.next("p", "ada").sha256
    room.annotators.record("p", two, "ada", Reading(True, None, marks=(MARK,)))
    clock.pass_seconds(1)
    room.annotators.record("p", two, "ada", says(DME, MARK))
    clock.pass_seconds(1)
    before = log(room)
    task = room.annotators.undo("p", "ada")
    assert (task.sha256, task.mine) == (two, Reading(True, None, marks=(MARK,)))
    task = room.annotators.undo("p", "ada")
    assert (task.sha256, task.mine) == (two, None)
    task = room.annotators.undo("p", "ada")
    assert (task.sha256, task.mine) == (one, None)
    with pytest.raises(BadInputError, match="nothing of yours"):
        room.annotators.undo("p", "ada")
    assert log(room)[:3] == before
    assert [entry.kind for entry in log(room)[3:]] == [Kind.UNDO] * 3
    room.annotators.record("p", one, "ada", says(NORMAL))
    assert room.annotators.undo("p", "ada").sha256 == one


def test_undo_takes_a_skip_back_and_never_what_others_did(room, clock):
    begin(room, readers=2)
    first = room.annotators.next("p", "ada").sha256
    room.annotators.record("p", room.annotators.next("p", "grace").sha256, "grace", says(CNV))
    clock.pass_seconds(1)
    room.annotators.skip("p", first, "ada")
    clock.pass_seconds(1)
    room.annotators.next("p", "ada")
    assert room.annotators.undo("p", "ada").sha256 == first
    with pytest.raises(BadInputError, match="nothing of yours"):
        room.annotators.undo("p", "ada")
    assert len(log(room)) == 1


def test_a_skip_cannot_be_taken_back_once_somebody_else_has_the_scan(room):
    begin(room)
    first = room.annotators.next("p", "ada").sha256
    room.annotators.skip("p", first, "ada")
    assert room.annotators.next("p", "grace").sha256 == first
    with pytest.raises(StaleError, match="Somebody else"):
        room.annotators.undo("p", "ada")
    holders = [one.who for one in room.store.assignments_in("p") if not one.skipped]
    assert holders == ["grace"]


def test_what_an_import_replaced_is_not_taken_back_and_its_scan_stays_done(room, clock):
    project = begin(room)
    sha = room.annotators.next("p", "ada").sha256
    room.annotators.record("p", sha, "ada", says(CNV))
    room.journal.append(
        project, sha, "ada", Kind.READ, says(CNV), says(NORMAL), ReadingSource.IMPORTED
    )
    with pytest.raises(StaleError, match="changed since"):
        room.annotators.undo("p", "ada")
    (given,) = room.store.assignments_in("p")
    assert given.done_at is not None
    assert standing(log(room)).readings == {"ada": says(NORMAL)}


# Agreeing


def disputed(room: Room) -> str:
    begin(room, readers=2)
    sha = room.annotators.next("p", "ada").sha256
    room.annotators.record("p", sha, "ada", says(CNV, MARK))
    assert room.annotators.next("p", "grace").sha256 == sha
    room.annotators.record("p", sha, "grace", says(DME))
    return sha


def test_readers_who_differ_make_a_dispute_that_an_educator_settles(room):
    sha = disputed(room)
    (dispute,) = room.settling.disputes("p", "mary")
    assert dispute.readings == {"ada": says(CNV, MARK), "grace": says(DME)}
    assert (dispute.sha256, dispute.differ, dispute.flagged) == (sha, True, False)
    room.settling.settle("p", sha, "mary", says(DRUSEN))
    assert room.settling.disputes("p") == ()
    stand = standing(room.settling.history("p", sha))
    assert stand.readings == dispute.readings
    assert result_of(stand, room.get_project("p")) == says(DRUSEN)
    (overview,) = room.projects.all("ada")
    assert (overview.scans, overview.read, overview.mine) == (8, 1, 1)
    assert (overview.to_settle, overview.done) == (0, 1)


def test_one_reading_or_readings_that_agree_are_no_dispute(room):
    begin(room, readers=2)
    sha = room.annotators.next("p", "ada").sha256
    room.annotators.record("p", sha, "ada", says(None))
    assert room.settling.disputes("p") == ()
    assert room.projects.all("ada")[0].done == 0
    room.annotators.next("p", "grace")
    room.annotators.record("p", sha, "grace", says(None))
    assert room.settling.disputes("p") == ()
    assert room.projects.all("ada")[0].done == 1


FLUID = Mark("f", "subretinal fluid", Box(10, 10, 50, 30))


@pytest.mark.parametrize(
    ("one", "other", "findings", "regions"),
    [
        (says(CNV, FLUID), says(CNV, MARK), ("subretinal fluid", "drusen"), ()),
        (says(CNV, MARK), says(CNV), ("drusen",), ()),
        (says(CNV, MARK), says(CNV, findings=("drusen",)), (), ()),
        (says(CNV, MARK), says(CNV, replace(MARK, shape=Box(90, 90, 30, 8))), (), ("drusen",)),
        (says(CNV, MARK), says(CNV, replace(MARK, shape=Box(12, 12, 30, 8))), (), ()),
        (says(CNV), says(CNV, replace(MARK, finding="foveal pit")), (), ()),
        (says(CNV), says(CNV, findings=("other",)), (), ()),
        (says(None), says(None, MARK), (), ()),
    ],
)
def test_readers_of_one_diagnosis_can_differ_in_what_they_see_and_where(
    room, one, other, findings, regions
):
    project = begin(room, readers=2)
    sha = room.annotators.next("p", "ada").sha256
    room.annotators.record("p", sha, "ada", one)
    assert room.annotators.next("p", "grace").sha256 == sha
    room.annotators.record("p", sha, "grace", other)
    told = [
        (each.differ, each.differ_findings, each.differ_regions)
        for each in room.settling.disputes("p")
    ]
    in_dispute = bool(findings or regions)
    assert told == ([(False, findings, regions)] if in_dispute else [])
    result = result_of(standing(room.settling.history("p", sha)), project)
    assert (result is None) == in_dispute
    (overview,) = room.projects.all("ada")
    assert (overview.to_settle, overview.done) == (in_dispute, not in_dispute)
    room.settling.settle("p", sha, "mary", one)
    assert room.settling.disputes("p") == ()
    assert result_of(standing(room.settling.history("p", sha)), project) == one


def test_a_control_that_two_read_differently_is_to_be_settled_one_that_two_see_so_is_not(room):
    begin(room, controls=0.15)
    (control,) = controls_of(room.get_project("p"), room.store.cases_of("real"))
    read_all(room, "ada", CNV)
    assert room.settling.disputes("p") == ()
    assert room.annotators.next("p", "grace").sha256 == control
    room.annotators.record("p", control, "grace", says(CNV, MARK))
    assert room.settling.disputes("p") == ()
    assert room.projects.all("ada")[0].done == 8
    room.annotators.record("p", control, "grace", says(DME, MARK))
    (dispute,) = room.settling.disputes("p")
    assert (dispute.sha256, dispute.differ) == (control, True)
    assert room.projects.all("ada")[0].done == 7
    room.settling.settle("p", control, "mary", says(CNV))
    assert room.settling.disputes("p") == ()


def test_own_figures_on_controls_are_hidden_until_all_is_read(room):
    begin(room, controls=0.15, random_share=1)
    done = 0
    while task := room.annotators.next("p", "ada"):
        found = room.projects.figures("p", "ada").annotators
        assert all(one.hidden and one.accuracy.n == 0 for one in found)
        assert all(one.drift.curve == () for one in found)
        room.annotators.record("p", task.sha256, "ada", says(CNV))
        done += 1
    assert done == 8
    (ada,) = room.projects.figures("p", "ada").annotators
    assert (ada.hidden, ada.accuracy.n) == (False, 1)
    assert room.projects.figures("p", "grace").annotators[0].accuracy.n == 1


def test_of_two_who_settle_one_scan_the_second_is_told(room):
    sha = disputed(room)
    room.settling.settle("p", sha, "mary", says(DME))
    room.settling.settle("p", sha, "mary", says(DME))  # a double click
    with pytest.raises(StaleError, match="changed meanwhile"):
        room.settling.settle("p", sha, "rosalind", says(CNV))
    assert standing(room.settling.history("p", sha)).settled == says(DME)
    room.settling.settle("p", sha, "rosalind", says(CNV), before=says(DME))
    room.settling.settle("p", sha, "mary", None, before=says(CNV))
    assert standing(room.settling.history("p", sha)).settled is None
    assert [each.sha256 for each in room.settling.disputes("p")] == [sha]
    assert [entry.who for entry in room.settling.history("p", sha)][2:] == [
        "mary",
        "rosalind",
        "mary",
    ]


def test_what_is_settled_needs_a_diagnosis(room):
    sha = disputed(room)
    with pytest.raises(BadInputError, match="Expected a diagnosis"):
        room.settling.settle("p", sha, "mary", Reading(True, None, marks=(MARK,)))
    assert len(room.settling.history("p", sha)) == 2


def test_a_settled_scan_is_given_to_nobody_any_more(room):
    begin(room, readers=2)
    sha = room.annotators.next("p", "ada").sha256
    room.annotators.record("p", sha, "ada", says(CNV, flagged=True))
    room.settling.settle("p", sha, "mary", says(CNV))
    assert sha not in read_all(room, "grace")


def test_agreed_regions_are_those_of_all_readers(room):
    project = begin(room, readers=2)
    other = Mark("a", "other", Box(1, 1, 5, 5))
    one = Reading(True, CNV, ("drusen",), (MARK,), 5)
    two = Reading(True, CNV, (), (other, replace(MARK, id="z")), 2)
    found = result_of(ScanStanding({"ada": one, "grace": two}, None), project)
    assert found.findings == ("drusen", "other")
    assert [(m.id, m.finding, m.shape) for m in found.marks] == [
        ("m1", "drusen", MARK.shape),
        ("m2", "other", other.shape),
    ]
    assert found.confidence == 2
    assert result_of(ScanStanding({"ada": one}, None), project) is None
    draft = Reading(True, None, marks=(MARK,))
    assert result_of(ScanStanding({"ada": one, "grace": draft}, None), project) is None


# Audit


def test_any_earlier_state_can_be_shown_and_restored(room, clock):
    sha = disputed(room)
    early = clock()
    clock.pass_seconds(60)
    room.settling.settle("p", sha, "mary", says(DRUSEN))
    clock.pass_seconds(60)
    assert room.settling.at("p", sha, early).settled is None
    assert room.settling.at("p", sha, clock()).settled == says(DRUSEN)
    first, _, settled = room.settling.history("p", sha)
    room.settling.restore("p", sha, first.id, "rosalind")
    stand = standing(room.settling.history("p", sha))
    assert stand.settled == says(CNV, MARK)
    assert stand.readings == {"ada": says(CNV, MARK), "grace": says(DME)}
    room.settling.restore("p", sha, settled.id, "mary")
    room.settling.restore("p", sha, settled.id, "mary")
    kept = room.settling.history("p", sha)
    assert [entry.kind for entry in kept[3:]] == [Kind.RESTORE] * 2
    assert kept[:3] == (first, kept[1], settled)
    assert standing(kept).settled == says(DRUSEN)


def test_a_draft_cannot_be_made_to_hold_before_its_annotator_gives_an_answer(room):
    begin(room)
    sha = room.annotators.next("p", "ada").sha256
    room.annotators.record("p", sha, "ada", Reading(True, None, marks=(MARK,)))
    draft = log(room)[0].id
    with pytest.raises(BadInputError, match="gives a diagnosis"):
        room.settling.restore("p", sha, draft, "mary")
    room.annotators.record("p", sha, "ada", says(CNV))  # the region was deleted
    room.settling.restore("p", sha, draft, "mary")
    stand = standing(log(room))
    assert stand.settled == says(CNV, MARK)
    assert stand.readings == {"ada": says(CNV)}


# Drawn to settle it with


def test_what_an_educator_draws_to_settle_a_scan_is_kept_and_settles_nothing(room):
    sha = disputed(room)
    before = log(room)
    room.settling.sketch("p", sha, "mary", (MARK,))
    room.settling.sketch("p", sha, "mary", (MARK,))
    room.settling.sketch("p", sha, "mary", ())
    assert [entry.kind for entry in log(room)[len(before) :]] == [Kind.SKETCH] * 2
    other = replace(MARK, id="b")
    room.settling.sketch("p", sha, "rosalind", (other,))
    stand = standing(log(room))
    assert stand.sketches.keys() == {"mary", "rosalind"}
    assert (stand.sketches["mary"].marks, stand.sketches["rosalind"].marks) == ((), (other,))
    assert stand.readings == standing(before).readings
    assert stand.settled is None
    (dispute,) = room.settling.disputes("p")
    assert dispute == room.settling.dispute("p", sha)
    assert dispute.sketches == stand.sketches
    assert room.projects.figures("p").agreement.annotators == ("ada", "grace")
    room.settling.settle("p", sha, "mary", says(CNV, MARK))
    assert standing(log(room)).sketches == {}
    with pytest.raises(StaleError, match="settled meanwhile"):
        room.settling.sketch("p", sha, "rosalind", (MARK,))
    drawn = next(entry for entry in log(room) if entry.who == "rosalind")
    room.settling.restore("p", sha, drawn.id, "eva")
    assert standing(log(room)).settled == says(CNV, other)


def test_a_sketch_that_cannot_be_is_refused_and_nothing_is_written(room, images):
    sha = disputed(room)
    before = log(room)
    outside = Mark("a", "drusen", Box(-50, 0, 10, 10))
    with pytest.raises(BadInputError, match="inside the scan"):
        room.settling.sketch("p", sha, "mary", (outside,))
    with pytest.raises(StoreError):
        room.settling.sketch("p", "0" * 64, "mary", (MARK,))
    images.place(sha).unlink()
    with pytest.raises(StoreError):
        room.settling.sketch("p", sha, "mary", (MARK,))
    assert log(room) == before


def test_who_has_a_scan_to_read_draws_nothing_to_settle_it_and_who_did_is_never_given_it(room):
    begin(room, readers=2)
    sha = room.annotators.next("p", "ada").sha256
    room.annotators.record("p", sha, "ada", says(CNV, flagged=True))
    while (task := room.annotators.next("p", "grace")) and task.sha256 != sha:
        room.annotators.record("p", task.sha256, "grace", says(CNV))
    with pytest.raises(NotAllowedError):
        room.settling.sketch("p", sha, "grace", (MARK,))
    assert room.settling.dispute("p", sha, "grace") is None
    room.annotators.skip("p", sha, "grace")
    room.settling.sketch("p", sha, "mary", (MARK,))
    assert sha not in read_all(room, "mary")


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_the_log_only_grows_and_every_state_of_it_can_be_shown(room, clock, seed):
    begin(room, readers=2, controls=0.15, suggest=True)
    rng = random.Random(seed)
    states, kept = [], ()
    for _ in range(80):
        clock.pass_seconds(1)
        _do_something(room, rng)
        now = log(room)
        assert now[: len(kept)] == kept
        kept = now
        sha = rng.choice(kept).sha256 if kept else None
        if sha:
            states.append((sha, clock(), standing(room.settling.history("p", sha))))
    assert len(kept) > 20
    for sha, time, stand in states:
        assert room.settling.at("p", sha, time) == stand
    given = room.store.assignments_in("p")
    held = Counter(one.sha256 for one in given if not one.skipped and not one.is_control)
    assert max(held.values()) <= 2
    for one in given:
        if one.done_at and not one.skipped:
            mine = standing(room.settling.history("p", one.sha256)).readings.get(one.who)
            assert mine is not None
            assert not mine.gradable or mine.diagnosis


def _do_something(room: Room, rng: random.Random) -> None:
    who, label = rng.choice(("ada", "grace", "mary")), rng.choice((*LABELS, None))
    task, known = room.annotators.next("p", who), log(room)
    entry = rng.choice(known) if known else None
    sha = entry.sha256 if entry else "0" * 64
    do: dict[str, Callable[[], object]] = {
        "undo": lambda: room.annotators.undo("p", who),
        "settle": lambda: room.settling.settle("p", sha, who, says(label)),
        "sketch": lambda: room.settling.sketch("p", sha, who, rng.choice(((), (MARK,)))),
        "restore": lambda: room.settling.restore("p", sha, entry.id if entry else "", who),
        "ask": lambda: room.annotators.suggestion("p", sha, who),
    }
    if task:
        draft, full = Reading(True, None, marks=(MARK,)), says(label, MARK, flagged=label == DME)
        do |= {
            "draft": lambda: room.annotators.record("p", task.sha256, who, draft),
            "read": lambda: room.annotators.record("p", task.sha256, who, full),
            "read more": lambda: room.annotators.record("p", task.sha256, who, full),
            "skip": lambda: room.annotators.skip("p", task.sha256, who),
        }
    with suppress(OctTutorError):
        do[rng.choice(tuple(do))]()


# The model's order


def ordered(room: Room, order: str, answers, share: float = 0) -> list[str]:
    room.shelf.models[:] = [KnowingPredictor(answers)]
    begin(room, order=order, random_share=share)
    return read_all(room, "ada")


def answers_of(room: Room) -> dict[str, tuple[float, float, float, float]]:
    """The surer of CNV the later the hash."""
    hashes = [case.sha256 for case in room.store.cases_of("real")]
    return {sha: (0.4 + 0.07 * n, *((0.6 - 0.07 * n) / 3,) * 3) for n, sha in enumerate(hashes)}


@pytest.mark.parametrize("order", ["entropy", "margin"])
def test_the_scan_that_the_model_is_most_at_a_loss_about_comes_first(room, order):
    answers = answers_of(room)
    assert ordered(room, order, answers) == sorted(answers)


def test_scans_on_which_the_model_contradicts_the_label_come_first(room):
    answers = answers_of(room)
    labels = {case.sha256: case.label for case in room.store.cases_of("real")}
    given = ordered(room, "disagreement", answers)
    assert {labels[sha] for sha in given[:6]} == {DME, DRUSEN, NORMAL}
    assert {labels[sha] for sha in given[6:]} == {CNV}


def test_a_reader_who_contradicts_the_model_counts_before_the_label(room):
    sure = Prediction("m", "0" * 64, by_label((0.9, 0.05, 0.03, 0.02)))
    assert by_disagreement(Evidence(sure, [CNV])) == pytest.approx(0.1)
    assert by_disagreement(Evidence(sure, [CNV, DME])) == pytest.approx(0.95)


def test_only_what_the_model_knows_at_once_is_asked_and_the_rest_comes_after(room):
    answers = dict(list(answers_of(room).items())[:3])
    given = ordered(room, "entropy", answers)
    assert given[:3] == sorted(answers)
    assert set(room.shelf.current().asked) <= set(answers)
    assert len(given) == 8


def test_a_random_share_of_one_is_the_random_order(room, store, clock):
    answers = answers_of(room)
    given = ordered(room, "entropy", answers, share=1)
    room.projects.create("q", "t", "real", controls=0)
    plain = []
    while task := room.annotators.next("q", "ada"):
        plain.append(task.sha256)
        room.annotators.record("q", task.sha256, "ada", says(CNV))
    assert given == plain != sorted(answers)


def test_a_broken_model_leaves_the_random_order(room):
    answers = answers_of(room)
    room.shelf.models[:] = [KnowingPredictor(answers)]
    room.shelf.current().fault = "out of order"
    begin(room, order="entropy", random_share=0)
    assert len(read_all(room, "ada")) == 8


def test_the_model_can_be_let_read_beforehand_and_says_how_far_it_is(room):
    room.shelf.models[:] = [KnowingPredictor(answers_of(room))]
    begin(room, order="entropy")
    told: list[tuple[int, int]] = []
    assert room.projects.answer_ahead("p", lambda done, total: told.append((done, total))) == (8, 8)
    assert told == [(n, 8) for n in range(1, 9)]
    room.projects.create("q", "t", "real", order="random")
    assert room.projects.answer_ahead("q") == (0, 0)
    room.shelf.current().fault = "out of order"
    room.projects.create("r", "t", "real", order="margin")
    anew = open_annotating(room.store, room.images, room.shelf, room.clock, lambda: 7)
    assert anew.projects.answer_ahead("r") == (0, 8)


class LearningPredictor(KnowingPredictor):
    """Knows what it was asked."""

    def knows(self, sha256: str) -> bool:
        return sha256 in self.asked


def test_each_time_the_model_reads_so_many_more_of_the_scans_that_lack_a_reader(room, monkeypatch):
    monkeypatch.setattr("octtutor.tutor.annotation.assignment_queue.AHEAD", 3)
    room.shelf.models[:] = [LearningPredictor(answers_of(room))]
    begin(room, order="entropy", random_share=0)
    assert room.projects.answer_ahead("p") == (3, 8)
    task = room.annotators.next("p", "ada")
    room.annotators.record("p", task.sha256, "ada", says(CNV))
    assert room.projects.answer_ahead("p") == (5, 7)
    assert room.projects.answer_ahead("p") == (7, 7)
    read_all(room, "ada")
    assert room.projects.answer_ahead("p") == (0, 0)


class ToldDoubts:
    """Doubts labels in the order it was told."""

    def __init__(self, hashes: list[str]) -> None:
        self.hashes, self.looked = hashes, False

    def look(self, deck: str, progress=None) -> tuple[DeckLabelIssue, ...]:
        self.looked = True
        return self.recall(deck)

    def recall(self, deck: str) -> tuple[DeckLabelIssue, ...]:
        if not self.looked:
            return ()
        return tuple(DeckLabelIssue("name", one, "CNV", "DME", 0.1, True) for one in self.hashes)


def test_scans_whose_label_is_doubted_come_first_once_somebody_has_looked(room):
    hashes = sorted(case.sha256 for case in room.store.cases_of("real"))
    doubts = ToldDoubts(hashes[::-1][:3])
    parts = room.store, room.images, room.shelf, room.clock
    room = Room(*parts, open_annotating(*parts, lambda: 7, label_check=doubts))
    begin(room, order="doubt", random_share=0)
    assert room.projects.answer_ahead("p") == (0, 0)
    assert [each.sha256 for each in room.projects.doubt_labels("p")] == hashes[::-1][:3]
    seen = read_all(room, "ada")
    assert seen[:3] == hashes[::-1][:3]
    assert sorted(seen) == hashes


def test_who_reads_is_told_when_the_order_cannot_be_kept(room):
    answers = answers_of(room)
    room.shelf.models[:] = [KnowingPredictor(answers)]
    begin(room, order="margin")
    task = room.annotators.next("p", "ada")
    assert task.notice == ""
    room.annotators.record("p", task.sha256, "ada", says(CNV))
    room.shelf.models[:] = [KnowingPredictor({})]
    assert "at random just now" in room.annotators.next("p", "ada").notice
    room.shelf.models[:] = [KnowingPredictor(answers)]
    assert room.annotators.next("p", "ada").notice == ""
    room.projects.create("q", "t", "real", order="random")
    assert room.annotators.next("q", "ada").notice == ""
    room.projects.create("r", "t", "real", order="doubt")
    assert "at random just now" in room.annotators.next("r", "ada").notice
    read_all(room, "ada")


@pytest.mark.parametrize(
    "points",
    [
        ((0, 0), (50, 50), (100, 100), (100, 0), (50, 50), (0, 90)),
        ((0, 0), (90, 0), (90, 90), (0, 0), (90, 0), (90, 90)),
        ((0, 0), (90, 0), (90, 50), (90, 90), (90, 20), (0, 90)),
        ((0, 0), (90, 0), (90, 90), (45, 0), (0, 90)),
        ((0, 0), (60, 0), (60, 60), (60, 90), (60, 70), (0, 60)),
    ],
    ids=["through a corner", "traced twice", "overlap", "on a side", "spike"],
)
def test_an_outline_that_meets_itself_is_refused(room, points):
    begin(room)
    task = room.annotators.next("p", "ada")
    assert crosses_itself(points)
    with pytest.raises(BadInputError, match="cross or touch itself"):
        room.annotators.record(
            "p", task.sha256, "ada", says(CNV, replace(MARK, shape=Polygon(points)))
        )


def test_the_same_corner_twice_in_a_row_or_one_on_a_straight_side_is_no_crossing():
    assert not crosses_itself(((0, 0), (9, 0), (9, 0), (9, 9), (0, 0)))
    assert not crosses_itself(((0, 0), (4, 0), (9, 0), (9, 9)))


@pytest.mark.parametrize(
    "shape",
    [
        Box(10.1, 10.1, 0.2, 0.2),
        Box(10, 10.6, 50, 0.3),
        Polygon(((10, 10.6), (60, 10.6), (60, 10.8))),
        Ellipse(10, 10, 0.2, 0.2),
    ],
)
def test_a_region_without_the_centre_of_a_pixel_is_refused(room, shape):
    begin(room)
    task = room.annotators.next("p", "ada")
    with pytest.raises(BadInputError, match="centre of a pixel"):
        room.annotators.record("p", task.sha256, "ada", says(CNV, replace(MARK, shape=shape)))
    room.annotators.record(
        "p", task.sha256, "ada", says(CNV, replace(MARK, shape=Box(10, 10, 1, 1)))
    )


@pytest.mark.parametrize("counts", [(0, 1.5, 25598.5), (True, 25599), (30000, -5000, 600)])
def test_run_lengths_are_whole_numbers_and_not_negative(room, counts):
    begin(room)
    task = room.annotators.next("p", "ada")
    brush = Brush(counts, task.width, task.height)
    with pytest.raises(BadInputError, match="run lengths"):
        room.annotators.record("p", task.sha256, "ada", says(CNV, replace(MARK, shape=brush)))


def test_an_ungradable_scan_has_no_diagnosis_whatever_is_drawn(room):
    begin(room)
    task = room.annotators.next("p", "ada")
    with pytest.raises(BadInputError, match="ungradable"):
        room.annotators.record("p", task.sha256, "ada", Reading(False, CNV, marks=(MARK,)))


def test_a_scan_that_may_still_come_is_hidden_with_what_others_say_of_it(room):
    begin(room, readers=2)
    task = room.annotators.next("p", "ada")
    room.annotators.record("p", task.sha256, "ada", says(CNV, flagged=True))
    assert room.settling.disputes("p", "grace") == ()
    with pytest.raises(NotAllowedError, match="now or later"):
        room.settling.history("p", task.sha256, "grace")
    assert task.sha256 in room.settling.hidden_from("p", "grace")
    assert [each.sha256 for each in room.settling.disputes("p", "ada")] == [task.sha256]
    second = room.annotators.next("p", "grace")
    while second.sha256 != task.sha256:
        room.annotators.record("p", second.sha256, "grace", says(CNV))
        second = room.annotators.next("p", "grace")
    room.annotators.record("p", task.sha256, "grace", says(DME))
    assert len(room.settling.history("p", task.sha256, "grace")) == 2


def test_an_answer_that_others_have_given_too_is_taken_back_at_once_or_not_at_all(room, clock):
    begin(room, readers=2)
    task = room.annotators.next("p", "ada")
    room.annotators.record("p", task.sha256, "ada", says(CNV))
    second = room.annotators.next("p", "grace")
    while second.sha256 != task.sha256:
        room.annotators.record("p", second.sha256, "grace", says(CNV))
        second = room.annotators.next("p", "grace")
    room.annotators.record("p", task.sha256, "grace", says(DME))
    clock.pass_seconds(61)
    with pytest.raises(NotAllowedError, match="would not be blind"):
        room.annotators.undo("p", "grace")
    clock.time -= timedelta(seconds=31)
    assert room.annotators.undo("p", "grace").sha256 == task.sha256
