"""A session as HTML: its door, the board, a case under discussion, the downloads."""

import base64
import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from urllib.parse import urlsplit

import segno

from octtutor.core.diagnosis import LABELS
from octtutor.core.educator import AT_THE_MACHINE
from octtutor.core.session import Session
from octtutor.stats.intervals import Figure
from octtutor.tutor.board import UNGRADABLE, AgainstModel, Board, CaseLine, Reader
from octtutor.tutor.sessions import Shown
from octtutor.ui.pictures import map_uri, outline_path, scan_uri
from octtutor.ui.sessions_texts import SESSIONS
from octtutor.ui.texts import FULL_NAMES

COLUMNS = (*map(str, LABELS), "U")
_KINDS = {".csv": "text/csv;charset=utf-8", ".html": "text/html;charset=utf-8"}


def session_choice(session: Session) -> str:
    """Return the line of a session in the list."""
    return SESSIONS["choice"].format(
        code=session.code, title=session.title, state=_state(session), when=session.opened_at
    )


def door_view(session: Session, link: str) -> str:
    """Draw how to get in: code, link and QR picture; of an ended session only what it was.

    Args:
        session: which.
        link: the trainees' page with the code, empty where its address is not known.
    """
    facts = SESSIONS["opened_by"].format(
        quiz=session.quiz,
        n=len(session.cases),
        educator=session.educator if session.educator != AT_THE_MACHINE else SESSIONS["host"],
        model=session.model or SESSIONS["no_model"],
    )
    told = f"<h2>{escape(session.title)}</h2><p class='facts'>{escape(facts)}</p>"
    if session.ended_at is not None:
        over = SESSIONS["ended_note"].format(when=session.ended_at)
        return f"<section class='door'><div>{told}<p class='state'>{over}</p></div></section>"
    paused = f"<p class='state'>{SESSIONS['paused_note']}</p>" if session.paused_at else ""
    code = (
        f"<p>{SESSIONS['join']}</p><p class='code' aria-label='{SESSIONS['code_label']}'>"
        f"{escape(session.code)}</p>"
    )
    return (
        f"<section class='door'><div>{told}{paused}</div><div>{code}{_link(link)}</div>"
        f"{_qr(link)}</section>"
    )


def _link(link: str) -> str:
    if not link:
        return ""
    note = f"<p class='note'>{SESSIONS['link_note']}</p>" if _is_only_here(link) else ""
    there = escape(link)
    return f"<p class='link'><a href='{there}' target='_blank' rel='noopener'>{there}</a></p>{note}"


def _qr(link: str) -> str:
    if not link:
        return ""
    picture = segno.make(link, error="m", micro=False).svg_inline(
        omitsize=True, border=3, dark="#000", light="#fff"
    )
    return f"<div class='qr' role='img' aria-label='{SESSIONS['qr']}'>{picture}</div>"


def _is_only_here(link: str) -> bool:
    host = urlsplit(link).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def board_view(board: Board, is_over: bool) -> str:
    """Draw the board.

    Args:
        board: the figures.
        is_over: nobody can answer any more. Before, a projector shows the truth of those cases
            only that were discussed: people are still reading the others.
    """
    return (
        f"<section class='board' aria-label='{SESSIONS['board']}'>{_numbers(board)}"
        "<div class='board-parts'>"
        f"<div class='part'><h3>{SESSIONS['confusion']}</h3>{_confusion(board)}</div>"
        f"<div class='part'><h3>{SESSIONS['hardest']}</h3>{_hardest(board.hardest, is_over)}</div>"
        f"<div class='part against'><h3>{SESSIONS['against']}</h3>"
        f"{_against(board.against_model)}</div></div>"
        f"<h3>{SESSIONS['readers']}</h3>{_readers(board.readers)}</section>"
    )


