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

from octtutor.core.annotation import (
    Box,
    Brush,
    Ellipse,
    Kind,
    Mark,
    Order,
    Polygon,
    Project,
    Reading,
    Source,
    Standing,
    crosses_itself,
    standing,
)
from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.core.prediction import Prediction
from octtutor.errors import BadInputError, NotAllowedError, OctTutorError, StaleError, StoreError
from octtutor.tutor.annotating import Annotating, Task, result_of
from octtutor.tutor.importing import import_scans
from octtutor.tutor.outlining import strongest_area
from octtutor.tutor.ports import Doubted
from octtutor.tutor.turns import controls_of, interest
from tests.conftest import Clock, write_scans
from tests.tutor.conftest import ToldPredictor, ToldShelf

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
        return Prediction(self.name, str(self.sha256), self.answers[sha256]), maps


def says(label: Diagnosis | None, *marks: Mark, **more) -> Reading:
    return Reading(label is not None, label, marks=marks, confidence=3, response_ms=900, **more)


@pytest.fixture
def room(store, images, shelf, clock: Clock, scans: Path) -> Annotating:
    import_scans(store, images, scans, clock, "real")
    return Annotating(store, images, shelf, clock, lambda: 7)


def begin(room: Annotating, **how) -> Project:
    return room.create("p", "First reading", "real", **({"controls": 0} | how))


def read_all(room: Annotating, who: str, label: Diagnosis | None = CNV) -> list[str]:
    seen = []
    while task := room.next("p", who):
        room._clock.pass_seconds(5)
        room.record("p", task.sha256, who, says(label))
        seen.append(task.sha256)
    return seen


def log(room: Annotating) -> tuple:
    return room._store.entries_in("p")


# Ordering


def test_a_project_keeps_what_was_ordered(room, clock):
    made = begin(room, readers=3, controls=0.15, order=Order.MARGIN, random_share=1, suggest=True)
    assert made == Project(
        "p", "First reading", "real", 3, 0.15, Order.MARGIN, 1.0, True, 7, clock()
    )
    assert [each.project for each in room.projects("ada")] == [made]


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
        room.create(**facts)
    assert "\n" not in str(error.value)
    assert room.projects("ada") == ()


def test_a_taken_name_is_refused(room):
    begin(room)
    with pytest.raises(StaleError, match="already"):
        begin(room)


def test_a_closed_project_gives_out_nothing_and_an_open_scan_can_be_finished(room):
    begin(room)
    task = room.next("p", "ada")
    room.close("p")
    assert room.next("p", "ada") is None
    assert room.next("p", "grace") is None
    room.record("p", task.sha256, "ada", says(CNV))
    room.reopen("p")
    assert room.next("p", "ada").sha256 != task.sha256


# Blindness


def test_a_task_tells_nothing_that_is_known_of_the_scan(room):
    begin(room, readers=2, controls=0.15, suggest=True)
    room.record("p", room.next("p", "grace").sha256, "grace", says(DRUSEN, MARK, note="secret"))
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
        "sha256",
        "synthetic",
        "width",
    }
    while task := room.next("p", "ada"):
        told = repr(replace(task, scan=None)).upper()
        assert task.mine is None
        assert not any(label in told for label in (*LABELS, "GRACE", "SECRET", "CONTROL", ".PNG"))
        room.record("p", task.sha256, "ada", says(None))


def test_a_control_looks_like_any_other_scan(room):
    begin(room, readers=1, controls=0.15)
    tasks = {}
    while task := room.next("p", "ada"):
        tasks[task.sha256] = task
        room.record("p", task.sha256, "ada", says(CNV))
    given = {one.sha256: one for one in room._store.assignments_in("p")}
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
            task = room.next("p", who)
            if task is None:
                people.remove(who)
                continue
            seen[who].append(task.sha256)
            room.record("p", task.sha256, who, says(CNV))
    controls = controls_of(room._project("p"), room._store.cases_of("real"))
    assert len(controls) == 1
    assert all(controls <= set(given) for given in seen.values())
    times = Counter(sha for given in seen.values() for sha in given)
    assert {n for sha, n in times.items() if sha not in controls} == {1}
    assert len(times) == 8


def test_controls_are_drawn_by_the_seed_at_their_share(room, store, images, clock, tmp_path):
    many = write_scans(tmp_path / "many", per_class=10)
    import_scans(store, images, many, clock, "many")
    project = room.create("p", "t", "many", controls=0.1)
    cases = store.cases_of("many")
    drawn = controls_of(project, cases)
    assert len(drawn) == 4
    assert controls_of(project, cases[::-1]) == drawn
    assert controls_of(replace(project, seed=8), cases) != drawn
    assert controls_of(replace(project, controls=0.0), cases) == frozenset()


