"""Step 2 of the tab Train, Plan: recipe, start, how long, name; the time that it takes."""

from typing import Any

import gradio as gr

from octtutor.core.educator import Educator
from octtutor.model.training.recipes import RECIPES, Setting, find_recipe, settings_of
from octtutor.tutor.decks.training_lists import Chosen
from octtutor.ui.train.plan_handlers import (
    EPOCHS,
    FRESH,
    MINUTES,
    PlannedRun,
    TrainForm,
    asked_settings,
)
from octtutor.ui.train.run_step import RunStep, shown_of
from octtutor.ui.train.texts import TRAIN
from octtutor.ui.train.train_steps import QUIET, TrainContext, said_line


class PlanStep:
    """2 Plan: recipe, start, epochs or minutes, name; the time that it takes."""

    def __init__(self, context: TrainContext) -> None:
        """Lay out the step; must be called inside the `gr.Tabs` of the steps."""
        self._context, self._do = context, context.handlers.plan
        with gr.Tab(TRAIN["plan"], id="plan"):
            recipes = [(recipe.title, name) for name, recipe in RECIPES.items()]
            self.recipe = gr.Radio(
                recipes, value=recipes[0][1], label=TRAIN["recipe"], elem_id="train-recipe"
            )
            self.start = gr.Radio(
                [(TRAIN["start_fresh"], FRESH)],
                value=FRESH,
                label=TRAIN["start"],
                info=TRAIN["start_hint"],
                elem_id="train-start-from",
            )
            with gr.Row():
                self.amount = gr.Radio(
                    [(TRAIN["epochs"], EPOCHS), (TRAIN["minutes"], MINUTES)],
                    value=EPOCHS,
                    label=TRAIN["amount"],
                    elem_id="train-amount",
                    min_width=240,
                )
                self.number = gr.Number(
                    12,
                    label=TRAIN["number"],
                    info=TRAIN["number_hint"],
                    minimum=1,
                    elem_id="train-number",
                    min_width=240,
                )
                self.name = gr.Textbox(
                    label=TRAIN["name"], max_length=64, elem_id="train-name", min_width=240
                )
            with gr.Accordion(TRAIN["more"], open=False, elem_id="train-more"):
                self._lay_out_more()
            self.estimate = gr.HTML(apply_default_css=False, elem_id="train-estimate")
            with gr.Row():
                self.measure = gr.Button(TRAIN["measure"], elem_id="train-measure")
                self.begin = gr.Button(
                    TRAIN["start_button"], variant="primary", elem_id="train-start"
                )

    def _lay_out_more(self) -> None:
        with gr.Row():
            self.backbone = gr.Textbox(
                label=TRAIN["backbone"], info=TRAIN["backbone_hint"], elem_id="train-backbone"
            )
            self.weights = gr.Textbox(
                label=TRAIN["weights"], info=TRAIN["weights_hint"], elem_id="train-weights"
            )
            self.size = gr.Number(
                None, label=TRAIN["size"], info=TRAIN["size_hint"], elem_id="train-size"
            )
        with gr.Row():
            self.settings = [_field(setting) for setting in asked_settings().values()]

    @property
    def form(self) -> list[Any]:
        """The fields in the order of `TrainForm.of`."""
        return [
            self.recipe,
            self.start,
            self.amount,
            self.number,
            self.name,
            self.backbone,
            self.weights,
            self.size,
            *self.settings,
        ]

    def connect(self, leaky: gr.Checkbox, run: RunStep) -> None:
        """Connect 2 Plan."""

        def measure(
            request: gr.Request, chosen: Chosen | None, leaky: bool, draft: PlannedRun, *fields: Any
        ) -> tuple[Any, ...]:
            def use(educator: Educator) -> tuple[Any, ...]:
                form = TrainForm.of(fields)
                order = self._do.order(chosen, leaky, form, educator.name)
                measured = self._do.measure(order, draft)
                return measured, said_line(self._do.estimate(measured, form))

            return tuple(self._context.for_educator(request, use))

        def start(
            request: gr.Request, chosen: Chosen | None, leaky: bool, draft: PlannedRun, *fields: Any
        ) -> tuple[Any, ...]:
            def use(educator: Educator) -> tuple[Any, ...]:
                form = TrainForm.of(fields)
                order = self._do.order(chosen, leaky, form, educator.name)
                job = self._do.start(order, draft, form)
                now = self._context.handlers.run.now_of(job)
                return PlannedRun(), now, gr.Tabs(selected="run"), *shown_of(now)

            return tuple(self._context.for_educator(request, use))

        def show(recipe: str, request: gr.Request) -> list[Any]:
            return list(self._context.for_educator(request, lambda educator: _settings_of(recipe)))

        self.recipe.input(show, self.recipe, self.settings, **QUIET)
        fields = [self._context.chosen, leaky, self._context.draft, *self.form]
        self.measure.click(measure, fields, [self._context.draft, self.estimate], **QUIET)
        self.begin.click(
            start,
            fields,
            [self._context.draft, self._context.seen, self._context.steps, *run.shown],
            concurrency_id="start",
            concurrency_limit=1,
            **QUIET,
        )


def _field(setting: Setting) -> Any:
    """Return the field of a recipe's setting; empty, the recipe's own value holds."""
    choices = ("yes", "no") if setting.kind is bool else setting.choices
    shown: dict[str, Any] = {
        "label": setting.label,
        "info": setting.help,
        "elem_id": f"train-{setting.name.replace('_', '-')}",
        "min_width": 240,
        **_shown_for(next(iter(RECIPES)), setting),
    }
    if choices:
        return gr.Dropdown(
            [(TRAIN["own"], ""), *((one, one) for one in choices)], value="", **shown
        )
    return gr.Textbox("", max_lines=1, **shown)  # an empty gr.Number is sent as 0, not as nothing


def _settings_of(recipe: str) -> list[Any]:
    """Return what the fields of all settings get when a recipe is chosen."""
    return [gr.update(**_shown_for(recipe, setting)) for setting in asked_settings().values()]


def _shown_for(recipe: str, setting: Setting) -> dict[str, Any]:
    own = settings_of(find_recipe(recipe)).get(setting.name)
    typed = setting.kind is not bool and not setting.choices
    default = "" if own is None or own.default is None else str(own.default)
    return {"visible": own is not None, **({"placeholder": default} if typed else {})}
