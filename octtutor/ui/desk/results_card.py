"""The results card as HTML. Numbers carry n, interval and method where they are hovered."""

import base64

from markupsafe import Markup

from octtutor.reports.markup import hover, joined, library, palette, paragraph
from octtutor.reports.progress_tables import left_out_words
from octtutor.reports.published_readers import published_errors
from octtutor.stats.intervals import Figure, wilson
from octtutor.tutor.progress.results import Results
from octtutor.ui.desk.texts import RESULTS

_HTML = library(__file__, "results.html.j2")
_TOP = 0.25
"""Right end of the weighted error's scale; larger ones are drawn at the end."""


def results_card(results: Results, csv: str, synthetic: bool, more: str = "") -> Markup:
    """Draw the results of an attempt.

    Args:
        results: the figures.
        csv: the answers, offered for download.
        synthetic: whether the scans are computer-made, which is then said.
        more: HTML that stands below the score.
    """
    if not results.answered:
        return Markup(_HTML.empty(RESULTS["empty"]))
    figures = _HTML.figures(
        RESULTS,
        _confusion(results),
        _per_class(results),
        _errors(results),
        _you_and_model(results),
    )
    note = paragraph(RESULTS["synthetic"], "note") if synthetic else ""
    colours = palette(".results", results.scheme)
    return _card(colours, _score(results), Markup(more), figures, note, _download(csv))


def _card(*parts: str) -> Markup:
    return Markup(_HTML.card(RESULTS["title"], parts))


def held_back_card(answered: int, asked: int, csv: str, more: str = "") -> Markup:
    """Draw that an exam's results are still to come: how many were answered, and no figure.

    Args:
        answered: how many cases were.
        asked: how many cases there are.
        csv: the answers, offered for download.
        more: HTML that stands below that.
    """
    counted = RESULTS["answered"].format(n=answered, asked=asked)
    said = paragraph(counted, "note")
    return _card(_HTML.heading(RESULTS["held_back"]), said, Markup(more), _download(csv))


def score_card(right: int, asked: int, csv: str, more: str) -> Markup:
    """Draw the score of an exam that can be taken again, which a matrix of answers would spoil.

    Args:
        right: how many answers were, in the end.
        asked: how many cases there are.
        csv: the answers, offered for download.
        more: HTML that stands below the score.
    """
    share = _hover(wilson(right, asked), RESULTS["of"].format(right=right, n=asked))
    return _card(_HTML.score(share, RESULTS["right"]), Markup(more), _download(csv))


def _score(results: Results) -> Markup:
    right = round((results.right.value or 0) * results.right.n)
    share = _hover(results.right, RESULTS["of"].format(right=right, n=results.right.n))
    notes: list[str] = [] if results.right.value is None else [_balanced(results)]
    if results.answered < results.asked:
        notes.append(RESULTS["early"].format(n=results.answered, asked=results.asked))
    if results.ungradable:
        notes.append(RESULTS["ungradable"].format(n=results.ungradable))
    if results.left_out:
        notes.append(left_out_words(results.left_out))
    if results.repeated.n:
        n = results.repeated.n
        again = RESULTS["of"].format(right=round((results.repeated.value or 0) * n), n=n)
        notes.append(joined([RESULTS["repeated"], _hover(results.repeated, again)], ": "))
    parts = [_HTML.score(share, RESULTS["right"]), *(paragraph(note, "note") for note in notes)]
    if results.median_seconds is not None:
        time = hover(f"{results.median_seconds:.1f} s", f"median, n = {results.right.n}")
        parts.append(_HTML.time(RESULTS["time"], time))
    return joined(parts)


def _balanced(results: Results) -> Markup:
    return joined([RESULTS["balanced"], _with_interval(results.balanced)], ": ")


def _confusion(results: Results) -> Markup:
    keys = results.scheme.keys
    names = [*keys, *(["U", "T"] if results.matrix[:, len(keys) :].any() else [])]
    lines = [
        (
            label,
            [
                (_shade(index, column, int(n), len(keys)), int(n))
                for column, n in enumerate(results.matrix[index][: len(names)])
            ],
        )
        for index, label in enumerate(keys)
    ]
    return Markup(_HTML.confusion(names, lines, RESULTS["confusion_hint"]))


def _shade(row: int, column: int, n: int, classes: int) -> str:
    if not n or column >= classes:
        return ""
    return "hit" if row == column else "miss"


def _per_class(results: Results) -> Markup:
    lines = [
        (name, _with_interval(sensitivity), _with_interval(specificity))
        for name, (sensitivity, specificity) in results.per_class.items()
    ]
    names = [RESULTS["sensitivity"], RESULTS["specificity"]]
    return Markup(_HTML.per_class(names, lines, RESULTS["intervals"]))


def _errors(results: Results) -> Markup:
    lines = []
    for name, figure, kind in (
        (RESULTS["you"], results.weighted_error, "you"),
        (RESULTS["the_model"], results.model_weighted_error, "model"),
    ):
        if figure.value is not None:
            lines.append(_error_line(name, figure.value, figure.value, _source(figure), kind))
    lines += [
        _error_line(who, low, high, source, "")
        for who, low, high, source in published_errors(results.scheme)
    ]
    return Markup(_HTML.errors(lines, RESULTS["error_hint"].format(top=100 * _TOP)))


def _source(figure: Figure) -> str:
    return f"{figure}, n = {figure.n}, {figure.method}"


def _error_line(name: str, low: float, high: float, source: str, kind: str) -> dict[str, str]:
    """Return a bar or a mark on the scale from 0 to `_TOP`, and its number."""
    left, right = (min(value, _TOP) / _TOP * 100 for value in (low, high))
    left = min(left, 98.5) if low == high else left
    width = f"width:{right - left:.1f}%" if high > low else ""
    return {
        "name": hover(name, source),
        "kind": kind + (" beyond" if high > _TOP else ""),
        "place": f"left:{left:.1f}%;{width}",
        "number": f"{100 * low:.1f} %" if low == high else f"{100 * low:.1f}–{100 * high:.1f} %",
    }


def _you_and_model(results: Results) -> Markup:
    compared = results.you_and_model
    if compared is None:
        return paragraph("–", "note")
    n = results.model_right.n
    lines = [
        (RESULTS[key], hover(getattr(compared, key), f"{getattr(compared, key)} of {n} scans"))
        for key in ("both", "only_you", "only_model", "neither")
    ]
    figure = _hover(results.model_right)
    return Markup(_HTML.you_model(lines, RESULTS["the_model"], figure, RESULTS["right"]))


def _hover(figure: Figure, text: str | None = None, small: str = "") -> Markup:
    if figure.value is None:
        return hover("–", "no such scan")
    return hover(text or f"{100 * figure.value:.0f} %", _source(figure), small)


def _with_interval(figure: Figure) -> Markup:
    if figure.low is None or figure.high is None:
        return _hover(figure)
    return _hover(figure, None, f"{100 * figure.low:.0f}–{100 * figure.high:.0f}")


def _download(csv: str) -> Markup:
    data = base64.b64encode(csv.encode()).decode()
    return Markup(_HTML.download(data, RESULTS["csv"]))
