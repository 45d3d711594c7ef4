"""Whose turn it is: which scans a project has for an annotator, which are controls, in what order.

Everything is drawn from the project's seed, so that every server gives out the same.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from octtutor.core.active import disagreement, entropy, margin
from octtutor.core.annotation import Assignment, Order, Project, Stage
from octtutor.core.case import Case
from octtutor.core.diagnosis import Diagnosis
from octtutor.core.prediction import Prediction


@dataclass(frozen=True, slots=True)
class Room:
    """A project as its records stand."""

    project: Project
    cases: tuple[Case, ...]
    controls: frozenset[str]
    given: tuple[Assignment, ...]
    stages: Mapping[str, Stage]

    def of(self, who: str) -> list[Assignment]:
        """Return what was given to an annotator."""
        return [one for one in self.given if one.who == who]

    def free(self, who: str) -> list[Case]:
        """Return what can be given to an annotator; the store decides in the end.

        What was settled needs no reader, but for controls: those measure the reader. What they
        have answered, in an import perhaps, is not asked again.
        """
        known = {one.sha256 for one in self.of(who)}
        settled = {sha256 for sha256, stage in self.stages.items() if stage.is_settled}
        known |= {
            sha256
            for sha256, stage in self.stages.items()
            if who in stage.said or who in stage.unblinded
        }
        taken = Counter(one.sha256 for one in self.given if not one.skipped)
        full = {sha256 for sha256, n in taken.items() if n >= self.project.readers} | settled
        free = (case for case in self.cases if case.sha256 not in known)
        return [case for case in free if case.sha256 in self.controls or case.sha256 not in full]


def controls_of(project: Project, cases: Iterable[Case]) -> frozenset[str]:
    """Return SHA-256 of a project's controls, drawn by its seed; one at least if there are any.

    Scans that join the deck later change little: each scan's lot is its own.
    """
    drawn = sorted(cases, key=lambda case: chance(project, "lot", case.sha256))
    most = max(1, round(project.controls * len(drawn))) if project.controls else 0
    return frozenset(case.sha256 for case in drawn[:most])


def interest(order: Order, prediction: Prediction, said: Iterable[Diagnosis]) -> float:
    """Return how much a scan has to teach the model; more is more (see `core.active`).

    Args:
        order: entropy in nats, minus the margin of the first two answers, or disagreement: what
            the model gives to everything but the class that was said, at most over all said.
        prediction: the model's.
        said: by readers, or the label that is known.
    """
    if order is Order.ENTROPY:
        return entropy(prediction.probabilities)
    if order is Order.MARGIN:
        return -margin(prediction.probabilities)
    contradicted = (disagreement(prediction.probabilities, label) for label in said)
    return max(contradicted, default=0.0)


def said_by_others(stage: Stage | None, who: str) -> list[Diagnosis]:
    """Return what classes others than an annotator have given a scan; None: nobody has."""
    said = stage.said if stage else {}
    return [label for name, label in said.items() if name != who and label is not None]


def chance(project: Project, *what: str) -> float:
    """Return a number in [0, 1) that a project's seed gives to something, the same each time."""
    text = "|".join((str(project.seed), *what))
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53
