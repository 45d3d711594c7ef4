"""The educators' tab Evaluate: a model and scans in, figures, maps and a report out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gradio as gr

from octtutor.core.educator import Educator
from octtutor.model.explain.methods import DEFAULT_METHOD, METHODS
from octtutor.reports.evaluation_report import ASSETS
from octtutor.ui.doors.doorkeeper import RequireEducator
from octtutor.ui.evaluate.handlers import (
    PAGE,
    EvaluateHandlers,
    EvaluationForm,
    EvaluationsNow,
    Looking,
    read_cell,
)
from octtutor.ui.evaluate.texts import EVALUATE
from octtutor.ui.shared.educator_messages import or_educator_message

KINDS = [".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz"]
_EVERY = 2.0
"""Seconds between two looks at an evaluation that is at work."""
# not preprocessed: other pages may have other choices, and Gradio would fetch web addresses
_RAW: dict[str, Any] = {
    "preprocess": False,
    "show_progress": "hidden",
    "api_visibility": "private",
    "concurrency_id": "evaluate",
    "concurrency_limit": 4,
}
_SHOWN: dict[str, Any] = {**_RAW, "show_progress": "minimal"}
_CLICKS = """element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-cell]");
  if (button) trigger("select", { cell: button.dataset.cell });
});"""
_TO_SCANS = """() => setTimeout(() => document.querySelector("#evaluate-scans")
  ?.scrollIntoView({behavior: "smooth", block: "start"}), 100)"""
_SAVE = """(text) => {
  if (!text) return text;
  const end = text.indexOf("\\n");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text.slice(end + 1)], {type: "text/html"}));
  link.download = text.slice(0, end);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  return "";
}"""


def build_evaluate_tab(
    page: gr.Blocks, handlers: EvaluateHandlers, require: RequireEducator
) -> None:
    """Lay out the tab and connect it. Must be called inside the page's `gr.Tabs`."""
    with gr.Tab(EVALUATE["tab"], id="evaluate") as tab:
        form, result = _Form(handlers.takes_paths), _Result()
        timer = gr.Timer(_EVERY, active=False)
        seen, looking = gr.State(None), gr.State(Looking())
    room = _EvaluateTab(handlers, require, form, result, timer, seen, looking)
    room.connect(page, tab)


class _Form:
    """What is to be measured."""

    def __init__(self, takes_paths: bool) -> None:
        gr.Markdown(EVALUATE["how"])
        with gr.Row():
            self.model = _dropdown("model")
            self.deck = _dropdown("deck")
        with gr.Row():
            self.upload = gr.File(
                label=EVALUATE["upload"],
                file_types=KINDS,
                height=140,
                min_width=240,
                elem_id="evaluate-upload",
            )
            self.path = gr.Textbox(
                label=EVALUATE["path"],
                info=EVALUATE["path_hint"],
                max_length=1000,
                visible=takes_paths,
                min_width=240,
                elem_id="evaluate-path",
            )
        with gr.Row():
            self.method = gr.Dropdown(
                [(method.title, name) for name, method in METHODS.items()],
                value=DEFAULT_METHOD,
                label=EVALUATE["maps"],
                info=EVALUATE["maps_hint"],
                min_width=240,
                elem_id="evaluate-maps",
            )
            self.scheme = _dropdown("scheme")
            self.corrupted = gr.Checkbox(
                label=EVALUATE["corrupted"],
                info=EVALUATE["corrupted_hint"],
                min_width=240,
                elem_id="evaluate-corrupted",
            )
        self.start = gr.Button(EVALUATE["start"], variant="primary", elem_id="evaluate-start")

    @property
    def fields(self) -> list[Any]:
        """The fields in the order of `EvaluationForm`."""
        named = [self.model, self.deck, self.upload, self.path, self.method]
        return [*named, self.corrupted, self.scheme]


