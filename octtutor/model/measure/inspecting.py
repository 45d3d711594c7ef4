"""Measure a model and keep what a report shows: every answer, and small pictures with maps."""

import csv
import io
from collections import deque
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels
from octtutor.datasets.member import Member
from octtutor.datasets.scan_picture import ScanPicture
from octtutor.datasets.schemes.naming import Naming
from octtutor.datasets.schemes.scheme_registry import SHIPPED, Schemes
from octtutor.datasets.sources import open_source
from octtutor.errors import BadScanError
from octtutor.model.bulk.batches import Answering, Ready, do_all
from octtutor.model.explain.layercam import AT_ONCE
from octtutor.model.explain.maps import lay_on_scan
from octtutor.model.explain.methods import DEFAULT_METHOD, explain_raw, find_method
from octtutor.model.measure.evaluation import (
    Answers,
    ScoredAnswer,
    figures_of,
    read_wanted,
    trained_on,
)
from octtutor.model.measure.gallery import Cell, Gallery, shrink
from octtutor.model.measure.inspection import PICTURES, write_inspection
from octtutor.model.measure.mapped_truth import MappedTruth, scheme_of_card
from octtutor.model.measure.robustness import measure_corrupted
from octtutor.model.network.card import read_card
from octtutor.model.network.preprocess import FedScan
from octtutor.model.network.scan_set import Progress, no_readable_scan
from octtutor.model.network.training_set import TrainingSet
from octtutor.model.serve.engine import KerasEngine

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
    naming: Naming | None = None,
    schemes: Schemes = SHIPPED,
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
        method: of the maps, a key of `octtutor.model.explain.methods.METHODS`.
        title: what the scans are called; the name of `data` by default.
        naming: as in `evaluate`.
        schemes: as in `evaluate`.

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
    mapped = MappedTruth(naming, scheme_of_card(read_card(folder), schemes))
    gallery, answers = Gallery(place / PICTURES), Answers([], [], scheme=mapped.network)
    waiting: list[_Waiting] = []
    transaction = AT_ONCE if chosen.each else 1
    with open_source(data) as members:
        scans = mapped.scans(members, data)
        made = _is_synthetic(members) if synthetic is None else synthetic
        seeing = _Seeing(folder, wanted)
        engine = seeing.engine
        for member, done in do_all(lambda: seeing, scans, progress):
            seen = None if done.values is None else seeing.seen.popleft()
            answer = answers.take(mapped.translate(member, done), done)
            if answer is not None and seen is not None:
                one = _Waiting(len(answers.known) - 1, answer, seen)
                if sum(len(each.classes) for each in (*waiting, one)) > transaction:
                    _show(engine, method, gallery, waiting)
                waiting += [one] if one.is_wanted(gallery) else []
        _show(engine, method, gallery, waiting)
    if not answers.known:
        mapped.refuse_none(data)
        raise no_readable_scan(data, len(answers.unreadable))
    figures = figures_of(engine.card, trained, answers)
    figures |= {"source": title or data.name, "synthetic": made}
    figures |= {"method": chosen.title, "method_shows": chosen.shows}
    figures |= answers.as_verdicts(engine.card) | mapped.facts()
    if on_corrupted:
        figures["corrupted"] = measure_corrupted(engine, data, on_corrupted, wanted, mapped)
    write_inspection(place, figures, _rows(answers, trained), gallery.shown())
    return figures


@dataclass(frozen=True, slots=True)
class _Seen:
    small: Pixels
    fed: FedScan
    features: Floats


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An answered scan that is to be explained; `place` is that of its answer among all."""

    place: int
    answer: ScoredAnswer
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


class _Seeing(Answering):
    """Answers scans, and keeps of the batch at hand what it takes to show and explain them."""

    engine: KerasEngine

    def __init__(self, folder: Path, only: Container[str] | None) -> None:
        super().__init__(folder, only)
        self._small: list[Pixels] = []
        self.seen: deque[_Seen] = deque()
        """Of the answered scans that nobody has taken yet, in their order."""

    def _ready(self, picture: ScanPicture) -> Ready:
        ready = super()._ready(picture)
        self._small.append(shrink(picture.grey))
        return ready

    def _keep(self, part: Sequence[Ready], features: Floats) -> None:
        small, self._small = self._small[: len(part)], self._small[len(part) :]
        self.seen.extend(map(_Seen, small, (one.fed for one in part), features))


def _show(engine: KerasEngine, method: str, gallery: Gallery, waiting: list[_Waiting]) -> None:
    """Explain the scans that wait, and keep their pictures where there is room; none waits then."""
    for one, raw in zip(waiting, _explain(engine, method, waiting), strict=True):
        if one.is_wanted(gallery):  # the others may have taken its room
            small = one.seen.small
            maps = {
                engine.card.labels[index]: lay_on_scan(
                    level, one.seen.fed, (small.shape[0], small.shape[1])
                )
                for index, level in zip(one.classes, raw, strict=True)
            }
            gallery.keep(one.place, one.cell, one.chance, small, maps)
    waiting.clear()


def _explain(engine: KerasEngine, method: str, waiting: Sequence[_Waiting]) -> list[Floats]:
    """Return the raw maps of each scan, float32 (its classes, h, w)."""
    each = find_method(method).each
    if not waiting or each is None:
        return [_explain_one(engine, method, one.seen, one.classes) for one in waiting]
    pairs = [(one.seen.fed.scan, index) for one in waiting for index in one.classes]
    maps = each(engine, np.stack([scan for scan, _ in pairs]), [index for _, index in pairs])
    return np.split(maps, np.cumsum([len(one.classes) for one in waiting])[:-1])


def _explain_one(engine: KerasEngine, method: str, seen: _Seen, classes: Sequence[int]) -> Floats:
    if method == "gradcam":  # the feature map is at hand: no second pass
        return engine.gradcam(seen.features, classes)
    two = (list(classes) * 2)[:2]  # always as many: each other number would be compiled anew
    return explain_raw(engine, seen.fed.scan, two, method)[: len(classes)]


def _is_synthetic(members: Sequence[Member]) -> bool:
    """Whether scans come with the table of `octtutor phantom make`."""
    tables = [member for member in members if PurePosixPath(member.name).name == "cases.csv"]
    try:
        rows = csv.DictReader(io.StringIO(tables[0].read().decode("utf-8"))) if tables else ()
        return any(row.get("synthetic") == "true" for row in rows)
    except (BadScanError, UnicodeDecodeError, csv.Error):
        return False


def _rows(answers: Answers, trained: TrainingSet | None) -> Iterator[tuple[Any, ...]]:
    for one in answers.known:
        known = trained is not None and (
            one.sha256 in trained.files or one.patient in trained.patients
        )
        keys = answers.scheme.keys
        facts = one.name, one.patient, one.sha256, keys[one.truth], keys[one.label]
        yield (*facts, *(f"{chance:.9g}" for chance in one.chances), int(known))
