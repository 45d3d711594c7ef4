"""What the events of the tab Annotate do. Values in, values out; knows no component."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from octtutor.core.annotation import (
    FINDINGS,
    Entry,
    Mark,
    Order,
    Project,
    Reading,
    Source,
    is_settling,
    present,
    standing,
)
from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.errors import BadInputError, BadScanError, OctTutorError, StaleError, StoreError
from octtutor.store.contract import Store
from octtutor.tutor.annotating import AHEAD, Annotating, Dispute, Task
from octtutor.tutor.annotators import by_scan, is_complete
from octtutor.tutor.lessons import Lessons
from octtutor.tutor.ports import Clock, Images
from octtutor.ui import annotate_files
from octtutor.ui.annotate_texts import ANNOTATE
from octtutor.ui.annotate_views import (
    View,
    ask_view,
    differ_in_words,
    differ_view,
    doubts_view,
    downloads_view,
    figures_view,
    idle_view,
    import_view,
    log_view,
    look_view,
    name_of,
    project_choice,
    projects_table,
    publish_state,
    published_view,
    readings_view,
    said_in_words,
    told_line,
)
from octtutor.ui.outline import answer_view, outline_view, read_marks, suggestion_view
from octtutor.ui.scans import uploaded_file

Choices = list[tuple[str, str]]
SOMETHING_ELSE, ALL, OWN, NO_REGIONS = "\n", "\n all", "\n own", "\n none"
"""Choices that cannot be an annotator's name."""
SUGGESTED = "model-"
"""Begins the id of a region that the model suggested."""
_TRIES = 3
_UNSAID = Reading(gradable=True, diagnosis=None)


@dataclass(frozen=True, slots=True)
class Screen:
    """What the reading area shows; None leaves a part as it is."""

    panel: View
    outline: View | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """A new project as it was typed; nothing of it is checked."""

    name: Any
    title: Any
    deck: Any
    readers: Any
    controls: Any
    """Percent."""
    order: Any
    random_share: Any
    """Percent."""
    suggest: Any


@dataclass(frozen=True, slots=True)
class _Seat:
    """A scan that was given to an annotator."""

    project: Project
    sha256: str
    who: str


