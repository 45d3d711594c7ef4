"""Publish a model, choose another, roll back. A kill at any moment loses no model."""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from octtutor.errors import ModelError, SettingsError
from octtutor.model.graph.graph_file import drop_graph
from octtutor.model.graph.openvino_import import has_openvino
from octtutor.model.network.backend import import_keras_quietly
from octtutor.model.network.card import CARD, Card
from octtutor.model.ood.ood_score import check_ood_detector
from octtutor.model.publish.graph_making import make_graph
from octtutor.model.serve.in_use import (
    NAME,
    Pointer,
    alone,
    read_pointer,
    sync_folder,
    write_pointer,
)
from octtutor.model.serve.model_registry import (
    SHIPPED,
    check_files,
    find_in_use,
    find_usable,
    list_models,
)
from octtutor.settings import DEFAULT

Say = Callable[[str], None]
_PARTIAL = ".publishing-"


@dataclass(frozen=True, slots=True)
class Change:
    """Which model is in use now, where it is, and which one was before."""

    name: str
    folder: Path
    before: str


def publish(
    folder: Path,
    name: str,
    folders: Sequence[Path],
    say: Say = lambda step: None,
    makes_graph: bool = True,
) -> Change:
    """Copy a model folder among the user's models and put it in use.

    The old model is kept. A name that is taken is refused, unless it holds this very model:
    then it is put in use, so that an interrupted call can be repeated.

    Args:
        folder: the model's.
        name: what it is to be called; its card's name becomes this.
        folders: where models are looked for; it is copied into the first.
        say: told each step: `checking`, `copying`, `checking the copy`, `making its graph`,
            `putting it in use`; and why Keras will serve it, where its graph is refused.
        makes_graph: whether the graph is made by which OpenVINO serves it; a graph that comes with
            the folder is not taken.

    Raises:
        ModelError: the name is not allowed or taken, or the model is broken. Nothing changes.
        SettingsError: the data home cannot be written, or the disk is full. Nothing changes.
    """
    check_name(name)
    say("checking")
    check_files(folder)
    home = folders[0]
    with alone(home, "publish"), _disk_faults_as_settings_errors(home):
        _sweep(home)
        taken = _find_taken(name, folders)
        if taken is None:
            _copy_in(folder, name, home, say, makes_graph)
        elif _is_same(taken, folder, name):
            check_model(taken)
        else:
            raise _is_taken(name, folders)
        say("putting it in use")
        return point_to(name, folders)


def use(name: str, folders: Sequence[Path]) -> Change:
    """Put a model that is there in use, after checking it completely.

    Raises:
        ModelError: there is none of this name, or it is broken. Nothing changes.
        SettingsError: the data home cannot be written.
    """
    check_name(name)
    folder, fault = find_usable(name, folders)
    if folder is None or fault:
        known = ", ".join(entry.name for entry in list_models(folders)) or "none"
        raise ModelError(f"{fault} Known: {known}. See `octtutor models list`.")
    check_model(folder)
    with _disk_faults_as_settings_errors(folders[0]):
        return point_to(name, folders)


def roll_back(folders: Sequence[Path]) -> Change:
    """Go back to the model that was in use before; again, and it goes back further.

    Models that are gone or broken since are passed over; before the first there is the shipped
    one.

    Raises:
        ModelError: there is none to go back to. Nothing changes.
        SettingsError: the data home cannot be written.
    """
    home = folders[0]
    with alone(home, "in_use"), _disk_faults_as_settings_errors(home):
        before = find_in_use(folders)
        pointer = find_earlier(folders)
        if pointer is None:
            raise ModelError(
                f"Expected an earlier model to go back to. There is none: {before.folder.name!r} "
                "is in use. Choose one with `octtutor models use NAME`."
            )
        write_pointer(home, pointer)
        now = find_in_use(folders).folder
        return Change(now.name, now, before.folder.name)


def find_earlier(folders: Sequence[Path]) -> Pointer | None:
    """Return where `roll_back` would go (no name: the shipped model), None where nowhere."""
    now, _ = read_pointer(folders[0])
    pointer = now
    while pointer.names:
        pointer = pointer.moved_back()
        name = pointer.name or SHIPPED
        if name != now.name and find_usable(name, folders)[1] is None:
            return pointer
    return None


def check_name(name: str) -> None:
    """Refuse what cannot be a model's name.

    Raises:
        ModelError: it is not of letters, digits, dots, dashes and underscores, too long, or has a
            meaning of its own.
    """
    if not NAME.fullmatch(name) or name.lower() == DEFAULT or name.endswith("."):
        raise ModelError(
            "Expected a model's name: 1 to 64 letters, digits, dashes, dots or underscores, the "
            f"first a letter or digit, and not {DEFAULT!r}. Received {name[:80]!r}."
        )


