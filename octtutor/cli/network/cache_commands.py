"""`octtutor cache show|clear`."""

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any

import typer

from octtutor.cli.output import Json, print_json

app = typer.Typer(help="Features kept of scans, so that heads train fast.", no_args_is_help=True)


@app.command("show")
def show(as_json: Json = False) -> None:
    """Show what the feature cache holds, longest unused first."""
    from octtutor.model.training.feature_cache_size import Kept, list_kept
    from octtutor.wiring import read_settings

    settings = read_settings()
    kept: tuple[Kept, ...] = list_kept(settings.features)
    total = sum(one.bytes for one in kept)
    if as_json:
        place, most = str(settings.features), settings.features_bytes
        rows = [_row(one) for one in kept]
        print_json({"folder": place, "bytes": total, "most_bytes": most, "kept": rows})
        return
    for one in kept:
        typer.echo(
            f"{one.facts.get('backbone', 'unknown')} {one.facts.get('size', '?')} px, "
            f"{one.facts.get('kind', 'unknown')}: {one.scans} scans, {one.bytes / 1e6:.1f} MB, "
            f"used {one.used:%Y-%m-%d %H:%M} UTC"
        )
    typer.echo(
        f"{total / 1e9:.2f} of at most {settings.features_bytes / 1e9:.2f} GB in "
        f"{settings.features}"
    )


@app.command("clear")
def clear(
    older_than: Annotated[
        float | None, typer.Option(min=0, help="Only what was not used for so many days.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Remove features; they are computed again when needed."""
    from octtutor.model.training.feature_cache_size import clear as remove
    from octtutor.wiring import now, read_settings

    age = None if older_than is None else timedelta(days=older_than)
    gone = remove(read_settings().features, now(), age)
    freed = sum(one.bytes for one in gone)
    if as_json:
        print_json({"removed": [_row(one) for one in gone], "freed_bytes": freed})
        return
    typer.echo(f"Removed the features of {len(gone)} backbones, {freed / 1e9:.2f} GB.")


def _row(kept: Any) -> dict[str, Any]:
    return {**asdict(kept), "used": kept.used.isoformat(timespec="seconds")}


@app.callback()
def cache() -> None:
    """Features kept of scans, so that heads train fast."""
