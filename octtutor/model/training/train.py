"""Train a network and write its folder: weights, card, history, curves."""

import csv
import io
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from octtutor import __version__
from octtutor.datasets.images import write_atomically
from octtutor.datasets.split import split_folds
from octtutor.errors import BadInputError
from octtutor.model.network.card import FAMILIARITY, TRAINING_SCANS, Card
from octtutor.model.network.engine_contract import softmax
from octtutor.model.network.hosts import hosts, rank, wait_for_all
from octtutor.model.network.model_folder import (
    HELD_OUT_SCANS,
    check_target,
    save_model,
    weights_digest,
)
from octtutor.model.network.scan_set import Progress, ScanSet
from octtutor.model.ood.ood_fitting import Made, make_ood_detector
from octtutor.model.serve.engine import KerasEngine
from octtutor.model.training.beginning import Beginning
from octtutor.model.training.crossval import cross_validate
from octtutor.model.training.feature_cache import FeatureCache
from octtutor.model.training.held_answers import (
    BY_PATIENT,
    BY_SOURCE,
    HeldAnswers,
    with_measures,
    with_outliers,
    with_sources,
)
from octtutor.model.training.loop import Measures, TrainingOutcome, Watch, has_run
from octtutor.model.training.plan import SplitScans, TrainingPlan, split
from octtutor.model.training.recipes import RECIPES, Recipe, TrainingInput
from octtutor.spreadsheet import escape_formula
from octtutor.stats.figures import model_figures


