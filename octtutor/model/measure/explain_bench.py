"""Is a map to be trusted? The methods of explanation measured on scans, with masks or without."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.core.scheme import OCT2017
from octtutor.datasets.decode import Pixels
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import BadInputError
from octtutor.model.explain.methods import DEFAULT_METHOD, METHODS, explain, find_method
from octtutor.model.measure.bench_cases import (
    BenchCase,
    CaseSource,
    no_case,
    phantom_cases,
    scan_cases,
)
from octtutor.model.network.model_folder import weights_digest
from octtutor.model.network.network import build_from_card
from octtutor.model.network.scan_set import Progress
from octtutor.model.serve.engine import KerasEngine
from octtutor.stats.explanation import (
    TOLERANCE,
    area_under,
    centre_map,
    energy_ratio,
    likeness,
    points_at,
    ranked,
    smooth_random,
)
from octtutor.stats.intervals import Figure, by_patient, share_by_patient

Floats = npt.NDArray[np.float32]
Make = Callable[[KerasEngine, Pixels, int], Floats]
"""A map, float32 (height, width), of an engine, a scan and a class."""
STEPS = 8
"""Of the deletion and insertion curves."""
CURVES, CHECKS = 32, 12
"""So many scans at most for the curves, and for shuffled weights and shifts: they take long."""
SLOW = 24
"""So many scans at most for slow methods that were not asked for by name."""
SHIFT = 8
"""Most pixels of the scan that it is shifted by, across and down."""


@dataclass(slots=True)
class Row:
    """What one method scored on each case; the lists grow with the cases."""

    patients: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    hits: list[bool] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    deletion: list[float] = field(default_factory=list)
    insertion: list[float] = field(default_factory=list)
    randomisation: list[float] = field(default_factory=list)
    repeatability: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    silent: int = 0


def bench_explain(
    engine: KerasEngine,
    data: Path | None = None,
    masks: Path | None = None,
    label: str | None = None,
    methods: Sequence[str] = (),
    limit: int | None = None,
    seed: int = 2017,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure methods of explanation, and for comparison a random map and one of the centre.

    Args:
        engine: the network.
        data: scans; the phantoms of the embedded deck by default, with their masks.
        masks: a folder of masks, each named as its scan; `masks` in `data` by default.
        label: the class to explain; by default that of the scan's folder or name, else the
            model's answer.
        methods: keys of METHODS; all by default.
        limit: so many scans at most, drawn by `seed`; of phantoms more than the deck has, too.
        seed: of draws, shifts, shuffled weights and random maps.
        progress: called with (done, total) scans.

    Returns:
        `methods`, by name `pointing_game` and `energy_ratio` (None without masks), `deletion`,
        `insertion`, `randomisation`, `repeatability`, intervals, `n`; what they were measured
        on, and what was left out.

    Raises:
        BadInputError: there is no usable scan, or no such method.
    """
    for name in methods:
        find_method(name)
    if engine.card.scheme != OCT2017:
        raise BadInputError(
            f"Expected a model of the scheme {OCT2017.name!r}, which phantoms and their masks are "
            f"of. {engine.card.name!r} has {engine.card.scheme.name!r}. Choose another."
        )
    with_masks = data is None or masks is not None or (data / "masks").is_dir()
    source = (
        phantom_cases(limit, seed) if data is None else scan_cases(data, masks, label, limit, seed)
    )
    rows, right = _measure(engine, source, methods, label, seed, progress)
    count = len(right)
    if not count:
        raise no_case(source)
    return {
        "model": engine.card.name,
        "model_sha256": engine.card.weights_sha256,
        "source": source.what,
        "scans": count,
        "answered_as_explained": float(np.mean(right)),
        "explained": str(label) if label else "the scan's label, else the model's answer",
        "tolerance_px": TOLERANCE if with_masks else None,
        "seed": seed,
        "default": DEFAULT_METHOD,
        "left_out": source.left_out,
        "methods": {name: _summed(row) for name, row in rows.items()},
    }


def _measure(
    engine: KerasEngine,
    source: CaseSource,
    methods: Sequence[str],
    label: str | None,
    seed: int,
    progress: Progress | None,
) -> tuple[dict[str, Row], list[bool]]:
    rng = np.random.default_rng([seed, 1])
    makers: dict[str, Make] = {name: _maker(name) for name in methods or METHODS}
    makers["random"] = lambda _, scan, __: smooth_random(rng, (scan.shape[0], scan.shape[1]))
    makers["centre"] = lambda _, scan, __: centre_map((scan.shape[0], scan.shape[1]))
    rows = {name: Row() for name in makers}
    slow = {name for name, method in METHODS.items() if method.slow}
    right: list[bool] = []
    for case in source.cases:
        answer = int(engine.run(engine.prepare(case.scan)[None]).probabilities.argmax())
        figures = OCT2017_SCHEME.index(label) if label else case.label
        wanted = answer if figures is None else figures
        shift = (int(rng.integers(-SHIFT, SHIFT + 1)), int(rng.integers(-SHIFT, SHIFT + 1)))
        for name, made in makers.items():
            if name in methods or len(right) < SLOW or name not in slow:
                look = CaseMeasures(engine, made, case, wanted)
                look.score(rows[name], seed, shift, len(right))
        right.append(answer == wanted)
        if progress is not None:
            progress(len(right), max(source.count, len(right)))
    return rows, right


def _maker(name: str) -> Make:
    return lambda engine, scan, label: explain(engine, scan, [label], name)[0]


