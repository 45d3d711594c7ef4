"""A case: one scan with what is known of it. A deck: a named set of cases."""

from dataclasses import dataclass
from datetime import datetime

from octtutor.core.scheme import OCT2017, SchemeVersion


@dataclass(frozen=True, slots=True)
class Case:
    """A scan and its ground truth. Nothing of it reaches a trainee before the answer."""

    sha256: str
    """Of the scan's file, byte for byte; its identity everywhere."""
    label: str
    """Key of its diagnosis, of the deck's scheme."""
    patient: str
    name: str
    """The file's name where it came from; it often gives the label away."""
    synthetic: bool = False
    findings: tuple[str, ...] = ()
    mask_sha256: str | None = None
    """Of the PNG that is 255 inside the lesion, where one is known."""

    @property
    def has_unknown_patient(self) -> bool:
        """Whether its patient is not told; an import then puts the name in the patient's place."""
        return not self.synthetic and self.patient == self.name


@dataclass(frozen=True, slots=True)
class Deck:
    """A named set of cases; `complete` once its import has ended."""

    name: str
    title: str
    synthetic: bool
    complete: bool
    imported_at: datetime
    source: str = ""
    """The name of the public set that it was fetched from; empty where it was not."""
    citation: str = ""
    """Whose scans these are, as they are to be named."""
    licence: str = ""
    """What one may do with them: the licence's name and address."""
    scheme: SchemeVersion = OCT2017
    """The list of diagnoses that the labels belong to."""
    offered: bool = True
    """Whether trainees may choose it; educators can use any deck."""


@dataclass(frozen=True, slots=True)
class DeckUses:
    """How many records name a deck, and would be lost or lame without it."""

    attempts: int
    sessions: int
    projects: int

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self.attempts or self.sessions or self.projects)


@dataclass(frozen=True, slots=True)
class DeckSummary:
    """A deck with what it holds."""

    deck: Deck
    per_class: dict[str, int]
    """Scans of each diagnosis that has any, by key."""
    patients: int
