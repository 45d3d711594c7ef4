"""Reports as one HTML file each, with nothing outside of it.

The plots are inline SVG drawn from the page's own figures (`octtutor.ui.drawing`): plotly.js would
add 4.8 MB and a script to every file, and its pictures take the width of the screen, not of the
paper. What hovering says on the page stands in tables, with n, interval and method.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from html import escape
from pathlib import Path

import plotly.graph_objects as go

import octtutor
from octtutor.core.answer import Answered, choice_word
from octtutor.core.educator import AT_THE_MACHINE
from octtutor.core.quiz import Trainee
from octtutor.stats.intervals import Figure
from octtutor.stats.learning import Point
from octtutor.stats.mrmc import Comparison, compare_modalities
from octtutor.tutor.board import AgainstModel, Board, CaseLine, Gathered, is_late, unique_names
from octtutor.tutor.imrmc import rate
from octtutor.tutor.progress import (
    BLOCK,
    InTraining,
    Progress,
    SecondLooks,
    second_looks,
    weighted_error,
)
from octtutor.ui.drawing import draw
from octtutor.ui.figures import (
    calibration_plot,
    confusion_over_time,
    detection_plot,
    exams_plot,
    learning_curve,
    per_class_plot,
    response_times_plot,
    second_looks_plot,
    weighted_error_plot,
)
from octtutor.ui.progress_texts import PROGRESS, REPORT
from octtutor.ui.progress_views import (
    Row,
    calibration_words,
    confusion_table,
    confusion_tables,
    due_table,
    due_words,
    exam_table,
    figure_table,
    second_look_rows,
    second_look_words,
    swatch,
)
from octtutor.ui.texts import PUBLISHED

_STYLE = Path(__file__).parent / "assets" / "report.css"
Part = tuple[str, str]
"""Heading and content; a part without content is left out."""


def trainee_report_html(
    parts: Sequence[Progress],
    trainee: Trainee,
    now: datetime,
    training: Mapping[bool, InTraining] | None = None,
) -> str:
    """Return a trainee's report.

    Args:
        parts: their progress on real scans, on synthetic ones, or on both, one after the other.
        trainee: who.
        now: when it is made, UTC.
        training: on how many scans the model knew the patient, by `Progress.synthetic`; None
            where that was not looked up.
    """
    read = [progress for progress in parts if progress.answered]
    content = [_note_apart(read)] if len(read) > 1 else []
    for progress in read:
        head = "synthetic_trainee" if progress.synthetic else "real_trainee"
        content.append(f"<h2>{REPORT[head]}</h2>" if len(read) > 1 else "")
        known = (training or {}).get(progress.synthetic)
        content += [_synthetic(progress.synthetic), _training_words(known)]
        content.append(_sections(_trainee_parts(progress, now), "h3" if len(read) > 1 else "h2"))
    title = REPORT["trainee_title"].format(name=trainee.nickname or REPORT["nameless"])
    return _page(title, now, content or [f"<p>{REPORT['none']}</p>"])


def session_report_html(
    gathered: Gathered,
    board: Board,
    now: datetime,
    synthetic: bool,
    training: InTraining | None = None,
) -> str:
    """Return a session's report.

    Args:
        gathered: what the records hold of it.
        board: its figures.
        now: when the report is made, UTC.
        synthetic: whether the deck's scans are computer-made.
        training: on how many answers the model knew the patient; None where not looked up.
    """
    content = [
        _session_facts(gathered),
        _synthetic(synthetic),
        _training_words(training),
        _sections(_session_parts(gathered, board), "h2"),
    ]
    return _page(REPORT["session_title"].format(title=gathered.session.title), now, content)


def session_readings(gathered: Gathered) -> dict[str, tuple[Answered, ...]]:
    """Return the answers that count by the reader's name, oldest first."""
    since = {discussion.position: discussion.at for discussion in gathered.discussions}
    names = unique_names(gathered.attempts, gathered.trainees)
    return {
        name: tuple(
            item
            for item in gathered.answers
            if item.answer.attempt_id == attempt_id and not is_late(item.answer, since)
        )
        for attempt_id, name in names.items()
    }


