"""Model folders that differ from the shipped one, made without training."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from octtutor.core.diagnosis import LABELS
from tests.conftest import MODEL


def make_model(folder: Path, leaning: str = "CNV", by: float = 0.01, **card) -> Path:
    """Copy the shipped model, its answers leaning towards a class by so many logits.

    `card` replaces values of the card.
    """
    shutil.copytree(MODEL, folder)
    arrays = load_file(folder / "weights.safetensors")
    (name,) = [name for name in arrays if name.startswith("head/") and name.endswith("/bias")]
    arrays[name] = arrays[name] + by * np.eye(4, dtype=np.float32)[LABELS.index(leaning)]
    save_file(arrays, folder / "weights.safetensors")
    digest = hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()
    path = folder / "card.json"
    facts = json.loads(path.read_text()) | {"name": folder.name, "weights_sha256": digest} | card
    path.write_text(json.dumps(facts))
    return folder


def break_weights(folder: Path) -> None:
    """Cut the weights short, as a broken copy does."""
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
