"""What the events of the tab Sessions do. Values in, HTML out; knows no component."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from octtutor.core.disclosure import Audience
from octtutor.core.session import Session
from octtutor.errors import BadInputError
from octtutor.reports.citing import cited_html
from octtutor.reports.markup import paragraph
from octtutor.tutor.sessions.board import Board, board_of
from octtutor.tutor.sessions.class_sessions import Sessions
from octtutor.tutor.sessions.gathering import Gathered
from octtutor.tutor.sessions.session_code import tidy
from octtutor.ui.sessions.texts import SESSIONS
from octtutor.ui.sessions.views import (
    board_view,
    door_view,
    downloads_view,
    pictures_view,
    said_view,
    session_choice,
)

Exports = Mapping[str, Callable[[str], str]]
"""File name (`answers.csv`, `report.html`) to what writes it for a session's code."""


@dataclass(frozen=True, slots=True)
class SessionNow:
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

    def room(self, code: str | None, address: str, seen: SessionNow | None = None) -> SessionNow:
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
            return SessionNow(choices, board_html=paragraph(SESSIONS["none"]))
        before = seen if seen and seen.code == found.code else None
        gathered = self._sessions.gather(found.code)
        session = gathered.session
        position = before.position if before else 0
        if session.discussed is not None:
            position = session.discussed
        link = f"{address}?session={session.code}" if address else ""
        door = door_view(session, link, cited_html([self._sessions.find_deck(session.deck)]))
        room = SessionNow(choices, session, door, gathered, position=position)
        return self._with_board(room, before)

    def _with_board(self, room: SessionNow, before: SessionNow | None) -> SessionNow:
        """Add what is reckoned or drawn anew only when the records have changed."""
        gathered, session = room.gathered, room.session
        assert gathered is not None
        assert session is not None
        if before and before.gathered == gathered:
            board, drawn = before.board, before.board_html
        else:
            board = board_of(gathered, Audience.CLASS)
            drawn = board_view(board)
        assert board is not None
        pictures, said = "", ""
        if session.discussed is not None:
            said = said_view(board.cases[session.discussed], board.scheme)
            same = before is not None and before.discussed == session.discussed
            if before and same:
                pictures = before.pictures
            else:
                discussed = self._sessions.show(session.code, session.discussed)
                pictures = pictures_view(discussed, len(session.cases), board.scheme.colours)
        return replace(
            room,
            board=board,
            board_html=drawn,
            note=_note(session, board, room.position),
            pictures=pictures,
            said=said,
        )

    def pause(self, room: SessionNow | None) -> None:
        """Let nobody answer."""
        self._sessions.pause(_code(room))

    def go_on(self, room: SessionNow | None) -> None:
        """Let everybody answer again."""
        self._sessions.go_on(_code(room))

    def end(self, room: SessionNow | None) -> None:
        """End the session for all."""
        self._sessions.end(_code(room))

    def step(self, room: SessionNow | None, by: int) -> SessionNow:
        """Go to the case before or after; it is not shown to all before it is revealed."""
        code = _code(room)
        assert room is not None
        assert room.session is not None
        if room.discussed is not None:
            self._sessions.discuss(code, None)
        last = len(room.session.cases) - 1
        return replace(room, position=min(max(room.position + by, 0), last))

    def reveal(self, room: SessionNow | None) -> None:
        """Show the case to all."""
        code = _code(room)
        assert room is not None
        self._sessions.discuss(code, room.position)

    def hide(self, room: SessionNow | None) -> None:
        """Go back to the board."""
        self._sessions.discuss(_code(room), None)

    def downloads(self, code: str | None) -> str:
        """Return links that hold the session's files."""
        if not code:
            raise BadInputError(SESSIONS["no_session"])
        known = self._sessions.get(code).code
        return downloads_view(known, {name: write(known) for name, write in self._exports.items()})


def _code(room: SessionNow | None) -> str:
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
    return paragraph(told_so, is_status=True)
