"""The tab Scans: what it shows, and what it takes."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from octtutor.core.case import Deck, DeckSummary
from octtutor.core.diagnosis import Diagnosis
from octtutor.errors import BadInputError
from octtutor.tutor.decks.deck_contents import DeckContents
from octtutor.tutor.decks.deck_import import Imported
from octtutor.ui.scans.page import ScansHandlers, decks_table, import_report
from octtutor.ui.shared.uploads import uploaded_file
from tests.eight_scans import OCTDL, write_eight

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def test_decks_are_shown_with_their_counts_and_marks():
    deck = Deck("ward", "<i>Ward</i>", True, False, NOW)
    counts = {Diagnosis.CNV: 1200, Diagnosis.DME: 2, Diagnosis.DRUSEN: 3, Diagnosis.NORMAL: 4}
    table = decks_table([DeckSummary(deck, counts, 77)])
    assert "&lt;i&gt;Ward&lt;/i&gt; (ward)" in table
    assert "synthetic, import unfinished" in table
    cells = "".join(f"<td>{n}</td>" for n in ("1,209", "1,200", "2", "3", "4", "77"))
    assert cells in table
    assert "2026-01-05" in table


def test_without_decks_the_page_says_what_to_do():
    assert "Add some below" in decks_table([])


def test_a_report_names_what_was_left_out_and_counts_the_rest():
    many = tuple(f"<b>{n}.png" for n in range(25))
    counts = dict.fromkeys(("CNV", "DME", "DRUSEN", "NORMAL"), 2)
    report = import_report(Imported("ward", 40, 7, 1, counts, 5, ("x.png",), many))
    assert "ward: 7 scans added, 1 were there already" in report
    assert "8 scans of 5 patients" in report
    assert "cannot be read: 25" in report
    assert report.count("<li>") == 20 + 1 + 1
    assert "… and 5 more" in report
    assert "<b>" not in report
    assert "another label: 1" in report
    plain = import_report(Imported("ward", 8, 8, 0, counts, 5, (), ()))
    assert "Left out" not in plain


def test_only_a_file_that_was_uploaded_is_taken(tmp_path: Path):
    uploads = tmp_path / "uploads"
    inside, outside = uploads / "ab" / "ward.zip", tmp_path / "other.zip"
    inside.parent.mkdir(parents=True)
    inside.write_bytes(b"x")
    outside.write_bytes(b"x")
    assert uploaded_file({"path": str(inside)}, uploads) == inside.resolve()
    (uploads / "link.zip").symlink_to(outside)
    for path in (outside, uploads / "link.zip", uploads / ".." / "other.zip", uploads, "a\0b"):
        with pytest.raises(BadInputError, match="not on this server"):
            uploaded_file({"path": str(path)}, uploads)
    for nothing in (None, {}, {"path": ""}, {"path": 7}, "x", []):
        with pytest.raises(BadInputError, match="Received none"):
            uploaded_file(nothing, uploads)


def test_an_upload_is_read_by_the_scheme_that_is_chosen(store, images, clock, tmp_path: Path):
    uploads = tmp_path / "uploads"
    packed = uploads / "ab" / "ward.zip"
    packed.parent.mkdir(parents=True)
    folder = write_eight(tmp_path)
    (folder / "VID").rename(folder / "MH")
    shutil.make_archive(str(packed.with_suffix("")), "zip", folder)
    handlers = ScansHandlers(DeckContents(store, images, clock), uploads)
    assert ("octdl: " + ", ".join(OCTDL.keys), "octdl") in handlers.schemes()
    sent = {"path": str(packed)}
    with pytest.raises(BadInputError, match="MH 2"):
        handlers.add(sent, "", "", None, "octdl", "", False)
    assert packed.exists()  # so that the words can be told, and the import tried again
    report = handlers.add(sent, "", "", None, "octdl", " MH = VID, ", False)
    assert "ward: 16 scans added" in report
    assert not packed.exists()
    assert "labels of the scheme octdl, AMD_EARLY 2" in handlers.decks()
