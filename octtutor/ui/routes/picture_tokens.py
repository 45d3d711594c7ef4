"""Pictures at addresses that nobody can guess, each good for one case of one attempt."""

import io
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin

from octtutor.datasets.decode import Pixels
from octtutor.model.explain.maps import to_scan_size
from octtutor.tutor.atlas.atlas import Example

MOST = 8192
"""Addresses that are kept; those longest not asked for go first. A reload names new ones."""
_MAP_SIDE = 256
_COMPARED_WIDTH = 480
_OUTLINE = (170, 226, 255)
"""Colour of an outline in a picture to compare, BGR."""
_QUALITY = [cv2.IMWRITE_WEBP_QUALITY, 85]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A picture as it travels."""

    media_type: str
    data: bytes


Draw = Callable[[], Encoded]


class Pictures:
    """The addresses that were given out. The same picture of the same case keeps its address."""

    def __init__(self, most: int = MOST) -> None:
        """Start without any."""
        self._most = most
        self._one_at_a_time = threading.Lock()
        self._tokens: dict[Hashable, str] = {}
        self._kept: OrderedDict[str, tuple[Hashable, Draw]] = OrderedDict()

    def offer(self, attempt: str, position: int, what: Hashable, draw: Draw) -> str:
        """Return the token of a picture, which nothing is drawn for yet.

        Args:
            attempt: of whose case it is.
            position: of the case.
            what: tells the pictures of a case apart.
            draw: draws it when it is asked for.
        """
        key = (attempt, position, what)
        with self._one_at_a_time:
            token = self._tokens.get(key)
            if token is None:
                token = self._tokens[key] = secrets.token_urlsafe(24)
                self._kept[token] = key, draw
            self._kept.move_to_end(token)
            while len(self._kept) > self._most:
                _, (oldest, _) = self._kept.popitem(last=False)
                del self._tokens[oldest]
        return token

    def find(self, token: str) -> Encoded | None:
        """Return a picture; None where there is none of this token (any more)."""
        with self._one_at_a_time:
            if token not in self._kept:
                return None
            self._kept.move_to_end(token)
            _, draw = self._kept[token]
        return draw()


def scan_png(scan: Pixels, salt: str) -> Encoded:
    """Encode a scan, uint8 (height, width), as a lossless PNG.

    The salt, a random text, makes the bytes different at each address: their hash tells nothing.
    """
    text = PngImagePlugin.PngInfo()
    text.add_text("s", salt)
    buffer = io.BytesIO()
    Image.fromarray(scan).save(buffer, "PNG", pnginfo=text, compress_level=4)
    return Encoded("image/png", buffer.getvalue())


def map_webp(raw: npt.NDArray[np.float32], aspect: float) -> Encoded:
    """Encode a raw map, float32 (h, w), as grey: 0 no evidence to 255 most.

    Args:
        raw: not negative.
        aspect: the scan's width over its height.
    """
    level = to_scan_size(raw, _MAP_SIDE, round(_MAP_SIDE * aspect))
    return _webp(np.round(level * 255).astype(np.uint8))


def compared_webp(example: Example) -> Encoded:
    """Encode a scan to compare, its regions outlined, no wider than it is shown."""
    height, width = example.scan.shape
    scale = min(1.0, _COMPARED_WIDTH / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    picture = cv2.cvtColor(
        cv2.resize(example.scan, size, interpolation=cv2.INTER_AREA), cv2.COLOR_GRAY2BGR
    )
    for region in example.regions:
        parts = [np.round(np.array(part) * scale).astype(np.int32) for part in region.parts]
        cv2.polylines(picture, parts, True, _OUTLINE, 1, cv2.LINE_AA)
    return _webp(np.asarray(picture, np.uint8))


def _webp(picture: npt.NDArray[np.uint8]) -> Encoded:
    return Encoded("image/webp", cv2.imencode(".webp", picture, _QUALITY)[1].tobytes())
