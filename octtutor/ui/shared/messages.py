"""An error meant for a trainee becomes the page's message."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from octtutor.errors import OctTutorError


def or_message(use: Callable[[], Any]) -> Any:
    """Run a use case; an error meant for a person becomes the page's message."""
    try:
        return use()
    except OctTutorError as error:
        raise message(error) from error


def message(error: OctTutorError) -> gr.Error:
    """Return the page's message of an error."""
    return gr.Error(str(error), duration=6, print_exception=False)
