"""The educators' tab Sessions: open one, let people in, watch, discuss on a projector, end."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from octtutor.core.educator import Educator
from octtutor.tutor.sessions.class_sessions import MAX_TITLE
from octtutor.ui.doors.doorkeeper import RequireEducator
from octtutor.ui.sessions.handlers import SessionNow, SessionsHandlers
from octtutor.ui.sessions.public_address import trainees_address
from octtutor.ui.sessions.texts import SESSIONS
from octtutor.ui.shared.educator_messages import or_educator_message

_EVERY = 2.0
"""Seconds between two looks at an open session."""
_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
_LOOK = """() => {
  const screen = document.querySelector("#session-screen");
  const look = document.querySelector("#session-look");
  if (!document.hidden && look && screen && screen.getClientRects().length) look.click();
}"""
"""Ticks in the browser alone; it asks the server only while the tab is seen."""
_PROJECT = """() => {
  const screen = document.querySelector("#session-screen");
  if (document.fullscreenElement) document.exitFullscreen(); else screen.requestFullscreen();
}"""


def build_sessions_tab(
    page: gr.Blocks, handlers: SessionsHandlers, require: RequireEducator
) -> None:
    """Lay out the tab and connect it. Must be called inside the page's `gr.Tabs`."""
    with gr.Tab(SESSIONS["tab"], id="sessions"):
        tab = _Tab()
    _SessionsEvents(handlers, require, tab).connect(page)


class _Tab:
    """The tab's components."""

    def __init__(self) -> None:
        self.seen = gr.State(None)
        with gr.Accordion(SESSIONS["new"], elem_id="session-new"):
            self._lay_out_new()
        with gr.Row(equal_height=False):
            self.pick = gr.Dropdown(
                label=SESSIONS["pick"],
                info=SESSIONS["pick_hint"],
                choices=[],
                allow_custom_value=True,  # the choices are in one process's memory; it is checked
                elem_id="session-pick",
                scale=3,
            )
            self.project = gr.Button(SESSIONS["projector"], elem_id="session-project")
        with gr.Row():
            self.pause = _button("pause", visible=False)
            self.go_on = _button("go_on", visible=False, variant="primary")
            self.end = _button("end", visible=False)
        with gr.Row(visible=False, elem_id="session-end-sure") as self.sure:
            gr.Markdown(SESSIONS["end_sure"])
            self.end_yes = _button("end_yes", variant="stop")
            self.end_no = _button("end_no")
        with gr.Column(elem_id="session-screen"):
            self._lay_out_screen()
        self.prepare = _button("prepare")
        self.files = gr.HTML(elem_id="session-files", apply_default_css=False)
        self.look = gr.Button("", visible="hidden", elem_id="session-look")
        self.timer = gr.Timer(_EVERY, active=False)

    def _lay_out_new(self) -> None:
        gr.Markdown(SESSIONS["how"])
        with gr.Row():
            self.quiz = gr.Dropdown(label=SESSIONS["quiz"], choices=[], elem_id="session-quiz")
            self.title = gr.Textbox(
                label=SESSIONS["title"],
                info=SESSIONS["title_hint"],
                max_length=MAX_TITLE,
                elem_id="session-title",
            )
        self.open = _button("open", variant="primary")

    def _lay_out_screen(self) -> None:
        """What is seen on the projector too."""
        self.door = gr.HTML(elem_id="session-door", apply_default_css=False)
        self.board = gr.HTML(elem_id="board", apply_default_css=False, min_height=120)
        with gr.Row(elem_id="session-case"):
            self.pictures = gr.HTML(elem_id="session-pictures", apply_default_css=False)
            self.said = gr.HTML(elem_id="session-said", apply_default_css=False)
        with gr.Row(elem_id="session-steps"):
            self.previous = _button("previous", interactive=False)
            self.note = gr.HTML(elem_id="session-note", apply_default_css=False)
            self.reveal = _button("reveal", interactive=False)
            self.hide = _button("hide", visible=False)
            self.next = _button("next", interactive=False)

    @property
    def shown(self) -> list[Any]:
        """What a look at a session fills, in the order of `_values`."""
        return [
            self.pick,
            self.door,
            self.board,
            self.note,
            self.pictures,
            self.said,
            self.pause,
            self.go_on,
            self.end,
            self.previous,
            self.next,
            self.reveal,
            self.hide,
            self.prepare,
            self.timer,
        ]


def _button(name: str, **more: Any) -> gr.Button:
    return gr.Button(SESSIONS[name], elem_id=f"session-{name.replace('_', '-')}", **more)


