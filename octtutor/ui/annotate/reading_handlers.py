"""What the events of step 2 of the tab Annotate do: reading, drawing, the model's answer."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from octtutor.core.annotation.annotation import (
    FINDINGS,
    Mark,
    Project,
    Reading,
    ReadingSource,
    present,
)
from octtutor.errors import BadInputError, OctTutorError, StaleError
from octtutor.store.contract import Store
from octtutor.tutor.annotation.annotating import Annotating
from octtutor.tutor.annotation.blind_readings import is_complete
from octtutor.tutor.annotation.reading import Task
from octtutor.tutor.ports import Images
from octtutor.ui.annotate.project_handlers import find_project, is_project, whole_number
from octtutor.ui.annotate.texts import ANNOTATE
from octtutor.ui.annotate.views import View, ask_view, idle_view, look_view
from octtutor.ui.canvas.canvas import answer_view, outline_view, read_marks, suggestion_view

SUGGESTED = "model-"
"""Begins the id of a region that the model suggested."""
_TRIES = 3
_UNSAID = Reading(gradable=True, diagnosis=None)


@dataclass(frozen=True, slots=True)
class ReadingArea:
    """What the reading area shows; None leaves a part as it is."""

    panel: View
    outline: View | None = None


@dataclass(frozen=True, slots=True)
class _Seat:
    """A scan that was given to an annotator."""

    project: Project
    sha256: str
    who: str

    @property
    def place(self) -> tuple[str, str, str]:
        """The project's name, the scan and the annotator."""
        return self.project.name, self.sha256, self.who


class ReadingHandlers:
    """Reading: the scan that is open, what is said of it, and what is drawn on it."""

    def __init__(self, annotating: Annotating, store: Store, images: Images) -> None:
        """Take the use cases, the records and the scans."""
        self._do, self._store, self._images = annotating, store, images

    def open(self, project: Any, who: str) -> ReadingArea:
        """Show the scan that an annotator has open, or give them the next."""
        if not is_project(self._store, project):
            return ReadingArea(idle_view(None, ANNOTATE["idle_none"]))
        return self._screen(project, who, self._do.annotators.next(project, who))

    def act(self, who: str, data: Any) -> ReadingArea:
        """Do what the panel asks for: say, correct, accept, keep, skip or undo.

        Raises:
            BadInputError: it asks for something else, or says what cannot be.
            StaleError: the scan is not theirs any more.
        """
        sent = data if isinstance(data, dict) else {}
        if sent.get("do") == "undo":
            project = find_project(self._store, sent.get("project")).name
            return self._screen(project, who, self._do.annotators.undo(project, who))
        seat = self._seat(sent.get("task"), who)
        acts: dict[Any, Callable[[_Seat, dict[str, Any]], None]] = {
            "say": self._say,
            "correct": self._say,
            "accept": self._accept,
            "keep": lambda seat, sent: self._record(seat, lambda mine: _remarked(mine, sent)),
            "skip": lambda seat, sent: self._do.annotators.skip(*seat.place),
        }
        act = acts.get(sent.get("do"))
        if act is None:
            raise BadInputError(ANNOTATE["bad_said"].format(value=str(sent.get("do"))[:40]))
        act(seat, sent)
        if sent.get("do") == "say" and seat.project.suggest:
            return self._look(seat)
        return self.open(seat.project.name, who)

    def draw(self, who: str, payload: Any) -> View:
        """Keep the regions that the canvas sent, as a draft until the scan is answered."""
        try:
            seat = self._seat(payload.get("task") if isinstance(payload, dict) else None, who)
            height, width = map(int, self._images.read(seat.sha256).shape)
            marks = read_marks(payload, width, height)
            before = self._mine(seat)
            source = _source_of(marks, before.marks if before else ())
            self._record(seat, lambda mine: replace(mine or _UNSAID, marks=marks), source)
        except OctTutorError as error:
            return answer_view(payload, str(error))
        return answer_view(payload)

    def suggest_outline(self, who: str, payload: Any) -> View:
        """Return what the model looked at for its answer, as a region to edit."""
        token = str(payload.get("task") if isinstance(payload, dict) else "")
        try:
            seat = self._seat(token, who)
            label = self._do.annotators.suggestion(*seat.place).prediction.label
            mark = self._do.annotators.outline(*seat.place, label)
        except OctTutorError as error:
            return suggestion_view(token, None, str(error))
        return suggestion_view(token, replace(mark, id=f"{SUGGESTED}{mark.id}"))

    def _say(self, seat: _Seat, sent: dict[str, Any]) -> None:
        """Record the own answer, or one that the model's has corrected."""
        said, source = read_said(sent), ReadingSource.CORRECTED
        if sent["do"] == "say":
            source = ReadingSource.HUMAN
            if is_complete(self._mine(seat)):
                raise StaleError(ANNOTATE["said_already"])
        self._record(seat, lambda mine: replace(said, marks=mine.marks if mine else ()), source)

    def _accept(self, seat: _Seat, sent: dict[str, Any]) -> None:
        label = self._do.annotators.suggestion(*seat.place).prediction.label

        def accept(mine: Reading | None) -> Reading:
            return replace(_remarked(mine, sent), gradable=True, diagnosis=label)

        self._record(seat, accept, ReadingSource.ACCEPTED)

    def _record(
        self,
        seat: _Seat,
        change: Callable[[Reading | None], Reading],
        source: ReadingSource = ReadingSource.HUMAN,
    ) -> None:
        """Record a change of what stands; a stroke and an answer may arrive at once."""
        model: tuple[str | None, str | None] = None, None
        if source is not ReadingSource.HUMAN:
            shown = self._do.annotators.suggestion(*seat.place).prediction
            model = shown.model, shown.model_sha256
        for left in range(_TRIES, 0, -1):
            reading = change(self._mine(seat))
            try:
                self._do.annotators.record(*seat.place, reading, source, *model)
                return
            except StaleError:
                if left == 1:
                    raise

    def _look(self, seat: _Seat) -> ReadingArea:
        """Show the model's answer beside the own one; go on where the model cannot be used."""
        mine = self._mine(seat)
        try:
            suggestion = self._do.annotators.suggestion(*seat.place)
            scan = self._images.read(seat.sha256)
        except OctTutorError as error:
            screen = self.open(seat.project.name, seat.who)
            return replace(screen, panel={**screen.panel, "notice": str(error)})
        if mine is None:
            raise StaleError(ANNOTATE["lost_task"])
        token = scan_token(seat.project, seat.sha256, seat.who)
        return ReadingArea(
            look_view(seat.project.name, token, mine, suggestion),
            outline_view(token, scan, mine.marks, suggests=True),
        )

    def _screen(self, project: str, who: str, task: Task | None) -> ReadingArea:
        order = find_project(self._store, project)
        if task is None:
            return ReadingArea(idle_view(project, self._why_idle(order, who)))
        token = scan_token(order, task.sha256, who)
        marks = task.mine.marks if task.mine else ()
        return ReadingArea(ask_view(token, task), outline_view(token, task.scan, marks))

    def _why_idle(self, project: Project, who: str) -> str:
        if project.closed_at:
            return ANNOTATE["idle_closed"]
        if left := self._do.settling.hidden_from(project.name, who):
            return ANNOTATE["idle_gone"].format(left=len(left))
        given = self._store.assignments_in(project.name, who)
        done = sum(one.done_at is not None and not one.skipped for one in given)
        return ANNOTATE["idle_done"].format(n=done)

    def _seat(self, token: Any, who: str) -> _Seat:
        """Find whose scan a page's token names; the page itself never learns the scan's hash."""
        name = str(token).partition(".")[0]
        project = self._store.find_project(name)
        given = self._store.assignments_in(name, who) if project else ()
        for one in reversed(given):  # most often it is the last
            if project and scan_token(project, one.sha256, who) == token:
                return _Seat(project, one.sha256, who)
        raise StaleError(ANNOTATE["lost_task"])

    def _mine(self, seat: _Seat) -> Reading | None:
        log = self._store.entries_of(seat.project.name, seat.sha256)
        return present(log, seat.who)


