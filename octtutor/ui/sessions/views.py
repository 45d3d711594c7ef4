"""A session as HTML: its door, the board, a case under discussion, the downloads."""

import base64
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import segno
from markupsafe import Markup

from octtutor.core.counting import WhyNot
from octtutor.core.educator import AT_THE_MACHINE
from octtutor.core.scheme import Scheme
from octtutor.core.session import Session
from octtutor.reports.markup import hover, library, paragraph
from octtutor.reports.progress_tables import left_out_words
from octtutor.stats.intervals import Figure
from octtutor.tutor.sessions.against_model import AgainstModel
from octtutor.tutor.sessions.board import Board
from octtutor.tutor.sessions.board_lines import BoardReader, CaseLine
from octtutor.tutor.sessions.class_sessions import DiscussedCase
from octtutor.ui.sessions.texts import SESSIONS
from octtutor.ui.shared.mapped_texts import mapped_notes
from octtutor.ui.shared.pictures import map_uri, outline_path, scan_uri

_HTML = library(__file__, "views.html.j2")
_KINDS = {
    ".csv": "text/csv;charset=utf-8",
    ".html": "text/html;charset=utf-8",
    ".imrmc": "text/plain;charset=utf-8",
}


def session_choice(session: Session) -> str:
    """Return the line of a session in the list."""
    return SESSIONS["choice"].format(
        code=session.code, title=session.title, state=_state(session), when=session.opened_at
    )


def door_view(session: Session, link: str, cited: str = "") -> Markup:
    """Draw how to get in: code, link and QR picture; of an ended session only what it was.

    Args:
        session: which.
        link: the trainees' page with the code, empty where its address is not known.
        cited: HTML that says whose the scans are.
    """
    facts = SESSIONS["opened_by"].format(
        quiz=session.quiz,
        n=len(session.cases),
        educator=session.educator if session.educator != AT_THE_MACHINE else SESSIONS["host"],
        model=session.model or SESSIONS["no_model"],
    )
    over = SESSIONS["ended_note"].format(when=session.ended_at) if session.ended_at else ""
    return Markup(
        _HTML.door(
            SESSIONS,
            session.title,
            facts,
            over,
            SESSIONS["paused_note"] if session.paused_at else "",
            session.code,
            link,
            SESSIONS["link_note"] if _is_only_here(link) else "",
            _qr(link),
            Markup(cited),
        )
    )


def _qr(link: str) -> Markup:
    """Draw a link as a QR picture, empty where there is none; segno makes the SVG."""
    if not link:
        return Markup()
    return Markup(
        segno.make(link, error="m", micro=False).svg_inline(
            omitsize=True, border=3, dark="#000", light="#fff"
        )
    )


def _is_only_here(link: str) -> bool:
    host = urlsplit(link).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def board_view(board: Board) -> Markup:
    """Draw the board; it may be on a projector, so `board` is what the class may be told."""
    counts = (("held_back", board.held_back), ("timed_out", board.timed_out))
    left_out: dict[WhyNot, int] = {
        why: n for why, n in board.left_out.items() if why is not WhyNot.TIMED_OUT
    }
    return Markup(
        _HTML.board(
            SESSIONS,
            _numbers(board),
            [
                *([left_out_words(left_out)] if left_out else []),
                *(SESSIONS[key].format(n=n) for key, n in counts if n),
            ],
            _confusion(board),
            _hardest(board),
            _against(board.against_model),
            [_reader(reader) for reader in board.readers],
        )
    )


def _numbers(board: Board) -> list[tuple[str, str]]:
    finished = sum(reader.finished for reader in board.readers)
    return [
        (str(len(board.readers)), SESSIONS["joined"]),
        (str(finished), SESSIONS["finished"]),
        (str(board.answered), SESSIONS["answers"]),
        (_share(board.right), SESSIONS["right"]),
        (_plain(board.agreement), SESSIONS["agreement"]),
    ]


def _confusion(board: Board) -> Markup:
    keys = board.scheme.keys
    lines = [
        (
            label,
            [
                (_kind(row, column, int(n), len(keys)), int(n))
                for column, n in enumerate(board.matrix[row])
            ],
        )
        for row, label in enumerate(keys)
    ]
    hint = SESSIONS["confusion_hint"]
    return Markup(_HTML.confusion((*keys, "U", "T"), lines, hint, board.scheme.colours))


