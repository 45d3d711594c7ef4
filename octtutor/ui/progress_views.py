"""Progress in words and tables, as HTML, for the page and the report. Needs no Gradio."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from html import escape

import numpy as np
import numpy.typing as npt

from octtutor.core.diagnosis import LABELS
from octtutor.core.schedule import FAST_MS, MASTERY_K, Mastery
from octtutor.stats.intervals import Figure
from octtutor.tutor.progress import Calibration, ExamResult, Progress, SecondLooks, Span
from octtutor.tutor.spacing import Due
from octtutor.ui.figures import number
from octtutor.ui.progress_texts import PROGRESS, REPORT, SECOND

_FEW_LOOKS = 20
Row = tuple[str, Figure, str]
"""Name, figure, and its unit: `` for percent, `s` for seconds, `plain` for neither."""


def hovered(figure: Figure, kind: str = "") -> str:
    """Return a figure's value that says interval, n and method when it is hovered."""
    if figure.value is None:
        return f"<abbr title='{escape(figure.method)}'>–</abbr>"
    bare = Figure(figure.value, None, None, figure.n, figure.method)
    said = escape(f"{number(figure, kind)}, n = {figure.n}, {figure.method}")
    return f"<abbr title='{said}'>{number(bare, kind)}</abbr>"


def with_interval(figure: Figure, kind: str = "") -> str:
    """Return a figure's value, and its interval in small print."""
    if figure.low is None or figure.high is None:
        return hovered(figure, kind)
    if kind:
        small = f"{figure.low:.2f} to {figure.high:.2f}"
    else:
        dash = " to " if figure.low < 0 else "–"
        small = f"{100 * figure.low:.0f}{dash}{100 * figure.high:.0f}"
    return f"{hovered(figure, kind)} <small>{small}</small>"


def figure_table(rows: Iterable[Row]) -> str:
    """Return a table of figures with interval, n and method: nothing has to be hovered."""
    heads = ("figure", "value", "interval", "n")
    head = "".join(f"<th scope='col'>{REPORT[key]}</th>" for key in heads)
    head += f"<th scope='col' class='method'>{REPORT['method']}</th>"
    body = "".join(_figure_row(*row) for row in rows)
    return f"<table class='figures'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _figure_row(name: str, figure: Figure, kind: str) -> str:
    value = number(Figure(figure.value, None, None, 0, ""), kind)
    interval = "–"
    if figure.value is not None and figure.low is not None and figure.high is not None:
        interval = number(figure, kind).split("(")[1].rstrip(")")
    return (
        f"<tr><th scope='row'>{escape(name)}</th><td>{value}</td><td>{interval}</td>"
        f"<td>{figure.n}</td><td class='method'>{escape(figure.method)}</td></tr>"
    )


def due_words(due: Due, now: datetime) -> str:
    """Say what is due now, or next."""
    if due.now:
        what = ", ".join(str(card.category) for card in due.now)
        said = PROGRESS["due_now"].format(scans=due.scans, minutes=due.minutes, what=what)
        return f"<p class='due-now'><b>{said}</b> {PROGRESS['due_how']}</p>"
    if due.next_at is None:
        return f"<p>{PROGRESS['due_none']}</p>"
    what = ", ".join(str(card.category) for card in due.cards if card.due_at == due.next_at)
    return f"<p>{PROGRESS['due_later'].format(what=what, when=_day(due.next_at, now))}</p>"


def _day(at: datetime, now: datetime) -> str:
    if at - now < timedelta(days=1) and at.date() == now.date():
        return PROGRESS["soon"]
    return PROGRESS["day"].format(date=at)


def due_table(progress: Progress, now: datetime) -> str:
    """Return each class with its mastery and when it is due; pairs with their date only."""
    rows = [
        f"<tr><th scope='row'>{swatch(label)}{label}</th><td>{_mastery(progress.mastery[label])}"
        f"</td><td>{_due_of(progress.due, str(label), now)}</td></tr>"
        for label in LABELS
    ]
    classes = {str(label) for label in LABELS}
    rows += [
        f"<tr><th scope='row'>{card.category}</th><td></td>"
        f"<td>{_day(max(card.due_at, now), now)}</td></tr>"
        for card in progress.due.cards
        if str(card.category) not in classes
    ]
    heads = ("class", "mastered_head", "due")
    head = "".join(f"<th scope='col'>{PROGRESS[key]}</th>" for key in heads)
    note = PROGRESS["mastery_note"].format(k=MASTERY_K, seconds=FAST_MS // 1000)
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        f"<p class='note'>{note} {PROGRESS['due_note']}</p>"
    )


def _mastery(mastery: Mastery) -> str:
    if mastery.mastered:
        return f"<b>{PROGRESS['mastered']}</b>"
    if not mastery.recent:
        return "–"
    good = sum(reading.right and reading.fast for reading in mastery.recent)
    return PROGRESS["mastery_of"].format(good=good, n=len(mastery.recent))


def _due_of(due: Due, name: str, now: datetime) -> str:
    at = next((card.due_at for card in due.cards if str(card.category) == name), None)
    return "–" if at is None else _day(max(at, now), now)


