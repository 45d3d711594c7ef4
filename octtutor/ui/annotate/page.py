"""The educators' tab Annotate: projects, reading, settling, figures, the log, files and decks."""

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from octtutor.ui.annotate.annotate_steps import BUSY, RAW, Fill, Step, StepContext
from octtutor.ui.annotate.handlers import AnnotateHandlers
from octtutor.ui.annotate.log_step import FiguresStep, LogStep
from octtutor.ui.annotate.projects_step import ProjectsStep
from octtutor.ui.annotate.reading_step import ReadStep
from octtutor.ui.annotate.settling_step import SettleStep
from octtutor.ui.annotate.texts import ANNOTATE
from octtutor.ui.annotate.use_step import UseStep
from octtutor.ui.doors.doorkeeper import RequireEducator


def build_annotate_tab(
    page: gr.Blocks, handlers: AnnotateHandlers, require: RequireEducator
) -> None:
    """Lay out the tab and connect it. Must be called inside the page's `gr.Tabs`."""
    with gr.Tab(ANNOTATE["tab"], id="annotate", elem_id="annotate-tab"):
        step = gr.State("projects")
        project = gr.Dropdown(label=ANNOTATE["project"], choices=[], elem_id="annotate-project")
        context = StepContext(handlers, require, project)
        with gr.Tabs(elem_id="annotate-steps", overflow_behavior="wrap") as tabs:
            projects = ProjectsStep(context)
            reading = ReadStep(context)
            settling = SettleStep(context)
            figures = FiguresStep(context)
            log = LogStep(context)
            use = UseStep(context)
    projects.connect(page)
    for part in (reading, settling, log, use):
        part.connect()
    steps: dict[str, Step] = {
        "projects": projects,
        "read": reading,
        "settle": settling,
        "figures": figures,
        "log": log,
        "use": use,
    }
    _connect_steps(context, steps, step, tabs, projects.to_read)


def _connect_steps(
    context: StepContext,
    steps: Mapping[str, Step],
    step: gr.State,
    tabs: gr.Tabs,
    to_read: gr.Button,
) -> None:
    """Fill a step when it is entered, and when another project is chosen there."""
    projects = context.handlers.projects

    def enter(name: str, move: bool = False) -> Callable[..., Fill]:
        def handler(request: gr.Request, project: Any) -> Fill:
            def use(who: str) -> Fill:
                # a step may be entered before the page's own load has chosen a project
                chosen = project if projects.is_project(project) else projects.first(who)
                return steps[name].fill(chosen, who)

            moved = {tabs: gr.Tabs(selected=name)} if move else {}
            return {**context.for_educator(request, use), **moved, step: name}

        return handler

    def again(request: gr.Request, at: Any, project: Any) -> Fill:
        # back to the list from Read: looking at a project must not take a scan of it
        name = at if at in steps and at != "read" else "projects"
        moved = {tabs: gr.Tabs(selected=name), step: name}
        filled = context.for_educator(request, lambda who: steps[name].fill(project, who))
        return {**filled, **(moved if at == "read" else {})}

    # an update of panel or canvas while they are not on the page loses their properties
    others = [part for name, part in steps.items() if name != "read"]
    shown = [component for part in others for component in part.shown]
    for name, part in steps.items():
        part.tab.select(enter(name), [context.project], [*part.shown, step], **BUSY)
    reading = [*steps["read"].shown, step, tabs]
    to_read.click(enter("read", move=True), [context.project], reading, **RAW)
    context.project.input(again, [step, context.project], [*shown, step, tabs], **RAW)
