"""Train a network and write its folder: weights, card, history, curves."""

import csv
import io
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor import __version__
from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.datasets.images import write_atomically
from octtutor.datasets.listing import read_listing
from octtutor.datasets.split import HELD_OUT, check_patients, draw_held_out, split_folds
from octtutor.errors import BadInputError
from octtutor.model.calibration import fit_temperature
from octtutor.model.card import Card
from octtutor.model.crossval import cross_validate
from octtutor.model.engine import KerasEngine, softmax
from octtutor.model.features import FeatureCache
from octtutor.model.finetune import Finetune
from octtutor.model.folder import (
    HELD_OUT_SCANS,
    TRAINING_SCANS,
    check_target,
    save_model,
    weights_digest,
)
from octtutor.model.hosts import rank, wait_for_all
from octtutor.model.loading import Progress, ScanSet, load_scans
from octtutor.model.loop import Measures, Outcome, Watch
from octtutor.model.preprocess import Preprocessing
from octtutor.model.pretrained import BackboneSource
from octtutor.model.recipes import Beginning, Recipe, begin, fit
from octtutor.stats.figures import model_figures


@dataclass(frozen=True, slots=True)
class Plan:
    """What to train on, how, and what to measure on."""

    data: Path
    """Training scans: folder, ZIP or tar in OCT2017 layout, or a listing."""
    recipe: Recipe
    backbone: BackboneSource = BackboneSource()  # noqa: RUF009 (frozen)
    val: Path | None = None
    """Scans to measure on; without it a part of the patients is held out."""
    hold_out: Path | None = None
    """A listing of scans of `data` to measure on; none of their patients is trained on."""
    leaky: bool = False
    """Train although patients or files of `val` are in `data`; the card then says leaky."""
    folds: int = 0
    """Cross-validate over so many folds by patient first; the card's figures are from these."""
    name: str | None = None
    """What the card calls the model; its folder's name where None."""
    notes: tuple[str, ...] = ()
    """What else the card should say, e.g. the scans' source and licence."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A plan's scans, split by patient."""

    training: ScanSet
    held: ScanSet
    how: str
    """How they were split."""
    facts: dict[str, Any]
    """What the card says of the split besides."""


def train(
    plan: Plan,
    out: Path,
    on_load: Progress | None = None,
    watch: Watch | None = None,
    cache: FeatureCache | None = None,
) -> Card:
    """Train by a plan and write a complete model folder, or nothing.

    Args:
        plan: what and how.
        out: the folder to make.
        on_load: called with (done, total) while scans are read.
        watch: who follows, who may stop it, and where the run is kept.
        cache: where recipe `features` keeps features; it needs one.

    Returns:
        The card as written. Of several hosts' processes the first writes; the others return the
        card with the hash of their own weights, which must be the same.

    Raises:
        BadInputError: see `load_scans`; or `out` is taken; or a class has too few scans or
            patients; or a patient or a file is in both sets and the plan does not allow it.
        ModelError: the model to start from cannot be loaded.
    """
    check_target(out)
    watch = watch or Watch()
    beginning = begin(plan.recipe, plan.backbone)
    parts = split(plan, beginning.how, on_load)
    _check_same_run(watch.checkpoints, plan, parts)
    outcome = fit(beginning, plan.recipe, parts.training, parts.held, watch, cache)
    crossed = _cross(plan, parts.training, watch, cache)
    card = _measure(
        _card(plan.name or out.name, plan, beginning, parts, outcome), beginning, parts, crossed
    )
    if rank() != 0:  # process 0 writes
        return replace(card, weights_sha256=weights_digest(beginning.network))
    extras = {
        "history.csv": _to_csv(outcome.history),
        "curves.png": _draw(outcome.history),
        TRAINING_SCANS: _to_csv(parts.training.listing()),
        HELD_OUT_SCANS: _to_csv(parts.held.listing()),
    }
    return save_model(beginning.network, card, out, extras)


