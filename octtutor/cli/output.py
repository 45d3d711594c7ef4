"""How commands speak: results on standard output, everything else on standard error."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from octtutor.errors import OctTutorError

if TYPE_CHECKING:
    from tqdm import tqdm

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
_INTERRUPTED = 130
"""What Typer exits with after Ctrl-C."""


def print_json(value: Any) -> None:
    """Print one JSON value on standard output."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def note(text: str) -> None:
    """Print a line for a person on standard error."""
    typer.echo(text, err=True)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn an error meant for a person into one line and exit code 1."""
    try:
        yield
    except OctTutorError as error:
        note("Error: " + " ".join(str(error).split()))
        raise SystemExit(1) from error
    except KeyboardInterrupt:
        raise _stopped() from None
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            raise _stopped() from None
        raise


def _stopped() -> SystemExit:
    note("Stopped. Nothing is half-written; run the command again to go on.")
    return SystemExit(1)


@contextmanager
def progress_bar(what: str, unit: str = "scan") -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on standard error; gives a function (done, total)."""
    from tqdm import tqdm as open_bar

    bars: list[tqdm[Any]] = []

    def update(done: int, total: int) -> None:
        if not bars:  # opened late, so that a command that fails at once prints one line
            bars.append(
                open_bar(desc=what, unit=unit, leave=False, disable=None, dynamic_ncols=True)
            )
        bar = bars[0]
        if bar.total != total or done < bar.n:
            bar.reset(total)
        bar.update(done - bar.n)

    try:
        yield update
    finally:
        for bar in bars:
            bar.close()
