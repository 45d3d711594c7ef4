"""A model as the page and the tutor see it: loads in the background, remembers its answers."""

import io
import logging
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.core.prediction import Prediction
from octtutor.core.scheme import SchemeVersion
from octtutor.core.verdict import ScanVerdict, Standing
from octtutor.datasets.decode import Pixels
from octtutor.datasets.images import write_atomically
from octtutor.datasets.scan_picture import ScanPicture, as_picture
from octtutor.errors import ModelError, OctTutorError
from octtutor.model.explain.methods import DEFAULT_METHOD, VERSION
from octtutor.model.network.card import Card, read_card
from octtutor.model.network.preprocess import FRAMED, FedScan, Preprocessing
from octtutor.model.network.training_set import TrainingSet, read_training_set
from octtutor.model.ood.judging import PictureFacts, judge, look_at
from octtutor.model.ood.ood_score import OodDetector, OodScore, open_ood_detector
from octtutor.model.serve.engine_choice import BY_ITSELF, EngineChoice, open_engine
from octtutor.model.serve.network_lock import NetworkLock

if TYPE_CHECKING:
    from octtutor.model.network.engine_contract import ServingEngine

_log = logging.getLogger(__name__)
Maps = npt.NDArray[np.float32]
Originals = Callable[[str], ScanPicture]
T = TypeVar("T")
_JUDGED = 256
"""Scans whose verdicts are remembered."""
_LAID_SIDE = 160
"""Most pixels of a side of maps that lie on the scan rather than on a frame."""


