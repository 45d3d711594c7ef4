"""What may be told of a case, to whom, at this moment. Pure; whatever tells anything asks here.

The truth of a case goes with all that gives it away: whether an answer was right, findings and
outline, the scan's name and SHA-256 (by which it can be looked up in a public set), and its place
in any figure that counts right answers. Three people ask:

- The **reader** is told the truth after their own answer, and after the second look where there
  is one. In an exam they are told at its end, of a session at the session's end, unless all
  discuss the case; where another attempt at stake can follow, at the end of the last.
- The **class** sees a board that may be on a projector, while some still read: it is told of a
  case that was shown to all, or, in practice, that all who have joined have answered.
- The **educator** takes files away. In practice they hold everything; of an exam under way only
  what was shown to all, since files travel.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from octtutor.core.case import Case
from octtutor.core.quiz import Attempt, Options
from octtutor.core.session import Session


class Audience(StrEnum):
    """Who is told."""

    READER = "reader"
    """The trainee whose attempt it is."""
    CLASS = "class"
    """Whoever sees a session's board."""
    EDUCATOR = "educator"
    """Who takes a session's or a trainee's files away."""


@dataclass(frozen=True, slots=True)
class AttemptStatus:
    """How an attempt, or a whole session, stands, whatever the case."""

    is_exam: bool = False
    goes_on: bool = False
    """The attempt has not ended, or the session that it belongs to has not; or a class reads the
    scans of this exam, which was taken alone, in a session just now."""
    can_come_again: bool = False
    """Another attempt can follow that the truth would spoil."""
    is_examined: bool = False
    """An exam of the same reader is under way, this one or another."""

    @property
    def keeps_back(self) -> bool:
        """Whether an exam keeps the truth of its cases from its reader."""
        return (self.is_exam and self.goes_on) or self.can_come_again


@dataclass(frozen=True, slots=True)
class CaseSoFar:
    """How a case stands in it."""

    is_answered: bool = False
    """By the reader; of a session as a whole, by all who have joined."""
    awaits_look: bool = False
    """The second look at the model's answer is still to come."""
    is_discussed: bool = False
    """It was shown to all in its session, whether or not it still is."""
    is_kept_back: bool = False
    """It was read in practice, while an exam of the same reader keeps its scan's truth back."""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What may be told."""

    truth: bool
    """The diagnosis, and all that gives it away: see the module."""
    model: bool
    """The model's answer to this case."""
    score: bool
    """How many answers of the attempt were right in the end, as one number, and whether that
    passed."""
    again: bool
    """Whether the scan may be shown with its truth when it is looked at once more: beside a
    running exam, which may ask the same scan, it may not."""


def may_disclose(to: Audience, status: AttemptStatus, so_far: CaseSoFar) -> Disclosure:
    """Decide what may be told of a case.

    Args:
        to: who is told.
        status: how the attempt stands that the case belongs to; of a board, the session.
        so_far: how the case stands in it.
    """
    exam_goes_on = status.is_exam and status.goes_on
    if to is Audience.READER:
        is_kept = status.keeps_back or so_far.is_kept_back
        is_read = so_far.is_answered and not so_far.awaits_look
        truth = is_read and (so_far.is_discussed or not is_kept)
        in_practice = so_far.is_answered and not (status.is_exam or so_far.is_kept_back)
        model = truth or in_practice
    elif to is Audience.CLASS:
        read_by_all = so_far.is_answered and not (so_far.awaits_look or status.is_exam)
        truth = model = so_far.is_discussed or not status.goes_on or read_by_all
    else:
        truth = not so_far.awaits_look and (so_far.is_discussed or not exam_goes_on)
        model = truth
    again = truth and (so_far.is_discussed or not status.is_examined)
    return Disclosure(truth, model, score=not exam_goes_on, again=again)


def status_of(
    attempt: Attempt,
    session: Session | None,
    taken: int = 0,
    passed: bool = False,
    is_examined: bool = False,
    read_by_classes: Collection[str] = (),
) -> AttemptStatus:
    """Return how an attempt stands.

    Args:
        attempt: whose case it is.
        session: the one that it is part of; None where there is none, or it is gone.
        taken: how often the trainee has taken this quiz, retests left out.
        passed: whether the attempt reached its pass mark.
        is_examined: whether an exam of the trainee is under way.
        read_by_classes: the scans (SHA-256) of open sessions that are played as exams.
    """
    is_alone = attempt.options.is_exam and attempt.session is None
    return AttemptStatus(
        is_exam=attempt.options.is_exam,
        goes_on=attempt.ended_at is None
        or (session is not None and session.is_open)
        or (is_alone and not frozenset(read_by_classes).isdisjoint(attempt.cases)),
        can_come_again=_can_come_again(attempt.options, taken, passed)
        and session is None
        and attempt.retest_of is None,
        is_examined=is_examined,
    )


def _can_come_again(options: Options, taken: int, passed: bool) -> bool:
    """Whether another attempt is left that counts; where nothing is at stake none does."""
    if not options.is_exam or options.can_be_repeated or passed:
        return False
    return options.attempts is None or taken < options.attempts


def is_under_way(attempt: Attempt, session: Session | None) -> bool:
    """Whether an attempt belongs to an exam that goes on, for its reader or for their class."""
    status = status_of(attempt, session)
    return status.is_exam and status.goes_on


def learn_examples(cases: Iterable[Case], normal: str | None) -> frozenset[str]:
    """Return the SHA-256 of the scans of a deck that Learn may show with their diagnosis.

    Those are the scans with a mask, of a deck in which any lesion is marked.

    Args:
        cases: of the deck.
        normal: key of the diagnosis of its scheme that is no disease, None where it has none.
    """
    annotated = [case for case in cases if case.mask_sha256 is not None]
    if all(case.label == normal for case in annotated):
        return frozenset()
    return frozenset(case.sha256 for case in annotated)
