"""Time limits of a quiz. The clock is the server's."""

from dataclasses import dataclass
from datetime import datetime

from octtutor.core.quiz import Attempt

GRACE_MS = 3000
"""What an answer may take on its way here after the time is over."""


@dataclass(frozen=True, slots=True)
class TimeLeft:
    """Milliseconds left, below zero when it is over; None without a limit."""

    case_ms: int | None
    quiz_ms: int | None

    @property
    def least_ms(self) -> int | None:
        """What ends first."""
        both = [ms for ms in (self.case_ms, self.quiz_ms) if ms is not None]
        return min(both, default=None)

    @property
    def is_case_over(self) -> bool:
        """Whether no answer to this case counts any more, its way here allowed for."""
        return self.case_ms is not None and self.case_ms < -GRACE_MS

    @property
    def is_quiz_over(self) -> bool:
        """Whether no answer counts any more at all."""
        return self.quiz_ms is not None and self.quiz_ms < -GRACE_MS


def time_left(attempt: Attempt, shown_at: datetime, now: datetime) -> TimeLeft:
    """Return what is left of a case that was first shown at a time, and of its quiz."""
    options = attempt.options
    return TimeLeft(
        _left(options.case_seconds, shown_at, now),
        _left(options.total_seconds, attempt.started_at, now),
    )


def milliseconds(start: datetime, end: datetime) -> int:
    """Return the time between, milliseconds, 0 or more."""
    return max(0, round((end - start).total_seconds() * 1000))


def _left(seconds: int | None, start: datetime, now: datetime) -> int | None:
    return None if seconds is None else seconds * 1000 - milliseconds(start, now)
