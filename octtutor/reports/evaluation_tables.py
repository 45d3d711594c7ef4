"""An evaluation as HTML, for the tab and for the report. Needs no Gradio."""

import base64
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from octtutor.core.scheme import OCT2017, Scheme
from octtutor.model.measure.gallery import SCAN, Cell, GalleryScan
from octtutor.model.measure.inspection import Inspection
from octtutor.reports.evaluation_plots import calibration_svg, error_svg, roc_svg
from octtutor.reports.evaluation_texts import EVALUATION, PUBLISHED_MODELS
from octtutor.reports.markup import filled, hover, joined, library, palette, paragraph
from octtutor.reports.plots import number
from octtutor.reports.progress_tables import Row, figure_table, hovered, with_interval
from octtutor.stats.intervals import Figure, wilson
from octtutor.stats.network_figures import Detected, Measures, accuracy_of

Part = tuple[str, str]
"""Heading and content; a part without content is left out."""
Link = Callable[[Cell, str, str], Markup]
"""Makes of a cell, its number and its words what is clicked to see its scans."""
_HTML = library(__file__, "evaluation.html.j2")
_NAMED = 12
"""Files that are named; the others are counted."""


def title(figures: dict[str, Any]) -> str:
    """Return the heading: it begins with LEAKY where the model knows these patients."""
    key = "leaky_title" if figures["leaky"] else "title"
    return EVALUATION[key].format(model=figures["model"], source=figures["source"])


def notes_view(found: Inspection) -> Markup:
    """Return what must be known before any figure is read, the worst first."""
    figures = found.figures
    facts = EVALUATION["facts"].format(
        n=figures["n"],
        patients=figures["patients"],
        model=figures["model"],
        sha256=figures["model_sha256"][:12],
    )
    return Markup(_HTML.notes(_leaky(found), facts, list(_notes(found))))


def _leaky(found: Inspection) -> Markup:
    figures = found.figures
    if figures["leaky"] is None:
        return paragraph(EVALUATION["unlisted"], "bad")
    if not figures["leaky"]:
        return paragraph(EVALUATION["clean"], "good")
    why = EVALUATION["leaky_why"].format(
        scans=int(found.trained_on.sum()), n=figures["n"], **figures["overlap_with_training"]
    )
    return Markup(_HTML.leaky(EVALUATION["leaky"], why, _rest(found)))


def _rest(found: Inspection) -> Markup:
    """Say how the model did on the scans that it cannot know."""
    rest = ~found.trained_on
    if not rest.any():
        return filled(EVALUATION["leaky_none"])
    right = found.chances[rest].argmax(axis=1) == found.truth[rest]
    patients = [who for who, is_rest in zip(found.patients, rest, strict=True) if is_rest]
    figure = accuracy_of(right, patients)
    return filled(EVALUATION["leaky_rest"], n=int(rest.sum()), accuracy=whole(figure))


def _notes(found: Inspection) -> Iterable[str]:
    figures = found.figures
    if figures["synthetic"]:
        yield EVALUATION["synthetic"]
    labels = found.labels
    present = [label for k, label in enumerate(labels) if (found.truth == k).any()]
    missing = [label for label in labels if label not in present]
    if len(present) == 1:
        yield EVALUATION["one_class"].format(label=present[0])
    elif missing:
        yield EVALUATION["missing"].format(labels=", ".join(missing))
    yield from _notes_on_mapping(figures.get("mapping"))
    if figures["patients"] == 1:
        yield EVALUATION["one_patient"]
    if found.nameless:
        yield EVALUATION["nameless"].format(n=found.nameless)
    if figures["unreadable"]:
        names = _some(figures["unreadable"])
        yield EVALUATION["unreadable"].format(n=len(figures["unreadable"]), names=names)
    yield from _notes_on_verdicts(figures)


def _notes_on_verdicts(figures: dict[str, Any]) -> Iterable[str]:
    for verdict, names in figures.get("verdicts", {}).items():
        if names:
            yield EVALUATION[verdict].format(n=len(names), all=figures["n"], names=_some(names))
    if figures.get("unfamiliar"):
        names, method = figures["unfamiliar"]["names"], figures["unfamiliar"]["method"]
        key = "unfamiliar" if names else "familiar"
        yield EVALUATION[key].format(
            n=len(names), all=figures["n"], names=_some(names), method=method
        )


