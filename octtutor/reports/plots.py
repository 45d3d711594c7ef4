"""What the plots of progress and reports are made of.

Scatter traces over two linear axes with ticks of their own, which is what `octtutor.reports.svg`
turns into SVG for the report. Hovering says n, interval and method.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from markupsafe import Markup

from octtutor.stats.intervals import Figure, rounded

YOU, WRONG, GREY = "#0072b2", "#d55e00", "#7a7a7a"
"""Of the eight of Okabe & Ito; readable on black and on white."""
HEIGHT = 280
Ticks = Sequence[tuple[float, str]]
_BUTTONS = [
    "zoom", "pan", "select", "lasso", "zoomIn", "zoomOut", "autoScale", "resetScale", "toImage",
    "toggleSpikelines", "hoverClosestCartesian", "hoverCompareCartesian",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear axis from `low` to `high`, with its ticks."""

    title: str
    low: float
    high: float
    ticks: Ticks


def draw_dots(
    places: Sequence[float],
    figures: Sequence[Figure],
    name: str,
    colour: str | Sequence[str],
    symbol: str,
    texts: Sequence[str],
    *,
    flat: bool = False,
    plain: bool = False,
    unit: str = "",
) -> go.Scatter:
    """Draw figures as dots with intervals; `flat` ones lie along the x axis."""
    values = [figure.value for figure in figures]
    x, y = (values, list(places)) if flat else (list(places), values)
    one = colour if isinstance(colour, str) else GREY
    bars = {
        "type": "data",
        "symmetric": False,
        "array": [_span(f.value, f.high) for f in figures],
        "arrayminus": [_span(f.low, f.value) for f in figures],
        "color": one,
        "thickness": 1.5,
        "width": 4,
    }
    kind = "plain" if plain else unit
    return go.Scatter(
        x=x,
        y=y,
        mode="markers",
        name=name,
        marker={
            "color": colour,
            "size": 9,
            "symbol": symbol,
            "line": {"width": 1.5 if symbol.endswith("open") else 0},
        },
        line={"color": one, "width": 1.5},
        customdata=[said_of(t, f, name, kind) for t, f in zip(texts, figures, strict=True)],
        hovertemplate="%{customdata}<extra></extra>",
        **{"error_x" if flat else "error_y": bars},
    )


def reference(x: Sequence[float], y: Sequence[float], name: str) -> go.Scatter:
    """Draw a dotted line to compare with."""
    return go.Scatter(
        x=list(x),
        y=list(y),
        mode="lines",
        name=name,
        line={"color": GREY, "width": 1.5, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
    )


def said_of(text: str, figure: Figure, name: str = "", kind: str = "") -> str:
    """Return what hovering a figure says: what it is of, interval, n and method."""
    head = ", ".join(part for part in (text, name) if part)
    return on_hover(head, number(figure, kind), f"n = {figure.n}", figure.method)


def on_hover(*lines: str) -> str:
    """Return lines as Plotly takes them for hovering: HTML, of which it draws a little."""
    return str(Markup("<br>").join(lines))


def number(figure: Figure, kind: str = "") -> str:
    """Return a figure in words: in percent, in seconds (`s`), or as it is (`plain`)."""
    if not kind or figure.value is None:
        return str(figure)
    unit = " s" if kind == "s" else ""
    digits = 1 if kind == "s" else 2
    value = f"{rounded(figure.value, digits)}{unit}"
    if figure.low is None or figure.high is None:
        return value
    return f"{value} ({rounded(figure.low, digits)} to {rounded(figure.high, digits)})"


def _span(low: float | None, high: float | None) -> float:
    return 0.0 if low is None or high is None else max(0.0, high - low)


def percent_axis(title: str) -> Axis:
    """Return the axis of a share, in percent."""
    ticks = [(share, f"{100 * share:.0f} %") for share in (0, 0.25, 0.5, 0.75, 1)]
    return Axis(title, -0.03, 1.03, ticks)


def plot_of(
    traces: Sequence[go.Scatter],
    x: Axis,
    y: Axis,
    height: int = HEIGHT,
    legend: bool = True,
) -> go.Figure:
    """Lay traces out over two axes, in the look of the page."""
    figure = go.Figure(list(traces))
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 13, "color": GREY},
        showlegend=legend,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        hoverlabel={"align": "left", "bgcolor": "#222", "font": {"color": "#fff"}},
        dragmode=False,
        modebar={"remove": _BUTTONS},
        xaxis=_axis(x),
        yaxis=_axis(y),
    )
    return figure


def _axis(axis: Axis) -> dict[str, Any]:
    return {
        "title": {"text": axis.title, "standoff": 8, "font": {"size": 13}},
        "range": [axis.low, axis.high],
        "tickmode": "array",
        "tickvals": [value for value, _ in axis.ticks],
        "ticktext": [text for _, text in axis.ticks],
        "gridcolor": "rgba(128,128,128,0.25)",
        "zeroline": False,
        "automargin": True,
        "tickangle": 0,
        "fixedrange": True,
    }
