"""What the tab Train's events do. Values in, values out; knows no component."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

from octtutor.datasets.listing import read_listing
from octtutor.errors import BadInputError, ModelError
from octtutor.jobs.order import Order
from octtutor.jobs.queue import Job, Jobs
from octtutor.jobs.state import CUT_OFF, DRAFT, FAILED, RUNNING, STOP, WAITING, tail
from octtutor.model.pointer import POINTER
from octtutor.model.publishing import Change, check_name, find_earlier, publish, roll_back
from octtutor.model.registry import SHIPPED, find_in_use, list_models, override_note
from octtutor.tutor.training import Chosen, Progress, TrainingScans
from octtutor.ui.texts import TRAIN
from octtutor.ui.training_views import (
    begun,
    comparison_view,
    duration,
    history_view,
    log_view,
    run_view,
    share,
    state_word,
)

Choices = list[tuple[str, str]]
FRESH, IN_USE = "fresh", "in use"
EPOCHS, MINUTES = "epochs", "minutes"
COMPARISON, DIFFERING = "comparison.json", "differing"
TRAINING_LIST = "training_scans.csv"


@dataclass(frozen=True, slots=True)
class Form:
    """What the plan's fields hold, as the page sends them."""

    recipe: Any = "finetune"
    start: Any = FRESH
    amount: Any = EPOCHS
    number: Any = 12
    name: Any = ""
    backbone: Any = ""
    weights: Any = ""
    size: Any = None
    batch: Any = None
    head: Any = "gap-dense"


@dataclass(frozen=True, slots=True)
class Draft:
    """A run that is planned, and for what its time was measured."""

    job: str = ""
    order: Order | None = None


@dataclass(frozen=True, slots=True)
class Now:
    """All that the page shows of the runs at a moment; equal ones need not be sent again."""

    job: str | None
    current: str | None
    """The run at work; a page turns to it when it changes."""
    choices: tuple[tuple[str, str], ...]
    run: str
    log: str
    history: str
    can_stop: bool
    can_resume: bool
    is_compared: bool
    stage: tuple[str, str, int]
    """Changes when comparison or publishing may have changed."""


