"""What a picture is that a network was asked about: whether its answer counts."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The four things that a picture may be."""

    SCAN = "scan"
    """An OCT B-scan like those that the network learned from: its answer counts."""
    UNLIKE = "unlike"
    """An OCT B-scan, but unlike those: the answer is worth less."""
    OTHER_SCAN = "other scan"
    """A picture of an eye, or an OCT scan, of a kind that the network does not read."""
    NO_SCAN = "no scan"
    """No picture of a retina's layers."""

    @property
    def is_b_scan(self) -> bool:
        """Whether the picture is taken for an OCT B-scan that the network can answer."""
        return self in (Verdict.SCAN, Verdict.UNLIKE)


@dataclass(frozen=True, slots=True)
class ScanVerdict:
    """What a picture is, and why that is said."""

    verdict: Verdict
    why: str = ""
    """One or more sentences for a person; empty for a scan."""

    @property
    def is_b_scan(self) -> bool:
        """Whether the picture is taken for an OCT B-scan that the network can answer."""
        return self.verdict.is_b_scan

    def as_fields(self) -> dict[str, str]:
        """Return what an answer says of it in JSON: `verdict` and `why`."""
        return {"verdict": str(self.verdict), "why": self.why}


@dataclass(frozen=True, slots=True)
class Standing:
    """What a network's answer to a picture is worth."""

    verdict: ScanVerdict
    would_answer: bool
    """Whether it would give the answer by itself; see `octtutor.stats.abstaining`."""
