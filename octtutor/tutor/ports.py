"""What the use cases need of the rooms beside them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from octtutor.core.prediction import Prediction
from octtutor.core.scheme import SchemeVersion
from octtutor.core.verdict import Standing
from octtutor.datasets.decode import Pixels

Clock = Callable[[], datetime]
"""Returns the present time, UTC-aware."""
Maps = npt.NDArray[np.float32]


class Predictor(Protocol):
    """A model that answers and explains scans."""

    @property
    def name(self) -> str:
        """The model's name."""

    @property
    def sha256(self) -> str | None:
        """SHA-256 of the model's weights, None where its folder cannot be read."""

    @property
    def scheme(self) -> SchemeVersion:
        """The list of diagnoses that it knows.

        Raises:
            ModelError: its folder cannot be read.
        """

    @property
    def is_ready(self) -> bool:
        """Whether loading has ended, well or not."""

    @property
    def fault(self) -> str | None:
        """Why the model cannot be used, None while it can or is still loading."""

    def knows(self, sha256: str) -> bool:
        """Whether `read` would answer at once, without the model."""

    def trained_on(self, sha256: str, patient: str) -> bool:
        """Whether the model was trained on this scan, or on another of this patient."""

    def read(self, sha256: str, scan: Pixels) -> tuple[Prediction, Maps]:
        """Answer and explain a scan uint8 (height, width), waiting for the model.

        Returns:
            The prediction, and raw maps float32 (k, h, w), not negative, in its order.

        Raises:
            ModelError: the model cannot be used.
        """

    def judge(self, sha256: str, scan: Pixels) -> Standing:
        """Say what the scan is to the model, and whether it would answer it by itself.

        Raises:
            ModelError: the model cannot be used.
        """


class Shelf(Protocol):
    """The models at hand."""

    def current(self) -> Predictor:
        """Return the model that new quizzes get; it loads beside the page.

        Another process may change which one it is at any time.
        """

    def recorded(self, name: str | None, sha256: str | None) -> Predictor:
        """Return the model that a quiz began with.

        Args:
            name: the model's; None for quizzes that recorded none: the shipped model.
            sha256: of its weights.

        Raises:
            ModelError: it is not there any more.
        """


@dataclass(frozen=True, slots=True)
class DeckLabelIssue:
    """A scan, its label, and how far a network that never saw the patient believes it.

    Attributes:
        name: of its file.
        sha256: of its file.
        label: as it is labelled.
        likely: the most probable class but that.
        chance: probability of the label, 0 to 1.
        suspect: whether confident learning counts the label as wrong.
    """

    name: str
    sha256: str
    label: str
    likely: str
    chance: float
    suspect: bool


class LabelCheck(Protocol):
    """What a cross-validated network doubts of a deck's labels, the most doubtful first."""

    def look(
        self, deck: str, progress: Callable[[int, int], None] | None = None
    ) -> tuple[DeckLabelIssue, ...]:
        """Reckon it, or recall it.

        Raises:
            BadInputError: the deck has too few scans, classes or patients for it.
        """

    def recall(self, deck: str) -> tuple[DeckLabelIssue, ...]:
        """Return what was reckoned of the deck as it is; empty where nothing was."""


class Images(Protocol):
    """The scans on disk."""

    def put(self, data: bytes) -> str:
        """Store a file and return its SHA-256."""

    def remove(self, digest: str) -> None:
        """Remove a file."""

    def sweep(self) -> None:
        """Remove what interrupted writers left."""

    def read(self, digest: str) -> Pixels:
        """Decode a stored scan or mask, uint8 (height, width)."""

    def place(self, digest: str) -> Path:
        """Return where a file is on disk."""
