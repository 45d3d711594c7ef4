"""What a network is fed. Defined once; every model's card says which of it is the model's own."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels
from octtutor.datasets.fill import without_fill
from octtutor.datasets.preparation import PreparationStep, Prepared, ScanFrame
from octtutor.datasets.preparation import prepare as prepare_framed
from octtutor.datasets.scan_picture import ScanPicture, as_picture
from octtutor.errors import ModelError

VERSION, FRAMED = "1", "2"
"""The first way (resized to a square) and the second (`docs/preparation.md`)."""
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
class FedScan:
    """A scan as a network is fed it, and how that lies on the picture that it was made from."""

    scan: Pixels
    """uint8 (size, size)."""
    shape: tuple[int, int]
    """Height and width of the picture, pixels."""
    prepared: Prepared | None = None
    """What the second way did; None for the first."""

    @property
    def steps(self) -> tuple[PreparationStep, ...]:
        """What was done to the picture, in order, for a person; none for the first way."""
        return () if self.prepared is None else self.prepared.steps

    def lay_on(
        self, level: npt.NDArray[np.float32], shape: tuple[int, int] | None = None
    ) -> npt.NDArray[np.float32]:
        """Lay a map of what the network was fed on the picture.

        Args:
            level: float32 (size, size).
            shape: height and width of the picture as it is shown; its own by default.

        Returns:
            float32 of that shape; 0 where the network was not shown the picture.
        """
        height, width = shape or self.shape
        if self.prepared is None:
            large = cv2.resize(level, (width, height), interpolation=cv2.INTER_CUBIC)
            return large.astype(np.float32)
        shown = replace(self.prepared, to_picture=self._to_shown(height, width))
        return np.asarray(shown.on_picture(level, (height, width)), np.float32)

    def bring(self, level: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Bring a map of the picture, float32 of its `shape`, to what the network was fed.

        Returns:
            float32 (size, size); 0 where that shows nothing of the picture.
        """
        size = self.scan.shape[::-1]
        if self.prepared is None:
            small = cv2.resize(level, size, interpolation=cv2.INTER_AREA)
            return small.astype(np.float32)
        half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
        centres = np.linalg.inv(half) @ self.prepared.to_picture @ half
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpPerspective(level, centres, size, flags=how), np.float32)

    def _to_shown(self, height: int, width: int) -> npt.NDArray[np.float64]:
        assert self.prepared is not None
        scale = np.diag([width / self.shape[1], height / self.shape[0], 1.0])
        return np.asarray(scale @ self.prepared.to_picture, np.float64)


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a scan becomes a network's input: its side, its scaling, and the white fill."""

    size: int
    """Side of the input, pixels."""
    scaling: str = "127/128"
    """A key of SCALINGS."""
    fill: str = PAINTED
    """`painted` or `kept`."""
    frame: ScanFrame | None = None
    """What the second way brings scans to; None for the first."""

    @property
    def version(self) -> str:
        """`1` or `2`."""
        return VERSION if self.frame is None else FRAMED

    def framed(self) -> "Preprocessing":
        """Return the second way of preparing for the same network."""
        return replace(self, fill=PAINTED, frame=ScanFrame.of_side(self.size))

    @classmethod
    def read(cls, facts: Mapping[str, Any], size: int) -> "Preprocessing":
        """Read it from a card's `preprocessing`; a missing key has its first meaning.

        Raises:
            ModelError: the version, the scaling or the fill is not known here.
        """
        scaling, fill = facts.get("scaling", "127/128"), facts.get("fill", PAINTED)
        found = (facts.get("version"), scaling, fill)
        if (
            found[0] not in (VERSION, FRAMED)
            or scaling not in list(SCALINGS)
            or fill not in list(_FILLS)
        ):
            raise ModelError(
                f"Expected a model for preprocessing {VERSION!r} or {FRAMED!r}, scaled as one of "
                f"{', '.join(SCALINGS)}, fill {' or '.join(_FILLS)}. Received one for "
                f"{', '.join(str(part)[:40] for part in found)}: it would be fed something else. "
                "Use another octtutor, or train again."
            )
        return cls(size, scaling, fill, None if found[0] == VERSION else _read_frame(facts, size))

    def as_facts(self) -> dict[str, Any]:
        """Return what goes into the card."""
        if self.frame is not None:
            return {
                "version": FRAMED,
                "scaling": self.scaling,
                "fill": self.fill,
                "frame": self.frame.as_facts(),
                "what": f"grey; device palettes undone; righted; marks painted over; "
                f"{_FILLS[self.fill]}; laid into a frame of {self.frame}; three equal channels; "
                f"{SCALINGS[self.scaling][3]}",
            }
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
        facts: list[Any] = [self.version, self.size, self.scaling, self.fill]
        if self.frame is not None:
            facts.append(self.frame.as_facts())
        text = json.dumps(facts)
        return f"{self.version}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def feed(self, scan: Pixels | ScanPicture) -> FedScan:
        """Make a scan ready for the network, and keep how it lies on the picture.

        Args:
            scan: uint8 (height, width), or (height, width, 3) in RGB; or one with what its file
                says of it, which the second way heeds.
        """
        picture = as_picture(scan)
        if self.frame is not None:
            prepared = prepare_framed(picture.pixels, picture.spacing, self.frame)
            return FedScan(prepared.scan, picture.shape, prepared)
        grey = picture.grey
        bare = without_fill(grey) if self.fill == PAINTED else grey
        side = (self.size, self.size)
        small = cv2.resize(bare, side, interpolation=cv2.INTER_AREA).astype(np.uint8)
        return FedScan(small, picture.shape)

    def prepare(self, scan: Pixels | ScanPicture) -> Pixels:
        """Make a scan ready for the network, still as bytes (small to cache and to augment).

        Args:
            scan: see `feed`.

        Returns:
            uint8 (size, size).
        """
        return self.feed(scan).scan

    def to_input(self, prepared: Pixels) -> npt.NDArray[np.float32]:
        """Turn prepared scans, uint8 (n, size, size), into float32 (n, size, size, 3)."""
        return np.take(_table(self.scaling), prepared, axis=0)


def _read_frame(facts: Mapping[str, Any], size: int) -> ScanFrame:
    try:
        frame = ScanFrame.read(facts["frame"])
        if (frame.height, frame.width) != (size, size):
            raise ValueError(f"one of {frame.width} x {frame.height} px")
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"Expected a frame of {size} x {size} px, which preprocessing {FRAMED!r} needs. "
            f"Received: {error}. Copy the model folder again."
        ) from error
    return frame


@cache
def _table(scaling: str) -> npt.NDArray[np.float32]:
    # one row a grey value: float32 (256, 3)
    less, by, each, _ = SCALINGS[scaling]
    grey = np.arange(256, dtype=np.float64)[:, None]
    return np.ascontiguousarray((grey - np.array(less)) / by / np.array(each), np.float32)


def prepare(scan: Pixels, size: int) -> Pixels:
    """Make a scan ready as the shipped network takes it (see `Preprocessing.prepare`)."""
    return Preprocessing(size).prepare(scan)


def to_input(prepared: Pixels) -> npt.NDArray[np.float32]:
    """Scale prepared scans, uint8 (n, s, s), as the shipped network takes them.

    Returns:
        float32 (n, s, s, 3), in [-0.993, 1].
    """
    return Preprocessing(prepared.shape[-1]).to_input(prepared)
