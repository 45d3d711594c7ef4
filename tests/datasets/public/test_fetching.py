"""Only wanted files travel, what was cut off goes on, and each fault is said in one line."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import octtutor
from octtutor.core.diagnosis import Diagnosis
from octtutor.datasets.public.fetching import CONTENTS, FILES, PAUSED, Fetched, fetch, is_begun
from octtutor.datasets.public.registry import PublicSet
from octtutor.datasets.public.web import ChangedError
from octtutor.errors import BadArchiveError, BadInputError, OctTutorError, SettingsError
from tests.datasets.public.standin import (
    Standin,
    a_set,
    filler,
    listed,
    reach,
    release,
    scans_of,
    serving,
    tar_of,
    zip_of,
)

MEGABYTE = 1_000_000


@pytest.fixture
def standin() -> Iterator[Standin]:
    with serving() as served:
        yield served


@pytest.fixture
def scans(tmp_path: Path) -> dict[str, bytes]:
    return scans_of(tmp_path / "made")


def quiet(part: str, done: int, total: int) -> None:
    """Say nothing."""


def get(row: PublicSet, folder: Path, tell=quiet, **more) -> Fetched:
    return fetch(row, folder, reach(**more), tell)


def names(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_of_a_zip_only_the_wanted_files_travel(standin: Standin, scans, tmp_path: Path):
    data = zip_of(release(scans))
    address = standin.put("/set.zip", data)
    done = get(a_set(address, len(data)), tmp_path / "fetching")
    assert done.files == 12
    assert done.missing == 0
    assert names(done.source) == {f"test/{name}" for name in scans}
    for name, scan in scans.items():
        assert (done.source / "test" / name).read_bytes() == scan
    assert len(data) > 4.5 * MEGABYTE
    assert done.archive == len(data)
    assert done.received < 0.2 * len(data)
    assert done.received == standin.sent


def test_the_server_is_asked_politely(standin: Standin, scans, tmp_path: Path):
    data = zip_of(release(scans))
    get(a_set(standin.put("/set.zip", data), len(data)), tmp_path / "fetching")
    assert standin.connections == 1
    assert len(standin.requests) == 3  # what is it, its end, the stretch of the scans
    for _, headers in standin.requests:
        assert headers["accept-encoding"] == "identity"
        assert headers["user-agent"] == f"octtutor/{octtutor.__version__}"


def test_listed_scans_are_found_wherever_they_lie(standin: Standin, scans, tmp_path: Path):
    other = scans["CNV/CNV-1000-1.png"]
    files = {f"Cell/OCT/train/CNV/x-{n}.png": data for n, data in enumerate(scans.values())}
    files["Cell/OCT/test/DME/DME-2000-1.png"] = other[:-1] + b"?"  # a known name, another scan
    data = zip_of(files)
    row = a_set(
        standin.put("/set.zip", data), len(data), layout="listed", listed=listed(scans), members=()
    )
    done = get(row, tmp_path / "fetching")
    assert names(done.source) == set(scans)
    assert (done.source / "DME/DME-2000-1.png").read_bytes() == scans["DME/DME-2000-1.png"]


def test_what_the_archive_lacks_is_counted(standin: Standin, scans, tmp_path: Path):
    some = dict(list(scans.items())[:9])
    data = zip_of({f"a/{name}": scan for name, scan in some.items()})
    row = a_set(
        standin.put("/set.zip", data), len(data), layout="listed", listed=listed(scans), members=()
    )
    done = get(row, tmp_path / "fetching")
    assert (done.files, done.missing) == (9, 3)


def test_a_scan_that_is_not_what_its_hash_says_is_removed(standin, scans, tmp_path: Path):
    data = tar_of({f"OCT2017/test/{name}": scan for name, scan in scans.items()})
    altered = scans | {"CNV/CNV-1000-1.png": b"another"}
    row = a_set(
        standin.put("/set.tgz", data),
        len(data),
        form="tar.gz",
        listed=listed(altered),
        members=("*/test/*/*.png",),
    )
    done = get(row, tmp_path / "fetching")
    assert done.wrong == ("test/CNV/CNV-1000-1.png",)
    assert done.files == 11


def test_a_tar_ends_as_soon_as_all_is_there(standin: Standin, scans, tmp_path: Path):
    test = {f"OCT2017/test/{name}": scan for name, scan in scans.items()}
    train = {f"OCT2017/train/CNV/CNV-{n}-1.png": filler(MEGABYTE + n) for n in range(20)}
    data = tar_of({"OCT2017/._test": b"x"} | test | train)
    row = a_set(
        standin.put("/set.tgz", data), len(data), form="tar.gz", members=("*/test/*/*.png",)
    )
    done = get(row, tmp_path / "fetching")
    assert done.files == 12
    assert done.received < len(data) / 4
    last = tar_of(train | test)
    row = a_set(
        standin.put("/last.tgz", last), len(last), form="tar.gz", members=("*/test/*/*.png",)
    )
    done = get(row, tmp_path / "last")
    assert (done.files, done.received) == (12, pytest.approx(len(last), rel=0.01))


def test_of_octmnist_one_split_travels(standin: Standin, tmp_path: Path):
    data = io.BytesIO()
    rng = np.random.default_rng(1)
    arrays = {
        f"{split}_{kind}": rng.integers(0, 4 if kind == "labels" else 256, shape).astype(np.uint8)
        for split, n in (("train", 400), ("test", 8))
        for kind, shape in (("images", (n, 64, 64)), ("labels", (n, 1)))
    }
    np.savez_compressed(data, **arrays)
    row = a_set(
        standin.put("/octmnist.npz", data.getvalue()),
        len(data.getvalue()),
        layout="medmnist",
        members=("test_images.npy", "test_labels.npy"),
    )
    done = get(row, tmp_path / "fetching")
    assert done.received < 300_000 < len(data.getvalue())
    with np.load(done.source) as found:
        assert sorted(found) == ["test_images", "test_labels"]
        assert (found["test_images"] == arrays["test_images"]).all()


def test_of_octdl_the_four_diagnoses_come_with_their_patients(standin, scans, tmp_path: Path):
    drawn = list(scans.values())
    files = {f"OCTDL/AMD/amd_1_{n}.jpg": drawn[n] for n in range(3)}
    files |= {"OCTDL/NO/no_7_1.jpg": drawn[3], "OCTDL/ERM/erm_8_1.jpg": drawn[4]}
    table = (
        "file_name,disease,subcategory,condition,patient_id\n"
        "amd_1_0,AMD,late,MNV,1\namd_1_1,AMD,early,drusen,1\namd_1_2,AMD,intermediate,GA,1\n"
        "no_7_1,NO,myopia,NO,7\nerm_8_1,ERM,none,ERM,8\n"
    )
    data = zip_of(files)
    labels = {"AMD/late/MNV": "CNV", "AMD/early/drusen": "DRUSEN", "NO/*/*": "NORMAL"}
    row = a_set(
        standin.put("/octdl.zip", data),
        len(data),
        layout="octdl",
        members=("*.jpg",),
        table=standin.put("/labels.csv", table.encode(), ranges=False),
        labels=tuple((own, Diagnosis[label]) for own, label in labels.items()),
    )
    done = get(row, tmp_path / "fetching")
    assert done.files == 3
    assert done.left_out == {"AMD": 1, "ERM": 1}
    told = (done.source / "labels.csv").read_text().splitlines()
    assert told == [
        "file,label,patient",
        *sorted(
            ["CNV/amd_1_0.jpg,CNV,1", "DRUSEN/amd_1_1.jpg,DRUSEN,1", "NORMAL/no_7_1.jpg,NORMAL,7"]
        ),
    ]


def test_redirects_are_followed_and_one_that_expires_is_asked_anew(standin, scans, tmp_path: Path):
    data = zip_of(release(scans))
    standin.put("/signed", data, expires=3)
    address = standin.put("/set", b"", redirect="/signed")
    assert get(a_set(address, len(data)), tmp_path / "fetching").files == 12
    assert [path for path, _ in standin.requests].count("/set") == 2


def test_a_redirect_to_a_private_address_is_refused(standin, scans, tmp_path: Path):
    address = standin.put("/set", b"", redirect="http://10.0.0.1/secret")
    assert "private or local" in fault(a_set(address, 5), tmp_path)
    address = standin.put("/round", b"", redirect="/round")
    assert "at most 3 redirects" in fault(a_set(address, 5), tmp_path)


def fault(row: PublicSet, folder: Path, kind: type[OctTutorError] = BadInputError, **more) -> str:
    with pytest.raises(kind) as caught:
        get(row, folder / "fetching", **more)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_stranger_may_not_lead_it_into_the_own_network(standin, scans, tmp_path: Path):
    row = a_set(standin.put("/set.zip", b"x"), 1)
    with pytest.raises(BadInputError, match="private or local"):
        fetch(row, tmp_path / "fetching", reach(allowed=lambda address: False), quiet)
    assert standin.requests == []


def test_each_fault_is_said_in_one_line(standin: Standin, scans, tmp_path: Path):
    data = zip_of(release(scans))
    size = len(data)

    def row(path: str, content: bytes = data, **manners) -> PublicSet:
        return a_set(standin.put(path, content, **manners), size)

    assert "gives only the whole" in fault(row("/no-ranges", ranges=False), tmp_path)
    assert "Received a web page" in fault(row("/page", kind="text/html; charset=utf-8"), tmp_path)
    assert "packed with 'gzip'" in fault(row("/packed", packed="gzip"), tmp_path)
    assert f"Expected {size:,} bytes" in fault(row("/long", data + b"x"), tmp_path)
    assert "Received status 404" in fault(a_set(standin.address + "/none", size), tmp_path)
    assert "broke off" in fault(row("/busy", status=503, ranges=False), tmp_path)
    assert "by hand" in fault(a_set("", 0, form=""), tmp_path)
    garbage = filler(size)
    assert "list of contents cannot be read" in fault(
        row("/garbage", garbage), tmp_path / "a", BadArchiveError
    )
    other = zip_of({"x/readme.txt": filler(10)})
    assert "None of its 1 files is one" in fault(
        a_set(standin.put("/other", other), len(other)), tmp_path / "b"
    )
    full = fault(row("/full"), tmp_path / "c", SettingsError, free=lambda folder: 1000)
    assert "bytes free" in full
    assert "There are 1,000" in full


def test_a_scan_that_was_damaged_on_the_way_is_not_kept(standin, scans, tmp_path: Path):
    good = zip_of(release(scans), packed=False)
    scan = scans["DME/DME-2000-1.png"]
    at = good.index(scan)
    bad = good[: at + 50] + b"????" + good[at + 54 :]
    address = standin.put("/set.zip", bad)
    assert "is damaged" in fault(a_set(address, len(good)), tmp_path, BadArchiveError)
    assert "test/DME/DME-2000-1.png" not in names(tmp_path / "fetching" / "scans")
    standin.files["/set.zip"].data = good
    assert get(a_set(address, len(good)), tmp_path / "fetching").files == 12


def test_a_damaged_tar_is_said(standin: Standin, scans, tmp_path: Path):
    data = tar_of({f"OCT2017/test/{name}": scan for name, scan in scans.items()})
    bad = data[:2000] + b"????" + data[2004:]
    row = a_set(
        standin.put("/set.tgz", bad),
        len(bad),
        form="tar.gz",
        members=("*/test/*/*.png",),
        scans=13,
    )
    assert "is damaged" in fault(row, tmp_path, BadArchiveError)


def test_what_breaks_off_goes_on_by_itself(standin: Standin, scans, tmp_path: Path):
    data = zip_of(release(scans))
    address = standin.put("/set.zip", data, cut=[100_000, 5000, 3000])
    done = get(a_set(address, len(data)), tmp_path / "fetching")
    assert done.files == 12
    ranges = [headers.get("range") for _, headers in standin.requests]
    assert len(ranges) == len(set(ranges)) == 6  # nothing is asked twice


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_what_was_cut_off_is_resumed(standin: Standin, scans, tmp_path: Path, form: str):
    files = release(scans)
    data = zip_of(files, packed=False) if form == "zip" else tar_of(files)
    row = a_set(standin.put("/set", data), len(data), form=form)
    folder = tmp_path / "fetching"

    class StopError(BadInputError):
        """Somebody pressed Stop."""

    def stop(part: str, done: int, total: int) -> None:
        if part == FILES and done > 100_000:
            raise StopError("Stopped.")

    with pytest.raises(StopError):
        get(row, folder, stop)
    before = standin.sent
    assert is_begun(folder)
    parts: list[str] = []
    done = get(row, folder, lambda part, done, total: parts.append(part))
    assert done.files == 12
    assert CONTENTS not in parts  # the list of contents was kept
    whole = standin.sent - before
    assert done.received <= whole
    fresh = get(row, tmp_path / "fresh")
    assert done.received < fresh.received - 50_000
    again = get(row, folder)
    if form == "zip":
        assert again.received < 1000  # all was there


def test_a_file_that_changes_meanwhile_is_not_mixed(standin: Standin, scans, tmp_path: Path):
    data = zip_of(release(scans), packed=False)
    row = a_set(standin.put("/set.zip", data), len(data))

    def change(part: str, done: int, total: int) -> None:
        standin.files["/set.zip"].etag = '"two"'

    with pytest.raises(ChangedError, match="has changed since"):
        get(row, tmp_path / "fetching", change)
    assert not (tmp_path / "fetching").exists()
    assert get(row, tmp_path / "fetching").files == 12
    standin.files["/set.zip"].etag = '"three"'
    with pytest.raises(ChangedError, match="fetch again"):
        get(row, tmp_path / "fetching")


def test_no_name_in_an_archive_leads_out_of_the_folder(standin: Standin, scans, tmp_path: Path):
    scan = next(iter(scans.values()))
    files = {
        "../../OCT/test/CNV/CNV-1-1.png": scan,
        "a/OCT/test/CNV/CNV-4-1.png": scan,
        "a/OCT/test/CNV/..": scan,
        "a/OCT/test/../CNV/CNV-2-1.png": scan,
        "a/OCT/test/CNV/CNV-3-1\n.png": scan,
    }
    data = zip_of(files)
    done = get(a_set(standin.put("/set.zip", data), len(data)), tmp_path / "fetching")
    outside = names(tmp_path) - {n for n in names(tmp_path) if n.startswith(("fetching/", "made/"))}
    assert outside == set()
    assert names(done.source) == {"test/CNV/CNV-4-1.png"}


def test_a_disk_that_is_too_small_is_said_before_anything_travels(standin, scans, tmp_path: Path):
    data = zip_of(release(scans))
    row = a_set(standin.put("/set.zip", data), len(data))
    little = fault(row, tmp_path, SettingsError, free=lambda folder: 2 * row.wanted - 1)
    assert "Expected 200,000 bytes free" in little
    assert standin.requests == []
    packed = a_set(standin.put("/set.tgz", b"x"), 10**9, form="tar.gz")
    assert "Expected 1,000,200,000 bytes" in fault(
        packed, tmp_path, SettingsError, free=lambda folder: 10**9
    )
    assert standin.requests == []


def test_arrays_need_room_thrice(standin: Standin, tmp_path: Path):
    images = np.zeros((3, 224, 224), np.uint8)
    data = io.BytesIO()
    np.savez(data, test_images=images, test_labels=np.zeros((3, 1), np.uint8))
    row = a_set(
        standin.put("/octmnist.npz", data.getvalue()),
        len(data.getvalue()),
        layout="medmnist",
        members=("test_images.npy", "test_labels.npy"),
        wanted=1000,
    )
    twice = len(data.getvalue()) + 2 * images.nbytes + 10_000  # with what travels
    assert "bytes free" in fault(row, tmp_path, SettingsError, free=lambda folder: twice)
    room = twice + images.nbytes
    assert get(row, tmp_path / "more", free=lambda folder: room).files == 2


def test_a_busy_server_is_asked_again_when_it_says(standin: Standin, scans, tmp_path: Path):
    data = zip_of(release(scans))
    busy = ["5", "soon", "Mon, 05 Jan 2026 09:00:00 GMT"]  # no date, and one that is past
    row = a_set(standin.put("/set.zip", data, busy=busy), len(data))
    told: list[tuple[str, int, int]] = []
    waited: list[float] = []
    done = get(row, tmp_path / "a", lambda *how: told.append(how), wait=waited.append)
    assert done.files == 12
    assert told[:5] == [(PAUSED, second, 5) for second in range(5)]
    assert waited == [1.0] * 5 + [2.0, 4.0]

    def stop(part: str, done: int, total: int) -> None:
        raise BadInputError("Stopped.")

    standin.put("/set.zip", data, busy=["100"])
    with pytest.raises(BadInputError, match="Stopped"):
        get(row, tmp_path / "b", stop)
    late = "Fri, 05 Jan 2446 09:00:00 GMT"
    for long in ("121", late):
        standin.put("/set.zip", data, busy=[long])
        assert "is busy and asks to wait" in fault(row, tmp_path / "c", wait=waited.append)
    assert len(waited) == 7