def aided_reading(gathered: Gathered) -> Comparison | None:
    """Compare aided with unaided reading; None where nobody took a second look."""
    ratings = rate(session_readings(gathered))
    if len(ratings.modalities) < 2:
        return None
    return compare_modalities(ratings.positive, ratings.scores)


def _trainee_parts(progress: Progress, now: datetime) -> list[Part]:
    times, spans, looks = progress.times, progress.confusion, progress.second_looks
    calibration = progress.calibration
    return [
        (REPORT["summary"], figure_table(_summary(progress)) + _left_out(progress)),
        (PROGRESS["due"], due_words(progress.due, now) + due_table(progress, now)),
        (
            PROGRESS["curve"],
            _plot(learning_curve(progress.curve), "curve")
            + figure_table(_curve_rows(progress.curve))
            + _note("curve_note"),
        ),
        (
            PROGRESS["classes"],
            _plot(per_class_plot(progress.per_class), "classes")
            + _plot(detection_plot(progress.detection), "d_prime")
            + figure_table(_class_rows(progress))
            + f"<p class='note'>{PROGRESS['detection_note']}</p>",
        ),
        (
            PROGRESS["confusion"],
            confusion_tables(spans)
            + (_plot(confusion_over_time(spans), "confusion") if len(spans) > 1 else "")
            + (_note("confusion_time") if len(spans) > 1 else ""),
        ),
        (
            PROGRESS["calibration"],
            calibration_words(calibration)
            + (_plot(calibration_plot(calibration.levels), "calibration") if calibration else "")
            + (figure_table(_calibration_rows(progress)) if calibration else ""),
        ),
        (PROGRESS["times"], _plot(response_times_plot(times), "times") + _time_table(progress)),
        (PROGRESS["error"], _errors([(PROGRESS["you"], progress.weighted_error)])),
        (PROGRESS["second"], _second(looks)),
        (PROGRESS["exams"], _exams(progress)),
        (REPORT["methods"], f"<p>{REPORT['methods_text']}</p>"),
    ]


def _curve_rows(curve: Sequence[Point]) -> list[Row]:
    """Return the points of the curve that share no scans, and the last one."""
    ends = [*range(BLOCK, len(curve), BLOCK), len(curve)] if curve else []
    points = [curve[end - 1] for end in ends]
    return [
        (PROGRESS["span"].format(first=p.case - p.accuracy.n + 1, last=p.case), p.accuracy, "")
        for p in points
    ]


def _summary(progress: Progress) -> list[Row]:
    return [
        (PROGRESS["accuracy"], progress.right, ""),
        (PROGRESS["weighted"], progress.weighted_error, ""),
    ]


def _left_out(progress: Progress) -> str:
    counts = (("answered", progress.answered), ("ungradable", progress.ungradable),
              ("timed_out", progress.timed_out))  # fmt: skip
    return f"<p>{', '.join(f'{PROGRESS[key]}: {n}' for key, n in counts)}.</p>"


def _class_rows(progress: Progress) -> list[Row]:
    rows: list[Row] = []
    for label, (sensitivity, specificity) in progress.per_class.items():
        found = progress.detection[label]
        rows += [
            (f"{label}, {PROGRESS['sensitivity']}", sensitivity, ""),
            (f"{label}, {PROGRESS['specificity']}", specificity, ""),
            (f"{label}, {PROGRESS['d_prime']}", found.d_prime, "plain"),
            (f"{label}, {PROGRESS['criterion']}", found.criterion, "plain"),
        ]
    return rows


def _calibration_rows(progress: Progress) -> list[Row]:
    calibration = progress.calibration
    if calibration is None:
        return []
    rows: list[Row] = [
        (f"{level.level} ({100 * level.stated:.0f} %)", level.right, "")
        for level in calibration.levels
    ]
    rows.append((PROGRESS["brier"], calibration.brier, "plain"))
    return [*rows, (PROGRESS["overconfidence"], calibration.overconfidence, "plain")]


def _time_table(progress: Progress) -> str:
    rows = [
        (f"{PROGRESS['span'].format(first=block.first, last=block.last)}, {PROGRESS[key]}", f, "s")
        for block in progress.times
        for key, f in (("right", block.right), ("wrong", block.wrong))
        if f.n
    ]
    return figure_table(rows) + _note("times_note")


