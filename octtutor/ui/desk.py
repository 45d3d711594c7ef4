"""The reading desk: cases of every kind of quiz are read here, and end in a card of results."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from octtutor.core.answer import Answered, parse_choice
from octtutor.core.diagnosis import LABELS
from octtutor.core.quiz import Attempt, Trainee
from octtutor.errors import BadInputError, OctTutorError, StaleError, StoreError
from octtutor.tutor.exams import Exams
from octtutor.tutor.practice import Practice, Question, Reveal, Stage
from octtutor.tutor.results import results, to_csv
from octtutor.tutor.sessions import JoinedState, Sessions
from octtutor.ui.browser import Browser, need_trainee, trainee_of
from octtutor.ui.outcome import outcome_html
from octtutor.ui.results_card import results_card
from octtutor.ui.standing import ASK
from octtutor.ui.texts import DESK, FULL_NAMES, JOIN, KEYS, OUTCOME, START
from octtutor.ui.viewer import viewer_html, viewer_script
from octtutor.ui.views import (
    IDLE,
    View,
    look_view,
    notice_view,
    question_view,
    reveal_view,
    waiting_view,
)

Contrast = Callable[[Reveal], str]
"""Returns HTML of two scans to compare after a confusion, empty where there is none."""
NOTHING_TOLD = "False:None:False"


@dataclass(frozen=True, slots=True)
class Screen:
    """One state of the page: the rooms with their tabs, the desk, or a card of results."""

    desk: View
    card: str = ""
    browser: Browser = None
    reviews: bool = False
    """Whether the cases of the card can be looked at again."""

    @property
    def part(self) -> str:
        """`rooms`, `desk` or `results`."""
        if self.card:
            return "results"
        return "rooms" if self.desk["phase"] == "idle" else "desk"

    @property
    def is_in_session(self) -> bool:
        """Whether the page has to ask how its session stands."""
        return bool(self.desk.get("session"))


class DeskHandlers:
    """What the desk's events do. Values in, values out; knows no component."""

    def __init__(
        self, practice: Practice, exams: Exams, sessions: Sessions, contrast: Contrast
    ) -> None:
        """Take the use cases."""
        self._practice, self._exams = practice, exams
        self._sessions, self._contrast = sessions, contrast

    def restore(self, browser: Browser) -> Screen:
        """Return what a reloaded page shows: the running quiz at its case, or the rooms."""
        latest = self._of_trainee(browser, self._practice.find_latest)
        if latest is None or latest.ended_at is not None:
            return Screen(IDLE)
        return self.go_to(latest)

    def go_to(self, attempt: Attempt) -> Screen:
        """Show the case that an attempt is at, or its results where it is over."""
        question = self._practice.question(attempt.trainee_id, attempt.id)
        if question is None:
            return self.results(attempt.trainee_id, attempt.id)
        return Screen(self._view(attempt, question))

    def begin(self, trainee: Trainee, attempt: Attempt) -> Screen:
        """Show the case that an attempt just begun is at, and let the browser keep whose it is."""
        kept = {"id": trainee.id, "nickname": trainee.nickname}
        return replace(self.go_to(attempt), browser=kept)

    def commit(self, browser: Browser, data: dict[str, Any]) -> Iterator[Screen]:
        """Record an answer, then reveal, or show the model's; says so when it is still loading."""
        trainee_id = need_trainee(browser)
        attempt_id, position = _place(data)
        self._practice.commit(
            trainee_id,
            attempt_id,
            position,
            parse_choice(str(data.get("choice"))),
            whole(data.get("confidence"), "confidence"),
            whole(data.get("ms"), "time"),
            data.get("mark"),
            data.get("timed_out") is True,
        )
        attempt, _ = self._practice.answers(trainee_id, attempt_id)
        if attempt.options.is_exam:
            yield self.next(browser, data)
            return
        if self._practice.must_wait(trainee_id, attempt_id, position):
            yield Screen(waiting_view(attempt_id, position, attempt.session))
        yield Screen(self._told(attempt, position, with_scan=False))

    def decide(self, browser: Browser, data: dict[str, Any]) -> Screen:
        """Record the answer of the second look, then reveal."""
        trainee_id = need_trainee(browser)
        attempt_id, position = _place(data)
        choice = parse_choice(str(data.get("choice")))
        ms = whole(data.get("ms"), "time")
        self._practice.decide(trainee_id, attempt_id, position, choice, ms)
        attempt, _ = self._practice.answers(trainee_id, attempt_id)
        return Screen(self._told(attempt, position, with_scan=False))

    def catch_up(self, browser: Browser) -> Screen:
        """Return where the trainee is, after another tab went on or the time ended the quiz."""
        latest = self._of_trainee(browser, self._practice.find_latest)
        if latest is not None and latest.ended_at is not None:
            return self.results(latest.trainee_id, latest.id)
        return self.restore(browser)

    def next(self, browser: Browser, data: dict[str, Any]) -> Screen:
        """Go on to the next case, or to the results; in a review, to the next that was answered."""
        trainee_id = need_trainee(browser)
        attempt_id, position = _place(data)
        if data.get("review") is True:
            return self._review(trainee_id, attempt_id, position + 1)
        question = self._practice.next_question(trainee_id, attempt_id, position)
        if question is None:
            return self.results(trainee_id, attempt_id)
        attempt, _ = self._practice.answers(trainee_id, attempt_id)
        return Screen(self._view(attempt, question))

    def end(self, browser: Browser, data: dict[str, Any]) -> Screen:
        """End the quiz early and show the results so far."""
        trainee_id = need_trainee(browser)
        attempt_id = str(data.get("attempt"))
        self._practice.end(trainee_id, attempt_id)
        return self.results(trainee_id, attempt_id)

    def review(self, browser: Browser) -> Screen:
        """Look at the cases of the last quiz again, from its first."""
        latest = self._of_trainee(browser, self._practice.find_answered)
        if latest is None:
            raise BadInputError(START["no_results"])
        return self._review(latest.trainee_id, latest.id, 0)

    def has_results(self, browser: Browser) -> bool:
        """Whether there is a quiz whose results can be shown again."""
        return self._of_trainee(browser, self._practice.find_answered) is not None

    def last_results(self, browser: Browser) -> Screen:
        """Show the results of the trainee's last quiz again."""
        latest = self._of_trainee(browser, self._practice.find_answered)
        if latest is None:
            raise BadInputError(START["no_results"])
        return self.results(latest.trainee_id, latest.id)

    def poll(self, browser: Browser, told: str | None) -> tuple[Screen | None, str]:
        """Look how the trainee's session stands.

        Args:
            browser: whose.
            told: what the last call returned beside the screen; None at first.

        Returns:
            What to show, None where nothing has changed; and what is shown then.
        """
        before = told or NOTHING_TOLD
        latest = self._of_trainee(browser, self._practice.find_latest)
        if latest is None or latest.session is None:
            return None, before
        if latest.ended_at is not None:
            return self.results(latest.trainee_id, latest.id), NOTHING_TOLD
        state = self._sessions.state(latest.session, latest.trainee_id)
        now = state.standing
        if now == before:
            return None, now
        return self._session_screen(latest, state, before.endswith("True")), now

    def results(self, trainee_id: str, attempt_id: str) -> Screen:
        """Show the results of an attempt; one without an answer has none."""
        attempt, answers = self._practice.answers(trainee_id, attempt_id)
        if not answers:
            return Screen(IDLE)
        if attempt.options.is_exam and attempt.ended_at is not None:
            answers = self._with_model(attempt, answers)
        trainee = self._practice.find_trainee(trainee_id)
        synthetic = self._practice.is_synthetic(attempt.deck)
        outcome = self._exams.outcome(attempt, answers, self._practice.trained_on(attempt))
        tells = outcome.may_review or not attempt.options.is_exam
        csv = to_csv(attempt, answers, trainee.nickname if trainee else "", tells)
        figures = results(attempt, answers, self._practice.count_marks(attempt))
        more = outcome_html(attempt, outcome, figures, answers)
        return Screen(IDLE, results_card(figures, csv, synthetic, more), reviews=outcome.may_review)

    def _with_model(self, attempt: Attempt, answers: tuple[Answered, ...]) -> tuple[Answered, ...]:
        waits = any(
            self._practice.must_wait(attempt.trainee_id, attempt.id, item.answer.position)
            for item in answers
            if item.prediction is None
        )
        if not waits:
            self._practice.ask_model_for_all(attempt)
        return self._practice.answers(attempt.trainee_id, attempt.id)[1]

    def _session_screen(self, latest: Attempt, state: JoinedState, was_shown: bool) -> Screen:
        if state.may_see and state.discussed is not None:
            try:
                reveal = self._practice.reveal(latest.trainee_id, latest.id, state.discussed)
                notice = JOIN["shown"].format(n=state.discussed + 1)
                shown = {"notice": notice, "discussion": True, "session": latest.session}
                return Screen(reveal_view(reveal, with_scan=True) | shown)
            except StaleError:
                pass  # it waits for the second look: the line alone
        notice = JOIN["paused"] if state.is_paused else ""
        if state.discussed is not None:
            notice = JOIN["discussed"].format(n=state.discussed + 1)
        if not was_shown:
            view = notice_view(latest.id, notice, state.is_paused)
            return Screen({**view, "session": latest.session})
        screen = self.go_to(latest)
        said = {"notice": notice, "paused": state.is_paused, "session": latest.session}
        return Screen(screen.desk | said) if screen.part == "desk" else screen

    def _review(self, trainee_id: str, attempt_id: str, position: int) -> Screen:
        attempt, answers = self._practice.answers(trainee_id, attempt_id)
        if position >= len(answers) or not self._exams.may_review(attempt):
            return self.results(trainee_id, attempt_id)
        reveal = self._practice.reveal(trainee_id, attempt_id, position)
        return Screen(reveal_view(reveal, with_scan=True, review=True))

    def _view(self, attempt: Attempt, question: Question) -> View:
        if question.stage is Stage.ASK:
            return question_view(question)
        return self._told(attempt, question.position, with_scan=True)

    def _told(self, attempt: Attempt, position: int, with_scan: bool) -> View:
        """Draw what follows an answer: the second look where it is due, else the reveal."""
        look = self._practice.look(attempt.trainee_id, attempt.id, position)
        if look is not None:
            view = look_view(look, with_scan)
        else:
            reveal = self._practice.reveal(attempt.trainee_id, attempt.id, position)
            view = reveal_view(reveal, with_scan, self._contrast(reveal))
        return view | {"session": attempt.session}

    @staticmethod
    def _of_trainee(browser: Browser, find: Callable[[str], Attempt | None]) -> Attempt | None:
        """Find an attempt of the browser's trainee; nobody has none."""
        trainee_id = trainee_of(browser)
        return find(trainee_id) if trainee_id else None


