"""What the plan of a run becomes: an order, a measured time, a run that is started."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from octtutor.core.scheme import OCT2017
from octtutor.datasets.listing import read_listing
from octtutor.errors import BadInputError
from octtutor.jobs.estimate import Estimate
from octtutor.jobs.queue import Jobs
from octtutor.jobs.training_order import TrainingOrder
from octtutor.model.publish.publishing import check_name
from octtutor.model.serve.model_registry import find_in_use
from octtutor.model.training.recipes import (
    Recipe,
    Setting,
    all_settings,
    find_recipe,
    make_recipe,
    settings_of,
)
from octtutor.tutor.decks.training_lists import Chosen
from octtutor.ui.shared.wording import duration
from octtutor.ui.train.texts import TRAIN

FRESH, IN_USE = "fresh", "in use"
EPOCHS, MINUTES = "epochs", "minutes"
TRAINING_LIST = "training_scans.csv"


@dataclass(frozen=True, slots=True)
class TrainForm:
    """What the plan's fields hold, as the page sends them."""

    recipe: Any = "finetune"
    start: Any = FRESH
    amount: Any = EPOCHS
    number: Any = 12
    name: Any = ""
    backbone: Any = ""
    weights: Any = ""
    size: Any = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of the recipe, by name; those of other recipes count for nothing."""

    @classmethod
    def of(cls, fields: Sequence[Any]) -> "TrainForm":
        """Read the page's fields: the first ones, and then those of `asked_settings`."""
        own = [one.name for one in dataclasses.fields(cls)][:-1]
        first, rest = fields[: len(own)], fields[len(own) :]
        settings = dict(zip(asked_settings(), rest, strict=True))
        return cls(**dict(zip(own, first, strict=True)), settings=settings)


