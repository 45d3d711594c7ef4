"""How far annotators agree with each other: on the class, on findings, on regions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.core.annotation.annotation import FINDINGS, Mark, Reading
from octtutor.core.annotation.region_shape import Brush, Spot
from octtutor.core.scheme import Scheme
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.stats.agreement import cohen_kappa, fleiss_kappa
from octtutor.stats.intervals import Figure, wilson
from octtutor.stats.resampling import by_totals
from octtutor.tutor.annotation.blind_readings import Readings
from octtutor.tutor.annotation.shapes import dice, to_outlines, union_mask

UNGRADABLE = "ungradable"
"""What a reading can say besides a diagnosis; the last in every table here."""
LESIONS = tuple(name for name in FINDINGS if name not in ("foveal pit", "other"))
"""What readers can differ in: the pit is no sign of disease, and "other" is not one thing."""
APART = 0.3
"""Dice below which two readers do not mean the same region."""
_GRID = 256
"""Cells along the longer side of what two readers outlined, to compare where."""
Sizes = Mapping[str, tuple[int, int]]
"""Width and height of scans, pixels, by SHA-256."""
Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class AnnotatorPair:
    """Two annotators on the scans that both read.

    Attributes:
        same: share of these scans on which both said the same.
        kappa: Cohen's over the classes; scans that either called ungradable are left out.
        weighted: the same with linear weights along classes that go from urgent to normal, as in a
            scheme with costs; empty in others.
    """

    first: str
    second: str
    same: Figure
    kappa: Figure
    weighted: Figure


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far annotators agree, excess chance, over the scans that two or more read."""

    annotators: tuple[str, ...]
    kappa: Figure
    """Fleiss's over the classes and ungradable."""
    per_class: dict[str, Figure]
    """Fleiss's of each class, and of ungradable, against the rest."""
    per_finding: dict[str, Figure]
    """Fleiss's of seeing a finding at all, of findings that anybody saw."""
    regions: dict[str, Figure]
    """Mean Dice of the regions of a finding between two who both drew some, 0 to 1."""
    pairs: tuple[AnnotatorPair, ...]


def drawn_by_several(readings: Readings) -> tuple[str, ...]:
    """Return SHA-256 of the scans in which two annotators or more drew regions."""
    return tuple(
        sha256
        for sha256, each in readings.items()
        if sum(bool(reading.marks) for reading in each.values()) > 1
    )


def agreement(readings: Readings, sizes: Sizes, scheme: Scheme = OCT2017_SCHEME) -> Agreement:
    """Return how far annotators agree in a scheme; scans with one reading say nothing of it."""
    categories = (*scheme.keys, UNGRADABLE)
    names = tuple(sorted({who for each in readings.values() for who in each}))
    table = np.zeros((len(readings), len(categories)), np.int64)
    for row, each in enumerate(readings.values()):
        for reading in each.values():
            table[row, _category(reading, scheme)] += 1
    total = table.sum(axis=1)
    return Agreement(
        annotators=names,
        kappa=fleiss_kappa(table),
        per_class={
            name: fleiss_kappa(np.column_stack([table[:, i], total - table[:, i]]))
            for i, name in enumerate(categories)
        },
        per_finding=_per_finding(readings),
        regions=_overlap(readings, sizes),
        pairs=tuple(_pair(readings, one, other, scheme) for one, other in combinations(names, 2)),
    )


def findings_of(reading: Reading) -> frozenset[str]:
    """Return the findings that a reading names or draws."""
    return frozenset(reading.findings) | {mark.finding for mark in reading.marks}


def findings_apart(readings: Iterable[Reading]) -> tuple[str, ...]:
    """Return the LESIONS that some readings of a gradable scan name or draw and others do not."""
    seen = [findings_of(reading) for reading in readings if reading.gradable]
    return tuple(name for name in LESIONS if 0 < sum(name in one for one in seen) < len(seen))


def regions_apart(readings: Iterable[Reading]) -> tuple[str, ...]:
    """Return the LESIONS that two readings both outline, with a Dice below APART."""
    drawn = [reading.marks for reading in readings if reading.gradable and reading.marks]
    return tuple(n for n in LESIONS if any(_is_apart(n, *two) for two in combinations(drawn, 2)))


