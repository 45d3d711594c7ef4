"""The feature cache: what a frozen backbone makes of a scan is computed once, for all runs.

`features/<key>/`, one key for a backbone's weights, way of preparing and kind of row. In it are
segments: `.npy` files of a few dozen rows, each a scan's SHA-256 and its features as float16,
written whole or not at all and never changed. So a run that is killed leaves what it finished,
several processes may fill a key at once, and rows are read through the file system's own memory.
"""

import hashlib
import io
import json
import logging
import os
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels
from octtutor.datasets.images import write_atomically
from octtutor.model.network.backbones import fingerprint
from octtutor.model.network.pretrained import Backbone
from octtutor.model.training.feature_cache_size import FACTS, make_room

_log = logging.getLogger(__name__)
_SEGMENT_BYTES = 64_000_000
_BULK_ROWS = 2048
_IN_MEMORY = 256_000_000
_LARGEST = 65504.0
"""The largest float16."""
Halves = npt.NDArray[np.float16]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class RowKind:
    """What the rows of a key are: everything that decides their numbers."""

    backbone: str
    """The architecture's name."""
    fingerprint: str
    """SHA-256 of the architecture and its weights."""
    preprocessing: str
    """`Preprocessing.as_facts`, as JSON."""
    size: int
    """Side of the scans, pixels."""
    shape: tuple[int, ...]
    """Of a row: (h, w, c), or (1, 1, c) where pooled."""
    kind: str
    """`map` or `pooled`."""
    mirrored: bool

    @property
    def key(self) -> str:
        """The name of the key's folder."""
        return hashlib.sha256(self._text().encode()).hexdigest()[:32]

    @property
    def row_bytes(self) -> int:
        """Bytes that one scan takes, with its SHA-256."""
        return self.dtype.itemsize

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of a segment: fields `scan` (32 bytes) and `row` (float16)."""
        return np.dtype([("scan", "u1", (32,)), ("row", "<f2", self.shape)])

    def facts(self) -> bytes:
        """Return what is written beside the rows, JSON."""
        return (self._text() + "\n").encode()

    def _text(self) -> str:
        return json.dumps({name: getattr(self, name) for name in self.__slots__})


class Features:
    """The rows of a list of scans, read as they are asked for."""

    def __init__(self, segments: "_Segments", hashes: Sequence[str], in_memory: int) -> None:
        """Take the rows of these scans; every one must be there.

        Rows of up to `in_memory` bytes together are read now, others as they are asked for.
        """
        places = np.array([segments.places[h] for h in hashes], np.int64).reshape(-1, 2)
        self.kind = segments.kind
        self._files, self._places = segments.files, places
        self._kept: Halves | None = None
        if len(places) * self.kind.row_bytes <= in_memory:
            self._kept = self._read(np.arange(len(places)))
            self._files = []

    def __len__(self) -> int:
        return len(self._places)

    def take(self, indices: npt.NDArray[np.int64] | Sequence[int]) -> Halves:
        """Return the rows at these indices, float16 (n, h, w, c), or (n, 1, 1, c) if pooled."""
        chosen = np.asarray(indices, np.int64)
        return self._kept[chosen] if self._kept is not None else self._read(chosen)

    def _read(self, chosen: npt.NDArray[np.int64]) -> Halves:
        rows = np.empty((len(chosen), *self.kind.shape), np.float16)
        files, places = self._places[chosen].T
        for file in np.unique(files):
            here = files == file
            rows[here] = self._files[file]["row"][places[here]]
        return rows


class FeatureCache:
    """The folder `features/` of a data home. Any number of processes may use it at once."""

    def __init__(
        self, root: Path, most: int, in_memory: int = _IN_MEMORY, segment_rows: int = 128
    ) -> None:
        """Use a folder, made at the first row.

        Args:
            root: the folder.
            most: its size cap, bytes.
            in_memory: bytes of rows up to which a list of scans is read at once.
            segment_rows: most rows that are computed before they are written, in a file.
        """
        self._root, self._most, self._in_memory = root, most, in_memory
        self._segment_rows = segment_rows

    def features_of(
        self,
        backbone: Backbone,
        scans: Pixels,
        hashes: Sequence[str],
        pooled: bool,
        mirrored: bool = False,
        progress: Progress | None = None,
        batch: int = 32,
    ) -> Features:
        """Return the features of scans; those that are not in the cache are computed.

        Args:
            backbone: with its weights.
            scans: prepared as the backbone is fed, uint8 (n, size, size).
            hashes: SHA-256, hex, of each scan's file.
            pooled: whether to average each feature map, for heads that begin so.
            mirrored: whether to mirror the scans first.
            progress: called with (done, total) scans.
            batch: scans in one forward pass.

        Raises:
            SettingsError: the rows do not fit below the cap or on the disk.
        """
        kind = row_kind(backbone, pooled, mirrored)
        segments = _Segments(self._root / kind.key, kind)
        missing = segments.missing(hashes)
        if missing:
            need = len(missing) * kind.row_bytes
            make_room(self._root, kind.key, need, self._most)
            filler = Filler(backbone, kind, batch)
            self._fill(segments, filler, scans, hashes, missing, progress)
        segments.stamp()
        if progress:
            progress(len(hashes), len(hashes))
        return Features(segments, hashes, self._in_memory)

    def known(self, kind: RowKind) -> frozenset[str]:
        """Return the SHA-256, hex, of the scans whose rows are there."""
        return frozenset(_Segments(self._root / kind.key, kind).places)

    def add(self, kind: RowKind, rows: Iterable[tuple[str, Halves]]) -> None:
        """Keep rows as they come, in large segments; what is kept stays if it is cut off.

        Args:
            kind: what they are.
            rows: SHA-256, hex, and float16 (h, w, c), or (1, 1, c) where pooled.

        Raises:
            SettingsError: they do not fit below the cap or on the disk.
        """
        segments = _Segments(self._root / kind.key, kind)
        most = max(1, min(_BULK_ROWS, _SEGMENT_BYTES // kind.row_bytes))
        coming = iter(rows)
        while held := list(islice(coming, most)):
            make_room(self._root, kind.key, len(held) * kind.row_bytes, self._most)
            segments.add([digest for digest, _ in held], np.stack([row for _, row in held]))

    def _fill(
        self,
        segments: "_Segments",
        filler: "Filler",
        scans: Pixels,
        hashes: Sequence[str],
        missing: list[int],
        progress: Progress | None,
    ) -> None:
        rows = max(1, min(self._segment_rows, _SEGMENT_BYTES // segments.kind.row_bytes))
        parts = [missing[start : start + rows] for start in range(0, len(missing), rows)]
        # each process begins elsewhere, so that two that fill one key share the work
        np.random.default_rng(os.getpid()).shuffle(parts)
        done = len(hashes) - len(missing)
        for part in parts:
            segments.refresh()
            wanted = [i for i in part if hashes[i] not in segments.places]
            if wanted:
                segments.add([hashes[i] for i in wanted], filler.rows(scans[wanted]))
            done += len(part)
            if progress:
                progress(done, len(hashes))


def row_kind(backbone: Backbone, pooled: bool, mirrored: bool = False) -> RowKind:
    """Return what a backbone's rows are, and so where they are kept."""
    shape = tuple(backbone.network.output_shape[1:])
    return RowKind(
        backbone.name,
        fingerprint(backbone.name, backbone.network),
        json.dumps(backbone.how.as_facts()),
        backbone.how.size,
        (1, 1, shape[-1]) if pooled else shape,
        "pooled" if pooled else "map",
        mirrored,
    )


