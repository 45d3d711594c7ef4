"""What to train on and what to measure on: a plan, and its scans parted by patient."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from octtutor.core.scheme import Scheme
from octtutor.datasets.listing import read_listing
from octtutor.datasets.schemes.naming import Naming
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.datasets.split import HELD_OUT, check_patients, draw_held_out, split_folds
from octtutor.errors import BadInputError
from octtutor.model.network.card import TRAINING_SCANS
from octtutor.model.network.preprocess import Preprocessing
from octtutor.model.network.pretrained import BackboneSource
from octtutor.model.network.scan_set import Progress, ScanSet, load_outliers, load_scans
from octtutor.model.training.recipes.recipe import Recipe


@dataclass(frozen=True, slots=True)
class TrainingPlan:
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
    outliers: Path | None = None
    """Scans that are none of the diagnoses, a folder a kind: folder, archive or listing."""
    also: Path | None = None
    """Scans that are learned from in each fold too and counted in no figure, such as drawn ones:
    folder, archive or listing. None of their patients may be among the other scans."""
    folds: int = 0
    """Cross-validate over so many folds by patient first; the card's figures are from these."""
    leave_source_out: bool = False
    """Also cross-validate by source: each is answered by a network trained on the others."""
    name: str | None = None
    """What the card calls the model; its folder's name where None."""
    notes: tuple[str, ...] = ()
    """What else the card should say, e.g. the scans' source and licence."""
    naming: Naming | None = None
    """The scheme whose words the scans' labels are; None: the keys of oct2017 alone."""

    @property
    def scheme(self) -> Scheme:
        """The list of diagnoses that is learned."""
        return self.naming.scheme if self.naming else OCT2017_SCHEME


@dataclass(frozen=True, slots=True)
class SplitScans:
    """A plan's scans, split by patient."""

    training: ScanSet
    held: ScanSet
    how: str
    """How they were split."""
    facts: dict[str, Any]
    """What the card says of the split besides."""
    outliers: ScanSet | None = None
    """Scans that are none of the diagnoses, of no patient who is held out."""
    also: ScanSet | None = None
    """Scans that are learned from in each fold, and counted in no figure."""
    inherited: tuple[dict[str, str], ...] = ()
    """The training list of the model that training starts from."""

    def list_trained(self) -> list[dict[str, str]]:
        """Return a row for each scan that the new model knows, also from the one before it."""
        rows = {row["sha256"]: row for row in self.inherited}
        for scans in filter(None, (self.training, self.also, self.outliers)):
            rows |= {row["sha256"]: row for row in scans.listing()}
        return sorted(
            ({key: row[key] for key in ("sha256", "patient", "label")} for row in rows.values()),
            key=lambda row: row["sha256"],
        )


def split(plan: TrainingPlan, how: Preprocessing, on_load: Progress | None = None) -> SplitScans:
    """Load a plan's scans and split them by patient (see `train` for what it raises)."""
    everything, unknown = load_scans(plan.data, how, on_load, naming=plan.naming).grouped()
    keys = plan.scheme.keys
    check_patients(everything.labels, everything.patients, 1, keys)
    facts: dict[str, Any] = {}
    if unknown:
        facts["without_patient"] = (
            f"{unknown} scans name no patient; groups of nearly equal pictures stand for them, "
            "so the same eye may be on both sides"
        )
    if everything.unreadable:
        facts["unreadable"] = list(everything.unreadable)
    parts = _part(plan, everything, how, facts, on_load)
    check_patients(parts.training.labels, parts.training.patients, 1, keys)
    if plan.folds:
        split_folds(parts.training.labels, parts.training.patients, plan.folds, plan.recipe.seed)
    if plan.leave_source_out:
        _check_sources(parts.training)
    if plan.also is not None:
        parts = _with_also(parts, load_scans(plan.also, how, on_load, naming=plan.naming))
    if plan.outliers is not None:
        others = load_outliers(plan.outliers, how, on_load)
        parts = replace(parts, outliers=others.without_patients(parts.held.patients))
    return _with_inherited(parts, plan)


def _part(
    plan: TrainingPlan,
    everything: ScanSet,
    how: Preprocessing,
    facts: dict[str, Any],
    on_load: Progress | None,
) -> SplitScans:
    if plan.hold_out is not None:
        return _hold_out(everything, plan.hold_out, facts)
    if plan.val is None:
        return _draw_held(everything, plan.recipe.seed, facts)
    held, _ = load_scans(plan.val, how, on_load, naming=plan.naming).grouped()
    shared = _shared(everything, held)
    if any(shared.values()) and not plan.leaky:
        raise _overlap(shared)
    if any(shared.values()):
        facts["leaky"] = shared
    return SplitScans(everything, held, "a validation set that was given", facts)


