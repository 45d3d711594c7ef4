"""A project's figures as HTML: how far annotators agree, and how each fares on the controls."""

from collections.abc import Sequence

from markupsafe import Markup

from octtutor.reports.markup import filled, hover, library, paragraph
from octtutor.stats.intervals import Figure
from octtutor.stats.learning import Point
from octtutor.tutor.annotation.agreement_figures import Agreement
from octtutor.tutor.annotation.annotators import WINDOW, AgreementReport, Annotator
from octtutor.tutor.annotation.deck_publishing import Published
from octtutor.tutor.annotation.projects import Overview
from octtutor.ui.annotate.texts import ANNOTATE
from octtutor.ui.annotate.views import name_of

_HTML = library(__file__, "views.html.j2")
_CURVE = 72, 20
"""Width and height of a curve in a table."""


def figures_view(report: AgreementReport) -> Markup:
    """Draw how far annotators agree, and how each fares on the hidden controls."""
    if not report.annotators:
        return paragraph(ANNOTATE["no_readings"])
    return Markup(_HTML.figures(_agreement(report.agreement), _people(report.annotators)))


def _agreement(found: Agreement) -> Markup:
    is_none = found.kappa.value is None and not found.pairs
    parts = [
        (ANNOTATE[title], [(name, number(figure)) for name, figure in figures.items()])
        for title, figures in (
            ("per_class", found.per_class),
            ("per_finding", found.per_finding),
            ("dice", found.regions),
        )
        if figures
    ]
    pairs = [
        (
            f"{name_of(pair.first)}, {name_of(pair.second)}",
            share(pair.same),
            number(pair.kappa),
            number(pair.weighted),
        )
        for pair in found.pairs
    ]
    return Markup(_HTML.agreement(ANNOTATE, None if is_none else number(found.kappa), parts, pairs))


def _people(annotators: Sequence[Annotator]) -> Markup:
    class_names = [ANNOTATE["annotators_head"].split("|")[0], *annotators[0].per_class]
    classes = [
        (name_of(each.who), *(_own(each, one) for one in each.per_class.values()))
        for each in annotators
    ]
    suggestions = [
        (
            name_of(each.who),
            f"{of.shown:,}",
            share(of.accepted),
            share(of.corrected),
            _own(each, of.made_right),
            _own(each, of.made_wrong),
        )
        for each in annotators
        if (of := each.suggestions).shown
    ]
    lines = [_person(each) for each in annotators]
    return Markup(_HTML.people(ANNOTATE, lines, class_names, classes, suggestions))


def _person(one: Annotator) -> tuple[str, ...]:
    seconds = one.seconds
    time = "–" if seconds.value is None else f"{seconds.value:.1f} s"
    return (
        name_of(one.who),
        f"{one.read:,}",
        f"{one.skipped:,}",
        f"{one.flagged:,}",
        hover(time, f"n = {seconds.n}, {seconds.method}"),
        _own(one, one.accuracy),
        _own(one, one.drift.change, signed=True) + _curve(one.drift.curve),
    )


def _curve(points: Sequence[Point]) -> Markup:
    """Draw the moving accuracy as a small line, 0 at the bottom and 1 at the top."""
    if len(points) < 2:
        return Markup()
    rates = [point.accuracy.value or 0.0 for point in points]
    step = _CURVE[0] / (len(rates) - 1)
    line = " ".join(f"{n * step:.1f},{_CURVE[1] * (1 - rate):.1f}" for n, rate in enumerate(rates))
    words = ANNOTATE["drift_curve"].format(
        window=WINDOW, first=100 * rates[0], last=100 * rates[-1]
    )
    return Markup(_HTML.curve(*_CURVE, line, words))


def _own(one: Annotator, figure: Figure, signed: bool = False) -> Markup:
    """Draw a figure on the controls, or that it is hidden from the one who still reads some."""
    return Markup(_HTML.hidden(ANNOTATE["hidden"])) if one.hidden else share(figure, signed)


def share(figure: Figure, signed: bool = False) -> Markup:
    """Draw a proportion in percent with its interval; n and method on hover."""
    sign = "+" if signed else ""
    return _hover(figure, 100, f"{sign}.0f", " %")


def number(figure: Figure) -> Markup:
    """Draw a figure that is no proportion, with its interval; n and method on hover."""
    return _hover(figure, 1, ".2f", "")


def _hover(figure: Figure, times: int, form: str, unit: str) -> Markup:
    if figure.value is None:
        return hover("–", f"{ANNOTATE['no_figure']}, n = {figure.n}")
    interval = ""
    if figure.low is not None and figure.high is not None:
        interval = f"{times * figure.low:{form}} … {times * figure.high:{form}}"
    shown = f"{times * figure.value:{form}}{unit}"
    return hover(shown, f"n = {figure.n}, {figure.method}", interval)


def publish_state(overview: Overview, agreement: Agreement) -> Markup:
    """Draw who has read so far and how far they agree."""
    said = filled(
        ANNOTATE["publish_state"],
        annotators=_annotators(len(agreement.annotators)),
        agreement=_kappa(agreement.kappa),
        done=overview.done,
        scans=overview.scans,
    )
    return paragraph(said, "state")


def published_view(done: Published) -> Markup:
    """Draw what a project became."""
    left = ", ".join(f"{n:,} {reason}" for reason, n in done.left_out.items() if n)
    return Markup(
        _HTML.published(
            ANNOTATE["published"].format(title=done.deck.title, added=done.added),
            _annotators(done.annotators),
            _kappa(done.agreement),
            ANNOTATE["left_out"].format(what=left) if left else "",
            ANNOTATE["next"],
        )
    )


def _kappa(figure: Figure) -> Markup:
    if figure.value is None:
        return filled(ANNOTATE["no_kappa"])
    return filled(ANNOTATE["kappa"], figure=number(figure))


def _annotators(n: int) -> str:
    return ANNOTATE["one_annotator"] if n == 1 else ANNOTATE["annotators_n"].format(n=n)
