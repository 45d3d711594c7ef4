"""The plots of a trainee's progress: figures in, a Plotly figure out."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from octtutor.core.scheme import Scheme
from octtutor.reports.plots import (
    GREY,
    WRONG,
    YOU,
    Axis,
    Ticks,
    draw_dots,
    on_hover,
    percent_axis,
    plot_of,
    reference,
    said_of,
)
from octtutor.reports.progress_texts import AXES, PROGRESS, SECOND
from octtutor.reports.published_readers import published_errors
from octtutor.stats.confidence import Level
from octtutor.stats.intervals import Figure, wilson
from octtutor.stats.learning import Point
from octtutor.stats.signal import Detection
from octtutor.tutor.progress.exam_results import ExamResult
from octtutor.tutor.progress.progress import Block, Span
from octtutor.tutor.progress.second_looks import SecondLooks

_MOST_POINTS = 300
_COMMONEST = 4
_BAND = "rgba(0,114,178,0.18)"
"""`YOU`, faint."""
_SYMBOLS = ("circle", "square", "diamond", "triangle-up")


def learning_curve(points: Sequence[Point], scheme: Scheme) -> go.Figure:
    """Draw the moving accuracy with its interval against the number of cases."""
    kept = _thinned(points)
    cases = [point.case for point in kept]
    figures = [point.accuracy for point in kept]
    band = go.Scatter(
        x=[*cases, *reversed(cases)],
        y=[*(f.low for f in figures), *(f.high for f in reversed(figures))],
        fill="toself",
        fillcolor=_BAND,
        line={"width": 0, "color": YOU},
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
        name="",
    )
    line = _line(cases, figures, PROGRESS["you"], YOU)
    last = max(cases, default=1)
    return plot_of(
        [reference([0, last], [1 / len(scheme.keys)] * 2, PROGRESS["chance"]), band, line],
        Axis(AXES["cases"], 0, last, _whole_ticks(last)),
        percent_axis(AXES["right"]),
        legend=False,
    )


def per_class_plot(per_class: Mapping[str, tuple[Figure, Figure]], scheme: Scheme) -> go.Figure:
    """Draw each class's sensitivity and specificity with their intervals."""
    names = [PROGRESS["sensitivity"], PROGRESS["specificity"]]
    traces = [
        draw_dots(
            [index + shift for index in range(len(per_class))],
            [pair[which] for pair in per_class.values()],
            name,
            [scheme.get(key).colour for key in per_class],
            symbol,
            list(per_class),
        )
        for which, (name, shift, symbol) in enumerate(
            zip(names, (-0.13, 0.13), ("circle", "diamond-open"), strict=True)
        )
    ]
    return plot_of(traces, _class_axis(list(per_class)), percent_axis(AXES["share"]))


