"""Recipe `article`: a frozen backbone, a small dense head, no augmentation (Mapshalli, 2018).

As published: InceptionV3 without its top, 299×299, rescaled by 1/255, batches of 128; global
average pooling, Dense(64, relu), Dense(4, softmax); Adam at 0.001; the checkpoint of the best
validation accuracy. The backbone is run anew in every epoch: recipe `features` does not.
"""

from collections.abc import Callable

import keras
import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels
from octtutor.model.network.network import Network
from octtutor.model.network.scan_set import ScanSet
from octtutor.model.training.loop import (
    Batches,
    EpochChoice,
    TrainingOutcome,
    Watch,
    measure_validation,
    run_epochs,
)
from octtutor.model.training.recipes.article import Article

Floats = npt.NDArray[np.float32]
BEST = EpochChoice("val_accuracy", highest=True)
"""The article's choice of a checkpoint."""


def article(
    network: Network,
    feed: Callable[[Pixels], Floats],
    train: ScanSet,
    recipe: Article,
    val: ScanSet | None = None,
    watch: Watch | None = None,
) -> TrainingOutcome:
    """Train a network's head behind its frozen backbone; it then has the best epoch's weights.

    Args:
        network: from `start_network`.
        feed: turns prepared scans, uint8 (n, s, s), into the backbone's input.
        train: prepared scans.
        recipe: the settings; the seed fixes order and dropout.
        val: scans measured after each epoch: the best validation accuracy is kept. Without
            them it is the last epoch.
        watch: who follows, and where the run is kept.

    Raises:
        BadInputError: a class has no scan.
    """
    train.check_classes()
    network.backbone.trainable = False
    model = network.joined()
    compile_for(model, recipe.rate)

    def measure() -> dict[str, float]:
        assert val is not None
        parts = range(0, len(val.names), 32)
        logits = [
            keras.ops.convert_to_numpy(model.predict_on_batch(feed(val.scans[s : s + 32])))
            for s in parts
        ]
        return measure_validation(val.truth, np.concatenate(logits), val.scheme)

    batches = _Scans(train, recipe, feed)
    measured = measure if val is not None and len(val.names) else None
    choice = BEST if measured else EpochChoice()
    return run_epochs(model, batches, recipe.epochs, measured, choice, watch)


def compile_for(model: keras.Model, rate: float) -> None:
    """Compile as the article did: Adam, and cross-entropy of the softmax of the logits."""
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        jit_compile=False,  # XLA makes depthwise networks slower on CPUs
    )


class _Scans(Batches):
    def __init__(self, data: ScanSet, recipe: Article, feed: Callable[[Pixels], Floats]) -> None:
        super().__init__()
        self._data, self._recipe, self._feed = data, recipe, feed

    def __len__(self) -> int:
        return -(-len(self._data.names) // self._recipe.batch)

    def __getitem__(self, index: int) -> tuple[Floats, Floats]:
        order = np.random.default_rng([self._recipe.seed, self.epoch]).permutation(
            len(self._data.names)
        )
        size = self._recipe.batch
        chosen = order[index * size : (index + 1) * size]
        classes = len(self._data.scheme.keys)
        wanted = np.eye(classes, dtype=np.float32)[self._data.truth[chosen]]
        return self._feed(self._data.scans[chosen]), wanted
