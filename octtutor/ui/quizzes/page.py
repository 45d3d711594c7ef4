"""The educators' tab Quizzes: what there is, and a form that makes and edits quiz files."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import cv2
import gradio as gr
from markupsafe import Markup

from octtutor.core.case import Case
from octtutor.core.quizfile.writing import write_quiz
from octtutor.core.scheme import Scheme
from octtutor.core.tomlfile.fault import Fault
from octtutor.errors import BadInputError, BadScanError, StoreError
from octtutor.reports.citing import cited_html
from octtutor.reports.markup import library, paragraph
from octtutor.tutor.exams.quizzes import Listed, ObservedDifficulty, Quizzes, Resolved
from octtutor.tutor.ports import Images
from octtutor.ui.doors.doorkeeper import RequireEducator
from octtutor.ui.quizzes.form import (
    ANNOTATED,
    COUNTS,
    EXAM,
    PICKED,
    PLACE,
    PRACTICE,
    Layout,
    QuizForm,
    count_updates,
    counts_of,
    to_form,
)
from octtutor.ui.quizzes.texts import QUIZZES
from octtutor.ui.shared.educator_messages import or_educator_message
from octtutor.ui.shared.pictures import scan_uri

_HTML = library(__file__, "views.html.j2")
_OFFERED = 250
"""Scans of each class that can be picked from at once."""
_SHOWN = 60
"""Scans of a preview."""
_SIDE = 200
"""Width of a thumbnail, pixels."""
_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
Choices = list[tuple[str, str]]


class QuizzesHandlers:
    """What the tab's events do. Values in, values out; knows no component."""

    def __init__(self, quizzes: Quizzes, images: Images) -> None:
        """Take the use cases, and the scans on disk."""
        self._quizzes, self._images = quizzes, images

    def table(self) -> str:
        """Return the table of all quizzes with their state."""
        found = self._quizzes.all()
        return quizzes_table([(listed, self._quizzes.check_listed(listed)) for listed in found])

    def keys(self) -> Choices:
        """Return the quizzes that can be edited, for a list of choices."""
        found = self._quizzes.all()
        return [(f"{one.quiz.title} ({one.key})", one.key) for one in found if one.quiz]

    def decks(self, also: str = "") -> Choices:
        """Return the decks, for a list of choices; with one that may not be here (any more)."""
        found = {one.deck.name: one.deck.title for one in self._quizzes.decks()}
        named = found | {"": QUIZZES["any"]}
        named.setdefault(also, also)
        return [(title, name) for name, title in named.items()]

    def scheme_of(self, form: QuizForm) -> Scheme:
        """Return the scheme of the form's deck; where the deck is not here, that of the form.

        Raises:
            BadInputError: it is not at hand.
        """
        if isinstance(form.deck, str) and self._quizzes.find_deck(form.deck):
            return self._quizzes.scheme_of(form.deck)
        return self._quizzes.schemes.get(str(form.scheme))

    def pick(self, form: QuizForm) -> tuple[Choices, list[str]]:
        """Return the scans to pick from, and those that are picked of them.

        Raises:
            BadInputError: a class has too few such scans, or a number is none.
        """
        wanted = form.per_class(self.scheme_of(form).keys)
        annotated = ANNOTATED.get(str(form.annotated))
        found = self._quizzes.candidates(
            str(form.deck), str(form.order), annotated, form.whole_seed
        )
        for label, n in wanted.items():
            if (held := len(found.get(label, ()))) < n:
                raise BadInputError(QUIZZES["too_few"].format(wanted=n, label=label, held=held))
        offered = [one for pile in found.values() for one in pile[:_OFFERED]]
        picked = [case.sha256 for label, n in wanted.items() for case, _ in found[label][:n]]
        return [(_choice(*one), one[0].sha256) for one in offered], picked

    def preview(self, form: QuizForm) -> str:
        """Return the cases of the form's quiz as thumbnails.

        Raises:
            BadInputError: it is no quiz yet, or cannot be played here.
        """
        quiz = replace(form, key="preview", title="preview").to_quiz(self.scheme_of(form))
        resolved = self._quizzes.resolve(quiz)
        scheme = self._quizzes.scheme_of(resolved.deck)
        known = self._quizzes.difficulty(resolved.deck)
        shown = resolved.cases[:_SHOWN]
        figures = [
            _figure(n, case, known.get(case.sha256), self._thumbnail(case), scheme)
            for n, case in enumerate(shown, 1)
        ]
        cited = cited_html([self._quizzes.find_deck(resolved.deck)])
        return preview_view(resolved, figures, scheme.keys, cited)

    def save(self, form: QuizForm, replacing: bool) -> tuple[str, str]:
        """Save the form's quiz among the user's; return its key and what to say.

        Raises:
            BadInputError: it has faults, or the name is taken.
        """
        quiz = form.to_quiz(self.scheme_of(form))
        names = self._quizzes.names_of(quiz)
        self._quizzes.save(write_quiz(quiz, names), quiz.key, replacing=bool(replacing))
        faults = self._quizzes.check(quiz)
        state = QUIZZES["not_ready"].format(what=faults[0].what) if faults else QUIZZES["now_ready"]
        return quiz.key, f"{QUIZZES['saved'].format(key=quiz.key)} {state}"

    def load(self, key: Any) -> tuple[QuizForm, Choices, bool]:
        """Return a quiz as a form, its picked cases as choices, and whether it is an own one.

        Raises:
            BadInputError: there is no such quiz.
        """
        if not key:
            raise BadInputError(QUIZZES["nothing_chosen"])
        quiz = self._quizzes.find(str(key))
        listed = self._quizzes.find_listed(quiz.key)
        names = self._quizzes.names_of(quiz)
        choices = [(names.get(sha256) or sha256[:12], sha256) for sha256 in quiz.cases]
        form = to_form(quiz, self._quizzes.schemes.get(quiz.scheme))
        return form, choices, listed is not None and listed.is_own

    def remove(self, key: Any, is_sure: Any) -> str:
        """Remove an own quiz, and return what to say.

        Raises:
            BadInputError: it is no own one, or the educator has not agreed.
        """
        if not key:
            raise BadInputError(QUIZZES["nothing_chosen"])
        if is_sure is not True:
            raise BadInputError(QUIZZES["remove_unsure"])
        self._quizzes.remove(str(key))
        return QUIZZES["removed"].format(key=key)

    def _thumbnail(self, case: Case) -> str | None:
        try:
            scan = self._images.read(case.sha256)
        except (BadScanError, StoreError):
            return None
        height = max(1, round(scan.shape[0] * _SIDE / scan.shape[1]))
        return scan_uri(cv2.resize(scan, (_SIDE, height), interpolation=cv2.INTER_AREA))  # type: ignore[arg-type]


