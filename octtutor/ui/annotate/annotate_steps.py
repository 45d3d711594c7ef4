"""What the steps of the tab Annotate have in common: what they get, how their events run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import gradio as gr

from octtutor.ui.annotate.handlers import AnnotateHandlers
from octtutor.ui.doors.doorkeeper import RequireEducator
from octtutor.ui.shared.educator_messages import or_educator_message

ASSETS = Path(__file__).parent / "assets"
Fill = dict[Any, Any]
"""Updates by component."""
QUIET: dict[str, Any] = {
    "show_progress": "hidden",
    "api_visibility": "private",
    "concurrency_id": "annotate",
    "concurrency_limit": 16,
}
# not preprocessed: another process may have other choices
RAW: dict[str, Any] = {**QUIET, "preprocess": False}
BUSY: dict[str, Any] = {**RAW, "show_progress": "minimal"}


@dataclass(frozen=True, slots=True)
class StepContext:
    """What every step works with; every handler asks first who is asking."""

    handlers: AnnotateHandlers
    require: RequireEducator
    project: gr.Dropdown

    def for_educator(self, request: gr.Request, use: Callable[[str], Fill]) -> Fill:
        """Return what `use` makes for the educator who asks; a fault is shown to them."""
        result: Fill = or_educator_message(lambda: use(self.require(request).name))
        return result


class Step(Protocol):
    """A step as the tab enters it."""

    tab: gr.Tab

    @property
    def shown(self) -> list[Any]:
        """What entering the step fills."""

    def fill(self, project: Any, who: str) -> Fill:
        """Return what the step shows of a project."""


def html_area(elem_id: str, min_height: int | None = None) -> gr.HTML:
    """Lay out a place for HTML in the tab's styles."""
    return gr.HTML(
        elem_id=elem_id,
        apply_default_css=False,
        min_height=min_height,
        css_template=(ASSETS / "annotate.css").read_text("utf-8"),
    )


def show_if(is_there: bool) -> Any:
    """Update whether a component is seen; it stays on the page."""
    return gr.update(visible=True if is_there else "hidden")


def payload_of(event: gr.EventData) -> Any:
    """Return what the page's own script sent."""
    return event._data
