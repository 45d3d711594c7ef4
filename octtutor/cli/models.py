"""`octtutor models list`."""

from typing import Any

import typer

from octtutor.cli.output import Json, print_json

app = typer.Typer(help="Trained models.", no_args_is_help=True)


@app.command("list")
def list_(
    as_json: Json = False,
) -> None:
    """List the models, and which one is in use."""
    from octtutor.model.registry import find_model, list_models
    from octtutor.wiring import read_settings

    settings = read_settings()
    entries = list_models(settings.model_folders)
    used = find_model(settings.model, settings.model_folders) if entries else None
    rows: list[dict[str, Any]] = [
        {
            "name": entry.name,
            "in_use": entry.folder == used,
            "shipped": entry.shipped,
            "usable": entry.fault is None,
            "fault": entry.fault,
            "created": entry.card.created if entry.card else None,
            "recipe": entry.card.recipe.get("name") if entry.card else None,
            "accuracy": entry.card.figures.get("accuracy") if entry.card else None,
            "accuracy_ci": entry.card.figures.get("accuracy_ci") if entry.card else None,
            "figures_from": entry.card.figures_from if entry.card else None,
            "weights_sha256": entry.card.weights_sha256 if entry.card else None,
        }
        for entry in entries
    ]
    if as_json:
        print_json(rows)
        return
    if not rows:
        typer.echo("No models. Train one: octtutor train --data FOLDER --out models/NAME")
    for row in rows:
        star = "*" if row["in_use"] else " "
        what = row["fault"] or f"accuracy {row['accuracy']:.3f} on {row['figures_from']}"
        typer.echo(f"{star} {row['name']}: {what}")


@app.callback()
def models() -> None:
    """Trained models."""
