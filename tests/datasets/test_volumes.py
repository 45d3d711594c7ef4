"""The exports of OCT devices are read as they are laid out, and refused in one line if damaged."""

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from octtutor.datasets import volumes
from octtutor.datasets.volumes import Volume, is_readable_name, open_volume
from octtutor.datasets.volumes.heidelberg import unpack_floats
from octtutor.errors import BadScanError
from octtutor.limits import MAX_VOLUME_SLICES
from tests.datasets import exports

pytest.importorskip("pydicom", reason="needs pip install 'octtutor[formats]'")
pytest.importorskip("eyepy", reason="needs pip install 'octtutor[formats]'")

SCANS = exports.bscans()
DEEP = exports.bscans(3, 1024, 200)


def stack(path: Path, scans: np.ndarray) -> Path:
    pages = [Image.fromarray(scan) for scan in scans]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    return path


def vol(path: Path) -> Path:
    return exports.vol(path, exports.reflectivity(SCANS))


def e2e(path: Path) -> Path:
    return exports.e2e(path, exports.reflectivity(SCANS))


WRITERS = {
    "TIFF stack": (lambda folder: stack(folder / "a.tif", SCANS), SCANS, None),
    "DICOM": (lambda folder: exports.dicom(folder / "a.dcm", SCANS), SCANS, "OS"),
    "Heidelberg VOL": (lambda folder: vol(folder / "a.vol"), SCANS, "OD"),
    "Heidelberg E2E": (lambda folder: e2e(folder / "a.e2e"), SCANS, "OD"),
    "Topcon FDA": (lambda folder: exports.fda(folder / "a.fda", SCANS), SCANS, "OD"),
    "Zeiss IMG": (
        lambda folder: exports.img(folder / "Macular Cube 200x3_OS_sn1_cube_z.img", DEEP),
        DEEP,
        "OS",
    ),
    "Bioptigen OCT": (
        lambda folder: exports.bioptigen(folder / "a.OCT", SCANS.astype(np.uint16) * 90 + 2000),
        SCANS,
        None,
    ),
}
KINDS = sorted(WRITERS)


def written(kind: str, folder: Path) -> Path:
    return WRITERS[kind][0](folder)


@pytest.mark.parametrize("kind", KINDS)
def test_each_slice_comes_back_in_its_place(kind: str, tmp_path: Path):
    _, scans, side = WRITERS[kind]
    volume = open_volume(written(kind, tmp_path))
    assert (volume.kind, volume.count, volume.laterality) == (kind, len(scans), side)
    assert volume.middle == len(scans) // 2
    for index, scan in enumerate(scans):
        found = volume.scan(index)
        assert found.dtype == np.uint8
        assert np.corrcoef(found.ravel(), scan.ravel())[0, 1] > 0.99
        if kind != "Bioptigen OCT":  # its black and white are not told in the file
            assert np.abs(found.astype(int) - scan).max() <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_slice_that_is_not_there_is_refused(kind: str, tmp_path: Path):
    volume = open_volume(written(kind, tmp_path))
    for index in (-1, volume.count):
        with pytest.raises(
            BadScanError, match=rf"from 1 to {volume.count} .* Received {index + 1}"
        ):
            volume.scan(index)


