"""Any file a person may have to one kind of array: uint8 grey (height, width).

Pillow opens five formats only, never trusts a header's size, and its own conversions are
avoided where they lose grey levels (16-bit to 8-bit saturates).
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from octtutor.errors import BadScanError

Pixels = npt.NDArray[np.uint8]

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})
MIN_SIDE = 32
MAX_PIXELS = 40_000_000
MAX_BYTES = 100_000_000


def read_scan(path: Path) -> Pixels:
    """Read a scan from a file.

    Returns:
        uint8 (height, width), 0 black to 255 white.

    Raises:
        BadScanError: the file is missing, too large, not an image, or cut short.
    """
    return decode(read_bytes(path), name=path.name)


def read_bytes(path: Path) -> bytes:
    """Read a scan's file whole, refusing what is missing or larger than `MAX_BYTES`."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise BadScanError(
                f"Expected a scan of at most {MAX_BYTES:,} bytes. Received: {path.name!r} "
                f"with {size:,}. Export it smaller."
            )
        return path.read_bytes()
    except OSError as error:
        raise BadScanError(
            f"Cannot read {path.name!r}: {error.strerror}. Check the path and its permissions."
        ) from error


def decode(data: bytes, name: str = "scan") -> Pixels:
    """Decode an image file's bytes to grey.

    Args:
        data: the bytes of a PNG, JPEG, TIFF, BMP or WEBP file; 8 or 16 bits, grey, RGB,
            palette or with alpha (blended on black). Of a multi-page file the first page.
        name: what error messages call it.

    Returns:
        uint8 (height, width). 16-bit scans are windowed from [0, highest power of two that
        their brightest pixel needs], so 12-bit data in a 16-bit file keep their grey levels.

    Raises:
        BadScanError: see `read_scan`.
    """
    grey = _to_grey(_open(data, name))
    if min(grey.shape) < MIN_SIDE:
        height, width = grey.shape
        raise BadScanError(
            f"Expected a scan of at least {MIN_SIDE} x {MIN_SIDE} pixels. Received: {name!r} "
            f"with {width} x {height}. Use the full B-scan."
        )
    return grey


def _open(data: bytes, name: str) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        _refuse_huge(image.size, name)
        image.load()
        return ImageOps.exif_transpose(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(name, f"{str(error).partition(')')[0]})") from error
    except BadScanError:
        raise
    except Exception as error:  # Pillow raises many kinds for damaged files
        raise BadScanError(
            f"Expected a whole image ({', '.join(FORMATS)}). Received: {name!r}, which is "
            "none or is cut short. Export the scan again."
        ) from error


def _refuse_huge(size: tuple[int, int], name: str) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise _too_large(name, f"{size[0]:,} x {size[1]:,}")


def _too_large(name: str, received: str) -> BadScanError:
    return BadScanError(
        f"Expected a scan of at most {MAX_PIXELS:,} pixels. Received: {name!r} with {received}. "
        "Export it smaller."
    )


def _to_grey(image: Image.Image) -> Pixels:
    if image.mode.startswith("I") or image.mode == "F":
        return _window(np.asarray(image))
    if "transparency" in image.info or image.mode in ("LA", "PA", "La", "RGBA", "RGBa"):
        rgba = image.convert("RGBA")
        black = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, rgba)
    return np.array(image.convert("RGB").convert("L") if image.mode != "L" else image)


def _window(raw: npt.NDArray[Any]) -> Pixels:
    values = np.nan_to_num(raw.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    top = max(float(values.max()), 1.0)
    white = 2.0 ** np.ceil(np.log2(top + 1)) - 1 if top > 1 else 1.0
    # 257 = 65535 / 255: a 16-bit copy of an 8-bit scan comes back to the same grey levels
    return np.clip(np.round(values * (255.0 / white)), 0, 255).astype(np.uint8)
