"""Cases drawn for a trainee, without reading the deck: what it takes does not grow with it."""

import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from octtutor.core.answer import Answer
from octtutor.core.case import Case
from octtutor.core.schedule import draw_balanced, next_class
from octtutor.errors import BadInputError
from octtutor.store.contract import Store

AT_ONCE = 24
"""Cases of a class among which one is drawn; they lie together by their hash, which is random."""


@dataclass(frozen=True, slots=True)
class FreeCases:
    """The cases of a deck that practice may tell a trainee; where there is none, all.

    Left out is what an exam of theirs keeps back, which can be taken again.
    """

    store: Store
    trainee_id: str
    deck: str
    keys: Sequence[str]
    """The classes of the deck's scheme."""
    kept: Collection[str]
    """SHA-256 of the scans that exams keep back."""
    rng: random.Random

    def next_case(
        self, history: Sequence[Answer], focus: Collection[str], drawn: Collection[str]
    ) -> Case:
        """Choose the case to show next, as `core.schedule.next_case` does of a whole deck.

        A scan never seen, if possible of a patient never seen, before one seen longest ago; of a
        class by ARTS.

        Args:
            history: the trainee's answers whose truth they know, oldest first.
            focus: only of these classes, where the deck has any of them; empty: of all.
            drawn: SHA-256 of the scans of this quiz, which do not come twice before all came.

        Raises:
            BadInputError: the deck has no case.
        """
        for but in dict.fromkeys((self._kept, frozenset[str]())):
            for keys in (sorted(focus), self.keys):
                found = self._unseen(keys, {*but, *drawn}) or self._seen(keys, but)
                if found:
                    by_class = _by_class(found)
                    return self.rng.choice(by_class[next_class(by_class, history, self.rng)])
        raise BadInputError(
            f"Expected a deck with cases. {self.deck[:64]!r} has none (any more). Choose another."
        )

    def count(self) -> int:
        """Return how many there are."""
        return self.store.count_cases(self.deck, self._kept) or self.store.count_cases(self.deck)

    def draw(self, size: int) -> tuple[Case, ...]:
        """Draw as `core.schedule.draw_unseen` does of a whole deck.

        Scans never seen first, as evenly over the classes as they allow; then others.
        """
        has_free = not self._kept or self.store.count_cases(self.deck, self._kept)
        but = self._kept if has_free else ()
        fresh = self.store.unseen_cases(
            self.deck, self.trainee_id, self.keys, self._start(), max(size, AT_ONCE), but
        )
        drawn = list(draw_balanced(fresh, size, self.rng))
        if len(drawn) < size:
            again = self.store.seen_cases(self.deck, self.trainee_id, but=but)
            drawn += draw_balanced(again, size - len(drawn), self.rng)
        self.rng.shuffle(drawn)
        return tuple(drawn)

    def draw_by_seed(self, size: int) -> tuple[Case, ...]:
        """Draw as evenly over the classes as the deck allows: the same for everybody by a seed.

        This one reads the deck, for its cases are a matter of all that are there.
        """
        cases = self.store.cases_of(self.deck)
        free = [case for case in cases if case.sha256 not in self._kept] or cases
        return draw_balanced(free, size, self.rng)

    def _unseen(self, keys: Sequence[str], but: Collection[str]) -> tuple[Case, ...]:
        """Return cases that were not shown, of patients not seen where a class has any."""
        start = self._start()

        def ask(labels: Sequence[str], new_patients: bool) -> tuple[Case, ...]:
            if not labels:
                return ()
            return self.store.unseen_cases(
                self.deck, self.trainee_id, labels, start, AT_ONCE, but, new_patients
            )

        found = ask(keys, True)
        without = [key for key in keys if key not in {case.label for case in found}]
        return (*found, *ask(without, False))

    def _seen(self, keys: Sequence[str], but: Collection[str]) -> tuple[Case, ...]:
        """Return of each class the case seen longest ago."""
        shown = self.store.seen_cases(self.deck, self.trainee_id, but=but) if keys else ()
        first: dict[str, Case] = {}
        for case in shown:
            if case.label in keys:
                first.setdefault(case.label, case)
        return tuple(first.values())

    @property
    def _kept(self) -> frozenset[str]:
        return frozenset(self.kept)

    def _start(self) -> str:
        return f"{self.rng.getrandbits(256):064x}"


def _by_class(cases: Iterable[Case]) -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = {}
    for case in cases:
        found.setdefault(case.label, []).append(case)
    return found
