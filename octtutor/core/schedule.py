"""Which cases come, and in which order. Pure functions of (cases, history, generator).

A history is all answers of one trainee, over all attempts, in order of time. The adaptive order
is ARTS (Mettler, Massey and Kellman, J Exp Psychol Gen 145:897, 2016), run over the classes and
the pairs of classes that the trainee has confused, with a new scan each time.

A class is the key of a diagnosis; cases and history are of one scheme. Where the order of classes
matters to chance alone, they are taken by their keys.
"""

import math
import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from octtutor.core.answer import Answer
from octtutor.core.case import Case
from octtutor.core.scheme import SchemeVersion
from octtutor.errors import BadInputError

SURPRISE = 0.2
"""Share of trials of a class drawn at random, delay or not: see `next_case`."""
MASTERY_K = 5
"""Of a class's last answers so many are shown."""
FAST_MS = 20_000
MASTERED, NOT_YET = 0.9, 0.7
"""Shares read rightly that `mastery` tells apart."""
MASTERY_ERROR = 0.05
"""How often a test of `mastery` calls a reader of the one share one of the other."""
_BOUND = math.log((1 - MASTERY_ERROR) / MASTERY_ERROR)
_STEP = {True: math.log(MASTERED / NOT_YET), False: math.log((1 - MASTERED) / (1 - NOT_YET))}


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """Two classes that are taken for each other, by their keys. Make it with `pair_of`."""

    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.first}–{self.second}"


Category = str | ConfusedPair


@dataclass(frozen=True, slots=True)
class Arts:
    """The constants of the priority, with the letters of Mettler et al. 2016.

    The values are theirs too, but for the delay: they had it at 2, over many categories. Of four
    classes 2 leaves two to choose from, so that the order tells much of the answer; with 1 it
    tells less, and mastery comes sooner (`benchmarks/schedule.py --delay 2`).
    """

    a: float = 0.1
    delay: int = 1
    """D: trials of other categories before one comes again."""
    b: float = 1.1
    r: float = 1.7
    """Seconds in which a right answer asks for no repetition."""
    error: float = 20.0
    """W: what a wrong answer adds."""


USUAL = Arts()


@dataclass(frozen=True, slots=True)
class MasteryReading:
    """What is shown of an answer beside mastery."""

    right: bool
    fast: bool


@dataclass(frozen=True, slots=True)
class Mastery:
    """The last answers to scans of a class, oldest first, and what the last test said."""

    recent: tuple[MasteryReading, ...]
    mastered: bool


@dataclass(frozen=True, slots=True)
class _Record:
    """What the priority needs of a category."""

    waited: int
    """N: trials since."""
    seconds: float
    wanted: frozenset[str]
    """Classes to be read rightly before the category is out of error."""


def pair_of(one: str, other: str) -> ConfusedPair:
    """Return the pair of two different classes, whichever is named first."""
    first, second = sorted((one, other))
    return ConfusedPair(first, second)


def classes_of(category: Category) -> tuple[str, ...]:
    """Return the class, or the two classes of a pair."""
    return (category.first, category.second) if isinstance(category, ConfusedPair) else (category,)


def confused_in(answer: Answer) -> ConfusedPair | None:
    """Return the pair that an answer confuses; None if it is right or names no class."""
    if answer.choice is None or answer.is_right:
        return None
    return pair_of(answer.truth, answer.choice)


def confusion_pairs(history: Iterable[Answer]) -> dict[ConfusedPair, int]:
    """Count how often the classes of each pair were taken for each other, most often first."""
    pairs = Counter(pair for answer in history if (pair := confused_in(answer)))
    return dict(pairs.most_common())


def of_scheme(history: Iterable[Answer], scheme: SchemeVersion) -> tuple[Answer, ...]:
    """Return the answers that were chosen from a list of diagnoses, whatever its version."""
    return tuple(answer for answer in history if answer.scheme.name == scheme.name)


def mastery(
    history: Sequence[Answer], keys: Iterable[str], k: int = MASTERY_K, fast_ms: int = FAST_MS
) -> dict[str, Mastery]:
    """Return how far each class is mastered, in the order of the keys.

    A class is mastered when a sequential probability ratio test (Wald, Ann. Math. Statist.
    16:117, 1945) of 0.7 against 0.9 read rightly, with 5 % error on either side, has decided for
    0.9, and until another decides for 0.7; after each decision the next test begins. Twelve right
    in a row decide for it, three wrong in a row against. First answers to a scan count: later
    ones are memory. Its operating characteristics: `benchmarks/schedule.py --mastery`.

    Args:
        history: the answers, oldest first; those to scans of other classes are passed over.
        keys: of the scheme's classes, in order.
        k: how many of the last answers to a class's scans are shown; at least 1.
        fast_ms: the slowest that counts as fast, milliseconds.
    """
    readings: dict[str, list[MasteryReading]] = {key: [] for key in keys}
    tests = {key: _Test() for key in readings}
    seen: set[str] = set()
    for answer in history:
        if answer.truth in readings:
            read = MasteryReading(answer.is_right, answer.response_ms <= fast_ms)
            readings[answer.truth].append(read)
            if answer.sha256 not in seen:
                tests[answer.truth] = tests[answer.truth].after(answer.is_right)
        seen.add(answer.sha256)
    return {key: Mastery(tuple(all_of[-k:]), tests[key].passed) for key, all_of in readings.items()}