def class_table(progress: Progress) -> str:
    """Return sensitivity, specificity, d′ and criterion of each class."""
    heads = ("class", "sensitivity", "specificity", "d_prime", "criterion")
    head = "".join(f"<th scope='col'>{PROGRESS[key]}</th>" for key in heads)
    rows = []
    for label, (sensitivity, specificity) in progress.per_class.items():
        found = progress.detection[label]
        cells = [with_interval(sensitivity), with_interval(specificity)]
        cells += [with_interval(found.d_prime, "plain"), with_interval(found.criterion, "plain")]
        body = "".join(f"<td>{cell}</td>" for cell in cells)
        rows.append(f"<tr><th scope='row'>{swatch(label)}{label}</th>{body}</tr>")
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        f"<p class='note'>{PROGRESS['classes_note']} {PROGRESS['detection_note']}</p>"
    )


def confusion_tables(spans: Sequence[Span]) -> str:
    """Return the confusion of the first and of the last stretch of the history."""
    shown = [spans[0], spans[-1]] if len(spans) > 1 else list(spans)
    tables = "".join(
        confusion_table(span.matrix, PROGRESS["span"].format(first=span.first, last=span.last))
        for span in shown
    )
    return f"<div class='pair'>{tables}</div><p class='note'>{PROGRESS['confusion_note']}</p>"


def confusion_table(matrix: npt.NDArray[np.int64], caption: str) -> str:
    """Return a confusion matrix, int64 (4, 4), or (4, 5) with ungradable answers."""
    names = [str(label) for label in LABELS] + ["U"]
    head = "".join(f"<th scope='col'>{name}</th>" for name in names[: matrix.shape[1]])
    rows = []
    for index, label in enumerate(LABELS):
        cells = "".join(
            f"<td class='{_shade(index, column, int(n))}'>{int(n)}</td>"
            for column, n in enumerate(matrix[index])
        )
        rows.append(f"<tr><th scope='row'>{swatch(label)}{label}</th>{cells}</tr>")
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        f"<table class='confusion'>{title}<tbody><tr><td></td>{head}</tr>{''.join(rows)}</tbody>"
        "</table>"
    )


def _shade(row: int, column: int, n: int) -> str:
    if not n or column >= len(LABELS):
        return ""
    return "hit" if row == column else "miss"


def calibration_words(calibration: Calibration | None) -> str:
    """Say whether the trainee is too sure."""
    if calibration is None:
        return f"<p>{PROGRESS['calibration_none']}</p>"
    excess = calibration.overconfidence
    by = f"{100 * abs(excess.value or 0):.0f}"
    if excess.low is None or excess.high is None or excess.low <= 0 <= excess.high:
        said = PROGRESS["in_balance"]
    else:
        said = PROGRESS["too_sure" if (excess.value or 0) > 0 else "too_modest"].format(by=by)
    why = escape(f"{number(excess, 'plain')}, n = {excess.n}, {excess.method}")
    return (
        f"<p><abbr title='{why}'>{said}</abbr>.</p>"
        f"<p class='note'>{PROGRESS['calibration_note']}</p>"
    )


def second_look_words(looks: SecondLooks) -> str:
    """Say what seeing the model's answer changed, and whether it is relied on too much."""
    if not looks.n:
        return f"<p>{PROGRESS['second_none']}</p>"
    head = SECOND["looks"].format(n=looks.n)
    both = SECOND["before_after"].format(before=hovered(looks.before), after=hovered(looks.after))
    switches = "".join(
        f"<tr><th scope='row'>{SECOND[key]}</th><td>{SECOND['of'].format(k=k, n=looks.n)}</td></tr>"
        for key, k in (
            ("wrong_to_right", looks.wrong_to_right),
            ("right_to_wrong", looks.right_to_wrong),
            ("wrong_to_other", looks.wrong_to_other_wrong),
        )
    )
    shares = "".join(
        f"<tr><th scope='row'>{SECOND[key]}</th><td>{_of(figure)}</td></tr>"
        for key, figure in _shares(looks)
    )
    return (
        f"<p>{head} {both}</p><table class='looks'><tbody>{switches}{shares}</tbody></table>"
        f"<p>{' '.join(reliance(looks))}</p>"
    )


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
    return f"{counted}: {with_interval(figure)}"


def exam_table(exams: Sequence[ExamResult]) -> str:
    """Return the exams with score, pass mark, patients seen before and change."""
    if not exams:
        return f"<p>{PROGRESS['exams_none']}</p>"
    head = "".join(f"<th scope='col'>{PROGRESS[key]}</th>" for key in ("exam", "date", "score"))
    rows = "".join(
        f"<tr><th scope='row'>{escape(exam.quiz)}</th><td>{exam.at:%Y-%m-%d}</td>"
        f"<td>{with_interval(exam.score)}</td><td class='method'>{_exam_words(exam)}</td></tr>"
        for exam in exams
    )
    return f"<table><thead><tr>{head}<th></th></tr></thead><tbody>{rows}</tbody></table>"


def _exam_words(exam: ExamResult) -> str:
    if exam.passed is None:
        said = [PROGRESS["no_mark"]]
    else:
        mark = PROGRESS["mark"].format(mark=100 * (exam.pass_mark or 0))
        said = [f"<b>{PROGRESS['passed' if exam.passed else 'failed']}</b> ({mark})"]
    seen = PROGRESS["seen_before" if exam.seen_before else "seen_none"]
    said.append(seen.format(seen=exam.seen_before, n=exam.score.n))
    if exam.change is not None:
        said.append(f"{PROGRESS['change']}: {with_interval(exam.change)}")
    return "; ".join(said) + "."


def swatch(label: str) -> str:
    """Return a square in the class's colour."""
    return f"<span class='swatch {str(label).lower()}'></span>"
