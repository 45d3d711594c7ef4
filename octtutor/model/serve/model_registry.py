"""Which models there are, where, and which is in use. Reads cards and hashes; loads no network."""

import hashlib
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from octtutor.errors import ModelError
from octtutor.model.network.card import WEIGHTS, Card, read_card
from octtutor.model.serve.in_use import NAME, read_pointer
from octtutor.settings import DEFAULT

SHIPPED = "lite0"
"""The model that is in use until another is published."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A model of the registry; `fault` says why it cannot be used, None when it can."""

    name: str
    folder: Path
    shipped: bool
    card: Card | None
    fault: str | None


@dataclass(frozen=True, slots=True)
class InUse:
    """The model in use.

    `wanted` was published or chosen, None where nobody chose. Where it cannot be used, `fault`
    says why, and `folder` is the shipped model's.
    """

    folder: Path
    wanted: str | None
    fault: str | None


@dataclass(frozen=True, slots=True)
class Survey:
    """All models, which one is in use, and what is wrong with that.

    `fault` says why the model that was published is not the one in use, None where it is.
    """

    entries: tuple[RegisteredModel, ...]
    in_use: Path | None
    fault: str | None


def survey(chosen: str, folders: Sequence[Path]) -> Survey:
    """Look at all models as they are now.

    Args:
        chosen: `Settings.model`: a model that wins over the one in use, or `default`.
        folders: where models are looked for, most important first.

    Returns:
        Entries by name; also of a published model that is missing, and of a chosen folder that
        lies elsewhere. Of the models that could be in use the weights are checked too.

    Raises:
        ModelError: the chosen model is not there.
    """
    entries = list_models(folders)
    if chosen == DEFAULT and not entries:
        return Survey((), None, None)
    if chosen != DEFAULT:
        used = InUse(find_model(chosen, folders), None, None)
    else:
        used = find_in_use(folders)
    known = {entry.folder for entry in entries}
    if used.folder not in known:
        entries = (*entries, _entry(used.folder, shipped=used.folder.parent == folders[-1]))
    if used.wanted and used.wanted not in {entry.name for entry in entries}:
        entries = (
            *entries,
            RegisteredModel(used.wanted, folders[0] / used.wanted, False, None, used.fault),
        )
    checked = (
        _with_weights(entry) if entry.name in (used.wanted, used.folder.name) else entry
        for entry in entries
    )
    return Survey(tuple(sorted(checked, key=lambda entry: entry.name)), used.folder, used.fault)


def list_models(folders: Sequence[Path]) -> tuple[RegisteredModel, ...]:
    """List the models by name; in an earlier folder they shadow those of a later one."""
    found: dict[str, RegisteredModel] = {}
    for place in reversed(folders):
        for folder in sorted(path for path in place.glob("[!._]*") if path.is_dir()):
            found[folder.name] = _entry(folder, shipped=place == folders[-1])
    return tuple(found[name] for name in sorted(found))


def find_model(name: str, folders: Sequence[Path]) -> Path:
    """Return the folder of a model.

    Args:
        name: a model's name, `default` for the model in use, or the path of a model folder.
        folders: where models are looked for, most important first.

    Raises:
        ModelError: there is none.
    """
    if name == DEFAULT:
        used = find_in_use(folders)
        if used.fault:
            _log.warning(used.fault)
        return used.folder
    if NAME.fullmatch(name):
        for place in folders:
            if (place / name).is_dir():
                return place / name
    if os.path.isdir(name):  # noqa: PTH112 (False, not an error, for impossible names)
        return Path(name)
    raise _unknown(name, folders)


def find_in_use(folders: Sequence[Path]) -> InUse:
    """Return the model in use; the shipped one where the chosen one is missing or broken.

    Args:
        folders: where models are looked for; the pointer is in the first.

    Raises:
        ModelError: there is no model at all.
    """
    pointer, fault = read_pointer(folders[0])
    if pointer.name is not None:
        folder, fault = find_usable(pointer.name, folders)
        if fault is None and folder is not None:
            return InUse(folder, pointer.name, None)
    shipped, _ = find_usable(SHIPPED, folders)
    if shipped is None:
        raise _unknown(SHIPPED, folders)
    facts = fault and f"{fault} {shipped.name!r} serves instead; see `octtutor models use`."
    return InUse(shipped, pointer.name, facts)


def find_usable(name: str, folders: Sequence[Path]) -> tuple[Path | None, str | None]:
    """Find a model by name, whole ones first.

    Returns:
        Its folder and None; or a folder (None where there is none of this name) and why it
        cannot be used.
    """
    places = [place / name for place in folders if (place / name).is_dir()]
    faults: list[str] = []
    for folder in places:
        try:
            check_files(folder)
            return folder, None
        except ModelError as error:
            faults.append(str(error))
    if faults:
        return places[-1], faults[0]
    return None, f"Expected the model {name!r} among the models. It is missing."


def check_files(folder: Path) -> Card:
    """Check that a model folder has a good card and unaltered weights, without loading them.

    Raises:
        ModelError: card or weights are missing, or the hash differs.
    """
    card = read_card(folder)
    try:
        with (folder / WEIGHTS).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(
            f"Expected {WEIGHTS} in the model folder {folder.name!r}. It cannot be read "
            f"({error.strerror}). Copy the whole folder again."
        ) from error
    if found != card.weights_sha256:
        raise ModelError(
            f"Expected weights with SHA-256 {card.weights_sha256[:12]}… in {folder.name!r}. "
            f"Received {found[:12]}…: the file was changed or cut short. Copy the folder again."
        )
    return card


def override_note(setting: str) -> str | None:
    """Say that OCTTUTOR_MODEL wins over what is published, None where it is not set.

    Args:
        setting: `Settings.model`.
    """
    if setting == DEFAULT:
        return None
    return (
        f"OCTTUTOR_MODEL is set to {setting!r} here and wins: where it is set, quizzes go on with "
        "that model. Unset it to serve the model in use."
    )


def _unknown(name: str, folders: Sequence[Path]) -> ModelError:
    known = ", ".join(entry.name for entry in list_models(folders)) or "none"
    return ModelError(
        f"Expected a model's name or folder. Received {name!r}. Known: {known}. "
        "See `octtutor models list`."
    )


def _with_weights(entry: RegisteredModel) -> RegisteredModel:
    if entry.fault is None:
        try:
            check_files(entry.folder)
        except ModelError as error:
            return replace(entry, fault=str(error))
    return entry


def _entry(folder: Path, shipped: bool) -> RegisteredModel:
    try:
        return RegisteredModel(folder.name, folder, shipped, read_card(folder), None)
    except ModelError as error:
        return RegisteredModel(folder.name, folder, shipped, None, str(error))
