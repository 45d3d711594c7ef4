"""Your own Keras model as a model of this program: cut into two rooms, checked, and no code run."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from octtutor import __version__
from octtutor.core.scheme import OCT2017, Scheme
from octtutor.datasets.decode import Pixels
from octtutor.datasets.sources import open_source, scans_of
from octtutor.errors import BadInputError, ModelError
from octtutor.model.explain.methods import explain_raw
from octtutor.model.measure.bench_cases import DECK
from octtutor.model.network.card import Card
from octtutor.model.network.engine_contract import softmax
from octtutor.model.network.imported.layer_steps import (
    IMPORTED,
    LayerStep,
    LayerSteps,
    build_rooms,
    call_step,
    find_cut,
)
from octtutor.model.network.model_folder import check_target, save_model
from octtutor.model.network.network import Network
from octtutor.model.network.preprocess import KEPT, SCALINGS, Preprocessing
from octtutor.model.publish.keras_rebuild import Rebuilt, rebuild
from octtutor.model.publish.publishing import check_free
from octtutor.model.serve.engine import KerasEngine

Floats = npt.NDArray[np.float32]
CLOSEST = 1e-3
"""How far probabilities of the two rooms may be from those of the model as it was saved."""
_EVERY = 5
"""Of the embedded deck's scans each so many-th is looked at."""
_GREY = LayerStep("Conv2D", {"filters": 1, "kernel_size": [1, 1], "use_bias": False}, (0,))
"""Takes the first of three equal channels, for networks of one."""


@dataclass(frozen=True, slots=True)
class KerasSource:
    """A Keras file, and what it does not say of itself."""

    path: Path
    scheme: Scheme
    labels: tuple[str, ...]
    """Words for the diagnoses in the order of the answers; empty: in the scheme's order."""
    scaling: str
    """What becomes of grey values, a key of `SCALINGS`."""
    size: int | None = None
    """Side of the input, pixels, where the file leaves that open."""


def import_keras(source: KerasSource, name: str, folders: Sequence[Path]) -> tuple[Card, Path]:
    """Bring a Keras model into the folder of models, whole or not at all.

    Args:
        source: the file, `.keras` or `.h5`, and what it is.
        name: what the model will be called.
        folders: where models are looked for; it goes into the first, the user's.

    Returns:
        The card as written, and the model's folder.

    Raises:
        BadInputError: the name cannot be used or is taken, or the labels are not the scheme's.
        ModelError: the file cannot be imported; the message says why in one line.
    """
    check_free(name, folders)
    target = folders[0] / name
    check_target(target)
    if source.scaling not in SCALINGS:
        raise BadInputError(
            f"Expected for --preprocessing one of {', '.join(SCALINGS)}. Received "
            f"{source.scaling[:40]!r}. Say what your training did with the grey values 0 to 255."
        )
    order = _order(source)
    rebuilt = rebuild(source.path, source.size)
    network, steps = _cut(rebuilt, order)
    card = _card(source, name, rebuilt, steps)
    notes = check_on_deck(KerasEngine(network, card), rebuilt, order)
    return save_model(network, replace(card, notes=(*card.notes, *notes)), target), target


def _order(source: KerasSource) -> list[int]:
    """Return the place among the network's answers of each diagnosis of the scheme."""
    scheme = source.scheme
    given = [scheme.find_by_word(word) for word in source.labels or scheme.keys]
    keys = [one.key if one else "" for one in given]
    if sorted(keys) != sorted(scheme.keys):
        raise BadInputError(
            f"Expected for --labels all of {', '.join(scheme.keys)}, in the order of the network's "
            f"answers. Received {', '.join(source.labels)[:120]}. Write all, once each."
        )
    return [keys.index(key) for key in scheme.keys]


def _cut(rebuilt: Rebuilt, order: Sequence[int]) -> tuple[Network, LayerSteps]:
    steps, ways = list(rebuilt.steps), list(rebuilt.ways)
    _to_logits(steps, ways)
    if rebuilt.config.shape[-1] == 1:
        moved = (
            LayerStep(one.kind, one.settings, tuple(n + 1 for n in one.takes)) for one in steps
        )
        steps, ways = [_GREY, *moved], ["", *ways]
    size = rebuilt.config.shape[0]
    assert size is not None
    shapes = _shapes(steps, size)
    if tuple(shapes[len(steps)]) != (None, len(order)):
        raise ModelError(
            f"Expected {len(order)} answers, one a diagnosis of the scheme. The network gives "
            f"{tuple(shapes[len(steps)][1:])}. Give the scheme that it was trained on."
        )
    found = LayerSteps(tuple(steps), find_cut(steps, shapes))
    network = Network(*build_rooms(found, size))
    _give_weights(network, rebuilt, ways)
    _reorder(network, steps[-1], order)
    return network, found


def _to_logits(steps: list[LayerStep], ways: list[str]) -> None:
    """Take the softmax off the end."""
    last = steps[-1]
    said = "softmax" if last.kind == "Softmax" else last.settings.get("activation", "linear")
    if said not in ("softmax", "linear"):
        raise ModelError(
            f"Expected a network that ends in a softmax, or in logits. It ends in {said}: its "
            "answers exclude nothing, or are two in one. octtutor imports classifiers of one of k."
        )
    if last.kind in ("Softmax", "Activation"):
        del steps[-1], ways[-1]
    elif "activation" in last.settings:
        steps[-1] = LayerStep(last.kind, {**last.settings, "activation": "linear"}, last.takes)


