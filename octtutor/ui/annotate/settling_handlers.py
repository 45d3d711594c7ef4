"""What the events of step 3 of the tab Annotate do: readings side by side, and what holds."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from octtutor.core.annotation.annotation import FINDINGS, Mark, Project, Reading
from octtutor.core.scheme import Scheme
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME, Schemes
from octtutor.errors import BadInputError, BadScanError, OctTutorError, StaleError, StoreError
from octtutor.reports.markup import paragraph
from octtutor.store.contract import Store
from octtutor.tutor.annotation.blind_readings import is_complete
from octtutor.tutor.annotation.consensus import Dispute
from octtutor.tutor.annotation.settling import Settling
from octtutor.tutor.ports import Images
from octtutor.ui.annotate.project_handlers import Choices, find_project, is_project
from octtutor.ui.annotate.reading_handlers import scan_token
from octtutor.ui.annotate.texts import ANNOTATE
from octtutor.ui.annotate.views import (
    View,
    differ_in_words,
    differ_view,
    name_of,
    readings_view,
    said_in_words,
)
from octtutor.ui.canvas.canvas import answer_view, outline_view, read_marks

SOMETHING_ELSE, ALL, OWN, NO_REGIONS = "\n", "\n all", "\n own", "\n none"
"""Choices that cannot be an annotator's name."""


class SettlingHandlers:
    """Settling: what is in dispute, the canvas to settle it with, and what holds."""

    def __init__(self, settling: Settling, store: Store, images: Images, schemes: Schemes) -> None:
        """Take the use cases, the records, the scans and the schemes at hand."""
        self._settling, self._store, self._images = settling, store, images
        self._schemes = schemes

    def classes(self, project: Any) -> Choices:
        """Return what an educator can call a scan; oct2017's diagnoses without a project."""
        found = self._store.find_project(project) if isinstance(project, str) else None
        keys = (self._schemes.of(found.scheme) if found else OCT2017_SCHEME).keys
        return [*((key, key) for key in keys), (ANNOTATE["ungradable"], "UNGRADABLE")]

    def disputes(self, project: Any, who: str) -> Choices:
        """Return what is to be settled."""
        if not is_project(self._store, project):
            return []
        found = self._settling.disputes(project, who)
        return [(_dispute_line(n, each), each.sha256) for n, each in enumerate(found, start=1)]

    def dispute(self, project: Any, sha256: Any, who: str) -> Dispute | None:
        """Return one that is to be settled, None where it is not (any more)."""
        if not is_project(self._store, project) or not isinstance(sha256, str):
            return None
        return self._settling.dispute(project, sha256, who)

    def dispute_view(self, dispute: Dispute | None) -> str:
        """Draw all readings of a scan side by side."""
        if dispute is None:
            return paragraph(ANNOTATE["no_dispute"])
        return differ_view(dispute) + draw_readings(self._images, dispute.sha256, dispute.readings)

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
        token = _settling_token(find_project(self._store, project), dispute.sha256, who)
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
            self._settling.sketch(name, sha256, who, read_marks(payload, width, height))
            return answer_view(payload), self._settling.dispute(name, sha256)
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
        order = find_project(self._store, project)
        dispute = self.dispute(project, sha256, who)
        if dispute is None:
            raise BadInputError(ANNOTATE["need_dispute"])
        reading = _held(dispute, holds, other, findings, self._schemes.of(order.scheme))
        marks = _marks_of(dispute, regions, who)
        words = str(note or "").strip()
        self._settling.settle(
            order.name, dispute.sha256, who, replace(reading, marks=marks, note=words), None
        )
        left = len(self._settling.disputes(order.name, who))
        return ANNOTATE["settled"].format(said=said_in_words(reading), left=left)


def draw_readings(images: Images, sha256: str, readings: Mapping[str, Reading]) -> str:
    """Draw readings over their scan, or say why it cannot be read."""
    try:
        return readings_view(images.read(sha256), readings)
    except (StoreError, BadScanError) as error:
        return paragraph(ANNOTATE["gone"].format(why=error))


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


def _settling_token(project: Project, sha256: str, who: str) -> str:
    """Name a scan that somebody settles for their canvas; they know its hash."""
    return f"{scan_token(project, f'settle {sha256}', who)}.{sha256}"


def _held(dispute: Dispute, holds: Any, other: Any, findings: Any, scheme: Scheme) -> Reading:
    if holds == SOMETHING_ELSE:
        names = findings if isinstance(findings, list) else []
        if other not in (*scheme.keys, "UNGRADABLE"):
            raise BadInputError(ANNOTATE["need_choice"])
        is_class = other != "UNGRADABLE"
        return Reading(
            gradable=is_class,
            diagnosis=other if is_class else None,
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
