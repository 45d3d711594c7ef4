"""CSV: a row a scan and annotator, regions as JSON in the last column. And clicks as CSV."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from octtutor.core.annotation.annotation import FINDINGS, Mark, Reading
from octtutor.core.annotation.annotation_json import mark_to_dict, reading_from_dict
from octtutor.core.annotation.region_shape import Spot
from octtutor.errors import BadInputError
from octtutor.limits import MAX_CELL_CHARACTERS
from octtutor.spreadsheet import escape_formula, unescape_formula
from octtutor.tutor.annotation.files.annotated_scan import (
    UNUSABLE,
    AnnotatedScan,
    Gathering,
    ScanFacts,
    Sheet,
    facts_from_dict,
    find_finding,
    listed_words,
    readings_of,
    shown,
    why,
)

OF_READING = (
    "deck",
    "sha256",
    "name",
    "patient",
    "width",
    "height",
    "reader",
    "settled",
    "gradable",
    "diagnosis",
    "findings",
    "confidence",
    "response_ms",
    "flagged",
)
"""The columns that say whose reading of which scan a row has, and what was answered."""
COLUMNS = (*OF_READING, "regions", "note", "marks")
CLICKS = ("name", "click_y", "click_x")
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
Row = dict[str, str]


def write_csv(scans: Iterable[AnnotatedScan]) -> bytes:
    """Write a row for each reading, and one for a scan without any; UTF-8 with a header."""
    rows = []
    for scan in scans:
        found = list(readings_of(scan))
        rows += [_row(scan, reader, reading) for reader, reading in found] or [_facts(scan)]
    return write_rows(COLUMNS, rows)


def read_csv(data: bytes) -> Sheet:
    """Read what `write_csv` wrote, or a table with some of its columns.

    Needed are `name` or `sha256`, and `diagnosis`, `gradable` or `marks`.

    Raises:
        BadInputError: it is no such table.
    """
    rows = read_rows(data)
    columns = set(rows[0]) if rows else set()
    if not columns & {"name", "sha256"} or not columns & {"diagnosis", "gradable", "marks"}:
        raise BadInputError(
            "Expected a CSV with the columns name or sha256, and diagnosis, gradable or marks. "
            f"Received {shown(', '.join(sorted(columns)) or 'no row')}. Export it again."
        )
    found = Gathering()
    for number, row in enumerate(rows, start=2):
        try:
            _take(found, row)
        except UNUSABLE as error:
            found.faults.append(f"row {number}: {why(error)}")
    return found.sheet()


def read_clicks(data: bytes) -> Sheet:
    """Read a table of clicks, `name,click_y,click_x` in pixels, as spots.

    `finding` and `reader` are read where they stand; without, the finding is `other`.

    Raises:
        BadInputError: it is no such table.
    """
    rows = read_rows(data)
    if not rows or not set(CLICKS) <= set(rows[0]):
        raise BadInputError(
            f"Expected a CSV of clicks with the columns {', '.join(CLICKS)}. Received "
            f"{shown(', '.join(rows[0]) if rows else 'no row')}. Name the columns so."
        )
    found, marks = Gathering(), dict[tuple[ScanFacts, str], list[Mark]]()
    for number, row in enumerate(rows, start=2):
        try:
            place = facts_from_dict({key: row.get(key) for key in ("name", "sha256")})
            spots = marks.setdefault((place, row.get("reader", "")), [])
            spots.append(_click(row, len(spots) + 1))
        except UNUSABLE as error:
            found.faults.append(f"row {number}: {why(error)}")
    for (place, reader), spots in marks.items():
        if spots:
            findings = tuple(dict.fromkeys(mark.finding for mark in spots))
            found.add(place, reader, Reading(True, None, findings, tuple(spots)))
    return found.sheet()


def write_rows(columns: Iterable[str], rows: Iterable[dict[str, Any]]) -> bytes:
    """Write a CSV whose cells no spreadsheet takes for a formula (a leading ' keeps it off)."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(
        text, list(columns), lineterminator="\n", restval="", quoting=csv.QUOTE_ALL
    )
    writer.writeheader()
    writer.writerows(
        {key: escape_formula(str(value)) for key, value in row.items()} for row in rows
    )
    return text.getvalue().encode()


