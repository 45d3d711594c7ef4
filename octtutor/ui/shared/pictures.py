"""Scans, maps and outlines as the browser gets them: pixels only, under no name."""

import base64
import io
import secrets
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin

from octtutor.datasets.decode import Pixels
from octtutor.model.explain.maps import colour, to_scan_size

_MAP_SIDE = 256


def scan_uri(scan: Pixels) -> str:
    """Encode a scan, uint8 (height, width), as a lossless PNG in a data address.

    A random text chunk makes the bytes different each time: their hash tells nothing.
    """
    salt = PngImagePlugin.PngInfo()
    salt.add_text("s", secrets.token_hex(8))
    buffer = io.BytesIO()
    Image.fromarray(scan).save(buffer, "PNG", pnginfo=salt, compress_level=4)
    return _uri("png", buffer.getvalue())


def map_uri(raw: npt.NDArray[np.float32], colours: str, aspect: float) -> str | None:
    """Encode a raw map as a coloured, partly transparent WebP in a data address.

    Args:
        raw: float32 (h, w), not negative.
        colours: a key of `octtutor.model.explain.maps.COLOURS`.
        aspect: the scan's width over its height.

    Returns:
        None when the map is all zero: there is no evidence to show. The more evidence, the
        less transparent.
    """
    if not raw.any():
        return None
    return _draw_map(np.ascontiguousarray(raw, np.float32).tobytes(), raw.shape, colours, aspect)


@lru_cache(maxsize=512)  # a class reads the same scans; a map takes 20 ms and 10 kB
def _draw_map(data: bytes, shape: tuple[int, ...], colours: str, aspect: float) -> str:
    raw = np.frombuffer(data, np.float32).reshape(shape)
    level = to_scan_size(raw, _MAP_SIDE, round(_MAP_SIDE * aspect))
    return tinted_uri(level, colours)


def tinted_uri(level: npt.NDArray[np.float32], colours: str) -> str:
    """Encode a map, float32 (height, width) in [0, 1], coloured, the more opaque the higher."""
    alpha = np.round(255 * np.sqrt(level)).astype(np.uint8)
    picture = np.dstack([colour(level, colours), alpha])
    return _uri("webp", cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, 80])[1].tobytes())


def outline_path(mask: npt.NDArray[np.uint8]) -> str:
    """Trace a mask, uint8 (height, width), as an SVG path in scan pixels."""
    contours, _ = cv2.findContours(
        (mask > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    return " ".join(
        "M" + " L".join(f"{x} {y}" for x, y in contour[:, 0]) + " Z" for contour in contours
    )


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
