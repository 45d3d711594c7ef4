"""`octtutor phantom make`."""

from pathlib import Path
from typing import Annotated

import typer

from octtutor.cli.output import progress_bar

app = typer.Typer(help="Synthetic scans.", no_args_is_help=True)


@app.command("make")
def make(
    out: Annotated[Path, typer.Option(help="The folder to write: CLASS/…, masks/…, cases.csv.")],
    per_class: Annotated[int, typer.Option(help="Scans of each class.")] = 15,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same scans.")] = 2017,
    workers: Annotated[
        int | None, typer.Option(help="Processes; by default one for few scans, else one a core.")
    ] = None,
) -> None:
    """Make synthetic scans with masks, findings' masks and boundaries; cases.csv tells the rest."""
    from octtutor.phantom import write_deck

    with progress_bar("drawing") as progress:
        rows = write_deck(out, per_class, seed, progress=progress, workers=workers)
    typer.echo(f"Written: {len(rows)} scans, their masks and cases.csv in {out}")


@app.callback()
def phantom() -> None:
    """Synthetic scans."""
