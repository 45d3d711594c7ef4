"""The tab Practise: what is due, the choice of a practice, and the door to a session."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from markupsafe import Markup

from octtutor.core.quiz import Attempt, CaseOrder, Trainee
from octtutor.core.schedule import FAST_MS, MASTERY_K, Mastery
from octtutor.errors import BadInputError, OctTutorError
from octtutor.reports.citing import cited_html
from octtutor.reports.markup import library, paragraph
from octtutor.tutor.decks.endless import ENDLESS, MOST_AT_ONCE, SECONDS_A_SCAN, Endless
from octtutor.tutor.ports import Shelf
from octtutor.tutor.practice.enrolment import draw_id
from octtutor.tutor.practice.practice import Practice
from octtutor.tutor.practice.spaced_repetition import Due
from octtutor.tutor.sessions.class_sessions import Sessions
from octtutor.ui.desk.desk import QUIET, QUIZ, Desk, show
from octtutor.ui.desk.handlers import DeskHandlers, Screen
from octtutor.ui.desk.texts import JOIN
from octtutor.ui.desk.views import IDLE
from octtutor.ui.shared.browser import Browser, trainee_of
from octtutor.ui.shared.messages import message, or_message, warn
from octtutor.ui.shared.texts import START

_HTML = library(__file__, "views.html.j2")
SIZES = (10, 20, 40)
Begun = tuple[Trainee, Attempt]
"""Who reads, and what they have begun."""


@dataclass(frozen=True, slots=True)
class Home:
    """What the tab says of the trainee."""

    due: str
    """HTML: how many are due."""
    is_due: bool
    mastery: str
    """HTML: the last answers of each class; empty before the first."""
    has_results: bool


class PractiseHandlers:
    """What the tab's events do. Values in, values out; knows no component."""

    def __init__(
        self,
        practice: Practice,
        shelf: Shelf,
        sessions: Sessions,
        desk: DeskHandlers,
        endless: Endless,
    ) -> None:
        """Take the use cases and the models at hand; the desk shows what begins here."""
        self._practice, self._shelf = practice, shelf
        self._sessions, self._desk, self._endless = sessions, desk, endless

    def home(self, browser: Browser) -> Home:
        """Return what is due for the browser's trainee, and what they master."""
        trainee_id = trainee_of(browser)
        if trainee_id is None:
            return Home(paragraph(START["due_none"], "due"), False, "", False)
        history, due = self._practice.due(trainee_id)
        dots = ""
        if history:
            colours = self._practice.scheme_learned(history).colours
            dots = mastery_html(self._practice.mastery(history), colours)
        return Home(due_html(due), bool(due.now), dots, self._desk.has_results(browser))

    def start(
        self,
        browser: Browser,
        nickname: str,
        deck: str | None,
        size: str,
        order: str | None,
        seed: str,
        say: Callable[[str], object] = lambda text: None,
    ) -> Screen:
        """Begin a practice and show its first case; `say` is told what takes long."""
        return self._desk.begin(*self.begin(browser, nickname, deck, size, order, seed, say))

    def begin(
        self,
        browser: Browser,
        nickname: str,
        deck: str | None,
        size: str,
        order: str | None,
        seed: str,
        say: Callable[[str], object] = lambda text: None,
    ) -> Begun:
        """Begin a practice; return who reads, and what."""
        if not isinstance(deck, str) or not deck:
            raise BadInputError(START["no_decks"])
        number = _parse_seed(seed)
        trainee = self._practice.enrol(trainee_of(browser), str(nickname or ""))
        count = int(size) if str(size).isascii() and str(size).isdigit() else 10**9
        at_random = order == CaseOrder.BALANCED
        chosen = CaseOrder.BALANCED if at_random else CaseOrder.ADAPTIVE
        count = self._draw_on(deck, trainee.id, count, say)
        return trainee, self._practice.start(trainee.id, deck, count, number, chosen)

    def start_due(
        self,
        browser: Browser,
        nickname: str,
        deck: str | None,
        say: Callable[[str], object] = lambda text: None,
    ) -> Screen:
        """Begin to practise what is due and show its first case; `say` as for `start`."""
        return self._desk.begin(*self.begin_due(browser, nickname, deck, say))

    def begin_due(
        self,
        browser: Browser,
        nickname: str,
        deck: str | None,
        say: Callable[[str], object] = lambda text: None,
    ) -> Begun:
        """Begin to practise what is due; return who reads, and what."""
        if not isinstance(deck, str) or not deck:
            raise BadInputError(START["no_decks"])
        trainee = self._practice.enrol(trainee_of(browser), str(nickname or ""))
        _, due = self._practice.due(trainee.id)
        if not due.scans:
            raise BadInputError(START["due_none"])
        self._draw_on(deck, trainee.id, due.scans, say)
        return trainee, self._practice.start(trainee.id, deck, due.scans, None, CaseOrder.DUE)

    def _draw_on(self, deck: str, trainee_id: str, size: int, say: Callable[[str], object]) -> int:
        """Let the endless deck have scans enough; return how many a quiz of this deck may ask."""
        if deck != ENDLESS:
            return size
        size = min(size, MOST_AT_ONCE)

        def announce(n: int) -> None:
            say(START["drawing"].format(n=n, seconds=max(1, n * SECONDS_A_SCAN)))

        self._endless.draw(trainee_id, size, announce=announce)
        return size

    def join(self, browser: Browser, nickname: str, code: str, address: str) -> Screen:
        """Join a session, or come back to it, and show its case."""
        return self._desk.begin(*self.begin_session(browser, nickname, code, address))

    def begin_session(self, browser: Browser, nickname: str, code: str, address: str) -> Begun:
        """Join a session, or come back to it; return who reads, and what."""
        if not str(code or "").strip():
            raise BadInputError(JOIN["no_code"])
        trainee = self._practice.enrol(trainee_of(browser), str(nickname or ""))
        return trainee, self._sessions.join(str(code), trainee.id, address)

    def decks(self) -> list[tuple[str, str]]:
        """Return (text, name) of each deck for the choice."""
        there = [
            (
                f"{deck.title} ({count}"
                f"{START['synthetic'] if deck.synthetic else ''}"
                f"{'' if deck.complete else START['unfinished']})",
                deck.name,
            )
            for deck, count in self._practice.decks()
            if count and deck.name != ENDLESS
        ]
        return [*there, (START["endless"], ENDLESS)]

    def sources(self) -> str:
        """Return whose the scans of the decks are, as HTML; empty where no deck says it."""
        return cited_html(deck for deck, count in self._practice.decks() if count)

    def model_line(self) -> str:
        """Say how the model is that a new quiz would get."""
        model = self._shelf.current()
        if not model.is_ready:
            return START["model_loading"].format(name=model.name)
        if model.fault:
            return START["model_fault"].format(fault=model.fault)
        return START["model_ready"].format(name=model.name)

    def model_settled(self) -> bool:
        """Whether `model_line` stays as it is until another model is published."""
        return self._shelf.current().is_ready

    def restore(self, browser: Browser) -> Screen:
        """See `DeskHandlers.restore`."""
        return self._desk.restore(browser)

    def last_results(self, browser: Browser) -> Screen:
        """See `DeskHandlers.last_results`."""
        return self._desk.last_results(browser)


