"""What a trainee's records say: how they read, how it changed, what is due.

A history is all answers of one trainee, oldest first. Synthetic and real scans are never pooled:
`Records.of` gives the figures of the one or of the other.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.core.answer import Answer, Answered
from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.core.quiz import Attempt, Trainee
from octtutor.core.schedule import Mastery, mastery
from octtutor.core.session import Discussion
from octtutor.errors import StoreError
from octtutor.stats.calibration import Level, confidence_brier, overconfidence, reliability
from octtutor.stats.figures import confusion, per_class, weighted_error_by_patient
from octtutor.stats.intervals import Figure, wilson
from octtutor.stats.learning import Point, change, moving_accuracy
from octtutor.stats.signal import Detection, per_class_detection
from octtutor.store.contract import Store
from octtutor.tutor.ports import Clock
from octtutor.tutor.results import has_passed, may_tell, score
from octtutor.tutor.spacing import Due, due

BLOCK = 20
"""Cases of a point of the learning curve, and of a block of response times."""
MOST_BLOCKS = 15
"""With more answers the blocks of response times grow: more of them are not readable."""
FEW = 30
"""With fewer answers the history is not cut into thirds."""
NEITHER = -1
"""Index of an answer that names no class."""
EXPORT_FORMAT = "octtutor-trainee-1"
EXPORT_NOTE = "truth, right and model are null where the exam runs or can be taken again"
Ints = npt.NDArray[np.int64]
TrainedOn = Callable[[str, str, str], bool | None]
"""Whether a model (SHA-256 of its weights) was trained on a scan (SHA-256) or on another of its
patient; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Span:
    """The confusion of a stretch of the history; cases are counted from 1."""

    first: int
    last: int
    began_at: datetime
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
class SecondLooks:
    """What seeing the model's answer did to the trainee's. "Wrong" is everything but the truth.

    The shares have Wilson's 95 % interval.
    """

    n: int
    right_to_wrong: int
    wrong_to_right: int
    wrong_to_other_wrong: int
    before: Figure
    """Right before the model's answer was seen."""
    after: Figure
    agreed_with_right: Figure
    """Of the looks at a right model: ended on its answer."""
    agreed_with_wrong: Figure
    """Of the looks at a wrong model: ended on its answer."""
    gave_up: Figure
    """Of the right answers beside a wrong model: were given up."""
    followed: Figure
    """Of the wrong answers beside a wrong model that said something else: took what it said."""
    kept_wrong: Figure
    """Of the wrong answers beside a right model: did not become right."""


@dataclass(frozen=True, slots=True)
class ExamResult:
    """How an exam that has ended went."""

    attempt_id: str
    quiz: str
    at: datetime
    score: Figure
    """Right in the end, after a second look if there was one, of all cases asked; a case without
    an answer is not right."""
    passed: bool | None
    """None: the exam has no pass mark."""
    pass_mark: float | None
    seen_before: int
    """Cases whose patient the trainee had read before, in whatever attempt."""
    retest_of: str | None
    change: Figure | None
    """Score minus the score of the exam it repeats; None where it repeats none."""


@dataclass(frozen=True, slots=True)
class InTraining:
    """On how many answers the model was asked about a patient that it was trained on."""

    known: int
    not_known: int
    """Neither is known of these: the model is gone, or has no list."""
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
    mastery: dict[Diagnosis, Mastery]
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