def test_controls_come_in_between_and_not_in_a_block(room, store, images, clock, tmp_path):
    import_scans(store, images, write_scans(tmp_path / "many", per_class=10), clock, "many")
    room.create("p", "t", "many", controls=0.15)
    order = read_all(room, "ada")
    controls = controls_of(room._project("p"), store.cases_of("many"))
    places = [n for n, sha in enumerate(order) if sha in controls]
    assert len(places) == 6
    assert places[-1] - places[0] > len(places)


def test_readers_of_a_scan_never_see_each_other(room):
    begin(room, readers=2)
    task = room.next("p", "ada")
    room.record("p", task.sha256, "ada", says(CNV, MARK))
    other = room.next("p", "grace")
    assert other.sha256 == task.sha256
    assert other.mine is None
    for look in (room.history, lambda *a: room.at(a[0], a[1], room._clock(), a[2])):
        with pytest.raises(NotAllowedError, match="Read it first"):
            look("p", task.sha256, "grace")
    with pytest.raises(NotAllowedError, match="Read it first"):
        room.settle("p", task.sha256, "grace", says(DME))
    with pytest.raises(NotAllowedError, match="Read it first"):
        room.restore("p", task.sha256, log(room)[0].id, "grace")
    room.record("p", task.sha256, "grace", says(DME))
    assert len(room.history("p", task.sha256, "grace")) == 2


def test_a_flagged_scan_that_an_educator_has_to_read_is_not_shown_to_them(room):
    begin(room, readers=2)
    task = room.next("p", "ada")
    room.record("p", task.sha256, "ada", says(CNV, flagged=True))
    room.next("p", "grace")
    assert room.disputes("p", "grace") == ()
    assert [each.sha256 for each in room.disputes("p", "mary")] == [task.sha256]


def test_who_settled_a_scan_is_never_given_it(room):
    begin(room, readers=5, controls=0.15)
    (control,) = controls_of(room._project("p"), room._store.cases_of("real"))
    room.settle("p", control, "ada", says(CNV))
    assert control not in read_all(room, "ada")
    assert control in read_all(room, "grace")


# Suggestions


def test_the_suggestion_comes_after_the_own_answer_only(room, predictor):
    begin(room, suggest=True)
    task = room.next("p", "ada")
    for ask in (
        lambda: room.suggestion("p", task.sha256, "ada"),
        lambda: room.outline("p", task.sha256, "ada", CNV),
    ):
        with pytest.raises(NotAllowedError, match="after your own answer"):
            ask()
    room.record("p", task.sha256, "ada", Reading(True, None, marks=(MARK,)))
    with pytest.raises(NotAllowedError, match="after your own answer"):
        room.suggestion("p", task.sha256, "ada")
    assert predictor.asked == []
    room.record("p", task.sha256, "ada", says(DME, MARK))
    told = room.suggestion("p", task.sha256, "ada")
    assert (told.prediction.label, told.agrees, told.trained_on) == (CNV, False, False)
    with pytest.raises(StaleError, match="not yours"):
        room.suggestion("p", task.sha256, "grace")


def test_a_project_without_suggestions_gives_none(room, predictor):
    begin(room)
    task = room.next("p", "ada")
    room.record("p", task.sha256, "ada", says(DME))
    with pytest.raises(NotAllowedError, match="no suggestions"):
        room.suggestion("p", task.sha256, "ada")
    assert not task.may_suggest
    assert predictor.asked == []


def test_what_became_of_a_suggestion_is_in_the_log(room, predictor):
    begin(room, suggest=True)
    sha = room.next("p", "ada").sha256
    room.record("p", sha, "ada", says(DME))
    shown = room.suggestion("p", sha, "ada").prediction
    room.suggestion("p", sha, "ada")
    model = shown.model, shown.model_sha256
    room.record("p", sha, "ada", says(CNV), Source.ACCEPTED, *model)
    room.record("p", sha, "ada", says(CNV), Source.ACCEPTED, *model)
    first, seen, taken = log(room)
    assert (first.source, first.model) == (Source.HUMAN, None)
    assert (seen.before, seen.after, seen.model) == (first.after, first.after, "told")
    assert (taken.source, taken.model, taken.model_sha256) == (Source.ACCEPTED, "told", "0" * 64)
    assert taken.before == says(DME)


def test_a_suggestion_that_agrees_can_be_accepted_too(room):
    begin(room, suggest=True)
    sha = room.next("p", "ada").sha256
    room.record("p", sha, "ada", says(CNV))
    shown = room.suggestion("p", sha, "ada").prediction
    room.record("p", sha, "ada", says(CNV), Source.ACCEPTED, shown.model, shown.model_sha256)
    assert log(room)[-1].source is Source.ACCEPTED


def test_a_source_that_is_not_true_is_refused(room):
    begin(room, suggest=True)
    sha = room.next("p", "ada").sha256
    claims = [
        (Source.ACCEPTED, "told", "0" * 64),
        (Source.CORRECTED, None, None),
        (Source.IMPORTED, None, None),
    ]
    for claim in claims:
        with pytest.raises(BadInputError, match="suggestion that was shown"):
            room.record("p", sha, "ada", says(CNV), *claim)
    room.record("p", sha, "ada", says(CNV))
    room.suggestion("p", sha, "ada")
    with pytest.raises(BadInputError, match="suggestion that was shown"):
        room.record("p", sha, "ada", says(CNV), Source.ACCEPTED, "other", "1" * 64)
    assert len(log(room)) == 2


