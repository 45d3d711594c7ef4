"""Measure a model and keep what a report shows: every answer, and small pictures with maps."""

import csv
import io
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.core.diagnosis import LABELS
from octtutor.datasets.decode import Pixels
from octtutor.datasets.sources import Member, open_source, scans_of
from octtutor.errors import BadScanError
from octtutor.model.bulk import Work, do_all
from octtutor.model.engine import KerasEngine
from octtutor.model.evaluation import (
    Answer,
    Answers,
    figures_of,
    read_wanted,
    trained_on,
    unfamiliar,
)
from octtutor.model.explaining import DEFAULT_METHOD, explain_raw, find_method
from octtutor.model.familiarity import Familiarity, Gauge, open_gauge
from octtutor.model.gallery import Cell, Gallery, shrink
from octtutor.model.inspection import PICTURES, write_inspection
from octtutor.model.known import Known
from octtutor.model.loading import Progress, no_readable_scan
from octtutor.model.maps import to_scan_size
from octtutor.model.robustness import measure_corrupted
from octtutor.model.stages import AT_ONCE

_CHUNK = 16
"""Scans in one forward pass."""
Floats = npt.NDArray[np.float32]


def inspect(
    folder: Path,
    data: Path,
    place: Path,
    progress: Progress | None = None,
    on_corrupted: Progress | None = None,
    only: Path | None = None,
    synthetic: bool | None = None,
    method: str = DEFAULT_METHOD,
    title: str | None = None,
) -> dict[str, Any]:
    """Measure a model in one pass, and keep answers and pictures with maps.

    What is in memory does not grow with the scans but for a few hundred bytes each: the answers.

    Args:
        folder: the model's.
        data: folder, ZIP or tar in OCT2017 layout, or a listing.
        place: the folder that is filled.
        progress: called with (done, total) while scans are answered and explained.
        on_corrupted: as in `evaluate`.
        only: as in `evaluate`.
        synthetic: whether the scans are computer-made; None: as their `cases.csv` says.
        method: of the maps, a key of `octtutor.model.explaining.METHODS`.
        title: what the scans are called; the name of `data` by default.

    Returns:
        What `evaluate` returns, and `source`, `synthetic`, `method` and `method_shows` (of the
        maps), and `unfamiliar`: `names` of scans that do not look like those that the model
        knows, and the `method`; None where the model's folder does not say what it knows.

    Raises:
        ModelError: the model cannot be loaded.
        BadInputError: there is no readable scan with a label.
        SettingsError: the folder cannot be written.
    """
    trained, wanted, chosen = trained_on(folder), read_wanted(only), find_method(method)
    gallery, answers = Gallery(place / PICTURES), Answers([], [])
    waiting: list[_Waiting] = []
    at_once = AT_ONCE if chosen.each else 1
    with open_source(data) as members:
        scans = scans_of(members, data)
        made = _is_synthetic(members) if synthetic is None else synthetic
        engine, gauge = KerasEngine.open(folder), open_gauge(folder)
        seeing = _Seeing(engine, gauge, lambda digest: wanted is None or digest in wanted)
        for member, done in do_all(lambda: seeing, scans, progress):
            answer = answers.take(member, done)
            if answer is not None:
                one = _Waiting(len(answers.known) - 1, answer, seeing.seen.popleft())
                if sum(len(each.classes) for each in (*waiting, one)) > at_once:
                    _show(engine, method, gallery, waiting)
                waiting += [one] if one.is_wanted(gallery) else []
        _show(engine, method, gallery, waiting)
    if not answers.known:
        raise no_readable_scan(data, len(answers.unreadable))
    told = figures_of(engine.card, trained, answers)
    told |= {"source": title or data.name, "synthetic": made}
    told |= {"method": chosen.title, "method_shows": chosen.shows}
    told["unfamiliar"] = unfamiliar(engine.card, answers.strange)
    if on_corrupted:
        told["corrupted"] = measure_corrupted(engine, data, on_corrupted, wanted)
    write_inspection(place, told, _rows(answers, trained), gallery.shown())
    return told


