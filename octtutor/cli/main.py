"""The commands, gathered. Heavy parts are imported inside the commands that need them."""

import logging
import sys
import warnings

import typer
from PIL import Image

from octtutor.cli import (
    annotations,
    bench,
    bench_explain,
    bench_predict,
    cache,
    data,
    educators,
    exporting,
    jobs,
    models,
    network,
    phantom,
    publishing,
    quiz,
    report,
    serving,
    suspects,
)
from octtutor.cli.output import one_line_errors
from octtutor.wiring import prepare_environment, read_settings

app = typer.Typer(
    name="octtutor",
    help="Learn to read retinal OCT scans. For teaching, not for diagnosis.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("serve")(serving.serve)
data.app.command("suspects")(suspects.suspects)
app.add_typer(data.app, name="data")
app.add_typer(phantom.app, name="phantom")
app.command("train")(network.train)
app.command("features")(network.features)
app.command("evaluate")(network.evaluate)
app.command("predict")(network.predict)
app.command("explain")(network.explain)
models.app.command("publish")(publishing.publish)
models.app.command("use")(publishing.use)
models.app.command("rollback")(publishing.rollback)
models.app.command("compare")(publishing.compare)
models.app.command("export")(exporting.export)
app.add_typer(models.app, name="models")
bench.app.command("explain")(bench_explain.explain)
bench.app.command("predict")(bench_predict.predict)
app.add_typer(bench.app, name="bench")
app.add_typer(jobs.app, name="jobs")
app.add_typer(annotations.app, name="annotations")
app.add_typer(cache.app, name="cache")
app.add_typer(quiz.app, name="quiz")
app.command("report")(report.report)
app.add_typer(educators.app, name="educator")
app.add_typer(serving.db, name="db")


def main() -> None:
    """Run the command line."""
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # decode refuses them itself
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    with one_line_errors():
        prepare_environment(read_settings())
        app()
