"""An evaluation as HTML, for the tab and for the report. Needs no Gradio."""

import base64
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.model.gallery import SCAN, Cell, Shown
from octtutor.model.inspection import Inspection
from octtutor.stats.evaluation import Detected, Measures, accuracy_of
from octtutor.stats.intervals import Figure, wilson
from octtutor.ui.evaluate_plots import calibration_svg, error_svg, roc_svg
from octtutor.ui.evaluate_texts import EVALUATION, PUBLISHED_MODELS
from octtutor.ui.figures import number
from octtutor.ui.progress_views import Row, figure_table, hovered, swatch, with_interval

Part = tuple[str, str]
"""Heading and content; a part without content is left out."""
Link = Callable[[Cell, str, str], str]
"""Makes of a cell, its number and its words what is clicked to see its scans."""
_NAMED = 12
"""Files that are named; the others are counted."""


def title(told: dict[str, Any]) -> str:
    """Return the heading: it begins with LEAKY where the model knows these patients."""
    key = "leaky_title" if told["leaky"] else "title"
    return EVALUATION[key].format(model=told["model"], source=told["source"])


def notes_view(found: Inspection) -> str:
    """Return what must be known before any figure is read, the worst first."""
    told = found.told
    facts = EVALUATION["facts"].format(
        n=told["n"],
        patients=told["patients"],
        model=told["model"],
        sha256=told["model_sha256"][:12],
    )
    return f"{_leaky(found)}<p>{escape(facts)}</p>{''.join(map(_line, _notes(found)))}"


def _leaky(found: Inspection) -> str:
    told = found.told
    if told["leaky"] is None:
        return f"<p class='bad'>{EVALUATION['unlisted']}</p>"
    if not told["leaky"]:
        return f"<p class='good'>{EVALUATION['clean']}</p>"
    why = EVALUATION["leaky_why"].format(
        scans=int(found.trained_on.sum()), n=told["n"], **told["overlap_with_training"]
    )
    return f"<p class='bad leaky'><b>{EVALUATION['leaky']}</b> {why} {_rest(found)}</p>"


def _rest(found: Inspection) -> str:
    """Say how the model did on the scans that it cannot know."""
    rest = ~found.trained_on
    if not rest.any():
        return EVALUATION["leaky_none"]
    right = found.chances[rest].argmax(axis=1) == found.truth[rest]
    patients = [who for who, is_rest in zip(found.patients, rest, strict=True) if is_rest]
    figure = accuracy_of(right, patients)
    return EVALUATION["leaky_rest"].format(n=int(rest.sum()), accuracy=whole(figure))


def _notes(found: Inspection) -> Iterable[str]:
    told = found.told
    if told["synthetic"]:
        yield EVALUATION["synthetic"]
    present = [str(label) for k, label in enumerate(LABELS) if (found.truth == k).any()]
    missing = [str(label) for label in LABELS if label not in present]
    if len(present) == 1:
        yield EVALUATION["one_class"].format(label=present[0])
    elif missing:
        yield EVALUATION["missing"].format(labels=", ".join(missing))
    if told["patients"] == 1:
        yield EVALUATION["one_patient"]
    if found.nameless:
        yield EVALUATION["nameless"].format(n=found.nameless)
    if told["unreadable"]:
        names = _some(told["unreadable"])
        yield EVALUATION["unreadable"].format(n=len(told["unreadable"]), names=names)
    if told.get("unfamiliar"):
        names, method = told["unfamiliar"]["names"], told["unfamiliar"]["method"]
        key = "unfamiliar" if names else "familiar"
        yield EVALUATION[key].format(n=len(names), all=told["n"], names=_some(names), method=method)


def _line(text: str) -> str:
    return f"<p class='said'>{escape(text)}</p>"


def _some(names: Sequence[str]) -> str:
    more = [EVALUATION["and_more"].format(n=len(names) - _NAMED)] if len(names) > _NAMED else []
    # names on disk need not be text; what goes to a browser must be
    plain = [name.encode("utf-8", "backslashreplace").decode() for name in names[:_NAMED]]
    return ", ".join([*plain, *more])


def figure_parts(found: Inspection, measures: Measures, link: Link) -> list[Part]:
    """Return all figures, part by part.

    Args:
        found: the evaluation.
        measures: of its answers.
        link: makes a number of the confusion matrix something to click.
    """
    return [
        (EVALUATION["summary"], _scroll(figure_table(_summary(measures)))),
        (EVALUATION["confusion"], confusion_view(measures, link)),
        (EVALUATION["classes"], _classes(measures) + _note("classes_note")),
        (EVALUATION["roc"], _roc(measures)),
        (EVALUATION["calibration"], _calibration(measures)),
        (EVALUATION["error"], _error(measures)),
        (EVALUATION["overlap"], _overlap(found)),
        (EVALUATION["corrupted"], _corrupted(found.told)),
    ]


