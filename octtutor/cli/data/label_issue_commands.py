"""`octtutor data suspects`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from octtutor.cli.output import Json, note, print_json, progress_bar

if TYPE_CHECKING:
    from octtutor.model.measure.label_issues import CheckedLabel, LabelIssues


def suspects(
    path: Annotated[Path, typer.Argument(help="Labelled scans: folder, ZIP, tar, or list (CSV).")],
    top: Annotated[
        int | None,
        typer.Option(min=1, help="List so many; those that are probably wrong by default."),
    ] = None,
    folds: Annotated[int, typer.Option(min=2, help="Of the cross-validation by patient.")] = 5,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Cuts the folds.")] = 2017,
    backbone: Annotated[
        str, typer.Option(help="lite0, or a name of keras.applications.")
    ] = "lite0",
    backbone_weights: Annotated[
        str, typer.Option(help="imagenet, or a Keras weights file without top.")
    ] = "imagenet",
    size: Annotated[int | None, typer.Option(help="Side of the input, pixels.")] = None,
    as_json: Json = False,
) -> None:
    """List scans whose label a cross-validated network doubts (confident learning)."""
    from octtutor.model.network.backend import import_keras_quietly
    from octtutor.wiring import read_settings

    import_keras_quietly()
    from octtutor.jobs.planning import open_cache, open_frozen
    from octtutor.model.measure.label_issues import find_label_issues, read_rows

    settings = read_settings()
    with progress_bar("features") as progress:
        frozen = open_frozen(backbone, backbone_weights, size, None, settings)
        scans, rows = read_rows(path, frozen, open_cache(settings), progress)
    for name in scans.unreadable:
        note(f"cannot be read: {name}")
    issues = find_label_issues(scans, rows, folds, seed)
    wrong = [scan for scan in issues.ranked if scan.suspect]
    listed = list(issues.ranked[:top]) if top else wrong
    if as_json:
        _print(issues, listed, len(wrong))
        return
    typer.echo(
        f"{len(issues.ranked)} scans of {len(set(scans.patients))} patients, {folds} folds by "
        f"patient: {len(wrong)} {'label is' if len(wrong) == 1 else 'labels are'} probably wrong. "
        f"The network answers {100 * issues.accuracy:.0f} % as labelled; the lower that is, the "
        "less its doubt means. Look again before you change one."
    )
    for scan in listed:
        typer.echo(
            f"  {scan.name}: {scan.label} {scan.self_confidence:.2f}, rather {scan.likely} "
            f"{scan.self_confidence - scan.margin:.2f}"
        )


def _print(issues: "LabelIssues", listed: "list[CheckedLabel]", wrong: int) -> None:
    print_json(
        {
            "scans": len(issues.ranked),
            "patients": len({scan.patient for scan in issues.ranked}),
            "folds": issues.folds,
            "accuracy": issues.accuracy,
            "probably_wrong": wrong,
            "estimated_noise": issues.noise,
            "joint": issues.joint,
            "suspects": [asdict(scan) for scan in listed],
        }
    )