class Filler:
    """Asks a backbone for rows."""

    def __init__(self, backbone: Backbone, kind: RowKind, batch: int) -> None:
        """Take the backbone, the kind of its rows, and how many scans go into it at once."""
        x = backbone.network.output
        if kind.kind == "pooled":
            x = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
        self._model = keras.Model(backbone.network.input, x)
        self._model.compile(jit_compile=False)  # XLA makes depthwise networks slower on CPUs
        self._how, self._mirrored, self._batch = backbone.how, kind.mirrored, batch

    def rows(self, scans: Pixels) -> Halves:
        """Return the rows, float16 (n, h, w, c), of prepared scans, uint8 (n, s, s)."""
        scans = scans[:, :, ::-1] if self._mirrored else scans
        return np.concatenate(
            [
                self._run(scans[start : start + self._batch])
                for start in range(0, len(scans), self._batch)
            ]
        )

    def _run(self, scans: Pixels) -> Halves:
        found = np.asarray(self._model.predict_on_batch(self._how.to_input(scans)))
        return np.asarray(np.clip(found, -_LARGEST, _LARGEST), np.float16)


class _Segments:
    """The segments of one key that this process has open."""

    def __init__(self, folder: Path, kind: RowKind) -> None:
        self.kind = kind
        self.files: list[Any] = []
        self.places: dict[str, tuple[int, int]] = {}
        self._folder = folder
        self._known: set[str] = set()
        self._sweep()
        self.refresh()

    def missing(self, hashes: Sequence[str]) -> list[int]:
        """Return the index of each scan that has no row, once for a scan given twice."""
        first = {digest: i for i, digest in reversed(list(enumerate(hashes)))}
        return sorted(i for digest, i in first.items() if digest not in self.places)

    def refresh(self) -> None:
        """Open what was added since, by whomever."""
        for path in sorted(self._folder.glob("*.npy")):
            if path.name not in self._known:
                self._known.add(path.name)
                self._open(path)

    def add(self, hashes: Sequence[str], rows: Halves) -> None:
        """Write a segment, whole or not at all, and open it."""
        segment = np.empty(len(hashes), self.kind.dtype)
        segment["scan"] = [list(bytes.fromhex(digest)) for digest in hashes]
        segment["row"] = rows
        buffer = io.BytesIO()
        np.save(buffer, segment, allow_pickle=False)
        write_atomically(self._folder / f"{uuid.uuid4().hex}.npy", buffer.getvalue())
        self.stamp()
        self.refresh()
        if any(digest not in self.places for digest in hashes):
            self._take(segment)  # removed already, by another process that cleared the cache

    def stamp(self) -> None:
        """Note that the key was used now."""
        try:
            os.utime(self._folder / FACTS)
        except OSError:
            write_atomically(self._folder / FACTS, self.kind.facts())

    def _open(self, path: Path) -> None:
        try:
            segment = np.load(path, mmap_mode="r", allow_pickle=False)
            if segment.dtype != self.kind.dtype or segment.ndim != 1:
                raise ValueError(f"rows of {segment.dtype}")
        except FileNotFoundError:
            return  # evicted meanwhile
        except (OSError, ValueError, EOFError) as error:
            _log.warning("a damaged part of the feature cache is made anew: %s", error)
            path.unlink(missing_ok=True)
            return
        self._take(segment)

    def _take(self, segment: Any) -> None:
        for row, scan in enumerate(np.asarray(segment["scan"])):
            self.places.setdefault(scan.tobytes().hex(), (len(self.files), row))
        self.files.append(segment)

    def _sweep(self) -> None:
        for path in self._folder.glob(".partial-*"):
            try:
                if time.time() - path.stat().st_mtime > 600:
                    path.unlink()
            except OSError:
                continue  # another process was faster
