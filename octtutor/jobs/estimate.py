"""How long a training run will take here: a few batches, timed, in a process of their own.

python -m octtutor.job_process estimate FOLDER
"""

import json
import logging
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import model_validator
from pydantic.dataclasses import dataclass

from octtutor.core.validation import read_json
from octtutor.datasets.images import write_atomically
from octtutor.errors import OctTutorError
from octtutor.jobs.training_order import ORDER, read_order
from octtutor.model.network.backend import import_keras_quietly
from octtutor.settings import Settings

ESTIMATE = "estimate.json"
_STEPS = 4
"""Batches that are timed; the first is left out, since it builds the graph."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What was measured for a job, or why nothing could be."""

    scans: int = 0
    epochs: int = 0
    seconds_per_epoch: float = 0.0
    seconds: float = 0.0
    """Of all epochs, folds included."""
    fault: str = ""
    """A line that says why nothing could be measured."""

    @model_validator(mode="after")
    def _is_either(self) -> Self:
        if not self.fault and self.epochs < 1:
            raise ValueError("a measured time, or a fault")
        return self

    @property
    def fixed_seconds(self) -> float:
        """What is not the last epochs' own: the backbone's features, the folds."""
        return self.seconds - self.epochs * self.seconds_per_epoch


def read_estimate(folder: Path) -> Estimate | None:
    """Return what was measured for a job, None before that; a damaged file is a fault."""

    def refuse(why: object) -> ValueError:
        return ValueError(f"{ESTIMATE} of {folder.name!r} cannot be read ({why}). Measure again.")

    try:
        return read_json(Estimate, (folder / ESTIMATE).read_bytes(), refuse)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        return Estimate(fault=str(error))


def main(folder: Path, read_settings: Callable[[], Settings]) -> int:
    """Measure, and write what was found, or why nothing was, into the job's folder."""
    os.nice(10)
    try:
        found = measure(folder, read_settings())
    except OctTutorError as error:
        found = Estimate(fault=" ".join(str(error).split()))
    except Exception as error:
        _log.exception("nothing could be measured")
        why = f"Nothing could be measured ({type(error).__name__}: {error})."
        found = Estimate(fault=why[:300])
    if (folder / ORDER).exists():  # the plan may have been thrown away meanwhile
        write_atomically(folder / ESTIMATE, json.dumps(asdict(found)).encode())
    return 0


def measure(folder: Path, settings: Settings) -> Estimate:
    """Time a few batches of a job's own kind on this machine."""
    order = read_order(folder)
    import_keras_quietly()
    from octtutor.datasets.sources import open_source, scans_of
    from octtutor.datasets.split import HELD_OUT
    from octtutor.jobs.planning import to_plan

    plan = to_plan(order, settings)
    with open_source(plan.data) as members:
        scans = len(scans_of(members, plan.data, plan.naming))
    if plan.val is None:
        scans = round(scans * (1 - HELD_OUT))
    beginning = plan.recipe.begin(plan.backbone, plan.scheme)
    batch = max(1, min(plan.recipe.batch, scans))
    once = 0.0
    if plan.recipe.on_cached_features:
        # the backbone runs once; the head's own epochs take milliseconds a batch
        once = scans * _seconds_forward(beginning, min(batch, 16))
        per_epoch = 0.002 * scans / batch + 0.5
    else:
        per_epoch = scans / batch * _seconds_a_step(beginning, plan.recipe, batch)
    runs = 1 + plan.folds * (1 - 1 / plan.folds) if plan.folds else 1
    epochs = plan.recipe.epochs
    return Estimate(scans, epochs, per_epoch, runs * per_epoch * epochs + once)


def _seconds_a_step(beginning: Any, recipe: Any, batch: int) -> float:
    """Train a few batches of noise; return the median seconds of one, without the first."""
    from octtutor.model.network.scan_set import ScanSet
    from octtutor.model.training.loop import Watch
    from octtutor.model.training.recipes import TrainingInput

    classes = len(beginning.scheme.keys)
    n = max(_STEPS * batch, classes)
    side = beginning.how.size
    names = tuple(str(i) for i in range(n))
    noise = np.random.default_rng(0).integers(0, 255, (n, side, side), np.uint8)
    scans = ScanSet(noise, np.arange(n) % classes, names, names, names, (), (), beginning.scheme)
    times: list[float] = []
    watch = Watch(on_batch=lambda done, total: times.append(time.perf_counter()))
    recipe.shortened().fit(TrainingInput(beginning, scans, watch=watch))
    return statistics.median(np.diff(times).tolist())


def _seconds_forward(beginning: Any, batch: int) -> float:
    """Return the seconds that the backbone takes for one scan."""
    side = beginning.how.size
    noise = np.random.default_rng(0).integers(0, 255, (batch, side, side), np.uint8)
    model = beginning.network.backbone
    model.compile(jit_compile=False)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        model.predict_on_batch(beginning.how.to_input(noise))
        times.append(time.perf_counter() - start)
    return min(times) / batch
