"""The tab Progress: what is due, how the reading changed, and the trainee's own data."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr
import plotly.graph_objects as go
from markupsafe import Markup

from octtutor.errors import BadInputError, OctTutorError
from octtutor.reports.citing import cited_html
from octtutor.reports.markup import joined, library, paragraph
from octtutor.reports.progress_plots import (
    calibration_plot,
    confusion_over_time,
    detection_plot,
    exams_plot,
    learning_curve,
    per_class_plot,
    response_times_plot,
    second_looks_plot,
    weighted_error_plot,
)
from octtutor.reports.progress_tables import (
    calibration_words,
    class_table,
    confusion_tables,
    due_table,
    due_words,
    exam_table,
    hovered,
    left_out_words,
    second_look_words,
)
from octtutor.reports.progress_texts import PROGRESS
from octtutor.reports.report import training_words
from octtutor.tutor.ports import Clock
from octtutor.tutor.progress.progress import Progress, TrainedOn
from octtutor.tutor.progress.trainee_records import Records
from octtutor.ui.shared.browser import Browser, trainee_of
from octtutor.ui.shared.messages import message

_HTML = library(__file__, "page.html.j2")
REAL, SYNTHETIC = "real", "synthetic"
TEXTS = ("due", "curve", "classes", "confusion", "calibration", "times", "error", "second", "exams")
"""The parts that have words, in the order of the tab."""
PLOTS = (
    "curve_plot",
    "classes_plot",
    "detection_plot",
    "confusion_plot",
    "calibration_plot",
    "times_plot",
    "error_plot",
    "second_plot",
    "exams_plot",
)
_SAVE = """(text) => {
  if (!text) return text;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
  link.download = "%s";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  return "";
}"""

_MEASURE = """() => {
  const look = () => window.dispatchEvent(new Event("resize"));
  [50, 300, 1000].forEach((wait) => setTimeout(look, wait));
}"""


@dataclass(frozen=True, slots=True)
class ProgressNow:
    """One state of the tab: a note alone, or a note and all parts."""

    note: str
    kinds: tuple[bool, ...] = ()
    synthetic: bool = False
    known: bool = False
    """Whether there are data to export or delete."""
    texts: tuple[str, ...] = ()
    plots: tuple[go.Figure | None, ...] = ()


class ProgressHandlers:
    """What the tab's events do. Values in, values out; knows no component."""

    def __init__(
        self, records: Records, clock: Clock, training: Callable[[], TrainedOn] | None = None
    ) -> None:
        """Take the use cases, the clock, and what reads what the models were trained on."""
        self._records, self._clock, self._training = records, clock, training

    def show(self, browser: Browser, kind: Any = None) -> ProgressNow:
        """Return a trainee's progress.

        Args:
            browser: who.
            kind: `real` or `synthetic`; anything else: what was read last.
        """
        trainee_id = trainee_of(browser)
        kinds = self._records.kinds(trainee_id) if trainee_id else ()
        if trainee_id is None or not kinds:
            note = PROGRESS["empty_exam" if self._has_answered(trainee_id) else "empty"]
            return ProgressNow(_said(note), known=self._is_known(trainee_id))
        wanted = {REAL: False, SYNTHETIC: True}.get(str(kind), kinds[0])
        synthetic = wanted if wanted in kinds else kinds[0]
        progress = self._records.of(trainee_id, synthetic)
        texts = tuple(Markup(_HTML.record(text)) for text in self._texts(progress))
        cited = cited_html(self._records.decks(trainee_id, synthetic))
        note = _head(progress, len(kinds) > 1, self._in_training(trainee_id, synthetic), cited)
        return ProgressNow(note, kinds, synthetic, True, texts, _plots(progress))

    def export(self, browser: Browser) -> str:
        """Return all data of the trainee as JSON.

        Raises:
            BadInputError: there are none.
        """
        return self._records.export(self._need(browser))

    def losses(self, browser: Browser) -> str:
        """Say what deleting would delete.

        Raises:
            BadInputError: there is nothing.
        """
        answers, attempts, exams = self._records.count(self._need(browser))
        said = PROGRESS["delete_what"].format(answers=answers, attempts=attempts, exams=exams)
        return _said(paragraph(said))

    def forget(self, browser: Browser) -> ProgressNow:
        """Delete all data of the trainee; of one who is not known there is nothing to delete."""
        trainee_id = trainee_of(browser)
        if trainee_id:
            self._records.forget(trainee_id)
        return ProgressNow(_said(PROGRESS["deleted"]))

    def _in_training(self, trainee_id: str, synthetic: bool) -> Markup:
        """Say on how many scans the model knew the patient; what computers made has none."""
        if self._training is None or synthetic:
            return Markup()
        return training_words(self._records.training(trainee_id, synthetic, self._training()))

    def _need(self, browser: Browser) -> str:
        trainee_id = trainee_of(browser)
        if trainee_id is None or not self._is_known(trainee_id):
            raise BadInputError(PROGRESS["lost"])
        return trainee_id

    def _is_known(self, trainee_id: str | None) -> bool:
        return bool(trainee_id) and self._records.find_trainee(str(trainee_id)) is not None

    def _has_answered(self, trainee_id: str | None) -> bool:
        return trainee_id is not None and self._records.count(trainee_id)[0] > 0

    def _texts(self, progress: Progress) -> tuple[str, ...]:
        now = self._clock()
        return (
            _titled("due", due_words(progress.due, now) + due_table(progress, now)),
            _titled("curve", _note("curve_note")),
            _scroll(class_table(progress)),
            _scroll(confusion_tables(progress.confusion, progress.scheme))
            + _confusion_note(progress),
            calibration_words(progress.calibration),
            _note("times_note"),
            paragraph(joined([PROGRESS["you"], hovered(progress.weighted_error)], ": "))
            + _note("error_note"),
            second_look_words(progress.second_looks),
            _scroll(exam_table(progress.exams)),
        )


