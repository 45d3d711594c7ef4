"""An evaluation as one HTML file with nothing outside of it: no script, no address.

The confusion matrix leads to its scans by the page's own anchors: those of errors are always
shown, those of right answers while they are what the address points to (`:target`).
"""

import tempfile
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from markupsafe import Markup

import octtutor
from octtutor.datasets.images import write_atomically
from octtutor.datasets.schemes.naming import Naming
from octtutor.datasets.schemes.scheme_registry import SHIPPED, Schemes
from octtutor.errors import BadInputError, SettingsError
from octtutor.model.explain.methods import DEFAULT_METHOD
from octtutor.model.measure.gallery import Cell, GalleryScan
from octtutor.model.measure.inspection import Inspection, read_inspection
from octtutor.model.network.scan_set import Progress
from octtutor.reports.evaluation_tables import anchor, figure_parts, group_view, notes_view, title
from octtutor.reports.evaluation_texts import EVALUATION
from octtutor.reports.markup import joined, library, palette, paragraph
from octtutor.stats.network_figures import measure

ASSETS = Path(__file__).parent / "assets"

_HTML = library(__file__, "report.html.j2")
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
    naming: Naming | None = None,
    schemes: Schemes = SHIPPED,
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
        method: of the maps, a key of `octtutor.model.explain.methods.METHODS`.
        naming: the scheme whose words the labels are; the network's own by default.
        schemes: those at hand, the network's among them.

    Returns:
        What `octtutor.model.measure.inspecting.inspect` returns.

    Raises:
        BadInputError: the file is a folder; or see `inspect`.
        SettingsError: it cannot be written.
        ModelError: the model cannot be loaded.
    """
    from octtutor.model.measure.inspecting import inspect

    _check(out)
    with tempfile.TemporaryDirectory(prefix="octtutor-evaluation-") as place:
        figures = inspect(
            folder,
            data,
            Path(place),
            progress,
            on_corrupted,
            only,
            None,
            method,
            naming=naming,
            schemes=schemes,
        )
        html = evaluation_report_html(read_inspection(Path(place)), now, schemes=schemes)
    write_atomically(out, html.encode("utf-8", "backslashreplace"))
    return figures


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


def evaluation_report_html(
    found: Inspection, now: datetime, cited: str = "", schemes: Schemes = SHIPPED
) -> str:
    """Return an evaluation's report.

    Args:
        found: the evaluation.
        now: when the report is made, UTC.
        cited: HTML that says whose the scans are.
        schemes: those at hand, the network's among them.

    Raises:
        BadInputError: pictures of it are gone, or the network's scheme is not at hand.
    """
    scheme = schemes.of(found.scheme)
    measures = measure(found.truth, found.chances, found.patients, scheme)
    parts = figure_parts(found, measures, partial(_link, found.labels))
    parts += [
        (EVALUATION["misses"], _misses(found)),
        (EVALUATION["right_scans"], _right(found)),
        (EVALUATION["methods"], paragraph(EVALUATION["methods_text"])),
    ]
    sections = [
        {"heading": heading, "content": content, "id": _id_of(heading)}
        for heading, content in parts
    ]
    colours = palette(".evaluation", scheme)
    content = joined([colours, notes_view(found), _HTML.sections(sections, "h2"), Markup(cited)])
    style = "".join((ASSETS / name).read_text("utf-8") for name in ("report.css", "evaluate.css"))
    made = EVALUATION["made"].format(at=now, version=octtutor.__version__)
    purpose, to_print = EVALUATION["purpose"], EVALUATION["print"]
    return str(
        _HTML.page(
            title(found.figures), Markup(style), "evaluation", purpose, made, to_print, content
        )
    )


def _link(labels: Sequence[str], cell: Cell, number: str, words: str) -> Markup:
    return anchor(_anchor(labels, cell), number, words)


def _anchor(labels: Sequence[str], cell: Cell) -> str:
    return "-".join(labels[index] for index in cell)


def _misses(found: Inspection) -> Markup:
    groups = [_group(found, cell, WRONG_SHOWN) for cell in _cells(found, wrong=True)]
    if not groups:
        return paragraph(EVALUATION["no_misses"])
    note = EVALUATION["maps_note"].format(**found.figures)
    return Markup(_HTML.groups(f"{EVALUATION['wrong_order']} {note}", "note", groups))


def _right(found: Inspection) -> Markup:
    groups = [_group(found, cell, RIGHT_SHOWN) for cell in _cells(found, wrong=False)]
    if not groups:
        return Markup()
    note = f"{EVALUATION['right_note']} {EVALUATION['right_order']}"
    return Markup(_HTML.groups(note, "note screen", groups))


def _cells(found: Inspection, wrong: bool) -> list[Cell]:
    """Return the cells with scans: errors by how many there are, right answers in order."""
    counts = found.figures["confusion"]
    span = range(len(found.labels))
    cells = [(i, j) for i in span for j in span if (i != j) is wrong and counts[i][j]]
    return sorted(cells, key=lambda cell: -counts[cell[0]][cell[1]]) if wrong else cells


def _group(found: Inspection, cell: Cell, most: int) -> Markup:
    own: Sequence[GalleryScan] = [one for one in found.shown if one.cell == cell][:most]
    left = found.figures["confusion"][cell[0]][cell[1]] - len(own)
    said = EVALUATION["left_out"].format(n=left) if left else ""
    return group_view(found, cell, own, said, _anchor(found.labels, cell), EVALUATION["back"])


def _id_of(heading: str) -> str:
    return "confusion" if heading == EVALUATION["confusion"] else ""
