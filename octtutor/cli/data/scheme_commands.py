"""`octtutor schemes list|check|show`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from octtutor.cli.output import Json, note, print_json
from octtutor.core.scheme import Scheme, SchemeDiagnosis
from octtutor.datasets.schemes.scheme_registry import ListedScheme
from octtutor.wiring import open_schemes, read_settings

app = typer.Typer(help="Schemes, the lists of diagnoses: list, check, show.", no_args_is_help=True)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the schemes, yours and the shipped ones, with their diagnoses."""
    listed = open_schemes(read_settings()).all()
    if as_json:
        print_json([_row(one) for one in listed])
        return
    for one in listed:
        own = "yours" if one.is_own else "shipped"
        what = f"{one.scheme.title} ({own})" if one.scheme else f"cannot be read ({own})"
        state = "; has faults: see schemes check" if one.faults else ""
        typer.echo(f"{one.name}: {what}{state}")


@app.command("check")
def check(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE|NAME]…", help="Files or schemes; all schemes by default."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Look for faults, of a file and between schemes. Exit 1 when there are any."""
    schemes = open_schemes(read_settings())
    chosen = [schemes.find(word) or schemes.read(Path(word)) for word in words or ()]
    checked = chosen if words else schemes.all()
    if as_json:
        print_json([_row(one) for one in checked])
    else:
        for one in checked:
            for fault in one.faults:
                typer.echo(f"{one.path}:{max(fault.line, 1)}: {fault.what}")
        wrong = sum(bool(one.faults) for one in checked)
        note(f"Schemes checked: {len(checked)}. With faults: {wrong}.")
    if any(one.faults for one in checked):
        raise typer.Exit(1)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="The scheme's name.")], as_json: Json = False
) -> None:
    """Show a scheme's diagnoses, what wrong answers cost, and what it maps to."""
    scheme = open_schemes(read_settings()).get(name)
    if as_json:
        print_json(_facts(scheme))
    else:
        _say(scheme)


def _row(listed: ListedScheme) -> dict[str, Any]:
    scheme = listed.scheme
    return {
        "scheme": listed.name,
        "title": scheme.title if scheme else None,
        "version": scheme.version if scheme else None,
        "diagnoses": list(scheme.keys) if scheme else None,
        "own": listed.is_own,
        "file": str(listed.path),
        "usable": scheme is not None,
        "faults": [asdict(fault) for fault in listed.faults],
    }


def _facts(scheme: Scheme) -> dict[str, Any]:
    facts = asdict(scheme)
    return {"scheme": facts.pop("name"), **facts} | {
        "confusions": [
            {"between": sorted(pair, key=scheme.index), "text": text}
            for pair, text in scheme.confusions
        ],
        "mappings": {mapping.to: dict(mapping.pairs) for mapping in scheme.mappings},
        "ambiguous": dict(scheme.ambiguous),
    }


def _say(scheme: Scheme) -> None:
    typer.echo(f"{scheme.name}: {scheme.title} (version {scheme.version})")
    for number, one in enumerate(scheme.diagnoses, 1):
        typer.echo(f"{number} {one.key}: {_fact_line(one)}")
    if scheme.costs:
        typer.echo(f"costs: rows are the truth, columns the answer ({scheme.costs.source})")
        for key, row in zip(scheme.keys, scheme.costs.rows, strict=True):
            typer.echo(f"  {key}: {' '.join(map(str, row))}")
    for mapping in scheme.mappings:
        pairs = ", ".join(f"{here} → {there or 'none'}" for here, there in mapping.pairs)
        typer.echo(f"to {mapping.to}: {pairs}")
    if scheme.source:
        typer.echo(f"source: {scheme.source}")


def _fact_line(one: SchemeDiagnosis) -> str:
    marks = [
        word for word, is_so in (("normal", one.is_normal), ("urgent", one.is_urgent)) if is_so
    ]
    facts = [*marks, f"{one.shape} {one.colour}"]
    synonyms = f"; also {', '.join(one.synonyms)}" if one.synonyms else ""
    return f"{one.name} ({', '.join(facts)}){synonyms}"
