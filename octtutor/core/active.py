"""Which scans teach a network most: how much it doubts each, and who comes next.

Every doubt is larger where the network is less sure, but `margin`, which is smaller. For several
classes they do not order alike (Settles, Active learning literature survey, 2009).
"""

import math
from collections.abc import Sequence
from random import Random

Probabilities = Sequence[float]
"""Of each class; they sum to 1."""


def entropy(probabilities: Probabilities) -> float:
    """Return Shannon's entropy, nats: 0 (sure) to ln of how many classes (all alike)."""
    return -math.fsum(p * math.log(p) for p in probabilities if p > 0)


def margin(probabilities: Probabilities) -> float:
    """Return how far the first answer is before the second, 0 (undecided) to 1 (sure)."""
    first, second = sorted(probabilities, reverse=True)[:2]
    return first - second


def least_confidence(probabilities: Probabilities) -> float:
    """Return 1 minus the probability of the first answer, 0 (sure) to below 1 (all alike)."""
    return 1 - max(probabilities)


def pick(doubts: Sequence[float], count: int, random_share: float, rng: Random) -> list[int]:
    """Return the scans that come next: the most doubted, and a share of any.

    Args:
        doubts: one a scan, larger comes first; of equals any.
        count: how many are wanted; fewer where there are fewer.
        random_share: share that comes at random whatever the doubt, 0 to 1.
        rng: decides the random share and among equals.

    Returns:
        Indices into `doubts`, each once.
    """
    count = min(count, len(doubts))
    left = list(range(len(doubts)))
    rng.shuffle(left)
    by_doubt = sorted(left, key=lambda index: -doubts[index])
    chosen = by_doubt[: count - round(random_share * count)]
    taken = set(chosen)
    return chosen + [index for index in left if index not in taken][: count - len(chosen)]
