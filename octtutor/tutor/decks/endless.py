"""Endless practice: a deck of synthetic scans that is drawn on as far as somebody has read it.

The nth scan is the same on every server, since it is all in its number; so servers that draw at
once add the same case once, and what was read stays what it was.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from octtutor.core.case import Case, Deck
from octtutor.core.diagnosis import LABELS
from octtutor.datasets.decode import to_png
from octtutor.phantom import make
from octtutor.phantom.finding_masks import DECK_SIZE
from octtutor.store.contract import Store
from octtutor.tutor.ports import Clock, Images

ENDLESS = "endless"
"""The deck's name."""
MOST_AT_ONCE = 40
"""Scans of one quiz."""
SECONDS_A_SCAN = 0.15
"""To draw one, on a core."""
_TITLE = "Endless"
_SEED = 20_181_121
_FIRST_PATIENT = 95_000_001
"""Every scan is of another patient: eight digits, beyond those of other synthetic decks."""


class Endless:
    """Keeps the deck ahead of whoever reads it."""

    def __init__(self, store: Store, images: Images, clock: Clock) -> None:
        """Take the records, the scans on disk and a clock."""
        self._store, self._images, self._clock = store, images, clock

    def missing(self, trainee_id: str | None, size: int) -> int:
        """Return how many scans must be drawn before somebody can read a quiz of new ones.

        Args:
            trainee_id: who; None is somebody new.
            size: cases of the quiz.
        """
        wanted = _per_class(size)
        unseen = self._store.unseen_cases(ENDLESS, trainee_id or "", LABELS, "", wanted)
        count = Counter(case.label for case in unseen)
        return len(LABELS) * (wanted - min(count[label] for label in LABELS))

    def draw(
        self,
        trainee_id: str | None,
        size: int,
        progress: Callable[[int, int], None] | None = None,
        announce: Callable[[int], None] | None = None,
    ) -> None:
        """Draw what is missing; see SECONDS_A_SCAN.

        Args:
            trainee_id: see `missing`.
            size: see `missing`.
            progress: called with (done, total).
            announce: called with the number of scans before the first is drawn.

        Raises:
            SettingsError: the data home cannot be written.
        """
        total = self.missing(trainee_id, size)
        if not total:
            return
        if announce:
            announce(total)
        deck = self._store.find_deck(ENDLESS) or Deck(ENDLESS, _TITLE, True, True, self._clock())
        self._store.put_deck(replace(deck, synthetic=True, complete=True))
        first = self._store.count_cases(ENDLESS)
        for done, index in enumerate(range(first, first + total), start=1):
            self._store.add_cases(ENDLESS, [self._case(index)])
            if progress:
                progress(done, total)

    def _case(self, index: int) -> Case:
        label = LABELS[index % len(LABELS)]
        rng = np.random.default_rng(np.random.SeedSequence([_SEED, index]))
        phantom = make(label, rng, DECK_SIZE)
        patient = str(_FIRST_PATIENT + index)
        mask = self._images.put(to_png(phantom.mask)) if phantom.mask.any() else None
        return Case(
            sha256=self._images.put(to_png(phantom.scan)),
            label=label,
            patient=patient,
            name=f"{label}-{patient}-1.png",
            synthetic=True,
            findings=tuple(finding.name for finding in phantom.findings),
            mask_sha256=mask,
        )


def _per_class(size: int) -> int:
    """Return how many unseen scans a class should have, so that adaptive order can choose."""
    return -(-min(size, MOST_AT_ONCE) // 3) + 1
