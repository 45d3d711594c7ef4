"""Annotate: order readings, give scans out, take what is said of them, settle, look back.

Whoever annotates learns nothing of a scan's label, name or other readings, nor whether it is a
control. Nothing that was said is ever changed: each use case appends to the log.
"""

import logging
import re
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice

from octtutor.core.annotation import (
    MAX_MARKS,
    Assignment,
    Brush,
    Entry,
    Kind,
    Mark,
    Order,
    Project,
    Reading,
    Source,
    Spot,
    Stage,
    Standing,
    agree,
    check_mark,
    check_reading,
    is_reading,
    is_settling,
    present,
    standing,
)
from octtutor.core.case import Case
from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.core.prediction import Prediction
from octtutor.datasets.decode import Pixels
from octtutor.errors import (
    BadInputError,
    BadScanError,
    ModelError,
    NotAllowedError,
    StaleError,
    StoreError,
)
from octtutor.store.contract import Store
from octtutor.store.rules import no_assignment
from octtutor.tutor.annotators import (
    SUGGESTED,
    Report,
    Sizes,
    blind_readings,
    by_scan,
    complete_readings,
    drawn_by_several,
    findings_apart,
    findings_of,
    is_complete,
    regions_apart,
    report,
    was_suggested,
)
from octtutor.tutor.attempts import draw_seed
from octtutor.tutor.outlining import strongest_area
from octtutor.tutor.ports import Clock, Doubted, Doubts, Images, Maps, Predictor, Shelf
from octtutor.tutor.practice import MAX_RESPONSE_MS
from octtutor.tutor.shapes import bounding_box, to_mask
from octtutor.tutor.turns import Room, chance, controls_of, interest, said_by_others

MOST_READERS = 5
FEWEST_CONTROLS, MOST_CONTROLS = 0.05, 0.15
"""Share of hidden controls, where there are any: fewer measure nobody, more cost too much."""
MAX_TITLE = 80
MAX_NOTE, MAX_ID = 1000, 64
_log = logging.getLogger(__name__)
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_AHEAD = 50
"""Scans that are named when one is asked for; of so many one is still free."""
_TRIES = 5
GONE = (
    "The scan before this one is gone from the data home, or damaged, and was passed over. Whoever "
    "keeps the data home finds its name in the server's log."
)
_LOOK = 200
"""Scans that the model's order chooses among; choosing among more takes longer than reading."""
UNORDERED = (
    "The order is at random just now: what it goes by is not known for the present model and the "
    "scans that are left. “Order anew by the present model” under 1 Projects reckons it."
)
UNDO_WITHIN = timedelta(seconds=60)
"""How long an answer can be taken back to a scan that others have read: a slip, not a revision."""
AHEAD = 1000
"""Scans that the model answers at a time; about half a minute on two cores."""
_MOST_KEPT = 50_000
_SLIGHT = 2.0
"""Pixels; what is wider and higher is taken to hold some."""