def _numbers(board: Board) -> str:
    finished = sum(reader.finished for reader in board.readers)
    parts = (
        (str(len(board.readers)), SESSIONS["joined"]),
        (str(finished), SESSIONS["finished"]),
        (str(board.answered), SESSIONS["answers"]),
        (_share(board.right), SESSIONS["right"]),
        (_plain(board.agreement), SESSIONS["agreement"]),
    )
    cells = "".join(
        f"<div><strong>{value}</strong><span>{what}</span></div>" for value, what in parts
    )
    left_out = "".join(
        f"<p class='note'>{SESSIONS[key].format(n=n)}</p>"
        for key, n in (("late", board.late), ("timed_out", board.timed_out))
        if n
    )
    return f"<div class='numbers'>{cells}</div>{left_out}"


def _confusion(board: Board) -> str:
    head = "".join(f"<th scope='col'>{name}</th>" for name in COLUMNS)
    rows = "".join(
        f"<tr><th scope='row'>{_swatch(label)}{label}</th>"
        + "".join(_cell(row, column, int(n)) for column, n in enumerate(board.matrix[row]))
        + "</tr>"
        for row, label in enumerate(LABELS)
    )
    return (
        f"<table class='confusion'><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody>"
        f"</table><p class='note'>{SESSIONS['confusion_hint']}</p>"
    )


def _cell(row: int, column: int, n: int) -> str:
    kind = "" if not n or column == UNGRADABLE else "hit" if row == column else "miss"
    return f"<td class='{kind}'>{n}</td>"


def _hardest(lines: Sequence[CaseLine], is_over: bool) -> str:
    rows = "".join(
        f"<tr class='{'is-told' if is_over or line.discussed else 'is-untold'}'>"
        f"<td>{line.position + 1}</td><td>{_share(line.right)}</td>"
        f"<td class='truth'><span>{_swatch(line.case.label)}{line.case.label}</span></td>"
        f"<td class='given'>{_given(line)}</td></tr>"
        for line in lines
    )
    if not rows:
        return f"<p class='note'>{SESSIONS['hardest_none']}</p>"
    titles = SESSIONS["hardest_head"].split("|")
    head = "".join(f"<th scope='col'>{title}</th>" for title in titles)
    is_told = is_over or all(line.discussed for line in lines)
    note = "" if is_told else f"<p class='note untold'>{SESSIONS['untold']}</p>"
    return (
        f"<table class='hardest'><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{note}"
    )


def _given(line: CaseLine) -> str:
    named = [f"{name} {n}" for name, n in zip(COLUMNS, line.counts, strict=True) if n]
    late = [f"{SESSIONS['time_over']} {line.timed_out}"] if line.timed_out else []
    return ", ".join([*named, *late])


def _against(against: AgainstModel | None) -> str:
    if against is None:
        return f"<p class='note'>{SESSIONS['against_none']}</p>"
    race = f"{against.ahead} / {against.level} / {against.behind}"
    rows = (
        (SESSIONS["mean_reader"], _with_interval(against.readers)),
        (SESSIONS["the_model"].format(n=against.scans), _with_interval(against.model)),
        (SESSIONS["difference"], _with_interval(against.difference, signed=True)),
        (SESSIONS["race"], race),
        (SESSIONS["majority"], _with_interval(against.majority)),
    )
    body = "".join(f"<tr><th scope='row'>{what}</th><td>{value}</td></tr>" for what, value in rows)
    return f"<table>{body}</table>{_pairs(against)}"


def _pairs(against: AgainstModel) -> str:
    pairs = against.pairs
    if pairs is None:
        return ""
    told = SESSIONS["pairs"].format(first=pairs.only_first, second=pairs.only_second, p=pairs.p)
    return f"<p class='note'><abbr title='{escape(pairs.method)}'>{told}</abbr></p>"


def _readers(readers: Iterable[Reader]) -> str:
    items = "".join(map(_reader, readers))
    if not items:
        return f"<p class='note'>{SESSIONS['readers_none']}</p>"
    return f"<ul class='readers'>{items}</ul>"


