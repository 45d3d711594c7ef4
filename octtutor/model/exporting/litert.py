"""LiteRT, formerly TensorFlow Lite, for phones and small devices.

The metadata is where TensorFlow Lite keeps a model's associated files: in a ZIP archive behind the
network, in the same file. `unzip -p NAME.tflite labels.txt` prints the labels.
"""

import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from octtutor.model.exporting.export_draft import (
    FLOAT16,
    FLOAT32,
    INT8,
    ExportDraft,
    Floats,
    Format,
    Run,
    quiet,
)
from octtutor.model.exporting.facts import (
    FACTS,
    FEATURES,
    LABELS_FILE,
    LOGITS,
    SCAN,
    check_facts,
    labels_text,
)
from octtutor.model.exporting.savedmodel import SIGNATURE, save_graph


def _write(draft: ExportDraft, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="octtutor-") as scratch:
        saved = Path(scratch) / "saved"
        # one scan a call: what phones' accelerators and browsers run best
        save_graph(draft.both(), saved, 1)
        target.write_bytes(_convert(draft, saved))
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr(LABELS_FILE, labels_text(draft.facts))
        archive.writestr(FACTS, json.dumps(draft.facts, indent=2) + "\n")


def _convert(draft: ExportDraft, saved: Path) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved), signature_keys=[SIGNATURE])
    if draft.quantise != FLOAT32:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if draft.quantise == FLOAT16:
        converter.target_spec.supported_types = [tf.float16]
    if draft.quantise == INT8:
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: ({SCAN: one} for one in draft.samples())
    return bytes(converter.convert())


def _open(path: Path) -> tuple[dict[str, Any], Run]:
    from ai_edge_litert.interpreter import Interpreter

    with zipfile.ZipFile(path) as archive:
        facts = check_facts(json.loads(archive.read(FACTS)), path.name)
    with quiet():
        interpreter = Interpreter(model_path=str(path), num_threads=os.cpu_count())
        interpreter.allocate_tensors()
        runner = interpreter.get_signature_runner(SIGNATURE)

    def run(inputs: Floats) -> tuple[Floats, Floats]:
        found = [runner(**{SCAN: one[None]}) for one in inputs]
        return _join(found, FEATURES), _join(found, LOGITS)

    return facts, run


def _join(found: list[dict[str, Floats]], name: str) -> Floats:
    return np.concatenate([one[name] for one in found])


LITERT = Format(
    "litert", ".tflite", False, (FLOAT32, FLOAT16, INT8), ("ai_edge_litert",), _write, _open
)