def read_said(sent: Mapping[str, Any]) -> Reading:
    """Return what the panel says of a scan, without regions.

    Raises:
        BadInputError: it says what no panel says.
    """
    try:
        gradable, diagnosis = sent["gradable"], sent["diagnosis"]
        findings, note = sent["findings"], sent["note"]
        if not isinstance(gradable, bool) or not isinstance(note, str):
            raise TypeError(gradable)
        if gradable and not isinstance(diagnosis, str):
            raise TypeError(diagnosis)
        return Reading(
            gradable=gradable,
            diagnosis=diagnosis if gradable else None,
            findings=tuple(name for name in FINDINGS if name in findings),
            confidence=whole_number(sent["confidence"], "confidence"),
            response_ms=whole_number(sent["ms"], "time"),
            flagged=sent["flagged"] is True,
            note=note,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadInputError(ANNOTATE["bad_said"].format(value=str(error)[:60])) from error


def _remarked(mine: Reading | None, sent: Mapping[str, Any]) -> Reading:
    """Return a reading with the findings, flag and note that the panel shows now."""
    reading, findings, note = mine or _UNSAID, sent.get("findings"), sent.get("note")
    return replace(
        reading,
        findings=tuple(name for name in FINDINGS if name in findings)
        if isinstance(findings, list)
        else reading.findings,
        flagged=sent.get("flagged") is True,
        note=note if isinstance(note, str) else reading.note,
    )


def scan_token(project: Project, sha256: str, who: str) -> str:
    """Name a scan for a page: the hash itself would tell whoever has the files which it is."""
    text = f"{project.seed}|{project.created_at.timestamp()}|{sha256}|{who}"
    return f"{project.name}.{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"


def _source_of(marks: Sequence[Mark], before: Sequence[Mark]) -> ReadingSource:
    """Return where regions come from: a suggested one that is new, or one that was changed."""
    known = {mark.id: mark.shape for mark in before}
    suggested = [mark for mark in marks if mark.id.startswith(SUGGESTED)]
    if any(mark.id in known and known[mark.id] != mark.shape for mark in suggested):
        return ReadingSource.CORRECTED
    return (
        ReadingSource.ACCEPTED
        if any(one.id not in known for one in suggested)
        else ReadingSource.HUMAN
    )
