"""A model's graph on the disk: `graph.xml` and `graph.bin` beside the card, which has their hashes.

The graph is of certain weights, prepared and averaged in a certain way; a card that says otherwise
has no graph. What could not be made, or did not answer as Keras does, is remembered as refused.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from octtutor.datasets.images import write_atomically
from octtutor.errors import ModelError
from octtutor.model.explain.methods import VERSION
from octtutor.model.graph.openvino_import import import_openvino
from octtutor.model.network.card import CARD, Card, read_card, read_part

GRAPH, NUMBERS = "graph.xml", "graph.bin"
_FORM = 1
"""Raise it when what goes in or comes out changes."""
_MADE_OF = ("backbone", "flip_average", "head", "input_size", "labels", "preprocessing", "scheme")


def made_of(card: Card) -> str:
    """Return a digest, hex, of all that a graph is made of but this program's version."""
    facts = {key: value for key, value in asdict(card).items() if key in _MADE_OF}
    parts = [_FORM, VERSION, card.weights_sha256, facts]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def lacks_graph(card: Card) -> bool:
    """Whether nobody has tried to make a graph of this model as it is."""
    return card.graph.get("of") != made_of(card)


def graph_fault(card: Card) -> str | None:
    """Return why a card has no graph to serve, None where it has."""
    if lacks_graph(card):
        return "no graph was made of it yet (`octtutor models graph` makes it)"
    refused = card.graph.get("refused")
    return None if refused is None else str(refused)


def check_graph(folder: Path) -> Path:
    """Check a model's graph against its card, and return the file to open.

    Raises:
        ModelError: there is none, or a file is missing or altered.
    """
    card = read_card(folder)
    fault = graph_fault(card)
    if fault:
        raise ModelError(f"Expected a graph in {folder.name!r}: {fault}.")
    for name in (GRAPH, NUMBERS):
        found = hashlib.sha256(read_part(folder, name)).hexdigest()
        if found != card.graph.get("sha256", {}).get(name):
            raise ModelError(
                f"Expected {name} of {folder.name!r} as it was made. It has the SHA-256 "
                f"{found[:12]}…: the file was changed or cut short. Make it anew with `octtutor "
                "models graph`."
            )
    return folder / GRAPH


def write_graph(model: Any, room: Path) -> Path:
    """Write a graph into a folder that is no model's yet, and return the file to open."""
    import_openvino().save_model(model, room / GRAPH, compress_to_fp16=False)
    return room / GRAPH


def keep_graph(folder: Path, room: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Bring what `write_graph` wrote into a model's folder, `facts` into its card; return these.

    Raises:
        SettingsError, StoreError: the folder cannot be written.
    """
    hashes = {}
    for name in (NUMBERS, GRAPH):
        content = (room / name).read_bytes()
        hashes[name] = hashlib.sha256(content).hexdigest()
        write_atomically(folder / name, content)
    return note_graph(folder, {**facts, "sha256": hashes})


def refuse_graph(folder: Path, why: str) -> dict[str, Any]:
    """Note in a model's card why it has no graph, and remove an earlier one; return the note."""
    drop_graph(folder)
    return note_graph(folder, {"refused": why})


def drop_graph(folder: Path) -> None:
    """Remove a model's graph, and what its card says of it."""
    _write(folder, {})
    for name in (NUMBERS, GRAPH):
        (folder / name).unlink(missing_ok=True)


def note_graph(folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write into a model's card what is to be said of its graph; return it."""
    noted = {"of": made_of(read_card(folder)), **facts}
    _write(folder, noted)
    return noted


def _write(folder: Path, noted: Mapping[str, Any]) -> None:
    raw = json.loads((folder / CARD).read_text("utf-8")) | {"graph": noted}
    write_atomically(folder / CARD, (json.dumps(raw, indent=2) + "\n").encode())