class _SessionsEvents:
    """The handlers as Gradio calls them; every one asks first who is asking."""

    def __init__(self, handlers: SessionsHandlers, require: RequireEducator, tab: _Tab) -> None:
        self._do, self._require, self._tab = handlers, require, tab

    def connect(self, page: gr.Blocks) -> None:
        """Connect all."""
        tab, do = self._tab, self._do
        filled = [tab.seen, *tab.shown]
        looking: dict[str, Any] = {**_QUIET, "concurrency_id": "sessions", "concurrency_limit": 4}
        page.load(self.load, None, [tab.quiz, *filled], **looking)
        tab.quiz.focus(self.refresh, None, tab.quiz, **_QUIET)
        tab.pick.input(self.look, [tab.pick, tab.seen], [*filled, tab.sure, tab.files], **looking)
        tab.look.click(self.tick, tab.seen, filled, **looking)
        tab.timer.tick(None, None, None, js=_LOOK)
        tab.project.click(None, None, None, js=_PROJECT)
        tab.open.click(
            self.open, [tab.quiz, tab.title, tab.seen], [*filled, tab.title, tab.files], **looking
        )
        tab.end.click(self.ask, None, tab.sure, **_QUIET)
        tab.end_no.click(self.ask_no, None, tab.sure, **_QUIET)
        tab.end_yes.click(self.act(do.end), tab.seen, filled, **looking).then(
            self.ask_no, None, tab.sure, **_QUIET
        )
        for button, use in ((tab.pause, do.pause), (tab.go_on, do.go_on), (tab.hide, do.hide)):
            button.click(self.act(use), tab.seen, filled, **looking)
        tab.reveal.click(
            self.act(do.reveal), tab.seen, filled, **{**looking, "show_progress": "minimal"}
        )
        tab.previous.click(self.step(-1), tab.seen, filled, **looking)
        tab.next.click(self.step(1), tab.seen, filled, **looking)
        tab.prepare.click(
            self.files, tab.seen, tab.files, show_progress_on=tab.files, api_visibility="private"
        )

    def load(self, request: gr.Request) -> Any:
        """Fill a page that is opened."""

        def use(educator: Educator) -> tuple[Any, ...]:
            quizzes = self._do.quizzes()
            choice = gr.update(choices=quizzes, value=quizzes[0][1] if quizzes else None)
            return choice, *_shown(self._do.room(None, trainees_address(request)))

        return self._for_educator(request, use)

    def refresh(self, request: gr.Request) -> Any:
        """Offer the quizzes as they are now; what is chosen meanwhile stays chosen."""
        return self._for_educator(request, lambda educator: gr.update(choices=self._do.quizzes()))

    def look(self, request: gr.Request, pick: str | None, seen: SessionNow | None) -> Any:
        """Look at the session that was chosen."""

        def use(educator: Educator) -> tuple[Any, ...]:
            room = self._do.room(pick, trainees_address(request), seen)
            return *_shown(room), gr.update(visible=False), ""

        return self._for_educator(request, use)

    def tick(self, request: gr.Request, seen: SessionNow | None) -> Any:
        """Look at the same session again; fill only what has changed."""
        return self._for_educator(request, lambda educator: self._again(request, seen))

    def open(
        self, request: gr.Request, quiz: str | None, title: str, seen: SessionNow | None
    ) -> Any:
        """Open a session and show it."""

        def use(educator: Educator) -> tuple[Any, ...]:
            code = self._do.open(educator.name, quiz, title)
            return *_shown(self._do.room(code, trainees_address(request))), "", ""

        return self._for_educator(request, use)

    def act(self, what: Callable[[SessionNow | None], None]) -> Callable[..., Any]:
        """Return a handler that changes the session."""

        def handler(request: gr.Request, seen: SessionNow | None) -> Any:
            def use(educator: Educator) -> tuple[Any, ...]:
                what(seen)
                return self._again(request, seen)

            return self._for_educator(request, use)

        return handler

    def step(self, by: int) -> Callable[..., Any]:
        """Return a handler that goes to another case."""

        def handler(request: gr.Request, seen: SessionNow | None) -> Any:
            def use(educator: Educator) -> tuple[Any, ...]:
                moved = self._do.step(seen, by)
                room = self._do.room(moved.code, trainees_address(request), moved)
                return room, *_changes(room, seen)

            return self._for_educator(request, use)

        return handler

    def ask(self, request: gr.Request) -> Any:
        """Ask whether the session is really to end."""
        return self._for_educator(request, lambda educator: gr.update(visible=True))

    def ask_no(self, request: gr.Request) -> Any:
        """Ask no more."""
        return self._for_educator(request, lambda educator: gr.update(visible=False))

    def files(self, request: gr.Request, seen: SessionNow | None) -> Any:
        """Write the downloads."""
        return self._for_educator(
            request, lambda educator: self._do.downloads(seen.code if seen else None)
        )

    def _again(self, request: gr.Request, seen: SessionNow | None) -> tuple[Any, ...]:
        room = self._do.room(seen.code if seen else None, trainees_address(request), seen)
        return room, *_changes(room, seen)

    def _for_educator(self, request: gr.Request, use: Callable[[Educator], Any]) -> Any:
        return or_educator_message(lambda: use(self._require(request)))


def _shown(room: SessionNow) -> tuple[Any, ...]:
    """Return what the state and `_Tab.shown` get."""
    return room, *(gr.update(**value) for value in _values(room))


def _changes(room: SessionNow, seen: SessionNow | None) -> tuple[Any, ...]:
    """Return the same for `_Tab.shown`, leaving alone what has not changed."""
    old = _values(seen) if seen else [None] * len(_values(room))
    pairs = zip(_values(room), old, strict=True)
    return tuple(gr.skip() if new == before else gr.update(**new) for new, before in pairs)


def _values(room: SessionNow) -> list[dict[str, Any]]:
    """Return the properties of each of `_Tab.shown`."""
    session = room.session
    is_open = session is not None and session.is_open
    is_paused = is_open and session is not None and session.paused_at is not None
    last = len(session.cases) - 1 if session else 0
    is_shown = room.discussed is not None
    return [
        {"choices": list(room.choices), "value": room.code},
        {"value": room.door},
        {"value": room.board_html},
        {"value": room.note},
        {"value": room.pictures},
        {"value": room.said},
        {"visible": is_open and not is_paused},
        {"visible": is_paused},
        {"visible": is_open},
        {"interactive": room.position > 0},
        {"interactive": room.position < last},
        {"interactive": session is not None, "visible": not is_shown},
        {"visible": is_shown},
        {"interactive": session is not None},
        {"active": is_open},
    ]