@dataclass(frozen=True, slots=True)
class CaseMeasures:
    """One method on one case."""

    engine: KerasEngine
    make: Make
    case: BenchCase
    label: int

    def score(self, row: Row, seed: int, shift: tuple[int, int], place: int) -> None:
        """Add what the method scores on this case, the `place`th, to its row."""
        began = perf_counter()
        level = self.make(self.engine, self.case.scan, self.label)
        row.seconds.append(perf_counter() - began)
        row.patients.append(self.case.patient)
        row.labels.append(self.label)
        row.silent += not level.any()
        if self.case.lesion is not None:
            row.hits.append(points_at(level, self.case.lesion))
            row.ratios.append(energy_ratio(level, self.case.lesion))
        if place < CURVES:
            deletion, insertion = curves(self.engine, self.case.scan, level, self.label)
            row.deletion.append(area_under(deletion))
            row.insertion.append(area_under(insertion))
        if place < CHECKS:
            other = self.make(shuffle_weights(self.engine, seed), self.case.scan, self.label)
            row.randomisation.append(likeness(level[::4, ::4], other[::4, ::4]))
            row.repeatability.append(self._repeated(level, shift))

    def _repeated(self, level: Floats, shift: tuple[int, int]) -> float:
        """Return how like the map of the shifted scan, shifted back, is to the map."""
        again = self.make(self.engine, shifted(self.case.scan, shift), self.label)
        back = shifted(again, (-shift[0], -shift[1]))
        inside = slice(SHIFT, -SHIFT, 4)
        return likeness(level[inside, inside], back[inside, inside])


def curves(engine: KerasEngine, scan: Pixels, level: Floats, label: int) -> tuple[Floats, Floats]:
    """Follow the class's probability while the map's brightest places go, and while they come.

    Args:
        engine: the network.
        scan: uint8 (height, width).
        level: its map, float32 (height, width).
        label: index into oct2017's keys.

    Returns:
        Deletion (places become the scan's median grey) and insertion (places become sharp in a
        blurred scan), float32 (STEPS + 1,) each.
    """
    fed = engine.how.feed(scan)
    prepared = fed.scan
    side = len(prepared)
    turns = ranked(fed.bring(level), STEPS)
    grey = np.full_like(prepared, np.median(prepared))
    blurred = cv2.GaussianBlur(prepared, (0, 0), side / 20)
    gone = [turns < step for step in range(STEPS + 1)]
    pictures = [np.where(mark, grey, prepared) for mark in gone]
    pictures += [np.where(mark, prepared, blurred) for mark in gone]
    chances = engine.run(np.stack(pictures)).probabilities[:, label]
    return chances[: STEPS + 1], chances[STEPS + 1 :]


def shifted(picture: npt.NDArray[Any], shift: tuple[int, int]) -> npt.NDArray[Any]:
    """Move a picture by (down, across) pixels; its border is drawn out."""
    down, across = shift
    rows = np.clip(np.arange(picture.shape[0]) - down, 0, picture.shape[0] - 1)
    columns = np.clip(np.arange(picture.shape[1]) - across, 0, picture.shape[1] - 1)
    return np.ascontiguousarray(picture[np.ix_(rows, columns)])


@lru_cache(maxsize=1)
def shuffle_weights(engine: KerasEngine, seed: int) -> KerasEngine:
    """Return an engine of the same architecture in which each weight has changed its place."""
    rng = np.random.default_rng([seed, 2])
    network = build_from_card(engine.card)
    arrays = engine.network.weights()
    network.assign({name: rng.permuted(array) for name, array in arrays.items()})
    return KerasEngine(network, replace(engine.card, weights_sha256=weights_digest(network)))


def _summed(row: Row) -> dict[str, Any]:
    n = len(row.hits)
    figures: dict[str, Any] = {
        **_share("pointing_game", row.hits, row.patients),
        **_middle("energy_ratio", row.ratios, row.patients, np.median),
        **_middle("deletion", row.deletion, row.patients, np.mean),
        **_middle("insertion", row.insertion, row.patients, np.mean),
        **_middle("randomisation", row.randomisation, row.patients, np.mean),
        **_middle("repeatability", row.repeatability, row.patients, np.mean),
        "milliseconds": float(np.median(row.seconds)) * 1000,
        "no_evidence": row.silent,
        "n": n or len(row.seconds),
        "n_curves": len(row.deletion),
        "n_checks": len(row.randomisation),
    }
    return figures | ({"per_class": _per_class(row)} if n else {})


def _per_class(row: Row) -> dict[str, Any]:
    figures = {}
    for index in sorted(set(row.labels)):
        mine = np.array(row.labels) == index
        figures[OCT2017_SCHEME.keys[index]] = {
            "pointing_game": float(np.array(row.hits)[mine].mean()),
            "energy_ratio": float(np.median(np.array(row.ratios)[mine])),
            "n": int(mine.sum()),
        }
    return figures


def _share(key: str, hits: list[bool], patients: list[str]) -> dict[str, Any]:
    if not hits:
        return _as_fields(key, None)
    return _as_fields(key, share_by_patient(np.array(hits), patients))


def _middle(
    key: str, values: list[float], patients: list[str], middle: Callable[..., Any]
) -> dict[str, Any]:
    if not values:
        return _as_fields(key, None)
    array = np.array(values)
    return _as_fields(key, by_patient(lambda i: float(middle(array[i])), patients[: len(values)]))


def _as_fields(key: str, figure: Figure | None) -> dict[str, Any]:
    if figure is None:
        return {key: None, f"{key}_ci": None}
    ends = None if figure.low is None else [figure.low, figure.high]
    return {key: figure.value, f"{key}_ci": ends}
