"""Scans as other devices and protocols would have made them, in five severities.

The kinds are those that MedMNIST-C names for OCT (Di Salvo et al., 2024) — noise, blur, contrast,
resampling, compression — and those by which protocols differ: gamma, scan length, slices off the
fovea, and several at once as in a slice of another device's volume. They are for measuring a
network, never for training it.
"""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels

SEVERITIES = (1, 2, 3, 4, 5)
Values = npt.NDArray[np.float32]
Corrupt = Callable[[Values, int, np.random.Generator], Values]


def corrupt(scan: Pixels, kind: str, severity: int, seed: int) -> Pixels:
    """Return a corrupted copy of a scan.

    Args:
        scan: uint8 (height, width), as decoded, before it is prepared.
        kind: a key of `KINDS`.
        severity: 1 (hardly seen) to 5 (still read by a person).
        seed: the same seed gives the same copy.

    Returns:
        uint8 (height, width'); crops are narrower.
    """
    rng = np.random.default_rng([seed, severity, sorted(KINDS).index(kind)])
    values = KINDS[kind](scan.astype(np.float32) / 255.0, severity - 1, rng)
    return np.clip(np.round(values * 255), 0, 255).astype(np.uint8)


def _speckle(values: Values, level: int, rng: np.random.Generator) -> Values:
    return values * (1 + (0.2, 0.35, 0.5, 0.7, 0.9)[level] * _grainy(values.shape, rng))


def _noise(values: Values, level: int, rng: np.random.Generator) -> Values:
    return values + (0.04, 0.08, 0.12, 0.18, 0.25)[level] * _grainy(values.shape, rng)


def _grainy(shape: tuple[int, ...], rng: np.random.Generator) -> Values:
    """Return normal noise of unit variance with grains of about two pixels, as speckle has."""
    noise = cv2.GaussianBlur(rng.standard_normal(shape, dtype=np.float32), (0, 0), 0.8)
    return np.asarray(noise / noise.std(), np.float32)


def _defocus(values: Values, level: int, _: np.random.Generator) -> Values:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), (1.0, 2.0, 3.0, 4.0, 5.5)[level]))


def _motion(values: Values, level: int, rng: np.random.Generator) -> Values:
    """Neighbouring A-scans slip against each other."""
    slips = np.cumsum(rng.normal(0, (0.2, 0.4, 0.6, 0.8, 1.1)[level], values.shape[1]))
    slips = slips - np.linspace(0, slips[-1], len(slips))
    rows = np.arange(values.shape[0], dtype=np.float32)[:, None] + slips[None].astype(np.float32)
    columns = np.broadcast_to(np.arange(values.shape[1], dtype=np.float32), values.shape)
    return np.asarray(
        cv2.remap(values, np.ascontiguousarray(columns), rows, cv2.INTER_LINEAR,
                  borderMode=cv2.BORDER_REPLICATE)
    )  # fmt: skip


def _resample(values: Values, level: int, _: np.random.Generator) -> Values:
    factor = (2, 3, 4, 5, 6)[level]
    height, width = values.shape
    small = cv2.resize(values, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST))


def _compress(values: Values, level: int, _: np.random.Generator) -> Values:
    quality = (40, 25, 15, 10, 7)[level]
    scan = np.clip(np.round(values * 255), 0, 255).astype(np.uint8)
    coded = cv2.imencode(".jpg", scan, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.float32) / np.float32(255)


def _flatten(values: Values, level: int, _: np.random.Generator) -> Values:
    """Contrast goes, around the scan's mean."""
    share = (0.75, 0.6, 0.45, 0.35, 0.25)[level]
    return np.asarray(values.mean() * (1 - share) + values * share, np.float32)


def _brighten(values: Values, level: int, _: np.random.Generator) -> Values:
    return values ** np.float32((0.85, 0.7, 0.6, 0.5, 0.4)[level])


def _darken(values: Values, level: int, _: np.random.Generator) -> Values:
    return values ** np.float32((1.2, 1.45, 1.7, 2.0, 2.4)[level])


def _lift(values: Values, level: int, _: np.random.Generator) -> Values:
    """The background is grey rather than black, as on devices of less dynamic range."""
    floor = np.float32((0.1, 0.2, 0.3, 0.4, 0.5)[level])
    return floor + values * (1 - floor)


def _off_fovea(values: Values, level: int, rng: np.random.Generator) -> Values:
    """Only the part to one side is seen; at severity 3 and more the fovea is gone."""
    width = values.shape[1]
    kept = round(width * (0.8, 0.65, 0.45, 0.4, 0.35)[level])
    return values[:, :kept] if rng.random() < 0.5 else values[:, width - kept :]


def _shorter(values: Values, level: int, _: np.random.Generator) -> Values:
    """A shorter scan about the fovea: the middle part, so everything is wider."""
    width = values.shape[1]
    cut = round(width * (0.06, 0.12, 0.18, 0.24, 0.3)[level])
    return values[:, cut : width - cut]


def _taller(values: Values, level: int, _: np.random.Generator) -> Values:
    """A deeper scan: the retina is thinner in the frame, with dark above and below."""
    rows = round(values.shape[0] * (0.1, 0.2, 0.35, 0.5, 0.7)[level])
    dark = np.float32(np.percentile(values, 10))
    return np.pad(values, ((rows, rows), (0, 0)), constant_values=dark)


def _tilt(values: Values, level: int, rng: np.random.Generator) -> Values:
    height, width = values.shape
    angle = (4, 8, 12, 16, 20)[level] * rng.choice([-1, 1])
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), float(angle), 1.0)
    border = (float(np.percentile(values, 10)),)
    return np.asarray(cv2.warpAffine(values, matrix, (width, height), borderValue=border))


def _volume_slice(values: Values, level: int, rng: np.random.Generator) -> Values:
    """One slice of another device's volume: several of the above at once, each less strong."""
    values = _off_fovea(values, (0, 1, 1, 2, 3)[level], rng)
    values = _taller(values, (0, 0, 1, 1, 2)[level], rng)
    values = _speckle(values, (0, 1, 1, 2, 2)[level], rng)
    values = _noise(values, (0, 0, 1, 1, 2)[level], rng)
    return _lift(np.clip(values, 0, 1), (0, 0, 1, 1, 2)[level], rng)


KINDS: dict[str, Corrupt] = {
    "speckle": _speckle,
    "noise": _noise,
    "defocus": _defocus,
    "motion": _motion,
    "resampling": _resample,
    "jpeg": _compress,
    "low contrast": _flatten,
    "brighter": _brighten,
    "darker": _darken,
    "grey background": _lift,
    "off fovea": _off_fovea,
    "shorter scan": _shorter,
    "deeper scan": _taller,
    "tilt": _tilt,
    "volume slice": _volume_slice,
}
"""Every corruption by its name."""
