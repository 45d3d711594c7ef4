"""Pictures that are no OCT scan, for benchmarks/familiarity.py: drawn, and from packages.

What a gauge is fitted against is in octtutor/model/ood/non_scans.py; none of these is. `CHOSEN_ON`
are the kinds that were looked at while the method was chosen; `FRESH` were added afterwards, and
nothing was changed when they had been measured.
"""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from octtutor.datasets.decode import Pixels
from octtutor.model.ood.non_scans import (
    Draw,
    Rng,
    Values,
    draw_all,
    fractal,
    grid,
    side_of,
    speckle,
    stretched,
    to_bytes,
    write_line,
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that is no scan: uint8 (height, width)."""

    group: str
    name: str
    pixels: Pixels


def drawn(kinds: dict[str, Draw], group: str, each: int, seed: int) -> Iterator[Picture]:
    """Draw so many pictures of each kind."""
    for name, pixels in draw_all(kinds, each, seed):
        yield Picture(group, name, pixels)


def crops(picture: Picture, seed: int, count: int = 3) -> Iterator[Picture]:
    """Cut parts out of a picture, some of them mirrored."""
    rng = np.random.default_rng(seed)
    height, width = picture.pixels.shape
    for _ in range(count):
        share = rng.uniform(0.35, 0.75)
        tall, wide = max(48, int(height * share)), max(48, int(width * share))
        y, x = rng.integers(0, max(1, height - tall)), rng.integers(0, max(1, width - wide))
        part = picture.pixels[y : y + tall, x : x + wide]
        turned = np.ascontiguousarray(part if rng.random() < 0.5 else part[:, ::-1])
        yield Picture(f"{picture.group}, parts", picture.name, turned)


def from_packages() -> Iterator[Picture]:
    """Read what scikit-image, scikit-learn, Gradio and matplotlib bring with them, in grey."""
    yield from _from_skimage()
    for name in ("china.jpg", "flower.jpg"):
        yield _read("scikit-learn", Path(str(files("sklearn"))) / "datasets/images" / name)
    assets = Path(str(files("gradio"))) / "media_assets/images"
    for name in ("cheetah.jpg", "cheetah1.jpg", "groot.jpeg", "lion.jpg", "tower.jpg", "bus.png"):
        yield _read("Gradio", assets / name)
    yield from _from_matplotlib()


def from_folder(folder: Path) -> Iterator[Picture]:
    """Read every PNG and JPEG of a folder."""
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in (".png", ".jpg", ".jpeg"):
            yield _read(folder.name, path)


def _from_skimage() -> Iterator[Picture]:
    folder = Path(str(files("skimage"))) / "data"
    names = (
        "astronaut brick camera cell chelsea chessboard_GRAY clock_motion coffee coins color grass "
        "gravel horse hubble_deep_field ihc logo microaneurysms moon motorcycle_left page phantom "
        "retina rocket text"
    )
    for name in names.split():
        yield _read("scikit-image", next(folder.glob(f"{name}.*")))
    faces = np.load(folder / "lfw_subset.npy")
    for place in range(0, 100, 10):  # the other hundred are no faces
        face = cv2.resize(to_bytes(255 * faces[place]), (250, 250))
        yield Picture("scikit-image", f"lfw_subset {place}", face)


def _from_matplotlib() -> Iterator[Picture]:
    folder = Path(str(files("matplotlib"))) / "mpl-data/sample_data"
    for name in ("grace_hopper.jpg", "Minduka_Present_Blue_Pack.png"):
        yield _read("matplotlib", folder / name)
    with gzip.open(folder / "s1045.ima.gz") as file:
        slice_ = np.frombuffer(file.read(), np.uint16).reshape(256, 256)
    heights = np.load(folder / "topobathy.npz")["topo"]
    faults = np.load(folder / "jacksboro_fault_dem.npz")["elevation"]
    for name, values in (("s1045, MRI", slice_), ("topobathy", heights), ("jacksboro", faults)):
        yield Picture("matplotlib", name, stretched(values))


def _read(group: str, path: Path) -> Picture:
    with Image.open(path) as opened:
        image: Image.Image = opened.convert("RGBA") if _is_clear(opened) else opened.copy()
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return Picture(group, path.stem, np.asarray(image.convert("RGB").convert("L")))


def _is_clear(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "P")


def _soft(values: Values) -> Values:
    """Return a step from 0 to 1 that is smooth."""
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -50, 50))), np.float32)


def _normal_noise(rng: Rng) -> Pixels:
    return to_bytes(rng.normal(rng.uniform(60, 190), rng.uniform(10, 60), side_of(rng)))


def _smooth_band(rng: Rng) -> Pixels:
    y, _ = grid(*side_of(rng))
    return to_bytes(255 * np.exp(-(((y - rng.uniform(150, 350)) / rng.uniform(30, 120)) ** 2)))


def _plot(rng: Rng) -> Pixels:
    found = np.full((480, 640), 255, np.uint8)
    cv2.rectangle(found, (70, 40), (600, 420), 0, 1)
    x = np.linspace(70, 600, 200)
    for _ in range(int(rng.integers(1, 5))):
        y = np.clip(230 + 25 * np.cumsum(rng.normal(0, 0.5, 200)), 45, 415)
        way = np.stack([x, y], axis=1).astype(np.int32)
        cv2.polylines(found, [way], False, int(rng.integers(0, 160)), 2, cv2.LINE_AA)
    for step in range(6):
        at = (30, 420 - step * 70)
        cv2.putText(found, str(step * 20), at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 0, 1, cv2.LINE_AA)
    return found


def _phone(rng: Rng) -> Pixels:
    dark = rng.random() < 0.5
    ink = 240 if dark else 0
    found = np.full((1170, 540), 25 if dark else 245, np.uint8)
    cv2.rectangle(found, (0, 0), (540, 90), 50 if dark else 200, -1)
    cv2.putText(found, "12:41", (20, 30), 0, 0.6, ink, 1, cv2.LINE_AA)
    top = 120
    while top < 1060:
        tall, left = int(rng.integers(40, 150)), int(rng.choice([20, 150]))
        cv2.rectangle(found, (left, top), (left + 370, top + tall), int(rng.integers(60, 230)), -1)
        for y in range(top + 25, top + tall, 24):
            write_line(found, rng, (left + 12, y), 24, ink, 0.5)
        top += tall + 20
    return found


def _web_page(rng: Rng) -> Pixels:
    found = np.full((768, 1280), 235, np.uint8)
    cv2.rectangle(found, (0, 0), (1280, 60), 60, -1)
    cv2.rectangle(found, (0, 60), (240, 768), 210, -1)
    for step in range(10):
        write_line(found, rng, (20, 110 + 50 * step), 12, 40, 0.6)
    for place in range(8):
        x, y = 270 + place % 4 * 250, 90 + place // 4 * 330
        cv2.rectangle(found, (x, y), (x + 220, y + 180), int(rng.integers(40, 220)), -1)
        for line in range(3):
            write_line(found, rng, (x, y + 210 + 28 * line), 18, 30, 0.5)
    return found


def _vessels(found: Pixels, rng: Rng, start: tuple[int, int], count: int, grey: int) -> None:
    for _ in range(count):
        at, turn, wide = np.array(start, float), rng.uniform(0, 2 * np.pi), rng.uniform(3, 7)
        for _ in range(60):
            turn += rng.normal(0, 0.12)
            following = at + 8 * np.array([np.cos(turn), np.sin(turn)])
            ends = [tuple(int(value) for value in end) for end in (at, following)]
            cv2.line(found, ends[0], ends[1], grey, max(1, int(wide)), cv2.LINE_AA)
            at, wide = following, wide * 0.985


def _fundus(rng: Rng) -> Pixels:
    y, x = grid(600, 600)
    ground = int(rng.uniform(90, 150))
    disc = (int(rng.choice([190, 410])), int(rng.integers(270, 330)))
    red = np.full((600, 600), ground, np.uint8)
    _vessels(red, rng, disc, int(rng.integers(10, 20)), int(ground * 0.55))
    found = red + 110 * np.exp(-((np.hypot(y - disc[1], x - disc[0]) / 38) ** 4))
    found *= 1 - 0.35 * np.exp(-((np.hypot(y - 300, x - 600 + disc[0]) / 60) ** 2))
    found *= 1.15 - 0.5 * (np.hypot(y - 300, x - 300) / 300) ** 2
    found = cv2.GaussianBlur(found + rng.normal(0, 5, found.shape), (0, 0), 1)
    found[np.hypot(y - 300, x - 300) > 290] = rng.integers(0, 12)
    return to_bytes(found)


def _chest(rng: Rng) -> Pixels:
    y, x = grid(720, 640)
    found = np.full((720, 640), 165, np.float32)
    for side in (-1, 1):
        across = x - 320 - side * rng.uniform(125, 150)
        lung = (across / rng.uniform(95, 115)) ** 2 + ((y - 340) / rng.uniform(220, 260)) ** 2
        found -= 110 * _soft(12 * (1 - lung))
        for rib in range(9):
            curve = 130 + 52 * rib + side * across * 0.25 + 0.0014 * across**2
            found += 26 * np.exp(-(((y - curve) / 9) ** 2)) * (np.abs(across) < 125)
    found += 60 * np.exp(-(((x - 320) / 38) ** 2)) + 70 * _soft((y - 590) / 18)
    found += 60 * _soft(9 * (1 - ((x - 365) / 105) ** 2 - ((y - 480) / 110) ** 2))
    found *= _soft((285 - np.abs(x - 320) - 0.1 * np.maximum(0, 200 - y)) / 8)
    return to_bytes(cv2.GaussianBlur(found, (0, 0), 3) + rng.normal(0, 3, found.shape))


def _head_slice(rng: Rng) -> Pixels:
    y, x = grid(512, 512)
    wide, tall = rng.uniform(150, 220, 2)
    distance = np.hypot((x - 256) / wide, (y - 256) / tall)
    inside = distance < 0.92
    found = 120 * inside + 235 * (~inside & (distance < 1))
    found = found + (fractal((512, 512), 1.8, rng) - 128) * 0.5 * inside
    for _ in range(int(rng.integers(2, 7))):
        at, axes = rng.uniform(180, 330, 2), rng.uniform(15, 60, 2)
        found[np.hypot((x - at[0]) / axes[0], (y - at[1]) / axes[1]) < 1] = rng.uniform(20, 230)
    return to_bytes(cv2.GaussianBlur(found, (0, 0), 1.2) + rng.normal(0, 5, found.shape))


def _ultrasound(rng: Rng) -> Pixels:
    y, x = grid(480, 640)
    turn, depth = np.arctan2(x - 320, y + 60), np.hypot(x - 320, y + 60)
    found = cv2.resize(speckle(rng), (640, 480)) * (fractal((480, 640), 1.5, rng) / 170)
    found[(np.abs(turn) > rng.uniform(0.5, 0.8)) | (depth < 90) | (depth > 520)] = 0
    return to_bytes(found)


def _face(rng: Rng) -> Pixels:
    found = np.full((512, 512), rng.integers(150, 230), np.uint8)
    cv2.ellipse(found, (256, 270), (140, 180), 0, 0, 360, int(rng.integers(90, 170)), -1)
    for side in (-1, 1):
        cv2.ellipse(found, (256 + 55 * side, 230), (26, 14), 0, 0, 360, 250, -1)
        cv2.circle(found, (256 + 55 * side, 230), 10, 20, -1)
    cv2.ellipse(found, (256, 350), (50, 20), 0, 0, 180, 40, 6)
    cv2.ellipse(found, (256, 140), (150, 80), 0, 180, 360, 30, -1)
    return to_bytes(cv2.GaussianBlur(found, (0, 0), 2) + rng.normal(0, 6, found.shape))


def _landscape(rng: Rng) -> Pixels:
    height, width = side_of(rng)
    y, x = grid(height, width)
    horizon = height * rng.uniform(0.35, 0.65) + 20 * np.sin(x / rng.uniform(60, 200))
    above = y < horizon
    found = np.where(above, 220 - 60 * y / height, 90 - 50 * (y - horizon) / height)
    rough = (fractal((height, width), 1.2, rng) - 128) * np.where(above, 0.25, 0.7)
    return to_bytes(found + rough)


def _streets(rng: Rng) -> Pixels:
    found = np.full((600, 600), 235, np.uint8)
    for _ in range(30):
        ends = [tuple(map(int, rng.integers(0, 600, 2))) for _ in range(2)]
        grey, wide = int(rng.integers(120, 255)), int(rng.integers(2, 14))
        cv2.line(found, ends[0], ends[1], grey, wide, cv2.LINE_AA)
    return found


def _fingerprint(rng: Rng) -> Pixels:
    y, x = grid(512, 400)
    bend = fractal((512, 400), 2.2, rng) / 255
    return to_bytes(127 + 110 * np.sin(np.hypot(y - 280, x - 200) / 3.2 + 14 * bend))


def _wood(rng: Rng) -> Pixels:
    height, width = side_of(rng)
    y, x = grid(height, width)
    bend = fractal((height, width), 2.0, rng) / 255
    grain = 50 * np.sin(y / rng.uniform(4, 14) + 12 * bend + 0.002 * x)
    return to_bytes(130 + grain + rng.normal(0, 8, (height, width)))


def _bar_code(rng: Rng) -> Pixels:
    bars = np.repeat(rng.integers(0, 2, 160) * 255, 4)
    found = np.full((480, 720), 255, np.uint8)
    found[60:400, 40:680] = bars
    cv2.putText(found, "4 012345 678901", (180, 450), 0, 1.0, 0, 2, cv2.LINE_AA)
    return found


def _music(rng: Rng) -> Pixels:
    found = np.full((600, 800), 250, np.uint8)
    for top in range(60, 560, 110):
        for line in range(5):
            cv2.line(found, (30, top + 12 * line), (770, top + 12 * line), 60, 1)
        for x in range(80, 760, int(rng.integers(30, 60))):
            y = top + int(rng.integers(0, 48))
            cv2.ellipse(found, (x, y), (8, 6), -20, 0, 360, 0, -1)
            cv2.line(found, (x + 8, y), (x + 8, y - 36), 0, 2)
    return found


def _heartbeat(rng: Rng) -> Pixels:
    found = np.full((480, 800), 245, np.uint8)
    found[::20], found[:, ::20] = 205, 205
    time = np.arange(780)
    for top in (120, 240, 360):
        beat = 60 * np.exp(-((((time % int(rng.integers(90, 160))) - 40) / 5.0) ** 2))
        way = np.stack([time + 10, top - beat + rng.normal(0, 1.5, 780)], axis=1)
        cv2.polylines(found, [way.astype(np.int32)], False, 20, 2, cv2.LINE_AA)
    return found


def _stars(rng: Rng) -> Pixels:
    found = np.zeros((600, 800), np.float32)
    for _ in range(int(rng.integers(150, 600))):
        at = (int(rng.integers(800)), int(rng.integers(600)))
        cv2.circle(found, at, int(rng.exponential(1.5)), float(rng.uniform(80, 255)), -1)
    return to_bytes(cv2.GaussianBlur(found, (0, 0), 0.8) + rng.normal(8, 4, found.shape))


def _tissue(rng: Rng) -> Pixels:
    found = 200 + (fractal((512, 512), 1.4, rng) - 128) * 0.4
    for _ in range(300):
        at = (int(rng.integers(512)), int(rng.integers(512)))
        axes = (int(rng.integers(4, 10)), int(rng.integers(3, 7)))
        cv2.ellipse(
            found, at, axes, float(rng.uniform(0, 180)), 0, 360, float(rng.uniform(60, 120)), -1
        )
    return to_bytes(cv2.GaussianBlur(found, (0, 0), 1.0))


def _spreadsheet(rng: Rng) -> Pixels:
    found = np.full((600, 900), 250, np.uint8)
    for y in range(0, 600, 26):
        cv2.line(found, (0, y), (900, y), 190, 1)
        for x in range(0, 900, 100):
            value = f"{rng.normal(0, 1000):.1f}"
            cv2.putText(found, value, (x + 8, y + 19), 0, 0.45, 30, 1, cv2.LINE_AA)
    found[:, ::100] = 190
    return found


def _angiogram(rng: Rng) -> Pixels:
    found = np.full((600, 600), 20, np.uint8)
    _vessels(found, rng, (300, 300), 14, 200)
    _vessels(found, rng, (int(rng.integers(600)), int(rng.integers(600))), 14, 160)
    return to_bytes(cv2.GaussianBlur(found, (0, 0), 1.2) + rng.normal(0, 9, found.shape))


def _tooth_film(rng: Rng) -> Pixels:
    y, x = grid(480, 640)
    found = np.full((480, 640), 40, np.float32)
    for place in range(4):
        middle = 90 + 150 * place + rng.uniform(-15, 15)
        crown = ((x - middle) / 62) ** 2 + ((y - 150) / 95) ** 2
        root = ((x - middle) / 30) ** 2 + ((y - 290) / 130) ** 2
        found += 120 * _soft(9 * (1 - crown)) + 80 * _soft(9 * (1 - root))
    found += 50 * _soft((y - 300) / 25)
    return to_bytes(cv2.GaussianBlur(found, (0, 0), 3) + rng.normal(0, 7, found.shape))


def _waves_of_sea(rng: Rng) -> Pixels:
    y, x = grid(*side_of(rng))
    depth = np.maximum(y - y.max() * 0.3, 0.0) + 1
    swell = np.sin(600 * rng.uniform(0.5, 1.5) / depth + 3 * np.sin(x / 70)) * (depth > 1)
    return to_bytes(np.where(depth > 1, 110 + 45 * swell, 205) + rng.normal(0, 6, y.shape))


def _windows(rng: Rng) -> Pixels:
    found = np.full((700, 500), rng.integers(60, 160), np.uint8)
    for y in range(30, 660, int(rng.integers(60, 90))):
        for x in range(30, 460, int(rng.integers(60, 90))):
            cv2.rectangle(found, (x, y), (x + 35, y + 45), int(rng.integers(10, 250)), -1)
    return to_bytes(found + rng.normal(0, 5, found.shape))


def _crossword(rng: Rng) -> Pixels:
    found = np.full((540, 540), 255, np.uint8)
    black = rng.random((15, 15)) < rng.uniform(0.15, 0.35)
    for row, column in np.argwhere(black):
        found[row * 36 : row * 36 + 36, column * 36 : column * 36 + 36] = 0
    found[::36], found[:, ::36] = 0, 0
    return found


def _weave(rng: Rng) -> Pixels:
    y, x = grid(*side_of(rng))
    wide = rng.uniform(8, 30)
    over = (x // wide + y // wide) % 2 > 0
    thread = np.where(over, np.sin(np.pi * (y % wide) / wide), np.sin(np.pi * (x % wide) / wide))
    return to_bytes(70 + 120 * thread + rng.normal(0, 8, x.shape))


def _contours(rng: Rng) -> Pixels:
    heights = fractal(side_of(rng), 2.2, rng)
    lines = np.abs(heights % 16 - 8) < 1.2
    return to_bytes(np.where(lines, 60, 230))


def _spiral(rng: Rng) -> Pixels:
    y, x = grid(*side_of(rng))
    distance, turn = np.hypot(y - 250, x - 260), np.arctan2(y - 250, x - 260)
    return to_bytes(127 + 120 * np.sin(distance / rng.uniform(6, 20) + rng.integers(1, 6) * turn))


def _rain(rng: Rng) -> Pixels:
    found = np.full((496, 512), rng.integers(60, 120), np.uint8)
    for _ in range(600):
        x, y, long = (int(value) for value in rng.integers((0, 0, 8), (512, 496, 40)))
        cv2.line(
            found, (x, y), (x + long // 4, y + long), int(rng.integers(140, 230)), 1, cv2.LINE_AA
        )
    return to_bytes(cv2.GaussianBlur(found, (0, 0), 0.8) + rng.normal(0, 5, found.shape))


CHOSEN_ON: dict[str, Draw] = {
    "normal noise": _normal_noise,
    "smooth band": _smooth_band,
    "plot": _plot,
    "phone screenshot": _phone,
    "web page": _web_page,
    "fundus": _fundus,
    "chest X-ray": _chest,
    "head slice": _head_slice,
    "ultrasound": _ultrasound,
    "face": _face,
    "landscape": _landscape,
    "streets": _streets,
    "fingerprint": _fingerprint,
    "wood": _wood,
    "bar code": _bar_code,
    "sheet music": _music,
    "heartbeat": _heartbeat,
    "stars": _stars,
    "tissue": _tissue,
    "spreadsheet": _spreadsheet,
    "angiogram": _angiogram,
    "tooth film": _tooth_film,
    "sea": _waves_of_sea,
    "windows": _windows,
}
FRESH: dict[str, Draw] = {
    "crossword": _crossword,
    "weave": _weave,
    "contours": _contours,
    "spiral": _spiral,
    "rain": _rain,
}
