"""What every format's writer gets, and what every format's reader gives."""

import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels
from octtutor.model.exporting.facts import FEATURES, LOGITS
from octtutor.model.network.preprocess import Preprocessing

if TYPE_CHECKING:
    import keras

    from octtutor.model.network.network import Network

FLOAT32, FLOAT16, INT8 = "float32", "float16", "int8"
Floats = npt.NDArray[np.float32]
Run = Callable[[Floats], tuple[Floats, Floats]]
"""From inputs, float32 (n, s, s, 3), to feature maps (n, h, w, c) and logits (n, 4)."""


@dataclass(frozen=True, slots=True)
class ExportDraft:
    """A network to be written, with what is said of it and how it is to be quantised."""

    network: "Network"
    how: Preprocessing
    facts: dict[str, Any]
    quantise: str
    calibration: Pixels
    """Prepared scans, uint8 (n, s, s), whose ranges count for int8; none for other kinds."""

    def both(self) -> "keras.Model":
        """Return both rooms as one model that gives feature map and logits."""
        import keras

        features = self.network.backbone.output
        outputs = {FEATURES: features, LOGITS: self.network.head(features)}
        return keras.Model(self.network.backbone.input, outputs)

    def samples(self) -> Iterator[Floats]:
        """Yield the calibration scans and their mirror images, each float32 (1, s, s, 3)."""
        for scan in self.calibration:
            yield self.how.to_input(scan[None])
            yield self.how.to_input(scan[None, :, ::-1])


@dataclass(frozen=True, slots=True)
class Format:
    """A format: what its exports are called, what it needs, and its two functions."""

    name: str
    suffix: str
    is_folder: bool
    quantise: tuple[str, ...]
    """The kinds of numbers it can be written in."""
    packages: tuple[str, ...]
    """Modules that `octtutor[export]` installs for it."""
    write: Callable[[ExportDraft, Path], None]
    open: Callable[[Path], tuple[dict[str, Any], Run]]
    """Returns the metadata and a function that runs the network."""
    holds: str = ""
    """Of a folder: the file by which it is told from those of other formats."""

    def is_export(self, path: Path) -> bool:
        """Whether what lies there is of this format, by its name and its kind."""
        if self.is_folder:
            return (path / self.holds).is_file() if self.holds else path.is_dir()
        return path.suffix == self.suffix and path.is_file()


@contextmanager
def quiet() -> Iterator[None]:
    """Drop what converters print about themselves, mostly straight to file descriptor 2."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
