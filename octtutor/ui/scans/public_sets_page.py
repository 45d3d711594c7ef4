"""Public sets in the educators' tab Scans: what there is, a button, and how far it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from markupsafe import Markup

from octtutor.datasets.public.fetching import PAUSED
from octtutor.datasets.public.registry import ZIP, PublicSet
from octtutor.errors import BadInputError
from octtutor.jobs.fetch_jobs import Fetches
from octtutor.jobs.state import CUT_OFF, DONE, FAILED, RUNNING, WAITING, State
from octtutor.reports.markup import library, paragraph
from octtutor.tutor.decks.public_sets import IMPORTING, PublicSets, SetOffer
from octtutor.ui.doors.doorkeeper import RequireEducator
from octtutor.ui.scans.public_sets_texts import PUBLIC
from octtutor.ui.shared.educator_messages import or_educator_message

_HTML = library(__file__, "public_sets.html.j2")
_EVERY = 2.0
"""Seconds between two looks at a fetch that is at work."""
# not preprocessed: another page may have other choices
_RAW: dict[str, Any] = {
    "preprocess": False,
    "show_progress": "hidden",
    "api_visibility": "private",
    "concurrency_id": "public-sets",
    "concurrency_limit": 4,
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What the part shows now."""

    table: str
    card: str
    chosen: str
    choices: tuple[tuple[str, str], ...]
    can_fetch: bool
    is_begun: bool
    """There are bytes of the chosen set here, so fetching goes on."""
    is_busy: bool
    """The chosen set is at work."""
    any_busy: bool


class PublicSetsHandlers:
    """What the part's events do. Values in, values out; knows no component."""

    def __init__(self, sets: PublicSets, fetches: Fetches) -> None:
        """Take the sets and what fetches them in processes of their own."""
        self._sets, self._fetches = sets, fetches

    def show(self, chosen: Any) -> Shown:
        """Show all sets, and one of them closer; the first where none is chosen.

        Raises:
            BadInputError: the registry has a fault.
        """
        offers = self._sets.all()
        states = {offer.row.name: self._fetches.state(offer.row.name) for offer in offers}
        offer = next((one for one in offers if one.row.name == chosen), offers[0])
        state = states[offer.row.name]
        busy = {name for name, one in states.items() if one.status in (WAITING, RUNNING)}
        return Shown(
            table=sets_table(offers, busy),
            card=set_card(offer.row, state),
            chosen=offer.row.name,
            choices=tuple((one.row.title, one.row.name) for one in offers),
            can_fetch=not offer.row.by_hand and offer.row.name not in busy,
            is_begun=offer.begun,
            is_busy=offer.row.name in busy,
            any_busy=bool(busy),
        )

    def start(self, chosen: Any) -> Shown:
        """Start to fetch a set, or go on.

        Raises:
            BadInputError: there is no such set, it is by hand, or it is at work already.
        """
        row = self._sets.get(str(chosen or ""))
        if row.by_hand:
            raise BadInputError(PUBLIC["not_from_here"].format(page=row.page))
        self._fetches.start(row.name)
        return self.show(chosen)

    def stop(self, chosen: Any) -> Shown:
        """Stop a fetch; what came is kept.

        Raises:
            BadInputError: there is no such set.
        """
        self._fetches.stop(self._sets.get(str(chosen or "")).name)
        return self.show(chosen)


def build_public_sets(
    page: gr.Blocks,
    handlers: PublicSetsHandlers,
    require: RequireEducator,
    decks: gr.HTML,
    list_decks: Callable[[], str],
) -> None:
    """Lay out the part and connect it. Must be called inside a `gr.Tab`.

    Args:
        page: the educators'.
        handlers: what the events do.
        require: refuses whoever is no educator.
        decks: shows the decks; it is renewed when a fetch ends.
        list_decks: what it then shows.
    """
    gr.Markdown(f"### {PUBLIC['head']}\n{PUBLIC['how']}")
    table = gr.HTML(elem_id="public-sets", apply_default_css=False)
    with gr.Row():
        which = gr.Dropdown([], label=PUBLIC["choose"], elem_id="public-set", min_width=280)
        fetch = gr.Button(PUBLIC["fetch"], variant="primary", elem_id="public-fetch", scale=0)
        stop = gr.Button(PUBLIC["stop"], visible=False, elem_id="public-stop", scale=0)
    card = gr.HTML(elem_id="public-card", apply_default_css=False, min_height=120)
    timer = gr.Timer(_EVERY, active=False)
    shown = [table, card, which, fetch, stop, timer, decks]

    def event(use: Callable[[Any], Shown]) -> Callable[..., tuple[Any, ...]]:
        def handle(chosen: Any, request: gr.Request) -> tuple[Any, ...]:
            now: Shown = or_educator_message(lambda: (require(request), use(chosen))[1])
            return (*_values(now), gr.skip() if now.any_busy else list_decks())

        return handle

    page.load(event(handlers.show), which, shown, **_RAW)
    timer.tick(event(handlers.show), which, shown, **_RAW)
    which.input(event(handlers.show), which, shown, **_RAW)
    fetch.click(event(handlers.start), which, shown, **_RAW)
    stop.click(event(handlers.stop), which, shown, **_RAW)


