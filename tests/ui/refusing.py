"""That every handler of an educators' tab asks first who is asking."""

import inspect
from collections.abc import Callable
from typing import Any

import gradio as gr
import pytest

from octtutor.core.educator import Educator
from octtutor.errors import NotAllowedError


def count_refusals(build_tab: Callable[..., None], handlers: Any) -> int:
    """Call every handler of a tab as nobody; all must refuse. Return how many there are."""

    def refuse(request: gr.Request) -> Educator:
        raise NotAllowedError("you are nobody")

    with gr.Blocks() as page, gr.Tabs():
        build_tab(page, handlers, refuse)
    functions = [block.fn for block in page.fns.values() if block.fn is not None]
    for function in functions:
        plain = [
            value
            for value in inspect.signature(function).parameters.values()
            if value.kind is value.POSITIONAL_OR_KEYWORD and value.default is value.empty
        ]
        with pytest.raises(gr.Error, match="you are nobody"):
            function(*(None for _ in plain))
    return len(functions)
