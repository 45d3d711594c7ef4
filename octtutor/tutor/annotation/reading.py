"""Reading scans to annotate them: give one out, take what is said of it, and take it back.

Whoever annotates learns nothing of a scan's label, name or other readings, nor whether it is a
control. Nothing that was said is ever changed: each use case appends to the log.
"""

import logging
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from octtutor.core.annotation.annotation import (
    Assignment,
    Kind,
    LogEntry,
    Mark,
    Reading,
    ReadingSource,
    check_mark,
    is_reading,
    present,
    standing,
)
from octtutor.core.prediction import Prediction
from octtutor.core.scheme import Scheme
from octtutor.datasets.decode import Pixels
from octtutor.datasets.schemes.scheme_registry import SHIPPED, Schemes
from octtutor.errors import BadInputError, BadScanError, NotAllowedError, StaleError, StoreError
from octtutor.store.contract import Store
from octtutor.store.rules import no_assignment
from octtutor.tutor.annotation.annotators import SUGGESTED
from octtutor.tutor.annotation.assignment_queue import AssignmentQueue, Workload, model_for
from octtutor.tutor.annotation.blind_readings import complete_readings, is_complete, was_suggested
from octtutor.tutor.annotation.journal import Journal, check_who
from octtutor.tutor.annotation.outlining import strongest_area
from octtutor.tutor.ports import Clock, Images, Maps, Shelf

GONE = (
    "The scan before this one is gone from the data home, or damaged, and was passed over. Whoever "
    "keeps the data home finds its name in the server's log."
)
UNORDERED = (
    "The order is at random just now: what it goes by is not known for the present model and the "
    "scans that are left. “Order anew by the present model” under 1 Projects reckons it."
)
UNDO_WITHIN = timedelta(seconds=60)
"""How long an answer can be taken back to a scan that others have read: a slip, not a revision."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """A scan to read. It tells nothing of what is known of the scan.

    Attributes:
        project: its name.
        sha256: of the scan.
        scan: uint8 (height, width).
        width: pixels.
        height: pixels.
        synthetic: whether it is a drawn one.
        mine: what the annotator has said so far, perhaps regions only.
        position: which of the annotator's scans it is, from 1.
        remaining: how many are there for them, this one too.
        may_suggest: whether the model's suggestion is offered once this scan is answered.
        scheme: the list of diagnoses to choose from.
        notice: why the scan before was passed over, or that the project's order cannot be kept;
            empty where there is nothing to say.
    """

    project: str
    sha256: str
    scan: Pixels
    width: int
    height: int
    synthetic: bool
    mine: Reading | None
    position: int
    remaining: int
    may_suggest: bool
    scheme: Scheme
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The model's answer, after the annotator's own."""

    prediction: Prediction
    agrees: bool
    """Whether it is what the annotator said."""
    trained_on: bool
    """Whether the model was trained on scans of this patient."""


