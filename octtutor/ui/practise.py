"""The tab Practise: choose a quiz, read scans, see the results."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from octtutor.core.answer import parse_choice
from octtutor.core.diagnosis import LABELS
from octtutor.core.quiz import Attempt
from octtutor.errors import BadInputError, OctTutorError, StaleError, StoreError
from octtutor.tutor.ports import Shelf
from octtutor.tutor.practice import Practice
from octtutor.tutor.results import results, to_csv
from octtutor.ui.results_card import results_card
from octtutor.ui.texts import DESK, FULL_NAMES, KEYS, START
from octtutor.ui.views import IDLE, View, question_view, reveal_view, waiting_view

ASSETS = Path(__file__).parent / "assets"
SIZES = (10, 20, 40)
Browser = dict[str, Any] | None
"""What the browser keeps: {"id": trainee's id, "nickname": …}."""


@dataclass(frozen=True, slots=True)
class Screen:
    """One state of the tab: exactly one of its three parts is shown."""

    desk: View
    card: str = ""
    browser: Browser = None

    @property
    def part(self) -> str:
        """`start`, `desk` or `results`."""
        if self.card:
            return "results"
        return "start" if self.desk["phase"] == "idle" else "desk"


class PractiseHandlers:
    """What the page's events do. Values in, values out; knows no component."""

    def __init__(self, practice: Practice, shelf: Shelf) -> None:
        """Take the use cases and the models at hand."""
        self._practice, self._shelf = practice, shelf

    def restore(self, browser: Browser) -> Screen:
        """Return what a reloaded page shows: the running quiz at its case, or the start."""
        latest = self._of_trainee(browser, self._practice.find_latest)
        if latest is None or latest.ended_at is not None:
            return Screen(IDLE)
        return Screen(self._current(latest))

    def start(
        self, browser: Browser, nickname: str, deck: str | None, size: str, seed: str
    ) -> Screen:
        """Begin a quiz and show its first case."""
        if not isinstance(deck, str) or not deck:
            raise BadInputError(START["no_decks"])
        number = _parse_seed(seed)
        trainee = self._practice.enrol(_trainee_id(browser), str(nickname or ""))
        count = int(size) if str(size).isdigit() else 10**9
        attempt = self._practice.start(trainee.id, deck, count, number)
        question = self._practice.question(trainee.id, attempt.id)
        kept = {"id": trainee.id, "nickname": trainee.nickname}
        return Screen(question_view(question), browser=kept)

    def commit(self, browser: Browser, data: dict[str, Any]) -> Iterator[Screen]:
        """Record an answer, then reveal; says so when the model is still loading."""
        trainee_id = _need_trainee(browser)
        attempt_id, position = _place(data)
        self._practice.commit(
            trainee_id,
            attempt_id,
            position,
            parse_choice(str(data.get("choice"))),
            _whole(data.get("confidence"), "confidence"),
            _whole(data.get("ms"), "time"),
        )
        if self._practice.must_wait(trainee_id, attempt_id, position):
            yield Screen(waiting_view(attempt_id, position))
        yield Screen(reveal_view(self._practice.reveal(trainee_id, attempt_id, position), False))

    def catch_up(self, browser: Browser) -> Screen:
        """Return where the trainee is, after another tab went on or ended the quiz."""
        latest = self._of_trainee(browser, self._practice.find_latest)
        if latest is not None and latest.ended_at is not None:
            return self._results(latest.trainee_id, latest.id)
        return self.restore(browser)

    def next(self, browser: Browser, data: dict[str, Any]) -> Screen:
        """Go on to the next case, or to the results."""
        trainee_id = _need_trainee(browser)
        attempt_id, position = _place(data)
        question = self._practice.next_question(trainee_id, attempt_id, position)
        if question is None:
            return self._results(trainee_id, attempt_id)
        if question.answered:
            return Screen(self._current(self._practice.answers(trainee_id, attempt_id)[0]))
        return Screen(question_view(question))

    def end(self, browser: Browser, data: dict[str, Any]) -> Screen:
        """End the quiz early and show the results so far."""
        trainee_id = _need_trainee(browser)
        attempt_id = str(data.get("attempt"))
        self._practice.end(trainee_id, attempt_id)
        return self._results(trainee_id, attempt_id)

    def has_results(self, browser: Browser) -> bool:
        """Whether there is a quiz whose results can be shown again."""
        return self._of_trainee(browser, self._practice.find_answered) is not None

    def last_results(self, browser: Browser) -> Screen:
        """Show the results of the trainee's last quiz again."""
        latest = self._of_trainee(browser, self._practice.find_answered)
        if latest is None:
            raise BadInputError(START["no_results"])
        return self._results(latest.trainee_id, latest.id)

    def decks(self) -> list[tuple[str, str]]:
        """Return (text, name) of each deck for the choice."""
        return [
            (
                f"{deck.title} ({count}"
                f"{START['synthetic'] if deck.synthetic else ''}"
                f"{'' if deck.complete else START['unfinished']})",
                deck.name,
            )
            for deck, count in self._practice.decks()
            if count
        ]

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

    def _current(self, attempt: Attempt) -> View:
        question = self._practice.question(attempt.trainee_id, attempt.id)
        if not question.answered:
            return question_view(question)
        reveal = self._practice.reveal(attempt.trainee_id, attempt.id, question.position)
        return reveal_view(reveal, with_scan=True)

    def _results(self, trainee_id: str, attempt_id: str) -> Screen:
        attempt, answers = self._practice.answers(trainee_id, attempt_id)
        if not answers:
            return Screen(IDLE)
        trainee = self._practice.find_trainee(trainee_id)
        csv = to_csv(attempt, answers, trainee.nickname if trainee else "")
        synthetic = self._practice.is_synthetic(attempt.deck)
        return Screen(IDLE, results_card(results(attempt, answers), csv, synthetic))

    @staticmethod
    def _of_trainee(browser: Browser, find: Callable[[str], Attempt | None]) -> Attempt | None:
        """Find an attempt of the browser's trainee; nobody has none."""
        trainee_id = _trainee_id(browser)
        return find(trainee_id) if trainee_id else None


class _Events:
    """The handlers as Gradio calls them: screens to component values, errors to messages."""

    def __init__(self, handlers: PractiseHandlers) -> None:
        self._handlers = handlers

    def load(self, kept: Browser) -> tuple[Any, ...]:
        try:
            screen = self._handlers.restore(kept)
        except OctTutorError as error:
            gr.Warning(str(error))
            screen = Screen(IDLE)
        decks = self._handlers.decks()
        choices = gr.Radio(decks, value=decks[0][1] if decks else None)
        return (*_show(screen), choices, (kept or {}).get("nickname", ""), self._last(kept))

    def start(self, kept: Browser, who: str, deck: str | None, size: str, seed: str) -> Any:
        screen = _told(lambda: self._handlers.start(kept, who, deck, size, seed))
        return (*_show(screen), screen.browser)

    def commit(self, kept: Browser, event: gr.EventData) -> Iterator[tuple[Any, ...]]:
        try:
            yield from map(_show, self._handlers.commit(kept, _payload(event)))
        except (StaleError, StoreError) as error:
            gr.Warning(str(error), duration=6)
            yield _show(_told(lambda: self._handlers.catch_up(kept)))
        except OctTutorError as error:
            raise _message(error) from error

    def next(self, kept: Browser, event: gr.EventData) -> tuple[Any, ...]:
        return _show(_told(lambda: self._handlers.next(kept, _payload(event))))

    def end(self, kept: Browser, event: gr.EventData) -> tuple[Any, ...]:
        return _show(_told(lambda: self._handlers.end(kept, _payload(event))))

    def last(self, kept: Browser) -> tuple[Any, ...]:
        return _show(_told(lambda: self._handlers.last_results(kept)))

    def again(self, kept: Browser) -> tuple[Any, ...]:
        return (*_show(Screen(IDLE)), self._last(kept), *self.tick())

    def tick(self) -> tuple[str, gr.Timer]:
        return self._handlers.model_line(), gr.Timer(active=not self._handlers.model_settled())

    def _last(self, kept: Browser) -> gr.Button:
        return gr.Button(visible=self._handlers.has_results(kept))


def build_practise_tab(page: gr.Blocks, handlers: PractiseHandlers) -> None:
    """Lay out the tab and connect it. Must be called inside `page`."""
    browser = gr.BrowserState(None, storage_key="octtutor", secret="octtutor")
    with gr.Column(elem_id="start", visible=False) as start:
        choices, begin, last, model = _build_start()
    with gr.Column(elem_id="reading") as reading:
        desk = _build_desk()
    with gr.Column(elem_id="results", visible=False) as results_part:
        card = gr.HTML(elem_id="card", apply_default_css=False)
        again = gr.Button(START["again"], variant="primary", elem_id="again")
    timer = gr.Timer(1.0)

    events = _Events(handlers)
    shown = [desk, start, reading, results_part, card]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    quiz: dict[str, Any] = {**quiet, "concurrency_id": "quiz", "concurrency_limit": 16}
    nickname, deck, *_ = choices
    page.load(events.load, [browser], [*shown, deck, nickname, last], **quiz)
    # not preprocessed: Gradio would hold the deck against choices in this process's memory, which
    # a restarted or a second server does not have; `Practice.start` checks it
    begin.click(events.start, [browser, *choices], [*shown, browser], preprocess=False, **quiz)
    desk.submit(events.commit, [browser], shown, **quiz)
    desk.select(events.next, [browser], shown, **quiz)
    desk.clear(events.end, [browser], shown, **quiz)
    last.click(events.last, [browser], shown, **quiz)
    again.click(events.again, [browser], [*shown, last, model, timer], **quiz)
    timer.tick(events.tick, None, [model, timer], **quiet)


def _build_start() -> tuple[list[Any], gr.Button, gr.Button, gr.Markdown]:
    """Lay out the start: the choices (nickname, deck, size, seed), two buttons, a line."""
    gr.Markdown(START["welcome"])
    nickname = gr.Textbox(label=START["nickname"], max_length=40, elem_id="nickname")
    deck = gr.Radio([], label=START["deck"], elem_id="deck")
    sizes = [*map(str, SIZES), START["all"]]
    size = gr.Radio(sizes, value=sizes[0], label=START["size"], elem_id="size")
    with gr.Accordion(START["more"], open=False):
        seed = gr.Textbox(label=START["seed"], elem_id="seed")
    begin = gr.Button(START["start"], variant="primary", elem_id="begin")
    last = gr.Button(START["last"], size="sm", elem_id="last", visible=False)
    return [nickname, deck, size, seed], begin, last, gr.Markdown(elem_id="model-line")


def _build_desk() -> gr.HTML:
    return gr.HTML(
        value=IDLE,
        html_template=(ASSETS / "desk.html").read_text("utf-8"),
        js_on_load=(ASSETS / "desk.js").read_text("utf-8"),
        apply_default_css=False,
        labels=[str(label) for label in LABELS],
        texts=DESK,
        keys=[list(pair) for pair in KEYS],
        names={str(label): name for label, name in FULL_NAMES.items()},
        elem_id="desk",
    )


def _show(screen: Screen) -> tuple[Any, ...]:
    """Values of desk, start, reading, results and card."""
    part = screen.part
    return (
        screen.desk,
        gr.Column(visible=part == "start"),
        gr.Column(visible=part == "desk"),
        gr.Column(visible=part == "results"),
        screen.card,
    )


def _told(use: Callable[[], Screen]) -> Screen:
    """Run a use case; an error meant for a person becomes the page's message."""
    try:
        return use()
    except OctTutorError as error:
        raise _message(error) from error


def _payload(event: gr.EventData) -> dict[str, Any]:
    return event._data if isinstance(event._data, dict) else {}


def _message(error: OctTutorError) -> gr.Error:
    return gr.Error(str(error), duration=6, print_exception=False)


def _trainee_id(browser: Browser) -> str | None:
    kept = browser.get("id") if isinstance(browser, dict) else None
    return kept if isinstance(kept, str) and len(kept) <= 64 else None


def _need_trainee(browser: Browser) -> str:
    trainee_id = _trainee_id(browser)
    if trainee_id is None:
        raise BadInputError(START["lost"])
    return trainee_id


def _place(data: dict[str, Any]) -> tuple[str, int]:
    return str(data.get("attempt")), _whole(data.get("position"), "case")


def _whole(value: Any, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadInputError(
            f"Expected a whole number as {what}. Received {str(value)[:40]!r}. Reload the page."
        )
    return value


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
