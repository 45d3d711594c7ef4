"""Which engine runs a model here: OpenVINO on CPUs, Keras on GPUs and for all that has no graph."""

import logging
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from octtutor.errors import ModelError
from octtutor.model.graph.graph_file import graph_fault, lacks_graph
from octtutor.model.graph.openvino_import import has_openvino
from octtutor.model.network.backend import import_keras_quietly
from octtutor.model.network.card import Card, read_card
from octtutor.settings import AUTO, KERAS, OPENVINO

if TYPE_CHECKING:
    from octtutor.model.network.engine_contract import ServingEngine

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """What is to run a network."""

    wanted: str = AUTO
    """`Settings.engine`."""
    makes: bool = False
    """Whether a graph is made of a model of which nobody has tried to, in a process of its own."""


BY_ITSELF, IN_KERAS = EngineChoice(), EngineChoice(KERAS)
"""Choose, and make nothing; and what measures and opens networks."""


@dataclass(frozen=True, slots=True)
class ChosenEngine:
    """The engine that runs a model here, and why not the other; empty where there is no reason."""

    name: str
    why: str = ""


def choose_engine(card: Card, wanted: str = AUTO) -> ChosenEngine:
    """Say which engine runs a model here; nothing heavy is imported.

    Args:
        card: the model's.
        wanted: `Settings.engine`.
    """
    if wanted == KERAS:
        return ChosenEngine(KERAS, "OCTTUTOR_ENGINE says so")
    if not has_openvino():
        return ChosenEngine(KERAS, "OpenVINO is not installed")
    if wanted == AUTO and _has_gpu():
        return ChosenEngine(KERAS, "there is a GPU")
    fault = graph_fault(card)
    return ChosenEngine(OPENVINO) if fault is None else ChosenEngine(KERAS, fault)


def open_engine(folder: Path, choice: EngineChoice = BY_ITSELF) -> "ServingEngine":
    """Open a model with the engine that is chosen; with Keras where the other fails.

    Raises:
        ModelError: the model is damaged.
    """
    card = read_card(folder)
    chosen = choose_engine(card, choice.wanted)
    if choice.makes and _would_serve_with_graph(card, choice.wanted):
        _make_graph(folder)
        chosen = choose_engine(read_card(folder), choice.wanted)
    if chosen.name == OPENVINO:
        from octtutor.model.serve.graph_engine import GraphEngine

        try:
            return GraphEngine.open(folder)
        except (ModelError, ImportError, RuntimeError) as error:
            _log.warning("Keras runs %r: %s", folder.name, error)
    elif choice.wanted == OPENVINO:
        _log.warning("Keras runs %r: %s", folder.name, chosen.why)
    import_keras_quietly()
    from octtutor.model.serve.engine import KerasEngine

    return KerasEngine.open(folder)


def _would_serve_with_graph(card: Card, wanted: str) -> bool:
    on_gpu = wanted == AUTO and _has_gpu()
    return lacks_graph(card) and wanted != KERAS and has_openvino() and not on_gpu


def _make_graph(folder: Path) -> None:
    """Make a graph in a process that may import TensorFlow, and then ends."""
    command = [sys.executable, "-m", "octtutor", "models", "graph", str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        said = (made.stderr.strip().splitlines() or ["no reason was given"])[-1]
        _log.warning("no graph was made of %r: %s", folder.name, said)


def _has_gpu() -> bool:
    """Whether there is a GPU that Keras might use."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    import pynvml

    try:
        pynvml.nvmlInit()
        return bool(pynvml.nvmlDeviceGetCount())
    except pynvml.NVMLError:
        return False
