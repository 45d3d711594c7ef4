"""DICOM files of every kind that a clinic may send: grey as it was meant, or one clear line."""

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from octtutor.datasets.volumes import open_volume
from octtutor.errors import BadScanError
from tests.datasets.exports import bscans, dicom

pydicom = pytest.importorskip("pydicom", reason="needs pip install 'octtutor[formats]'")

SCANS = bscans()


def encapsulated(path: Path, kind: str, codec: str, **options) -> Path:
    """Write frames packed by Pillow."""
    from pydicom.encaps import encapsulate

    frames = []
    for scan in SCANS:
        buffer = io.BytesIO()
        Image.fromarray(scan).save(buffer, kind, **options)
        frames.append(buffer.getvalue())
    dicom(path, SCANS)
    data = pydicom.dcmread(path)
    data.PixelData = encapsulate(frames)
    data["PixelData"].is_undefined_length = True
    data["PixelData"].VR = "OB"
    data.file_meta.TransferSyntaxUID = codec
    data.save_as(path)
    return path


def differ(path: Path, expected: np.ndarray, index: int = 2) -> int:
    return int(np.abs(open_volume(path).scan(index).astype(int) - expected).max())


def test_frames_of_eight_bits_come_back_exactly(tmp_path: Path):
    volume = open_volume(dicom(tmp_path / "a.dcm", SCANS))
    assert all((volume.scan(k) == scan).all() for k, scan in enumerate(SCANS))


def test_a_single_frame_is_a_volume_of_one(tmp_path: Path):
    volume = open_volume(dicom(tmp_path / "a.dcm", SCANS[0]))
    assert (volume.kind, volume.count) == ("DICOM", 1)
    assert (volume.scan(0) == SCANS[0]).all()


def test_rle_and_jpeg_2000_come_back_exactly(tmp_path: Path):
    assert differ(dicom(tmp_path / "a.dcm", SCANS, pydicom.uid.RLELossless), SCANS[2]) == 0
    codec = pydicom.uid.JPEG2000Lossless
    assert differ(encapsulated(tmp_path / "b.dcm", "JPEG2000", codec, no_jp2=True), SCANS[2]) == 0


def test_baseline_jpeg_comes_back_closely(tmp_path: Path):
    codec = pydicom.uid.JPEGBaseline8Bit
    assert differ(encapsulated(tmp_path / "a.dcm", "JPEG", codec, quality=95), SCANS[2]) < 20


@pytest.mark.parametrize("factor", [257, 256])
@pytest.mark.parametrize("darker", [1, 4, 64])
def test_sixteen_bits_have_the_grey_of_eight(factor: int, darker: int, tmp_path: Path):
    twin = SCANS // darker
    assert differ(dicom(tmp_path / "a.dcm", twin.astype(np.uint16) * factor), twin[2]) == 0


