"""Recipe `finetune`: the whole network, from ImageNet, with augmented scans and one cycle.

AdamW (Loshchilov & Hutter, ICLR 2019), one-cycle learning rate (Smith, 2018), label smoothing
(Szegedy et al., CVPR 2016). The last epoch is kept: the cycle ends at its lowest rate, so no
choice is made on the validation scans and their figures stay honest.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from octtutor.core.diagnosis import LABELS
from octtutor.errors import BadInputError
from octtutor.model.augment import Augmentation, augment
from octtutor.model.engine import softmax
from octtutor.model.imagenet import load_imagenet
from octtutor.model.loading import ScanSet
from octtutor.model.network import GAP_DENSE, Network, build_network
from octtutor.model.preprocess import to_input


@dataclass(frozen=True, slots=True)
class Finetune:
    """The recipe's settings."""

    epochs: int = 12
    batch: int = 32
    peak_rate: float = 2e-3
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    warm_up: float = 0.3
    """Share of the steps in which the rate rises."""
    size: int = 224
    seed: int = 2017
    augmentation: Augmentation = Augmentation()  # noqa: RUF009 (frozen)

    def as_facts(self) -> dict[str, Any]:
        """Return the settings as they go into the card."""
        return {"name": "finetune", **asdict(self)}


EpochEnd = Callable[[int, dict[str, float]], None]
BatchEnd = Callable[[int, int], None]


def finetune(
    train: ScanSet,
    recipe: Finetune,
    on_epoch: EpochEnd | None = None,
    on_batch: BatchEnd | None = None,
    val: ScanSet | None = None,
) -> tuple[Network, list[dict[str, float]]]:
    """Train a network.

    Args:
        train: prepared scans of the recipe's size.
        recipe: the settings; the seed fixes weights' start, order and augmentation. On one
            machine with one thread the result is exact; threads may change the last digits.
        on_epoch: called after each epoch with its number from 1 and its measures.
        on_batch: called after each batch with (batches done, batches in all).
        val: scans measured after each epoch; they choose nothing.

    Returns:
        The trained network and the measures of each epoch.

    Raises:
        BadInputError: a class has no scan.
    """
    _check_classes(train)
    keras.utils.set_random_seed(recipe.seed)
    network = build_network("lite0", GAP_DENSE, recipe.size)
    load_imagenet(network.backbone)
    model = network.joined()
    batches = _Batches(train, recipe)
    model.compile(
        optimizer=_optimizer(recipe, len(batches)),
        loss=keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=recipe.label_smoothing
        ),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        jit_compile=False,  # XLA makes depthwise networks slower on CPUs
    )
    watch = _Watch(model, val, len(batches) * recipe.epochs, on_epoch, on_batch)
    model.fit(batches, epochs=recipe.epochs, verbose=0, callbacks=[watch])
    return network, watch.history


def _check_classes(train: ScanSet) -> None:
    counts = np.bincount(train.truth, minlength=len(LABELS))
    if not counts.all():
        missing = [str(label) for label, count in zip(LABELS, counts, strict=True) if not count]
        raise BadInputError(
            f"Expected training scans of every class. None of {', '.join(missing)}. Add some."
        )


def _optimizer(recipe: Finetune, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    rate = OneCycle(recipe.peak_rate, steps_per_epoch * recipe.epochs, recipe.warm_up)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay, global_clipnorm=1.0)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


@keras.saving.register_keras_serializable("octtutor")
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """Cosine from a 25th of the peak up to it, then down to nearly nothing."""

    def __init__(self, peak: float, steps: int, warm_up: float) -> None:
        """Take the peak rate, the number of steps in all, and the share that rises."""
        self.peak, self.steps, self.warm_up = peak, steps, warm_up

    def __call__(self, step: Any) -> Any:
        """Return the rate of a step."""
        done = ops.cast(step, "float32") / self.steps
        rising = ops.minimum(done / self.warm_up, 1.0)
        falling = ops.clip((done - self.warm_up) / (1 - self.warm_up), 0.0, 1.0)
        up = self.peak * (0.04 + 0.96 * (1 - ops.cos(math.pi * rising)) / 2)
        down = 0.0005 + 0.9995 * (1 + ops.cos(math.pi * falling)) / 2
        return up * down

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"peak": self.peak, "steps": self.steps, "warm_up": self.warm_up}


class _Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Augmented batches; scan i of epoch e is the same for the same seed."""

    def __init__(self, data: ScanSet, recipe: Finetune) -> None:
        super().__init__(workers=1)
        self._data, self._recipe = data, recipe
        self._epoch = 0
        self._order = self._shuffled()

    def __len__(self) -> int:
        return max(1, len(self._data.names) // self._recipe.batch)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        size = self._recipe.batch
        chosen = self._order[index * size : (index + 1) * size]
        scans = np.stack([self._copy(i) for i in chosen])
        return to_input(scans), np.eye(len(LABELS), dtype=np.float32)[self._data.truth[chosen]]

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._order = self._shuffled()

    def _copy(self, i: int) -> Any:
        rng = np.random.default_rng([self._recipe.seed, self._epoch, i])
        return augment(self._data.scans[i], rng, self._recipe.augmentation)

    def _shuffled(self) -> Any:
        rng = np.random.default_rng([self._recipe.seed, self._epoch])
        return rng.permutation(len(self._data.names))


class _Watch(keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(
        self,
        model: keras.Model,
        val: ScanSet | None,
        total: int,
        on_epoch: EpochEnd | None,
        on_batch: BatchEnd | None,
    ) -> None:
        super().__init__()
        self._network, self._val, self._total = model, val, total
        self._on_epoch, self._on_batch = on_epoch, on_batch
        self._done = 0
        self.history: list[dict[str, float]] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._done += 1
        if self._on_batch:
            self._on_batch(self._done, self._total)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        measures = {"loss": float(logs["loss"]), "accuracy": float(logs["accuracy"])}
        if self._val is not None and len(self._val.names):
            measures |= _measure(self._network, self._val)
        self.history.append({"epoch": epoch + 1, **measures})
        if self._on_epoch:
            self._on_epoch(epoch + 1, measures)


def _measure(model: keras.Model, val: ScanSet) -> dict[str, float]:
    parts = [
        np.asarray(model(to_input(val.scans[start : start + 32]), training=False))
        for start in range(0, len(val.names), 32)
    ]
    probabilities = softmax(np.concatenate(parts))
    loss = -np.log(np.maximum(probabilities[np.arange(len(val.truth)), val.truth], 1e-9))
    right = probabilities.argmax(axis=1) == val.truth
    return {"val_loss": float(loss.mean()), "val_accuracy": float(right.mean())}
