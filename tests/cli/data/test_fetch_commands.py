"""`octtutor data list` and `data fetch` against the stand-in of a server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from octtutor.jobs.fetch_jobs import Fetches
from octtutor.jobs.state import DONE, FAILED
from octtutor.wiring import now
from tests.cli.said import fault
from tests.datasets.public.standin import Standin, own_registry, release, scans_of, serving, zip_of


@pytest.fixture
def standin() -> Iterator[Standin]:
    with serving() as served:
        yield served


@pytest.fixture
def archive(standin: Standin, own_home: Path, tmp_path: Path) -> bytes:
    data = zip_of(release(scans_of(tmp_path / "made")))
    own_registry(own_home, standin.put("/set.zip", data), len(data))
    return data


def test_the_list_says_what_there_is_and_what_is_here(octtutor, archive: bytes):
    rows = {row["name"]: row for row in octtutor("data", "list", "--json").json}
    assert {"oct2017-test", "octdl", "ward"} <= {*rows}
    octid = rows["octid"]
    assert octid["by_hand"]
    assert octid["address"] == ""
    test = rows["oct2017-test"]
    assert test["licence"] == "CC BY 4.0"
    assert test["scheme"] == "oct2017"
    assert test["wanted_bytes"] < test["archive_bytes"] / 100
    assert test["address_known"] == "2026-11-30"
    assert rows["ward"]["deck"] is None
    octtutor("data", "fetch", "ward")
    rows = {row["name"]: row for row in octtutor("data", "list", "--json").json}
    assert (rows["ward"]["deck"], rows["ward"]["scans_here"]) == ("ward", 12)
    assert (rows["ward"]["deck_scheme"], test["deck_scheme"]) == ("oct2017", None)
    text = octtutor("data", "list").out
    assert "ward: The ward's scans. Here: deck ward, 12 scans" in text
    assert "oct2017-test: OCT2017, test part of release 2" in text
    assert "about 34 MB of an archive of about 8.4 GB; scheme oct2017; CC BY 4.0" in text


def test_fetching_says_whose_the_scans_are_and_then_fetches_few_bytes(
    octtutor, archive: bytes, standin: Standin
):
    said = octtutor("data", "fetch", "ward")
    assert said.code == 0
    assert said.err.startswith("The ward's scans. Ada, 2026. doi:10.1/1\nLicence: CC BY 4.0, ")
    assert "12 scans added" in said.out
    assert f"of {len(archive):,}" in said.out
    assert standin.sent < len(archive) / 5
    done = octtutor("data", "fetch", "ward", "--json").json
    assert done["already"] == 12
    assert done["archive_bytes"] == len(archive)


def test_what_is_left_out_is_said(octtutor, own_home: Path, standin: Standin, tmp_path: Path):
    scans = scans_of(tmp_path / "made")
    files = {f"x/OCT/test/{name}": data for name, data in scans.items()}
    files["x/OCT/test/CSR/CSR-1-1.png"] = files["x/OCT/test/CNV/CNV-1000-1.png"]
    data = zip_of(files)
    own_registry(own_home, standin.put("/set.zip", data), len(data), scans=13)
    said = octtutor("data", "fetch", "ward").out
    assert "Left out, none of the four diagnoses: CSR 1." in said
    assert "1 of the wanted files are not in the archive." in said


def test_each_fault_is_one_line(octtutor, archive: bytes, standin: Standin, own_home: Path):
    standin.files["/set.zip"].kind = "text/html"
    assert "Received a web page" in fault(octtutor("data", "fetch", "ward"))
    standin.files["/set.zip"].kind = "application/zip"
    standin.files["/set.zip"].ranges = False
    assert "gives only the whole" in fault(octtutor("data", "fetch", "ward"))
    assert "Expected the name of a public set" in fault(octtutor("data", "fetch", "nothing"))
    assert "fetched by hand" in fault(octtutor("data", "fetch", "octid"))
    state = Fetches(own_home / "fetching", now).state("ward")
    assert state.status == FAILED
    assert "gives only the whole" in state.message
    own = own_home / "public-sets.toml"
    own.write_text(own.read_text().replace('"zip"', '"rar"'))
    assert "public-sets.toml, line 13: form" in fault(octtutor("data", "list"))


def test_a_fetch_that_another_process_is_at_is_not_begun(octtutor, archive, own_home: Path):
    fetches = Fetches(own_home / "fetching", now)
    with fetches.following("ward", background=False):
        assert "being fetched already" in fault(octtutor("data", "fetch", "ward"))
    assert octtutor("data", "fetch", "ward").code == 0
    state = fetches.state("ward")
    assert state.status == DONE
    assert state.outcome["added"] == 12
    assert json.dumps(state.outcome)