@dataclass(frozen=True, slots=True)
class _Test:
    """A sequential probability ratio test under way, and what the one before decided."""

    log_ratio: float = 0.0
    passed: bool = False

    def after(self, right: bool) -> "_Test":
        ratio = self.log_ratio + _STEP[right]
        if abs(ratio) < _BOUND - 1e-9:
            return _Test(ratio, self.passed)
        return _Test(0.0, ratio > 0)


def priorities(
    history: Sequence[Answer], keys: Iterable[str], arts: Arts = USUAL
) -> dict[Category, float]:
    """Return the ARTS priority of each class (`keys`) and of every pair confused so far.

    P = a·(N − D)·[b·(1 − α)·ln(RT / r) + α·W] (Mettler et al. 2016), with N the trials since the
    category came last, RT the seconds its last answer took, and α 1 while it is in error.

    - A class is in error while its last answer was wrong, ungradable or timed out.
    - A pair exists once its classes were confused. It is in error, with N counted from the last
      confusion, until a scan of each has been read rightly; then N counts as for its classes.
    - A class never shown is taken as wrong with its delay over when the history began: of it
      nothing is known but that it must be learnt, and any class read rightly can wait for it.

    Below r the logarithm, and after the delay the priority, is negative: what is read that fast
    waits for everything else.
    """
    records = _records(history, arts.delay, keys)
    return {key: _priority(record, arts) for key, record in records.items()}


def next_case(
    cases: Sequence[Case],
    history: Sequence[Answer],
    seen: Sequence[str],
    rng: random.Random,
    focus: frozenset[str] = frozenset(),
    arts: Arts = USUAL,
    surprise: float = SURPRISE,
) -> Case:
    """Choose the case to show next by ARTS priority.

    The category of highest priority whose delay is over is taken, ties at random, and of a pair
    in error a class not yet read rightly since the confusion. A mastered class waits until no
    other can come, unless a pair in error asks for it. Of the class comes a scan never
    seen, if possible of a patient never seen. Classes without such a scan wait while another has
    one; when all were seen, the scan seen longest ago comes.

    The order alone must not tell the answer. So in a share of trials the class is drawn at
    random, even one just shown; and where fewer than three classes can come it always is,
    because a delay would leave no choice. With three classes the delay is one trial.

    Args:
        cases: the deck; its order does not matter.
        history: the trainee's answers, oldest first, also those of other decks.
        seen: SHA-256 of the scans shown to the trainee in any attempt, oldest first.
        rng: source of randomness; the same state gives the same case.
        focus: only cases of these classes; empty: all.
        arts: the constants.
        surprise: share of trials of a class drawn at random, 0 to 1.

    Raises:
        BadInputError: the deck has no case, or none of the classes in focus.
    """
    wanted = [case for case in cases if not focus or case.label in focus]
    if not wanted:
        named = ", ".join(sorted(focus)) or "any class"
        raise BadInputError(
            f"Expected a deck with cases of {named}. Received one of {len(cases)} cases without. "
            "Choose another deck."
        )
    last_seen = {sha256: place for place, sha256 in enumerate(seen)}
    unseen = [case for case in wanted if case.sha256 not in last_seen]
    open_to = {case.label for case in unseen or wanted}
    label = next_class(open_to, history, rng, arts, surprise)
    if not unseen:
        return min(_of_class(wanted, label), key=lambda case: last_seen[case.sha256])
    patients = {case.patient for case in cases if case.sha256 in last_seen}
    pile = _of_class(unseen, label)
    return rng.choice([case for case in pile if case.patient not in patients] or pile)


def draw_unseen(
    cases: Sequence[Case], size: int, seen: Collection[str], rng: random.Random
) -> tuple[Case, ...]:
    """Draw as `draw_balanced` does, scans never seen first; others only when those run out.

    Args:
        cases: the deck; its order does not matter.
        size: how many to draw; fewer come when the deck is smaller.
        seen: SHA-256 of the scans shown to the trainee in any attempt.
        rng: source of randomness; the same state gives the same cases.

    Returns:
        The cases in the order to show them; seen and unseen follow each other at random.
    """
    known = frozenset(seen)
    drawn = list(draw_balanced([case for case in cases if case.sha256 not in known], size, rng))
    again = [case for case in cases if case.sha256 in known]
    drawn += draw_balanced(again, size - len(drawn), rng)
    rng.shuffle(drawn)
    return tuple(drawn)


