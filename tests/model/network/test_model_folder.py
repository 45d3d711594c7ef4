"""A model folder is whole, unaltered and harmless, or it is not opened."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from octtutor.errors import BadInputError, ModelError
from octtutor.model.network.card import WEIGHTS, read_card
from octtutor.model.network.model_folder import load_network, save_model
from octtutor.model.serve.model_registry import find_model, list_models
from tests.conftest import MODEL


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return shutil.copytree(MODEL, tmp_path / "copy")


def edit(folder: Path, **changes) -> None:
    card = json.loads((folder / "card.json").read_text())
    card.update(changes)
    (folder / "card.json").write_text(json.dumps({k: v for k, v in card.items() if v is not None}))


def test_a_saved_model_answers_as_before(engine, tmp_path: Path):
    card = save_model(engine.network, engine.card, tmp_path / "again")
    network, read = load_network(tmp_path / "again")
    assert read == card
    assert card.weights_sha256 == engine.card.weights_sha256
    for name, array in engine.network.weights().items():
        assert (network.weights()[name] == array).all()


def test_changed_weights_are_refused(copy: Path):
    data = bytearray((copy / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (copy / WEIGHTS).write_bytes(data)
    with pytest.raises(ModelError, match=r"SHA-256 .* the file was changed"):
        load_network(copy)


@pytest.mark.parametrize(("name", "match"), [("card.json", "card.json"), (WEIGHTS, "weights")])
def test_a_missing_file_is_named(copy: Path, name: str, match: str):
    (copy / name).unlink()
    with pytest.raises(ModelError, match=match):
        load_network(copy)


def test_a_card_that_is_no_json_or_not_whole_is_refused(copy: Path):
    edit(copy, weights_sha256=None)
    with pytest.raises(ModelError, match="Missing: weights_sha256"):
        read_card(copy)
    (copy / "card.json").write_text("{")
    with pytest.raises(ModelError, match="JSON"):
        read_card(copy)
    (copy / "card.json").write_text("[1]")
    with pytest.raises(ModelError, match="whole card"):
        read_card(copy)


@pytest.mark.parametrize(
    "wrong",
    [
        {"labels": "CNV"},
        {"backbone": "lite0"},
        {"head": []},
        {"weights_sha256": 5},
        {"input_size": "224"},
        {"flip_average": "no"},
        {"name": ["lite0"]},
        {"recipe": "finetune"},
        {"preprocessing": {"version": ["1"]}},
        {"temperature": 0},
    ],
)
def test_a_card_of_wrong_kinds_is_refused_and_listed(copy: Path, wrong: dict):
    edit(copy, **wrong)
    with pytest.raises(ModelError, match="right kinds"):
        load_network(copy)
    (entry,) = list_models((copy.parent,))
    assert entry.fault is not None


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"preprocessing": {"version": "99"}}, "preprocessing '1'"),
        ({"input_size": 16, "preprocessing": {"version": "1"}}, "32 to 1024"),
        ({"head": {"kind": "gap-dense", "dropout": "a"}}, "can be built"),
        ({"head": {"kind": "magic"}}, "head 'gap-dense'"),
    ],
)
def test_what_the_program_would_run_wrongly_is_refused(copy: Path, change: dict, match: str):
    edit(copy, **change)
    with pytest.raises(ModelError, match=match):
        load_network(copy)


def test_a_folder_without_a_card_is_listed_with_its_fault(copy: Path):
    (copy / "card.json").unlink()
    (entry,) = list_models((copy.parent,))
    assert "missing" in str(entry.fault)


def test_other_labels_are_refused(copy: Path):
    edit(copy, labels=["CNV", "DME", "NORMAL", "DRUSEN"])
    with pytest.raises(ModelError, match="in this order"):
        read_card(copy)


def test_an_architecture_that_is_not_ours_is_refused(copy: Path):
    edit(copy, backbone={"name": "somebody's"})
    with pytest.raises(ModelError, match="backbone 'lite0'"):
        load_network(copy)


def test_weights_that_do_not_fit_the_card_are_refused(copy: Path):
    import hashlib

    arrays = load_file(copy / WEIGHTS)
    arrays["head/logits/bias"] = np.zeros(5, np.float32)
    save_file(arrays, copy / WEIGHTS)
    edit(copy, weights_sha256=hashlib.sha256((copy / WEIGHTS).read_bytes()).hexdigest())
    with pytest.raises(ModelError, match="to fit its card"):
        load_network(copy)


def test_a_taken_folder_is_not_overwritten(engine, copy: Path):
    before = sorted(copy.iterdir())
    with pytest.raises(BadInputError, match="there already"):
        save_model(engine.network, engine.card, copy)
    assert sorted(copy.iterdir()) == before


def test_a_failed_save_leaves_nothing(engine, tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadInputError, match="Cannot write"):
        save_model(engine.network, engine.card, tmp_path / "file" / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_users_model_shadows_the_shipped_one(tmp_path: Path):
    mine, shipped = tmp_path / "mine", MODEL.parent
    assert find_model("default", (mine, shipped)) == MODEL
    shutil.copytree(MODEL, mine / "lite0")
    assert find_model("lite0", (mine, shipped)) == mine / "lite0"
    assert [(entry.name, entry.shipped) for entry in list_models((mine, shipped))] == [
        ("lite0", False)
    ]


def test_a_broken_model_is_listed_with_its_fault(tmp_path: Path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "card.json").write_text("{}")
    (entry,) = list_models((tmp_path,))
    assert entry.card is None
    assert entry.fault is not None
    assert "Missing" in entry.fault


@pytest.mark.parametrize("name", ["nothing", "../lite0", "/etc", "x" * 300])
def test_an_unknown_model_is_said_with_the_known_ones(name: str, tmp_path: Path):
    if name == "/etc":
        assert find_model(name, ()) == Path("/etc")
        return
    with pytest.raises(ModelError, match="Known: lite0"):
        find_model(name, (tmp_path, MODEL.parent))
