"""Features are computed once, whoever asks; what was cut short or altered never counts."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.errors import SettingsError
from octtutor.model.network.pretrained import Backbone, BackboneSource, open_backbone
from octtutor.model.training.feature_cache import FeatureCache, row_kind
from octtutor.model.training.feature_cache_size import FACTS, clear, list_kept, make_room
from octtutor.phantom import make

GB = 10**9
HASHES = [f"{i:064x}" for i in range(1, 7)]


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return open_backbone(BackboneSource(size=32))


@pytest.fixture(scope="module")
def scans(backbone: Backbone) -> np.ndarray:
    rng = np.random.default_rng(0)
    made = [make(LABELS[i % 4], rng, (160, 160)).scan for i in range(len(HASHES))]
    return np.stack([backbone.how.prepare(scan) for scan in made])


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache(tmp_path / "features", GB)


def expected(backbone: Backbone, scans: np.ndarray) -> np.ndarray:
    return np.asarray(backbone.network(backbone.how.to_input(scans), training=False))


def segments(root: Path) -> list[Path]:
    return sorted(root.glob("*/*.npy"))


def test_maps_are_what_the_backbone_gives(cache, backbone, scans):
    found = cache.features_of(backbone, scans, HASHES, pooled=False)
    truth = expected(backbone, scans)
    assert len(found) == 6
    assert found.take([0]).dtype == np.float16
    assert found.take([4, 1, 1]) == pytest.approx(truth[[4, 1, 1]], abs=2e-3, rel=2e-3)


def test_pooled_rows_are_the_means_and_small(cache, backbone, scans):
    found = cache.features_of(backbone, scans, HASHES, pooled=True)
    truth = expected(backbone, scans).mean((1, 2), keepdims=True)
    assert found.take(range(6)) == pytest.approx(truth, abs=2e-3, rel=2e-3)
    assert found.kind.row_bytes == 2 * 1280 + 32


def test_mirrored_rows_are_of_the_mirrored_scans(cache, backbone, scans):
    cache.features_of(backbone, scans, HASHES, pooled=True)
    found = cache.features_of(backbone, scans, HASHES, pooled=True, mirrored=True)
    truth = expected(backbone, scans[:, :, ::-1]).mean((1, 2), keepdims=True)
    assert found.take(range(6)) == pytest.approx(truth, abs=2e-3, rel=2e-3)


def test_what_is_kept_is_not_computed_again(cache, backbone, scans, tmp_path: Path):
    root = tmp_path / "features"
    first = cache.features_of(backbone, scans[:4], HASHES[:4], pooled=True).take(range(4))
    assert first.any()
    before = segments(root)
    black = np.zeros_like(scans)  # a cache that looked at these would give other rows
    again = cache.features_of(backbone, black[:4], HASHES[:4], pooled=True)
    assert segments(root) == before
    assert (again.take(range(4)) == first).all()
    cache.features_of(backbone, scans, HASHES, pooled=True)
    (new,) = set(segments(root)) - set(before)
    assert len(np.load(new)) == 2


def test_a_scan_given_twice_is_computed_once(cache, backbone, scans, tmp_path: Path):
    twice = [HASHES[0], HASHES[1], HASHES[0]]
    found = cache.features_of(backbone, scans[[0, 1, 0]], twice, pooled=True)
    rows = found.take([0, 1, 2])
    assert (rows[0] == rows[2]).all()
    assert sum(len(np.load(path)) for path in segments(tmp_path / "features")) == 2


def test_other_weights_and_other_scaling_have_keys_of_their_own(backbone):
    other = open_backbone(BackboneSource(weights="none", size=32), seed=2)
    how = type(backbone.how)(32, "1/255")
    scaled = Backbone(backbone.network, backbone.facts, how)
    kinds = [
        row_kind(backbone, True),
        row_kind(backbone, False),
        row_kind(backbone, True, mirrored=True),
        row_kind(other, True),
        row_kind(scaled, True),
    ]
    assert len({kind.key for kind in kinds}) == 5
    same = open_backbone(BackboneSource(size=32))
    assert row_kind(same, True) == kinds[0]


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_row_cut_short_never_counts(cache, backbone, scans, tmp_path: Path, share: float):
    first = cache.features_of(backbone, scans, HASHES, pooled=True).take(range(6))
    (path,) = segments(tmp_path / "features")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    again = cache.features_of(backbone, scans, HASHES, pooled=True).take(range(6))
    assert (again == first).all()
    assert path not in segments(tmp_path / "features")


def test_what_a_killed_writer_left_is_not_read_and_is_swept(cache, backbone, scans, tmp_path: Path):
    folder = tmp_path / "features" / row_kind(backbone, True).key
    folder.mkdir(parents=True)
    old, new = folder / ".partial-old", folder / ".partial-new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    cache.features_of(backbone, scans, HASHES, pooled=True)
    assert not old.exists()
    assert new.exists()


KILLED = """
import os, sys
import numpy as np
from pathlib import Path
from octtutor.model.training.feature_cache import FeatureCache
from octtutor.model.network.pretrained import BackboneSource, open_backbone
backbone = open_backbone(BackboneSource(size=32))
scans = np.load(sys.argv[2])
hashes = [f"{i:064x}" for i in range(1, 7)]
def die(done, total):
    if sys.argv[3] == "die" and done >= 4:
        os.kill(os.getpid(), 9)
