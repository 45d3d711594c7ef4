"""Pictures that are no scan, drawn: what a detector learns to tell from scans, and others.

Noise, gradients, stripes and text are cheap to draw and unlike one another; what is told from
them is told from photographs too (outlier exposure: Hendrycks et al., ICLR 2019).
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels

Values = npt.NDArray[np.float32]
Rng = np.random.Generator
Draw = Callable[[Rng], Pixels]
_LETTERS = list("abcdefghijklmnopqrstuvwxyz     ABCDE 0123456789.,")
_SIDES = ((496, 512), (496, 768), (512, 512), (600, 800), (480, 640))


def draw_all(kinds: dict[str, Draw], each: int, seed: int) -> list[tuple[str, Pixels]]:
    """Draw so many pictures of each kind: its name, and uint8 (height, width)."""
    return [
        (name, kinds[name](np.random.default_rng([seed, place, number])))
        for place, name in enumerate(sorted(kinds))
        for number in range(each)
    ]


def side_of(rng: Rng) -> tuple[int, int]:
    """Return a height and a width, pixels."""
    return _SIDES[int(rng.integers(len(_SIDES)))]


def grid(height: int, width: int) -> tuple[Values, Values]:
    """Return each place's y and x, float32 (height, width)."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return y, x


def fractal(shape: tuple[int, int], power: float, rng: Rng) -> Values:
    """Return noise whose amplitude falls with the power of the frequency, in [0, 255]."""
    height, width = shape
    size = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    phases = np.exp(2j * np.pi * rng.random(size.shape))
    found = np.fft.irfft2(phases / np.maximum(size, 1 / max(shape)) ** power, s=shape)
    return np.asarray(255 * (found - found.min()) / np.ptp(found), np.float32)


def to_bytes(values: npt.NDArray[Any]) -> Pixels:
    """Round and clip to uint8."""
    return np.asarray(np.clip(np.round(values), 0, 255), np.uint8)


def stretched(values: npt.NDArray[np.generic]) -> Pixels:
    """Stretch values so that nearly all lie between 0 and 255."""
    plain = np.asarray(values, np.float32)
    low, high = np.percentile(plain, [0.5, 99.5])
    return to_bytes(255 * (plain - low) / max(float(high - low), 1e-9))


def write_line(
    picture: Pixels, rng: Rng, at: tuple[int, int], count: int, grey: int, size: float
) -> None:
    """Write so many letters into a picture, at (x, y)."""
    line = "".join(rng.choice(_LETTERS, max(1, count)))
    cv2.putText(picture, line, at, int(rng.integers(4)), size, grey, 1, cv2.LINE_AA)


def _white_noise(rng: Rng) -> Pixels:
    return rng.integers(0, 256, side_of(rng)).astype(np.uint8)


