import shutil
from pathlib import Path

import pytest
from PIL import Image

from octtutor.datasets.audit import audit
from octtutor.datasets.schemes.naming import Naming
from octtutor.errors import BadInputError
from tests.conftest import write_scans
from tests.eight_scans import OCTDL, write_eight


def test_a_clean_set_is_clean(scans: Path):
    report = audit(scans)
    assert report["clean"]
    assert report["files"] == 8
    assert report["patients"] == 8
    assert report["per_class"]["CNV"] == {"files": 2, "patients": 2}


def test_copies_leaks_and_faults_are_found(tmp_path: Path):
    write_scans(tmp_path / "train")
    write_scans(tmp_path / "other", per_class=3)
    test = tmp_path / "test"
    shutil.copytree(tmp_path / "other", test)
    for path in test.rglob("*-1.png"):
        if not path.stem.split("-")[1].endswith("2"):
            path.unlink()
    shutil.rmtree(tmp_path / "other")
    source = tmp_path / "train/CNV/CNV-1000-1.png"
    shutil.copy(source, tmp_path / "train/CNV/CNV-1000-2.png")
    shutil.copy(source, tmp_path / "train/DME/DME-1000-1.png")
    with Image.open(source) as scan:
        scan.resize((120, 120)).save(test / "CNV/CNV-8888-1.jpeg", quality=80)
    (test / "DME/DME-9-1.png").write_bytes(b"broken")
    shutil.copy(tmp_path / "train/NORMAL/NORMAL-4000-1.png", test / "NORMAL/NORMAL-4000-1.png")

    report = audit(tmp_path)
    assert not report["clean"]
    assert len(report["duplicates"]["exact"]) == 2
    assert any("CNV-8888-1" in name for group in report["duplicates"]["near"] for name in group)
    assert report["shared"]["patients"] == ["4000"]
    assert len(report["shared"]["files"]) == 1
    assert any("CNV-8888" in pair[1] for pair in report["shared"]["near"])
    assert [row["name"] for row in report["unreadable"]] == ["test/DME/DME-9-1.png"]
    assert any("different labels" in row["why"] for row in report["conflicts"])
    assert report["patients_with_several_labels"] == ["1000"]


def test_a_second_set_is_compared_with(scans: Path, tmp_path: Path):
    other = write_scans(tmp_path / "other", per_class=1)
    report = audit(scans, other)
    assert report["shared"]["between"] == "the two sets"
    assert len(report["shared"]["files"]) == 4
    assert len(report["shared"]["patients"]) == 4


def test_nothing_to_look_at_is_said(tmp_path: Path):
    with pytest.raises(BadInputError, match="Found none"):
        audit(tmp_path)


@pytest.mark.real_scans
def test_the_real_split_shares_no_patient_and_no_picture(real_scans: Path):
    report = audit(real_scans / "train", real_scans / "test")
    assert report["files"] == 520
    assert report["patients"] == 320
    assert report["shared"] == {"between": "the two sets", "patients": [], "files": [], "near": []}
    assert report["unreadable"] == []


def test_labels_of_another_scheme_are_counted_by_its_keys(tmp_path: Path):
    folder = write_eight(tmp_path)
    (folder / "VID").rename(folder / "MH")
    without = audit(folder)
    assert not without["clean"]
    assert without["unknown_words"] == dict.fromkeys(
        ("AMD_EARLY", "AMD_LATE", "ERM", "RVO", "RAO", "MH"), 2
    )
    assert without["nearest_scheme"] == "octdl"
    within = audit(folder, naming=Naming(OCTDL))
    assert (within["unknown_words"], within["nearest_scheme"]) == ({"MH": 2}, "")
    told = audit(folder, naming=Naming(OCTDL, {"mh": "VID"}))
    assert told["unlabelled"] == []
    assert tuple(told["per_class"]) == OCTDL.keys
    assert {n["files"] for n in told["per_class"].values()} == {2}
    skipped = audit(folder, naming=Naming(OCTDL, skip_unknown=True))
    assert (skipped["files"], skipped["unlabelled"]) == (14, [])
