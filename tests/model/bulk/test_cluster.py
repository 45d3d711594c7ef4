"""A local Ray of two workers answers as one process does, and loses nothing with a worker."""

import os
import shutil
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from octtutor.datasets.sources import open_source
from octtutor.errors import BadInputError, ModelError
from octtutor.model.bulk.batches import Answering, do_all
from octtutor.model.bulk.cluster import LOCAL, Cluster, connected, send_answering
from octtutor.model.bulk.feature_filling import fill_cache
from octtutor.model.bulk.predicting import predict_sources
from octtutor.model.measure.evaluation import evaluate
from octtutor.model.network.pretrained import BackboneSource, open_backbone
from octtutor.model.training.feature_cache import FeatureCache, row_kind
from tests.conftest import MODEL, ROOT, missing, write_scans
from tests.model.bulk.dying import dying_once


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    if find_spec("ray") is None:
        missing("ray", "Install it: make scale")
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(ROOT)  # the workers import this module's own parts
    try:
        with connected(LOCAL) as found:
            assert found is not None
            yield found
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_scans(tmp_path_factory.mktemp("cluster") / "data", per_class=20, size=(160, 160))
    (folder / "CNV" / "CNV-9-9.png").write_bytes(b"broken")
    return folder


def test_workers_answer_and_measure_as_one_process_does(cluster: Cluster, data: Path):
    ours, unreadable = predict_sources(MODEL, [str(data)])
    theirs, faults = predict_sources(MODEL, [str(data)], cluster=cluster)
    assert faults == unreadable
    assert len(faults) == 1
    assert [one["source"] for one in theirs] == [one["source"] for one in ours]
    for one, other in zip(ours, theirs, strict=True):
        assert other["probabilities"] == pytest.approx(one["probabilities"], abs=1e-5)
    seen: list[tuple[int, int]] = []
    alone = evaluate(MODEL, data)
    together = evaluate(MODEL, data, lambda *at: seen.append(at), cluster=cluster)
    assert seen[-1] == (81, 81)
    assert together["unreadable"] == ["CNV/CNV-9-9.png"]
    assert together["confusion"] == alone["confusion"]
    assert together["brier"] == pytest.approx(alone["brier"], abs=1e-5)


def test_workers_fill_the_cache_with_the_same_rows(cluster: Cluster, data: Path, tmp_path: Path):
    backbone = open_backbone(BackboneSource(size=64))
    alone, together = (FeatureCache(tmp_path / name, 10**9) for name in ("alone", "together"))
    one = fill_cache(alone, backbone, data, pooled=True)
    told = fill_cache(together, backbone, data, pooled=True, cluster=cluster)
    assert told == one
    assert told["computed"] == told["scans"] == 80
    assert fill_cache(together, backbone, data, True, cluster=cluster)["computed"] == 0
    kind = row_kind(backbone, pooled=True)
    hashes = sorted(alone.known(kind))
    assert hashes == sorted(together.known(kind))
    none = np.zeros((80, 64, 64), np.uint8)
    rows = [cache.features_of(backbone, none, hashes, True) for cache in (alone, together)]
    ours, theirs = (found.take(range(80)).astype(np.float32) for found in rows)
    assert theirs == pytest.approx(ours, abs=2e-2, rel=1e-2)


def test_a_worker_that_is_killed_half_way_loses_nothing(
    cluster: Cluster, data: Path, tmp_path: Path
):
    marks = tmp_path / "marks"
    marks.mkdir()
    with open_source(data) as members:
        expected = list(do_all(partial(Answering, MODEL), members))
        found = list(do_all(dying_once(MODEL, marks), members, cluster=cluster))
    assert len(list(marks.iterdir())) == 1
    assert [member.name for member, _ in found] == [member.name for member, _ in expected]
    for (_, ours), (_, theirs) in zip(expected, found, strict=True):
        assert theirs.sha256 == ours.sha256
        assert theirs.fault == ours.fault
        if ours.values is not None:
            assert theirs.values == pytest.approx(ours.values, abs=1e-5)


def test_an_archive_is_refused_since_workers_cannot_open_it(
    cluster: Cluster, data: Path, tmp_path: Path
):
    packed = shutil.make_archive(str(tmp_path / "data"), "zip", data)
    with pytest.raises(BadInputError, match="that every worker can open"):
        evaluate(MODEL, Path(packed), cluster=cluster)


def test_without_an_address_there_is_no_cluster():
    with connected(None) as found:
        assert found is None


def test_a_sent_model_is_checked_like_any_other(tmp_path: Path):
    copy = tmp_path / "model"
    shutil.copytree(MODEL, copy)
    with (copy / "weights.safetensors").open("r+b") as file:
        file.seek(5000)
        file.write(b"changed")
    with pytest.raises(ModelError, match="SHA-256"):
        send_answering(copy)()
