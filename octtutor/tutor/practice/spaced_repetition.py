"""What is due when: one FSRS card for each class and each confused pair of a trainee.

The cards are dealt anew from the answers each time; nothing is stored. FSRS was fitted to the
recall of single items; that it spaces the reading of categories well is carried over, not shown.
"""

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from fsrs import Card, Rating, Scheduler

from octtutor.core.answer import Answer
from octtutor.core.schedule import FAST_MS, Category, ConfusedPair, classes_of, confused_in
from octtutor.stats.intervals import effective_wilson

SCANS_A_CARD = 3
SECONDS_A_SCAN = 30.0
"""Assumed while fewer than `FEW_GAPS` of the trainee's own are known."""
FEW_GAPS = 5
LEAST = 3
"""Answers that make a review; fewer wait for the next day's."""
LONGEST_DAYS = 90
_Z80 = 1.2815515655446004
"""Of a two-sided interval of 80 %."""
_IN_DAYS = Scheduler(
    learning_steps=(),
    relearning_steps=(),
    enable_fuzzing=False,
    maximum_interval=LONGEST_DAYS,
)
"""Without steps of minutes every interval is whole days; without fuzz it is always the same."""


@dataclass(frozen=True, slots=True)
class Review:
    """What a day showed of a category, dated by its last answer."""

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

    A category is reviewed at most once a day (UTC), by three answers or more, and comes again in
    90 days at most. With Wilson's 80 % interval of the share right: Again where it ends below 0.7,
    or half or more were wrong; Hard below 0.75; Easy where it begins at 0.85 or above (10 of 10)
    and the median answer was fast; else Good.

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

    A class has one from its third answer on, a pair from the third that speaks of it, counted
    from the day that first confused it. Of a pair speak the answers that choose between its two
    classes.
    """
    days: dict[date, list[Answer]] = {}
    for answer in history:
        days.setdefault(answer.answered_at.astimezone(UTC).date(), []).append(answer)
    waiting: dict[Category, list[Answer]] = {}
    found: dict[Category, list[Review]] = {}
    for _, answers in sorted(days.items()):
        for category in _with_card(answers, waiting):
            told = waiting.setdefault(category, [])
            told += [answer for answer in answers if _speaks_of(answer, category)]
            if len(told) >= LEAST:
                found.setdefault(category, []).append(_review(told))
                waiting[category] = []
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
    last = max(answers, key=lambda answer: answer.answered_at)
    return Review(last.answered_at.astimezone(UTC), _rating(answers))


def _rating(answers: Sequence[Answer]) -> Rating:
    n = len(answers)
    share = sum(answer.is_right for answer in answers) / n
    low, high = effective_wilson(share, n, _Z80)
    if share <= 0.5 or high < 0.7:
        return Rating.Again
    if share < 0.75:
        return Rating.Hard
    fast = statistics.median(answer.response_ms for answer in answers) <= FAST_MS
    return Rating.Easy if fast and low >= 0.85 else Rating.Good
