"""An import can be repeated, interrupted and mixed with rubbish."""

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from octtutor.core.diagnosis import Diagnosis
from octtutor.datasets.images import ImageFolder
from octtutor.datasets.scan_picture import part_facts
from octtutor.datasets.sources import open_source
from octtutor.errors import BadInputError, SettingsError, StoreError
from octtutor.tutor.decks.deck_import import import_scans
from tests.conftest import DECK, write_scans
from tests.datasets import exports


def test_scans_are_stored_by_hash_under_no_name(store, images, clock, scans: Path, tmp_path: Path):
    done = import_scans(store, images, scans, clock)
    assert (done.deck, done.scans, done.added, done.already) == ("scans", 8, 8, 0)
    assert done.per_class == {"CNV": 2, "DME": 2, "DRUSEN": 2, "NORMAL": 2}
    assert done.patients == 8
    stored = [path.name for path in (tmp_path / "images").rglob("*") if path.is_file()]
    assert sorted(stored) == [case.sha256 for case in store.cases_of("scans")]
    assert all(len(name) == 64 for name in stored)


def test_a_second_time_adds_nothing(store, images, clock, scans: Path):
    import_scans(store, images, scans, clock)
    again = import_scans(store, images, scans, clock)
    assert (again.added, again.already) == (0, 8)
    assert len(store.cases_of("scans")) == 8


def test_an_interrupted_import_goes_on(store, images, clock, tmp_path: Path):
    many = write_scans(tmp_path / "many", per_class=10)

    def stop(done: int, total: int) -> None:
        if done == 35:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_scans(store, images, many, clock, progress=stop)
    (deck,) = store.decks()
    assert not deck.complete
    assert len(store.cases_of("many")) == 32
    for case in store.cases_of("many"):
        assert images.read(case.sha256).shape == (160, 160)
    again = import_scans(store, images, many, clock)
    assert (again.added, again.already) == (8, 32)
    assert store.decks()[0].complete
    leftovers = list((tmp_path / "images").rglob(".partial-*"))
    assert leftovers == []


def test_unreadable_files_among_good_ones_are_named(store, images, clock, scans: Path):
    (scans / "CNV" / "CNV-7-7.png").write_bytes(b"broken")
    done = import_scans(store, images, scans, clock)
    assert done.added == 8
    assert len(done.unreadable) == 1
    assert "CNV-7-7.png" in done.unreadable[0]


def test_only_rubbish_is_refused_and_leaves_no_deck(store, images, clock, tmp_path: Path):
    (tmp_path / "bad" / "CNV").mkdir(parents=True)
    (tmp_path / "bad" / "CNV" / "CNV-1-1.png").write_bytes(b"broken")
    with pytest.raises(BadInputError, match="None of 1 can be opened"):
        import_scans(store, images, tmp_path / "bad", clock)
    assert store.decks() == ()


def test_the_same_scan_under_two_labels_is_a_conflict(store, images, clock, scans: Path):
    first = next((scans / "CNV").iterdir())
    shutil.copy(first, scans / "NORMAL" / "NORMAL-77-1.png")
    done = import_scans(store, images, scans, clock)
    assert done.conflicts == ("NORMAL/NORMAL-77-1.png",)
    assert done.per_class["CNV"] == 2
    assert done.per_class["NORMAL"] == 2


@pytest.mark.parametrize("name", ["", "Deck", "../x", "a b", "x" * 64, "-x"])
def test_a_bad_deck_name_is_refused(store, images, clock, scans: Path, name: str):
    with pytest.raises(BadInputError, match="Expected a deck name"):
        import_scans(store, images, scans, clock, name or "?")


def test_a_data_home_that_cannot_be_written_is_said(store, clock, scans: Path, tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingsError, match="Cannot write into"):
        import_scans(store, ImageFolder(tmp_path / "file"), scans, clock)
    assert store.decks() == ()


def test_a_scan_that_was_changed_or_removed_on_disk_is_said(store, images, clock, scans: Path):
    import_scans(store, images, scans, clock)
    digest = store.cases_of("scans")[0].sha256
    path = images.place(digest)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(StoreError, match="was changed on disk"):
        images.read(digest)
    path.unlink()
    with pytest.raises(StoreError, match="not in the data home"):
        images.read(digest)