def _reader(reader: Reader) -> str:
    seen = SESSIONS["seen_at"].format(when=reader.last_seen)
    width = 100 * reader.at / max(reader.asked, 1)
    return (
        f"<li title='{seen}'><span class='name'>{escape(reader.name)}</span>"
        f"<span class='place'>{_place(reader)}</span>"
        f"<span class='track'><i style='width:{width:.0f}%'></i></span>"
        f"<span class='share'>{_share(reader.right)}</span></li>"
    )


def _place(reader: Reader) -> str:
    if reader.finished:
        return SESSIONS["is_done"]
    if reader.left:
        return SESSIONS["has_left"]
    return SESSIONS["case_of"].format(n=reader.at + 1, total=reader.asked)


def pictures_view(shown: Shown, total: int) -> str:
    """Draw the scan, its truth, and the model's answer and map, for the projector."""
    label = shown.case.label
    head = SESSIONS["shown"].format(n=shown.position + 1, total=total)
    return (
        f"<section class='shown'><h2>{head}<span class='truth {label.lower()}'>"
        f"{SESSIONS['truth']}: {label}<small>{escape(FULL_NAMES[label])}</small></span></h2>"
        f"<div class='figures'>{_scan_figure(shown)}{_map_figure(shown)}</div>"
        f"{_model_line(shown)}</section>"
    )


def _scan_figure(shown: Shown) -> str:
    height, width = shown.scan.shape
    outline = ""
    if shown.mask is not None:
        outline = (
            f"<svg viewBox='0 0 {width} {height}' aria-hidden='true'>"
            f"<path d='{outline_path(shown.mask)}'/></svg>"
        )
    caption = SESSIONS["outline_caption" if outline else "scan_caption"]
    made = f" · {SESSIONS['synthetic']}" if shown.case.synthetic else ""
    return (
        f"<figure><div class='plane' style='aspect-ratio:{width}/{height}'>"
        f"<img src='{scan_uri(shown.scan)}' alt='{SESSIONS['scan_alt']}'>{outline}</div>"
        f"<figcaption>{caption}{made}</figcaption></figure>"
    )