def _summary(measures: Measures) -> list[Row]:
    urgent = measures.urgent
    return [
        (EVALUATION["accuracy"], measures.accuracy, ""),
        (EVALUATION["weighted_error"], measures.weighted_error, ""),
        (EVALUATION["urgent_sensitivity"], urgent.sensitivity, ""),
        (EVALUATION["urgent_specificity"], urgent.specificity, ""),
        (EVALUATION["urgent_precision"], urgent.precision, ""),
        (EVALUATION["urgent_auroc"], urgent.auroc, "plain"),
        (EVALUATION["kappa"], measures.kappa, "plain"),
        (EVALUATION["brier"], measures.brier, "plain"),
        (EVALUATION["ece"], measures.calibration_error, ""),
    ]


def headline_view(measures: Measures) -> str:
    """Return the figures that are looked for first, large, each to be hovered."""
    shown = (
        ("accuracy", measures.accuracy),
        ("weighted_error", measures.weighted_error),
        ("urgent_sensitivity", measures.urgent.sensitivity),
        ("urgent_specificity", measures.urgent.specificity),
    )
    tiles = "".join(
        f"<div><span class='big'>{with_interval(figure)}</span><span>{EVALUATION[key]}</span></div>"
        for key, figure in shown
    )
    return f"<div class='tiles'>{tiles}</div>"


def confusion_view(measures: Measures, link: Link) -> str:
    """Return the confusion matrix, whose numbers can be clicked."""
    head = "".join(f"<th scope='col'>{swatch(label)}{label}</th>" for label in LABELS)
    rows = "".join(
        f"<tr><th scope='row'>{swatch(label)}{label}</th>"
        f"{''.join(_cell((row, column), counts, link) for column in range(len(LABELS)))}</tr>"
        for row, (label, counts) in enumerate(zip(LABELS, measures.matrix, strict=True))
    )
    body = f"<tbody><tr><td></td>{head}</tr>{rows}</tbody>"
    return _scroll(f"<table class='confusion'>{body}</table>") + _note("confusion_note")


def _cell(cell: Cell, counts: npt.NDArray[np.int64], link: Link) -> str:
    n, of = int(counts[cell[1]]), int(counts.sum())
    if not n:
        return "<td>0</td>"
    truth, label = (LABELS[index] for index in cell)
    share = wilson(n, of)
    words = EVALUATION["cell"].format(
        n=n, of=of, truth=truth, label=label, share=share, method=share.method
    )
    kind = "hit" if truth == label else "miss"
    return f"<td class='{kind}'>{link(cell, str(n), words)}</td>"


def _classes(measures: Measures) -> str:
    heads = ("class", "scans", "sensitivity", "specificity", "precision", "auroc")
    head = "".join(f"<th scope='col'>{EVALUATION[key]}</th>" for key in heads)
    rows = "".join(
        _class_row(f"{swatch(name)}{name}", detected) for name, detected in measures.classes.items()
    )
    rows += _class_row(EVALUATION["urgent"], measures.urgent)
    return _table(head, rows)


def _class_row(name: str, found: Detected) -> str:
    cells = [str(found.n), *map(with_interval, (found.sensitivity, found.specificity))]
    cells += [with_interval(found.precision), with_interval(found.auroc, "plain")]
    body = "".join(f"<td>{cell}</td>" for cell in cells)
    return f"<tr><th scope='row'>{name}</th>{body}</tr>"


def _roc(measures: Measures) -> str:
    plot = roc_svg(measures)
    return plot + _note("roc_note") if plot else f"<p>{EVALUATION['roc_none']}</p>"


def _calibration(measures: Measures) -> str:
    rows = "".join(
        f"<tr><th scope='row'>{EVALUATION['bin'].format(low=100 * one.low, high=100 * one.high)}"
        f"</th><td>{100 * one.stated:.1f} %</td><td>{with_interval(one.right)}</td>"
        f"<td>{one.right.n}</td></tr>"
        for one in measures.bins
        if one.stated is not None
    )
    heads = ("stated", "said", "right", "n")
    head = "".join(f"<th scope='col'>{EVALUATION[key]}</th>" for key in heads)
    return calibration_svg(measures.bins) + _table(head, rows) + _note("calibration_note")


def _error(measures: Measures) -> str:
    heads = (
        "who", "accuracy", "sensitivity", "specificity", "weighted_error", "auroc", "source"
    )  # fmt: skip
    head = "".join(f"<th scope='col'>{EVALUATION[key]}</th>" for key in heads)
    urgent = measures.urgent
    own = [measures.accuracy, urgent.sensitivity, urgent.specificity, measures.weighted_error]
    cells = "".join(f"<td>{with_interval(figure)}</td>" for figure in [*own, urgent.auroc])
    mine = f"<tr class='own'><th scope='row'>{EVALUATION['this']}</th>{cells}<td></td></tr>"
    rows = "".join(map(_published_row, PUBLISHED_MODELS))
    return error_svg(measures.weighted_error) + _table(head, mine + rows) + _note("error_note")


def _published_row(row: tuple[str, ...]) -> str:
    who, *values, source = row
    hover = escape(source)
    told = [v if v == "–" else f"<abbr title='{hover}'>{v}</abbr>" for v in values]
    cells = "".join(f"<td>{value}</td>" for value in told)
    return f"<tr><th scope='row'>{escape(who)}</th>{cells}<td class='method'>{hover}</td></tr>"


