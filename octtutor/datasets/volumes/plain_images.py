"""Plain images, a volume of one B-scan each, and TIFF stacks, whose pages are the B-scans."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import numpy.typing as npt
from PIL import Image

from octtutor.datasets.decode import (
    Pixels,
    check_size,
    decode,
    decode_picture,
    find_white,
    is_wide,
    to_grey,
)
from octtutor.datasets.scan_picture import part_facts
from octtutor.datasets.volumes.volume import Opener, Reader, Volume, check_count, size_of
from octtutor.errors import BadScanError
from octtutor.limits import MAX_SCAN_BYTES, MAX_VOLUME_SLICES

IMAGE, STACK = "image", "TIFF stack"
_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HEAD = 512
"""Bytes, in which a PNG file that was a slice of a volume tells what that said of it."""
_SUBFILE, _REDUCED_OR_MASK = 254, 0b101


def open_picture(opener: Opener, name: str) -> Volume:
    """Open a plain image or a TIFF stack."""
    with opener() as file:
        head = file.read(_HEAD)
        if head[:4] in _MAGIC:
            pages = _pages(opener, name)
            if len(pages) > 1:
                white = _find_white(opener, pages, name)
                return Volume(
                    name, STACK, len(pages), None, partial(_read_page, opener, pages, name, white)
                )
        _check_bytes(size_of(file), name)
    return Volume(
        name,
        IMAGE,
        1,
        None,
        partial(_read_whole, decode, opener, name),
        facts=(part_facts(head)[0],),
        read_colours=partial(_read_whole, decode_picture, opener, name),
    )


def _check_bytes(size: int, name: str) -> None:
    if size > MAX_SCAN_BYTES:
        raise BadScanError(
            f"Expected a scan of at most {MAX_SCAN_BYTES:,} bytes. Received: {name!r} with "
            f"{size:,}. Export it smaller."
        )


def _read_whole(reads: Callable[[bytes, str], Pixels], opener: Opener, name: str, _: int) -> Pixels:
    with opener() as file:
        return reads(file.read(MAX_SCAN_BYTES + 1), name)


def _pages(opener: Opener, name: str) -> tuple[int, ...]:
    """Return the numbers of a TIFF's pages, thumbnails and masks left out; none if damaged."""
    pages: list[int] = []
    try:
        with opener() as file, Image.open(file, formats=("TIFF",)) as image:
            for number in range(MAX_VOLUME_SLICES + 1):
                image.seek(number)
                if not image.tag_v2.get(_SUBFILE, 0) & _REDUCED_OR_MASK:  # type: ignore[attr-defined]
                    pages.append(number)
    except EOFError:
        check_count(len(pages), name, STACK)
        return tuple(pages)
    check_count(len(pages), name, STACK)
    return tuple(pages)


def _find_white(opener: Opener, pages: tuple[int, ...], name: str) -> float | None:
    """Find one white for all pages, so that none is brighter than it was; None for 8 bits."""
    with opener() as file, Image.open(file, formats=("TIFF",)) as image:
        return find_white(_numbers(image, pages, name)) if is_wide(image) else None


def _numbers(
    image: Image.Image, pages: tuple[int, ...], name: str
) -> Iterator[npt.NDArray[np.generic]]:
    for number in pages:
        image.seek(number)
        check_size(image.size[::-1], name)
        if is_wide(image):
            raw = np.asarray(image)
            if np.isfinite(raw).all():  # a page with holes is refused when it is read, alone
                yield raw


def _read_page(
    opener: Opener, pages: tuple[int, ...], name: str, white: float | None, index: int
) -> Pixels:
    with opener() as file, Image.open(file, formats=("TIFF",)) as image:
        image.seek(pages[index])
        check_size(image.size[::-1], name)
        image.load()
        return to_grey(image, name, white)


PICTURE_READER = Reader(IMAGE, open_picture, (), always_begins=False)
"""Of every file that no device's reader knows."""
