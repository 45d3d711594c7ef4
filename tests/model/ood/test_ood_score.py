"""A scan is told from what is no scan, and a gauge that is not whole is not used."""

import hashlib
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from octtutor.datasets.decode import read_scan
from octtutor.datasets.member import Member
from octtutor.errors import BadInputError, ModelError
from octtutor.model.network.card import FAMILIARITY, read_card
from octtutor.model.ood.ood_score import (
    QUANTILE,
    OodScore,
    familiarity_fields,
    fit_ood_detector,
    open_ood_detector,
)
from octtutor.model.publish.publishing import publish
from tests.conftest import DECK, MODEL, write_scans

RNG = np.random.default_rng(5)
Y, X = np.mgrid[0:496, 0:512]


def page() -> np.ndarray:
    picture = np.full((496, 512), 250, np.uint8)
    for line in range(40, 480, 24):
        cv2.putText(picture, "No scan is to be seen here", (20, line), 0, 0.7, 10, 1)
    return picture


NO_SCANS = {
    "noise": RNG.integers(0, 256, (496, 512)),
    "gradient": X * 255 / 511,
    "stripes": 255 * (Y // 20 % 2),
    "checkerboard": 255 * ((X // 32 + Y // 32) % 2),
    "blank": np.full((496, 512), 128),
    "dark": np.zeros((496, 512)),
    "disc": 160 * (np.hypot(X - 256, Y - 248) < 230),
    "page": page(),
}


@pytest.fixture(scope="module")
def gauge():
    return open_ood_detector(MODEL)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return shutil.copytree(MODEL, tmp_path / "copy")


def edit_card(folder: Path, **changes) -> None:
    path = folder / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_arrays(folder: Path, **changes) -> None:
    """Change the statistics, and the card so that it vouches for them."""
    path = folder / FAMILIARITY
    save_file(load_file(path) | changes, path)
    facts = read_card(folder).familiarity
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    edit_card(folder, familiarity=facts | {"sha256": digest})


def familiar(engine, gauge, scans, turn=lambda prepared: prepared) -> list[bool]:
    prepared = np.stack([turn(engine.prepare(np.asarray(scan, np.uint8))) for scan in scans])
    return [seen.is_familiar for seen in gauge.measure(engine.run(prepared).features)]


def test_what_is_no_scan_is_flagged(engine, gauge):
    found = dict(zip(NO_SCANS, familiar(engine, gauge, NO_SCANS.values()), strict=True))
    assert found == dict.fromkeys(NO_SCANS, False)


def test_most_phantoms_pass(engine, gauge):
    deck = sorted(path for path in DECK.rglob("*.png") if "masks" not in path.parts)[::3]
    assert np.mean(familiar(engine, gauge, map(read_scan, deck))) >= 0.8


def test_nearly_all_real_scans_pass(engine, gauge, real_scans: Path):
    scans = sorted((real_scans / "test").rglob("*.jpeg"))[::4]
    assert np.mean(familiar(engine, gauge, map(read_scan, scans))) >= 0.95


def test_a_score_has_the_cards_threshold(engine, gauge):
    (seen,) = gauge.measure(engine.run(np.zeros((1, 224, 224), np.uint8)).features)
    assert seen.threshold == read_card(MODEL).familiarity["threshold"]
    assert seen.score > seen.threshold
    assert not seen.is_familiar


def test_a_model_without_a_gauge_has_none(copy: Path):
    (copy / FAMILIARITY).unlink()
    edit_card(copy, familiarity={})
    assert open_ood_detector(copy) is None
    raw = json.loads((copy / "card.json").read_text())
    del raw["familiarity"]
    (copy / "card.json").write_text(json.dumps(raw))
    assert open_ood_detector(copy) is None


def test_a_gauge_that_was_altered_is_refused(copy: Path):
    path = copy / FAMILIARITY
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match="changed or cut short"):
        open_ood_detector(copy)
    path.write_bytes(data[:100])
    with pytest.raises(ModelError, match="changed or cut short"):
        open_ood_detector(copy)
    path.unlink()
    with pytest.raises(ModelError, match=FAMILIARITY):
        open_ood_detector(copy)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mean": np.full(1280, np.nan, np.float32)},
        {"mean": np.zeros(7, np.float32)},
        {"numbers": np.zeros(3, np.float32)},
        {"numbers": np.ones((), np.float32)},
        {"plane": np.zeros(7, np.float32)},
        {"variances": np.full(64, -1, np.float32)},
        {"axes": np.zeros((64, 1280), np.float64)},
        {"turned": np.zeros(7, np.float32)},
        {"turned_offset": np.full(1, np.inf, np.float32)},
    ],
)
def test_statistics_that_make_no_sense_are_refused(copy: Path, wrong: dict):
    edit_arrays(copy, **wrong)
    with pytest.raises(ModelError, match="statistics of familiar scans"):
        open_ood_detector(copy)


