"""Runs a network on scans, and explains what it answered. The page's and the commands' way in."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels
from octtutor.datasets.scan_picture import ScanPicture
from octtutor.model.explain.methods import explain_raw
from octtutor.model.network.card import Card
from octtutor.model.network.engine_contract import Output, softmax
from octtutor.model.network.model_folder import load_network
from octtutor.model.network.network import Network
from octtutor.model.network.preprocess import Preprocessing

Floats = npt.NDArray[np.float32]


class KerasEngine:
    """A network in Keras, ready to answer."""

    name = "keras"

    def __init__(self, network: Network, card: Card) -> None:
        """Wrap a network; `compile` is left to the first call."""
        self.network = network
        self.card = card
        self.how = Preprocessing.read(card.preprocessing, card.input_size)
        self._run = _compiled(network)

    @classmethod
    def open(cls, folder: Path) -> "KerasEngine":
        """Load a model folder (see `load_network` for what it raises)."""
        return cls(*load_network(folder))

    def prepare(self, scan: Pixels | ScanPicture) -> Pixels:
        """Prepare a scan, uint8 (height, width), as this model's card says: uint8 (s, s)."""
        return self.how.prepare(scan)

    def run(self, prepared: Pixels) -> Output:
        """Answer prepared scans, uint8 (n, s, s), in one forward pass.

        Their mirror images are in the same batch where the card says so.
        """
        features, logits, mean = self._forward(prepared)
        return Output(features, logits, softmax(mean / self.card.temperature))

    def read(self, prepared: Pixels) -> tuple[Output, Floats]:
        """Answer a prepared scan, uint8 (s, s), with its raw default maps of every class."""
        classes = range(len(self.card.labels))
        return self.run(prepared[None]), explain_raw(self, prepared, classes)

    def ready_maps(self, prepared: Pixels, method: str) -> Floats | None:
        """See `ServingEngine`: the methods make all maps of this network."""
        return None

    def opened(self) -> "KerasEngine":
        """See `ServingEngine`."""
        return self

    def logits_many(self, prepared: Pixels, batch: int = 16) -> Floats:
        """Return the logits, float32 (n, k), of many prepared scans, before the temperature.

        They are the mean over each scan and its mirror image where the card says so.
        """
        parts = [
            self._forward(prepared[start : start + batch])[2]
            for start in range(0, len(prepared), batch)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.card.labels)), np.float32)

    def run_many(self, prepared: Pixels, batch: int = 16) -> Floats:
        """Answer many prepared scans, uint8 (n, s, s): probabilities, float32 (n, k)."""
        return softmax(self.logits_many(prepared, batch) / self.card.temperature)

    def _forward(self, prepared: Pixels) -> tuple[Floats, Floats, Floats]:
        """Return feature maps, logits, and the logits' mean over the mirror images."""
        n = len(prepared)
        batch = np.concatenate([prepared, prepared[:, :, ::-1]]) if self._flips else prepared
        features, logits = self._run(self.how.to_input(batch))
        mean = (logits[:n] + logits[n:]) / 2 if self._flips else logits
        return features[:n], logits[:n], mean

    def gradcam(self, features: Floats, classes: Sequence[int]) -> Floats:
        """Explain from a feature map (see `octtutor.model.explain.gradcam`)."""
        from octtutor.model.explain.gradcam import gradcam

        return gradcam(self.network.head, features, classes)

    @property
    def _flips(self) -> bool:
        return self.card.flip_average


def _compiled(network: Network):  # type: ignore[no-untyped-def]
    features = network.backbone.output
    both = keras.Model(network.backbone.input, [features, network.head(features)])
    both.compile(jit_compile=False)  # XLA makes depthwise networks slower on CPUs

    def run(batch: Floats) -> tuple[Floats, Floats]:
        features, logits = both.predict_on_batch(batch)
        return np.asarray(features), np.asarray(logits)

    return run
