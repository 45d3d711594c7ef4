"""A model on disk: `weights.safetensors` and `card.json`. Weights only: no code is ever loaded."""

import hashlib
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from octtutor.errors import BadInputError, ModelError
from octtutor.model.network.card import WEIGHTS, Card, read_card, read_part, write_card
from octtutor.model.network.network import Network, build_from_card
from octtutor.model.network.preprocess import Preprocessing

"""SHA-256, patient and label of every scan that the model was trained on."""
HELD_OUT_SCANS = "held_out_scans.csv"
"""The same of every scan that it was measured on."""


def save_model(
    network: Network, card: Card, target: Path, extras: dict[str, bytes] | None = None
) -> Card:
    """Write a complete model folder, or nothing.

    Args:
        network: its weights are written.
        card: `weights_sha256` is filled in.
        target: the folder to make; it must not exist, or be empty.
        extras: further files of the folder (curves, history), by name.

    Returns:
        The card as written.

    Raises:
        BadInputError: the target is not empty, or cannot be written.
    """
    check_target(target)
    try:
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            written = _fill(partial, network, card, extras or {})
            os.replace(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise _cannot_write(target, error) from error
    return written


def weights_digest(network: Network) -> str:
    """Return the SHA-256, hex, that `save_model` writes into the card for these weights."""
    return hashlib.sha256(save_tensors(network.weights())).hexdigest()


def _cannot_write(target: Path, error: OSError) -> BadInputError:
    return BadInputError(
        f"Cannot write the model folder {str(target)!r}: {error.strerror}. Choose another place, "
        "or free some space."
    )


def check_target(target: Path) -> None:
    """Refuse a model folder's place that is taken or cannot be written.

    Raises:
        BadInputError: a file or a filled folder is there already, or nothing can be made there.
    """
    if target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise BadInputError(
            f"Expected a new folder for the model. {str(target)!r} is there already. Choose "
            "another name, or remove it first."
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent):
            pass
    except OSError as error:
        raise _cannot_write(target, error) from error


def load_network(folder: Path) -> tuple[Network, Card]:
    """Load a model folder after checking it.

    Raises:
        ModelError: card or weights are missing, the hash differs, or they do not fit.
    """
    card = read_card(folder)
    data = _read_weights(folder, card)
    Preprocessing.read(card.preprocessing, card.input_size)
    network = _build(card, folder.name)
    try:
        network.assign(load_tensors(data))
    except (SafetensorError, ValueError, KeyError) as error:
        raise ModelError(
            f"Expected the weights of {folder.name!r} to fit its card. They do not ({error}). "
            "Copy the model folder again."
        ) from error
    return network, card


def _build(card: Card, name: str) -> Network:
    try:
        return build_from_card(card)
    except ModelError:
        raise
    except (TypeError, ValueError, KeyError) as error:
        raise ModelError(
            f"Expected an architecture that can be built in the card of {name!r}. It cannot "
            f"({error}). Copy the model folder again."
        ) from error


def _fill(folder: Path, network: Network, card: Card, extras: dict[str, bytes]) -> Card:
    data = save_tensors(network.weights())
    written = replace(card, weights_sha256=hashlib.sha256(data).hexdigest())
    for name, content in {**extras, WEIGHTS: data}.items():
        with (folder / name).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    write_card(written, folder)
    folder.chmod(0o755)
    return written


def _read_weights(folder: Path, card: Card) -> bytes:
    data = read_part(folder, WEIGHTS)
    found = hashlib.sha256(data).hexdigest()
    if found != card.weights_sha256:
        raise ModelError(
            f"Expected weights with SHA-256 {card.weights_sha256[:12]}… in {folder.name!r}. "
            f"Received {found[:12]}…: the file was changed or cut short. Copy the folder again."
        )
    return data
