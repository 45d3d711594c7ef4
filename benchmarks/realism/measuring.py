"""How real synthetic scans are: to a network that reads them, and to one that suspects them.

A linear probe on a frozen backbone that has seen photographs only (ImageNet), never an OCT scan,
does most of the measuring, so that nothing here knows the generator. Every interval resamples
patients; a synthetic scan is a patient of its own.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from benchmarks.realism.radiomics import Looked, compare_textures
from octtutor.core.diagnosis import LABELS
from octtutor.datasets.decode import Pixels
from octtutor.datasets.split import split_by_patient, split_folds
from octtutor.model.network.engine_contract import softmax
from octtutor.model.network.pretrained import Backbone
from octtutor.model.network.scan_set import ScanSet
from octtutor.model.serve.engine import KerasEngine
from octtutor.model.training.beginning import start_network
from octtutor.model.training.feature_cache import FeatureCache
from octtutor.model.training.head_training import train_head
from octtutor.model.training.recipes.features import HeadRecipe
from octtutor.stats.figures import confusion
from octtutor.stats.intervals import Figure, by_patient, share_by_patient
from octtutor.stats.pairs import mean_by_patient

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Say = Callable[[str], None]

SYNTHETIC_TO_REAL, REAL_TO_SYNTHETIC, TOLD_APART = 0.80, 0.85, 0.90
"""First aims: accuracies to reach, and the area under the ROC to stay below."""
STRENGTH = 0.01
"""Inverse regularisation of every probe; from 0.001 to 0.1 the figures hardly move."""
HELD_OUT = 45 / 175
"""Share of the real patients that each repeat of `gain` tests on: leaves 130 of 175 a class."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    counts: tuple[int, ...] = (10, 50, 130)
    """Real scans of each class to train on, with and without synthetic ones."""
    repeats: int = 10
    """Draws of them, each with other patients held out."""
    folds: int = 5
    """In which real and synthetic scans are told apart."""
    splits: int = 40
    """Halves of the real patients that distances are held against."""
    networks: bool = True
    """Whether whole networks are asked too: recipe `features`, the model in use, and a small
    network on pixels."""
    seed: int = 2017


QUICK = Effort(counts=(10, 30), repeats=5, splits=20, networks=False)
"""Enough to see that all works."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Scans as a probe sees them.

    Attributes:
        values: float32 (n, c), pooled features.
        truth: int64 (n,), index into LABELS.
        patients: of each scan.
    """

    values: Floats
    truth: Ints
    patients: tuple[str, ...]

    def take(self, indices: Sequence[int] | Ints) -> "Rows":
        """Return the rows at these indices."""
        chosen = np.asarray(indices, np.int64)
        patients = tuple(self.patients[index] for index in chosen)
        return Rows(self.values[chosen], self.truth[chosen], patients)

    def with_(self, others: "Rows") -> "Rows":
        """Return these rows, then the others'."""
        values = np.concatenate([self.values, others.values])
        truth = np.concatenate([self.truth, others.truth])
        return Rows(values, truth, self.patients + others.patients)


@dataclass(frozen=True, slots=True)
class Parts:
    """The scans of a comparison: real ones to train on and to test on, and synthetic ones."""

    train: Looked
    test: Looked
    synthetic: Looked

    def by_name(self) -> dict[str, Looked]:
        """Return them by name."""
        return {"train": self.train, "test": self.test, "synthetic": self.synthetic}


