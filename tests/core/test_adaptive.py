"""The adaptive order, on whole histories."""

import itertools
import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octtutor.core.answer import Answer
from octtutor.core.case import Case
from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.core.schedule import (
    Arts,
    ConfusedPair,
    MasteryReading,
    classes_of,
    confusion_pairs,
    draw_unseen,
    mastery,
    next_case,
    pair_of,
    priorities,
)
from octtutor.errors import BadInputError

CNV, DME, DRUSEN, NORMAL = LABELS
Step = tuple[Diagnosis, Diagnosis | None, float]
START = datetime(2026, 1, 5, 8, tzinfo=UTC)


def answer(truth: Diagnosis, choice: Diagnosis | None, seconds: float, place: int = 0) -> Answer:
    return Answer(
        attempt_id="a",
        position=place,
        trainee_id="t",
        sha256=f"old-{place}",
        truth=truth,
        choice=choice,
        confidence=3,
        response_ms=round(1000 * seconds),
        answered_at=START + timedelta(minutes=place),
        deck="d",
        quiz="q",
        quiz_version="1",
    )


def history_of(*steps: Step) -> list[Answer]:
    return [answer(*step, place) for place, step in enumerate(steps)]


def right(*labels: Diagnosis, seconds: float = 10.0) -> list[Step]:
    return [(label, label, seconds) for label in labels]


def deck(counts: Iterable[int], a_patient: int = 1) -> list[Case]:
    return [
        Case(f"{label}-{n:03}", label, f"{label}-p{n // a_patient}", f"{n}.png")
        for label, count in zip(LABELS, counts, strict=True)
        for n in range(count)
    ]


def practise(
    cases: Sequence[Case],
    trials: int,
    rng: random.Random,
    misread: int = 4,
    surprise: float = 0.2,
    history: Sequence[Answer] = (),
    delay: int = 1,
) -> tuple[list[Case], list[Answer]]:
    """Read `trials` cases, every `misread`th on average wrongly."""
    answers, shown, seen = list(history), [], [each.sha256 for each in history]
    for _ in range(trials):
        case = next_case(cases, answers, seen, rng, arts=Arts(delay=delay), surprise=surprise)
        choice = rng.choice(LABELS) if rng.randrange(misread) == 0 else case.label
        answers.append(answer(case.label, choice, rng.uniform(2, 30), len(answers)))
        shown.append(case)
        seen.append(case.sha256)
    return shown, answers


PUBLISHED = Arts(delay=2)

labels = st.sampled_from(LABELS)
histories = st.lists(st.tuples(labels, st.none() | labels, st.floats(0.0, 120.0)), max_size=60).map(
    lambda steps: history_of(*steps)
)
counts = st.tuples(*[st.integers(0, 8)] * 4).filter(any)
seeds = st.integers(0, 2**31)


def test_the_priority_of_classes_is_the_published_one():
    found = priorities(history_of(*right(CNV, DME, DRUSEN, NORMAL)), LABELS, PUBLISHED)
    # ln(10 / 1.7) = 1.7719568; N is 3, 2, 1, 0
    assert found == pytest.approx(
        {CNV: 0.19491525, DME: 0.0, DRUSEN: -0.19491525, NORMAL: -0.38983050}
    )


def test_a_class_in_error_gains_w_for_every_trial_after_the_delay():
    wrong = history_of((CNV, None, 30.0), *right(DME, DRUSEN, NORMAL, DME, DRUSEN))
    assert priorities(wrong, LABELS, PUBLISHED)[CNV] == pytest.approx(0.1 * (5 - 2) * 20)


def test_what_is_read_in_less_than_r_seconds_has_a_negative_priority():
    quick = history_of(*right(CNV, seconds=1.0), *right(DME, DRUSEN, NORMAL, DME))
    assert priorities(quick, LABELS, PUBLISHED)[CNV] == pytest.approx(
        0.1 * 2 * 1.1 * math.log(1 / 1.7)
    )
    assert priorities(quick, LABELS, PUBLISHED)[CNV] < 0


def test_other_constants_can_be_given():
    arts = Arts(a=0.5, delay=1, b=2.0, r=5.0, error=7.0)
    found = priorities(history_of(*right(CNV, DME, DRUSEN), (NORMAL, None, 9.0)), LABELS, arts)
    assert found[CNV] == pytest.approx(0.5 * 2 * 2 * math.log(2))
    assert found[NORMAL] == pytest.approx(0.5 * -1 * 7)


def test_an_answer_in_no_time_has_a_priority_nevertheless():
    assert math.isfinite(priorities(history_of(*right(CNV, seconds=0.0)), LABELS)[CNV])