@contextmanager
def run_folder(out: Path, resume: bool) -> Iterator[Path]:
    """Keep a run beside the model folder it is to make, until that is made.

    Args:
        out: the model folder.
        resume: go on with what an earlier run left; otherwise that is removed.

    Raises:
        BadInputError: there is nothing to resume.
    """
    folder = out.parent / f".{out.name}.run"
    if resume and not folder.is_dir():
        raise BadInputError(
            f"Expected a run of {out.name!r} that was cut off. There is none beside it. Train "
            "without --resume."
        )
    if not resume and rank() == 0:
        shutil.rmtree(folder, ignore_errors=True)
    wait_for_all()
    yield folder
    if rank() == 0:
        shutil.rmtree(folder, ignore_errors=True)


def split(plan: Plan, how: Preprocessing, on_load: Progress | None = None) -> Parts:
    """Load a plan's scans and split them by patient (see `train` for what it raises)."""
    everything, unknown = load_scans(plan.data, how, on_load).grouped()
    check_patients(_labels(everything), everything.patients, least=1)
    facts: dict[str, Any] = {}
    if unknown:
        facts["without_patient"] = (
            f"{unknown} scans name no patient; groups of nearly equal pictures stand for them, "
            "so the same eye may be on both sides"
        )
    if everything.unreadable:
        facts["unreadable"] = list(everything.unreadable)
    if plan.val is not None:
        held, _ = load_scans(plan.val, how, on_load).grouped()
        shared = _shared(everything, held)
        if any(shared.values()) and not plan.leaky:
            raise _overlap(shared)
        if any(shared.values()):
            facts["leaky"] = shared
        return Parts(everything, held, "a validation set that was given", facts)
    if plan.hold_out is not None:
        return _hold_out(everything, plan.hold_out, facts)
    return _draw_held(everything, plan.recipe.seed, facts)


def _check_same_run(folder: Path | None, plan: Plan, parts: Parts) -> None:
    """Refuse to go on with a run of other scans or settings; a smaller batch is allowed."""
    if folder is None:
        return
    recipe = {**plan.recipe.as_facts(), "batch": None}
    data = [parts.training.fingerprint(), parts.held.fingerprint()]
    told = json.dumps([recipe, data, plan.folds, str(plan.backbone)], sort_keys=True).encode()
    place = folder / "plan.json"
    if not place.exists():
        if rank() == 0:
            write_atomically(place, told)
    elif place.read_bytes() != told:
        raise BadInputError(
            "Expected the scans and settings that the run was begun with. They have changed "
            "since. Train anew."
        )


def _hold_out(everything: ScanSet, listing: Path, facts: dict[str, Any]) -> Parts:
    wanted = {row["sha256"] for row in read_listing(listing)}
    chosen = [i for i, digest in enumerate(everything.hashes) if digest in wanted]
    if not chosen:
        raise BadInputError(
            f"Expected scans of the list {listing.name!r} among the training scans, to hold them "
            "out. None is there. Give the folder that holds them."
        )
    patients = {everything.patients[index] for index in chosen}
    theirs = {i for i, patient in enumerate(everything.patients) if patient in patients}
    if len(chosen) < len(wanted):
        facts = {**facts, "missing": len(wanted) - len(chosen)}
    how = f"the scans of {listing.name}; none of their patients was trained on"
    return Parts(everything.without(theirs), everything.take(chosen), how, facts)


def _draw_held(everything: ScanSet, seed: int, facts: dict[str, Any]) -> Parts:
    train_part, held_part = draw_held_out(_labels(everything), everything.patients, seed)
    training, held = everything.take(train_part), everything.take(held_part)
    return Parts(training, held, f"{HELD_OUT:.0%} of each class, by patient, seed {seed}", facts)


def _labels(scans: ScanSet) -> list[Diagnosis]:
    return [LABELS[index] for index in scans.truth]