def _errors(own: Sequence[tuple[str, Figure]]) -> str:
    rows = "".join(
        f"<tr><th scope='row'>{escape(who)}</th><td>{_percent(low, high)}</td>"
        f"<td class='method'>{escape(source)}</td></tr>"
        for who, low, high, source in PUBLISHED
    )
    heads = "".join(f"<th scope='col'>{REPORT[key]}</th>" for key in ("who", "value"))
    heads += f"<th scope='col' class='method'>{REPORT['source']}</th>"
    return (
        _plot(weighted_error_plot(own), "error")
        + figure_table([(name, figure, "") for name, figure in own])
        + f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        + _note("error_note")
    )


def _percent(low: float, high: float) -> str:
    return f"{100 * low:.1f} %" if low == high else f"{100 * low:.1f} to {100 * high:.1f} %"


def _second(looks: SecondLooks) -> str:
    if not looks.n:
        return ""
    plot = _plot(second_looks_plot(looks), "second")
    return second_look_words(looks) + plot + figure_table(second_look_rows(looks))


def _exams(progress: Progress) -> str:
    if not progress.exams:
        return ""
    rows: list[Row] = []
    for exam in progress.exams:
        name = f"{exam.quiz}, {exam.at:%Y-%m-%d}"
        rows.append((name, exam.score, ""))
        if exam.change is not None:
            rows.append((f"{name}: {PROGRESS['change']}", exam.change, ""))
    plot = _plot(exams_plot(progress.exams), "exams")
    return exam_table(progress.exams) + plot + figure_table(rows)


def _session_facts(gathered: Gathered) -> str:
    session = gathered.session
    facts = REPORT["facts"].format(
        quiz=escape(session.quiz),
        version=escape(session.quiz_version[:12]),
        deck=escape(session.deck),
        cases=len(session.cases),
        readers=len(gathered.attempts),
        opened=session.opened_at,
        educator=escape(session.educator if session.educator != AT_THE_MACHINE else REPORT["host"]),
    )
    model = ""
    if session.model and session.model_sha256:
        model = REPORT["model_named"].format(
            name=escape(session.model), sha256=session.model_sha256[:12]
        )
    return f"<p>{facts} {model}</p>"


def _session_parts(gathered: Gathered, board: Board) -> list[Part]:
    readings = session_readings(gathered)
    items = [item for own in readings.values() for item in own]
    patients = {case.sha256: case.patient for case in gathered.cases}
    error = weighted_error([item.answer for item in items], patients)
    late = f"<p>{REPORT['late'].format(n=board.late)}</p>" if board.late else ""
    summary: list[Row] = [
        (PROGRESS["accuracy"], board.right, ""),
        (REPORT["agreement"], board.agreement, "plain"),
    ]
    return [
        (REPORT["summary"], figure_table(summary) + late),
        (REPORT["readers"], _reader_table(board)),
        (REPORT["confusion"], confusion_table(board.matrix, "") + _confusion_note()),
        (REPORT["hardest"], _case_table(board.hardest)),
        (REPORT["against"], _against(board.against_model)),
        (REPORT["error"], _errors([(REPORT["class_error"], error)])),
        (REPORT["second"], _second(second_looks(items))),
        (REPORT["mrmc"], _mrmc(aided_reading(gathered))),
        (REPORT["cases"], _case_table(board.cases)),
        (REPORT["methods"], f"<p>{REPORT['methods_text']}</p>"),
    ]  # fmt: skip


def _reader_table(board: Board) -> str:
    rows: list[Row] = [
        (f"{reader.name} ({reader.at} / {reader.asked})", reader.right, "")
        for reader in board.readers
    ]
    return figure_table(rows) if rows else f"<p>{REPORT['none']}</p>"


def _confusion_note() -> str:
    return f"<p class='note'>{REPORT['confusion_note']}</p>"


def _case_table(lines: Iterable[CaseLine]) -> str:
    heads = [REPORT["case"], REPORT["truth"], *("CNV", "DME", "DRUSEN", "NORMAL", "U"),
             REPORT["timed_out"], REPORT["waiting"], PROGRESS["accuracy"], REPORT["interval"],
             REPORT["model"]]  # fmt: skip
    head = "".join(f"<th scope='col'>{text}</th>" for text in heads)
    body = "".join(_case_row(line) for line in lines)
    if not body:
        return f"<p>{REPORT['none']}</p>"
    return (
        f"<div class='scroll'><table class='long'><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div><p class='note'>{PROGRESS['classes_note']}</p>"
    )


