"""Progress in words and tables, as HTML, for the page and the report. Needs no Gradio."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from octtutor.core.counting import WhyNot
from octtutor.core.schedule import FAST_MS, MASTERY_K, Mastery
from octtutor.core.scheme import Scheme
from octtutor.reports.markup import filled, hover, joined, library, paragraph
from octtutor.reports.markup import swatch as swatch
from octtutor.reports.plots import number
from octtutor.reports.progress_texts import PROGRESS, REPORT, SECOND
from octtutor.stats.intervals import Figure, rounded
from octtutor.tutor.practice.spaced_repetition import Due
from octtutor.tutor.progress.exam_results import ExamResult
from octtutor.tutor.progress.progress import Calibration, Progress, Span
from octtutor.tutor.progress.second_looks import SecondLooks

_HTML = library(__file__, "progress.html.j2")
_FEW_LOOKS = 20
Row = tuple[str, Figure, str]
"""Name, figure, and its unit: `` for percent, `s` for seconds, `plain` for neither."""


def hovered(figure: Figure, kind: str = "") -> Markup:
    """Return a figure's value that says interval, n and method when it is hovered."""
    return _hovered(figure, kind, "")


def with_interval(figure: Figure, kind: str = "") -> Markup:
    """Return a figure's value, and its interval in small print."""
    if figure.low is None or figure.high is None:
        return hovered(figure, kind)
    if kind:
        return _hovered(figure, kind, f"{rounded(figure.low, 2)} to {rounded(figure.high, 2)}")
    dash = " to " if figure.low < 0 else "–"
    low, high = rounded(100 * figure.low, 0), rounded(100 * figure.high, 0)
    return _hovered(figure, kind, f"{low}{dash}{high}")


def _hovered(figure: Figure, kind: str, small: str) -> Markup:
    if figure.value is None:
        return hover("–", figure.method, small)
    bare = Figure(figure.value, None, None, figure.n, figure.method)
    said = f"{number(figure, kind)}, n = {figure.n}, {figure.method}"
    return hover(number(bare, kind), said, small)


def left_out_words(left_out: Mapping[WhyNot, int]) -> str:
    """Say how many answers do not count, and why; empty where all do."""
    what = ", ".join(f"{n} {why}" for why, n in left_out.items())
    return REPORT["left_out"].format(what=what) if what else ""


def figure_table(rows: Iterable[Row]) -> Markup:
    """Return a table of figures with interval, n and method: nothing has to be hovered."""
    names = [REPORT[key] for key in ("figure", "value", "interval", "n")]
    lines = [_figure_line(*row) for row in rows]
    return Markup(_HTML.figures(names, REPORT["method"], lines))


def _figure_line(name: str, figure: Figure, kind: str) -> dict[str, str | int]:
    interval = "–"
    if figure.value is not None and figure.low is not None and figure.high is not None:
        interval = number(figure, kind).split("(")[1].rstrip(")")
    return {
        "name": name,
        "value": number(Figure(figure.value, None, None, 0, ""), kind),
        "interval": interval,
        "n": figure.n,
        "method": figure.method,
    }


def due_words(due: Due, now: datetime) -> Markup:
    """Say what is due now, or next."""
    if due.now:
        what = ", ".join(str(card.category) for card in due.now)
        said = PROGRESS["due_now"].format(scans=due.scans, minutes=due.minutes, what=what)
        return Markup(_HTML.due_now(said, PROGRESS["due_how"]))
    if due.next_at is None:
        return paragraph(PROGRESS["due_none"])
    what = ", ".join(str(card.category) for card in due.cards if card.due_at == due.next_at)
    return paragraph(PROGRESS["due_later"].format(what=what, when=_day(due.next_at, now)))


def _day(at: datetime, now: datetime) -> str:
    if at - now < timedelta(days=1) and at.date() == now.date():
        return PROGRESS["soon"]
    return PROGRESS["day"].format(date=at)


