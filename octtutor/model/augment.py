"""Random copies of a scan that a trained network should answer alike."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far a copy may differ; each amount is drawn evenly from its range."""

    rotation: float = 10.0
    """Degrees, either way."""
    shift: float = 0.08
    """Share of the side, either way."""
    scale: float = 0.15
    """Share, smaller or larger."""
    gain: float = 0.25
    """Brightness factor 1 ± gain."""
    offset: float = 16.0
    """Grey levels added or taken."""
    gamma: float = 0.3
    """Contrast curve's exponent, exp(± gamma)."""
    speckle: float = 0.25
    """Largest standard deviation of the multiplicative noise."""
    blur: float = 1.0
    """Largest standard deviation of the Gaussian blur, pixels; half of the copies."""


def augment(scan: Pixels, rng: np.random.Generator, how: Augmentation | None = None) -> Pixels:
    """Return a random copy of a prepared scan.

    Args:
        scan: uint8 (size, size).
        rng: source of randomness.
        how: the ranges; the defaults are those of recipe `finetune`.

    Returns:
        uint8 (size, size): flipped or not, rotated, shifted, scaled, its brightness changed,
        with speckle.
    """
    how = how or Augmentation()
    return _light(_move(scan, rng, how), rng, how)


def _move(scan: Pixels, rng: np.random.Generator, how: Augmentation) -> Pixels:
    side = scan.shape[0]
    if rng.random() < 0.5:
        scan = np.ascontiguousarray(scan[:, ::-1])
    angle = rng.uniform(-how.rotation, how.rotation)
    matrix = cv2.getRotationMatrix2D(
        (side / 2, side / 2), angle, 1 + rng.uniform(-how.scale, how.scale)
    )
    matrix[:, 2] += rng.uniform(-how.shift, how.shift, 2) * side
    border = float(np.median(scan))
    return cv2.warpAffine(
        scan, matrix, (side, side), flags=cv2.INTER_LINEAR, borderValue=(border,)
    ).astype(np.uint8)


def _light(scan: Pixels, rng: np.random.Generator, how: Augmentation) -> Pixels:
    values: npt.NDArray[np.float32] = scan.astype(np.float32) / 255.0
    values = values ** np.float32(np.exp(rng.uniform(-how.gamma, how.gamma)))
    values *= 1 + rng.uniform(-how.gain, how.gain)
    values += rng.uniform(-how.offset, how.offset) / 255.0
    if rng.random() < 0.5:
        values = np.asarray(
            cv2.GaussianBlur(values, (0, 0), rng.uniform(0.1, how.blur)), np.float32
        )
    noise = rng.standard_normal(values.shape, dtype=np.float32)
    values *= 1 + np.float32(rng.uniform(0, how.speckle)) * noise
    return np.clip(np.round(values * 255), 0, 255).astype(np.uint8)