def test_a_class_never_shown_counts_as_wrong_and_comes_before_all_that_is_right():
    history = history_of(*right(CNV, DME, DRUSEN, CNV, DME, DRUSEN, seconds=100.0))
    found = priorities(history, LABELS)
    assert found[NORMAL] == pytest.approx(0.1 * 7 * 20)
    assert found[NORMAL] == max(found.values())


def test_a_pair_exists_once_it_is_confused():
    assert set(priorities(history_of(*right(CNV, DME)), LABELS)) == set(LABELS)
    confused = history_of((DRUSEN, CNV, 9.0), (DME, None, 9.0))
    assert set(priorities(confused, LABELS)) == {*LABELS, ConfusedPair(CNV, DRUSEN)}


def test_a_pair_is_in_error_until_both_its_classes_are_read_rightly():
    pair = pair_of(DRUSEN, CNV)
    confusion: list[Step] = [(CNV, DRUSEN, 9.0)]
    one = history_of(*confusion, *right(DME, NORMAL, DRUSEN))
    assert priorities(one, LABELS, PUBLISHED)[pair] == pytest.approx(0.1 * (3 - 2) * 20)
    both = history_of(*confusion, *right(DME, NORMAL, DRUSEN, CNV, DME, DME, DME))
    assert priorities(both, LABELS, PUBLISHED)[pair] == pytest.approx(
        0.1 * (3 - 2) * 1.1 * math.log(10 / 1.7)
    )


def test_a_class_of_the_pair_read_wrongly_leaves_it_in_error():
    history = history_of((CNV, DRUSEN, 9.0), *right(CNV), (DRUSEN, None, 9.0), *right(CNV))
    assert priorities(history, LABELS, PUBLISHED)[pair_of(CNV, DRUSEN)] == pytest.approx(
        0.1 * (3 - 2) * 20
    )


def test_another_confusion_asks_for_both_classes_again():
    history = history_of((CNV, DME, 9.0), *right(DME), (DME, CNV, 9.0), *right(CNV))
    assert priorities(history, LABELS, PUBLISHED)[pair_of(CNV, DME)] == pytest.approx(
        0.1 * (1 - 2) * 20
    )
    settled = history_of((CNV, DME, 9.0), *right(DME), (DME, CNV, 9.0), *right(CNV, DME))
    assert priorities(settled, LABELS, PUBLISHED)[pair_of(CNV, DME)] == pytest.approx(
        0.1 * (0 - 2) * 1.1 * math.log(10 / 1.7)
    )


@given(histories)
def test_priorities_are_finite_for_the_classes_and_the_pairs_confused(history):
    found = priorities(history, LABELS)
    assert set(found) == {*LABELS, *confusion_pairs(history)}
    assert all(map(math.isfinite, found.values()))


def test_a_pair_is_the_same_whichever_class_is_named_first():
    assert pair_of(NORMAL, CNV) == pair_of(CNV, NORMAL) == ConfusedPair(CNV, NORMAL)
    assert str(pair_of(NORMAL, CNV)) == "CNV–NORMAL"
    assert classes_of(pair_of(NORMAL, CNV)) == (CNV, NORMAL)


def test_confusions_are_counted_either_way_round_and_ungradables_are_none():
    history = history_of(
        (DME, NORMAL, 9.0), (CNV, DRUSEN, 9.0), (DRUSEN, CNV, 9.0), (CNV, None, 9.0), *right(CNV)
    )
    assert list(confusion_pairs(history).items()) == [
        (ConfusedPair(CNV, DRUSEN), 2),
        (ConfusedPair(DME, NORMAL), 1),
    ]


@given(counts, seeds)
@settings(max_examples=50, deadline=None)
def test_no_scan_comes_twice_until_all_were_shown_and_then_the_oldest_of_its_class(counts, seed):
    cases = deck(counts)
    shown, _ = practise(cases, len(cases) + 8, random.Random(seed))
    assert set(shown[: len(cases)]) == set(cases)
    for place in range(len(cases), len(shown)):
        earlier = [case for case in shown[:place] if case.label == shown[place].label]
        newest_first = list(dict.fromkeys(reversed(earlier)))
        assert shown[place] == newest_first[-1]


def test_scans_seen_in_other_attempts_wait_too():
    cases = deck((2, 2, 2, 2))
    seen = [case.sha256 for case in cases if case.sha256 != "DME-001"]
    for seed in range(20):
        assert next_case(cases, [], seen, random.Random(seed)).sha256 == "DME-001"


