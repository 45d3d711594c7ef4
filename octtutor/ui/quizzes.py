"""The educators' tab Quizzes: what there is, and a form that makes and edits quiz files."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from html import escape
from typing import Any

import cv2
import gradio as gr

from octtutor.core.case import Case
from octtutor.core.diagnosis import LABELS
from octtutor.core.quizfile import Fault, write_quiz
from octtutor.errors import BadInputError, BadScanError, StoreError
from octtutor.tutor.ports import Images
from octtutor.tutor.quizzes import Difficulty, Listed, Quizzes, Resolved
from octtutor.ui.doorkeeper import RequireEducator
from octtutor.ui.educator import told
from octtutor.ui.pictures import scan_uri
from octtutor.ui.quizzes_form import (
    ANNOTATED,
    EXAM,
    PICKED,
    PLACE,
    PRACTICE,
    Form,
    Layout,
    to_form,
)
from octtutor.ui.quizzes_texts import QUIZZES

_OFFERED = 250
"""Scans of each class that can be picked from at once."""
_SHOWN = 60
"""Scans of a preview."""
_SIDE = 200
"""Width of a thumbnail, pixels."""
_GRID = "display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:0.7rem"
_LEFT = "white-space:normal;text-align:left"
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

    def pick(self, form: Form) -> tuple[Choices, list[str]]:
        """Return the scans to pick from, and those that are picked of them.

        Raises:
            BadInputError: a class has too few such scans, or a number is none.
        """
        wanted = form.per_class
        annotated = ANNOTATED.get(str(form.annotated))
        found = self._quizzes.candidates(
            str(form.deck), str(form.order), annotated, form.whole_seed
        )
        for label, n in wanted.items():
            if len(found[label]) < n:
                held = len(found[label])
                raise BadInputError(QUIZZES["too_few"].format(wanted=n, label=label, held=held))
        offered = [one for pile in found.values() for one in pile[:_OFFERED]]
        picked = [case.sha256 for label, n in wanted.items() for case, _ in found[label][:n]]
        return [(_choice(*one), one[0].sha256) for one in offered], picked

    def preview(self, form: Form) -> str:
        """Return the cases of the form's quiz as thumbnails.

        Raises:
            BadInputError: it is no quiz yet, or cannot be played here.
        """
        quiz = replace(form, key="preview", title="preview").to_quiz()
        resolved = self._quizzes.resolve(quiz)
        known = self._quizzes.difficulty(resolved.deck)
        shown = resolved.cases[:_SHOWN]
        figures = [
            _figure(n, case, known.get(case.sha256), self._thumbnail(case))
            for n, case in enumerate(shown, 1)
        ]
        return preview_view(resolved, figures)

    def save(self, form: Form, replacing: bool) -> tuple[str, str]:
        """Save the form's quiz among the user's; return its key and what to say.

        Raises:
            BadInputError: it has faults, or the name is taken.
        """
        quiz = form.to_quiz()
        names = self._quizzes.names_of(quiz)
        self._quizzes.save(write_quiz(quiz, names), quiz.key, replacing=bool(replacing))
        faults = self._quizzes.check(quiz)
        state = QUIZZES["not_ready"].format(what=faults[0].what) if faults else QUIZZES["now_ready"]
        return quiz.key, f"{QUIZZES['saved'].format(key=quiz.key)} {state}"

    def load(self, key: Any) -> tuple[Form, Choices, bool]:
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
        return to_form(quiz), choices, listed is not None and listed.is_own

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


def _hardness(known: Difficulty | None) -> str:
    if known is None:
        return QUIZZES["not_answered"]
    return QUIZZES["answered"].format(wrong=round(known.wrong * 100), n=known.n)


def _choice(case: Case, known: Difficulty | None) -> str:
    """Return a scan's line in the list to pick from; an educator's page may name it."""
    marks = [QUIZZES["outlined"]] if case.mask_sha256 else []
    return " · ".join([str(case.label), case.name, _hardness(known), *marks])


def _figure(number: int, case: Case, known: Difficulty | None, uri: str | None) -> str:
    marks = [QUIZZES["synthetic"]] if case.synthetic else []
    facts = ", ".join([_hardness(known), *marks])
    alt = QUIZZES["alt"].format(n=number)
    picture = f"<img src='{uri}' alt='{alt}' style='width:100%'>" if uri else QUIZZES["lost"]
    return (
        f"<figure style='margin:0'>{picture}<figcaption>"
        f"<i class='swatch {case.label.lower()}'></i>{case.label} "
        f"<small>{escape(case.name)}<br>{facts}</small></figcaption></figure>"
    )


def preview_view(resolved: Resolved, figures: Sequence[str]) -> str:
    """Return the cases of a quiz as HTML: what they are, and the first of them as figures."""
    counted = Counter(case.label for case in resolved.cases)
    counts = ", ".join(f"{label} {counted[label]}" for label in LABELS)
    n = len(resolved.cases)
    line = QUIZZES["shown"].format(n=n, deck=escape(resolved.deck), counts=counts)
    more = f"<p>{QUIZZES['more'].format(n=n - len(figures))}</p>" if n > len(figures) else ""
    return (
        f"<div class='decks'><p role='status'>{line}</p>"
        f"<div style='{_GRID}'>{''.join(figures)}</div>{more}</div>"
    )


def quizzes_table(found: Sequence[tuple[Listed, Sequence[Fault]]]) -> str:
    """Return the quizzes as an HTML table, each with its state or its faults."""
    if not found:
        return f"<p>{QUIZZES['none']}</p>"
    columns = ("quiz", "mode", "cases", "deck")
    head = "".join(f"<th scope='col'>{QUIZZES[key]}</th>" for key in columns)
    head += f"<th scope='col' style='{_LEFT}'>{QUIZZES['state']}</th>"
    body = "".join(_row(listed, faults) for listed, faults in found)
    return (
        f"<div class='decks'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        "</div>"
    )


def _row(listed: Listed, faults: Sequence[Fault]) -> str:
    quiz = listed.quiz
    mode = cases = deck = "–"
    if quiz:
        mode = QUIZZES[EXAM if quiz.options.is_exam else PRACTICE]
        cases, deck = str(quiz.size), escape(quiz.deck or QUIZZES["any"])
    title = escape(f"{quiz.title} ({listed.key})" if quiz else listed.key)
    origin = QUIZZES["own" if listed.is_own else "shipped"]
    state = "<br>".join(
        escape(QUIZZES["line"].format(line=f.line, what=f.what) if f.line else f.what)
        for f in faults
    )
    return (
        f"<tr><th scope='row'>{title}<small>{origin}</small></th><td>{mode}</td><td>{cases}</td>"
        f"<td>{deck}</td><td style='{_LEFT}'>{state or QUIZZES['ready']}</td></tr>"
    )


def build_quizzes_tab(page: gr.Blocks, handlers: QuizzesHandlers, require: RequireEducator) -> None:
    """Lay out the tab and connect it. Must be called inside the page's `gr.Tabs`."""
    with gr.Tab(QUIZZES["tab"], id="quizzes"):
        layout = Layout()
    _Room(handlers, require).connect(page, layout)


