"""Which scans the model must not answer to anybody just now: those of exams under way."""

import threading
from contextlib import suppress
from enum import StrEnum
from typing import NamedTuple

from octtutor.core.switch import CLOSE_SERVICE, Switch
from octtutor.datasets.fingerprint import (
    MOST_FRAMED,
    Fingerprint,
    Prints,
    fingerprint,
    framed_fingerprint,
)
from octtutor.datasets.scan_picture import ScanPicture
from octtutor.errors import BadScanError, StoreError
from octtutor.store.contract import Store
from octtutor.tutor.ports import Clock, Images
from octtutor.tutor.practice.time_limits import time_left


class Refusal(StrEnum):
    """Why the model answers no picture, or not this one."""

    CLOSED = "closed"
    """An exam is under way, and an educator lets the model answer nobody meanwhile."""
    EXAMINED = "examined"
    """It shows a scan of an exam that is under way."""
    KNOWN = "known"
    """It is the file of a case: it can be read under Practise."""


class ScanPrints(NamedTuple):
    """How a scan is known."""

    whole: Fingerprint
    framed: Fingerprint
    """Of what a network's preparation makes of it."""


class ExaminedScans:
    """Tells a scan of an exam under way by its file, by its pixels, and by what a network sees.

    An exam is under way while anybody's attempt at it is open on any server of these records:
    not ended, and its time as a whole not over; or while a session is open that is played as an
    exam.
    """

    def __init__(self, store: Store, images: Images, clock: Clock) -> None:
        """Take the records, the scans on disk and a clock."""
        self._store, self._images, self._clock = store, images, clock
        self._lock = threading.Lock()
        self._kept: dict[str, ScanPrints] = {}
        self._held: frozenset[str] = frozenset()
        self._prints = self._framed = Prints(())

    def is_any(self) -> bool:
        """Whether any exam is under way."""
        return bool(self._examined())

    def is_closing(self) -> bool:
        """Whether an educator lets the model answer nobody while any exam is under way."""
        switch = self._store.find_switch(CLOSE_SERVICE)
        return switch is not None and switch.is_on

    def close_during_exams(self, educator: str, is_on: bool) -> None:
        """Let the model answer nobody while any exam is under way, or let it answer again."""
        self._store.set_switch(Switch(CLOSE_SERVICE, is_on, educator, self._clock()))

    def why_not_file(self, sha256: str) -> Refusal | None:
        """Return why a file, by its SHA-256, is not answered; None: nothing is against it."""
        examined = self._examined()
        if examined and self.is_closing():
            return Refusal.CLOSED
        if sha256 in examined:
            return Refusal.EXAMINED
        return Refusal.KNOWN if self._is_case(sha256) else None

    def why_not_scan(self, picture: ScanPicture) -> Refusal | None:
        """Return why a picture is not answered; None: it may be."""
        examined = self._examined()
        if not examined:
            return None
        if self.is_closing():
            return Refusal.CLOSED
        whole, framed = self._prints_of(examined)
        found = whole.find(fingerprint(picture.pixels))
        if found is None:
            seen = framed_fingerprint(picture.pixels, picture.spacing)
            found = framed.find(seen, MOST_FRAMED)
        return None if found is None else Refusal.EXAMINED

    def _examined(self) -> frozenset[str]:
        """Return SHA-256 of the scans of all exams under way."""
        now = self._clock()
        running = [
            a
            for a in self._store.open_exam_attempts()
            if not time_left(a, a.started_at, now).is_quiz_over
        ]
        opened = [s for s in self._store.sessions() if s.is_open and s.options.is_exam]
        lists = (*(a.cases for a in running), *(s.cases for s in opened))
        return frozenset(sha256 for cases in lists for sha256 in cases)

    def _is_case(self, sha256: str) -> bool:
        """Whether a file is a case of any deck."""
        for deck in self._store.decks():
            with suppress(StoreError):
                self._store.get_case(deck.name, sha256)
                return True
        return False

    def _prints_of(self, examined: frozenset[str]) -> tuple[Prints, Prints]:
        """Return the prints of these scans, whole and framed.

        They are taken anew only when the scans change.
        """
        with self._lock:
            if examined != self._held:
                self._kept = {
                    sha256: taken
                    for sha256 in examined
                    if (taken := self._kept.get(sha256) or self._take(sha256)) is not None
                }
                self._prints = Prints([taken.whole for taken in self._kept.values()])
                self._framed = Prints([taken.framed for taken in self._kept.values()])
                self._held = examined
            return self._prints, self._framed

    def _take(self, sha256: str) -> ScanPrints | None:
        try:
            scan = self._images.read(sha256)
        except (StoreError, BadScanError):  # nobody can be asked it either
            return None
        return ScanPrints(fingerprint(scan), framed_fingerprint(scan))
