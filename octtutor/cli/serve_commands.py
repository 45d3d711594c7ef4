"""`octtutor serve` and `octtutor db upgrade`."""

from typing import Annotated

import typer

db = typer.Typer(help="The records.", no_args_is_help=True)
Url = Annotated[
    str | None,
    typer.Option(help="Records elsewhere: postgresql://user@host/name or sqlite:////file."),
]


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port.")] = 7860,
    share: Annotated[bool, typer.Option(help="Also make a public link.")] = False,
    database_url: Url = None,
    mcp: Annotated[
        bool, typer.Option("--mcp", help="Also offer /predict and /explain as MCP tools.")
    ] = False,
) -> None:
    """Start the page."""
    from octtutor.wiring import read_settings
    from octtutor.wiring import serve as serve_page

    typer.echo("Starting …")
    serve_page(read_settings(database_url), host, port, share, typer.echo, mcp)


@db.command("upgrade")
def upgrade(database_url: Url = None) -> None:
    """Bring the records to this version of the program."""
    from octtutor.wiring import read_settings, upgrade_records

    before, after = upgrade_records(read_settings(database_url))
    if before == after:
        typer.echo(f"The records are at version {after} already.")
    else:
        typer.echo(f"The records went from version {before or 'none (empty)'} to {after}.")


@db.callback()
def records() -> None:
    """The records."""
