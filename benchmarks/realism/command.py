"""`octtutor bench phantom`."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from octtutor.cli.output import note, progress_bar
from octtutor.errors import BadInputError, SettingsError

if TYPE_CHECKING:
    from benchmarks.realism.measuring import Effort, Parts
    from octtutor.settings import Settings


_QUICK_SYNTHETIC, _QUICK_TRAIN, _QUICK_TEST = 30, 40, 15


def bench_phantom(
    data: Path,
    test: Path,
    synthetic: Path | None = None,
    per_class: int = 130,
    seed: int = 2018,
    repeats: int = 10,
    quick: bool = False,
    plots: Path | None = None,
) -> dict[str, Any]:
    """Measure synthetic scans against real ones.

    Args:
        data: real scans to train on.
        test: real scans of other patients.
        synthetic: a deck in OCT2017 layout; drawn with `per_class` and `seed` by default.
        per_class: scans of each class that are drawn.
        seed: of all that is random.
        repeats: draws of real scans, each with other patients held out.
        quick: fewer scans, and no network but the probe.
        plots: a folder to write pictures into.

    Returns:
        One object, ready for JSON: what `measure_realism` returns (`scans`, `transfer`, `gain`,
        `told_apart`, `radiomics`) and `synthetic` (where the scans come from), `seed`, `quick`,
        and `plots`, the files written.

    Raises:
        BadInputError: a folder is not there, or a class has too few patients.
        SettingsError: the folder for plots cannot be written.
    """
    _check_there(data, test, synthetic)
    _prepare(plots)
    from octtutor.model.network.backend import import_keras_quietly
    from octtutor.wiring import read_settings

    import_keras_quietly()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it counts our networks as a fault
    from benchmarks.realism.measuring import measure_realism
    from octtutor.jobs.planning import open_cache, open_frozen

    settings = read_settings()
    backbone = open_frozen("lite0", "imagenet", None, None, settings)
    drawn = min(per_class, _QUICK_SYNTHETIC) if quick else per_class
    with _deck(synthetic, drawn, seed) as deck:
        parts = _look(data, test, deck, backbone.how, quick, seed)
        figures = measure_realism(
            parts,
            backbone,
            open_cache(settings),
            _in_use(settings),
            _effort(quick, repeats, seed),
            note,
        )
        written = _draw(plots, data, deck, parts, seed)
    came = {"deck": str(synthetic)} if synthetic else {"drawn_per_class": drawn}
    return {"synthetic": came, "seed": seed, "quick": quick, **figures, "plots": written}


def _check_there(data: Path, test: Path, synthetic: Path | None) -> None:
    for folder, option in ((data, "--data"), (test, "--test")):
        if not folder.exists():
            raise BadInputError(
                f"Expected real scans in {str(folder)!r}, which is not there. Put scans of "
                "OCT2017 (doi 10.17632/rscbjbr9sj) into it, in CNV/, DME/, DRUSEN/, NORMAL/, or "
                f"give their folder with {option}."
            )
    if synthetic and not synthetic.exists():
        raise BadInputError(
            f"Expected a deck of synthetic scans in {str(synthetic)!r}, which is not there. Make "
            "one with `octtutor phantom make --out DIR`, or leave --synthetic out."
        )


def _prepare(plots: Path | None) -> None:
    try:
        if plots:
            plots.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"Expected a folder for the plots. {str(plots)!r} cannot be made or is none "
            f"({error.strerror}). Choose another."
        ) from error


@contextmanager
def _deck(given: Path | None, per_class: int, seed: int) -> Iterator[Path]:
    """Give the deck to measure; one that is drawn here is gone afterwards."""
    if given:
        yield given
        return
    from octtutor.phantom import write_deck

    with tempfile.TemporaryDirectory() as place:
        with progress_bar("drawing") as progress:
            write_deck(Path(place) / "deck", per_class, seed, progress=progress)
        yield Path(place) / "deck"


def _look(data: Path, test: Path, deck: Path, how: Any, quick: bool, seed: int) -> "Parts":
    from benchmarks.realism.measuring import Parts
    from benchmarks.realism.radiomics import look_at

    most = (_QUICK_TRAIN, _QUICK_TEST, _QUICK_SYNTHETIC) if quick else (None, None, None)
    looked = []
    for source, limit in zip((data, test, deck), most, strict=True):
        with progress_bar("looking") as progress:
            looked.append(look_at(source, how, limit, seed, progress))
    return Parts(*looked)


def _effort(quick: bool, repeats: int, seed: int) -> "Effort":
    from dataclasses import replace

    from benchmarks.realism.measuring import QUICK, Effort

    if quick:
        return replace(QUICK, repeats=min(repeats, QUICK.repeats), seed=seed)
    return Effort(repeats=repeats, seed=seed)


def _in_use(settings: "Settings") -> Path | None:
    from octtutor.errors import ModelError
    from octtutor.model.serve.model_registry import find_model

    try:
        return find_model("default", settings.model_folders)
    except ModelError:
        return None  # an install without models is no reason not to measure the rest


def _draw(plots: Path | None, data: Path, deck: Path, parts: "Parts", seed: int) -> list[str]:
    if plots is None:
        return []
    from benchmarks.realism.plots import write_plots, write_sheets

    paths = write_plots(plots, parts.train, parts.synthetic)
    paths += write_sheets(plots, (data, parts.train), (deck, parts.synthetic), seed)
    return [str(path) for path in paths]


def print_table(figures: dict[str, Any]) -> None:
    """Print what was measured, a line each."""
    scans = figures["scans"]
    counted = ", ".join(
        f"{part} {facts['files']} of {facts['patients']} patients" for part, facts in scans.items()
    )
    typer.echo(f"Scans: {counted}")
    typer.echo("\nTrained on one, tested on the other: accuracy (95 % over patients)")
    for name, facts in figures["transfer"].items():
        typer.echo(
            f"  {_words(name):<30}{_range(facts['accuracy'], facts['accuracy_ci'])}{_aim(facts)}"
        )
    typer.echo("\nReal scans a class: accuracy alone, with synthetic ones, difference")
    for count, facts in figures["gain"].items():
        parts = [_figure(facts[key]) for key in ("real", "both", "difference")]
        typer.echo(f"  {count:>5}  {'   '.join(parts)}  {facts['verdict']}")
    typer.echo("\nReal told from synthetic: area under the ROC (0.5: cannot be told apart)")
    for name, facts in figures["told_apart"].items():
        typer.echo(f"  {_words(name):<30}{_range(facts['auroc'], facts['auroc_ci'])}{_aim(facts)}")
    _print_radiomics(figures["radiomics"])
    for path in figures["plots"]:
        typer.echo(f"Written: {path}")


def _print_radiomics(radiomics: dict[str, Any]) -> None:
    typer.echo(
        "\nDistance real to synthetic, as a multiple of real to real (about 1: no difference)"
    )
    for name, figures in radiomics["curves"].items():
        typer.echo(f"  {_words(name):<32}{figures['ratio']:5.1f}")
    for name, figures in radiomics["figures"].items():
        typer.echo(
            f"  {_words(name):<32}{figures['ratio']:5.1f}  median {figures['real']['median']:.3g} "
            f"real, "
            f"{figures['synthetic']['median']:.3g} synthetic ({figures['unit']})"
        )


def _words(name: str) -> str:
    return name.replace("_", " ")


def _figure(figures: dict[str, Any]) -> str:
    return _range(figures["value"], [figures["low"], figures["high"]])


def _range(value: float, ends: list[float | None]) -> str:
    if ends[0] is None or ends[1] is None:
        return f"{value:.3f}"
    return f"{value:.3f} ({ends[0]:.3f} to {ends[1]:.3f})"


def _aim(figures: dict[str, Any]) -> str:
    if "aim" not in figures:
        return ""
    return f"  aim {figures['aim']:.2f}: {'reached' if figures['reached'] else 'not reached'}"
