"""Real and synthetic scans looked at in the same way, and their greys and grain compared.

Nothing here needs a network, so that the processes that look need not load one.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.realism.distances import (
    Distance,
    Measure,
    against_halves,
    between_curves,
    between_histograms,
    wasserstein,
)
from benchmarks.realism.texture import UNITS, Texture, measure
from octtutor.core.diagnosis import LABELS
from octtutor.datasets.decode import Pixels, decode
from octtutor.datasets.fill import find_fill, without_fill
from octtutor.datasets.member import Member
from octtutor.datasets.sources import open_source, scans_of
from octtutor.errors import BadInputError, BadScanError
from octtutor.model.network.preprocess import Preprocessing
from octtutor.model.network.scan_set import UNKNOWN, Progress, ScanSet, no_readable_scan

MIDDLE = 512
"""Columns that are compared of a wider scan: all of them at the same 20 degrees, since a scan of
768 columns shows more of the eye, not more of its detail."""
_AT_ONCE = 64
_FEW = 48
CURVES: dict[str, tuple[Measure, str]] = {
    "greys": (between_histograms, "bins of 4 greys"),
    "along": (between_curves, "dB"),
    "deep": (between_curves, "dB"),
    "profile": (between_curves, "grey"),
}
"""The curves of a `Texture`, how two sets of them are compared, and the unit of that."""


@dataclass(frozen=True, slots=True)
class Looked:
    """Scans of one origin, and what was seen of them.

    Attributes:
        scans: prepared whole, as a network is fed.
        middles: uint8 (n, s, s), of each scan the middle `MIDDLE` columns, prepared alike.
        textures: of the same columns, at the scan's own resolution.
    """

    scans: ScanSet
    middles: Pixels
    textures: tuple[Texture, ...]

    def stacked(self, name: str) -> npt.NDArray[np.float64]:
        """Return an attribute of all textures, float64 (n, …)."""
        return np.stack([getattr(texture, name) for texture in self.textures])


@dataclass(frozen=True, slots=True)
class _Look:
    """One scan's pictures and texture; picklable, for it comes from another process."""

    digest: str
    whole: Pixels
    middle: Pixels
    texture: Texture


