"""What the events of the tab Learn do. Values in, HTML out; knows no component."""

from collections.abc import Callable, Iterator
from typing import Any

from octtutor.core.scheme import Scheme
from octtutor.errors import BadInputError, ModelError
from octtutor.reports.citing import cited_html
from octtutor.tutor.atlas.atlas import Atlas, Example
from octtutor.ui.learn.chapter_views import (
    Pair,
    chapter_html,
    maps_html,
    note_html,
    topic_style,
)
from octtutor.ui.learn.layers_views import layers_html
from octtutor.ui.learn.texts import LEARN, pairs_of
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

    def topics(self, deck: Any) -> list[tuple[str, str]]:
        """Return (title, topic) of all there is to learn: the layers, a deck's diagnoses.

        Raises:
            BadInputError: the deck's scheme is not at hand.
        """
        keys = self._atlas.scheme_of(str(deck or "")).keys
        return [(LEARN["layers"], LAYERS_TOPIC), *((key, key) for key in keys)]

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
            return topic_style(self._atlas.scheme_of(str(deck or ""))) + layers_html(
                self._atlas.layers()
            )
        scheme, label = self._asked(topic, deck)
        lot = lot_of(page)
        examples, pairs = self._shown(scheme, label, deck, lot)
        cited = cited_html([self._atlas.find_deck(str(deck or ""))])
        key = f"{label.lower()}-{lot}"
        return topic_style(scheme) + chapter_html(scheme, label, examples, pairs, key, cited)

    def maps(self, topic: Any, deck: Any, page: Any) -> Iterator[str]:
        """Return the maps for what `body` shows, after a note when the model must be awaited.

        Raises:
            BadInputError: there is no such topic, or no annotated scan.
            StoreError: a scan is gone from the data home.
        """
        scheme, label = self._asked(topic, deck)
        lot = lot_of(page)
        examples, pairs = self._shown(scheme, label, deck, lot)
        shown = [*examples, *(example for pair in pairs for example in pair)]
        try:
            knows = self._atlas.model_scheme
            if knows != scheme.stamp:
                yield note_html(LEARN["other_model"].format(theirs=knows.name, ours=scheme.name))
                return
            if not self._atlas.has_maps(example.case for example in shown):
                yield note_html(LEARN["map_loading"])
            read = [self._atlas.explain(example) for example in shown]
            trained = [self._atlas.trained_on(example.case) for example in shown]
        except ModelError as error:
            yield note_html(LEARN["map_fault"].format(fault=error))
            return
        yield maps_html(label, f"{label.lower()}-{lot}", shown, read, trained, len(examples))

    def _asked(self, topic: Any, deck: Any) -> tuple[Scheme, str]:
        scheme = self._atlas.scheme_of(str(deck or ""))
        if topic not in scheme.keys:
            raise BadInputError(LEARN["bad_topic"].format(topic=str(topic)[:40]))
        return scheme, str(topic)

    def _shown(
        self, scheme: Scheme, label: str, deck: Any, lot: int
    ) -> tuple[tuple[Example, ...], tuple[Pair, ...]]:
        name = str(deck or "")
        pairs = [
            pair
            for pair in pairs_of(scheme, label)
            if all(self._atlas.has_examples(name, one) for one in pair)
        ]
        return (
            self._atlas.examples(name, label, lot),
            tuple(self._atlas.contrast(name, *pair, 2 * lot + n) for n, pair in enumerate(pairs)),
        )


def lot_of(page: Any) -> int:
    """Return which lot of examples a page shows; the first where it says nothing of use."""
    fits = isinstance(page, int) and not isinstance(page, bool) and 0 <= page < 10_000
    return page if fits else 0
