"""What is due when: one FSRS card for each class and each confused pair of a trainee.

The cards are dealt anew from the answers each time; nothing is stored.
"""

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fsrs import Card, Rating, Scheduler

from octtutor.core.answer import Answer
from octtutor.core.schedule import FAST_MS, Category, ConfusedPair, classes_of, confused_in

SCANS_A_CARD = 3
SECONDS_A_SCAN = 30.0
"""Assumed while fewer than `FEW_GAPS` of the trainee's own are known."""
FEW_GAPS = 5
_IN_DAYS = Scheduler(learning_steps=(), relearning_steps=(), enable_fuzzing=False)
"""Without steps of minutes every interval is whole days; without fuzz it is always the same."""


@dataclass(frozen=True, slots=True)
class Review:
    """What one attempt showed of a category, dated by its last answer."""

    at: datetime
    rating: Rating


@dataclass(frozen=True, slots=True)
class DueCard:
    """A class or a confused pair, and when it should be practised again; times UTC."""

    category: Category
    due_at: datetime
    reviewed_at: datetime


@dataclass(frozen=True, slots=True)
class Due:
    """All cards, soonest first, and what practising those due now takes."""

    cards: tuple[DueCard, ...]
    now: tuple[DueCard, ...]
    """Those whose time has come."""
    scans: int
    """How many scans to read; 0 when nothing is due."""
    minutes: int
    """About how long that takes, rounded up; 0 when nothing is due."""
    next_at: datetime | None
    """When the next card is due that is not due now, UTC; None without one."""


def due(history: Sequence[Answer], now: datetime) -> Due:
    """Return what is due, by FSRS (package `fsrs`, its default parameters).

    A category is reviewed once an attempt: Again when half or more of the attempt's answers in it
    were wrong, Hard when some were, Good when none was, Easy when all were fast as well.

    Args:
        history: all answers of one trainee, over all attempts, in order of time.
        now: the time, aware.
    """
    cards = tuple(sorted(_cards(history), key=lambda card: card.due_at))
    come = tuple(card for card in cards if card.due_at <= now)
    later = [card.due_at for card in cards if card.due_at > now]
    scans = SCANS_A_CARD * len(come)
    minutes = math.ceil(scans * seconds_a_scan(history) / 60)
    return Due(cards, come, scans, minutes, min(later, default=None))


def focus_of(due: Due) -> frozenset[str]:
    """Return the classes to practise: those due, and both of every pair due."""
    return frozenset(label for card in due.now for label in classes_of(card.category))


def seconds_a_scan(history: Iterable[Answer]) -> float:
    """Return the trainee's median time from one answer to the next within an attempt, seconds."""
    last: dict[str, datetime] = {}
    gaps: list[float] = []
    for answer in history:
        if before := last.get(answer.attempt_id):
            gaps.append((answer.answered_at - before).total_seconds())
        last[answer.attempt_id] = answer.answered_at
    return max(statistics.median(gaps), 0.0) if len(gaps) >= FEW_GAPS else SECONDS_A_SCAN


def reviews(history: Sequence[Answer]) -> dict[Category, tuple[Review, ...]]:
    """Return the reviews of each category that has a card, oldest first.

    A class has one from its first answer on, a pair from the attempt that first confused it. Of a
    pair speak the answers that choose between its two classes.
    """
    sittings: dict[str, list[Answer]] = {}
    for answer in history:
        sittings.setdefault(answer.attempt_id, []).append(answer)
    found: dict[Category, list[Review]] = {}
    for answers in sorted(sittings.values(), key=lambda answers: answers[-1].answered_at):
        for category in _with_card(answers, found):
            of_it = [answer for answer in answers if _speaks_of(answer, category)]
            if of_it:
                found.setdefault(category, []).append(_review(of_it))
    return {category: tuple(each) for category, each in found.items()}


def _cards(history: Sequence[Answer]) -> Iterator[DueCard]:
    for category, each in reviews(history).items():
        card = Card(card_id=1, due=each[0].at)
        for review in each:
            card, _ = _IN_DAYS.review_card(card, review.rating, review.at)
        yield DueCard(category, card.due, each[-1].at)


def _with_card(answers: Sequence[Answer], known: Iterable[Category]) -> list[Category]:
    pairs = [category for category in known if isinstance(category, ConfusedPair)]
    pairs += [pair for answer in answers if (pair := confused_in(answer))]
    return [*sorted({answer.truth for answer in answers}), *dict.fromkeys(pairs)]


def _speaks_of(answer: Answer, category: Category) -> bool:
    classes = classes_of(category)
    if answer.truth not in classes:
        return False
    return answer.choice in classes if isinstance(category, ConfusedPair) else True


def _review(answers: Sequence[Answer]) -> Review:
    at = answers[-1].answered_at.astimezone(UTC)
    wrong = sum(not answer.is_right for answer in answers)
    if 2 * wrong >= len(answers):
        return Review(at, Rating.Again)
    if wrong:
        return Review(at, Rating.Hard)
    fast = all(answer.response_ms <= FAST_MS for answer in answers)
    return Review(at, Rating.Easy if fast else Rating.Good)
