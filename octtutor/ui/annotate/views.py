"""Annotation as HTML and as the panel's values: projects, readings, figures, log, files."""

import base64
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from octtutor.core.annotation.annotation import LogEntry, Mark, Project, Reading, ScanStanding
from octtutor.core.educator import AT_THE_MACHINE
from octtutor.datasets.decode import Pixels
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.limits import MAX_PAGE_FILE_BYTES
from octtutor.reports.markup import hover, library, paragraph
from octtutor.tutor.annotation.consensus import Dispute
from octtutor.tutor.annotation.projects import Overview
from octtutor.tutor.annotation.reading import Suggestion, Task
from octtutor.tutor.annotation.shapes import to_outlines
from octtutor.tutor.ports import DeckLabelIssue
from octtutor.ui.annotate.texts import ANNOTATE
from octtutor.ui.canvas.texts import COLOURS, SHORT
from octtutor.ui.shared.pictures import scan_uri
from octtutor.ui.shared.scheme_view import scheme_view

View = dict[str, Any]
_HTML = library(__file__, "views.html.j2")
_NAMED = 20
_CURVE = 72, 20
"""Width and height of a curve in a table."""
_TYPES = {"csv": "text/csv", "jsonl": "application/jsonl", "json": "application/json"}


def idle_view(project: str | None, message: str) -> View:
    """Return the panel's value where there is nothing to read."""
    return _once({"phase": "idle", "project": project, "message": message})


def ask_view(token: str, task: Task) -> View:
    """Return the panel's value of a scan to read; nothing that is known of it is there."""
    return _once(
        {
            "phase": "ask",
            "project": task.project,
            "task": token,
            "position": task.position,
            "remaining": task.remaining,
            "synthetic": task.synthetic,
            "notice": task.notice,
            "scheme": None if task.scheme == OCT2017_SCHEME else scheme_view(task.scheme),
            "mine": _said(task.mine),
        }
    )


def look_view(project: str, token: str, mine: Reading, suggestion: Suggestion) -> View:
    """Return the panel's value after the own answer: the model's is beside it."""
    prediction = suggestion.prediction
    return _once(
        {
            "phase": "look",
            "project": project,
            "task": token,
            "mine": _said(mine),
            "yours": said_in_words(mine),
            "model": prediction.model,
            "model_sha256": prediction.model_sha256,
            "label": str(prediction.label),
            "chance": f"{prediction.of(prediction.label):.0%}",
            "agrees": suggestion.agrees,
            "trained_on": suggestion.trained_on,
        }
    )


def again_view(token: Any) -> View:
    """Return the panel's value that lets somebody try again."""
    return _once({"phase": "again", "task": token})


def _once(view: View) -> View:
    return {**view, "nonce": secrets.token_hex(4)}  # the page takes no notice of an equal value


def _said(mine: Reading | None) -> View | None:
    if mine is None:
        return None
    return {
        "gradable": mine.gradable,
        "diagnosis": str(mine.diagnosis) if mine.diagnosis else None,
        "findings": list(mine.findings),
        "flagged": mine.flagged,
        "note": mine.note,
    }


def said_in_words(reading: Reading | None) -> str:
    """Return what a reading says of the scan, in a word or two; not escaped."""
    if reading is None:
        return ANNOTATE["nothing"]
    if not reading.gradable:
        return ANNOTATE["ungradable"]
    return str(reading.diagnosis) if reading.diagnosis else ANNOTATE["unanswered"]


def name_of(who: str) -> str:
    """Return an annotator's name as people write it; not escaped."""
    return "at this machine" if who == AT_THE_MACHINE else who


def projects_table(overviews: Sequence[Overview], chosen: str | None) -> Markup:
    """Draw the projects with their counts."""
    if not overviews:
        return paragraph(ANNOTATE["no_projects"])
    lines = [_project_line(each, chosen) for each in overviews]
    return Markup(_HTML.projects(ANNOTATE["table_head"].split("|"), lines))