@dataclass(frozen=True, slots=True)
class Overview:
    """A project and how far it has come, as one annotator sees it; all counts are scans.

    Attributes:
        project: the project.
        scans: in its deck.
        read: with one reading at least.
        mine: read by whoever asks.
        to_settle: in dispute.
        done: of which it is known what holds.
    """

    project: Project
    scans: int
    read: int
    mine: int
    to_settle: int
    done: int


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
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The model's answer, after the annotator's own."""

    prediction: Prediction
    agrees: bool
    """Whether it is what the annotator said."""
    trained_on: bool
    """Whether the model was trained on scans of this patient."""


@dataclass(frozen=True, slots=True)
class Dispute:
    """A scan that an educator should settle; it shows what everybody said."""

    sha256: str
    readings: dict[str, Reading]
    """By annotator."""
    differ: bool
    """Whether the diagnosis, or whether it is gradable, is in dispute."""
    flagged: bool
    differ_findings: tuple[str, ...] = ()
    """Findings that some saw and others did not."""
    differ_regions: tuple[str, ...] = ()
    """Findings that were outlined in different places."""
    sketches: dict[str, Reading] = field(default_factory=dict)
    """What educators drew to settle it with, by educator."""


class Annotating:
    """The use cases of annotating, of educators who are known to be such."""

    def __init__(
        self,
        store: Store,
        images: Images,
        shelf: Shelf,
        clock: Clock,
        draw_seed: Callable[[], int] = draw_seed,
        doubts: Doubts | None = None,
    ) -> None:
        """Take the parts; `draw_seed` gives a project's seed, which draws its controls."""
        self._store, self._images, self._shelf = store, images, shelf
        self._clock, self._draw_seed, self._doubts = clock, draw_seed, doubts
        self._predictions: dict[tuple[str | None, str], Prediction] = {}

    def create(
        self,
        name: str,
        title: str,
        deck: str,
        readers: int = 1,
        controls: float = 0.1,
        order: Order = Order.RANDOM,
        random_share: float = 0.2,
        suggest: bool = False,
    ) -> Project:
        """Order a deck to be annotated; see `Project` for the arguments.

        Raises:
            BadInputError: a value is of no use, or there is no such deck with scans.
            StaleError: the name is taken.
        """
        _check_name(name)
        _check_title(title)
        _check_between("readers", readers, 1, MOST_READERS)
        _check_between("a whole number of readers", readers, int(readers), int(readers))
        if controls != 0:
            _check_between(
                "a share of controls, 0 or else", controls, FEWEST_CONTROLS, MOST_CONTROLS
            )
        _check_between("a share at random", random_share, 0, 1)
        if order not in tuple(Order):
            raise BadInputError(
                f"Expected an order of {', '.join(Order)}. Received {str(order)[:64]!r}. Choose "
                "again."
            )
        if not self._store.count_cases(deck):
            raise BadInputError(
                f"Expected a deck with scans. Received {deck[:64]!r}. Choose one of the list."
            )
        project = Project(
            name=name,
            title=title.strip(),
            deck=deck,
            readers=int(readers),
            controls=float(controls),
            order=Order(order),
            random_share=float(random_share),
            suggest=bool(suggest),
            seed=self._draw_seed(),
            created_at=self._clock(),
        )
        self._store.add_project(project)
        return project

    def projects(self, who: str) -> tuple[Overview, ...]:
        """Return all projects, the latest first, with how far each has come."""
        return tuple(self._overview(project, who) for project in self._store.projects())

    def close(self, project: str) -> None:
        """Let a project give out no more scans; what was begun can still be finished."""
        self._store.close_project(self._project(project).name, self._clock())

    def reopen(self, project: str) -> None:
        """Let a closed project give out scans again."""
        self._store.close_project(self._project(project).name, None)

    def let_model_read(
        self, project: str, progress: Callable[[int, int], None] = lambda done, total: None
    ) -> tuple[int, int]:
        """Let the model answer scans of a project beforehand: its order goes by these answers.

        Each call adds AHEAD scans at most to those that the model has answered already.

        Args:
            project: its name; one in random order needs none.
            progress: called with (done, total).

        Returns:
            How many of the scans that lack a reader have the model's answer, and how many there
            are.
        """
        order = self._project(project)
        if order.order in (Order.RANDOM, Order.DOUBT):
            return 0, 0
        stages = self._store.stages_in(order.name)
        left = [c for c in self._store.cases_of(order.deck) if _lacks(stages.get(c.sha256), order)]
        try:
            predictor = self._shelf.current()
        except ModelError:
            return 0, len(left)
        left.sort(key=lambda case: chance(order, "ahead", case.sha256))
        known = [case for case in left if predictor.knows(case.sha256)]
        new = [case for case in left if not predictor.knows(case.sha256)][:AHEAD]
        answered = 0
        for done, case in enumerate([*known, *new], 1):
            answered += self._recall(predictor, case.sha256) is not None
            progress(done, len(known) + len(new))
        return answered, len(left)

    def doubt_labels(
        self, project: str, progress: Callable[[int, int], None] = lambda done, total: None
    ) -> tuple[Doubted, ...]:
        """Cross-validate over a project's deck: those whose label is doubted most come first.

        Args:
            project: its name.
            progress: called with (done, total) scans.

        Raises:
            BadInputError: the deck has too few scans, classes or patients.
        """
        order = self._project(project)
        return self._doubts.look(order.deck, progress) if self._doubts else ()

    def next(self, project: str, who: str) -> Task | None:
        """Return the annotator's open scan, or else give them the next.

        A scan that is gone from the data home is passed over, and the task's notice says so.

        Returns:
            None where nothing is left for them, or the project is closed.

        Raises:
            BadInputError: there is no such project, or the annotator's name is none.
        """
        order = self._project(project)
        _check_who(who)
        if order.closed_at is not None:
            return None
        notice = ""
        while found := self._assign(order, who):
            given, room = found
            try:
                scan = self._images.read(given.sha256)
            except (StoreError, BadScanError) as error:
                _log.warning("%s", error)
                notice = GONE
                self._store.finish_assignment(project, given.sha256, who, self._clock(), True)
            else:
                return self._task(room, given, scan, notice)
        return None

    def record(
        self,
        project: str,
        sha256: str,
        who: str,
        reading: Reading,
        source: Source = Source.HUMAN,
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
        order = self._project(project)
        given = self._own(project, sha256, who)
        log = self._store.entries_of(project, sha256)
        said = self._checked(sha256, reading, given.done_at is not None)
        shown = (model, model_sha256) if source is not Source.HUMAN else (None, None)
        if source is not Source.HUMAN:
            _check_source(log, who, source, shown)
        before = present(log, who)
        if said != before or not _is_told(log, who, source):
            self._append(order, sha256, who, Kind.READ, before, said, source, *shown)
        if is_complete(said):
            self._store.finish_assignment(project, sha256, who, self._clock(), False)

    def skip(self, project: str, sha256: str, who: str) -> None:
        """Put a scan aside: it is somebody else's then, and what was drawn is kept.

        Raises:
            StaleError: it is not this annotator's.
        """
        self._project(project)
        self._store.finish_assignment(project, sha256, who, self._clock(), True)

    def undo(self, project: str, who: str) -> Task | None:
        """Take the annotator's last change back, or the last skip, and return to that scan.

        Raises:
            BadInputError: there is nothing to take back.
            StaleError: it was changed in another tab meanwhile, or somebody else has it now.
            NotAllowedError: others have read it too, and it was not just now: what they said can
                be seen by then.
        """
        order = self._project(project)
        last = _last_change(self._store.entries_in(project, who))
        skipped = _last_skip(self._store.assignments_in(project, who))
        if skipped and (last is None or _skipped_at(skipped) >= last.at):
            self._store.reopen_assignment(project, skipped.sha256, who)
        elif last:
            self._refuse_replaced(last)
            self._refuse_late_undo(last)
            # first, since a reading that is open again is harmless, and none that is done is not
            self._store.reopen_assignment(project, last.sha256, who)
            self._append(order, last.sha256, who, Kind.UNDO, last.after, last.before)
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
        case = self._store.get_case(self._project(project).deck, sha256)
        trained_on = self._shelf.current().trained_on(sha256, case.patient)
        return Suggestion(prediction, mine.diagnosis is prediction.label, trained_on)

    def outline(self, project: str, sha256: str, who: str, label: Diagnosis) -> Mark:
        """Return the strongest area of the model's map of a class as a region to be edited.

        Raises:
            BadInputError: the map shows nothing.
            NotAllowedError, StaleError, ModelError, StoreError: see `suggestion`.
        """
        _, _, maps = self._after_first_answer(project, sha256, who)
        height, width = self._images.read(sha256).shape
        shape = strongest_area(maps[LABELS.index(label)], width, height)
        return check_mark(Mark(uuid.uuid4().hex, "other", shape), width, height)

    def disputes(self, project: str, who: str | None = None) -> tuple[Dispute, ...]:
        """Return the scans to settle: readers differ, or one flagged it; those begun first first.

        They differ in the diagnosis, in what they see or in where; over controls, whose class is
        known and which more readers see than others, in the diagnosis only.

        Args:
            project: its name.
            who: leave out what this educator may still have to read: they are to read it blind.
        """
        order = self._project(project)
        hidden = self.hidden_from(project, who) if who is not None else frozenset()
        found = _disputes(order, by_scan(self._store.entries_in(project)), self._controls(project))
        return tuple(each for each in found if each.sha256 not in hidden)

    def dispute(self, project: str, sha256: str, who: str | None = None) -> Dispute | None:
        """Return a scan as `disputes` would; None where it is not to be settled (any more)."""
        order = self._project(project)
        if who is not None and sha256 in self.hidden_from(project, who):
            return None
        log = self._store.entries_of(project, sha256)
        return _dispute(order, sha256, log, sha256 in self._controls(project))

    def hidden_from(self, project: str, who: str) -> frozenset[str]:
        """Return the scans that somebody reads, or may still be given, and is to read blind."""
        room = self._look(self._project(project))
        reading = {one.sha256 for one in room.of(who) if one.done_at is None}
        is_open = room.project.closed_at is None
        return frozenset(reading | {case.sha256 for case in room.free(who) if is_open})

    def sketch(self, project: str, sha256: str, who: str, marks: Iterable[Mark]) -> None:
        """Append the regions that an educator drew to settle a scan with; none are a drawing too.

        They are kept until the scan is settled, and settle nothing.

        Raises:
            BadInputError: they cannot be of this scan.
            NotAllowedError: the educator has this scan to read.
            StaleError: it was settled meanwhile.
            StoreError: the scan is not in the project, or gone from the data home.
        """
        order = self._project(project)
        _check_who(who)
        self._refuse_open(project, sha256, who)
        self._store.get_case(order.deck, sha256)
        log = self._store.entries_of(project, sha256)
        if standing(log).settled is not None:
            raise StaleError("This scan was settled meanwhile. Go on with another.")
        drawn = replace(_NOTHING, marks=tuple(marks))
        drawn = self._checked(sha256, drawn, complete=False) or _NOTHING
        before = present(log, who, Kind.SKETCH)
        if drawn != before:
            self._append(order, sha256, who, Kind.SKETCH, before, drawn)

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
        order = self._project(project)
        _check_who(who)
        self._refuse_open(project, sha256, who)
        if reading is not None:
            self._store.get_case(order.deck, sha256)
            reading = self._checked(sha256, reading, complete=True)
        log = self._store.entries_of(project, sha256)
        last = next((entry for entry in reversed(log) if is_settling(entry)), None)
        if reading == (last.after if last else None) and (last is None or last.who == who):
            return  # the same again
        self._append(order, sha256, who, Kind.SETTLE, before, reading)

    def history(self, project: str, sha256: str, who: str | None = None) -> tuple[Entry, ...]:
        """Return a scan's log, oldest first.

        Args:
            project: its name.
            sha256: of the scan.
            who: is refused while they have this scan to read, or may still be given it.

        Raises:
            NotAllowedError: they have.
        """
        self._project(project)
        self._refuse_hidden(project, sha256, who)
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
        order = self._project(project)
        _check_who(who)
        self._refuse_open(project, sha256, who)
        log = self._store.entries_of(project, sha256)
        stand = standing(log)
        wanted = _restored(log, stand, entry_id)
        if stand.settled != wanted:
            self._append(order, sha256, who, Kind.RESTORE, stand.settled, wanted)

    def at(self, project: str, sha256: str, time: datetime, who: str | None = None) -> Standing:
        """Return how a scan stood at a time, aware.

        Raises:
            NotAllowedError: see `history`.
        """
        log = self.history(project, sha256, who)
        return standing(entry for entry in log if entry.at <= time)

    def figures(self, project: str, who: str | None = None) -> Report:
        """Return how far a project's annotators agree, with each other and with the controls.

        Scans in which several drew are read from disk, for their sizes.

        Args:
            project: its name.
            who: has no figures on the controls before all is read: they would tell after each
                reading whether it was of a control.
        """
        order = self._project(project)
        entries = self._store.entries_in(project)
        truths = {case.sha256: case.label for case in self._store.cases_of(order.deck)}
        sizes = sizes_of(self._images, drawn_by_several(blind_readings(by_scan(entries))))
        hidden = {who} if who is not None and self.hidden_from(project, who) else frozenset()
        return report(entries, self._store.assignments_in(project), truths, sizes, hidden)

    def _project(self, name: str) -> Project:
        found = self._store.find_project(name) if isinstance(name, str) else None
        if found is None:
            raise BadInputError(
                f"Expected an annotation project. Received {str(name)[:64]!r}, which is none. "
                "Choose one of the list."
            )
        return found

    def _overview(self, project: Project, who: str) -> Overview:
        logs = by_scan(self._store.entries_in(project.name))
        stands = {sha256: standing(log) for sha256, log in logs.items()}
        readings = [complete_readings(stand) for stand in stands.values()]
        controls = self._controls(project.name)
        return Overview(
            project=project,
            scans=self._store.count_cases(project.deck),
            read=sum(map(bool, readings)),
            mine=sum(who in each for each in readings),
            to_settle=len(_disputes(project, logs, controls)),
            done=sum(
                result_of(stand, project, sha256 in controls) is not None
                for sha256, stand in stands.items()
            ),
        )

    def _controls(self, project: str) -> frozenset[str]:
        """Return the controls that were given to anybody yet."""
        given = self._store.assignments_in(project)
        return frozenset(one.sha256 for one in given if one.is_control)

    def _look(self, project: Project) -> Room:
        stages = self._store.stages_in(project.name)
        cases = self._store.cases_of(project.deck)
        given = self._store.assignments_in(project.name)
        return Room(project, cases, controls_of(project, cases), given, stages)

    def _assign(self, project: Project, who: str) -> tuple[Assignment, Room] | None:
        for _ in range(_TRIES):
            room = self._look(project)
            running = any(one.done_at is None for one in room.of(who))
            line = () if running else self._line(room, who)
            if not running and not line:
                return None
            found = self._store.assign(project.name, who, line, self._clock())
            if found:
                return found, room
        return None  # all in line was taken, again and again

    def _line(self, room: Room, who: str) -> tuple[tuple[str, bool], ...]:
        """Return the next scans for an annotator, first first, and which are controls.

        Whether the next is a control, and whether it comes at random, is drawn from the seed for
        each of the annotator's scans; controls then follow the same order as all.
        """
        project, count = room.project, str(len(room.of(who)))
        wants_control = chance(project, "control", who, count) < project.controls
        at_random = chance(project, "random", who, count) < project.random_share
        free = room.free(who)
        ordered = sorted(free, key=lambda case: chance(project, "order", case.sha256))
        if not at_random:
            ordered = self._by_interest(room, who, ordered)
        ordered.sort(key=lambda case: (case.sha256 in room.controls) != wants_control)
        there = (case for case in ordered if self._images.place(case.sha256).exists())
        return tuple((case.sha256, case.sha256 in room.controls) for case in islice(there, _AHEAD))

    def _by_interest(self, room: Room, who: str, cases: Sequence[Case]) -> list[Case]:
        if room.project.order is Order.RANDOM:
            return list(cases)
        if room.project.order is not Order.DOUBT:
            return self._by_model(room, who, cases)
        doubted = self._doubts.recall(room.project.deck) if self._doubts else ()
        rank = {each.sha256: place for place, each in enumerate(doubted)}
        return sorted(cases, key=lambda case: rank.get(case.sha256, len(rank)))

    def _by_model(self, room: Room, who: str, cases: Sequence[Case]) -> list[Case]:
        """Put those first that the model is known to be at odds with, most so first of all."""
        try:
            predictor = self._shelf.current()
        except ModelError:
            return list(cases)
        known = islice((case for case in cases if predictor.knows(case.sha256)), _LOOK)
        scores: dict[str, float] = {}
        for case in known:
            prediction = self._recall(predictor, case.sha256)
            if prediction is not None:
                said = said_by_others(room.stages.get(case.sha256), who) or [case.label]
                scores[case.sha256] = interest(room.project.order, prediction, said)
        first = [case for case in cases if case.sha256 in scores]
        first.sort(key=lambda case: -scores[case.sha256])
        return [*first, *(case for case in cases if case.sha256 not in scores)]

    def _recall(self, predictor: Predictor, sha256: str) -> Prediction | None:
        """Return a kept answer of the model; answers are few bytes and are held."""
        key = predictor.sha256, sha256
        if key not in self._predictions:
            try:
                prediction, _ = predictor.read(sha256, self._images.read(sha256))
            except (ModelError, StoreError, BadScanError):
                return None
            if len(self._predictions) >= _MOST_KEPT:
                self._predictions.clear()
            self._predictions[key] = prediction
        return self._predictions.get(key)

    def _task(self, room: Room, given: Assignment, scan: Pixels, notice: str) -> Task:
        project, who = room.project, given.who
        height, width = map(int, scan.shape)
        others = [case for case in room.free(who) if case.sha256 != given.sha256]
        return Task(
            project=project.name,
            sha256=given.sha256,
            scan=scan,
            width=width,
            height=height,
            synthetic=self._store.get_case(project.deck, given.sha256).synthetic,
            mine=present(self._store.entries_of(project.name, given.sha256), who),
            position=sum(one.done_at is not None and not one.skipped for one in room.of(who)) + 1,
            remaining=len(others) + 1,
            may_suggest=project.suggest,
            notice=notice or ("" if self._is_ordered(project, others) else UNORDERED),
        )

    def _is_ordered(self, project: Project, cases: Sequence[Case]) -> bool:
        """Whether anything is known of the cases, if there are any, that the order goes by."""
        if project.order is Order.RANDOM or not cases:
            return True
        if project.order is Order.DOUBT:
            doubted = self._doubts.recall(project.deck) if self._doubts else ()
            return not {each.sha256 for each in doubted}.isdisjoint(c.sha256 for c in cases)
        try:
            predictor = self._shelf.current()
        except ModelError:
            return False
        return any(predictor.knows(case.sha256) for case in cases)

    def _find_own(self, project: str, sha256: str, who: str | None) -> Assignment | None:
        return None if who is None else self._store.find_assignment(project, sha256, who)

    def _own(self, project: str, sha256: str, who: str) -> Assignment:
        given = self._find_own(project, sha256, who)
        if given is None:
            raise no_assignment()
        if given.skipped:
            raise StaleError("You put this scan aside. Take that back first (Undo).")
        return given

    def _refuse_replaced(self, last: Entry) -> None:
        log = self._store.entries_of(last.project, last.sha256)
        if present(log, last.who) != last.after:
            raise StaleError(
                "Expected your last answer as you gave it. It was changed since, in another tab or "
                "by an import, and is left as it is now. See the log."
            )

    def _refuse_late_undo(self, last: Entry) -> None:
        others = complete_readings(standing(self._store.entries_of(last.project, last.sha256)))
        is_late = self._clock() - last.at > UNDO_WITHIN
        if is_late and any(name != last.who for name in others):
            raise NotAllowedError(
                "Others have read this scan too, and what they said can be seen: a new answer "
                "would not be blind. Settle it instead."
            )

    def _refuse_open(self, project: str, sha256: str, who: str | None) -> None:
        given = self._find_own(project, sha256, who)
        if given is not None and given.done_at is None:
            raise _is_blind()

    def _refuse_hidden(self, project: str, sha256: str, who: str | None) -> None:
        if who is not None and sha256 in self.hidden_from(project, who):
            raise _is_blind()

    def _checked(self, sha256: str, reading: Reading, complete: bool) -> Reading | None:
        """Return a reading as it is kept; a draft without anything in it is none."""
        height, width = map(int, self._images.read(sha256).shape)
        if complete and not is_complete(reading):
            raise BadInputError(
                "Expected a diagnosis, or that the scan is ungradable. Received neither. Choose."
            )
        if not reading.gradable and reading.diagnosis is not None:
            raise BadInputError(
                f"Expected no diagnosis of an ungradable scan. Received {reading.diagnosis}. "
                "Choose again."
            )
        if is_complete(reading):
            check_reading(reading, width, height)
        else:  # a draft's regions are checked as they will be with a class
            check_reading(replace(reading, diagnosis=LABELS[0]), width, height)
        check_pixels(reading.marks, width, height)
        kept = _tidied(reading)
        return None if kept == replace(_NOTHING, response_ms=kept.response_ms) else kept

    def _after_first_answer(
        self, project: str, sha256: str, who: str
    ) -> tuple[Reading, Prediction, Maps]:
        """Return the own answer and then the model's; note in the log that it was shown."""
        order = self._project(project)
        self._own(project, sha256, who)
        log = self._store.entries_of(project, sha256)
        mine = present(log, who)
        if not order.suggest:
            raise NotAllowedError("This project offers no suggestions of the model.")
        if mine is None or not is_complete(mine):
            raise NotAllowedError("The model's suggestion comes after your own answer. Answer.")
        prediction, maps = self._shelf.current().read(sha256, self._images.read(sha256))
        shown = prediction.model, prediction.model_sha256
        if shown not in _shown_to(log, who):
            self._append(order, sha256, who, Kind.READ, mine, mine, Source.HUMAN, *shown)
        return mine, prediction, maps

    def _append(
        self,
        project: Project,
        sha256: str,
        who: str,
        kind: Kind,
        before: Reading | None,
        after: Reading | None,
        source: Source = Source.HUMAN,
        model: str | None = None,
        model_sha256: str | None = None,
    ) -> None:
        self._store.append_entry(
            Entry(
                id=uuid.uuid4().hex,
                at=self._clock(),
                who=who,
                deck=project.deck,
                sha256=sha256,
                project=project.name,
                kind=kind,
                before=before,
                after=after,
                source=source,
                model=model,
                model_sha256=model_sha256,
            )
        )


_NOTHING = Reading(gradable=True, diagnosis=None)


def result_of(standing: Standing, project: Project, is_control: bool = False) -> Reading | None:
    """Return what holds of a scan: what is settled, else what all its readers agree on.

    Args:
        standing: how it stands.
        project: which says how many read it.
        is_control: whether it is a hidden control: those are only in dispute over the diagnosis.

    Returns:
        None while fewer have read it than should, or they differ (see `disputes`).
    """
    found = said_together(standing, project)
    if standing.settled is not None or found is None or is_control:
        return found
    readings = complete_readings(standing).values()
    return None if findings_apart(readings) or regions_apart(readings) else found


def said_together(standing: Standing, project: Project) -> Reading | None:
    """Return what is settled, else what all readers of one diagnosis say together.

    Their regions and findings are joined, so that nothing anybody saw is lost; confidence is the
    lowest of theirs.

    Returns:
        None while fewer have read it than should, or they differ in the diagnosis.
    """
    if standing.settled is not None:
        return standing.settled
    readings = list(complete_readings(standing).values())
    if len(readings) < project.readers or not agree(readings):
        return None
    first = readings[0]
    return Reading(
        gradable=first.gradable,
        diagnosis=first.diagnosis,
        findings=tuple(sorted(frozenset[str]().union(*map(findings_of, readings)))),
        marks=_merged(readings),
        confidence=min(reading.confidence for reading in readings),
    )


def check_pixels(marks: Iterable[Mark], width: int, height: int) -> None:
    """Let regions pass that hold pixels of a scan of this size; only slight ones are looked at.

    Raises:
        BadInputError: one is too thin or small to hold the centre of a pixel.
    """
    for mark in marks:
        if _is_slight(mark) and not to_mask(mark.shape, width, height).any():
            raise BadInputError(
                "Expected a region that holds the centre of a pixel. Received a smaller one. Draw "
                "it larger, or set a point."
            )


def _is_slight(mark: Mark) -> bool:
    if isinstance(mark.shape, Spot | Brush):
        return False
    box = bounding_box(mark.shape)
    return min(box.width, box.height) < _SLIGHT


def sizes_of(images: Images, hashes: Iterable[str]) -> Sizes:
    """Return width and height of scans, pixels; those gone from the data home are left out."""
    sizes: dict[str, tuple[int, int]] = {}
    for sha256 in hashes:
        try:
            height, width = images.read(sha256).shape
        except (StoreError, BadScanError):
            continue
        sizes[sha256] = int(width), int(height)
    return sizes


def _merged(readings: Sequence[Reading]) -> tuple[Mark, ...]:
    """Return the regions of all, each once, by finding, with identities of their own."""
    marks = {(m.finding, m.caption, m.shape): m for reading in readings for m in reading.marks}
    by_finding = sorted(marks.values(), key=lambda mark: mark.finding)[:MAX_MARKS]
    return tuple(replace(mark, id=f"m{n}") for n, mark in enumerate(by_finding, start=1))


def _lacks(stage: Stage | None, project: Project) -> bool:
    """Whether a scan lacks a reader."""
    return stage is None or not (stage.is_settled or len(stage.said) >= project.readers)


def _is_blind() -> NotAllowedError:
    return NotAllowedError(
        "You have this scan to read, now or later, and are not to know what others say. Read it "
        "first, or skip it."
    )


def _disputes(
    project: Project, logs: Mapping[str, Sequence[Entry]], controls: Collection[str]
) -> list[Dispute]:
    found = (_dispute(project, sha, log, sha in controls) for sha, log in logs.items())
    return [each for each in found if each is not None]


def _dispute(
    project: Project, sha256: str, log: Sequence[Entry], is_control: bool
) -> Dispute | None:
    stand = standing(log)
    if stand.settled is not None:
        return None
    readings = list(complete_readings(stand).values())
    flagged = any(reading.flagged for reading in stand.readings.values())
    read = readings if len(readings) >= project.readers else []
    closer = [] if is_control else read
    found = Dispute(
        sha256=sha256,
        readings=dict(stand.readings),
        differ=not agree(read),
        flagged=flagged,
        differ_findings=findings_apart(closer),
        differ_regions=regions_apart(closer),
        sketches=stand.sketches,
    )
    differ = found.differ or found.differ_findings or found.differ_regions
    return found if differ or flagged else None


def _restored(log: Iterable[Entry], now: Standing, entry_id: str) -> Reading | None:
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


def _shown_to(log: Iterable[Entry], who: str) -> set[tuple[str | None, str | None]]:
    return {(entry.model, entry.model_sha256) for entry in log if entry.who == who}


def _check_source(
    log: Sequence[Entry], who: str, source: Source, model: tuple[str | None, str | None]
) -> None:
    shown = was_suggested(log, who) and model in _shown_to(log, who) and model[0] is not None
    if source not in SUGGESTED or not shown:
        raise BadInputError(
            f"Expected a suggestion that was shown to you. Received {str(source)!r} of the model "
            f"{str(model[0])[:64]!r}. Ask for the suggestion first."
        )


def _is_told(log: Sequence[Entry], who: str, source: Source) -> bool:
    """Whether the log says already where an annotator's present reading comes from."""
    own = [entry for entry in log if entry.who == who and is_reading(entry)]
    return source is Source.HUMAN or (bool(own) and own[-1].source is source)


def _last_change(own: Iterable[Entry]) -> Entry | None:
    """Return an annotator's last change that was not taken back, of the entries that are theirs."""
    changes: list[Entry] = []
    for entry in own:
        if not is_reading(entry) or entry.source is Source.IMPORTED:
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


def _tidied(reading: Reading) -> Reading:
    """Return a reading with numbers that can be, and a note that is no book."""
    return replace(
        reading,
        findings=tuple(dict.fromkeys(reading.findings)),
        marks=tuple(
            replace(mark, id=_plain(mark.id)[:MAX_ID], caption=_plain(mark.caption))
            for mark in reading.marks
        ),
        confidence=min(max(reading.confidence, 0), 5),
        response_ms=min(max(reading.response_ms, 0), MAX_RESPONSE_MS),
        note=_plain(reading.note)[:MAX_NOTE],
    )


def _plain(text: str) -> str:
    """Return a text that can be written as UTF-8: a browser can send halves of characters."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadInputError(
            "Expected a name of small letters, digits and -, at most 64. Received "
            f"{name[:80]!r}. Give another."
        )


def _check_title(title: str) -> None:
    if not 1 <= len(title.strip()) <= MAX_TITLE:
        raise BadInputError(
            f"Expected a title of 1 to {MAX_TITLE} characters. Received {len(title.strip()):,}. "
            "Write another."
        )


def _check_between(what: str, value: float, low: float, high: float) -> None:
    if isinstance(value, bool) or not low <= value <= high:
        raise BadInputError(f"Expected {what}, {low} to {high}. Received {value!r}. Choose again.")


def _check_who(who: str) -> None:
    if not isinstance(who, str) or not 1 <= len(who) <= 64 or not who.isprintable():
        raise BadInputError(
            f"Expected an annotator's name. Received {str(who)[:64]!r}. Sign in again."
        )
