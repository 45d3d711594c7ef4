"""Masks: a PNG for each scan, annotator and finding, 255 inside, and a table that names them.

Regions come back as painted pixels, one for each finding and caption; all but shapes is kept.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import cv2

from octtutor.core.annotation.annotation import FINDINGS, Mark, Reading
from octtutor.core.annotation.annotation_json import reading_from_dict
from octtutor.core.annotation.region_shape import Brush
from octtutor.datasets.decode import decode
from octtutor.datasets.member import Member
from octtutor.errors import BadInputError
from octtutor.tutor.annotation.files.annotated_scan import (
    UNUSABLE,
    AnnotatedScan,
    ScanFacts,
    Sheet,
    base_name,
    find_finding,
    readings_of,
    shown,
    to_scan,
    why,
)
from octtutor.tutor.annotation.files.table import (
    OF_READING,
    Row,
    facts_of_row,
    read_rows,
    reader_of_row,
    said_cells,
    said_of_row,
    write_rows,
)
from octtutor.tutor.annotation.shapes import Mask, to_counts, union_mask

TABLE = "masks.csv"
"""The table's name."""
_COLUMNS = ("file", *OF_READING, "note", "finding", "caption")


def write_masks(scans: Iterable[AnnotatedScan]) -> Iterator[tuple[str, bytes]]:
    """Yield each mask's name and PNG, and at last the table.

    A reading without regions has a row without a file, which keeps its diagnosis.
    """
    rows: list[dict[str, Any]] = []
    for number, scan in enumerate(scans, start=1):
        for place, (reader, reading) in enumerate(readings_of(scan), start=1):
            row = _row(scan, reader, reading)
            drawn = _by_name(reading.marks, f"masks/{number:05}-{place}")
            for file, marks in drawn.items():
                words = {"finding": marks[0].finding, "caption": marks[0].caption}
                rows.append({"file": file, **words, **row})
                yield file, to_png(union_mask(marks, scan.width, scan.height))
            if not drawn:
                rows.append(row)
    yield TABLE, write_rows(_COLUMNS, rows)


def read_masks(members: Iterable[Member]) -> Sheet:
    """Read what `write_masks` wrote: a folder or an archive with the table.

    Raises:
        BadInputError: there is no table, or it is none.
    """
    by_name = {member.name: member for member in members}
    tables = [member for name, member in by_name.items() if base_name(name) == TABLE]
    if len(tables) != 1:
        raise BadInputError(
            f"Expected one {TABLE} that names the masks. There are {len(tables)}. Give the folder "
            "or ZIP that holds it."
        )
    root = tables[0].name.removesuffix(TABLE)
    reading = _MasksReading({name.removeprefix(root): m for name, m in by_name.items()})
    for number, row in enumerate(read_rows(tables[0].read()), start=2):
        reading.take(row, number)
    return reading.sheet()


def to_png(mask: Mask) -> bytes:
    """Return a mask, uint8 (height, width), as a grey PNG; the same mask gives the same bytes."""
    _, encoded = cv2.imencode(".png", mask, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    return encoded.tobytes()


def to_brush(mask: Mask) -> Brush:
    """Return a mask, uint8 (height, width), as painted pixels: what is over 127."""
    height, width = mask.shape
    return Brush(to_counts(mask > 127), width, height)


def _by_name(marks: Iterable[Mark], stem: str) -> dict[str, list[Mark]]:
    """Return the regions of each mask by its file's name: those of one finding and caption."""
    found: dict[tuple[str, str], list[Mark]] = {}
    for mark in sorted(marks, key=lambda mark: FINDINGS.index(mark.finding)):
        found.setdefault((mark.finding, mark.caption), []).append(mark)
    numbers: Counter[str] = Counter()
    files: dict[str, list[Mark]] = {}
    for (finding, _), same in found.items():
        numbers[finding] += 1
        more = f"-{numbers[finding]}" if numbers[finding] > 1 else ""
        files[f"{stem}-{_slug(finding)}{more}.png"] = same
    return files


def _slug(finding: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in finding).lower().split())


def _row(scan: AnnotatedScan, reader: str | None, reading: Reading) -> dict[str, Any]:
    return {
        **{key: getattr(scan, key) for key in _COLUMNS[1:7]},
        **said_cells(reader, reading),
    }


class _MasksReading:
    """One table of masks under way; its rows add to each other."""

    def __init__(self, members: Mapping[str, Member]) -> None:
        self._members = members
        self._found: dict[ScanFacts, dict[str | None, Reading]] = {}
        self._faults: list[str] = []

    def take(self, row: Row, number: int) -> None:
        try:
            facts = facts_of_row(row)
            reader = reader_of_row(row)
            mine = self._found.setdefault(facts, {})
            known = mine.setdefault(reader, reading_from_dict(said_of_row(row)))
            marks = self._marks(row, len(known.marks) + 1)
            mine[reader] = replace(known, marks=known.marks + marks)
        except UNUSABLE as error:
            self._faults.append(f"row {number}: {why(error)}")

    def sheet(self) -> Sheet:
        scans = (to_scan(facts, found) for facts, found in self._found.items())
        return Sheet(tuple(scans), tuple(self._faults))

    def _marks(self, row: Row, number: int) -> tuple[Mark, ...]:
        file = row.get("file", "")
        if not file:
            return ()
        finding = find_finding(row.get("finding", ""))
        if finding is None:
            raise BadInputError(
                f"Expected a finding from the list. Received {shown(row.get('finding', ''))}. Use "
                f"{', '.join(FINDINGS)}."
            )
        member = self._members.get(file)
        if member is None:
            raise BadInputError(f"Expected the mask {shown(file)}. It is not there. Add it.")
        mask = decode(member.read(), file)
        return (Mark(f"mask-{number}", finding, to_brush(mask), row.get("caption", "")),)