@pytest.mark.parametrize("threshold", [None, "far", float("nan"), float("inf"), [1.0]])
def test_a_threshold_that_makes_no_sense_is_refused(copy: Path, threshold):
    edit_card(copy, familiarity=read_card(copy).familiarity | {"threshold": threshold})
    with pytest.raises(ModelError, match="statistics of familiar scans"):
        open_ood_detector(copy)


def test_the_features_of_another_network_are_refused(gauge):
    with pytest.raises(ModelError, match="1280 channels"):
        gauge.measure(np.zeros((1, 7, 7, 2048), np.float32))


def test_features_that_are_no_numbers_are_not_familiar(gauge):
    (seen,) = gauge.measure(np.full((1, 7, 7, 1280), np.nan, np.float32))
    assert not seen.is_familiar


def test_the_threshold_lets_the_held_out_pass_and_the_far_not():
    rng = np.random.default_rng(1)
    base = rng.uniform(0, 1, 40)
    near = np.abs(base + 0.05 * rng.normal(size=(800, 40))).astype(np.float32)
    far = rng.uniform(0, 1, (100, 40)).astype(np.float32)
    gauge = fit_ood_detector(near[:600], far[:50], near[600:])
    held = gauge.scores(near[600:])
    assert QUANTILE <= (held <= gauge.threshold).mean() < 1
    assert np.median(held) == pytest.approx(0, abs=0.1)
    assert (gauge.scores(far[50:]) > gauge.threshold).all()
    assert gauge.scores(3 * near[:5]) == pytest.approx(gauge.scores(near[:5]), abs=1e-3)


def test_scans_upside_down_and_negatives_are_flagged_unless_they_are_righted(
    engine, gauge, real_scans: Path
):
    scans = [read_scan(path) for path in sorted((real_scans / "test").rglob("*.jpeg"))[::4]]
    for turn in (lambda scan: scan[::-1], lambda scan: 255 - scan):
        assert np.mean(familiar(engine, gauge, scans, turn)) <= 0.05
        assert np.mean(familiar(engine, gauge, [turn(scan) for scan in scans])) >= 0.95
    assert np.mean(familiar(engine, gauge, scans)) >= 0.95


