"""What a finished quiz shows: score, confusion, beside the model and published readers."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from octtutor.core.answer import Answer, Answered, choice_word
from octtutor.core.counting import (
    CountedAnswer,
    WhyNot,
    count_answers,
    left_out,
    of_practice_too,
)
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt
from octtutor.core.scheme import Scheme
from octtutor.spreadsheet import escape_formula
from octtutor.stats.figures import balanced_share, per_class, weighted_error_by_patient
from octtutor.stats.intervals import Figure, share_by_patient, wilson
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
    """The figures of one attempt, of the answers that count (`core.counting`).

    Ungradable answers are not right, and are left out of weighted error, sensitivity and
    specificity.
    """

    answered: int
    """All answers, whether or not they count."""
    asked: int
    right: Figure
    """Of practice in adaptive order too: what was asked, not how often it is met."""
    balanced: Figure
    """Right, every class that was read weighing the same."""
    ungradable: int
    left_out: dict[WhyNot, int]
    """How many answers do not count, by reason; practice in adaptive order is not among them."""
    repeated: Figure
    """Right among the scans that were read before: memory, not skill."""
    matrix: npt.NDArray[np.int64]
    """int64 (k, k + 2): rows truth, columns answer; then ungradable, then timed out."""
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
    counted: Sequence[CountedAnswer],
    scheme: Scheme,
    marks: tuple[int, int] | None = None,
    patients: Mapping[str, str] | None = None,
) -> Results:
    """Summarise an attempt's answers, as they were before any second look.

    Args:
        attempt: whose.
        counted: its answers, each with why it does not count.
        scheme: the list of diagnoses that they are of.
        marks: how many clicks hit the finding, of how many that could.
        patients: the patient of each scan (SHA-256); a missing one counts as one of its own.
    """
    classes, answers = len(scheme.keys), of_practice_too(counted)
    truth = np.array([scheme.index(a.answer.truth) for a in answers], np.int64)
    choice = np.array([scheme.column_of(a.answer.choice) for a in answers], np.int64)
    right = np.array([a.answer.is_right for a in answers], np.bool_)
    whose = [(patients or {}).get(a.answer.sha256, a.answer.sha256) for a in answers]
    with_model = [a for a in answers if a.comparable is not None]
    model_right = sum(_model_is_right(a) for a in with_model)
    times = [a.answer.response_ms / 1000 for a in answers]
    again = [item.answer.is_right for item in counted if item.why_not is WhyNot.REPEATED]
    return Results(
        answered=len(counted),
        asked=attempt.asked,
        right=share_by_patient(right, whose),
        balanced=balanced_share(right, truth, whose),
        ungradable=int((choice == classes).sum()),
        left_out={why: n for why, n in left_out(counted).items() if why is not WhyNot.PRACTICE},
        repeated=wilson(sum(again), len(again)),
        matrix=answer_matrix(counted, scheme),
        per_class=per_class(truth, choice, whose, scheme.keys),
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


def answer_matrix(counted: Sequence[CountedAnswer], scheme: Scheme) -> npt.NDArray[np.int64]:
    """Count answers by truth: int64 (k, k + 2), columns answer, ungradable, timed out.

    Of those that count class by class; and of timed-out ones, which have a column of their own.
    """
    classes = len(scheme.keys)
    matrix = np.zeros((classes, classes + 2), np.int64)
    for item in counted:
        if item.why_not is WhyNot.TIMED_OUT:
            matrix[scheme.index(item.answer.truth), classes + 1] += 1
        elif item.counts_by_class:
            place = scheme.index(item.answer.truth), scheme.column_of(item.answer.choice)
            matrix[place] += 1
    return matrix


def to_csv(
    attempt: Attempt,
    items: Sequence[DisclosedAnswer],
    nickname: str,
    keys: Sequence[str],
    counted: Sequence[CountedAnswer] | None = None,
) -> str:
    """Write an attempt's answers as CSV, one row a case, with a header.

    What may not be told yet stays empty: truth, right, the scan's hash, the model's answer,
    whether it counts (that a scan was read before tells which it is); and the seed while any case
    is held back, since it draws the same cases again. What a model of
    another scheme answered is written `SCHEME:KEY`, without probabilities: it is neither right nor
    wrong.

    Args:
        attempt: whose.
        items: by position, with what may be told of each.
        nickname: the trainee's.
        keys: of the diagnoses that have a column for what the model gave them.
        counted: at least these answers, each with why it does not count; None: as far as these
            answers alone tell.
    """
    known = count_answers([item.answered for item in items], [attempt])
    why = {_place(item.answer): item.why_not for item in (counted or known)}
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
                escape_formula(nickname),
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
                *(_counts(why[_place(answer)]) if tells else ("", "")),
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
    "counts",
    "why_not",
]


def _place(answer: Answer) -> tuple[str, int]:
    return answer.attempt_id, answer.position


def _counts(why: WhyNot | None) -> tuple[int, str]:
    return int(why is None), str(why or "")


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
