"""A training run on disk after each epoch: whole, checked, or not there at all.

Weights go to a file under a new name, which is read back and checked; then a manifest that
names it and its SHA-256 replaces the old one. A kill at any moment leaves the old manifest with
the old file, or the new one with the new. Two are kept, should a disk lose one.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from octtutor.datasets.images import write_atomically
from octtutor.errors import BadInputError

MANIFEST = "run.json"
Arrays = list[npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A run after a complete epoch. Arrays are in the order of Keras's own lists."""

    history: tuple[dict[str, float], ...]
    model: Arrays
    """Every variable of the model, seeds of dropout among them."""
    optimizer: Arrays
    best_epoch: int
    best: Arrays
    """The best epoch's weights; empty before there is one."""
    callbacks: tuple[dict[str, Any], ...]
    """The state of each callback that has one."""


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the one before it stays until the new one is whole.

    Raises:
        BadInputError: the disk is full, or the folder cannot be written.
    """
    last = checkpoint.history[-1]
    accuracy = last.get("val_accuracy", last["accuracy"])
    name = f"model.{len(checkpoint.history):02d}-{accuracy:.2f}.safetensors"
    data = save_tensors(_named(checkpoint))
    write_atomically(folder / name, data)
    digest = hashlib.sha256(data).hexdigest()
    if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
        raise BadInputError(f"Cannot keep {name}: the disk gave back something else. Check it.")
    entry = {
        "file": name,
        "sha256": digest,
        "history": list(checkpoint.history),
        "best_epoch": checkpoint.best_epoch,
        "callbacks": list(checkpoint.callbacks),
    }
    entries = [entry, *_entries(folder)][:2]
    write_atomically(folder / MANIFEST, json.dumps(entries, indent=1).encode())
    _sweep(folder, {str(entry["file"]) for entry in entries})


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the newest checkpoint that is whole, None where there is none."""
    for entry in _entries(folder):
        try:
            data = (folder / entry["file"]).read_bytes()
            if hashlib.sha256(data).hexdigest() == entry["sha256"]:
                return _read(entry, load_tensors(data))
        except (OSError, SafetensorError, KeyError, TypeError):
            continue
    return None


def _entries(folder: Path) -> list[dict[str, Any]]:
    try:
        found = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _sweep(folder: Path, wanted: set[str]) -> None:
    for path in [*folder.glob("model.*"), *folder.glob(".partial-*")]:
        if path.name not in wanted:
            path.unlink(missing_ok=True)


def _named(checkpoint: Checkpoint) -> dict[str, npt.NDArray[Any]]:
    parts = {
        "model": checkpoint.model,
        "optimizer": checkpoint.optimizer,
        "best": checkpoint.best,
    }
    return {
        f"{part}/{index:05d}": np.asarray(array, order="C")
        for part, arrays in parts.items()
        for index, array in enumerate(arrays)
    }


def _read(entry: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Checkpoint:
    def part(name: str) -> Arrays:
        return [arrays[key] for key in sorted(arrays) if key.startswith(f"{name}/")]

    history: Sequence[dict[str, float]] = entry["history"]
    return Checkpoint(
        history=tuple(history),
        model=part("model"),
        optimizer=part("optimizer"),
        best_epoch=int(entry["best_epoch"]),
        best=part("best"),
        callbacks=tuple(entry["callbacks"]),
    )