class _ProgressEvents:
    """The handlers as Gradio calls them."""

    def __init__(self, handlers: ProgressHandlers) -> None:
        self._handlers = handlers

    def select(self, kept: Browser, kind: Any) -> Iterator[tuple[Any, ...]]:
        yield _waiting()
        yield _values(self._show(kept, kind))

    def change(self, kept: Browser, kind: Any) -> tuple[Any, ...]:
        return _values(self._show(kept, kind))

    def export(self, kept: Browser) -> str:
        try:
            return self._handlers.export(kept)
        except OctTutorError as error:
            raise message(error) from error

    def ask(self, kept: Browser) -> tuple[Any, ...]:
        try:
            return self._handlers.losses(kept), gr.Column(visible=True)
        except OctTutorError as error:
            raise message(error) from error

    def keep(self) -> tuple[Any, ...]:
        return "", gr.Column(visible=False)

    def forget(self, kept: Browser) -> tuple[Any, ...]:
        try:
            shown = self._handlers.forget(kept)
        except OctTutorError as error:
            raise message(error) from error
        return (None, gr.Column(visible=False), *_values(shown))

    def _show(self, kept: Browser, kind: Any) -> ProgressNow:
        try:
            return self._handlers.show(kept, kind)
        except OctTutorError as error:
            raise message(error) from error


def build_progress_tab(
    page: gr.Blocks, handlers: ProgressHandlers, browser: gr.BrowserState
) -> None:
    """Lay out the tab and connect it. Must be called inside `page`'s tabs."""
    with gr.Tab(PROGRESS["tab"], id="progress") as tab, gr.Column(elem_id="progress-tab"):
        note = _html("progress-note")
        kind = gr.Radio(
            [(PROGRESS[name], name) for name in (REAL, SYNTHETIC)],
            label=PROGRESS["kind"],
            visible=False,
            elem_id="progress-kind",
        )
        with gr.Column(visible=False, elem_id="progress-body") as body:
            parts = _build_body()
        data = _build_data()
    events = _ProgressEvents(handlers)
    shown = [note, kind, body, data["all"], *parts]
    quiet: dict[str, Any] = {
        "show_progress": "hidden",
        "api_visibility": "private",
        "concurrency_id": "progress",
        "concurrency_limit": 4,
    }
    tab.select(events.select, [browser, kind], shown, preprocess=False, **quiet)
    kind.input(events.change, [browser, kind], shown, preprocess=False, **quiet)
    data["export"].click(events.export, [browser], [data["holder"]], **quiet).then(
        None, [data["holder"]], [data["holder"]], js=_SAVE % PROGRESS["file"]
    )
    confirmation = [data["losses"], data["confirm"]]
    data["delete"].click(events.ask, [browser], confirmation, **quiet)
    data["no"].click(events.keep, None, confirmation, **quiet)
    gone = data["yes"].click(events.forget, [browser], [browser, data["confirm"], *shown], **quiet)
    gone.then(None, None, None, js="() => setTimeout(() => location.reload(), 2500)")


def _build_body() -> list[Any]:
    """Lay out the parts; returns the words in the order of TEXTS, then the plots of PLOTS."""
    due, curve, curve_plot = _html("progress-due"), _html("progress-curve"), _plot("curve")
    with _folded("classes"):
        classes, per_class, detection = _html(), _plot("classes"), _plot("detection")
    with _folded("confusion"):
        confusion, confusion_plot = _html(), _plot("confusion")
    with _folded("calibration"):
        sure, sure_plot = _html(), _plot("calibration")
    with _folded("times"):
        times, times_plot = _html(), _plot("times")
    with _folded("error"):
        error, error_plot = _html(), _plot("error")
    with _folded("second"):
        second, second_plot = _html(), _plot("second")
    with _folded("exams"):
        exams, exam_plot = _html(), _plot("exams")
    words = [due, curve, classes, confusion, sure, times, error, second, exams]
    return [*words, curve_plot, per_class, detection, confusion_plot, sure_plot, times_plot,
            error_plot, second_plot, exam_plot]  # fmt: skip