def _some(names: Sequence[str]) -> str:
    more = [EVALUATION["and_more"].format(n=len(names) - _NAMED)] if len(names) > _NAMED else []
    # names on disk need not be text; what goes to a browser must be
    plain = [name.encode("utf-8", "backslashreplace").decode() for name in names[:_NAMED]]
    return ", ".join([*plain, *more])


def _notes_on_mapping(mapping: dict[str, Any] | None) -> Iterable[str]:
    """Say what of another scheme was measured, and what could be neither right nor wrong."""
    if mapping is None:
        return
    counted = ", ".join(
        f"{key} {row['n']} as {row['as']}" for key, row in mapping["counted"].items()
    )
    yield EVALUATION["mapped"].format(scheme=mapping["scheme"], counted=counted)
    for key, row in mapping["left_out"].items():
        answers = ", ".join(f"{label} {n}" for label, n in row["answers"].items())
        yield EVALUATION["not_mapped"].format(key=key, n=row["n"], answers=answers)


def figure_parts(found: Inspection, measures: Measures, link: Link) -> list[Part]:
    """Return all figures, part by part.

    Args:
        found: the evaluation.
        measures: of its answers.
        link: makes a number of the confusion matrix something to click.
    """
    return [
        (EVALUATION["summary"], Markup(_HTML.scroll(figure_table(_summary(measures))))),
        (EVALUATION["confusion"], confusion_view(measures, link)),
        (EVALUATION["classes"], _classes(measures)),
        (EVALUATION["roc"], _roc(measures)),
        (EVALUATION["calibration"], _calibration(measures)),
        (EVALUATION["sources"], _sources(found.figures)),
        (EVALUATION["error"], _error(measures)),
        (EVALUATION["overlap"], _overlap(found)),
        (EVALUATION["corrupted"], _corrupted(found.figures, measures.scheme)),
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
        (EVALUATION["calibrated"], measures.calibrated, ""),
    ]


def evaluation_view(found: Inspection, measures: Measures, link: Link) -> Markup:
    """Return all of an evaluation for the tab; the figures that are looked for first are large."""
    shown = (
        ("accuracy", measures.accuracy),
        ("weighted_error", measures.weighted_error),
        ("urgent_sensitivity", measures.urgent.sensitivity),
        ("urgent_specificity", measures.urgent.specificity),
    )
    tiles = [(with_interval(figure), EVALUATION[key]) for key, figure in shown]
    parts = figure_parts(found, measures, link)
    return palette(".evaluation", measures.scheme) + Markup(
        _HTML.page(title(found.figures), notes_view(found), tiles, parts)
    )


def box(content: str) -> Markup:
    """Put content into the element that the tab's styles know."""
    return Markup(_HTML.box(content))


def scans_head(heading: str, note: str) -> Markup:
    """Return what stands above the scans of some cells."""
    return Markup(_HTML.scans_head(heading, note))


def outcome_view(kind: str, leaky: str, said: str) -> Markup:
    """Return the line of an evaluation that is done."""
    return Markup(_HTML.outcome(kind, leaky, said))


def button(cell: Cell, n: str, words: str) -> Markup:
    """Make a number of the confusion matrix a button of the page."""
    return Markup(_HTML.button(f"{cell[0]}-{cell[1]}", n, words))


def anchor(name: str, n: str, words: str) -> Markup:
    """Make a number of the confusion matrix lead to a place in the same file."""
    return Markup(_HTML.anchor(name, n, words))


def confusion_view(measures: Measures, link: Link) -> Markup:
    """Return the confusion matrix, whose numbers can be clicked."""
    labels = measures.scheme.keys
    lines = [
        (label, [_cell((row, column), counts, link, labels) for column in range(len(labels))])
        for row, (label, counts) in enumerate(zip(labels, measures.matrix, strict=True))
    ]
    return Markup(_HTML.confusion(labels, lines, EVALUATION["confusion_note"]))


