"""Every slice of a volume is answered, and a scan gets the same answer whatever it is kept in."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from octtutor.datasets.decode import Pixels
from octtutor.errors import BadInputError
from octtutor.model.bulk.predicting import explain_path, fetched, predict_sources
from octtutor.model.network.preprocess import Preprocessing
from octtutor.phantom import make
from tests.conftest import MODEL
from tests.datasets import exports
from tests.model.folders import make_model

LABELS = ("CNV", "NORMAL", "DRUSEN")
answer = partial(predict_sources, MODEL)


@pytest.fixture(scope="module")
def scans() -> np.ndarray:
    """Synthetic scans, uint8 (3, 160, 160)."""
    return np.stack([make(k, np.random.default_rng(3), (160, 160)).scan for k in LABELS])


@pytest.fixture(scope="module")
def squeezing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the first preparation, which does not heed what a file says of its pixels."""
    folder = tmp_path_factory.mktemp("models") / "squeezing"
    return make_model(folder, preprocessing=Preprocessing(224).as_facts())


@pytest.fixture(scope="module")
def rows(scans: Pixels, squeezing: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """What that model answers to the scans as plain PNG."""
    folder = tmp_path_factory.mktemp("plain")
    for index, scan in enumerate(scans):
        Image.fromarray(scan).save(folder / f"{index}.png")
    return predict_sources(squeezing, [str(folder)])[0]


def stacked(path: Path, scans: np.ndarray) -> Path:
    pages = [Image.fromarray(scan) for scan in scans]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    return path


def test_a_volume_gets_the_answers_of_its_slices(
    scans: Pixels, squeezing: Path, rows: list[dict], tmp_path: Path
):
    pytest.importorskip("pydicom", reason="needs pip install 'octtutor[formats]'")
    wide = scans.astype(np.uint16) * 257
    files = [
        stacked(tmp_path / "a.tif", scans),
        stacked(tmp_path / "wide.tif", wide),
        exports.vol(tmp_path / "a.vol", exports.reflectivity(scans)),
        exports.fda(tmp_path / "a.fda", scans),
        exports.dicom(tmp_path / "a.dcm", scans),
        exports.dicom(tmp_path / "wide.dcm", wide),
    ]
    answers, unreadable = predict_sources(squeezing, [str(file) for file in files])
    assert unreadable == []
    assert [one["source"] for one in answers] == [f"{f}#{k}" for f in files for k in (1, 2, 3)]
    for index, one in enumerate(answers):
        plain = rows[index % 3]
        assert one["label"] == plain["label"]
        for label, chance in one["probabilities"].items():
            assert chance == pytest.approx(plain["probabilities"][label], abs=0.02)


def assert_same(one: dict, other: dict) -> None:
    """The same answer, whatever batch it was computed in."""
    for field in one:
        if field == "probabilities":
            assert one[field] == pytest.approx(other[field], abs=1e-5)
        elif isinstance(one[field], float):
            assert one[field] == pytest.approx(other[field], rel=1e-4)
        else:
            assert one[field] == other[field]


def test_one_slice_is_answered_where_one_is_asked_for(scans: Pixels, tmp_path: Path):
    file = stacked(tmp_path / "a.tif", scans)
    answers = answer([str(file), f"{file}#2"])[0]
    assert_same(answers[3], answers[1])
    Image.fromarray(scans[0]).save(tmp_path / "plain.png")
    found = answer([str(tmp_path)], slice_=3)[0]
    assert_same(found[0], answers[2])
    assert [one["source"] for one in found] == [f"{file}#3", str(tmp_path / "plain.png")]
    for source, slice_ in ((str(file), 4), (str(file), 0), (f"{file}#4", None)):
        with pytest.raises(BadInputError, match=r"from 1 to 3 of 'a\.tif'\. Received"):
            answer([source], slice_=slice_)


def test_one_slice_is_explained_the_middle_one_by_default(scans: Pixels, tmp_path: Path):
    file, out = stacked(tmp_path / "a.tif", scans), tmp_path / "map.png"
    told = explain_path(MODEL, file, out, method="gradcam")
    assert told["source"] == f"{file}#2"
    with Image.open(out) as overlay:
        assert overlay.size == (160, 160)
    for slice_ in (0, 4):
        with pytest.raises(BadInputError, match=rf"from 1 to 3 of 'a\.tif'\. Received {slice_}"):
            explain_path(MODEL, file, out, slice_=slice_)


def test_a_damaged_volume_is_said_once(scans: Pixels, tmp_path: Path):
    file = exports.vol(tmp_path / "a.vol", exports.reflectivity(scans))
    file.write_bytes(file.read_bytes()[:-1])
    answers, unreadable = answer([str(file), str(tmp_path / "nowhere.dcm")])
    assert answers == []
    assert len(unreadable) == 2
    assert "'a.vol', which is damaged or cut short" in unreadable[0]
    assert "Cannot read 'nowhere.dcm'" in unreadable[1]


def test_a_volume_from_the_web_is_taken_apart(scans: Pixels, tmp_path: Path):
    data = stacked(tmp_path / "a.tif", scans).read_bytes()
    url = "https://example.org/set/a.tif?version=2"
    pairs = fetched(url, lambda _: data)
    assert [source for source, _ in pairs] == [f"{url}#{k}" for k in (1, 2, 3)]
    assert len({member.read() for _, member in pairs}) == 3
    (lone,) = fetched("https://example.org/a.png", lambda _: data[:3])
    assert lone[1].read() == data[:3]


@pytest.mark.parametrize("source", ["file:///etc/hostname", "ftp://example.org/a.png"])
def test_an_address_of_another_kind_is_no_file(source: str):
    with pytest.raises(BadInputError, match="http:// or https://"):
        predict_sources(MODEL, [source])
