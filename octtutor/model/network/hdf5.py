"""Keras's HDF5 files, opened as data only and looked through before anything is read.

A file of a few kB can declare gigabytes, name other files to read, or hold itself: groups and
data sets are walked first, by hard links only, and what they declare is added up.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from octtutor.errors import ModelError
from octtutor.limits import MAX_HDF5_ATTRIBUTE_BYTES, MAX_HDF5_TEXT_BYTES

_DEEPEST, _MOST_OBJECTS = 24, 50_000


@contextmanager
def open_hdf5(path: Path, most: int) -> Iterator[h5py.File]:
    """Open a file after looking through all of it.

    Args:
        path: the file.
        most: bytes that its data sets may declare together.

    Yields:
        The open file: hard links and plain numbers only. What a block in it raises because the
        file is damaged comes out as ModelError too.

    Raises:
        ModelError: it is missing, no HDF5, damaged, too large, or not plain.
    """
    try:
        with h5py.File(path, "r") as file:
            _look_through(file, path.name, most)
            yield file
    except ModelError:
        raise
    except FileNotFoundError as error:
        raise ModelError(
            f"Expected a weights file. {str(path)!r} is not there. Check the path."
        ) from error
    # what h5py raises for a damaged file, and what reading its text may
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise ModelError(
            f"Expected a whole Keras HDF5 file. {path.name!r} cannot be read "
            f"({type(error).__name__}: {' '.join(str(error).split())[:120]}). Download it again."
        ) from error


def saved_layers(file: h5py.File) -> list[tuple[str, list[h5py.Dataset]]]:
    """Return the weights of a Keras 2 file by layer, in the file's own order.

    Args:
        file: open; of weights alone or of a whole model.

    Raises:
        ModelError: it does not list its layers, or lists what is not there.
    """
    root = file.get("model_weights", file)
    try:
        return [
            (name, [_dataset(root[name], weight) for weight in _texts(root[name], "weight_names")])
            for name in _texts(root, "layer_names")
        ]
    except KeyError as error:
        raise ModelError(
            f"Expected layers and weights as Keras 2 writes them. The file lacks some ({error}). "
            "Give a file that Keras saved."
        ) from error


def is_keras2(file: h5py.File) -> bool:
    """Whether the file lists its layers as Keras 2 does; Keras 3's `.weights.h5` do not."""
    root = file.get("model_weights", file)
    return any(name.startswith("layer_names") for name in root.attrs)


def read_text(file: h5py.File, name: str) -> str:
    """Return a text attribute, `model_config` for one.

    Raises:
        ModelError: it is missing, or no single text.
    """
    value = _attribute(file, name)
    if isinstance(value, bytes | str):
        return value.decode() if isinstance(value, bytes) else value
    raise ModelError(f"Expected one text {name!r} in the file. Received a {type(value).__name__}.")


def _look_through(file: h5py.File, name: str, most: int) -> None:
    declared = 0
    waiting: list[tuple[h5py.Group, int]] = [(file, 0)]
    seen = 0
    while waiting:
        group, depth = waiting.pop()
        for key in group:
            seen += 1
            if seen > _MOST_OBJECTS or depth > _DEEPEST:
                raise _unfit(name, "more groups than any network has")
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise _unfit(name, "a link to elsewhere")
            thing = group[key]
            if isinstance(thing, h5py.Group):
                waiting.append((thing, depth + 1))
            else:
                declared += _bytes_of(thing, name)
        if declared > most:
            raise _unfit(name, f"{declared:,} bytes of data, and {most:,} at most can be right")


def _bytes_of(thing: Any, name: str) -> int:
    if not isinstance(thing, h5py.Dataset) or thing.is_virtual or thing.external:
        raise _unfit(name, "data that lies elsewhere")
    if thing.dtype.kind not in "fiu":
        raise _unfit(name, f"data that are no numbers ({thing.dtype})")
    return int(thing.size or 0) * int(thing.dtype.itemsize)


def _dataset(group: h5py.Group, name: str) -> h5py.Dataset:
    found = group[name]
    if not isinstance(found, h5py.Dataset):
        raise KeyError(name)
    return found


def _texts(group: h5py.Group, name: str) -> list[str]:
    # Keras cuts a list that is too long for one attribute into layer_names0, layer_names1, …
    if name in group.attrs:
        parts = [name]
    else:
        parts = sorted((n for n in group.attrs if _is_part(n, name)), key=lambda n: (len(n), n))
    if not parts:
        raise KeyError(name)
    texts: list[str] = []
    for part in parts:
        values = np.atleast_1d(_attribute(group, part))
        texts += [v.decode() if isinstance(v, bytes) else str(v) for v in values]
    return texts


def _is_part(candidate: str, name: str) -> bool:
    return candidate.startswith(name) and candidate[len(name) :].isdecimal()


def _attribute(group: h5py.Group, name: str) -> Any:
    if name not in group.attrs:
        raise ModelError(f"Expected {name!r} in the file. It is missing: give a file of Keras.")
    held = group.attrs.get_id(name)
    count = int(np.prod(held.shape, dtype=np.int64)) if held.shape else 1
    # texts of free length lie in a common heap, where each of many could be the same long one
    longest = held.dtype.itemsize if held.dtype.kind != "O" else _heap(group.file)
    if (
        count * held.dtype.itemsize > MAX_HDF5_ATTRIBUTE_BYTES
        or count * longest > MAX_HDF5_TEXT_BYTES
    ):
        raise ModelError(f"Expected a short text {name!r} in the file. Received a very long one.")
    return group.attrs[name]


def _heap(file: h5py.File) -> int:
    stored: list[int] = []

    def add(_: str, thing: Any) -> None:
        if isinstance(thing, h5py.Dataset):
            stored.append(thing.id.get_storage_size())

    file.visititems(add)
    return max(int(file.id.get_filesize()) - sum(stored), 0)


def _unfit(name: str, what: str) -> ModelError:
    return ModelError(f"Expected a plain Keras weights file. {name!r} holds {what}. Do not use it.")
