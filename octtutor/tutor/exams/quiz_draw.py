"""The order in which a quiz's cases come, by its seed."""

import random
from collections.abc import Collection, Iterable, Sequence

from octtutor.core.case import Case


def piles_of(cases: Iterable[Case], keys: Iterable[str], seed: int) -> dict[str, list[Case]]:
    """Shuffle each class (`keys`, in order) by itself.

    Quizzes of one seed share cases, so that they use up few patients of a small deck.
    """
    piles: dict[str, list[Case]] = {key: [] for key in keys}
    for case in sorted(cases, key=lambda case: case.sha256):
        piles[case.label].append(case)
    for label, pile in piles.items():
        random.Random(f"{seed} {label}").shuffle(pile)
    return piles


def put_known_last(
    pile: Sequence[Case], seen: Collection[str], examples: Collection[str]
) -> list[Case]:
    """Put what Learn names last, and of the rest the patients that were seen."""
    return sorted(pile, key=lambda case: (case.sha256 in examples, case.patient in seen))


def put_in_order(cases: Iterable[Case], seed: int) -> tuple[Case, ...]:
    """Return cases in the order of a seed, however they were found."""
    ordered = sorted(cases, key=lambda case: case.sha256)
    random.Random(seed).shuffle(ordered)
    return tuple(ordered)
