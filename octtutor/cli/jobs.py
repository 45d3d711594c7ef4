"""`octtutor jobs list|start|show|log|stop|resume`: the training runs of the tab Train."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from octtutor.cli.network import RECIPES
from octtutor.cli.output import Json, print_json
from octtutor.jobs.queue import Job, Jobs
from octtutor.jobs.state import tail
from octtutor.wiring import open_jobs, read_settings

app = typer.Typer(help="Training runs, in processes of their own.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(help="The run, as `jobs list` names it.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List all runs, the newest first."""
    jobs = _open().all()
    if as_json:
        print_json([_facts(job) for job in jobs])
        return
    for job in jobs:
        typer.echo(_line(job))
    if not jobs:
        typer.echo("No training run yet.")


@app.command("start")
def start(
    data: Annotated[str, typer.Option(help="Training scans: folder, ZIP, tar, or a list (CSV).")],
    name: Annotated[str, typer.Option("--as", help="What the new model is to be called.")],
    recipe: Annotated[str, typer.Option(help="finetune, features or article.")] = "finetune",
    val: Annotated[str | None, typer.Option(help="Scans to measure on.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the scans.")] = None,
    size: Annotated[int | None, typer.Option(help="Side of the input, pixels.")] = None,
    as_json: Json = False,
) -> None:
    """Start a run and return at once; it waits while another runs."""
    from pathlib import Path

    from octtutor.errors import BadInputError
    from octtutor.jobs.order import Order
    from octtutor.model.publishing import check_free

    if recipe not in RECIPES:
        expected = ", ".join(RECIPES)
        raise typer.BadParameter(f"expected {expected}, got {recipe}", param_hint="--recipe")
    check_free(name, read_settings().model_folders)
    for source in (data, val):
        if source and not Path(source).exists():
            raise BadInputError(
                f"Expected scans at {source[:200]!r}. Nothing is there. Check the path."
            )
    measured = str(Path(val).absolute()) if val else None
    order = Order(
        name,
        data=str(Path(data).absolute()),
        val=measured,
        recipe=recipe,
        epochs=epochs,
        size=size,
        compare_with=_in_use() if measured or data.endswith(".csv") else None,
    )
    jobs = _open()
    _say(jobs.start(jobs.draft(order).id), as_json)


@app.command("show")
def show(job: Id, as_json: Json = False) -> None:
    """Show how far a run is."""
    _say(_open().get(job), as_json)


@app.command("log")
def log(
    job: Id, lines: Annotated[int, typer.Option(min=1, help="So many of the last lines.")] = 40
) -> None:
    """Print the end of a run's log."""
    typer.echo(tail(_open().get(job).folder, lines))


@app.command("stop")
def stop(job: Id, as_json: Json = False) -> None:
    """Stop a run after the batch it is at; it keeps the best model so far."""
    jobs = _open()
    jobs.stop(job)
    _say(jobs.get(job), as_json)


@app.command("resume")
def resume(job: Id, as_json: Json = False) -> None:
    """Go on with a run that was cut off or failed, after its last complete epoch."""
    _say(_open().resume(job), as_json)


def _open() -> Jobs:
    return open_jobs(read_settings())


def _in_use() -> str:
    from octtutor.model.registry import find_in_use

    return str(find_in_use(read_settings().model_folders).folder)


def _say(job: Job, as_json: bool) -> None:
    if as_json:
        print_json(_facts(job))
    else:
        typer.echo(_line(job))


def _facts(job: Job) -> dict[str, Any]:
    model = str(job.model) if job.model else None
    return {"id": job.id, "order": asdict(job.order), "model": model, **asdict(job.state)}


def _line(job: Job) -> str:
    state = job.state
    parts = [job.id, job.order.title, state.status]
    parts += [f"epoch {state.epoch} of {state.epochs}"] if state.epochs else []
    parts += [f"accuracy {state.outcome['accuracy']:.3f}"] if state.outcome else []
    return "  ".join([*parts, state.message]).rstrip()
