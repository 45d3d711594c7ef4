"""What every store promises of annotation projects, assignments and their log."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from octtutor.core.annotation.annotation import (
    Assignment,
    Kind,
    LogEntry,
    Mark,
    Project,
    Reading,
    ReadingSource,
    ScanStage,
    ScanStanding,
    standing,
)
from octtutor.core.annotation.region_shape import Box, Brush, Ellipse, Polygon, Spot
from octtutor.core.case import Deck
from octtutor.core.scheme import SchemeVersion
from octtutor.errors import StaleError, StoreError
from octtutor.store.contract import Store
from octtutor.testing.stores.examples import NOW, later

PROJECT = Project(
    name="first",
    title="First reading",
    deck="deck",
    readers=1,
    controls=0.1,
    order="margin",
    random_share=0.25,
    suggest=True,
    seed=2**31 - 1,
    created_at=NOW,
    scheme=SchemeVersion("octdl", 3),
)
SCANS = tuple(f"{n:064x}" for n in range(6))
LINE = tuple((sha256, False) for sha256 in SCANS)
MARKS = (
    Mark("1", "drusen", Box(1.5, 2.25, 3.125, 4)),
    Mark("2", "other", Polygon(((0.1, 0.2), (5, 0.3), (4.7, 9.9))), 'ä "<b>" \\ 1'),
    Mark("3", "foveal pit", Spot(0.5, 1 / 3)),
    Mark("4", "subretinal fluid", Ellipse(5, 5, 2, 1, 33.3)),
    Mark("5", "RPE disruption", Brush((3, 4, 93), 10, 10)),
)
READING = Reading(True, "CNV", ("drusen",), MARKS, 4, 1234, True, "odd")


def begin(store: Store, readers: int = 1) -> None:
    """Put a project into a store."""
    store.put_deck(Deck("deck", "A deck", False, True, NOW))
    store.add_project(replace(PROJECT, readers=readers))


def entry(number: int, before: Reading | None, after: Reading | None, who: str = "ada") -> LogEntry:
    """Return a line of the log of the first scan."""
    return LogEntry(
        f"e{number}", later(number), who, "deck", SCANS[0], "first", Kind.READ, before, after
    )


class AnnotationSuite:
    """Needs a fixture `store`, an empty `Store`: projects are of decks."""

    def test_a_project_comes_back_as_it_went_in_and_the_latest_comes_first(
        self, store: Store
    ) -> None:
        begin(store)
        second = replace(PROJECT, name="second", created_at=later(1), order="random")
        store.add_project(second)
        assert store.find_project("first") == PROJECT
        assert store.find_project("nope") is None
        assert store.projects() == (second, PROJECT)

    def test_a_taken_project_name_is_refused_and_changes_nothing(self, store: Store) -> None:
        begin(store)
        with pytest.raises(StaleError, match="already"):
            store.add_project(replace(PROJECT, title="other"))
        assert store.projects() == (PROJECT,)

    def test_a_project_of_a_deck_that_is_not_there_is_refused(self, store: Store) -> None:
        with pytest.raises(StoreError):
            store.add_project(PROJECT)

    def test_a_project_closes_and_opens_again(self, store: Store) -> None:
        begin(store)
        store.close_project("first", later(5))
        assert store.find_project("first") == replace(PROJECT, closed_at=later(5))
        store.close_project("first", None)
        assert store.find_project("first") == PROJECT
        with pytest.raises(StoreError, match=r"no (such )?project"):
            store.close_project("nope", NOW)

    def test_the_open_scan_stays_and_the_next_one_comes_after_it_is_done(
        self, store: Store
    ) -> None:
        begin(store)
        first = store.assign("first", "ada", LINE, later(1))
        assert first == Assignment("first", SCANS[0], "ada", False, later(1))
        assert store.assign("first", "ada", LINE[::-1], later(2)) == first
        store.finish_assignment("first", SCANS[0], "ada", later(3), False)
        second = store.assign("first", "ada", LINE, later(4))
        assert second == Assignment("first", SCANS[1], "ada", False, later(4))
        done = replace(first, done_at=later(3))
        assert store.assignments_in("first") == (done, second)
        assert store.assignments_in("nope") == ()

    def test_a_scan_goes_to_as_many_as_should_read_it_and_no_more(self, store: Store) -> None:
        begin(store, readers=2)
        line = LINE[:1]
        given = [store.assign("first", who, line, NOW) for who in ("ada", "grace", "mary")]
        assert [one.who if one else None for one in given] == ["ada", "grace", None]

    def test_a_control_goes_to_everybody(self, store: Store) -> None:
        begin(store)
        line = ((SCANS[3], True),)
        given = [store.assign("first", who, line, NOW) for who in ("ada", "grace", "mary")]
        assert [one.is_control for one in given if one] == [True] * 3

    def test_a_skipped_scan_is_free_for_others_and_not_for_who_skipped_it(
        self, store: Store
    ) -> None:
        begin(store)
        store.assign("first", "ada", LINE[:1], NOW)
        store.finish_assignment("first", SCANS[0], "ada", later(1), True)
        assert store.assign("first", "ada", LINE[:1], later(2)) is None
        given = store.assign("first", "grace", LINE[:1], later(3))
        assert given is not None
        assert given.sha256 == SCANS[0]

    def test_what_is_done_stays_done_as_it_was(self, store: Store) -> None:
        begin(store)
        store.assign("first", "ada", LINE, NOW)
        store.finish_assignment("first", SCANS[0], "ada", later(1), False)
        store.finish_assignment("first", SCANS[0], "ada", later(9), True)
        (given,) = store.assignments_in("first")
        assert (given.done_at, given.skipped) == (later(1), False)
        with pytest.raises(StaleError, match="not yours"):
            store.finish_assignment("first", SCANS[0], "grace", later(9), False)

    def test_a_reopened_scan_is_the_open_one_and_the_other_was_never_given(
        self, store: Store
    ) -> None:
        begin(store)
        store.assign("first", "ada", LINE, NOW)
        store.finish_assignment("first", SCANS[0], "ada", later(1), True)
        store.assign("first", "ada", LINE, later(2))
        store.reopen_assignment("first", SCANS[0], "ada")
        assert store.assignments_in("first") == (Assignment("first", SCANS[0], "ada", False, NOW),)
        again = store.assign("first", "grace", LINE[1:2], later(3))
        assert again is not None
        with pytest.raises(StaleError, match="not yours"):
            store.reopen_assignment("first", SCANS[4], "ada")

    def test_nothing_is_given_out_of_a_project_that_is_not_there(self, store: Store) -> None:
        with pytest.raises(StoreError, match=r"no (such )?project"):
            store.assign("nope", "ada", LINE, NOW)

    def test_readings_come_back_to_the_last_decimal(self, store: Store) -> None:
        begin(store)
        shown = replace(
            entry(1, None, READING),
            source=ReadingSource.CORRECTED,
            model="lite0",
            model_sha256="f" * 64,
        )
        store.append_entry(shown)
        store.append_entry(replace(entry(2, READING, None), kind=Kind.UNDO))
        ungradable = Reading(False, None)
        settled = replace(entry(3, None, ungradable, "grace"), kind=Kind.SETTLE)
        store.append_entry(settled)
        log = store.entries_of("first", SCANS[0])
        assert log[0] == shown
        assert [one.id for one in log] == ["e1", "e2", "e3"]
        assert standing(log).settled == ungradable
        assert standing(log).readings == {}
        assert store.entries_of("first", SCANS[1]) == store.entries_of("nope", SCANS[0]) == ()

    def test_an_imported_entry_says_who_brought_it_in(self, store: Store) -> None:
        begin(store)
        brought = replace(entry(1, None, READING), source=ReadingSource.IMPORTED, by="eve")
        store.append_entry(brought)
        store.append_entry(entry(2, READING, None))
        assert store.entries_in("first") == (brought, entry(2, READING, None))

    def test_the_stage_of_a_scan_is_what_its_whole_log_says(self, store: Store) -> None:
        begin(store)
        draft, ungradable = replace(READING, diagnosis=None), Reading(False, None)
        store.append_entry(entry(1, None, draft))
        store.append_entry(entry(2, draft, READING))
        store.append_entry(entry(3, None, ungradable, "grace"))
        sketch = replace(entry(4, None, draft, "mary"), kind=Kind.SKETCH)
        store.append_entry(sketch)
        others = replace(entry(5, None, draft), sha256=SCANS[1])
        store.append_entry(others)
        said = {"ada": "CNV", "grace": None}
        assert store.stages_in("first") == {
            SCANS[0]: ScanStage(said, False, frozenset({"mary"})),
            SCANS[1]: ScanStage({}, False, frozenset()),
        }
        store.append_entry(replace(entry(6, None, READING, "eva"), kind=Kind.SETTLE))
        store.append_entry(replace(entry(7, READING, draft), kind=Kind.UNDO))
        stage = ScanStage({"grace": None}, True, frozenset({"mary", "eva"}))
        assert store.stages_in("first")[SCANS[0]] == stage
        store.append_entry(replace(entry(8, READING, None, "bo"), kind=Kind.RESTORE))
        assert not store.stages_in("first")[SCANS[0]].is_settled
        store.append_entry(entry(9, draft, READING))
        assert store.stages_in("first")[SCANS[0]].said == said
        assert store.stages_in("nope") == {}
        assert [one.id for one in store.entries_in("first", "mary")] == ["e4"]

    def test_settling_ends_what_was_drawn_for_it(self, store: Store) -> None:
        begin(store)
        drawn = replace(READING, diagnosis=None)
        store.append_entry(replace(entry(1, None, drawn), kind=Kind.SKETCH))
        with pytest.raises(StaleError, match="changed meanwhile"):
            store.append_entry(replace(entry(2, None, drawn), kind=Kind.SKETCH))
        assert standing(store.entries_in("first")).sketches == {"ada": drawn}
        store.append_entry(replace(entry(3, None, READING, "bo"), kind=Kind.SETTLE))
        assert standing(store.entries_in("first")) == ScanStanding({}, READING)
        store.append_entry(replace(entry(4, None, drawn), kind=Kind.SKETCH))

    def test_one_annotator_s_assignments_are_found(self, store: Store) -> None:
        begin(store, readers=2)
        for who in ("ada", "grace"):
            store.assign("first", who, LINE, NOW)
        assert [one.who for one in store.assignments_in("first")] == ["ada", "grace"]
        assert store.assignments_in("first", "ada") == (
            Assignment("first", SCANS[0], "ada", False, NOW),
        )
        assert store.find_assignment("first", SCANS[0], "grace") in store.assignments_in("first")
        assert store.find_assignment("first", SCANS[1], "grace") is None
        assert store.find_assignment("nope", SCANS[0], "grace") is None

    def test_the_log_keeps_the_order_in_which_it_was_written(self, store: Store) -> None:
        begin(store)
        store.append_entry(replace(entry(1, None, READING), at=later(9)))
        store.append_entry(replace(entry(2, None, READING, "grace"), at=later(3), sha256=SCANS[1]))
        store.append_entry(replace(entry(3, READING, None), at=later(1)))
        assert [one.id for one in store.entries_in("first")] == ["e1", "e2", "e3"]

    def test_an_entry_that_replaces_something_else_than_what_holds_is_refused(
        self, store: Store
    ) -> None:
        begin(store)
        store.append_entry(entry(1, None, READING))
        for stale in (entry(2, None, None), entry(3, replace(READING, note="x"), None)):
            with pytest.raises(StaleError, match="changed meanwhile"):
                store.append_entry(stale)
        store.append_entry(entry(4, None, READING, "grace"))
        assert [one.id for one in store.entries_in("first")] == ["e1", "e4"]

    def test_times_without_a_zone_are_refused_and_others_become_utc(self, store: Store) -> None:
        begin(store)
        naive, east = NOW.replace(tzinfo=None), NOW.astimezone(timezone(timedelta(hours=5)))
        with pytest.raises((ValueError, StoreError)):
            store.append_entry(replace(entry(1, None, READING), at=naive))
        with pytest.raises((ValueError, StoreError)):
            store.assign("first", "ada", LINE, naive)
        store.append_entry(replace(entry(1, None, READING), at=east))
        assert store.entries_in("first")[0].at == NOW

    def test_of_many_changes_at_once_one_gets_through(self, store: Store) -> None:
        begin(store)

        def change(number: int) -> bool:
            try:
                store.append_entry(entry(number, None, replace(READING, note=str(number))))
            except StaleError:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(change, range(12))) == 1
        assert len(store.entries_in("first")) == 1

    def test_of_many_who_ask_at_once_each_gets_another_scan(self, store: Store) -> None:
        begin(store)
        with ThreadPoolExecutor(8) as pool:
            asked = pool.map(lambda n: store.assign("first", f"a{n}", LINE, NOW), range(12))
            given = [one.sha256 for one in asked if one]
        assert sorted(given) == sorted(SCANS)

    def test_a_skipped_scan_that_others_have_meanwhile_is_not_taken_back(
        self, store: Store
    ) -> None:
        begin(store)
        line = [(SCANS[0], False), (SCANS[1], True)]
        store.assign("first", "ada", line, later(1))
        store.finish_assignment("first", SCANS[0], "ada", later(2), True)
        store.assign("first", "ben", line, later(3))
        with pytest.raises(StaleError, match="Somebody else has the scan"):
            store.reopen_assignment("first", SCANS[0], "ada")
        control = store.assign("first", "ada", line, later(4))
        assert control is not None
        assert control.is_control
        store.finish_assignment("first", SCANS[1], "ada", later(5), True)
        store.reopen_assignment("first", SCANS[1], "ada")