def measure_realism(
    parts: Parts,
    backbone: Backbone,
    cache: FeatureCache,
    in_use: Path | None = None,
    effort: Effort | None = None,
    say: Say | None = None,
) -> dict[str, Any]:
    """Measure all that is asked of synthetic scans.

    Args:
        parts: the scans, looked at as `backbone` is fed.
        backbone: frozen, and never trained on OCT scans.
        cache: where features are kept.
        in_use: a model folder; its network, trained on real scans, reads the synthetic ones.
        effort: how much is measured.
        say: called with what is being done.

    Returns:
        Ready for JSON: `scans`, `patients_in_train_and_test` (0, or `real_to_real` is too good),
        `transfer` (see `transfer`), `gain` (see `gain`), `told_apart`
        (see `tell_apart`) and `radiomics` (see `compare_textures`).

    Raises:
        BadInputError: a class has too few patients.
        SettingsError: the features do not fit into the cache.
    """
    effort, say = effort or Effort(), say or (lambda _: None)
    sides = parts.by_name()
    for looked in sides.values():
        looked.scans.check_classes()
    say("features")
    rows = _rows({name: looked.scans for name, looked in sides.items()}, backbone, cache)
    say("training on one kind, testing on the other")
    transferred = transfer(rows["train"], rows["test"], rows["synthetic"])
    if effort.networks:
        transferred |= _ask_networks(parts, backbone, cache, in_use)
    say("real and synthetic together")
    real = rows["train"].with_(rows["test"])
    gained = gain(real, rows["synthetic"], effort.counts, effort.repeats, effort.seed)
    say("telling real from synthetic")
    middles = {name: _middle_set(looked) for name, looked in sides.items()}
    figures = _tell(middles, backbone, cache, effort)
    say("greys, spectra, grain and thickness")
    radiomics = compare_textures(parts.train, parts.synthetic, effort.splits, effort.seed)
    return {
        "scans": {name: _counted(looked.scans) for name, looked in sides.items()},
        "patients_in_train_and_test": len(set(rows["train"].patients) & set(rows["test"].patients)),
        "transfer": transferred,
        "gain": gained,
        "told_apart": figures,
        "radiomics": radiomics,
    }


def _counted(scans: ScanSet) -> dict[str, Any]:
    return {**scans.fingerprint(), "unreadable": len(scans.unreadable)}


def _middle_set(looked: Looked) -> ScanSet:
    hashes = tuple(hashlib.sha256(scan.tobytes()).hexdigest() for scan in looked.middles)
    return replace(looked.scans, scans=looked.middles, hashes=hashes)


def _rows(sets: dict[str, ScanSet], backbone: Backbone, cache: FeatureCache) -> dict[str, Rows]:
    """Return the pooled features of several sets, computed in one go."""
    scans = np.concatenate([one.scans for one in sets.values()])
    hashes = [digest for one in sets.values() for digest in one.hashes]
    found = cache.features_of(backbone, scans, hashes, pooled=True)
    values = found.take(np.arange(len(found))).reshape(len(found), -1).astype(np.float32)
    ends = np.cumsum([len(one.names) for one in sets.values()])[:-1]
    parts = np.split(values, ends)
    return {
        name: Rows(part, one.truth, one.patients)
        for part, (name, one) in zip(parts, sets.items(), strict=True)
    }


# --- a network that reads them ---------------------------------------------------------------


def transfer(train: Rows, test: Rows, synthetic: Rows) -> dict[str, Any]:
    """Train a probe on one kind of scans and test it on the other.

    Args:
        train: real scans.
        test: real scans of other patients.
        synthetic: of all four classes.

    Returns:
        `synthetic_to_real` (trained on synthetic scans only, tested on `test`),
        `real_to_synthetic` (trained on `train`) and `real_to_real`, for scale; each with `n`,
        `patients`, `accuracy`, `accuracy_ci`, `method`, `confusion` (rows truth, columns answer,
        in LABELS order), and the first two with `aim` and `reached`.
    """
    of_synthetic, of_real = fit_probe(synthetic), fit_probe(train)
    return {
        "synthetic_to_real": _with_aim(_right(test, of_synthetic(test.values)), SYNTHETIC_TO_REAL),
        "real_to_synthetic": _with_aim(
            _right(synthetic, of_real(synthetic.values)), REAL_TO_SYNTHETIC
        ),
        "real_to_real": _right(test, of_real(test.values)),
    }


