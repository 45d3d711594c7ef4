"""The educators' tab Scans: what the decks hold, and an upload that adds to them."""

import html
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from octtutor.core.case import DeckSummary
from octtutor.core.diagnosis import LABELS
from octtutor.errors import BadInputError
from octtutor.tutor.importing import Imported, deck_name_for
from octtutor.tutor.scans import Scans
from octtutor.ui.doorkeeper import RequireEducator
from octtutor.ui.educator import told
from octtutor.ui.texts import SCANS

KINDS = [".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz"]
_BAR = gr.Progress()
_NAMED = 20
"""Files that a report names; it counts the others."""


class ScansHandlers:
    """What the tab's events do. Values in, HTML out; knows no component."""

    def __init__(self, scans: Scans, uploads: Path) -> None:
        """Take the use cases, and the folder that uploads come in."""
        self._scans, self._uploads = scans, uploads

    def decks(self) -> str:
        """Return the table of the decks."""
        return decks_table(self._scans.decks())

    def add(
        self, upload: Any, name: str, title: str, progress: Callable[[int, int], None] | None = None
    ) -> str:
        """Import an uploaded file, remove it, and return the report.

        Args:
            upload: what Gradio's file component sends: {"path": …, "orig_name": …}.
            name: the deck's; of the file's name where it is empty.
            title: what trainees see; as it was where it is empty.
            progress: called with (done, total).

        Raises:
            BadInputError: there is no such upload, or it cannot be imported.
        """
        path = uploaded_file(upload, self._uploads)
        deck = str(name or "").strip() or deck_name_for(path)
        done = self._scans.add(path, deck, str(title or "").strip()[:80] or None, progress)
        path.unlink(missing_ok=True)
        return import_report(done)


def build_scans_tab(page: gr.Blocks, handlers: ScansHandlers, require: RequireEducator) -> None:
    """Lay out the tab and connect it. Must be called inside the page's `gr.Tabs`."""

    def load(request: gr.Request) -> str:
        return str(told(lambda: (require(request), handlers.decks())[1]))

    def add(
        upload: Any, name: str, title: str, request: gr.Request, bar: gr.Progress = _BAR
    ) -> tuple[Any, ...]:
        def show(done: int, total: int) -> None:
            if done % (total // 100 + 1) == 0 or done == total:
                bar((done, total), desc=SCANS["importing"], unit="scans")

        told(lambda: require(request))
        report = told(lambda: handlers.add(upload, name, title, show))
        return report, handlers.decks(), None, "", ""

    with gr.Tab(SCANS["tab"], id="scans"):
        gr.Markdown(f"### {SCANS['decks']}")
        decks = gr.HTML(elem_id="decks", apply_default_css=False)
        gr.Markdown(f"### {SCANS['add']}\n{SCANS['how']}")
        upload = gr.File(label=SCANS["file"], file_types=KINDS, elem_id="upload", height=150)
        with gr.Row():
            name = _line("name", 63)
            title = _line("people_see", 80)
        begin = gr.Button(SCANS["import"], variant="primary", elem_id="import")
        report = gr.HTML(elem_id="report", apply_default_css=False, min_height=80)
    page.load(load, None, decks, show_progress="hidden", api_visibility="private")
    # not preprocessed: Gradio would fetch a path that is a web address
    begin.click(
        add,
        [upload, name, title],
        [report, decks, upload, name, title],
        preprocess=False,
        show_progress_on=report,
        concurrency_id="import",
        concurrency_limit=1,
        api_visibility="private",
    )


def _line(text: str, length: int) -> gr.Textbox:
    hint = SCANS[f"{text}_hint"]
    return gr.Textbox(
        label=SCANS[text], info=hint, max_length=length, min_width=280, elem_id=f"deck-{text}"
    )


def uploaded_file(upload: Any, uploads: Path) -> Path:
    """Return the file that an event names, when it was really uploaded here.

    Args:
        upload: what Gradio's file component sends, not preprocessed.
        uploads: the folder that uploads come in.

    Raises:
        BadInputError: nothing was uploaded, or it is not there (any more).
    """
    named = upload.get("path") if isinstance(upload, dict) else None
    if not isinstance(named, str) or not named:
        raise BadInputError(SCANS["no_file"])
    try:
        path = Path(named).resolve()
        if path.is_relative_to(uploads.resolve()) and path.is_file():
            return path
    except (OSError, ValueError):
        pass
    raise BadInputError(SCANS["lost_file"])


def decks_table(decks: Sequence[DeckSummary]) -> str:
    """Return the decks as an HTML table: scans, scans of each class, patients."""
    if not decks:
        return f"<p>{SCANS['none']}</p>"
    classes = "".join(
        f"<th scope='col'><i class='swatch {label.lower()}'></i>{label}</th>" for label in LABELS
    )
    head = (
        f"<th scope='col'>{SCANS['deck']}</th><th scope='col'>{SCANS['scans']}</th>{classes}"
        f"<th scope='col'>{SCANS['patients']}</th><th scope='col'>{SCANS['imported']}</th>"
    )
    body = "".join(map(_row, decks))
    return (
        f"<div class='decks'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        "</div>"
    )


def _row(summary: DeckSummary) -> str:
    deck = summary.deck
    marks = [SCANS["synthetic"]] if deck.synthetic else []
    marks += [] if deck.complete else [SCANS["unfinished"]]
    name = html.escape(deck.title if deck.title == deck.name else f"{deck.title} ({deck.name})")
    counts = [summary.per_class[label] for label in LABELS]
    numbers = "".join(f"<td>{n:,}</td>" for n in (sum(counts), *counts, summary.patients))
    return (
        f"<tr><th scope='row'>{name}<small>{', '.join(marks)}</small></th>{numbers}"
        f"<td>{deck.imported_at:%Y-%m-%d}</td></tr>"
    )


def import_report(done: Imported) -> str:
    """Return what an import did as HTML, with the files that were left out."""
    lines = [
        SCANS["done"].format(deck=done.deck, added=done.added, already=done.already),
        SCANS["now"].format(scans=sum(done.per_class.values()), patients=done.patients),
    ]
    told_lines = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    return (
        f"<div class='report' role='status'>{told_lines}"
        f"{_left_out(SCANS['unreadable'], done.unreadable)}"
        f"{_left_out(SCANS['conflicts'], done.conflicts)}</div>"
    )


def _left_out(line: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    items = "".join(f"<li>{html.escape(name)}</li>" for name in names[:_NAMED])
    if len(names) > _NAMED:
        items += f"<li>{SCANS['more'].format(n=len(names) - _NAMED)}</li>"
    return f"<details open><summary>{line.format(n=len(names))}</summary><ul>{items}</ul></details>"