def _is_apart(name: str, first: Sequence[Mark], second: Sequence[Mark]) -> bool:
    one, other = (tuple(m for m in marks if _covers(m, name)) for marks in (first, second))
    return bool(one and other) and _overlap_of(one, other) < APART


@lru_cache(maxsize=4096)
def _overlap_of(one: tuple[Mark, ...], other: tuple[Mark, ...]) -> float:
    """Return the Dice of two readers' regions; no scan is read for its size.

    Painted pixels know it, and outlines are laid on a grid that is as large as they reach.
    """
    for mark in (*one, *other):
        if isinstance(mark.shape, Brush):
            size = mark.shape.width, mark.shape.height
            return dice(union_mask(one, *size), union_mask(other, *size))
    outlines = [[np.array(to_outlines(mark.shape)[0]) for mark in marks] for marks in (one, other)]
    corners = np.concatenate([*outlines[0], *outlines[1]])
    start, scale = corners.min(axis=0), _GRID / max(float(np.ptp(corners, axis=0).max()), 1e-6)
    return dice(*(_on_grid([scale * (each - start) for each in own]) for own in outlines))


def _on_grid(outlines: Iterable[Floats]) -> npt.NDArray[np.uint8]:
    grid = np.zeros((_GRID + 1, _GRID + 1), np.uint8)
    for outline in outlines:
        cv2.fillPoly(grid, [np.rint(outline).astype(np.int32)], 255)
    return grid


def _category(reading: Reading, scheme: Scheme) -> int:
    if not reading.gradable or reading.diagnosis is None:
        return len(scheme.keys)
    return scheme.index(reading.diagnosis)


def _pair(readings: Readings, one: str, other: str, scheme: Scheme) -> AnnotatorPair:
    both = [each for each in readings.values() if one in each and other in each]
    first, second = (
        np.array([_category(each[who], scheme) for each in both], np.int64) for who in (one, other)
    )
    same = wilson(int((first == second).sum()), len(both))
    classes = [np.where(of < len(scheme.keys), of, -1) for of in (first, second)]
    kappa = cohen_kappa(classes[0], classes[1])
    weighted = cohen_kappa(classes[0], classes[1], "linear") if scheme.costs else wilson(0, 0)
    return AnnotatorPair(one, other, same, kappa, weighted)


def _per_finding(readings: Readings) -> dict[str, Figure]:
    seen = [[findings_of(reading) for reading in each.values()] for each in readings.values()]
    found = {}
    for name in FINDINGS:
        yes = [sum(name in one for one in each) for each in seen]
        if any(yes):
            no = [len(each) - n for each, n in zip(seen, yes, strict=True)]
            found[name] = fleiss_kappa(np.array([yes, no], np.int64).T)
    return found


def _overlap(readings: Readings, sizes: Sizes) -> dict[str, Figure]:
    """Return the mean Dice by finding; a scan with more pairs of annotators weighs more."""
    parts: dict[str, list[tuple[float, int]]] = {}
    for sha256 in drawn_by_several(readings):
        if sha256 in sizes:
            drawn = [reading.marks for reading in readings[sha256].values() if reading.marks]
            for name, scores in _scores(drawn, *sizes[sha256]).items():
                parts.setdefault(name, []).append((sum(scores), len(scores)))
    return {name: _mean(parts[name]) for name in FINDINGS if name in parts}


def _mean(parts: Sequence[tuple[float, int]]) -> Figure:
    def measure(totals: Floats) -> Floats:
        return np.asarray(totals[..., 0] / totals[..., 1])

    return by_totals(measure, np.array(parts, np.float64), "scans")


def _scores(drawn: Sequence[Sequence[Mark]], width: int, height: int) -> dict[str, list[float]]:
    """Return the Dice of each pair of annotators who both drew a finding, by finding."""
    found: dict[str, list[float]] = {}
    for name in FINDINGS:
        of_it = [[mark for mark in marks if _covers(mark, name)] for marks in drawn]
        masks = [union_mask(marks, width, height) for marks in of_it if marks]
        scores = [dice(one, other) for one, other in combinations(masks, 2)]
        if scores:
            found[name] = scores
    return found


def _covers(mark: Mark, finding: str) -> bool:
    return mark.finding == finding and not isinstance(mark.shape, Spot)  # a spot has no area