def test_patients_not_seen_yet_come_first():
    cases = deck((0, 6, 0, 0), a_patient=3)
    for seed in range(20):
        assert next_case(cases, [], ["DME-000"], random.Random(seed)).patient == "DME-p1"
    last = next_case(cases, [], ["DME-000", "DME-003", "DME-004", "DME-005"], random.Random(1))
    assert last.patient == "DME-p0"


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_a_class_comes_again_only_after_the_delay(seed):
    cases = deck((60, 60, 60, 60))
    for delay in (1, 2):
        shown, _ = practise(cases, 50, random.Random(seed), surprise=0.0, delay=delay)
        for place in range(delay, len(shown)):
            assert len({case.label for case in shown[place - delay : place + 1]}) == delay + 1


def test_with_three_classes_the_delay_is_one_trial():
    shown, _ = practise(deck((0, 60, 60, 60)), 60, random.Random(3), surprise=0.0)
    following = [(one.label, other.label) for one, other in itertools.pairwise(shown)]
    assert all(one is not other for one, other in following)
    assert any(one.label == other.label for one, other in zip(shown, shown[2:], strict=False))


def test_with_two_classes_the_next_one_cannot_be_told():
    cases = deck((0, 200, 200, 0))
    shown, _ = practise(cases, 200, random.Random(5), misread=2, surprise=0.0)
    following = Counter(one.label == other.label for one, other in itertools.pairwise(shown))
    assert 70 < following[True] < 130


def test_now_and_then_even_the_class_just_shown_comes():
    history = history_of(*right(CNV, DME, DRUSEN, NORMAL))
    cases = deck((9, 9, 9, 9))
    next_ones = Counter(next_case(cases, history, [], random.Random(n)).label for n in range(2000))
    # one in five is drawn from four classes, the others are CNV, the only positive priority
    for label in (DME, DRUSEN, NORMAL):
        assert 60 < next_ones[label] < 140
    assert next_ones[CNV] > 1600


@pytest.mark.parametrize("confused", [(CNV, DRUSEN), (DRUSEN, CNV), (DME, NORMAL)])
@pytest.mark.parametrize("seed", range(10))
def test_a_confusion_brings_both_classes_back_after_the_delay(confused, seed):
    truth, choice = confused
    steps = right(*LABELS, *LABELS, seconds=4.0)
    history = history_of(*steps, (truth, choice, 9.0))
    shown, _ = practise(
        deck((30, 30, 30, 30)), 6, random.Random(seed), 10**9, surprise=0.0, history=history
    )
    came = [case.label for case in shown]
    assert truth not in came[:2]
    assert {truth, choice} <= set(came)


def test_the_contrast_pair_comes_in_either_order():
    history = history_of(*right(*LABELS), (CNV, DRUSEN, 9.0), *right(DME, NORMAL, DME))
    cases = deck((30, 30, 30, 30))
    orders = set()
    for seed in range(30):
        shown, _ = practise(cases, 2, random.Random(seed), 10**9, surprise=0.0, history=history)
        orders.add(tuple(case.label for case in shown))
    assert orders == {(CNV, DRUSEN), (DRUSEN, CNV)}


def test_a_mastered_class_waits_for_the_others():
    steps = right(*[CNV] * 12, DME, DRUSEN, NORMAL, seconds=19.0)
    history = history_of(*steps, *right(DME, DRUSEN, seconds=3.0))
    found = priorities(history, LABELS)
    assert found[CNV] == max(found.values())
    for seed in range(20):
        case = next_case(deck((9, 9, 9, 9)), history, [], random.Random(seed), surprise=0.0)
        assert case.label == NORMAL


def test_a_pair_just_confused_does_not_call_yet():
    steps = right(*[DME] * 12, *[DRUSEN] * 12, *[NORMAL] * 12, *[CNV] * 12)
    history = history_of(*steps, (CNV, DRUSEN, 9.0))
    case = next_case(deck((9, 9, 9, 9)), history, [], random.Random(1), surprise=0.0)
    assert case.label == DME


def test_a_pair_in_error_calls_even_for_a_mastered_class():
    steps = [*right(*[DRUSEN] * 12), (CNV, DRUSEN, 9.0), *right(DME, NORMAL, CNV)]
    case = next_case(deck((9, 9, 9, 9)), history_of(*steps), [], random.Random(1), surprise=0.0)
    assert case.label == DRUSEN


def test_only_classes_in_focus_come():
    cases = deck((5, 5, 5, 5))
    focus = frozenset({CNV, DRUSEN})
    drawn = {next_case(cases, [], [], random.Random(seed), focus=focus).label for seed in range(40)}
    assert drawn == focus


