"""A case: one scan with what is known of it. A deck: a named set of cases."""

from dataclasses import dataclass
from datetime import datetime

from octtutor.core.diagnosis import Diagnosis


@dataclass(frozen=True, slots=True)
class Case:
    """A scan and its ground truth. Nothing of it reaches a trainee before the answer."""

    sha256: str
    """Of the scan's file, byte for byte; its identity everywhere."""
    label: Diagnosis
    patient: str
    name: str
    """The file's name where it came from; it often gives the label away."""
    synthetic: bool = False
    findings: tuple[str, ...] = ()
    mask_sha256: str | None = None
    """Of the PNG that is 255 inside the lesion, where one is known."""


@dataclass(frozen=True, slots=True)
class Deck:
    """A named set of cases; `complete` once its import has ended."""

    name: str
    title: str
    synthetic: bool
    complete: bool
    imported_at: datetime


@dataclass(frozen=True, slots=True)
class DeckSummary:
    """A deck with what it holds."""

    deck: Deck
    per_class: dict[Diagnosis, int]
    """Scans of each class, those without any too."""
    patients: int