def fit_probe(rows: Rows, weights: Floats | None = None) -> Callable[[Floats], Ints]:
    """Fit a logistic regression on standardised features.

    Args:
        rows: of two classes or more.
        weights: float32 (n,), how much each scan counts; all alike by default.

    Returns:
        A function from features, float32 (m, c), to answers, int64 (m,), index into LABELS.
    """
    probe = _fit(rows.values, rows.truth, weights)
    return lambda values: np.asarray(probe.predict(values), np.int64)


def _fit(values: Floats, wanted: npt.NDArray[Any], weights: Floats | None = None) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = LogisticRegression(C=STRENGTH, max_iter=2000, tol=1e-3)
    given = {} if weights is None else {"logisticregression__sample_weight": weights}
    return make_pipeline(StandardScaler(), probe).fit(values, wanted, **given)


def _right(rows: Rows, answers: Ints) -> dict[str, Any]:
    accuracy = share_by_patient(answers == rows.truth, rows.patients)
    return {
        "n": len(rows.truth),
        "patients": len(set(rows.patients)),
        "accuracy": accuracy.value,
        "accuracy_ci": [accuracy.low, accuracy.high],
        "method": accuracy.method,
        "confusion": confusion(rows.truth, answers, 4).tolist(),
    }


def _with_aim(figures: dict[str, Any], aim: float) -> dict[str, Any]:
    return {**figures, "aim": aim, "reached": figures["accuracy"] >= aim}


def _ask_networks(
    parts: Parts, backbone: Backbone, cache: FeatureCache, in_use: Path | None
) -> dict[str, Any]:
    """Return how recipe `features` transfers, and what the model in use makes of the scans."""
    train, test, synthetic = parts.train.scans, parts.test.scans, parts.synthetic.scans
    found = {
        "synthetic_to_real_recipe": _by_recipe(synthetic, test, backbone, cache),
        "real_to_synthetic_recipe": _by_recipe(train, synthetic, backbone, cache),
    }
    engine = KerasEngine.open(in_use) if in_use else None
    if engine and engine.how == backbone.how:
        answers = engine.run_many(synthetic.scans).argmax(axis=1)
        figures = _right(
            Rows(np.zeros((0, 0), np.float32), synthetic.truth, synthetic.patients), answers
        )
        found["model_in_use_on_synthetic"] = {**figures, "model": engine.card.name}
    return found


def _by_recipe(
    train: ScanSet, test: ScanSet, backbone: Backbone, cache: FeatureCache
) -> dict[str, Any]:
    """Train recipe `features`' head on scans and test it on others."""
    recipe = HeadRecipe()
    network = start_network(backbone, recipe.head, recipe.seed)
    train_head(network, backbone, cache, train, recipe)
    rows = _rows({"test": test}, backbone, cache)["test"]
    kernel, bias = network.head.get_weights()
    return _right(rows, softmax(rows.values @ kernel + bias).argmax(axis=1))


# --- real and synthetic together -------------------------------------------------------------


def gain(
    real: Rows, synthetic: Rows, counts: Sequence[int], repeats: int, seed: int
) -> dict[str, Any]:
    """Measure what synthetic scans add to few or many real ones.

    In each repeat a part of the real patients is held out; of the others so many scans of each
    class are drawn, whole patients in random order. One probe is trained on them, one on them
    and the synthetic scans, which together count as much as the real ones; both are tested on
    the same held-out scans.

    Args:
        real: all real scans.
        synthetic: of all four classes.
        counts: real scans of each class; where there are fewer, all of them.
        repeats: draws, each with other patients held out.
        seed: of the draws.

    Returns:
        By count: `real`, `both` (mean accuracies with intervals), `difference` (paired: both
        minus real), `verdict` (`gain`, `loss`, or `neither shown`), `trained_on` (real scans of
        each class, mean), `repeats`, and `tests`, the number of answers that are compared.
    """
    kept = {count: _Pairs() for count in counts}
    for repeat in range(repeats):
        labels = [LABELS[index] for index in real.truth]
        trained, held = split_by_patient(labels, real.patients, HELD_OUT, seed + repeat)
        rng = np.random.default_rng([seed, repeat])
        test, order = real.take(held), _in_patient_order(real, trained, rng)
        for count in counts:
            few = real.take(_first_of_each(real.truth, order, count))
            kept[count].add(few, test, synthetic)
    return {str(count): pairs.figures(repeats) for count, pairs in kept.items()}


