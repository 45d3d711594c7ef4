"""The results card as HTML. Numbers carry n, interval and method where they are hovered."""

import base64
from html import escape

from octtutor.core.diagnosis import LABELS
from octtutor.stats.intervals import Figure
from octtutor.tutor.results import UNGRADABLE, Results
from octtutor.ui.texts import OUTCOME, PUBLISHED, RESULTS

_TOP = 0.25
"""Right end of the weighted error's scale; larger ones are drawn at the end."""


def results_card(results: Results, csv: str, synthetic: bool, more: str = "") -> str:
    """Draw the results of an attempt.

    Args:
        results: the figures.
        csv: the answers, offered for download.
        synthetic: whether the scans are computer-made, which is then said.
        more: HTML that stands below the score.
    """
    if not results.answered:
        return f"<section class='results'><p>{RESULTS['empty']}</p></section>"
    parts = [
        _score(results),
        more,
        "<div class='cards'>",
        f"<div><h3>{RESULTS['confusion']}</h3>{_confusion(results)}</div>",
        f"<div><h3>{RESULTS['per_class']}</h3>{_per_class(results)}</div>",
        f"<div><h3>{RESULTS['error']}</h3>{_errors(results)}</div>",
        f"<div><h3>{RESULTS['you_model']}</h3>{_you_and_model(results)}</div>",
        "</div>",
        f"<p class='note'>{RESULTS['synthetic']}</p>" if synthetic else "",
        f"<p>{_download(csv)}</p>",
    ]
    return f"<section class='results' aria-label='{RESULTS['title']}'>{''.join(parts)}</section>"


def _score(results: Results) -> str:
    right = round((results.right.value or 0) * results.answered)
    share = _hover(results.right, RESULTS["of"].format(right=right, n=results.answered))
    lines = [f"<h2 class='score' tabindex='-1'>{share} {RESULTS['right']}</h2>"]
    if results.answered < results.asked:
        early = RESULTS["early"].format(n=results.answered, asked=results.asked)
        lines.append(f"<p class='note'>{early}</p>")
    if results.ungradable:
        ungradable = RESULTS["ungradable"].format(n=results.ungradable)
        lines.append(f"<p class='note'>{ungradable}</p>")
    if results.timed_out:
        late = OUTCOME["timed_out"].format(n=results.timed_out)
        lines.append(f"<p class='note'>{late}</p>")
    if results.median_seconds is not None:
        time = f"{results.median_seconds:.1f} s"
        hover = f"<abbr title='median, n = {results.answered}'>{time}</abbr>"
        lines.append(f"<p class='note'>{RESULTS['time']}: {hover}</p>")
    return "".join(lines)


def _confusion(results: Results) -> str:
    columns = [str(label) for label in LABELS] + (
        ["U"] if results.ungradable or results.timed_out else []
    )
    head = "".join(f"<th scope='col'>{name}</th>" for name in columns)
    rows = []
    for index, label in enumerate(LABELS):
        cells = "".join(
            f"<td class='{_shade(index, column, int(n))}'>{int(n)}</td>"
            for column, n in enumerate(results.matrix[index][: len(columns)])
        )
        rows.append(f"<tr><th scope='row'>{_swatch(label)}{label}</th>{cells}</tr>")
    table = f"<table class='confusion'><tr><td></td>{head}</tr>{''.join(rows)}</table>"
    return f"{table}<p class='note'>{RESULTS['confusion_hint']}</p>"


def _shade(row: int, column: int, n: int) -> str:
    if not n or column == UNGRADABLE:
        return ""
    return "hit" if row == column else "miss"


def _per_class(results: Results) -> str:
    rows = "".join(
        f"<tr><th scope='row'>{_swatch(name)}{name}</th>"
        f"<td>{_with_interval(sensitivity)}</td><td>{_with_interval(specificity)}</td></tr>"
        for name, (sensitivity, specificity) in results.per_class.items()
    )
    head = f"<th>{RESULTS['sensitivity']}</th><th>{RESULTS['specificity']}</th>"
    note = f"<p class='note'>{RESULTS['intervals']}</p>"
    return f"<table class='per-class'><tr><td></td>{head}</tr>{rows}</table>{note}"


def _errors(results: Results) -> str:
    rows = []
    for name, figure, kind in (
        (RESULTS["you"], results.weighted_error, "you"),
        (RESULTS["the_model"], results.model_weighted_error, "model"),
    ):
        if figure.value is not None:
            rows.append(_error_row(name, figure.value, figure.value, _source(figure), kind))
    rows += [_error_row(who, low, high, source, "") for who, low, high, source in PUBLISHED]
    hint = RESULTS["error_hint"].format(top=100 * _TOP)
    return f"{''.join(rows)}<p class='note'>{hint}</p>"


def _source(figure: Figure) -> str:
    return f"{figure}, n = {figure.n}, {figure.method}"


def _error_row(name: str, low: float, high: float, source: str, kind: str) -> str:
    left, right = (min(value, _TOP) / _TOP * 100 for value in (low, high))
    number = f"{100 * low:.1f} %" if low == high else f"{100 * low:.1f}–{100 * high:.1f} %"
    left = min(left, 98.5) if low == high else left
    kind += " beyond" if high > _TOP else ""
    width = f"width:{right - left:.1f}%" if high > low else ""
    bar = f"<i class='{kind}' style='left:{left:.1f}%;{width}'></i>"
    return (
        f"<div class='error-row'><abbr title='{escape(source)}'>{escape(name)}</abbr>"
        f"<span class='scalebar'>{bar}</span><span>{number}</span></div>"
    )


def _you_and_model(results: Results) -> str:
    compared = results.you_and_model
    if compared is None:
        return "<p class='note'>–</p>"
    n = results.model_right.n
    rows = "".join(
        f"<tr><th scope='row'>{RESULTS[key]}</th>"
        f"<td><abbr title='{getattr(compared, key)} of {n} scans'>{getattr(compared, key)}</abbr>"
        "</td></tr>"
        for key in ("both", "only_you", "only_model", "neither")
    )
    right = f"{RESULTS['the_model']}: {_hover(results.model_right)} {RESULTS['right']}"
    return f"<table class='you-model'>{rows}</table><p class='note'>{right}</p>"


def _hover(figure: Figure, text: str | None = None) -> str:
    if figure.value is None:
        return "<abbr title='no such scan'>–</abbr>"
    shown = text or f"{100 * figure.value:.0f} %"
    return f"<abbr title='{escape(_source(figure))}'>{shown}</abbr>"


def _with_interval(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return _hover(figure)
    return f"{_hover(figure)} <small>{100 * figure.low:.0f}–{100 * figure.high:.0f}</small>"


def _swatch(label: str) -> str:
    return f"<span class='swatch {str(label).lower()}'></span>"


def _download(csv: str) -> str:
    data = base64.b64encode(csv.encode()).decode()
    return (
        f"<a class='csv' download='octtutor-results.csv' href='data:text/csv;base64,{data}'>"
        f"{RESULTS['csv']}</a>"
    )
