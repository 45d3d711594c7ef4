"""What is said to a person in a message of the page: as text, whatever it quotes."""

from collections.abc import Callable
from html import escape
from typing import Any

import gradio as gr

from octtutor.errors import OctTutorError


def or_message(use: Callable[[], Any]) -> Any:
    """Run a use case; an error meant for a person becomes the page's message."""
    try:
        return use()
    except OctTutorError as error:
        raise message(error) from error


def message(error: OctTutorError, seconds: float = 6) -> gr.Error:
    """Return the page's message of an error; Gradio takes its words for HTML."""
    return gr.Error(escape(str(error), quote=False), duration=seconds, print_exception=False)


def warn(said: object, seconds: float = 6) -> None:
    """Show a warning on the page."""
    gr.Warning(escape(str(said), quote=False), duration=seconds)
