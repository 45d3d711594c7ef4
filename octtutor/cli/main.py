"""The commands, gathered. Heavy parts are imported inside the commands that need them."""

import logging
import sys
import warnings

import typer
from PIL import Image

from octtutor.cli import serve_commands
from octtutor.cli.bench import bench_explain, bench_phantom, bench_predict
from octtutor.cli.data import (
    data_commands,
    fetch_commands,
    label_issue_commands,
    phantom_commands,
    scheme_commands,
)
from octtutor.cli.network import (
    cache_commands,
    export_commands,
    job_commands,
    model_commands,
    network_commands,
    publish_commands,
)
from octtutor.cli.output import one_line_errors
from octtutor.cli.teaching import (
    annotation_commands,
    educator_commands,
    quiz_commands,
    report_commands,
)
from octtutor.wiring import prepare_environment, read_settings

app = typer.Typer(
    name="octtutor",
    help="Learn to read retinal OCT scans. For teaching, not for diagnosis.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("serve")(serve_commands.serve)
data_commands.app.command("suspects")(label_issue_commands.suspects)
data_commands.app.command("list")(fetch_commands.list_)
data_commands.app.command("fetch")(fetch_commands.fetch)
app.add_typer(data_commands.app, name="data")
app.add_typer(phantom_commands.app, name="phantom")
app.add_typer(scheme_commands.app, name="schemes")
app.command("train")(network_commands.train)
app.command("features")(network_commands.features)
app.command("evaluate")(network_commands.evaluate)
app.command("predict")(network_commands.predict)
app.command("explain")(network_commands.explain)
model_commands.app.command("publish")(publish_commands.publish)
model_commands.app.command("use")(publish_commands.use)
model_commands.app.command("rollback")(publish_commands.rollback)
model_commands.app.command("compare")(publish_commands.compare)
model_commands.app.command("export")(export_commands.export)
app.add_typer(model_commands.app, name="models")
bench_phantom.app.command("explain")(bench_explain.explain)
bench_phantom.app.command("predict")(bench_predict.predict)
app.add_typer(bench_phantom.app, name="bench")
app.add_typer(job_commands.app, name="jobs")
app.add_typer(annotation_commands.app, name="annotations")
app.add_typer(cache_commands.app, name="cache")
app.add_typer(quiz_commands.app, name="quiz")
app.command("report")(report_commands.report)
app.add_typer(educator_commands.app, name="educator")
app.add_typer(serve_commands.db, name="db")


def main() -> None:
    """Run the command line."""
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # decode refuses them itself
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    with one_line_errors():
        prepare_environment(read_settings())
        app()
