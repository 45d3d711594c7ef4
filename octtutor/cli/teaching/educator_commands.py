"""`octtutor educator add|list|remove`."""

import sys
from typing import Annotated

import typer

from octtutor.cli.output import Json, print_json
from octtutor.errors import BadInputError

app = typer.Typer(help="Who may import scans, train and publish.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Letters, digits and . _ - @; small letters are kept.")]


@app.command("add")
def add(
    name: Name,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Add an educator. From the first one on, educators must sign in on this machine too."""
    from octtutor.wiring import opened_educators, read_settings

    password = _read_password() if password_stdin else _ask_password()
    with opened_educators(read_settings()) as educators:
        added = educators.add(name, password)
    typer.echo(f"Educator {added.name} added. Sign in at the page's address + /educator")


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the educators."""
    from octtutor.wiring import opened_educators, read_settings

    with opened_educators(read_settings()) as educators:
        known = educators.all()
    if as_json:
        print_json([{"name": e.name, "created": e.created_at.isoformat()} for e in known])
        return
    for educator in known:
        typer.echo(f"{educator.name}: since {educator.created_at:%Y-%m-%d}")
    if not known:
        typer.echo("No educators. Add one: octtutor educator add NAME")


@app.command("remove")
def remove(name: Name) -> None:
    """Remove an educator and end their sign-ins, at once."""
    from octtutor.wiring import opened_educators, read_settings

    with opened_educators(read_settings()) as educators:
        educators.remove(name)
        last = educators.are_none()
    typer.echo(f"Educator {name} removed, and signed out everywhere.")
    if last:
        typer.echo("That was the last one: the person at the machine is the educator again.")


@app.callback()
def educators() -> None:
    """Who may import scans, train and publish."""


def _read_password() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _ask_password() -> str:
    if not sys.stdin.isatty():
        raise BadInputError(
            "Expected a terminal to ask for the password. There is none. Give the password on "
            "standard input, with --password-stdin."
        )
    password: str = typer.prompt("Password", hide_input=True, err=True)
    if typer.prompt("The same again", hide_input=True, err=True) != password:
        raise BadInputError(
            "Expected the same password twice. Received two different ones. Nothing was added; "
            "run the command again."
        )
    return password