class Annotators:
    """The use cases of whoever annotates, who is known to be allowed to."""

    def __init__(
        self,
        store: Store,
        images: Images,
        shelf: Shelf,
        queue: AssignmentQueue,
        clock: Clock,
        schemes: Schemes = SHIPPED,
    ) -> None:
        """Take the parts."""
        self._store, self._images, self._shelf = store, images, shelf
        self._queue, self._clock = queue, clock
        self._journal = Journal(store, images, clock, schemes)

    def next(self, project: str, who: str) -> Task | None:
        """Return the annotator's open scan, or else give them the next.

        A scan that is gone from the data home is passed over, and the task's notice says so.

        Returns:
            None where nothing is left for them, or the project is closed.

        Raises:
            BadInputError: there is no such project, or the annotator's name is none.
        """
        order = self._journal.get_project(project)
        check_who(who)
        if order.closed_at is not None:
            return None
        notice = ""
        while found := self._queue.assign(order, who):
            given, work = found
            try:
                scan = self._images.read(given.sha256)
            except (StoreError, BadScanError) as error:
                _log.warning("%s", error)
                notice = GONE
                self._store.finish_assignment(project, given.sha256, who, self._clock(), True)
            else:
                return self._task(work, given, scan, notice)
        return None

    def record(
        self,
        project: str,
        sha256: str,
        who: str,
        reading: Reading,
        source: ReadingSource = ReadingSource.HUMAN,
        model: str | None = None,
        model_sha256: str | None = None,
    ) -> None:
        """Append what an annotator says; with a diagnosis, or ungradable, the scan is done.

        Without either it is a draft: regions are safe, and the scan stays open. The same again
        changes nothing.

        Args:
            project: its name.
            sha256: of the scan.
            who: the annotator.
            reading: what they say.
            source: their own, or what they did with the suggestion.
            model: whose suggestion it was.
            model_sha256: of its weights.

        Raises:
            BadInputError: the reading cannot be of this scan, or its source is not true.
            StaleError: the scan is not theirs, was put aside, or was changed in another tab.
            StoreError: the scan is gone from the data home.
        """
        order = self._journal.get_project(project)
        given = self._own(project, sha256, who)
        log = self._store.entries_of(project, sha256)
        said = self._journal.check(order, sha256, reading, given.done_at is not None)
        shown = (model, model_sha256) if source is not ReadingSource.HUMAN else (None, None)
        if source is not ReadingSource.HUMAN:
            _check_source(log, who, source, shown)
        before = present(log, who)
        if said != before or not _is_told(log, who, source):
            self._journal.append(order, sha256, who, Kind.READ, before, said, source, *shown)
        if is_complete(said):
            self._store.finish_assignment(project, sha256, who, self._clock(), False)

    def skip(self, project: str, sha256: str, who: str) -> None:
        """Put a scan aside: it is somebody else's then, and what was drawn is kept.

        Raises:
            StaleError: it is not this annotator's.
        """
        self._journal.get_project(project)
        self._store.finish_assignment(project, sha256, who, self._clock(), True)

    def undo(self, project: str, who: str) -> Task | None:
        """Take the annotator's last change back, or the last skip, and return to that scan.

        Raises:
            BadInputError: there is nothing to take back.
            StaleError: it was changed in another tab meanwhile, or somebody else has it now.
            NotAllowedError: others have read it too, and it was not just now: what they said can
                be seen by then.
        """
        order = self._journal.get_project(project)
        last = _last_change(self._store.entries_in(project, who))
        skipped = _last_skip(self._store.assignments_in(project, who))
        if skipped and (last is None or _skipped_at(skipped) >= last.at):
            self._store.reopen_assignment(project, skipped.sha256, who)
        elif last:
            self._refuse_replaced(last)
            self._refuse_late_undo(last)
            # first, since a reading that is open again is harmless, and none that is done is not
            self._store.reopen_assignment(project, last.sha256, who)
            self._journal.append(order, last.sha256, who, Kind.UNDO, last.after, last.before)
        else:
            raise BadInputError("There is nothing of yours to take back. Read a scan first.")
        return self.next(project, who)

    def suggestion(self, project: str, sha256: str, who: str) -> Suggestion:
        """Return the model's answer, waiting for it, after the annotator's own; noted in the log.

        Raises:
            NotAllowedError: the project offers none, or the scan is not answered yet.
            StaleError: the scan is not theirs.
            ModelError: the model cannot be used.
            StoreError: the scan is gone from the data home.
        """
        mine, prediction, _ = self._after_first_answer(project, sha256, who)
        order = self._journal.get_project(project)
        case = self._store.get_case(order.deck, sha256)
        trained_on = model_for(order, self._shelf).trained_on(sha256, case.patient)
        return Suggestion(prediction, mine.diagnosis == prediction.label, trained_on)

    def outline(self, project: str, sha256: str, who: str, label: str) -> Mark:
        """Return the strongest area of the model's map of a class as a region to be edited.

        Raises:
            BadInputError: the map shows nothing.
            NotAllowedError, StaleError, ModelError, StoreError: see `suggestion`.
        """
        _, prediction, maps = self._after_first_answer(project, sha256, who)
        height, width = self._images.read(sha256).shape
        shape = strongest_area(maps[list(prediction.probabilities).index(label)], width, height)
        return check_mark(Mark(uuid.uuid4().hex, "other", shape), width, height)

    def _task(self, work: Workload, given: Assignment, scan: Pixels, notice: str) -> Task:
        project, who = work.project, given.who
        height, width = map(int, scan.shape)
        others = [case for case in work.free(who) if case.sha256 != given.sha256]
        return Task(
            project=project.name,
            sha256=given.sha256,
            scan=scan,
            width=width,
            height=height,
            synthetic=self._store.get_case(project.deck, given.sha256).synthetic,
            mine=present(self._store.entries_of(project.name, given.sha256), who),
            position=sum(one.done_at is not None and not one.skipped for one in work.of(who)) + 1,
            remaining=len(others) + 1,
            may_suggest=project.suggest,
            scheme=self._journal.scheme_of(project),
            notice=notice or ("" if self._queue.is_ordered(project, others) else UNORDERED),
        )

    def _own(self, project: str, sha256: str, who: str) -> Assignment:
        given = self._store.find_assignment(project, sha256, who)
        if given is None:
            raise no_assignment()
        if given.skipped:
            raise StaleError("You put this scan aside. Take that back first (Undo).")
        return given

    def _refuse_replaced(self, last: LogEntry) -> None:
        log = self._store.entries_of(last.project, last.sha256)
        if present(log, last.who) != last.after:
            raise StaleError(
                "Expected your last answer as you gave it. It was changed since, in another tab or "
                "by an import, and is left as it is now. See the log."
            )

    def _refuse_late_undo(self, last: LogEntry) -> None:
        others = complete_readings(standing(self._store.entries_of(last.project, last.sha256)))
        is_late = self._clock() - last.at > UNDO_WITHIN
        if is_late and any(name != last.who for name in others):
            raise NotAllowedError(
                "Others have read this scan too, and what they said can be seen: a new answer "
                "would not be blind. Settle it instead."
            )

    def _after_first_answer(
        self, project: str, sha256: str, who: str
    ) -> tuple[Reading, Prediction, Maps]:
        """Return the own answer and then the model's; note in the log that it was shown."""
        order = self._journal.get_project(project)
        self._own(project, sha256, who)
        log = self._store.entries_of(project, sha256)
        mine = present(log, who)
        if not order.suggest:
            raise NotAllowedError("This project offers no suggestions of the model.")
        if mine is None or not is_complete(mine):
            raise NotAllowedError("The model's suggestion comes after your own answer. Answer.")
        prediction, maps = model_for(order, self._shelf).read(sha256, self._images.read(sha256))
        shown = prediction.model, prediction.model_sha256
        if shown not in _shown_to(log, who):
            self._journal.append(
                order, sha256, who, Kind.READ, mine, mine, ReadingSource.HUMAN, *shown
            )
        return mine, prediction, maps


