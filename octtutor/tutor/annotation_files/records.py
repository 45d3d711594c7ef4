"""From the records to annotated scans, and from a file's into the log."""

import re
import unicodedata
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TypeGuard

from octtutor.core.annotation import (
    FINDINGS,
    MAX_MARKS,
    Entry,
    Kind,
    Mark,
    Order,
    Project,
    Reading,
    Source,
    check_mark,
    check_reading,
    is_reading,
    is_settling,
    present,
    standing,
)
from octtutor.core.case import Case
from octtutor.core.diagnosis import Diagnosis
from octtutor.errors import BadInputError, BadScanError, StaleError, StoreError
from octtutor.store.contract import Store
from octtutor.tutor.annotation_files.scan import (
    UNUSABLE,
    AnnotatedScan,
    ScanFacts,
    Sheet,
    base_name,
    readings_of,
    shown,
    to_scan,
    why,
)
from octtutor.tutor.annotators import complete_readings, is_complete
from octtutor.tutor.ports import Clock, Images
from octtutor.tutor.turns import controls_of

NOBODY = "imported"
"""Who has read what a file gives no annotator for."""
_PROJECT = re.compile(r"^[a-z0-9][a-z0-9-]{0,63}$")
LONGEST_NAME = 64
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")
"""What Label Studio puts before the name of a file that was uploaded to it."""


@dataclass(frozen=True, slots=True)
class Report:
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


def gather(store: Store, images: Images, project: Project) -> Sheet:
    """Return a project's scans that have a reading, as they stand now.

    A scan that is gone from the deck or the disk is a fault.
    """
    logs: dict[str, list[Entry]] = {}
    for entry in store.entries_in(project.name):
        logs.setdefault(entry.sha256, []).append(entry)
    cases = {case.sha256: case for case in store.cases_of(project.deck)}
    scans, faults = [], []
    for sha256, log in sorted(logs.items()):
        state = standing(log)
        if not state.readings and state.settled is None:
            continue
        try:
            facts = _facts(images, project.deck, cases.get(sha256), sha256)
            scans.append(AnnotatedScan(**asdict(facts), standing=state))
        except (StoreError, BadScanError) as error:
            faults.append(str(error))
    return Sheet(tuple(scans), tuple(faults))


def import_sheet(
    store: Store,
    images: Images,
    project: Project,
    sheet: Sheet,
    who: str,
    clock: Clock,
    strict: bool = False,
) -> Report:
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

    Raises:
        BadInputError: `strict`, and there is a fault. Nothing is written.
    """
    checked = match(store, images, project.deck, sheet, who)
    if strict:
        _refuse_faults([*checked.faults, *_that_stay(store, project, checked.scans, who)])
    if checked.scans and store.find_project(project.name) is None:
        store.add_project(project)
    report = import_entries(store, project, checked.scans, who, clock)
    return replace(report, faults=checked.faults + report.faults)


def match(store: Store, images: Images, deck: str, sheet: Sheet, who: str = NOBODY) -> Sheet:
    """Find each scan of a file in a deck, and keep of its readings what can be of the scan.

    A scan is found by its SHA-256, else by its name. Two entries of a file may be one scan.

    Returns:
        Scans under the deck's own facts, and a line for each fault, the sheet's own first.
    """
    deck_scans = _DeckScans(deck, store.cases_of(deck), images)
    found: dict[ScanFacts, dict[str | None, Reading]] = {}
    faults = list(sheet.faults)
    for scan in sheet.scans:
        if not any(readings_of(scan)):
            continue
        try:
            facts = deck_scans.find(scan)
        except (BadInputError, StoreError) as error:
            faults.append(f"{scan.called}: {error}")
            continue
        mine = found.setdefault(facts, {})
        for reader, reading in readings_of(scan):
            _take(mine, who if reader == "" else reader, reading, facts, faults)
    known = (to_scan(facts, mine) for facts, mine in found.items() if mine)
    return Sheet(tuple(known), tuple(faults))


def import_entries(
    store: Store, project: Project, scans: Iterable[AnnotatedScan], who: str, clock: Clock
) -> Report:
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
    return Report(project.name, len(scans), **done, faults=tuple(faults))


def known_controls(store: Store, project: Project) -> dict[str, Diagnosis]:
    """Return what is known of a project's controls, by SHA-256."""
    cases = store.cases_of(project.deck)
    controls = controls_of(project, cases)
    return {case.sha256: case.label for case in cases if case.sha256 in controls}


