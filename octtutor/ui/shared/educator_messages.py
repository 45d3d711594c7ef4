"""An error meant for an educator becomes the page's message."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from octtutor.errors import OctTutorError


def or_educator_message(use: Callable[[], Any]) -> Any:
    """Run a use case; an error meant for a person becomes the page's message."""
    try:
        return use()
    except OctTutorError as error:
        raise gr.Error(str(error), duration=10, print_exception=False) from error