class _PractiseEvents:
    """The handlers as Gradio calls them: screens to component values, errors to messages."""

    def __init__(self, handlers: PractiseHandlers) -> None:
        self._handlers = handlers

    def load(self, kept: Browser, request: gr.Request) -> tuple[Any, ...]:
        try:
            screen = self._handlers.restore(kept)
        except OctTutorError as error:
            warn(error)
            screen = Screen(IDLE)
        use = self._handlers
        decks = use.decks()
        choices = gr.Radio(decks, value=decks[0][1] if decks else None)
        code = str(request.query_params.get("session", ""))[:16]
        known = kept.get("nickname") if isinstance(kept, dict) else None
        nickname = str(known) if known else gr.skip()  # what was typed meanwhile stays
        first = gr.Button(variant="primary", interactive=True)
        second = gr.Button(variant="secondary", interactive=True)
        join = (gr.Accordion(open=bool(code)), *((first, second) if code else (second, first)))
        browser = kept if trainee_of(kept) else {"id": draw_id(), "nickname": ""}
        opened = (browser, choices, nickname, code, *join, *self.home(kept), use.sources())
        return (*show(screen), *opened)

    def start(
        self, kept: Browser, who: str, deck: str | None, size: str, order: str, seed: str
    ) -> Any:
        use = self._handlers
        return _begun(lambda: use.start(kept, who, deck, size, order, seed, gr.Info))

    def start_due(self, kept: Browser, who: str, deck: str | None) -> Any:
        return _begun(lambda: self._handlers.start_due(kept, who, deck, gr.Info))

    def join(self, kept: Browser, who: str, code: str, request: gr.Request) -> Any:
        address = request.client.host if request.client else ""
        return _begun(lambda: self._handlers.join(kept, who, code, address))

    def last(self, kept: Browser) -> tuple[Any, ...]:
        return show(or_message(lambda: self._handlers.last_results(kept)))

    def again(self, kept: Browser) -> tuple[Any, ...]:
        return (*show(Screen(IDLE)), *self.home(kept), *self.tick())

    def home(self, kept: Browser) -> tuple[Any, ...]:
        try:
            home = self._handlers.home(kept)
        except OctTutorError as error:
            raise message(error) from error
        return (
            home.due,
            gr.Button(visible=home.is_due),
            gr.HTML(home.mastery, visible=bool(home.mastery)),
            gr.Button(visible=home.has_results),
        )

    def tick(self) -> tuple[str, gr.Timer]:
        return self._handlers.model_line(), gr.Timer(active=not self._handlers.model_settled())