def _map_figure(shown: Shown) -> str:
    if shown.prediction is None or shown.maps is None:
        return ""
    height, width = shown.scan.shape
    label = shown.prediction.label
    over = map_uri(shown.maps[LABELS.index(label)], "inferno", width / height)
    caption = SESSIONS["map_caption" if over else "map_none"].format(label=label)
    picture = f"<img class='over' src='{over}' alt=''>" if over else ""
    return (
        f"<figure><div class='plane' style='aspect-ratio:{width}/{height}'>"
        f"<img src='{scan_uri(shown.scan)}' alt='{SESSIONS['map_alt']}'>{picture}</div>"
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _model_line(shown: Shown) -> str:
    prediction = shown.prediction
    if prediction is None:
        told = SESSIONS["no_answer"].format(fault=shown.fault or "")
        return f"<p class='model note'>{escape(told)}</p>"
    chances = "".join(
        f"<span class='chance'>{_swatch(label)}{label} {prediction.of(label):.2f}</span>"
        for label in LABELS
    )
    warned = f"<p class='note'>{SESSIONS['trained_on']}</p>" if shown.trained_on else ""
    return (
        f"<p class='model'><strong>{SESSIONS['model_said']}: {prediction.label}</strong> {chances}"
        f"</p>{warned}"
    )


def said_view(line: CaseLine) -> str:
    """Draw what the class answered to a case."""
    total = sum(line.counts) + line.timed_out
    rows = [
        _bar(name, n, total, name == line.case.label)
        for name, n in zip((*LABELS, SESSIONS["ungradable"]), line.counts, strict=True)
    ]
    if line.timed_out:
        rows.append(_bar(SESSIONS["time_over"], line.timed_out, total, False))
    late = SESSIONS["too_late"].format(n=line.late) if line.late else ""
    return (
        f"<section class='said'><h3>{SESSIONS['class_said']}: {_share(line.right)} "
        f"{SESSIONS['right']}</h3><table>{''.join(rows)}</table>"
        f"<p class='note'>{late}</p>{_who(line)}</section>"
    )


def _bar(name: str, n: int, total: int, is_truth: bool) -> str:
    share = 100 * n / total if total else 0
    mark = " ✓" if is_truth else ""
    kind = name.lower() if name in COLUMNS else "ungradable"
    return (
        f"<tr class='{'is-truth' if is_truth else ''}'><th scope='row'>{name}{mark}</th>"
        f"<td class='bars'><i class='{kind}' style='width:{share:.0f}%'></i></td><td>{n}</td></tr>"
    )


def _who(line: CaseLine) -> str:
    groups: dict[str, list[str]] = {}
    for reading in line.readings:
        choice = reading.choice or SESSIONS["ungradable"]
        answered = SESSIONS["time_over"] if reading.timed_out else str(choice)
        after = f" ({SESSIONS['after']})" if reading.late else ""
        groups.setdefault(answered, []).append(reading.name + after)
    items = "".join(
        f"<li><strong>{answered}</strong>: {escape(', '.join(names))}</li>"
        for answered, names in sorted(groups.items())
    )
    return f"<details><summary>{SESSIONS['who']}</summary><ul>{items}</ul></details>"


def downloads_view(code: str, files: Mapping[str, str]) -> str:
    """Draw links that hold their files' text.

    Args:
        code: of the session; begins each file's name.
        files: text by file name, which ends in `.csv` or `.html`.
    """
    links = "".join(_download(code, name, text) for name, text in files.items())
    return f"<p class='downloads' aria-label='{SESSIONS['downloads']}'>{links}</p>"


def _download(code: str, name: str, text: str) -> str:
    kind = _KINDS[name[name.rindex(".") :]]
    data = base64.b64encode(text.encode()).decode()
    title = escape(SESSIONS.get(name, name))
    return (
        f"<a download='session-{escape(code)}-{escape(name)}' href='data:{kind};base64,{data}'>"
        f"{title}</a>"
    )


def _state(session: Session) -> str:
    if not session.is_open:
        return SESSIONS["has_ended"]
    return SESSIONS["is_paused" if session.paused_at else "is_open"]


def _share(figure: Figure) -> str:
    if figure.value is None:
        return f"<abbr title='{SESSIONS['no_figure']}'>–</abbr>"
    return f"<abbr title='{escape(_source(figure))}'>{100 * figure.value:.0f} %</abbr>"


def _with_interval(figure: Figure, signed: bool = False) -> str:
    if figure.value is None or figure.low is None or figure.high is None:
        return _share(figure)
    sign = "+" if signed else ""
    return (
        f"<abbr title='{escape(_source(figure))}'>{100 * figure.value:{sign}.0f} %</abbr> "
        f"<small>{100 * figure.low:{sign}.0f} … {100 * figure.high:{sign}.0f}</small>"
    )


def _plain(figure: Figure) -> str:
    """Return a figure that is no share, as a number with its interval."""
    if figure.value is None:
        return f"<abbr title='{SESSIONS['no_figure']}'>–</abbr>"
    interval = ""
    if figure.low is not None and figure.high is not None:
        interval = f" <small>{figure.low:.2f} … {figure.high:.2f}</small>"
    title = escape(f"n = {figure.n}, {figure.method}")
    return f"<abbr title='{title}'>{figure.value:.2f}</abbr>{interval}"


def _source(figure: Figure) -> str:
    return f"{figure}, n = {figure.n}, {figure.method}"


def _swatch(label: str) -> str:
    return f"<i class='swatch {str(label).lower()}'></i>"
