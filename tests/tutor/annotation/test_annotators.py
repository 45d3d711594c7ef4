"""Agreement, controls and suggestions, counted by hand where they can be."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from octtutor.core.annotation.annotation import (
    Assignment,
    Kind,
    LogEntry,
    Mark,
    Reading,
    ReadingSource,
)
from octtutor.core.annotation.region_shape import Box, Brush, Spot
from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.tutor.annotation.agreement_figures import (
    agreement,
    drawn_by_several,
    findings_apart,
    regions_apart,
)
from octtutor.tutor.annotation.annotators import report
from octtutor.tutor.annotation.blind_readings import blind_readings, by_scan
from octtutor.tutor.annotation.shapes import to_counts

CNV, DME, DRUSEN, NORMAL = LABELS
NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


def says(label: Diagnosis | None, *marks: Mark, findings: tuple[str, ...] = ()) -> Reading:
    return Reading(label is not None, label, findings, marks, 3, 2000)


def box(finding: str, x: float, width: float) -> Mark:
    return Mark("m", finding, Box(x, 0, width, 10))


class Log:
    """Writes a log as `Annotating` would, a second an entry."""

    def __init__(self) -> None:
        self.entries: list[LogEntry] = []
        self.assignments: list[Assignment] = []

    def add(self, sha: str, who: str, after: Reading | None, **more) -> None:
        n = len(self.entries)
        own = [e for e in self.entries if (e.sha256, e.who) == (sha, who)]
        before = own[-1].after if own else None
        kind = more.pop("kind", Kind.READ)
        at = NOW + timedelta(seconds=n)
        self.entries.append(
            LogEntry(f"e{n}", at, who, "deck", sha, "p", kind, before, after, **more)
        )

    def control(self, sha: str, who: str, said: Diagnosis | None) -> None:
        self.add(sha, who, says(said))
        at = self.entries[-1].at
        self.assignments.append(Assignment("p", sha, who, True, at, at))

    def figures(self, truths=None):
        return report(self.entries, self.assignments, truths or {}, {})


def table(*rows: str) -> dict[str, dict[str, Reading]]:
    """Readings by ada, grace and mary: one letter each, D for DRUSEN, U ungradable, - none."""
    letters = {"C": CNV, "M": DME, "D": DRUSEN, "N": NORMAL, "U": None}
    return {
        f"s{n}": {
            who: says(letters[letter])
            for who, letter in zip(("ada", "grace", "mary"), row, strict=False)
            if letter != "-"
        }
        for n, row in enumerate(rows)
    }


def test_readers_who_always_agree_have_a_kappa_of_one():
    found = agreement(table("CC", "MM", "NN", "UU"), {})
    assert found.kappa.value == pytest.approx(1)
    assert found.kappa.n == 4
    assert {name: figure.value for name, figure in found.per_class.items()} == {
        "CNV": pytest.approx(1),
        "DME": pytest.approx(1),
        "DRUSEN": None,
        "NORMAL": pytest.approx(1),
        "ungradable": pytest.approx(1),
    }
    (pair,) = found.pairs
    assert (pair.first, pair.second, pair.same.value, pair.same.n) == ("ada", "grace", 1, 4)
    assert (pair.kappa.value, pair.kappa.n) == (1, 3)


def test_cohens_kappa_of_two_is_as_counted_by_hand():
    found = agreement(table("CC", "CC", "CN", "NN", "NN", "NC", "CC", "NN"), {})
    (pair,) = found.pairs
    assert pair.same.value == 0.75
    assert pair.kappa.value == pytest.approx(0.5)  # (0.75 - 0.5) / (1 - 0.5)
    assert pair.kappa.low < 0.5 < pair.kappa.high
    assert "Cohen" in pair.kappa.method


def test_a_near_miss_weighs_less_than_a_far_one():
    near = agreement(table("CC", "MM", "NN", "DD", "DN"), {}).pairs[0]
    far = agreement(table("CC", "MM", "NN", "DD", "CN"), {}).pairs[0]
    assert near.weighted.value > far.weighted.value
    assert "linear" in near.weighted.method


def test_each_pair_of_three_is_compared_on_what_both_read():
    found = agreement(table("CCC", "MM-", "N-N", "DN-"), {})
    assert [(p.first, p.second, p.same.n) for p in found.pairs] == [
        ("ada", "grace", 3),
        ("ada", "mary", 2),
        ("grace", "mary", 1),
    ]
    assert found.annotators == ("ada", "grace", "mary")
    assert found.kappa.n == 4
    assert -1 <= found.kappa.low <= found.kappa.value <= found.kappa.high <= 1


def test_scans_that_one_reader_alone_has_read_say_nothing_of_agreement():
    found = agreement(table("C", "M", "N"), {})
    assert (found.kappa.value, found.kappa.n) == (None, 0)
    assert found.pairs == ()
    assert agreement({}, {}).kappa.value is None


def test_a_finding_counts_whether_it_was_named_or_drawn():
    drusen, none = box("drusen", 0, 10), says(DRUSEN)
    found = agreement(
        {
            "a": {"ada": says(DRUSEN, drusen), "grace": says(DRUSEN, findings=("drusen",))},
            "b": {"ada": none, "grace": none},
            "c": {"ada": none, "grace": says(DRUSEN, box("other", 0, 3))},
        },
        {},
    )
    assert list(found.per_finding) == ["drusen", "other"]
    assert found.per_finding["drusen"].value == pytest.approx(1)
    assert found.per_finding["other"].value < 0


def test_the_overlap_of_regions_is_their_dice():
    readings = {
        "a": {
            "ada": says(CNV, box("drusen", 0, 10), box("drusen", 5, 10)),
            "grace": says(CNV, box("drusen", 5, 10)),
        },
        "b": {
            "ada": says(CNV, box("drusen", 0, 10), box("other", 0, 5)),
            "grace": says(CNV, box("drusen", 50, 10)),
        },
        "c": {"ada": says(CNV, box("drusen", 0, 10)), "grace": says(CNV)},
    }
    sizes = dict.fromkeys("abc", (100, 10))
    assert drawn_by_several(readings) == ("a", "b")
    found = agreement(readings, sizes).regions
    assert list(found) == ["drusen"]
    assert found["drusen"].value == pytest.approx((0.8 + 0) / 2)
    assert found["drusen"].n == 2
    assert agreement(readings, {}).regions == {}


def painted(x: int) -> Mark:
    mask = np.zeros((40, 60), np.uint8)
    mask[5:15, x : x + 10] = 255
    return Mark("m", "drusen", Brush(to_counts(mask), 60, 40))


def test_regions_are_apart_below_a_dice_of_three_tenths_whatever_they_are_drawn_with():
    tenths = [Mark("m", "drusen", Box(x, 5, 10, 10)) for x in (20, 26, 28)]
    brushes = [painted(x) for x in (20, 26, 28)]
    for first, near, far in (tenths, brushes, [tenths[0], *brushes[1:]]):
        assert regions_apart([says(CNV, first), says(CNV, near)]) == ()  # 0.4
        assert regions_apart([says(CNV, first), says(CNV, far)]) == ("drusen",)  # 0.2
        three = [says(CNV, first), says(CNV), says(CNV, far)]
        assert regions_apart(three) == findings_apart(three) == ("drusen",)
    spot = Mark("m", "drusen", Spot(50, 30))
    assert regions_apart([says(CNV, tenths[0]), says(CNV, spot)]) == ()


def test_spots_have_no_overlap():
    spot = Mark("m", "drusen", Spot(3, 3))
    readings = {"a": {"ada": says(CNV, spot), "grace": says(CNV, spot)}}
    assert agreement(readings, {"a": (9, 9)}).regions == {}


def test_what_was_said_after_a_suggestion_is_not_blind():
    log = Log()
    log.add("a", "ada", says(CNV))
    log.add("a", "ada", says(CNV), model="m", model_sha256="f")
    log.add("a", "ada", says(DME), source=ReadingSource.ACCEPTED, model="m", model_sha256="f")
    log.add("a", "ada", says(NORMAL))
    log.add("a", "grace", says(DME))
    log.add("a", "mary", says(DRUSEN), kind=Kind.SETTLE)
    blind = blind_readings(by_scan(log.entries))
    assert blind == {"a": {"ada": says(CNV), "grace": says(DME)}}


def test_a_slip_that_was_taken_back_before_does_not_count():
    log = Log()
    log.add("a", "ada", says(CNV))
    log.add("a", "ada", None, kind=Kind.UNDO)
    log.add("b", "ada", says(CNV))
    log.add("a", "ada", says(DME))
    log.add("b", "ada", Reading(True, None, marks=(box("other", 0, 1),)))
    assert blind_readings(by_scan(log.entries)) == {"a": {"ada": says(DME)}, "b": {}}


def test_imported_readings_count_though_they_name_a_model():
    log = Log()
    log.add("a", "ada", says(CNV), source=ReadingSource.IMPORTED, model="m", model_sha256="f")
    assert blind_readings(by_scan(log.entries)) == {"a": {"ada": says(CNV)}}


def test_annotators_are_measured_by_the_controls():
    log = Log()
    truths = {f"s{n}": label for n, label in enumerate((CNV, CNV, DME, DME, NORMAL, NORMAL))}
    for sha, said in zip(truths, (NORMAL, CNV, None, DME, NORMAL, NORMAL), strict=True):
        log.control(sha, "ada", said)
    (ada,) = log.figures(truths).annotators
    assert (ada.who, ada.read) == ("ada", 6)
    assert (ada.accuracy.value, ada.accuracy.n) == (pytest.approx(4 / 6), 6)
    assert "Wilson" in ada.accuracy.method
    assert {name: (f.value, f.n) for name, f in ada.per_class.items()} == {
        "CNV": (0.5, 2),
        "DME": (0.5, 2),
        "DRUSEN": (None, 0),
        "NORMAL": (1, 2),
    }
    drift = ada.drift
    assert drift.first_half.value == pytest.approx(1 / 3)
    assert drift.second_half.value == 1
    assert drift.change.value == pytest.approx(2 / 3)
    assert drift.change.low < 2 / 3 < drift.change.high
    assert [point.accuracy.n for point in drift.curve] == [1, 2, 3, 4, 5, 6]
    assert drift.curve[-1].accuracy.value == pytest.approx(4 / 6)
    assert ada.seconds.value == 2
    assert ada.seconds.n == 6


def test_scans_that_are_no_controls_do_not_measure():
    log = Log()
    log.control("a", "ada", CNV)
    log.control("b", "ada", CNV)
    log.assignments[1] = replace(log.assignments[1], is_control=False)
    log.assignments.append(Assignment("p", "c", "ada", True, NOW, NOW, skipped=True))
    log.assignments.append(Assignment("p", "d", "grace", True, NOW))
    ada, grace = log.figures({sha: CNV for sha in "abcd"}).annotators
    assert (ada.accuracy.n, ada.read, ada.skipped) == (1, 2, 1)
    assert (grace.read, grace.accuracy.value, grace.drift.curve) == (0, None, ())
    assert grace.seconds.value is None


def test_a_control_counts_as_it_was_answered_first_whatever_is_taken_back():
    log = Log()
    log.control("a", "ada", DME)
    log.control("b", "ada", CNV)
    log.add("a", "ada", None, kind=Kind.UNDO)
    (open_again,) = log.figures({"a": CNV, "b": CNV}).annotators
    log.add("a", "ada", says(CNV))
    (after,) = log.figures({"a": CNV, "b": CNV}).annotators
    for ada in (open_again, after):
        assert (ada.accuracy.value, ada.accuracy.n) == (0.5, 2)
        assert (ada.drift.first_half.value, ada.drift.second_half.value) == (0, 1)


def test_suggestions_that_made_a_control_right_or_wrong_are_counted():
    log = Log()
    model = {"model": "m", "model_sha256": "f"}
    truths = dict.fromkeys("abcd", CNV)
    for sha, said, then, source in (
        ("a", DME, CNV, ReadingSource.ACCEPTED),
        ("b", DME, NORMAL, ReadingSource.CORRECTED),
        ("c", CNV, DME, ReadingSource.ACCEPTED),
        ("d", CNV, CNV, None),
    ):
        log.control(sha, "ada", said)
        log.add(sha, "ada", says(said), **model)
        if source:
            log.add(sha, "ada", says(then), source=source, **model)
    log.control("e", "ada", DME)
    (ada,) = log.figures(truths | {"e": CNV}).annotators
    found = ada.suggestions
    assert found.shown == 4
    assert (found.accepted.value, found.accepted.n) == (0.5, 4)
    assert (found.corrected.value, found.corrected.n) == (0.25, 4)
    assert (found.made_right.value, found.made_right.n) == (0.5, 2)
    assert (found.made_wrong.value, found.made_wrong.n) == (0.5, 2)
    assert ada.accuracy.value == pytest.approx(2 / 5)


def test_every_figure_says_its_number_and_its_method():
    log = Log()
    for who in ("ada", "grace"):
        for n, label in enumerate((CNV, DME, NORMAL)):
            log.control(f"s{n}", who, label)
    found = log.figures({"s0": CNV, "s1": CNV, "s2": CNV})
    ada = found.annotators[0]
    pair = found.agreement.pairs[0]
    figures = [
        found.agreement.kappa,
        *found.agreement.per_class.values(),
        pair.same,
        pair.kappa,
        pair.weighted,
        ada.seconds,
        ada.accuracy,
        *ada.per_class.values(),
        ada.drift.change,
        ada.suggestions.accepted,
        ada.suggestions.made_right,
    ]
    assert all(figure.method for figure in figures)
    assert all(isinstance(figure.n, int) for figure in figures)


def test_an_empty_project_has_figures_without_values():
    found = Log().figures()
    assert found.annotators == ()
    assert found.agreement.kappa.value is None
    assert found.agreement.pairs == ()
