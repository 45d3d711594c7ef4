import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from octtutor.datasets.decode import decode, read_scan
from octtutor.errors import BadScanError

RAMP = np.tile(np.arange(256, dtype=np.uint8), (64, 1))


def encode(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_lossless_grey_comes_back_exactly(kind):
    assert (decode(encode(Image.fromarray(RAMP), kind)) == RAMP).all()


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_grey_comes_back_closely(kind):
    scan = decode(encode(Image.fromarray(RAMP), kind, quality=95))
    assert np.abs(scan.astype(int) - RAMP).mean() < 3


def test_rgb_of_grey_is_grey():
    assert (decode(encode(Image.fromarray(RAMP).convert("RGB"))) == RAMP).all()


def test_a_palette_is_looked_up():
    picture = Image.fromarray(RAMP[:, ::-1].copy(), "P")
    picture.putpalette([level for level in range(255, -1, -1) for _ in range(3)])
    assert (decode(encode(picture)) == RAMP).all()


def test_alpha_is_blended_on_black():
    rgba = Image.fromarray(
        np.dstack([np.full((64, 64, 3), 200, np.uint8), np.full((64, 64, 1), 128, np.uint8)])
    )
    assert set(np.unique(decode(encode(rgba)))) <= {100, 101}


def test_a_transparent_palette_entry_is_black():
    picture = Image.fromarray(np.zeros((64, 64), np.uint8), "P")
    picture.putpalette([255, 255, 255] * 256)
    assert decode(encode(picture, transparency=0)).max() == 0


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_sixteen_bit_copy_has_the_same_grey_levels(kind):
    wide = RAMP.astype(np.uint16) * 257
    assert (decode(encode(Image.fromarray(wide), kind)) == RAMP).all()


def test_twelve_bits_in_sixteen_use_the_whole_range():
    twelve = np.tile(np.arange(4096, dtype=np.uint16), (64, 1))
    scan = decode(encode(Image.fromarray(twelve)))
    assert scan.min() == 0
    assert scan.max() == 255
    assert len(np.unique(scan)) == 256


def test_floats_with_holes_are_read():
    floats = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))
    floats[0, 0] = np.nan
    scan = decode(encode(Image.fromarray(floats), "TIFF"))
    assert scan[0, 0] == 0
    assert scan.max() == 255


def test_a_turned_photograph_is_turned_back():
    exif = Image.Exif()
    exif[0x0112] = 6
    tall = decode(encode(Image.fromarray(RAMP), "PNG", exif=exif))
    assert tall.shape == (256, 64)


@pytest.mark.parametrize(
    "data",
    [b"", b"not an image", b"\x89PNG\r\n\x1a\n", b"GIF89a" + bytes(100), bytes(5000)],
)
def test_what_is_no_image_is_refused(data):
    with pytest.raises(BadScanError, match=r"Expected a whole image .* Received: 'x.png'"):
        decode(data, "x.png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_half_a_file_is_refused(kind):
    rng = np.random.default_rng(0)
    data = encode(Image.fromarray(rng.integers(0, 255, (300, 300), np.uint8)), kind)
    with pytest.raises(BadScanError, match="cut short"):
        decode(data[: len(data) // 2])


def test_a_single_pixel_is_refused():
    with pytest.raises(BadScanError, match=r"at least 32 x 32 pixels.*1 x 1"):
        decode(encode(Image.new("L", (1, 1))))


def test_a_decompression_bomb_is_refused_before_it_is_unpacked():
    row = zlib.compress(bytes(40_001))
    header = (40_000).to_bytes(4, "big") * 2 + b"\x08\x00\x00\x00\x00"

    def chunk(name: bytes, body: bytes) -> bytes:
        crc = zlib.crc32(name + body).to_bytes(4, "big")
        return len(body).to_bytes(4, "big") + name + body + crc

    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", row) + chunk(b"IEND", b"")
    with pytest.raises(BadScanError, match=r"at most 40,000,000 pixels.*1600000000 pixels"):
        decode(bomb)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(BadScanError, match=r"nowhere\.png"):
        read_scan(tmp_path / "nowhere.png")


@given(st.binary(max_size=400))
def test_no_bytes_bring_more_than_one_kind_of_error(data):
    with pytest.raises(BadScanError):
        decode(data)


@pytest.mark.real_scans
def test_every_real_scan_is_read(real_scans: Path):
    for path in sorted(real_scans.rglob("*.jpeg"))[::20]:
        scan = read_scan(path)
        assert scan.dtype == np.uint8
        assert scan.shape[0] == 496
