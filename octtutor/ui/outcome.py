"""What a quiz's results say beyond the figures: passed, seen before, second look, marks."""

from collections.abc import Sequence
from html import escape

from octtutor.core.answer import Answered
from octtutor.core.quiz import Attempt
from octtutor.stats.intervals import Figure, wilson
from octtutor.tutor.exams import Outcome
from octtutor.tutor.progress import second_looks
from octtutor.tutor.results import Results
from octtutor.ui.progress_views import second_look_words
from octtutor.ui.texts import OUTCOME


def outcome_html(
    attempt: Attempt, outcome: Outcome, figures: Results, answers: Sequence[Answered]
) -> str:
    """Return the lines below the score, as HTML; empty where there is nothing to say."""
    lines = [*_exam(attempt, outcome), *_patients(attempt, outcome)]
    parts = ["".join(f"<p class='note'>{line}</p>" for line in lines)]
    parts += [_second_look(answers)] if attempt.options.second_look else []
    parts += [_marks(figures.marks)] if figures.marks else []
    return "".join(parts)


def _exam(attempt: Attempt, outcome: Outcome) -> list[str]:
    lines: list[str] = []
    if attempt.options.is_exam and outcome.right < attempt.asked:
        lines.append(OUTCOME["score"].format(right=outcome.right, asked=attempt.asked))
    if attempt.options.second_look:
        lines.append(OUTCOME["first"])
    if outcome.passed is not None and outcome.pass_mark is not None:
        word = OUTCOME["passed" if outcome.passed else "failed"]
        mark = OUTCOME["mark"].format(mark=outcome.pass_mark)
        lines.append(
            f"<strong class='{'right' if outcome.passed else 'wrong'}'>{word}.</strong> {mark}"
        )
    if outcome.change is not None and outcome.before is not None:
        lines.append(_change(outcome.before, outcome.change))
    if outcome.retest_at is not None:
        lines.append(OUTCOME["retest_at"].format(when=outcome.retest_at))
    if attempt.options.is_exam and attempt.ended_at and not outcome.may_review:
        lines.append(OUTCOME["no_review"])
    return lines


def _change(before: Figure, change: Figure) -> str:
    value, low, high = (100 * (part or 0) for part in (change.value, change.low, change.high))
    hint = OUTCOME["retest_hint"].format(method=change.method, n=change.n)
    shown = f"{value:+.0f} ({low:+.0f} to {high:+.0f})"
    difference = f"<abbr title='{escape(hint)}'>{shown}</abbr>"
    return OUTCOME["retest"].format(before=before, difference=difference)


def _patients(attempt: Attempt, outcome: Outcome) -> list[str]:
    lines: list[str] = []
    if attempt.options.is_exam:
        key = "seen" if outcome.seen_before else "unseen"
        lines.append(OUTCOME[key].format(n=outcome.seen_before, asked=attempt.asked))
    if outcome.trained_on:
        lines.append(OUTCOME["trained_on"].format(n=outcome.trained_on, asked=attempt.asked))
    return lines


def _second_look(answers: Sequence[Answered]) -> str:
    return f"<h3>{OUTCOME['look']}</h3>{second_look_words(second_looks(answers))}"


def _marks(marks: tuple[int, int]) -> str:
    share = wilson(*marks)
    line = OUTCOME["marks_line"].format(hits=marks[0], n=marks[1])
    hover = escape(f"{share}, n = {share.n}, {share.method}")
    return f"<h3>{OUTCOME['marks']}</h3><p><abbr title='{hover}'>{line}</abbr></p>"