class _Events:
    """The handlers as Gradio calls them: screens to component values, errors to messages."""

    def __init__(self, handlers: DeskHandlers) -> None:
        self._handlers = handlers

    def commit(self, kept: Browser, event: gr.EventData) -> Iterator[tuple[Any, ...]]:
        try:
            yield from map(show, self._handlers.commit(kept, _payload(event)))
        except (StaleError, StoreError) as error:
            gr.Warning(str(error), duration=6)
            yield show(told(lambda: self._handlers.catch_up(kept)))
        except OctTutorError as error:
            raise message(error) from error

    def decide(self, kept: Browser, event: gr.EventData) -> tuple[Any, ...]:
        return self._caught_up(kept, lambda: self._handlers.decide(kept, _payload(event)))

    def next(self, kept: Browser, event: gr.EventData) -> tuple[Any, ...]:
        return show(told(lambda: self._handlers.next(kept, _payload(event))))

    def end(self, kept: Browser, event: gr.EventData) -> tuple[Any, ...]:
        return show(told(lambda: self._handlers.end(kept, _payload(event))))

    def review(self, kept: Browser) -> tuple[Any, ...]:
        return show(told(lambda: self._handlers.review(kept)))

    def poll(self, kept: Browser, said: str | None) -> tuple[Any, ...]:
        screen, now = told(lambda: self._handlers.poll(kept, said))
        if screen is None:
            return (*(gr.skip() for _ in range(_SHOWN)), now)
        return (*show(screen), now)

    def _caught_up(self, kept: Browser, use: Callable[[], Screen]) -> tuple[Any, ...]:
        try:
            return show(use())
        except (StaleError, StoreError) as error:
            gr.Warning(str(error), duration=6)
            return show(told(lambda: self._handlers.catch_up(kept)))
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
    events = _Events(handlers)
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
        html_template=viewer_html("desk.html"),
        js_on_load=viewer_script("desk.js"),
        apply_default_css=False,
        labels=[str(label) for label in LABELS],
        texts=DESK,
        keys=[list(pair) for pair in KEYS],
        names={str(label): name for label, name in FULL_NAMES.items()},
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


def told(use: Callable[[], Any]) -> Any:
    """Run a use case; an error meant for a person becomes the page's message."""
    try:
        return use()
    except OctTutorError as error:
        raise message(error) from error


def message(error: OctTutorError) -> gr.Error:
    """Return the page's message of an error."""
    return gr.Error(str(error), duration=6, print_exception=False)


def whole(value: Any, what: str) -> int:
    """Return what the page sent as a whole number.

    Raises:
        BadInputError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadInputError(
            f"Expected a whole number as {what}. Received {str(value)[:40]!r}. Reload the page."
        )
    return value


def _payload(event: gr.EventData) -> dict[str, Any]:
    return event._data if isinstance(event._data, dict) else {}


def _place(data: dict[str, Any]) -> tuple[str, int]:
    return str(data.get("attempt")), whole(data.get("position"), "case")