def asked_settings() -> dict[str, Setting]:
    """Return the recipes' settings that have a field of their own: epochs are "how long"."""
    return {name: one for name, one in all_settings().items() if name != EPOCHS}


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run that is planned, and for what its time was measured."""

    job: str = ""
    order: TrainingOrder | None = None


class PlanHandlers:
    """Orders from looked-at scans and a form; how long a run would take; its start."""

    def __init__(self, jobs: Jobs, folders: Sequence[Path]) -> None:
        """Take the runs, and where models are looked for."""
        self._jobs, self._folders = jobs, folders

    def order(self, chosen: Chosen | None, leaky: Any, form: TrainForm, by: str) -> TrainingOrder:
        """Turn looked-at scans and a plan into an order.

        Raises:
            BadInputError: scans or plan do not allow it; the message says why.
            ModelError: the new model's name cannot be one.
        """
        if chosen is None:
            raise BadInputError(TRAIN["look_first"])
        if chosen.faults:
            raise BadInputError(chosen.faults[0])
        if chosen.shared and not leaky:
            raise BadInputError(TRAIN["overlap_first"])
        name = str(form.name or "").strip()
        check_name(name)
        recipe, start = find_recipe(str(form.recipe)), form.start == IN_USE
        now = find_in_use(self._folders).folder
        knows = _what_it_knows(now, chosen) if start else ()
        return TrainingOrder(
            title=name,
            data=str(chosen.data),
            val=str(chosen.val) if chosen.val else None,
            leaky=bool((leaky and chosen.shared) or knows),  # the card and the page say so
            recipe=recipe.name,
            backbone=None if start else _text(form.backbone),
            backbone_weights=None if start else _text(form.weights),
            size=_whole(form.size, "size"),
            start=str(now) if start else None,
            scheme=None if chosen.scheme == OCT2017 else chosen.scheme.name,
            settings=_settings(recipe, form),
            compare_with=str(now),
            by=by,
            notes=knows,
        )

    def measure(self, order: TrainingOrder, draft: PlannedRun) -> PlannedRun:
        """Begin to measure how long a run would take; `estimate` tells."""
        self._jobs.discard(draft.job)
        job = self._jobs.draft(order)
        self._jobs.measure(job.id)
        return PlannedRun(job.id, order)

    def estimate(self, draft: PlannedRun, form: TrainForm) -> str:
        """Return what is known of the time that the planned run would take."""
        if draft.order is None:
            return TRAIN["not_measured"]
        try:
            measured = self._jobs.get(draft.job).estimate
        except BadInputError:
            return TRAIN["not_measured"]
        if measured is None:
            return TRAIN["measuring"]
        if measured.fault:
            return measured.fault
        epochs = _epochs_in(measured, form)
        kind = "estimate_minutes" if form.amount == MINUTES else "estimate"
        return TRAIN[kind].format(
            total=duration(measured.fixed_seconds + epochs * measured.seconds_per_epoch),
            minutes=form.number,
            epochs=epochs,
            epoch=duration(measured.seconds_per_epoch),
            scans=measured.scans,
        )

    def start(self, order: TrainingOrder, draft: PlannedRun, form: TrainForm) -> str:
        """Start a run and return its id.

        Raises:
            BadInputError: minutes were asked for, and the time was not measured for this plan;
                or somebody has started it already.
        """
        same = draft.order is not None and _apart_from_time(draft.order) == _apart_from_time(order)
        if form.amount == MINUTES:
            measured = self._jobs.get(draft.job).estimate if same else None
            if measured is None or measured.fault:
                raise BadInputError(TRAIN["measure_first"])
            order = order.with_settings(epochs=_epochs_in(measured, form))
        if same:
            return self._jobs.start(self._jobs.amend(draft.job, order).id).id
        self._jobs.discard(draft.job)
        return self._jobs.start(self._jobs.draft(order).id).id


def _settings(recipe: type[Recipe], form: TrainForm) -> dict[str, Any]:
    """Return the settings that were given, checked; an empty field is the recipe's own value.

    Raises:
        BadInputError: a value is not allowed.
    """
    known = settings_of(recipe)
    given = {
        name: value
        for name, value in form.settings.items()
        if name in known and _text(value) is not None
    }
    if form.amount == EPOCHS:
        given[EPOCHS] = _whole(form.number, EPOCHS, least=1)
    made = make_recipe(recipe, given)
    return {name: getattr(made, known[name].field) for name in given}


def _what_it_knows(start: Path, chosen: Chosen) -> tuple[str, ...]:
    """Say how many patients, whom a model may be measured on, it is to know from its start."""
    try:
        known = {row.get("patient") for row in read_listing(start / TRAINING_LIST)}
    except BadInputError:
        return ()
    measured = {row.get("patient") for row in read_listing(chosen.val or chosen.data)}
    both = len((known & measured) - {"", None})
    return (TRAIN["knows"].format(name=start.name, n=both),) if both else ()


def _apart_from_time(order: TrainingOrder) -> TrainingOrder:
    return replace(order.with_settings(epochs=None), title="", by="")


def _epochs_in(measured: Estimate, form: TrainForm) -> int:
    number = _positive(form.number, str(form.amount))
    if form.amount == EPOCHS:
        return int(number)
    pace = max(measured.seconds_per_epoch, 1e-3)
    return max(1, math.floor((60 * number - measured.fixed_seconds) / pace))


def _positive(value: Any, what: str) -> float:
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    if not usable or not math.isfinite(value) or not 1 <= value <= 1e5:
        raise BadInputError(TRAIN["bad_amount"].format(what=what, value=str(value)[:40]))
    return float(value)


def _whole(value: Any, what: str, least: int | None = None) -> int | None:
    """Read a number field; an empty one is None where nothing is needed."""
    if value in (None, "", 0) and least is None:
        return None
    number = _positive(value, TRAIN[what])
    if number != int(number):
        raise BadInputError(TRAIN["bad_whole"].format(what=TRAIN[what], value=str(value)[:40]))
    return int(number)


def _text(value: Any) -> str | None:
    return None if value is None else str(value).strip() or None
