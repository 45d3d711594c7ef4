"""An evaluation as one HTML file with nothing outside of it: no script, no address.

The confusion matrix leads to its scans by the page's own anchors: those of errors are always
shown, those of right answers while they are what the address points to (`:target`).
"""

import tempfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

import octtutor
from octtutor.core.diagnosis import LABELS
from octtutor.datasets.images import write_atomically
from octtutor.errors import BadInputError, SettingsError
from octtutor.model.explaining import DEFAULT_METHOD
from octtutor.model.gallery import Cell, Shown
from octtutor.model.inspection import Inspection, read_inspection
from octtutor.model.loading import Progress
from octtutor.stats.evaluation import measure
from octtutor.ui.evaluate_texts import EVALUATION
from octtutor.ui.evaluate_views import Part, figure_parts, group_view, notes_view, title
from octtutor.ui.viewer import ASSETS

WRONG_SHOWN, RIGHT_SHOWN = 40, 24
"""Scans whose pictures are in the file, of each pair of truth and answer."""


def write_evaluation_report(
    out: Path,
    folder: Path,
    data: Path,
    now: datetime,
    progress: Progress | None = None,
    on_corrupted: Progress | None = None,
    only: Path | None = None,
    method: str = DEFAULT_METHOD,
) -> dict[str, Any]:
    """Measure a model and write the report; nothing else is left.

    Args:
        out: the HTML file.
        folder: the model's.
        data: folder, ZIP or tar in OCT2017 layout, or a listing.
        now: when it is made, UTC.
        progress: called with (done, total) scans.
        on_corrupted: also measure on corrupted copies, and call this with (done, total) scans.
        only: a listing of the scans that are wanted.
        method: of the maps, a key of `octtutor.model.explaining.METHODS`.

    Returns:
        What `octtutor.model.inspecting.inspect` returns.

    Raises:
        BadInputError: the file is a folder; or see `inspect`.
        SettingsError: it cannot be written.
        ModelError: the model cannot be loaded.
    """
    from octtutor.model.inspecting import inspect

    _check(out)
    with tempfile.TemporaryDirectory(prefix="octtutor-evaluation-") as place:
        told = inspect(folder, data, Path(place), progress, on_corrupted, only, None, method)
        html = evaluation_report_html(read_inspection(Path(place)), now)
    write_atomically(out, html.encode("utf-8", "backslashreplace"))
    return told


def _check(out: Path) -> None:
    """Refuse a place that cannot be written before the long work, not after it."""
    if out.is_dir():
        raise BadInputError(
            f"Expected a file for the report. {str(out)!r} is a folder. Give {out / 'report.html'}."
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise SettingsError(
            f"Cannot write into {str(out.parent)!r}: {error.strerror}. Choose another place."
        ) from error


def evaluation_report_html(found: Inspection, now: datetime) -> str:
    """Return an evaluation's report.

    Args:
        found: the evaluation.
        now: when the report is made, UTC.

    Raises:
        BadInputError: pictures of it are gone.
    """
    measures = measure(found.truth, found.chances, found.patients)
    parts = figure_parts(found, measures, _link)
    parts += [
        (EVALUATION["misses"], _misses(found)),
        (EVALUATION["right_scans"], _right(found)),
        (EVALUATION["methods"], f"<p>{EVALUATION['methods_text']}</p>"),
    ]
    return _page(found, now, notes_view(found) + _sections(parts))


def _link(cell: Cell, number: str, words: str) -> str:
    return f"<a href='#{_anchor(cell)}' title='{words}'>{number}</a>"


def _anchor(cell: Cell) -> str:
    return "-".join(str(LABELS[index]) for index in cell)


def _misses(found: Inspection) -> str:
    groups = [_group(found, cell, WRONG_SHOWN) for cell in _cells(found, wrong=True)]
    if not groups:
        return f"<p>{EVALUATION['no_misses']}</p>"
    note = EVALUATION["maps_note"].format(**found.told)
    return f"<p class='note'>{EVALUATION['wrong_order']} {note}</p>{''.join(groups)}"


def _right(found: Inspection) -> str:
    groups = [_group(found, cell, RIGHT_SHOWN) for cell in _cells(found, wrong=False)]
    if not groups:
        return ""
    note = f"{EVALUATION['right_note']} {EVALUATION['right_order']}"
    return f"<p class='note screen'>{note}</p>{''.join(groups)}"


def _cells(found: Inspection, wrong: bool) -> list[Cell]:
    """Return the cells with scans: errors by how many there are, right answers in order."""
    counts = found.told["confusion"]
    span = range(len(LABELS))
    cells = [(i, j) for i in span for j in span if (i != j) is wrong and counts[i][j]]
    return sorted(cells, key=lambda cell: -counts[cell[0]][cell[1]]) if wrong else cells


def _group(found: Inspection, cell: Cell, most: int) -> str:
    own: Sequence[Shown] = [one for one in found.shown if one.cell == cell][:most]
    left = found.told["confusion"][cell[0]][cell[1]] - len(own)
    said = EVALUATION["left_out"].format(n=left) if left else ""
    kind = " data-right" if cell[0] == cell[1] else ""
    group = group_view(found, cell, own, said, f" id='{_anchor(cell)}'{kind}")
    back = f"<a class='to-matrix screen' href='#confusion'>{EVALUATION['back']}</a>"
    return group.replace("</section>", f"{back}</section>")


def _sections(parts: Iterable[Part]) -> str:
    return "".join(
        f"<section{_id_of(heading)}><h2>{heading}</h2>{content}</section>"
        for heading, content in parts
        if content
    )


def _id_of(heading: str) -> str:
    return " id='confusion'" if heading == EVALUATION["confusion"] else ""


def _page(found: Inspection, now: datetime, content: str) -> str:
    heading = escape(title(found.told))
    made = EVALUATION["made"].format(at=now, version=octtutor.__version__)
    style = "".join((ASSETS / name).read_text("utf-8") for name in ("report.css", "evaluate.css"))
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{heading}</title><style>{style}</style></head><body class='evaluation'>"
        f"<header><h1>{heading}</h1><p class='purpose'>{EVALUATION['purpose']}</p>"
        f"<p class='note'>{made} <span class='screen'>{EVALUATION['print']}</span></p></header>"
        f"<main>{content}</main></body></html>\n"
    )
