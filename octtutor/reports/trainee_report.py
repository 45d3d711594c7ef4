"""A trainee's report: their progress, on paper."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from markupsafe import Markup

from octtutor.core.quiz import Trainee
from octtutor.core.scheme import Scheme
from octtutor.reports.markup import paragraph
from octtutor.reports.progress_plots import (
    calibration_plot,
    confusion_over_time,
    detection_plot,
    exams_plot,
    learning_curve,
    per_class_plot,
    response_times_plot,
)
from octtutor.reports.progress_tables import (
    Row,
    calibration_words,
    confusion_tables,
    due_table,
    due_words,
    exam_table,
    figure_table,
    left_out_words,
)
from octtutor.reports.progress_texts import PROGRESS, REPORT
from octtutor.reports.report import (
    Part,
    errors_table,
    heading,
    note_of,
    report_page,
    second_look_part,
    sections,
    svg_of,
    synthetic_note,
    training_words,
)
from octtutor.stats.learning import Point
from octtutor.tutor.progress.progress import BLOCK, Calibration, InTraining, Progress, Span


def trainee_report_html(
    parts: Sequence[Progress],
    trainee: Trainee,
    now: datetime,
    training: Mapping[bool, InTraining] | None = None,
    cited: str = "",
) -> str:
    """Return a trainee's report.

    Args:
        parts: their progress on real scans, on synthetic ones, or on both, one after the other.
        trainee: who.
        now: when it is made, UTC.
        training: on how many scans the model knew the patient, by `Progress.synthetic`; None
            where that was not looked up.
        cited: HTML that says whose the scans are.
    """
    read = [progress for progress in parts if progress.answered]
    content: list[Markup] = [paragraph(PROGRESS["apart"])] if len(read) > 1 else []
    for progress in read:
        head = "synthetic_trainee" if progress.synthetic else "real_trainee"
        content += [heading(REPORT[head])] if len(read) > 1 else []
        known = (training or {}).get(progress.synthetic)
        content += [synthetic_note(progress.synthetic), training_words(known)]
        content.append(sections(_trainee_parts(progress, now), "h3" if len(read) > 1 else "h2"))
    title = REPORT["trainee_title"].format(name=trainee.nickname or REPORT["nameless"])
    content += [] if content else [paragraph(REPORT["none"])]
    return report_page(title, now, [*content, Markup(cited)])


def _trainee_parts(progress: Progress, now: datetime) -> list[Part]:
    times, spans, looks = progress.times, progress.confusion, progress.second_looks
    calibration, scheme = progress.calibration, progress.scheme
    return [
        (REPORT["summary"], figure_table(_summary(progress)) + _left_out(progress)),
        (PROGRESS["due"], due_words(progress.due, now) + due_table(progress, now)),
        (
            PROGRESS["curve"],
            svg_of(learning_curve(progress.curve, scheme), "curve")
            + figure_table(_curve_rows(progress.curve))
            + note_of("curve_note"),
        ),
        (
            PROGRESS["classes"],
            svg_of(per_class_plot(progress.per_class, scheme), "classes")
            + svg_of(detection_plot(progress.detection, scheme), "d_prime")
            + figure_table(_class_rows(progress))
            + note_of("detection_note"),
        ),
        (
            PROGRESS["confusion"],
            confusion_tables(spans, scheme) + (_over_time(spans, scheme) if len(spans) > 1 else ""),
        ),
        (
            PROGRESS["calibration"],
            calibration_words(calibration) + (_calibration(calibration) if calibration else ""),
        ),
        (PROGRESS["times"], svg_of(response_times_plot(times), "times") + _time_table(progress)),
        (
            PROGRESS["error"],
            errors_table([(PROGRESS["you"], progress.weighted_error)], scheme),
        ),
        (PROGRESS["second"], second_look_part(looks)),
        (PROGRESS["exams"], _exams(progress)),
        (REPORT["methods"], paragraph(REPORT["methods_text"])),
    ]


def _curve_rows(curve: Sequence[Point]) -> list[Row]:
    """Return every twentieth point of the curve, and the last one."""
    points = [point for point in curve[:-1] if point.case % BLOCK == 0] + list(curve[-1:])
    return [(PROGRESS["up_to"].format(case=p.case), p.accuracy, "") for p in points]


def _summary(progress: Progress) -> list[Row]:
    return [
        (PROGRESS["balanced"], progress.balanced, ""),
        (PROGRESS["at_random"], progress.right, ""),
        *([(PROGRESS["repeated"], progress.repeated, "")] if progress.repeated.n else []),
        (PROGRESS["weighted"], progress.weighted_error, ""),
    ]


def _left_out(progress: Progress) -> Markup:
    counts = (("answered", progress.answered), ("ungradable", progress.ungradable),
              ("timed_out", progress.timed_out))  # fmt: skip
    said = f"{', '.join(f'{PROGRESS[key]}: {n}' for key, n in counts)}."
    return paragraph(f"{said} {left_out_words(progress.left_out)}".strip())


def _over_time(spans: Sequence[Span], scheme: Scheme) -> Markup:
    return svg_of(confusion_over_time(spans, scheme), "confusion") + note_of("confusion_time")


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


def _calibration(calibration: Calibration) -> Markup:
    rows: list[Row] = [
        (f"{level.level} ({100 * level.stated:.0f} %)", level.right, "")
        for level in calibration.levels
    ]
    rows.append((PROGRESS["brier"], calibration.brier, "plain"))
    rows.append((PROGRESS["overconfidence"], calibration.overconfidence, "plain"))
    return svg_of(calibration_plot(calibration.levels), "calibration") + figure_table(rows)


def _time_table(progress: Progress) -> Markup:
    rows = [
        (f"{PROGRESS['span'].format(first=block.first, last=block.last)}, {PROGRESS[key]}", f, "s")
        for block in progress.times
        for key, f in (("right", block.right), ("wrong", block.wrong))
        if f.n
    ]
    return figure_table(rows) + note_of("times_note")


def _exams(progress: Progress) -> Markup:
    if not progress.exams:
        return Markup()
    rows: list[Row] = []
    for exam in progress.exams:
        name = f"{exam.quiz}, {exam.at:%Y-%m-%d}"
        rows.append((name, exam.score, ""))
        if exam.change is not None:
            rows.append((f"{name}: {PROGRESS['change']}", exam.change, ""))
    plot = svg_of(exams_plot(progress.exams), "exams")
    return exam_table(progress.exams) + plot + figure_table(rows)
