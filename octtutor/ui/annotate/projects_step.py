"""Step 1 of the tab Annotate, Projects: the list, a new one, close and reopen."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from octtutor.core.annotation.annotation import AT_RANDOM
from octtutor.tutor.annotation.orders import ORDERS
from octtutor.ui.annotate.annotate_steps import QUIET, RAW, Fill, StepContext, html_area, show_if
from octtutor.ui.annotate.project_handlers import ProjectForm
from octtutor.ui.annotate.texts import ANNOTATE
from octtutor.ui.annotate.views import told_line

_BAR = gr.Progress()
_AHEAD: dict[str, Any] = {**RAW, "show_progress": "full", "concurrency_id": "read-ahead"}


class ProjectsStep:
    """1 Projects: the list, a new one, close and reopen."""

    def __init__(self, context: StepContext) -> None:
        """Lay out the step; must be called inside the `gr.Tabs` of the steps."""
        self._do, self._for_educator = context.handlers.projects, context.for_educator
        self._project = context.project
        with gr.Tab(ANNOTATE["projects"], id="projects") as self.tab:
            self.table = html_area("annotate-projects", 60)
            with gr.Row(visible="hidden") as self.acts:
                self.to_read = gr.Button(
                    ANNOTATE["to_read"], variant="primary", elem_id="annotate-to-read"
                )
                self.anew = gr.Button(ANNOTATE["order_anew"], elem_id="annotate-order-anew")
                self.close = gr.Button(ANNOTATE["close"], elem_id="annotate-close")
                self.reopen = gr.Button(ANNOTATE["reopen"], elem_id="annotate-reopen")
            self.message = html_area("annotate-told")
            with gr.Accordion(ANNOTATE["new"], open=False, elem_id="annotate-new"):
                self._lay_out_form()

    def _lay_out_form(self) -> None:
        with gr.Row():
            self.name = _line("name", 64)
            self.title = _line("title", 80)
            self.deck = gr.Dropdown(
                label=ANNOTATE["deck"], choices=[], elem_id="annotate-deck", min_width=240
            )
        with gr.Row():
            self.readers = gr.Number(
                1,
                label=ANNOTATE["readers"],
                info=ANNOTATE["readers_hint"],
                precision=0,
                minimum=1,
                maximum=5,
                elem_id="annotate-readers",
                min_width=200,
            )
            self.controls = gr.Number(
                10,
                label=ANNOTATE["controls"],
                info=ANNOTATE["controls_hint"],
                minimum=0,
                maximum=15,
                elem_id="annotate-controls",
                min_width=200,
            )
            self.order = gr.Dropdown(
                [(order.title, name) for name, order in ORDERS.items()],
                value=AT_RANDOM,
                label=ANNOTATE["order"],
                elem_id="annotate-order",
                min_width=240,
            )
            self.random_share = gr.Number(
                20,
                label=ANNOTATE["random_share"],
                info=ANNOTATE["random_hint"],
                minimum=0,
                maximum=100,
                elem_id="annotate-random",
                min_width=200,
            )
        self.suggest = gr.Checkbox(label=ANNOTATE["suggest"], elem_id="annotate-suggest")
        self.create = gr.Button(ANNOTATE["create"], variant="primary", elem_id="annotate-create")

    @property
    def form(self) -> list[Any]:
        """The fields in the order of `ProjectForm`."""
        return [
            self.name,
            self.title,
            self.deck,
            self.readers,
            self.controls,
            self.order,
            self.random_share,
            self.suggest,
        ]

    @property
    def shown(self) -> list[Any]:
        """What entering the step fills."""
        return [self.table, self.deck, self.acts]

    def fill(self, project: Any, who: str) -> Fill:
        """Return what the step shows of a project."""
        return {
            self.table: self._do.table(who, project),
            self.deck: gr.update(choices=self._do.decks()),
            self.acts: show_if(self._do.is_project(project)),
        }

    def connect(self, page: gr.Blocks) -> None:
        """Connect 1 Projects, and what an opened page shows."""

        def load(request: gr.Request) -> Fill:
            def use(who: str) -> Fill:
                first, decks = self._do.first(who), self._do.decks()
                return {
                    self._project: gr.update(choices=self._do.projects(), value=first),
                    self.table: self._do.table(who, first),
                    self.deck: gr.update(choices=decks, value=decks[0][1] if decks else None),
                    self.acts: show_if(first is not None),
                }

            return self._for_educator(request, use)

        def create(request: gr.Request, *fields: Any) -> Fill:
            def use(who: str) -> Fill:
                name, line = self._do.create(ProjectForm(*fields))
                return {
                    **self._listed(who, name, line),
                    self.name: "",
                    self.title: "",
                }

            return self._for_educator(request, use)

        def act(what: Callable[[Any], str]) -> Callable[..., Fill]:
            def handler(request: gr.Request, project: Any) -> Fill:
                def use(who: str) -> Fill:
                    return self._listed(who, project, what(project))

                return self._for_educator(request, use)

            return handler

        listed = [self._project, self.table, self.message, self.acts]
        page.load(load, None, [self._project, *self.shown], **QUIET)
        made = self.create.click(create, self.form, [*listed, self.name, self.title], **RAW)
        self._connect_reading_ahead(made)
        self.close.click(act(self._do.close), [self._project], listed, **RAW)
        self.reopen.click(act(self._do.reopen), [self._project], listed, **RAW)

    def _connect_reading_ahead(self, made: Any) -> None:
        """Let the model answer a project's scans where its order goes by them: new, or anew."""

        def reckon(order: Callable[[Any, Callable[[int, int], None]], str]) -> Callable[..., Fill]:
            def handler(request: gr.Request, project: Any, bar: gr.Progress = _BAR) -> Fill:
                def show(done: int, total: int) -> None:
                    if done % 10 == 0 or done == total:
                        bar((done, total), desc=ANNOTATE["reading_ahead"], unit="scans")

                def use(who: str) -> Fill:
                    return {self.message: order(project, show) or gr.skip()}

                return self._for_educator(request, use)

            return handler

        place: dict[str, Any] = {"show_progress_on": self.message, **_AHEAD}
        made.success(reckon(self._do.read_ahead), [self._project], [self.message], **place)
        self.anew.click(reckon(self._do.order_anew), [self._project], [self.message], **place)

    def _listed(self, who: str, project: Any, line: str) -> Fill:
        return {
            self._project: gr.update(choices=self._do.projects(), value=project),
            self.table: self._do.table(who, project),
            self.message: told_line(line),
            self.acts: show_if(True),
        }


def _line(text: str, length: int) -> gr.Textbox:
    return gr.Textbox(
        label=ANNOTATE[text],
        info=ANNOTATE[f"{text}_hint"],
        max_length=length,
        min_width=240,
        elem_id=f"annotate-{text}",
    )
