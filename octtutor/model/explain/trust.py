"""What a model's maps were measured to be worth, kept beside the model for the page to show.

Nothing heavy is imported.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from octtutor.datasets.images import write_atomically
from octtutor.errors import ModelError
from octtutor.model.explain.methods import DEFAULT_METHOD, METHODS, VERSION
from octtutor.model.network.card import read_card

FIGURES = "explanations.json"
WHAT_A_MAP_IS = (
    "A map shows which places raised the network's score for this class: a hint where to look, "
    "not the outline of a lesion, and no proof that the answer is right."
)


@dataclass(frozen=True, slots=True)
class Trust:
    """A card to show next to a map: a title, and one line a question."""

    title: str
    lines: tuple[str, ...]


def write_trust(folder: Path, figures: dict[str, Any]) -> Path:
    """Write the figures of `bench_explain` into a model's folder, and return the file.

    Raises:
        StoreError, SettingsError: the folder cannot be written.
    """
    path = folder / FIGURES
    text = json.dumps(figures | {"maps_version": VERSION}, indent=2, allow_nan=False) + "\n"
    write_atomically(path, text.encode())
    return path


def read_trust(folder: Path) -> dict[str, Any] | None:
    """Return the figures in a model's folder; None where there are none of these weights."""
    try:
        figures = json.loads((folder / FIGURES).read_text("utf-8"))
        mine = figures["model_sha256"] == read_card(folder).weights_sha256
        fresh = figures["maps_version"] == VERSION and isinstance(figures["methods"], dict)
    except (OSError, ValueError, KeyError, TypeError, ModelError):
        return None
    return figures if mine and fresh else None


def trust_card(folder: Path, method: str = DEFAULT_METHOD) -> Trust | None:
    """Say in a few lines what a model's maps were measured to be worth.

    Args:
        folder: the model's.
        method: a key of METHODS.

    Returns:
        None where it was not measured (`octtutor bench explain --write` does).
    """
    figures = read_trust(folder)
    if figures is None or method not in METHODS or method not in figures["methods"]:
        return None
    row, chance = figures["methods"][method], figures["methods"].get("random", {})
    facts = (
        _pointing(row, chance, figures),
        _energy(row),
        _curves(row, chance),
        _number(row, "randomisation", "Likeness to the map of a network with shuffled weights: ")
        + " (0: the map depends on what the network learned; 1: it does not).",
        _number(row, "repeatability", "Likeness to the map of the scan shifted by a few pixels: ")
        + " (1: the same).",
    )
    lines = tuple(line for line in facts if "–" not in line)
    return Trust(f"{METHODS[method].title}: is the map to be trusted?", lines)


def _pointing(row: dict[str, Any], chance: dict[str, Any], figures: dict[str, Any]) -> str:
    return (
        f"The brightest place lies on a lesion in {_percent(row)} of {row.get('n')} "
        f"{figures['source']}; that of a random map in {_percent(chance)}."
    )


def _energy(row: dict[str, Any]) -> str:
    held = _number(row, "energy_ratio", "Lesions hold ")
    return f"{held} times as much of the map as a flat map would give them."


def _curves(row: dict[str, Any], chance: dict[str, Any]) -> str:
    return (
        f"Taking the bright places away leaves a mean probability of "
        f"{_number(row, 'deletion')} (random: {_number(chance, 'deletion')}); giving back only "
        f"them restores {_number(row, 'insertion')} ({_number(chance, 'insertion')})."
    )


def _percent(row: dict[str, Any]) -> str:
    value = row.get("pointing_game")
    return "–" if value is None else f"{100 * value:.0f} %"


def _number(row: dict[str, Any], key: str, before: str = "") -> str:
    value = row.get(key)
    return before + ("–" if value is None else f"{value:.2f}")