def train(
    plan: TrainingPlan,
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
    if hosts() > 1 and not plan.recipe.on_several_hosts:
        raise _on_one_host(plan.recipe)
    if plan.outliers is not None and not plan.recipe.on_outliers:
        raise BadInputError(
            f"Expected a recipe that learns of scans that are none of the diagnoses. "
            f"{plan.recipe.name!r} does not. Leave --outliers out, or choose finetune."
        )
    beginning = plan.recipe.begin(plan.backbone, plan.scheme)
    parts = split(plan, beginning.how, on_load)
    _check_same_run(watch.checkpoints, plan, parts)
    outcome = plan.recipe.fit(
        TrainingInput(
            beginning, _with(parts.training, parts.also), parts.held, watch, cache, parts.outliers
        )
    )
    crossed = _cross(plan, parts, watch, cache)
    card = _measure(
        _card(plan.name or out.name, plan, beginning, parts, outcome),
        plan,
        beginning,
        parts,
        crossed,
    )
    both = {BY_PATIENT: crossed, BY_SOURCE: _leave_out(plan, parts, watch, cache)}
    card = with_sources(card, parts.training, {how: one for how, one in both.items() if one})
    if parts.outliers is not None:
        card = with_outliers(card, parts.outliers, crossed)
    if watch.on_phase:
        watch.on_phase("learning what scans look like")
    detector = _fit_detector(beginning, parts)
    card = replace(card, familiarity=detector.facts)
    if rank() != 0:  # process 0 writes
        return replace(card, weights_sha256=weights_digest(beginning.network))
    extras = {
        "history.csv": _to_csv(outcome.history),
        "curves.png": _draw(outcome.history),
        TRAINING_SCANS: _to_csv(parts.list_trained()),
        HELD_OUT_SCANS: _to_csv(parts.held.listing()),
        FAMILIARITY: detector.data,
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


def _check_same_run(folder: Path | None, plan: TrainingPlan, parts: SplitScans) -> None:
    """Refuse to go on with a run of other scans or settings; a smaller batch is allowed."""
    if folder is None:
        return
    recipe = {**plan.recipe.as_facts(), "batch": None}
    every = filter(None, (parts.training, parts.held, parts.also))
    data = [scans.fingerprint() for scans in every]
    folds = [plan.folds, "by source"] if plan.leave_source_out else plan.folds
    listed = [asdict(plan.scheme.stamp)] if plan.naming else []  # 0.1 wrote none
    facts = json.dumps([recipe, data, folds, str(plan.backbone), *listed], sort_keys=True).encode()
    place = folder / "plan.json"
    if not place.exists():
        if rank() == 0:
            write_atomically(place, facts)
    elif place.read_bytes() != facts:
        raise BadInputError(
            "Expected the scans and settings that the run was begun with. They have changed "
            "since. Train anew."
        )


def _cross(
    plan: TrainingPlan, parts: SplitScans, watch: Watch, cache: FeatureCache | None
) -> HeldAnswers | None:
    """Cross-validate, unless the plan has no folds or the run is stopped.

    With each fold a kind of what is none of the diagnoses is left out.
    """
    if not plan.folds or watch.should_stop():
        return None
    training, outliers, n = parts.training, parts.outliers, len(parts.training.names)
    folds = split_folds(training.labels, training.patients, plan.folds, plan.recipe.seed)
    if outliers is None:
        return _cross_over(folds, plan, training, watch, cache, parts.also)
    both = [list(fold) for fold in folds]
    for number, kind in enumerate(outliers.by_source().values()):
        both[number % len(both)] += [n + index for index in kind]
    found = _cross_over(both, plan, training.joined(outliers), watch, cache, parts.also)
    return found and HeldAnswers(found.logits[:n], folds, found.logits[n:])


def _with(scans: ScanSet, also: ScanSet | None) -> ScanSet:
    return scans if also is None else scans.joined(also)


def _leave_out(
    plan: TrainingPlan, parts: SplitScans, watch: Watch, cache: FeatureCache | None
) -> HeldAnswers | None:
    """Cross-validate by source, unless the plan does not ask for it or the run is stopped."""
    if not plan.leave_source_out or watch.should_stop():
        return None
    if watch.on_phase:
        watch.on_phase("leaving each source out")
    place = watch.checkpoints / "sources" if watch.checkpoints else None
    folds = list(parts.training.by_source().values())
    inner = replace(watch, checkpoints=place)
    return _cross_over(folds, plan, parts.training, inner, cache, parts.also)


def _cross_over(
    folds: list[list[int]],
    plan: TrainingPlan,
    training: ScanSet,
    watch: Watch,
    cache: FeatureCache | None,
    also: ScanSet | None,
) -> HeldAnswers | None:
    def fit_without(scans: ScanSet, inner: Watch) -> Beginning:
        beginning = plan.recipe.begin(plan.backbone, plan.scheme)
        known, others = scans.parted()
        plan.recipe.fit(TrainingInput(beginning, _with(known, also), None, inner, cache, others))
        return beginning

    logits = cross_validate(training, folds, fit_without, watch)
    return None if logits is None else HeldAnswers(logits, folds)


def _measure(
    card: Card,
    plan: TrainingPlan,
    made: Beginning,
    parts: SplitScans,
    crossed: HeldAnswers | None,
) -> Card:
    """Fill in temperature and figures: from the folds where there are any, else the held-out."""
    held = KerasEngine(made.network, card).logits_many(parts.held.scans)
    if crossed is None:
        apart = HeldAnswers(held, _temperature_folds(parts.held, plan.recipe.seed))
        card = with_measures(card, apart, parts.held, card.figures_from)
        if len(apart.folds) > 1:
            return card
        facts = "fitted on the scans it is measured on: calibration and Brier score are too good"
        return replace(card, split={**card.split, "temperature": facts})
    training, beside = parts.training, card.figures_from
    from_ = (
        f"cross-validation over {len(training.names)} training scans of "
        f"{len(set(training.patients))} patients, {len(crossed.folds)} folds by patient"
        + ("" if plan.recipe.keeps_last else "; each fold keeps its last epoch")
    )
    card = with_measures(card, crossed, training, from_)
    chances = softmax(held / card.temperature)
    figures = model_figures(parts.held.truth, chances, parts.held.patients, plan.scheme)
    more = {beside: figures}
    return replace(card, more_figures=more)


def _fit_detector(made: Beginning, parts: SplitScans) -> Made:
    shared = bool(set(parts.held.patients) & {row["patient"] for row in parts.list_trained()})
    return make_ood_detector(made.network, made.how, parts.training, parts.held, shared)


def _temperature_folds(held: ScanSet, seed: int) -> list[list[int]]:
    """Cut the held-out scans by patient, so that none is scaled by what was fitted on it."""
    try:
        return split_folds(held.labels, held.patients, 5, seed)
    except BadInputError:
        return [list(range(len(held.names)))]  # too few patients


def _card(
    name: str, plan: TrainingPlan, made: Beginning, parts: SplitScans, outcome: TrainingOutcome
) -> Card:
    held = parts.held
    ended = {"stopped": outcome.stopped} if outcome.stopped else {}
    chose: dict[str, str] = {}
    if outcome.stopped or not plan.recipe.keeps_last:
        chose["chose"] = "the kept epoch was chosen on these scans: figures are a little too good"
    patients = len(set(held.patients))
    return Card(
        name=name,
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


def _on_one_host(recipe: Recipe) -> BadInputError:
    able = " or ".join(repr(one.name) for one in RECIPES.values() if one.on_several_hosts)
    return BadInputError(
        f"Expected recipe {able} on several hosts. {recipe.name!r} trains on one; start it there, "
        "without the coordinator's variables."
    )


def _to_csv(rows: Sequence[Mapping[str, object]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: escape_formula(str(cell)) for key, cell in row.items()} for row in rows)
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
