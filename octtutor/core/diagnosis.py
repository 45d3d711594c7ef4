"""The four answers a trainee can give, and what each one costs when it is wrong."""

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

T = TypeVar("T")


class Diagnosis(StrEnum):
    """The four OCT2017 classes (Kermany et al., Cell 172:1122, 2018), in the field's order."""

    CNV = "CNV"
    DME = "DME"
    DRUSEN = "DRUSEN"
    NORMAL = "NORMAL"

    @property
    def is_urgent(self) -> bool:
        """Whether Kermany et al. refer it urgently (CNV and DME)."""
        return self in (Diagnosis.CNV, Diagnosis.DME)


LABELS: tuple[Diagnosis, ...] = tuple(Diagnosis)
"""The classes in the order of every matrix, probability vector and button."""

PENALTY: tuple[tuple[int, ...], ...] = (
    (0, 1, 2, 4),
    (1, 0, 2, 4),
    (1, 1, 0, 1),
    (1, 1, 1, 0),
)
"""Kermany's cost of an answer: rows are the truth, columns the answer."""


def by_label(values: Iterable[T]) -> dict[str, T]:
    """Name four values, given in order of the classes, by their class."""
    return dict(zip(map(str, LABELS), values, strict=True))


def penalty(truth: Diagnosis, answer: Diagnosis) -> int:
    """Return what `answer` costs when the scan shows `truth`, 0 (right) to 4 (missed urgent)."""
    return PENALTY[LABELS.index(truth)][LABELS.index(answer)]