def test_bits_that_are_said_to_be_used_count(tmp_path: Path):
    wide = (SCANS // 4).astype(np.uint16) * 16
    path = dicom(tmp_path / "a.dcm", wide, BitsStored=12, HighBit=11)
    assert differ(path, SCANS[2] // 4) <= 1


def test_a_window_is_heeded(tmp_path: Path):
    wide = SCANS.astype(np.uint16) * 8 + 1000
    window = {"WindowCenter": 1000 + 4 * 255 + 0.5, "WindowWidth": 8 * 255 + 1}
    assert differ(dicom(tmp_path / "a.dcm", wide, **window), SCANS[2]) == 0
    exact = {
        "WindowCenter": 1000 + 4 * 255,
        "WindowWidth": 8 * 255,
        "VOILUTFunction": "LINEAR_EXACT",
    }
    assert differ(dicom(tmp_path / "b.dcm", wide, **exact), SCANS[2]) == 0


def test_a_window_is_meant_after_the_rescaling(tmp_path: Path):
    rescaled = {"RescaleSlope": 2, "RescaleIntercept": -100}
    window = {"WindowCenter": 2 * 127.5 - 100 + 0.5, "WindowWidth": 2 * 255 + 1}
    assert differ(dicom(tmp_path / "a.dcm", SCANS, **rescaled, **window), SCANS[2]) == 0


def test_several_windows_offer_the_first(tmp_path: Path):
    window = {"WindowCenter": [128, 40], "WindowWidth": [256, 80]}
    assert differ(dicom(tmp_path / "a.dcm", SCANS, **window), SCANS[2]) <= 1


def test_windows_of_each_frame_and_shared_ones_are_heeded(tmp_path: Path):
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    def group(centre: float) -> Dataset:
        voi, item = Dataset(), Dataset()
        voi.WindowCenter, voi.WindowWidth = centre, 256
        item.FrameVOILUTSequence = Sequence([voi])
        return item

    shifted = [128.0, 100.0, 128.0, 160.0, 128.0]
    own = Sequence(group(centre) for centre in shifted)
    volume = open_volume(dicom(tmp_path / "a.dcm", SCANS, PerFrameFunctionalGroupsSequence=own))
    assert np.abs(volume.scan(2).astype(int) - SCANS[2]).max() <= 1
    assert volume.scan(1).mean() > SCANS[1].mean() + 10
    shared = Sequence([group(100.0)])
    path = dicom(tmp_path / "b.dcm", SCANS, SharedFunctionalGroupsSequence=shared)
    assert open_volume(path).scan(2).mean() > SCANS[2].mean() + 10


def test_black_and_white_are_turned_where_the_file_says_so(tmp_path: Path):
    path = dicom(tmp_path / "a.dcm", 255 - SCANS, PhotometricInterpretation="MONOCHROME1")
    assert differ(path, SCANS[2]) == 0


def test_signed_numbers_are_stretched_over_all_frames(tmp_path: Path):
    signed = SCANS.astype(np.int16) * 8 - 1000
    low, high = int(SCANS.min()), int(SCANS.max())
    expected = np.round((SCANS[2].astype(float) - low) * 255 / (high - low))
    assert differ(dicom(tmp_path / "a.dcm", signed), expected) <= 1


def test_floats_are_read_and_nan_is_said(tmp_path: Path):
    floats = SCANS / np.float32(255)
    assert differ(dicom(tmp_path / "a.dcm", floats), SCANS[2]) == 0
    floats[4, 0, 0] = np.nan
    with pytest.raises(BadScanError, match="1 of 1,920 NaN or infinite"):
        open_volume(dicom(tmp_path / "b.dcm", floats))


def test_one_frame_in_colour_is_turned_grey(tmp_path: Path):
    colour = np.dstack([SCANS[0], SCANS[1], SCANS[2]])
    expected = np.array(Image.fromarray(colour).convert("L"))
    assert (open_volume(dicom(tmp_path / "a.dcm", colour)).scan(0) == expected).all()


def test_frames_in_colour_are_refused_unless_they_are_grey(tmp_path: Path):
    rgb = np.random.default_rng(1).integers(0, 255, (3, 40, 48, 3), np.uint8)
    with pytest.raises(BadScanError, match=r"Expected grey B-scans.* 3 frames in colour"):
        open_volume(dicom(tmp_path / "a.dcm", rgb))
    grey = np.repeat(SCANS[..., None], 3, axis=-1)
    assert differ(dicom(tmp_path / "b.dcm", grey), SCANS[2]) == 0


def test_a_palette_is_looked_up(tmp_path: Path):
    ramp = np.arange(255, -1, -1, dtype=np.uint16) * 257
    names = [f"{colour}PaletteColorLookupTable" for colour in ("Red", "Green", "Blue")]
    table = {f"{name}Data": ramp.astype("<u2").tobytes() for name in names}
    table |= {f"{name}Descriptor": [256, 0, 16] for name in names}
    path = dicom(tmp_path / "a.dcm", SCANS, PhotometricInterpretation="PALETTE COLOR", **table)
    assert differ(path, 255 - SCANS[2]) == 0


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("1.2.840.10008.1.2.4.70", "JPEG Lossless"),
        ("1.2.840.10008.1.2.4.80", "JPEG-LS"),
        ("1.2.840.10008.1.2.4.102", "MPEG-4"),
        ("1.2.3.4.5.6.7", "1.2.3.4.5.6.7"),
    ],
)
def test_an_unknown_codec_is_named(codec: str, name: str, tmp_path: Path):
    path = encapsulated(tmp_path / "a.dcm", "JPEG", codec)
    with pytest.raises(BadScanError, match=f"packed as '{name}.*Export it uncompressed"):
        open_volume(path)


