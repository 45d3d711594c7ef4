"""How long training takes: recipe `article` from scan to logits against `features` from its cache.

    python benchmarks/training.py [--json] [--backbone lite0] [--backbone-weights imagenet]

Same process, same scans, same backbone with the same weights. An epoch is one pass over the
training scans and the measuring of the validation scans; the first, in which Keras compiles, is
left out of the time of an epoch and counts in the time to the first model. Accuracy is that of
the kept epoch on scans of other patients, which chose nothing.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from octtutor.core.diagnosis import LABELS
from octtutor.model.network.backend import import_keras_quietly

SHARED = Path(__file__).parent.parent.parent / "shared" / "oct2017"
FOLLOW_UP_BYTES = 8 * 8 * 2048 * 4
"""What the article's follow-up kept of a scan: float32 in HDF5."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--data", type=Path, default=SHARED, help="holds train/ and test/")
    parser.add_argument("--per-class", type=int, default=0, help="scans a class; 0: all")
    parser.add_argument("--backbone", default="lite0", help="lite0, or of keras.applications")
    parser.add_argument("--backbone-weights", default="imagenet", help="imagenet, FILE or none")
    parser.add_argument("--size", type=int, help="side of the input, pixels")
    parser.add_argument("--epochs-article", type=int, default=10, help="at least 2, default 10")
    parser.add_argument("--epochs", type=int, default=40, help="of features, default 40")
    arguments = parser.parse_args()
    figures = measure(arguments)
    if arguments.json:
        print(json.dumps(figures, indent=2))
    else:
        print_table(figures)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run both recipes and return what they took and reached."""
    import_keras_quietly()
    from octtutor.model.network.pretrained import (
        BackboneSource,
        article_preprocessing,
        open_backbone,
    )

    weights, size = arguments.backbone_weights, arguments.size
    backbone = open_backbone(BackboneSource(arguments.backbone, weights, size=size))
    backbone = replace(backbone, how=article_preprocessing(backbone.how, backbone.name))
    train, val, test, source = load(arguments, backbone)
    article = run_article(backbone, train, val, test, arguments.epochs_article)
    features = run_features(backbone, train, val, test, arguments.epochs)
    return {
        "backbone": backbone.facts,
        "input_size": backbone.how.size,
        "scans": {"from": source, "train": len(train.names), "validation": len(val.names)}
        | {"held_out": len(test.names)},
        "article": article,
        "features": features,
        "epoch_times_faster": article["seconds_per_epoch"] / features["seconds_per_epoch"],
        "first_model_times_faster": article["seconds_to_first_model"]
        / features["seconds_to_first_model"],
        "follow_up_bytes_per_scan": FOLLOW_UP_BYTES,
        "cache_times_smaller": FOLLOW_UP_BYTES / features["cache_bytes_per_scan"],
    }


def run_article(backbone: Any, train: Any, val: Any, test: Any, epochs: int) -> dict[str, Any]:
    """Train as the article does, the backbone in every epoch."""
    from octtutor.model.training.article_training import article
    from octtutor.model.training.beginning import start_network
    from octtutor.model.training.recipes.article import Article

    recipe = Article(epochs=max(2, epochs))
    network = start_network(backbone, recipe.head, recipe.seed)
    clock = Stopwatch("article")
    outcome = article(network, backbone.how.to_input, train, recipe, val, clock.watch())
    return clock.figures() | {
        "kept": outcome.name,
        "accuracy_held_out": accuracy(network, backbone, test),
    }


def run_features(backbone: Any, train: Any, val: Any, test: Any, epochs: int) -> dict[str, Any]:
    """Train a pooled head from an empty cache."""
    from octtutor.model.training.beginning import start_network
    from octtutor.model.training.feature_cache import FeatureCache
    from octtutor.model.training.feature_cache_size import list_kept
    from octtutor.model.training.head_training import train_head
    from octtutor.model.training.recipes.features import HeadRecipe

    recipe = HeadRecipe(epochs=max(2, epochs), hidden=64)
    network = start_network(backbone, recipe.head, recipe.seed)
    with tempfile.TemporaryDirectory() as place:
        cache = FeatureCache(Path(place), 20 * 10**9)
        clock = Stopwatch("features")
        outcome = train_head(network, backbone, cache, train, recipe, val, clock.watch())
        kept = sum(key.bytes for key in list_kept(Path(place)))
    different = len(set(train.hashes) | set(val.hashes))
    return clock.figures() | {
        "kept": outcome.name,
        "accuracy_held_out": accuracy(network, backbone, test),
        "cache_bytes_per_scan": kept / different,
    }


class Stopwatch:
    """Notes when each epoch ends."""

    def __init__(self, what: str) -> None:
        """Start."""
        self.what, self.start, self.ends = what, time.perf_counter(), []

    def watch(self) -> Any:
        """Return what the training loop tells its epochs to."""
        from octtutor.model.training.loop import Watch

        return Watch(on_epoch=self._end)

    def figures(self) -> dict[str, Any]:
        """Return seconds; the epoch's is the median of all but the first."""
        later = np.diff(self.ends)
        return {
            "epochs": len(self.ends),
            "seconds_to_first_model": self.ends[0] - self.start,
            "seconds_per_epoch": statistics.median(later),
            "seconds_in_all": self.ends[-1] - self.start,
        }

    def _end(self, epoch: int, measures: dict[str, float]) -> None:
        self.ends.append(time.perf_counter())
        print(f"{self.what}: epoch {epoch}", file=sys.stderr)


