"""OCTMNIST, the relative of OCT2017 in MedMNIST: arrays in a `.npz`, read a scan at a time.

Yang et al., Scientific Data 10:41, 2023: the labels 0 to 3 are Kermany's CNV, DME, DRUSEN and
NORMAL; the splits are `train`, `val` and `test`; patients are not told.
"""

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import MIN_SIDE, Pixels, check_size, to_png
from octtutor.datasets.layout import SPLITS
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import BadArchiveError, BadInputError, BadScanError
from octtutor.limits import MAX_MEDMNIST_SCANS

_KEYS = OCT2017_SCHEME.keys
_NAMED = re.compile(r"octmnist", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """A split: how many scans of which size, and the label of each."""

    split: str
    shape: tuple[int, int, int]
    labels: tuple[str, ...]


class Arrays:
    """The scans of an OCTMNIST file. They are read in order; going back starts again."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        """Read the labels of an opened file, `name` for messages.

        Raises:
            BadInputError: it is damaged, or another set of MedMNIST.
        """
        self._archive, self._name = archive, name
        self._stream: IO[bytes] | None = None
        self._following: tuple[str, int] = ("", 0)
        try:
            self.parts = tuple(self._part(split) for split in SPLITS if self._has(split))
        except (zipfile.BadZipFile, ValueError, KeyError, OSError, EOFError) as error:
            raise BadArchiveError(
                f"Expected a whole MedMNIST file. Received {name!r}, which is damaged ({error}). "
                "Download it again."
            ) from error
        self._check()

    def read(self, split: str, index: int) -> bytes:
        """Return a scan as PNG.

        Raises:
            BadScanError: the file is damaged there.
        """
        shape = next(part.shape for part in self.parts if part.split == split)
        size = shape[1] * shape[2]
        try:
            if self._stream is None or self._following != (split, index):
                self._stream = self._start(split)
                self._skip(index * size)
            data = self._stream.read(size)
            scan: Pixels = np.frombuffer(data, np.uint8).reshape(shape[1:])
        except (zipfile.BadZipFile, ValueError, OSError, EOFError) as error:
            raise BadScanError(
                f"Expected a whole MedMNIST file. {self._name!r} is damaged at scan {index} of "
                f"{split} ({error}). Download it again."
            ) from error
        self._following = (split, index + 1)
        return to_png(scan)

    def _has(self, split: str) -> bool:
        return f"{split}_images.npy" in self._archive.namelist()

    def _part(self, split: str) -> Part:
        with self._archive.open(f"{split}_images.npy") as file:
            shape, order, kind = _npy_header(file)
        with self._archive.open(f"{split}_labels.npy") as file:
            numbers = _small_array(file)
        if len(shape) != 3 or order or kind != np.uint8 or numbers.shape[:1] != shape[:1]:
            raise ValueError(f"{split} is no row of grey scans with labels")
        flat = numbers.reshape(shape[0], -1)
        if flat.shape[1] != 1 or not np.isin(flat, range(len(_KEYS))).all():
            raise ValueError(f"the labels of {split} are not 0 to 3")
        return Part(split, (shape[0], shape[1], shape[2]), tuple(_KEYS[int(n)] for (n,) in flat))

    def _check(self) -> None:
        if not any(part.labels for part in self.parts):
            raise BadInputError(
                f"Expected OCTMNIST (train_images, train_labels, …). {self._name!r} holds other "
                "arrays. Give a folder of images instead."
            )
        if not _NAMED.search(self._name) and {*self._labels()} != {*_KEYS}:
            raise BadInputError(
                f"Expected OCTMNIST, with all of {', '.join(_KEYS)}. {self._name!r} looks like "
                "another set of MedMNIST. Name it octmnist….npz if it is not."
            )
        for part in self.parts:
            if min(part.shape[1:]) < MIN_SIDE:
                raise BadInputError(
                    f"Expected scans of at least {MIN_SIDE} x {MIN_SIDE} pixels. {self._name!r} "
                    f"has {part.shape[2]} x {part.shape[1]}. Use octmnist_64 or larger."
                )
            check_size(part.shape[1:], self._name)

    def _labels(self) -> list[str]:
        return [label for part in self.parts for label in part.labels]

    def _start(self, split: str) -> IO[bytes]:
        file = self._archive.open(f"{split}_images.npy")
        _npy_header(file)
        return file

    def _skip(self, size: int) -> None:
        while size > 0 and self._stream is not None:
            skipped = len(self._stream.read(min(size, 1_000_000)))
            if not skipped:
                raise EOFError("it ends too early")
            size -= skipped


def _npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    major, _ = np.lib.format.read_magic(file)
    read = (
        np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    )
    return read(file)


def _small_array(file: IO[bytes]) -> npt.NDArray[np.generic]:
    """Read a split's labels, whose number is bounded."""
    shape, order, kind = _npy_header(file)
    count = int(np.prod(shape))
    if count > MAX_MEDMNIST_SCANS or kind.hasobject or order:
        raise ValueError(f"{count} labels")
    return np.frombuffer(file.read(count * kind.itemsize), kind).reshape(shape)


def is_arrays(path: Path) -> bool:
    """Whether a file's name is one of NumPy arrays."""
    return path.suffix.lower() == ".npz"
