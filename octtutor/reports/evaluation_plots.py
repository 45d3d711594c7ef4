"""The plots of an evaluation: ROC, calibration, weighted error. Drawn by `octtutor.reports.svg`."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from markupsafe import Markup

from octtutor.core.scheme import Scheme
from octtutor.reports.evaluation_texts import EVALUATION
from octtutor.reports.plots import GREY, YOU, number, on_hover
from octtutor.reports.progress_plots import weighted_error_plot
from octtutor.reports.svg import draw
from octtutor.stats.intervals import Figure
from octtutor.stats.network_figures import Bin, Detected, Measures
from octtutor.stats.roc import OperatingPoint

_MOST_POINTS = 200
_HEIGHT = 400
_SHARES = [(share, f"{100 * share:.0f} %") for share in (0, 0.25, 0.5, 0.75, 1)]


def roc_svg(measures: Measures, scheme: Scheme) -> Markup:
    """Draw the ROC of each class and of urgent referral; empty where there is none."""
    rows: list[tuple[str, Detected, str]] = [
        (one.key, measures.classes[one.key], one.colour) for one in scheme.diagnoses
    ]
    rows.append((EVALUATION["urgent"].split(" (")[0], measures.urgent, YOU))
    known = [row for row in rows if row[1].curve]
    if not known:
        return Markup()
    diagonal = _line([0, 1], [0, 1], GREY, EVALUATION["chance"], dotted=True)
    lines = [_curve(name, found.curve, colour) for name, found, colour in known]
    marks = [_own_answers(name, found, colour) for name, found, colour in known]
    axes = (EVALUATION["false_positives"], EVALUATION["sensitivity"])
    return draw(_figure([diagonal, *lines, *marks], *axes), EVALUATION["roc"])


def calibration_svg(bins: Sequence[Bin]) -> Markup:
    """Draw how often answers of each stated probability were right."""
    given = [one for one in bins if one.stated is not None]
    dots = _dots([one.stated or 0.0 for one in given], [one.right for one in given])
    diagonal = _line([0, 1], [0, 1], GREY, "", dotted=True)
    axes = (EVALUATION["stated"], EVALUATION["right"])
    return draw(_figure([diagonal, dots], *axes), EVALUATION["calibration"])


def error_svg(own: Figure, scheme: Scheme) -> Markup:
    """Draw the weighted error on the axis of the published ones."""
    figure = weighted_error_plot([(EVALUATION["this"], own)], scheme)
    return draw(figure, EVALUATION["weighted_error"])


def _curve(name: str, points: Sequence[OperatingPoint], colour: str) -> go.Scatter:
    kept = _thinned(points)
    x, y = [p.false_positives for p in kept], [p.sensitivity for p in kept]
    return _line(x, y, colour, name)


def _thinned(points: Sequence[OperatingPoint]) -> list[OperatingPoint]:
    """Keep the corners, and of these no more than can be seen."""
    places = [(p.false_positives, p.sensitivity) for p in points]
    corners = [
        point
        for k, point in enumerate(points)
        if k in (0, len(points) - 1) or not _is_between(places[k - 1], places[k], places[k + 1])
    ]
    step = -(-len(corners) // _MOST_POINTS) or 1
    return [*corners[:-1:step], corners[-1]]


def _is_between(
    before: tuple[float, float], at: tuple[float, float], after: tuple[float, float]
) -> bool:
    return before[0] == at[0] == after[0] or before[1] == at[1] == after[1]


def _own_answers(name: str, found: Detected, colour: str) -> go.Scatter:
    """Mark where the model's most probable answers lie."""
    sensitivity, specificity = found.sensitivity, found.specificity
    said = on_hover(
        name,
        f"{EVALUATION['sensitivity']} {sensitivity}, n = {sensitivity.n}",
        f"{EVALUATION['specificity']} {specificity}, n = {specificity.n}",
        specificity.method,
    )
    return go.Scatter(
        x=[1 - (specificity.value or 0)],
        y=[sensitivity.value],
        mode="markers",
        name=name,
        showlegend=False,
        marker={"color": colour, "symbol": "circle"},
        line={"color": colour, "width": 1},
        customdata=[said],
    )


def _dots(places: Sequence[float], figures: Sequence[Figure]) -> go.Scatter:
    return go.Scatter(
        x=list(places),
        y=[figure.value for figure in figures],
        mode="markers",
        name="",
        showlegend=False,
        marker={"color": YOU, "symbol": "circle"},
        line={"color": YOU, "width": 1},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [(f.high or 0) - (f.value or 0) for f in figures],
            "arrayminus": [(f.value or 0) - (f.low or 0) for f in figures],
            "color": YOU,
        },
        customdata=[on_hover(number(f), f"n = {f.n}", f.method) for f in figures],
    )


def _line(
    x: Sequence[float], y: Sequence[float], colour: str, name: str, dotted: bool = False
) -> go.Scatter:
    dash = {"dash": "dot"} if dotted else {}
    return go.Scatter(
        x=list(x),
        y=list(y),
        mode="lines",
        name=name,
        showlegend=not dotted,
        line={"color": colour, "width": 1.5 if dotted else 2, **dash},
    )


def _figure(traces: Sequence[go.Scatter], across: str, up: str) -> go.Figure:
    figure = go.Figure(list(traces))
    figure.update_layout(height=_HEIGHT, showlegend=True, xaxis=_axis(across), yaxis=_axis(up))
    return figure


def _axis(title: str) -> dict[str, Any]:
    return {
        "title": {"text": title},
        "range": [-0.02, 1.02],
        "tickmode": "array",
        "tickvals": [value for value, _ in _SHARES],
        "ticktext": [text for _, text in _SHARES],
    }
