"""Step 2 of the tab Annotate, Read: the panel and the canvas."""

from typing import Any

import gradio as gr

from octtutor.core.annotation.annotation import FINDINGS
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import OctTutorError, StoreError
from octtutor.ui.annotate.annotate_steps import ASSETS, QUIET, Fill, StepContext, payload_of
from octtutor.ui.annotate.reading_handlers import ReadingArea
from octtutor.ui.annotate.texts import ACTIONS, ANNOTATE, DRAWING, PANEL
from octtutor.ui.annotate.views import again_view, idle_view
from octtutor.ui.canvas.canvas import build_outline
from octtutor.ui.canvas.texts import COLOURS
from octtutor.ui.client.client_files import client_script
from octtutor.ui.shared.educator_messages import or_educator_message
from octtutor.ui.shared.messages import warn
from octtutor.ui.shared.scheme_view import scheme_view


class ReadStep:
    """2 Read: the panel and the canvas."""

    def __init__(self, context: StepContext) -> None:
        """Lay out the step; must be called inside the `gr.Tabs` of the steps."""
        self._do = context.handlers.reading
        self._require, self._for_educator = context.require, context.for_educator
        with gr.Tab(ANNOTATE["read"], id="read") as self.tab:
            self.panel = gr.HTML(
                value=idle_view(None, ANNOTATE["idle_none"]),
                html_template=(ASSETS / "annotate.html").read_text("utf-8"),
                css_template=(ASSETS / "annotate.css").read_text("utf-8"),
                js_on_load=client_script("annotate/annotate.js"),
                apply_default_css=False,
                padding=False,
                scheme=scheme_view(OCT2017_SCHEME),
                findings=[{"name": name, "colour": COLOURS[name]} for name in FINDINGS],
                actions=[list(action) for action in ACTIONS],
                drawing=DRAWING,
                texts=PANEL,
                elem_id="annotate-panel",
            )
            with gr.Column(visible="hidden") as self.desk:
                self.outline = build_outline("annotate-outline")

    @property
    def shown(self) -> list[Any]:
        """What entering the step fills."""
        return [self.panel, self.outline, self.desk]

    def fill(self, project: Any, who: str) -> Fill:
        """Return what the step shows of a project."""
        return self._filled(self._do.open(project, who))

    def connect(self) -> None:
        """Connect 2 Read."""

        def act(request: gr.Request, event: gr.EventData) -> Fill:
            sent = payload_of(event)
            return self._for_educator(request, lambda who: self._filled(self._act(who, sent)))

        def draw(request: gr.Request, event: gr.EventData) -> Any:
            return or_educator_message(
                lambda: self._do.draw(self._require(request).name, payload_of(event))
            )

        def suggest(request: gr.Request, event: gr.EventData) -> Any:
            name = or_educator_message(lambda: self._require(request)).name
            return self._do.suggest_outline(name, payload_of(event))

        self.panel.submit(act, None, self.shown, **QUIET)
        self.outline.input(draw, None, self.outline, **QUIET)
        self.outline.apply(suggest, None, self.outline, **QUIET)

    def _act(self, who: str, sent: Any) -> ReadingArea:
        """Do what the panel asks for; what cannot be is said, and nothing typed is lost."""
        project = sent.get("project") if isinstance(sent, dict) else None
        try:
            return self._do.act(who, sent)
        except StoreError as error:
            warn(error, 8)
            return self._do.open(project, who)
        except OctTutorError as error:
            warn(error, 8)
            return ReadingArea(again_view(sent.get("task") if isinstance(sent, dict) else None))

    def _filled(self, area: ReadingArea) -> Fill:
        filled: Fill = {self.panel: area.panel}
        if area.panel["phase"] == "idle":
            filled[self.desk] = gr.update(visible="hidden")
        elif area.outline is not None:
            filled |= {self.outline: area.outline, self.desk: gr.update(visible=True)}
        return filled
