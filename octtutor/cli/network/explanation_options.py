"""What several commands are told of an explanation: the method, and the class explained."""

from collections.abc import Sequence

import typer

from octtutor.model.explain.methods import METHODS


def check_methods(names: Sequence[str]) -> None:
    """Refuse, as wrong usage, a method that there is not."""
    for name in names:
        if name not in METHODS:
            expected = ", ".join(METHODS)
            raise typer.BadParameter(f"expected {expected}, received {name}", param_hint="--method")


def read_class(text: str | None, option: str, labels: Sequence[str]) -> str | None:
    """Read a class that was given with an option; refuse, as wrong usage, what is none.

    Args:
        text: the class, in small or capital letters.
        option: what it was given with.
        labels: of the model.
    """
    if text is None:
        return None
    if text.upper() not in labels:
        raise typer.BadParameter(
            f"expected {', '.join(labels)}, received {text}", param_hint=option
        )
    return text.upper()
