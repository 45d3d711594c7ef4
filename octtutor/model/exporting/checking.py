"""Whether an export answers, and explains, as the Keras model does."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from octtutor.datasets.decode import Pixels
from octtutor.datasets.scan_picture import ScanPicture
from octtutor.datasets.sources import find_scans, open_source
from octtutor.errors import BadScanError, ModelError
from octtutor.model.exporting.export_draft import INT8, Floats
from octtutor.model.exporting.export_engine import ExportedEngine
from octtutor.model.network.engine_contract import Output
from octtutor.model.network.scan_set import Progress, no_readable_scan
from octtutor.model.serve.engine import KerasEngine

LARGEST_DIFFERENCE = 0.02
"""Of a probability."""
LARGEST_MAP_DIFFERENCE = 0.05
"""Of a map, as a share of the Keras map's largest value."""
LARGEST_LOSS = 0.01
"""Of int8's accuracy."""
_TIMED, _WARM_UP = 9, 2


@dataclass(frozen=True, slots=True)
class Check:
    """What came of it. `milliseconds` is an answer's median time, one scan at a time."""

    scans: int
    unreadable: tuple[str, ...]
    same_label: int
    largest_difference: float
    """Of any probability."""
    map_difference: float | None
    """Of any map, as a share of the Keras maps' largest value; None where the head has no map."""
    labelled: int
    """Scans whose truth is known; of the others, the Keras model's label counts as the truth."""
    accuracy: float
    keras_accuracy: float
    milliseconds: float
    keras_milliseconds: float

    def fault(self, quantise: str) -> str | None:
        """Return what is wrong with the export; None where it may be written."""
        if quantise == INT8:
            lost = self.keras_accuracy - self.accuracy
            return f"its accuracy is {lost:.3f} lower" if lost > LARGEST_LOSS else None
        if self.same_label < self.scans:
            return f"{self.scans - self.same_label} of {self.scans} scans get another label"
        if not self.largest_difference <= LARGEST_DIFFERENCE:
            return f"probabilities differ by up to {self.largest_difference:.3f}"
        if self.map_difference is not None and not self.map_difference <= LARGEST_MAP_DIFFERENCE:
            return f"Grad-CAM maps differ by up to {self.map_difference:.3f} of the largest value"
        return None

    def refuse(self, quantise: str) -> None:
        """Refuse an export that does not do what the Keras model does.

        Raises:
            ModelError: a label, a probability, a map or int8's accuracy differs too much.
        """
        fault = self.fault(quantise)
        if fault is None:
            return
        more = ", other scans for --calibration, or float16" if quantise == INT8 else ""
        raise ModelError(
            "Expected an export that answers as the Keras model does. Received one that does "
            f"not: {fault}. Nothing was written. Choose another format{more}."
        )


def check(
    keras: KerasEngine, exported: ExportedEngine, data: Path, progress: Progress | None = None
) -> Check:
    """Answer and explain scans with both engines, one scan in memory at a time.

    Args:
        keras: the model.
        exported: its export.
        data: a folder, archive or listing of scans, labelled or not.
        progress: called with (done, total) scans.

    Raises:
        BadInputError: there is no readable scan.
    """
    pairs, unreadable, scan = [], [], None
    with open_source(data) as members:
        wanted = find_scans(members, data)
        for done, member in enumerate(wanted, start=1):
            try:
                scan = member.picture(member.read())
                pairs.append(_compare(keras, exported, scan, member.place.label))
            except BadScanError:
                unreadable.append(member.name)
            if progress:
                progress(done, len(wanted))
    if scan is None or not pairs:
        raise no_readable_scan(data, len(unreadable))
    last = keras.prepare(scan)[None]
    return _sum_up(pairs, tuple(unreadable), _answer_times((keras.run, exported.run), last))


@dataclass(frozen=True, slots=True)
class _Pair:
    truth: int | None
    keras: int
    exported: int
    difference: float
    map_difference: float | None


def _compare(keras: KerasEngine, exported: ExportedEngine, scan: ScanPicture, label: Any) -> _Pair:
    prepared = keras.prepare(scan)[None]
    ours, theirs = keras.run(prepared), exported.run(exported.prepare(scan)[None])
    return _Pair(
        keras.card.index(label) if label in keras.card.labels else None,
        int(ours.probabilities.argmax()),
        int(theirs.probabilities.argmax()),
        float(np.abs(ours.probabilities - theirs.probabilities).max()),
        _map_difference(keras, exported, ours.features[0], theirs.features[0]),
    )


def _map_difference(
    keras: KerasEngine, exported: ExportedEngine, ours: Floats, theirs: Floats
) -> float | None:
    if not exported.explains:
        return None
    classes = range(len(keras.card.labels))
    first, second = keras.gradcam(ours, classes), exported.gradcam(theirs, classes)
    return float(np.abs(first - second).max() / max(float(first.max()), 1e-12))


def _answer_times(runs: Sequence[Callable[[Pixels], Output]], scan: Pixels) -> list[float]:
    """Return each engine's median time, ms; they take turns, so that a busy machine is fair."""
    taken: list[list[float]] = [[] for _ in runs]
    for _ in range(_WARM_UP + _TIMED):
        for run, times in zip(runs, taken, strict=True):
            start = time.perf_counter()
            run(scan)
            times.append(1000 * (time.perf_counter() - start))
    return [median(times[_WARM_UP:]) for times in taken]


def _sum_up(pairs: list[_Pair], unreadable: tuple[str, ...], times: Sequence[float]) -> Check:
    truth = [pair.keras if pair.truth is None else pair.truth for pair in pairs]
    maps = [pair.map_difference for pair in pairs if pair.map_difference is not None]
    return Check(
        scans=len(pairs),
        unreadable=unreadable,
        same_label=sum(pair.keras == pair.exported for pair in pairs),
        # np.max, unlike max, tells of a NaN
        largest_difference=float(np.max([pair.difference for pair in pairs])),
        map_difference=float(np.max(maps)) if maps else None,
        labelled=sum(pair.truth is not None for pair in pairs),
        accuracy=float(np.mean([p.exported == t for p, t in zip(pairs, truth, strict=True)])),
        keras_accuracy=float(np.mean([p.keras == t for p, t in zip(pairs, truth, strict=True)])),
        milliseconds=times[1],
        keras_milliseconds=times[0],
    )
