"""Which cases come, and in which order. Pure functions of (cases, generator)."""

import random
from collections.abc import Sequence

from octtutor.core.case import Case
from octtutor.core.diagnosis import LABELS, Diagnosis

BALANCED = "random, balanced over classes"


def draw_balanced(cases: Sequence[Case], size: int, rng: random.Random) -> tuple[Case, ...]:
    """Draw cases at random, without repeats, as evenly over the classes as the deck allows.

    Args:
        cases: the deck; its order does not matter.
        size: how many to draw; fewer come when the deck is smaller.
        rng: source of randomness; the same state gives the same cases.

    Returns:
        The cases in the order to show them; classes follow each other at random.
    """
    piles = {label: _shuffled(cases, label, rng) for label in LABELS}
    drawn: list[Case] = []
    while len(drawn) < size and any(piles.values()):
        filled = [label for label in LABELS if piles[label]]
        rng.shuffle(filled)
        drawn += [piles[label].pop() for label in filled[: size - len(drawn)]]
    rng.shuffle(drawn)
    return tuple(drawn)


def _shuffled(cases: Sequence[Case], label: Diagnosis, rng: random.Random) -> list[Case]:
    pile = sorted((case for case in cases if case.label is label), key=lambda case: case.sha256)
    rng.shuffle(pile)
    return pile
