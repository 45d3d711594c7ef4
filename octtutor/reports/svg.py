"""The plots of `octtutor.reports.plots` as SVG: small, printed sharply, without a script.

They are drawn here and not by matplotlib because they must look and behave as on the page. The
figures are Plotly's, of which these are the same traces; text and grid take the colours of where
they stand (dark, light or paper) from its style sheet; each mark says n, interval and method when
it is hovered. matplotlib writes colours into every element and knows no titles, so its SVG would
have to be taken apart again for both; that of a calibration plot has 3.6 times the characters
(14.8 thousand for 4.2, without titles) and takes three times as long.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from markupsafe import Markup

from octtutor.reports.markup import joined, library

WIDTH = 660
_HTML = library(__file__, "plot.html.j2")
_CHARACTER = 6.6
"""Pixels of a character, about, at the size of the ticks."""
_LINE = 14


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where the data lie in the picture, in pixels."""

    left: float
    right: float
    top: float
    bottom: float
    x: tuple[float, float]
    y: tuple[float, float]

    def across(self, value: float) -> float:
        low, high = self.x
        return self.left + (value - low) / (high - low) * (self.right - self.left)

    def down(self, value: float) -> float:
        low, high = self.y
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)


def draw(figure: go.Figure, title: str) -> Markup:
    """Draw a figure of scatter traces as an `svg` element; `title` is its name for readers."""
    layout = figure.layout
    height = int(layout.height)
    frame = _frame(layout, height)
    shown = [trace for trace in figure.data if layout.showlegend and trace.showlegend is not False]
    parts = [*_grid(layout, frame), *(_trace(trace, frame) for trace in figure.data)]
    legend = _legend(shown, frame.left) if len(shown) > 1 else ""
    return Markup(_HTML.plot(title, WIDTH, height, legend, parts))


def _frame(layout: Any, height: int) -> _Frame:
    lines = [line for text in layout.yaxis.ticktext for line in text.split("<br>")]
    left = 34 + _CHARACTER * max(map(len, lines), default=0)
    bottom = height - (48 if layout.xaxis.title.text else 28)
    return _Frame(
        left, WIDTH - 24, 26, bottom, tuple(layout.xaxis.range), tuple(layout.yaxis.range)
    )


def _grid(layout: Any, frame: _Frame) -> list[Markup]:
    parts = []
    for value, text in zip(layout.yaxis.tickvals, layout.yaxis.ticktext, strict=True):
        y = frame.down(value)
        parts.append(_HTML.rule(frame.left, y, frame.right, y))
        parts.append(_text(frame.left - 6, y + 4, text, "end"))
    for value, text in zip(layout.xaxis.tickvals, layout.xaxis.ticktext, strict=True):
        x = frame.across(value)
        parts.append(_HTML.rule(x, frame.top, x, frame.bottom))
        parts.append(_text(x, frame.bottom + 16, text, "middle"))
    middle = (frame.left + frame.right) / 2
    if layout.xaxis.title.text:
        parts.append(_text(middle, frame.bottom + 38, layout.xaxis.title.text, "middle"))
    if layout.yaxis.title.text:
        place = (frame.top + frame.bottom) / 2
        parts.append(_text(12, place, layout.yaxis.title.text, "middle", turned=place))
    return parts


def _text(x: float, y: float, text: str, anchor: str, turned: float | None = None) -> Markup:
    lines = text.split("<br>")
    first = y - _LINE * (len(lines) - 1) / 2
    placed = [(first + _LINE * k, line) for k, line in enumerate(lines)]
    return Markup(_HTML.text(x, placed, anchor, turned))


def _trace(trace: go.Scatter, frame: _Frame) -> Markup:
    known = [
        (frame.across(x), frame.down(y), index)
        for index, (x, y) in enumerate(zip(trace.x, trace.y, strict=True))
        if x is not None and y is not None
    ]
    parts = [_path(trace, [(x, y) for x, y, _ in known])] if "lines" in trace.mode else []
    for x, y, index in known:
        parts.append(_error_bar(trace, frame, index))
        if "markers" in trace.mode:
            mark = _marker(x, y, trace.marker.symbol, _colour(trace.marker.color, index))
            parts.append(_with_words(mark, trace.customdata, index))
    return joined(parts)


def _with_words(mark: Markup, words: Any, index: int) -> Markup:
    """Let a mark say, when hovered, what `octtutor.reports.plots` says of it (already HTML)."""
    if words is None:
        return mark
    return Markup(_HTML.hovered(mark, Markup(words[index]).replace("<br>", "\n")))


def _path(trace: go.Scatter, points: Sequence[tuple[float, float]]) -> Markup:
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    if trace.fill == "toself":
        return Markup(_HTML.area(places, trace.fillcolor))
    is_dotted = trace.line.dash == "dot"
    return Markup(_HTML.line(places, trace.line.color, trace.line.width, is_dotted))


def _error_bar(trace: go.Scatter, frame: _Frame, index: int) -> Markup:
    x, y = trace.x[index], trace.y[index]
    if trace.error_y.array is not None:
        low, high = y - trace.error_y.arrayminus[index], y + trace.error_y.array[index]
        ends = (frame.across(x), frame.down(low), frame.across(x), frame.down(high))
        colour = trace.error_y.color
    elif trace.error_x.array is not None:
        low, high = x - trace.error_x.arrayminus[index], x + trace.error_x.array[index]
        ends = (frame.across(low), frame.down(y), frame.across(high), frame.down(y))
        colour = trace.error_x.color
    else:
        return Markup()
    return Markup(_HTML.bar(*ends, colour))


def _colour(colour: Any, index: int) -> str:
    return colour if isinstance(colour, str) else str(colour[index])


def _marker(x: float, y: float, symbol: str | None, colour: str) -> Markup:
    symbol = symbol or "circle"
    fill = "none" if "open" in symbol else colour
    if symbol.startswith("circle"):
        return Markup(_HTML.circle(x, y, fill, colour))
    corners = _CORNERS[symbol.removesuffix("-open")]
    places = " ".join(f"{x + 5 * dx:.1f},{y + 5 * dy:.1f}" for dx, dy in corners)
    return Markup(_HTML.polygon(places, fill, colour))


def _legend(traces: Sequence[go.Scatter], left: float) -> Markup:
    parts, x = [], left
    for trace in traces:
        parts.append(_marker(x + 6, 10, trace.marker.symbol, trace.line.color))
        parts.append(_text(x + 16, 14, trace.name, "start"))
        x += 34 + _CHARACTER * len(trace.name)
    return joined(parts)


_CORNERS = {
    "square": ((-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)),
    "diamond": ((0, -1.1), (1.1, 0), (0, 1.1), (-1.1, 0)),
    "triangle-up": ((0, -1), (1, 0.8), (-1, 0.8)),
}