def draw_balanced(cases: Sequence[Case], size: int, rng: random.Random) -> tuple[Case, ...]:
    """Draw cases at random, without repeats, as evenly over the classes as the deck allows.

    Args:
        cases: the deck; its order does not matter.
        size: how many to draw; fewer come when the deck is smaller.
        rng: source of randomness; the same state gives the same cases.

    Returns:
        The cases in the order to show them; classes follow each other at random.
    """
    labels = sorted({case.label for case in cases})
    piles = {label: _shuffled(cases, label, rng) for label in labels}
    drawn: list[Case] = []
    while len(drawn) < size and any(piles.values()):
        filled = [label for label in labels if piles[label]]
        rng.shuffle(filled)
        drawn += [piles[label].pop() for label in filled[: size - len(drawn)]]
    rng.shuffle(drawn)
    return tuple(drawn)


def next_class(
    classes: Collection[str],
    history: Sequence[Answer],
    rng: random.Random,
    arts: Arts = USUAL,
    surprise: float = SURPRISE,
) -> str:
    """Choose the class of the case to show next, as `next_case` does.

    Args:
        classes: those that can come, at least one; their order does not matter.
        history: the trainee's answers, oldest first, also those of other decks.
        rng: source of randomness; the same state gives the same class.
        arts: the constants.
        surprise: share of trials of a class drawn at random, 0 to 1.
    """
    open_to = sorted(classes)
    if len(open_to) < 3 or rng.random() < surprise:
        return rng.choice(open_to)
    arts = replace(arts, delay=min(arts.delay, len(open_to) - 2))
    records = _records(history, arts.delay, open_to)
    rested = [label for label in open_to if records[label].waited >= arts.delay]
    retired = {label for label, reached in mastery(history, open_to).items() if reached.mastered}
    asked = _asked(records, rested, arts.delay, retired) or _asked(records, rested, arts.delay)
    priority = {category: _priority(records[category], arts) for category in asked}
    highest = max(priority.values())
    first = {label for key in asked if priority[key] == highest for label in asked[key]}
    return rng.choice([label for label in rested if label in first])


def _asked(
    records: Mapping[Category, _Record],
    rested: Sequence[str],
    delay: int,
    retired: Collection[str] = (),
) -> dict[Category, frozenset[str]]:
    """Return which classes each category asks for, without those that ask for none."""
    asked = {
        category: (record.wanted or frozenset(classes_of(category)).difference(retired))
        & frozenset(rested)
        for category, record in records.items()
        if record.waited >= delay
    }
    return {category: classes for category, classes in asked.items() if classes}


def _priority(record: _Record, arts: Arts) -> float:
    drive = arts.error if record.wanted else arts.b * math.log(record.seconds / arts.r)
    return arts.a * (record.waited - arts.delay) * drive


def _records(history: Sequence[Answer], delay: int, keys: Iterable[str]) -> dict[Category, _Record]:
    """Go through the history once; `waited` is a place in it until the end."""
    records: dict[Category, _Record] = {
        key: _Record(-2 - delay, 1.0, frozenset([key])) for key in keys
    }
    for place, answer in enumerate(history):
        seconds = max(answer.response_ms, 1) / 1000
        for category in [key for key in records if answer.truth in classes_of(key)]:
            records[category] = _after(records[category], category, answer, place, seconds)
        if pair := confused_in(answer):
            records[pair] = _Record(place, seconds, frozenset(classes_of(pair)))
    last = len(history) - 1
    return {key: replace(record, waited=last - record.waited) for key, record in records.items()}


def _after(
    before: _Record, category: Category, answer: Answer, place: int, seconds: float
) -> _Record:
    """Return a category's record after an answer to a scan of one of its classes."""
    if not isinstance(category, ConfusedPair):
        return _Record(place, seconds, frozenset() if answer.is_right else frozenset([category]))
    wanted = before.wanted - {answer.truth} if answer.is_right else before.wanted
    return _Record(before.waited if wanted else place, seconds, wanted)


def _of_class(cases: Iterable[Case], label: str) -> list[Case]:
    return sorted((case for case in cases if case.label == label), key=lambda case: case.sha256)


def _shuffled(cases: Sequence[Case], label: str, rng: random.Random) -> list[Case]:
    pile = _of_class(cases, label)
    rng.shuffle(pile)
    return pile
