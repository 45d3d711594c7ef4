"""Histories made by hand, whose figures a test can count by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from octtutor.core.answer import Answer, Answered, SecondLook
from octtutor.core.case import Case, Deck
from octtutor.core.diagnosis import LABELS, by_label
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt, CaseOrder, Options, Trainee
from octtutor.testing import MemoryStore
from octtutor.tutor.progress.trainee_records import Records
from tests.conftest import Clock

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
C, M, D, N = LABELS
EXAM = Options(is_exam=True, pass_mark=0.75)


def read(
    position,
    truth,
    choice,
    *,
    model=None,
    second="none",
    attempt="a",
    confidence=3,
    ms=4000,
    at=None,
    timed_out=False,
    sha256=None,
    deck="d",
):
    """One answer; `second` is a class, None for ungradable, or "none" where there is none."""
    at = at or NOW + timedelta(minutes=position)
    answer = Answer(attempt, position, "t", sha256 or f"{position:064x}", truth, choice,
                    confidence, ms, at, deck, "q", "1", None, timed_out)  # fmt: skip
    chances = tuple(0.7 if label is model else 0.1 for label in LABELS)
    look = None if second == "none" else SecondLook(attempt, position, second, 900, at)
    return Answered(answer, Prediction("m", "0" * 64, by_label(chances)) if model else None, look)


def attempt(name="a", cases=(), **changes):
    given = Attempt(name, "t", "q", "1", "d", CaseOrder.BALANCED, 1, tuple(cases), NOW,
                    NOW + timedelta(days=9))  # fmt: skip
    return replace(given, **changes)


LOOKS = [
    read(0, C, C, model=C, second=C),  # right, stays
    read(1, C, C, model=N, second=N),  # gives up
    read(2, C, C, model=N, second=M),  # gives up, for something else
    read(3, C, C, model=N, second=C),  # holds on
    read(4, C, N, model=C, second=C),  # follows a right model
    read(5, C, N, model=C, second=N),  # keeps wrong
    read(6, C, N, model=C, second=M),  # wrong to another wrong
    read(7, C, D, model=N, second=N),  # follows a wrong model
    read(8, C, N, model=N, second=N),  # agreed before: nothing to follow
    read(9, C, None, model=C, second=C),  # ungradable, then right
    read(10, C, C, model=C),  # no second look
    read(11, C, C, second=N),  # no model
    read(12, C, None, model=N, second=N, timed_out=True),
]


def keep_history(clock: Clock) -> tuple[Records, MemoryStore]:
    """Keep a trainee who read three real scans and two synthetic ones."""
    store = MemoryStore()
    store.add_trainee(Trainee("t", "Ada", clock()))
    for deck, synthetic in (("d", False), ("s", True)):
        store.put_deck(Deck(deck, deck.upper(), synthetic, True, clock()))
        cases = [Case(f"{deck}{n}" + "0" * 62, LABELS[n], f"p{n}", "x.png") for n in range(4)]
        store.add_cases(deck, cases)
    for deck, count in (("d", 3), ("s", 2)):
        cases = tuple(f"{deck}{n}" + "0" * 62 for n in range(count))
        store.start_attempt(attempt(deck, cases, deck=deck, started_at=clock(), ended_at=None))
        for n, sha256 in enumerate(cases):
            clock.pass_seconds(60)
            item = read(n, LABELS[n], C, attempt=deck, sha256=sha256, deck=deck, at=clock())
            store.record_answer(item.answer)
        store.end_attempt(deck, clock())
    return Records(store, clock), store
