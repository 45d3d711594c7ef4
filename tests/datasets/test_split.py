"""Splits keep a patient on one side, and both sides have every class wherever that can be."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.datasets.split import HELD_OUT, draw_held_out
from octtutor.errors import BadInputError

C, M, D, N = LABELS


def scans(*patients: tuple[str, dict[Diagnosis, int]]) -> tuple[list[Diagnosis], list[str]]:
    rows = [
        (label, patient)
        for patient, counts in patients
        for label, count in counts.items()
        for _ in range(count)
    ]
    return [label for label, _ in rows], [patient for _, patient in rows]


def plain(*labels: Diagnosis, each: int = 12) -> list[tuple[str, dict[Diagnosis, int]]]:
    return [(f"{label} {n}", {label: 1}) for label in labels for n in range(each)]


@pytest.mark.parametrize("seed", range(60))
def test_a_patient_who_has_nearly_all_of_a_class_is_trained_on(seed: int):
    labels, patients = scans(("one", {C: 1}), ("twenty", {C: 20}), *plain(M, D, N))
    _, held = draw_held_out(labels, patients, seed)
    assert {patients[i] for i in held if labels[i] == C} == {"one"}


@pytest.mark.parametrize("seed", range(60))
def test_a_class_that_only_patients_with_another_have_is_on_both_sides(seed: int):
    both = [(f"both {n}", {C: 2, M: 1}) for n in range(8)]
    labels, patients = scans(*both, *plain(C, D, N))
    for part in draw_held_out(labels, patients, seed):
        assert {labels[i] for i in part} == set(LABELS)


def test_patients_who_cannot_be_parted_are_refused_with_the_reason():
    labels, patients = scans(("a", {C: 2, M: 2}), ("b", {C: 2, D: 2}), ("c", {M: 2, D: 2}),
                             ("d", {N: 1}), ("e", {N: 1}))  # fmt: skip
    with pytest.raises(BadInputError, match="both sides have every class"):
        draw_held_out(labels, patients, 0)


@given(
    st.lists(
        st.dictionaries(st.sampled_from(LABELS), st.integers(1, 9), min_size=1, max_size=2),
        min_size=8,
        max_size=40,
    ),
    st.integers(0, 99),
)
def test_no_patient_is_on_both_sides_and_no_class_goes_away(counts, seed: int):
    labels, patients = scans(*((f"p{n}", each) for n, each in enumerate(counts)))
    try:
        train, held = draw_held_out(labels, patients, seed)
    except BadInputError:
        return
    assert sorted(train + held) == list(range(len(labels)))
    assert not {patients[i] for i in train} & {patients[i] for i in held}
    for part in (train, held):
        assert {labels[i] for i in part} == set(LABELS)


def test_many_small_patients_give_each_class_its_share():
    labels, patients = scans(*plain(*LABELS, each=100))
    _, held = draw_held_out(labels, patients, 3)
    assert Counter(labels[i] for i in held) == dict.fromkeys(LABELS, round(100 * HELD_OUT))
