"""What is said in a message of the page is text, whatever it quotes."""

import gradio as gr
import pytest

from octtutor.errors import BadInputError
from octtutor.ui.shared.educator_messages import or_educator_message
from octtutor.ui.shared.messages import or_message


def refuse():
    raise BadInputError("Expected a name. Received '<img src=x onerror=alert(1)> & co'.")


@pytest.mark.parametrize("say", [or_message, or_educator_message])
def test_markup_that_a_message_quotes_is_shown_and_not_run(say):
    with pytest.raises(gr.Error) as told:
        say(refuse)
    assert told.value.message == (
        "Expected a name. Received '&lt;img src=x onerror=alert(1)&gt; &amp; co'."
    )
