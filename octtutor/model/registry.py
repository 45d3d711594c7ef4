"""Which models there are, and where. Reads cards only; loads no network."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from octtutor.errors import ModelError
from octtutor.model.card import Card, read_card
from octtutor.settings import DEFAULT

SHIPPED = "lite0"
"""The model that is in use until another is published."""
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")


@dataclass(frozen=True, slots=True)
class Entry:
    """A model of the registry; `fault` says why it cannot be used, None when it can."""

    name: str
    folder: Path
    shipped: bool
    card: Card | None
    fault: str | None


def list_models(folders: Sequence[Path]) -> tuple[Entry, ...]:
    """List the models by name; in an earlier folder they shadow those of a later one."""
    found: dict[str, Entry] = {}
    for place in reversed(folders):
        for folder in sorted(path for path in place.glob("[!.]*") if path.is_dir()):
            found[folder.name] = _entry(folder, shipped=place == folders[-1])
    return tuple(found[name] for name in sorted(found))


def find_model(name: str, folders: Sequence[Path]) -> Path:
    """Return the folder of a model.

    Args:
        name: a model's name, `default`, or the path of a model folder.
        folders: where models are looked for, most important first.

    Raises:
        ModelError: there is none.
    """
    wanted = SHIPPED if name == DEFAULT else name
    if _NAME.match(wanted):
        for place in folders:
            if (place / wanted).is_dir():
                return place / wanted
    if os.path.isdir(name):  # noqa: PTH112 (False, not an error, for impossible names)
        return Path(name)
    known = ", ".join(entry.name for entry in list_models(folders)) or "none"
    raise ModelError(
        f"Expected a model's name or folder. Received {name!r}. Known: {known}. "
        "See `octtutor models list`."
    )


def _entry(folder: Path, shipped: bool) -> Entry:
    try:
        return Entry(folder.name, folder, shipped, read_card(folder), None)
    except ModelError as error:
        return Entry(folder.name, folder, shipped, None, str(error))