def _in_patient_order(rows: Rows, indices: Sequence[int], rng: np.random.Generator) -> Ints:
    names = sorted({rows.patients[index] for index in indices})
    place = dict(zip(rng.permutation(names).tolist(), range(len(names)), strict=True))
    return np.array(sorted(indices, key=lambda index: place[rows.patients[index]]), np.int64)


def _first_of_each(truth: Ints, order: Ints, count: int) -> Ints:
    own = [order[truth[order] == index][:count] for index in range(len(LABELS))]
    return np.concatenate(own)


class _Pairs:
    """Answers of two probes to the same scans, over repeats."""

    def __init__(self) -> None:
        self._right: tuple[list[Floats], list[Floats]] = ([], [])
        self._patients: list[str] = []
        self._trained: list[float] = []

    def add(self, few: Rows, test: Rows, synthetic: Rows) -> None:
        alone = fit_probe(few)
        share = len(few.truth) / len(synthetic.truth)
        weights = np.concatenate([np.ones(len(few.truth)), np.full(len(synthetic.truth), share)])
        both = fit_probe(few.with_(synthetic), weights.astype(np.float32))
        for kept, probe in zip(self._right, (alone, both), strict=True):
            kept.append((probe(test.values) == test.truth).astype(np.float32))
        self._patients += test.patients
        self._trained.append(len(few.truth) / len(LABELS))

    def figures(self, repeats: int) -> dict[str, Any]:
        alone, both = (np.concatenate(right) for right in self._right)
        difference = mean_by_patient(both - alone, self._patients)
        return {
            "real": asdict(mean_by_patient(alone, self._patients)),
            "both": asdict(mean_by_patient(both, self._patients)),
            "difference": asdict(difference),
            "verdict": _verdict(difference),
            "trained_on": float(np.mean(self._trained)),
            "repeats": repeats,
            "tests": len(alone),
        }


def _verdict(difference: Figure) -> str:
    if difference.low is None or difference.high is None:
        return "neither shown"
    if difference.low > 0:
        return "gain"
    return "loss" if difference.high < 0 else "neither shown"


# --- a network that suspects them ------------------------------------------------------------


def _tell(
    middles: dict[str, ScanSet], backbone: Backbone, cache: FeatureCache, effort: Effort
) -> dict[str, Any]:
    rows = _rows(middles, backbone, cache)
    real = rows["train"].with_(rows["test"])
    figures = {"probe": tell_apart(real, rows["synthetic"], effort.folds, effort.seed)}
    if effort.networks:
        scans = np.concatenate([middles[name].scans for name in ("train", "test", "synthetic")])
        figures["small_network"] = tell_apart_by_pixels(
            scans, real, rows["synthetic"], effort.folds, effort.seed
        )
    return figures


def tell_apart(real: Rows, synthetic: Rows, folds: int, seed: int) -> dict[str, Any]:
    """Train a probe to tell real from synthetic and ask it about patients it never saw.

    Args:
        real: features of the same columns of the scans, so that size tells nothing.
        synthetic: likewise.
        folds: of the cross-validation by patient.
        seed: cuts them.

    Returns:
        `auroc` (0.5: cannot be told apart; 1: always) with `auroc_ci` over patients, `n`,
        `patients`, `method`, `aim`, `reached`, and `by_class`, the area within each class.

    Raises:
        BadInputError: a class has fewer patients than there are folds.
    """
    both = real.with_(synthetic)
    is_real = np.arange(len(both.truth)) < len(real.truth)
    scores = np.zeros(len(both.truth))
    for fold in _folds(both, folds, seed):
        others = np.setdiff1d(np.arange(len(scores)), fold)
        probe = _fit(both.values[others], is_real[others])
        scores[fold] = probe.decision_function(both.values[fold])
    classes = {
        str(label): area_by_patient(
            is_real[both.truth == index],
            scores[both.truth == index],
            both.take(np.flatnonzero(both.truth == index)).patients,
        ).value
        for index, label in enumerate(LABELS)
    }
    return {**_area_told(is_real, scores, both.patients), "by_class": classes}


