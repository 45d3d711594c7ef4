"""The educators' tab Sessions: open one, let people in, watch, discuss on a projector, end."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
from starlette.requests import HTTPConnection

from octtutor.core.educator import Educator
from octtutor.core.session import Session
from octtutor.errors import BadInputError
from octtutor.tutor.board import Board, Gathered, board_of
from octtutor.tutor.sessions import MAX_TITLE, Sessions, tidy
from octtutor.ui.doorkeeper import RequireEducator
from octtutor.ui.educator import told
from octtutor.ui.gate import UNDER
from octtutor.ui.sessions_texts import SESSIONS
from octtutor.ui.sessions_views import (
    board_view,
    door_view,
    downloads_view,
    pictures_view,
    said_view,
    session_choice,
)

Exports = Mapping[str, Callable[[str], str]]
"""File name (`answers.csv`, `imrmc.csv`, `report.html`) to what writes it for a session's code."""
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
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")
_PATH = re.compile(r"[A-Za-z0-9._~%/-]*")


@dataclass(frozen=True, slots=True)
class Room:
    """What the tab shows: one session, or none."""

    choices: tuple[tuple[str, str], ...]
    session: Session | None = None
    door: str = ""
    gathered: Gathered | None = None
    board: Board | None = None
    position: int = 0
    """The case that is discussed, or is about to be."""
    board_html: str = ""
    note: str = ""
    pictures: str = ""
    said: str = ""

    @property
    def code(self) -> str | None:
        """The session's code."""
        return self.session.code if self.session else None

    @property
    def discussed(self) -> int | None:
        """Position of the case that is shown to all."""
        return self.session.discussed if self.session else None


class SessionsHandlers:
    """What the tab's events do. Values in, HTML out; knows no component."""

    def __init__(self, sessions: Sessions, exports: Exports) -> None:
        """Take the use cases, and what writes the files that are offered afterwards."""
        self._sessions, self._exports = sessions, exports

    def quizzes(self) -> list[tuple[str, str]]:
        """Return (text, key) of each quiz for the choice."""
        return [
            (
                SESSIONS["quiz_exam" if quiz.options.is_exam else "quiz_choice"].format(
                    title=quiz.title, n=quiz.size
                ),
                quiz.key,
            )
            for quiz in self._sessions.quizzes()
        ]

    def open(self, educator: str, quiz: str | None, title: str) -> str:
        """Open a session and return its code."""
        if not isinstance(quiz, str) or not quiz:
            raise BadInputError(SESSIONS["no_quiz"])
        return self._sessions.open(educator, quiz, str(title or "")).code

    def room(self, code: str | None, address: str, seen: Room | None = None) -> Room:
        """Return what the tab shows now; the latest session where none is chosen.

        Args:
            code: of a session, as it was chosen.
            address: of the trainees' page, see `trainees_address`.
            seen: what the tab shows; what has not changed is taken from it.
        """
        sessions = self._sessions.all()
        choices = tuple((session_choice(session), session.code) for session in sessions)
        wanted = tidy(code) if isinstance(code, str) else None
        found = next((s for s in sessions if s.code == wanted), sessions[0] if sessions else None)
        if found is None:
            return Room(choices, board_html=f"<p>{SESSIONS['none']}</p>")
        before = seen if seen and seen.code == found.code else None
        gathered = self._sessions.gather(found.code)
        session = gathered.session
        position = before.position if before else 0
        if session.discussed is not None:
            position = session.discussed
        link = f"{address}?session={session.code}" if address else ""
        room = Room(choices, session, door_view(session, link), gathered, position=position)
        return self._with_board(room, before)

    def _with_board(self, room: Room, before: Room | None) -> Room:
        """Add what is reckoned or drawn anew only when the records have changed."""
        gathered, session = room.gathered, room.session
        assert gathered is not None
        assert session is not None
        if before and before.gathered == gathered:
            board, drawn = before.board, before.board_html
        else:
            board = board_of(gathered)
            drawn = board_view(board, is_over=not session.is_open)
        assert board is not None
        pictures, said = "", ""
        if session.discussed is not None:
            said = said_view(board.cases[session.discussed])
            same = before is not None and before.discussed == session.discussed
            pictures = before.pictures if before and same else self._pictures(session)
        return replace(
            room,
            board=board,
            board_html=drawn,
            note=_note(session, board, room.position),
            pictures=pictures,
            said=said,
        )

    def _pictures(self, session: Session) -> str:
        assert session.discussed is not None
        shown = self._sessions.show(session.code, session.discussed)
        return pictures_view(shown, len(session.cases))

    def pause(self, room: Room | None) -> None:
        """Let nobody answer."""
        self._sessions.pause(_code(room))

    def go_on(self, room: Room | None) -> None:
        """Let everybody answer again."""
        self._sessions.go_on(_code(room))

    def end(self, room: Room | None) -> None:
        """End the session for all."""
        self._sessions.end(_code(room))

    def step(self, room: Room | None, by: int) -> Room:
        """Go to the case before or after; it is not shown to all before it is revealed."""
        code = _code(room)
        assert room is not None
        assert room.session is not None
        if room.discussed is not None:
            self._sessions.discuss(code, None)
        last = len(room.session.cases) - 1
        return replace(room, position=min(max(room.position + by, 0), last))

    def reveal(self, room: Room | None) -> None:
        """Show the case to all."""
        code = _code(room)
        assert room is not None
        self._sessions.discuss(code, room.position)

    def hide(self, room: Room | None) -> None:
        """Go back to the board."""
        self._sessions.discuss(_code(room), None)

    def downloads(self, code: str | None) -> str:
        """Return links that hold the session's files."""
        if not code:
            raise BadInputError(SESSIONS["no_session"])
        known = self._sessions.get(code).code
        return downloads_view(known, {name: write(known) for name, write in self._exports.items()})


