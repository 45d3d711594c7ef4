"""Recipe `finetune`: the whole network, from good weights, with augmented scans and one cycle.

AdamW (Loshchilov & Hutter, ICLR 2019) with a one-cycle rate (Smith, 2018) that is lower the
deeper a layer lies (Howard & Ruder, ACL 2018), label smoothing (Szegedy et al., CVPR 2016). The
head is fitted first, on the backbone as it is (Kumar et al., ICLR 2022). What each of these
brought is in docs/model-study.md.
"""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from octtutor.datasets.decode import Pixels
from octtutor.errors import BadInputError
from octtutor.model.network.hosts import hosts, share_of
from octtutor.model.network.network import Network
from octtutor.model.network.preprocess import to_input
from octtutor.model.network.scan_set import ScanSet
from octtutor.model.training.augment import augment
from octtutor.model.training.loop import (
    Batches,
    EpochChoice,
    TrainingOutcome,
    Watch,
    has_run,
    measure_validation,
    run_epochs,
)
from octtutor.model.training.recipes.finetune import Finetune

Floats = npt.NDArray[np.float32]
Feed = Callable[[Pixels], Floats]


def finetune(
    network: Network,
    train: ScanSet,
    recipe: Finetune,
    val: ScanSet | None = None,
    watch: Watch | None = None,
    feed: Feed = to_input,
    outliers: ScanSet | None = None,
) -> TrainingOutcome:
    """Train a network; afterwards it has the kept epoch's weights.

    Args:
        network: with the weights to start from; its layers' `trainable` is changed.
        train: scans prepared as the network takes them.
        recipe: the settings; the seed fixes the head's start, order, augmentation and dropout. On
            one machine with the same number of threads the figures repeat to four digits; sums
            over threads have no fixed order, so the last bits differ.
        val: scans measured after each epoch; they choose nothing unless `recipe.choose` says so.
        watch: who follows, and where the run is kept.
        feed: turns prepared scans uint8 (n, s, s) into the network's input.
        outliers: scans that are none of the diagnoses; what is wanted of them is the same
            probability for each (Hendrycks et al., Deep anomaly detection with outlier exposure,
            ICLR 2019).

    Raises:
        BadInputError: a class has no scan.
    """
    train.check_classes()
    if recipe.batch % hosts():
        raise BadInputError(
            f"Expected a batch that {hosts()} hosts can share. Received {recipe.batch}. Give "
            "--batch a multiple."
        )
    keras.utils.set_random_seed(recipe.seed)
    watch = watch or Watch()
    if recipe.probe and not has_run(watch.checkpoints):
        _fit_head(network, train, recipe, feed)
    factors = _unfreeze(network.backbone, recipe)
    model = network.joined()
    batches = AugmentedBatches(train.joined(outliers) if outliers else train, recipe, feed)
    model.compile(
        optimizer=_optimizer(recipe, len(batches), factors),
        loss=keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=recipe.label_smoothing
        ),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        jit_compile=False,  # XLA makes depthwise networks slower on CPUs
    )
    measure = None
    if val is not None and len(val.names):
        held = val

        def measure() -> dict[str, float]:
            return measure_validation(held.truth, logits_of(model, held.scans, feed), held.scheme)

    choice = EpochChoice(None, patience=recipe.patience)
    if recipe.choose != "last":
        highest = recipe.choose == "accuracy"
        choice = EpochChoice(f"val_{recipe.choose}", highest, recipe.patience)
    return run_epochs(model, batches, recipe.epochs, measure, choice, watch)


def logits_of(model: keras.Model, scans: Pixels, feed: Feed = to_input, batch: int = 32) -> Floats:
    """Return the logits, float32 (n, k), of prepared scans uint8 (n, s, s)."""
    parts = [
        ops.convert_to_numpy(model(feed(scans[start : start + batch]), training=False))
        for start in range(0, len(scans), batch)
    ]
    return np.concatenate(parts)


def _fit_head(network: Network, train: ScanSet, recipe: Finetune, feed: Feed) -> None:
    """Fit the head to the features of two random copies of each scan."""
    model, copies = network.backbone, []
    for turn in (1, 2):
        for start in range(0, len(train.names), recipe.batch):
            part = range(start, min(start + recipe.batch, len(train.names)))
            scans = np.stack([_copy(train, recipe, -turn, i) for i in part])
            copies.append(ops.convert_to_numpy(model(feed(scans), training=False)))
    wanted = np.eye(len(train.scheme.keys), dtype=np.float32)[np.tile(train.truth, 2)]
    head = network.head
    head.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    head.fit(np.concatenate(copies), wanted, batch_size=64, epochs=recipe.probe, verbose=0)


def _unfreeze(backbone: keras.Model, recipe: Finetune) -> dict[str, float]:
    """Freeze the deep layers; return each variable's share of the learning rate."""
    layers = [layer for layer in backbone.layers if layer.weights]
    first = round(recipe.frozen * len(layers))
    factors: dict[str, float] = {}
    for index, layer in enumerate(layers):
        layer.trainable = index >= first
        height = (index + 1) / len(layers)
        share = recipe.depth_rate ** (1 - height)
        factors |= {variable.path: share for variable in layer.trainable_weights}
    return factors


