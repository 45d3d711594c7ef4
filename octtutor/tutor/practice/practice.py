"""Practise: draw a quiz, show a scan, take the answer, then reveal."""

import random
from collections.abc import Callable, Sequence

from octtutor.core.answer import Answer
from octtutor.core.case import Case, Deck
from octtutor.core.quiz import Attempt, CaseOrder, Trainee
from octtutor.core.schedule import Mastery, mastery, of_scheme
from octtutor.core.scheme import Scheme
from octtutor.datasets.schemes.scheme_registry import SHIPPED, Schemes
from octtutor.errors import BadInputError
from octtutor.store.contract import Store
from octtutor.tutor.ports import Clock, Images, Shelf
from octtutor.tutor.practice.answering import CaseAnswering
from octtutor.tutor.practice.drawing import FreeCases
from octtutor.tutor.practice.enrolment import enrol
from octtutor.tutor.practice.revealing import CaseRevealing
from octtutor.tutor.practice.spaced_repetition import Due, due
from octtutor.tutor.practice.starting import (
    check_size,
    draw_seed,
    new_attempt,
    refuse_beside_running,
)

PRACTICE_ORDERS = (CaseOrder.ADAPTIVE, CaseOrder.BALANCED, CaseOrder.DUE)


class Practice(CaseAnswering, CaseRevealing):
    """The use cases of reading cases: beginning here, answering and revealing in their parts."""

    def __init__(
        self,
        store: Store,
        images: Images,
        shelf: Shelf,
        clock: Clock,
        draw_seed: Callable[[], int] = draw_seed,
        schemes: Schemes = SHIPPED,
    ) -> None:
        """Take the parts; `draw_seed` gives the seed of a quiz whose trainee names none."""
        super().__init__(store, images, shelf, clock, schemes)
        self._draw_seed = draw_seed

    def enrol(self, trainee_id: str | None, nickname: str) -> Trainee:
        """Return the trainee of an id, made if new, with this nickname (see `enrolment.enrol`)."""
        return enrol(self._store, self._clock, trainee_id, nickname)

    def find_trainee(self, trainee_id: str) -> Trainee | None:
        """Return the trainee of an id."""
        return self._store.find_trainee(trainee_id)

    def decks(self) -> tuple[tuple[Deck, int], ...]:
        """Return the decks that trainees may choose, and how many cases each has."""
        offered = [deck for deck in self._store.decks() if deck.offered]
        return tuple((deck, self._store.count_cases(deck.name)) for deck in offered)

    def is_synthetic(self, deck: str) -> bool:
        """Whether all scans of a deck are computer-made."""
        found = self._store.find_deck(deck)
        return found is not None and found.synthetic

    def find_deck(self, deck: str) -> Deck | None:
        """Return a deck."""
        return self._store.find_deck(deck)

    def find_answered(self, trainee_id: str) -> Attempt | None:
        """Return the trainee's last quiz with at least one answer."""
        return self._store.find_answered_attempt(trainee_id)

    def start(
        self,
        trainee_id: str,
        deck: str,
        size: int,
        seed: int | None = None,
        order: CaseOrder = CaseOrder.BALANCED,
    ) -> Attempt:
        """Begin to practise with the model in use; the trainee's running quiz ends.

        Args:
            trainee_id: who.
            deck: a deck's name.
            size: how many cases, at least 1; fewer when the deck has fewer that may be told (see
                `FreeCases`).
            seed: the same seed draws the same cases of the same deck, at random whatever the
                order; without one, scans not seen yet come first.
            order: one of PRACTICE_ORDERS.

        Raises:
            BadInputError: the deck is empty, unknown or not offered, the size is not positive,
                or there is no such order.
            StaleError: an exam runs.
        """
        self._refuse_withheld(deck)
        found = self._store.find_deck(deck)
        keys = self._schemes.of(found.scheme).keys if found else ()
        drawn_by = self._draw_seed() if seed is None else seed
        kept = self._disclosures.kept_back(trainee_id)
        free = FreeCases(self._store, trainee_id, deck, keys, kept, random.Random(drawn_by))
        count = free.count() if found else 0
        check_size(size, count, deck)
        if order not in PRACTICE_ORDERS:
            one_of = ", ".join(PRACTICE_ORDERS)
            raise BadInputError(f"Expected one of {one_of}. Received {order[:40]!r}.")
        refuse_beside_running(self._store, trainee_id)
        drawn: tuple[Case, ...] = ()
        if seed is not None:
            order, drawn = CaseOrder.BALANCED, free.draw_by_seed(size)
        elif order == CaseOrder.BALANCED:
            drawn = free.draw(min(size, count))
        hashes = [case.sha256 for case in drawn]
        length = 0 if drawn else min(size, count)
        now = self._clock()
        attempt = new_attempt(
            self._store, self._shelf, trainee_id, deck, order, drawn_by, hashes, now, size=length
        )
        self._store.start_attempt(attempt)
        return attempt

    def _refuse_withheld(self, name: str) -> None:
        deck = self._store.find_deck(name)
        if deck is not None and not deck.offered:
            raise BadInputError(
                "Expected a deck that is offered. This one is not (any more). Choose another."
            )

    def due(self, trainee_id: str) -> tuple[tuple[Answer, ...], Due]:
        """Return a trainee's answers, oldest first, and what is due of what they learnt.

        Those whose truth may not be told yet are left out: what is due would tell it. So are
        those of other schemes than the last answer's.
        """
        history = self._disclosures.history(trainee_id)
        history = of_scheme(history, history[-1].scheme) if history else ()
        return history, due(history, self._clock())

    def scheme_learned(self, history: Sequence[Answer]) -> Scheme:
        """Return the list of diagnoses of what was read last, of a history that is not empty."""
        return self._schemes.of(history[-1].scheme)

    def mastery(self, history: Sequence[Answer]) -> dict[str, Mastery]:
        """Return how far each class is mastered, by answers of one scheme; empty without any."""
        return mastery(history, self.scheme_learned(history).keys) if history else {}

    def is_examined(self, trainee_id: str) -> bool:
        """Whether an exam of a trainee runs, or one that their class still reads."""
        return self._disclosures.is_examined(trainee_id)

    def is_watched(self, trainee_id: str) -> bool:
        """Whether an exam of a trainee runs, or they are in a session that goes on."""
        if self.is_examined(trainee_id):
            return True
        latest = self._store.find_latest_attempt(trainee_id)
        if latest is None or latest.ended_at is not None:
            return False
        session = self._store.find_session(latest.session) if latest.session else None
        return session is not None and session.is_open

    def find_latest(self, trainee_id: str) -> Attempt | None:
        """Return the trainee's last quiz; it runs while its `ended_at` is None."""
        return self._store.find_latest_attempt(trainee_id)
