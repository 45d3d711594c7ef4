"""Steps 4 and 5 of the tab Train: Compare with the model in use, Publish and roll back."""

from typing import Any

import gradio as gr

from octtutor.core.educator import Educator
from octtutor.ui.train.texts import TRAIN
from octtutor.ui.train.train_steps import QUIET, TrainContext, said_line


class CompareStep:
    """4 Compare: the new model beside the one that was in use."""

    def __init__(self, context: TrainContext) -> None:
        """Lay out the step; must be called inside the `gr.Tabs` of the steps."""
        self._context = context
        self.of = context.handlers.publishing.comparison
        with gr.Tab(TRAIN["compare"], id="compare"):
            self.message = gr.HTML(
                apply_default_css=False, elem_id="train-comparison", min_height=60
            )
            self.go = gr.Button(
                TRAIN["next_publish"], variant="primary", elem_id="train-to-publish"
            )

    def connect(self) -> None:
        """Connect 4 Compare."""
        self.go.click(self._context.go_to("publish"), None, self._context.steps, **QUIET)


class PublishStep:
    """5 Publish, and roll back."""

    def __init__(self, context: TrainContext) -> None:
        """Lay out the step; must be called inside the `gr.Tabs` of the steps."""
        self._context, self._do = context, context.handlers.publishing
        with gr.Tab(TRAIN["publish"], id="publish"):
            self.offer = gr.HTML(apply_default_css=False, elem_id="train-offer")
            self.name = gr.Textbox(
                label=TRAIN["publish_name"], max_length=64, elem_id="train-publish-name"
            )
            self.publish = gr.Button(
                TRAIN["publish_button"],
                variant="primary",
                interactive=False,
                elem_id="train-publish",
            )
            self.in_use = gr.HTML(apply_default_css=False, elem_id="train-in-use")
            self.back = gr.Button(TRAIN["roll_back"], interactive=False, elem_id="train-back")
            self.done = gr.HTML(apply_default_css=False, elem_id="train-published")

    @property
    def offers(self) -> list[Any]:
        """What showing a run fills."""
        return [self.offer, self.name, self.publish, self.in_use, self.back]

    def offered(self, job: str | None) -> tuple[Any, ...]:
        """Return what `offers` get when a run is shown."""
        offer, name, can = self._do.offer(job)
        in_use, back = self._do.in_use()
        return offer, name, gr.update(interactive=can), in_use, gr.update(interactive=back)

    def connect(self, job: gr.Dropdown) -> None:
        """Connect 5 Publish."""

        def publish(job: str | None, name: str, request: gr.Request) -> tuple[Any, ...]:
            def use(educator: Educator) -> tuple[Any, ...]:
                return said_line(self._do.publish(job, name)), *self.offered(job)

            return tuple(self._context.for_educator(request, use))

        def back(job: str | None, request: gr.Request) -> tuple[Any, ...]:
            def use(educator: Educator) -> tuple[Any, ...]:
                return said_line(self._do.roll_back()), *self.offered(job)

            return tuple(self._context.for_educator(request, use))

        filled = [self.done, *self.offers]
        shown: dict[str, Any] = {"show_progress_on": self.done, "api_visibility": "private"}
        self.publish.click(publish, [job, self.name], filled, **shown)
        self.back.click(back, job, filled, **shown)
