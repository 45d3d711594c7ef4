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
from octtutor.core.counting import (
    CountedAnswer,
    WhyNot,
    left_out,
    of_practice_too,
    those_that_count,
)
from octtutor.core.quiz import Attempt
from octtutor.core.schedule import Mastery, mastery
from octtutor.core.scheme import Scheme
from octtutor.stats.confidence import Level, confidence_brier, overconfidence, reliability
from octtutor.stats.figures import (
    balanced_mean,
    balanced_share,
    confusion,
    per_class,
    weighted_error_by_patient,
)
from octtutor.stats.intervals import Figure, share_by_patient
from octtutor.stats.learning import Point, balanced_curve
from octtutor.stats.signal import Detection, per_class_detection
from octtutor.tutor.practice.spaced_repetition import Due, due
from octtutor.tutor.progress.exam_results import ExamResult, exam_results
from octtutor.tutor.progress.results import answer_matrix
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
    """int64 (k, k + 2): rows truth, columns answer; then ungradable, then timed out. The last
    are not among the cases that are counted."""


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
    """All figures of a trainee, of synthetic scans or of real ones.

    They are of first readings, practice in adaptive order among them (`core.counting`), unless
    something else is said.
    """

    synthetic: bool
    answered: int
    """All answers, whether or not they count."""
    ungradable: int
    timed_out: int
    left_out: dict[WhyNot, int]
    """How many answers do not count in every figure, by reason."""
    due: Due
    """Of all answers, synthetic and real: it is a timetable and no figure."""
    mastery: dict[str, Mastery]
    curve: tuple[Point, ...]
    """Balanced accuracy over the last scans of each class."""
    balanced: Figure
    """Right, every class that was read weighing the same."""
    right: Figure
    """Share right where cases came at random or in exams: without adaptive practice."""
    repeated: Figure
    """Share right among scans that were read before: memory, not skill."""
    per_class: dict[str, tuple[Figure, Figure]]
    """Sensitivity and specificity."""
    detection: dict[str, Detection]
    confusion: tuple[Span, ...]
    """First, middle and last third, or the whole where there are few answers."""
    calibration: Calibration | None
    """None where confidence was never asked."""
    times: tuple[Block, ...]
    weighted_error: Figure
    """Every class that was read weighing the same, as in published test sets."""
    second_looks: SecondLooks
    exams: tuple[ExamResult, ...]
    scheme: Scheme
    """The list of diagnoses that the answers are of."""


def progress(
    answers: Sequence[CountedAnswer],
    attempts: Sequence[Attempt],
    now: datetime,
    patients: Mapping[str, str],
    scheme: Scheme,
    *,
    synthetic: bool = False,
    history: Sequence[Answer] | None = None,
    sat: Sequence[CountedAnswer] | None = None,
    examples: Collection[str] = (),
) -> Progress:
    """Summarise a trainee's answers.

    An answer that calls the scan ungradable is not right; it is left out of sensitivity,
    specificity, d′, calibration and weighted error, which are of named classes.

    Args:
        answers: of one trainee, oldest first, all synthetic or all real, each with why it does
            not count.
        attempts: the trainee's attempts, oldest first; those with no answer here are no exams.
        now: the time, aware.
        patients: the patient of each scan (SHA-256); a scan that is missing counts as a patient
            of its own.
        scheme: the list of diagnoses that answers and history are of.
        synthetic: whether the scans are computer-made.
        history: what the due dates rest on, oldest first; None: these answers, whether or not
            they count, but for those after a discussion.
        sat: answers that exams' scores count, whether or not their truth may be told; None:
            these answers.
        examples: the scans (SHA-256) that are examples in Learn.
    """
    read = of_practice_too(answers)
    given, whole = (
        [item.answer for item in read],
        [item.answer for item in those_that_count(answers)],
    )
    seen = [item.answer for item in answers if item.may_be_right]
    truth, choice, whose = (
        _truths(given, scheme),
        _choices(given, scheme),
        _patients_of(given, patients),
    )
    again = [item.answer for item in answers if item.why_not is WhyNot.REPEATED]
    spans = _spans(answers, scheme)
    return Progress(
        synthetic=synthetic,
        answered=len(answers),
        ungradable=sum(answer.choice is None for answer in given),
        timed_out=sum(item.why_not is WhyNot.TIMED_OUT for item in answers),
        left_out=left_out(answers),
        due=due(seen if history is None else history, now),
        mastery=mastery(seen, scheme.keys),
        curve=balanced_curve(_rights(given), truth, len(scheme.keys), BLOCK),
        balanced=balanced_share(_rights(given), truth, whose),
        right=share_by_patient(_rights(whole), _patients_of(whole, patients)),
        repeated=share_by_patient(_rights(again), _patients_of(again, patients)),
        per_class=per_class(truth, choice, whose, scheme.keys),
        detection=per_class_detection(confusion(truth, choice, len(scheme.keys)), scheme.keys),
        confusion=spans,
        calibration=_calibration(given, len(scheme.keys)),
        times=response_times(given, BLOCK * max(1, math.ceil(len(given) / BLOCK / MOST_BLOCKS))),
        weighted_error=balanced_error(given, patients, scheme),
        second_looks=second_looks(read),
        exams=exam_results(answers if sat is None else sat, attempts, patients, examples),
        scheme=scheme,
    )