def _case_row(line: CaseLine) -> str:
    counts = "".join(f"<td>{n}</td>" for n in (*line.counts, line.timed_out, line.waiting))
    right = line.right
    share = "–" if right.value is None else f"{100 * right.value:.0f} % of {right.n}"
    interval = "–"
    if right.low is not None and right.high is not None:
        interval = f"{100 * right.low:.0f} to {100 * right.high:.0f}"
    model = choice_word(line.model.label) if line.model else "–"
    truth = line.case.label
    return (
        f"<tr><th scope='row'>{line.position + 1}</th><td>{swatch(truth)}{truth}</td>{counts}"
        f"<td>{share}</td><td>{interval}</td><td>{model}</td></tr>"
    )


def _against(against: AgainstModel | None) -> str:
    if against is None:
        return ""
    rows = [
        (REPORT["readers_right"], against.readers, ""),
        (REPORT["model_right"], against.model, ""),
        (REPORT["difference"], against.difference, ""),
        (REPORT["majority"], against.majority, ""),
    ]
    race = REPORT["race"].format(ahead=against.ahead, level=against.level, behind=against.behind)
    test = ""
    if against.pairs:
        pairs = against.pairs
        test = REPORT["mcnemar"].format(
            both=pairs.both,
            first=pairs.only_first,
            second=pairs.only_second,
            neither=pairs.neither,
            p=pairs.p,
            method=escape(pairs.method),
        )
    return f"{figure_table(rows)}<p>{race} {test}</p>"


def _mrmc(found: Comparison | None) -> str:
    if found is None:
        return ""
    what = f"<p>{REPORT['mrmc_what']}</p>"
    names = [REPORT["unaided"], REPORT["aided"]]
    rows: list[Row] = [(name, f, "plain") for name, f in zip(names, found.areas, strict=True)]
    rows.append((REPORT["aided_minus"], found.difference, "plain"))
    if found.f is None or found.error_df is None or found.p is None:
        why = REPORT["mrmc_few"].format(why=escape(found.method.split(": ")[-1]))
        return f"{what}{figure_table(rows)}<p>{why}</p>"
    test = REPORT["mrmc_test"].format(df=found.df, error_df=found.error_df, f=found.f, p=found.p)
    return f"{what}{figure_table(rows)}<p>{test}</p>"


def _training_words(training: InTraining | None) -> str:
    if training is None or not training.asked:
        return ""
    said = REPORT["model_known" if training.known else "model_known_none"].format(
        asked=training.asked, known=training.known
    )
    not_known = REPORT["not_known"].format(n=training.not_known) if training.not_known else ""
    return f"<p class='training'>{said} {not_known}</p>"


def _synthetic(synthetic: bool) -> str:
    return f"<p class='synthetic'>{REPORT['synthetic']}</p>" if synthetic else ""


def _note_apart(parts: Sequence[Progress]) -> str:
    return f"<p>{PROGRESS['apart']}</p>" if len(parts) > 1 else ""


def _note(key: str) -> str:
    return f"<p class='note'>{PROGRESS[key].format(block=BLOCK)}</p>"


def _plot(figure: go.Figure, key: str) -> str:
    return draw(figure, PROGRESS[key])


def _sections(parts: Iterable[Part], level: str) -> str:
    return "".join(
        f"<section><{level}>{heading}</{level}>{content}</section>"
        for heading, content in parts
        if content
    )


def _page(title: str, now: datetime, content: Iterable[str]) -> str:
    made = REPORT["made"].format(at=now, version=octtutor.__version__)
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{_style()}</style></head><body>"
        f"<header><h1>{escape(title)}</h1><p class='purpose'>{REPORT['purpose']}</p>"
        f"<p class='note'>{made} <span class='screen'>{REPORT['print']}</span></p></header>"
        f"<main>{''.join(content)}</main></body></html>\n"
    )


@lru_cache(maxsize=1)
def _style() -> str:
    return _STYLE.read_text("utf-8")
