"""A model as the page and the tutor see it: loads in the background, remembers its answers."""

import io
import logging
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from octtutor.core.diagnosis import LABELS
from octtutor.core.prediction import Prediction
from octtutor.datasets.decode import Pixels
from octtutor.datasets.images import write_atomically
from octtutor.errors import ModelError, OctTutorError
from octtutor.model.backend import import_keras_quietly
from octtutor.model.card import Card, read_card
from octtutor.model.explaining import DEFAULT_METHOD, VERSION, explain_raw
from octtutor.model.known import Known, read_known
from octtutor.model.preprocess import Preprocessing
from octtutor.model.turns import Turn

if TYPE_CHECKING:
    from octtutor.model.engine import KerasEngine

_log = logging.getLogger(__name__)
Maps = npt.NDArray[np.float32]
T = TypeVar("T")


class ModelPredictor:
    """Answers and explains scans with one model; may be called from any thread."""

    def __init__(self, folder: Path, cache: Path) -> None:
        """Name a model folder and where to keep its answers. Nothing is loaded yet."""
        self._folder, self._cache = folder, cache
        self._started = threading.Lock()
        self._loaded = threading.Event()
        self._turn = Turn()
        self._engine: KerasEngine | None = None
        self._fault: OctTutorError | None = None
        self._card: Card | None = None
        self._known: Known | None = None

    @property
    def name(self) -> str:
        """The model's name."""
        return self._folder.name

    @property
    def folder(self) -> Path:
        """The model's folder."""
        return self._folder

    @property
    def sha256(self) -> str | None:
        """SHA-256 of the weights as the card gives it, None where it cannot be read."""
        try:
            return self._read_card().weights_sha256
        except ModelError:
            return None

    @property
    def is_ready(self) -> bool:
        """Whether loading has ended, well or not."""
        return self._loaded.is_set()

    @property
    def fault(self) -> str | None:
        """Why the model cannot be used, None while it can or is still loading."""
        return str(self._fault) if self._fault else None

    def start(self) -> None:
        """Begin to load in a thread of its own; once is enough."""
        if self._started.acquire(blocking=False):
            threading.Thread(target=self._load, name="model-loader", daemon=True).start()

    def knows(self, sha256: str) -> bool:
        """Whether this scan was answered before, so that `read` need not wait."""
        try:
            return self._place(self._read_card(), sha256).exists()
        except OctTutorError:
            return False

    def trained_on(self, sha256: str, patient: str) -> bool:
        """Whether the model was trained on this scan, or on another of this patient."""
        try:
            if self._known is None:
                self._known = read_known(self._folder)
        except ModelError as error:
            _log.warning("%s", error)
            self._known = Known(frozenset(), frozenset())
        return sha256 in self._known.files or patient in self._known.patients

    def read(self, sha256: str, scan: Pixels) -> tuple[Prediction, Maps]:
        """Answer and explain a scan, waiting for the model where needed.

        Args:
            sha256: of the scan's file.
            scan: uint8 (height, width).

        Returns:
            The prediction, and raw maps of the default method, float32 (4, h, w), in LABELS order.

        Raises:
            ModelError: the model cannot be used.
        """
        card = self._read_card()
        kept = _recall(self._place(card, sha256))
        if kept is None:
            kept = self._compute(scan)
            self._keep(self._place(card, sha256), *kept)
        chances, maps = kept
        four = tuple(float(chance) for chance in chances)
        return Prediction(card.name, card.weights_sha256, four), maps  # type: ignore[arg-type]

    def lend(self, use: "Callable[[KerasEngine], T]") -> T:
        """Return what `use` makes of the engine, one user at a time, waiting for the model.

        Raises:
            ModelError: the model cannot be used.
        """
        self.start()
        self._loaded.wait()
        if self._engine is None:
            raise self._fault or ModelError("The model cannot be used.")
        with self._turn:
            return use(self._engine)

    def give_way(self) -> None:
        """Let others have the engine now, in the midst of `lend`; between two calls of it."""
        self._turn.give_way()

    def _compute(self, scan: Pixels) -> tuple[Maps, Maps]:
        return self.lend(lambda engine: _answer(engine, engine.prepare(scan)))

    def _keep(self, place: Path, chances: Maps, maps: Maps) -> None:
        buffer = io.BytesIO()
        np.savez(buffer, probabilities=chances, maps=maps)
        try:
            write_atomically(place, buffer.getvalue())
        except OctTutorError as error:
            _log.warning("the model's answer is not kept: %s", error)

    def _load(self) -> None:
        try:
            import_keras_quietly()
            from octtutor.model.engine import KerasEngine

            engine = KerasEngine.open(self._folder)
            if engine.card.weights_sha256 != self._read_card().weights_sha256:
                raise ModelError(
                    f"Expected the model {self.name!r} as it was. Its folder was changed "
                    "meanwhile. Begin a new quiz."
                )
            side = engine.card.input_size
            _answer(engine, np.zeros((side, side), np.uint8))  # compile now, not at the reveal
            self._engine = engine
        except OctTutorError as error:
            self._fault = error
        except Exception as error:
            _log.exception("the model did not load")
            self._fault = ModelError(f"The model {self.name!r} did not load: {error}.")
        finally:
            self._loaded.set()

    def _read_card(self) -> Card:
        if self._card is None:
            self._card = read_card(self._folder)
        return self._card

    def _place(self, card: Card, sha256: str) -> Path:
        how = Preprocessing.read(card.preprocessing, card.input_size)
        answer = f"{card.temperature:g}{'m' if card.flip_average else ''}"
        version = f"{card.weights_sha256[:16]}-{how.key}-{answer}-{DEFAULT_METHOD}{VERSION}"
        return self._cache / version / sha256[:2] / f"{sha256}.npz"


def _answer(engine: "KerasEngine", prepared: Pixels) -> tuple[Maps, Maps]:
    output = engine.run(prepared[None])
    return output.probabilities[0], explain_raw(engine, prepared, range(len(LABELS)))


def _recall(place: Path) -> tuple[Maps, Maps] | None:
    try:
        with np.load(io.BytesIO(place.read_bytes()), allow_pickle=False) as kept:
            chances, maps = kept["probabilities"], kept["maps"]
            if chances.shape != (len(LABELS),) or maps.ndim != 3 or len(maps) != len(LABELS):
                raise ValueError(f"{chances.shape}, {maps.shape}")
            return chances, maps
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        _log.warning("a kept answer of the model is damaged and is made anew")
        return None
