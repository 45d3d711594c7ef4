"""The plots of `octtutor.ui.figures` as SVG: small, printed sharply, without a script."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import plotly.graph_objects as go

WIDTH = 660
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


def draw(figure: go.Figure, title: str) -> str:
    """Draw a figure of scatter traces as an `svg` element; `title` is its name for readers."""
    layout = figure.layout
    height = int(layout.height)
    frame = _frame(layout, height)
    shown = [trace for trace in figure.data if layout.showlegend and trace.showlegend is not False]
    parts = [_grid(layout, frame), *(_trace(trace, frame) for trace in figure.data)]
    legend = _legend(shown, frame.left) if len(shown) > 1 else ""
    return (
        f"<svg viewBox='0 0 {WIDTH} {height}' width='{WIDTH}' height='{height}' role='img' "
        f"aria-label='{escape(title)}'><title>{escape(title)}</title>{legend}{''.join(parts)}</svg>"
    )


def _frame(layout: Any, height: int) -> _Frame:
    lines = [line for text in layout.yaxis.ticktext for line in text.split("<br>")]
    left = 34 + _CHARACTER * max(map(len, lines), default=0)
    bottom = height - (48 if layout.xaxis.title.text else 28)
    return _Frame(
        left, WIDTH - 24, 26, bottom, tuple(layout.xaxis.range), tuple(layout.yaxis.range)
    )


def _grid(layout: Any, frame: _Frame) -> str:
    parts = []
    for value, text in zip(layout.yaxis.tickvals, layout.yaxis.ticktext, strict=True):
        y = frame.down(value)
        parts.append(_rule(frame.left, y, frame.right, y))
        parts.append(_text(frame.left - 6, y + 4, text, "end"))
    for value, text in zip(layout.xaxis.tickvals, layout.xaxis.ticktext, strict=True):
        x = frame.across(value)
        parts.append(_rule(x, frame.top, x, frame.bottom))
        parts.append(_text(x, frame.bottom + 16, text, "middle"))
    middle = (frame.left + frame.right) / 2
    if layout.xaxis.title.text:
        parts.append(_text(middle, frame.bottom + 38, layout.xaxis.title.text, "middle"))
    if layout.yaxis.title.text:
        turn = f" transform='rotate(-90 12 {(frame.top + frame.bottom) / 2:.1f})'"
        place = (frame.top + frame.bottom) / 2
        parts.append(_text(12, place, layout.yaxis.title.text, "middle", turn))
    return "".join(parts)


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f"<line class='grid' x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}'/>"


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    lines = text.split("<br>")
    first = y - _LINE * (len(lines) - 1) / 2
    spans = "".join(
        f"<tspan x='{x:.1f}' y='{first + _LINE * k:.1f}'>{escape(line)}</tspan>"
        for k, line in enumerate(lines)
    )
    return f"<text text-anchor='{anchor}'{more}>{spans}</text>"


def _trace(trace: go.Scatter, frame: _Frame) -> str:
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
    return "".join(parts)


def _with_words(mark: str, words: Any, index: int) -> str:
    """Let a mark say, when it is hovered, what `octtutor.ui.figures` says of it (already HTML)."""
    if words is None:
        return mark
    return f"<g>{mark}<title>{str(words[index]).replace('<br>', chr(10))}</title></g>"


def _path(trace: go.Scatter, points: Sequence[tuple[float, float]]) -> str:
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    if trace.fill == "toself":
        return f"<polygon points='{places}' fill='{trace.fillcolor}' stroke='none'/>"
    dash = " stroke-dasharray='2 4'" if trace.line.dash == "dot" else ""
    return (
        f"<polyline points='{places}' fill='none' stroke='{trace.line.color}' "
        f"stroke-width='{trace.line.width}'{dash}/>"
    )


def _error_bar(trace: go.Scatter, frame: _Frame, index: int) -> str:
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
        return ""
    x1, y1, x2, y2 = ends
    return (
        f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{colour}' "
        "stroke-width='1.6'/>"
    )


def _colour(colour: Any, index: int) -> str:
    return colour if isinstance(colour, str) else str(colour[index])


def _marker(x: float, y: float, symbol: str | None, colour: str) -> str:
    symbol = symbol or "circle"
    look = f"fill='{'none' if 'open' in symbol else colour}' stroke='{colour}' stroke-width='1.6'"
    if symbol.startswith("circle"):
        return f"<circle cx='{x:.1f}' cy='{y:.1f}' r='4.2' {look}/>"
    corners = _CORNERS[symbol.removesuffix("-open")]
    places = " ".join(f"{x + 5 * dx:.1f},{y + 5 * dy:.1f}" for dx, dy in corners)
    return f"<polygon points='{places}' {look}/>"


def _legend(traces: Sequence[go.Scatter], left: float) -> str:
    parts, x = [], left
    for trace in traces:
        colour = trace.line.color
        parts.append(_marker(x + 6, 10, trace.marker.symbol, colour))
        parts.append(_text(x + 16, 14, trace.name, "start"))
        x += 34 + _CHARACTER * len(trace.name)
    return "".join(parts)


_CORNERS = {
    "square": ((-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)),
    "diamond": ((0, -1.1), (1.1, 0), (0, 1.1), (-1.1, 0)),
    "triangle-up": ((0, -1), (1, 0.8), (-1, 0.8)),
}