def due_table(progress: Progress, now: datetime) -> Markup:
    """Return each class with its mastery and when it is due; pairs with their date only."""
    lines: list[tuple[str, ...]] = [
        (
            _HTML.named(key, progress.scheme.colours[key]),
            _mastery(progress.mastery[key]),
            _due_of(progress.due, key, now),
        )
        for key in progress.scheme.keys
    ]
    classes = set(progress.scheme.keys)
    lines += [
        (str(card.category), "", _day(max(card.due_at, now), now))
        for card in progress.due.cards
        if str(card.category) not in classes
    ]
    names = [PROGRESS[key] for key in ("class", "mastered_head", "due")]
    note = PROGRESS["mastery_note"].format(k=MASTERY_K, seconds=FAST_MS // 1000)
    return Markup(_HTML.noted_table(names, lines, f"{note} {PROGRESS['due_note']}"))


def _mastery(mastery: Mastery) -> str:
    if mastery.mastered:
        return Markup(_HTML.bold(PROGRESS["mastered"]))
    if not mastery.recent:
        return "–"
    good = sum(reading.right and reading.fast for reading in mastery.recent)
    return PROGRESS["mastery_of"].format(good=good, n=len(mastery.recent))


def _due_of(due: Due, name: str, now: datetime) -> str:
    at = next((card.due_at for card in due.cards if str(card.category) == name), None)
    return "–" if at is None else _day(max(at, now), now)


def class_table(progress: Progress) -> Markup:
    """Return sensitivity, specificity, d′ and criterion of each class."""
    heads = ("class", "sensitivity", "specificity", "d_prime", "criterion")
    lines = []
    for label, (sensitivity, specificity) in progress.per_class.items():
        found = progress.detection[label]
        shares = (with_interval(sensitivity), with_interval(specificity))
        plain = (with_interval(found.d_prime, "plain"), with_interval(found.criterion, "plain"))
        name = _HTML.named(label, progress.scheme.colours[label])
        lines.append((name, *shares, *plain))
    note = f"{PROGRESS['classes_note']} {PROGRESS['detection_note']}"
    return Markup(_HTML.noted_table([PROGRESS[key] for key in heads], lines, note))


def confusion_tables(spans: Sequence[Span], scheme: Scheme) -> Markup:
    """Return the confusion of the first and of the last stretch of the history."""
    shown = [spans[0], spans[-1]] if len(spans) > 1 else list(spans)
    tables = [
        confusion_table(
            span.matrix, PROGRESS["span"].format(first=span.first, last=span.last), scheme
        )
        for span in shown
    ]
    return Markup(_HTML.pair(tables, PROGRESS["confusion_note"]))


def confusion_table(matrix: npt.NDArray[np.int64], caption: str, scheme: Scheme) -> Markup:
    """Return a confusion matrix, int64 (k, k + 2): the last ungradable and timed out."""
    keys = scheme.keys
    names = [*keys, "U", "T"]
    lines = [
        (
            key,
            [
                (_shade(index, column, int(n), len(keys)), int(n))
                for column, n in enumerate(matrix[index])
            ],
        )
        for index, key in enumerate(keys)
    ]
    return Markup(_HTML.confusion(caption, names, lines, scheme.colours))


def _shade(row: int, column: int, n: int, classes: int) -> str:
    if not n or column >= classes:
        return ""
    return "hit" if row == column else "miss"


def calibration_words(calibration: Calibration | None) -> Markup:
    """Say whether the trainee is too sure."""
    if calibration is None:
        return paragraph(PROGRESS["calibration_none"])
    excess = calibration.overconfidence
    by = f"{100 * abs(excess.value or 0):.0f}"
    if excess.low is None or excess.high is None or excess.low <= 0 <= excess.high:
        said = PROGRESS["in_balance"]
    else:
        said = PROGRESS["too_sure" if (excess.value or 0) > 0 else "too_modest"].format(by=by)
    why = f"{number(excess, 'plain')}, n = {excess.n}, {excess.method}"
    return Markup(_HTML.calibration(hover(said, why), PROGRESS["calibration_note"]))


def second_look_words(looks: SecondLooks) -> Markup:
    """Say what seeing the model's answer changed, and whether it is relied on too much."""
    other = SECOND["other_words"].format(n=looks.beside_other_words)
    aside = paragraph(other) if looks.beside_other_words else Markup()
    if not looks.n:
        return aside or paragraph(PROGRESS["second_none"])
    before, after = hovered(looks.before), hovered(looks.after)
    both = filled(SECOND["before_after"], before=before, after=after)
    lines = [
        (SECOND[key], SECOND["of"].format(k=k, n=looks.n))
        for key, k in (
            ("wrong_to_right", looks.wrong_to_right),
            ("right_to_wrong", looks.right_to_wrong),
            ("wrong_to_other", looks.wrong_to_other_wrong),
        )
    ]
    lines += [(SECOND[key], _of(figure)) for key, figure in _shares(looks)]
    head = joined([SECOND["looks"].format(n=looks.n), both], " ")
    return Markup(_HTML.second_looks(head, lines, " ".join(reliance(looks)))) + aside


def second_look_rows(looks: SecondLooks) -> list[Row]:
    """Return the shares of second looks as rows of a table of figures."""
    return [(SECOND[key], figure, "") for key, figure in _shares(looks)]


def reliance(looks: SecondLooks) -> list[str]:
    """Say in words whether the model was relied on too much or too little."""
    if not looks.n:
        return []
    said = [] if looks.agreed_with_wrong.n else [SECOND["no_over"]]
    for figure, some, none in (
        (looks.gave_up, "over", "not_over"),
        (looks.followed, "took_over", ""),
        (looks.kept_wrong, "under", "not_under"),
    ):
        key = some if figure.value else none
        if figure.n and key:
            k = round((figure.value or 0) * figure.n)
            said.append(SECOND[key].format(k=k, n=figure.n))
    said += [] if looks.kept_wrong.n else [SECOND["no_under"]]
    return [*said, SECOND["few"]] if looks.n < _FEW_LOOKS else said


def _shares(looks: SecondLooks) -> list[tuple[str, Figure]]:
    return [
        ("agreed_right", looks.agreed_with_right),
        ("agreed_wrong", looks.agreed_with_wrong),
        ("gave_up", looks.gave_up),
        ("followed", looks.followed),
        ("kept_wrong", looks.kept_wrong),
    ]


def _of(figure: Figure) -> str:
    if figure.value is None:
        return "–"
    counted = SECOND["of"].format(k=round(figure.value * figure.n), n=figure.n)
    return joined([counted, with_interval(figure)], ": ")


def exam_table(exams: Sequence[ExamResult]) -> Markup:
    """Return the exams with score, pass mark, what was known before, and change."""
    if not exams:
        return paragraph(PROGRESS["exams_none"])
    lines = [
        (exam.quiz, f"{exam.at:%Y-%m-%d}", with_interval(exam.score), _exam_words(exam))
        for exam in exams
    ]
    return Markup(_HTML.exams([PROGRESS[key] for key in ("exam", "date", "score")], lines))


def _exam_words(exam: ExamResult) -> Markup:
    if exam.passed is None:
        said = [PROGRESS["no_mark"]]
    else:
        mark = PROGRESS["mark"].format(mark=100 * (exam.pass_mark or 0))
        said = [_HTML.verdict(PROGRESS["passed" if exam.passed else "failed"], mark)]
    seen = PROGRESS["seen_before" if exam.seen_before else "seen_none"]
    said.append(seen.format(seen=exam.seen_before, n=exam.score.n))
    if exam.in_learn:
        said.append(PROGRESS["in_learn"].format(seen=exam.in_learn, n=exam.score.n))
    if exam.change is not None:
        said.append(joined([PROGRESS["change"], with_interval(exam.change)], ": "))
    return joined(said, "; ") + "."