@dataclass(frozen=True, slots=True)
class _Seen:
    small: Pixels
    prepared: Pixels
    features: Floats


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An answered scan that is to be explained; `place` is that of its answer among all."""

    place: int
    answer: Answer
    seen: _Seen

    @property
    def cell(self) -> Cell:
        return self.answer.truth, self.answer.label

    @property
    def chance(self) -> float:
        return float(self.answer.chances.max())

    @property
    def classes(self) -> tuple[int, ...]:
        """The answer, and the truth where that is another."""
        return tuple(dict.fromkeys((self.answer.label, self.answer.truth)))

    def is_wanted(self, gallery: Gallery) -> bool:
        return gallery.wants(self.cell, self.chance)


class _Seeing(Work):
    """Answers scans, and keeps of the batch at hand what it takes to show and explain them."""

    def __init__(
        self, engine: KerasEngine, gauge: Gauge | None, wanted: Callable[[str], bool]
    ) -> None:
        super().__init__(self._prepare_and_shrink, wanted)
        self._engine, self._gauge = engine, gauge
        self._small: list[Pixels] = []
        self.seen: deque[_Seen] = deque()
        """Of the answered scans that nobody has taken yet, in their order."""

    def _prepare_and_shrink(self, scan: Pixels) -> Pixels:
        prepared = self._engine.prepare(scan)
        self._small.append(shrink(scan))
        return prepared

    def look(self, prepared: Pixels) -> list[tuple[Floats, Familiarity | None]]:
        """Return the probabilities of each scan, and how familiar it is, of one pass."""
        found: list[tuple[Floats, Familiarity | None]] = []
        for start in range(0, len(prepared), _CHUNK):
            chunk = prepared[start : start + _CHUNK]
            output = self._engine.run(chunk)
            small = self._small[start : start + _CHUNK]
            self.seen.extend(map(_Seen, small, chunk, output.features))
            found += zip(output.probabilities, self._measure(output.features), strict=True)
        self._small.clear()
        return found

    def _measure(self, features: Floats) -> Sequence[Familiarity | None]:
        return self._gauge.measure(features) if self._gauge else [None] * len(features)


def _show(engine: KerasEngine, method: str, gallery: Gallery, waiting: list[_Waiting]) -> None:
    """Explain the scans that wait, and keep their pictures where there is room; none waits then."""
    for one, raw in zip(waiting, _explain(engine, method, waiting), strict=True):
        if one.is_wanted(gallery):  # the others may have taken its room
            small = one.seen.small
            maps = {
                str(LABELS[index]): to_scan_size(level, *small.shape)
                for index, level in zip(one.classes, raw, strict=True)
            }
            gallery.keep(one.place, one.cell, one.chance, small, maps)
    waiting.clear()


def _explain(engine: KerasEngine, method: str, waiting: Sequence[_Waiting]) -> list[Floats]:
    """Return the raw maps of each scan, float32 (its classes, h, w)."""
    each = find_method(method).each
    if not waiting or each is None:
        return [_explain_one(engine, method, one.seen, one.classes) for one in waiting]
    pairs = [(one.seen.prepared, index) for one in waiting for index in one.classes]
    maps = each(engine, np.stack([scan for scan, _ in pairs]), [index for _, index in pairs])
    return np.split(maps, np.cumsum([len(one.classes) for one in waiting])[:-1])


def _explain_one(engine: KerasEngine, method: str, seen: _Seen, classes: Sequence[int]) -> Floats:
    if method == "gradcam":  # the feature map is at hand: no second pass
        return engine.gradcam(seen.features, classes)
    two = (list(classes) * 2)[:2]  # always as many: each other number would be compiled anew
    return explain_raw(engine, seen.prepared, two, method)[: len(classes)]


def _is_synthetic(members: Sequence[Member]) -> bool:
    """Whether scans come with the table of `octtutor phantom make`."""
    tables = [member for member in members if PurePosixPath(member.name).name == "cases.csv"]
    try:
        rows = csv.DictReader(io.StringIO(tables[0].read().decode("utf-8"))) if tables else ()
        return any(row.get("synthetic") == "true" for row in rows)
    except (BadScanError, UnicodeDecodeError, csv.Error):
        return False


def _rows(answers: Answers, trained: Known | None) -> Iterator[tuple[Any, ...]]:
    for one in answers.known:
        known = trained is not None and (
            one.sha256 in trained.files or one.patient in trained.patients
        )
        facts = one.name, one.patient, one.sha256, LABELS[one.truth], LABELS[one.label]
        yield (*facts, *(f"{chance:.9g}" for chance in one.chances), int(known))