def _cell(
    cell: Cell, counts: npt.NDArray[np.int64], link: Link, labels: Sequence[str]
) -> tuple[str, str]:
    """Return what kind of number it is, and the number."""
    n, of = int(counts[cell[1]]), int(counts.sum())
    if not n:
        return "", "0"
    truth, label = (labels[index] for index in cell)
    share = wilson(n, of)
    words = EVALUATION["cell"].format(
        n=n, of=of, truth=truth, label=label, share=share, method=share.method
    )
    return "hit" if truth == label else "miss", link(cell, str(n), words)


def _classes(measures: Measures) -> Markup:
    heads = ("class", "scans", "sensitivity", "specificity", "precision", "auroc")
    lines = [
        _class_line(_HTML.named(name), detected) for name, detected in measures.classes.items()
    ]
    lines.append(_class_line(EVALUATION["urgent"], measures.urgent))
    table = _HTML.table([EVALUATION[key] for key in heads], lines)
    return Markup(_HTML.noted("", table, EVALUATION["classes_note"]))


def _class_line(name: str, found: Detected) -> tuple[str, ...]:
    shares = map(with_interval, (found.sensitivity, found.specificity, found.precision))
    return (name, str(found.n), *shares, with_interval(found.auroc, "plain"))


def _roc(measures: Measures) -> Markup:
    plot = roc_svg(measures, measures.scheme)
    if not plot:
        return paragraph(EVALUATION["roc_none"])
    return Markup(_HTML.noted(plot, "", EVALUATION["roc_note"]))


def _calibration(measures: Measures) -> Markup:
    lines = [
        (
            EVALUATION["bin"].format(low=100 * one.low, high=100 * one.high),
            f"{100 * one.stated:.1f} %",
            with_interval(one.right),
            one.right.n,
        )
        for one in measures.bins
        if one.stated is not None
    ]
    heads = ("stated", "said", "right", "n")
    table = _HTML.table([EVALUATION[key] for key in heads], lines)
    plot = calibration_svg(measures.bins)
    return Markup(_HTML.noted(plot, table, EVALUATION["calibration_note"]))


def _error(measures: Measures) -> Markup:
    heads = (
        "who", "accuracy", "sensitivity", "specificity", "weighted_error", "auroc", "source"
    )  # fmt: skip
    urgent = measures.urgent
    figures = [measures.accuracy, urgent.sensitivity, urgent.specificity, measures.weighted_error]
    own = [EVALUATION["this"], *map(with_interval, [*figures, urgent.auroc])]
    known = PUBLISHED_MODELS if measures.scheme.name == OCT2017.name else ()
    published = [(who, values, source) for who, *values, source in known]
    names = [EVALUATION[key] for key in heads]
    plot = error_svg(measures.weighted_error, measures.scheme)
    return Markup(_HTML.errors(plot, names, own, published, EVALUATION["error_note"]))


def _sources(figures: dict[str, Any]) -> Markup:
    """Return a line a source: accuracy, and what the model would answer by itself."""
    answered = figures.get(
        "answered", {"answers_from": 0, "by_source": {}}
    )  # older ones are without
    if not (answered["answers_from"] or answered["by_source"]):
        return Markup()
    heads = ("source", "scans", "accuracy", "ece", "coverage", "right_of_these")
    of = {EVALUATION["all"]: (figures, answered)}
    of |= {name: (figures["by_source"][name], row) for name, row in answered["by_source"].items()}
    lines = [
        (
            name,
            str(own["n"]),
            with_interval(_kept(own, "accuracy", own["n"])),
            f"{own['ece']:.3f}",
            with_interval(_kept(row, "coverage", row["n"])),
            with_interval(_kept(row, "right", row["answered"])),
        )
        for name, (own, row) in of.items()
    ]
    table = _HTML.table([EVALUATION[key] for key in heads], lines)
    note = EVALUATION["sources_note"].format(threshold=answered["answers_from"])
    return Markup(_HTML.noted("", table, note))


def _kept(row: dict[str, Any], name: str, n: int) -> Figure:
    low, high = row[f"{name}_ci"]
    return Figure(row[name], low, high, n, EVALUATION["over_patients"])


