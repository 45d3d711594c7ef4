"""What a finished quiz shows: score, confusion, beside the model and published readers."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from octtutor.core.answer import Answered, choice_word
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt
from octtutor.core.scheme import Scheme
from octtutor.core.spreadsheet import guarded
from octtutor.stats.figures import per_class, weighted_error_by_patient
from octtutor.stats.intervals import Figure, wilson
from octtutor.tutor.disclosing import DisclosedAnswer


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
    """int64 (k, k + 1): rows truth, columns answer, the last: ungradable or too late."""
    per_class: dict[str, tuple[Figure, Figure]]
    weighted_error: Figure
    model_weighted_error: Figure
    model_right: Figure
    you_and_model: YouAndModel | None
    """None when the model answered none of the scans in the diagnoses of the quiz."""
    median_seconds: float | None
    marks: tuple[int, int] | None
    """How many clicks hit the finding, of how many that could; None where none was asked."""
    scheme: Scheme
    """The list of diagnoses that it was answered with."""


def results(
    attempt: Attempt,
    answers: Sequence[Answered],
    scheme: Scheme,
    marks: tuple[int, int] | None = None,
) -> Results:
    """Summarise an attempt's answers, as they were before any second look."""
    classes = len(scheme.keys)
    truth = np.array([scheme.index(a.answer.truth) for a in answers], np.int64)
    choice = np.array([scheme.column_of(a.answer.choice) for a in answers], np.int64)
    matrix = np.zeros((classes, classes + 1), np.int64)
    np.add.at(matrix, (truth, choice), 1)
    with_model = [a for a in answers if a.comparable is not None]
    model_right = sum(_model_is_right(a) for a in with_model)
    times = [a.answer.response_ms / 1000 for a in answers if not a.answer.timed_out]
    timed_out = sum(a.answer.timed_out for a in answers)
    return Results(
        answered=len(answers),
        asked=attempt.asked,
        right=wilson(sum(a.answer.is_right for a in answers), len(answers)),
        ungradable=int((choice == classes).sum()) - timed_out,
        timed_out=timed_out,
        matrix=matrix,
        per_class=per_class(matrix[:, :classes], scheme.keys),
        weighted_error=_mean_penalty([(a, a.answer.choice) for a in answers], scheme),
        model_weighted_error=_mean_penalty(
            [(a, a.comparable.label) for a in answers if a.comparable], scheme
        ),
        model_right=wilson(model_right, len(with_model)),
        you_and_model=_compare(with_model) if with_model else None,
        median_seconds=float(np.median(times)) if times else None,
        marks=marks,
        scheme=scheme,
    )


def to_csv(
    attempt: Attempt, items: Sequence[DisclosedAnswer], nickname: str, keys: Sequence[str]
) -> str:
    """Write an attempt's answers as CSV, one row a case, with a header.

    What may not be told yet stays empty: truth, right, the scan's hash, the model's answer; and
    the seed while any case is held back, since it draws the same cases again. What a model of
    another scheme answered is written `SCHEME:KEY`, without probabilities: it is neither right nor
    wrong.

    Args:
        attempt: whose.
        items: by position, with what may be told of each.
        nickname: the trainee's.
        keys: of the diagnoses that have a column for what the model gave them.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_HEADER, *(f"p_{key.lower()}" for key in keys), *_REST])
    seed = attempt.seed if is_all_disclosed(attempt, items) else ""
    for item in items:
        answer, model = item.answer, item.answered.prediction if item.disclosed.model else None
        is_own = model is not None and model.scheme == answer.scheme
        chances = _chances(model if is_own else None, keys)
        tells = item.disclosed.truth
        writer.writerow(
            [
                guarded(nickname),
                attempt.id,
                answer.quiz,
                answer.quiz_version,
                answer.deck,
                attempt.order,
                seed,
                answer.position + 1,
                answer.sha256 if tells else "",
                answer.truth if tells else "",
                choice_word(answer.choice),
                int(answer.is_right) if tells else "",
                answer.confidence,
                answer.response_ms,
                answer.answered_at.isoformat(),
                model.model if model else "",
                model.model_sha256 if model else "",
                _word(model, is_own) if model else "",
                *chances,
                *_rest(attempt, item.answered),
            ]
        )
    return text.getvalue()


def _chances(model: Prediction | None, keys: Sequence[str]) -> list[str]:
    given = model.probabilities if model else {}
    return [f"{given[key]:.4f}" if key in given else "" for key in keys]


def _word(model: Prediction, is_own: bool) -> str:
    return model.label if is_own else f"{model.scheme.name}:{model.label}"


def is_all_disclosed(attempt: Attempt, items: Sequence[DisclosedAnswer]) -> bool:
    """Whether all cases of an attempt are told, so that what they were drawn with tells nothing.

    Cases that an attempt ended without, and those of one drawn case by case, are not held back.
    """
    left = len(items) < len(attempt.cases) and not attempt.size
    held_back = left and (attempt.ended_at is None or attempt.options.is_exam)
    return not held_back and all(item.disclosed.truth for item in items)


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
]
_REST = [
    "second_answer",
    "second_ms",
    "mark_x",
    "mark_y",
    "timed_out",
    "session",
]


def _rest(attempt: Attempt, item: Answered) -> list[object]:
    second, (x, y) = item.looked, item.answer.mark or ("", "")
    return [
        choice_word(second.choice) if second else "",
        second.response_ms if second else "",
        x,
        y,
        int(item.answer.timed_out),
        attempt.session or "",
    ]


def _model_is_right(item: Answered) -> bool:
    return item.comparable is not None and item.comparable.label == item.answer.truth


def _mean_penalty(given: Sequence[tuple[Answered, str | None]], scheme: Scheme) -> Figure:
    graded = [(item.answer, choice) for item, choice in given if choice is not None]
    if not graded:
        return Figure(None, None, None, 0, "no gradable answer")
    truth = np.array([scheme.index(answer.truth) for answer, _ in graded], np.int64)
    choices = np.array([scheme.index(choice) for _, choice in graded], np.int64)
    scans = [answer.sha256 for answer, _ in graded]
    figure = weighted_error_by_patient(truth, choices, scans, scheme.cost_rows)
    return replace(figure, method=figure.method.replace("patients", "scans"))


def _compare(items: Sequence[Answered]) -> YouAndModel:
    pairs = [(item.answer.is_right, _model_is_right(item)) for item in items]
    return YouAndModel(
        both=pairs.count((True, True)),
        only_you=pairs.count((True, False)),
        only_model=pairs.count((False, True)),
        neither=pairs.count((False, False)),
    )
