"""The educators' tab Scans: what the decks hold, and an upload that adds to them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from octtutor.core.case import Deck, DeckSummary
from octtutor.core.scheme import OCT2017
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import BadInputError
from octtutor.reports.citing import cited_html
from octtutor.reports.markup import library, paragraph
from octtutor.tutor.decks.deck_contents import MOST_TITLE, DeckContents
from octtutor.tutor.decks.deck_import import Imported, deck_name_for
from octtutor.ui.doors.doorkeeper import RequireEducator
from octtutor.ui.scans.public_sets_page import PublicSetsHandlers, build_public_sets
from octtutor.ui.shared.educator_messages import or_educator_message
from octtutor.ui.shared.texts import SCANS
from octtutor.ui.shared.uploads import uploaded_file

_HTML = library(__file__, "views.html.j2")
KINDS = [".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz"]
_BAR = gr.Progress()
_NAMED = 20
"""Files that a report names; it counts the others."""


class ScansHandlers:
    """What the tab's events do. Values in, HTML out; knows no component."""

    def __init__(
        self,
        scans: DeckContents,
        uploads: Path,
        quizzes_naming: Callable[[str], Sequence[str]] = lambda deck: (),
    ) -> None:
        """Take the use cases, the folder that uploads come in, and what tells a deck's quizzes."""
        self._scans, self._uploads = scans, uploads
        self._quizzes_naming = quizzes_naming

    def decks(self) -> str:
        """Return the table of the decks."""
        return decks_table(self._scans.decks())

    def names(self) -> list[tuple[str, str]]:
        """Return (text, name) of each deck for the choice."""
        return [(_named(one.deck), one.deck.name) for one in self._scans.decks()]

    def offer(self, name: Any, offered: bool) -> str:
        """Offer a deck to trainees or withhold it; return what to say (for errors see `offer`)."""
        deck = self._scans.offer(_chosen(name), offered)
        return SCANS["now_offered" if offered else "now_withheld"].format(deck=_named(deck))

    def rename(self, name: Any, title: Any) -> str:
        """Give a deck another title; return what to say (for errors see `DeckContents.rename`)."""
        return SCANS["renamed"].format(deck=_named(self._scans.rename(_chosen(name), str(title))))

    def depends(self, name: Any) -> str:
        """Say what depends on a deck; nothing where none is chosen."""
        if not name:
            return ""
        uses, quizzes = self._scans.uses(str(name)), self._quizzes_naming(str(name))
        if not (uses.any or quizzes):
            return SCANS["nothing_depends"]
        return SCANS["depends"].format(
            attempts=uses.attempts,
            sessions=uses.sessions,
            projects=uses.projects,
            quizzes=len(quizzes),
        )

    def remove(self, name: Any, is_sure: Any) -> str:
        """Remove a deck; return what to say.

        Raises:
            BadInputError: the educator has not agreed, or see `DeckContents.remove`.
        """
        deck = _chosen(name)
        if is_sure is not True:
            raise BadInputError(SCANS["remove_unsure"])
        return SCANS["removed"].format(
            deck=deck, scans=self._scans.remove(deck, self._quizzes_naming(deck))
        )

    def schemes(self) -> list[tuple[str, str]]:
        """Return (text, name) of each scheme for the choice, the deck's own first."""
        named = [(f"{one.name}: {', '.join(one.keys)}", one.name) for one in self._scans.schemes()]
        return [(SCANS["deck_scheme"], ""), *named]

    def add(
        self,
        upload: Any,
        name: str,
        title: str,
        progress: Callable[[int, int], None] | None = None,
        scheme: Any = "",
        meanings: Any = "",
        skip_unknown: Any = False,
        offered: Any = False,
    ) -> str:
        """Import an uploaded file, remove it, and return the report.

        Args:
            upload: what Gradio's file component sends: {"path": …, "orig_name": …}.
            name: the deck's; of the file's name where it is empty.
            title: what trainees see; as it was where it is empty.
            progress: called with (done, total).
            scheme: whose words the labels are; empty: that of the deck, or oct2017.
            meanings: what other words mean, `MH=VID, FTMH=VID`.
            skip_unknown: whether scans of unknown words are left out, not refused.
            offered: whether trainees may choose the deck.

        Raises:
            BadInputError: there is no such upload, or it cannot be imported; the upload stays.
        """
        path = uploaded_file(upload, self._uploads)
        deck = str(name or "").strip() or deck_name_for(path)
        told = [pair for pair in str(meanings or "").split(",") if pair.strip()]
        done = self._scans.add(
            path,
            deck,
            str(title or "").strip()[:80] or None,
            progress,
            str(scheme or ""),
            told,
            skip_unknown is True,
            offered is True,
        )
        path.unlink(missing_ok=True)
        return import_report(done)


