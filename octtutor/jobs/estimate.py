"""How long a training run will take here: a few batches, timed, in a process of their own.

python -m octtutor.jobs.estimate FOLDER
"""

import json
import logging
import os
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from octtutor.datasets.images import write_atomically
from octtutor.errors import OctTutorError
from octtutor.jobs.order import ORDER, read_order
from octtutor.model.backend import import_keras_quietly
from octtutor.settings import Settings

ESTIMATE = "estimate.json"
_STEPS = 4
"""Batches that are timed; the first is left out, since it builds the graph."""
_log = logging.getLogger(__name__)


def read_estimate(folder: Path) -> dict[str, Any] | None:
    """Return what was measured for a job, None before that.

    The keys are `scans`, `epochs`, `seconds_per_epoch` and `seconds` (all epochs, folds included),
    or `fault`, a line that says why nothing could be measured.
    """
    try:
        found = json.loads((folder / ESTIMATE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def main(folder: Path) -> int:
    """Measure, and write what was found into the job's folder."""
    os.nice(10)
    try:
        told = measure(folder)
    except OctTutorError as error:
        told = {"fault": " ".join(str(error).split())}
    except Exception as error:
        _log.exception("nothing could be measured")
        told = {"fault": f"Nothing could be measured ({type(error).__name__}: {error})."[:300]}
    if (folder / ORDER).exists():  # the plan may have been thrown away meanwhile
        write_atomically(folder / ESTIMATE, json.dumps(told).encode())
    return 0


def measure(folder: Path) -> dict[str, Any]:
    """Time a few batches of a job's own kind on this machine (see `read_estimate`)."""
    settings = Settings.from_env(os.environ)
    order = read_order(folder)
    import_keras_quietly()
    from octtutor.datasets.sources import open_source, scans_of
    from octtutor.datasets.split import HELD_OUT
    from octtutor.jobs.planning import to_plan
    from octtutor.model.headtrain import HeadRecipe
    from octtutor.model.recipes import begin

    plan = to_plan(order, settings)
    with open_source(plan.data) as members:
        scans = len(scans_of(members, plan.data))
    if plan.val is None:
        scans = round(scans * (1 - HELD_OUT))
    beginning = begin(plan.recipe, plan.backbone)
    batch = max(1, min(plan.recipe.batch, scans))
    once = 0.0
    if isinstance(plan.recipe, HeadRecipe):
        # the backbone runs once; the head's own epochs take milliseconds a batch
        once = scans * _seconds_forward(beginning, min(batch, 16))
        per_epoch = 0.002 * scans / batch + 0.5
    else:
        per_epoch = scans / batch * _seconds_a_step(beginning, plan.recipe, batch)
    runs = 1 + plan.folds * (1 - 1 / plan.folds) if plan.folds else 1
    return {
        "scans": scans,
        "epochs": plan.recipe.epochs,
        "seconds_per_epoch": per_epoch,
        "seconds": runs * per_epoch * plan.recipe.epochs + once,
    }


def _seconds_a_step(beginning: Any, recipe: Any, batch: int) -> float:
    """Train a few batches of noise; return the median seconds of one, without the first."""
    from octtutor.core.diagnosis import LABELS
    from octtutor.model.loading import ScanSet
    from octtutor.model.loop import Watch
    from octtutor.model.recipes import fit

    n = max(_STEPS * batch, len(LABELS))
    side = beginning.how.size
    names = tuple(str(i) for i in range(n))
    noise = np.random.default_rng(0).integers(0, 255, (n, side, side), np.uint8)
    scans = ScanSet(noise, np.arange(n) % len(LABELS), names, names, names, ())
    times: list[float] = []
    changes = {"epochs": 1, **({"probe": 0} if hasattr(recipe, "probe") else {})}
    short = replace(recipe, **changes)
    watch = Watch(on_batch=lambda done, total: times.append(time.perf_counter()))
    fit(beginning, short, scans, None, watch)
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


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    sys.exit(main(Path(sys.argv[1])))
