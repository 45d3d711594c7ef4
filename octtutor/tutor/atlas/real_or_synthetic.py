"""Real or synthetic? A game: tell taken scans from drawn ones. It records nothing."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from octtutor.core.schedule import draw_balanced
from octtutor.errors import BadInputError
from octtutor.stats.intervals import Figure, wilson
from octtutor.store.contract import DeckStore

OF_EACH = 16
"""Scans of each kind in a round, where there are as many."""
FEWEST = 4


@dataclass(frozen=True, slots=True)
class GameCard:
    """A scan of a round."""

    sha256: str
    synthetic: bool


@dataclass(frozen=True, slots=True)
class Score:
    """How a round went so far.

    Attributes:
        right: share of all guesses that were right; half of them come by chance.
        caught: share of the synthetic scans that were called so.
        trusted: share of the real scans that were called so.
    """

    right: Figure
    caught: Figure
    trusted: Figure


def deal(store: DeckStore, seed: int) -> tuple[GameCard, ...]:
    """Mix real and synthetic scans of all offered decks, as many of each, classes alike.

    Args:
        store: the records.
        seed: the same seed deals the same round of the same decks.

    Raises:
        BadInputError: there are no real scans, or too few.
    """
    offered = [deck.name for deck in store.decks() if deck.offered]
    cases = {case.sha256: case for name in offered for case in store.cases_of(name)}
    rng = random.Random(seed)
    piles = [[case for case in cases.values() if case.synthetic is kind] for kind in (True, False)]
    size = min(OF_EACH, *map(len, piles))
    if size < FEWEST:
        raise BadInputError(
            f"Expected {FEWEST} real and {FEWEST} synthetic scans at least. There are "
            f"{len(piles[1])} and {len(piles[0])}. Import real scans: octtutor data import FOLDER."
        )
    chosen = (case for pile in piles for case in draw_balanced(pile, size, rng))
    drawn = [GameCard(case.sha256, case.synthetic) for case in chosen]
    rng.shuffle(drawn)
    return tuple(drawn)


def score(cards: Sequence[GameCard], guesses: Sequence[bool]) -> Score:
    """Count a round.

    Args:
        cards: of the round, in order.
        guesses: whether each was called synthetic; fewer than cards while the round goes on.
    """
    pairs = list(zip(cards, guesses, strict=False))
    drawn = [said for card, said in pairs if card.synthetic]
    taken = [not said for card, said in pairs if not card.synthetic]
    right = sum(drawn) + sum(taken)
    return Score(
        wilson(right, len(pairs)), wilson(sum(drawn), len(drawn)), wilson(sum(taken), len(taken))
    )
