"""The educators' tab Train: data, plan, run, compare, publish; one thing on each screen."""

from typing import Any

import gradio as gr

from octtutor.core.educator import Educator
from octtutor.ui.doors.doorkeeper import RequireEducator
from octtutor.ui.train.data_step import DataStep
from octtutor.ui.train.handlers import TrainHandlers
from octtutor.ui.train.plan_handlers import FRESH, IN_USE, PlannedRun
from octtutor.ui.train.plan_step import PlanStep
from octtutor.ui.train.publish_step import CompareStep, PublishStep
from octtutor.ui.train.run_step import EVERY, RunStep
from octtutor.ui.train.texts import TRAIN
from octtutor.ui.train.train_steps import QUIET, TrainContext


def build_train_tab(page: gr.Blocks, handlers: TrainHandlers, require: RequireEducator) -> None:
    """Lay out the tab and connect it. Must be called inside the page's `gr.Tabs`."""
    with gr.Tab(TRAIN["tab"], id="train") as tab:
        chosen, draft, seen = gr.State(None), gr.State(PlannedRun()), gr.State(None)
        with gr.Tabs(elem_id="train-steps", overflow_behavior="wrap") as steps:
            context = TrainContext(handlers, require, steps, chosen, draft, seen)
            data = DataStep(context)
            plan = PlanStep(context)
            run = RunStep(context)
            comparison = CompareStep(context)
            publishing = PublishStep(context)
        timer = gr.Timer(EVERY)
    data.connect()
    plan.connect(data.leaky, run)
    run.connect(page, comparison, publishing, plan.form, plan.estimate, timer)
    comparison.connect()
    publishing.connect(run.job)

    def load(request: gr.Request) -> tuple[Any, ...]:
        def use(educator: Educator) -> tuple[Any, ...]:
            name = handlers.publishing.name_in_use()
            starts = [
                (TRAIN["start_fresh"], FRESH),
                (TRAIN["start_model"].format(name=name), IN_USE),
            ]
            free = handlers.publishing.free_name("model-2")
            return *data.deck_choices(), gr.update(choices=starts), free

        return tuple(context.for_educator(request, use))

    page.load(load, None, [data.decks, data.test, plan.start, plan.name], **QUIET)
    tab.select(data.see_decks, None, [data.decks, data.test], **QUIET)