def check_free(name: str, folders: Sequence[Path]) -> None:
    """Refuse a name that cannot be a model's (see `check_name`), or that a model has already.

    Raises:
        ModelError: as it says.
    """
    check_name(name)
    if _find_taken(name, folders) is not None:
        raise _is_taken(name, folders)


def check_model(folder: Path) -> Card:
    """Load a model and let it answer a blank scan.

    Raises:
        ModelError: its folder is not whole, or it does not answer, or what it says of familiar
            scans is damaged.
    """
    import_keras_quietly()
    from octtutor.model.serve.engine import KerasEngine

    engine = KerasEngine.open(folder)
    output = engine.run(engine.prepare(np.zeros((496, 512), np.uint8))[None])
    chances = output.probabilities[0]
    if not np.isfinite(chances).all() or abs(float(chances.sum()) - 1) > 1e-3:
        raise ModelError(
            f"Expected {folder.name!r} to answer a blank scan with four probabilities. Received "
            f"{chances.tolist()}. Train it again."
        )
    check_ood_detector(folder, output.features.shape[-1])
    return engine.card


def point_to(name: str, folders: Sequence[Path]) -> Change:
    """Put a model that was checked in use, one process at a time."""
    home = folders[0]
    with alone(home, "in_use"):
        before = find_in_use(folders).folder.name
        pointer, _ = read_pointer(home)
        write_pointer(home, pointer.moved_to(name))
        folder, _ = find_usable(name, folders)
    assert folder is not None
    return Change(name, folder, before)


def _copy_in(folder: Path, name: str, home: Path, say: Say, makes_graph: bool) -> None:
    partial = Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=home))
    try:
        say("copying")
        copy = partial / name
        _copy(folder, copy)
        _rename_card(copy, name)
        say("checking the copy")
        check_model(copy)
        drop_graph(copy)
        if makes_graph and has_openvino():
            say("making its graph")
            refused = make_graph(copy).get("refused")
            if refused:
                say(f"Keras will serve it: {refused}")
        copy.rename(home / name)
        sync_folder(home)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _copy(folder: Path, copy: Path) -> None:
    """Copy the plain files of a model folder, each one safe on the disk."""
    copy.mkdir()
    for path in sorted(folder.rglob("*")):
        target = copy / path.relative_to(folder)
        if path.is_symlink():
            continue
        if path.is_dir():
            target.mkdir(exist_ok=True)
        elif path.is_file():
            with path.open("rb") as source, target.open("wb") as written:
                shutil.copyfileobj(source, written)
                written.flush()
                os.fsync(written.fileno())
    sync_folder(copy)


def _rename_card(copy: Path, name: str) -> None:
    path = copy / CARD
    with path.open("r+", encoding="utf-8") as file:
        card = {**json.load(file), "name": name}
        file.seek(0)
        json.dump(card, file, indent=2)
        file.write("\n")
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def _sweep(home: Path) -> None:
    """Remove what killed publishers left; there is only one at a time."""
    for path in home.glob(f"{_PARTIAL}*"):
        shutil.rmtree(path, ignore_errors=True)


def _is_same(taken: Path, folder: Path, name: str) -> bool:
    """Whether what holds the name is whole and the very model that is to be published."""
    try:
        check_files(taken)
        return taken.name == name and _facts(taken) == _facts(folder)
    except ModelError:
        return False


def _facts(folder: Path) -> dict[str, Any]:
    """Return all that a card says but its name and its graph; the weights' hash is in it."""
    card: dict[str, Any] = json.loads((folder / CARD).read_text("utf-8"))
    return {key: value for key, value in card.items() if key not in ("name", "graph")}


def _find_taken(name: str, folders: Sequence[Path]) -> Path | None:
    """Find what holds a name, also where file names do not tell case."""
    for place in folders:
        for path in sorted(place.glob("*")):
            if path.name.casefold() == name.casefold():
                return path
    return None


def _is_taken(name: str, folders: Sequence[Path]) -> ModelError:
    free = (f"{name[:60]}-{n}" for n in range(2, 10**6))
    other = next(choice for choice in free if _find_taken(choice, folders) is None)
    return ModelError(
        f"Expected a name that is free. {name!r} is another model's, and models are never "
        f"overwritten. Take {other!r}, say."
    )


@contextmanager
def _disk_faults_as_settings_errors(home: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = "a model of this name is there" if error.errno == errno.ENOTEMPTY else error.strerror
        raise SettingsError(
            f"Cannot write into {str(home)!r}: {why}. The model in use is as before. Free some "
            "space, or choose another place with OCTTUTOR_HOME."
        ) from error
