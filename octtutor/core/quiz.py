"""A quiz, how it is played, and one trainee's attempt at it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from octtutor.core.scheme import OCT2017, SchemeVersion

PRACTICE = "practice"
PRACTICE_VERSION = "1"


class CaseOrder(StrEnum):
    """How an attempt's cases are chosen and ordered; the values stand in the records."""

    ADAPTIVE = "adaptive"
    """One by one, by ARTS priority (`core.schedule.next_case`)."""
    BALANCED = "balanced"
    """At random, as evenly over the classes as the deck allows."""
    DUE = "due"
    """Adaptive, of the classes that were due when the practice began."""
    FIXED = "fixed"
    """A quiz's, drawn by the seed that it names."""
    RETEST = "retest"
    """An exam again, on scans not seen yet."""
    SESSION = "session"
    """The same for all in a session."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a quiz is played. Each attempt keeps its own, so that editing a quiz changes none."""

    is_exam: bool = False
    """No feedback until the end; the clock is the server's and goes on while nobody looks."""
    confidence: bool = True
    """Whether each answer says how sure it is."""
    second_look: bool = False
    """Answer, then the model's answer and map, then keep or change, then the truth."""
    mark_where: bool = False
    """A class but NORMAL is answered with a click on the finding."""
    case_seconds: int | None = None
    """Seconds for each case, None: no limit."""
    total_seconds: int | None = None
    """Seconds for the whole quiz, None: no limit."""
    attempts: int | None = None
    """How often a trainee may take it, None: as often as they like."""
    retest_days: int | None = None
    """After so many days the exam is due again, on scans not seen yet; None: never."""
    pass_mark: float | None = None
    """Share of right answers that passes, in (0, 1]."""
    may_change: bool = True
    """Whether an answer of which nothing is told may be changed until the next case or the end."""

    @property
    def can_be_repeated(self) -> bool:
        """Whether nothing is at stake: any number of attempts, and no mark to pass."""
        return self.attempts is None and self.pass_mark is None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One trainee's run through a list of cases.

    The list is fixed when it starts, or grows case by case where the order is adaptive.
    """

    id: str
    trainee_id: str
    quiz: str
    quiz_version: str
    deck: str
    order: CaseOrder
    seed: int
    cases: tuple[str, ...]
    """SHA-256 of each scan, in the order they are shown."""
    started_at: datetime
    ended_at: datetime | None = None
    model: str | None = None
    """The model that answers beside the trainee, to the end of the quiz; None where it is not
    known (records of the first version, or no model could be read)."""
    model_sha256: str | None = None
    """SHA-256 of its weights."""
    options: Options = Options()
    size: int = 0
    """How many cases it will have, where they are drawn one by one; else 0."""
    session: str | None = None
    """Code of the session it belongs to."""
    retest_of: str | None = None
    """Id of the exam's attempt that it repeats on other scans."""
    scheme: SchemeVersion = OCT2017
    """The list of diagnoses that it is answered with."""

    @property
    def asked(self) -> int:
        """How many cases it has, or will have."""
        return max(self.size, len(self.cases))


@dataclass(frozen=True, slots=True)
class Showing:
    """That a case of an attempt was shown, and when first."""

    position: int
    at: datetime


@dataclass(frozen=True, slots=True)
class AttemptWithExams:
    """An attempt as its trainee finds it, with their exams, which bear on what may be told."""

    attempt: Attempt
    beside: tuple[Attempt, ...]
    """The trainee's other attempts at exams, at quizzes that are exams, and those that have not
    ended; oldest first."""
    shown: Showing | None
    """The last case that was shown; None before the first."""


@dataclass(frozen=True, slots=True)
class Trainee:
    """A person who practises; the id is kept in their browser and is their key."""

    id: str
    nickname: str
    created_at: datetime
