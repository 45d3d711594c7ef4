"""Train a network and write its folder: weights, card, history, curves."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from octtutor import __version__
from octtutor.core.diagnosis import LABELS
from octtutor.datasets.split import split_by_patient
from octtutor.errors import BadInputError
from octtutor.model import imagenet, preprocess
from octtutor.model.card import Card
from octtutor.model.engine import KerasEngine
from octtutor.model.finetune import BatchEnd, Finetune, finetune
from octtutor.model.folder import TRAINING_SCANS, check_target, save_model
from octtutor.model.loading import Progress, ScanSet, load_scans
from octtutor.model.network import GAP_DENSE, Network
from octtutor.stats.figures import model_figures

HELD_OUT = 0.15
"""Share of each class that is held out, by patient, when no validation set is given."""
Report = Callable[[int, dict[str, float]], None]


def train(
    data: Path,
    out: Path,
    recipe: Finetune,
    val: Path | None = None,
    on_load: Progress | None = None,
    on_epoch: Report | None = None,
    on_batch: BatchEnd | None = None,
    notes: Sequence[str] = (),
) -> Card:
    """Train with recipe `finetune` and write a complete model folder, or nothing.

    Args:
        data: training scans, folder or archive in OCT2017 layout.
        out: the folder to make.
        recipe: the settings.
        val: scans to measure on; without it, 15 % of the patients are held out.
        on_load: called with (done, total) while scans are read.
        on_epoch: called with the epoch's number and its measures.
        on_batch: called with (done, total) batches.
        notes: what else the card should say, e.g. the scans' source and licence.

    Returns:
        The card as written.

    Raises:
        BadInputError: see `load_scans`; or `out` is taken; or a patient or a file is in both
            sets, so that the figures would be too good.
    """
    check_target(out)
    training, held, split = _split(data, val, recipe, on_load)
    network, history = finetune(training, recipe, on_epoch, on_batch, held)
    facts = _card(out.name, network, recipe, training, held, split)
    card = replace(facts, notes=tuple(notes))
    extras = {
        "history.csv": _to_csv(history),
        "curves.png": _draw(history),
        TRAINING_SCANS: _to_csv(training.listing()),
    }
    return save_model(network, card, out, extras)


def _split(
    data: Path, val: Path | None, recipe: Finetune, on_load: Progress | None
) -> tuple[ScanSet, ScanSet, str]:
    everything = load_scans(data, recipe.size, on_load)
    if val is not None:
        held = load_scans(val, recipe.size, on_load)
        _refuse_overlap(everything, held)
        return everything, held, "a validation set of other patients; it chose nothing"
    labels = [LABELS[index] for index in everything.truth]
    train_part, held_part = split_by_patient(labels, everything.patients, HELD_OUT, recipe.seed)
    if not held_part:
        raise BadInputError(
            "Expected scans of several patients in every class, so that some can be held out. "
            "Received too few. Give a validation set with --val."
        )
    how = f"{HELD_OUT:.0%} of each class held out by patient, seed {recipe.seed}"
    return everything.take(train_part), everything.take(held_part), how


def _refuse_overlap(train: ScanSet, val: ScanSet) -> None:
    patients = set(train.patients) & set(val.patients)
    files = set(train.hashes) & set(val.hashes)
    if patients or files:
        raise BadInputError(
            f"Expected other patients in the validation set. {len(patients)} patients and "
            f"{len(files)} files are in both: its figures would be too good. Split by patient "
            "(see `octtutor data audit --against`)."
        )


def _card(
    name: str, network: Network, recipe: Finetune, training: ScanSet, held: ScanSet, split: str
) -> Card:
    facts = Card(
        name=name,
        labels=tuple(map(str, LABELS)),
        input_size=recipe.size,
        preprocessing={"version": preprocess.VERSION, "what": preprocess.DESCRIPTION},
        backbone={"name": "lite0", "origin": imagenet.ORIGIN, "licence": imagenet.LICENCE},
        head=GAP_DENSE,
        flip_average=True,
        recipe=recipe.as_facts(),
        training_data=training.fingerprint(),
        split={"how": split, "validation": held.fingerprint()},
        figures={},
        figures_from=f"{len(held.names)} scans of {len(set(held.patients))} patients: {split}",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        program_version=__version__,
        weights_sha256="",
    )
    chances = KerasEngine(network, facts).run_many(held.scans)
    return replace(facts, figures=model_figures(held.truth, chances, held.patients))


def _to_csv(rows: Sequence[Mapping[str, object]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _draw(history: list[dict[str, float]]) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.5), layout="constrained")
    epochs = [row["epoch"] for row in history]
    for axes, measure in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        for key, name in ((measure, "training, augmented"), (f"val_{measure}", "validation")):
            if key in history[0]:
                axes.plot(epochs, [row[key] for row in history], marker="o", label=name)
        axes.set(xlabel="epoch", ylabel=measure)
        axes.grid(alpha=0.3)
        axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
