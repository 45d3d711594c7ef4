"""The part of a job that trains, in a process of its own (see `worker`).

python -m octtutor.job_process train FOLDER
"""

import ctypes
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from octtutor.datasets.images import write_atomically
from octtutor.datasets.listing import read_listing, write_listing
from octtutor.datasets.schemes.naming import open_naming
from octtutor.datasets.schemes.scheme_registry import Schemes
from octtutor.errors import OctTutorError
from octtutor.jobs.machine_load import read_machine_load
from octtutor.jobs.queue import MODEL, RUN
from octtutor.jobs.state import DONE, FAILED, STOP, State, read_state, write_state
from octtutor.jobs.training_order import TrainingOrder, read_order
from octtutor.jobs.worker import NO_MEMORY, tells_no_memory
from octtutor.model.measure.kept_comparison import COMPARISON, DIFFERING
from octtutor.model.network.backend import import_keras_quietly
from octtutor.settings import Settings

TRAINING = "training"
"""The phase in which the epochs are those of the model to be made."""
_EVERY = 0.5
"""Seconds between two looks of the state on disk."""
_log = logging.getLogger(__name__)


class Reporter:
    """Writes how far a run is into the job's state, at most twice a second."""

    def __init__(self, folder: Path, batch: int, epochs: int) -> None:
        """Follow a job's run of so many epochs with `batch` scans a step."""
        self._folder, self._batch = folder, batch
        self._state = replace(
            read_state(folder),
            pid=os.getpid(),
            batch=batch,
            epochs=epochs,
            history=_kept_history(folder),
            gauges=read_machine_load(),
        )
        self._work = TRAINING
        self._written = 0.0
        self._steps: list[tuple[float, int]] = []
        self.write(force=True)

    def on_load(self, done: int, total: int) -> None:
        """Take up that scans are being read."""
        self._change(phase=f"reading scans: {done:,} of {total:,}")

    def on_phase(self, phase: str) -> None:
        """Take up that another part of the work begins."""
        _log.info("%s", phase)
        self._steps.clear()
        self._work = phase
        self._change(phase=phase)

    def on_batch(self, done: int, total: int) -> None:
        """Take up a batch; the pace is that of the last thirty."""
        self._steps = [*self._steps[-30:], (time.monotonic(), done)]
        (since, first), (now, last) = self._steps[0], self._steps[-1]
        pace = (last - first) / (now - since) if now > since else 0.0
        self._change(
            phase=self._work,
            step=done,
            steps=total,
            scans_per_second=pace * self._batch,
            seconds_left=(total - done) / pace if pace else None,
        )

    def on_measures(self, measures: dict[str, float]) -> None:
        """Take up the running loss and accuracy of an epoch."""
        self._state = replace(
            self._state, loss=measures.get("loss"), accuracy=measures.get("accuracy")
        )

    def on_epoch(self, epoch: int, measures: dict[str, float]) -> None:
        """Take up a complete epoch."""
        _log.info("epoch %d: %s", epoch, json.dumps({k: round(v, 4) for k, v in measures.items()}))
        history = [row for row in self._state.history if row["epoch"] != epoch]
        if self._work == TRAINING:
            history.append({"epoch": epoch, **measures})
        self._change(epoch=epoch, history=tuple(history))
        self.write(force=True)

    def end(self, **changes: object) -> None:
        """Write the job's last state."""
        self._change(seconds_left=None, **changes)
        self.write(force=True)

    def write(self, force: bool = False) -> None:
        """Write the state, if it is due or must be."""
        if not force and time.monotonic() - self._written < _EVERY:
            return
        if time.monotonic() - self._written >= _EVERY:  # a load needs a while to be measured
            self._state = replace(self._state, gauges=read_machine_load())
        self._written = time.monotonic()
        now = datetime.now(UTC).isoformat()
        write_state(self._folder, replace(self._state, updated_at=now))

    def _change(self, **changes: object) -> None:
        self._state = replace(self._state, **changes)  # type: ignore[arg-type]
        self.write()


