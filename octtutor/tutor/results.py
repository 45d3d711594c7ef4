"""What a finished quiz shows: score, confusion, beside the model and published readers."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from octtutor.core.answer import Answered, choice_word
from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.core.quiz import Attempt
from octtutor.core.session import Session
from octtutor.stats.figures import per_class, weighted_error_by_patient
from octtutor.stats.intervals import Figure, wilson

UNGRADABLE = len(LABELS)
"""Column of ungradable answers in the confusion matrix."""


@dataclass(frozen=True, slots=True)
class YouAndModel:
    """On how many scans who was right."""

    both: int
    only_you: int
    only_model: int
    neither: int


@dataclass(frozen=True, slots=True)
class Results:
    """The figures of one attempt.

    Ungradable answers, and those that came too late, are not right, and are left out of weighted
    error, sensitivity and specificity.
    """

    answered: int
    asked: int
    right: Figure
    ungradable: int
    timed_out: int
    matrix: npt.NDArray[np.int64]
    """int64 (4, 5): rows truth, columns answer, the last one no class: ungradable or too late."""
    per_class: dict[str, tuple[Figure, Figure]]
    weighted_error: Figure
    model_weighted_error: Figure
    model_right: Figure
    you_and_model: YouAndModel | None
    """None when the model answered none of the scans."""
    median_seconds: float | None
    marks: tuple[int, int] | None
    """How many clicks hit the finding, of how many that could; None where none was asked."""


def results(
    attempt: Attempt, answers: Sequence[Answered], marks: tuple[int, int] | None = None
) -> Results:
    """Summarise an attempt's answers, as they were before any second look."""
    truth = np.array([LABELS.index(a.answer.truth) for a in answers], np.int64)
    choice = np.array([_column(a) for a in answers], np.int64)
    matrix = np.zeros((len(LABELS), len(LABELS) + 1), np.int64)
    np.add.at(matrix, (truth, choice), 1)
    with_model = [a for a in answers if a.prediction is not None]
    model_right = sum(_model_is_right(a) for a in with_model)
    times = [a.answer.response_ms / 1000 for a in answers if not a.answer.timed_out]
    timed_out = sum(a.answer.timed_out for a in answers)
    return Results(
        answered=len(answers),
        asked=attempt.asked,
        right=wilson(sum(a.answer.is_right for a in answers), len(answers)),
        ungradable=int((choice == UNGRADABLE).sum()) - timed_out,
        timed_out=timed_out,
        matrix=matrix,
        per_class=per_class(matrix[:, : len(LABELS)]),
        weighted_error=_mean_penalty([(a, a.answer.choice) for a in answers]),
        model_weighted_error=_mean_penalty(
            [(a, a.prediction.label) for a in answers if a.prediction]
        ),
        model_right=wilson(model_right, len(with_model)),
        you_and_model=_compare(with_model) if with_model else None,
        median_seconds=float(np.median(times)) if times else None,
        marks=marks,
    )


def score(attempt: Attempt, answers: Iterable[Answered]) -> tuple[int, int]:
    """Return how many are right in the end, of all cases: those not reached are not right."""
    return sum(item.final is item.answer.truth for item in answers), attempt.asked


def has_passed(attempt: Attempt, scored: tuple[int, int]) -> bool:
    """Whether a score, see `score`, reaches the attempt's pass mark; without one it does not."""
    mark, (right, asked) = attempt.options.pass_mark, scored
    return mark is not None and right >= mark * asked - 1e-9


def may_tell(
    attempt: Attempt, attempts: Iterable[Attempt], passed: bool, session: Session | None
) -> bool:
    """Whether to know the truth of an attempt's cases spoils no attempt that can still come.

    Args:
        attempt: one that has ended.
        attempts: all of the same trainee.
        passed: whether it reached its pass mark.
        session: the one that it was part of, None where there was none or it is gone.
    """
    options = attempt.options
    if options.is_exam and session is not None:
        return not session.is_open
    if not options.is_exam or attempt.retest_of or options.can_be_repeated:
        return True
    taken = sum(a.quiz == attempt.quiz and a.retest_of is None for a in attempts)
    return passed or (options.attempts is not None and taken >= options.attempts)


def to_csv(attempt: Attempt, answers: Sequence[Answered], nickname: str, tells: bool = True) -> str:
    """Write an attempt's answers as CSV, one row a case, with a header.

    Args:
        attempt: whose.
        answers: by position.
        nickname: the trainee's.
        tells: False leaves truth and model out: they would spoil another attempt.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    for item in answers:
        answer, model = item.answer, item.prediction if tells else None
        chances = [f"{p:.4f}" for p in model.probabilities] if model else [""] * len(LABELS)
        writer.writerow(
            [
                _plain(nickname),
                attempt.id,
                answer.quiz,
                answer.quiz_version,
                answer.deck,
                attempt.order,
                attempt.seed,
                answer.position + 1,
                answer.sha256,
                answer.truth if tells else "",
                choice_word(answer.choice),
                int(answer.is_right) if tells else "",
                answer.confidence,
                answer.response_ms,
                answer.answered_at.isoformat(),
                model.model if model else "",
                model.model_sha256 if model else "",
                model.label if model else "",
                *chances,
                *_rest(attempt, item),
            ]
        )
    return text.getvalue()


_HEADER = [
    "reader",
    "attempt",
    "quiz",
    "quiz_version",
    "deck",
    "order",
    "seed",
    "case",
    "scan_sha256",
    "truth",
    "answer",
    "right",
    "confidence",
    "response_ms",
    "answered_at_utc",
    "model",
    "model_sha256",
    "model_answer",
    *(f"p_{label.lower()}" for label in LABELS),
    "second_answer",
    "second_ms",
    "mark_x",
    "mark_y",
    "timed_out",
    "session",
]


def _rest(attempt: Attempt, item: Answered) -> list[object]:
    second, (x, y) = item.second, item.answer.mark or ("", "")
    return [
        choice_word(second.choice) if second else "",
        second.response_ms if second else "",
        x,
        y,
        int(item.answer.timed_out),
        attempt.session or "",
    ]


def _plain(text: str) -> str:
    # a spreadsheet runs cells that begin so
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _column(item: Answered) -> int:
    choice = item.answer.choice
    return UNGRADABLE if choice is None else LABELS.index(choice)


def _model_is_right(item: Answered) -> bool:
    return item.prediction is not None and item.prediction.label is item.answer.truth


def _mean_penalty(given: Sequence[tuple[Answered, Diagnosis | None]]) -> Figure:
    graded = [(item.answer, choice) for item, choice in given if choice is not None]
    if not graded:
        return Figure(None, None, None, 0, "no gradable answer")
    truth = np.array([LABELS.index(answer.truth) for answer, _ in graded], np.int64)
    choices = np.array([LABELS.index(choice) for _, choice in graded], np.int64)
    scans = [answer.sha256 for answer, _ in graded]
    figure = weighted_error_by_patient(truth, choices, scans)
    return replace(figure, method=figure.method.replace("patients", "scans"))


def _compare(items: Sequence[Answered]) -> YouAndModel:
    pairs = [(item.answer.is_right, _model_is_right(item)) for item in items]
    return YouAndModel(
        both=pairs.count((True, True)),
        only_you=pairs.count((True, False)),
        only_model=pairs.count((False, True)),
        neither=pairs.count((False, False)),
    )
