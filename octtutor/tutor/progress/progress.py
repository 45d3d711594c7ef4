"""What a trainee's records say: how they read, how it changed, what is due.

A history is all answers of one trainee, oldest first. Synthetic and real scans are never pooled:
`trainee_records.Records.of` gives the figures of the one or of the other.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt

from octtutor.core.answer import Answer, Answered
from octtutor.core.quiz import Attempt
from octtutor.core.schedule import Mastery, mastery
from octtutor.core.scheme import Scheme
from octtutor.stats.confidence import Level, confidence_brier, overconfidence, reliability
from octtutor.stats.figures import confusion, per_class, weighted_error_by_patient
from octtutor.stats.intervals import Figure, wilson
from octtutor.stats.learning import Point, moving_accuracy
from octtutor.stats.signal import Detection, per_class_detection
from octtutor.tutor.practice.spaced_repetition import Due, due
from octtutor.tutor.progress.exam_results import ExamResult, exam_results
from octtutor.tutor.progress.second_looks import SecondLooks, second_looks

BLOCK = 20
"""Cases of a point of the learning curve, and of a block of response times."""
MOST_BLOCKS = 15
"""With more answers the blocks of response times grow: more of them are not readable."""
FEW = 30
"""With fewer answers the history is not cut into thirds."""
NEITHER = -1
"""Index of an answer that names no class."""
Ints = npt.NDArray[np.int64]
TrainedOn = Callable[[str, str, str], bool | None]
"""Whether a model (SHA-256 of its weights) was trained on a scan (SHA-256) or on another of its
patient; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Span:
    """The confusion of a stretch of the history; cases are counted from 1."""

    first: int
    last: int
    matrix: Ints
    """int64 (4, 4): rows truth, columns answer; answers that name no class are left out."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Confidence against accuracy, of the answers that were asked for it."""

    levels: tuple[Level, ...]
    brier: Figure
    overconfidence: Figure
    n: int


@dataclass(frozen=True, slots=True)
class Block:
    """Median response times of a stretch of the history, seconds; cases are counted from 1."""

    first: int
    last: int
    right: Figure
    wrong: Figure


@dataclass(frozen=True, slots=True)
class InTraining:
    """On how many answers the model was asked about a patient that it was trained on."""

    known: int
    not_known: int
    """Neither is known of these: the model is gone or has no list, or the patient is not told."""
    asked: int


@dataclass(frozen=True, slots=True)
class Progress:
    """All figures of a trainee, of synthetic scans or of real ones."""

    synthetic: bool
    answered: int
    ungradable: int
    timed_out: int
    due: Due
    """Of all answers, synthetic and real: it is a timetable and no figure."""
    mastery: dict[str, Mastery]
    curve: tuple[Point, ...]
    right: Figure
    per_class: dict[str, tuple[Figure, Figure]]
    """Sensitivity and specificity."""
    detection: dict[str, Detection]
    confusion: tuple[Span, ...]
    """First, middle and last third, or the whole where there are few answers."""
    calibration: Calibration | None
    """None where confidence was never asked."""
    times: tuple[Block, ...]
    weighted_error: Figure
    second_looks: SecondLooks
    exams: tuple[ExamResult, ...]
    scheme: Scheme
    """The list of diagnoses that the answers are of."""


def progress(
    answers: Sequence[Answered],
    attempts: Sequence[Attempt],
    now: datetime,
    patients: Mapping[str, str],
    scheme: Scheme,
    *,
    synthetic: bool = False,
    history: Sequence[Answer] | None = None,
    sat: Sequence[Answered] | None = None,
    examples: Collection[str] = (),
) -> Progress:
    """Summarise a trainee's answers.

    An answer that was timed out, or that calls the scan ungradable, is not right; it is left out
    of confusion, sensitivity, specificity, d′ and weighted error, which are of named classes.

    Args:
        answers: of one trainee, oldest first, all synthetic or all real.
        attempts: the trainee's attempts, oldest first; those with no answer here are no exams.
        now: the time, aware.
        patients: the patient of each scan (SHA-256); a scan that is missing counts as a patient
            of its own.
        scheme: the list of diagnoses that answers and history are of.
        synthetic: whether the scans are computer-made.
        history: what the due dates rest on, oldest first; None: these answers.
        sat: answers that exams' scores count, whether or not their truth may be told; None:
            these answers.
        examples: the scans (SHA-256) that are examples in Learn.
    """
    given = [item.answer for item in answers]
    right = np.array([answer.is_right for answer in given], bool)
    matrix = _confusion(given, scheme)
    return Progress(
        synthetic=synthetic,
        answered=len(given),
        ungradable=sum(answer.choice is None and not answer.timed_out for answer in given),
        timed_out=sum(answer.timed_out for answer in given),
        due=due(given if history is None else history, now),
        mastery=mastery(given, scheme.keys),
        curve=moving_accuracy(right, BLOCK),
        right=wilson(int(right.sum()), len(right)),
        per_class=per_class(matrix, scheme.keys),
        detection=per_class_detection(matrix, scheme.keys),
        confusion=_spans(given, scheme),
        calibration=_calibration(given, len(scheme.keys)),
        times=response_times(given, BLOCK * max(1, math.ceil(len(given) / BLOCK / MOST_BLOCKS))),
        weighted_error=weighted_error(given, patients, scheme),
        second_looks=second_looks(answers),
        exams=exam_results(answers if sat is None else sat, attempts, patients, examples),
        scheme=scheme,
    )


