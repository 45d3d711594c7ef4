"""Reads the tensors of a PyTorch checkpoint without PyTorch, and nothing else in it.

A `.pth` file is a pickle, which can run any code when opened. The unpickler here knows three
names (an ordered dictionary, a tensor's rebuilding, a storage's type) and refuses the rest.
Format: torch.serialization, legacy (before 1.6, not zipped).
"""

import pickle
import struct
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from octtutor.errors import ModelError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


@dataclass(frozen=True, slots=True)
class _View:
    key: str
    dtype: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class _TensorsOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise ModelError(
            f"Expected a weights file of plain tensors. Received one that asks for "
            f"{module}.{name}. Do not use it: it could run code."
        )

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        kind, dtype, key, _location, _count, view = pid
        if kind != "storage" or view is not None:
            raise ModelError("Expected tensor storages only in the weights file.")
        return str(key), str(dtype)


def _rebuild(
    storage: tuple[str, str], offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> _View:
    return _View(storage[0], storage[1], offset, tuple(shape), tuple(stride))


def read_torch_file(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read every tensor of a legacy PyTorch checkpoint.

    Args:
        path: a state dictionary saved by PyTorch before 1.6 (or with
            `_use_new_zipfile_serialization=False`).

    Returns:
        Arrays by name, float32 or int64, in PyTorch's axis order (out, in, height, width).

    Raises:
        ModelError: the file is missing, cut short, of another format, or holds anything
            but tensors.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except ModelError:
        raise
    except Exception as error:  # a damaged pickle raises nearly anything
        raise ModelError(
            f"Expected a PyTorch weights file. Received {path.name!r}, which cannot be read "
            f"({type(error).__name__}). Install the package again."
        ) from error


def _read(file: BinaryIO) -> dict[str, npt.NDArray[Any]]:
    if _load(file) != _MAGIC or _load(file) != _PROTOCOL or not _load(file)["little_endian"]:
        raise ModelError("Expected a legacy little-endian PyTorch weights file (version 1001).")
    views: dict[str, _View] = _load(file)
    dtypes = {view.key: view.dtype for view in views.values()}
    storages = {key: _read_storage(file, dtypes[key]) for key in _load(file)}
    return {name: _to_array(view, storages[view.key]) for name, view in views.items()}


def _load(file: BinaryIO) -> Any:
    return _TensorsOnly(file).load()


def _read_storage(file: BinaryIO, dtype: str) -> npt.NDArray[Any]:
    (count,) = struct.unpack("<q", file.read(8))
    raw = file.read(count * np.dtype(dtype).itemsize)
    return np.frombuffer(raw, dtype=dtype, count=count)


def _to_array(view: _View, storage: npt.NDArray[Any]) -> npt.NDArray[Any]:
    steps = [(n - 1) * step for n, step in zip(view.shape, view.stride, strict=True)]
    if min([view.offset, *steps]) < 0 or view.offset + sum(steps) >= storage.size:
        raise ModelError("Expected tensors inside their storage. The weights file is damaged.")
    strides = [step * storage.itemsize for step in view.stride]
    return np.lib.stride_tricks.as_strided(storage[view.offset :], view.shape, strides).copy()
