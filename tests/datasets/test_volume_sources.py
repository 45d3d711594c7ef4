"""What a source may hold besides plain scans: volumes, tables of labels, OCTMNIST."""

import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.datasets.decode import decode, to_png
from octtutor.datasets.images import ImageFolder
from octtutor.datasets.layout import is_scan, read_place
from octtutor.datasets.member import Member
from octtutor.datasets.scan_picture import FileFacts, ScanPattern, part_facts, tell_facts
from octtutor.datasets.schemes.naming import Naming
from octtutor.datasets.sources import find_scans, open_source, scans_of
from octtutor.datasets.volumes import open_volume
from octtutor.errors import BadArchiveError, BadInputError, BadScanError
from tests.datasets import exports
from tests.eight_scans import OCTDL

SCANS = exports.bscans(3)


def vol(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return exports.vol(path, exports.reflectivity(SCANS))


def png(path: Path, scan: np.ndarray = SCANS[0]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(scan).save(path)
    return path


def pixels(member: Member) -> np.ndarray:
    return decode(member.read(), member.name)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A volume, a stack and a plain scan in OCT2017 layout."""
    root = tmp_path / "mixed"
    vol(root / "CNV" / "CNV-7-1.vol")
    png(root / "DME" / "DME-8-1.png")
    (root / "DRUSEN").mkdir()
    pages = [Image.fromarray(scan) for scan in SCANS]
    pages[0].save(root / "DRUSEN" / "left.tif", save_all=True, append_images=pages[1:])
    return root


def packed(folder: Path, kind: str) -> Path:
    path = folder.with_suffix(f".{kind}")
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.rglob("*.*")):
                archive.write(file, file.relative_to(folder))
    else:
        with tarfile.open(path, "w:gz" if kind == "tgz" else "w") as archive:
            archive.add(folder, ".")
    return path


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "tgz"])
def test_each_slice_of_a_volume_is_a_scan(kind: str, mixed: Path):
    source = mixed if kind == "folder" else packed(mixed, kind)
    with open_source(source) as members:
        scans = sorted(scans_of(members, source), key=lambda member: member.name)
        assert [member.name for member in scans] == [
            *(f"CNV/CNV-7-1.vol#{k}" for k in (1, 2, 3)),
            "DME/DME-8-1.png",
            *(f"DRUSEN/left.tif#{k}" for k in (1, 2, 3)),
        ]
        for index, scan in enumerate(SCANS):
            assert np.abs(pixels(scans[index]).astype(int) - scan).max() <= 1
            assert (pixels(scans[4 + index]) == scan).all()
        # backwards, and one volume after the other: each is unpacked anew
        assert (pixels(scans[6]) == SCANS[2]).all()
        assert np.abs(pixels(scans[1]).astype(int) - SCANS[1]).max() <= 1


def test_slices_of_one_volume_are_one_patients(mixed: Path):
    with open_source(mixed) as members:
        scans = scans_of(members, mixed)
    places = {member.name: member.place for member in scans}
    assert {places[f"CNV/CNV-7-1.vol#{k}"].patient for k in (1, 2, 3)} == {"7"}
    assert {places[f"DRUSEN/left.tif#{k}"].patient for k in (1, 2, 3)} == {"DRUSEN/left.tif"}
    assert places["DRUSEN/left.tif#1"].label == Diagnosis.DRUSEN
    assert places["DME/DME-8-1.png"].patient == "8"


def test_a_slice_keeps_what_its_file_says_of_it(mixed: Path, tmp_path: Path):
    with open_source(mixed) as members:
        scans = {member.name: member for member in scans_of(members, mixed)}
        data = scans["CNV/CNV-7-1.vol#2"].read()
        page = scans["DRUSEN/left.tif#1"].read()
    images = ImageFolder(tmp_path / "images")
    kept = images.picture(images.put(data))
    assert (kept.spacing, kept.pattern) == (pytest.approx((3.9, 10.0)), ScanPattern.VOLUME)
    (tmp_path / "copy.png").write_bytes(data)  # as an export of a deck's scans writes it
    again = open_volume(tmp_path / "copy.png").picture(0)
    assert (again.spacing, again.pattern) == (kept.spacing, kept.pattern)
    assert (again.pixels == kept.pixels).all()
    assert images.picture(images.put(page)).spacing is None


def test_facts_are_parted_from_a_file():
    bare = to_png(SCANS[0])
    facts = FileFacts((3.87, 11.5), ScanPattern.RADIAL)
    told = tell_facts(bare, facts)
    assert part_facts(told) == (facts, bare)
    assert part_facts(bare) == (FileFacts(), bare)
    assert tell_facts(bare, FileFacts()) == bare


@pytest.mark.parametrize(
    ("good", "wrong"),
    [(b'"radial"', b'"spiral"'), (b"11.5", b"1e99"), (b'{"spacing"', b"[0")],
)
def test_garbled_facts_say_nothing(good: bytes, wrong: bytes):
    told = tell_facts(to_png(SCANS[0]), FileFacts((3.87, 11.5), ScanPattern.RADIAL))
    assert part_facts(told.replace(good, wrong))[0].spacing is None


def test_a_damaged_volume_is_one_unreadable_scan(mixed: Path):
    path = mixed / "CNV" / "CNV-7-1.vol"
    path.write_bytes(path.read_bytes()[:5000])
    with open_source(mixed) as members:
        damaged = next(m for m in find_scans(members, mixed) if m.name == "CNV/CNV-7-1.vol")
        with pytest.raises(BadScanError, match=r"'CNV-7-1\.vol', which is damaged or cut short"):
            damaged.read()


def test_nothing_unpacked_is_left_behind(mixed: Path, tmp_path: Path, monkeypatch):
    own = tmp_path / "temporary"
    own.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(own))
    with open_source(packed(mixed, "zip")) as members:
        members[0].read()
        assert list(own.rglob("volume"))
    assert not list(own.rglob("*"))


def test_one_file_is_a_source_and_its_folder_may_give_the_label(tmp_path: Path):
    with open_source(vol(tmp_path / "CNV" / "eye.vol")) as members:
        assert [member.name for member in members] == [f"CNV/eye.vol#{k}" for k in (1, 2, 3)]
        assert {member.place.label for member in members} == {Diagnosis.CNV}
    with open_source(vol(tmp_path / "DME-9-1.vol")) as members:
        assert {(m.place.label, m.place.patient) for m in members} == {(Diagnosis.DME, "9")}


def test_a_dicom_file_without_an_ending_is_found(tmp_path: Path):
    pytest.importorskip("pydicom", reason="needs pip install 'octtutor[formats]'")
    folder = tmp_path / "set" / "NORMAL"
    folder.mkdir(parents=True)
    exports.dicom(folder / "IM_0001", SCANS)
    exports.dicom(folder / "IM_0002", SCANS[0])
    (folder / "README").write_text("no scan")
    with open_source(tmp_path / "set") as members:
        names = [member.name for member in find_scans(members, tmp_path)]
        assert names == [*(f"NORMAL/IM_0001.dcm#{k}" for k in (1, 2, 3)), "NORMAL/IM_0002.dcm"]
        assert (pixels(members[0]) == SCANS[0]).all()
    with open_source(folder / "IM_0001") as members:
        assert len(members) == 3


def test_names_of_slices_are_names_of_scans():
    assert is_scan("CNV/CNV-7-1.vol#12")
    assert not is_scan("masks/CNV-7-1.vol#12")
    assert not is_scan("notes.txt#1")
    assert read_place("train/CNV-7-1.vol#12").patient == "7"


# --- tables of labels


def table(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_table_beside_the_scans_gives_labels_and_patients(tmp_path: Path):
    for name in ("a.png", "b.png", "more/c.png"):
        png(tmp_path / name)
    table(
        tmp_path / "labels.csv", "file,label,patient", "a.png,CNV,7", "b.png,dme,", "c.png,NORMAL,8"
    )
    with open_source(tmp_path) as members:
        scans = scans_of(members, tmp_path)
    told = {member.name: (str(member.place.label), member.place.patient) for member in scans}
    assert told == {"a.png": ("CNV", "7"), "b.png": ("DME", None), "more/c.png": ("NORMAL", "8")}


@pytest.mark.parametrize(
    "lines",
    [
        ("filename;diagnosis", "a.png;CNV"),
        ("Image\tClass", "a.png\tcnv"),
        ("\ufefffile,label", ".\\a.png,CNV"),
    ],
)
def test_tables_are_read_as_people_write_them(lines: tuple[str, ...], tmp_path: Path):
    png(tmp_path / "a.png")
    path = table(tmp_path / "list.csv", *lines)
    for source in (tmp_path, path):
        with open_source(source) as members:
            assert [str(m.place.label) for m in scans_of(members, source)] == ["CNV"]


def test_a_table_chooses_slices_of_a_volume(tmp_path: Path):
    vol(tmp_path / "eye.vol")
    path = table(tmp_path / "l.csv", "file,slice,label", "eye.vol,1,CNV", "eye.vol,3,NORMAL")
    for source in (tmp_path, path):
        with open_source(source) as members:
            told = {m.name: str(m.place.label) for m in scans_of(members, source)}
        assert told == {"eye.vol#1": "CNV", "eye.vol#3": "NORMAL"}
    table(path, "file,label", "eye.vol,DRUSEN")
    with open_source(path) as members:
        assert [str(m.place.label) for m in members] == ["DRUSEN"] * 3


def test_a_folder_that_contradicts_the_table_is_a_conflict_and_is_believed(tmp_path: Path):
    png(tmp_path / "CNV" / "a.png")
    png(tmp_path / "DME-1-1.png")
    table(tmp_path / "l.csv", "file,label", "CNV/a.png,DME", "DME-1-1.png,NORMAL")
    with open_source(tmp_path) as members:
        places = {m.name: m.place for m in scans_of(members, tmp_path)}
    assert (places["CNV/a.png"].label, places["CNV/a.png"].conflict) == (Diagnosis.CNV, True)
    # a name is less than a table
    assert (places["DME-1-1.png"].label, places["DME-1-1.png"].conflict) == (Diagnosis.NORMAL, True)


def test_a_table_that_names_an_unknown_label_is_refused(tmp_path: Path):
    png(tmp_path / "a.png")
    table(tmp_path / "l.csv", "file,label", "a.png,AMD")
    with (
        open_source(tmp_path) as members,
        pytest.raises(BadInputError, match="1 of 1 without a known label"),
    ):
        scans_of(members, tmp_path)


@pytest.mark.parametrize("name", ["../a.png", "/etc/passwd", "nowhere.png"])
def test_a_table_does_not_lead_out_of_its_folder(name: str, tmp_path: Path):
    path = table(tmp_path / "l.csv", "file,label", f"{name},CNV")
    with pytest.raises((BadInputError, BadArchiveError)), open_source(path):
        pass


def test_other_tables_beside_scans_change_nothing(tmp_path: Path):
    png(tmp_path / "CNV" / "CNV-1-1.png")
    table(tmp_path / "notes.csv", "a,b", "1,2")
    (tmp_path / "latin.csv").write_bytes(b"file,label\n\xe9.png,CNV\n")
    with open_source(tmp_path) as members:
        assert len(scans_of(members, tmp_path)) == 1


# --- OCTMNIST


def octmnist(path: Path, side: int = 64, labels: int = 4, **changed: np.ndarray) -> Path:
    rng = np.random.default_rng(5)
    arrays = {}
    for split, count in (("train", 8), ("val", 4), ("test", 4)):
        arrays[f"{split}_images"] = rng.integers(0, 255, (count, side, side), np.uint8)
        arrays[f"{split}_labels"] = (np.arange(count) % labels)[:, None].astype(np.uint8)
    np.savez_compressed(path, **arrays | changed)
    return path


def test_octmnist_is_a_source_with_splits_and_labels(tmp_path: Path):
    path = octmnist(tmp_path / "octmnist_64.npz")
    with np.load(path) as arrays, open_source(path) as members:
        scans = scans_of(members, path)
        assert len(scans) == 16
        assert {member.place.split for member in scans} == {"train", "val", "test"}
        assert [member.place.label for member in scans[:4]] == list(LABELS)
        for index, scan in enumerate(arrays["train_images"]):
            assert (pixels(scans[index]) == scan).all()
        assert (pixels(scans[5]) == arrays["train_images"][5]).all()  # back
        test = [member for member in scans if member.place.split == "test"]
        assert (pixels(test[2]) == arrays["test_images"][2]).all()  # and ahead


def test_medmnist_s_labels_are_words_of_a_scheme_too(tmp_path: Path):
    path = octmnist(tmp_path / "octmnist_64.npz")
    with open_source(path) as members:
        labels = {member.place.label for member in scans_of(members, path, Naming(OCTDL))}
    assert labels == {"AMD_LATE", "DME", "AMD_EARLY", "NORMAL"}


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("octmnist.npz", {"side": 28}, "at least 32 x 32 pixels.*has 28 x 28"),
        ("breastmnist.npz", {"labels": 2}, "looks like another set of MedMNIST"),
        ("octmnist.npz", {"train_images": np.zeros((8, 64, 64, 3), np.uint8)}, "no row of grey"),
        ("octmnist.npz", {"train_labels": np.full((8, 1), 9)}, "not 0 to 3"),
        ("octmnist.npz", {"train_labels": np.zeros((3, 1))}, "no row of grey scans with labels"),
    ],
)
def test_other_arrays_are_refused(name: str, options: dict, said: str, tmp_path: Path):
    path = octmnist(tmp_path / name, **options)
    with pytest.raises((BadInputError, BadArchiveError), match=said), open_source(path):
        pass


def test_arrays_that_would_run_code_are_refused(tmp_path: Path):
    path = octmnist(tmp_path / "octmnist.npz", train_labels=np.array([[object()]] * 8))
    with pytest.raises(BadArchiveError), open_source(path):
        pass
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with (
        pytest.raises(BadInputError, match="Expected OCTMNIST"),
        open_source(tmp_path / "other.npz"),
    ):
        pass
    path.write_bytes(b"PK\3\4 no more")
    with pytest.raises(BadArchiveError), open_source(path):
        pass