def _project_line(overview: Overview, chosen: str | None) -> dict[str, Any]:
    project = overview.project
    return {
        "title": project.title,
        "name": project.name,
        "deck": project.deck,
        "numbers": (
            overview.scans, overview.read, overview.mine, overview.to_settle, overview.done
        ),
        "state": ANNOTATE["is_closed" if project.closed_at else "is_open"],
        "chosen": project.name == chosen,
    }  # fmt: skip


def told_line(text: str) -> Markup:
    """Draw a line that says what was done."""
    return paragraph(text, "done-line", is_status=True)


def doubts_view(doubted: Sequence[DeckLabelIssue]) -> Markup:
    """Draw how many labels are in doubt, and behind a fold which."""
    wrong = sum(each.suspect for each in doubted)
    lines = [
        (each.name, each.label, f"{each.chance:.2f}", each.likely)
        for each in doubted[: max(wrong, _NAMED)]
    ]
    said = ANNOTATE["doubted"].format(wrong=wrong, n=len(doubted))
    names = ANNOTATE["doubted_head"].split("|")
    return Markup(_HTML.doubts(said, ANNOTATE["doubted_list"], names, lines))


# ---- what is in dispute --------------------------------------------------------------------


def differ_in_words(dispute: Dispute) -> str:
    """Return what readers differ in, the gravest first; empty where they agree."""
    parts = {
        "in_diagnosis": dispute.differ,
        "in_findings": dispute.differ_findings,
        "in_regions": dispute.differ_regions,
    }
    return ", ".join(ANNOTATE[key] for key, is_so in parts.items() if is_so)


def differ_view(dispute: Dispute) -> Markup:
    """Draw what readers differ in."""
    what = differ_in_words(dispute)
    if not what:
        return Markup()
    lines = [f"{ANNOTATE['differ'].format(what=what).capitalize()}."]
    for key in ("differ_findings", "differ_regions"):
        names = getattr(dispute, key)
        lines += [ANNOTATE[key].format(what=", ".join(names))] if names else []
    return paragraph(" ".join(lines), "note")


# ---- readings over the scan ----------------------------------------------------------------


def readings_view(scan: Pixels, readings: Mapping[str, Reading]) -> Markup:
    """Draw readings side by side, each with its regions over the scan.

    Args:
        scan: uint8 (height, width).
        readings: by who gave them.
    """
    height, width = scan.shape[:2]
    cards = [_card(who, reading) for who, reading in readings.items()]
    return Markup(_HTML.readings(scan_uri(scan), width, height, cards))


def _card(who: str, reading: Reading) -> dict[str, Any]:
    words = said_in_words(reading)
    more = [ANNOTATE["sure"].format(n=reading.confidence)] if reading.confidence else []
    if reading.response_ms:
        more.append(ANNOTATE["seconds"].format(n=reading.response_ms / 1000))
    return {
        "name": name_of(who),
        "alt": ANNOTATE["drawn"].format(who=name_of(who)),
        "kind": words.lower().split()[0],
        "said": words,
        "more": " · ".join(more),
        "flagged": ANNOTATE["flagged"] if reading.flagged else "",
        "findings": ", ".join(reading.findings),
        "marks": [_outline(mark) for mark in reading.marks],
        "note": reading.note,
    }


def _outline(mark: Mark) -> dict[str, Any]:
    """Return a region's path, in scan pixels, and where its number stands: above its top."""
    outlines = to_outlines(mark.shape)
    x, y = min(outlines[0], key=lambda point: point[1]) if outlines else (0.0, 0.0)
    return {
        "path": " ".join(
            "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in outline) + " Z" for outline in outlines
        ),
        "x": f"{x:.1f}",
        "y": f"{max(12.0, y - 4):.1f}",
        "colour": COLOURS[mark.finding],
        "short": SHORT[mark.finding],
        "words": f"{mark.finding}: {mark.caption}" if mark.caption else mark.finding,
    }