def _values(now: Shown) -> tuple[Any, ...]:
    return (
        now.table,
        now.card,
        gr.update(choices=list(now.choices), value=now.chosen),
        gr.update(value=PUBLIC["go_on" if now.is_begun else "fetch"], interactive=now.can_fetch),
        gr.update(visible=now.is_busy),
        gr.Timer(active=now.any_busy),
    )


def sets_table(offers: Sequence[SetOffer], busy: set[str]) -> Markup:
    """Draw all sets as a table: scans, what travels, licence, what is here."""
    names = [PUBLIC[key] for key in ("title", "scans", "travels", "licence", "state")]
    return Markup(_HTML.sets(names, [_cells(offer, offer.row.name in busy) for offer in offers]))


def _cells(offer: SetOffer, is_busy: bool) -> tuple[str, ...]:
    row = offer.row
    if is_busy:
        state = PUBLIC["at_work"]
    elif offer.deck is not None:
        count = sum(offer.deck.per_class.values())
        state = PUBLIC["deck"].format(name=offer.deck.deck.name, n=count)
    elif offer.begun:
        state = PUBLIC["begun"]
    else:
        state = PUBLIC["by_hand" if row.by_hand else "not_here"]
    travels = size(row.wanted if row.form == ZIP else row.size)
    name = _HTML.name(row.title, row.name)
    return name, f"{row.scans:,}", travels, row.licence.name, state


def set_card(row: PublicSet, state: State) -> Markup:
    """Draw a set: whose it is, what one may do with it, what travels, how far it is."""
    kind = "hand" if row.by_hand else "zip" if row.form == ZIP else "tar"
    whole = ("about " if row.about else "") + size(row.size)
    travels = PUBLIC[kind].format(scans=row.scans, wanted=size(row.wanted), size=whole)
    known = PUBLIC["known"].format(date=row.known) if row.address else ""
    scheme = PUBLIC["scheme"].format(name=row.scheme)
    whose = PUBLIC["whose"].format(authors=row.authors, citation=row.citation, doi=row.doi)
    may = PUBLIC["may"].format(
        name=row.licence.name, text=row.licence.text, stands=row.licence.stands
    )
    links = ((row.page, PUBLIC["page"]), (row.licence.url, row.licence.name))
    return Markup(
        _HTML.card(
            whose,
            may,
            [(to, said) for to, said in links if to],
            " ".join(filter(None, (travels, scheme, row.note, known))),
            _progress(state),
        )
    )


def _progress(state: State) -> Markup:
    """Draw how far a fetch is, or how it ended."""
    if state.status in (WAITING, RUNNING):
        if not state.steps:
            return paragraph(PUBLIC["waiting"], is_status=True)
        count = "{:,}".format if state.phase in (IMPORTING, PAUSED) else size
        seconds = state.seconds_left
        left = PUBLIC["left"].format(time=_time(seconds)) if seconds is not None else ""
        line = PUBLIC["working"].format(
            part=state.phase, done=count(state.step), total=count(state.steps), left=left
        )
        return Markup(_HTML.working(state.step, state.steps, state.phase, line))
    if state.status in (FAILED, CUT_OFF):
        return Markup(_HTML.failed(PUBLIC["failed"].format(why=state.message)))
    return Markup(_HTML.done(_done(state.outcome)) if state.status == DONE else "")


def _done(outcome: dict[str, Any]) -> list[str]:
    lines = [
        PUBLIC["done"].format(
            received=size(outcome.get("received_bytes", 0)),
            archive=size(outcome.get("archive_bytes", 0)),
            added=outcome.get("added", 0),
            deck=outcome.get("deck", ""),
        )
    ]
    if left := outcome.get("left_out"):
        what = ", ".join(f"{label} {n}" for label, n in sorted(left.items()))
        lines.append(PUBLIC["left_out"].format(what=what))
    counts = {
        "missing": outcome.get("missing", 0),
        "wrong": len(outcome.get("wrong", ())),
        "unreadable": outcome.get("unreadable", 0),
    }
    return lines + [PUBLIC[key].format(n=n) for key, n in counts.items() if n]


def size(count: int) -> str:
    """Return bytes in words: `70 MB`."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= least:
            return f"{count / least:.1f} {unit}"
    return f"{count} B"


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
