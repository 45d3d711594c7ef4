"""What a quiz's results say beyond the figures: passed, seen before, second look, marks."""

from collections.abc import Sequence

from markupsafe import Markup

from octtutor.core.answer import Answered
from octtutor.core.quiz import Attempt
from octtutor.reports.markup import filled, hover, joined, library, paragraph
from octtutor.reports.progress_tables import second_look_words
from octtutor.stats.intervals import Figure, wilson
from octtutor.tutor.exams.exams import QuizOutcome
from octtutor.tutor.progress.results import Results
from octtutor.tutor.progress.second_looks import second_looks
from octtutor.ui.desk.texts import OUTCOME

_HTML = library(__file__, "results.html.j2")


def outcome_html(
    attempt: Attempt, outcome: QuizOutcome, figures: Results | None, answers: Sequence[Answered]
) -> Markup:
    """Return the lines below the score, as HTML; empty where there is nothing to say.

    Args:
        attempt: whose.
        outcome: how it went.
        figures: its figures; None where no more than the score may be told.
        answers: those that the figures count.
    """
    lines = [*_exam(attempt, outcome, figures), *_patients(attempt, outcome)]
    parts = [joined(paragraph(line, "note") for line in lines)]
    if figures is None:
        return parts[0]
    parts += [_second_look(answers)] if attempt.options.second_look else []
    parts += [_marks(figures.marks)] if figures.marks else []
    return joined(parts)


def _exam(attempt: Attempt, outcome: QuizOutcome, figures: Results | None) -> list[str]:
    lines: list[str] = []
    if attempt.options.is_exam and figures is not None and outcome.right < attempt.asked:
        lines.append(OUTCOME["score"].format(right=outcome.right, asked=attempt.asked))
    if attempt.options.second_look:
        lines.append(OUTCOME["first"])
    if outcome.passed is not None and outcome.pass_mark is not None:
        word = OUTCOME["passed" if outcome.passed else "failed"]
        mark = OUTCOME["mark"].format(mark=outcome.pass_mark)
        lines.append(_HTML.verdict("right" if outcome.passed else "wrong", word, mark))
    if outcome.change is not None and outcome.before is not None:
        lines.append(_change(outcome.before, outcome.change))
    if outcome.retest_at is not None:
        lines.append(OUTCOME["retest_at"].format(when=outcome.retest_at))
    if attempt.options.is_exam and attempt.ended_at and not outcome.may_review:
        lines.append(OUTCOME["no_review"])
    return lines


def _change(before: Figure, change: Figure) -> Markup:
    value, low, high = (100 * (part or 0) for part in (change.value, change.low, change.high))
    hint = OUTCOME["retest_hint"].format(method=change.method, n=change.n)
    shown = f"{value:+.0f} ({low:+.0f} to {high:+.0f})"
    return filled(OUTCOME["retest"], before=before, difference=hover(shown, hint))


def _patients(attempt: Attempt, outcome: QuizOutcome) -> list[str]:
    lines: list[str] = []
    if attempt.options.is_exam:
        key = "seen" if outcome.seen_before else "unseen"
        lines.append(OUTCOME[key].format(n=outcome.seen_before, asked=attempt.asked))
        if outcome.in_learn:
            lines.append(OUTCOME["in_learn"].format(n=outcome.in_learn, asked=attempt.asked))
    if outcome.trained_on:
        lines.append(OUTCOME["trained_on"].format(n=outcome.trained_on, asked=attempt.asked))
    if outcome.unknown_patients:
        n, asked = outcome.unknown_patients, attempt.asked
        lines.append(OUTCOME["unknown_patients"].format(n=n, asked=asked))
    return lines


def _second_look(answers: Sequence[Answered]) -> Markup:
    return Markup(_HTML.titled(OUTCOME["look"], second_look_words(second_looks(answers))))


def _marks(marks: tuple[int, int]) -> Markup:
    share = wilson(*marks)
    line = OUTCOME["marks_line"].format(hits=marks[0], n=marks[1])
    said = paragraph(hover(line, f"{share}, n = {share.n}, {share.method}"))
    return Markup(_HTML.titled(OUTCOME["marks"], said))