def read_rows(data: bytes) -> list[Row]:
    """Read a CSV's rows by column; a cell that is not there is empty.

    Raises:
        BadInputError: it is none in UTF-8.
    """
    csv.field_size_limit(MAX_CELL_CHARACTERS)  # the regions of a scan can be long
    try:
        lines = io.StringIO(data.decode("utf-8-sig"), newline="")
        return [dict(_cells(row)) for row in csv.DictReader(lines)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInputError(
            f"Expected a CSV file in UTF-8. It cannot be read ({error}). Save it again."
        ) from error


def parse_flag(text: str, default: bool) -> bool:
    """Read yes or no; an empty cell is the default.

    Raises:
        ValueError: it is something else.
    """
    word = text.strip().lower()
    if word and word not in _TRUTH:
        raise ValueError(f"{shown(text)} is neither true nor false")
    return _TRUTH.get(word, default)


def facts_of_row(row: Row) -> ScanFacts:
    """Return which scan a row is about.

    Raises:
        ValueError, TypeError: the size is no number of pixels.
    """
    sides = {key: float(row.get(key) or 0) for key in ("width", "height")}
    return facts_from_dict({**row, **sides})


def reader_of_row(row: Row) -> str | None:
    """Return whose reading a row is, None for the one that is settled.

    Raises:
        ValueError: the row does not say whether it is settled.
    """
    is_settled = parse_flag(row.get("settled", ""), default=False)
    return None if is_settled else row.get("reader", "")


def said_of_row(row: Row) -> dict[str, Any]:
    """Return what a row says of the scan, as `reading_from_dict` takes it, without regions.

    Raises:
        ValueError: the row does not say whether it is gradable, or a number is none.
    """
    return {
        "gradable": parse_flag(row.get("gradable", ""), default=True),
        "diagnosis": row.get("diagnosis", "").strip().upper() or None,
        "findings": [word for word in row.get("findings", "").split("; ") if word],
        "marks": [],
        "confidence": int(row.get("confidence") or 0),
        "response_ms": int(row.get("response_ms") or 0),
        "flagged": parse_flag(row.get("flagged", ""), default=False),
        "note": row.get("note", ""),
    }


def said_cells(reader: str | None, reading: Reading) -> dict[str, Any]:
    """Return the cells that `reader_of_row` and `said_of_row` read."""
    return {
        "reader": reader or "",
        "settled": str(reader is None).lower(),
        "gradable": str(reading.gradable).lower(),
        "diagnosis": reading.diagnosis or "",
        "findings": listed_words(reading.findings),
        "confidence": reading.confidence,
        "response_ms": reading.response_ms,
        "flagged": str(reading.flagged).lower(),
        "note": reading.note,
    }


def _cells(row: dict[str | None, Any]) -> Iterator[tuple[str, str]]:
    for key, value in row.items():
        if key is not None:
            yield key.strip(), unescape_formula(value or "")


def _facts(scan: AnnotatedScan) -> dict[str, Any]:
    return {key: getattr(scan, key) for key in COLUMNS[:6]}


def _row(scan: AnnotatedScan, reader: str | None, reading: Reading) -> dict[str, Any]:
    marks = [mark_to_dict(mark) for mark in reading.marks]
    return {
        **_facts(scan),
        **said_cells(reader, reading),
        "regions": len(marks),
        "marks": json.dumps(marks, ensure_ascii=False),
    }


def _take(found: Gathering, row: Row) -> None:
    facts = facts_of_row(row)
    if not any(row.get(key) for key in ("diagnosis", "gradable", "marks")):
        found.add_scan(facts)
        return
    reading = reading_from_dict({**said_of_row(row), "marks": json.loads(row.get("marks") or "[]")})
    found.add(facts, reader_of_row(row), reading)


def _click(row: Row, number: int) -> Mark:
    word = row.get("finding") or FINDINGS[-1]
    finding = find_finding(word)
    if finding is None:
        raise BadInputError(
            f"Expected a finding from the list. Received {shown(word)}. Use {', '.join(FINDINGS)}."
        )
    return Mark(f"click-{number}", finding, Spot(float(row["click_x"]), float(row["click_y"])))
