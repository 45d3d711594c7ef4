"""Is a map to be trusted? The methods of explanation measured on scans, with masks or without."""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.datasets.decode import Pixels, decode, read_scan
from octtutor.datasets.layout import is_scan
from octtutor.datasets.sources import Member, find_scans, open_source
from octtutor.errors import BadInputError, BadScanError
from octtutor.model.engine import KerasEngine
from octtutor.model.explaining import DEFAULT_METHOD, METHODS, explain, find_method
from octtutor.model.folder import weights_digest
from octtutor.model.loading import Progress
from octtutor.model.network import build_from_card
from octtutor.phantom import make
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
Bits = npt.NDArray[np.bool_]
Make = Callable[[KerasEngine, Pixels, int], Floats]
"""A map, float32 (height, width), of an engine, a scan and a class."""

DECK = Path(__file__).parent.parent / "phantom" / "deck"
STEPS = 8
"""Of the deletion and insertion curves."""
CURVES, CHECKS = 32, 12
"""So many scans at most for the curves, and for shuffled weights and shifts: they take long."""
SLOW = 24
"""So many scans at most for slow methods that were not asked for by name."""
SHIFT = 8
"""Most pixels of the scan that it is shifted by, across and down."""
_LOSSY = frozenset({".jpg", ".jpeg"})
_ENDINGS = ("", "_mask", "-mask", "_seg")


@dataclass(frozen=True, slots=True)
class Case:
    """A scan to explain.

    `lesion` is bool (height, width), None where nobody drew one; `label` an index into LABELS,
    None where the model's answer is to be explained.
    """

    name: str
    patient: str
    scan: Pixels
    lesion: Bits | None
    label: int | None


@dataclass(frozen=True, slots=True)
class Source:
    """Where cases come from: what it is, how many at most, and a generator of them.

    `left_out` fills while they are read: names by reason.
    """

    what: str
    count: int
    cases: Iterator[Case]
    left_out: dict[str, list[str]]


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
    label: Diagnosis | None = None,
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
    with_masks = data is None or masks is not None or (data / "masks").is_dir()
    source = _phantoms(limit, seed) if data is None else _scans(data, masks, label, limit, seed)
    rows, right = _measure(engine, source, methods, label, seed, progress)
    count = len(right)
    if not count:
        raise _nothing(source)
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
    source: Source,
    methods: Sequence[str],
    label: Diagnosis | None,
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
        told = LABELS.index(label) if label else case.label
        wanted = answer if told is None else told
        shift = (int(rng.integers(-SHIFT, SHIFT + 1)), int(rng.integers(-SHIFT, SHIFT + 1)))
        for name, made in makers.items():
            if name in methods or len(right) < SLOW or name not in slow:
                look = Look(engine, made, case, wanted)
                look.score(rows[name], seed, shift, len(right))
        right.append(answer == wanted)
        if progress is not None:
            progress(len(right), max(source.count, len(right)))
    return rows, right


def _maker(name: str) -> Make:
    return lambda engine, scan, label: explain(engine, scan, [label], name)[0]