def _optimizer(
    recipe: Finetune, steps_per_epoch: int, factors: dict[str, float]
) -> keras.optimizers.Optimizer:
    rate = OneCycle(recipe.peak_rate, steps_per_epoch * recipe.epochs, recipe.warm_up)
    optimizer = DepthAdamW(
        rate, weight_decay=recipe.weight_decay, global_clipnorm=1.0, factors=factors
    )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


@keras.saving.register_keras_serializable("octtutor")
class DepthAdamW(keras.optimizers.AdamW):  # type: ignore[misc]
    """AdamW with a share of the learning rate for each variable."""

    def __init__(self, *args: Any, factors: dict[str, float] | None = None, **kwargs: Any) -> None:
        """Take the shares by a variable's path; 1 where there is none."""
        super().__init__(*args, **kwargs)
        self._factors = factors or {}

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable."""
        known = self._trainable_variables[self._get_variable_index(variable)]
        share = self._factors.get(known.path, 1.0)
        super().update_step(gradient, variable, learning_rate * share)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "factors": self._factors}


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


def _copy(data: ScanSet, recipe: Finetune, epoch: int, i: int) -> Pixels:
    """Return the random copy of scan i in an epoch; the same for the same seed."""
    rng = np.random.default_rng([recipe.seed, epoch + 1000, i])
    healthy = data.truth[i] >= 0 and data.scheme.keys[data.truth[i]] == data.scheme.normal
    return augment(data.scans[i], rng, recipe.augmentation, bool(healthy))


class AugmentedBatches(Batches):
    """Augmented batches; scan i of epoch e is the same for the same seed."""

    def __init__(self, data: ScanSet, recipe: Finetune, feed: Feed) -> None:
        super().__init__()
        self._data, self._recipe, self._feed = data, recipe, feed
        self._quotas = _quotas(data, recipe.balance)
        self._drawn = sum(quota for _, quota in self._quotas)
        truth = data.truth[self._order()]
        classes = len(data.scheme.keys)
        counts = np.bincount(truth[truth >= 0], minlength=classes)
        even = counts.sum() / (classes * counts)
        weights = even if recipe.class_weights else np.ones(classes)
        self._weights = weights.astype(np.float32)

    def __len__(self) -> int:
        return max(1, self._drawn // self._recipe.batch)

    def __getitem__(self, index: int) -> tuple[Any, Any, Any]:
        chosen = self._order()[index * self._recipe.batch : (index + 1) * self._recipe.batch]
        chosen = chosen[share_of(len(chosen))]  # several hosts make the batch together
        scans = np.stack([_copy(self._data, self._recipe, self.epoch, i) for i in chosen])
        truth = self._data.truth[chosen]
        classes = len(self._data.scheme.keys)
        wanted = np.eye(classes, dtype=np.float32)[truth]
        wanted[truth < 0] = 1 / classes
        inputs, wanted = self._mix(self._feed(scans), wanted, index)
        return inputs, wanted, wanted @ self._weights

    def _mix(self, inputs: Floats, wanted: Floats, index: int) -> tuple[Floats, Floats]:
        recipe = self._recipe
        rng = np.random.default_rng([recipe.seed, self.epoch, 7, index])
        other = rng.permutation(len(inputs))
        if recipe.cutmix and rng.random() < recipe.cutmix:
            return _cut(inputs, wanted, other, rng)
        if not recipe.mixup:
            return inputs, wanted
        share = np.float32(rng.beta(recipe.mixup, recipe.mixup))
        return (
            share * inputs + (1 - share) * inputs[other],
            share * wanted + (1 - share) * wanted[other],
        )

    def _order(self) -> npt.NDArray[np.int64]:
        rng = np.random.default_rng([self._recipe.seed, self.epoch])
        drawn = [_draw(group, quota, rng) for group, quota in self._quotas]
        return rng.permutation(np.concatenate(drawn))


def _quotas(data: ScanSet, balance: float) -> list[tuple[npt.NDArray[np.int64], int]]:
    """Return the scans of each source's each class (indices), and how many an epoch draws.

    A group of n scans gets a share that goes with n ** (1 - balance), one scan at least.
    """
    n = len(data.names)
    if not balance:
        return [(np.arange(n), n)]
    sources = np.unique(data.sources or [""] * n, return_inverse=True)[1]
    kinds = sources * (len(data.scheme.keys) + 1) + data.truth
    groups = [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]
    shares = np.array([len(group) for group in groups]) ** (1 - balance)
    wanted = np.maximum(1, np.round(n * shares / shares.sum())).astype(int).tolist()
    return list(zip(groups, wanted, strict=True))


def _draw(
    group: npt.NDArray[np.int64], quota: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draw from a group: everything as often as it fits, and a part of it once more."""
    times, rest = divmod(quota, len(group))
    more = rng.choice(group, rest, replace=False) if rest else group[:0]
    return np.concatenate([np.tile(group, times), more])


def _cut(
    inputs: Floats, wanted: Floats, other: npt.NDArray[np.int64], rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Put a strip of columns of other scans into these: a strip keeps the retina's layers."""
    width = inputs.shape[2]
    kept = rng.uniform(0.5, 1.0)
    start = int(rng.uniform(0, kept) * width)
    stop = start + round((1 - kept) * width)
    mixed = inputs.copy()
    mixed[:, :, start:stop] = inputs[other, :, start:stop]
    share = np.float32(1 - (stop - start) / width)
    return mixed, share * wanted + (1 - share) * wanted[other]
