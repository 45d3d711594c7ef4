"""What the browser keeps of a trainee, and whose it is."""

from typing import Any

from octtutor.errors import BadInputError
from octtutor.ui.shared.texts import START

Browser = dict[str, Any] | None
"""What the browser keeps: {"id": trainee's id, "nickname": …}."""


def trainee_of(browser: Browser) -> str | None:
    """Return the id that a browser keeps; a forged state is nobody's."""
    kept = browser.get("id") if isinstance(browser, dict) else None
    return kept if isinstance(kept, str) and len(kept) <= 64 else None


def need_trainee(browser: Browser) -> str:
    """Return the id that a browser keeps.

    Raises:
        BadInputError: it keeps none.
    """
    trainee_id = trainee_of(browser)
    if trainee_id is None:
        raise BadInputError(START["lost"])
    return trainee_id