def test_the_strongest_area_becomes_an_outline_that_can_be_edited(room):
    begin(room, suggest=True)
    task = room.next("p", "ada")
    room.record("p", task.sha256, "ada", says(CNV))
    mark = room.outline("p", task.sha256, "ada", CNV)
    assert mark.finding == "other"
    assert 8 <= len(mark.shape.points) <= 40
    room.record("p", task.sha256, "ada", says(CNV, mark))
    with pytest.raises(BadInputError, match="zero everywhere"):
        room.outline("p", task.sha256, "ada", DME)


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
    task = room.next("p", "ada")
    draft = Reading(True, None, marks=(MARK,))
    room.record("p", task.sha256, "ada", draft)
    again = room.next("p", "ada")
    assert (again.sha256, again.mine) == (task.sha256, draft)
    room.record("p", task.sha256, "ada", Reading(True, None))
    assert room.next("p", "ada").mine is None
    assert [entry.after for entry in log(room)] == [draft, None]
    room.record("p", task.sha256, "ada", says(CNV, MARK))
    assert room.next("p", "ada").sha256 != task.sha256


def test_a_reading_that_was_written_but_not_ticked_off_is_ticked_off_the_next_time(room, store):
    begin(room)
    task = room.next("p", "ada")
    room.record("p", task.sha256, "ada", says(CNV))
    store.reopen_assignment("p", task.sha256, "ada")  # as though the server had died in between
    again = room.next("p", "ada")
    assert (again.sha256, again.mine) == (task.sha256, says(CNV))
    room.record("p", task.sha256, "ada", again.mine)
    assert room.next("p", "ada").sha256 != task.sha256
    assert len(log(room)) == 1


def test_the_same_again_adds_nothing(room):
    begin(room)
    sha = room.next("p", "ada").sha256
    for _ in range(3):
        room.record("p", sha, "ada", says(CNV, MARK))
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
    task = room.next("p", "ada")
    with pytest.raises(BadInputError, match="Expected"):
        room.record("p", task.sha256, "ada", reading)
    assert log(room) == ()
    assert room.next("p", "ada").sha256 == task.sha256


def test_odd_numbers_and_texts_of_a_browser_are_kept_within_bounds(room):
    begin(room)
    sha = room.next("p", "ada").sha256
    odd = Mark("i" * 99, "other", Box(1, 1, 5, 5), "half \ud83d and <b>bold</b>")
    room.record(
        "p", sha, "ada", Reading(True, CNV, ("drusen",) * 2, (odd,), 99, -5, False, "n" * 9999)
    )
    (entry,) = log(room)
    kept = entry.after
    assert (kept.confidence, kept.response_ms, len(kept.note)) == (5, 0, 1000)
    assert kept.findings == ("drusen",)
    assert kept.marks[0].caption == "half ? and <b>bold</b>"
    room.record("p", sha, "ada", says(DME))
    assert len(log(room)) == 2


def test_forged_names_are_refused_in_a_line(room):
    begin(room)
    sha = room.next("p", "ada").sha256
    with pytest.raises(StaleError, match="not yours"):
        room.record("p", sha, "grace", says(CNV))
    with pytest.raises(StaleError, match="not yours"):
        room.record("p", "0" * 64, "ada", says(CNV))
    with pytest.raises(StaleError, match="not yours"):
        room.skip("p", "0" * 64, "ada")
    for who in ("", "x" * 65, "a\nb", None):
        with pytest.raises(BadInputError, match="annotator's name"):
            room.next("p", who)
    for project in ("", "q", "p' OR '1'='1", None):
        with pytest.raises(BadInputError, match="annotation project"):
            room.next(project, "ada")
    with pytest.raises(StoreError, match=r"no (such )?case"):
        room.settle("p", "0" * 64, "ada", says(CNV))
    with pytest.raises(BadInputError, match="entry of this scan's log"):
        room.restore("p", sha, "nope", "mary")
    assert log(room) == ()


def test_a_scan_deleted_meanwhile_is_told_in_a_line_and_the_queue_goes_on(room, images):
    begin(room)
    task = room.next("p", "ada")
    images.place(task.sha256).unlink()
    with pytest.raises(StoreError, match="not in the data home"):
        room.record("p", task.sha256, "ada", says(CNV))
    after = room.next("p", "ada")
    assert after.sha256 != task.sha256
    assert "gone from the data home" in after.notice
    assert task.sha256[:6] not in after.notice
    assert "\n" not in after.notice
    room.record("p", after.sha256, "ada", says(CNV))
    assert room.next("p", "ada").notice == ""
    assert len(read_all(room, "ada")) == 6