@pytest.mark.parametrize("kind", KINDS)
def test_a_volume_can_be_sent_to_a_worker(kind: str, tmp_path: Path):
    volume = open_volume(written(kind, tmp_path))
    sent = pickle.dumps(volume)
    assert len(sent) < 20_000  # no pixels in it
    assert (pickle.loads(sent).scan(1) == volume.scan(1)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_who_the_patient_is_does_not_leave_the_file(kind: str, tmp_path: Path):
    volume = open_volume(written(kind, tmp_path))
    held = pickle.dumps(volume) + repr(volume).encode()
    for secret in (b"SECRET", b"PATIENT", b"4711", b"1950"):
        assert secret not in held


def read_all(path: Path) -> str:
    """Read every slice, and return what goes wrong; no other kind of error is let through."""
    try:
        volume = open_volume(path)
        for index in range(volume.count):
            volume.scan(index)
    except BadScanError as error:
        return str(error)
    return ""


def in_one_line(said: str) -> bool:
    return "\n" not in said and len(said) < 400


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_short_anywhere_is_read_as_far_as_it_goes_or_refused(kind: str, tmp_path: Path):
    path = written(kind, tmp_path)
    data = path.read_bytes()
    for end in [*range(0, 160, 16), *np.linspace(160, len(data) - 1, 24).astype(int)]:
        path.write_bytes(data[:end])
        assert in_one_line(read_all(path))


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_in_half_is_refused(kind: str, tmp_path: Path):
    path = written(kind, tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    said = read_all(path)
    assert said.startswith("Expected a whole ")
    assert said.endswith("Export it again.")


@pytest.mark.parametrize("kind", KINDS)
def test_flipped_bytes_never_bring_another_error_or_much_memory(kind: str, tmp_path: Path):
    path = written(kind, tmp_path)
    data = path.read_bytes()
    rng = np.random.default_rng(2017)
    front = min(len(data), 3000)
    for _ in range(60):
        changed = bytearray(data)
        for place in rng.integers(0, front, 4):
            changed[place] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
        path.write_bytes(bytes(changed))
        assert in_one_line(read_all(path))


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_full_of_the_largest_number_is_read_or_refused(kind: str, tmp_path: Path):
    path = written(kind, tmp_path)
    data = path.read_bytes()
    for start in (12, 36, 88, 200):
        path.write_bytes(data[:start] + b"\xff" * 4000)
        assert in_one_line(read_all(path))


@pytest.mark.parametrize("name", ["a.vol", "a.e2e", "a.fda", "a.oct", "a.img", "a.dcm"])
@pytest.mark.parametrize("content", [b"", b"<html>", bytes(5000)])
def test_what_only_has_the_name_is_refused(name: str, content: bytes, tmp_path: Path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadScanError, match=f"Received: '{name}'"):
        open_volume(path)


@pytest.mark.parametrize(
    ("kind", "module"), [("DICOM", "pydicom"), ("Heidelberg E2E", "eyepy.io.he.e2e_format")]
)
def test_a_library_that_is_not_there_is_named(kind: str, module: str, tmp_path: Path, monkeypatch):
    path = written(kind, tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BadScanError, match=r"not installed.* pip install 'octtutor\[formats\]'"):
        open_volume(path)


def test_what_a_file_is_counts_and_not_its_name(tmp_path: Path):
    path = vol(tmp_path / "a.vol")
    path.rename(tmp_path / "a.png")
    assert open_volume(tmp_path / "a.png").kind == "Heidelberg VOL"


def test_a_plain_image_is_a_volume_of_one(tmp_path: Path):
    Image.fromarray(SCANS[0]).save(tmp_path / "a.png")
    volume = open_volume(tmp_path / "a.png")
    assert (volume.kind, volume.count, volume.middle) == ("image", 1, 0)
    assert (volume.scan(0) == SCANS[0]).all()


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(BadScanError, match=r"Cannot read 'nowhere\.vol'"):
        open_volume(tmp_path / "nowhere.vol")
    with pytest.raises(BadScanError, match="Cannot read"):
        open_volume(tmp_path)


def test_names_are_told_by_their_ending():
    for name in ("a.png", "A.DCM", "x/b.e2e", "b.vol", "c.fda", "d.img", "e.OCT", "f.tiff"):
        assert is_readable_name(name)
    for name in ("a.txt", "a", "dcm", "a.vol.gz"):
        assert not is_readable_name(name)
    assert {".png", ".dcm", ".vol"} <= volumes.SUFFIXES


# --- Heidelberg


def test_the_corners_of_a_straightened_scan_are_white_as_in_heidelbergs_pictures(tmp_path: Path):
    raw = exports.reflectivity(SCANS)
    raw[:, :10, :10] = np.finfo(np.float32).max
    scan = open_volume(exports.vol(tmp_path / "a.vol", raw)).scan(0)
    assert scan[:10, :10].min() == 255
    assert np.abs(scan[10:].astype(int) - SCANS[0][10:]).max() <= 1


@pytest.mark.parametrize(
    ("pattern", "said"),
    [(1, "line"), (2, "circle"), (3, "volume"), (4, "volume"), (5, "radial"), (77, None)],
)
def test_a_vol_says_how_its_scans_lie_and_how_large_a_pixel_is(
    pattern: int, said: str | None, tmp_path: Path
):
    raw = np.zeros((1, 40, 48), np.float32)
    volume = open_volume(exports.vol(tmp_path / "eye.vol", raw, pattern=pattern))
    assert volume.picture(0).pattern == said
    assert volume.picture(0).spacing == pytest.approx((3.9, 10.0))


def test_each_series_of_an_e2e_says_how_its_scans_lie_and_how_large_a_pixel_is(tmp_path: Path):
    raw = exports.reflectivity(SCANS)
    path = exports.e2e(tmp_path / "a.e2e", raw, (b"R", b"L"), patterns=(3, 2))
    volume = open_volume(path)
    cube, circle = volume.picture(2), volume.picture(7)
    assert (cube.pattern, circle.pattern) == ("volume", "circle")
    assert cube.spacing == pytest.approx((3.9, 10 * 289.6 / 48))
    assert circle.spacing is None  # its ends tell no width
    assert open_volume(e2e(tmp_path / "b.e2e")).picture(2).pattern is None


def test_nan_in_a_vol_is_said(tmp_path: Path):
    raw = exports.reflectivity(SCANS)
    raw[1, 3, 3] = np.nan
    volume = open_volume(exports.vol(tmp_path / "a.vol", raw))
    volume.scan(0)
    with pytest.raises(BadScanError, match=r"'a\.vol' with 1 of 1,920 NaN or infinite"):
        volume.scan(1)


def test_a_vol_that_declares_more_than_it_holds_is_refused_before_anything_is_made(tmp_path: Path):
    path = vol(tmp_path / "a.vol")
    data = bytearray(path.read_bytes())
    data[16:20] = (MAX_VOLUME_SLICES + 1).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    with pytest.raises(BadScanError, match="declares 5,001 B-scans"):
        open_volume(path)
    data[12:24] = (2**30).to_bytes(4, "little") * 3
    path.write_bytes(bytes(data))
    with pytest.raises(BadScanError):
        open_volume(path)


def test_e2e_numbers_have_their_mantissa_the_right_way_round():
    packed = np.array([0, 1, 62 << 10, (62 << 10) | 512, (61 << 10) | 1, 0xFFFF], np.uint16)
    expected = [0, 2.0**-72, 0.5, 0.75, 0.25 * (1 + 1 / 1024), 2 - 1 / 1024]
    assert np.allclose(unpack_floats(packed), np.float32(expected), rtol=1e-6)
    rising = unpack_floats(np.arange(2**16).astype(np.uint16))
    assert (np.diff(rising) >= 0).all()


def test_an_e2e_of_both_eyes_shows_the_middle_of_one_of_them(tmp_path: Path):
    raw = exports.reflectivity(SCANS)
    volume = open_volume(exports.e2e(tmp_path / "a.e2e", raw, (b"R", b"L")))
    assert (volume.count, volume.laterality, volume.middle) == (10, None, 2)
    assert (volume.scan(7) == volume.scan(2)).all()


def test_an_e2e_whose_directories_lead_in_a_circle_is_read_once(tmp_path: Path):
    path = e2e(tmp_path / "a.e2e")
    data = bytearray(path.read_bytes())
    data[88 + 44 : 88 + 48] = (88).to_bytes(4, "little")  # the directory before it is itself
    path.write_bytes(bytes(data))
    assert open_volume(path).count == len(SCANS)


def test_an_e2e_with_more_entries_than_any_is_refused(tmp_path: Path):
    path = e2e(tmp_path / "a.e2e")
    data = bytearray(path.read_bytes())
    data[88 + 36 : 88 + 40] = (2**31).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    with pytest.raises(BadScanError, match="damaged or cut short"):
        open_volume(path)


# --- Topcon, Zeiss, Bioptigen


def test_raw_numbers_of_an_fda_have_one_white_for_all_slices(tmp_path: Path):
    dark = SCANS.astype(np.uint16) * 257
    dark[1] //= 4
    volume = open_volume(exports.fda(tmp_path / "a.fda", dark, left=True, wide=True))
    assert volume.laterality == "OS"
    assert np.abs(volume.scan(0).astype(int) - SCANS[0]).max() <= 1
    assert np.abs(volume.scan(1).astype(int) - SCANS[1] // 4).max() <= 1


@pytest.mark.parametrize("width", [200, 512])
@pytest.mark.parametrize("by_ascan", [False, True])
def test_both_orders_of_zeiss_bytes_are_told_apart(width: int, by_ascan: bool, tmp_path: Path):
    scans = exports.bscans(2, 1024, width)
    path = exports.img(tmp_path / f"Cube {width}x2.img", scans, by_ascan)
    assert (open_volume(path).scan(1) == scans[1]).all()


def test_a_zeiss_file_of_an_odd_size_is_refused(tmp_path: Path):
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(1024 * 512 + 1))
    with pytest.raises(BadScanError, match="524,289 bytes, no whole number of B-scans"):
        open_volume(path)


def test_an_oct_of_another_maker_is_refused(tmp_path: Path):
    path = tmp_path / "optovue.OCT"
    path.write_bytes(np.ones(10_000, np.float32).tobytes())
    with pytest.raises(BadScanError, match=r"Bioptigen OCT file.* does not begin like one"):
        open_volume(path)


# --- TIFF stacks


def test_a_wide_stack_has_one_white_for_all_pages(tmp_path: Path):
    wide = SCANS.astype(np.uint16) * 16
    wide[0] //= 8
    volume = open_volume(stack(tmp_path / "a.tif", wide))
    assert np.abs(volume.scan(1).astype(int) - SCANS[1]).max() <= 1
    assert np.abs(volume.scan(0).astype(int) - SCANS[0] // 8).max() <= 1


def test_nan_in_a_stack_loses_that_slice_alone(tmp_path: Path):
    floats = SCANS / np.float32(255)
    floats[2, 0, 0] = np.nan
    volume = open_volume(stack(tmp_path / "a.tif", floats))
    assert np.abs(volume.scan(1).astype(int) - SCANS[1]).max() <= 1
    with pytest.raises(BadScanError, match="NaN or infinite"):
        volume.scan(2)


def test_a_thumbnail_in_a_tiff_is_no_slice(tmp_path: Path):
    pages = [Image.fromarray(SCANS[0]), Image.fromarray(SCANS[1][:32, :32])]
    pages[1].encoderinfo = {"tiffinfo": {254: 1}}
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    assert open_volume(tmp_path / "a.tif").kind == "image"


def test_a_volume_says_when_it_was_never_one():
    with pytest.raises(BadScanError, match="from 1 to 1"):
        Volume("a", "image", 1, None, lambda index: SCANS[index]).scan(3)
