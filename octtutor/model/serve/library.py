"""The network as a library: what `octtutor.load_model()` returns, and what it takes."""

import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from octtutor.core.scheme import OCT2017
from octtutor.core.verdict import Verdict
from octtutor.datasets.decode import (
    Pixels,
    check_numbers,
    check_size,
    decode_picture,
    to_picture,
    window,
)
from octtutor.datasets.fetch import fetch, is_url
from octtutor.datasets.scan_picture import ScanPicture
from octtutor.datasets.volumes import Volume, open_stream, open_volume
from octtutor.errors import BadScanError
from octtutor.model.explain.methods import DEFAULT_METHOD, explain, find_method
from octtutor.model.network.card import read_card
from octtutor.model.ood.judging import PictureFacts, judge, look_at
from octtutor.model.ood.ood_score import OodDetector, familiarity_fields, open_ood_detector
from octtutor.model.serve.engine_choice import BY_ITSELF, EngineChoice, open_engine
from octtutor.model.serve.network_lock import NetworkLock

if TYPE_CHECKING:
    from octtutor.model.network.engine_contract import Output, ServingEngine
    from octtutor.model.network.preprocess import FedScan
    from octtutor.model.serve.predictor import ModelPredictor
    from octtutor.model.serve.shelf import ModelShelf

Maps = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]
Scan = str | os.PathLike[str] | bytes | Image.Image | npt.NDArray[Any] | ScanPicture
T = TypeVar("T")
_COLOURS = (1, 3, 4)
"""Channels that an array may have."""


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """What a model says of one scan."""

    label: str
    """The most probable class."""
    probabilities: dict[str, float]
    """By class; they add up to 1."""
    familiar: bool | None
    """Whether the score does not pass the threshold; `verdict` says what that means. None: the
    model cannot tell."""
    score: float | None
    """How far the scan is from what the model knows (see `octtutor.model.ood.ood_score`)."""
    threshold: float | None
    """The score at which a scan stops being familiar."""
    model: str
    model_sha256: str
    verdict: Verdict = Verdict.SCAN
    """What the picture is; the answer counts for a `scan`, and is worth less for one `unlike`."""
    why: str = ""
    """Why that is said; empty for a scan."""
    would_answer: bool = True
    """Whether the model would give this answer by itself: the picture is a B-scan, and the highest
    probability reaches the one from which on its answers are right often enough (its card's)."""
    calibrated: bool = False
    """Whether it was measured, on scans like this, how far the probabilities mean what they say:
    the verdict is `scan`, and the card has the calibration error on held-out scans."""
    preparation: tuple[str, ...] = ()
    """What was done to the picture before the network saw it, a sentence each."""
    scheme: str = OCT2017.name
    """The name of the list of diagnoses that the classes are of."""


class Lender(Protocol):
    """Lends an engine to one user at a time."""

    def use_engine(self, use: "Callable[[ServingEngine], T]") -> T:
        """Return what `use` makes of the engine, waiting for it where needed."""

    def let_others_in(self) -> None:
        """Let others have the engine now, in the midst of `use`; between two calls of it."""


class OneAtATime:
    """Lends an engine of this process."""

    def __init__(self, engine: "ServingEngine") -> None:
        """Take the engine."""
        self._engine, self._lock = engine, NetworkLock()

    def use_engine(self, use: "Callable[[ServingEngine], T]") -> T:
        """See `Lender`."""
        with self._lock:
            return use(self._engine)

    def let_others_in(self) -> None:
        """See `Lender`."""
        self._lock.let_others_in()


class Model:
    """A model that answers and explains scans; may be called from any thread."""

    def __init__(self, folder: Path, lender: Lender) -> None:
        """Take the model's folder, and what lends its engine."""
        self.card = read_card(folder)
        self._user = lender
        self.folder = folder
        self._detector: tuple[OodDetector | None] | None = None

    @property
    def name(self) -> str:
        """The model's name."""
        return self.card.name

    def predict(self, scan: Scan) -> ModelAnswer:
        """Answer a scan.

        Args:
            scan: see `to_scan_picture`.

        Raises:
            BadScanError: it cannot be read as a scan.
            ModelError: the model cannot be used.
        """
        picture = to_scan_picture(scan)

        def run(engine: "ServingEngine") -> "tuple[FedScan, Output]":
            fed = engine.how.feed(picture)
            return fed, engine.run(fed.scan[None])

        fed, output = self._user.use_engine(run)
        return self._answer(look_at(picture, fed.prepared), fed, output)

    def explain(
        self,
        scan: Scan,
        label: str | None = None,
        method: str | None = None,
        progress: Progress | None = None,
    ) -> Maps:
        """Return where the network found evidence for a class.

        Args:
            scan: see `to_scan_picture`.
            label: the class; the model's answer by default.
            method: a key of `octtutor.model.explain.methods.METHODS`, by default its
                DEFAULT_METHOD.
            progress: called with (done, total); only slow methods do.

        Returns:
            float32 (height, width) of the scan's size, in [0, 1]; all 0 where there is no
            evidence.

        Raises:
            BadInputError: there is no such class or method.
            BadScanError: the scan cannot be read.
            ModelError: the model cannot be used.
        """
        picture = to_scan_picture(scan)
        labels: Sequence[str] = self.card.labels
        wanted = labels[self.card.index(label)] if label else self.predict(picture).label
        # all of them by default: that is what a server has compiled already
        labels = [wanted] if method and method != DEFAULT_METHOD else labels
        level = self.maps(picture, labels, method, progress)[labels.index(wanted)]
        return np.asarray(level, np.float32)

    def maps(
        self,
        scan: Scan,
        labels: Sequence[str] | None = None,
        method: str | None = None,
        progress: Progress | None = None,
    ) -> Maps:
        """Return the maps of classes, float32 (k, height, width), in [0, 1]; of all by default."""
        picture, how = to_scan_picture(scan), method or DEFAULT_METHOD
        find_method(how)
        classes = [self.card.index(label) for label in labels or self.card.labels]

        def step(done: int, total: int) -> None:
            if progress is not None:
                progress(done, total)
            self._user.let_others_in()

        return self._user.use_engine(lambda engine: explain(engine, picture, classes, how, step))

    def _answer(self, facts: PictureFacts, fed: "FedScan", output: "Output") -> ModelAnswer:
        detector, chances = self._open_detector(), output.probabilities[0]
        seen = detector.measure(output.features)[0] if detector else None
        found = judge(facts, seen)
        return ModelAnswer(
            label=self.card.labels[int(chances.argmax())],
            probabilities=self.card.by_label(map(float, chances)),
            scheme=self.card.scheme.name,
            verdict=found.verdict,
            why=found.why,
            **self.card.standing(chances, found.verdict),
            preparation=tuple(step.text for step in fed.steps),
            **familiarity_fields(seen),
            model=self.card.name,
            model_sha256=self.card.weights_sha256,
        )

    def _open_detector(self) -> OodDetector | None:
        if self._detector is None:
            self._detector = (open_ood_detector(self.folder),)
        return self._detector[0]