class _Result:
    """How far an evaluation is, and what it found."""

    def __init__(self) -> None:
        self.which = _dropdown("which")
        self.message = _html("evaluate-told", 60)
        with gr.Row():
            self.stop = gr.Button(EVALUATE["stop"], visible=False, elem_id="evaluate-stop")
            self.save = gr.Button(EVALUATE["save"], visible=False, elem_id="evaluate-save")
            self.remove = gr.Button(EVALUATE["remove"], visible=False, elem_id="evaluate-remove")
        self.figures = _html("evaluate-figures", js_on_load=_CLICKS)
        self.scans = _html("evaluate-scans")
        with gr.Row():
            self.more = gr.Button(EVALUATE["more"], visible=False, elem_id="evaluate-more")
            self.errors = gr.Button(EVALUATE["misses"], visible=False, elem_id="evaluate-errors")
        self.holder = gr.Textbox(visible=False)

    @property
    def stage(self) -> list[Any]:
        """What shows how far it is."""
        return [self.which, self.message, self.stop, self.save, self.remove]

    @property
    def pictures(self) -> list[Any]:
        """What shows scans."""
        return [self.scans, self.more, self.errors]


class _EvaluateTab:
    """Connects the parts; every handler asks first who is asking."""

    def __init__(
        self,
        handlers: EvaluateHandlers,
        require: RequireEducator,
        form: _Form,
        result: _Result,
        timer: gr.Timer,
        seen: gr.State,
        looking: gr.State,
    ) -> None:
        self._do, self._require = handlers, require
        self._form, self._result = form, result
        self._timer, self._seen, self._looking = timer, seen, looking

    def _for_educator(self, request: gr.Request, use: Callable[[Educator], Any]) -> Any:
        return or_educator_message(lambda: use(self._require(request)))

    def connect(self, page: gr.Blocks, tab: gr.Tab) -> None:
        """Connect all parts."""
        form, result = self._form, self._result
        choices = [form.model, form.deck, form.scheme]
        everything = [self._seen, self._looking, self._timer, *result.stage, result.figures]
        everything += result.pictures
        page.load(self.fill, choices, choices, **_RAW)
        tab.select(self.fill, choices, choices, **_RAW)
        page.load(self.look_anew, result.which, everything, **_RAW)
        tab.select(self.look, [result.which, self._seen], everything, **_RAW)
        self._timer.tick(self.look, [result.which, self._seen], everything, **_RAW)
        result.which.input(self.look_anew, result.which, everything, **_SHOWN)
        form.start.click(self.start, form.fields, [form.upload, *everything], **_SHOWN)
        result.stop.click(self.stop, result.which, everything, **_RAW)
        result.remove.click(self.remove, result.which, everything, **_RAW)
        result.save.click(self.save, result.which, result.holder, **_SHOWN).then(
            None, result.holder, result.holder, js=_SAVE
        )
        looked = [self._looking, *result.pictures]
        result.figures.select(self.pick, result.which, looked, **_SHOWN).then(
            None, None, None, js=_TO_SCANS
        )
        wanted = [result.which, self._looking]
        result.more.click(self.show_more, wanted, looked, **_SHOWN)
        result.errors.click(self.show_errors, result.which, looked, **_SHOWN)

    def fill(self, model: Any, deck: Any, scheme: Any, request: gr.Request) -> tuple[Any, ...]:
        """Offer models and decks as they are now."""

        def use(educator: Educator) -> tuple[Any, ...]:
            models, used = self._do.models()
            decks = self._do.decks()
            kept = model if model in [name for _, name in models] else used
            chosen = deck if deck in [name for _, name in decks] else ""
            schemes = self._do.schemes()
            named = scheme if scheme in [name for _, name in schemes] else ""
            return (
                gr.update(choices=models, value=kept),
                gr.update(choices=decks, value=chosen),
                gr.update(choices=schemes, value=named),
            )

        return tuple(self._for_educator(request, use))

    def start(
        self,
        model: Any,
        deck: Any,
        upload: Any,
        path: Any,
        method: Any,
        corrupted: Any,
        scheme: Any,
        request: gr.Request,
    ) -> tuple[Any, ...]:
        """Start an evaluation and show it."""

        def use(educator: Educator) -> tuple[Any, ...]:
            form = EvaluationForm(model, deck, upload, path, method, corrupted, scheme)
            return None, *self._everything(self._do.start(form, educator.name))

        return tuple(self._for_educator(request, use))

    def look(self, which: Any, seen: EvaluationsNow | None, request: gr.Request) -> tuple[Any, ...]:
        """Show how far things are; what has not changed is left alone."""

        def use(educator: Educator) -> tuple[Any, ...]:
            now = self._do.now(which)
            if seen is None or (now.chosen, now.status) != (seen.chosen, seen.status):
                return self._everything(now.chosen)
            kept: tuple[Any, ...] = (gr.skip(),) * 4
            return now, gr.skip(), gr.Timer(active=now.is_busy), *_stage(now), *kept

        return tuple(self._for_educator(request, use))

    def look_anew(self, which: Any, request: gr.Request) -> tuple[Any, ...]:
        """Show an evaluation from its beginning; the newest where none is chosen."""
        return tuple(self._for_educator(request, lambda educator: self._everything(which)))

    def stop(self, which: Any, request: gr.Request) -> tuple[Any, ...]:
        """Stop an evaluation."""

        def use(educator: Educator) -> tuple[Any, ...]:
            self._do.stop(which)
            return self._everything(which)

        return tuple(self._for_educator(request, use))

    def remove(self, which: Any, request: gr.Request) -> tuple[Any, ...]:
        """Remove an evaluation."""

        def use(educator: Educator) -> tuple[Any, ...]:
            self._do.remove(which)
            return self._everything(None)

        return tuple(self._for_educator(request, use))

    def save(self, which: Any, request: gr.Request) -> str:
        """Hand the report to the browser: its name, then its text."""
        return str(self._for_educator(request, lambda educator: "\n".join(self._do.report(which))))

    def pick(self, which: Any, request: gr.Request, event: gr.EventData) -> tuple[Any, ...]:
        """Show the scans of the number that was clicked."""

        def use(educator: Educator) -> tuple[Any, ...]:
            return self._pictures(which, Looking(read_cell(event._data)))

        return tuple(self._for_educator(request, use))

    def show_more(self, which: Any, looking: Looking, request: gr.Request) -> tuple[Any, ...]:
        """Show more scans of the same kind."""

        def use(educator: Educator) -> tuple[Any, ...]:
            return self._pictures(which, replace(looking, count=looking.count + PAGE))

        return tuple(self._for_educator(request, use))

    def show_errors(self, which: Any, request: gr.Request) -> tuple[Any, ...]:
        """Show the errors again."""
        return tuple(self._for_educator(request, lambda educator: self._pictures(which, Looking())))

    def _everything(self, which: Any) -> tuple[Any, ...]:
        """Return the values of all that shows an evaluation."""
        now = self._do.now(which)
        figures = self._do.figures(now.chosen)
        looking, *pictures = self._pictures(now.chosen, Looking())
        return now, looking, gr.Timer(active=now.is_busy), *_stage(now), figures, *pictures

    def _pictures(self, which: Any, looking: Looking) -> tuple[Any, ...]:
        html, more = self._do.scans(which, looking)
        errors = gr.update(visible=looking.cell is not None and bool(html))
        return looking, html, gr.update(visible=more), errors


def _stage(now: EvaluationsNow) -> tuple[Any, ...]:
    """Return the values of `_Result.stage`."""
    return (
        gr.update(choices=list(now.choices), value=now.chosen),
        now.message,
        gr.update(visible=now.can_stop),
        gr.update(visible=now.status == "done"),
        gr.update(visible=now.can_remove),
    )


def _dropdown(name: str) -> gr.Dropdown:
    return gr.Dropdown(
        label=EVALUATE[name],
        info=EVALUATE.get(f"{name}_hint"),
        choices=[],
        elem_id=f"evaluate-{name}",
        min_width=240,
    )


def _html(elem_id: str, min_height: int | None = None, **more: Any) -> gr.HTML:
    return gr.HTML(
        elem_id=elem_id,
        apply_default_css=False,
        min_height=min_height,
        css_template=(ASSETS / "evaluate.css").read_text("utf-8"),
        **more,
    )