def _overlap(found: Inspection) -> Markup:
    figures = found.figures
    shared, known = figures["overlap_with_training"], found.trained_on
    lines: list[tuple[str, int]] = [
        (EVALUATION["overlap_files"], shared["files"]),
        (EVALUATION["overlap_patients"], shared["patients"]),
        (EVALUATION["overlap_scans"], int(known.sum())),
    ]
    names = [found.names[place] for place in np.flatnonzero(known)]
    example = EVALUATION["overlap_names"].format(names=_some(names)) if names else ""
    unlisted = paragraph(EVALUATION["unlisted"]) if figures["leaky"] is None else ""
    return Markup(_HTML.noted(unlisted, _HTML.table((), lines), example))


def _corrupted(figures: dict[str, Any], scheme: Scheme) -> Markup:
    normal = scheme.index(scheme.normal) if scheme.normal else None
    rough = figures.get("corrupted")
    if not rough:
        return Markup()
    lines = [
        (kind, *(_share(level, rough) for level in levels))
        for kind, levels in rough["kinds"].items()
    ]
    copies = rough["n"] * len(rough["kinds"]) * len(rough["severities"])
    right = hovered(_of(rough["accuracy"], copies))
    said = joined([f"{EVALUATION['copies']}, {EVALUATION['accuracy'].lower()}", right], ": ")
    if normal is not None:
        healthy = sum(figures["confusion"][normal]) * copies // rough["n"]
        called = hovered(_of(rough["healthy_called_diseased"], healthy))
        said += ". " + joined([EVALUATION["healthy"], called], ": ")
    names = [EVALUATION["kind"], *rough["severities"]]
    return Markup(_HTML.corrupted(said, names, lines, EVALUATION["corrupted_note"]))


def _share(level: dict[str, Any], rough: dict[str, Any]) -> Markup:
    return hovered(_of(level["accuracy"], rough["n"]))


def _of(share: float | None, n: int) -> Figure:
    return wilson(round((share or 0.0) * n), n if share is not None else 0)


def group_view(
    found: Inspection,
    cell: Cell,
    shown: Sequence[GalleryScan],
    left_out: str,
    anchor: str = "",
    back: str = "",
) -> Markup:
    """Return the scans of a cell of the confusion matrix, with their maps.

    Args:
        found: the evaluation.
        cell: truth and answer.
        shown: which of its scans.
        left_out: what to say of those that are not shown; empty where there are none.
        anchor: in a file: what the matrix leads to.
        back: in a file: what is clicked to come back to the matrix.
    """
    truth, label = (found.labels[index] for index in cell)
    key = "group" if truth != label else "group_right"
    n = found.figures["confusion"][cell[0]][cell[1]]
    heading = EVALUATION[key].format(truth=truth, label=label)
    count = EVALUATION["shown_of"].format(shown=len(shown), n=n)
    more = f"; {left_out}" if left_out else ""
    scans = [_scan(found, one) for one in shown]
    is_right = bool(anchor) and truth == label
    return Markup(_HTML.group(heading, f"{count}{more}", anchor, is_right, scans, back))


def _scan(found: Inspection, shown: GalleryScan) -> dict[str, Any]:
    chances, (truth, label) = found.chances[shown.place], shown.cell
    said = EVALUATION["answered"].format(
        truth=found.labels[truth], label=found.labels[label], chance=float(chances[label])
    )
    known = f"; {EVALUATION['trained']}" if found.trained_on[shown.place] else ""
    return {
        "said": f"{said}{known}",
        "name": found.names[shown.place],
        "pictures": [_picture(found, shown, name) for name in shown.names],
    }


def _picture(found: Inspection, shown: GalleryScan, name: str) -> tuple[str, str]:
    """Return what it shows, and its WebP file as base64."""
    what = EVALUATION["scan"] if name == SCAN else EVALUATION["map"].format(label=name)
    return what, base64.b64encode(found.picture(shown, name)).decode()


def whole(figure: Figure, kind: str = "") -> Markup:
    """Return a figure with its interval, to be hovered for n and method."""
    return hover(number(figure, kind), f"n = {figure.n}, {figure.method}")
