"""Settling: what readers differ in, who decides it, and looking back at all that was said."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from octtutor.core.annotation.annotation import (
    Kind,
    LogEntry,
    Mark,
    Reading,
    ScanStanding,
    is_settling,
    present,
    standing,
)
from octtutor.datasets.schemes.scheme_registry import SHIPPED, Schemes
from octtutor.errors import BadInputError, StaleError
from octtutor.store.contract import Store
from octtutor.tutor.annotation.assignment_queue import AssignmentQueue
from octtutor.tutor.annotation.blind_readings import by_scan, complete_readings, is_complete
from octtutor.tutor.annotation.consensus import Dispute, dispute_over, disputes_in
from octtutor.tutor.annotation.journal import NOTHING, Journal, check_who, is_blind
from octtutor.tutor.ports import Clock, Images


class Settling:
    """The use cases of educators who decide what holds of a scan."""

    def __init__(
        self,
        store: Store,
        images: Images,
        queue: AssignmentQueue,
        clock: Clock,
        schemes: Schemes = SHIPPED,
    ) -> None:
        """Take the parts."""
        self._store, self._queue = store, queue
        self._journal = Journal(store, images, clock, schemes)

    def disputes(self, project: str, who: str | None = None) -> tuple[Dispute, ...]:
        """Return the scans to settle: readers differ, or one flagged it; those begun first first.

        They differ in the diagnosis, in what they see or in where; over controls, whose class is
        known and which more readers see than others, in the diagnosis only.

        Args:
            project: its name.
            who: leave out what this educator may still have to read: they are to read it blind.
        """
        order = self._journal.get_project(project)
        hidden = self.hidden_from(project, who) if who is not None else frozenset()
        found = disputes_in(
            order, by_scan(self._store.entries_in(project)), self._queue.controls_given(project)
        )
        return tuple(each for each in found if each.sha256 not in hidden)

    def dispute(self, project: str, sha256: str, who: str | None = None) -> Dispute | None:
        """Return a scan as `disputes` would; None where it is not to be settled (any more)."""
        order = self._journal.get_project(project)
        if who is not None and sha256 in self.hidden_from(project, who):
            return None
        log = self._store.entries_of(project, sha256)
        return dispute_over(order, sha256, log, sha256 in self._queue.controls_given(project))

    def hidden_from(self, project: str, who: str) -> frozenset[str]:
        """Return the scans that somebody reads, or may still be given, and is to read blind."""
        return self._queue.hidden_from(self._journal.get_project(project), who)

    def sketch(self, project: str, sha256: str, who: str, marks: Iterable[Mark]) -> None:
        """Append the regions that an educator drew to settle a scan with; none are a drawing too.

        They are kept until the scan is settled, and settle nothing.

        Raises:
            BadInputError: they cannot be of this scan.
            NotAllowedError: the educator has this scan to read.
            StaleError: it was settled meanwhile.
            StoreError: the scan is not in the project, or gone from the data home.
        """
        order = self._journal.get_project(project)
        check_who(who)
        self._journal.refuse_open(project, sha256, who)
        self._store.get_case(order.deck, sha256)
        log = self._store.entries_of(project, sha256)
        if standing(log).settled is not None:
            raise StaleError("This scan was settled meanwhile. Go on with another.")
        drawn = replace(NOTHING, marks=tuple(marks))
        drawn = self._journal.check(order, sha256, drawn, complete=False) or NOTHING
        before = present(log, who, Kind.SKETCH)
        if drawn != before:
            self._journal.append(order, sha256, who, Kind.SKETCH, before, drawn)

    def settle(
        self,
        project: str,
        sha256: str,
        who: str,
        reading: Reading | None,
        before: Reading | None = None,
    ) -> None:
        """Decide what holds of a scan; None: nothing is settled any more.

        Args:
            project: its name.
            sha256: of the scan.
            who: the educator.
            reading: what holds.
            before: what was settled when the educator looked, None if nothing was.

        Raises:
            BadInputError: the reading has no diagnosis, or cannot be of this scan.
            NotAllowedError: the educator has this scan to read.
            StaleError: somebody else settled it meanwhile.
            StoreError: the scan is not in the project, or gone from the data home.
        """
        order = self._journal.get_project(project)
        check_who(who)
        self._journal.refuse_open(project, sha256, who)
        if reading is not None:
            self._store.get_case(order.deck, sha256)
            reading = self._journal.check(order, sha256, reading, complete=True)
        log = self._store.entries_of(project, sha256)
        last = next((entry for entry in reversed(log) if is_settling(entry)), None)
        if reading == (last.after if last else None) and (last is None or last.who == who):
            return  # the same again
        self._journal.append(order, sha256, who, Kind.SETTLE, before, reading)

    def history(self, project: str, sha256: str, who: str | None = None) -> tuple[LogEntry, ...]:
        """Return a scan's log, oldest first.

        Args:
            project: its name.
            sha256: of the scan.
            who: is refused while they have this scan to read, or may still be given it.

        Raises:
            NotAllowedError: they have.
        """
        self._journal.get_project(project)
        if who is not None and sha256 in self.hidden_from(project, who):
            raise is_blind()
        return self._store.entries_of(project, sha256)

    def restore(self, project: str, sha256: str, entry_id: str, who: str) -> None:
        """Make what an entry of the log said hold again, for all.

        Whether an annotator or an educator said it: it becomes what is settled, in the name of
        who restores it, and everybody's own readings stay theirs. Regions that were drawn before
        their annotator gave an answer hold with the answer that they have given since, or else
        with what is settled.

        Raises:
            BadInputError: there is no such entry, or it says nothing that can hold.
            NotAllowedError: whoever asks has this scan to read.
            StaleError: the scan was settled by somebody else meanwhile.
        """
        order = self._journal.get_project(project)
        check_who(who)
        self._journal.refuse_open(project, sha256, who)
        log = self._store.entries_of(project, sha256)
        stand = standing(log)
        wanted = _restored(log, stand, entry_id)
        if stand.settled != wanted:
            self._journal.append(order, sha256, who, Kind.RESTORE, stand.settled, wanted)

    def at(self, project: str, sha256: str, time: datetime, who: str | None = None) -> ScanStanding:
        """Return how a scan stood at a time, aware.

        Raises:
            NotAllowedError: see `history`.
        """
        log = self.history(project, sha256, who)
        return standing(entry for entry in log if entry.at <= time)


def _restored(log: Iterable[LogEntry], now: ScanStanding, entry_id: str) -> Reading | None:
    """Return what holds once an entry is restored."""
    entry = next((each for each in log if each.id == entry_id), None)
    if entry is not None and (is_settling(entry) or is_complete(entry.after)):
        return entry.after
    answer = complete_readings(now).get(entry.who, now.settled) if entry is not None else None
    if entry is None or entry.after is None or answer is None:
        raise BadInputError(
            "Expected an entry of this scan's log that gives a diagnosis or calls it ungradable, "
            f"or regions whose annotator has done so since. Received {entry_id[:64]!r}. Choose "
            "another."
        )
    return replace(answer, marks=entry.after.marks)
