"""Runs an export and explains what it answered, as `KerasEngine` does, without its Keras model."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from octtutor.datasets.decode import Pixels
from octtutor.datasets.scan_picture import ScanPicture
from octtutor.errors import ModelError
from octtutor.model.exporting.export_draft import Floats, Run
from octtutor.model.exporting.facts import Dense, read_layers
from octtutor.model.exporting.formats import format_of
from octtutor.model.network.engine_contract import Output, softmax
from octtutor.model.network.preprocess import Preprocessing


class ExportedEngine:
    """An export, ready to answer; all it knows of the network is in the export's metadata."""

    def __init__(self, facts: Mapping[str, Any], run: Run) -> None:
        """Wrap what a format's `open` gives."""
        self.facts = facts
        self.how = Preprocessing.read(facts["preprocessing"], facts["preprocessing"]["size"])
        self._run, self._layers = run, read_layers(facts)

    @classmethod
    def open(cls, path: Path) -> "ExportedEngine":
        """Open an export of any format.

        Raises:
            ModelError: it is no export of this program.
        """
        return cls(*format_of(path).open(path))

    def prepare(self, scan: Pixels | ScanPicture) -> Pixels:
        """Prepare a scan, uint8 (height, width), as the metadata says: uint8 (s, s)."""
        return self.how.prepare(scan)

    def run(self, prepared: Pixels) -> Output:
        """Answer prepared scans, uint8 (n, s, s) (see `KerasEngine.run`)."""
        features, logits = self._run(self.how.to_input(prepared))
        mean = logits
        if self.facts["flip_average"]:
            mirrored = self._run(self.how.to_input(prepared[:, :, ::-1]))[1]
            mean = np.asarray((logits + mirrored) / 2, np.float32)
        return Output(features, logits, softmax(mean / self.facts["temperature"]))

    @property
    def explains(self) -> bool:
        """Whether the metadata says enough of the head for `gradcam`."""
        return self._layers is not None

    def gradcam(self, features: Floats, classes: Sequence[int]) -> Floats:
        """Explain from a feature map, (h, w, c) (see `octtutor.model.explain.gradcam`).

        Raises:
            ModelError: the head does not begin with global average pooling.
        """
        if self._layers is None:
            raise ModelError(
                "Expected a head of pooling and dense layers. This one is of kind "
                f"{self.facts['head']['kind']!r}. Explain with the Keras model."
            )
        pooled = features.mean((0, 1))
        weights = np.stack([_gradient(self._layers, pooled, label) for label in classes])
        area = features.shape[0] * features.shape[1]
        raw = np.einsum("hwc,kc->khw", features, weights / area)
        return np.asarray(np.maximum(raw, 0), np.float32)


def _gradient(layers: Sequence[Dense], pooled: Floats, label: int) -> Floats:
    """Return the gradient of a logit, float32 (c,), at pooled features (c,)."""
    active, x = [], pooled
    for kernel, bias in layers[:-1]:
        x = np.maximum(x @ kernel + bias, 0)
        active.append(x > 0)
    gradient = layers[-1][0][:, label]
    for (kernel, _), on in zip(reversed(layers[:-1]), reversed(active), strict=True):
        gradient = kernel @ (gradient * on)
    return gradient
