"""Small pictures of the scans that were answered, with maps, so many of each kind and no more."""

import heapq
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels
from octtutor.datasets.images import write_atomically
from octtutor.model.explain.maps import overlay

SIDE = 320
"""Pixels of a picture's longer side."""
PER_CELL = 250
"""Scans that are kept of each pair of truth and answer."""
SCAN = "scan"
_QUALITY = [cv2.IMWRITE_WEBP_QUALITY, 62]
Floats = npt.NDArray[np.float32]
Cell = tuple[int, int]
"""Truth and answer, indices into the network's labels."""


@dataclass(frozen=True, slots=True)
class GalleryScan:
    """A scan whose pictures were kept."""

    place: int
    """Of its answer, among all answers."""
    cell: Cell
    names: tuple[str, ...]
    """What the pictures show: `scan`, then the class that each map explains."""

    def file(self, name: str) -> str:
        """Return a picture's file name in the gallery's folder."""
        return f"{self.place}-{name}.webp"


class Gallery:
    """Keeps of right answers the least sure, of wrong ones the surest; the others it drops."""

    def __init__(self, folder: Path, per_cell: int = PER_CELL) -> None:
        """Use a folder, made at the first picture; keep so many scans of each cell."""
        self._folder, self._per_cell = folder, per_cell
        self._kept: defaultdict[Cell, list[tuple[float, int]]] = defaultdict(list)
        self._names: dict[int, tuple[str, ...]] = {}

    def wants(self, cell: Cell, chance: float) -> bool:
        """Whether a scan would be kept.

        Args:
            cell: truth and answer.
            chance: the answer's probability.
        """
        kept = self._kept[cell]
        return len(kept) < self._per_cell or _rank(cell, chance) > kept[0][0]

    def keep(
        self, place: int, cell: Cell, chance: float, scan: Pixels, maps: Mapping[str, Floats]
    ) -> None:
        """Keep a scan, instead of a duller one where there are enough.

        Args:
            place: of its answer, among all answers.
            cell: truth and answer.
            chance: the answer's probability.
            scan: uint8 (height, width), see `shrink`.
            maps: by class, float32 (height, width), in [0, 1].
        """
        entry, kept = (_rank(cell, chance), place), self._kept[cell]
        if len(kept) < self._per_cell:
            heapq.heappush(kept, entry)
        else:
            self._drop(cell, heapq.heapreplace(kept, entry)[1])
        pictures = {SCAN: scan} | {name: overlay(scan, level) for name, level in maps.items()}
        self._names[place] = tuple(pictures)
        shown = GalleryScan(place, cell, tuple(pictures))
        for name, picture in pictures.items():
            data = bytes(cv2.imencode(".webp", picture, _QUALITY)[1])
            write_atomically(self._folder / shown.file(name), data)

    def shown(self) -> tuple[GalleryScan, ...]:
        """Return what was kept, of each cell the most telling first."""
        return tuple(
            GalleryScan(place, cell, self._names[place])
            for cell in sorted(self._kept)
            for _, place in sorted(self._kept[cell], key=lambda entry: (-entry[0], entry[1]))
        )

    def _drop(self, cell: Cell, place: int) -> None:
        shown = GalleryScan(place, cell, self._names.pop(place))
        for name in shown.names:
            (self._folder / shown.file(name)).unlink(missing_ok=True)


def shrink(scan: Pixels, side: int = SIDE) -> Pixels:
    """Return a scan, uint8 (height, width), no larger than `side` pixels."""
    scale = side / max(scan.shape)
    if scale >= 1:
        return scan
    size = max(1, round(scan.shape[1] * scale)), max(1, round(scan.shape[0] * scale))
    return cv2.resize(scan, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _rank(cell: Cell, chance: float) -> float:
    """Higher is more telling: a sure error, a doubtful right answer."""
    return chance if cell[0] != cell[1] else -chance
