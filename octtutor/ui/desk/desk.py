"""The reading desk: cases of every kind of quiz are read here, and end in a card of results."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from octtutor.core.session import SessionDisplay
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import OctTutorError, StaleError, StoreError
from octtutor.ui.client.client_files import client_script
from octtutor.ui.desk.handlers import DeskHandlers, Screen
from octtutor.ui.desk.texts import DESK, KEYS, OUTCOME
from octtutor.ui.desk.views import (
    IDLE,
)
from octtutor.ui.doors.standing import ASK
from octtutor.ui.shared.browser import Browser
from octtutor.ui.shared.messages import message, or_message, warn
from octtutor.ui.shared.texts import START
from octtutor.ui.shared.viewer import viewer_html

_ASSETS = Path(__file__).parent / "assets"


class _DeskEvents:
    """The handlers as Gradio calls them: screens to component values, errors to messages."""

    def __init__(self, handlers: DeskHandlers) -> None:
        self._handlers = handlers

    def commit(self, kept: Browser, event: gr.EventData) -> Iterator[tuple[Any, ...]]:
        try:
            yield from map(show, self._handlers.commit(kept, _payload(event)))
        except (StaleError, StoreError) as error:
            warn(error)
            yield show(or_message(lambda: self._handlers.catch_up(kept)))
        except OctTutorError as error:
            raise message(error) from error

    def decide(self, kept: Browser, event: gr.EventData) -> tuple[Any, ...]:
        return self._caught_up(kept, lambda: self._handlers.decide(kept, _payload(event)))

    def next(self, kept: Browser, event: gr.EventData) -> tuple[Any, ...]:
        return show(or_message(lambda: self._handlers.next(kept, _payload(event))))

    def end(self, kept: Browser, event: gr.EventData) -> tuple[Any, ...]:
        return show(or_message(lambda: self._handlers.end(kept, _payload(event))))

    def review(self, kept: Browser) -> tuple[Any, ...]:
        return show(or_message(lambda: self._handlers.review(kept)))

    def poll(self, kept: Browser, said: SessionDisplay | None) -> tuple[Any, ...]:
        screen, now = or_message(lambda: self._handlers.poll(kept, said))
        if screen is None:
            return (*(gr.skip() for _ in range(_SHOWN)), now)
        return (*show(screen), now)

    def _caught_up(self, kept: Browser, use: Callable[[], Screen]) -> tuple[Any, ...]:
        try:
            return show(use())
        except (StaleError, StoreError) as error:
            warn(error)
            return show(or_message(lambda: self._handlers.catch_up(kept)))
        except OctTutorError as error:
            raise message(error) from error


@dataclass(frozen=True, slots=True)
class Desk:
    """The desk's components that other parts of the page fill."""

    browser: gr.BrowserState
    rooms: gr.Column
    """Everything but the desk and the results; tabs are built inside it."""
    again: gr.Button
    shown: list[Any]
    """What `show` gives values for."""


def build_desk(handlers: DeskHandlers) -> Desk:
    """Lay out desk and results and connect them. Must be called inside the page."""
    browser = gr.BrowserState(None, storage_key="octtutor", secret="octtutor")
    with gr.Column(elem_id="rooms", visible="hidden") as rooms:
        pass
    with gr.Column(elem_id="reading") as reading:
        desk = _build_desk()
    with gr.Column(elem_id="results", visible=False) as results_part:
        card = gr.HTML(elem_id="card", apply_default_css=False)
        with gr.Row():
            again = gr.Button(START["again"], variant="primary", elem_id="again")
            review = gr.Button(OUTCOME["review"], elem_id="review")
    session = gr.Timer(3.0, active=False)
    poll = gr.Button("", visible="hidden", elem_id="session-poll")
    said = gr.State(None)

    shown = [desk, rooms, reading, results_part, card, review, session]
    events = _DeskEvents(handlers)
    desk.submit(events.commit, [browser], shown, **QUIZ)
    desk.release(events.decide, [browser], shown, **QUIZ)
    desk.select(events.next, [browser], shown, **QUIZ)
    desk.clear(events.end, [browser], shown, **QUIZ)
    review.click(events.review, [browser], shown, **QUIZ)
    polling = {**QUIZ, "concurrency_id": "session", "concurrency_limit": 16}
    session.tick(None, None, None, js=ASK)
    poll.click(events.poll, [browser, said], [*shown, said], **polling)
    return Desk(browser, rooms, again, shown)


QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
QUIZ: dict[str, Any] = {**QUIET, "concurrency_id": "quiz", "concurrency_limit": 16}
"""How all events run that begin a quiz or go on with one."""
_SHOWN = 7


def _build_desk() -> gr.HTML:
    return gr.HTML(
        value=IDLE,
        html_template=viewer_html(_ASSETS / "desk.html"),
        js_on_load=client_script("desk/desk.js"),
        apply_default_css=False,
        labels=list(OCT2017_SCHEME.keys),
        texts=DESK,
        keys=[list(pair) for pair in KEYS],
        names={one.key: one.name for one in OCT2017_SCHEME.diagnoses},
        elem_id="desk",
    )


def show(screen: Screen) -> tuple[Any, ...]:
    """Return the values of `Desk.shown`."""
    part = screen.part
    return (
        screen.desk,
        gr.Column(visible=True if part == "rooms" else "hidden"),
        gr.Column(visible=part == "desk"),
        gr.Column(visible=part == "results"),
        screen.card,
        gr.Button(visible=screen.reviews),
        gr.Timer(active=screen.is_in_session),
    )


def _payload(event: gr.EventData) -> dict[str, Any]:
    return event._data if isinstance(event._data, dict) else {}
