"""The graph: it answers and explains as Keras does, and a server with it needs no Keras."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.errors import ModelError
from octtutor.model.explain.methods import METHODS, explain_raw
from octtutor.model.graph.graph_file import GRAPH, NUMBERS, graph_fault, lacks_graph
from octtutor.model.network.card import read_card
from octtutor.model.ood.ood_score import open_ood_detector
from octtutor.model.publish.graph_making import compare
from octtutor.model.serve.engine_choice import EngineChoice, choose_engine, open_engine
from octtutor.model.serve.graph_engine import GraphEngine
from octtutor.phantom import make
from octtutor.settings import KERAS, OPENVINO
from tests.browser.conftest import free_port
from tests.conftest import DECK, MODEL, ROOT
from tests.model.folders import break_weights, make_model

SCAN = make(LABELS[1], np.random.default_rng(2), (300, 300)).scan


@pytest.fixture(scope="module")
def graph() -> GraphEngine:
    return GraphEngine.open(MODEL)


def test_the_shipped_graph_answers_and_explains_the_embedded_deck_as_keras_does(engine, graph):
    check = compare(engine, graph)
    assert check.scans == check.same_label == 100
    assert check.probability <= 1e-3
    assert check.map <= 1e-2
    assert check.fault is None


def test_the_shipped_graph_is_of_the_shipped_weights_and_small_enough():
    assert not lacks_graph(read_card(MODEL))
    assert sum((MODEL / name).stat().st_size for name in (GRAPH, NUMBERS)) <= 14e6


def test_a_scan_is_as_familiar_to_the_graph_as_to_keras(engine, graph):
    detector = open_ood_detector(MODEL)
    prepared = engine.prepare(SCAN)[None]
    (ours,) = detector.measure(engine.run(prepared).features)
    (theirs,) = detector.measure(graph.run(prepared).features)
    assert theirs.score == pytest.approx(ours.score, abs=1e-3)


def test_many_scans_at_once_get_the_answers_that_each_gets_alone(engine, graph):
    prepared = np.stack(
        [engine.prepare(SCAN), engine.prepare(SCAN[:, ::-1]), engine.prepare(~SCAN)]
    )
    together = graph.run(prepared)
    alone = [graph.run(one[None]) for one in prepared]
    for name in ("features", "logits", "probabilities"):
        each = np.concatenate([getattr(one, name) for one in alone])
        assert getattr(together, name) == pytest.approx(each, abs=1e-4), name


def test_one_look_gives_answer_and_maps_of_that_scan(graph):
    first, other = (graph.prepare(scan) for scan in (SCAN, SCAN[::-1]))
    answer, maps = graph.read(first)
    graph.read(other)
    again, same = graph.read(first)
    assert (again.probabilities == answer.probabilities).all()
    assert (same == maps).all()
    assert not (graph.read(other)[1] == maps).all()


def test_methods_that_the_graph_does_not_have_are_those_of_keras(engine, graph):
    prepared = engine.prepare(SCAN)
    assert "layercam" in METHODS
    ours = explain_raw(engine, prepared, [2, 0], "layercam")
    assert explain_raw(graph, prepared, [2, 0], "layercam") == pytest.approx(ours)


# ---- which engine, and why -----------------------------------------------------------------------


def test_the_shipped_model_is_run_by_openvino_and_by_keras_where_one_says_so():
    card = read_card(MODEL)
    assert choose_engine(card, OPENVINO).name == OPENVINO
    assert choose_engine(card, KERAS).name == KERAS
    assert open_engine(MODEL, EngineChoice(OPENVINO)).name == OPENVINO
    assert open_engine(MODEL, EngineChoice(KERAS)).name == KERAS


@pytest.mark.parametrize(
    "change",
    [{"by": 0.5}, {"flip_average": False}, {"graph": {}}],
    ids=["other weights", "not averaged", "no graph"],
)
def test_a_graph_of_something_else_does_not_serve(tmp_path: Path, change: dict):
    folder = make_model(tmp_path / "model", **change)
    chosen = choose_engine(read_card(folder), OPENVINO)
    assert chosen.name == KERAS
    assert "octtutor models graph" in chosen.why
    assert open_engine(folder, EngineChoice(OPENVINO)).name == KERAS


@pytest.mark.parametrize("name", [GRAPH, NUMBERS])
def test_an_altered_graph_does_not_serve_and_keras_does(tmp_path: Path, name: str, caplog):
    folder = make_model(tmp_path / "model", by=0)
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(ModelError, match=name):
        GraphEngine.open(folder)
    assert open_engine(folder, EngineChoice(OPENVINO)).name == KERAS
    assert name in caplog.text


def test_damaged_weights_are_refused_although_the_graph_is_whole(tmp_path: Path):
    folder = make_model(tmp_path / "model", by=0)
    break_weights(folder)
    with pytest.raises(ModelError, match="SHA-256"):
        open_engine(folder, EngineChoice(OPENVINO))


# ---- a server ------------------------------------------------------------------------------------


def test_serving_a_quiz_and_a_read_scan_imports_no_tensorflow(own_home: Path):
    command = [sys.executable, "-m", "tests.model.serve.serving_process", str(free_port())]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert result.stdout, result.stderr
    told = json.loads(result.stdout.splitlines()[-1])
    assert told["models"] == ["lite0"] * 10
    assert (told["label"] in LABELS, told["maps"]) == (True, 4)
    assert told["loaded"] == ["openvino", "gradio"]


def test_a_model_that_is_first_served_gets_its_graph_by_a_process_of_its_own(tmp_path: Path):
    folder = make_model(tmp_path / "model", by=0.2)
    code = (
        "import sys; from pathlib import Path\n"
        "from octtutor.model.serve.engine_choice import EngineChoice, open_engine\n"
        "engine = open_engine(Path(sys.argv[1]), EngineChoice('openvino', makes=True))\n"
        "print(engine.name, 'keras' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(folder)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert result.stdout.split() == ["openvino", "False"], result.stderr
    assert graph_fault(read_card(folder)) is None


def test_predict_and_explain_answer_from_the_graph_without_tensorflow(tmp_path: Path):
    scan = next(DECK.rglob("*.png"))
    code = (
        "import sys; from pathlib import Path\n"
        "from octtutor.model.bulk.predicting import explain_path, predict_sources\n"
        "model, scan, out = map(Path, sys.argv[1:])\n"
        "(answer,), _ = predict_sources(model, [str(scan)])\n"
        "told = explain_path(model, scan, out)\n"
        "print(answer['label'] == told['label'], told['evidence'], 'keras' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(MODEL), str(scan), str(tmp_path / "map.png")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert result.stdout.split() == ["True", "True", "False"], result.stderr
    assert (tmp_path / "map.png").stat().st_size