# ---- log -----------------------------------------------------------------------------------


def log_view(entries: Sequence[LogEntry], now: ScanStanding) -> Markup:
    """Draw a scan's log, oldest first, and what holds now."""
    if not entries:
        return paragraph(ANNOTATE["log_none"])
    names = ANNOTATE["log_head"].split("|")
    lines = [
        list(zip(names, _entry_cells(n, entry), strict=True))
        for n, entry in enumerate(entries, start=1)
    ]
    readings = {**now.readings} | ({ANNOTATE["settled_by"]: now.settled} if now.settled else {})
    holds = ", ".join(f"{name_of(who)}: {said_in_words(one)}" for who, one in readings.items())
    return Markup(_HTML.log(ANNOTATE, entries[0].sha256, lines, holds or ANNOTATE["nothing"]))


def _entry_cells(position: int, entry: LogEntry) -> tuple[str, ...]:
    return (
        f"{position}",
        f"{entry.at:%Y-%m-%d %H:%M:%S}",
        _HTML.who(name_of(entry.who), _brought(entry)),
        str(entry.kind),
        _state(entry.before),
        _state(entry.after),
        str(entry.source),
        hover(entry.model, (entry.model_sha256 or "")[:12]) if entry.model else "–",
    )


def _brought(entry: LogEntry) -> str:
    if entry.by in (None, entry.who):
        return ""
    return ANNOTATE["brought_by"].format(who=name_of(str(entry.by)))


def _state(reading: Reading | None) -> str:
    if reading is None:
        return "–"
    more = [*reading.findings]
    if reading.marks:
        more.append(f"{len(reading.marks)} regions" if len(reading.marks) > 1 else "1 region")
    if reading.confidence:
        more.append(ANNOTATE["sure"].format(n=reading.confidence))
    more += [ANNOTATE["flagged"]] if reading.flagged else []
    more += [f"“{reading.note}”"] if reading.note else []
    return Markup(_HTML.state(said_in_words(reading), ", ".join(more)))


# ---- out and in ----------------------------------------------------------------------------


def downloads_view(
    project: str, files: Mapping[str, bytes], faults: Sequence[str], unread: int = 0
) -> Markup:
    """Draw links that hold their files.

    Args:
        project: its name begins each file's.
        files: by what ends its name, such as `coco.json`.
        faults: what could not be exported.
        unread: scans in them that whoever asks may still have to read blind.
    """
    warned = ANNOTATE["export_blind"].format(n=unread) if unread else ""
    links = [_link(project, ending, data) for ending, data in files.items()]
    return Markup(_HTML.downloads(warned, links, _faults(ANNOTATE["export_faults"], faults)))


def _link(project: str, ending: str, data: bytes) -> dict[str, str]:
    name = f"{project}.{ending}"
    if len(data) > MAX_PAGE_FILE_BYTES:
        return {"large": ANNOTATE["export_large"].format(name=name, n=len(data) // 1_000_000)}
    return {
        "large": "",
        "name": name,
        "kind": _TYPES.get(ending.rpartition(".")[2], "application/zip"),
        "data": base64.b64encode(data).decode(),
        "text": ANNOTATE.get(ending, ending),
    }


def import_view(line: str, faults: Sequence[str]) -> Markup:
    """Draw what an import did."""
    return Markup(_HTML.imported(line, _faults(ANNOTATE["import_faults"], faults)))


def _faults(title: str, faults: Sequence[str]) -> Markup:
    if not faults:
        return Markup()
    more = ANNOTATE["more"].format(n=len(faults) - _NAMED) if len(faults) > _NAMED else ""
    return Markup(_HTML.faults(title.format(n=len(faults)), faults[:_NAMED], more))


def project_choice(project: Project) -> str:
    """Return a project's line in a list."""
    state = f" · {ANNOTATE['is_closed']}" if project.closed_at else ""
    return f"{project.title} ({project.name}){state}"
