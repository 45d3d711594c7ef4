"""`octtutor jobs list|start|show|log|stop|resume`: the training runs of the tab Train."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from octtutor.cli.network.training_options import takes_an_order
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
@takes_an_order
def start(
    facts: dict[str, Any],
    name: Annotated[str, typer.Option("--as", help="What the new model is to be called.")],
    as_json: Json = False,
) -> None:
    """Start a run and return at once; it waits while another runs."""
    from octtutor.jobs.training_order import TrainingOrder
    from octtutor.model.publish.publishing import check_free

    check_free(name, read_settings().model_folders)
    measured = bool(facts["val"]) or facts["data"].endswith(".csv")
    order = TrainingOrder(name, compare_with=_in_use() if measured else None, **_absolute(facts))
    jobs = _open()
    _say(jobs.start(jobs.draft(order).id), as_json)


def _absolute(facts: dict[str, Any]) -> dict[str, Any]:
    """Return an order's fields with whole paths: the run's process may stand elsewhere."""
    from pathlib import Path

    from octtutor.errors import BadInputError

    paths = {key: facts[key] for key in ("data", "val", "hold_out") if facts[key]}
    for source in paths.values():
        if not Path(source).exists():
            raise BadInputError(
                f"Expected scans at {source[:200]!r}. Nothing is there. Check the path."
            )
    may_be = ("start", "backbone_weights")
    paths |= {key: facts[key] for key in may_be if facts[key] and Path(facts[key]).exists()}
    return {**facts, **{key: str(Path(path).absolute()) for key, path in paths.items()}}


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
    from octtutor.model.serve.model_registry import find_in_use

    return str(find_in_use(read_settings().model_folders).folder)


def _say(job: Job, as_json: bool) -> None:
    if as_json:
        print_json(_facts(job))
    else:
        typer.echo(_line(job))


def _facts(job: Job) -> dict[str, Any]:
    model = str(job.model) if job.model else None
    return {"id": job.id, "order": job.order.as_json(), "model": model, **asdict(job.state)}


def _line(job: Job) -> str:
    state = job.state
    parts = [job.id, job.order.title, state.status]
    parts += [f"epoch {state.epoch} of {state.epochs}"] if state.epochs else []
    parts += [f"accuracy {state.outcome['accuracy']:.3f}"] if state.outcome else []
    return "  ".join([*parts, state.message]).rstrip()
