"""What annotators say of a scan together, and what is in dispute."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from octtutor.core.annotation.annotation import (
    MAX_MARKS,
    LogEntry,
    Mark,
    Project,
    Reading,
    ScanStanding,
    agree,
    standing,
)
from octtutor.errors import BadScanError, StoreError
from octtutor.tutor.annotation.agreement_figures import (
    Sizes,
    findings_apart,
    findings_of,
    regions_apart,
)
from octtutor.tutor.annotation.blind_readings import complete_readings
from octtutor.tutor.ports import Images


@dataclass(frozen=True, slots=True)
class Dispute:
    """A scan that an educator should settle; it shows what everybody said."""

    sha256: str
    readings: dict[str, Reading]
    """By annotator."""
    differ: bool
    """Whether the diagnosis, or whether it is gradable, is in dispute."""
    flagged: bool
    differ_findings: tuple[str, ...] = ()
    """Findings that some saw and others did not."""
    differ_regions: tuple[str, ...] = ()
    """Findings that were outlined in different places."""
    sketches: dict[str, Reading] = field(default_factory=dict)
    """What educators drew to settle it with, by educator."""


def result_of(standing: ScanStanding, project: Project, is_control: bool = False) -> Reading | None:
    """Return what holds of a scan: what is settled, else what all its readers agree on.

    Args:
        standing: how it stands.
        project: which says how many read it.
        is_control: whether it is a hidden control: those are only in dispute over the diagnosis.

    Returns:
        None while fewer have read it than should, or they differ (see `disputes`).
    """
    found = said_together(standing, project)
    if standing.settled is not None or found is None or is_control:
        return found
    readings = complete_readings(standing).values()
    return None if findings_apart(readings) or regions_apart(readings) else found


def said_together(standing: ScanStanding, project: Project) -> Reading | None:
    """Return what is settled, else what all readers of one diagnosis say together.

    Their regions and findings are joined, so that nothing anybody saw is lost; confidence is the
    lowest of theirs.

    Returns:
        None while fewer have read it than should, or they differ in the diagnosis.
    """
    if standing.settled is not None:
        return standing.settled
    readings = list(complete_readings(standing).values())
    if len(readings) < project.readers or not agree(readings):
        return None
    first = readings[0]
    return Reading(
        gradable=first.gradable,
        diagnosis=first.diagnosis,
        findings=tuple(sorted(frozenset[str]().union(*map(findings_of, readings)))),
        marks=_merged(readings),
        confidence=min(reading.confidence for reading in readings),
    )


def disputes_in(
    project: Project, logs: Mapping[str, Sequence[LogEntry]], controls: Collection[str]
) -> list[Dispute]:
    """Return the disputes of a project, given the log of each scan and which are controls."""
    found = (dispute_over(project, sha, log, sha in controls) for sha, log in logs.items())
    return [each for each in found if each is not None]


def dispute_over(
    project: Project, sha256: str, log: Sequence[LogEntry], is_control: bool
) -> Dispute | None:
    """Return what is in dispute over a scan by its log; None where nothing is."""
    stand = standing(log)
    if stand.settled is not None:
        return None
    readings = list(complete_readings(stand).values())
    flagged = any(reading.flagged for reading in stand.readings.values())
    read = readings if len(readings) >= project.readers else []
    closer = [] if is_control else read
    found = Dispute(
        sha256=sha256,
        readings=dict(stand.readings),
        differ=not agree(read),
        flagged=flagged,
        differ_findings=findings_apart(closer),
        differ_regions=regions_apart(closer),
        sketches=stand.sketches,
    )
    differ = found.differ or found.differ_findings or found.differ_regions
    return found if differ or flagged else None


def sizes_of(images: Images, hashes: Iterable[str]) -> Sizes:
    """Return width and height of scans, pixels; those gone from the data home are left out."""
    sizes: dict[str, tuple[int, int]] = {}
    for sha256 in hashes:
        try:
            height, width = images.read(sha256).shape
        except (StoreError, BadScanError):
            continue
        sizes[sha256] = int(width), int(height)
    return sizes


def _merged(readings: Sequence[Reading]) -> tuple[Mark, ...]:
    """Return the regions of all, each once, by finding, with identities of their own."""
    marks = {(m.finding, m.caption, m.shape): m for reading in readings for m in reading.marks}
    by_finding = sorted(marks.values(), key=lambda mark: mark.finding)[:MAX_MARKS]
    return tuple(replace(mark, id=f"m{n}") for n, mark in enumerate(by_finding, start=1))