class TrainHandlers:
    """The use cases of the tab, for any number of educators at once."""

    def __init__(
        self,
        scans: TrainingScans,
        jobs: Jobs,
        folders: Sequence[Path],
        chosen: str,
        add: Callable[[Any, Progress | None], str],
    ) -> None:
        """Take what the tab works with.

        Args:
            scans: the decks.
            jobs: the runs.
            folders: where models are looked for.
            chosen: `Settings.model`, which wins over what is published.
            add: imports an upload and returns the report.
        """
        self._scans, self._jobs, self._folders = scans, jobs, tuple(folders)
        self._chosen, self.add = chosen, add

    def decks(self) -> Choices:
        """Return the decks as (what is shown, name)."""
        return [
            (
                TRAIN["count"].format(
                    title=known.deck.title,
                    scans=sum(known.per_class.values()),
                    patients=known.patients,
                ),
                known.deck.name,
            )
            for known in self._scans.decks()
        ]

    def look(self, decks: Any, test: Any, progress: Progress | None = None) -> Chosen:
        """Look through the chosen decks (see `TrainingScans.look`)."""
        names = [str(name) for name in decks] if isinstance(decks, list) else []
        return self._scans.look(names, str(test) if test else None, progress)

    def order(self, chosen: Chosen | None, leaky: Any, form: Form, by: str) -> Order:
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
        recipe = str(form.recipe)
        start = form.start == IN_USE
        now = find_in_use(self._folders).folder
        knows = _what_it_knows(now, chosen) if start else ()
        return Order(
            title=name,
            data=str(chosen.data),
            val=str(chosen.val) if chosen.val else None,
            leaky=bool((leaky and chosen.shared) or knows),  # the card and the page say so
            recipe=recipe,
            backbone=None if start else _text(form.backbone),
            backbone_weights=None if start else _text(form.weights),
            size=_whole(form.size, "size"),
            start=str(now) if start else None,
            head=str(form.head),
            epochs=_whole(form.number, "epochs", least=1) if form.amount == EPOCHS else None,
            batch=_whole(form.batch, "batch"),
            compare_with=str(now),
            by=by,
            notes=knows,
        )

    def measure(self, order: Order, draft: Draft) -> Draft:
        """Begin to measure how long a run would take; `estimate` tells."""
        self._jobs.discard(draft.job)
        job = self._jobs.draft(order)
        self._jobs.measure(job.id)
        return Draft(job.id, order)

    def estimate(self, draft: Draft, form: Form) -> str:
        """Return what is known of the time that the planned run would take."""
        if draft.order is None:
            return TRAIN["not_measured"]
        try:
            told = self._jobs.get(draft.job).estimate
        except BadInputError:
            return TRAIN["not_measured"]
        if told is None:
            return TRAIN["measuring"]
        if "fault" in told:
            return str(told["fault"])
        epochs = _epochs_in(told, form)
        kind = "estimate_minutes" if form.amount == MINUTES else "estimate"
        fixed = told["seconds"] - told["epochs"] * told["seconds_per_epoch"]
        return TRAIN[kind].format(
            total=duration(fixed + epochs * told["seconds_per_epoch"]),
            minutes=form.number,
            epochs=epochs,
            epoch=duration(told["seconds_per_epoch"]),
            scans=told["scans"],
        )

    def start(self, order: Order, draft: Draft, form: Form) -> str:
        """Start a run and return its id.

        Raises:
            BadInputError: minutes were asked for, and the time was not measured for this plan;
                or somebody has started it already.
        """
        same = draft.order is not None and _apart_from_time(draft.order) == _apart_from_time(order)
        if form.amount == MINUTES:
            told = self._jobs.get(draft.job).estimate if same else None
            if told is None or "fault" in told:
                raise BadInputError(TRAIN["measure_first"])
            order = replace(order, epochs=_epochs_in(told, form))
        if same:
            return self._jobs.start(self._jobs.amend(draft.job, order).id).id
        self._jobs.discard(draft.job)
        return self._jobs.start(self._jobs.draft(order).id).id

    def stop(self, job_id: Any) -> None:
        """Stop a run after its batch."""
        self._jobs.stop(str(job_id or ""))

    def resume(self, job_id: Any) -> None:
        """Go on with a run that was cut off or failed."""
        self._jobs.resume(str(job_id or ""))

    def now(self, job_id: Any, seen: Now | None) -> Now:
        """Return what the page shows of the runs.

        Args:
            job_id: the run that the page shows.
            seen: what it showed before; when another run has come to work since, it is shown.
        """
        jobs = [job for job in self._jobs.all() if job.state.status != DRAFT]
        current = next((job for job in _at_work(jobs)), None)
        known = {job.id: job for job in jobs}
        if current and (seen is None or seen.current != current.id):
            job_id = current.id
        job = known.get(str(job_id)) or current or next(iter(jobs), None)
        before = self._jobs.before(job.id) if job and job.state.status == WAITING else ()
        status = job.state.status if job else ""
        stopping = job is not None and (job.folder / STOP).exists()
        return Now(
            job=job.id if job else None,
            current=current.id if current else None,
            choices=tuple((_label(job), job.id) for job in jobs),
            run=run_view(job, before, current),
            log=log_view(tail(job.folder)) if job else "",
            history=history_view(jobs),
            can_stop=status in (WAITING, RUNNING) and not stopping,
            can_resume=status in (CUT_OFF, FAILED),
            stage=(job.id if job else "", status, self._pointer_time()),
            is_compared=job is not None and (job.folder / COMPARISON).exists(),
        )

    def comparison(self, job_id: Any) -> str:
        """Return a run's comparison with the model that was in use."""
        job = self._find(job_id)
        told = _read_comparison(job)
        if job is None or told is None:
            return f"<p>{TRAIN['no_comparison']}</p>"
        return comparison_view(told, sorted((job.folder / DIFFERING).glob("*.png")))

    def offer(self, job_id: Any) -> tuple[str, str, bool]:
        """Return what publishing a run's model would mean, a free name, and whether it can be."""
        job = self._find(job_id)
        if job is None or job.model is None or not job.state.outcome:
            return f"<div class='train'><p>{TRAIN['nothing_to_publish']}</p></div>", "", False
        figures = job.state.outcome
        told = _read_comparison(job)
        what = TRAIN["publish_what"].format(
            run=job.order.title,
            accuracy=share(figures["accuracy"], figures["accuracy_ci"]),
            error=share(figures["weighted_error"], figures["weighted_error_ci"]),
            n=figures["n"],
            patients=figures["patients"],
        )
        text = f"<p>{escape(what)}</p>"
        if told and told["verdict"] == "worse":
            text += f"<p class='bad'>{TRAIN['publish_worse']}</p>"
        if job.order.leaky or (told and told["second"]["leaky"]):
            text += f"<p class='bad'>{TRAIN['publish_leaky']}</p>"
        text += "".join(f"<p class='bad'>{escape(note)}</p>" for note in job.order.notes)
        return f"<div class='train'>{text}</div>", self.free_name(job.order.title), True

    def in_use(self) -> tuple[str, bool]:
        """Return which model is in use and what rolling back would bring, and whether it can."""
        earlier = find_earlier(self._folders)
        used = find_in_use(self._folders)
        back = TRAIN["back_none"]
        if earlier is not None:
            back = TRAIN["back_to"].format(name=earlier.name or SHIPPED)
        lines = [TRAIN["in_use"].format(name=used.folder.name), back, TRAIN["effect"]]
        lines += [line for line in (used.fault, override_note(self._chosen)) if line]
        text = "".join(f"<p>{escape(line)}</p>" for line in lines)
        return f"<div class='train'>{text}</div>", earlier is not None

    def name_in_use(self) -> str:
        """Return the name of the model in use."""
        try:
            return find_in_use(self._folders).folder.name
        except ModelError:
            return "–"

    def free_name(self, wanted: str) -> str:
        """Return a name that no model has, like the one that is wanted."""
        taken = {entry.name.casefold() for entry in list_models(self._folders)}
        names = [wanted, *(f"{wanted[:60]}-{n}" for n in range(2, len(taken) + 3))]
        return next(name for name in names if name.casefold() not in taken)

    def publish(self, job_id: Any, name: Any) -> str:
        """Publish a run's model; return what changed.

        Raises:
            BadInputError: the run has made no model.
            ModelError: see `octtutor.model.publishing.publish`.
        """
        job = self._find(job_id)
        if job is None or job.model is None:
            raise BadInputError(TRAIN["nothing_to_publish"])
        return _changed(publish(job.model, str(name or "").strip(), self._folders))

    def roll_back(self) -> str:
        """Go back to the model before; return what changed."""
        return _changed(roll_back(self._folders))

    def _pointer_time(self) -> int:
        try:
            return (self._folders[0] / POINTER).stat().st_mtime_ns
        except OSError:
            return 0

    def _find(self, job_id: Any) -> Job | None:
        try:
            return self._jobs.get(str(job_id or ""))
        except BadInputError:
            return None


