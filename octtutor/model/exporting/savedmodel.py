"""TensorFlow's SavedModel. The metadata is in `assets.extra/`, TensorFlow's place for it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from octtutor.model.exporting.export_draft import FLOAT32, ExportDraft, Floats, Format, Run
from octtutor.model.exporting.facts import (
    FACTS,
    FEATURES,
    LABELS_FILE,
    LOGITS,
    SCAN,
    check_facts,
    labels_text,
)

if TYPE_CHECKING:
    import keras

SIGNATURE = "serving_default"
_EXTRA = "assets.extra"


def serve(both: "keras.Model", batch: int | None) -> Any:
    """Return a TensorFlow function from `scan` to a dictionary of `features` and `logits`.

    Args:
        both: from scans to that dictionary.
        batch: how many scans a call takes; None for any number.
    """
    import tensorflow as tf

    spec = tf.TensorSpec((batch, *both.input.shape[1:]), tf.float32, name=SCAN)
    return tf.function(lambda scan: both(scan, training=False), input_signature=[spec])


def save_graph(both: "keras.Model", folder: Path, batch: int | None) -> None:
    """Write a SavedModel whose one signature is `serve`; Keras's own holds the weights twice."""
    import tensorflow as tf

    module = tf.Module()
    module.weights = [variable.value for variable in both.variables]
    module.serve = serve(both, batch)
    signatures = {SIGNATURE: module.serve.get_concrete_function()}
    tf.saved_model.save(module, str(folder), signatures=signatures)


def _write(draft: ExportDraft, target: Path) -> None:
    save_graph(draft.both(), target, None)
    (target / _EXTRA).mkdir()
    (target / _EXTRA / FACTS).write_text(json.dumps(draft.facts, indent=2) + "\n", "utf-8")
    (target / _EXTRA / LABELS_FILE).write_text(labels_text(draft.facts), "utf-8")


def _open(folder: Path) -> tuple[dict[str, Any], Run]:
    import tensorflow as tf

    facts = check_facts(json.loads((folder / _EXTRA / FACTS).read_text("utf-8")), folder.name)
    loaded = tf.saved_model.load(str(folder))
    answer = loaded.signatures[SIGNATURE]

    def run(inputs: Floats, _held: Any = loaded) -> tuple[Floats, Floats]:
        found = answer(**{SCAN: tf.constant(inputs)})
        return np.asarray(found[FEATURES]), np.asarray(found[LOGITS])

    return facts, run


SAVED_MODEL = Format(
    "savedmodel", "-savedmodel", True, (FLOAT32,), (), _write, _open, "saved_model.pb"
)
