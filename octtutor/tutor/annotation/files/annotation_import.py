"""From a file's annotated scans into a project's log."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeGuard

from octtutor.core.annotation.annotation import (
    MAX_MARKS,
    Kind,
    LogEntry,
    Project,
    Reading,
    ReadingSource,
    is_reading,
    is_settling,
    present,
    standing,
)
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import BadInputError, StaleError
from octtutor.store.contract import Store
from octtutor.tutor.annotation.blind_readings import complete_readings, is_complete
from octtutor.tutor.annotation.files.annotated_scan import AnnotatedScan, Sheet, readings_of, shown
from octtutor.tutor.annotation.files.deck_matching import match, with_own_ids
from octtutor.tutor.ports import Clock, Images


@dataclass(frozen=True, slots=True)
class AnnotationImport:
    """What an import did."""

    project: str
    scans: int
    """That have a reading after it from the file, new or not."""
    added: int
    """Readings that were not there."""
    replaced: int
    """Readings that took another's place; the log keeps that."""
    already: int
    """Readings that stood so, or that the log holds with a newer one after it."""
    faults: tuple[str, ...]
    """A line for each thing that was left out."""


def import_sheet(
    store: Store,
    images: Images,
    project: Project,
    sheet: Sheet,
    who: str,
    clock: Clock,
    strict: bool = False,
    keys: Sequence[str] = OCT2017_SCHEME.keys,
) -> AnnotationImport:
    """Check all that a file yields, then bring it into a project's log.

    The project is added where it is not known yet and something can be imported.

    Args:
        store: the records.
        images: the scans on disk.
        project: an existing one, or one to be made.
        sheet: what was read of the file.
        who: brings it in, writes what is settled, and has read what the file gives no annotator
            for.
        clock: the time of the import.
        strict: write nothing where there is any fault.
        keys: of the diagnoses of the project's scheme.

    Raises:
        BadInputError: `strict`, and there is a fault. Nothing is written.
    """
    checked = match(store, images, project.deck, sheet, who, keys)
    if strict:
        _refuse_faults([*checked.faults, *_that_stay(store, project, checked.scans, who)])
    if checked.scans and store.find_project(project.name) is None:
        store.add_project(project)
    report = import_entries(store, project, checked.scans, who, clock)
    return replace(report, faults=checked.faults + report.faults)


def import_entries(
    store: Store, project: Project, scans: Iterable[AnnotatedScan], who: str, clock: Clock
) -> AnnotationImport:
    """Append an entry to the log for each reading that the log does not hold yet.

    The same again adds nothing, and an interrupted import goes on. A reading that the log holds
    with a newer one after it stays the older one: whoever changed it meant to. What somebody else
    has read in the project stays, too. Regions without a class are added to an own answer. An open
    scan that its annotator's reading answers is done.

    Args:
        store: the records.
        project: whose log.
        scans: matched and checked (see `match`).
        who: brings it in, and writes what is settled.
        clock: the time of the entries.
    """
    done, faults = dict.fromkeys(("added", "replaced", "already"), 0), list[str]()
    scans = tuple(scans)
    given = store.assignments_in(project.name)
    still_open = {(one.sha256, one.who) for one in given if one.done_at is None}
    for scan in scans:
        for reader, reading in readings_of(scan):
            try:
                done[_append(store, project, scan, reader, reading, who, clock)] += 1
            except StaleError as error:
                faults.append(f"{scan.called}: {error} (Import it again.)")
            except BadInputError as error:
                faults.append(f"{scan.called}: {error}")
            if reader is not None and (scan.sha256, reader) in still_open:
                _finish(store, project, scan.sha256, reader, clock)
    return AnnotationImport(project.name, len(scans), **done, faults=tuple(faults))


