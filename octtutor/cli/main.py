"""The commands by name. What a command needs, its own file too, is imported when it is asked for.

A new command is a line in `COMMANDS`.
"""

import logging
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from octtutor.cli.output import one_line_errors


@dataclass(frozen=True, slots=True)
class Entry:
    """A command, or a group of commands."""

    help: str
    """Its line in the list of commands: the first of its own help."""
    at: str
    """Where it is below `octtutor.cli`, `module:name`: a function, or a group's `typer.Typer`."""
    more: Mapping[str, str] = field(default_factory=dict)
    """Further commands of a group, by name: where their functions are, likewise."""


COMMANDS: dict[str, Entry] = {
    "serve": Entry("Start the page.", "serve_commands:serve"),
    "train": Entry(
        "Train a network and write its folder (weights, card, history, curves).",
        "network.network_commands:train",
    ),
    "features": Entry(
        "Keep a frozen backbone's features of scans, for `train --recipe features`.",
        "network.network_commands:features",
    ),
    "evaluate": Entry(
        "Measure a model on scans with known truth.", "network.network_commands:evaluate"
    ),
    "predict": Entry(
        "Answer scans: files, whole folders, or web addresses.", "network.network_commands:predict"
    ),
    "explain": Entry(
        "Show where the network looked: an overlay, and the map as numbers.",
        "network.network_commands:explain",
    ),
    "report": Entry(
        "Write what a trainee, or a session, has read: HTML, CSV and iMRMC.",
        "teaching.report_commands:report",
    ),
    "data": Entry(
        "Scans: fetch, import, audit, doubt.",
        "data.data_commands:app",
        {
            "suspects": "data.label_issue_commands:suspects",
            "list": "data.fetch_commands:list_",
            "fetch": "data.fetch_commands:fetch",
        },
    ),
    "phantom": Entry("Synthetic scans.", "data.phantom_commands:app"),
    "schemes": Entry(
        "Schemes, the lists of diagnoses: list, check, show.", "data.scheme_commands:app"
    ),
    "models": Entry(
        "Trained models.",
        "network.model_commands:app",
        {
            "publish": "network.publish_commands:publish",
            "use": "network.publish_commands:use",
            "rollback": "network.publish_commands:rollback",
            "compare": "network.publish_commands:compare",
            "export": "network.export_commands:export",
        },
    ),
    "bench": Entry(
        "Benchmarks.",
        "bench.bench_phantom:app",
        {"explain": "bench.bench_explain:explain", "predict": "bench.bench_predict:predict"},
    ),
    "jobs": Entry("Training runs, in processes of their own.", "network.job_commands:app"),
    "annotations": Entry(
        "What annotators said and drew: out, in, list.", "teaching.annotation_commands:app"
    ),
    "cache": Entry(
        "Features kept of scans, so that heads train fast.", "network.cache_commands:app"
    ),
    "quiz": Entry("Quiz files: list, check, build, show.", "teaching.quiz_commands:app"),
    "educator": Entry("Who may import scans, train and publish.", "teaching.educator_commands:app"),
    "db": Entry("The records.", "serve_commands:db"),
}


class Commands(Mapping[str, Any]):
    """Typer's commands by name, made when they are asked for."""

    def __getitem__(self, name: str) -> Any:
        entry = COMMANDS[name]
        prepare()
        found, whole = _find(entry.at), typer.Typer(rich_markup_mode=None)
        if isinstance(found, typer.Typer):
            known = {command.name for command in found.registered_commands}
            for more, at in entry.more.items():
                if more not in known:
                    found.command(more)(_find(at))
            whole.add_typer(found, name=name)
        else:
            whole.command(name)(found)
        whole.callback()(lambda: None)  # else a single command would be no group's
        return typer.main.get_group(whole).commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Octtutor(TyperGroup):
    """The program: lists its commands without importing them."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands and their lines."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


app = Octtutor(
    name="octtutor",
    help="Learn to read retinal OCT scans. For teaching, not for diagnosis.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.commands = Commands()  # type: ignore[assignment]


def prepare() -> None:
    """Get ready for what a command imports."""
    from PIL import Image

    from octtutor.wiring import prepare_environment, read_settings

    warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # decode refuses them itself
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    prepare_environment(read_settings())


def main() -> None:
    """Run the command line."""
    with one_line_errors():
        app()


def _find(at: str) -> Any:
    module, _, name = at.partition(":")
    return getattr(import_module(f"octtutor.cli.{module}"), name)
