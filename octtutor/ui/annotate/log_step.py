"""Steps 4 and 5 of the tab Annotate: Figures, and Log with what a scan's state was."""

from typing import Any

import gradio as gr

from octtutor.ui.annotate.annotate_steps import RAW, Fill, StepContext, html_area, show_if
from octtutor.ui.annotate.texts import ANNOTATE
from octtutor.ui.annotate.views import told_line


class FiguresStep:
    """4 Figures: how far annotators agree, and how they fare."""

    def __init__(self, context: StepContext) -> None:
        """Lay out the step; must be called inside the `gr.Tabs` of the steps."""
        self._do = context.handlers.log
        with gr.Tab(ANNOTATE["figures"], id="figures") as self.tab:
            self.figures = html_area("annotate-figures", 60)

    @property
    def shown(self) -> list[Any]:
        """What entering the step fills."""
        return [self.figures]

    def fill(self, project: Any, who: str) -> Fill:
        """Return what the step shows of a project."""
        return {self.figures: self._do.figures(project, who)}


class LogStep:
    """5 Log: of a scan; any earlier state shown and restored."""

    def __init__(self, context: StepContext) -> None:
        """Lay out the step; must be called inside the `gr.Tabs` of the steps."""
        self._do, self._for_educator = context.handlers.log, context.for_educator
        self._project = context.project
        with gr.Tab(ANNOTATE["log"], id="log") as self.tab:
            self.scan = gr.Dropdown(
                label=ANNOTATE["log_scan"],
                info=ANNOTATE["log_hint"],
                choices=[],
                elem_id="annotate-log-scan",
            )
            self.log = html_area("annotate-log", 60)
            with gr.Column(visible="hidden") as self.more:
                self.entry = gr.Dropdown(
                    label=ANNOTATE["entry"], choices=[], elem_id="annotate-entry"
                )
                self.state = html_area("annotate-state")
                self.restore = gr.Button(ANNOTATE["restore"], elem_id="annotate-restore")
                self.message = html_area("annotate-restored")

    @property
    def shown(self) -> list[Any]:
        """What entering the step fills."""
        return [self.scan, *self.of_scan]

    @property
    def of_scan(self) -> list[Any]:
        """What choosing a scan fills."""
        return [self.log, self.more, self.entry, self.state, self.message]

    def fill(self, project: Any, who: str) -> Fill:
        """Return what the step shows of a project."""
        choices = self._do.log_scans(project, who)
        last = choices[-1][1] if choices else None
        scan = gr.update(choices=choices, value=last)
        return {self.scan: scan, **self._log(project, last, who)}

    def connect(self) -> None:
        """Connect 5 Log."""

        def look(request: gr.Request, project: Any, scan: Any) -> Fill:
            return self._for_educator(request, lambda who: self._log(project, scan, who))

        def show(request: gr.Request, project: Any, scan: Any, entry: Any) -> Fill:
            def use(who: str) -> Fill:
                return {self.state: self._do.state(project, scan, entry, who)}

            return self._for_educator(request, use)

        def restore(request: gr.Request, project: Any, scan: Any, entry: Any) -> Fill:
            def use(who: str) -> Fill:
                line = self._do.restore(project, scan, entry, who)
                return {**self._log(project, scan, who), self.message: told_line(line)}

            return self._for_educator(request, use)

        place = [self._project, self.scan]
        self.scan.input(look, place, self.of_scan, **RAW)
        self.entry.input(show, [*place, self.entry], [self.state], **RAW)
        self.restore.click(restore, [*place, self.entry], self.of_scan, **RAW)

    def _log(self, project: Any, scan: Any, who: str) -> Fill:
        drawn, entries = self._do.log(project, scan, who)
        last = entries[-1][1] if entries else None
        return {
            self.log: drawn,
            self.more: show_if(bool(entries)),
            self.entry: gr.update(choices=entries, value=last),
            self.state: self._do.state(project, scan, last, who) if last else "",
            self.message: "",
        }