def _append(
    store: Store,
    project: Project,
    scan: AnnotatedScan,
    reader: str | None,
    reading: Reading,
    who: str,
    clock: Clock,
) -> str:
    """Append a reading to the log unless it holds it; return which count of the import it adds to.

    Raises:
        BadInputError: somebody else has read the scan, or it would have too many regions.
        StaleError: the reading was changed meanwhile.
    """
    log = store.entries_of(project.name, scan.sha256)
    settles = reader is None
    voice = who if reader is None else reader
    before = present(log, voice, Kind.SETTLE if settles else Kind.READ)
    after = _united(before, reading) if _adds_to(before, reading) else reading
    if before == after or _held(log, voice, settles, reading):
        return "already"
    if reader is not None and reader != who and _has_read(log, reader):
        raise BadInputError(_stays(reader))
    if len(after.marks) > MAX_MARKS:
        raise BadInputError(
            f"Expected at most {MAX_MARKS} regions with those that are there. There would be "
            f"{len(after.marks)}. Remove some."
        )
    store.append_entry(
        LogEntry(
            id=str(uuid.uuid4()),
            at=clock(),
            who=voice,
            deck=project.deck,
            sha256=scan.sha256,
            project=project.name,
            kind=Kind.SETTLE if settles else Kind.READ,
            before=before,
            after=after,
            source=ReadingSource.IMPORTED,
            by=who,
        )
    )
    return "replaced" if before is not None else "added"


def _held(log: Iterable[LogEntry], voice: str, settles: bool, reading: Reading) -> bool:
    """Whether the log has had this reading, of this annotator or as the settled one."""
    own = (one for one in log if _speaks(one, None if settles else voice))
    return any(_holds(entry.after, reading) for entry in own)


def _speaks(entry: LogEntry, reader: str | None) -> bool:
    """Whether an entry changes a reader's reading, or, of no reader, what is settled."""
    return is_settling(entry) if reader is None else is_reading(entry) and entry.who == reader


def _holds(state: Reading | None, reading: Reading) -> bool:
    return state == reading or (_adds_to(state, reading) and _united(state, reading) == state)


def _adds_to(state: Reading | None, reading: Reading) -> TypeGuard[Reading]:
    """Whether a reading has regions only, and what is there is an answer to add them to."""
    return is_complete(state) and not is_complete(reading)


def _united(known: Reading, more: Reading) -> Reading:
    """Return a reading with another's regions and findings besides; the rest stays."""
    drawn = {(mark.finding, mark.caption, mark.shape) for mark in known.marks}
    new = (m for m in more.marks if (m.finding, m.caption, m.shape) not in drawn)
    findings = dict.fromkeys([*known.findings, *more.findings])
    return replace(known, findings=tuple(findings), marks=with_own_ids([*known.marks, *new]))


def _has_read(log: Iterable[LogEntry], reader: str) -> bool:
    """Whether an annotator's present reading is their own work here, not what others brought."""
    changes: list[LogEntry] = []
    for entry in log:
        if not _speaks(entry, reader):
            continue
        if entry.kind is Kind.UNDO:
            del changes[-1:]
        elif entry.before != entry.after:
            changes.append(entry)
    return bool(changes) and (
        changes[-1].source is not ReadingSource.IMPORTED or changes[-1].by == reader
    )


def _stays(reader: str) -> str:
    return f"{shown(reader)} has read this scan here; that stays."


def _that_stay(
    store: Store, project: Project, scans: Iterable[AnnotatedScan], who: str
) -> Iterator[str]:
    """Give a line for each reading of a file that somebody else's stands against."""
    for scan in scans:
        log = store.entries_of(project.name, scan.sha256)
        for reader, reading in scan.standing.readings.items():
            known = reader == who or _held(log, reader, False, reading)
            if not known and _has_read(log, reader):
                yield f"{scan.called}: {_stays(reader)}"


def _refuse_faults(faults: Sequence[str]) -> None:
    if faults:
        raise BadInputError(
            f"Expected a file without faults. There are {len(faults)}: "
            f"{' | '.join(faults[:20]).rstrip('.')}. Nothing is written; correct them, or leave "
            "--strict out."
        )


def _finish(store: Store, project: Project, sha256: str, reader: str, clock: Clock) -> None:
    """Mark an annotator's open scan as done where they have answered it by now."""
    if reader in complete_readings(standing(store.entries_of(project.name, sha256))):
        with suppress(StaleError):  # they gave it back meanwhile
            store.finish_assignment(project.name, sha256, reader, clock(), False)
