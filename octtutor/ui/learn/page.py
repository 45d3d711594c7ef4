"""The tab Learn: what each diagnosis is, annotated examples, pairs to contrast, the layers."""

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from octtutor.errors import OctTutorError
from octtutor.ui.learn.chapter_views import note_html
from octtutor.ui.learn.handlers import LAYERS_TOPIC, LearnHandlers, lot_of
from octtutor.ui.learn.texts import LEARN
from octtutor.ui.shared.browser import Browser
from octtutor.ui.shared.messages import message, or_message

_BAR = gr.Progress()


class _LearnEvents:
    """What Gradio calls: outputs in the order of the components."""

    def __init__(self, handlers: LearnHandlers) -> None:
        self._handlers = handlers

    def open(self, kept: Browser, topic: Any, deck: Any, bar: gr.Progress = _BAR) -> Any:
        or_message(lambda: self._handlers.refuse_in_exam(kept, topic))
        if deck is not None:
            return gr.skip()
        bar(0, desc=LEARN["drawing"])
        decks = or_message(self._handlers.decks)
        if not decks:
            return gr.skip(), note_html(LEARN["no_decks"]), gr.skip(), gr.skip()
        first = decks[0][1]
        choices, fitting = self._fitting(topic, first)
        body = or_message(lambda: self._handlers.body(fitting, first, 0))
        topics = gr.Radio(choices, value=fitting)
        return gr.Dropdown(decks, value=first), body, _tools(fitting), topics

    def draw(
        self, kept: Browser, topic: Any, deck: Any, bar: gr.Progress = _BAR
    ) -> tuple[Any, ...]:
        return self._drawn(kept, topic, deck, 0, bar)

    def turn(
        self, kept: Browser, topic: Any, deck: Any, page: Any, bar: gr.Progress = _BAR
    ) -> tuple[Any, ...]:
        return self._drawn(kept, topic, deck, lot_of(page) + 1, bar)

    def maps(self, kept: Browser, topic: Any, deck: Any, page: Any, wanted: Any) -> Iterator[str]:
        or_message(lambda: self._handlers.refuse_in_exam(kept, topic))
        if wanted is not True or topic == LAYERS_TOPIC:
            yield ""
            return
        try:
            yield from self._handlers.maps(topic, deck, page)
        except OctTutorError as error:
            raise message(error) from error

    def _drawn(
        self, kept: Browser, topic: Any, deck: Any, page: int, bar: gr.Progress
    ) -> tuple[Any, ...]:
        or_message(lambda: self._handlers.refuse_in_exam(kept, topic))
        bar(0, desc=LEARN[f"drawing_{'layers' if topic == LAYERS_TOPIC else 'examples'}"])
        choices, fitting = self._fitting(topic, deck)
        body = or_message(lambda: self._handlers.body(fitting, deck, page))
        return body, _tools(fitting), page, "", gr.Radio(choices, value=fitting)

    def _fitting(self, topic: Any, deck: Any) -> tuple[list[tuple[str, str]], str]:
        """Return the topics of a deck, and the one asked for, or else its first diagnosis."""
        choices = or_message(lambda: self._handlers.topics(deck))
        known = [key for _, key in choices]
        return choices, str(topic) if topic in known else known[1]


def build_learn_tab(
    handlers: LearnHandlers, browser: gr.BrowserState, build_last: Callable[[], None]
) -> None:
    """Lay out the tab and connect it. Must be called inside the page's `gr.Tabs`.

    Args:
        handlers: what its events do.
        browser: what the browser keeps.
        build_last: lays out what comes below.
    """
    with gr.Tab(LEARN["tab"], id="learn") as tab, gr.Column(elem_classes="learn"):
        topic = gr.Radio(
            handlers.topics(None), value=LAYERS_TOPIC, label=LEARN["topic"], elem_id="learn-topic"
        )
        with gr.Row(visible=False, elem_classes="learn-tools") as tools:
            deck = gr.Dropdown([], label=LEARN["deck"], elem_id="learn-deck", min_width=200)
            _toggle("outlines", value=True)
            wanted = _toggle("map", value=False)
            others = gr.Button(LEARN["others"], size="sm", elem_id="learn-others", min_width=140)
        maps = gr.HTML(elem_id="learn-maps", apply_default_css=False)
        body = gr.HTML(
            note_html(LEARN["drawing"]),
            elem_id="learn-body",
            apply_default_css=False,
            min_height=300,
        )
        lot = gr.Number(0, visible="hidden", elem_id="learn-lot")
        build_last()

    events = _LearnEvents(handlers)
    # not preprocessed: a restarted or a second server does not know this page's choices
    drawing: dict[str, Any] = {
        "preprocess": False,
        "show_progress_on": body,
        "api_visibility": "private",
        "concurrency_id": "learn",
        "concurrency_limit": 4,
    }
    reading: dict[str, Any] = drawing | {
        "show_progress": "hidden",
        "concurrency_id": "learn-maps",
        "concurrency_limit": 8,
    }
    shown = [body, tools, lot, maps, topic]
    tab.select(events.open, [browser, topic, deck], [deck, body, tools, topic], **drawing)
    changes = [
        topic.input(events.draw, [browser, topic, deck], shown, **drawing),
        deck.input(events.draw, [browser, topic, deck], shown, **drawing),
        others.click(events.turn, [browser, topic, deck, lot], shown, **drawing),
    ]
    shown_now = [browser, topic, deck, lot, wanted]
    for change in changes:
        change.success(events.maps, shown_now, maps, **reading)
    wanted.input(events.maps, shown_now, maps, **reading)


def _toggle(name: str, value: bool) -> gr.Checkbox:
    return gr.Checkbox(
        value,
        label=LEARN[name],
        interactive=True,  # no event reads the outlines: styles do
        container=False,
        elem_id=f"learn-{name}",
        elem_classes=f"learn-{name}",
        min_width=160,
    )


def _tools(topic: Any) -> gr.Row:
    return gr.Row(visible=topic != LAYERS_TOPIC)
