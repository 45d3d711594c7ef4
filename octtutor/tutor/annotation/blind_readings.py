"""What each annotator said of a scan before the model's suggestion was shown to them."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile

from octtutor.core.annotation.annotation import (
    LogEntry,
    Reading,
    ReadingSource,
    ScanStanding,
    is_reading,
    standing,
)

Readings = Mapping[str, Mapping[str, Reading]]
"""Blind readings by scan (SHA-256) and annotator."""


def by_scan(entries: Iterable[LogEntry]) -> dict[str, list[LogEntry]]:
    """Return the log of each scan (SHA-256), in the order in which they were begun."""
    logs: dict[str, list[LogEntry]] = {}
    for entry in entries:
        logs.setdefault(entry.sha256, []).append(entry)
    return logs


def is_complete(reading: Reading | None) -> bool:
    """Whether a reading says what it is of: a class, or ungradable; else it is begun only."""
    return reading is not None and (not reading.gradable or reading.diagnosis is not None)


def complete_readings(stand: ScanStanding) -> dict[str, Reading]:
    """Return the complete readings of a scan, by annotator."""
    return {who: reading for who, reading in stand.readings.items() if is_complete(reading)}


def was_suggested(log: Iterable[LogEntry], who: str) -> bool:
    """Whether a scan's log says that the model's suggestion was shown to an annotator."""
    return any(shows_suggestion(entry) for entry in log if entry.who == who)


def blind_readings(logs: Mapping[str, Sequence[LogEntry]]) -> dict[str, dict[str, Reading]]:
    """Return what each annotator said before a suggestion was shown, by scan and annotator."""
    return {sha256: _blind(log) for sha256, log in logs.items()}


def shows_suggestion(entry: LogEntry) -> bool:
    """Whether the model's suggestion was there when an entry was made."""
    return entry.model is not None and entry.source is not ReadingSource.IMPORTED


def _blind(log: Sequence[LogEntry]) -> dict[str, Reading]:
    found = {}
    for who in {entry.who for entry in log if is_reading(entry)}:
        own = (entry for entry in log if entry.who == who and is_reading(entry))
        reading = standing(takewhile(lambda e: not shows_suggestion(e), own)).readings.get(who)
        if reading is not None and is_complete(reading):
            found[who] = reading
    return found


def first_blind(log: Iterable[LogEntry], who: str) -> LogEntry | None:
    """Return an annotator's first complete answer, if no suggestion was shown before."""
    own = (entry for entry in log if entry.who == who and is_reading(entry))
    blind = takewhile(lambda entry: not shows_suggestion(entry), own)
    return next((entry for entry in blind if is_complete(entry.after)), None)