def _shapes(steps: Sequence[LayerStep], size: int) -> dict[int, tuple[int | None, ...]]:
    tensors = {0: keras.Input((size, size, 3))}
    for number, step in enumerate(steps, 1):
        tensors[number] = call_step(step, [tensors[one] for one in step.takes], f"shape{number}")
    return {number: tuple(tensor.shape) for number, tensor in tensors.items()}


def _give_weights(network: Network, rebuilt: Rebuilt, ways: Sequence[str]) -> None:
    made = {one.name: one for room in (network.backbone, network.head) for one in room.layers}
    for number, way in enumerate(ways, 1):
        arrays = rebuilt.layers[way].get_weights() if way else [np.eye(3, 1)[None, None]]
        if made[f"s{number:04d}"].weights:
            made[f"s{number:04d}"].set_weights(arrays)
    network.assign(network.weights())  # layers that keep copies of their weights take these


def _reorder(network: Network, last: LayerStep, order: Sequence[int]) -> None:
    """Bring the answers into the scheme's order."""
    if list(order) == sorted(order):
        return
    layer = network.head.layers[-1]
    if last.kind != "Dense":
        raise ModelError(
            "Expected a dense layer at the end, to bring its answers into the scheme's order. "
            f"Received a {last.kind} layer. Train with the labels in the scheme's order."
        )
    layer.set_weights([array[..., list(order)] for array in layer.get_weights()])


def check_on_deck(engine: KerasEngine, rebuilt: Rebuilt, order: Sequence[int]) -> list[str]:
    """Let both rooms answer and explain scans of the embedded deck, beside the model as saved.

    Returns:
        What is to be said of it, a line each.

    Raises:
        ModelError: the answers differ, or are no probabilities, or a map is none.
    """
    scans, labels = _deck_scans(engine)
    ours = engine.run_many(scans)
    theirs = _as_saved(rebuilt, engine.how.to_input(scans))[:, list(order)]
    if not np.isfinite(ours).all() or not float(np.abs(ours - theirs).max()) < CLOSEST:
        raise ModelError(
            "Expected two rooms that answer as the whole network does. They do not on the embedded "
            "deck (a layer behaves otherwise than its config says). octtutor cannot import it."
        )
    maps = explain_raw(engine, scans[0], range(len(order)))
    if not np.isfinite(maps).all():
        raise ModelError(
            "Expected maps of numbers. They are none on the embedded deck. octtutor cannot import "
            "a network whose gradients are not finite."
        )
    said = [f"It answers and explains {len(scans)} scans of the embedded deck as it was saved."]
    if engine.card.scheme == OCT2017:
        right = sum(
            engine.card.labels[place] == label
            for place, label in zip(ours.argmax(axis=1), labels, strict=True)
        )
        said.append(
            f"On these synthetic scans {right} of its {len(scans)} answers are right; if that is "
            "about as by chance, --preprocessing or --labels may be wrong. Measure it on real ones."
        )
    return said


def _deck_scans(engine: KerasEngine) -> tuple[Pixels, list[str]]:
    with open_source(DECK) as members:
        chosen = scans_of(members, DECK)[::_EVERY]
        scans = np.stack([engine.prepare(one.picture(one.read())) for one in chosen])
    return scans, [str(one.place.label) for one in chosen]


def _as_saved(rebuilt: Rebuilt, inputs: Floats) -> Floats:
    channels = rebuilt.config.shape[-1]
    given = rebuilt.model.predict(inputs[..., :channels], batch_size=8, verbose=0)
    found = np.asarray(given, np.float32)
    sums = found.sum(axis=1)
    is_softmax = bool((found >= 0).all() and np.allclose(sums, 1, atol=1e-3))
    return found if is_softmax else softmax(found)


def _card(source: KerasSource, name: str, rebuilt: Rebuilt, steps: LayerSteps) -> Card:
    size = rebuilt.config.shape[0]
    assert size is not None
    digest = hashlib.sha256(source.path.read_bytes()).hexdigest()
    return Card(
        name=name,
        labels=source.scheme.keys,
        input_size=size,
        preprocessing=Preprocessing(size, source.scaling, KEPT).as_facts(),
        backbone={
            "name": IMPORTED,
            "origin": f"{source.path.name} (SHA-256 {digest[:12]}…), a Keras model",
            "licence": "its maker's",
            "architecture": steps.to_json(),
        },
        head={"kind": IMPORTED},
        flip_average=False,
        recipe={"name": IMPORTED, "imported": True, "file_sha256": digest},
        training_data={},
        split={"how": "not known"},
        figures={},
        figures_from="not measured here: run `octtutor evaluate`",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        program_version=__version__,
        weights_sha256="",
        scheme=source.scheme.stamp,
        healthy=source.scheme.normal,
        notes=(
            f"A Keras model, {source.path.name}, cut after step {steps.cut} of {len(steps.steps)}. "
            "What it was trained on is not known here.",
        ),
    )