def build_sessions_tab(
    page: gr.Blocks, handlers: SessionsHandlers, require: RequireEducator
) -> None:
    """Lay out the tab and connect it. Must be called inside the page's `gr.Tabs`."""
    with gr.Tab(SESSIONS["tab"], id="sessions"):
        tab = _Tab()
    _Events(handlers, require, tab).connect(page)


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


class _Events:
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

        return self._told(request, use)

    def refresh(self, request: gr.Request) -> Any:
        """Offer the quizzes as they are now; what is chosen meanwhile stays chosen."""
        return self._told(request, lambda educator: gr.update(choices=self._do.quizzes()))

    def look(self, request: gr.Request, pick: str | None, seen: Room | None) -> Any:
        """Look at the session that was chosen."""

        def use(educator: Educator) -> tuple[Any, ...]:
            room = self._do.room(pick, trainees_address(request), seen)
            return *_shown(room), gr.update(visible=False), ""

        return self._told(request, use)

    def tick(self, request: gr.Request, seen: Room | None) -> Any:
        """Look at the same session again; fill only what has changed."""
        return self._told(request, lambda educator: self._again(request, seen))

    def open(self, request: gr.Request, quiz: str | None, title: str, seen: Room | None) -> Any:
        """Open a session and show it."""

        def use(educator: Educator) -> tuple[Any, ...]:
            code = self._do.open(educator.name, quiz, title)
            return *_shown(self._do.room(code, trainees_address(request))), "", ""

        return self._told(request, use)

    def act(self, what: Callable[[Room | None], None]) -> Callable[..., Any]:
        """Return a handler that changes the session."""

        def handler(request: gr.Request, seen: Room | None) -> Any:
            def use(educator: Educator) -> tuple[Any, ...]:
                what(seen)
                return self._again(request, seen)

            return self._told(request, use)

        return handler

    def step(self, by: int) -> Callable[..., Any]:
        """Return a handler that goes to another case."""

        def handler(request: gr.Request, seen: Room | None) -> Any:
            def use(educator: Educator) -> tuple[Any, ...]:
                moved = self._do.step(seen, by)
                room = self._do.room(moved.code, trainees_address(request), moved)
                return room, *_changes(room, seen)

            return self._told(request, use)

        return handler

    def ask(self, request: gr.Request) -> Any:
        """Ask whether the session is really to end."""
        return self._told(request, lambda educator: gr.update(visible=True))

    def ask_no(self, request: gr.Request) -> Any:
        """Ask no more."""
        return self._told(request, lambda educator: gr.update(visible=False))

    def files(self, request: gr.Request, seen: Room | None) -> Any:
        """Write the downloads."""
        return self._told(request, lambda educator: self._do.downloads(seen.code if seen else None))

    def _again(self, request: gr.Request, seen: Room | None) -> tuple[Any, ...]:
        room = self._do.room(seen.code if seen else None, trainees_address(request), seen)
        return room, *_changes(room, seen)

    def _told(self, request: gr.Request, use: Callable[[Educator], Any]) -> Any:
        return told(lambda: use(self._require(request)))


