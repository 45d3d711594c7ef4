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
@pytest.mark.parametrize("factor", [257, 256])
@pytest.mark.parametrize("brightest", [255, 128, 127, 100, 16, 15, 4, 1, 0])
def test_a_sixteen_bit_copy_has_the_same_grey_levels(kind: str, factor: int, brightest: int):
    twin = np.minimum(RAMP, brightest)
    assert (decode(encode(Image.fromarray(twin.astype(np.uint16) * factor), kind)) == twin).all()


@pytest.mark.parametrize("brightest", [255, 100, 15])
def test_a_copy_that_was_rounded_down_on_its_way_has_the_same_grey_levels(brightest: int):
    twin = np.minimum(RAMP, brightest)
    wide = (twin / 255 * 65535).astype(np.uint16)
    assert (decode(encode(Image.fromarray(wide))) == twin).all()


@pytest.mark.parametrize("brightest", [255, 100, 1])
@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
def test_eight_bits_in_a_wider_file_stay_as_they_are(brightest: int, kind: type):
    twin = np.minimum(RAMP, brightest)
    assert (decode(encode(Image.fromarray(twin.astype(kind)), "TIFF")) == twin).all()


@pytest.mark.parametrize("brightest", [60_000, 30_000, 9_000])
def test_sixteen_bits_that_are_no_copy_have_the_grey_of_their_upper_bits(brightest: int):
    wide = np.tile(np.linspace(0, brightest, 4096).astype(np.uint16), (64, 1))
    difference = decode(encode(Image.fromarray(wide))).astype(int) - (wide >> 8)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("brightest", [4095, 2000, 700])
def test_twelve_bits_in_sixteen_keep_their_grey_levels(brightest: int):
    twelve = np.tile(np.arange(brightest + 1, dtype=np.uint16), (64, 1))
    scan = decode(encode(Image.fromarray(twelve)))
    assert np.abs(scan.astype(float) - twelve * (255 / 4095)).max() <= 0.5


def test_a_copy_that_is_white_at_zero_is_turned():
    wide = (255 - RAMP).astype(np.uint16) * 257
    data = encode(Image.fromarray(wide), "TIFF")
    told = b"\x06\x01\x03\0\x01\0\0\0"  # tag 262, one short number
    assert told + b"\x01" in data
    data = data.replace(told + b"\x01", told + b"\0")
    assert (decode(data) == RAMP).all()


def test_shares_of_one_are_read():
    floats = np.tile(np.linspace(0, 0.5, 64, dtype=np.float32), (64, 1))
    scan = decode(encode(Image.fromarray(floats), "TIFF"))
    assert (scan.min(), scan.max()) == (0, 128)


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [(0, 0), slice(None)])
def test_nan_is_said_in_one_line(hole: float, where):
    floats = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))
    floats[where] = hole
    count = "1" if where == (0, 0) else "4,096"
    with pytest.raises(BadScanError, match=rf"'x\.tif' with {count} of 4,096 NaN or infinite"):
        decode(encode(Image.fromarray(floats), "TIFF"), "x.tif")


def test_numbers_below_zero_only_are_no_grey():
    floats = np.full((64, 64), -40, np.float32)  # decibels, perhaps
    with pytest.raises(BadScanError, match="Expected grey values of 0 and more"):
        decode(encode(Image.fromarray(floats), "TIFF"))


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


def test_numbers_far_below_zero_are_refused_and_a_ringing_edge_is_not(tmp_path: Path):
    grey = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))
    with pytest.raises(BadScanError, match="decibels perhaps"):
        decode(tiff(grey * 60 - 20), "db.tif")
    ringing = grey.copy()
    ringing[0, 0] = -0.02
    assert decode(tiff(ringing), "ringing.tif")[0, 0] == 0


def tiff(numbers: np.ndarray) -> bytes:
    drawn = io.BytesIO()
    Image.fromarray(numbers).save(drawn, "TIFF")
    return drawn.getvalue()