def build_practise_tab(page: gr.Blocks, handlers: PractiseHandlers, desk: Desk) -> gr.Textbox:
    """Lay out the tab and connect it; return the nickname's field, which other tabs read.

    Must be called inside the page's `gr.Tabs`.
    """
    with gr.Tab(START["tab"], id="practise"), gr.Column(elem_id="start"):
        gr.Markdown(START["welcome"])
        begin = gr.Button(
            START["start"], variant="primary", elem_id="begin", interactive=False
        )  # waits for the decks, which `_PractiseEvents.load` brings
        due, due_start, dots = _build_home()
        nickname = gr.Textbox(label=START["nickname"], max_length=40, elem_id="nickname")
        with gr.Accordion(JOIN["title"], open=False, elem_id="join-part") as join_part, gr.Row():
            code = gr.Textbox(
                label=JOIN["code"], info=JOIN["hint"], max_length=16, elem_id="join-code"
            )
            join = gr.Button(JOIN["join"], elem_id="join", min_width=120, scale=0)
        choices, last, model, sources = _build_choices()
        timer = gr.Timer(1.0)  # a child of `gr.Tabs` that is no tab would shift their order

    events = _PractiseEvents(handlers)
    browser, shown = desk.browser, desk.shown
    deck, size, order, seed = choices
    home = [due, due_start, dots, last]
    opened = [browser, deck, nickname, code, join_part, join, begin, *home, sources]
    page.load(events.load, [browser], [*shown, *opened], **QUIZ)
    # not preprocessed: Gradio would hold the deck against choices in this process's memory, which
    # a restarted or a second server does not have; `Practice.start` checks it
    raw: dict[str, Any] = {**QUIZ, "preprocess": False}
    typed = [browser, nickname, deck, size, order, seed]
    begin.click(events.start, typed, [*shown, browser], **raw)
    due_start.click(events.start_due, [browser, nickname, deck], [*shown, browser], **raw)
    for asks in (join.click, code.submit):
        asks(events.join, [browser, nickname, code], [*shown, browser], **raw)
    last.click(events.last, [browser], shown, **QUIZ)
    desk.again.click(events.again, [browser], [*shown, *home, model, timer], **QUIZ)
    timer.tick(events.tick, None, [model, timer], **QUIET)
    return nickname


def _build_home() -> tuple[gr.HTML, gr.Button, gr.HTML]:
    with gr.Row(elem_id="due-part"):
        due = gr.HTML(elem_id="due", apply_default_css=False)
        start = gr.Button(
            START["due_start"], elem_id="due-start", visible=False, min_width=200, scale=0
        )
    return due, start, gr.HTML(elem_id="mastery", apply_default_css=False, visible=False)


def _build_choices() -> tuple[list[Any], gr.Button, gr.Markdown, gr.HTML]:
    """Lay out the choices (deck, size, order, seed), a button and two lines."""
    deck = gr.Radio([], label=START["deck"], elem_id="deck")
    sources = gr.HTML(elem_id="deck-sources", apply_default_css=False)
    sizes = [*map(str, SIZES), START["all"]]
    size = gr.Radio(sizes, value=sizes[0], label=START["size"], elem_id="size")
    with gr.Accordion(START["more"], open=False):
        adaptive, at_random = str(CaseOrder.ADAPTIVE), str(CaseOrder.BALANCED)
        orders = [(START["adaptive"], adaptive), (START["random"], at_random)]
        order = gr.Radio(orders, value=adaptive, label=START["order"], elem_id="order")
        seed = gr.Textbox(label=START["seed"], elem_id="seed")
    last = gr.Button(START["last"], size="sm", elem_id="last", visible=False)
    return [deck, size, order, seed], last, gr.Markdown(elem_id="model-line"), sources


def due_html(due: Due) -> Markup:
    """Say how much is due, and how long it takes."""
    if due.scans:
        key = "due_minute" if due.minutes <= 1 else "due"
        names = ", ".join(str(card.category) for card in due.now)
        return Markup(_HTML.due(START[key].format(n=due.scans, minutes=due.minutes), names))
    if due.next_at is not None:
        when = f"{due.next_at:%a %d %b, %H:%M} UTC"
        return paragraph(START["due_later"].format(when=when), "due")
    return paragraph(START["due_none"], "due")


def mastery_html(known: dict[str, Mastery], colours: Mapping[str, str]) -> Markup:
    """Draw the last answers of each class as dots in its colour, with the same in words."""
    lines = [(key, _dots(each), each.mastered, colours[key]) for key, each in known.items()]
    title = START["mastery"].format(k=MASTERY_K)
    hint = START["mastery_hint"].format(seconds=FAST_MS // 1000)
    return Markup(_HTML.mastery(title, lines, START["mastered"], hint))


def _dots(known: Mastery) -> str:
    marks = ["●" if r.right and r.fast else "◐" if r.right else "○" for r in known.recent]
    return "".join(marks) + "·" * (MASTERY_K - len(marks))


def _begun(use: Any) -> tuple[Any, ...]:
    screen: Screen = or_message(use)
    return (*show(screen), screen.browser)


def _parse_seed(text: str) -> int | None:
    stripped = str(text or "").strip()
    if not stripped:
        return None
    if (
        not (stripped.isascii() and stripped.isdigit())
        or len(stripped) > 10
        or int(stripped) >= 2**31
    ):
        raise BadInputError(START["seed_bad"].format(value=stripped[:40]))
    return int(stripped)