def _build_data() -> dict[str, Any]:
    """Lay out export and delete."""
    with gr.Column(visible=False, elem_id="progress-data") as all_of_it:
        gr.HTML(
            _HTML.record(_titled("data", _note("data_note"))),
            apply_default_css=False,
        )
        with gr.Row():
            export = gr.Button(PROGRESS["export"], elem_id="progress-export")
            delete = gr.Button(PROGRESS["delete"], elem_id="progress-delete")
        with gr.Column(visible=False, elem_id="progress-confirm") as confirm:
            losses = _html()
            with gr.Row():
                yes = gr.Button(PROGRESS["delete_yes"], variant="stop", elem_id="progress-yes")
                no = gr.Button(PROGRESS["delete_no"], elem_id="progress-no")
        holder = gr.Textbox(visible=False)
    return {"all": all_of_it, "export": export, "delete": delete, "confirm": confirm,
            "losses": losses, "yes": yes, "no": no, "holder": holder}  # fmt: skip


def _folded(key: str) -> gr.Accordion:
    folded = gr.Accordion(PROGRESS[key], open=False, elem_id=f"progress-open-{key}")
    # Plotly cannot measure the room of a folded plot, and looks again when the window changes
    folded.expand(None, None, None, js=_MEASURE, api_visibility="private")
    return folded


def _html(elem_id: str | None = None) -> gr.HTML:
    return gr.HTML(elem_id=elem_id, apply_default_css=False)


def _plot(name: str) -> gr.Plot:
    return gr.Plot(
        show_label=False,
        container=False,
        visible=False,
        elem_id=f"progress-plot-{name}",
        elem_classes="progress-plot",
    )


def _waiting() -> tuple[Any, ...]:
    rest = (gr.skip(),) * (len(TEXTS) + len(PLOTS))
    return (_said(paragraph(PROGRESS["waiting"], is_status=True)), *(gr.skip(),) * 3, *rest)


def _values(shown: ProgressNow) -> tuple[Any, ...]:
    """Values of note, kind, body, data, and all words and plots."""
    texts = shown.texts or ("",) * len(TEXTS)
    plots = shown.plots or (None,) * len(PLOTS)
    return (
        shown.note,
        gr.Radio(
            value=SYNTHETIC if shown.synthetic else REAL,
            visible=len(shown.kinds) > 1,
        ),
        gr.Column(visible=bool(shown.texts)),
        gr.Column(visible=shown.known),
        *texts,
        *(gr.Plot(value=plot, visible=plot is not None) for plot in plots),
    )


def _plots(progress: Progress) -> tuple[go.Figure | None, ...]:
    """Draw what there is something to draw of, in the order of PLOTS."""
    calibration, looks = progress.calibration, progress.second_looks
    several, scheme = len(progress.confusion) > 1, progress.scheme
    return (
        learning_curve(progress.curve, scheme),
        per_class_plot(progress.per_class, scheme),
        detection_plot(progress.detection, scheme),
        confusion_over_time(progress.confusion, scheme) if several else None,
        calibration_plot(calibration.levels) if calibration else None,
        response_times_plot(progress.times),
        weighted_error_plot([(PROGRESS["you"], progress.weighted_error)], scheme),
        second_looks_plot(looks) if looks.n else None,
        exams_plot(progress.exams) if progress.exams else None,
    )


def _head(progress: Progress, both_kinds: bool, training: Markup, cited: Markup) -> Markup:
    notes = [PROGRESS["synthetic_note"]] if progress.synthetic else []
    notes += [PROGRESS["apart"]] if both_kinds else []
    answered = f"{PROGRESS['answered']}: {progress.answered}"
    rows = [("balanced", progress.balanced), ("at_random", progress.right)]
    rows += [("repeated", progress.repeated)] if progress.repeated.n else []
    shown = (joined([PROGRESS[key], hovered(figure)], ": ") for key, figure in rows)
    right = joined([*shown, left_out_words(progress.left_out)], ". ")
    return Markup(_HTML.head(answered, right, notes, training, PROGRESS["cited"], cited))


def _confusion_note(progress: Progress) -> Markup:
    return _note("confusion_time") if len(progress.confusion) > 1 else Markup()


def _note(key: str) -> Markup:
    return paragraph(PROGRESS[key].format(block=20), "note")


def _titled(key: str, content: Markup) -> Markup:
    return Markup(_HTML.titled(PROGRESS[key], content))


def _scroll(content: Markup) -> Markup:
    return Markup(_HTML.scroll(content))


def _said(content: str) -> Markup:
    return Markup(_HTML.said(content))
