"""What the tab Evaluate does: orders evaluations, follows them, and shows what they found."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

from octtutor.core.diagnosis import LABELS
from octtutor.datasets.listing import write_listing
from octtutor.datasets.sources import open_source, scans_of
from octtutor.errors import BadInputError, ModelError
from octtutor.jobs.evaluating import EvaluationOrder, Evaluations, Ordered
from octtutor.jobs.state import CUT_OFF, DONE, FAILED, RUNNING, STOP, WAITING
from octtutor.model.explaining import DEFAULT_METHOD, find_method
from octtutor.model.gallery import Cell, Shown
from octtutor.model.inspection import Inspection, read_inspection
from octtutor.model.registry import check_files, find_in_use, list_models
from octtutor.stats.evaluation import Measures, measure
from octtutor.store.contract import Store
from octtutor.tutor.ports import Clock, Images
from octtutor.ui.evaluate_texts import EVALUATE, EVALUATION, STATES
from octtutor.ui.evaluate_views import (
    figure_parts,
    group_view,
    headline_view,
    notes_view,
    title,
)
from octtutor.ui.evaluation_report import evaluation_report_html
from octtutor.ui.scans import uploaded_file
from octtutor.ui.training_views import duration, share

Choices = list[tuple[str, str]]
PAGE = 12
"""Scans that are shown at first, and more at each press."""


@dataclass(frozen=True, slots=True)
class Form:
    """What the fields hold, as the page sends them."""

    model: Any = None
    deck: Any = None
    upload: Any = None
    path: Any = None
    method: Any = DEFAULT_METHOD
    corrupted: Any = False


@dataclass(frozen=True, slots=True)
class Now:
    """What the page shows of the evaluations at a moment; equal ones need not be sent again."""

    chosen: str | None
    choices: tuple[tuple[str, str], ...]
    told: str
    status: str
    can_stop: bool
    can_remove: bool
    is_busy: bool
    """Whether any evaluation is at work, so that looking again may tell more."""


@dataclass(frozen=True, slots=True)
class Looking:
    """Which scans are looked at: of a cell of the matrix, or all errors; and how many."""

    cell: Cell | None = None
    count: int = PAGE


class EvaluateHandlers:
    """The use cases of the tab. Values in, HTML out; knows no component."""

    def __init__(
        self,
        evaluations: Evaluations,
        store: Store,
        images: Images,
        folders: Sequence[Path],
        listings: Path,
        uploads: Path,
        clock: Clock,
        takes_paths: bool = False,
    ) -> None:
        """Take what the tab works with.

        Args:
            evaluations: the evaluations of this data home.
            store: the records: decks.
            images: the decks' scans.
            folders: where models are looked for.
            listings: where lists of decks' scans are written.
            uploads: the folder that uploads come in.
            clock: the time.
            takes_paths: whether folders of this machine may be named: only where nobody but the
                person at it can.
        """
        self._evaluations, self._store, self._images = evaluations, store, images
        self._folders, self._listings, self._uploads = tuple(folders), listings, uploads
        self._clock, self.takes_paths = clock, takes_paths

    def models(self) -> tuple[Choices, str | None]:
        """Return the models that can be used as (what is shown, name), and the one in use."""
        try:
            used = find_in_use(self._folders).folder.name
        except ModelError:
            used = None
        names = [entry.name for entry in list_models(self._folders) if entry.fault is None]
        shown = [EVALUATE["in_use"].format(name=n) if n == used else n for n in names]
        return list(zip(shown, names, strict=True)), used

    def decks(self) -> Choices:
        """Return the decks as (what is shown, name), and none first."""
        decks = [
            (
                EVALUATE["count"].format(
                    title=known.deck.title,
                    scans=sum(known.per_class.values()),
                    patients=known.patients,
                ),
                known.deck.name,
            )
            for known in self._store.summarise_decks()
        ]
        return [(EVALUATE["no_deck"], ""), *decks]

    def start(self, form: Form, by: str) -> str:
        """Start an evaluation and return its id.

        Raises:
            BadInputError: there are no scans, several sources, or a label is missing.
            BadArchiveError: an archive is damaged or unsafe.
            ModelError: the model is gone or damaged.
        """
        model = self._model(form.model)
        deck, path = str(form.deck or ""), str(form.path or "").strip()
        given = sum(map(bool, (deck, form.upload, path)))
        if given != 1:
            raise BadInputError(EVALUATE["two" if given else "no_scans"])
        find_method(str(form.method))
        order = EvaluationOrder(
            title="",
            model=str(model),
            data="",
            corrupted=form.corrupted is True,
            method=str(form.method),
            by=by,
        )
        if deck:
            data, name, synthetic = self._listing(deck)
            order = replace(order, title=name, data=str(data), synthetic=synthetic)
            return self._evaluations.start(order).id
        upload = None if path else uploaded_file(form.upload, self._uploads)
        source = upload or self._path(path)
        with open_source(source) as members:
            scans_of(members, source)  # what is wrong with it is said at once
        order = replace(order, title=source.name, data=str(source))
        return self._evaluations.start(order, upload).id

    def _model(self, name: Any) -> Path:
        known = {entry.name: entry.folder for entry in list_models(self._folders)}
        if str(name) not in known:
            raise ModelError(EVALUATE["no_model"].format(name=str(name)[:60]))
        check_files(known[str(name)])
        return known[str(name)]

    def _path(self, text: str) -> Path:
        if not self.takes_paths:
            raise BadInputError(EVALUATE["no_paths"])
        return Path(text).expanduser().absolute()

    def _listing(self, name: str) -> tuple[Path, str, bool]:
        """Write the list of a deck's scans; return its place, the deck's title and its kind."""
        deck = self._store.find_deck(name)
        cases = self._store.cases_of(name)
        if deck is None or not cases:
            raise BadInputError(EVALUATE["empty_deck"].format(name=name[:60]))
        rows = [
            {
                "sha256": case.sha256,
                "label": str(case.label),
                # an import without patients puts the name in its place
                "patient": case.patient if case.patient != case.name else "",
                "name": case.name,
                "file": str(self._images.place(case.sha256)),
            }
            for case in cases
        ]
        told = "\n".join(",".join(row.values()) for row in rows).encode()
        place = self._listings / f"evaluate-{hashlib.sha256(told).hexdigest()[:16]}.csv"
        if not place.exists():
            write_listing(place, rows)
        return place, deck.title, deck.synthetic

    def stop(self, chosen: Any) -> None:
        """Stop an evaluation; nothing of it is kept."""
        self._evaluations.stop(str(chosen or ""))

    def remove(self, chosen: Any) -> None:
        """Remove an evaluation that has ended."""
        self._evaluations.remove(str(chosen or ""))

    def now(self, chosen: Any) -> Now:
        """Return what the page shows of the evaluations.

        Args:
            chosen: the one that it shows; the newest where that is gone.
        """
        everything = self._evaluations.all()
        known = {one.id: one for one in everything}
        one = known.get(str(chosen)) or next(iter(everything), None)
        stopping = one is not None and (one.folder / STOP).exists()
        return Now(
            chosen=one.id if one else None,
            choices=tuple((_choice(each), each.id) for each in everything),
            told=_told(one, stopping),
            status=one.state.status if one else "",
            can_stop=one is not None and one.is_at_work and not stopping,
            can_remove=one is not None and not one.is_at_work,
            is_busy=any(each.is_at_work for each in everything),
        )

    def figures(self, chosen: Any) -> str:
        """Return all figures of an evaluation that is done; empty before that."""
        try:
            found = self._found(chosen)
        except BadInputError as error:
            return f"<div class='evaluation'><p class='bad'>{escape(str(error))}</p></div>"
        if found is None:
            return ""
        inspection, measures = found
        parts = figure_parts(inspection, measures, _link)
        sections = "".join(f"<h3>{head}</h3>{content}" for head, content in parts if content)
        return (
            f"<div class='evaluation'><h2>{escape(title(inspection.told))}</h2>"
            f"{notes_view(inspection)}{headline_view(measures)}{sections}</div>"
        )

    def scans(self, chosen: Any, looking: Looking) -> tuple[str, bool]:
        """Return scans of an evaluation with their maps, and whether there are more to show."""
        try:
            found = self._found(chosen)
            return self._scans(found[0], looking) if found else ("", False)
        except BadInputError as error:
            return f"<div class='evaluation'><p class='bad'>{escape(str(error))}</p></div>", False

    @staticmethod
    def _scans(inspection: Inspection, looking: Looking) -> tuple[str, bool]:
        cells = _errors(inspection) if looking.cell is None else [looking.cell]
        groups, left = [], looking.count
        for cell in cells:
            kept = [one for one in inspection.shown if one.cell == cell]
            groups.append(_group(inspection, cell, kept, left))
            left = max(0, left - len(kept))
        kept_in_all = sum(one.cell in cells for one in inspection.shown)
        body = "".join(groups) or f"<p>{EVALUATION['no_misses']}</p>"
        html = f"<div class='evaluation'>{_head(inspection, looking.cell)}{body}</div>"
        return html, kept_in_all > looking.count

    def report(self, chosen: Any) -> tuple[str, str]:
        """Return the report's file name and its HTML.

        Raises:
            BadInputError: the evaluation is not done, or gone.
        """
        inspection = read_inspection(self._evaluations.get(str(chosen or "")).folder)
        model = "".join(c if c.isalnum() or c in "-_" else "-" for c in inspection.told["model"])
        html = evaluation_report_html(inspection, self._clock())
        return EVALUATE["file"].format(model=model), html

    def _found(self, chosen: Any) -> tuple[Inspection, Measures] | None:
        """Read an evaluation that is done; None where it is not (yet), or is gone."""
        try:
            one = self._evaluations.get(str(chosen or ""))
        except BadInputError:
            return None
        return _read(one.folder) if one.is_done else None


@lru_cache(maxsize=2)  # measuring takes a second, and every click needs it
def _read(folder: Path) -> tuple[Inspection, Measures]:
    found = read_inspection(folder)
    return found, measure(found.truth, found.chances, found.patients)


def read_cell(sent: Any) -> Cell:
    """Return the cell that a click on the matrix named.

    Raises:
        BadInputError: there is none such.
    """
    text = str(sent.get("cell")) if isinstance(sent, dict) else ""
    cells = {f"{i}-{j}": (i, j) for i in range(len(LABELS)) for j in range(len(LABELS))}
    if text not in cells:
        raise BadInputError(
            f"Expected a number of the matrix. Received {text[:40]!r}. Reload the page."
        )
    return cells[text]


def _errors(found: Inspection) -> list[Cell]:
    """Return the cells with errors, the most frequent first."""
    counts = found.told["confusion"]
    span = range(len(LABELS))
    cells = [(i, j) for i in span for j in span if i != j and counts[i][j]]
    return sorted(cells, key=lambda cell: -counts[cell[0]][cell[1]])


def _group(found: Inspection, cell: Cell, kept: Sequence[Shown], most: int) -> str:
    shown = kept[:most]
    if not shown:
        return ""
    beyond = found.told["confusion"][cell[0]][cell[1]] - len(kept)
    said = EVALUATION["left_out_page"].format(n=beyond) if beyond else ""
    return group_view(found, cell, shown, said)


def _head(found: Inspection, cell: Cell | None) -> str:
    is_right = cell is not None and cell[0] == cell[1]
    heading = EVALUATION["right_scans" if is_right else "misses"]
    order = EVALUATION["right_order" if is_right else "wrong_order"]
    note = f"{order} {EVALUATION['maps_note'].format(**found.told)}"
    return f"<h3>{heading}</h3><p class='note'>{note}</p>"


def _link(cell: Cell, text: str, words: str) -> str:
    return f"<button type='button' data-cell='{cell[0]}-{cell[1]}' title='{words}'>{text}</button>"


def _choice(one: Ordered) -> str:
    return EVALUATE["choice"].format(
        title=one.order.title,
        model=Path(one.order.model).name,
        at=one.state.queued_at[:16].replace("T", " "),
        state=STATES.get(one.state.status, one.state.status),
    )


def _told(one: Ordered | None, stopping: bool) -> str:
    if one is None:
        return f"<div class='train'><p class='said'>{EVALUATE['none']}</p></div>"
    writers: dict[str, Callable[[], str]] = {
        WAITING: lambda: f"<p class='said'>{EVALUATE['waiting']}</p>",
        RUNNING: lambda: _progress(one, stopping),
        DONE: lambda: _outcome(one),
        FAILED: lambda: f"<p class='bad'>{escape(one.state.message)}</p>",
        CUT_OFF: lambda: f"<p class='bad'>{escape(one.state.message)}</p>",
    }
    body = writers[one.state.status]() if one.state.status in writers else ""
    return f"<div class='train' role='status'>{body}</div>"


def _progress(one: Ordered, stopping: bool) -> str:
    state = one.state
    words = [state.phase]
    if state.steps:
        words.append(f"{state.step:,} / {state.steps:,}")
    if state.scans_per_second:
        words.append(EVALUATE["pace"].format(pace=state.scans_per_second))
    if state.seconds_left is not None:
        words.append(EVALUATE["left"].format(time=duration(state.seconds_left)))
    if stopping:
        words.append(EVALUATE["stopping"])
    bar = f"<progress max='{max(state.steps, 1)}' value='{state.step}'></progress>"
    return f"<p class='phase'>{escape(' · '.join(words))}</p>{bar}"


def _outcome(one: Ordered) -> str:
    figures = one.state.outcome
    accuracy = share(figures.get("accuracy"), figures.get("accuracy_ci"))
    leaky = figures.get("leaky")
    word = f"<em class='leaky'>{EVALUATION['leaky']}</em> " if leaky else ""
    return (
        f"<p class='{'bad' if leaky else 'good'}'>{word}{EVALUATION['accuracy']} {accuracy}, "
        f"n = {figures.get('n')}, {figures.get('patients')} patients</p>"
    )
