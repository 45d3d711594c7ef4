"""`octtutor bench phantom`: research on how real synthetic scans are; needs the program's source.

What it runs is in `benchmarks/realism/`, beside the package and not in the wheel.
"""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

import octtutor
from octtutor.cli.output import Json, print_json
from octtutor.errors import BadInputError

app = typer.Typer(help="Benchmarks.", no_args_is_help=True)

REAL = Path("../shared/oct2017")
_LEAST = 10


@app.command("phantom")
def phantom(
    data: Annotated[Path, typer.Option(help="Real scans to train on, OCT2017 layout.")] = REAL
    / "train",
    test: Annotated[Path, typer.Option(help="Real scans of other patients to test on.")] = REAL
    / "test",
    synthetic: Annotated[
        Path | None, typer.Option(help="A deck already made; drawn anew by default.")
    ] = None,
    per_class: Annotated[
        int, typer.Option(min=_LEAST, help="Synthetic scans of each class to draw.")
    ] = 130,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of scans and draws.")] = 2018,
    repeats: Annotated[
        int, typer.Option(min=2, help="Draws of real scans to train on, by patient.")
    ] = 10,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer scans, no networks.")] = False,
    plots: Annotated[
        Path | None,
        typer.Option(help="A folder for plots and sheets of scans, real ones among them."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure how real synthetic scans are: probes, added training, telling apart, radiomics."""
    research = _research()
    figures = research.bench_phantom(data, test, synthetic, per_class, seed, repeats, quick, plots)
    print_json(figures) if as_json else research.print_table(figures)


def _research() -> Any:
    """Import what measures from the source, by name: no module of the package needs it.

    Raises:
        BadInputError: this install has no source beside it.
    """
    if not (Path(octtutor.__file__).parents[1] / "benchmarks" / "realism").is_dir():
        raise BadInputError(
            "Expected the program's source: what measures synthetic scans is in its folder "
            "`benchmarks/`. This is an installed package, which has none. Clone the repository, "
            "run `make run` in it once, and then `.venv/bin/octtutor bench phantom`."
        )
    return import_module("benchmarks.realism.command")


@app.callback()
def bench() -> None:
    """Benchmarks."""