def look_at(
    source: Path,
    how: Preprocessing,
    per_class: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Looked:
    """Read labelled scans, prepare them and measure their texture, in two processes.

    Args:
        source: folder, ZIP, tar or listing.
        how: what the network is fed.
        per_class: so many of each class at most, drawn at random; all of them by default.
        seed: of that draw.
        progress: called with (done, total).

    Raises:
        BadInputError: there is no readable scan, one has no known label, or one is too small.
    """
    members: list[Member] = []
    looks: list[_Look] = []
    unreadable: list[str] = []
    with open_source(source) as found:
        wanted = _draw(scans_of(found, source), per_class, seed)
        with _workers(len(wanted)) as map_:
            for done, (member, look) in enumerate(_looks(wanted, how, map_), start=1):
                if look is None:
                    unreadable.append(member.name)
                else:
                    members.append(member)
                    looks.append(look)
                if progress:
                    progress(done, len(wanted))
    if not looks:
        raise no_readable_scan(source, len(unreadable))
    return Looked(
        _scan_set(members, looks, unreadable),
        np.stack([look.middle for look in looks]),
        tuple(look.texture for look in looks),
    )


def _draw(members: list[Member], per_class: int | None, seed: int) -> list[Member]:
    if per_class is None:
        return members
    rng = np.random.default_rng(seed)
    kept: list[Member] = []
    for label in LABELS:
        own = [member for member in members if member.place.label == label]
        chosen = rng.permutation(len(own))[:per_class]
        kept += [own[index] for index in sorted(chosen)]
    return kept


Map = Callable[..., Iterator["_Look | None"]]


@contextmanager
def _workers(scans: int) -> Iterator[Map]:
    """Give a `map` over two new processes; over this one where there is little to do."""
    if scans <= _FEW:
        yield map
        return
    # spawned, not forked: TensorFlow's threads do not survive a fork
    with ProcessPoolExecutor(2, get_context("spawn"), cv2.setNumThreads, (1,)) as pool:
        yield lambda work, *given: pool.map(work, *given, chunksize=8)


def _looks(
    members: Sequence[Member], how: Preprocessing, map_: Map
) -> Iterator[tuple[Member, _Look | None]]:
    rest = iter(members)
    while batch := list(islice(rest, _AT_ONCE)):
        files = [_bytes_of(member) for member in batch]
        names = [member.name for member in batch]
        yield from zip(batch, map_(_look, files, names, [how] * len(batch)), strict=True)


def _bytes_of(member: Member) -> bytes:
    try:
        return member.read()
    except BadScanError:
        return b""  # will not decode, and is listed as unreadable


def _look(data: bytes, name: str, how: Preprocessing) -> _Look | None:
    try:
        scan = decode(data, name)
    except BadScanError:
        return None
    left = max(0, (scan.shape[1] - MIDDLE) // 2)
    middle = np.ascontiguousarray(scan[:, left : left + MIDDLE])
    try:
        texture = measure(without_fill(middle), find_fill(middle))
    except ValueError as error:
        raise BadInputError(f"{error} {name!r} cannot be compared. Remove it.") from error
    digest = hashlib.sha256(data).hexdigest()
    return _Look(digest, how.prepare(scan), how.prepare(middle), texture)


def _scan_set(
    members: Sequence[Member], looks: Sequence[_Look], unreadable: Sequence[str]
) -> ScanSet:
    places = [member.place for member in members]
    scans = ScanSet(
        np.stack([look.whole for look in looks]),
        np.array([LABELS.index(place.label) for place in places if place.label], np.int64),
        tuple(p.patient or UNKNOWN + m.name for p, m in zip(places, members, strict=True)),
        tuple(member.name for member in members),
        tuple(look.digest for look in looks),
        tuple(unreadable),
    )
    return scans.grouped()[0]


def compare_textures(
    real: Looked, synthetic: Looked, splits: int = 40, seed: int = 0
) -> dict[str, Any]:
    """Compare greys, spectra, grain and thickness of real and synthetic scans.

    Every distance is held against that of two halves of the real patients (see
    `against_halves`); the ratio of the two is about 1 where the scans do not differ.

    Args:
        real: scans of two patients or more.
        synthetic: as many classes.
        splits: random halves of the real patients.
        seed: of the halves.

    Returns:
        `figures` and `curves`, each by name, the farthest first, ready for JSON: `unit`,
        `distance`, `distance_range`, `real_to_real`, `real_to_real_range`, `ratio`, `n`;
        figures also `real` and `synthetic` (`median`, `p5`, `p95`) and `by_class`, the same two
        medians of each class.
    """
    ours, theirs = real.stacked("figures"), synthetic.stacked("figures")
    patients = real.scans.patients
    figures = {}
    for column, (name, unit) in enumerate(UNITS.items()):
        one, other = ours[:, column], theirs[:, column]
        if not (np.isfinite(one).any() and np.isfinite(other).any()):
            continue
        distance = against_halves(wasserstein, one, patients, other, splits, seed)
        figures[name] = {
            **_told(distance, unit),
            "real": _spread(one),
            "synthetic": _spread(other),
            "by_class": _by_class(real, one, synthetic, other),
        }
    curves = {
        name: _told(
            against_halves(
                measure_, real.stacked(name), patients, synthetic.stacked(name), splits, seed
            ),
            unit,
        )
        for name, (measure_, unit) in CURVES.items()
    }
    return {"splits": splits, "figures": _farthest_first(figures), "curves": curves}


def _told(distance: Distance, unit: str) -> dict[str, Any]:
    return {
        "unit": unit,
        "distance": distance.value,
        "distance_range": [distance.low, distance.high],
        "real_to_real": distance.yardstick,
        "real_to_real_range": [distance.yardstick_low, distance.yardstick_high],
        "ratio": distance.ratio,
        "n": list(distance.n),
    }


def _spread(values: npt.NDArray[np.float64]) -> dict[str, float]:
    low, median, high = np.nanpercentile(values, [5, 50, 95])
    return {"median": float(median), "p5": float(low), "p95": float(high)}


def _by_class(
    real: Looked,
    ours: npt.NDArray[np.float64],
    synthetic: Looked,
    theirs: npt.NDArray[np.float64],
) -> dict[str, Any]:
    found = {}
    for index, label in enumerate(LABELS):
        one, other = ours[real.scans.truth == index], theirs[synthetic.scans.truth == index]
        if np.isfinite(one).any() and np.isfinite(other).any():
            both = float(np.nanmedian(one)), float(np.nanmedian(other))
            found[str(label)] = dict(zip(("real", "synthetic"), both, strict=True))
    return found


def _farthest_first(figures: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(figures.items(), key=lambda item: -item[1]["ratio"]))
