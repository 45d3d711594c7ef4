"""Which answers count, and why the others do not: the one rule of card, Progress, board and CSV.

- An answer counts in every figure where nothing of `WhyNot` is said of it.
- Of several things the first in the order of `WhyNot` is said.
- Answers of practice in adaptive order (`PRACTICE`) are no random sample of the classes: what is
  asked most is what was confused. They count class by class, and so in balanced accuracy; not in
  shares over all classes, nor in comparisons of readers.
- An exam's mark counts all its cases; only what came late, or after a discussion, or not at all,
  is not right there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from octtutor.core.answer import Answer, Answered
from octtutor.core.quiz import Attempt, CaseOrder
from octtutor.core.session import Discussion

ADAPTIVE_ORDERS = frozenset({CaseOrder.ADAPTIVE, CaseOrder.DUE})
First = Mapping[tuple[str, str], tuple[str, int]]
"""Of a trainee and a scan (SHA-256): attempt and position of the first answer."""


class WhyNot(StrEnum):
    """Why an answer does not count; the words stand in the CSV."""

    LATE = "late"
    """It came after its attempt had ended."""
    DISCUSSED = "discussed"
    """It came after its case was shown to all."""
    TIMED_OUT = "timed out"
    """The time was over: nothing was answered."""
    REPEATED = "repeated"
    """The reader had answered this scan before, in whatever attempt: memory, not skill."""
    PRACTICE = "practice"
    """Its case was chosen by what the reader had confused before; see the module."""


@dataclass(frozen=True, slots=True)
class CountedAnswer:
    """An answer, and why it does not count."""

    answered: Answered
    why_not: WhyNot | None

    @property
    def answer(self) -> Answer:
        """The answer, as it was before any second look."""
        return self.answered.answer

    @property
    def counts(self) -> bool:
        """Whether it counts in every figure."""
        return self.why_not is None

    @property
    def counts_by_class(self) -> bool:
        """Whether it counts in figures of single classes and in means of these."""
        return self.why_not in (None, WhyNot.PRACTICE)

    @property
    def may_be_right(self) -> bool:
        """Whether an exam's mark may call it right."""
        return self.why_not not in (WhyNot.LATE, WhyNot.DISCUSSED)


def count_answers(
    items: Iterable[Answered],
    attempts: Iterable[Attempt],
    discussions: Iterable[Discussion] = (),
    first: First | None = None,
) -> tuple[CountedAnswer, ...]:
    """Say of each answer whether it counts.

    Args:
        items: answers, in any order.
        attempts: at least theirs; an answer of an unknown one is taken as of a quiz on its own.
        discussions: which cases of their sessions were shown to all, and since when.
        first: `first_readings` of all answers of their trainees; None: of these answers.
    """
    given = tuple(items)
    by_id = {attempt.id: attempt for attempt in attempts}
    shown = {(one.code, one.position): one.at for one in discussions}
    known = first_readings(item.answer for item in given) if first is None else first
    return tuple(
        CountedAnswer(item, _why_not(item.answer, by_id.get(item.answer.attempt_id), shown, known))
        for item in given
    )


def first_readings(answers: Iterable[Answer]) -> First:
    """Return where each trainee answered each scan first, by time.

    A case that was timed out, or discussed, was seen: what follows is a repetition too.
    """
    first: dict[tuple[str, str], tuple[str, int]] = {}
    ordered = sorted(answers, key=lambda one: (one.answered_at, one.attempt_id, one.position))
    for answer in ordered:
        first.setdefault((answer.trainee_id, answer.sha256), (answer.attempt_id, answer.position))
    return first


def those_that_count(counted: Sequence[CountedAnswer]) -> tuple[Answered, ...]:
    """Return the answers that count in every figure."""
    return tuple(item.answered for item in counted if item.counts)


def of_practice_too(counted: Sequence[CountedAnswer]) -> tuple[Answered, ...]:
    """Return the answers that count class by class."""
    return tuple(item.answered for item in counted if item.counts_by_class)


def left_out(counted: Iterable[CountedAnswer]) -> dict[WhyNot, int]:
    """Count what does not count, by reason in the order of `WhyNot`; none that are 0."""
    why = [item.why_not for item in counted]
    return {reason: why.count(reason) for reason in WhyNot if reason in why}


def score(attempt: Attempt, counted: Iterable[CountedAnswer]) -> tuple[int, int]:
    """Return how many are right in the end, of all cases: those not reached are not right.

    Args:
        attempt: whose.
        counted: its answers.
    """
    right = sum(item.may_be_right and item.answered.final == item.answer.truth for item in counted)
    return right, attempt.asked


def _why_not(
    answer: Answer,
    attempt: Attempt | None,
    shown: Mapping[tuple[str, int], datetime],
    first: First,
) -> WhyNot | None:
    here = answer.attempt_id, answer.position
    if attempt and attempt.ended_at is not None and answer.answered_at > attempt.ended_at:
        return WhyNot.LATE
    if attempt and attempt.session and _is_after(answer, shown.get((attempt.session, here[1]))):
        return WhyNot.DISCUSSED
    if answer.timed_out:
        return WhyNot.TIMED_OUT
    if first.get((answer.trainee_id, answer.sha256), here) != here:
        return WhyNot.REPEATED
    return WhyNot.PRACTICE if attempt and attempt.order in ADAPTIVE_ORDERS else None


def _is_after(answer: Answer, at: datetime | None) -> bool:
    return at is not None and answer.answered_at > at
