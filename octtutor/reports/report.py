"""What reports are made of: one HTML file each, with nothing outside of it.

The plots are inline SVG drawn from the page's own figures (`octtutor.reports.svg`): plotly.js would
add 4.8 MB and a script to every file, and its pictures take the width of the screen, not of the
paper. What hovering says on the page stands in tables, with n, interval and method.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import plotly.graph_objects as go
from markupsafe import Markup

import octtutor
from octtutor.core.scheme import Scheme
from octtutor.reports.markup import joined, library, paragraph
from octtutor.reports.progress_plots import second_looks_plot, weighted_error_plot
from octtutor.reports.progress_tables import figure_table, second_look_rows, second_look_words
from octtutor.reports.progress_texts import PROGRESS, REPORT
from octtutor.reports.published_readers import published_errors
from octtutor.reports.svg import draw
from octtutor.stats.intervals import Figure
from octtutor.tutor.progress.progress import BLOCK, InTraining
from octtutor.tutor.progress.second_looks import SecondLooks

_HTML = library(__file__, "report.html.j2")
_STYLE = Path(__file__).parent / "assets" / "report.css"
Part = tuple[str, Markup]
"""Heading and content; a part without content is left out."""


def report_page(title: str, now: datetime, content: Iterable[Markup]) -> str:
    """Return a report as a file."""
    made = REPORT["made"].format(at=now, version=octtutor.__version__)
    purpose, to_print = REPORT["purpose"], REPORT["print"]
    style = Markup(_STYLE.read_text("utf-8"))
    return str(_HTML.page(title, style, "", purpose, made, to_print, joined(content)))


def heading(text: str) -> Markup:
    """Return what stands above several sections."""
    return Markup(_HTML.heading(text))


def sections(parts: Iterable[Part], level: str) -> Markup:
    """Return parts under their headings, of a level such as `h2`."""
    shown = [{"heading": head, "content": content, "id": ""} for head, content in parts]
    return Markup(_HTML.sections(shown, level))


def synthetic_note(synthetic: bool) -> Markup:
    """Say that scans are computer-made, where they are."""
    return paragraph(REPORT["synthetic"], "synthetic") if synthetic else Markup()


def training_words(training: InTraining | None) -> Markup:
    """Say on how many scans the model knew the patient, where that was looked up."""
    if training is None or not training.asked:
        return Markup()
    said = REPORT["model_known" if training.known else "model_known_none"].format(
        asked=training.asked, known=training.known
    )
    not_known = REPORT["not_known"].format(n=training.not_known) if training.not_known else ""
    return paragraph(f"{said} {not_known}", "training")


def note_of(key: str) -> Markup:
    """Return a note of the page Progress."""
    return paragraph(PROGRESS[key].format(block=BLOCK), "note")


def svg_of(figure: go.Figure, key: str) -> Markup:
    """Return a figure as SVG under its name on the page Progress."""
    return draw(figure, PROGRESS[key])


def errors_table(own: Sequence[tuple[str, Figure]], scheme: Scheme) -> Markup:
    """Return weighted errors, by whose they are, beside the published ones."""
    lines = [
        (who, _percent(low, high), source) for who, low, high, source in published_errors(scheme)
    ]
    figures = figure_table([(name, figure, "") for name, figure in own])
    names, source = [REPORT["who"], REPORT["value"]], REPORT["source"]
    plot, note = svg_of(weighted_error_plot(own, scheme), "error"), note_of("error_note")
    return Markup(_HTML.published(plot, figures, names, source, lines, note))


def _percent(low: float, high: float) -> str:
    return f"{100 * low:.1f} %" if low == high else f"{100 * low:.1f} to {100 * high:.1f} %"


def second_look_part(looks: SecondLooks) -> Markup:
    """Return what second looks brought; empty where there were none."""
    if not looks.n:
        return second_look_words(looks) if looks.beside_other_words else Markup()
    plot = svg_of(second_looks_plot(looks), "second")
    return second_look_words(looks) + plot + figure_table(second_look_rows(looks))