def trainees_address(request: gr.Request) -> str:
    """Return the address of the trainees' page as the educator's browser reaches it."""
    asking = request.request
    if not isinstance(asking, HTTPConnection):
        return ""
    return public_address(asking.headers, asking.url.scheme)


def public_address(headers: Mapping[str, str], scheme: str) -> str:
    """Return the address of the trainees' page, one above the educators'.

    Args:
        headers: of a request that the educators' page sent.
        scheme: in which it arrived; a proxy before the server may have got another.

    Returns:
        It ends in `/`; empty where the headers name no host that could be one.
    """
    host = _first(headers.get("x-forwarded-host")) or headers.get("host", "")
    scheme = _first(headers.get("x-forwarded-proto")) or scheme
    if not _HOST.fullmatch(host) or scheme not in ("http", "https"):
        return ""
    return _from_referer(headers, host) or f"{scheme}://{host}/"


def _from_referer(headers: Mapping[str, str], host: str) -> str:
    """Return the address that the browser itself knows the page by, a proxy's path and all."""
    try:
        page = urlsplit(headers.get("referer", ""))
    except ValueError:
        return ""
    above, found, _ = page.path.rpartition(UNDER)
    ours = page.netloc in (host, headers.get("host")) and page.scheme in ("http", "https")
    if not (ours and found and _PATH.fullmatch(above)):
        return ""
    return f"{page.scheme}://{page.netloc}{above}/"


def _first(header: str | None) -> str:
    return (header or "").split(",")[0].strip()


def _code(room: Room | None) -> str:
    if room is None or room.code is None:
        raise BadInputError(SESSIONS["no_session"])
    return room.code


def _note(session: Session, board: Board, position: int) -> str:
    line = board.cases[position]
    key = "note"
    if session.discussed is not None:
        key = "note_shown"
    elif session.is_open and line.waiting:
        key = "note_wait"
    told_so = SESSIONS[key].format(
        n=position + 1,
        total=len(session.cases),
        answered=len(line.readings),
        waiting=line.waiting,
        joined=len(board.readers),
    )
    return f"<p role='status'>{told_so}</p>"


def _shown(room: Room) -> tuple[Any, ...]:
    """Return what the state and `_Tab.shown` get."""
    return room, *(_update(value) for value in _values(room))


def _changes(room: Room, seen: Room | None) -> tuple[Any, ...]:
    """Return the same for `_Tab.shown`, leaving alone what has not changed."""
    old = _values(seen) if seen else [None] * len(_values(room))
    pairs = zip(_values(room), old, strict=True)
    return tuple(gr.skip() if new == before else _update(new) for new, before in pairs)


def _values(room: Room) -> list[dict[str, Any]]:
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


def _update(values: dict[str, Any]) -> Any:
    return gr.update(**values)