def _hardness(known: ObservedDifficulty | None) -> str:
    if known is None:
        return QUIZZES["not_answered"]
    return QUIZZES["answered"].format(wrong=round(known.wrong * 100), n=known.n)


def _choice(case: Case, known: ObservedDifficulty | None) -> str:
    """Return a scan's line in the list to pick from; an educator's page may name it."""
    marks = [QUIZZES["outlined"]] if case.mask_sha256 else []
    return " · ".join([str(case.label), case.name, _hardness(known), *marks])


def _figure(
    number: int, case: Case, known: ObservedDifficulty | None, uri: str | None, scheme: Scheme
) -> Markup:
    marks = [QUIZZES["synthetic"]] if case.synthetic else []
    facts = ", ".join([_hardness(known), *marks])
    alt = QUIZZES["alt"].format(n=number)
    named = case.label, scheme.get(case.label).colour, case.name
    return Markup(_HTML.figure(uri, alt, QUIZZES["lost"], *named, facts))


def preview_view(
    resolved: Resolved, figures: Sequence[Markup], keys: Sequence[str], cited: str = ""
) -> Markup:
    """Return the cases of a quiz as HTML: what they are, the first as figures, whose they are."""
    counted = Counter(case.label for case in resolved.cases)
    counts = ", ".join(f"{label} {counted[label]}" for label in keys)
    n = len(resolved.cases)
    line = QUIZZES["shown"].format(n=n, deck=resolved.deck, counts=counts)
    more = QUIZZES["more"].format(n=n - len(figures)) if n > len(figures) else ""
    return Markup(_HTML.preview(line, figures, more, Markup(cited)))


def quizzes_table(found: Sequence[tuple[Listed, Sequence[Fault]]]) -> Markup:
    """Return the quizzes as an HTML table, each with its state or its faults."""
    if not found:
        return paragraph(QUIZZES["none"])
    names = [QUIZZES[key] for key in ("quiz", "mode", "cases", "deck")]
    lines = [_table_line(listed, faults) for listed, faults in found]
    return Markup(_HTML.table(names, QUIZZES["state"], lines, QUIZZES["ready"]))


def _table_line(listed: Listed, faults: Sequence[Fault]) -> dict[str, Any]:
    quiz = listed.quiz
    mode = cases = deck = "–"
    origin = ["own" if listed.is_own else "shipped"]
    origin += ["withheld"] if quiz and not quiz.offered else []
    if quiz:
        mode = QUIZZES[EXAM if quiz.options.is_exam else PRACTICE]
        cases, deck = str(quiz.size), quiz.deck or QUIZZES["any"]
    return {
        "title": f"{quiz.title} ({listed.key})" if quiz else listed.key,
        "origin": ", ".join(QUIZZES[key] for key in origin),
        "cells": (mode, cases, deck),
        "faults": [
            QUIZZES["line"].format(line=fault.line, what=fault.what) if fault.line else fault.what
            for fault in faults
        ],
    }