def test_no_scan_at_all_ends_the_queue(room, images):
    begin(room)
    for case in room._store.cases_of("real"):
        images.place(case.sha256).unlink()
    assert room.next("p", "ada") is None


def test_a_skipped_scan_goes_to_somebody_else(room):
    begin(room)
    first = room.next("p", "ada").sha256
    room.skip("p", first, "ada")
    room.skip("p", first, "ada")
    with pytest.raises(StaleError, match="aside"):
        room.record("p", first, "ada", says(CNV))
    assert first not in read_all(room, "ada")
    assert read_all(room, "grace") == [first]


# Undo


def test_undo_takes_changes_back_one_by_one_and_adds_to_the_log(room, clock):
    begin(room)
    one = room.next("p", "ada").sha256
    room.record("p", one, "ada", says(CNV))
    clock.pass_seconds(1)
    two = room.next("p", "ada").sha256
    room.record("p", two, "ada", Reading(True, None, marks=(MARK,)))
    clock.pass_seconds(1)
    room.record("p", two, "ada", says(DME, MARK))
    clock.pass_seconds(1)
    before = log(room)
    task = room.undo("p", "ada")
    assert (task.sha256, task.mine) == (two, Reading(True, None, marks=(MARK,)))
    task = room.undo("p", "ada")
    assert (task.sha256, task.mine) == (two, None)
    task = room.undo("p", "ada")
    assert (task.sha256, task.mine) == (one, None)
    with pytest.raises(BadInputError, match="nothing of yours"):
        room.undo("p", "ada")
    assert log(room)[:3] == before
    assert [entry.kind for entry in log(room)[3:]] == [Kind.UNDO] * 3
    room.record("p", one, "ada", says(NORMAL))
    assert room.undo("p", "ada").sha256 == one


def test_undo_takes_a_skip_back_and_never_what_others_did(room, clock):
    begin(room, readers=2)
    first = room.next("p", "ada").sha256
    room.record("p", room.next("p", "grace").sha256, "grace", says(CNV))
    clock.pass_seconds(1)
    room.skip("p", first, "ada")
    clock.pass_seconds(1)
    room.next("p", "ada")
    assert room.undo("p", "ada").sha256 == first
    with pytest.raises(BadInputError, match="nothing of yours"):
        room.undo("p", "ada")
    assert len(log(room)) == 1


def test_a_skip_cannot_be_taken_back_once_somebody_else_has_the_scan(room):
    begin(room)
    first = room.next("p", "ada").sha256
    room.skip("p", first, "ada")
    assert room.next("p", "grace").sha256 == first
    with pytest.raises(StaleError, match="Somebody else"):
        room.undo("p", "ada")
    holders = [one.who for one in room._store.assignments_in("p") if not one.skipped]
    assert holders == ["grace"]


def test_what_an_import_replaced_is_not_taken_back_and_its_scan_stays_done(room, clock):
    project = begin(room)
    sha = room.next("p", "ada").sha256
    room.record("p", sha, "ada", says(CNV))
    room._append(project, sha, "ada", Kind.READ, says(CNV), says(NORMAL), Source.IMPORTED)
    with pytest.raises(StaleError, match="changed since"):
        room.undo("p", "ada")
    (given,) = room._store.assignments_in("p")
    assert given.done_at is not None
    assert standing(log(room)).readings == {"ada": says(NORMAL)}


# Agreeing


def disputed(room: Annotating) -> str:
    begin(room, readers=2)
    sha = room.next("p", "ada").sha256
    room.record("p", sha, "ada", says(CNV, MARK))
    assert room.next("p", "grace").sha256 == sha
    room.record("p", sha, "grace", says(DME))
    return sha


def test_readers_who_differ_make_a_dispute_that_an_educator_settles(room):
    sha = disputed(room)
    (dispute,) = room.disputes("p", "mary")
    assert dispute.readings == {"ada": says(CNV, MARK), "grace": says(DME)}
    assert (dispute.sha256, dispute.differ, dispute.flagged) == (sha, True, False)
    room.settle("p", sha, "mary", says(DRUSEN))
    assert room.disputes("p") == ()
    stand = standing(room.history("p", sha))
    assert stand.readings == dispute.readings
    assert result_of(stand, room._project("p")) == says(DRUSEN)
    (overview,) = room.projects("ada")
    assert (overview.scans, overview.read, overview.mine) == (8, 1, 1)
    assert (overview.to_settle, overview.done) == (0, 1)


