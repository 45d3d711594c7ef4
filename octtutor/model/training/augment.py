"""Random copies of a scan that a trained network should answer alike."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels

Values = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far a copy may differ; each amount is drawn evenly from its range.

    The defaults stand for scans of other devices and protocols, not only of the one that the
    training scans are from. What each brought is in docs/model-study.md.
    """

    rotation: float = 12.0
    """Degrees, either way."""
    shift: float = 0.1
    """Share of the side, either way."""
    scale: float = 0.2
    """Share, smaller or larger."""
    stretch: float = 0.3
    """Share by which height may differ from width: other scan lengths, other axial scales."""
    crop: float = 0.35
    """Largest share of the width that is cut away, on one side or both; half of the copies."""
    window: float = 0.3
    """Share of the copies that show a part of the scan only, 40 to 70 % of its width. Of a healthy
    scan it may be any part, the fovea or not; of others it is the middle, where the lesion is."""
    slip: float = 0.8
    """Largest standard deviation of the step between two columns, pixels, as by a moving eye; a
    quarter of the copies."""
    gain: float = 0.3
    """Brightness factor 1 ± gain."""
    offset: float = 48.0
    """Largest number of grey levels by which the background is lifted, contrast kept in range."""
    gamma: float = 0.5
    """Contrast curve's exponent, exp(± gamma)."""
    speckle: float = 0.6
    """Largest standard deviation of the multiplicative noise; small ones are likelier."""
    noise: float = 0.11
    """Largest standard deviation of the additive noise, full scale is 1; likewise."""
    grain: float = 3.0
    """Largest size of the noise's grains, pixels."""
    blur: float = 1.5
    """Largest standard deviation of the Gaussian blur, pixels; half of the copies."""
    coarse: float = 3.5
    """Largest factor by which the resolution is lowered; a quarter of the copies."""
    mild: float = 0.45
    """Share of the copies that differ by `MILD` only, as scans of one device do."""


MILD = Augmentation(
    rotation=10.0,
    shift=0.08,
    scale=0.15,
    stretch=0.0,
    crop=0.0,
    window=0.0,
    slip=0.0,
    gain=0.25,
    offset=16.0,
    gamma=0.3,
    speckle=0.25,
    noise=0.0,
    grain=1.0,
    blur=1.0,
    coarse=1.0,
    mild=0.0,
)
"""What the first shipped model was trained with; kept for comparison."""


def augment(
    scan: Pixels,
    rng: np.random.Generator,
    how: Augmentation | None = None,
    healthy: bool = False,
) -> Pixels:
    """Return a random copy of a prepared scan.

    Args:
        scan: uint8 (size, size).
        rng: source of randomness.
        how: the ranges; the defaults are those of recipe `finetune`.
        healthy: whether every part of the scan shows what its label says.

    Returns:
        uint8 (size, size): flipped or not, cropped, rotated, shifted, scaled, its light and
        sharpness changed, with noise.
    """
    how = how or Augmentation()
    if rng.random() < how.mild:
        how = MILD
    moved = _slip(_move(scan, rng, how, healthy), rng, how)
    values = _light(moved.astype(np.float32) / 255.0, rng, how)
    noisy = _grains(_soften(values, rng, how), rng, how)
    return np.clip(np.round(noisy * 255), 0, 255).astype(np.uint8)


def _move(scan: Pixels, rng: np.random.Generator, how: Augmentation, healthy: bool) -> Pixels:
    side = scan.shape[0]
    if rng.random() < 0.5:
        scan = np.ascontiguousarray(scan[:, ::-1])
    left, right = _crop(rng, how, side, healthy)
    zoom = 1 + rng.uniform(-how.scale, how.scale)
    stretch = np.exp(rng.uniform(-how.stretch, how.stretch))
    matrix = cv2.getRotationMatrix2D(
        (side / 2, side / 2), rng.uniform(-how.rotation, how.rotation), zoom
    )
    matrix[:, 2] += rng.uniform(-how.shift, how.shift, 2) * side
    squeeze = np.diag([side / (right - left), stretch, 1.0])
    squeeze[:2, 2] = -left * squeeze[0, 0], (1 - stretch) * side / 2
    return cv2.warpAffine(
        scan,
        matrix @ squeeze,
        (side, side),
        flags=cv2.INTER_LINEAR,
        borderValue=(float(np.median(scan)),),
    ).astype(np.uint8)


def _crop(
    rng: np.random.Generator, how: Augmentation, side: int, healthy: bool
) -> tuple[float, float]:
    """Return the first and last column of the part that is kept."""
    if rng.random() < how.window:
        kept = rng.uniform(0.4, 0.7)
        spread = (1 - kept) / 2 if healthy else 0.05
        left = (1 - kept) / 2 + rng.uniform(-spread, spread)
        return left * side, (left + kept) * side
    if how.crop <= 0 or rng.random() < 0.5:
        return 0.0, float(side)
    cut = rng.uniform(0, how.crop) * side
    left = rng.uniform(0, cut)
    return left, side - (cut - left)


def _slip(scan: Pixels, rng: np.random.Generator, how: Augmentation) -> Pixels:
    if how.slip <= 0 or rng.random() >= 0.25:
        return scan
    side = scan.shape[0]
    steps = rng.normal(0, rng.uniform(0, how.slip), (side,))
    walk = np.cumsum(steps) - np.linspace(0, steps.sum(), side)
    columns, rows = np.meshgrid(np.arange(side), np.arange(side))
    return cv2.remap(
        scan,
        columns.astype(np.float32),
        (rows + walk).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.uint8)


def _light(values: Values, rng: np.random.Generator, how: Augmentation) -> Values:
    values = values ** np.float32(np.exp(rng.uniform(-how.gamma, how.gamma)))
    values *= 1 + rng.uniform(-how.gain, how.gain)
    lift = rng.uniform(-how.offset / 3, how.offset) / 255.0
    return np.asarray(lift + values * (1 - max(lift, 0.0)), np.float32)


def _soften(values: Values, rng: np.random.Generator, how: Augmentation) -> Values:
    if how.coarse > 1 and rng.random() < 0.25:
        side = values.shape[0]
        small = max(8, round(side / rng.uniform(1, how.coarse)))
        values = np.asarray(
            cv2.resize(
                cv2.resize(values, (small, small), interpolation=cv2.INTER_AREA),
                (side, side),
                interpolation=cv2.INTER_LINEAR,
            ),
            np.float32,
        )
    if how.blur > 0 and rng.random() < 0.5:
        width = rng.uniform(min(0.1, how.blur / 2), how.blur)
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), width), np.float32)
    return values


def _grains(values: Values, rng: np.random.Generator, how: Augmentation) -> Values:
    noise = _noise(values.shape[0], rng, how.grain)
    speckle = np.float32(how.speckle * rng.uniform() ** 2)
    added = np.float32(how.noise * rng.uniform() ** 2)
    return np.asarray(values * (1 + speckle * noise) + added * noise, np.float32)


def _noise(side: int, rng: np.random.Generator, grain: float) -> Values:
    """Return normal noise, float32 (side, side), of unit variance and a random grain."""
    size = rng.uniform(1, grain)
    if size < 1.5:
        return rng.standard_normal((side, side), dtype=np.float32)
    # an OCT's speckle is longer across than along the beam
    noise = rng.standard_normal((side, side), dtype=np.float32)
    soft = np.asarray(cv2.GaussianBlur(noise, (0, 0), size / 2, sigmaY=size / 4), np.float32)
    return np.asarray(soft / np.float32(max(float(soft.std()), 1e-6)), np.float32)
