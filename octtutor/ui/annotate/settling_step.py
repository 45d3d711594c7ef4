"""Step 3 of the tab Annotate, Settle: all readings of a scan side by side, and what holds."""

from typing import Any

import gradio as gr

from octtutor.core.annotation.annotation import FINDINGS
from octtutor.tutor.annotation.consensus import Dispute
from octtutor.ui.annotate.annotate_steps import (
    RAW,
    Fill,
    StepContext,
    html_area,
    payload_of,
    show_if,
)
from octtutor.ui.annotate.settling_handlers import (
    OWN,
    SOMETHING_ELSE,
    first_regions,
    holds_choices,
    region_choices,
    regions_with,
)
from octtutor.ui.annotate.texts import ANNOTATE
from octtutor.ui.annotate.views import told_line
from octtutor.ui.canvas.canvas import build_outline

# a stroke that is still on its way belongs to what is settled
_AFTER_STROKE = """async () => {
  const board = document.querySelector("#annotate-settle-outline .board");
  const isOnItsWay = () => board && localStorage.getItem(`octtutor-outline:${board.dataset.task}`);
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  for (let n = 0; n < 80 && isOnItsWay(); n += 1) await pause(50);
  await pause(300);
}"""


class SettleStep:
    """3 Settle: all readings of a scan side by side, and what holds."""

    def __init__(self, context: StepContext) -> None:
        """Lay out the step; must be called inside the `gr.Tabs` of the steps."""
        self._do, self._for_educator = context.handlers.settling, context.for_educator
        self._project = context.project
        with gr.Tab(ANNOTATE["settle"], id="settle") as self.tab:
            self.pick = gr.Dropdown(
                label=ANNOTATE["dispute"], choices=[], elem_id="annotate-dispute"
            )
            self.pictures = html_area("annotate-readings", 60)
            with gr.Column(visible="hidden") as self.form:
                self.holds = gr.Radio(label=ANNOTATE["holds"], choices=[], elem_id="annotate-holds")
                with gr.Row(visible=False) as self.more:
                    self.other = gr.Radio(
                        self._do.classes(None),
                        label=ANNOTATE["else_class"],
                        elem_id="annotate-else",
                        min_width=300,
                    )
                    self.findings = gr.CheckboxGroup(
                        list(FINDINGS),
                        label=ANNOTATE["else_findings"],
                        elem_id="annotate-else-findings",
                        min_width=300,
                    )
                self.regions = gr.Radio(
                    label=ANNOTATE["regions"],
                    info=ANNOTATE["regions_hint"],
                    choices=[],
                    elem_id="annotate-regions",
                )
                with gr.Column(visible="hidden") as self.desk:
                    self.outline = build_outline("annotate-settle-outline")
                self.note = gr.Textbox(
                    label=ANNOTATE["note"], max_length=1000, elem_id="annotate-note"
                )
                self.settle = gr.Button(
                    ANNOTATE["settle_button"], variant="primary", elem_id="annotate-settle"
                )
            self.message = html_area("annotate-settled")

    @property
    def shown(self) -> list[Any]:
        """What entering the step fills."""
        return [
            self.pick,
            self.pictures,
            self.form,
            self.holds,
            self.more,
            self.other,
            self.findings,
            self.regions,
            *self.canvas,
            self.note,
        ]

    @property
    def canvas(self) -> list[Any]:
        """The canvas, and what hides it."""
        return [self.outline, self.desk]

    def fill(self, project: Any, who: str) -> Fill:
        """Return what the step shows of a project."""
        choices = self._do.disputes(project, who)
        first = choices[0][1] if choices else None
        pick = gr.update(choices=choices, value=first)
        return {self.pick: pick, **self._dispute(project, first, who)}

    def connect(self) -> None:
        """Connect 3 Settle."""

        def look(request: gr.Request, project: Any, pick: Any) -> Fill:
            return self._for_educator(request, lambda who: self._dispute(project, pick, who))

        def settle(request: gr.Request, project: Any, pick: Any, *said: Any) -> Fill:
            def use(who: str) -> Fill:
                if self._do.dispute(project, pick, who) is None:
                    gr.Warning(ANNOTATE["need_dispute"], duration=8)
                    return self.fill(project, who)
                line = self._do.settle(project, pick, who, *said)
                return {**self.fill(project, who), self.message: told_line(line)}

            return self._for_educator(request, use)

        said = [self.holds, self.other, self.findings, self.regions, self.note]
        self.pick.input(look, [self._project, self.pick], self.shown, **RAW)
        self._connect_canvas()
        drawn = self.settle.click(None, None, None, js=_AFTER_STROKE, api_visibility="private")
        place = [self._project, self.pick]
        drawn.then(settle, [*place, *said], [*self.shown, self.message], **RAW)

    def _connect_canvas(self) -> None:
        """Let a choice fill the canvas, and what is drawn there be a choice."""

        def more(request: gr.Request, project: Any, pick: Any, holds: Any, regions: Any) -> Fill:
            def use(who: str) -> Fill:
                dispute = self._do.dispute(project, pick, who)
                begun = regions_with(dispute, holds, regions)
                stays = begun == OWN
                return {
                    self.more: gr.update(visible=holds == SOMETHING_ELSE),
                    self.regions: begun,
                    **({} if stays else self._canvas(project, dispute, begun, who)),
                }

            return self._for_educator(request, use)

        def begin(request: gr.Request, project: Any, pick: Any, regions: Any) -> Fill:
            def use(who: str) -> Fill:
                dispute = self._do.dispute(project, pick, who)
                return self._canvas(project, dispute, regions, who)

            return self._for_educator(request, use)

        def draw(request: gr.Request, event: gr.EventData, pick: Any) -> Fill:
            def use(who: str) -> Fill:
                answer, dispute = self._do.sketch(who, payload_of(event))
                if dispute is None or dispute.sha256 != pick:
                    return {self.outline: answer}
                choices = region_choices(dispute, who)
                return {self.outline: answer, self.regions: gr.update(choices=choices, value=OWN)}

            return self._for_educator(request, use)

        place, canvas = [self._project, self.pick], self.canvas
        changed = [self.more, self.regions, *canvas]
        self.holds.input(more, [*place, self.holds, self.regions], changed, **RAW)
        self.regions.input(begin, [*place, self.regions], canvas, **RAW)
        self.outline.input(draw, [self.pick], [self.outline, self.regions], **RAW)

    def _dispute(self, project: Any, sha256: Any, who: str) -> Fill:
        dispute = self._do.dispute(project, sha256, who)
        regions = first_regions(dispute, who)
        return {
            self.pictures: self._do.dispute_view(dispute),
            self.form: show_if(dispute is not None),
            self.holds: gr.update(choices=holds_choices(dispute), value=None),
            self.more: gr.update(visible=False),
            self.other: gr.update(choices=self._do.classes(project), value=None),
            self.findings: [],
            self.regions: gr.update(choices=region_choices(dispute, who), value=regions),
            self.note: "",
            **self._canvas(project, dispute, regions, who),
        }

    def _canvas(self, project: Any, dispute: Dispute | None, regions: Any, who: str) -> Fill:
        view = self._do.settling_view(project, dispute, regions, who)
        shown: Fill = {self.desk: show_if(view is not None)}
        return shown | ({self.outline: view} if view else {})