def test_one_reading_or_readings_that_agree_are_no_dispute(room):
    begin(room, readers=2)
    sha = room.next("p", "ada").sha256
    room.record("p", sha, "ada", says(None))
    assert room.disputes("p") == ()
    assert room.projects("ada")[0].done == 0
    room.next("p", "grace")
    room.record("p", sha, "grace", says(None))
    assert room.disputes("p") == ()
    assert room.projects("ada")[0].done == 1


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
    sha = room.next("p", "ada").sha256
    room.record("p", sha, "ada", one)
    assert room.next("p", "grace").sha256 == sha
    room.record("p", sha, "grace", other)
    told = [(each.differ, each.differ_findings, each.differ_regions) for each in room.disputes("p")]
    in_dispute = bool(findings or regions)
    assert told == ([(False, findings, regions)] if in_dispute else [])
    result = result_of(standing(room.history("p", sha)), project)
    assert (result is None) == in_dispute
    (overview,) = room.projects("ada")
    assert (overview.to_settle, overview.done) == (in_dispute, not in_dispute)
    room.settle("p", sha, "mary", one)
    assert room.disputes("p") == ()
    assert result_of(standing(room.history("p", sha)), project) == one


def test_a_control_that_two_read_differently_is_to_be_settled_one_that_two_see_so_is_not(room):
    begin(room, controls=0.15)
    (control,) = controls_of(room._project("p"), room._store.cases_of("real"))
    read_all(room, "ada", CNV)
    assert room.disputes("p") == ()
    assert room.next("p", "grace").sha256 == control
    room.record("p", control, "grace", says(CNV, MARK))
    assert room.disputes("p") == ()
    assert room.projects("ada")[0].done == 8
    room.record("p", control, "grace", says(DME, MARK))
    (dispute,) = room.disputes("p")
    assert (dispute.sha256, dispute.differ) == (control, True)
    assert room.projects("ada")[0].done == 7
    room.settle("p", control, "mary", says(CNV))
    assert room.disputes("p") == ()


def test_own_figures_on_controls_are_hidden_until_all_is_read(room):
    begin(room, controls=0.15, random_share=1)
    done = 0
    while task := room.next("p", "ada"):
        found = room.figures("p", "ada").annotators
        assert all(one.hidden and one.accuracy.n == 0 for one in found)
        assert all(one.drift.curve == () for one in found)
        room.record("p", task.sha256, "ada", says(CNV))
        done += 1
    assert done == 8
    (ada,) = room.figures("p", "ada").annotators
    assert (ada.hidden, ada.accuracy.n) == (False, 1)
    assert room.figures("p", "grace").annotators[0].accuracy.n == 1


def test_of_two_who_settle_one_scan_the_second_is_told(room):
    sha = disputed(room)
    room.settle("p", sha, "mary", says(DME))
    room.settle("p", sha, "mary", says(DME))  # a double click
    with pytest.raises(StaleError, match="changed meanwhile"):
        room.settle("p", sha, "rosalind", says(CNV))
    assert standing(room.history("p", sha)).settled == says(DME)
    room.settle("p", sha, "rosalind", says(CNV), before=says(DME))
    room.settle("p", sha, "mary", None, before=says(CNV))
    assert standing(room.history("p", sha)).settled is None
    assert [each.sha256 for each in room.disputes("p")] == [sha]
    assert [entry.who for entry in room.history("p", sha)][2:] == ["mary", "rosalind", "mary"]


def test_what_is_settled_needs_a_diagnosis(room):
    sha = disputed(room)
    with pytest.raises(BadInputError, match="Expected a diagnosis"):
        room.settle("p", sha, "mary", Reading(True, None, marks=(MARK,)))
    assert len(room.history("p", sha)) == 2


def test_a_settled_scan_is_given_to_nobody_any_more(room):
    begin(room, readers=2)
    sha = room.next("p", "ada").sha256
    room.record("p", sha, "ada", says(CNV, flagged=True))
    room.settle("p", sha, "mary", says(CNV))
    assert sha not in read_all(room, "grace")


def test_agreed_regions_are_those_of_all_readers(room):
    project = begin(room, readers=2)
    other = Mark("a", "other", Box(1, 1, 5, 5))
    one = Reading(True, CNV, ("drusen",), (MARK,), 5)
    two = Reading(True, CNV, (), (other, replace(MARK, id="z")), 2)
    found = result_of(Standing({"ada": one, "grace": two}, None), project)
    assert found.findings == ("drusen", "other")
    assert [(m.id, m.finding, m.shape) for m in found.marks] == [
        ("m1", "drusen", MARK.shape),
        ("m2", "other", other.shape),
    ]
    assert found.confidence == 2
    assert result_of(Standing({"ada": one}, None), project) is None
    draft = Reading(True, None, marks=(MARK,))
    assert result_of(Standing({"ada": one, "grace": draft}, None), project) is None


# Audit