def _folds(both: Rows, folds: int, seed: int) -> list[list[int]]:
    return split_folds([LABELS[index] for index in both.truth], both.patients, folds, seed)


def area_by_patient(
    positive: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64], patients: Sequence[str]
) -> Figure:
    """Estimate the area under a ROC with an interval that resamples patients.

    Args:
        positive: bool (n,), both sides present.
        scores: float64 (n,), higher for "more surely positive".
        patients: the patient of each scan.

    Returns:
        The area, ties counting half, 0 to 1.
    """
    from scipy.stats import rankdata

    def area(index: Ints) -> float:
        ranks, chosen = rankdata(scores[index]), positive[index]
        ones, zeros = int(chosen.sum()), int((~chosen).sum())
        above = ranks[chosen].sum() - ones * (ones + 1) / 2
        return float(above / max(1, ones * zeros))

    return by_patient(area, patients, repeats=1000)


def _area_told(
    is_real: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64], patients: Sequence[str]
) -> dict[str, Any]:
    area = area_by_patient(is_real, scores, patients)
    assert area.value is not None
    return {
        "auroc": area.value,
        "auroc_ci": [area.low, area.high],
        "n": area.n,
        "patients": len(set(patients)),
        "method": area.method,
        "aim": TOLD_APART,
        "reached": area.value <= TOLD_APART,
    }


def tell_apart_by_pixels(
    scans: Pixels, real: Rows, synthetic: Rows, folds: int, seed: int, epochs: int = 8
) -> dict[str, Any]:
    """Train a small network on the prepared pixels to tell real from synthetic.

    Args:
        scans: uint8 (n, s, s), the real scans' middles, then the synthetic ones'.
        real: their truth and patients.
        synthetic: likewise.
        folds: one of so many is held out, by patient.
        seed: cuts them, and starts the network.
        epochs: passes over the others, each scan mirrored at random.

    Returns:
        As `tell_apart`, of the held-out scans alone; without `by_class`.
    """
    both = real.with_(synthetic)
    is_real = np.arange(len(both.truth)) < len(real.truth)
    held = np.array(_folds(both, folds, seed)[0], np.int64)
    others = np.setdiff1d(np.arange(len(scans)), held)
    keras.utils.set_random_seed(seed)
    network = _small_network(scans.shape[1])
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        for batch in np.array_split(rng.permutation(others), -(-len(others) // 32)):
            network.train_on_batch(_mirrored(scans[batch], rng), is_real[batch].astype(np.float32))
    scores = np.concatenate(
        [
            np.asarray(network.predict_on_batch(scans[part][..., None])).ravel()
            for part in np.array_split(held, -(-len(held) // 64))
        ]
    )
    return _area_told(is_real[held], scores.astype(np.float64), both.take(held).patients)


def _mirrored(scans: Pixels, rng: np.random.Generator) -> Pixels:
    turned = rng.random(len(scans)) < 0.5
    return np.where(turned[:, None, None], scans[:, :, ::-1], scans)[..., None]


def _small_network(side: int) -> keras.Model:
    scan = keras.Input((side, side, 1))
    x = layers.Rescaling(1 / 127.5, offset=-1)(scan)
    for filters in (16, 32, 64, 96):
        x = layers.Conv2D(filters, 3, 2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(x))
    network = keras.Model(scan, layers.Dense(1)(x))
    network.compile(
        keras.optimizers.Adam(1e-3),
        keras.losses.BinaryCrossentropy(from_logits=True),
        jit_compile=False,  # XLA makes small networks slower on CPUs
    )
    return network
