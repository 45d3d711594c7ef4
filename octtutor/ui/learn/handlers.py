"""What the events of the tab Learn do. Values in, HTML out; knows no component."""

from collections.abc import Callable, Iterator
from typing import Any

from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.errors import BadInputError, ModelError
from octtutor.reports.citing import cited_html
from octtutor.tutor.atlas.atlas import Atlas, Example
from octtutor.ui.learn.chapter_views import Pair, chapter_html, maps_html, note_html
from octtutor.ui.learn.layers_views import layers_html
from octtutor.ui.learn.texts import LEARN, PAIRS
from octtutor.ui.shared.browser import Browser, trainee_of

LAYERS_TOPIC = "layers"


class LearnHandlers:
    """What the tab's events do. Values in, HTML out; knows no component."""

    def __init__(self, atlas: Atlas, exam_runs: Callable[[str], bool]) -> None:
        """Take the use cases, and what tells whether an exam of a trainee runs."""
        self._atlas, self._exam_runs = atlas, exam_runs

    def refuse_in_exam(self, browser: Browser, topic: Any) -> None:
        """Refuse examples, which tell their diagnosis, to who might be asked them right now.

        Raises:
            BadInputError: an exam of the browser's trainee runs.
        """
        trainee_id = trainee_of(browser)
        if topic != LAYERS_TOPIC and trainee_id and self._exam_runs(trainee_id):
            raise BadInputError(LEARN["in_exam"])

    def decks(self) -> list[tuple[str, str]]:
        """Return (title, name) of the decks that have annotated cases."""
        return [(deck.title, deck.name) for deck in self._atlas.decks()]

    def body(self, topic: Any, deck: Any, page: Any) -> str:
        """Return a topic's content.

        Args:
            topic: `layers` or a diagnosis.
            deck: the name of the deck that examples come from.
            page: which lot of examples, 0 or more.

        Raises:
            BadInputError: there is no such topic, or no annotated scan.
            StoreError: a scan is gone from the data home.
        """
        if topic == LAYERS_TOPIC:
            return layers_html(self._atlas.layers())
        label, lot = _label(topic), lot_of(page)
        examples, pairs = self._shown(label, deck, lot)
        cited = cited_html([self._atlas.find_deck(str(deck or ""))])
        return chapter_html(label, examples, pairs, f"{label.lower()}-{lot}", cited)

    def maps(self, topic: Any, deck: Any, page: Any) -> Iterator[str]:
        """Return the maps for what `body` shows, after a note when the model must be awaited.

        Raises:
            BadInputError: there is no such topic, or no annotated scan.
            StoreError: a scan is gone from the data home.
        """
        label, lot = _label(topic), lot_of(page)
        examples, pairs = self._shown(label, deck, lot)
        shown = [*examples, *(example for pair in pairs for example in pair)]
        try:
            if not self._atlas.has_maps(example.case for example in shown):
                yield note_html(LEARN["map_loading"])
            read = [self._atlas.explain(example) for example in shown]
            trained = [self._atlas.trained_on(example.case) for example in shown]
        except ModelError as error:
            yield note_html(LEARN["map_fault"].format(fault=error))
            return
        yield maps_html(label, f"{label.lower()}-{lot}", shown, read, trained, len(examples))

    def _shown(
        self, label: str, deck: Any, lot: int
    ) -> tuple[tuple[Example, ...], tuple[Pair, ...]]:
        name = str(deck or "")
        pairs = [pair for pair in PAIRS if label in pair]
        return (
            self._atlas.examples(name, label, lot),
            tuple(self._atlas.contrast(name, *pair, 2 * lot + n) for n, pair in enumerate(pairs)),
        )


def _label(topic: Any) -> str:
    if topic in LABELS:  # a diagnosis equals its word
        return Diagnosis(topic)
    raise BadInputError(LEARN["bad_topic"].format(topic=str(topic)[:40]))


def lot_of(page: Any) -> int:
    """Return which lot of examples a page shows; the first where it says nothing of use."""
    fits = isinstance(page, int) and not isinstance(page, bool) and 0 <= page < 10_000
    return page if fits else 0
