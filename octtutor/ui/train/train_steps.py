"""What the steps of the tab Train have in common: what they get, how their events run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from octtutor.core.educator import Educator
from octtutor.reports.markup import paragraph
from octtutor.ui.doors.doorkeeper import RequireEducator
from octtutor.ui.shared.educator_messages import or_educator_message
from octtutor.ui.shared.run_views import box
from octtutor.ui.train.handlers import TrainHandlers

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


@dataclass(frozen=True, slots=True)
class TrainContext:
    """What every step works with; every handler asks first who is asking."""

    handlers: TrainHandlers
    require: RequireEducator
    steps: gr.Tabs
    chosen: gr.State
    """The scans that were looked at."""
    draft: gr.State
    """The planned run."""
    seen: gr.State
    """What the page shows of the runs."""

    def for_educator(self, request: gr.Request, use: Callable[[Educator], Any]) -> Any:
        """Return what `use` makes for the educator who asks; a fault is shown to them."""
        return or_educator_message(lambda: use(self.require(request)))

    def go_to(self, step: str) -> Callable[[gr.Request], Any]:
        """Return a handler that goes on to another step."""

        def handler(request: gr.Request) -> Any:
            return self.for_educator(request, lambda educator: gr.Tabs(selected=step))

        return handler


def said_line(text: str) -> str:
    """Return a line that says what was done, or what is known."""
    return box(paragraph(text, "said"), is_status=True)