def _overlap(found: Inspection) -> str:
    told = found.told
    shared, known = told["overlap_with_training"], found.trained_on
    rows: list[tuple[str, int]] = [
        (EVALUATION["overlap_files"], shared["files"]),
        (EVALUATION["overlap_patients"], shared["patients"]),
        (EVALUATION["overlap_scans"], int(known.sum())),
    ]
    body = "".join(f"<tr><th scope='row'>{name}</th><td>{n}</td></tr>" for name, n in rows)
    names = [found.names[place] for place in np.flatnonzero(known)]
    example = EVALUATION["overlap_names"].format(names=_some(names)) if names else ""
    unlisted = f"<p>{EVALUATION['unlisted']}</p>" if told["leaky"] is None else ""
    return f"{unlisted}{_table('', body)}<p class='note'>{escape(example)}</p>"


def _corrupted(told: dict[str, Any]) -> str:
    rough = told.get("corrupted")
    if not rough:
        return ""
    head = f"<th scope='col'>{EVALUATION['kind']}</th>" + "".join(
        f"<th scope='col'>{level}</th>" for level in rough["severities"]
    )
    rows = "".join(
        f"<tr><th scope='row'>{escape(kind)}</th>"
        f"{''.join(f'<td>{_share(level, rough)}</td>' for level in levels)}</tr>"
        for kind, levels in rough["kinds"].items()
    )
    copies = rough["n"] * len(rough["kinds"]) * len(rough["severities"])
    healthy = sum(told["confusion"][LABELS.index(Diagnosis.NORMAL)]) * copies // rough["n"]
    called = _of(rough["healthy_called_diseased"], healthy)
    right = hovered(_of(rough["accuracy"], copies))
    said = f"{EVALUATION['copies']}, {EVALUATION['accuracy'].lower()}: {right}"
    said += f". {EVALUATION['healthy']}: {hovered(called)}"
    return f"<p>{said}.</p>{_table(head, rows)}{_note('corrupted_note')}"


def _share(level: dict[str, Any], rough: dict[str, Any]) -> str:
    return hovered(_of(level["accuracy"], rough["n"]))


def _of(share: float | None, n: int) -> Figure:
    return wilson(round((share or 0.0) * n), n if share is not None else 0)


def group_view(
    found: Inspection, cell: Cell, shown: Sequence[Shown], left_out: str, head: str = ""
) -> str:
    """Return the scans of a cell of the confusion matrix, with their maps.

    Args:
        found: the evaluation.
        cell: truth and answer.
        shown: which of its scans.
        left_out: what to say of those that are not shown; empty where there are none.
        head: attributes of the group's element, ready for HTML.
    """
    truth, label = (str(LABELS[index]) for index in cell)
    key = "group" if truth != label else "group_right"
    n = found.told["confusion"][cell[0]][cell[1]]
    heading = EVALUATION[key].format(truth=truth, label=label)
    count = EVALUATION["shown_of"].format(shown=len(shown), n=n)
    more = f"; {left_out}" if left_out else ""
    figures = "".join(_scan(found, one) for one in shown)
    return (
        f"<section class='taken'{head}><h4>{heading} <small>{count}{escape(more)}</small></h4>"
        f"<div class='pictures'>{figures}</div></section>"
    )


def _scan(found: Inspection, shown: Shown) -> str:
    chances, (truth, label) = found.chances[shown.place], shown.cell
    said = EVALUATION["answered"].format(
        truth=LABELS[truth], label=LABELS[label], chance=float(chances[label])
    )
    known = f"; {EVALUATION['trained']}" if found.trained_on[shown.place] else ""
    pictures = "".join(_picture(found, shown, name) for name in shown.names)
    name = escape(found.names[shown.place])
    return (
        f"<figure><div class='maps'>{pictures}</div><figcaption>{said}{known}<br>"
        f"<small>{name}</small></figcaption></figure>"
    )


def _picture(found: Inspection, shown: Shown, name: str) -> str:
    what = EVALUATION["scan"] if name == SCAN else EVALUATION["map"].format(label=name)
    data = base64.b64encode(found.picture(shown, name)).decode()
    return (
        f"<span><img decoding='async' alt='{what}' src='data:image/webp;base64,{data}'>"
        f"<small>{what}</small></span>"
    )


def whole(figure: Figure, kind: str = "") -> str:
    """Return a figure with its interval, to be hovered for n and method."""
    said = escape(f"n = {figure.n}, {figure.method}")
    return f"<abbr title='{said}'>{number(figure, kind)}</abbr>"


def _table(head: str, rows: str) -> str:
    top = f"<thead><tr>{head}</tr></thead>" if head else ""
    return _scroll(f"<table>{top}<tbody>{rows}</tbody></table>")


def _scroll(table: str) -> str:
    return f"<div class='scroll'>{table}</div>"


def _note(key: str) -> str:
    return f"<p class='note'>{EVALUATION[key]}</p>"