def _kind(row: int, column: int, n: int, classes: int) -> str:
    if not n or column >= classes:
        return ""
    return "hit" if row == column else "miss"


def _hardest(board: Board) -> Markup:
    facts = [_case_line(line, board.scheme) for line in board.hardest]
    if all(line.is_disclosed for line in board.cases):
        return Markup(_HTML.hardest(SESSIONS, facts, (), False))
    untold = [_case_line(line, board.scheme) for line in board.disputed]
    return Markup(_HTML.hardest(SESSIONS, facts, untold, True))


def _case_line(line: CaseLine, scheme: Scheme) -> dict[str, Any]:
    """Return a case's row; its truth, and how many saw it, only where they are told."""
    return {
        "number": line.position + 1,
        "truth": line.case.label if line.is_disclosed else "",
        "colour": scheme.get(line.case.label).colour,
        "share": _share(line.right) if line.is_disclosed else "",
        "given": _given(line, scheme.keys),
    }


def _given(line: CaseLine, keys: Sequence[str]) -> str:
    named = [f"{name} {n}" for name, n in zip((*keys, "U"), line.counts, strict=True) if n]
    late = [f"{SESSIONS['time_over']} {line.timed_out}"] if line.timed_out else []
    return ", ".join([*named, *late])


def _against(against: AgainstModel | None) -> Markup:
    if against is None:
        return paragraph(SESSIONS["against_none"], "note")
    lines = [
        (SESSIONS["mean_reader"], _with_interval(against.readers)),
        (SESSIONS["the_model"].format(n=against.scans), _with_interval(against.model)),
        (SESSIONS["difference"], _with_interval(against.difference, signed=True)),
        (SESSIONS["race"], f"{against.ahead} / {against.level} / {against.behind}"),
        (SESSIONS["majority"], _with_interval(against.majority)),
    ]
    return Markup(_HTML.against(lines, _pairs(against)))


def _pairs(against: AgainstModel) -> Markup:
    pairs = against.pairs
    if pairs is None:
        return Markup()
    said = SESSIONS["pairs"].format(first=pairs.only_first, second=pairs.only_second, p=pairs.p)
    return hover(said, pairs.method)


def _reader(reader: BoardReader) -> dict[str, str]:
    return {
        "seen": SESSIONS["seen_at"].format(when=reader.last_seen),
        "name": reader.name,
        "place": _place(reader),
        "width": f"{100 * reader.at / max(reader.asked, 1):.0f}",
        "share": _share(reader.right),
    }


def _place(reader: BoardReader) -> str:
    if reader.finished:
        return SESSIONS["is_done"]
    if reader.left:
        return SESSIONS["has_left"]
    return SESSIONS["case_of"].format(n=reader.at + 1, total=reader.asked)


def pictures_view(shown: DiscussedCase, total: int, colours: Mapping[str, str]) -> Markup:
    """Draw the scan, its truth, and the model's answer and map, for the projector.

    Args:
        shown: the case.
        total: how many cases there are.
        colours: of the scheme's diagnoses, by key.
    """
    label = shown.case.label
    head = SESSIONS["shown"].format(n=shown.position + 1, total=total)
    figures = [_scan_figure(shown), *_map_figures(shown)]
    model = _model_line(shown, colours)
    return Markup(_HTML.shown(SESSIONS, head, label, shown.name, colours[label], figures, model))


def _scan_figure(shown: DiscussedCase) -> dict[str, Any]:
    outline = outline_path(shown.mask) if shown.mask is not None else ""
    caption = SESSIONS["scan_caption" if shown.mask is None else "outline_caption"]
    made = f" · {SESSIONS['synthetic']}" if shown.case.synthetic else ""
    return _plane(shown, SESSIONS["scan_alt"], f"{caption}{made}") | {"outline": outline}


def _plane(shown: DiscussedCase, alt: str, caption: str) -> dict[str, Any]:
    height, width = shown.scan.shape
    return {
        "width": width,
        "height": height,
        "scan": scan_uri(shown.scan),
        "alt": alt,
        "caption": caption,
        "outline": "",
        "over": "",
    }


def _map_figures(shown: DiscussedCase) -> list[dict[str, Any]]:
    """Return the scan under its map, or nothing where there is no map."""
    if shown.prediction is None or shown.maps is None:
        return []
    height, width = shown.scan.shape
    label = shown.prediction.label
    over = map_uri(
        shown.maps[list(shown.prediction.probabilities).index(label)], "inferno", width / height
    )
    caption = SESSIONS["map_caption" if over else "map_none"].format(label=label)
    return [_plane(shown, SESSIONS["map_alt"], caption) | {"over": over}]