def test_the_embedded_deck_comes_with_masks_and_findings(store, images, clock):
    done = import_scans(store, images, DECK, clock, "embedded")
    assert done.per_class == {"CNV": 25, "DME": 25, "DRUSEN": 25, "NORMAL": 25}
    (deck,) = store.decks()
    assert deck.synthetic
    for case in store.cases_of("embedded"):
        assert case.synthetic
        assert case.mask_sha256
        lesion = images.read(case.mask_sha256).any()
        assert lesion == (case.label != Diagnosis.NORMAL)
        assert case.findings or case.label == Diagnosis.NORMAL


@pytest.mark.real_scans
def test_real_scans_come_in(store, images, clock, real_scans: Path):
    done = import_scans(store, images, real_scans / "test", clock, "real")
    assert done.added == 180
    assert done.patients == 116
    assert not store.decks()[0].synthetic


def test_importing_again_restores_lost_files(store, images, clock, tmp_path: Path):
    import_scans(store, images, DECK, clock, "embedded")
    shutil.rmtree(tmp_path / "images")
    import_scans(store, images, DECK, clock, "embedded")
    for case in store.cases_of("embedded"):
        assert images.read(case.sha256).shape == images.read(case.mask_sha256).shape


def test_a_volume_that_was_imported_without_its_facts_adds_nothing(
    store, images, clock, tmp_path: Path
):
    (tmp_path / "old" / "DME").mkdir(parents=True)
    (tmp_path / "new" / "DME").mkdir(parents=True)
    exports.vol(tmp_path / "new" / "DME" / "DME-7-1.vol", exports.reflectivity(exports.bscans(2)))
    with open_source(tmp_path / "new") as members:
        for index, member in enumerate(members):
            bare = part_facts(member.read())[1]
            (tmp_path / "old" / "DME" / f"DME-7-{index}.png").write_bytes(bare)
    import_scans(store, images, tmp_path / "old", clock, "ward")
    again = import_scans(store, images, tmp_path / "new", clock, "ward")
    assert (again.added, again.already) == (0, 2)
    assert import_scans(store, images, tmp_path / "new", clock, "other").added == 2
    assert {images.picture(case.sha256).spacing for case in store.cases_of("other")} == {(3.9, 10)}


def test_importing_again_keeps_title_and_date(store, images, clock, scans: Path):
    import_scans(store, images, scans, clock, "ward", "The ward")
    (first,) = store.decks()
    clock.pass_seconds(3600)
    import_scans(store, images, scans, clock, "ward")
    assert store.decks() == (first,)
    import_scans(store, images, scans, clock, "ward", "Ward 2")
    assert store.decks()[0].title == "Ward 2"


def test_a_deck_with_real_scans_is_not_synthetic(store, images, clock, scans: Path):
    import_scans(store, images, DECK, clock, "mixed")
    assert store.decks()[0].synthetic
    import_scans(store, images, scans, clock, "mixed")
    assert not store.decks()[0].synthetic


@pytest.mark.parametrize("fault", ["rubbish", "size"])
def test_a_scan_whose_mask_is_of_no_use_is_left_out_and_named(
    store, images, clock, scans: Path, fault: str
):
    (scans / "masks").mkdir()
    mask = scans / "masks" / "CNV-1000-1.png"
    if fault == "rubbish":
        mask.write_bytes(b"rubbish")
    else:
        Image.new("L", (64, 64)).save(mask)
    done = import_scans(store, images, scans, clock)
    assert done.added == 7
    assert len(done.unreadable) == 1


def test_a_table_that_is_no_utf8_is_said(store, images, clock, scans: Path):
    (scans / "cases.csv").write_bytes(b"file,label\n\xff\xfe,CNV")
    with pytest.raises(BadInputError, match="CSV file in UTF-8"):
        import_scans(store, images, scans, clock)


def test_what_a_killed_import_left_is_swept_up(store, images, clock, scans: Path, tmp_path: Path):
    left = tmp_path / "images" / "ab" / ".partial-x"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    import_scans(store, images, scans, clock)
    assert not left.exists()