class AnnotateHandlers:
    """The tab's use cases, for an annotator who is known to be an educator."""

    def __init__(
        self,
        annotating: Annotating,
        lessons: Lessons,
        store: Store,
        images: Images,
        clock: Clock,
        uploads: Path,
    ) -> None:
        """Take the use cases, the records, the scans, a clock, and the folder of uploads."""
        self._do, self._lessons = annotating, lessons
        self._store, self._images = store, images
        self._clock, self._uploads = clock, uploads

    # ---- projects --------------------------------------------------------------------------

    def projects(self) -> Choices:
        """Return the projects to choose from, the latest first."""
        return [(project_choice(each), each.name) for each in self._store.projects()]

    def first(self, who: str) -> str | None:
        """Return the project to begin with: where the annotator has a scan, else the latest."""
        projects = self._store.projects()
        there = [each for each in projects if each.closed_at is None] or list(projects)
        begun = [each for each in there if self._has_open(each.name, who)]
        return next((each.name for each in (*begun, *there)), None)

    def decks(self) -> Choices:
        """Return the decks that can be annotated."""
        decks = (deck for deck in self._store.decks() if deck.complete)
        return [(f"{deck.title} ({deck.name})", deck.name) for deck in decks]

    def table(self, who: str, chosen: Any) -> str:
        """Draw the projects."""
        return projects_table(self._do.projects(who), chosen if isinstance(chosen, str) else None)

    def create(self, form: Form) -> tuple[str, str]:
        """Make a project; return its name and a line that says so.

        Raises:
            BadInputError: something in the form is of no use.
            StaleError: the name is taken.
        """
        order = str(form.order or "")
        if order not in list(Order):
            raise BadInputError(ANNOTATE["need_order"].format(value=order[:40]))
        project = self._do.create(
            name=str(form.name or "").strip(),
            title=str(form.title or "").strip() or str(form.name or "").strip(),
            deck=str(form.deck or ""),
            readers=_whole(form.readers, ANNOTATE["readers"]),
            controls=_number(form.controls, ANNOTATE["controls"]) / 100,
            order=Order(order),
            random_share=_number(form.random_share, ANNOTATE["random_share"]) / 100,
            suggest=form.suggest is True,
        )
        line = ANNOTATE["created" if project.readers > 1 else "one_reader"]
        scans = self._store.count_cases(project.deck)
        return project.name, line.format(title=project.title, scans=scans, readers=project.readers)

    def read_ahead(self, project: Any, progress: Callable[[int, int], None]) -> str:
        """Reckon what a project's order goes by, and draw a line that says what came of it."""
        found = self._project(project)
        if found.order is Order.RANDOM:
            return ""
        if found.order is Order.DOUBT:
            return self._doubt(found, progress)
        known, left = self._do.let_model_read(found.name, progress)
        if not known:
            return told_line(ANNOTATE["not_read_ahead" if left else "nothing_ahead"])
        more = ANNOTATE["read_more"].format(most=AHEAD) if known < left else ""
        return told_line(ANNOTATE["read_ahead"].format(n=known, left=left) + more)

    def order_anew(self, project: Any, progress: Callable[[int, int], None]) -> str:
        """Reckon a project's order by the present model and deck, and draw what came of it."""
        return self.read_ahead(project, progress) or told_line(ANNOTATE["is_random"])

    def _doubt(self, project: Project, progress: Callable[[int, int], None]) -> str:
        try:
            return doubts_view(self._do.doubt_labels(project.name, progress))
        except OctTutorError as error:
            return told_line(ANNOTATE["not_doubted"].format(why=error))

    def close(self, project: Any) -> str:
        """Close a project."""
        self._do.close(self._project(project).name)
        return ANNOTATE["closed"]

    def reopen(self, project: Any) -> str:
        """Open a project again."""
        self._do.reopen(self._project(project).name)
        return ANNOTATE["reopened"]

    # ---- reading ---------------------------------------------------------------------------

    def open(self, project: Any, who: str) -> Screen:
        """Show the scan that an annotator has open, or give them the next."""
        if not isinstance(project, str) or self._store.find_project(project) is None:
            return Screen(idle_view(None, ANNOTATE["idle_none"]))
        return self._screen(project, who, self._do.next(project, who))

    def act(self, who: str, data: Any) -> Screen:
        """Do what the panel asks for: say, correct, accept, keep, skip or undo.

        Raises:
            BadInputError: it asks for something else, or says what cannot be.
            StaleError: the scan is not theirs any more.
        """
        sent = data if isinstance(data, dict) else {}
        if sent.get("do") == "undo":
            project = self._project(sent.get("project")).name
            return self._screen(project, who, self._do.undo(project, who))
        seat = self._seat(sent.get("task"), who)
        acts: dict[Any, Callable[[_Seat, dict[str, Any]], None]] = {
            "say": self._say,
            "correct": self._correct,
            "accept": self._accept,
            "keep": self._keep,
            "skip": lambda seat, sent: self._do.skip(seat.project.name, seat.sha256, who),
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
            place = seat.project.name, seat.sha256, who
            label = self._do.suggestion(*place).prediction.label
            mark = self._do.outline(*place, label)
        except OctTutorError as error:
            return suggestion_view(token, None, str(error))
        return suggestion_view(token, replace(mark, id=f"{SUGGESTED}{mark.id}"))

    def _say(self, seat: _Seat, sent: dict[str, Any]) -> None:
        said = read_said(sent)
        if is_complete(self._mine(seat)):
            raise StaleError(ANNOTATE["said_already"])
        self._record(seat, lambda mine: replace(said, marks=mine.marks if mine else ()))

    def _correct(self, seat: _Seat, sent: dict[str, Any]) -> None:
        said = read_said(sent)
        self._record(
            seat, lambda mine: replace(said, marks=mine.marks if mine else ()), Source.CORRECTED
        )

    def _accept(self, seat: _Seat, sent: dict[str, Any]) -> None:
        label = self._do.suggestion(seat.project.name, seat.sha256, seat.who).prediction.label

        def accept(mine: Reading | None) -> Reading:
            return replace(_remarked(mine, sent), gradable=True, diagnosis=label)

        self._record(seat, accept, Source.ACCEPTED)

    def _keep(self, seat: _Seat, sent: dict[str, Any]) -> None:
        self._record(seat, lambda mine: _remarked(mine, sent))

    def _record(
        self,
        seat: _Seat,
        change: Callable[[Reading | None], Reading],
        source: Source = Source.HUMAN,
    ) -> None:
        """Record a change of what stands; a stroke and an answer may arrive at once."""
        model: tuple[str | None, str | None] = None, None
        if source is not Source.HUMAN:
            shown = self._do.suggestion(seat.project.name, seat.sha256, seat.who).prediction
            model = shown.model, shown.model_sha256
        for left in range(_TRIES, 0, -1):
            reading = change(self._mine(seat))
            try:
                self._do.record(seat.project.name, seat.sha256, seat.who, reading, source, *model)
                return
            except StaleError:
                if left == 1:
                    raise

    def _look(self, seat: _Seat) -> Screen:
        """Show the model's answer beside the own one; go on where the model cannot be used."""
        mine = self._mine(seat)
        try:
            suggestion = self._do.suggestion(seat.project.name, seat.sha256, seat.who)
            scan = self._images.read(seat.sha256)
        except OctTutorError as error:
            screen = self.open(seat.project.name, seat.who)
            return replace(screen, panel={**screen.panel, "notice": str(error)})
        if mine is None:
            raise StaleError(ANNOTATE["lost_task"])
        token = _token(seat.project, seat.sha256, seat.who)
        return Screen(
            look_view(seat.project.name, token, mine, suggestion),
            outline_view(token, scan, mine.marks, suggests=True),
        )

    def _screen(self, project: str, who: str, task: Task | None) -> Screen:
        order = self._project(project)
        if task is None:
            return Screen(idle_view(project, self._why_idle(order, who)))
        token = _token(order, task.sha256, who)
        marks = task.mine.marks if task.mine else ()
        return Screen(ask_view(token, task), outline_view(token, task.scan, marks))

    def _why_idle(self, project: Project, who: str) -> str:
        if project.closed_at:
            return ANNOTATE["idle_closed"]
        if left := self._do.hidden_from(project.name, who):
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
            if project and _token(project, one.sha256, who) == token:
                return _Seat(project, one.sha256, who)
        raise StaleError(ANNOTATE["lost_task"])

    def _mine(self, seat: _Seat) -> Reading | None:
        log = self._store.entries_of(seat.project.name, seat.sha256)
        return present(log, seat.who)

    # ---- settling --------------------------------------------------------------------------

    def disputes(self, project: Any, who: str) -> Choices:
        """Return what is to be settled."""
        if not isinstance(project, str) or self._store.find_project(project) is None:
            return []
        found = self._do.disputes(project, who)
        return [(_dispute_line(n, each), each.sha256) for n, each in enumerate(found, start=1)]

    def dispute(self, project: Any, sha256: Any, who: str) -> Dispute | None:
        """Return one that is to be settled, None where it is not (any more)."""
        if not self.is_project(project) or not isinstance(sha256, str):
            return None
        return self._do.dispute(project, sha256, who)

    def dispute_view(self, dispute: Dispute | None) -> str:
        """Draw all readings of a scan side by side."""
        if dispute is None:
            return f"<p>{ANNOTATE['no_dispute']}</p>"
        return differ_view(dispute) + self._pictures(dispute.sha256, dispute.readings)

    def settling_view(
        self, project: Any, dispute: Dispute | None, regions: Any, who: str
    ) -> View | None:
        """Return the canvas's value with regions to begin with; None without a scan to draw on."""
        if dispute is None:
            return None
        try:
            scan = self._images.read(dispute.sha256)
        except (StoreError, BadScanError):
            return None
        token = _settling_token(self._project(project), dispute.sha256, who)
        return outline_view(token, scan, _marks_of(dispute, regions, who))

    def sketch(self, who: str, payload: Any) -> tuple[View, Dispute | None]:
        """Keep the regions that the canvas sent, to settle a scan with.

        Returns:
            The canvas's value, and the scan as it is to be settled now; None where nothing is kept.
        """
        token = str(payload.get("task") if isinstance(payload, dict) else None)
        name, sha256 = token.partition(".")[0], token.rpartition(".")[2]
        try:
            project = self._store.find_project(name)
            if project is None or _settling_token(project, sha256, who) != token:
                raise StaleError(ANNOTATE["lost_task"])
            height, width = map(int, self._images.read(sha256).shape)
            self._do.sketch(name, sha256, who, read_marks(payload, width, height))
            return answer_view(payload), self._do.dispute(name, sha256)
        except OctTutorError as error:
            return answer_view(payload, str(error)), None

    def settle(
        self,
        project: Any,
        sha256: Any,
        who: str,
        holds: Any,
        other: Any,
        findings: Any,
        regions: Any,
        note: Any,
    ) -> str:
        """Settle a scan and return a line that says so.

        Args:
            project: its name.
            sha256: of the scan.
            who: the educator.
            holds: the annotator whose reading holds, or SOMETHING_ELSE.
            other: a class or `UNGRADABLE`, where it is something else.
            findings: likewise.
            regions: whose regions hold, ALL, OWN (as the educator drew them) or NO_REGIONS.
            note: why.

        Raises:
            BadInputError: nothing is chosen.
            StaleError: somebody else settled it meanwhile.
        """
        order = self._project(project)
        dispute = self.dispute(project, sha256, who)
        if dispute is None:
            raise BadInputError(ANNOTATE["need_dispute"])
        reading = _held(dispute, holds, other, findings)
        marks = _marks_of(dispute, regions, who)
        words = str(note or "").strip()
        self._do.settle(
            order.name, dispute.sha256, who, replace(reading, marks=marks, note=words), None
        )
        left = len(self._do.disputes(order.name, who))
        return ANNOTATE["settled"].format(said=said_in_words(reading), left=left)

    # ---- figures and log -------------------------------------------------------------------

    def figures(self, project: Any, who: str) -> str:
        """Draw a project's figures; one's own on the controls once all is read."""
        if not self.is_project(project):
            return f"<p>{ANNOTATE['no_projects']}</p>"
        return figures_view(self._do.figures(project, who))

    def log_scans(self, project: Any, who: str) -> Choices:
        """Return a project's scans that have a log, without the one that is open to read."""
        if not self.is_project(project):
            return []
        logs = by_scan(self._store.entries_in(project))
        hidden = self._do.hidden_from(project, who)
        shown = [(sha256, log) for sha256, log in logs.items() if sha256 not in hidden]
        return [(_log_line(n, sha, log), sha) for n, (sha, log) in enumerate(shown, start=1)]

    def log(self, project: Any, sha256: Any, who: str) -> tuple[str, Choices]:
        """Draw a scan's log; return the entries to choose from, too."""
        if not self.is_project(project) or not isinstance(sha256, str):
            return f"<p>{ANNOTATE['log_none']}</p>", []
        entries = self._do.history(project, sha256, who)
        lines = [
            (
                ANNOTATE["entry_choice"].format(
                    n=n, at=entry.at, who=name_of(entry.who), kind=entry.kind
                ),
                entry.id,
            )
            for n, entry in enumerate(entries, start=1)
        ]
        return log_view(entries, standing(entries)), lines

    def state(self, project: Any, sha256: Any, entry_id: Any, who: str) -> str:
        """Draw how a scan stood after an entry of its log."""
        entries, at = self._find_entry(project, sha256, entry_id, who)
        stand = standing(entries[: at + 1])
        shown = dict(stand.readings)
        if stand.settled is not None:
            shown = {ANNOTATE["settled_by"]: stand.settled, **shown}
        for drawer, drawn in stand.sketches.items():
            shown[ANNOTATE["sketch_by"].format(who=name_of(drawer))] = drawn
        if not shown:
            return f"<p>{ANNOTATE['nothing']}</p>"
        return self._pictures(entries[at].sha256, shown)

    def restore(self, project: Any, sha256: Any, entry_id: Any, who: str) -> str:
        """Make what an entry said hold again, and return a line that says so."""
        entries, at = self._find_entry(project, sha256, entry_id, who)
        self._do.restore(project, sha256, entries[at].id, who)
        return ANNOTATE["restored"]

    # ---- out, in, into the rest ------------------------------------------------------------

    def export(self, project: Any, who: str) -> str:
        """Write all formats and return links that hold them."""
        order = self._project(project)
        files, faults = annotate_files.write_all(self._store, self._images, order)
        if not files:
            return f"<p>{ANNOTATE['export_none']}</p>"
        read = {entry.sha256 for entry in self._store.entries_in(order.name) if entry.who != who}
        unread = read & self._do.hidden_from(order.name, who)
        return downloads_view(order.name, files, faults, len(unread))

    def bring_in(self, project: Any, upload: Any, who: str) -> str:
        """Import an uploaded file into a project, remove it, and return the report."""
        order = self._project(project)
        path = uploaded_file(upload, self._uploads)
        done = annotate_files.bring_in(self._store, self._images, order, path, who, self._clock)
        path.unlink(missing_ok=True)
        line = ANNOTATE["imported"].format(
            scans=done.scans, added=done.added, replaced=done.replaced, already=done.already
        )
        return import_view(line, done.faults)

    def publish_state(self, project: Any, who: str) -> str:
        """Draw how far a project is."""
        if not self.is_project(project):
            return f"<p>{ANNOTATE['no_projects']}</p>"
        overview = next(one for one in self._do.projects(who) if one.project.name == project)
        return publish_state(overview, self._do.figures(project).agreement)

    def publish(self, project: Any, deck: Any, title: Any) -> str:
        """Make a deck of a project and return the report."""
        order = self._project(project)
        name = str(deck or "").strip()
        return published_view(
            self._lessons.publish(order.name, name, str(title or "").strip() or order.title)
        )

    def is_project(self, name: Any) -> bool:
        """Whether there is a project of this name."""
        return isinstance(name, str) and self._store.find_project(name) is not None

    # ---- within ----------------------------------------------------------------------------

    def _project(self, name: Any) -> Project:
        found = self._store.find_project(name) if isinstance(name, str) else None
        if found is None:
            raise BadInputError(ANNOTATE["need_project"])
        return found

    def _has_open(self, project: str, who: str) -> bool:
        return any(one.done_at is None for one in self._store.assignments_in(project, who))

    def _pictures(self, sha256: str, readings: Mapping[str, Reading]) -> str:
        try:
            return readings_view(self._images.read(sha256), readings)
        except (StoreError, BadScanError) as error:
            return f"<p>{ANNOTATE['gone'].format(why=error)}</p>"

    def _find_entry(
        self, project: Any, sha256: Any, entry_id: Any, who: str
    ) -> tuple[tuple[Entry, ...], int]:
        order = self._project(project)
        entries = self._do.history(order.name, str(sha256 or ""), who)
        for at, entry in enumerate(entries):
            if entry.id == entry_id:
                return entries, at
        raise BadInputError(ANNOTATE["need_entry"])


def holds_choices(dispute: Dispute | None) -> Choices:
    """Return what can hold of a scan: each complete reading, or something else."""
    readings = dispute.readings.items() if dispute else ()
    line = ANNOTATE["as_reader"]
    return [
        *(
            (line.format(who=name_of(who), said=said_in_words(reading)), who)
            for who, reading in readings
            if is_complete(reading)
        ),
        (ANNOTATE["something_else"], SOMETHING_ELSE),
    ]


def region_choices(dispute: Dispute | None, who: str | None = None) -> Choices:
    """Return whose regions can hold; those that an educator drew to settle it with come first."""
    drawn = {who: len(one.marks) for who, one in dispute.readings.items()} if dispute else {}
    line = ANNOTATE["regions_as"]
    total = len(_all_marks(dispute)) if dispute else 0
    own = dispute.sketches.get(who) if dispute and who else None
    return [
        *([(ANNOTATE["regions_own"].format(n=len(own.marks)), OWN)] if own else []),
        (ANNOTATE["regions_all"].format(n=total), ALL),
        *((line.format(who=name_of(who), n=n), who) for who, n in drawn.items() if n),
        (ANNOTATE["regions_none"], NO_REGIONS),
    ]


def first_regions(dispute: Dispute | None, who: str) -> str:
    """Return whose regions an educator begins with: their own drawing, or else all."""
    return OWN if dispute and who in dispute.sketches else ALL


def regions_with(dispute: Dispute | None, holds: Any, regions: Any) -> str:
    """Return whose regions go with a reading that holds; one's own drawing stays."""
    if regions == OWN:
        return OWN
    if holds == SOMETHING_ELSE:
        return ALL
    reading = dispute.readings.get(holds) if dispute and isinstance(holds, str) else None
    return holds if reading and reading.marks else NO_REGIONS


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
        return Reading(
            gradable=gradable,
            diagnosis=Diagnosis(diagnosis) if gradable else None,
            findings=tuple(name for name in FINDINGS if name in findings),
            confidence=_whole(sent["confidence"], "confidence"),
            response_ms=_whole(sent["ms"], "time"),
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


def _token(project: Project, sha256: str, who: str) -> str:
    """Name a scan for a page: the hash itself would tell whoever has the files which it is."""
    text = f"{project.seed}|{project.created_at.timestamp()}|{sha256}|{who}"
    return f"{project.name}.{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"


def _settling_token(project: Project, sha256: str, who: str) -> str:
    """Name a scan that somebody settles for their canvas; they know its hash."""
    return f"{_token(project, f'settle {sha256}', who)}.{sha256}"


def _source_of(marks: Sequence[Mark], before: Sequence[Mark]) -> Source:
    """Return where regions come from: a suggested one that is new, or one that was changed."""
    known = {mark.id: mark.shape for mark in before}
    suggested = [mark for mark in marks if mark.id.startswith(SUGGESTED)]
    if any(mark.id in known and known[mark.id] != mark.shape for mark in suggested):
        return Source.CORRECTED
    return Source.ACCEPTED if any(one.id not in known for one in suggested) else Source.HUMAN


def _held(dispute: Dispute, holds: Any, other: Any, findings: Any) -> Reading:
    if holds == SOMETHING_ELSE:
        names = findings if isinstance(findings, list) else []
        if other not in (*LABELS, "UNGRADABLE"):
            raise BadInputError(ANNOTATE["need_choice"])
        is_class = other != "UNGRADABLE"
        return Reading(
            gradable=is_class,
            diagnosis=Diagnosis(other) if is_class else None,
            findings=tuple(name for name in FINDINGS if name in names),
        )
    if not isinstance(holds, str) or holds not in dispute.readings:
        raise BadInputError(ANNOTATE["need_choice"])
    return replace(dispute.readings[holds], flagged=False, response_ms=0)


def _marks_of(dispute: Dispute, regions: Any, who: str) -> tuple[Mark, ...]:
    if regions == ALL:
        return _all_marks(dispute)
    if regions == OWN:
        reading = dispute.sketches.get(who)
    else:
        reading = dispute.readings.get(regions) if isinstance(regions, str) else None
    return reading.marks if reading else ()


def _all_marks(dispute: Dispute) -> tuple[Mark, ...]:
    marks = [mark for reading in dispute.readings.values() for mark in reading.marks]
    each = {(mark.finding, mark.caption, mark.shape): mark for mark in marks}
    return tuple(replace(mark, id=f"m{n}") for n, mark in enumerate(each.values(), start=1))


def _dispute_line(number: int, dispute: Dispute) -> str:
    in_what = differ_in_words(dispute)
    why = [ANNOTATE["differ"].format(what=in_what)] if in_what else []
    why += [ANNOTATE["flagged"]] if dispute.flagged else []
    said = ", ".join(map(said_in_words, dispute.readings.values()))
    return ANNOTATE["dispute_choice"].format(n=number, why=", ".join(why), said=said)


def _log_line(number: int, sha256: str, log: Sequence[Entry]) -> str:
    stand = standing(log)
    settled = any(map(is_settling, log)) and stand.settled is not None
    said = [stand.settled] if settled else list(stand.readings.values())
    state = ", ".join(map(said_in_words, said)) or ANNOTATE["nothing"]
    word = f"{ANNOTATE['settled_by']}: {state}" if settled else state
    return ANNOTATE["log_choice"].format(n=number, sha=sha256[:8], state=word)


def _whole(value: Any, what: str) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadInputError(ANNOTATE["need_number"].format(what=what, value=str(value)[:40]))
    return value


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInputError(ANNOTATE["need_number"].format(what=what, value=str(value)[:40]))
    return float(value)
