"""Any file a person may have to one kind of array: uint8 grey (height, width).

Pillow opens nine formats only, one of them by a library of its own (HEIC, which phones write),
never trusts a header's size, and its own conversions are
avoided where they lose grey levels (16-bit to 8-bit saturates).
"""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from octtutor.errors import BadScanError
from octtutor.limits import MAX_SCAN_BYTES, MAX_SCAN_PIXELS

Pixels = npt.NDArray[np.uint8]

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", "JPEG2000", "AVIF")
"""What Pillow opens by itself; its name for HEIC, opened by pi-heif, is HEIF."""
SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".jp2", ".j2k", ".avif"}
) | {".heic", ".heif"}
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
MIN_SIDE = 32
_UNDERSHOOT = 0.05
"""Share of the brightest number by which resampling may have gone below zero."""
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
_INVERTED = "octtutor_inverted"


def read_scan(path: Path) -> Pixels:
    """Read a scan from a file.

    Returns:
        uint8 (height, width), 0 black to 255 white.

    Raises:
        BadScanError: the file is missing, too large, not an image, or cut short.
    """
    return decode(read_bytes(path), name=path.name)


def read_bytes(path: Path) -> bytes:
    """Read a scan's file whole, refusing what is missing or larger than `MAX_SCAN_BYTES`."""
    try:
        size = path.stat().st_size
        if size > MAX_SCAN_BYTES:
            raise BadScanError(
                f"Expected a scan of at most {MAX_SCAN_BYTES:,} bytes. Received: {path.name!r} "
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
        data: the bytes of a PNG, JPEG, TIFF, BMP, WEBP, GIF, JPEG 2000, AVIF or HEIC file; 8 or
            16 bits, grey, RGB, palette or with alpha (blended on black). Of several pages,
            frames or pictures the first.
        name: what error messages call it.

    Returns:
        uint8 (height, width). Wider numbers are brought to 8 bits by `find_white`, so that a
        16-bit copy of a scan has the grey levels of its 8-bit twin.

    Raises:
        BadScanError: see `read_scan`; also where a pixel is NaN or infinite.
    """
    image = _open(data, name)
    grey = to_grey(image, name)
    check_size(grey.shape, name)
    return grey


def decode_picture(data: bytes, name: str = "scan") -> Pixels:
    """Decode an image file's bytes, with its colours where it has any.

    Args:
        data: see `decode`.
        name: what error messages call it.

    Returns:
        uint8 (height, width), the same as `decode` gives, of a file without colours; else uint8
        (height, width, 3), RGB.

    Raises:
        BadScanError: see `decode`.
    """
    image = _open(data, name)
    check_size(image.size[::-1], name)
    return to_picture(image, name)


def check_size(shape: tuple[int, ...], name: str) -> None:
    """Refuse a scan, (height, width), that is too small to show anything or too large to hold.

    Raises:
        BadScanError: a side is below `MIN_SIDE`, or there are more than `MAX_SCAN_PIXELS` pixels.
    """
    height, width = shape
    if min(shape) < MIN_SIDE:
        raise BadScanError(
            f"Expected a scan of at least {MIN_SIDE} x {MIN_SIDE} pixels. Received: {name!r} "
            f"with {width} x {height}. Use the full B-scan."
        )
    _refuse_huge((width, height), name)


def is_wide(image: Image.Image) -> bool:
    """Whether an image's numbers need more than 8 bits."""
    return image.mode.startswith("I") or image.mode == "F"


def to_grey(image: Image.Image, name: str, white: float | None = None) -> Pixels:
    """Turn an opened image to grey.

    Args:
        image: of any mode; colours are weighted by their brightness, alpha is put on black.
        name: what error messages call it.
        white: the number that is shown white where the image `is_wide`; found by default.

    Returns:
        uint8 (height, width).

    Raises:
        BadScanError: a pixel is NaN or infinite, or all are negative.
    """
    if is_wide(image):
        grey = window(np.asarray(image), name, white)
        return 255 - grey if image.info.get(_INVERTED, _is_white_zero(image)) else grey
    image = _on_black(image)
    return np.array(image.convert("RGB").convert("L") if image.mode != "L" else image)


def to_picture(image: Image.Image, name: str) -> Pixels:
    """Turn an opened image to grey, or to RGB where it has colours.

    Returns:
        uint8 (height, width), as `to_grey` gives it; or uint8 (height, width, 3).

    Raises:
        BadScanError: see `to_grey`.
    """
    if is_wide(image) or image.mode in ("1", "L", "LA", "La"):
        return to_grey(image, name)
    picture = np.array(_on_black(image).convert("RGB"))
    same = (picture[..., :1] == picture[..., 1:]).all()
    return to_grey(image, name) if same else picture


def _on_black(image: Image.Image) -> Image.Image:
    if "transparency" in image.info or image.mode in ("LA", "PA", "La", "RGBA", "RGBa"):
        rgba = image.convert("RGBA")
        black = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, rgba)
    return image