@dataclass(frozen=True, slots=True)
class Look:
    """One method on one case."""

    engine: KerasEngine
    make: Make
    case: Case
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
        label: index into LABELS.

    Returns:
        Deletion (places become the scan's median grey) and insertion (places become sharp in a
        blurred scan), float32 (STEPS + 1,) each.
    """
    prepared = engine.prepare(scan)
    side = len(prepared)
    small = cv2.resize(level, (side, side), interpolation=cv2.INTER_AREA)
    turns = ranked(small.astype(np.float32), STEPS)
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
    told: dict[str, Any] = {
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
    return told | ({"per_class": _per_class(row)} if n else {})


def _per_class(row: Row) -> dict[str, Any]:
    told = {}
    for index in sorted(set(row.labels)):
        mine = np.array(row.labels) == index
        told[str(LABELS[index])] = {
            "pointing_game": float(np.array(row.hits)[mine].mean()),
            "energy_ratio": float(np.median(np.array(row.ratios)[mine])),
            "n": int(mine.sum()),
        }
    return told


def _share(key: str, hits: list[bool], patients: list[str]) -> dict[str, Any]:
    if not hits:
        return _told(key, None)
    return _told(key, share_by_patient(np.array(hits), patients))


def _middle(
    key: str, values: list[float], patients: list[str], middle: Callable[..., Any]
) -> dict[str, Any]:
    if not values:
        return _told(key, None)
    array = np.array(values)
    return _told(key, by_patient(lambda i: float(middle(array[i])), patients[: len(values)]))


def _told(key: str, figure: Figure | None) -> dict[str, Any]:
    if figure is None:
        return {key: None, f"{key}_ci": None}
    ends = None if figure.low is None else [figure.low, figure.high]
    return {key: figure.value, f"{key}_ci": ends}


def _phantoms(limit: int | None, seed: int) -> Source:
    with (DECK / "cases.csv").open(encoding="utf-8", newline="") as lines:
        table = [row for row in csv.DictReader(lines) if row["label"] != Diagnosis.NORMAL]
    order = np.random.default_rng([seed, 0]).permutation(len(table))[:limit]
    more = max(0, (limit or 0) - len(table))

    def cases() -> Iterator[Case]:
        for index in order:
            row = table[index]
            lesion = read_scan(DECK / row["mask"]) > 0
            label = LABELS.index(Diagnosis(row["label"]))
            yield Case(row["file"], row["patient"], read_scan(DECK / row["file"]), lesion, label)
        for index in range(more):
            label = index % (len(LABELS) - 1)
            drawn = make(LABELS[label], np.random.default_rng([seed, 3, index]), (496, 512))
            if drawn.mask.any():
                yield Case(f"drawn {index}", f"drawn {index}", drawn.scan, drawn.mask > 0, label)

    return Source("phantoms of the embedded deck", len(order) + more, cases(), {})


def _scans(
    data: Path, masks: Path | None, label: Diagnosis | None, limit: int | None, seed: int
) -> Source:
    if masks is not None and not masks.is_dir():
        raise BadInputError(
            f"Expected a folder of masks. Received {str(masks)!r}, which is none. Check the path."
        )
    inner = data / "masks"
    place = masks or (inner if inner.is_dir() else None)
    drawn = None if place is None else _by_stem(place)
    left_out: dict[str, list[str]] = {"no_mask": [], "empty_mask": [], "unreadable": []}

    def cases() -> Iterator[Case]:
        done = 0
        with open_source(data) as members:
            scans = [m for m in find_scans(members, data) if not _is_inside(m, masks)]
            for index in np.random.default_rng([seed, 0]).permutation(len(scans)):
                if limit is not None and done >= limit:
                    return
                case = _read_case(scans[index], drawn, left_out)
                if case is not None:
                    done += 1
                    yield case

    with open_source(data) as members:
        count = len(find_scans(members, data))
    beside = "" if masks is None else f" with masks of {masks.name}"
    return Source(f"scans of {data.name}{beside}", min(count, limit or count), cases(), left_out)


def _read_case(
    member: Member, drawn: dict[str, Path] | None, left_out: dict[str, list[str]]
) -> Case | None:
    stem = Path(member.name).stem
    mask = None if drawn is None else next((drawn[s] for s in _stems(stem) if s in drawn), None)
    if drawn is not None and mask is None:
        left_out["no_mask"].append(member.name)
        return None
    try:
        scan = decode(member.read(), member.name)
        lesion = None if mask is None else read_mask(mask, scan.shape)
    except BadScanError:
        left_out["unreadable"].append(member.name)
        return None
    if lesion is not None and not lesion.any():
        left_out["empty_mask"].append(member.name)
        return None
    known = member.place
    label = None if known.label is None else LABELS.index(known.label)
    return Case(member.name, known.patient or member.name, scan, lesion, label)


def read_mask(path: Path, shape: tuple[int, ...]) -> Bits:
    """Read a mask and bring it to its scan's size by the nearest pixel.

    Args:
        path: an image; every value but 0 is inside (of a JPEG, the brighter half).
        shape: of the scan, (height, width).

    Returns:
        bool (height, width).

    Raises:
        BadScanError: it cannot be read.
    """
    grey = read_scan(path)
    inside = (grey > (127 if path.suffix.lower() in _LOSSY else 0)).astype(np.uint8)
    large = cv2.resize(inside, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST)
    return np.asarray(large > 0)


def _by_stem(masks: Path) -> dict[str, Path]:
    files = sorted(path for path in masks.rglob("*") if path.is_file() and is_scan(path.name))
    return {path.stem: path for path in files}


def _stems(stem: str) -> list[str]:
    return [f"{stem}{ending}" for ending in _ENDINGS]


def _is_inside(member: Member, folder: Path | None) -> bool:
    if folder is None or member.file is None:
        return False
    return member.file.resolve().is_relative_to(folder.resolve())


def _nothing(source: Source) -> BadInputError:
    why = ", ".join(f"{len(names)} {key}" for key, names in source.left_out.items() if names)
    return BadInputError(
        f"Expected scans that can be explained, each with a mask of its name. Found none "
        f"({why or 'no scan'}). Name each mask as its scan."
    )
