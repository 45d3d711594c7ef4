"""What the tab Evaluate does: orders evaluations, follows them, and shows what they found."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

from octtutor.core.scheme import MOST, Scheme, SchemeVersion
from octtutor.datasets.listing import write_listing
from octtutor.datasets.schemes.naming import open_naming
from octtutor.datasets.schemes.scheme_registry import SHIPPED, Schemes
from octtutor.datasets.sources import open_source
from octtutor.errors import BadInputError, ModelError
from octtutor.jobs.evaluating import EvaluationOrder, Evaluations, Ordered
from octtutor.jobs.state import CUT_OFF, DONE, FAILED, RUNNING, STOP, WAITING
from octtutor.model.explain.methods import DEFAULT_METHOD, find_method
from octtutor.model.measure.gallery import Cell, GalleryScan
from octtutor.model.measure.inspection import Inspection, read_inspection
from octtutor.model.measure.mapped_truth import MappedTruth, scheme_of_card
from octtutor.model.network.card import read_card
from octtutor.model.serve.model_registry import check_files, find_in_use, list_models
from octtutor.reports.citing import cited_html
from octtutor.reports.evaluation_report import evaluation_report_html
from octtutor.reports.evaluation_tables import (
    box,
    button,
    evaluation_view,
    group_view,
    outcome_view,
    scans_head,
)
from octtutor.reports.evaluation_texts import EVALUATION
from octtutor.reports.markup import joined, paragraph
from octtutor.stats.network_figures import Measures, measure
from octtutor.store.contract import Store
from octtutor.tutor.decks.deck_schemes import scheme_of
from octtutor.tutor.ports import Clock, Images
from octtutor.ui.evaluate.texts import EVALUATE, STATES
from octtutor.ui.shared.run_views import box as run_box
from octtutor.ui.shared.run_views import progress_view
from octtutor.ui.shared.uploads import uploaded_file
from octtutor.ui.shared.wording import duration, share

Choices = list[tuple[str, str]]
PAGE = 12
"""Scans that are shown at first, and more at each press."""


@dataclass(frozen=True, slots=True)
class EvaluationForm:
    """What the fields hold, as the page sends them."""

    model: Any = None
    deck: Any = None
    upload: Any = None
    path: Any = None
    method: Any = DEFAULT_METHOD
    corrupted: Any = False
    scheme: Any = None
    """Whose words the labels are; empty: those of the deck, or of the model."""


@dataclass(frozen=True, slots=True)
class EvaluationsNow:
    """What the page shows of the evaluations at a moment; equal ones need not be sent again."""

    chosen: str | None
    choices: tuple[tuple[str, str], ...]
    message: str
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
        schemes: Schemes = SHIPPED,
        own_schemes: Path | None = None,
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
            schemes: the lists of diagnoses at hand.
            own_schemes: the folder of one's own, for the processes that measure.
        """
        self._evaluations, self._store, self._images = evaluations, store, images
        self._folders, self._listings, self._uploads = tuple(folders), listings, uploads
        self._clock, self.takes_paths = clock, takes_paths
        self._schemes, self._own_schemes = schemes, own_schemes

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

    def start(self, form: EvaluationForm, by: str) -> str:
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
            schemes=str(self._own_schemes or ""),
        )
        if deck:
            data, name, synthetic = self._listing(deck)
            scheme = self._scheme_for(model, deck)
            self._truths(model, scheme)  # without a mapping it is refused at once
            order = replace(order, title=name, data=str(data), synthetic=synthetic, deck=deck)
            order = replace(order, scheme=scheme)
            return self._evaluations.start(order).id
        upload = None if path else uploaded_file(form.upload, self._uploads)
        source = upload or self._path(path)
        scheme = str(form.scheme or "")
        mapped = self._truths(model, scheme)
        with open_source(source) as members:
            mapped.scans(members, source)  # what is wrong with it is said at once
        order = replace(order, title=source.name, data=str(source), scheme=scheme)
        return self._evaluations.start(order, upload).id

    def schemes(self) -> Choices:
        """Return the lists of diagnoses as (what is shown, name), and the model's own first."""
        named = [(one.name, one.name) for one in self._schemes.all() if one.scheme]
        return [(EVALUATE["own_scheme"], ""), *named]

    def _scheme_for(self, model: Path, deck: str) -> str:
        """Return whose words a deck's labels are; empty where they are the model's own."""
        scheme = scheme_of(self._store, deck)
        return "" if scheme == read_card(model).scheme else scheme.name

    def _truths(self, model: Path, scheme: str) -> MappedTruth:
        naming = open_naming(self._schemes, scheme)
        return MappedTruth(naming, scheme_of_card(read_card(model), self._schemes))

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
        table = "\n".join(",".join(row.values()) for row in rows).encode()
        place = self._listings / f"evaluate-{hashlib.sha256(table).hexdigest()[:16]}.csv"
        if not place.exists():
            write_listing(place, rows)
        return place, deck.title, deck.synthetic

    def stop(self, chosen: Any) -> None:
        """Stop an evaluation; nothing of it is kept."""
        self._evaluations.stop(str(chosen or ""))

    def remove(self, chosen: Any) -> None:
        """Remove an evaluation that has ended."""
        self._evaluations.remove(str(chosen or ""))

    def now(self, chosen: Any) -> EvaluationsNow:
        """Return what the page shows of the evaluations.

        Args:
            chosen: the one that it shows; the newest where that is gone.
        """
        everything = self._evaluations.all()
        known = {one.id: one for one in everything}
        one = known.get(str(chosen)) or next(iter(everything), None)
        stopping = one is not None and (one.folder / STOP).exists()
        return EvaluationsNow(
            chosen=one.id if one else None,
            choices=tuple((_choice(each), each.id) for each in everything),
            message=_state_box(one, stopping),
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
            return box(paragraph(str(error), "bad"))
        if found is None:
            return ""
        return evaluation_view(*found, button) + self._cited(self._evaluations.get(str(chosen)))

    def scans(self, chosen: Any, looking: Looking) -> tuple[str, bool]:
        """Return scans of an evaluation with their maps, and whether there are more to show."""
        try:
            found = self._found(chosen)
            return self._scans(found[0], looking) if found else ("", False)
        except BadInputError as error:
            return box(paragraph(str(error), "bad")), False

    @staticmethod
    def _scans(inspection: Inspection, looking: Looking) -> tuple[str, bool]:
        if looking.cell and max(looking.cell) >= len(inspection.labels):
            raise _no_cell("-".join(map(str, looking.cell)))
        cells = _errors(inspection) if looking.cell is None else [looking.cell]
        groups, left = [], looking.count
        for cell in cells:
            kept = [one for one in inspection.shown if one.cell == cell]
            groups.append(_group(inspection, cell, kept, left))
            left = max(0, left - len(kept))
        kept_in_all = sum(one.cell in cells for one in inspection.shown)
        body = joined(groups) or paragraph(EVALUATION["no_misses"])
        html = box(_head(inspection, looking.cell) + body)
        return html, kept_in_all > looking.count

    def report(self, chosen: Any) -> tuple[str, str]:
        """Return the report's file name and its HTML.

        Raises:
            BadInputError: the evaluation is not done, or gone.
        """
        one = self._evaluations.get(str(chosen or ""))
        inspection = read_inspection(one.folder)
        model = "".join(c if c.isalnum() or c in "-_" else "-" for c in inspection.figures["model"])
        html = evaluation_report_html(inspection, self._clock(), self._cited(one), self._schemes)
        return EVALUATE["file"].format(model=model), html

    def _cited(self, one: Ordered) -> Markup:
        return cited_html([self._store.find_deck(one.order.deck)])

    def _found(self, chosen: Any) -> tuple[Inspection, Measures] | None:
        """Read an evaluation that is done; None where it is not (yet), or is gone."""
        try:
            one = self._evaluations.get(str(chosen or ""))
        except BadInputError:
            return None
        if not one.is_done:
            return None
        return _read(one.folder, self._schemes.of(_scheme_in(one.folder)))


@lru_cache(maxsize=8)
def _scheme_in(folder: Path) -> SchemeVersion:
    return read_inspection(folder).scheme


@lru_cache(maxsize=2)  # measuring takes a second, and every click needs it
def _read(folder: Path, scheme: Scheme) -> tuple[Inspection, Measures]:
    found = read_inspection(folder)
    return found, measure(found.truth, found.chances, found.patients, scheme)


def read_cell(sent: Any) -> Cell:
    """Return the cell that a click on the matrix named.

    Raises:
        BadInputError: there is none such.
    """
    text = str(sent.get("cell")) if isinstance(sent, dict) else ""
    span = range(MOST)
    cells = {f"{i}-{j}": (i, j) for i in span for j in span}
    if text not in cells:
        raise _no_cell(text)
    return cells[text]


def _no_cell(text: str) -> BadInputError:
    return BadInputError(
        f"Expected a number of the matrix. Received {text[:40]!r}. Reload the page."
    )


def _errors(found: Inspection) -> list[Cell]:
    """Return the cells with errors, the most frequent first."""
    counts = found.figures["confusion"]
    span = range(len(found.labels))
    cells = [(i, j) for i in span for j in span if i != j and counts[i][j]]
    return sorted(cells, key=lambda cell: -counts[cell[0]][cell[1]])


def _group(found: Inspection, cell: Cell, kept: Sequence[GalleryScan], most: int) -> Markup:
    shown = kept[:most]
    if not shown:
        return Markup()
    beyond = found.figures["confusion"][cell[0]][cell[1]] - len(kept)
    said = EVALUATION["left_out_page"].format(n=beyond) if beyond else ""
    return group_view(found, cell, shown, said)


def _head(found: Inspection, cell: Cell | None) -> str:
    is_right = cell is not None and cell[0] == cell[1]
    heading = EVALUATION["right_scans" if is_right else "misses"]
    order = EVALUATION["right_order" if is_right else "wrong_order"]
    note = f"{order} {EVALUATION['maps_note'].format(**found.figures)}"
    return scans_head(heading, note)


def _choice(one: Ordered) -> str:
    return EVALUATE["choice"].format(
        title=one.order.title,
        model=Path(one.order.model).name,
        at=one.state.queued_at[:16].replace("T", " "),
        state=STATES.get(one.state.status, one.state.status),
    )


def _state_box(one: Ordered | None, stopping: bool) -> Markup:
    if one is None:
        return run_box(paragraph(EVALUATE["none"], "said"))
    writers: dict[str, Callable[[], Markup]] = {
        WAITING: lambda: paragraph(EVALUATE["waiting"], "said"),
        RUNNING: lambda: _progress(one, stopping),
        DONE: lambda: _outcome(one),
        FAILED: lambda: paragraph(one.state.message, "bad"),
        CUT_OFF: lambda: paragraph(one.state.message, "bad"),
    }
    body = writers[one.state.status]() if one.state.status in writers else ""
    return run_box(body, is_status=True)


def _progress(one: Ordered, stopping: bool) -> Markup:
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
    return progress_view(words, state.step, state.steps)


def _outcome(one: Ordered) -> Markup:
    figures = one.state.outcome
    accuracy = share(figures.get("accuracy"), figures.get("accuracy_ci"))
    counted = f"n = {figures.get('n')}, {figures.get('patients')} patients"
    leaky = EVALUATION["leaky"] if figures.get("leaky") else ""
    said = f"{EVALUATION['accuracy']} {accuracy}, {counted}"
    return outcome_view("bad" if leaky else "good", leaky, said)