def progress(
    answers: Sequence[Answered],
    attempts: Sequence[Attempt],
    now: datetime,
    patients: Mapping[str, str],
    *,
    synthetic: bool = False,
    history: Sequence[Answer] | None = None,
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
        synthetic: whether the scans are computer-made.
        history: what the due dates rest on, oldest first; None: these answers.
    """
    given = [item.answer for item in answers]
    right = np.array([answer.is_right for answer in given], bool)
    matrix = confusion(_truths(given), _choices(given))
    return Progress(
        synthetic=synthetic,
        answered=len(given),
        ungradable=sum(answer.choice is None and not answer.timed_out for answer in given),
        timed_out=sum(answer.timed_out for answer in given),
        due=due(given if history is None else history, now),
        mastery=mastery(given),
        curve=moving_accuracy(right, BLOCK),
        right=wilson(int(right.sum()), len(right)),
        per_class=per_class(matrix),
        detection=per_class_detection(matrix),
        confusion=_spans(given),
        calibration=_calibration(given),
        times=response_times(given, BLOCK * max(1, math.ceil(len(given) / BLOCK / MOST_BLOCKS))),
        weighted_error=weighted_error(given, patients),
        second_looks=second_looks(answers),
        exams=exam_results(answers, attempts, patients),
    )


def second_looks(answers: Iterable[Answered]) -> SecondLooks:
    """Count what second looks changed; an answer without one, or without a model's, is left out."""
    looks = [look for item in answers if (look := _look(item))]
    beside_right = [look for look in looks if look.model_right]
    beside_wrong = [look for look in looks if not look.model_right]
    could_follow = [look for look in beside_wrong if not look.right and not look.agreed_before]
    return SecondLooks(
        n=len(looks),
        right_to_wrong=sum(look.right and not look.right_after for look in looks),
        wrong_to_right=sum(not look.right and look.right_after for look in looks),
        wrong_to_other_wrong=sum(look.stayed_wrong and look.switched for look in looks),
        before=_share(look.right for look in looks),
        after=_share(look.right_after for look in looks),
        agreed_with_right=_share(look.agrees for look in beside_right),
        agreed_with_wrong=_share(look.agrees for look in beside_wrong),
        gave_up=_share(not look.right_after for look in beside_wrong if look.right),
        followed=_share(look.agrees for look in could_follow),
        kept_wrong=_share(not look.right_after for look in beside_right if not look.right),
    )


@dataclass(frozen=True, slots=True)
class _Look:
    right: bool
    right_after: bool
    switched: bool
    agreed_before: bool
    agrees: bool
    model_right: bool

    @property
    def stayed_wrong(self) -> bool:
        return not self.right and not self.right_after


def _look(item: Answered) -> _Look | None:
    if item.second is None or item.prediction is None or item.answer.timed_out:
        return None
    first, truth, model = item.answer.choice, item.answer.truth, item.prediction.label
    return _Look(
        right=item.answer.is_right,
        right_after=item.final is truth,
        switched=item.final is not first,
        agreed_before=first is model,
        agrees=item.final is model,
        model_right=model is truth,
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


def weighted_error(answers: Iterable[Answer], patients: Mapping[str, str]) -> Figure:
    """Return the weighted error of the answers that name a class, with an interval over patients.

    Args:
        answers: the answers.
        patients: the patient of each scan (SHA-256); a missing one counts as one of its own.
    """
    named = [answer for answer in answers if answer.choice is not None]
    if not named:
        return Figure(None, None, None, 0, "no answer names a class")
    whose = [patients.get(answer.sha256, answer.sha256) for answer in named]
    return weighted_error_by_patient(_truths(named), _choices(named), whose)


def exam_results(
    answers: Sequence[Answered], attempts: Sequence[Attempt], patients: Mapping[str, str]
) -> tuple[ExamResult, ...]:
    """Return the exams that have ended and have an answer here, oldest first."""
    given = [item.answer for item in answers]
    known = {answer.attempt_id for answer in given}
    ended = {
        attempt.id: attempt
        for attempt in attempts
        if attempt.options.is_exam and attempt.ended_at and attempt.id in known
    }
    scores = {key: _score(attempt, answers) for key, attempt in ended.items()}
    return tuple(_exam(attempt, scores, given, patients) for attempt in ended.values())


def _exam(
    attempt: Attempt,
    scores: Mapping[str, tuple[int, int]],
    answers: Sequence[Answer],
    patients: Mapping[str, str],
) -> ExamResult:
    before = {
        patients.get(answer.sha256, answer.sha256)
        for answer in answers
        if answer.answered_at < attempt.started_at and answer.attempt_id != attempt.id
    }
    scored, earlier = scores[attempt.id], scores.get(attempt.retest_of or "")
    mark = attempt.options.pass_mark
    return ExamResult(
        attempt_id=attempt.id,
        quiz=attempt.quiz,
        at=attempt.ended_at or attempt.started_at,
        score=wilson(*scored),
        passed=None if mark is None else has_passed(attempt, scored),
        pass_mark=mark,
        seen_before=sum(patients.get(sha256, sha256) in before for sha256 in attempt.cases),
        retest_of=attempt.retest_of,
        change=change(earlier, scored) if earlier else None,
    )


def in_training(
    answers: Iterable[Answered], patients: Mapping[str, str], trained_on: TrainedOn
) -> InTraining:
    """Count the model's answers about patients that it was trained on."""
    found = [
        trained_on(
            item.prediction.model_sha256,
            item.answer.sha256,
            patients.get(item.answer.sha256, item.answer.sha256),
        )
        for item in answers
        if item.prediction
    ]
    return InTraining(found.count(True), found.count(None), len(found))


def as_readings(
    answers: Sequence[Answered],
    attempts: Iterable[Attempt],
    discussions: Iterable[Discussion] = (),
) -> tuple[Answered, ...]:
    """Return the answers that are readings and whose truth the trainee may know.

    Left out are answers of an exam that runs (it gives no feedback until its end), an answer
    whose second look is still to come, and answers given after the case was shown to all.
    """
    by_id = {attempt.id: attempt for attempt in attempts}
    told = {(item.code, item.position): item.at for item in discussions}
    last = {item.answer.attempt_id: item.answer.position for item in answers}
    return tuple(
        item
        for item in answers
        if not _is_hidden(item, by_id.get(item.answer.attempt_id), last)
        and not _was_told(item.answer, by_id.get(item.answer.attempt_id), told)
    )


def _is_hidden(item: Answered, attempt: Attempt | None, last: Mapping[str, int]) -> bool:
    if attempt is None or attempt.ended_at is not None:
        return False
    is_last = item.answer.position == last[attempt.id]
    awaited = attempt.options.second_look and item.second is None and is_last
    return attempt.options.is_exam or awaited


def _was_told(
    answer: Answer, attempt: Attempt | None, told: Mapping[tuple[str, int], datetime]
) -> bool:
    if attempt is None or attempt.session is None:
        return False
    at = told.get((attempt.session, answer.position))
    return at is not None and answer.answered_at > at


class Records:
    """The use cases of a trainee's own records."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Take the parts."""
        self._store, self._clock = store, clock

    def find_trainee(self, trainee_id: str) -> Trainee | None:
        """Return the trainee of an id."""
        return self._store.find_trainee(trainee_id)

    def kinds(self, trainee_id: str) -> tuple[bool, ...]:
        """Return of which kinds of scans there are readings: synthetic or not, the latest first."""
        decks = [item.answer.deck for item in reversed(self._all_readings(trainee_id))]
        return tuple(dict.fromkeys(self._is_synthetic(deck) for deck in dict.fromkeys(decks)))

    def readings(self, trainee_id: str, synthetic: bool) -> tuple[Answered, ...]:
        """Return the trainee's readings (see `as_readings`) of synthetic or of real scans."""
        return self._of_kind(self._all_readings(trainee_id), synthetic)

    def of(self, trainee_id: str, synthetic: bool) -> Progress:
        """Return a trainee's progress on synthetic or on real scans."""
        readings = self._all_readings(trainee_id)
        answers = self._of_kind(readings, synthetic)
        attempts = self._store.attempts_of(trainee_id)
        return progress(
            answers,
            attempts,
            self._clock(),
            self.patients(answers, attempts),
            synthetic=synthetic,
            history=[item.answer for item in readings],
        )

    def patients(
        self, answers: Iterable[Answered], attempts: Iterable[Attempt] = ()
    ) -> dict[str, str]:
        """Return the patient of each scan that was answered, or belongs to an exam of these."""
        scans = {(item.answer.deck, item.answer.sha256) for item in answers}
        scans |= {(a.deck, sha256) for a in attempts if a.options.is_exam for sha256 in a.cases}
        found = {}
        for deck, sha256 in scans:
            try:
                found[sha256] = self._store.get_case(deck, sha256).patient or sha256
            except StoreError:  # the deck is gone
                found[sha256] = sha256
        return found

    def export(self, trainee_id: str) -> str:
        """Return all that is kept of a trainee, as JSON.

        The truth of an exam's cases is left out while the exam runs, or can be taken again.
        """
        trainee = self._store.find_trainee(trainee_id)
        attempts = self._store.attempts_of(trainee_id)
        answers = self._store.answers_by(trainee_id)
        told = {
            a.id for a in attempts if a.ended_at is None or self._may_tell(a, attempts, answers)
        }
        shown = {i.answer for i in as_readings(answers, attempts) if i.answer.attempt_id in told}
        content = {
            "format": EXPORT_FORMAT,
            "exported_at": self._clock(),
            "note": EXPORT_NOTE,
            "trainee": trainee,
            "attempts": attempts,
            "answers": [_exported(item, item.answer in shown) for item in answers],
            "scans_shown": self._store.seen_by(trainee_id),
        }
        return json.dumps(content, default=_plain, indent=1, ensure_ascii=False, allow_nan=False)

    def count(self, trainee_id: str) -> tuple[int, int, int]:
        """Return how many answers, quizzes, and exams among these, are kept of a trainee."""
        attempts = self._store.attempts_of(trainee_id)
        exams = sum(attempt.options.is_exam for attempt in attempts)
        return len(self._store.answers_by(trainee_id)), len(attempts), exams

    def forget(self, trainee_id: str) -> None:
        """Remove a trainee and all that is kept of them, for good."""
        self._store.forget_trainee(trainee_id)

    def _all_readings(self, trainee_id: str) -> tuple[Answered, ...]:
        attempts = self._store.attempts_of(trainee_id)
        codes = {attempt.session for attempt in attempts if attempt.session}
        discussions = [found for code in codes for found in self._store.discussions_of(code)]
        return as_readings(self._store.answers_by(trainee_id), attempts, discussions)

    def _of_kind(self, answers: Iterable[Answered], synthetic: bool) -> tuple[Answered, ...]:
        known = {deck.name: deck.synthetic for deck in self._store.decks()}
        return tuple(item for item in answers if known.get(item.answer.deck, False) is synthetic)

    def _may_tell(
        self, attempt: Attempt, attempts: Sequence[Attempt], answers: Sequence[Answered]
    ) -> bool:
        session = self._store.find_session(attempt.session) if attempt.session else None
        passed = has_passed(attempt, _score(attempt, answers))
        return may_tell(attempt, attempts, passed, session)

    def _is_synthetic(self, deck: str) -> bool:
        found = self._store.find_deck(deck)
        return found is not None and found.synthetic


def _exported(item: Answered, shown: bool) -> dict[str, Any]:
    answer = asdict(item.answer) | {"right": item.answer.is_right}
    if not shown:
        answer |= {"truth": None, "right": None}
    return answer | {"model": item.prediction if shown else None, "second_look": item.second}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else asdict(value)


def _truths(answers: Iterable[Answer]) -> Ints:
    return np.array([LABELS.index(answer.truth) for answer in answers], np.int64)


def _choices(answers: Iterable[Answer]) -> Ints:
    chosen = (answer.choice for answer in answers)
    return np.array([NEITHER if c is None else LABELS.index(c) for c in chosen], np.int64)


def _share(found: Iterable[bool]) -> Figure:
    counted = list(found)
    return wilson(sum(counted), len(counted))


def _score(attempt: Attempt, answers: Iterable[Answered]) -> tuple[int, int]:
    """Return an attempt's score, its answers picked out of all."""
    return score(attempt, (item for item in answers if item.answer.attempt_id == attempt.id))


def _spans(answers: Sequence[Answer]) -> tuple[Span, ...]:
    if not answers:
        return ()
    ends = [len(answers)] if len(answers) < FEW else [len(answers) * k // 3 for k in (1, 2, 3)]
    spans = []
    for start, end in zip([0, *ends], ends, strict=False):
        part = answers[start:end]
        matrix = confusion(_truths(part), _choices(part))
        spans.append(Span(start + 1, end, part[0].answered_at, matrix))
    return tuple(spans)


def _calibration(answers: Sequence[Answer]) -> Calibration | None:
    asked = [answer for answer in answers if answer.confidence and not answer.timed_out]
    if not asked:
        return None
    confidence = np.array([answer.confidence for answer in asked], np.int64)
    right = np.array([answer.is_right for answer in asked], bool)
    excess = overconfidence(confidence, right)
    return Calibration(
        reliability(confidence, right),
        confidence_brier(confidence, right),
        replace(excess, method=f"stated minus kept, {excess.method}"),
        len(asked),
    )