def load(arguments: argparse.Namespace, backbone: Any) -> tuple[Any, Any, Any, str]:
    """Return training, validation and held-out scans, no patient in two, and their source."""
    from octtutor.datasets.split import split_by_patient
    from octtutor.model.network.scan_set import load_scans

    if (arguments.data / "train").is_dir():
        everything = load_scans(arguments.data / "train", backbone.how)
        test = load_scans(arguments.data / "test", backbone.how)
        source = f"OCT2017, {arguments.data.name}"
    else:
        with tempfile.TemporaryDirectory() as place:
            each = arguments.per_class or 60
            everything = phantom(Path(place) / "a", each, 1, backbone.how)
            test = phantom(Path(place) / "b", each // 2, 2, backbone.how)
        source = "synthetic scans"
    if arguments.per_class:
        everything = everything.take(first_of_each(everything.truth, arguments.per_class))
    labels = [LABELS[index] for index in everything.truth]
    train, val = split_by_patient(labels, everything.patients, 0.15, 2017)
    return everything.take(train), everything.take(val), test, source


def phantom(folder: Path, per_class: int, seed: int, how: Any) -> Any:
    """Draw scans and load them."""
    from octtutor.model.network.scan_set import load_scans
    from octtutor.phantom import write_deck

    write_deck(folder, per_class, seed)
    for mask in (folder / "masks").iterdir():
        mask.unlink()
    return load_scans(folder, how)


def first_of_each(truth: Any, count: int) -> list[int]:
    """Return the indices of the first scans of each class."""
    chosen = [np.flatnonzero(truth == label)[:count] for label in range(len(LABELS))]
    return sorted(int(index) for index in np.concatenate(chosen))


def accuracy(network: Any, backbone: Any, scans: Any) -> float:
    """Return the share of right answers of the whole network, from scan to logits."""
    model = network.joined()
    right = 0
    for start in range(0, len(scans.names), 32):
        part = slice(start, start + 32)
        logits = np.asarray(model(backbone.how.to_input(scans.scans[part]), training=False))
        right += int((logits.argmax(1) == scans.truth[part]).sum())
    return right / len(scans.names)


def print_table(figures: dict[str, Any]) -> None:
    """Print both recipes side by side."""
    scans = figures["scans"]
    print(
        f"{figures['backbone']['name']} ({figures['backbone']['origin']}), "
        f"{figures['input_size']} px; {scans['from']}: {scans['train']} training, "
        f"{scans['validation']} validation, {scans['held_out']} held-out scans"
    )
    print(f"{'':<28}{'article':>14}{'features':>14}{'times':>10}")
    article, features = figures["article"], figures["features"]
    for name, key in (
        ("seconds per epoch", "seconds_per_epoch"),
        ("seconds to the first model", "seconds_to_first_model"),
    ):
        times = article[key] / features[key]
        print(f"{name:<28}{article[key]:>14.3f}{features[key]:>14.3f}{times:>9.1f}x")
    for name, key, form in (
        ("epochs", "epochs", "14d"),
        ("seconds in all", "seconds_in_all", "14.1f"),
        ("accuracy, held-out scans", "accuracy_held_out", "14.3f"),
    ):
        print(f"{name:<28}{article[key]:>{form}}{features[key]:>{form}}")
    print(
        f"cache: {features['cache_bytes_per_scan']:.0f} bytes a scan, against "
        f"{figures['follow_up_bytes_per_scan']} of the follow-up: "
        f"{figures['cache_times_smaller']:.0f} times smaller"
    )


if __name__ == "__main__":
    main()