def _shared(training: ScanSet, held: ScanSet) -> dict[str, int]:
    return {
        "patients": len(set(training.patients) & set(held.patients)),
        "files": len(set(training.hashes) & set(held.hashes)),
    }


def _overlap(shared: Mapping[str, int]) -> BadInputError:
    return BadInputError(
        f"Expected other patients in the validation set. {shared['patients']} patients and "
        f"{shared['files']} files are in both: its figures would be too good. Split by patient "
        "(see `octtutor data audit --against`), or allow it with --leaky: the model's card will "
        "say so."
    )


@dataclass(frozen=True, slots=True)
class _Crossed:
    logits: npt.NDArray[np.float32]
    folds: list[list[int]]


def _cross(
    plan: Plan, training: ScanSet, watch: Watch, cache: FeatureCache | None
) -> _Crossed | None:
    """Cross-validate, unless the plan has no folds or the run is stopped."""
    if not plan.folds or watch.should_stop():
        return None
    labels = _labels(training)
    folds = split_folds(labels, training.patients, plan.folds, plan.recipe.seed)

    def fit_without(scans: ScanSet, inner: Watch) -> Beginning:
        beginning = begin(plan.recipe, plan.backbone)
        fit(beginning, plan.recipe, scans, None, inner, cache)
        return beginning

    logits = cross_validate(training, folds, fit_without, watch)
    return None if logits is None else _Crossed(logits, folds)


def _measure(card: Card, made: Beginning, parts: Parts, crossed: _Crossed | None) -> Card:
    """Fill in temperature and figures: from the folds where there are any, else the held-out."""
    held = KerasEngine(made.network, card).logits_many(parts.held.scans)
    if crossed is None:
        heat = fit_temperature(held, parts.held.truth)
        figures = model_figures(parts.held.truth, softmax(held / heat), parts.held.patients)
        return replace(card, temperature=heat, figures=figures)
    truth = parts.training.truth
    heat = fit_temperature(crossed.logits, truth)
    return replace(
        card,
        temperature=heat,
        figures=model_figures(truth, _scaled_apart(crossed, truth), parts.training.patients),
        figures_from=f"cross-validation over {len(truth)} training scans of "
        f"{len(set(parts.training.patients))} patients, {len(crossed.folds)} folds by patient",
        more_figures={
            card.figures_from: model_figures(
                parts.held.truth, softmax(held / heat), parts.held.patients
            )
        },
    )


def _scaled_apart(crossed: _Crossed, truth: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return probabilities, each fold's scaled by the temperature of the other folds."""
    chances = np.zeros_like(crossed.logits)
    for fold in crossed.folds:
        others = np.setdiff1d(np.arange(len(truth)), fold)
        heat = fit_temperature(crossed.logits[others], truth[others])
        chances[fold] = softmax(crossed.logits[fold] / heat)
    return chances


def _card(name: str, plan: Plan, made: Beginning, parts: Parts, outcome: Outcome) -> Card:
    held = parts.held
    ended = {"stopped": outcome.stopped} if outcome.stopped else {}
    chose: dict[str, str] = {}
    if outcome.stopped or not _keeps_last(plan.recipe):
        chose["chose"] = "the kept epoch was chosen on these scans: figures are a little too good"
    patients = len(set(held.patients))
    return Card(
        name=name,
        labels=tuple(map(str, LABELS)),
        **made.card_facts(),
        recipe={**plan.recipe.as_facts(), "kept": outcome.name, **ended},
        training_data=parts.training.fingerprint(),
        split={"how": parts.how, "validation": held.fingerprint(), **parts.facts, **chose},
        figures={},
        figures_from=f"{len(held.names)} scans of {patients} patients: {parts.how}",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        program_version=__version__,
        weights_sha256="",
        notes=plan.notes,
    )


def _keeps_last(recipe: Recipe) -> bool:
    return isinstance(recipe, Finetune) and recipe.choose == "last"


def _to_csv(rows: Sequence[Mapping[str, object]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _draw(history: Sequence[Measures]) -> bytes:
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
