"""Step 6 of the tab Annotate, Use: files out and in, and a deck of what holds."""

from typing import Any

import gradio as gr

from octtutor.ui.annotate.annotate_steps import BUSY, Fill, StepContext, html_area, show_if
from octtutor.ui.annotate.texts import ANNOTATE
from octtutor.ui.shared.texts import TRAIN_TAB

KINDS = [".csv", ".json", ".jsonl", ".ndjson", ".zip", ".tar", ".gz", ".tgz"]
_GO_TO_TRAIN = f"""() => {{
  const tabs = [...document.querySelectorAll("#educator-tabs button[role=tab]")];
  const train = tabs.find((tab) => tab.textContent.trim() === "{TRAIN_TAB}");
  if (train) {{ train.click(); window.scrollTo(0, 0); }}
}}"""


class UseStep:
    """6 Use: files out and in, and a deck of what holds."""

    def __init__(self, context: StepContext) -> None:
        """Lay out the step; must be called inside the `gr.Tabs` of the steps."""
        self._do, self._for_educator = context.handlers.use, context.for_educator
        self._project = context.project
        self._is_project = context.handlers.projects.is_project
        with gr.Tab(ANNOTATE["use"], id="use") as self.tab:
            gr.Markdown(f"### {ANNOTATE['publish']}\n{ANNOTATE['publish_hint']}")
            self.state = html_area("annotate-publish-state")
            with gr.Column(visible="hidden") as self.body:
                self._lay_out_body()

    def _lay_out_body(self) -> None:
        with gr.Row():
            self.deck = gr.Textbox(
                label=ANNOTATE["publish_deck"],
                max_length=63,
                elem_id="annotate-publish-deck",
                min_width=240,
            )
            self.title = gr.Textbox(
                label=ANNOTATE["publish_title"],
                max_length=80,
                elem_id="annotate-publish-title",
                min_width=240,
            )
        self.publish = gr.Button(
            ANNOTATE["publish_button"], variant="primary", elem_id="annotate-publish"
        )
        self.published = html_area("annotate-published")
        self.train = gr.Button(ANNOTATE["to_train"], visible=False, elem_id="annotate-train")
        gr.Markdown(f"### {ANNOTATE['export']}\n{ANNOTATE['export_hint']}")
        self.export = gr.Button(ANNOTATE["export_button"], elem_id="annotate-export")
        self.files = html_area("annotate-files")
        gr.Markdown(f"### {ANNOTATE['import']}\n{ANNOTATE['import_hint']}")
        self.upload = gr.File(
            label=ANNOTATE["import_file"],
            file_types=KINDS,
            elem_id="annotate-upload",
            height=130,
        )
        self.bring_in = gr.Button(ANNOTATE["import_button"], elem_id="annotate-import")
        self.report = html_area("annotate-report")

    @property
    def shown(self) -> list[Any]:
        """What entering the step fills."""
        return [self.state, self.body, self.files, self.published, self.train, self.report]

    def fill(self, project: Any, who: str) -> Fill:
        """Return what the step shows of a project."""
        return {
            self.state: self._do.publish_state(project, who),
            self.body: show_if(self._is_project(project)),
            self.files: "",
            self.published: "",
            self.train: gr.update(visible=False),
            self.report: "",
        }

    def connect(self) -> None:
        """Connect 6 Use."""

        def publish(request: gr.Request, project: Any, deck: Any, title: Any) -> Fill:
            def use(who: str) -> Fill:
                report = self._do.publish(project, deck, title)
                return {
                    self.published: report,
                    self.train: gr.update(visible=True),
                    self.deck: "",
                    self.title: "",
                }

            return self._for_educator(request, use)

        def export(request: gr.Request, project: Any) -> Fill:
            return self._for_educator(
                request, lambda who: {self.files: self._do.export(project, who)}
            )

        def bring_in(request: gr.Request, project: Any, upload: Any) -> Fill:
            def use(who: str) -> Fill:
                report = self._do.bring_in(project, upload, who)
                state = self._do.publish_state(project, who)
                return {self.report: report, self.upload: None, self.state: state}

            return self._for_educator(request, use)

        self.publish.click(
            publish,
            [self._project, self.deck, self.title],
            [self.published, self.train, self.deck, self.title],
            show_progress_on=self.published,
            **BUSY,
        )
        self.train.click(None, None, None, js=_GO_TO_TRAIN, api_visibility="private")
        self.export.click(
            export, [self._project], [self.files], show_progress_on=self.files, **BUSY
        )
        self.bring_in.click(
            bring_in,
            [self._project, self.upload],
            [self.report, self.upload, self.state],
            show_progress_on=self.report,
            **BUSY,
        )