def project_for(store: Store, name: str, deck: str | None, clock: Clock) -> Project:
    """Return the project of a name, or one to be made for a deck; nothing is written.

    Raises:
        BadInputError: there is none and no deck to make it for, it is for another deck, or the
            name cannot be one.
    """
    known = store.find_project(name)
    if known is not None:
        if deck is not None and deck != known.deck:
            raise BadInputError(
                f"Expected the project's deck, {known.deck}. Received {shown(deck)}. Leave "
                "the deck out, or take another project."
            )
        return known
    if not _PROJECT.match(name):
        raise BadInputError(
            "Expected a project's name of a-z, 0-9 and -, at most 64. Received "
            f"{shown(name)}. Take another name."
        )
    if deck is None or store.find_deck(deck) is None:
        raise BadInputError(
            f"Expected a project, or a deck to make it for. There is no "
            f"{'project ' + shown(name) if deck is None else 'deck ' + shown(deck)}. Give --deck, "
            "one of those the records have."
        )
    return Project(
        name=name,
        title=name,
        deck=deck,
        readers=1,
        controls=0.0,
        order=Order.RANDOM,
        random_share=0.0,
        suggest=False,
        seed=0,
        created_at=clock(),
    )


def check_annotator(name: str) -> str:
    """Return the name when an annotator can have it.

    Raises:
        BadInputError: it is empty, too long, or more than one line.
    """
    if not 0 < len(name) <= LONGEST_NAME or not _is_line(name):
        raise BadInputError(
            f"Expected an annotator's name of at most {LONGEST_NAME} characters, on one line. "
            f"Received {shown(name)}. Take another."
        )
    return name


class _DeckScans:
    """A deck's scans by hash and by name; each is opened once, for its size."""

    def __init__(self, deck: str, cases: Sequence[Case], images: Images) -> None:
        self._deck, self._images = deck, images
        self._by_hash = {case.sha256: case for case in cases}
        self._by_name: dict[str, list[Case]] = {}
        for case in cases:
            for name in {case.name, base_name(case.name)}:
                self._by_name.setdefault(name, []).append(case)
        self._facts: dict[str, ScanFacts] = {}

    def find(self, scan: AnnotatedScan) -> ScanFacts:
        """Return a scan's facts as the deck has them.

        Raises:
            BadInputError: the deck has no such scan, several, or one of another size.
            StoreError: the scan is gone from the disk.
        """
        case = self._find_case(scan)
        if case.sha256 not in self._facts:
            self._facts[case.sha256] = _facts(self._images, self._deck, case, case.sha256)
        facts = self._facts[case.sha256]
        size = (scan.width or facts.width, scan.height or facts.height)
        if size != (facts.width, facts.height):
            raise BadInputError(
                f"Expected a scan of {facts.width} by {facts.height} pixels. Received annotations "
                f"of one of {size[0]} by {size[1]}. Annotate the scan itself."
            )
        return facts

    def _find_case(self, scan: AnnotatedScan) -> Case:
        if scan.sha256:
            case = self._by_hash.get(scan.sha256.lower())
            if case is None:
                raise BadInputError(
                    f"Expected a scan of the deck {self._deck}. It has none with the SHA-256 "
                    f"{scan.sha256[:12]}…. Import the scan first."
                )
            return case
        base = base_name(scan.name)
        for name in (scan.name, base, _UPLOADED.sub("", base)):
            cases = self._by_name.get(name, [])
            if len(cases) == 1:
                return cases[0]
            if cases:
                raise BadInputError(
                    f"Expected a name that one scan of the deck {self._deck} has. "
                    f"{len(cases)} have it. Give the SHA-256."
                )
        raise BadInputError(
            f"Expected a scan of the deck {self._deck}. It has none of this name. Import the scan "
            "first, or give its SHA-256."
        )


def _facts(images: Images, deck: str, case: Case | None, sha256: str) -> ScanFacts:
    if case is None:
        raise StoreError(f"The scan {sha256[:12]}… is not in the deck {deck} any more.")
    height, width = images.read(sha256).shape
    return ScanFacts(deck, sha256, case.name, case.patient, width, height)


def _take(
    mine: dict[str | None, Reading],
    reader: str | None,
    reading: Reading,
    facts: ScanFacts,
    faults: list[str],
) -> None:
    """Add a reading to those of its scan, or say why not."""
    try:
        if reader is not None:
            check_annotator(reader)
        if reader in mine:
            raise BadInputError(f"There is a second reading by {shown(reader or '(settled)')}.")
    except BadInputError as error:
        faults.append(f"{facts.called}: {error}")
        return
    kept = _keep(reading, facts, faults)
    if kept is not None:
        mine[reader] = kept