def _model_line(shown: DiscussedCase, colours: Mapping[str, str]) -> Markup:
    prediction = shown.prediction
    if prediction is None:
        return paragraph(SESSIONS["no_answer"].format(fault=shown.fault or ""), "model note")
    chances = [
        (key, f"{chance:.2f}", colours.get(key, ""))
        for key, chance in prediction.probabilities.items()
    ]
    warned = [SESSIONS["trained_on"]] if shown.trained_on else []
    warned += mapped_notes(prediction.label, shown.counterparts, shown.case.label)
    said = f"{SESSIONS['model_said']}: {prediction.label}"
    return Markup(_HTML.model(said, chances, warned))


def said_view(line: CaseLine, scheme: Scheme) -> Markup:
    """Draw what the class answered to a case."""
    total, colours = sum(line.counts) + line.timed_out, scheme.colours
    lines = [
        _bar(name, n, total, name == line.case.label, colours.get(name, ""))
        for name, n in zip((*scheme.keys, SESSIONS["ungradable"]), line.counts, strict=True)
    ]
    if line.timed_out:
        lines.append(_bar(SESSIONS["time_over"], line.timed_out, total, False, ""))
    late = SESSIONS["too_late"].format(n=line.left_out) if line.left_out else ""
    return Markup(_HTML.said(SESSIONS, _share(line.right), lines, late, _who(line)))


def _bar(name: str, n: int, total: int, is_truth: bool, colour: str) -> dict[str, Any]:
    return {
        "name": name,
        "n": n,
        "width": f"{100 * n / total if total else 0:.0f}",
        "colour": colour,
        "is_truth": is_truth,
    }


def _who(line: CaseLine) -> list[tuple[str, str]]:
    """Return who gave each answer, by answer."""
    groups: dict[str, list[str]] = {}
    for reading in line.readings:
        choice = reading.choice or SESSIONS["ungradable"]
        answered = SESSIONS["time_over"] if reading.timed_out else str(choice)
        why = reading.why_not
        after = f" ({why})" if why is not None and not reading.timed_out else ""
        groups.setdefault(answered, []).append(reading.name + after)
    return [(answered, ", ".join(names)) for answered, names in sorted(groups.items())]


def downloads_view(code: str, files: Mapping[str, str]) -> Markup:
    """Draw links that hold their files' text.

    Args:
        code: of the session; begins each file's name.
        files: text by file name, which ends in `.csv`, `.html` or `.imrmc`.
    """
    links = [_link(code, name, text) for name, text in files.items()]
    return Markup(_HTML.downloads(SESSIONS["downloads"], links))


def _link(code: str, name: str, text: str) -> dict[str, str]:
    return {
        "name": f"session-{code}-{name}",
        "kind": _KINDS[name[name.rindex(".") :]],
        "data": base64.b64encode(text.encode()).decode(),
        "text": SESSIONS.get(name, name),
    }


def _state(session: Session) -> str:
    if not session.is_open:
        return SESSIONS["has_ended"]
    return SESSIONS["is_paused" if session.paused_at else "is_open"]


def _share(figure: Figure) -> Markup:
    if figure.value is None:
        return hover("–", SESSIONS["no_figure"])
    return hover(f"{100 * figure.value:.0f} %", _source(figure))


def _with_interval(figure: Figure, signed: bool = False) -> Markup:
    if figure.value is None or figure.low is None or figure.high is None:
        return _share(figure)
    sign = "+" if signed else ""
    small = f"{100 * figure.low:{sign}.0f} … {100 * figure.high:{sign}.0f}"
    return hover(f"{100 * figure.value:{sign}.0f} %", _source(figure), small)


def _plain(figure: Figure) -> Markup:
    """Return a figure that is no share, as a number with its interval."""
    if figure.value is None:
        return hover("–", SESSIONS["no_figure"])
    small = ""
    if figure.low is not None and figure.high is not None:
        small = f"{figure.low:.2f} … {figure.high:.2f}"
    return hover(f"{figure.value:.2f}", f"n = {figure.n}, {figure.method}", small)


def _source(figure: Figure) -> str:
    return f"{figure}, n = {figure.n}, {figure.method}"
