import base64
import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from octtutor.datasets.decode import decode, decode_picture, read_scan
from octtutor.errors import BadScanError

RAMP = np.tile(np.arange(256, dtype=np.uint8), (64, 1))


def encode(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_lossless_grey_comes_back_exactly(kind):
    assert (decode(encode(Image.fromarray(RAMP), kind)) == RAMP).all()


HEIC = (
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAA"
    "AAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAABoQABAAAAAAAAAJ4AAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABo"
    "dmMxAAAAAA5waXRtAAAAAAABAAAA/WlwcnAAAADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEA"
    "GEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAA"
    "AwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAAB"
    "AAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBpeGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAAKZt"
    "ZGF0AAAAmigBrwT4QZrc2KkGEzZHBWs4nOji+cW9+SxkhkA5tTJ5PY8C3MlWTFPBlnsztxRaoE+CfAAcAFGKQvpLzuCg"
    "TALUUP72igo9VAfT5Hsc/isn9sh3vx5X5BN/G5/9MwjEGt2IxT+On7N1R1zIg+aLxpCRyUUvb/33z/JcVFPOTKGI9w3x"
    "eHmsgymZE+mtRok83rD7c4Ti3r2LT4A="
)
"""A ramp from 0 to 250 downwards, 64 x 48 pixels, as a phone would store it."""


@pytest.mark.parametrize("kind", ["GIF", "JPEG2000"])
def test_grey_of_other_kinds_comes_back_exactly(kind: str):
    assert (decode(encode(Image.fromarray(RAMP), kind)) == RAMP).all()


def test_avif_comes_back_closely():
    scan = decode(encode(Image.fromarray(RAMP).convert("RGB"), "AVIF", quality=95))
    assert np.abs(scan.astype(int) - RAMP).mean() < 3


def test_of_a_moving_gif_the_first_picture_is_read():
    frames = [Image.fromarray(np.full((64, 64), level, np.uint8)) for level in (50, 200)]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (decode(data) == 50).all()


def test_a_phones_heic_is_read():
    pytest.importorskip("pi_heif", reason="needs octtutor[formats]")
    ramp = np.tile(np.linspace(0, 250, 48).astype(np.uint8)[:, None], (1, 64))
    assert np.abs(decode(base64.b64decode(HEIC)).astype(int) - ramp).max() < 4


@pytest.mark.parametrize("cut", [40, 300, 560])
def test_a_heic_cut_short_is_refused_by_name(cut: int):
    pytest.importorskip("pi_heif", reason="needs octtutor[formats]")
    with pytest.raises(BadScanError, match=r"'eye.heic'"):
        decode(base64.b64decode(HEIC)[:cut], "eye.heic")


def test_colours_are_kept_where_there_are_any():
    colours = np.dstack([RAMP, RAMP[:, ::-1], RAMP])
    assert (decode_picture(encode(Image.fromarray(colours))) == colours).all()
    assert (decode_picture(encode(Image.fromarray(RAMP).convert("RGB"))) == RAMP).all()
    assert (decode_picture(encode(Image.fromarray(RAMP))) == RAMP).all()
    with pytest.raises(BadScanError, match="32 x 32"):
        decode_picture(encode(Image.fromarray(colours[:8, :8])))


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