def main(folder: Path, read_settings: Callable[[], Settings]) -> int:
    """Train as ordered; return the exit status."""
    _die_with_parent()
    try:
        _train(folder, read_settings())
    except OctTutorError as error:
        _fail(folder, " ".join(str(error).split()))
    except Exception as error:
        if tells_no_memory(f"{type(error).__name__}: {error}"):
            _log.error("out of memory: %s", str(error)[:300])
            return NO_MEMORY
        _log.exception("the job failed")
        _fail(folder, f"The program failed ({type(error).__name__}). The log has the details.")
        return 1
    return 0


def _train(folder: Path, settings: Settings) -> None:
    order = read_order(folder)
    import_keras_quietly()
    from octtutor.jobs.planning import open_cache, to_plan
    from octtutor.model.network.card import read_card
    from octtutor.model.training.loop import Watch
    from octtutor.model.training.train import train

    plan = to_plan(order, settings)
    reporter = Reporter(folder, plan.recipe.batch, plan.recipe.epochs)
    reporter.on_phase(TRAINING)
    watch = Watch(
        on_epoch=reporter.on_epoch,
        on_batch=reporter.on_batch,
        on_measures=reporter.on_measures,
        on_phase=reporter.on_phase,
        should_stop=(folder / STOP).exists,
        checkpoints=folder / RUN,
    )
    made = folder / MODEL
    if not (made / "card.json").exists():
        train(plan, made, reporter.on_load, watch, open_cache(settings))
    card = read_card(made)
    reporter.end(outcome=card.figures, message=_closing_message(folder, card.recipe))
    if order.compare_with:
        reporter.on_phase("comparing with the model in use")
        _compare(folder, order, settings)
    reporter.end(status=DONE, phase="")


def _kept_history(folder: Path) -> tuple[dict[str, float], ...]:
    """Return the epochs of the run that is gone on with; the state may lack the last of them."""
    try:
        newest = json.loads((folder / RUN / "run.json").read_text("utf-8"))[0]
        return tuple(newest["history"])
    except (OSError, ValueError, LookupError, TypeError):
        return ()


def _closing_message(folder: Path, recipe: dict[str, Any]) -> str:
    """Say why the run ended early, after what the job had to say before."""
    before, why = read_state(folder).message, recipe.get("stopped")
    ended = f"Ended early: {why}. Kept: {recipe['kept']}." if why else ""
    return before if ended and ended in before else f"{before} {ended}".strip()


def _compare(folder: Path, order: TrainingOrder, settings: Settings) -> None:
    """Compare the new model with the one that was in use, on the scans that were held out."""
    from octtutor.model.measure.comparison import compare, difference_maps, side_by_side
    from octtutor.model.network.card import read_card
    from octtutor.model.serve.model_registry import find_model

    current = find_model(str(order.compare_with), settings.model_folders)
    if read_card(current).scheme != read_card(folder / MODEL).scheme:
        _log.info("not compared: %s knows other diagnoses", current.name)
        return
    data = Path(order.val) if order.val else _held_out(folder, order)
    schemes = Schemes(settings.schemes)
    naming = open_naming(schemes, order.scheme)
    facts = compare(current, folder / MODEL, data, naming=naming, schemes=schemes)
    write_atomically(folder / COMPARISON, json.dumps(facts).encode())
    for number, item in enumerate(difference_maps(facts, current, folder / MODEL, data, 24)):
        write_atomically(folder / DIFFERING / f"{number:02d}.png", side_by_side(item))


def _held_out(folder: Path, order: TrainingOrder) -> Path:
    """Write the listing of the scans that the run itself held out; return its place."""
    from octtutor.model.network.model_folder import HELD_OUT_SCANS

    held = {row["sha256"] for row in read_listing(folder / MODEL / HELD_OUT_SCANS)}
    place = folder / "held_out.csv"
    write_listing(place, (row for row in read_listing(Path(order.data)) if row["sha256"] in held))
    return place


def _die_with_parent() -> None:
    """End this process when the small one above it is killed (Linux; elsewhere it goes on)."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _fail(folder: Path, message: str) -> None:
    _log.error("%s", message)
    now = datetime.now(UTC).isoformat()
    state: State = replace(read_state(folder), updated_at=now)
    with suppress(OctTutorError):  # a disk that is full may have no room for this either
        write_state(folder, replace(state, status=FAILED, message=message, seconds_left=None))