def _with_also(parts: SplitScans, also: ScanSet) -> SplitScans:
    """Take scans that are learned from besides; they lie on no side of a split.

    Raises:
        BadInputError: one is of a patient, or the file, of a scan that is measured on.
    """
    shared = {
        "patients": len({*parts.training.patients, *parts.held.patients} & {*also.patients}),
        "files": len({*parts.training.hashes, *parts.held.hashes} & {*also.hashes}),
    }
    if any(shared.values()):
        raise BadInputError(
            f"Expected scans of other patients in --also, which figures do not count. "
            f"{shared['patients']} patients and {shared['files']} files are among --data or --val "
            "too. Leave these out."
        )
    facts = {"also_learned_from": also.fingerprint()}
    return replace(parts, also=also, facts={**parts.facts, **facts})


def _with_inherited(parts: SplitScans, plan: TrainingPlan) -> SplitScans:
    """Take up what the model that training starts from was trained on.

    Raises:
        BadInputError: scans to measure on are among it, and the plan does not allow that.
    """
    if plan.backbone.model is None:
        return parts
    start = plan.backbone.model
    if not (start / TRAINING_SCANS).exists():
        facts = f"{start.name}, from which training began, does not say what it was trained on"
        return replace(parts, facts={**parts.facts, "start_not_known": facts})
    rows = tuple(read_listing(start / TRAINING_SCANS))
    measured = [parts.held, *([parts.training] if plan.folds else [])]
    patients = {patient for scans in measured for patient in scans.patients}
    hashes = {digest for scans in measured for digest in scans.hashes}
    shared = {
        "patients": len({row["patient"] for row in rows} & patients),
        "files": len({row["sha256"] for row in rows} & hashes),
    }
    parts = replace(parts, inherited=rows)
    if not any(shared.values()):
        return parts
    if not plan.leaky:
        raise BadInputError(
            f"Expected to measure on patients whom {start.name!r}, from which training begins, "
            f"does not know. {shared['patients']} patients and {shared['files']} files are among "
            "those it was trained on: the figures would be too good. Measure on others (--val), "
            "start from ImageNet weights without --folds, or allow it with --leaky: the card will "
            "say so."
        )
    return replace(parts, facts={**parts.facts, "leaky_by_start": shared})


def _check_sources(scans: ScanSet) -> None:
    """Refuse to leave sources out where what is left is none, or lacks a class.

    Raises:
        BadInputError: see above.
    """
    sources = scans.by_source()
    if len(sources) < 2:
        raise BadInputError(
            "Expected scans of two sources or more to leave each out. Received "
            f"{len(sources) or 'none that is named'}. Give a list (CSV) with a column 'source'."
        )
    for source, own in sources.items():
        theirs = (scans.patients[index] for index in own)
        left = set(scans.without_patients(theirs).labels)
        missing = [key for key in scans.scheme.keys if key not in left]
        if missing:
            raise BadInputError(
                f"Expected scans of every class without source {source[:40]!r}. None is left of "
                f"{', '.join(missing)}. Add some of another source."
            )


def _hold_out(everything: ScanSet, listing: Path, facts: dict[str, Any]) -> SplitScans:
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
    return SplitScans(everything.without(theirs), everything.take(chosen), how, facts)


def _draw_held(everything: ScanSet, seed: int, facts: dict[str, Any]) -> SplitScans:
    whose = everything.labels, everything.patients
    train_part, held_part = draw_held_out(*whose, seed, everything.scheme.keys)
    training, held = everything.take(train_part), everything.take(held_part)
    return SplitScans(
        training, held, f"{HELD_OUT:.0%} of each class, by patient, seed {seed}", facts
    )


def _shared(training: ScanSet, held: ScanSet) -> dict[str, int]:
    return {
        "patients": len(set(training.patients) & set(held.patients)),
        "files": len(set(training.hashes) & set(held.hashes)),
        "near": training.count_near(held),
    }


def _overlap(shared: Mapping[str, int]) -> BadInputError:
    near = f", and {shared['near']} scans of no known patient nearly" if shared["near"] else ""
    return BadInputError(
        f"Expected other patients in the validation set. {shared['patients']} patients and "
        f"{shared['files']} files are in both{near}: its figures would be too good. Split by "
        "patient (see `octtutor data audit --against`), or allow it with --leaky: the model's "
        "card will say so."
    )
