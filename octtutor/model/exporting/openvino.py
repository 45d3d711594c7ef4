"""OpenVINO, for Intel's processors. The metadata is in `rt_info`, under `model_info`."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from octtutor.errors import ModelError
from octtutor.model.exporting.export_draft import FLOAT16, FLOAT32, ExportDraft, Floats, Format, Run
from octtutor.model.exporting.facts import FEATURES, KEY, LOGITS, check_facts
from octtutor.model.exporting.savedmodel import save_graph
from octtutor.model.graph.openvino_import import import_openvino

_INFO = "model_info"
"""Where OpenVINO's Model API keeps what a model must be fed."""


def _write(draft: ExportDraft, target: Path) -> None:
    openvino = import_openvino()
    with tempfile.TemporaryDirectory(prefix="octtutor-") as scratch:
        saved = Path(scratch) / "saved"
        save_graph(draft.both(), saved, None)
        model = openvino.Core().read_model(str(saved))
        for key, text in _info(draft.facts).items():
            model.set_rt_info(text, [_INFO, key])
        target.mkdir()
        half = draft.quantise == FLOAT16
        openvino.save_model(model, target / "model.xml", compress_to_fp16=half)


def _info(facts: dict[str, Any]) -> dict[str, str]:
    fed = facts["preprocessing"]
    return {
        KEY: json.dumps(facts),
        "labels": " ".join(facts["labels"]),
        "mean_values": " ".join(map(str, fed["mean"])),
        "scale_values": " ".join(map(str, fed["scale"])),
    }


def _open(folder: Path) -> tuple[dict[str, Any], Run]:
    core = import_openvino().Core()
    model = core.read_model(_file(folder))
    facts = [_INFO, KEY]
    text = model.get_rt_info(facts).value if model.has_rt_info(facts) else "null"
    # where the processor has bfloat16, OpenVINO would take it and move logits by a fifth
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(model, "CPU", exact)

    def run(inputs: Floats) -> tuple[Floats, Floats]:
        found = compiled(inputs)
        return np.array(found[FEATURES]), np.array(found[LOGITS])

    return check_facts(json.loads(text), folder.name), run


def _file(folder: Path) -> Path:
    files = sorted(folder.glob("*.xml"))
    if len(files) != 1:
        raise ModelError(
            f"Expected one .xml file in {folder.name!r}. Found {len(files)}. Give the folder that "
            "`octtutor models export` wrote."
        )
    return files[0]


OPENVINO = Format("openvino", "-openvino", True, (FLOAT32, FLOAT16), ("openvino",), _write, _open)