def test_a_gauge_from_before_turned_scans_were_told_is_read(copy: Path, gauge):
    path = copy / FAMILIARITY
    old = {name: rows for name, rows in load_file(path).items() if "turned" not in name}
    save_file(old, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    edit_card(copy, familiarity=read_card(copy).familiarity | {"sha256": digest})
    opened = open_ood_detector(copy)
    assert opened is not None
    assert opened.turned is None
    pooled = np.abs(RNG.normal(size=(4, 1280))).astype(np.float32)
    assert (opened.scores(pooled) <= gauge.scores(pooled)).all()
    assert opened.to_bytes() == path.read_bytes()


def test_a_gauge_can_be_added_and_changes_nothing_else(copy: Path, tmp_path: Path):
    from octtutor.model.ood.ood_fitting import add_ood_detector

    (copy / FAMILIARITY).unlink()
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    data = write_scans(tmp_path / "scans", per_class=2)
    steps: list[tuple[int, int]] = []
    facts = add_ood_detector(copy, data, lambda done, total: steps.append((done, total)))
    card = json.loads(before.pop("card.json"))
    assert json.loads((copy / "card.json").read_text()) == card | {"familiarity": facts}
    assert all((copy / name).read_bytes() == content for name, content in before.items())
    assert facts["fitted_on"]["scans"] + facts["held_out"]["scans"] == 8
    assert steps[-1] == (8, 8)
    first = (copy / FAMILIARITY).read_bytes()
    opened = open_ood_detector(copy)
    assert opened is not None
    assert opened.threshold == facts["threshold"]
    assert add_ood_detector(copy, data) == facts
    assert (copy / FAMILIARITY).read_bytes() == first


def test_one_patients_scans_give_no_gauge(copy: Path, tmp_path: Path):
    from octtutor.model.ood.ood_fitting import add_ood_detector

    folder = tmp_path / "one" / "CNV"
    folder.mkdir(parents=True)
    for number, path in enumerate(sorted(DECK.rglob("*.png"))[:2]):
        shutil.copy(path, folder / f"CNV-7-{number}.png")
    before = (copy / "card.json").read_bytes()
    with pytest.raises(BadInputError, match="several patients"):
        add_ood_detector(copy, folder.parent)
    assert (copy / "card.json").read_bytes() == before


def test_the_threshold_comes_from_scans_that_the_network_does_not_know(tmp_path: Path):
    from octtutor.model.network.scan_set import ScanSet
    from octtutor.model.ood.ood_fitting import part

    hashes = tuple(f"{number:064x}" for number in range(120))
    scans = ScanSet(
        np.zeros((120, 4, 4), np.uint8),
        np.arange(120) % 4,
        tuple(f"patient {number // 2}" for number in range(120)),
        hashes,
        hashes,
        (),
    )
    rows = [f"{hashes[number]},patient {number // 2},CNV" for number in range(0, 120, 4)]
    (tmp_path / "training_scans.csv").write_text("\n".join(["sha256,patient,label", *rows]))
    fitted, held, known = part(scans, tmp_path)
    assert (len(fitted.names), len(held.names), known) == (60, 60, False)
    assert not set(fitted.patients) & set(held.patients)
    (tmp_path / "training_scans.csv").unlink()
    fitted, held, known = part(scans, tmp_path)
    assert len(fitted.names) > len(held.names) > 0
    assert known  # nobody says that it does not
    assert not set(fitted.patients) & set(held.patients)


def test_a_gauge_travels_with_a_published_model(copy: Path, tmp_path: Path):
    home = tmp_path / "models"
    home.mkdir()
    published = publish(copy, "mine", (home, MODEL.parent), makes_graph=False).folder
    assert (published / FAMILIARITY).read_bytes() == (MODEL / FAMILIARITY).read_bytes()
    assert open_ood_detector(published) is not None
    (copy / FAMILIARITY).write_bytes(b"no statistics")
    with pytest.raises(ModelError, match="statistics of familiar scans"):
        publish(copy, "broken", (home, MODEL.parent))
    assert not (home / "broken").exists()


def test_a_gauge_is_imported_with_its_model_or_neither_is(copy: Path, tmp_path: Path):
    from octtutor.model.publish.model_import import import_model

    home = tmp_path / "models"
    home.mkdir()
    _, folder = import_model(copy, "theirs", (home, MODEL.parent))
    assert open_ood_detector(folder) is not None
    seven = np.ones((64, 7), np.float32)
    edit_arrays(copy, mean=seven[0], plane=seven[0], turned=seven[0], axes=seven)
    with pytest.raises(ModelError, match="7 channels, not 1280"):
        import_model(copy, "broken", (home, MODEL.parent))
    assert not (home / "broken").exists()


def png(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(picture, np.uint8)).save(buffer, "png")
    return buffer.getvalue()


def test_answers_say_whether_the_scan_is_familiar(copy: Path):
    from octtutor.model.bulk.batches import Answering

    scan = next(path for path in sorted(DECK.rglob("*.png")) if "masks" not in path.parts)
    members = [
        Member("noise.png", lambda: png(NO_SCANS["noise"])),
        Member("broken.png", lambda: b"no picture"),
        Member("scan.png", scan.read_bytes),
    ]
    found = Answering(MODEL)(members)
    assert [done.familiar for done in found] == [False, None, True]
    (copy / FAMILIARITY).unlink()
    edit_card(copy, familiarity={})
    without = Answering(copy)(members)
    assert [done.familiar for done in without] == [None, None, None]
    for one, other in zip(found, without, strict=True):
        assert one.fault == other.fault
        assert np.array_equal(one.values, other.values) or one.values is other.values is None


def test_commands_tell_the_score_and_the_threshold_that_it_comes_from(copy: Path, tmp_path: Path):
    from octtutor.model.bulk.predicting import explain_path, predict_sources

    keys = ("familiar", "score", "threshold")
    scan, noise = tmp_path / "scan.png", tmp_path / "noise.png"
    scan.write_bytes(next(path for path in sorted((DECK / "CNV").glob("*.png"))).read_bytes())
    noise.write_bytes(png(NO_SCANS["noise"]))
    answers, _ = predict_sources(MODEL, [str(scan), str(noise)])
    assert [answer["familiar"] for answer in answers] == [True, False]
    for answer in answers:
        assert answer["threshold"] == read_card(MODEL).familiarity["threshold"]
        assert answer["familiar"] is (answer["score"] <= answer["threshold"])
        explained = explain_path(MODEL, answer["source"], tmp_path / "map.png", method="gradcam")
        assert explained["score"] == pytest.approx(answer["score"], abs=1e-3)
        assert explained["threshold"] == answer["threshold"]
    edit_card(copy, familiarity={})
    (without,), _ = predict_sources(copy, [str(scan)])
    assert [without[key] for key in keys] == [None, None, None]


def test_a_scan_has_the_same_score_whoever_is_beside_it(engine, gauge):
    prepared = np.stack([engine.prepare(np.asarray(s, np.uint8)) for s in NO_SCANS.values()])
    features = engine.run(prepared).features
    alone = [gauge.measure(one[None])[0] for one in features]
    assert gauge.measure(features) == alone


def test_a_score_that_is_no_number_is_told_as_none():
    seen = OodScore(float("nan"), 3.0, False)
    assert familiarity_fields(seen) == {"familiar": False, "score": None, "threshold": 3.0}


def test_measuring_needs_no_network_library():
    code = (
        "import sys; from pathlib import Path; "
        "from octtutor.model.ood.ood_score import open_ood_detector; "
        f"assert open_ood_detector(Path({str(MODEL)!r})); "
        "assert not {'keras', 'tensorflow', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