def test_any_earlier_state_can_be_shown_and_restored(room, clock):
    sha = disputed(room)
    early = clock()
    clock.pass_seconds(60)
    room.settle("p", sha, "mary", says(DRUSEN))
    clock.pass_seconds(60)
    assert room.at("p", sha, early).settled is None
    assert room.at("p", sha, clock()).settled == says(DRUSEN)
    first, _, settled = room.history("p", sha)
    room.restore("p", sha, first.id, "rosalind")
    stand = standing(room.history("p", sha))
    assert stand.settled == says(CNV, MARK)
    assert stand.readings == {"ada": says(CNV, MARK), "grace": says(DME)}
    room.restore("p", sha, settled.id, "mary")
    room.restore("p", sha, settled.id, "mary")
    kept = room.history("p", sha)
    assert [entry.kind for entry in kept[3:]] == [Kind.RESTORE] * 2
    assert kept[:3] == (first, kept[1], settled)
    assert standing(kept).settled == says(DRUSEN)


def test_a_draft_cannot_be_made_to_hold_before_its_annotator_gives_an_answer(room):
    begin(room)
    sha = room.next("p", "ada").sha256
    room.record("p", sha, "ada", Reading(True, None, marks=(MARK,)))
    draft = log(room)[0].id
    with pytest.raises(BadInputError, match="gives a diagnosis"):
        room.restore("p", sha, draft, "mary")
    room.record("p", sha, "ada", says(CNV))  # the region was deleted
    room.restore("p", sha, draft, "mary")
    stand = standing(log(room))
    assert stand.settled == says(CNV, MARK)
    assert stand.readings == {"ada": says(CNV)}


# Drawn to settle it with


def test_what_an_educator_draws_to_settle_a_scan_is_kept_and_settles_nothing(room):
    sha = disputed(room)
    before = log(room)
    room.sketch("p", sha, "mary", (MARK,))
    room.sketch("p", sha, "mary", (MARK,))
    room.sketch("p", sha, "mary", ())
    assert [entry.kind for entry in log(room)[len(before) :]] == [Kind.SKETCH] * 2
    other = replace(MARK, id="b")
    room.sketch("p", sha, "rosalind", (other,))
    stand = standing(log(room))
    assert stand.sketches.keys() == {"mary", "rosalind"}
    assert (stand.sketches["mary"].marks, stand.sketches["rosalind"].marks) == ((), (other,))
    assert stand.readings == standing(before).readings
    assert stand.settled is None
    (dispute,) = room.disputes("p")
    assert dispute == room.dispute("p", sha)
    assert dispute.sketches == stand.sketches
    assert room.figures("p").agreement.annotators == ("ada", "grace")
    room.settle("p", sha, "mary", says(CNV, MARK))
    assert standing(log(room)).sketches == {}
    with pytest.raises(StaleError, match="settled meanwhile"):
        room.sketch("p", sha, "rosalind", (MARK,))
    drawn = next(entry for entry in log(room) if entry.who == "rosalind")
    room.restore("p", sha, drawn.id, "eva")
    assert standing(log(room)).settled == says(CNV, other)


def test_a_sketch_that_cannot_be_is_refused_and_nothing_is_written(room, images):
    sha = disputed(room)
    before = log(room)
    outside = Mark("a", "drusen", Box(-50, 0, 10, 10))
    with pytest.raises(BadInputError, match="inside the scan"):
        room.sketch("p", sha, "mary", (outside,))
    with pytest.raises(StoreError):
        room.sketch("p", "0" * 64, "mary", (MARK,))
    images.place(sha).unlink()
    with pytest.raises(StoreError):
        room.sketch("p", sha, "mary", (MARK,))
    assert log(room) == before


def test_who_has_a_scan_to_read_draws_nothing_to_settle_it_and_who_did_is_never_given_it(room):
    begin(room, readers=2)
    sha = room.next("p", "ada").sha256
    room.record("p", sha, "ada", says(CNV, flagged=True))
    while (task := room.next("p", "grace")) and task.sha256 != sha:
        room.record("p", task.sha256, "grace", says(CNV))
    with pytest.raises(NotAllowedError):
        room.sketch("p", sha, "grace", (MARK,))
    assert room.dispute("p", sha, "grace") is None
    room.skip("p", sha, "grace")
    room.sketch("p", sha, "mary", (MARK,))
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
            states.append((sha, clock(), standing(room.history("p", sha))))
    assert len(kept) > 20
    for sha, time, stand in states:
        assert room.at("p", sha, time) == stand
    given = room._store.assignments_in("p")
    held = Counter(one.sha256 for one in given if not one.skipped and not one.is_control)
    assert max(held.values()) <= 2
    for one in given:
        if one.done_at and not one.skipped:
            mine = standing(room.history("p", one.sha256)).readings.get(one.who)
            assert mine is not None
            assert not mine.gradable or mine.diagnosis


