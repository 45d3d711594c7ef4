import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from octtutor.core.case import Case
from octtutor.core.diagnosis import LABELS
from octtutor.core.schedule import draw_balanced


def deck(counts: tuple[int, ...]) -> list[Case]:
    return [
        Case(f"{label}-{n}", label, f"p{n}", f"{label}-{n}-1.png")
        for label, count in zip(LABELS, counts, strict=True)
        for n in range(count)
    ]


decks = st.tuples(*[st.integers(0, 12)] * 4).map(deck)
seeds = st.integers(0, 2**31)


@given(decks, st.integers(1, 60), seeds)
def test_no_case_comes_twice_and_as_many_come_as_there_are(cases, size, seed):
    drawn = draw_balanced(cases, size, random.Random(seed))
    assert len(set(drawn)) == len(drawn) == min(size, len(cases))


@given(decks, st.integers(1, 60), seeds)
def test_classes_differ_by_one_unless_the_deck_runs_out(cases, size, seed):
    drawn = Counter(case.label for case in draw_balanced(cases, size, random.Random(seed)))
    there = Counter(case.label for case in cases)
    open_ended = [drawn[label] for label in LABELS if drawn[label] < there[label]]
    for count in open_ended:
        assert count >= max(drawn.values()) - 1


@given(decks, seeds)
def test_the_same_seed_draws_the_same_cases_whatever_the_decks_order(cases, seed):
    shuffled = random.Random(1).sample(cases, len(cases))
    first = draw_balanced(cases, 10, random.Random(seed))
    assert draw_balanced(shuffled, 10, random.Random(seed)) == first


def test_classes_do_not_come_in_a_fixed_order():
    cases = deck((5, 5, 5, 5))
    orders = {
        tuple(case.label for case in draw_balanced(cases, 20, random.Random(seed)))
        for seed in range(20)
    }
    assert len(orders) == 20