@pytest.mark.parametrize("focus", [frozenset(), frozenset({DME})])
def test_a_deck_without_a_case_to_show_is_refused(focus):
    cases = deck((3, 0, 0, 0)) if focus else []
    with pytest.raises(BadInputError, match="Choose another deck"):
        next_case(cases, [], [], random.Random(1), focus=focus)


@given(histories, counts, seeds)
@settings(deadline=None)
def test_the_same_generator_gives_the_same_case_whatever_the_decks_order(history, counts, seed):
    cases = deck(counts)
    seen = [case.sha256 for case in cases[::2]]
    shuffled = random.Random(1).sample(cases, len(cases))
    first = next_case(cases, history, seen, random.Random(seed))
    assert next_case(shuffled, history, seen, random.Random(seed)) == first


@given(counts, st.integers(1, 40), seeds, st.data())
def test_unseen_scans_are_drawn_first_and_evenly(counts, size, seed, data):
    cases = deck(counts)
    seen = data.draw(st.sets(st.sampled_from([case.sha256 for case in cases])))
    drawn = draw_unseen(cases, size, seen, random.Random(seed))
    fresh = [case for case in cases if case.sha256 not in seen]
    new = [case for case in drawn if case.sha256 not in seen]
    assert len(set(drawn)) == len(drawn) == min(size, len(cases))
    assert len(new) == min(size, len(fresh))
    there = Counter(case.label for case in fresh)
    of_class = Counter(case.label for case in new)
    unfinished = [of_class[label] for label in LABELS if of_class[label] < there[label]]
    assert all(count >= max(of_class.values()) - 1 for count in unfinished)


def test_seen_scans_do_not_all_come_last():
    cases = deck((4, 4, 4, 4))
    seen = {case.sha256 for case in cases[::2]}
    last = {draw_unseen(cases, 16, seen, random.Random(n))[-1].sha256 in seen for n in range(20)}
    assert last == {True, False}


def test_twelve_right_in_a_row_are_mastery_and_eleven_are_not():
    # Wald 1945: 12 · ln(0.9 / 0.7) = 3.02 is beyond ln(0.95 / 0.05) = 2.94, 11 · … = 2.76 is not
    reached = mastery(history_of(*right(*[CNV] * 12), *right(*[DME] * 11)), LABELS)
    assert (reached[CNV].mastered, reached[DME].mastered) == (True, False)
    assert reached[CNV].recent == (MasteryReading(right=True, fast=True),) * 5
    assert reached[NORMAL].recent == ()
    assert list(reached) == list(LABELS)


def test_a_wrong_answer_weighs_as_much_as_four_right_ones():
    # 1 wrong takes ln(0.1 / 0.3) = −1.10; 17 right less 1 wrong are 3.17, 16 are 2.92
    wrong = (CNV, DME, 5.0)
    assert not mastery(history_of(wrong, *right(*[CNV] * 16)), LABELS)[CNV].mastered
    assert mastery(history_of(wrong, *right(*[CNV] * 17)), LABELS)[CNV].mastered


@pytest.mark.parametrize("last", [(CNV, DME, 5.0), (CNV, None, 5.0)])
def test_mastery_lasts_until_a_test_decides_against_it(last):
    history = [*right(*[CNV] * 12), last, last]
    assert mastery(history_of(*history), LABELS)[CNV].mastered
    reached = mastery(history_of(*history, last), LABELS)[CNV]
    assert not reached.mastered
    assert reached.recent[-1] == MasteryReading(right=False, fast=True)
    assert len(reached.recent) == 5


def test_the_same_scan_twelve_times_is_no_mastery():
    once = history_of(*right(*[CNV] * 12))
    again = [replace(answer, sha256=once[0].sha256) for answer in once]
    assert not mastery(again, LABELS)[CNV].mastered


def test_slow_right_answers_are_shown_as_such():
    reached = mastery(history_of((CNV, CNV, 20.001)), LABELS)[CNV]
    assert reached.recent == (MasteryReading(right=True, fast=False),)


def test_two_thousand_answers_are_gone_through_once():
    class Counted(list[Answer]):
        passes = 0

        def __iter__(self):
            type(self).passes += 1
            return super().__iter__()

    _, answers = practise(deck((9, 9, 9, 9)), 100, random.Random(1))
    long = Counted(answers * 20)
    next_case(deck((9, 9, 9, 9)), long, [], random.Random(1), surprise=0.0)
    assert len(long) == 2000
    assert 1 <= Counted.passes <= 4