def _do_something(room: Annotating, rng: random.Random) -> None:
    who, label = rng.choice(("ada", "grace", "mary")), rng.choice((*LABELS, None))
    task, known = room.next("p", who), log(room)
    entry = rng.choice(known) if known else None
    sha = entry.sha256 if entry else "0" * 64
    do: dict[str, Callable[[], object]] = {
        "undo": lambda: room.undo("p", who),
        "settle": lambda: room.settle("p", sha, who, says(label)),
        "sketch": lambda: room.sketch("p", sha, who, rng.choice(((), (MARK,)))),
        "restore": lambda: room.restore("p", sha, entry.id if entry else "", who),
        "ask": lambda: room.suggestion("p", sha, who),
    }
    if task:
        draft, full = Reading(True, None, marks=(MARK,)), says(label, MARK, flagged=label is DME)
        do |= {
            "draft": lambda: room.record("p", task.sha256, who, draft),
            "read": lambda: room.record("p", task.sha256, who, full),
            "read more": lambda: room.record("p", task.sha256, who, full),
            "skip": lambda: room.skip("p", task.sha256, who),
        }
    with suppress(OctTutorError):
        do[rng.choice(tuple(do))]()


# The model's order


def ordered(room: Annotating, order: Order, answers, share: float = 0) -> list[str]:
    room._shelf = ToldShelf(KnowingPredictor(answers))
    begin(room, order=order, random_share=share)
    return read_all(room, "ada")


def answers_of(room: Annotating) -> dict[str, tuple[float, float, float, float]]:
    """The surer of CNV the later the hash."""
    hashes = [case.sha256 for case in room._store.cases_of("real")]
    return {sha: (0.4 + 0.07 * n, *((0.6 - 0.07 * n) / 3,) * 3) for n, sha in enumerate(hashes)}


@pytest.mark.parametrize("order", [Order.ENTROPY, Order.MARGIN])
def test_the_scan_that_the_model_is_most_at_a_loss_about_comes_first(room, order):
    answers = answers_of(room)
    assert ordered(room, order, answers) == sorted(answers)


def test_scans_on_which_the_model_contradicts_the_label_come_first(room):
    answers = answers_of(room)
    labels = {case.sha256: case.label for case in room._store.cases_of("real")}
    given = ordered(room, Order.DISAGREEMENT, answers)
    assert {labels[sha] for sha in given[:6]} == {DME, DRUSEN, NORMAL}
    assert {labels[sha] for sha in given[6:]} == {CNV}


def test_a_reader_who_contradicts_the_model_counts_before_the_label(room):
    sure = Prediction("m", "0" * 64, (0.9, 0.05, 0.03, 0.02))
    assert interest(Order.DISAGREEMENT, sure, [CNV]) == pytest.approx(0.1)
    assert interest(Order.DISAGREEMENT, sure, [CNV, DME]) == pytest.approx(0.95)


def test_only_what_the_model_knows_at_once_is_asked_and_the_rest_comes_after(room):
    answers = dict(list(answers_of(room).items())[:3])
    given = ordered(room, Order.ENTROPY, answers)
    assert given[:3] == sorted(answers)
    assert set(room._shelf.current().asked) <= set(answers)
    assert len(given) == 8


def test_a_random_share_of_one_is_the_random_order(room, store, clock):
    answers = answers_of(room)
    given = ordered(room, Order.ENTROPY, answers, share=1)
    room.create("q", "t", "real", controls=0)
    plain = []
    while task := room.next("q", "ada"):
        plain.append(task.sha256)
        room.record("q", task.sha256, "ada", says(CNV))
    assert given == plain != sorted(answers)


def test_a_broken_model_leaves_the_random_order(room):
    answers = answers_of(room)
    room._shelf = ToldShelf(KnowingPredictor(answers))
    room._shelf.current().fault = "out of order"
    begin(room, order=Order.ENTROPY, random_share=0)
    assert len(read_all(room, "ada")) == 8


def test_the_model_can_be_let_read_beforehand_and_says_how_far_it_is(room):
    room._shelf = ToldShelf(KnowingPredictor(answers_of(room)))
    begin(room, order=Order.ENTROPY)
    told: list[tuple[int, int]] = []
    assert room.let_model_read("p", lambda done, total: told.append((done, total))) == (8, 8)
    assert told == [(n, 8) for n in range(1, 9)]
    room.create("q", "t", "real", order=Order.RANDOM)
    assert room.let_model_read("q") == (0, 0)
    room._shelf.current().fault = "out of order"
    room.create("r", "t", "real", order=Order.MARGIN)
    anew = Annotating(room._store, room._images, room._shelf, room._clock, lambda: 7)
    assert anew.let_model_read("r") == (0, 8)


class LearningPredictor(KnowingPredictor):
    """Knows what it was asked."""

    def knows(self, sha256: str) -> bool:
        return sha256 in self.asked


def test_each_time_the_model_reads_so_many_more_of_the_scans_that_lack_a_reader(room, monkeypatch):
    monkeypatch.setattr("octtutor.tutor.annotating.AHEAD", 3)
    room._shelf = ToldShelf(LearningPredictor(answers_of(room)))
    begin(room, order=Order.ENTROPY, random_share=0)
    assert room.let_model_read("p") == (3, 8)
    task = room.next("p", "ada")
    room.record("p", task.sha256, "ada", says(CNV))
    assert room.let_model_read("p") == (5, 7)
    assert room.let_model_read("p") == (7, 7)
    read_all(room, "ada")
    assert room.let_model_read("p") == (0, 0)


