import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from octtutor.core.diagnosis import Diagnosis
from octtutor.datasets.layout import is_scan, read_place
from octtutor.datasets.sources import open_source, scans_of
from octtutor.datasets.split import split_by_patient
from octtutor.errors import BadArchiveError, BadInputError, BadScanError


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    ("name", "label", "patient", "split"),
    [
        ("train/DME/DME-30521-15.jpeg", "DME", "30521", "train"),
        ("OCT2017 /test/CNV/CNV-1-1.jpeg", "CNV", "1", "test"),
        ("DRUSEN-7-2.png", "DRUSEN", "7", None),
        ("normal/scan.tif", "NORMAL", None, None),
        ("Val/Drusen/x.bmp", "DRUSEN", None, "val"),
        ("AMD/AMD-1-1.png", None, None, None),
    ],
)
def test_a_path_tells_label_patient_and_split(name, label, patient, split):
    place = read_place(name)
    assert (place.label, place.patient, place.split) == (label, patient, split)
    assert not place.conflict


def test_a_folder_that_contradicts_the_name_is_a_conflict_and_is_believed():
    place = read_place("CNV/DME-1-1.jpeg")
    assert place.label == Diagnosis.CNV
    assert place.conflict


@pytest.mark.parametrize(
    "name", ["masks/CNV-1-1.png", "__MACOSX/CNV/x.png", "CNV/.hidden.png", "cases.csv", "a.txt"]
)
def test_masks_and_hidden_files_are_no_scans(name):
    assert not is_scan(name)


def test_folder_zip_and_tar_give_the_same_scans(scans: Path, tmp_path: Path):
    archive = tmp_path / "scans.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in scans.rglob("*.png"):
            file.write(path, path.relative_to(scans))
    tarball = tmp_path / "scans.tar.gz"
    with tarfile.open(tarball, "w:gz") as file:
        file.add(scans, ".")
    listings = []
    for source in (scans, archive, tarball):
        with open_source(source) as members:
            found = scans_of(members, source)
            listings.append(sorted((member.name, member.read()) for member in found))
    assert listings[0] == listings[1] == listings[2]
    assert len(listings[0]) == 8


@pytest.mark.parametrize(
    "name", ["../CNV/a.png", "/CNV/a.png", "CNV/../../a.png", "C:/CNV/a.png", "..\\CNV\\a.png"]
)
def test_a_zip_whose_names_leave_it_is_refused(tmp_path: Path, name: str):
    path = zipped(tmp_path / "evil.zip", {name: b"x"})
    with pytest.raises(BadArchiveError, match="leaves it"), open_source(path):
        pass


def test_a_tar_with_a_link_is_refused(tmp_path: Path):
    path = tmp_path / "links.tar"
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("CNV/CNV-1-1.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(BadArchiveError, match="a link"), open_source(path):
        pass


def test_a_zip_bomb_is_refused(tmp_path: Path):
    path = zipped(tmp_path / "bomb.zip", {"CNV/CNV-1-1.png": bytes(50_000_000)})
    with pytest.raises(BadArchiveError, match="packed 200 times"), open_source(path):
        pass


def test_a_file_that_unpacks_to_more_than_it_declares_is_not_read(tmp_path: Path):
    path = zipped(tmp_path / "lie.zip", {"CNV/CNV-1-1.png": b"a" * 1000})
    data = bytearray(path.read_bytes())
    place = data.rfind(b"PK\x01\x02") + 24
    data[place : place + 4] = (10).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    with open_source(path) as members, pytest.raises(BadScanError, match="CRC"):
        members[0].read()


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_empty_archive_is_refused(tmp_path: Path, kind: str):
    path = tmp_path / f"empty.{kind}"
    if kind == "zip":
        zipped(path, {})
    else:
        with tarfile.open(path, "w"):
            pass
    with pytest.raises(BadArchiveError, match="It is empty"), open_source(path):
        pass


def test_a_damaged_zip_is_refused(tmp_path: Path, scans: Path):
    path = tmp_path / "half.zip"
    with zipfile.ZipFile(path, "w") as file:
        for scan in scans.rglob("*.png"):
            file.write(scan, scan.relative_to(scans))
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(BadArchiveError), open_source(path) as members:
        members[0].read()


def test_what_is_no_archive_is_refused(tmp_path: Path):
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    with pytest.raises(BadArchiveError, match="none of them"), open_source(path):
        pass


def test_a_missing_source_is_named(tmp_path: Path):
    with pytest.raises(BadInputError, match="not there"), open_source(tmp_path / "nothing"):
        pass


def test_an_unknown_label_is_named_with_an_example(tmp_path: Path, scans: Path):
    (scans / "AMD").mkdir()
    (scans / "AMD" / "AMD-1-1.png").write_bytes(b"x")
    with open_source(scans) as members, pytest.raises(BadInputError, match=r"1 of 9.*AMD-1-1"):
        scans_of(members, scans)


def test_a_folder_without_scans_says_what_was_expected(tmp_path: Path):
    with open_source(tmp_path) as members, pytest.raises(BadInputError, match="Found none"):
        scans_of(members, tmp_path)


def test_a_file_larger_than_the_cap_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from octtutor.datasets import archives

    monkeypatch.setattr(archives, "MAX_SCAN_BYTES", 100)
    path = tmp_path / "large.tar"
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo("CNV/CNV-1-1.png")
        entry.size = 500
        archive.addfile(entry, io.BytesIO(bytes(500)))
    with open_source(path) as members, pytest.raises(BadScanError, match="at most 100 bytes"):
        members[0].read()


def test_a_patient_stays_on_one_side_also_with_several_labels():
    labels = [Diagnosis.CNV, Diagnosis.DME] * 20
    patients = [str(i // 3) for i in range(40)]
    train, held = split_by_patient(labels, patients, 0.2, seed=1)
    assert not {patients[i] for i in train} & {patients[i] for i in held}
    assert sorted(train + held) == list(range(40))
    for label in set(labels):
        assert sum(labels[i] == label for i in held) >= 4


def test_a_zip_cut_short_is_called_damaged(tmp_path: Path):
    path = zipped(tmp_path / "half.zip", {"CNV/CNV-1-1.png": bytes(range(256)) * 40})
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(BadArchiveError, match="damaged"), open_source(path):
        pass


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
def test_a_compressed_tar_cut_short_is_refused(tmp_path: Path, scans: Path, kind: str):
    path = tmp_path / f"half.tar.{kind}"
    with tarfile.open(path, f"w:{kind}") as archive:
        archive.add(scans, ".")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BadArchiveError), open_source(path):
        pass


def test_a_zip_packed_in_a_way_that_is_not_known_is_read_as_far_as_it_goes(tmp_path: Path):
    path = zipped(tmp_path / "new.zip", {"CNV/CNV-1-1.png": b"x" * 100})
    data = bytearray(path.read_bytes())
    central = data.rfind(b"PK\x01\x02")
    data[central + 10 : central + 12] = data[8:10] = (9).to_bytes(2, "little")  # Deflate64
    path.write_bytes(bytes(data))
    with open_source(path) as members, pytest.raises(BadScanError, match="Cannot read"):
        members[0].read()


def test_names_with_backslashes_are_read_as_folders(tmp_path: Path):
    path = zipped(tmp_path / "windows.zip", {"CNV\\CNV-1-1.png": b"x"})
    with open_source(path) as members:
        assert members[0].place.label == Diagnosis.CNV
