"""Which model is in use: one small file beside the user's models, replaced whole or not at all."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

import pydantic.dataclasses
from filelock import FileLock, Timeout
from pydantic import AfterValidator, model_validator

from octtutor.core.validation import read_json
from octtutor.datasets.images import write_atomically
from octtutor.errors import SettingsError

POINTER = "_in_use.json"
"""Begins with a sign that no model's name may begin with."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""A model's name, as a whole."""
_FORM = 1
_KEPT = 100
_PATIENCE = 600
"""Seconds to wait for another process; publishing a large model takes a while."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """The models that were put to use, oldest first. The last is in use; none: the shipped one."""

    names: tuple[str, ...] = ()

    @property
    def name(self) -> str | None:
        """The model in use, None where nobody chose one."""
        return self.names[-1] if self.names else None

    def moved_to(self, name: str) -> "Pointer":
        """Return the pointer with another model in use."""
        return self if name == self.name else Pointer((*self.names, name)[-_KEPT:])

    def moved_back(self) -> "Pointer":
        """Return the pointer one step earlier."""
        return Pointer(self.names[:-1])


def _named(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError("a model's name")
    return name


@pydantic.dataclasses.dataclass(frozen=True, slots=True)
class _KeptInUse:
    """The file, as it is."""

    form: Literal[1]
    in_use: str | None
    history: tuple[Annotated[str, AfterValidator(_named)], ...]

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.in_use != (self.history[-1] if self.history else None):
            raise ValueError("the last of the history in use")
        return self


def read_pointer(models: Path) -> tuple[Pointer, str | None]:
    """Read the pointer of a folder of models.

    Returns:
        The pointer, and None; where the file cannot be read an empty pointer and why. A missing
        file is an empty pointer.
    """
    path = models / POINTER
    try:
        kept = read_json(_KeptInUse, path.read_bytes(), ValueError)
        return Pointer(kept.history), None
    except (FileNotFoundError, NotADirectoryError):
        return Pointer(), None
    except (OSError, ValueError) as error:
        why = str(error)
        return Pointer(), (
            f"Expected to read which model is in use in {str(path)!r}. It is damaged ({why[:120]})."
        )


def write_pointer(models: Path, pointer: Pointer) -> None:
    """Replace the pointer atomically; after a power cut it is the old one or the new one.

    Raises:
        SettingsError: the folder cannot be written, or the disk is full. The old one stays.
    """
    text = json.dumps({"form": _FORM, "in_use": pointer.name, "history": pointer.names}, indent=2)
    write_atomically(models / POINTER, (text + "\n").encode())
    sync_folder(models)


@contextmanager
def alone(models: Path, what: str) -> Iterator[None]:
    """Let one process at a time do something to a folder of models, which is made if missing.

    Args:
        models: the folder.
        what: names the lock.

    Raises:
        SettingsError: the folder cannot be written, or another process holds on for too long.
    """
    try:
        models.mkdir(parents=True, exist_ok=True)
        lock = FileLock(models / f"_{what}.lock", timeout=_PATIENCE)
        lock.acquire()
    except Timeout as error:
        raise SettingsError(
            f"Expected to change the models in {str(models)!r}. Another process has been at it "
            "for ten minutes. End that process, then try again."
        ) from error
    except OSError as error:
        raise SettingsError(
            f"Expected a folder of models that can be written. {str(models)!r} cannot "
            f"({error.strerror}). Set OCTTUTOR_HOME to a folder you may write."
        ) from error
    try:
        yield
    finally:
        lock.release()


def sync_folder(folder: Path) -> None:
    """Make sure that renames in a folder survive a power cut (where the system can)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
