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

import numpy as np
import numpy.typing as npt

from octtutor import __version__
from octtutor.core.diagnosis import LABELS
from octtutor.datasets.images import write_atomically
from octtutor.datasets.split import split_folds
from octtutor.errors import BadInputError
from octtutor.model.calibration import fit_temperature
from octtutor.model.card import FAMILIARITY, TRAINING_SCANS, Card
from octtutor.model.crossval import cross_validate
from octtutor.model.engine import KerasEngine, softmax
from octtutor.model.features import FeatureCache
from octtutor.model.finetune import Finetune
from octtutor.model.folder import (
    HELD_OUT_SCANS,
    check_target,
    save_model,
    weights_digest,
)
from octtutor.model.gauging import Made, make_gauge
from octtutor.model.hosts import rank, wait_for_all
from octtutor.model.loading import Progress, ScanSet
from octtutor.model.loop import Measures, Outcome, Watch, has_run
from octtutor.model.plan import Parts, Plan, labels_of, split
from octtutor.model.recipes import Beginning, Recipe, begin, fit
from octtutor.stats.figures import model_figures


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
        _card(plan.name or out.name, plan, beginning, parts, outcome),
        plan,
        beginning,
        parts,
        crossed,
    )
    if watch.on_phase:
        watch.on_phase("learning what scans look like")
    gauge = _gauge(beginning, parts)
    card = replace(card, familiarity=gauge.facts)
    if rank() != 0:  # process 0 writes
        return replace(card, weights_sha256=weights_digest(beginning.network))
    extras = {
        "history.csv": _to_csv(outcome.history),
        "curves.png": _draw(outcome.history),
        TRAINING_SCANS: _to_csv(parts.list_trained()),
        HELD_OUT_SCANS: _to_csv(parts.held.listing()),
        FAMILIARITY: gauge.data,
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
    try:
        yield folder
    except BaseException:
        if rank() == 0 and not has_run(folder) and not list(folder.glob("fold-*")):
            shutil.rmtree(folder, ignore_errors=True)  # there is nothing to go on with
        raise
    if rank() == 0:
        shutil.rmtree(folder, ignore_errors=True)


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
    labels = labels_of(training)
    folds = split_folds(labels, training.patients, plan.folds, plan.recipe.seed)

    def fit_without(scans: ScanSet, inner: Watch) -> Beginning:
        beginning = begin(plan.recipe, plan.backbone)
        fit(beginning, plan.recipe, scans, None, inner, cache)
        return beginning

    logits = cross_validate(training, folds, fit_without, watch)
    return None if logits is None else _Crossed(logits, folds)


def _measure(
    card: Card, plan: Plan, made: Beginning, parts: Parts, crossed: _Crossed | None
) -> Card:
    """Fill in temperature and figures: from the folds where there are any, else the held-out."""
    held = KerasEngine(made.network, card).logits_many(parts.held.scans)
    if crossed is None:
        apart = _Crossed(held, _temperature_folds(parts.held, plan.recipe.seed))
        chances = _scaled_apart(apart, parts.held.truth)
        figures = model_figures(parts.held.truth, chances, parts.held.patients)
        heat = fit_temperature(held, parts.held.truth)
        card = replace(card, temperature=heat, figures=figures)
        if len(apart.folds) > 1:
            return card
        told = "fitted on the scans it is measured on: calibration and Brier score are too good"
        return replace(card, split={**card.split, "temperature": told})
    truth = parts.training.truth
    heat = fit_temperature(crossed.logits, truth)
    return replace(
        card,
        temperature=heat,
        figures=model_figures(truth, _scaled_apart(crossed, truth), parts.training.patients),
        figures_from=f"cross-validation over {len(truth)} training scans of "
        f"{len(set(parts.training.patients))} patients, {len(crossed.folds)} folds by patient"
        + ("" if _keeps_last(plan.recipe) else "; each fold keeps its last epoch"),
        more_figures={
            card.figures_from: model_figures(
                parts.held.truth, softmax(held / heat), parts.held.patients
            )
        },
    )


def _gauge(made: Beginning, parts: Parts) -> Made:
    shared = bool(set(parts.held.patients) & {row["patient"] for row in parts.list_trained()})
    return make_gauge(made.network, made.how, parts.training, parts.held, shared)


def _temperature_folds(held: ScanSet, seed: int) -> list[list[int]]:
    """Cut the held-out scans by patient, so that none is scaled by what was fitted on it."""
    try:
        return split_folds(labels_of(held), held.patients, 5, seed)
    except BadInputError:
        return [list(range(len(held.names)))]  # too few patients


def _scaled_apart(crossed: _Crossed, truth: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return probabilities, each fold's scaled by the temperature of the other folds."""
    chances = np.zeros_like(crossed.logits)
    for fold in crossed.folds:
        others = np.setdiff1d(np.arange(len(truth)), fold if len(crossed.folds) > 1 else [])
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