class _Room:
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
        saved = [tab.said, tab.replacing, *lists]
        tab.save.click(self.save, [tab.replacing, *form], saved, **_QUIET)
        loaded = [tab.said, tab.preview, tab.replacing, *form]
        tab.edit.click(self.edit, tab.chosen, loaded, **_QUIET)
        removed = [tab.said, tab.sure, *lists]
        tab.remove.click(self.remove, [tab.chosen, tab.sure], removed, **_QUIET)

    def load(self, request: gr.Request) -> Any:
        return self._asked(request, self._lists)

    def pick(self, request: gr.Request, *values: Any) -> Any:
        choices, picked = self._asked(request, lambda: self._do.pick(Form(*values)))
        return gr.update(value=PICKED), gr.update(choices=choices, value=picked)

    def preview(self, request: gr.Request, *values: Any) -> Any:
        return self._asked(request, lambda: self._do.preview(Form(*values)))

    def save(self, request: gr.Request, replacing: bool, *values: Any) -> Any:
        key, said = self._asked(request, lambda: self._do.save(Form(*values), replacing))
        return _said(said), True, *self._lists(key)

    def edit(self, request: gr.Request, key: Any) -> Any:
        loaded, choices, is_own = self._asked(request, lambda: self._do.load(key))
        updates = [gr.update(value=getattr(loaded, field.name)) for field in fields(Form)]
        updates[PLACE["cases"]] = gr.update(choices=choices, value=loaded.cases)
        decks = self._do.decks(loaded.deck)
        updates[PLACE["deck"]] = gr.update(choices=decks, value=loaded.deck)
        return "", "", is_own, *updates

    def remove(self, request: gr.Request, key: Any, is_sure: Any) -> Any:
        said = self._asked(request, lambda: self._do.remove(key, is_sure))
        return _said(said), False, *self._lists()

    def _asked(self, request: gr.Request, use: Callable[[], Any]) -> Any:
        return told(lambda: (self._require(request), use())[1])

    def _lists(self, key: str | None = None) -> tuple[Any, ...]:
        keys = gr.update(choices=self._do.keys(), value=key)
        return self._do.table(), keys, gr.update(choices=self._do.decks())


def _said(text: str) -> str:
    return f"<p role='status'>{escape(text)}</p>"
