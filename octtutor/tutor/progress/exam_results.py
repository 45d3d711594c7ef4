"""How exams that have ended went."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from octtutor.core.answer import Answer
from octtutor.core.counting import CountedAnswer, score
from octtutor.core.quiz import Attempt
from octtutor.stats.intervals import Figure, wilson
from octtutor.stats.learning import change
from octtutor.tutor.disclosing import has_passed


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
    in_learn: int
    """Cases that are examples in Learn, with their diagnosis."""


def exam_results(
    answers: Sequence[CountedAnswer],
    attempts: Sequence[Attempt],
    patients: Mapping[str, str],
    examples: Collection[str] = (),
) -> tuple[ExamResult, ...]:
    """Return the exams that have ended and have an answer here, oldest first.

    Args:
        answers: of one trainee.
        attempts: theirs, oldest first.
        patients: the patient of each scan (SHA-256).
        examples: the scans that are examples in Learn.
    """
    given = [item.answer for item in answers]
    known = {answer.attempt_id for answer in given}
    ended = {
        attempt.id: attempt
        for attempt in attempts
        if attempt.options.is_exam and attempt.ended_at and attempt.id in known
    }
    scores = {
        key: score(attempt, (item for item in answers if item.answer.attempt_id == key))
        for key, attempt in ended.items()
    }
    return tuple(_exam(attempt, scores, given, patients, examples) for attempt in ended.values())


def _exam(
    attempt: Attempt,
    scores: Mapping[str, tuple[int, int]],
    answers: Sequence[Answer],
    patients: Mapping[str, str],
    examples: Collection[str],
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
        in_learn=len(frozenset(attempt.cases).intersection(examples)),
    )