class ServedModel:
    """The model in use on a server, which is loaded there already; see `current`."""

    def __init__(self, shelf: "ModelShelf") -> None:
        """Take the models at hand."""
        self._shelf = shelf
        self._made: tuple[ModelPredictor, Model] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the model need not be waited for."""
        return self._shelf.current().is_ready

    def current(self) -> Model:
        """Return the model in use; what it answers is kept nowhere.

        Raises:
            ModelError: its folder cannot be read.
        """
        predictor = self._shelf.current()
        made = self._made
        if made is None or made[0] is not predictor:
            made = self._made = (predictor, Model(predictor.folder, predictor))
        return made[1]


def open_model(folder: Path, choice: EngineChoice = BY_ITSELF) -> Model:
    """Load the model of a folder, to be run by what is chosen.

    Raises:
        ModelError: it is damaged.
    """
    return Model(folder, OneAtATime(open_engine(folder, choice)))


def to_pixels(scan: Scan) -> Pixels:
    """Return any scan in grey, uint8 (height, width); see `to_scan_picture`."""
    return to_scan_picture(scan).grey


def to_scan_picture(scan: Scan) -> ScanPicture:
    """Return any scan as the network's preparation takes it.

    Args:
        scan: a path; a web address; a file's bytes; a Pillow image; or an array: grey
            (height, width), or with 1, 3 (RGB) or 4 (RGBA, uint8 only) channels, last or first.
            Of a volume's file the middle slice (`octtutor.datasets.volumes` gives the others).
            An array of uint8 is taken as it is; uint16, float and others are brought to 8 bits
            by `find_white`, so that a 16-bit scan and its 8-bit twin get the same answer. A
            `ScanPicture` says besides how large its pixels are, and how the scan lies.

    Raises:
        BadScanError: it is none of these, too small or too large, or has NaN in it.
        BadInputError: the web address cannot be fetched.
    """
    if isinstance(scan, ScanPicture):
        return replace(scan, pixels=_from_array(scan.pixels))
    if isinstance(scan, np.ndarray):
        return ScanPicture(_from_array(scan))
    if isinstance(scan, Image.Image):
        return ScanPicture(_from_image(scan))
    if isinstance(scan, bytes | bytearray | memoryview):
        return _middle(open_stream(partial(io.BytesIO, bytes(scan)), "scan"))
    if isinstance(scan, str) and is_url(scan):
        return ScanPicture(decode_picture(fetch(scan)))
    if isinstance(scan, str | os.PathLike):
        return _middle(open_volume(Path(scan)))
    raise BadScanError(
        "Expected a scan as a path, bytes, a Pillow image or an array. Received "
        f"{type(scan).__name__}. Convert it first."
    )


def _middle(volume: Volume) -> ScanPicture:
    return volume.picture(volume.middle)


def _from_image(image: Image.Image) -> Pixels:
    check_size(image.size[::-1], "image")
    return to_picture(image, "image")


def _from_array(array: npt.NDArray[Any]) -> Pixels:
    pixels = _channels_last(array)
    check_size(pixels.shape[:2], "array")
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype == np.uint8:
        return _from_image(Image.fromarray(np.ascontiguousarray(pixels)))
    _check_kind(pixels)
    check_numbers(pixels, "array")
    grey = (
        cv2.cvtColor(pixels.astype(np.float32), cv2.COLOR_RGB2GRAY) if pixels.ndim == 3 else pixels
    )
    return window(grey, "array")


def _channels_last(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    shape = array.shape
    if len(shape) == 3 and shape[-1] not in _COLOURS and shape[0] in _COLOURS:
        array = np.moveaxis(array, 0, -1)
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[-1] in _COLOURS):
        raise BadScanError(
            "Expected an array (height, width), or with 1, 3 or 4 channels last or first. "
            f"Received the shape {shape}. Give one scan at a time."
        )
    return array


def _check_kind(pixels: npt.NDArray[Any]) -> None:
    if pixels.dtype.kind not in "uif":
        raise BadScanError(
            f"Expected an array of whole numbers or floats. Received {pixels.dtype}. Convert it."
        )
    if pixels.ndim == 3 and pixels.shape[-1] == 4:
        raise BadScanError(
            f"Expected 1 or 3 channels in an array of {pixels.dtype}. Received 4. Leave the alpha "
            "channel out."
        )
