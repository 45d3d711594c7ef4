"""A model's graph is made, or refused and Keras serves: the card says which, and why."""

from dataclasses import replace
from pathlib import Path

import pytest

from octtutor.model.graph.graph_file import GRAPH, NUMBERS, graph_fault
from octtutor.model.network.backend import import_keras_quietly
from octtutor.model.network.card import read_card
from octtutor.model.serve.engine_choice import choose_engine
from octtutor.settings import KERAS, OPENVINO
from tests.conftest import MODEL
from tests.model.folders import make_model


@pytest.fixture
def unknown(tmp_path: Path) -> Path:
    """The folder of a small network with a layer that no graph has."""
    import_keras_quietly()
    from octtutor.model.network.model_folder import save_model
    from octtutor.model.network.network import build_network
    from octtutor.model.network.preprocess import Preprocessing

    head = {"kind": "gap-dense", "dropout": 0.2}
    card = replace(
        read_card(MODEL),
        name="unknown",
        backbone={"name": "MobileNetV3Small"},
        head=head,
        input_size=64,
        preprocessing=Preprocessing(64, "0..255").as_facts(),
        familiarity={},
        graph={},
    )
    save_model(build_network("MobileNetV3Small", head, 64), card, tmp_path / "unknown")
    return tmp_path / "unknown"


def test_a_network_that_cannot_be_drawn_is_refused_and_keras_serves_it(unknown: Path, octtutor):
    said = octtutor("models", "graph", unknown)
    assert said.code == 1
    assert "Keras serves it" in said.err
    card = read_card(unknown)
    assert card.graph["refused"]
    assert choose_engine(card, OPENVINO).name == KERAS
    assert choose_engine(card, OPENVINO).why == card.graph["refused"]
    assert not (unknown / GRAPH).exists()


def test_a_refused_graph_takes_an_earlier_one_away(unknown: Path, octtutor):
    for name in (GRAPH, NUMBERS):
        (unknown / name).write_bytes((MODEL / name).read_bytes())
    assert octtutor("models", "graph", unknown).code == 1
    assert not any((unknown / name).exists() for name in (GRAPH, NUMBERS))


def test_models_list_says_which_engine_runs_a_model_and_why(octtutor, own_home, monkeypatch):
    make_model(own_home / "models" / "other", by=0.3)
    monkeypatch.setenv("OCTTUTOR_ENGINE", "openvino")
    rows = {row["name"]: row for row in octtutor("models", "list", "--json").json}
    assert (rows["lite0"]["engine"], rows["lite0"]["engine_why"]) == ("openvino", "")
    assert rows["other"]["engine"] == "keras"
    assert rows["other"]["engine_why"] == graph_fault(read_card(own_home / "models" / "other"))
    assert "run by OpenVINO" in octtutor("models", "list").out
    monkeypatch.setenv("OCTTUTOR_ENGINE", "keras")
    rows = octtutor("models", "list", "--json").json
    assert {row["engine"] for row in rows} == {"keras"}
    monkeypatch.setenv("OCTTUTOR_ENGINE", "abacus")
    said = octtutor("models", "list")
    assert said.code == 1
    assert "Expected auto, openvino or keras in OCTTUTOR_ENGINE" in said.err