def build_quizzes_tab(
    page: gr.Blocks,
    handlers: QuizzesHandlers,
    require: RequireEducator,
    below: Callable[[], None] = lambda: None,
) -> None:
    """Lay out the tab and connect it. Must be called inside the page's `gr.Tabs`.

    Args:
        page: the educators' page.
        handlers: what the events do.
        require: tells who is asking.
        below: lays out what else the tab holds.
    """
    with gr.Tab(QUIZZES["tab"], id="quizzes"):
        layout = Layout()
        below()
    _QuizzesTab(handlers, require).connect(page, layout)


class _QuizzesTab:
    """Connects the tab; every handler asks first who is asking."""

    def __init__(self, handlers: QuizzesHandlers, require: RequireEducator) -> None:
        self._do, self._require = handlers, require

    def connect(self, page: gr.Blocks, tab: Layout) -> None:
        form = tab.form
        lists = [tab.table, tab.chosen, form[PLACE["deck"]]]
        page.load(self.load, None, lists, **_QUIET)
        tab.pick.click(self.pick, form, [form[PLACE["how"]], form[PLACE["cases"]]], **_QUIET)
        tab.look.click(
            self.preview, form, tab.preview, show_progress_on=tab.preview, api_visibility="private"
        )
        of_deck = [form[PLACE[name]] for name in ("scheme", *COUNTS)]
        form[PLACE["deck"]].input(self.choose_deck, form, of_deck, **_QUIET)
        saved = [tab.said, tab.replacing, *lists]
        tab.save.click(self.save, [tab.replacing, *form], saved, **_QUIET)
        loaded = [tab.said, tab.preview, tab.replacing, *form]
        tab.edit.click(self.edit, tab.chosen, loaded, **_QUIET)
        removed = [tab.said, tab.sure, *lists]
        tab.remove.click(self.remove, [tab.chosen, tab.sure], removed, **_QUIET)

    def load(self, request: gr.Request) -> Any:
        return self._asked(request, self._lists)

    def pick(self, request: gr.Request, *values: Any) -> Any:
        choices, picked = self._asked(request, lambda: self._do.pick(QuizForm(*values)))
        return gr.update(value=PICKED), gr.update(choices=choices, value=picked)

    def choose_deck(self, request: gr.Request, *values: Any) -> Any:
        form = QuizForm(*values)
        scheme = self._asked(request, lambda: self._do.scheme_of(form))
        if scheme.name == form.scheme:
            return [gr.skip()] * (1 + len(COUNTS))
        return scheme.name, *count_updates(scheme, counts_of(scheme))

    def preview(self, request: gr.Request, *values: Any) -> Any:
        return self._asked(request, lambda: self._do.preview(QuizForm(*values)))

    def save(self, request: gr.Request, replacing: bool, *values: Any) -> Any:
        key, said = self._asked(request, lambda: self._do.save(QuizForm(*values), replacing))
        return _said(said), True, *self._lists(key)

    def edit(self, request: gr.Request, key: Any) -> Any:
        loaded, choices, is_own = self._asked(request, lambda: self._do.load(key))
        updates = [gr.update(value=getattr(loaded, field.name)) for field in fields(QuizForm)]
        scheme = self._do.scheme_of(loaded)
        first = PLACE[COUNTS[0]]
        counts = [getattr(loaded, name) for name in COUNTS]
        updates[first : first + len(COUNTS)] = count_updates(scheme, counts)
        updates[PLACE["cases"]] = gr.update(choices=choices, value=loaded.cases)
        decks = self._do.decks(loaded.deck)
        updates[PLACE["deck"]] = gr.update(choices=decks, value=loaded.deck)
        return "", "", is_own, *updates

    def remove(self, request: gr.Request, key: Any, is_sure: Any) -> Any:
        said = self._asked(request, lambda: self._do.remove(key, is_sure))
        return _said(said), False, *self._lists()

    def _asked(self, request: gr.Request, use: Callable[[], Any]) -> Any:
        return or_educator_message(lambda: (self._require(request), use())[1])

    def _lists(self, key: str | None = None) -> tuple[Any, ...]:
        keys = gr.update(choices=self._do.keys(), value=key)
        return self._do.table(), keys, gr.update(choices=self._do.decks())


def _said(text: str) -> Markup:
    return paragraph(text, is_status=True)