cache = FeatureCache(Path(sys.argv[1]), 10**9, segment_rows=2)
cache.features_of(backbone, scans, hashes, True, progress=die)
"""


def start(tmp_path: Path, end: str) -> subprocess.Popen:
    command = [sys.executable, "-c", KILLED, str(tmp_path / "features"), str(tmp_path / "s.npy")]
    return subprocess.Popen([*command, end], stderr=subprocess.DEVNULL)


def test_a_run_killed_in_the_middle_leaves_what_it_finished(cache, backbone, scans, tmp_path: Path):
    np.save(tmp_path / "s.npy", scans)
    assert start(tmp_path, "die").wait() == -9
    before = segments(tmp_path / "features")
    assert sum(len(np.load(path)) for path in before) == 4
    found = cache.features_of(backbone, scans, HASHES, pooled=True)
    (new,) = set(segments(tmp_path / "features")) - set(before)
    assert len(np.load(new)) == 2
    truth = expected(backbone, scans).mean((1, 2), keepdims=True)
    assert found.take(range(6)) == pytest.approx(truth, abs=2e-3, rel=2e-3)


def test_two_processes_fill_one_key_at_once(cache, backbone, scans, tmp_path: Path):
    np.save(tmp_path / "s.npy", scans)
    both = [start(tmp_path, "live") for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    before = segments(tmp_path / "features")
    found = cache.features_of(backbone, scans, HASHES, pooled=True)
    assert segments(tmp_path / "features") == before
    truth = expected(backbone, scans).mean((1, 2), keepdims=True)
    assert found.take(range(6)) == pytest.approx(truth, abs=2e-3, rel=2e-3)


def put(root: Path, key: str, size: int, days_ago: float) -> None:
    folder = root / key
    folder.mkdir(parents=True)
    (folder / "x.npy").write_bytes(bytes(size))
    (folder / FACTS).write_text("{}")
    when = (datetime.now(UTC) - timedelta(days=days_ago)).timestamp()
    for path in folder.iterdir():
        os.utime(path, (when, when))


def test_the_longest_unused_key_goes_when_the_cache_is_full(tmp_path: Path):
    for key, age in (("a", 3), ("b", 5), ("c", 1)):
        put(tmp_path, key, 1000, age)
    make_room(tmp_path, "c", 1000, 3100)
    assert {kept.key for kept in list_kept(tmp_path)} == {"a", "c"}
    make_room(tmp_path, "a", 1000, 2900)
    assert {kept.key for kept in list_kept(tmp_path)} == {"a"}


def test_more_than_the_cap_is_refused_and_nothing_is_lost(cache, backbone, scans, tmp_path: Path):
    put(tmp_path / "features", "other", 1000, 1)
    small = FeatureCache(tmp_path / "features", 5000)
    with pytest.raises(SettingsError, match="pools first"):
        small.features_of(backbone, scans, HASHES, pooled=False)
    assert [kept.key for kept in list_kept(tmp_path / "features")] == ["other"]


def test_more_than_the_disk_holds_is_refused(tmp_path: Path):
    with pytest.raises(SettingsError, match="free disk"):
        make_room(tmp_path / "features", "a", 10**17, 10**18)


def test_old_features_can_be_cleared(tmp_path: Path):
    for key, age in (("old", 10), ("new", 1)):
        put(tmp_path, key, 10, age)
    gone = clear(tmp_path, datetime.now(UTC), timedelta(days=5))
    assert [kept.key for kept in gone] == ["old"]
    assert [kept.key for kept in list_kept(tmp_path)] == ["new"]
    clear(tmp_path, datetime.now(UTC))
    assert list(tmp_path.iterdir()) == []


def test_features_outlive_their_removal_in_the_run_that_reads_them(backbone, scans, tmp_path: Path):
    large = FeatureCache(tmp_path / "features", GB, in_memory=0)
    found = large.features_of(backbone, scans, HASHES, pooled=False)
    clear(tmp_path / "features", datetime.now(UTC))
    assert found.take([3, 0]) == pytest.approx(
        expected(backbone, scans)[[3, 0]], abs=2e-3, rel=2e-3
    )


def test_rows_that_are_read_when_asked_for_are_the_same(cache, backbone, scans, tmp_path: Path):
    large = FeatureCache(tmp_path / "features", GB, in_memory=0)
    large.features_of(backbone, scans[:3], HASHES[:3], pooled=False)
    found = large.features_of(backbone, scans, HASHES, pooled=False)
    assert len(segments(tmp_path / "features")) == 2
    kept = cache.features_of(backbone, scans, HASHES, pooled=False)
    assert (found.take([5, 0, 3, 3]) == kept.take([5, 0, 3, 3])).all()


def test_a_cache_that_is_cleared_while_it_is_filled_loses_nothing_of_the_run(
    backbone, scans, tmp_path: Path
):
    root = tmp_path / "features"

    def wipe(done: int, total: int) -> None:
        clear(root, datetime.now(UTC))

    cache = FeatureCache(root, GB, in_memory=0)
    cache.features_of(backbone, scans[:2], HASHES[:2], pooled=True)
    found = cache.features_of(backbone, scans, HASHES, pooled=True, progress=wipe)
    truth = expected(backbone, scans).mean((1, 2), keepdims=True)
    assert found.take(range(6)) == pytest.approx(truth, abs=2e-3, rel=2e-3)


def test_the_cache_says_what_it_holds(cache, backbone, scans, tmp_path: Path):
    cache.features_of(backbone, scans, HASHES, pooled=True)
    (kept,) = list_kept(tmp_path / "features")
    assert kept.facts["backbone"] == "lite0"
    assert kept.facts["kind"] == "pooled"
    assert kept.scans == 6
    assert datetime.now(UTC) - kept.used < timedelta(minutes=5)
