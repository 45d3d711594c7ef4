"""The educators' switch: the model answers nobody's pictures while an exam is under way."""

from typing import Any

import gradio as gr

from octtutor.core.educator import Educator
from octtutor.tutor.exams.examined import ExaminedScans
from octtutor.ui.doors.doorkeeper import RequireEducator
from octtutor.ui.quizzes.texts import QUIZZES
from octtutor.ui.shared.educator_messages import or_educator_message

_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


class SwitchHandlers:
    """What the switch's events do. Values in, values out; knows no component."""

    def __init__(self, examined: ExaminedScans) -> None:
        """Take what knows the exams under way."""
        self._examined = examined

    def state(self) -> tuple[bool, str]:
        """Return whether it is on, and a line that says what holds just now."""
        is_on, is_any = self._examined.is_closing(), self._examined.is_any()
        if not is_any:
            return is_on, QUIZZES["no_exam_runs"]
        return is_on, QUIZZES["exam_runs_closed" if is_on else "exam_runs_open"]

    def set(self, educator: Educator, is_on: Any) -> tuple[bool, str]:
        """Switch it, and return the state."""
        self._examined.close_during_exams(educator.name, is_on is True)
        return self.state()


def build_service_switch(
    page: gr.Blocks, handlers: SwitchHandlers, require: RequireEducator
) -> None:
    """Lay out the switch and connect it. Must be called inside a tab."""
    box = gr.Checkbox(
        label=QUIZZES["close_service"], info=QUIZZES["close_service_why"], elem_id="close-service"
    )
    line = gr.Markdown(elem_id="close-service-state")

    def load(request: gr.Request) -> tuple[bool, str]:
        found: tuple[bool, str] = or_educator_message(
            lambda: (require(request), handlers.state())[1]
        )
        return found

    def switch(is_on: Any, request: gr.Request) -> tuple[bool, str]:
        found: tuple[bool, str] = or_educator_message(lambda: handlers.set(require(request), is_on))
        return found

    page.load(load, None, [box, line], **_QUIET)
    box.input(switch, box, [box, line], **_QUIET)
