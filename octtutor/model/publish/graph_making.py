"""Makes a model's graph for OpenVINO, and keeps it only if it answers as Keras does."""

import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import octtutor.phantom
from octtutor.datasets.decode import Pixels
from octtutor.datasets.sources import find_scans, open_source
from octtutor.errors import ModelError
from octtutor.model.explain.methods import DEFAULT_METHOD, explain_raw
from octtutor.model.graph.graph_file import keep_graph, refuse_graph, write_graph
from octtutor.model.graph.openvino_import import has_openvino
from octtutor.model.network.backend import import_keras_quietly
from octtutor.model.network.scan_set import Progress

if TYPE_CHECKING:
    from octtutor.model.network.engine_contract import ServingEngine

DECK = Path(octtutor.phantom.__file__).parent / "deck"
"""The synthetic scans that come with the program."""
EVERY = 5
"""Of the deck's scans, as they lie in its folders: how many apart the ones are that are checked."""
MOST_PROBABILITY, MOST_MAP = 1e-3, 1e-2
"""How far a graph's answers and maps, the latter in shares of the largest value, may be off."""


@dataclass(frozen=True, slots=True)
class GraphCheck:
    """How a graph's answers and maps differ from those of Keras."""

    scans: int
    same_label: int
    probability: float
    """The largest difference of a probability."""
    map: float
    """The largest difference of a map, in shares of the map's largest value."""

    @property
    def fault(self) -> str | None:
        """What is too far off, None where nothing is (NaN is)."""
        if self.same_label < self.scans:
            return f"{self.scans - self.same_label} of {self.scans} scans got another label"
        if not self.probability <= MOST_PROBABILITY:
            return f"a probability was off by {self.probability:.2g}"
        if not self.map <= MOST_MAP:
            return f"a map was off by {self.map:.2g}"
        return None


def make_graph(folder: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Make a model's graph, check it against Keras on the embedded deck, and keep it.

    Args:
        folder: the model's; `graph.xml` and `graph.bin` are written, and its card.
        progress: called with (done, total) scans of the check.

    Returns:
        What the card says now, as `graph`: hashes and check, or `refused` and why; then there are
        no files, and Keras serves the model.

    Raises:
        ModelError: the model cannot be loaded, or OpenVINO is not installed.
        SettingsError: the folder cannot be written.
    """
    if not has_openvino():
        raise ModelError(
            "Expected the package openvino, which makes graphs. It is not installed. Install it: "
            "pip install openvino"
        )
    import_keras_quietly()
    from octtutor.model.graph.graph_drawing import draw
    from octtutor.model.graph.graph_steps import CannotConvertError
    from octtutor.model.serve.engine import KerasEngine
    from octtutor.model.serve.graph_engine import GraphEngine

    keras = KerasEngine.open(folder)
    with tempfile.TemporaryDirectory(prefix="octtutor-") as room:
        try:
            file = write_graph(draw(keras.network, keras.card), Path(room))
            graph = GraphEngine(folder, keras.card, file)
            checked = compare(keras, graph, EVERY, progress)
        except (CannotConvertError, ImportError, RuntimeError) as error:
            return refuse_graph(folder, " ".join(str(error).split())[:300])
        if checked.fault:
            return refuse_graph(folder, f"its graph does not answer as Keras does: {checked.fault}")
        return keep_graph(folder, Path(room), {"check": asdict(checked)})


def compare(
    keras: "ServingEngine",
    graph: "ServingEngine",
    every: int = 1,
    progress: Progress | None = None,
) -> GraphCheck:
    """Compare two engines of one model on the embedded deck, or on each so-many-th scan of it."""
    same, chances, maps, count = 0, 0.0, 0.0, 0
    for count, total, scan in _scans(keras, every):
        ours, theirs = keras.run(scan[None]), graph.run(scan[None])
        same += int(ours.probabilities.argmax() == theirs.probabilities.argmax())
        off = np.abs(ours.probabilities - theirs.probabilities).max()
        chances = float(np.maximum(chances, off))  # unlike max, it keeps a NaN
        maps = float(np.maximum(maps, _map_difference(keras, graph, scan)))
        if progress:
            progress(count, total)
    return GraphCheck(count, same, chances, maps)


def _map_difference(keras: "ServingEngine", graph: "ServingEngine", scan: Pixels) -> float:
    classes, off = range(len(keras.card.labels)), []
    for method in (DEFAULT_METHOD, "gradcam"):
        ours, theirs = (explain_raw(engine, scan, classes, method) for engine in (keras, graph))
        off.append(np.abs(ours - theirs).max() / max(float(ours.max()), 1e-12))
    return float(np.max(off))


def _scans(engine: "ServingEngine", every: int) -> Iterator[tuple[int, int, Pixels]]:
    """Yield number, how many there will be, and each scan prepared, uint8 (s, s)."""
    with open_source(DECK) as members:
        chosen = find_scans(members, DECK)[::every]
        for number, member in enumerate(chosen, start=1):
            yield number, len(chosen), engine.prepare(member.picture(member.read()))
