"""Trains on two logical CPUs, then on one; run by itself, since TensorFlow splits a CPU only once.

python -m tests.model.training.mirrored
"""

import json

import keras
import numpy as np
import tensorflow as tf

from octtutor.model.network.lite0 import load_imagenet
from octtutor.model.network.network import Network, build_network
from octtutor.model.network.preprocess import to_input
from octtutor.model.network.scan_set import ScanSet
from octtutor.model.training.augment import MILD
from octtutor.model.training.devices import on_all_devices
from octtutor.model.training.finetune_training import finetune
from octtutor.model.training.loop import Batches, TrainingOutcome, run_epochs
from octtutor.model.training.recipes.finetune import Finetune

RECIPE = Finetune(epochs=3, batch=8, frozen=0.5, augmentation=MILD)


def scans(n: int = 32) -> ScanSet:
    """Classes that differ in brightness."""
    rng = np.random.default_rng(3)
    truth = np.arange(n) % 4
    pixels = (rng.integers(0, 40, (n, 64, 64)) + 55 * truth[:, None, None]).astype(np.uint8)
    names = tuple(f"scan {i}" for i in range(n))
    return ScanSet(pixels, truth, names, names, names, ())


def network() -> Network:
    """Without dropout, whose masks differ from device to device."""
    keras.utils.set_random_seed(5)
    made = build_network("lite0", {"kind": "gap-dense", "dropout": 0.0}, 64)
    load_imagenet(made.backbone)
    return made


class Plain(Batches):
    """Eight scans a step, in order."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        part = slice(8 * index, 8 * index + 8)
        data = scans()
        return to_input(data.scans[part]), np.eye(4, dtype=np.float32)[data.truth[part]]


def descend(spread: Network) -> TrainingOutcome:
    """Fit the head by plain gradient descent: sums over devices must be the sum over one."""
    spread.backbone.trainable = False
    model = spread.joined()
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.9),
        keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    return run_epochs(model, Plain(), 3)


def main() -> None:
    """Print what happened as JSON."""
    (cpu,) = tf.config.list_physical_devices("CPU")
    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, halves)
    replicas, data = [], scans()

    def tune(spread: Network) -> TrainingOutcome:
        replicas.append(spread.joined().distribute_strategy.num_replicas_in_sync)
        return finetune(spread, data, RECIPE, data)

    tuned = on_all_devices(network(), tune)
    both, alone = network(), network()
    on_all_devices(both, descend)
    descend(alone)
    ours, theirs = both.weights(), alone.weights()
    print(
        json.dumps(
            {
                "replicas": replicas,
                "losses": [row["loss"] for row in tuned.history],
                "val_accuracy": tuned.history[-1]["val_accuracy"],
                "largest_gap": float(max(np.abs(ours[name] - theirs[name]).max() for name in ours)),
                "moved": float(np.abs(ours["head/logits/kernel"]).max()),
            }
        )
    )


if __name__ == "__main__":
    main()