def _what_it_knows(start: Path, chosen: Chosen) -> tuple[str, ...]:
    """Say how many patients, whom a model may be measured on, it is to know from its start."""
    try:
        known = {row.get("patient") for row in read_listing(start / TRAINING_LIST)}
    except BadInputError:
        return ()
    measured = {row.get("patient") for row in read_listing(chosen.val or chosen.data)}
    both = len((known & measured) - {"", None})
    return (TRAIN["knows"].format(name=start.name, n=both),) if both else ()


def _changed(change: Change) -> str:
    return TRAIN["changed_to"].format(name=change.name, before=change.before)


def _read_comparison(job: Job | None) -> dict[str, Any] | None:
    try:
        found = json.loads((job.folder / COMPARISON).read_text("utf-8")) if job else None
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _at_work(jobs: Sequence[Job]) -> list[Job]:
    running = [job for job in jobs if job.state.status == RUNNING]
    waiting = [job for job in jobs if job.state.status == WAITING]
    return running + sorted(waiting, key=lambda job: job.state.queued_at)


def _label(job: Job) -> str:
    return f"{job.order.title} · {begun(job)} · {state_word(job)}"


def _apart_from_time(order: Order) -> Order:
    return replace(order, epochs=None, title="", by="")


def _epochs_in(told: dict[str, Any], form: Form) -> int:
    number = _positive(form.number, str(form.amount))
    if form.amount == EPOCHS:
        return int(number)
    fixed = told["seconds"] - told["epochs"] * told["seconds_per_epoch"]
    pace = max(float(told["seconds_per_epoch"]), 1e-3)
    return max(1, math.floor((60 * number - float(fixed)) / pace))


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
    return str(value or "").strip() or None