def _shown_to(log: Iterable[LogEntry], who: str) -> set[tuple[str | None, str | None]]:
    return {(entry.model, entry.model_sha256) for entry in log if entry.who == who}


def _check_source(
    log: Sequence[LogEntry], who: str, source: ReadingSource, model: tuple[str | None, str | None]
) -> None:
    shown = was_suggested(log, who) and model in _shown_to(log, who) and model[0] is not None
    if source not in SUGGESTED or not shown:
        raise BadInputError(
            f"Expected a suggestion that was shown to you. Received {str(source)!r} of the model "
            f"{str(model[0])[:64]!r}. Ask for the suggestion first."
        )


def _is_told(log: Sequence[LogEntry], who: str, source: ReadingSource) -> bool:
    """Whether the log says already where an annotator's present reading comes from."""
    own = [entry for entry in log if entry.who == who and is_reading(entry)]
    return source is ReadingSource.HUMAN or (bool(own) and own[-1].source is source)


def _last_change(own: Iterable[LogEntry]) -> LogEntry | None:
    """Return an annotator's last change that was not taken back, of the entries that are theirs."""
    changes: list[LogEntry] = []
    for entry in own:
        if not is_reading(entry) or entry.source is ReadingSource.IMPORTED:
            continue
        if entry.kind is Kind.UNDO:
            del changes[-1:]
        elif entry.before != entry.after:
            changes.append(entry)
    return changes[-1] if changes else None


def _last_skip(own: Iterable[Assignment]) -> Assignment | None:
    return max((one for one in own if one.skipped), key=_skipped_at, default=None)


def _skipped_at(given: Assignment) -> datetime:
    assert given.done_at is not None  # what is skipped is done
    return given.done_at