def _coarse_noise(rng: Rng) -> Pixels:
    height, width = side_of(rng)
    by = int(rng.integers(4, 40))
    grains = rng.integers(0, 256, (height // by, width // by)).astype(np.uint8)
    return to_bytes(cv2.resize(grains, (width, height), interpolation=int(rng.integers(3))))


def _rough(rng: Rng) -> Pixels:
    return to_bytes(fractal(side_of(rng), rng.uniform(0.7, 1.3), rng))


def _clouds(rng: Rng) -> Pixels:
    return to_bytes(fractal(side_of(rng), rng.uniform(1.5, 2.5), rng))


def _blank(rng: Rng) -> Pixels:
    return np.full(side_of(rng), rng.integers(0, 256), np.uint8)


def _slope(rng: Rng) -> Pixels:
    y, x = grid(*side_of(rng))
    turn = rng.uniform(0, 2 * np.pi)
    return stretched(np.cos(turn) * x + np.sin(turn) * y)


def _glow(rng: Rng) -> Pixels:
    y, x = grid(*side_of(rng))
    distance = np.hypot(y - rng.uniform(100, 400), x - rng.uniform(100, 400))
    found = to_bytes(255 * np.clip(1 - distance / rng.uniform(150, 500), 0, 1))
    return found if rng.random() < 0.5 else 255 - found


def _upright_stripes(rng: Rng) -> Pixels:
    _, x = grid(*side_of(rng))
    return to_bytes(255 * (np.sin(2 * np.pi * x / rng.uniform(6, 120)) > 0))


def _level_stripes(rng: Rng) -> Pixels:
    y, _ = grid(*side_of(rng))
    return to_bytes(255 * (np.sin(2 * np.pi * y / rng.uniform(6, 120)) > 0))


def _slanted_waves(rng: Rng) -> Pixels:
    y, x = grid(*side_of(rng))
    turn, length = rng.uniform(0, np.pi), rng.uniform(6, 120)
    way = np.cos(turn) * x + np.sin(turn) * y
    return to_bytes(127.5 + 127.5 * np.sin(2 * np.pi * way / length))


def _checkerboard(rng: Rng) -> Pixels:
    y, x = grid(*side_of(rng))
    side = rng.uniform(5, 100)
    return to_bytes(255 * ((y // side + x // side) % 2))


def _dots(rng: Rng) -> Pixels:
    found = np.full(side_of(rng), rng.integers(0, 80), np.uint8)
    for _ in range(int(rng.integers(20, 200))):
        at = (int(rng.integers(800)), int(rng.integers(600)))
        cv2.circle(found, at, int(rng.integers(2, 30)), int(rng.integers(100, 256)), -1)
    return found


def _scribble(rng: Rng) -> Pixels:
    found = np.full(side_of(rng), 255, np.uint8)
    for _ in range(int(rng.integers(5, 30))):
        way = np.cumsum(rng.normal(0, 30, (40, 2)), axis=0) + rng.uniform(100, 400, 2)
        grey, wide = int(rng.integers(0, 120)), int(rng.integers(1, 6))
        cv2.polylines(found, [way.astype(np.int32)], False, grey, wide, cv2.LINE_AA)
    return found


def _text(rng: Rng) -> Pixels:
    found = np.full((640, 480) if rng.random() < 0.5 else (496, 512), 250, np.uint8)
    size = float(rng.uniform(0.35, 1))
    for y in range(40, found.shape[0] - 10, int(rng.integers(14, 40))):
        write_line(found, rng, (30, y), int(22 / size * rng.uniform(0.5, 1)), 10, size)
    return found if rng.random() < 0.7 else 255 - found


def _salt_and_pepper(rng: Rng) -> Pixels:
    side = side_of(rng)
    found = np.full(side, rng.integers(60, 200), np.uint8)
    chance, share = rng.random(side), rng.uniform(0.02, 0.3)
    found[chance < share], found[chance > 1 - share] = 0, 255
    return found


def speckle(rng: Rng) -> Pixels:
    """Draw speckle, as coherent light makes it, without a retina."""
    waves = rng.normal(size=(2, *side_of(rng))).astype(np.float32)
    grain = rng.uniform(0.5, 2)
    length = np.hypot(*(cv2.GaussianBlur(wave, (0, 0), grain) for wave in waves))
    return to_bytes(np.log1p(6 * length / length.mean()) * 70)


def _rings(rng: Rng) -> Pixels:
    y, x = grid(*side_of(rng))
    distance = np.hypot(y - 248, x - 256)
    return to_bytes(127.5 + 127.5 * np.sin(2 * np.pi * distance / rng.uniform(8, 80)))


def _bars(rng: Rng) -> Pixels:
    found = np.full((480, 640), 255, np.uint8)
    for step in range(8):
        top, grey = int(rng.integers(60, 400)), int(rng.integers(0, 180))
        cv2.rectangle(found, (50 + step * 70, top), (100 + step * 70, 430), grey, -1)
    return found


def _matrix_code(rng: Rng) -> Pixels:
    side = int(rng.integers(21, 45))
    cells = rng.integers(0, 2, (side, side)).astype(np.uint8) * 255
    large = cv2.resize(cells, (480, 480), interpolation=cv2.INTER_NEAREST)
    return to_bytes(np.pad(large, 30, constant_values=255))


LEARNED: dict[str, Draw] = {
    "white noise": _white_noise,
    "coarse noise": _coarse_noise,
    "rough": _rough,
    "clouds": _clouds,
    "blank": _blank,
    "gradient": _slope,
    "glow": _glow,
    "upright stripes": _upright_stripes,
    "level stripes": _level_stripes,
    "slanted waves": _slanted_waves,
    "checkerboard": _checkerboard,
    "dots": _dots,
    "scribble": _scribble,
    "text": _text,
}
"""What a detector is fitted against."""
APART: dict[str, Draw] = {
    "salt and pepper": _salt_and_pepper,
    "speckle": speckle,
    "rings": _rings,
    "bars": _bars,
    "matrix code": _matrix_code,
}
"""What it is measured on besides."""