class ToldDoubts:
    """Doubts labels in the order it was told."""

    def __init__(self, hashes: list[str]) -> None:
        self.hashes, self.looked = hashes, False

    def look(self, deck: str, progress=None) -> tuple[Doubted, ...]:
        self.looked = True
        return self.recall(deck)

    def recall(self, deck: str) -> tuple[Doubted, ...]:
        if not self.looked:
            return ()
        return tuple(Doubted("name", one, "CNV", "DME", 0.1, True) for one in self.hashes)


def test_scans_whose_label_is_doubted_come_first_once_somebody_has_looked(room):
    hashes = sorted(case.sha256 for case in room._store.cases_of("real"))
    doubts = ToldDoubts(hashes[::-1][:3])
    room = Annotating(room._store, room._images, room._shelf, room._clock, lambda: 7, doubts=doubts)
    begin(room, order=Order.DOUBT, random_share=0)
    assert room.let_model_read("p") == (0, 0)
    assert [each.sha256 for each in room.doubt_labels("p")] == hashes[::-1][:3]
    seen = read_all(room, "ada")
    assert seen[:3] == hashes[::-1][:3]
    assert sorted(seen) == hashes


def test_who_reads_is_told_when_the_order_cannot_be_kept(room):
    answers = answers_of(room)
    room._shelf = ToldShelf(KnowingPredictor(answers))
    begin(room, order=Order.MARGIN)
    task = room.next("p", "ada")
    assert task.notice == ""
    room.record("p", task.sha256, "ada", says(CNV))
    room._shelf = ToldShelf(KnowingPredictor({}))
    assert "at random just now" in room.next("p", "ada").notice
    room._shelf = ToldShelf(KnowingPredictor(answers))
    assert room.next("p", "ada").notice == ""
    room.create("q", "t", "real", order=Order.RANDOM)
    assert room.next("q", "ada").notice == ""
    room.create("r", "t", "real", order=Order.DOUBT)
    assert "at random just now" in room.next("r", "ada").notice
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
    task = room.next("p", "ada")
    assert crosses_itself(points)
    with pytest.raises(BadInputError, match="cross or touch itself"):
        room.record("p", task.sha256, "ada", says(CNV, replace(MARK, shape=Polygon(points))))


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
    task = room.next("p", "ada")
    with pytest.raises(BadInputError, match="centre of a pixel"):
        room.record("p", task.sha256, "ada", says(CNV, replace(MARK, shape=shape)))
    room.record("p", task.sha256, "ada", says(CNV, replace(MARK, shape=Box(10, 10, 1, 1))))


@pytest.mark.parametrize("counts", [(0, 1.5, 25598.5), (True, 25599), (30000, -5000, 600)])
def test_run_lengths_are_whole_numbers_and_not_negative(room, counts):
    begin(room)
    task = room.next("p", "ada")
    brush = Brush(counts, task.width, task.height)
    with pytest.raises(BadInputError, match="run lengths"):
        room.record("p", task.sha256, "ada", says(CNV, replace(MARK, shape=brush)))


def test_an_ungradable_scan_has_no_diagnosis_whatever_is_drawn(room):
    begin(room)
    task = room.next("p", "ada")
    with pytest.raises(BadInputError, match="ungradable"):
        room.record("p", task.sha256, "ada", Reading(False, CNV, marks=(MARK,)))


def test_a_scan_that_may_still_come_is_hidden_with_what_others_say_of_it(room):
    begin(room, readers=2)
    task = room.next("p", "ada")
    room.record("p", task.sha256, "ada", says(CNV, flagged=True))
    assert room.disputes("p", "grace") == ()
    with pytest.raises(NotAllowedError, match="now or later"):
        room.history("p", task.sha256, "grace")
    assert task.sha256 in room.hidden_from("p", "grace")
    assert [each.sha256 for each in room.disputes("p", "ada")] == [task.sha256]
    second = room.next("p", "grace")
    while second.sha256 != task.sha256:
        room.record("p", second.sha256, "grace", says(CNV))
        second = room.next("p", "grace")
    room.record("p", task.sha256, "grace", says(DME))
    assert len(room.history("p", task.sha256, "grace")) == 2


def test_an_answer_that_others_have_given_too_is_taken_back_at_once_or_not_at_all(room, clock):
    begin(room, readers=2)
    task = room.next("p", "ada")
    room.record("p", task.sha256, "ada", says(CNV))
    second = room.next("p", "grace")
    while second.sha256 != task.sha256:
        room.record("p", second.sha256, "grace", says(CNV))
        second = room.next("p", "grace")
    room.record("p", task.sha256, "grace", says(DME))
    clock.pass_seconds(61)
    with pytest.raises(NotAllowedError, match="would not be blind"):
        room.undo("p", "grace")
    clock.time -= timedelta(seconds=31)
    assert room.undo("p", "grace").sha256 == task.sha256