def _named(deck: Deck) -> str:
    return deck.title if deck.title == deck.name else f"{deck.title} ({deck.name})"


def _chosen(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise BadInputError(SCANS["none_chosen"])
    return name


def build_scans_tab(
    page: gr.Blocks,
    handlers: ScansHandlers,
    require: RequireEducator,
    public: PublicSetsHandlers,
) -> None:
    """Lay out the tab and connect it. Must be called inside the page's `gr.Tabs`."""

    def load(request: gr.Request) -> tuple[Any, ...]:
        or_educator_message(lambda: require(request))
        return (*lists(None), gr.update(choices=handlers.schemes()))

    def lists(chosen: Any) -> tuple[Any, ...]:
        return handlers.decks(), gr.update(choices=handlers.names(), value=chosen or None)

    def add(
        upload: Any,
        name: str,
        title: str,
        scheme: Any,
        meanings: Any,
        skip: Any,
        offer: Any,
        request: gr.Request,
        bar: gr.Progress = _BAR,
    ) -> tuple[Any, ...]:
        def show(done: int, total: int) -> None:
            if done % (total // 100 + 1) == 0 or done == total:
                bar((done, total), desc=SCANS["importing"], unit="scans")

        or_educator_message(lambda: require(request))
        report = or_educator_message(
            lambda: handlers.add(upload, name, title, show, scheme, meanings, skip, offer)
        )
        return report, *lists(None), None, "", "", "", "", False, False

    with gr.Tab(SCANS["tab"], id="scans"):
        gr.Markdown(f"### {SCANS['decks']}")
        decks = gr.HTML(elem_id="decks", apply_default_css=False)
        keeping = _KeepingFields()
        gr.Markdown(f"### {SCANS['add']}\n{SCANS['how']}")
        upload = gr.File(label=SCANS["file"], file_types=KINDS, elem_id="upload", height=150)
        with gr.Row():
            name = _line("name", 63)
            title = _line("people_see", 80)
        scheme, meanings, skip = _label_fields(handlers)
        offered = gr.Checkbox(
            label=SCANS["offer_it"], info=SCANS["offer_it_hint"], elem_id="deck-offer"
        )
        begin = gr.Button(SCANS["import"], variant="primary", elem_id="import")
        report = gr.HTML(elem_id="report", apply_default_css=False, min_height=80)
        build_public_sets(page, public, require, decks, handlers.decks)
    listed = [decks, keeping.deck]
    page.load(load, None, [*listed, scheme], show_progress="hidden", api_visibility="private")
    keeping.connect(handlers, require, lists, listed)
    # not preprocessed: Gradio would fetch a path that is a web address
    fields = [upload, name, title, scheme, meanings, skip, offered]
    begin.click(
        add,
        fields,
        [report, *listed, *fields],
        preprocess=False,
        show_progress_on=report,
        concurrency_id="import",
        concurrency_limit=1,
        api_visibility="private",
    )


def _button(name: str) -> gr.Button:
    return gr.Button(SCANS[name], elem_id=f"keep-{name}", min_width=140, scale=0)


class _KeepingFields:
    """What is done with a deck that is there: offered or withheld, renamed, removed."""

    def __init__(self) -> None:
        """Lay out the fields."""
        with gr.Row(elem_classes="keeping"):
            self.deck = gr.Dropdown([], label=SCANS["keep"], min_width=280, elem_id="keep-deck")
            self.offer = _button("offer")
            self.withhold = _button("withhold")
        with gr.Accordion(SCANS["more_of_deck"], open=False):
            with gr.Row():
                self.title = gr.Textbox(
                    label=SCANS["new_title"], max_length=MOST_TITLE, elem_id="keep-title"
                )
                self.rename = _button("rename")
            self.depends = gr.HTML(elem_id="keep-depends", apply_default_css=False)
            with gr.Row():
                self.sure = gr.Checkbox(label=SCANS["remove_sure"], elem_id="keep-sure")
                self.remove = _button("remove")
        self.said = gr.HTML(elem_id="keep-said", apply_default_css=False, min_height=30)

    def connect(
        self,
        handlers: ScansHandlers,
        require: RequireEducator,
        lists: Callable[[Any], tuple[Any, ...]],
        listed: list[Any],
    ) -> None:
        """Connect them; each event asks first who is asking."""

        def done(request: gr.Request, use: Callable[[], str], chosen: Any) -> tuple[Any, ...]:
            said = or_educator_message(lambda: (require(request), use())[1])
            return paragraph(said, is_status=True), *lists(chosen)

        def offer(deck: Any, request: gr.Request) -> Any:
            return done(request, lambda: handlers.offer(deck, True), deck)

        def withhold(deck: Any, request: gr.Request) -> Any:
            return done(request, lambda: handlers.offer(deck, False), deck)

        def rename(deck: Any, title: Any, request: gr.Request) -> Any:
            return (*done(request, lambda: handlers.rename(deck, title), deck), "")

        def remove(deck: Any, is_sure: Any, request: gr.Request) -> Any:
            return (*done(request, lambda: handlers.remove(deck, is_sure), None), False, "")

        def depends(deck: Any, request: gr.Request) -> str:
            or_educator_message(lambda: require(request))
            return paragraph(or_educator_message(lambda: handlers.depends(deck)))

        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        shown = [self.said, *listed]
        self.offer.click(offer, self.deck, shown, **quiet)
        self.withhold.click(withhold, self.deck, shown, **quiet)
        self.rename.click(rename, [self.deck, self.title], [*shown, self.title], **quiet)
        removed = [*shown, self.sure, self.depends]
        self.remove.click(remove, [self.deck, self.sure], removed, **quiet)
        self.deck.input(depends, self.deck, self.depends, **quiet)


def _label_fields(handlers: ScansHandlers) -> tuple[gr.Dropdown, gr.Textbox, gr.Checkbox]:
    """Lay out what says how labels are read: the scheme, what other words mean, what is skipped."""
    with gr.Row():
        scheme = gr.Dropdown(
            handlers.schemes(),
            value="",
            label=SCANS["labels_of"],
            info=SCANS["labels_of_hint"],
            min_width=280,
            elem_id="deck-scheme",
        )
        meanings = _line("meanings", 400)
        skip = gr.Checkbox(label=SCANS["skip"], min_width=280, elem_id="deck-skip")
    return scheme, meanings, skip


def _line(text: str, length: int) -> gr.Textbox:
    hint = SCANS[f"{text}_hint"]
    return gr.Textbox(
        label=SCANS[text], info=hint, max_length=length, min_width=280, elem_id=f"deck-{text}"
    )


def decks_table(decks: Sequence[DeckSummary]) -> Markup:
    """Return the decks as an HTML table: scans, scans of each class, patients."""
    if not decks:
        return paragraph(SCANS["none"])
    table = Markup(
        _HTML.decks(SCANS, OCT2017_SCHEME.keys, [_deck_line(summary) for summary in decks])
    )
    return table + cited_html(one.deck for one in decks)


def _deck_line(summary: DeckSummary) -> dict[str, Any]:
    deck = summary.deck
    marks = [SCANS["synthetic"]] if deck.synthetic else []
    marks += [] if deck.complete else [SCANS["unfinished"]]
    marks += [] if deck.offered else [SCANS["withheld"]]
    is_usual = deck.scheme.name == OCT2017.name
    said = deck.source or not is_usual
    marks += [SCANS["scheme"].format(name=deck.scheme.name)] if said else []
    marks += [] if is_usual else [f"{key} {n}" for key, n in summary.per_class.items()]
    counts = [summary.per_class.get(label, 0) if is_usual else "–" for label in OCT2017_SCHEME.keys]
    return {
        "name": _named(deck),
        "marks": ", ".join(marks),
        "numbers": (sum(summary.per_class.values()), *counts, summary.patients),
        "date": f"{deck.imported_at:%Y-%m-%d}",
    }


def import_report(done: Imported) -> Markup:
    """Return what an import did as HTML, with the files that were left out."""
    lines = [
        SCANS["done"].format(deck=done.deck, added=done.added, already=done.already),
        SCANS["now"].format(scans=sum(done.per_class.values()), patients=done.patients),
    ]
    left_out = [
        _left_out(SCANS[key], names)
        for key, names in (("unreadable", done.unreadable), ("conflicts", done.conflicts))
        if names
    ]
    return Markup(_HTML.imported(lines, left_out))


def _left_out(line: str, names: Sequence[str]) -> dict[str, Any]:
    more = SCANS["more"].format(n=len(names) - _NAMED) if len(names) > _NAMED else ""
    return {"title": line.format(n=len(names)), "names": names[:_NAMED], "more": more}
