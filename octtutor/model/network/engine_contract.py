"""What an engine gives: a network that answers prepared scans and explains what it answered.

Methods of explanation take this contract; the engines themselves are in `octtutor.model.serve`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels
from octtutor.datasets.scan_picture import ScanPicture
from octtutor.model.network.card import Card
from octtutor.model.network.preprocess import Preprocessing

if TYPE_CHECKING:
    from octtutor.model.network.network import Network

Floats = npt.NDArray[np.float32]


class Engine(Protocol):
    """A network that can be asked, opened up and explained."""

    network: "Network"
    card: Card
    how: Preprocessing

    def prepare(self, scan: Pixels | ScanPicture) -> Pixels:
        """Prepare a scan, uint8 (height, width), as the model's card says: uint8 (s, s)."""
        ...

    def run(self, prepared: Pixels) -> "Output":
        """Answer prepared scans, uint8 (n, s, s), in one forward pass."""
        ...

    def gradcam(self, features: Floats, classes: Sequence[int]) -> Floats:
        """Explain from a feature map, float32 (h, w, c): maps, float32 (classes, h, w)."""
        ...


class ServingEngine(Protocol):
    """A network that answers and explains scans, as a server asks for it."""

    name: str
    """Of the engine: `openvino` or `keras`."""
    card: Card
    how: Preprocessing

    def prepare(self, scan: Pixels | ScanPicture) -> Pixels:
        """Prepare a scan, uint8 (height, width), as the model's card says: uint8 (s, s)."""
        ...

    def run(self, prepared: Pixels) -> "Output":
        """Answer prepared scans, uint8 (n, s, s)."""
        ...

    def read(self, prepared: Pixels) -> "tuple[Output, Floats]":
        """Answer a prepared scan, uint8 (s, s), with its raw default maps of every class."""
        ...

    def ready_maps(self, prepared: Pixels, method: str) -> Floats | None:
        """Return raw maps of every class, float32 (k, h, w), None where `opened` makes them."""
        ...

    def opened(self) -> Engine:
        """Return the network as one that can be opened up, for every method of explanation."""
        ...


@dataclass(frozen=True, slots=True)
class Output:
    """What a forward pass gives.

    `features` float32 (n, h, w, c), or only their mean over the places, (n, 1, 1, c), where the
    engine keeps no more, and `logits` float32 (n, k) are of the scans as they are;
    `probabilities` float32 (n, k) are the answer, averaged with the mirrored scans where the
    card says so.
    """

    features: Floats
    logits: Floats
    probabilities: Floats


def softmax(logits: Floats) -> Floats:
    """Return probabilities, float32 (n, k), of logits (n, k)."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), np.float32)
