"""What a network is fed. Defined once; every model's card says which of it is the model's own."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels
from octtutor.datasets.fill import without_fill
from octtutor.errors import ModelError

VERSION = "1"
PAINTED, KEPT = "painted", "kept"
_FILLS = {
    PAINTED: "white fill of straightened scans (areas >= 245 reaching the border) painted with "
    "the median of the rest",
    KEPT: "white fill of straightened scans kept",
}
_Three = tuple[float, float, float]
_ZERO: _Three = (0.0, 0.0, 0.0)
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SCALINGS: dict[str, tuple[_Three, float, _Three, str]] = {
    "127/128": ((127.0,) * 3, 128.0, (1.0,) * 3, "(value - 127) / 128"),
    "1/255": (_ZERO, 255.0, (1.0,) * 3, "value / 255"),
    "-1..1": ((127.5,) * 3, 127.5, (1.0,) * 3, "value / 127.5 - 1"),
    "0..255": (_ZERO, 1.0, (1.0,) * 3, "the value itself (the network scales it)"),
    "mean-std": (
        (255 * _MEAN[0], 255 * _MEAN[1], 255 * _MEAN[2]),
        255.0,
        _STD,
        "value / 255, less ImageNet's mean, by its deviation, in RGB",
    ),
    "mean-bgr": ((103.939, 116.779, 123.68), 1.0, (1.0,) * 3, "value less ImageNet's mean in BGR"),
}
"""By name: what is taken away, what divides, what divides each channel, and this in words."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a scan becomes a network's input: its side, its scaling, and the white fill."""

    size: int
    """Side of the input, pixels."""
    scaling: str = "127/128"
    """A key of SCALINGS."""
    fill: str = PAINTED
    """`painted` or `kept`."""

    @classmethod
    def read(cls, facts: Mapping[str, Any], size: int) -> "Preprocessing":
        """Read it from a card's `preprocessing`; a missing key has its first meaning.

        Raises:
            ModelError: the version, the scaling or the fill is not known here.
        """
        scaling, fill = facts.get("scaling", "127/128"), facts.get("fill", PAINTED)
        found = (facts.get("version"), scaling, fill)
        if found[0] != VERSION or scaling not in list(SCALINGS) or fill not in list(_FILLS):
            raise ModelError(
                f"Expected a model for preprocessing {VERSION!r}, scaled as one of "
                f"{', '.join(SCALINGS)}, fill {' or '.join(_FILLS)}. Received one for "
                f"{', '.join(str(part)[:40] for part in found)}: it would be fed something else. "
                "Use another octtutor, or train again."
            )
        return cls(size, scaling, fill)

    def as_facts(self) -> dict[str, str]:
        """Return what goes into the card."""
        return {
            "version": VERSION,
            "scaling": self.scaling,
            "fill": self.fill,
            "what": f"grey; {_FILLS[self.fill]}; resized to the input size (area averaging); "
            f"three equal channels; {SCALINGS[self.scaling][3]}",
        }

    @property
    def key(self) -> str:
        """A short name of this way of preparing; that of the first models is the version."""
        if self == Preprocessing(self.size):
            return VERSION
        text = json.dumps([VERSION, self.size, self.scaling, self.fill])
        return f"{VERSION}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def prepare(self, scan: Pixels) -> Pixels:
        """Make a scan ready for the network, still as bytes (small to cache and to augment).

        Args:
            scan: uint8 (height, width).

        Returns:
            uint8 (size, size).
        """
        bare = without_fill(scan) if self.fill == PAINTED else scan
        side = (self.size, self.size)
        return cv2.resize(bare, side, interpolation=cv2.INTER_AREA).astype(np.uint8)

    def to_input(self, prepared: Pixels) -> npt.NDArray[np.float32]:
        """Turn prepared scans, uint8 (n, size, size), into float32 (n, size, size, 3)."""
        return np.take(_table(self.scaling), prepared, axis=0)


@cache
def _table(scaling: str) -> npt.NDArray[np.float32]:
    # one row a grey value: float32 (256, 3)
    less, by, each, _ = SCALINGS[scaling]
    grey = np.arange(256, dtype=np.float64)[:, None]
    return np.ascontiguousarray((grey - np.array(less)) / by / np.array(each), np.float32)


DESCRIPTION = Preprocessing(224).as_facts()["what"]


def prepare(scan: Pixels, size: int) -> Pixels:
    """Make a scan ready as the shipped network takes it (see `Preprocessing.prepare`)."""
    return Preprocessing(size).prepare(scan)


def to_input(prepared: Pixels) -> npt.NDArray[np.float32]:
    """Scale prepared scans, uint8 (n, s, s), as the shipped network takes them.

    Returns:
        float32 (n, s, s, 3), in [-0.993, 1].
    """
    return Preprocessing(prepared.shape[-1]).to_input(prepared)
