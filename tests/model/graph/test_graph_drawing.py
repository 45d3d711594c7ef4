"""The graph is drawn from any network of known layers: forwards, and backwards to the maps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.model.explain.methods import explain_raw
from octtutor.model.graph.graph_file import write_graph
from octtutor.model.network.backend import import_keras_quietly
from octtutor.model.network.card import read_card
from octtutor.model.network.preprocess import Preprocessing
from octtutor.model.serve.graph_engine import GraphEngine
from octtutor.phantom import make
from tests.conftest import MODEL

SIDE = 96
HEADS = {
    "pooled": {"kind": "gap-dense", "dropout": 0.2},
    "pooled, with a hidden layer": {"kind": "gap-dense", "hidden": 8, "dropout": 0.2},
    "convolved": {"kind": "conv-flatten", "filters": 5, "dropout": 0.5},
}


def build(backbone: str, head: dict, scaling: str = "127/128", flips: bool = True):
    """Build an engine of random weights, none of which is 0."""
    import_keras_quietly()
    from octtutor.model.network.network import build_network
    from octtutor.model.serve.engine import KerasEngine

    network = build_network(backbone, head, SIDE)
    rng = np.random.default_rng(5)
    for name, variable in network.variables().items():
        if name.endswith(("beta", "bias", "moving_mean")):
            variable.assign(rng.normal(0, 0.3, variable.shape))
        elif name.endswith(("gamma", "moving_variance")):
            variable.assign(rng.uniform(0.7, 1.4, variable.shape))
    how = Preprocessing(SIDE, scaling)
    facts = {"name": backbone}
    card = replace(
        read_card(MODEL),
        backbone=facts,
        head=head,
        input_size=SIDE,
        preprocessing=how.as_facts(),
        flip_average=flips,
    )
    return KerasEngine(network, card)


def drawn(engine, room: Path) -> GraphEngine:
    from octtutor.model.graph.graph_drawing import draw

    return GraphEngine(room, engine.card, write_graph(draw(engine.network, engine.card), room))


@pytest.mark.parametrize(
    ("backbone", "head", "scaling", "flips"),
    [
        ("lite0", "pooled", "127/128", False),
        ("lite0", "pooled, with a hidden layer", "mean-std", True),
        ("lite0", "convolved", "mean-bgr", True),
        ("MobileNetV2", "pooled", "-1..1", True),
    ],
)
def test_a_network_answers_and_explains_as_in_keras(tmp_path, backbone, head, scaling, flips):
    engine = build(backbone, HEADS[head], scaling, flips)
    graph = drawn(engine, tmp_path)
    scan = engine.prepare(make(LABELS[1], np.random.default_rng(2), (300, 300)).scan)
    ours, theirs = engine.run(scan[None]), graph.run(scan[None])
    assert theirs.probabilities == pytest.approx(ours.probabilities, abs=1e-4)
    assert theirs.logits == pytest.approx(ours.logits, abs=1e-3)
    for method in ("gradcam", "fine-cam"):
        maps = explain_raw(engine, scan, range(4), method)
        assert maps.max() > 0, method
        off = np.abs(explain_raw(graph, scan, range(4), method) - maps).max() / maps.max()
        assert off < 1e-2, method


def test_a_layer_that_is_not_known_is_named(tmp_path):
    engine = build("InceptionV3", HEADS["pooled"])
    from octtutor.model.graph.graph_steps import CannotConvertError

    with pytest.raises(CannotConvertError, match=r"Conv2D.*served by Keras"):
        drawn(engine, tmp_path)
    assert not list(tmp_path.iterdir())
