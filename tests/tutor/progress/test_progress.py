"""Progress on histories made by hand, counted by hand."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from octtutor.core.case import Case, Deck
from octtutor.core.counting import WhyNot, count_answers, those_that_count
from octtutor.core.diagnosis import LABELS
from octtutor.core.disclosure import Audience
from octtutor.core.quiz import CaseOrder, Options, Trainee
from octtutor.core.session import Discussion, Session
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.reports.progress_tables import exam_table
from octtutor.stats.figures import balanced_mean
from octtutor.testing import MemoryStore
from octtutor.tutor.disclosing import disclose
from octtutor.tutor.progress.exam_results import exam_results
from octtutor.tutor.progress.progress import in_training, median, progress, response_times
from octtutor.tutor.progress.second_looks import second_looks
from octtutor.tutor.progress.trainee_records import Records, as_readings
from tests.conftest import Clock
from tests.tutor.progress.histories import EXAM, LOOKS, NOW, C, D, M, N, attempt, keep_history, read


def counted(answers, attempts=(), discussions=()):
    return count_answers(answers, attempts, discussions)


@pytest.fixture
def kept(clock: Clock):
    return keep_history(clock)


def test_a_short_history_comes_out_as_counted_by_hand():
    answers = [
        read(0, C, C),
        read(1, C, N),
        read(2, M, M),
        read(3, N, None),
        read(4, D, None, timed_out=True, confidence=0),
        read(5, N, N),
    ]
    found = progress(counted(answers, [attempt()]), [attempt()], NOW, {}, OCT2017_SCHEME)
    assert (found.answered, found.ungradable, found.timed_out) == (6, 1, 1)
    assert found.left_out == {WhyNot.TIMED_OUT: 1}
    assert (found.right.value, found.right.n) == (3 / 5, 5)
    # of CNV 1 of 2, of DME 1 of 1, of NORMAL 0 of 1, then 1 of 2; the fourth class was timed out
    assert found.balanced.value == pytest.approx((1 / 2 + 1 + 1 / 2) / 3)
    assert [(point.case, point.accuracy.value) for point in found.curve] == [
        (4, pytest.approx((1 / 2 + 1 + 0) / 3)),
        (5, pytest.approx((1 / 2 + 1 + 1 / 2) / 3)),
    ]
    sensitivity, specificity = found.per_class["CNV"]
    assert (sensitivity.value, sensitivity.n) == (1 / 2, 2)
    assert (specificity.value, specificity.n) == (1.0, 2)
    assert found.weighted_error.value == pytest.approx((4 / 2 + 0 + 0) / 3)
    assert found.weighted_error.n == 4
    assert found.confusion[0].matrix.sum() == 6
    assert found.confusion[0].matrix[0].tolist() == [1, 0, 0, 1, 0, 0]
    assert found.confusion[0].matrix[:, 4:].tolist() == [[0, 0], [0, 0], [0, 1], [1, 0]]
    assert found.mastery[C].recent[-1].right is False
    assert {str(card.category) for card in found.due.cards} == {"CNV–NORMAL"}


def test_the_weighted_errors_interval_is_over_patients_not_scans():
    answers = [read(n, C, N if n % 3 else C) for n in range(12)]
    patients = {item.answer.sha256: f"p{n // 4}" for n, item in enumerate(answers)}
    found = progress(counted(answers), [], NOW, patients, OCT2017_SCHEME).weighted_error
    paid = np.array([4.0 if n % 3 else 0.0 for n in range(12)])
    assert found == balanced_mean(paid, np.zeros(12, np.int64), list(patients.values()))
    assert "3 patients" in found.method


def test_confidence_that_was_not_asked_is_left_out_of_calibration():
    answers = [
        read(0, C, C, confidence=5),
        read(1, C, N, confidence=5),
        read(2, C, C, confidence=0),
    ]
    found = progress(counted(answers), [], NOW, {}, OCT2017_SCHEME).calibration
    assert found is not None
    assert found.n == 2
    assert found.levels[4].right.value == 0.5
    assert found.overconfidence.value == pytest.approx(0.5)
    assert progress(counted(answers[2:]), [], NOW, {}, OCT2017_SCHEME).calibration is None


def test_response_times_are_medians_of_blocks_right_and_wrong_apart_without_timeouts():
    answers = [
        read(0, C, C, ms=1000),
        read(1, C, C, ms=3000),
        read(2, C, N, ms=9000),
        read(3, C, None, ms=60000, timed_out=True),
        read(4, C, C, ms=2000),
    ]
    first, second = response_times([item.answer for item in answers], block=4)
    assert (first.first, first.last, first.right.value, first.wrong.value) == (1, 4, 2.0, 9.0)
    assert (first.right.n, first.wrong.n) == (2, 1)
    assert (second.first, second.last, second.right.value, second.wrong.n) == (5, 5, 2.0, 0)


@pytest.mark.parametrize(("count", "blocks"), [(0, 0), (20, 1), (300, 15), (301, 8), (3000, 15)])
def test_the_blocks_of_response_times_grow_and_stay_few(count: int, blocks: int):
    found = progress(
        counted([read(n, C, C) for n in range(count)]), [], NOW, {}, OCT2017_SCHEME
    ).times
    assert len(found) == blocks
    assert sum(block.right.n for block in found) == count


def test_a_medians_interval_is_of_order_statistics():
    # Conover's table: of ten values the 2nd and 9th hold the median with 97.9 %
    figure = median([float(n) for n in range(1, 11)])
    assert (figure.value, figure.low, figure.high) == (5.5, 2.0, 9.0)
    assert median([1.0, 2.0]).low is None
    assert median([]).value is None


def test_from_thirty_answers_on_the_confusion_is_cut_into_thirds():
    answers = [read(n, C, N if n < 10 else C) for n in range(30)]
    spans = progress(counted(answers), [], NOW, {}, OCT2017_SCHEME).confusion
    assert [(span.first, span.last) for span in spans] == [(1, 10), (11, 20), (21, 30)]
    assert [int(span.matrix[0, 3]) for span in spans] == [10, 0, 0]
    assert len(progress(counted(answers[:29]), [], NOW, {}, OCT2017_SCHEME).confusion) == 1


def test_second_looks_come_out_as_counted_by_hand():
    looks = second_looks(LOOKS)
    assert looks.n == 10
    assert (looks.right_to_wrong, looks.wrong_to_right, looks.wrong_to_other_wrong) == (2, 2, 2)
    counted = {
        name: (round((figure.value or 0) * figure.n), figure.n)
        for name in (
            "before", "after", "agreed_with_right", "agreed_with_wrong", "gave_up", "followed",
            "kept_wrong",
        )
        if (figure := getattr(looks, name))
    }  # fmt: skip
    assert counted == {
        "before": (4, 10),
        "after": (4, 10),
        "agreed_with_right": (3, 5),
        "agreed_with_wrong": (3, 5),
        "gave_up": (2, 3),
        "followed": (1, 1),
        "kept_wrong": (2, 4),
    }


choices = st.sampled_from([*LABELS, None])
looks_made = st.lists(st.tuples(choices, st.sampled_from(LABELS), choices), max_size=30)


@given(looks_made)
def test_every_look_is_a_switch_or_none_and_the_balance_adds_up(made):
    items = [read(n, C, first, model=m, second=s) for n, (first, m, s) in enumerate(made)]
    looks = second_looks(items)
    before = sum(first == C for first, _, _ in made)
    after = sum(second == C for _, _, second in made)
    assert after - before == looks.wrong_to_right - looks.right_to_wrong
    assert looks.agreed_with_right.n + looks.agreed_with_wrong.n == len(made)
    switched = sum(first is not second for first, _, second in made)
    kinds = looks.right_to_wrong + looks.wrong_to_right + looks.wrong_to_other_wrong
    assert switched == kinds


def test_sure_that_a_scan_is_ungradable_is_no_overconfidence_and_no_slow_wrong_answer():
    answers = [read(0, C, None, confidence=5, ms=60000), read(1, C, N, confidence=5, ms=2000)]
    found = progress(counted(answers), [], NOW, {}, OCT2017_SCHEME)
    assert found.calibration is not None
    assert (found.calibration.n, found.calibration.overconfidence.n) == (1, 1)
    assert found.times[0].wrong.value == 2.0


def test_forty_readings_of_one_scan_are_one_reading_and_39_memories():
    answers = [read(n, C, C, sha256="f" * 64) for n in range(40)]
    found = progress(counted(answers), [], NOW, {}, OCT2017_SCHEME)
    assert (found.answered, found.right.n, found.balanced.n) == (40, 1, 1)
    assert (found.repeated.value, found.repeated.n) == (1.0, 39)
    assert found.left_out == {WhyNot.REPEATED: 39}


def test_practice_in_adaptive_order_counts_class_by_class_only():
    # of C 8 of 10, of N 2 of 2: a plain share would say 10 of 12 = 83 %
    answers = [read(n, C, C if n < 8 else N) for n in range(10)]
    answers += [read(n, N, N) for n in (10, 11)]
    practice = attempt(order=CaseOrder.ADAPTIVE)
    found = progress(counted(answers, [practice]), [practice], NOW, {}, OCT2017_SCHEME)
    assert found.right.value is None
    assert found.balanced.value == pytest.approx((0.8 + 1) / 2)
    assert found.left_out == {WhyNot.PRACTICE: 12}
    assert found.per_class["CNV"][0].value == pytest.approx(0.8)
    # the last five of each class: C's were right, right, right, wrong, wrong
    assert found.curve[-1].accuracy.value == pytest.approx((3 / 5 + 1) / 2)


def test_an_exam_says_score_pass_and_patients_read_before():
    practice = [read(n, C, C, attempt="p", sha256=f"s{n}") for n in range(2)]
    later = NOW + timedelta(days=1)
    taken = [
        read(n, C, C if n < 3 else N, attempt="e", sha256=f"e{n}", at=later + timedelta(minutes=n))
        for n in range(4)
    ]
    cases = [f"e{n}" for n in range(5)]
    exam = attempt("e", cases, options=EXAM, started_at=later, ended_at=later + timedelta(hours=1))
    patients = {"s0": "ada", "s1": "bob", "e0": "ada", "e1": "ada", "e2": "cy", "e3": "di"}
    (result,) = exam_results(counted([*practice, *taken]), [attempt("p"), exam], patients)
    assert (result.score.value, result.score.n) == (3 / 5, 5)
    assert result.passed is False
    assert result.seen_before == 2
    assert result.change is None


def test_a_retest_shows_the_change_with_newcombes_interval():
    first = [read(n, C, C if n < 5 else N, attempt="e", sha256=f"a{n}") for n in range(10)]
    again = [read(n, C, C if n < 8 else N, attempt="r", sha256=f"b{n}") for n in range(10)]
    exam = attempt("e", [f"a{n}" for n in range(10)], options=EXAM)
    retest = attempt("r", [f"b{n}" for n in range(10)], options=EXAM, retest_of="e")
    _, result = exam_results(counted([*first, *again]), [exam, retest], {})
    assert result.passed is True
    assert result.change is not None
    assert result.change.value == pytest.approx(0.3)
    assert "Newcombe" in result.change.method
    assert result.change.low < 0.3 < result.change.high


def test_the_answer_after_a_second_look_counts_in_an_exam():
    items = [read(0, C, N, attempt="e", model=C, second=C)]
    (result,) = exam_results(counted(items), [attempt("e", ["x"], options=EXAM)], {})
    assert result.score.value == 1.0


def readings_of(items, attempts, discussions=()):
    told = disclose(Audience.READER, items, attempts, {}, discussions)
    return those_that_count(as_readings(told, attempts, discussions))


def test_an_exam_that_runs_gives_nothing_away():
    items = [read(0, C, C, attempt="e")]
    running = attempt("e", ["x"], options=EXAM, ended_at=None)
    assert readings_of(items, [running]) == ()
    assert exam_results(counted(items), [running], {}) == ()
    assert len(readings_of(items, [replace(running, ended_at=NOW)])) == 1


def test_an_answer_before_its_second_look_is_awaited():
    items = [read(0, C, C, second=C, model=C), read(1, C, C)]
    running = attempt(options=Options(second_look=True), ended_at=None)
    assert readings_of(items, [running]) == tuple(items[:1])
    assert readings_of(items, [attempt(options=Options(second_look=True))]) == tuple(items)


def test_an_answer_after_the_discussion_of_its_case_is_no_reading():
    items = [read(0, C, C), read(1, C, C)]
    told = [
        Discussion("K", 0, NOW - timedelta(seconds=1)),
        Discussion("K", 1, NOW + timedelta(days=1)),
    ]
    assert readings_of(items, [attempt(session="K")], told) == (items[1],)
    assert readings_of(items, [attempt()], told) == tuple(items)


def test_patients_of_the_training_data_are_counted_where_known():
    items = [read(0, C, C, model=C), read(1, C, C, model=C), read(2, C, C, model=C), read(3, C, C)]
    answers = {f"{0:064x}": True, f"{1:064x}": False, f"{2:064x}": None}
    found = in_training(items, {}, lambda weights, sha256, patient: answers[sha256])
    assert (found.known, found.not_known, found.asked) == (1, 1, 3)


def test_of_a_scan_whose_patient_is_not_told_nothing_is_known_but_what_is():
    items = [read(0, C, C, model=C), read(1, C, C, model=C), read(2, C, C, model=C)]
    nameless = {f"{0:064x}", f"{1:064x}"}
    found = in_training(items, {}, lambda weights, sha256, patient: sha256[-1] == "0", nameless)
    assert (found.known, found.not_known, found.asked) == (1, 1, 3)


def test_no_answers_are_no_fault():
    found = progress([], [], NOW, {}, OCT2017_SCHEME)
    assert found.answered == 0
    assert found.right.value is None
    assert (found.curve, found.confusion, found.times, found.exams) == ((), (), (), ())


def test_synthetic_and_real_scans_are_never_pooled(kept):
    records, _ = kept
    assert records.kinds("t") == (True, False)
    assert records.of("t", False).answered == 3
    assert records.of("t", True).answered == 2
    assert records.of("t", True).synthetic is True
    assert records.of("t", False).weighted_error.value == pytest.approx((0 + 1 + 1) / 3)


def test_due_dates_rest_on_all_scans(kept):
    records, _ = kept
    assert records.of("t", True).due == records.of("t", False).due


def test_the_export_holds_everything_and_deleting_leaves_nothing(kept):
    records, store = kept
    content = json.loads(records.export("t"))
    assert content["trainee"]["nickname"] == "Ada"
    assert [row["id"] for row in content["attempts"]] == ["d", "s"]
    assert len(content["answers"]) == 5
    assert content["answers"][1]["truth"] == "DME"
    assert content["answers"][1]["right"] is False
    assert records.count("t") == (5, 2, 0)
    records.forget("t")
    assert store.find_trainee("t") is None
    assert store.answers_by("t") == ()
    assert records.of("t", False).answered == 0


def test_an_exam_says_how_many_of_its_scans_are_examples_in_learn(clock: Clock):
    store = MemoryStore()
    store.add_trainee(Trainee("t", "Ada", clock()))
    store.put_deck(Deck("d", "Ward", False, True, clock()))
    masks = {"a" * 64: "m" * 64, "b" * 64: "n" * 64, "c" * 64: None}
    store.add_cases("d", [Case(s, C, s, s, mask_sha256=mask) for s, mask in masks.items()])
    store.start_attempt(attempt("e", [*masks][1:], options=EXAM, ended_at=None))
    store.record_answer(read(0, C, N, attempt="e", sha256="b" * 64).answer)
    store.end_attempt("e", clock())
    (exam,) = Records(store, clock).of("t", False).exams
    assert exam.in_learn == 1
    assert "1 of 2 scans are examples in Learn" in exam_table([exam])


def test_the_export_keeps_an_exams_truth_that_would_help_in_another_attempt(clock: Clock):
    store = MemoryStore()
    store.add_trainee(Trainee("t", "Ada", clock()))
    store.put_deck(Deck("d", "Ward", False, True, clock()))
    options = replace(EXAM, attempts=2)
    for name in ("one", "two"):
        exam = attempt(name, ["x" * 64], options=options, started_at=clock(), ended_at=None)
        store.start_attempt(exam)
        store.record_answer(read(0, C, N, attempt=name, sha256="x" * 64, at=clock()).answer)
        (*_, last) = json.loads(Records(store, clock).export("t"))["answers"]
        assert last["truth"] is None
        assert last["right"] is None
        store.end_attempt(name, clock())
        clock.pass_seconds(60)
    assert json.loads(Records(store, clock).export("t"))["answers"][-1]["truth"] == "CNV"


def test_the_export_names_no_scan_whose_truth_is_to_come(clock: Clock):
    store = MemoryStore()
    store.add_trainee(Trainee("t", "Ada", clock()))
    store.put_deck(Deck("d", "Ward", False, True, clock()))
    cases = tuple(digit * 64 for digit in "abc")
    for name, options in (("practice", Options()), ("exam", replace(EXAM, attempts=1))):
        store.start_attempt(
            attempt(name, cases, options=options, started_at=clock(), ended_at=None, seed=77)
        )
        for position in range(2):
            store.record_shown(name, position, clock())
        store.record_answer(read(0, C, N, attempt=name, sha256="a" * 64, at=clock()).answer)
        text = Records(store, clock).export("t")
        rows = {row["id"]: row for row in json.loads(text)["attempts"]}
        told = ["a" * 64] if name == "practice" else [None]
        assert rows[name]["cases"] == [*told, None, None]
        assert rows[name]["seed"] is None
        assert "b" * 64 not in text
        assert "c" * 64 not in text
        if name == "exam":
            assert json.loads(text)["answers"][-1]["sha256"] is None
        clock.pass_seconds(60)
    store.end_attempt("exam", clock())
    assert json.loads(Records(store, clock).export("t"))["answers"][-1]["sha256"] == "a" * 64


def test_what_is_due_and_mastered_rests_on_what_was_told(clock: Clock):
    from octtutor.tutor.disclosing import Disclosures

    store = MemoryStore()
    store.add_trainee(Trainee("t", "Ada", clock()))
    store.put_deck(Deck("d", "Ward", False, True, clock()))
    options = replace(EXAM, attempts=2)
    exam = attempt("e", ["a" * 64], options=options, started_at=clock(), ended_at=None)
    store.start_attempt(exam)
    store.record_answer(read(0, C, N, attempt="e", sha256="a" * 64, at=clock()).answer)
    store.end_attempt("e", clock())
    telling = Disclosures(store)
    assert telling.history("t") == ()
    assert telling.all_by("t").hidden_scans() == {"a" * 64}
    found = Records(store, clock).of("t", False)
    assert (found.answered, [result.score.value for result in found.exams]) == (0, [0.0])


def test_discussed_cases_of_a_session_are_left_out_of_progress(kept, clock: Clock):
    records, store = kept
    cases = ("d0" + "0" * 62, "d1" + "0" * 62)
    store.open_session(Session("KKKKK", "T", "ada", "q", "1", "d", cases, 1, Options(), clock()))
    store.discuss("KKKKK", 0, clock())
    clock.pass_seconds(5)
    store.start_attempt(attempt("k", cases, session="KKKKK", started_at=clock(), ended_at=None))
    for n, sha256 in enumerate(cases):
        store.record_answer(read(n, LABELS[n], C, attempt="k", sha256=sha256, at=clock()).answer)
    found = records.of("t", False)
    assert (found.answered, found.right.n) == (3 + 2, 3)
    # the first case was discussed before; the second had been read before
    assert found.left_out == {WhyNot.DISCUSSED: 1, WhyNot.REPEATED: 1}
    assert (found.repeated.value, found.repeated.n) == (0, 1)


def test_the_export_keeps_an_exams_truth_while_its_session_goes_on(clock: Clock):
    store = MemoryStore()
    store.add_trainee(Trainee("t", "Ada", clock()))
    store.put_deck(Deck("d", "Ward", False, True, clock()))
    options = replace(EXAM, attempts=1)
    cases = ("x" * 64,)
    store.open_session(Session("KKKKK", "T", "ada", "q", "1", "d", cases, 1, options, clock()))
    exam = attempt("k", cases, session="KKKKK", options=options, started_at=clock(), ended_at=None)
    store.start_attempt(exam)
    store.record_answer(read(0, C, N, attempt="k", sha256="x" * 64, at=clock()).answer)
    store.end_attempt("k", clock())
    records = Records(store, clock)
    assert json.loads(records.export("t"))["answers"][0]["truth"] is None
    store.end_session("KKKKK", clock())
    assert json.loads(records.export("t"))["answers"][0]["truth"] == "CNV"
