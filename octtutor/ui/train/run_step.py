"""Step 3 of the tab Train, Run: what every educator sees of the runs, the timer, Stop, Resume."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from octtutor.core.educator import Educator
from octtutor.errors import BadInputError
from octtutor.ui.train.plan_handlers import PlannedRun, TrainForm
from octtutor.ui.train.publish_step import CompareStep, PublishStep
from octtutor.ui.train.run_handlers import RunsNow
from octtutor.ui.train.texts import TRAIN
from octtutor.ui.train.train_steps import QUIET, TrainContext, said_line

EVERY = 2.0
"""Seconds between two looks at the runs."""


class RunStep:
    """3 Run: what every educator sees of the runs."""

    def __init__(self, context: TrainContext) -> None:
        """Lay out the step; must be called inside the `gr.Tabs` of the steps."""
        self._context, self._do = context, context.handlers.run
        with gr.Tab(TRAIN["run"], id="run"):
            self.job = gr.Dropdown(label=TRAIN["job"], elem_id="train-job", choices=[])
            self.run = gr.HTML(apply_default_css=False, elem_id="train-run", min_height=120)
            with gr.Row():
                self.stop = gr.Button(TRAIN["stop"], visible=False, elem_id="train-stop")
                self.resume = gr.Button(
                    TRAIN["resume"], variant="primary", visible=False, elem_id="train-resume"
                )
                self.go = gr.Button(
                    TRAIN["next_compare"],
                    variant="primary",
                    visible=False,
                    elem_id="train-to-compare",
                )
            self.log = gr.HTML(apply_default_css=False, elem_id="train-log")
            self.history = gr.HTML(apply_default_css=False, elem_id="train-history")

    @property
    def shown(self) -> list[Any]:
        """What a look at the runs fills."""
        return [
            self.job,
            self.run,
            self.stop,
            self.resume,
            self.go,
            self.log,
            self.history,
        ]

    def connect(
        self,
        page: gr.Blocks,
        comparison: CompareStep,
        publishing: PublishStep,
        form: Sequence[Any],
        estimate: gr.HTML,
        timer: gr.Timer,
    ) -> None:
        """Connect 3 Run: the timer that every open page has, Stop, Resume."""

        def look(
            request: gr.Request,
            job: str | None,
            seen: RunsNow | None,
            draft: PlannedRun,
            *fields: Any,
        ) -> tuple[Any, ...]:
            def use(educator: Educator) -> tuple[Any, ...]:
                now = self._do.now(job, seen)
                time = gr.skip() if draft.order is None else self._estimate(draft, fields)
                results: tuple[Any, ...] = (gr.skip(),) * 6
                if seen is None or now.stage != seen.stage:  # they read models and pictures
                    results = comparison.of(now.job), *publishing.offered(now.job)
                return now, *_changes(now, seen), time, *results

            return tuple(self._context.for_educator(request, use))

        def act(what: Callable[[Any], None]) -> Callable[..., tuple[Any, ...]]:
            def handler(job: str | None, request: gr.Request) -> tuple[Any, ...]:
                def use(educator: Educator) -> tuple[Any, ...]:
                    what(job)
                    now = self._do.now_of(job)
                    return now, *shown_of(now)

                return tuple(self._context.for_educator(request, use))

            return handler

        runs = [self._context.seen, *self.shown]
        looked = [*runs, estimate, comparison.message, *publishing.offers]
        wanted = [self.job, self._context.seen, self._context.draft, *form]
        ticking: dict[str, Any] = {**QUIET, "concurrency_id": "look", "concurrency_limit": 4}
        timer.tick(look, wanted, looked, trigger_mode="once", **ticking)
        page.load(look, wanted, looked, **ticking)
        self.job.input(look, wanted, looked, **ticking)
        self.stop.click(act(self._do.stop), self.job, runs, **QUIET)
        self.resume.click(act(self._do.resume), self.job, runs, **QUIET)
        self.go.click(self._context.go_to("compare"), None, self._context.steps, **QUIET)

    def _estimate(self, draft: PlannedRun, fields: tuple[Any, ...]) -> str:
        try:
            return said_line(self._context.handlers.plan.estimate(draft, TrainForm.of(fields)))
        except BadInputError as error:  # a number that is being typed
            return said_line(str(error))


def shown_of(now: RunsNow) -> tuple[Any, ...]:
    """Return what `RunStep.shown` gets."""
    return (
        gr.update(choices=list(now.choices), value=now.job),
        now.run,
        gr.update(visible=now.can_stop),
        gr.update(visible=now.can_resume),
        gr.update(visible=now.is_compared),
        now.log,
        now.history,
    )


def _changes(now: RunsNow, seen: RunsNow | None) -> tuple[Any, ...]:
    """Return the same, leaving alone what has not changed: an open list stays open."""
    if seen is None:
        return shown_of(now)
    same = (
        (now.choices, now.job) == (seen.choices, seen.job),
        now.run == seen.run,
        now.can_stop == seen.can_stop,
        now.can_resume == seen.can_resume,
        now.is_compared == seen.is_compared,
        now.log == seen.log,
        now.history == seen.history,
    )
    new = shown_of(now)
    return tuple(gr.skip() if kept else value for kept, value in zip(same, new, strict=True))
