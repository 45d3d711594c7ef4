"""A model's card: what it is, what it was trained on, what it scored. `card.json` beside it."""

import json
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from octtutor.core.diagnosis import LABELS
from octtutor.errors import ModelError

CARD = "card.json"
TRAINING_SCANS = "training_scans.csv"
WEIGHTS = "weights.safetensors"
FAMILIARITY = "familiarity.safetensors"
"""What scans that the model knows are like (see `octtutor.model.familiarity`)."""


@dataclass(frozen=True, slots=True)
class Card:
    """What is written of a model. `figures` are measured on `figures_from`, with intervals."""

    name: str
    labels: tuple[str, ...]
    input_size: int
    preprocessing: dict[str, str]
    backbone: dict[str, str]
    head: dict[str, Any]
    flip_average: bool
    recipe: dict[str, Any]
    training_data: dict[str, Any]
    split: dict[str, Any]
    figures: dict[str, Any]
    figures_from: str
    created: str
    program_version: str
    weights_sha256: str
    purpose: str = "For teaching people to read OCT scans. Not for diagnosis."
    notes: tuple[str, ...] = field(default=())
    temperature: float = 1.0
    """Probabilities are softmax(logits / temperature)."""
    more_figures: dict[str, Any] = field(default_factory=dict)
    """Further figures, by what they are from."""
    familiarity: dict[str, Any] = field(default_factory=dict)
    """How scans that are no OCT are told, with the threshold; empty where they are not."""


def read_part(folder: Path, name: str) -> bytes:
    """Read a file of a model's folder whole.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise ModelError(
            f"Expected {name} in the model folder {folder.name!r}. It cannot be read "
            f"({error.strerror}). Copy the whole folder again."
        ) from error


def read_card(folder: Path) -> Card:
    """Read a model folder's card.

    Raises:
        ModelError: it is missing, no JSON, incomplete, or for other labels.
    """
    path = folder / CARD
    try:
        raw = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ModelError(
            f"Expected {CARD} in the model folder {folder.name!r}. It is missing: copy the whole "
            "folder, or train the model again."
        ) from error
    except (OSError, ValueError) as error:
        raise ModelError(
            f"Expected {CARD} in {folder.name!r} to be JSON. It cannot be read ({error}). Copy "
            "the model folder again."
        ) from error
    return _to_card(raw, folder.name)


def write_card(card: Card, folder: Path) -> None:
    """Write the card into the model folder."""
    (folder / CARD).write_text(json.dumps(asdict(card), indent=2) + "\n", "utf-8")


_KINDS: dict[str, type] = {
    "name": str,
    "labels": list,
    "input_size": int,
    "preprocessing": dict,
    "backbone": dict,
    "head": dict,
    "flip_average": bool,
    "recipe": dict,
    "training_data": dict,
    "split": dict,
    "figures": dict,
    "figures_from": str,
    "created": str,
    "program_version": str,
    "weights_sha256": str,
    "purpose": str,
    "notes": list,
    "temperature": float,
    "more_figures": dict,
    "familiarity": dict,
}


def _check_types(raw: dict[str, Any], name: str) -> None:
    wrong = [
        f"{key} ({type(raw[key]).__name__}, not {kind.__name__})"
        for key, kind in _KINDS.items()
        if key in raw and type(raw[key]) is not kind
    ]
    if not wrong and not 0.01 <= raw.get("temperature", 1.0) <= 100:
        wrong.append("temperature (not within 0.01 to 100)")
    if wrong:
        raise ModelError(
            f"Expected a card of the right kinds in {name!r}. Wrong: {', '.join(wrong)}. Copy the "
            "model folder again."
        )


def _to_card(raw: Any, name: str) -> Card:
    known = {f.name for f in fields(Card)}
    needed = {f.name for f in fields(Card) if f.default is MISSING and f.default_factory is MISSING}
    missing = sorted(needed - set(raw)) if isinstance(raw, dict) else sorted(needed)
    if missing:
        raise ModelError(
            f"Expected a whole card in {name!r}. Missing: {', '.join(missing)}. Copy the model "
            "folder again, or train the model again."
        )
    _check_types(raw, name)
    values = {key: value for key, value in raw.items() if key in known}
    values["labels"] = tuple(values["labels"])
    values["notes"] = tuple(values.get("notes", ()))
    if values["labels"] != tuple(LABELS):
        raise ModelError(
            f"Expected a model for {', '.join(LABELS)}, in this order. {name!r} is for "
            f"{', '.join(map(str, values['labels']))}. Use a model made for these labels."
        )
    return Card(**values)
