"""Recipe `features`: a small head on features that a frozen backbone made once.

The 2018 article's follow-up: cached features, dropout 0.5, a rate that is halved when the
validation loss has not fallen for five epochs, the checkpoint of the best validation accuracy.
The head is the follow-up's (`conv-flatten`) or a pooled one (`gap-dense`), for which a scan's
features are 2 bytes a channel.
"""

import keras
import numpy as np
import numpy.typing as npt

from octtutor.model.network.heads import build_head, pools_first
from octtutor.model.network.network import Network
from octtutor.model.network.pretrained import Backbone
from octtutor.model.network.scan_set import Progress, ScanSet
from octtutor.model.training.article_training import BEST, compile_for
from octtutor.model.training.feature_cache import FeatureCache, Features
from octtutor.model.training.loop import (
    Batches,
    EpochChoice,
    TrainingOutcome,
    Watch,
    measure_validation,
    run_epochs,
)
from octtutor.model.training.recipes.features import HeadRecipe

Floats = npt.NDArray[np.float32]


def train_head(
    network: Network,
    backbone: Backbone,
    cache: FeatureCache,
    train: ScanSet,
    recipe: HeadRecipe,
    val: ScanSet | None = None,
    watch: Watch | None = None,
    on_features: Progress | None = None,
) -> TrainingOutcome:
    """Train a network's head on cached features; it then has the best epoch's weights.

    Args:
        network: from `start_network` with the recipe's head, on this backbone.
        backbone: with its weights.
        cache: where features are kept.
        train: scans prepared as the backbone is fed.
        recipe: the settings; the seed fixes order and dropout.
        val: scans measured after each epoch: the best validation accuracy is kept. Without
            them it is the last epoch, and the rate stays.
        watch: who follows, and where the run is kept.
        on_features: called with (done, total) scans while features are computed.

    Raises:
        BadInputError: a class has no scan.
        SettingsError: the features do not fit into the cache.
    """
    train.check_classes()
    pooled = pools_first(recipe.head)
    sides = (False, True) if recipe.mirror else (False,)

    def features_of(scans: ScanSet, mirrored: bool) -> Features:
        return cache.features_of(backbone, scans.scans, scans.hashes, pooled, mirrored, on_features)

    rows = tuple(features_of(train, mirrored) for mirrored in sides)
    head = _head_for(network, recipe, rows[0].kind.shape)
    compile_for(head, recipe.rate)
    batches = _Rows(rows, train, recipe)
    if val is None or not len(val.names):
        outcome = run_epochs(head, batches, recipe.epochs, None, EpochChoice(), watch)
    else:
        seen = _Validation(head, features_of(val, False), val, recipe)
        outcome = run_epochs(head, batches, recipe.epochs, seen.measure, BEST, watch, (seen,))
    if head is not network.head:
        network.head.set_weights(head.get_weights())
    return outcome


def _head_for(network: Network, recipe: HeadRecipe, shape: tuple[int, ...]) -> keras.Model:
    # the mean of a map of one pixel is that pixel: the same head, fed with what is pooled already
    if shape == tuple(network.head.input_shape[1:]):
        return network.head
    twin = build_head(recipe.head, shape, network.head.output_shape[-1])
    twin.set_weights(network.head.get_weights())
    return twin


class _Rows(Batches):
    def __init__(self, rows: tuple[Features, ...], scans: ScanSet, recipe: HeadRecipe) -> None:
        super().__init__()
        self._rows, self._truth, self._recipe = rows, scans.truth, recipe
        self._classes = len(scans.scheme.keys)
        self._drawn: tuple[int, npt.NDArray[np.int64], npt.NDArray[np.int64]] | None = None
        counts = np.bincount(scans.truth, minlength=self._classes)
        even = (len(scans.truth) / (self._classes * counts)).astype(np.float32)
        self._weights = even if recipe.class_weights else np.ones(self._classes, np.float32)

    def __len__(self) -> int:
        return -(-len(self._truth) // self._recipe.batch)

    def __getitem__(self, index: int) -> tuple[Floats, Floats, Floats]:
        order, sides = self._draw()
        size = self._recipe.batch
        chosen = order[index * size : (index + 1) * size]
        truth = self._truth[chosen]
        wanted = np.eye(self._classes, dtype=np.float32)[truth]
        return self._read(chosen, sides[chosen]), wanted, self._weights[truth]

    def _draw(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the epoch's order, and which side of each scan is shown."""
        if self._drawn is None or self._drawn[0] != self.epoch:
            rng = np.random.default_rng([self._recipe.seed, self.epoch])
            order = rng.permutation(len(self._truth))
            sides = rng.integers(len(self._rows), size=len(self._truth))
            self._drawn = (self.epoch, order, sides)
        return self._drawn[1:]

    def _read(self, chosen: npt.NDArray[np.int64], sides: npt.NDArray[np.int64]) -> Floats:
        found = np.empty((len(chosen), *self._rows[0].kind.shape), np.float32)
        for side, rows in enumerate(self._rows):
            found[sides == side] = rows.take(chosen[sides == side])
        return found


class _Validation(keras.callbacks.Callback):  # type: ignore[misc]
    """Measures each epoch and lowers the rate; its state goes into the run's checkpoint.

    Keras's ReduceLROnPlateau looks at an epoch only after the checkpoint is written, so that a
    resumed run would forget an epoch; here the rate is set before.
    """

    def __init__(
        self,
        head: keras.Model,
        rows: Features,
        scans: ScanSet,
        recipe: HeadRecipe,
    ) -> None:
        super().__init__()
        self._head, self._rows, self._recipe = head, rows, recipe
        self._truth, self._scheme = scans.truth, scans.scheme
        self._lowest, self._waited = float("inf"), 0

    def measure(self) -> dict[str, float]:
        """Return the validation measures, and the rate they were reached with."""
        parts = np.array_split(np.arange(len(self._truth)), -(-len(self._truth) // 256))
        logits = [
            keras.ops.convert_to_numpy(
                self._head(self._rows.take(part).astype(np.float32), training=False)
            )
            for part in parts
        ]
        measures = measure_validation(self._truth, np.concatenate(logits), self._scheme)
        optimizer = self._head.optimizer
        rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
        self._see(measures["val_loss"], rate)
        return {**measures, "rate": rate}

    def _see(self, loss: float, rate: float) -> None:
        if loss < self._lowest - 1e-4:
            self._lowest, self._waited = loss, 0
            return
        self._waited += 1
        if self._waited >= self._recipe.plateau_patience:
            self._head.optimizer.learning_rate = rate * self._recipe.plateau_factor
            self._waited = 0

    def get_state(self) -> dict[str, float]:
        """Return what a resumed run must know."""
        return {"lowest": self._lowest, "waited": float(self._waited)}

    def set_state(self, state: dict[str, float]) -> None:
        """Take up a run."""
        self._lowest, self._waited = float(state["lowest"]), int(state["waited"])