def test_a_deflated_file_is_refused_before_it_is_inflated(tmp_path: Path):
    path = dicom(tmp_path / "a.dcm", SCANS)
    data = pydicom.dcmread(path)
    data.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    data.PixelData = bytes(50_000_000)
    data.save_as(path)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(BadScanError, match="packed as 'Deflated"):
        open_volume(path)


def test_runs_that_unpack_to_more_than_a_frame_are_refused_unread(tmp_path: Path):
    from pydicom.encaps import encapsulate

    path = dicom(tmp_path / "a.dcm", SCANS[0], pydicom.uid.RLELossless)
    data = pydicom.dcmread(path)
    runs = (1).to_bytes(4, "little") + (64).to_bytes(4, "little") + bytes(56)
    data.PixelData = encapsulate([runs + b"\x81\xff" * 1_000_000])
    data.save_as(path)
    with pytest.raises(BadScanError, match="packed as RLE in frames that are too large"):
        open_volume(path)


@pytest.mark.parametrize("missing", ["PixelData", "Rows", "BitsAllocated"])
def test_a_file_without_pixels_is_refused(missing: str, tmp_path: Path):
    path = dicom(tmp_path / "a.dcm", SCANS, **{missing: None})
    with pytest.raises(BadScanError, match="holds no pixels"):
        open_volume(path)


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"NumberOfFrames": 50}, "damaged or cut short"),
        ({"NumberOfFrames": 2_000_000_000}, "declares 2,000,000,000 B-scans"),
        ({"Rows": 65535, "Columns": 65535}, "at most 40,000,000 pixels"),
        ({"Rows": 1, "Columns": 1}, "at least 32 x 32"),
        ({"Columns": 4800}, "damaged or cut short"),
    ],
)
def test_sizes_that_cannot_be_are_refused(tags: dict, said: str, tmp_path: Path):
    with pytest.raises(BadScanError, match=said):
        open_volume(dicom(tmp_path / "a.dcm", SCANS, **tags))


def test_a_header_without_end_is_not_parsed_to_its_end(tmp_path: Path):
    path = dicom(tmp_path / "a.dcm", SCANS)
    data = path.read_bytes()
    place = data.index(b"\x10\0\x10\0PN")  # the patient's name
    element = b"\x09\0\x10\x10SH\0\0"
    path.write_bytes(data[:place] + element * 10_000 + data[place:])
    assert open_volume(path).count == len(SCANS)
    path.write_bytes(data[:place] + element * 500_000 + data[place:])
    with pytest.raises(BadScanError, match="damaged or cut short"):
        open_volume(path)


def test_nothing_of_the_patient_is_held(tmp_path: Path):
    grey = open_volume(dicom(tmp_path / "a.dcm", SCANS))
    colour = open_volume(dicom(tmp_path / "b.dcm", np.dstack([SCANS[0]] * 3)))
    for volume in (grey, colour):
        held = pickle.dumps(volume) + repr(volume).encode()
        assert not any(secret in held for secret in (b"SECRET", b"PATIENT", b"4711", b"1950"))


@pytest.mark.parametrize(("side", "expected"), [("L", "OS"), ("R", "OD"), ("B", None), ("", None)])
def test_the_eye_is_told(side: str, expected: str | None, tmp_path: Path):
    path = dicom(tmp_path / "a.dcm", SCANS[0], ImageLaterality=side)
    assert open_volume(path).laterality == expected