def response_times(answers: Sequence[Answer], block: int = BLOCK) -> tuple[Block, ...]:
    """Return the median response times of each block of answers, right and wrong apart.

    Args:
        answers: oldest first; those timed out are left out, since their time is the limit's, and
            so are those that call the scan ungradable, which are neither right nor wrong.
        block: answers in a block, at least 1; the last block may have fewer.
    """
    found = []
    for start in range(0, len(answers), block):
        part = [a for a in answers[start : start + block] if a.choice is not None]
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
    whose = _patients_of(named, patients)
    truth, chosen = _truths(named, scheme), _choices(named, scheme)
    return weighted_error_by_patient(truth, chosen, whose, scheme.cost_rows)


def balanced_error(
    answers: Iterable[Answer], patients: Mapping[str, str], scheme: Scheme
) -> Figure:
    """Return `weighted_error` with every class that was read weighing the same.

    Published readers read test sets with as many scans of each class; practice in adaptive order
    asks most what was confused.
    """
    named = [answer for answer in answers if answer.choice is not None]
    if not named:
        return Figure(None, None, None, 0, "no answer names a class")
    truth, chosen = _truths(named, scheme), _choices(named, scheme)
    paid = np.array(scheme.cost_rows, np.float64)[truth, chosen]
    return balanced_mean(paid, truth, _patients_of(named, patients))


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


def _truths(answers: Iterable[Answer], scheme: Scheme) -> Ints:
    return np.array([scheme.index(answer.truth) for answer in answers], np.int64)


def _choices(answers: Iterable[Answer], scheme: Scheme) -> Ints:
    chosen = (answer.choice for answer in answers)
    return np.array([NEITHER if c is None else scheme.index(c) for c in chosen], np.int64)


def _rights(answers: Iterable[Answer]) -> npt.NDArray[np.bool_]:
    return np.array([answer.is_right for answer in answers], np.bool_)


def _patients_of(answers: Iterable[Answer], patients: Mapping[str, str]) -> list[str]:
    return [patients.get(answer.sha256, answer.sha256) for answer in answers]


def _spans(answers: Sequence[CountedAnswer], scheme: Scheme) -> tuple[Span, ...]:
    shown = [a for a in answers if a.counts_by_class or a.why_not is WhyNot.TIMED_OUT]
    places = [k for k, item in enumerate(shown, 1) if item.counts_by_class]
    if not shown:
        return ()
    n = len(places)
    ends = [n] if n < FEW else [n * k // 3 for k in (1, 2, 3)]
    cuts = [0, *(places[end - 1] for end in ends[:-1]), len(shown)]
    return tuple(
        Span(start + 1, end, answer_matrix(shown[first:last], scheme))
        for start, end, first, last in zip([0, *ends], ends, cuts, cuts[1:], strict=False)
    )


def _calibration(answers: Sequence[Answer], classes: int) -> Calibration | None:
    # sure that a scan is ungradable is no promise of a diagnosis
    asked = [answer for answer in answers if answer.confidence and answer.choice is not None]
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