def _is_white_zero(image: Image.Image) -> bool:
    """Whether a TIFF counts from white; in 8 bits Pillow heeds that itself."""
    return bool(getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO)


def window(raw: npt.NDArray[Any], name: str, white: float | None = None) -> Pixels:
    """Bring wide numbers to 8 bits: 0 is black, `white` (found by default) is white.

    Raises:
        BadScanError: a number is NaN or infinite, or all are below zero.
    """
    check_numbers(raw, name)
    white = find_white([raw]) if white is None else white
    return np.clip(np.round(raw * (255.0 / white)), 0, 255).astype(np.uint8)


def check_numbers(raw: npt.NDArray[Any], name: str, signed: bool = False) -> None:
    """Refuse numbers that are no grey values.

    Raises:
        BadScanError: one is NaN or infinite, or, unless `signed`, some are far below zero.
    """
    holes = raw.size - int(np.isfinite(raw).sum())
    if holes:
        raise BadScanError(
            f"Expected a number in every pixel. Received: {name!r} with {holes:,} of "
            f"{raw.size:,} NaN or infinite. Export the scan again, as PNG perhaps."
        )
    if not signed and raw.size and raw.min() < -_UNDERSHOOT * max(float(raw.max()), 0.0):
        raise BadScanError(
            f"Expected grey values of 0 and more. Received: {name!r} with {raw.min():g} as the "
            "darkest (decibels perhaps, or signed numbers). Export it with 8 or 16 bits."
        )


def find_white(parts: Iterable[npt.NDArray[Any]]) -> float:
    """Find the number that is white, from all numbers of a scan or of a volume's scans.

    What is found does not depend on how bright the scan is, wherever the numbers tell:

    - none above 1, and not whole: a share of 1;
    - none above 255: 8 bits in a wider file;
    - all on a multiple of 257 (or beside it, by rounding), or of 256: 8 bits, stretched;
    - none above 4095: 12 bits in a wider file;
    - otherwise 16 bits, or as many as are needed.

    Args:
        parts: arrays of finite numbers.

    Returns:
        The number to be shown as 255.
    """
    top, whole, by_257, by_256 = 0.0, True, True, True
    for part in parts:
        top = max(top, float(part.max(initial=0)))
        whole = whole and _all(part == np.floor(part))
        by_257 = by_257 and _all((part + 1.0) % 257 <= 2)
        by_256 = by_256 and _all(part % 256 == 0)
        if part.dtype == np.uint16 and top > 4095 and not (by_257 or by_256):
            break  # nothing that follows can change it
    if top <= 255:
        return 1.0 if top <= 1 and not whole else 255.0
    if by_257:
        return 65535.0
    if by_256:
        return 65280.0
    return next((2.0**bits - 1 for bits in (12, 16) if top < 2**bits), 2.0 ** np.ceil(np.log2(top)))


def _all(true: npt.NDArray[np.bool_]) -> bool:
    return bool(true.all())


def _open(data: bytes, name: str) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=_formats_for(data, name))
        _refuse_huge(image.size, name)
        image.load()
        image.info[_INVERTED] = _is_white_zero(image)  # a copy forgets a file's tags
        return ImageOps.exif_transpose(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(name, f"{str(error).partition(')')[0]})") from error
    except BadScanError:
        raise
    except Exception as error:  # Pillow raises many kinds for damaged files
        raise BadScanError(
            f"Expected a whole image ({', '.join(FORMATS)}, HEIC). Received: {name!r}, which is "
            "none, is cut short, or holds 64-bit numbers. Export the scan again."
        ) from error


def _formats_for(data: bytes, name: str) -> tuple[str, ...]:
    """Return what Pillow may open: HEIC only where the file says it is, by pi-heif.

    Raises:
        BadScanError: the file is HEIC, and pi-heif is not installed.
    """
    if data[4:8] != b"ftyp" or data[8:12] not in _HEIC_BRANDS:
        return FORMATS
    try:
        from pi_heif import register_heif_opener
    except ImportError as error:
        raise BadScanError(
            f"Expected pi-heif, which reads HEIC pictures like {name!r}. It is not installed. "
            "Install it (pip install 'octtutor[formats]'), or export the scan as PNG."
        ) from error
    register_heif_opener(thumbnails=False)
    return ("HEIF",)


def _refuse_huge(size: tuple[int, int], name: str) -> None:
    if size[0] * size[1] > MAX_SCAN_PIXELS:
        raise _too_large(name, f"{size[0]:,} x {size[1]:,}")


def _too_large(name: str, received: str) -> BadScanError:
    return BadScanError(
        f"Expected a scan of at most {MAX_SCAN_PIXELS:,} pixels. Received: {name!r} with "
        f"{received}. Export it smaller."
    )


def to_png(scan: Pixels) -> bytes:
    """Return a scan, uint8 (height, width), as the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(scan).save(buffer, "PNG")
    return buffer.getvalue()
