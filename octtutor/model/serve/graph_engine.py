"""Runs a model's graph in OpenVINO: answer, pooled features and maps of one look at a scan."""

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels
from octtutor.datasets.scan_picture import ScanPicture
from octtutor.model.explain.methods import DEFAULT_METHOD
from octtutor.model.graph.graph_file import check_graph
from octtutor.model.graph.openvino_import import import_openvino
from octtutor.model.graph.outputs import FINECAM, GRADCAM, LOGITS, POOLED, SCAN
from octtutor.model.network.backend import import_keras_quietly
from octtutor.model.network.card import Card
from octtutor.model.network.engine_contract import Output, softmax
from octtutor.model.network.preprocess import Preprocessing
from octtutor.model.serve.model_registry import check_files

if TYPE_CHECKING:
    from octtutor.model.serve.engine import KerasEngine

Floats = npt.NDArray[np.float32]
_MAPS = (GRADCAM, FINECAM)


class GraphEngine:
    """A network in OpenVINO, ready to answer; one user at a time."""

    name = "openvino"

    def __init__(self, folder: Path, card: Card, file: Path) -> None:
        """Compile the graph of a model; see `open`."""
        self._folder, self._file = folder, file
        self.card = card
        self.how = Preprocessing.read(card.preprocessing, card.input_size)
        self._look = compile_graph(open_core().read_model(file)).create_infer_request()
        self._seen: tuple[Pixels, dict[str, Floats]] | None = None
        self._keras: KerasEngine | None = None

    @classmethod
    def open(cls, folder: Path) -> "GraphEngine":
        """Open a model folder's graph after checking it.

        Raises:
            ModelError: see `check_files` and `check_graph`.
            ImportError, RuntimeError: OpenVINO cannot run it here.
        """
        return cls(folder, check_files(folder), check_graph(folder))

    def prepare(self, scan: Pixels | ScanPicture) -> Pixels:
        """Prepare a scan, uint8 (height, width), as this model's card says: uint8 (s, s)."""
        return self.how.prepare(scan)

    def run(self, prepared: Pixels) -> Output:
        """Answer prepared scans, uint8 (n, s, s); of a single one the maps are made besides."""
        if len(prepared) == 1:
            return self._output(self._see(prepared[0]), 1)
        self._many.infer([prepared])
        found = {name: _copy(self._many, name) for name in (LOGITS, POOLED)}
        return self._output(found, len(prepared))

    def read(self, prepared: Pixels) -> tuple[Output, Floats]:
        """See `ServingEngine`: one look gives both."""
        found = self._see(prepared)
        return self._output(found, 1), found[DEFAULT_METHOD]

    def ready_maps(self, prepared: Pixels, method: str) -> Floats | None:
        """See `ServingEngine`: the graph makes `fine-cam` and `gradcam`."""
        return self._see(prepared)[method] if method in _MAPS else None

    def opened(self) -> "KerasEngine":
        """See `ServingEngine`: the same network in Keras, which is imported for it."""
        if self._keras is None:
            import_keras_quietly()
            from octtutor.model.serve.engine import KerasEngine

            self._keras = KerasEngine.open(self._folder)
        return self._keras

    def _see(self, prepared: Pixels) -> dict[str, Floats]:
        """Return all that the graph says of a scan; that of the last one is remembered."""
        if self._seen is None or not np.array_equal(self._seen[0], prepared):
            self._look.infer([prepared[None]])
            found = {name: _copy(self._look, name) for name in (LOGITS, POOLED, *_MAPS)}
            self._seen = prepared.copy(), found
        return self._seen[1]

    def _output(self, found: dict[str, Floats], n: int) -> Output:
        logits, pooled = found[LOGITS], found[POOLED]
        mean = np.float32(0.5) * (logits[:n] + logits[n:]) if self.card.flip_average else logits
        features = pooled[:n, None, None]
        return Output(features, logits[:n], softmax(mean / self.card.temperature))

    @cached_property
    def _many(self) -> Any:
        """The graph without maps, for any number of scans."""
        whole = open_core().read_model(self._file)
        wanted = [whole.output(name).get_node() for name in (LOGITS, POOLED)]
        answering = import_openvino().Model(wanted, whole.get_parameters(), "answering")
        side = self.how.size
        answering.reshape({SCAN: [-1, side, side]})
        return compile_graph(answering).create_infer_request()


def open_core() -> Any:
    """Return OpenVINO's core, which reads and compiles."""
    return import_openvino().Core()


def compile_graph(model: Any) -> Any:
    """Compile a model of OpenVINO for this processor, to answer as soon as can be.

    Like other libraries it uses as many threads as OMP_NUM_THREADS says, by default all.
    """
    settings: dict[str, Any] = {
        # where the processor has bfloat16, OpenVINO would take it and move logits by a fifth
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
    }
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdecimal() and int(threads):
        settings["INFERENCE_NUM_THREADS"] = int(threads)
    return open_core().compile_model(model, "CPU", settings)


def _copy(request: Any, name: str) -> Floats:
    return np.array(request.get_tensor(name).data, np.float32)