class ModelPredictor:
    """Answers and explains scans with one model; may be called from any thread."""

    def __init__(
        self,
        folder: Path,
        cache: Path,
        originals: Originals | None = None,
        choice: EngineChoice = BY_ITSELF,
    ) -> None:
        """Name a model folder and where to keep its answers. Nothing is loaded yet.

        Args:
            folder: the model's.
            cache: where answers are kept.
            originals: gives a scan with its colours by SHA-256, for models that heed them.
            choice: what is to run the network.
        """
        self._folder, self._cache, self._originals = folder, cache, originals
        self._choice = choice
        self._started = threading.Lock()
        self._loaded = threading.Event()
        self._lock = NetworkLock()
        self._engine: ServingEngine | None = None
        self._detector: OodDetector | None = None
        self._fault: OctTutorError | None = None
        self._card: Card | None = None
        self._known: TrainingSet | None = None
        self._judged: dict[str, ScanVerdict] = {}

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
    def scheme(self) -> SchemeVersion:
        """The list of diagnoses that the model knows.

        Raises:
            ModelError: its card cannot be read.
        """
        return self._read_card().scheme

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
                self._known = read_training_set(self._folder)
        except ModelError as error:
            _log.warning("%s", error)
            self._known = TrainingSet(frozenset(), frozenset())
        return sha256 in self._known.files or patient in self._known.patients

    def read(self, sha256: str, scan: Pixels) -> tuple[Prediction, Maps]:
        """Answer and explain a scan, waiting for the model where needed.

        Args:
            sha256: of the scan's file.
            scan: uint8 (height, width).

        Returns:
            The prediction, and raw maps of the default method, float32 (k, h, w), in the order of
            the card's labels;
            stretched to the scan's size they lie on it.

        Raises:
            ModelError: the model cannot be used.
        """
        card, kept = self._read_card(), self._find(sha256, scan)
        named = zip(card.labels, kept.chances, strict=True)
        by_key = {label: float(chance) for label, chance in named}
        return Prediction(card.name, card.weights_sha256, by_key, card.scheme), kept.maps

    def judge(self, sha256: str, scan: Pixels) -> Standing:
        """Say what a scan is to the model, and whether it would answer it by itself; see `read`."""
        card, kept = self._read_card(), self._find(sha256, scan)
        found = self._judged.get(sha256)
        if found is None:
            picture = as_picture(self._original(sha256, scan))
            fed = Preprocessing.read(card.preprocessing, card.input_size).feed(picture)
            found = self._judge(sha256, look_at(picture, fed.prepared), kept.score)
        would_answer = card.standing(kept.chances, found.verdict)["would_answer"]
        return Standing(found, would_answer)

    def use_engine(self, use: "Callable[[ServingEngine], T]") -> T:
        """Return what `use` makes of the engine, one user at a time, waiting for the model.

        Raises:
            ModelError: the model cannot be used.
        """
        self.start()
        self._loaded.wait()
        if self._engine is None:
            raise self._fault or ModelError("The model cannot be used.")
        with self._lock:
            return use(self._engine)

    def let_others_in(self) -> None:
        """Let others have the engine now, in the midst of `use_engine`; between two calls of it."""
        self._lock.let_others_in()

    def _original(self, sha256: str, scan: Pixels) -> Pixels | ScanPicture:
        card = self._read_card()
        if self._originals is None or card.preprocessing.get("version") != FRAMED:
            return scan
        try:
            return self._originals(sha256)
        except OctTutorError:  # a scan that is drawn, not stored
            return scan

    def _find(self, sha256: str, scan: Pixels) -> "_Kept":
        """Recall what was found of a scan, or find it and keep it."""
        place = self._place(self._read_card(), sha256)
        kept = _recall(place, len(self._read_card().labels))
        if kept is None:
            picture = as_picture(self._original(sha256, scan))
            fed, kept = self.use_engine(lambda engine: _answer(engine, picture, self._detector))
            self._judge(sha256, look_at(picture, fed.prepared), kept.score)
            self._keep(place, kept)
        return kept

    def _judge(self, sha256: str, facts: PictureFacts, score: float | None) -> ScanVerdict:
        """Say what a picture is, and remember it for the question that follows the answer."""
        seen = None
        if score is not None:
            threshold = float(self._read_card().familiarity["threshold"])
            seen = OodScore(score, threshold, score <= threshold)
        found = self._judged[sha256] = judge(facts, seen)
        while len(self._judged) > _JUDGED:
            self._judged.pop(next(iter(self._judged)), None)
        return found

    def _keep(self, place: Path, found: "_Kept") -> None:
        buffer = io.BytesIO()
        score = [] if found.score is None else [found.score]
        np.savez(buffer, probabilities=found.chances, maps=found.maps, score=np.array(score))
        try:
            write_atomically(place, buffer.getvalue())
        except OctTutorError as error:
            _log.warning("the model's answer is not kept: %s", error)

    def _load(self) -> None:
        try:
            engine = open_engine(self._folder, self._choice)
            if engine.card.weights_sha256 != self._read_card().weights_sha256:
                raise ModelError(
                    f"Expected the model {self.name!r} as it was. Its folder was changed "
                    "meanwhile. Begin a new quiz."
                )
            side = engine.card.input_size
            _answer(
                engine, np.zeros((side, side), np.uint8), None
            )  # compile now, not at the reveal
            self._detector = _open_detector(self._folder)
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
        gauge = "".join(["-", str(card.familiarity.get("sha256"))[:8]] if card.familiarity else [])
        version = f"{card.weights_sha256[:16]}-{how.key}-{answer}-{DEFAULT_METHOD}{VERSION}{gauge}"
        return self._cache / version / sha256[:2] / f"{sha256}.npz"


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is kept of a scan."""

    chances: Maps
    """float32 (k,)."""
    maps: Maps
    score: float | None
    """How far the scan is from what the model knows; None where nobody can tell."""


def _open_detector(folder: Path) -> OodDetector | None:
    try:
        return open_ood_detector(folder)
    except ModelError as error:  # the answers are what is asked for
        _log.warning("%s", error)
        return None


def _answer(
    engine: "ServingEngine", picture: Pixels | ScanPicture, detector: OodDetector | None
) -> tuple[FedScan, _Kept]:
    fed = engine.how.feed(picture)
    output, raw = engine.read(fed.scan)
    maps = raw if fed.prepared is None else _laid(raw, fed)
    score = detector.measure(output.features)[0].score if detector else None
    return fed, _Kept(output.probabilities[0], maps, score)


def _laid(raw: Maps, fed: FedScan) -> Maps:
    """Lay maps of a frame, float32 (4, h, w), on the scan: no more than `_LAID_SIDE` high or wide.

    Their values are kept, so that they can be told apart by how strong they are.
    """
    scale = min(1.0, _LAID_SIDE / max(fed.shape))
    shape = (max(1, round(fed.shape[0] * scale)), max(1, round(fed.shape[1] * scale)))
    side = fed.scan.shape[::-1]
    large = (np.maximum(cv2.resize(one, side, interpolation=cv2.INTER_CUBIC), 0) for one in raw)
    return np.stack([fed.lay_on(one.astype(np.float32), shape) for one in large])


def _recall(place: Path, classes: int) -> _Kept | None:
    try:
        with np.load(io.BytesIO(place.read_bytes()), allow_pickle=False) as kept:
            chances, maps = kept["probabilities"], kept["maps"]
            if chances.shape != (classes,) or maps.ndim != 3 or len(maps) != classes:
                raise ValueError(f"{chances.shape}, {maps.shape}")
            score = kept.get("score", np.zeros(0))
            return _Kept(chances, maps, float(score[0]) if len(score) else None)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        _log.warning("a kept answer of the model is damaged and is made anew")
        return None
