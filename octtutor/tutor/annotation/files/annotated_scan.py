"""An annotated scan, the unit of every file format, and what a file of them yields."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import Any

from octtutor.core.annotation.annotation import FINDINGS, Reading, ScanStanding
from octtutor.core.annotation.annotation_json import reading_from_dict, reading_to_dict
from octtutor.errors import BadInputError
from octtutor.limits import MAX_SCAN_PIXELS

UNUSABLE = (
    ArithmeticError,
    AttributeError,
    BadInputError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What values of another kind than expected raise."""
_ABBREVIATIONS = {
    "irf": "intraretinal fluid",
    "srf": "subretinal fluid",
    "ped": "sub-RPE fluid / PED",
    "hrf": "hyperreflective foci",
    "erm": "epiretinal membrane",
}
_BY_WORD = {name.casefold(): name for name in FINDINGS} | _ABBREVIATIONS


@dataclass(frozen=True, slots=True)
class ScanFacts:
    """Which scan it is; a foreign file may leave any of it out."""

    deck: str = ""
    sha256: str = ""
    """Of the scan's file; empty where the file of annotations does not say."""
    name: str = ""
    """The file's, as the deck has it."""
    patient: str = ""
    width: int = 0
    """Pixels; 0 where the file does not say."""
    height: int = 0

    @property
    def called(self) -> str:
        """What a message calls the scan."""
        return shown(self.name or self.sha256[:12] or "?")


@dataclass(frozen=True, slots=True)
class AnnotatedScan(ScanFacts):
    """A scan and how it stands: each annotator's reading, and the settled one."""

    standing: ScanStanding = field(default_factory=lambda: ScanStanding({}, None))

    @property
    def facts(self) -> ScanFacts:
        """Which scan it is."""
        return ScanFacts(self.deck, self.sha256, self.name, self.patient, self.width, self.height)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a file yields: the scans that can be used, and a line for each fault."""

    scans: tuple[AnnotatedScan, ...]
    faults: tuple[str, ...] = ()


class Gathering:
    """Collects readings scan by scan, as the rows of a file bring them."""

    def __init__(self) -> None:
        self._found: dict[ScanFacts, dict[str | None, Reading]] = {}
        self.faults: list[str] = []

    def add_scan(self, facts: ScanFacts) -> None:
        """Note a scan, with or without readings."""
        self._found.setdefault(facts, {})

    def add(self, facts: ScanFacts, reader: str | None, reading: Reading) -> None:
        """Note a reading; a reader of None stands for what is settled."""
        self.add_scan(facts)
        if reader in self._found[facts]:
            who = "settled reading" if reader is None else f"reading by {shown(reader)}"
            self.faults.append(f"{facts.called}: there is a second {who}; the first counts.")
            return
        self._found[facts][reader] = reading

    def sheet(self) -> Sheet:
        """Return everything that was noted."""
        scans = (to_scan(facts, found) for facts, found in self._found.items())
        return Sheet(tuple(scans), tuple(self.faults))


def to_scan(facts: ScanFacts, readings: dict[str | None, Reading]) -> AnnotatedScan:
    """Join a scan and its readings; that of None is the settled one."""
    by_reader = {who: reading for who, reading in readings.items() if who is not None}
    return AnnotatedScan(**asdict(facts), standing=ScanStanding(by_reader, readings.get(None)))


def readings_of(scan: AnnotatedScan) -> Iterator[tuple[str | None, Reading]]:
    """Go through a scan's readings by annotator; the settled one comes last, under None."""
    yield from sorted(scan.standing.readings.items())
    if scan.standing.settled is not None:
        yield None, scan.standing.settled


def scan_to_dict(scan: AnnotatedScan) -> dict[str, Any]:
    """Return an annotated scan as JSON's values."""
    settled = scan.standing.settled
    return {
        **asdict(scan.facts),
        "readings": {
            who: reading_to_dict(reading) for who, reading in sorted(scan.standing.readings.items())
        },
        "settled": reading_to_dict(settled) if settled else None,
    }


def scan_from_dict(values: dict[str, Any]) -> AnnotatedScan:
    """Build an annotated scan of JSON's values; whether they can be is not checked.

    Raises:
        one of UNUSABLE: a value is missing or of another type.
    """
    readings: dict[str | None, Reading] = {
        who: reading_from_dict(reading) for who, reading in values.get("readings", {}).items()
    }
    if values.get("settled") is not None:
        readings[None] = reading_from_dict(values["settled"])
    return to_scan(facts_from_dict(values), readings)


def facts_from_dict(values: dict[str, Any]) -> ScanFacts:
    """Return what JSON's values say of which scan it is.

    Raises:
        TypeError: a value is of another type.
        BadInputError: no scan is so large.
    """
    words = {key: _word(values.get(key)) for key in ("deck", "sha256", "name", "patient")}
    width, height = _side(values.get("width")), _side(values.get("height"))
    if width * height > MAX_SCAN_PIXELS:
        raise BadInputError(
            f"Expected a scan of at most {MAX_SCAN_PIXELS:,} pixels. Received one of {width:,} by "
            f"{height:,}. Correct its size."
        )
    return ScanFacts(**words, width=width, height=height)


def find_finding(word: str) -> str | None:
    """Return the finding that a word names: as it stands in the list, or its abbreviation."""
    return _BY_WORD.get(" ".join(word.split()).casefold())


def load_json(data: bytes, what: str) -> Any:
    """Read JSON.

    Raises:
        BadInputError: it is none, or nested absurdly.
    """
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadInputError(
            f"Expected {what} as JSON in UTF-8. It cannot be read ({shown(str(error))}). Export it "
            "again."
        ) from error


def shown(text: str) -> str:
    """Return somebody's text for a message: quoted, on one line, not long."""
    return repr(text[:60] + ("…" if len(text) > 60 else ""))


def why(error: Exception) -> str:
    """Say in a sentence why values cannot be used."""
    if isinstance(error, BadInputError):
        return str(error)
    if isinstance(error, KeyError):
        return f"Expected {shown(str(error.args[0]))}. It is missing or unknown."
    return f"Expected other values. Received ones that cannot be used ({shown(str(error))})."


def base_name(name: str) -> str:
    """Return the last part of a path, of Windows too."""
    return PurePosixPath(name.replace("\\", "/")).name


def listed_words(words: Iterable[str]) -> str:
    """Join words for one cell of a table."""
    return "; ".join(words)


def _word(value: Any) -> str:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{shown(str(value))} is no text")
    return value or ""


def _side(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # as programs write that have a table's column of numbers
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise TypeError(f"{shown(str(value))} is no number of pixels")
    return value or 0
