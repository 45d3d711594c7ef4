"""What a reveal is measured against: the article's way, a compiled map, and bare forward passes."""

import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels
from octtutor.model.exporting.export_draft import FLOAT32, ExportDraft, quiet
from octtutor.model.exporting.facts import describe
from octtutor.model.exporting.litert import LITERT
from octtutor.model.exporting.openvino import OPENVINO
from octtutor.model.serve.engine import KerasEngine
from octtutor.model.serve.graph_engine import compile_graph, open_core

Floats = npt.NDArray[np.float32]
Look = Callable[[Pixels], object]
"""What is done to a prepared scan, uint8 (s, s)."""


def articles_way(engine: KerasEngine) -> Look:
    """Return the article's pieces: `predict`, then a Grad-CAM of its answer by an eager tape.

    After F. Chollet's Grad-CAM (keras.io/examples/vision/grad_cam), which the article took.
    """
    import keras
    import tensorflow as tf

    joined = engine.network.joined()
    both = keras.Model(joined.input, [engine.network.backbone.output, joined.output])

    def look(prepared: Pixels) -> object:
        x = engine.how.to_input(prepared[None])
        index = int(joined.predict(x, verbose=0)[0].argmax())
        with tf.GradientTape() as tape:
            features, logits = both(x)
            score = logits[:, index]
        weights = tf.reduce_mean(tape.gradient(score, features), axis=(0, 1, 2))
        heat = tf.squeeze(features[0] @ weights[..., tf.newaxis])
        return (tf.maximum(heat, 0) / tf.math.reduce_max(heat)).numpy()

    return look


def compiled_map(engine: KerasEngine) -> Look:
    """Return a Grad-CAM through the whole network, answer and one map in one compiled function."""
    import keras
    import tensorflow as tf

    features = engine.network.backbone.output
    both = keras.Model(engine.network.backbone.input, [features, engine.network.head(features)])

    @tf.function  # type: ignore[untyped-decorator]
    def answer_and_map(x: Any) -> Any:
        with tf.GradientTape() as tape:
            features, logits = both(x, training=False)
            score = tf.reduce_max(logits, axis=1)
        weights = tf.reduce_mean(tape.gradient(score, features), axis=(1, 2), keepdims=True)
        return logits, tf.nn.relu(tf.reduce_sum(features * weights, axis=-1))

    def look(prepared: Pixels) -> object:
        found = answer_and_map(tf.constant(engine.how.to_input(prepared[None])))
        return [one.numpy() for one in found]

    return look


def bare_openvino(engine: KerasEngine) -> Look:
    """Return the forward pass of scan and mirror image, of `models export --format openvino`."""
    with tempfile.TemporaryDirectory(prefix="octtutor-") as room, quiet():
        OPENVINO.write(_draft(engine), Path(room) / "export")
        model = open_core().read_model(Path(room) / "export" / "model.xml")
        side = engine.how.size
        model.reshape([2, side, side, 3])
        request = compile_graph(model).create_infer_request()

    def look(prepared: Pixels) -> object:
        return request.infer([_both(engine, prepared)])

    return look


def bare_litert(engine: KerasEngine) -> Look | None:
    """Return the same of `models export --format litert`; None where it is not installed."""
    if any(find_spec(package) is None for package in LITERT.packages):
        return None
    with tempfile.TemporaryDirectory(prefix="octtutor-") as room, quiet():
        LITERT.write(_draft(engine), Path(room) / "model.tflite")
        _, run = LITERT.open(Path(room) / "model.tflite")
        run(np.zeros((1, engine.how.size, engine.how.size, 3), np.float32))
    return lambda prepared: run(_both(engine, prepared))


def _draft(engine: KerasEngine) -> ExportDraft:
    none = np.zeros((0, engine.how.size, engine.how.size), np.uint8)
    facts = describe(engine.card, engine.network, FLOAT32)
    return ExportDraft(engine.network, engine.how, facts, FLOAT32, none)


def _both(engine: KerasEngine, prepared: Pixels) -> Floats:
    return engine.how.to_input(np.stack([prepared, prepared[:, ::-1]]))