def _keep(reading: Reading, facts: ScanFacts, faults: list[str]) -> Reading | None:
    """Return of a reading what can be of the scan, None where that is nothing."""
    lines = (replace(mark, caption=_on_one_line(mark.caption)) for mark in reading.marks)
    marks = _distinct(mark for mark in lines if _can_be(mark, facts, faults))
    unknown = [name for name in reading.findings if name not in FINDINGS]
    if unknown:
        faults.append(
            f"{facts.called}: Expected findings from the list. Received {shown(unknown[0])}."
        )
    findings = tuple(name for name in reading.findings if name in FINDINGS)
    kept = replace(reading, marks=marks, findings=findings)
    try:
        if not _is_text(reading.note):
            raise BadInputError("Expected a note of whole characters. Received broken ones.")
        return _within(check_reading(kept, facts.width, facts.height))
    except BadInputError as error:
        if marks or not reading.marks:  # else each of its regions has a line already
            faults.append(f"{facts.called}: {error}")
        return None


def _within(reading: Reading) -> Reading:
    if not 0 <= reading.confidence <= 5 or not 0 <= reading.response_ms < 2**53:
        raise BadInputError(
            "Expected a confidence of 0 to 5, and milliseconds. Received "
            f"{shown(f'{reading.confidence}, {reading.response_ms}')}. Correct them."
        )
    return reading


def _can_be(mark: Mark, facts: ScanFacts, faults: list[str]) -> bool:
    try:
        check_mark(mark, facts.width, facts.height)
        if not _is_text(mark.caption) or not _is_text(mark.id):
            raise BadInputError("Expected a caption of whole characters. Received broken ones.")
    except UNUSABLE as error:
        faults.append(f"{facts.called}, region {shown(mark.id)}: {why(error)}")
        return False
    return True


def _is_line(text: str) -> bool:
    return not any(unicodedata.category(character)[0] == "C" for character in text)


def _on_one_line(text: str) -> str:
    """Return a text with spaces for control characters, as the page takes it."""
    return "".join(" " if unicodedata.category(c) == "Cc" else c for c in text)


def _distinct(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    """Return regions with ids of their own, as the page takes them."""
    found: dict[str, Mark] = {}
    numbers = Counter[str]()
    for mark in marks:
        own = _on_one_line(mark.id)[:LONGEST_NAME] or "region"
        stem = own[: LONGEST_NAME - 8]
        while own in found:
            numbers[stem] += 1
            own = f"{stem}-{numbers[stem] + 1}"
        found[own] = replace(mark, id=own)
    return tuple(found.values())


def _is_text(text: str) -> bool:
    """Whether it can be written: halves of characters and zeros cannot."""
    return not any(c == "\0" or unicodedata.category(c) == "Cs" for c in text)


def _append(
    store: Store,
    project: Project,
    scan: AnnotatedScan,
    reader: str | None,
    reading: Reading,
    who: str,
    clock: Clock,
) -> str:
    """Append a reading to the log unless it holds it; return which count of `Report` it adds to.

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
        Entry(
            id=str(uuid.uuid4()),
            at=clock(),
            who=voice,
            deck=project.deck,
            sha256=scan.sha256,
            project=project.name,
            kind=Kind.SETTLE if settles else Kind.READ,
            before=before,
            after=after,
            source=Source.IMPORTED,
            by=who,
        )
    )
    return "replaced" if before is not None else "added"


def _held(log: Iterable[Entry], voice: str, settles: bool, reading: Reading) -> bool:
    """Whether the log has had this reading, of this annotator or as the settled one."""
    own = (one for one in log if _speaks(one, None if settles else voice))
    return any(_holds(entry.after, reading) for entry in own)


def _speaks(entry: Entry, reader: str | None) -> bool:
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
    return replace(known, findings=tuple(findings), marks=_distinct([*known.marks, *new]))


def _has_read(log: Iterable[Entry], reader: str) -> bool:
    """Whether an annotator's present reading is their own work here, not what others brought."""
    changes: list[Entry] = []
    for entry in log:
        if not _speaks(entry, reader):
            continue
        if entry.kind is Kind.UNDO:
            del changes[-1:]
        elif entry.before != entry.after:
            changes.append(entry)
    return bool(changes) and (changes[-1].source is not Source.IMPORTED or changes[-1].by == reader)


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
