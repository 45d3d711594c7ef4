"""The plots of progress and reports: figures in, a Plotly figure out.

All are made of scatter traces over two linear axes with ticks of their own, which is what
`octtutor.ui.drawing` turns into SVG for the report. Hovering says n, interval and method.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go

from octtutor.core.diagnosis import LABELS
from octtutor.stats.calibration import Level
from octtutor.stats.intervals import Figure, wilson
from octtutor.stats.learning import Point
from octtutor.stats.signal import Detection
from octtutor.tutor.progress import Block, ExamResult, SecondLooks, Span
from octtutor.ui.progress_texts import AXES, PROGRESS, SECOND
from octtutor.ui.texts import PUBLISHED

COLOURS = {"CNV": "#cc79a7", "DME": "#56b4e9", "DRUSEN": "#e69f00", "NORMAL": "#1fb88a"}
"""Okabe & Ito's, as in page.css."""
YOU, WRONG, GREY = "#0072b2", "#d55e00", "#7a7a7a"
"""Of the same eight; readable on black and on white."""
HEIGHT = 280
_MOST_POINTS = 300
_COMMONEST = 4
Ticks = Sequence[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear axis from `low` to `high`, with its ticks."""

    title: str
    low: float
    high: float
    ticks: Ticks


def learning_curve(points: Sequence[Point]) -> go.Figure:
    """Draw the moving accuracy with its interval against the number of cases."""
    kept = _thinned(points)
    cases = [point.case for point in kept]
    figures = [point.accuracy for point in kept]
    band = go.Scatter(
        x=[*cases, *reversed(cases)],
        y=[*(f.low for f in figures), *(f.high for f in reversed(figures))],
        fill="toself",
        fillcolor=_faint(YOU),
        line={"width": 0, "color": YOU},
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
        name="",
    )
    line = _line(cases, figures, PROGRESS["you"], YOU)
    last = max(cases, default=1)
    return _figure(
        [_reference([0, last], [0.25, 0.25], PROGRESS["chance"]), band, line],
        Axis(AXES["cases"], 0, last, _whole_ticks(last)),
        _percent_axis(AXES["right"]),
        legend=False,
    )


def per_class_plot(per_class: Mapping[str, tuple[Figure, Figure]]) -> go.Figure:
    """Draw each class's sensitivity and specificity with their intervals."""
    names = [PROGRESS["sensitivity"], PROGRESS["specificity"]]
    traces = [
        _dots(
            [index + shift for index in range(len(per_class))],
            [pair[which] for pair in per_class.values()],
            name,
            [COLOURS[label] for label in per_class],
            symbol,
            list(per_class),
        )
        for which, (name, shift, symbol) in enumerate(
            zip(names, (-0.13, 0.13), ("circle", "diamond-open"), strict=True)
        )
    ]
    return _figure(traces, _class_axis(list(per_class)), _percent_axis(AXES["share"]))


def detection_plot(detection: Mapping[str, Detection]) -> go.Figure:
    """Draw each class's d′ and criterion with their intervals."""
    rows = (
        (PROGRESS["d_prime"], -0.13, "circle", [d.d_prime for d in detection.values()]),
        (PROGRESS["criterion"], 0.13, "diamond-open", [d.criterion for d in detection.values()]),
    )
    traces = [
        _dots(
            [index + shift for index in range(len(detection))],
            figures,
            name,
            [COLOURS[label] for label in detection],
            symbol,
            list(detection),
            plain=True,
        )
        for name, shift, symbol, figures in rows
    ]
    ends = [end for *_, figures in rows for f in figures for end in (f.low, f.high, f.value)]
    known = [end for end in ends if end is not None]
    low, high = min([-1.0, *known]), max([3.0, *known])
    steps = range(int(low // 1), int(high // 1) + 2)
    zero = _reference([-0.6, len(detection) - 0.4], [0, 0], PROGRESS["chance"])
    return _figure(
        [zero, *traces],
        _class_axis(list(detection)),
        Axis(AXES["d_prime"], steps[0], steps[-1], [(step, f"{step}") for step in steps]),
    )


def confusion_over_time(spans: Sequence[Span]) -> go.Figure:
    """Draw how often the commonest confusions happened in each third of the history."""
    texts = [PROGRESS["span"].format(first=span.first, last=span.last) for span in spans]
    traces = []
    for number, (truth, choice) in enumerate(commonest(spans)):
        figures = [
            wilson(int(span.matrix[truth, choice]), int(span.matrix[truth].sum())) for span in spans
        ]
        places = [index + 0.08 * (number - (_COMMONEST - 1) / 2) for index in range(len(spans))]
        name = f"{LABELS[truth]} → {LABELS[choice]}"
        trace = _dots(places, figures, name, COLOURS[LABELS[truth]], _SYMBOLS[choice], texts)
        traces.append(trace.update(mode="lines+markers"))
    ticks = [(index, f"{span.first}–{span.last}") for index, span in enumerate(spans)]
    return _figure(
        traces,
        Axis(AXES["cases"], -0.5, len(spans) - 0.5, ticks),
        _percent_axis(AXES["share"]),
    )


def commonest(spans: Sequence[Span]) -> list[tuple[int, int]]:
    """Return the most frequent confusions of all spans together, (truth, answer), at most four."""
    if not spans:
        return []
    total = np.sum([span.matrix for span in spans], axis=0)
    pairs = [(i, j) for i in range(len(LABELS)) for j in range(len(LABELS)) if i != j]
    made = [(i, j) for i, j in pairs if total[i, j]]
    return sorted(made, key=lambda pair: -int(total[pair]))[:_COMMONEST]


def calibration_plot(levels: Sequence[Level]) -> go.Figure:
    """Draw how often each level of confidence was right, against what it says."""
    given = [level for level in levels if level.right.value is not None]
    names = [f"{level.level}: {100 * level.stated:.0f} %" for level in given]
    dots = _dots([level.stated for level in given], [level.right for level in given],
                 PROGRESS["you"], YOU, "circle", names)  # fmt: skip
    ticks = [(level.stated, f"{level.level}") for level in levels]
    return _figure(
        [_reference([0.25, 1], [0.25, 1], PROGRESS["in_balance"]), dots],
        Axis(AXES["stated"], 0.15, 1.1, ticks),
        _percent_axis(AXES["right"]),
        legend=False,
    )


def response_times_plot(blocks: Sequence[Block]) -> go.Figure:
    """Draw the median response times of right and wrong answers, block by block."""
    texts = [f"{block.first}–{block.last}" for block in blocks]
    rows = (
        (PROGRESS["right"], -0.1, YOU, "circle", [block.right for block in blocks]),
        (PROGRESS["wrong"], 0.1, WRONG, "diamond-open", [block.wrong for block in blocks]),
    )
    traces = [
        _dots([i + shift for i in range(len(blocks))], figures, name, colour, symbol, texts,
              unit="s").update(mode="lines+markers")
        for name, shift, colour, symbol, figures in rows
    ]  # fmt: skip
    top = max([f.high or f.value or 0 for *_, figures in rows for f in figures], default=0)
    step = next(s for s in (1, 2, 5, 10, 20, 60, 300, 3600, 10**9) if top <= 5 * s)
    every = -(-len(blocks) // 4) or 1
    return _figure(
        traces,
        Axis(AXES["cases"], -0.5, len(blocks) - 0.5, list(enumerate(texts))[::every]),
        Axis(AXES["seconds"], 0, 5.2 * step, [(k * step, f"{k * step}") for k in range(6)]),
    )


def weighted_error_plot(rows: Sequence[tuple[str, Figure]]) -> go.Figure:
    """Draw weighted errors on the axis of the published ones.

    Args:
        rows: name and figure of each reader; those without a value are left out.
    """
    own = [(name, figure) for name, figure in rows if figure.value is not None]
    lines = len(own) + len(PUBLISHED)
    names = [name for name, _ in own] + [who for who, *_ in PUBLISHED]
    places = [float(lines - 1 - index) for index in range(lines)]
    mine = _dots(places[: len(own)], [figure for _, figure in own], PROGRESS["you"], YOU,
                 "circle", [name for name, _ in own], flat=True)  # fmt: skip
    published = [
        _published(place, who, low, high, source)
        for place, (who, low, high, source) in zip(places[len(own) :], PUBLISHED, strict=True)
    ]
    top = max([0.2, *((figure.high or figure.value or 0) for _, figure in own)])
    step = next(s for s in (0.05, 0.1, 0.25, 0.5, 1.0) if top <= 5 * s)
    ticks = [(k * step, f"{100 * k * step:.0f} %") for k in (0, 2, 4)]
    return _figure(
        [*published, mine],
        Axis(AXES["error"], -0.02 * step, 5.2 * step, ticks),
        Axis("", -0.6, lines - 0.4, list(zip(places, names, strict=True))),
        height=70 + 36 * lines,
        legend=False,
    )


def second_looks_plot(looks: SecondLooks) -> go.Figure:
    """Draw agreement with the model, and reliance on it, with their intervals."""
    rows = [
        ("agreed_right", looks.agreed_with_right, YOU),
        ("agreed_wrong", looks.agreed_with_wrong, WRONG),
        ("gave_up", looks.gave_up, WRONG),
        ("followed", looks.followed, WRONG),
        ("kept_wrong", looks.kept_wrong, WRONG),
    ]
    places = [float(len(rows) - 1 - index) for index in range(len(rows))]
    dots = _dots(places, [f for _, f, _ in rows], "", [c for *_, c in rows], "circle",
                 [SECOND[key] for key, *_ in rows], flat=True)  # fmt: skip
    ticks = [(place, SECOND[f"{key}_short"]) for place, (key, *_) in zip(places, rows)]
    return _figure(
        [dots],
        _percent_axis(AXES["share"]),
        Axis("", -0.6, len(rows) - 0.4, ticks),
        height=90 + 36 * len(rows),
        legend=False,
    )


def exams_plot(exams: Sequence[ExamResult]) -> go.Figure:
    """Draw the scores of the exams, oldest first, with pass marks."""
    texts = [f"{exam.quiz}, {exam.at:%Y-%m-%d}" for exam in exams]
    dots = _dots(list(range(len(exams))), [exam.score for exam in exams], AXES["score"], YOU,
                 "circle", texts)  # fmt: skip
    marks = [
        _reference([index - 0.3, index + 0.3], [exam.pass_mark] * 2, PROGRESS["mark"].format(
            mark=100 * exam.pass_mark))
        for index, exam in enumerate(exams)
        if exam.pass_mark is not None
    ]  # fmt: skip
    ticks = [(index, f"{exam.at:%Y-%m-%d}") for index, exam in enumerate(exams)]
    every = -(-len(exams) // 4) or 1
    return _figure(
        [*marks, dots],
        Axis(AXES["exams"], -0.6, len(exams) - 0.4, ticks[::every]),
        _percent_axis(AXES["score"]),
        legend=False,
    )


_SYMBOLS = ("circle", "square", "diamond", "triangle-up")


def _published(place: float, who: str, low: float, high: float, source: str) -> go.Scatter:
    span = f"{100 * low:.1f} %" if low == high else f"{100 * low:.1f} to {100 * high:.1f} %"
    return go.Scatter(
        x=[low, high],
        y=[place, place],
        mode="lines+markers",
        name=who,
        line={"color": GREY, "width": 6},
        marker={"color": GREY, "size": 9, "symbol": "square"},
        customdata=[f"{who}: {span}<br>{source}"] * 2,
        hovertemplate="%{customdata}<extra></extra>",
        showlegend=False,
    )


def _line(x: Sequence[float], figures: Sequence[Figure], name: str, colour: str) -> go.Scatter:
    texts = [PROGRESS["span"].format(first=c - f.n + 1, last=c) for c, f in zip(x, figures)]
    return go.Scatter(
        x=list(x),
        y=[figure.value for figure in figures],
        mode="lines+markers" if len(x) == 1 else "lines",
        name=name,
        line={"color": colour, "width": 2.5},
        marker={"color": colour, "size": 8},
        customdata=[_said(t, f) for t, f in zip(texts, figures, strict=True)],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _dots(
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
        customdata=[_said(t, f, name, kind) for t, f in zip(texts, figures, strict=True)],
        hovertemplate="%{customdata}<extra></extra>",
        **{"error_x" if flat else "error_y": bars},
    )


def _reference(x: Sequence[float], y: Sequence[float], name: str) -> go.Scatter:
    return go.Scatter(
        x=list(x),
        y=list(y),
        mode="lines",
        name=name,
        line={"color": GREY, "width": 1.5, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
    )


def _said(text: str, figure: Figure, name: str = "", kind: str = "") -> str:
    head = ", ".join(part for part in (text, name) if part)
    return "<br>".join(
        escape(line) for line in (head, number(figure, kind), f"n = {figure.n}", figure.method)
    )


def number(figure: Figure, kind: str = "") -> str:
    """Return a figure in words: in percent, in seconds (`s`), or as it is (`plain`)."""
    if not kind or figure.value is None:
        return str(figure)
    unit = " s" if kind == "s" else ""
    digits = 1 if kind == "s" else 2
    if figure.low is None or figure.high is None:
        return f"{figure.value:.{digits}f}{unit}"
    return f"{figure.value:.{digits}f}{unit} ({figure.low:.{digits}f} to {figure.high:.{digits}f})"


def _span(low: float | None, high: float | None) -> float:
    return 0.0 if low is None or high is None else max(0.0, high - low)


def _thinned(points: Sequence[Point]) -> list[Point]:
    """Keep so many points that a page draws them at once, the last among them."""
    step = -(-len(points) // _MOST_POINTS) or 1
    return [point for point in reversed(points[::-1][::step])]


def _whole_ticks(last: int) -> Ticks:
    step = next(
        s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 10**3, 10**4, 10**6) if last <= 7 * s
    )
    return [(value, f"{value}") for value in range(0, last + 1, step)]


def _percent_axis(title: str) -> Axis:
    ticks = [(share, f"{100 * share:.0f} %") for share in (0, 0.25, 0.5, 0.75, 1)]
    return Axis(title, -0.03, 1.03, ticks)


def _class_axis(labels: Sequence[str]) -> Axis:
    return Axis("", -0.6, len(labels) - 0.4, list(enumerate(labels)))


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.18)"


def _figure(
    traces: Sequence[go.Scatter],
    x: Axis,
    y: Axis,
    height: int = HEIGHT,
    legend: bool = True,
) -> go.Figure:
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


_BUTTONS = [
    "zoom", "pan", "select", "lasso", "zoomIn", "zoomOut", "autoScale", "resetScale", "toImage",
    "toggleSpikelines", "hoverClosestCartesian", "hoverCompareCartesian",
]  # fmt: skip
