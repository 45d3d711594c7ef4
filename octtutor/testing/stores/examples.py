"""Records to try a store with."""

from datetime import UTC, datetime, timedelta

from octtutor.core.answer import Answer
from octtutor.core.case import Case, Deck
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt, CaseOrder, Trainee
from octtutor.store.contract import DeckStore, Store

NOW = datetime(2026, 1, 5, 9, 0, 0, 123456, tzinfo=UTC)
CASES = tuple(
    Case(f"{n:064x}", "DME", f"p{n}", f"DME-{n}-1.jpeg", False, ("cyst",), None) for n in range(5)
)
PREDICTION = Prediction("lite0", "f" * 64, {"CNV": 0.7, "DME": 0.1, "DRUSEN": 0.1, "NORMAL": 0.1})
HASHES = tuple(case.sha256 for case in CASES)


def later(seconds: float) -> datetime:
    """Return a time after NOW."""
    return NOW + timedelta(seconds=seconds)


def put(store: DeckStore) -> None:
    """Put a deck into a store."""
    store.put_deck(Deck("deck", "A deck", False, True, NOW))
    store.add_cases("deck", CASES)


def begin(store: Store, attempt_id: str = "a1", trainee: str = "t1") -> Attempt:
    """Let a trainee begin an attempt."""
    if store.find_trainee(trainee) is None:
        store.add_trainee(Trainee(trainee, "Ada", NOW))
    put(store)
    order = CaseOrder.BALANCED
    attempt = Attempt(attempt_id, trainee, "practice", "1", "deck", order, 7, HASHES, NOW)
    store.start_attempt(attempt)
    return attempt


def answer(attempt: Attempt, position: int, choice: str | None = "CNV") -> Answer:
    """Return an answer to a case of an attempt."""
    return Answer(
        attempt_id=attempt.id,
        position=position,
        trainee_id=attempt.trainee_id,
        sha256=attempt.cases[position] if position < len(attempt.cases) else "x",
        truth="DME",
        choice=choice,
        confidence=3,
        response_ms=4321,
        answered_at=NOW + timedelta(seconds=position),
        deck="deck",
        quiz="practice",
        quiz_version="1",
    )