def detection_plot(detection: Mapping[str, Detection], scheme: Scheme) -> go.Figure:
    """Draw each class's d′ and criterion with their intervals."""
    rows = (
        (PROGRESS["d_prime"], -0.13, "circle", [d.d_prime for d in detection.values()]),
        (PROGRESS["criterion"], 0.13, "diamond-open", [d.criterion for d in detection.values()]),
    )
    traces = [
        draw_dots(
            [index + shift for index in range(len(detection))],
            figures,
            name,
            [scheme.get(key).colour for key in detection],
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
    zero = reference([-0.6, len(detection) - 0.4], [0, 0], PROGRESS["chance"])
    return plot_of(
        [zero, *traces],
        _class_axis(list(detection)),
        Axis(AXES["d_prime"], steps[0], steps[-1], [(step, f"{step}") for step in steps]),
    )


def confusion_over_time(spans: Sequence[Span], scheme: Scheme) -> go.Figure:
    """Draw how often the commonest confusions happened in each third of the history."""
    texts = [PROGRESS["span"].format(first=span.first, last=span.last) for span in spans]
    traces = []
    for number, (truth, choice) in enumerate(commonest(spans)):
        figures = [
            wilson(
                int(span.matrix[truth, choice]), int(span.matrix[truth, : len(scheme.keys)].sum())
            )
            for span in spans
        ]
        places = [index + 0.08 * (number - (_COMMONEST - 1) / 2) for index in range(len(spans))]
        shown, name = scheme.diagnoses[truth], f"{scheme.keys[truth]} → {scheme.keys[choice]}"
        symbol = _SYMBOLS[choice % len(_SYMBOLS)]
        trace = draw_dots(places, figures, name, shown.colour, symbol, texts)
        traces.append(trace.update(mode="lines+markers"))
    ticks = [(index, f"{span.first}–{span.last}") for index, span in enumerate(spans)]
    return plot_of(
        traces,
        Axis(AXES["cases"], -0.5, len(spans) - 0.5, ticks),
        percent_axis(AXES["share"]),
    )


def commonest(spans: Sequence[Span]) -> list[tuple[int, int]]:
    """Return the most frequent confusions of all spans together, (truth, answer), at most four."""
    if not spans:
        return []
    total = np.sum([span.matrix for span in spans], axis=0)
    pairs = [(i, j) for i in range(len(total)) for j in range(len(total)) if i != j]
    made = [(i, j) for i, j in pairs if total[i, j]]
    return sorted(made, key=lambda pair: -int(total[pair]))[:_COMMONEST]


def calibration_plot(levels: Sequence[Level]) -> go.Figure:
    """Draw how often each level of confidence was right, against what it says."""
    given = [level for level in levels if level.right.value is not None]
    names = [f"{level.level}: {100 * level.stated:.0f} %" for level in given]
    dots = draw_dots([level.stated for level in given], [level.right for level in given],
                 PROGRESS["you"], YOU, "circle", names)  # fmt: skip
    ticks = [(level.stated, f"{level.level}") for level in levels]
    return plot_of(
        [reference([0.25, 1], [0.25, 1], PROGRESS["in_balance"]), dots],
        Axis(AXES["stated"], 0.15, 1.1, ticks),
        percent_axis(AXES["right"]),
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
        draw_dots([i + shift for i in range(len(blocks))], figures, name, colour, symbol, texts,
              unit="s").update(mode="lines+markers")
        for name, shift, colour, symbol, figures in rows
    ]  # fmt: skip
    top = max([f.high or f.value or 0 for *_, figures in rows for f in figures], default=0)
    step = next(s for s in (1, 2, 5, 10, 20, 60, 300, 3600, 10**9) if top <= 5 * s)
    every = -(-len(blocks) // 4) or 1
    return plot_of(
        traces,
        Axis(AXES["cases"], -0.5, len(blocks) - 0.5, list(enumerate(texts))[::every]),
        Axis(AXES["seconds"], 0, 5.2 * step, [(k * step, f"{k * step}") for k in range(6)]),
    )


def weighted_error_plot(rows: Sequence[tuple[str, Figure]], scheme: Scheme) -> go.Figure:
    """Draw weighted errors on the axis of the published ones.

    Args:
        rows: name and figure of each reader; those without a value are left out.
        scheme: the list of diagnoses that they read, and what others scored with it.
    """
    theirs = published_errors(scheme)
    own = [(name, figure) for name, figure in rows if figure.value is not None]
    lines = len(own) + len(theirs)
    names = [name for name, _ in own] + [who for who, *_ in theirs]
    places = [float(lines - 1 - index) for index in range(lines)]
    mine = draw_dots(places[: len(own)], [figure for _, figure in own], PROGRESS["you"], YOU,
                 "circle", [name for name, _ in own], flat=True)  # fmt: skip
    published = [
        _published(place, who, low, high, source)
        for place, (who, low, high, source) in zip(places[len(own) :], theirs, strict=True)
    ]
    top = max([0.2, *((figure.high or figure.value or 0) for _, figure in own)])
    step = next(s for s in (0.05, 0.1, 0.25, 0.5, 1.0) if top <= 5 * s)
    ticks = [(k * step, f"{100 * k * step:.0f} %") for k in (0, 2, 4)]
    return plot_of(
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
    dots = draw_dots(places, [f for _, f, _ in rows], "", [c for *_, c in rows], "circle",
                 [SECOND[key] for key, *_ in rows], flat=True)  # fmt: skip
    ticks = [(place, SECOND[f"{key}_short"]) for place, (key, *_) in zip(places, rows)]
    return plot_of(
        [dots],
        percent_axis(AXES["share"]),
        Axis("", -0.6, len(rows) - 0.4, ticks),
        height=90 + 36 * len(rows),
        legend=False,
    )


def exams_plot(exams: Sequence[ExamResult]) -> go.Figure:
    """Draw the scores of the exams, oldest first, with pass marks."""
    texts = [f"{exam.quiz}, {exam.at:%Y-%m-%d}" for exam in exams]
    dots = draw_dots(list(range(len(exams))), [exam.score for exam in exams], AXES["score"], YOU,
                 "circle", texts)  # fmt: skip
    marks = [
        reference([index - 0.3, index + 0.3], [exam.pass_mark] * 2, PROGRESS["mark"].format(
            mark=100 * exam.pass_mark))
        for index, exam in enumerate(exams)
        if exam.pass_mark is not None
    ]  # fmt: skip
    ticks = [(index, f"{exam.at:%Y-%m-%d}") for index, exam in enumerate(exams)]
    every = -(-len(exams) // 4) or 1
    return plot_of(
        [*marks, dots],
        Axis(AXES["exams"], -0.6, len(exams) - 0.4, ticks[::every]),
        percent_axis(AXES["score"]),
        legend=False,
    )


def _published(place: float, who: str, low: float, high: float, source: str) -> go.Scatter:
    span = f"{100 * low:.1f} %" if low == high else f"{100 * low:.1f} to {100 * high:.1f} %"
    return go.Scatter(
        x=[low, high],
        y=[place, place],
        mode="lines+markers",
        name=who,
        line={"color": GREY, "width": 6},
        marker={"color": GREY, "size": 9, "symbol": "square"},
        customdata=[on_hover(f"{who}: {span}", source)] * 2,
        hovertemplate="%{customdata}<extra></extra>",
        showlegend=False,
    )


def _line(x: Sequence[float], figures: Sequence[Figure], name: str, colour: str) -> go.Scatter:
    texts = [PROGRESS["up_to"].format(case=case) for case in x]
    return go.Scatter(
        x=list(x),
        y=[figure.value for figure in figures],
        mode="lines+markers" if len(x) == 1 else "lines",
        name=name,
        line={"color": colour, "width": 2.5},
        marker={"color": colour, "size": 8},
        customdata=[said_of(t, f) for t, f in zip(texts, figures, strict=True)],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _thinned(points: Sequence[Point]) -> list[Point]:
    """Keep so many points that a page draws them at once, the last among them."""
    step = -(-len(points) // _MOST_POINTS) or 1
    return [point for point in reversed(points[::-1][::step])]


def _whole_ticks(last: int) -> Ticks:
    step = next(
        s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 10**3, 10**4, 10**6) if last <= 7 * s
    )
    return [(value, f"{value}") for value in range(0, last + 1, step)]


def _class_axis(labels: Sequence[str]) -> Axis:
    return Axis("", -0.6, len(labels) - 0.4, list(enumerate(labels)))
