"""The orders in which an annotation project can give out its scans: one function, one line each.

An order says how much a scan has to teach, by what is known of it; more comes first, and what
nothing is known of comes last, at random. `docs/extending.md` tells how to add one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from octtutor.core.active import entropy, margin
from octtutor.core.annotation.annotation import AT_RANDOM
from octtutor.core.prediction import Prediction

LABEL_ISSUES = "doubt"
"""The order by label issues, as records name it."""


class Basis(StrEnum):
    """What an order goes by, which has to be reckoned beforehand."""

    NOTHING = "nothing"
    PREDICTIONS = "predictions"
    LABEL_ISSUES = "label issues"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a scan that waits for a reader.

    Attributes:
        prediction: the present model's; None where the order does not go by predictions.
        said: classes that others have said, or else the label that is known.
        rank: place among the deck's label issues, 0 is the worst; None where it goes by others.
    """

    prediction: Prediction | None = None
    said: Sequence[str] = ()
    rank: int | None = None


Interest = Callable[[Evidence], float]
"""Returns how much a scan has to teach; more comes first."""


@dataclass(frozen=True, slots=True)
class AnnotationOrder:
    """An order: its words in the page's list, what it goes by, and how much a scan interests."""

    title: str
    basis: Basis
    interest: Interest


def by_entropy(evidence: Evidence) -> float:
    """Return the entropy of the model's answer, nats (see `core.active`)."""
    assert evidence.prediction is not None
    return entropy(tuple(evidence.prediction.probabilities.values()))


def by_margin(evidence: Evidence) -> float:
    """Return minus the margin between the model's first two answers, −1 to 0."""
    assert evidence.prediction is not None
    return -margin(tuple(evidence.prediction.probabilities.values()))


def by_disagreement(evidence: Evidence) -> float:
    """Return what the model gives to everything but what was said, at most over all said."""
    assert evidence.prediction is not None
    return max((1 - evidence.prediction.of(label) for label in evidence.said), default=0.0)


def by_label_issue(evidence: Evidence) -> float:
    """Return minus the place among the label issues."""
    assert evidence.rank is not None
    return -evidence.rank


ORDERS: dict[str, AnnotationOrder] = {
    AT_RANDOM: AnnotationOrder("at random", Basis.NOTHING, lambda evidence: 0),
    "entropy": AnnotationOrder(
        "where the model is most at a loss (entropy)", Basis.PREDICTIONS, by_entropy
    ),
    "margin": AnnotationOrder(
        "where the model's first two answers are nearest (margin)", Basis.PREDICTIONS, by_margin
    ),
    "disagreement": AnnotationOrder(
        "where the model contradicts readers or the label", Basis.PREDICTIONS, by_disagreement
    ),
    LABEL_ISSUES: AnnotationOrder(
        "where a cross-validated model doubts the label (suspect labels)",
        Basis.LABEL_ISSUES,
        by_label_issue,
    ),
}
"""By the name that records keep. A line here is all that a new order needs."""
