"""Whose scan of a file is which of a deck, and what of its readings can be."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from octtutor.core.annotation.annotation import FINDINGS, Mark, Reading, check_mark, check_reading
from octtutor.core.case import Case
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import BadInputError, StoreError
from octtutor.store.contract import Store
from octtutor.tutor.annotation.files.annotated_scan import (
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
from octtutor.tutor.ports import Images

NOBODY = "imported"
"""Who has read what a file gives no annotator for."""
LONGEST_NAME = 64
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")
"""What Label Studio puts before the name of a file that was uploaded to it."""


def match(
    store: Store,
    images: Images,
    deck: str,
    sheet: Sheet,
    who: str = NOBODY,
    keys: Sequence[str] = OCT2017_SCHEME.keys,
) -> Sheet:
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
            _take(mine, who if reader == "" else reader, reading, facts, faults, keys)
    known = (to_scan(facts, mine) for facts, mine in found.items() if mine)
    return Sheet(tuple(known), tuple(faults))


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
            self._facts[case.sha256] = facts_of(self._images, self._deck, case, case.sha256)
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


def facts_of(images: Images, deck: str, case: Case | None, sha256: str) -> ScanFacts:
    """Return what a deck knows of a scan.

    Raises:
        StoreError: the scan is gone from the deck or the disk.
    """
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
    keys: Sequence[str],
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
    kept = _keep(reading, facts, faults, keys)
    if kept is not None:
        mine[reader] = kept


def _keep(
    reading: Reading, facts: ScanFacts, faults: list[str], keys: Sequence[str]
) -> Reading | None:
    """Return of a reading what can be of the scan, None where that is nothing."""
    lines = (replace(mark, caption=_on_one_line(mark.caption)) for mark in reading.marks)
    marks = with_own_ids(mark for mark in lines if _can_be(mark, facts, faults))
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
        return _within(check_reading(kept, facts.width, facts.height, keys))
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


def with_own_ids(marks: Iterable[Mark]) -> tuple[Mark, ...]:
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
