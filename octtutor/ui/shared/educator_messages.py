"""An error meant for an educator becomes the page's message."""

from collections.abc import Callable
from typing import Any

from octtutor.errors import OctTutorError
from octtutor.ui.shared.messages import message


def or_educator_message(use: Callable[[], Any]) -> Any:
    """Run a use case; an error meant for a person becomes the page's message."""
    try:
        return use()
    except OctTutorError as error:
        raise message(error, seconds=10) from error