def response_times(answers: Sequence[Answer], block: int = BLOCK) -> tuple[Block, ...]:
    """Return the median response times of each block of answers, right and wrong apart.

    Args:
        answers: oldest first; those timed out are left out, since their time is the limit's.
        block: answers in a block, at least 1; the last block may have fewer.
    """
    found = []
    for start in range(0, len(answers), block):
        part = [answer for answer in answers[start : start + block] if not answer.timed_out]
        times = {
            right: median([a.response_ms / 1000 for a in part if a.is_right is right])
            for right in (True, False)
        }
        last = min(start + block, len(answers))
        found.append(Block(start + 1, last, times[True], times[False]))
    return tuple(found)


def median(values: Sequence[float]) -> Figure:
    """Estimate a median with a 95 % interval of order statistics (Conover, 1999, section 3.2).

    Returns:
        The figure in the values' unit; without an interval where there are too few for one.
    """
    from scipy.stats import quantile_test

    method = "median, order statistics 95 %"
    if not values:
        return Figure(None, None, None, 0, method)
    interval = quantile_test(list(values), p=0.5).confidence_interval(confidence_level=0.95)
    value, low, high = float(np.median(values)), float(interval.low), float(interval.high)
    if not np.isfinite([low, high]).all():
        return Figure(value, None, None, len(values), f"{method}: too few for an interval")
    return Figure(value, low, high, len(values), method)


def weighted_error(
    answers: Iterable[Answer], patients: Mapping[str, str], scheme: Scheme
) -> Figure:
    """Return the weighted error of the answers that name a class, with an interval over patients.

    Args:
        answers: the answers.
        patients: the patient of each scan (SHA-256); a missing one counts as one of its own.
        scheme: the list of diagnoses that they are of.
    """
    named = [answer for answer in answers if answer.choice is not None]
    if not named:
        return Figure(None, None, None, 0, "no answer names a class")
    whose = [patients.get(answer.sha256, answer.sha256) for answer in named]
    truth, chosen = _truths(named, scheme), _choices(named, scheme)
    return weighted_error_by_patient(truth, chosen, whose, scheme.cost_rows)


def in_training(
    answers: Iterable[Answered],
    patients: Mapping[str, str],
    trained_on: TrainedOn,
    unknown_patients: Collection[str] = (),
) -> InTraining:
    """Count the model's answers about patients that it was trained on.

    Args:
        answers: with the model's.
        patients: the patient of each scan (SHA-256).
        trained_on: tells of a model and a patient.
        unknown_patients: scans (SHA-256) whose patients are not told.
    """
    found: list[bool | None] = []
    for item in answers:
        if item.comparable is None:
            continue
        sha256 = item.answer.sha256
        known = trained_on(item.comparable.model_sha256, sha256, patients.get(sha256, sha256))
        found.append(None if sha256 in unknown_patients and not known else known)
    return InTraining(found.count(True), found.count(None), len(found))


def _confusion(answers: Sequence[Answer], scheme: Scheme) -> Ints:
    return confusion(_truths(answers, scheme), _choices(answers, scheme), len(scheme.keys))


def _truths(answers: Iterable[Answer], scheme: Scheme) -> Ints:
    return np.array([scheme.index(answer.truth) for answer in answers], np.int64)


def _choices(answers: Iterable[Answer], scheme: Scheme) -> Ints:
    chosen = (answer.choice for answer in answers)
    return np.array([NEITHER if c is None else scheme.index(c) for c in chosen], np.int64)


def _spans(answers: Sequence[Answer], scheme: Scheme) -> tuple[Span, ...]:
    if not answers:
        return ()
    ends = [len(answers)] if len(answers) < FEW else [len(answers) * k // 3 for k in (1, 2, 3)]
    spans = []
    for start, end in zip([0, *ends], ends, strict=False):
        part = answers[start:end]
        spans.append(Span(start + 1, end, _confusion(part, scheme)))
    return tuple(spans)


def _calibration(answers: Sequence[Answer], classes: int) -> Calibration | None:
    asked = [answer for answer in answers if answer.confidence and not answer.timed_out]
    if not asked:
        return None
    confidence = np.array([answer.confidence for answer in asked], np.int64)
    right = np.array([answer.is_right for answer in asked], bool)
    excess = overconfidence(confidence, right, classes)
    return Calibration(
        reliability(confidence, right, classes),
        confidence_brier(confidence, right, classes),
        replace(excess, method=f"stated minus kept, {excess.method}"),
        len(asked),
    )
