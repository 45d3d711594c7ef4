"""ONNX, for every other runtime, and for web pages. The metadata is in `metadata_props`."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from octtutor.model.exporting.export_draft import FLOAT32, ExportDraft, Floats, Format, Run
from octtutor.model.exporting.facts import FEATURES, KEY, LOGITS, SCAN, check_facts
from octtutor.model.exporting.savedmodel import serve

_OPSET = 17
"""Old enough for the runtimes in phones, new enough for all that the backbones do."""


def _write(draft: ExportDraft, target: Path) -> None:
    import onnx
    import tf2onnx

    function = serve(draft.both(), None)
    proto, _ = tf2onnx.convert.from_function(function, function.input_signature, opset=_OPSET)
    _hold_constants(proto.graph, function.get_concrete_function().graph.captures)
    _name_batch(proto.graph)
    props = {KEY: json.dumps(draft.facts), "labels": ",".join(draft.facts["labels"])}
    onnx.helper.set_model_props(proto, props)
    proto.doc_string = draft.facts["purpose"]
    onnx.checker.check_model(proto)
    target.write_bytes(proto.SerializeToString())


def _hold_constants(graph: Any, captures: Any) -> None:
    """Put into the graph the tensors that tf2onnx leaves as inputs (EfficientNet's scaling)."""
    from onnx import numpy_helper

    known = {inner.name: outer for outer, inner in captures}
    for entry in [entry for entry in graph.input if entry.name in known]:
        array = np.asarray(known[entry.name].numpy())
        graph.initializer.append(numpy_helper.from_array(array, entry.name))
        graph.input.remove(entry)


def _name_batch(graph: Any) -> None:
    for entry in (*graph.input, *graph.output):
        entry.type.tensor_type.shape.dim[0].dim_param = "n"


def _open(path: Path) -> tuple[dict[str, Any], Run]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors; it warns of each constant that it folds
    providers = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    props = session.get_modelmeta().custom_metadata_map
    facts = check_facts(json.loads(props.get(KEY, "null")), path.name)

    def run(inputs: Floats) -> tuple[Floats, Floats]:
        features, logits = session.run([FEATURES, LOGITS], {SCAN: inputs})
        return features, logits

    return facts, run


ONNX = Format("onnx", ".onnx", False, (FLOAT32,), ("onnx", "tf2onnx", "onnxruntime"), _write, _open)
