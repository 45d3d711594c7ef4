"""How many labels reach an accuracy: scans at random, or those that the network doubts most.

    python benchmarks/active.py [--json] [--data ../shared/oct2017] [--repeats 20]

A pool of scans without labels (`train/`) and a test set of other patients (`test/`). The first
labels are drawn at random, the same ones for every order of a repeat; then a head is fitted, the
order chooses the next batch, its labels are revealed, and so on. The head is scikit-learn's
logistic regression on the pooled features of a frozen backbone with ImageNet's weights, which has
seen none of these scans (the shipped network has, and is not used).

Orders: `entropy`, `margin` and `least confidence` of the fitted head; `margin, ¼ random`, of whose
batches a quarter comes at random, as the annotation queue can; `disagreement`, 1 minus the head's
probability of a first reading. That one needs a first reading of every scan, which is simulated: a
reader who is right in 90 % and errs to any class alike. What it orders are the second readings,
from which alone the head learns; it is no saving over orders that need no reading at all. What a
head learns from all the first readings without any second is printed beside it.

An accuracy counts as reached at the first number of labels from which it holds for two rounds
running, so that one lucky round does not count. Whoever never gets there counts with the limit.
Differences are paired: order minus random within a repeat. Intervals are Student's over repeats:
they say how much the draw of the first labels matters, not how much other test scans would.
"""

import argparse
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from octtutor.core import active
from octtutor.core.diagnosis import LABELS

SHARED = Path(__file__).parent.parent.parent / "shared" / "oct2017"
RANDOM, DISAGREEMENT, MIXED = "random", "disagreement", "margin, ¼ random"
DOUBTS = {
    "entropy": active.entropy,
    "margin": lambda p: -active.margin(p),
    "least confidence": active.least_confidence,
    MIXED: lambda p: -active.margin(p),
}
ORDERS = (RANDOM, *DOUBTS, DISAGREEMENT)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--data", type=Path, default=SHARED, help="holds train/ and test/")
    parser.add_argument("--repeats", type=int, default=20, help="at least 2, default 20")
    parser.add_argument("--start", type=int, default=20, help="first labels, default 20")
    parser.add_argument("--batch", type=int, default=10, help="labels a round, default 10")
    parser.add_argument("--most", type=int, default=320, help="labels at most, default 320")
    parser.add_argument("--reach", default="0.80,0.85,0.90", help="accuracies, by commas")
    parser.add_argument("--reader", type=float, default=0.9, help="how often the reader is right")
    parser.add_argument("--size", type=int, help="side of the input, pixels")
    parser.add_argument("--seed", type=int, default=2017)
    arguments = parser.parse_args()
    if min(arguments.repeats, arguments.start) < 2 or arguments.batch < 1:
        parser.error("2 repeats, 2 first labels and batches of 1, or more")
    if not ((arguments.data / "train").is_dir() and (arguments.data / "test").is_dir()):
        sys.exit(
            f"Expected train/ and test/ in {arguments.data}. Put scans of OCT2017 there, CNV/, "
            "DME/, DRUSEN/, NORMAL/ in each, no patient in both (doi 10.17632/rscbjbr9sj), or "
            "give --data."
        )
    figures = measure(arguments)
    print(json.dumps(figures, indent=2)) if arguments.json else print_table(figures)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run all repeats and return the figures of every order."""
    pool, test = load(arguments)
    most = min(arguments.most, len(pool[1]))
    counts = list(range(min(arguments.start, most), most + 1, arguments.batch))
    curves: dict[str, list[list[float]]] = {order: [] for order in ORDERS}
    seeds = [arguments.seed * 1_000_003 + repeat for repeat in range(arguments.repeats)]
    for repeat, seed in enumerate(seeds):
        for order in ORDERS:
            curves[order].append(curve(order, pool, test, counts, seed, arguments.reader))
        print(f"repeat {repeat + 1} of {arguments.repeats}", file=sys.stderr)
    levels = [float(level) for level in arguments.reach.split(",")]
    return {
        "backbone": "lite0, ImageNet's weights, frozen",
        "head": "logistic regression on pooled features",
        "scans": {"pool": len(pool[1]), "test": len(test[1])},
        "repeats": arguments.repeats,
        "start": counts[0],
        "batch": arguments.batch,
        "limit": counts[-1],
        "seed": arguments.seed,
        "simulated_reader_right": arguments.reader,
        "accuracy_with_all_labels": with_all_labels(pool, test),
        "accuracy_with_first_readings_alone": estimate(
            [with_readings(pool, test, seed, arguments.reader) for seed in seeds]
        ),
        "labels_to_reach": {str(level): reached(curves, counts, level) for level in levels},
        "accuracy_with": {
            str(count): compared({o: [c[counts.index(count)] for c in curves[o]] for o in ORDERS})
            for count in counts
            if count in (counts[0], 60, 100, 200, counts[-1])
        },
        "mean_accuracy": compared({o: [float(np.mean(c)) for c in curves[o]] for o in ORDERS}),
        "counts": counts,
        "curves": {order: np.mean(curves[order], axis=0).tolist() for order in ORDERS},
    }


def with_all_labels(pool: Any, test: Any) -> float:
    """Return the accuracy where the whole pool has labels."""
    from octtutor.model.measure.label_issues import fit_head

    return accuracy(fit_head(*pool), test)


def with_readings(pool: Any, test: Any, seed: int, reader: float) -> float:
    """Return the accuracy where the head learns from the first readings, right or wrong."""
    from octtutor.model.measure.label_issues import fit_head

    readings = first_readings(pool[1], reader, np.random.default_rng(seed))
    return accuracy(fit_head(pool[0], readings), test)


def load(arguments: argparse.Namespace) -> tuple[Any, Any]:
    """Return features and labels of the pool and of the test set."""
    from octtutor.model.network.backend import import_keras_quietly

    import_keras_quietly()
    from octtutor.jobs.planning import open_cache, open_frozen
    from octtutor.model.measure.label_issues import read_rows
    from octtutor.wiring import read_settings

    settings = read_settings()
    frozen = open_frozen("lite0", "imagenet", arguments.size, None, settings)
    parts = []
    for name in ("train", "test"):
        scans, rows = read_rows(arguments.data / name, frozen, open_cache(settings))
        parts.append((rows, scans.truth))
    return parts[0], parts[1]


def curve(
    order: str, pool: Any, test: Any, counts: Sequence[int], seed: int, reader: float
) -> list[float]:
    """Return the accuracy on the test set after each number of labels."""
    from octtutor.model.measure.label_issues import chances, fit_head

    rng = random.Random(seed)
    readings = first_readings(pool[1], reader, np.random.default_rng(seed))
    shuffled = rng.sample(range(len(pool[1])), len(pool[1]))
    known = two_classes(shuffled, pool[1], counts[0])
    head = fit_head(pool[0][known], pool[1][known])
    accuracies = [accuracy(head, test)]
    for count in counts[1:]:
        left = sorted(set(range(len(pool[1]))) - set(known))
        doubts = doubts_of(order, chances(head, pool[0][left]), readings[left])
        share = {RANDOM: 1.0, MIXED: 0.25}.get(order, 0.0)
        known += [left[i] for i in active.pick(doubts, count - len(known), share, rng)]
        head = fit_head(pool[0][known], pool[1][known])
        accuracies.append(accuracy(head, test))
    return accuracies


def two_classes(shuffled: list[int], labels: Any, count: int) -> list[int]:
    """Return the first scans; the last of them gives way where all are of one class."""
    first = shuffled[:count]
    if len(set(labels[first].tolist())) == 1:
        first[-1] = next(i for i in shuffled if labels[i] != labels[first[0]])
    return first


def doubts_of(order: str, probabilities: Any, readings: Any) -> list[float]:
    """Return how much each scan is wanted, larger first."""
    rows = probabilities.tolist()
    if order == RANDOM:
        return [0.0] * len(rows)
    if order == DISAGREEMENT:
        pairs = zip(rows, readings.tolist(), strict=True)
        return [1 - row[answer] for row, answer in pairs]
    return [DOUBTS[order](row) for row in rows]


def first_readings(truth: Any, right: float, rng: np.random.Generator) -> Any:
    """Return what a simulated reader says, right with a probability, else any other class."""
    others = (truth + rng.integers(1, len(LABELS), len(truth))) % len(LABELS)
    return np.where(rng.random(len(truth)) < right, truth, others)


def accuracy(head: Any, test: Any) -> float:
    """Return the share of right answers on the test set."""
    from octtutor.model.measure.label_issues import chances

    return float((chances(head, test[0]).argmax(1) == test[1]).mean())


def reached(
    curves: dict[str, list[list[float]]], counts: Sequence[int], level: float
) -> dict[str, Any]:
    """Return the labels that each order needs for an accuracy, and how many repeats got there."""
    needed = {o: [labels_for(c, counts, level) for c in curves[o]] for o in ORDERS}
    capped = {o: [float(n or counts[-1]) for n in needed[o]] for o in ORDERS}
    rows = compared(capped)
    for order in ORDERS:
        rows[order]["reached"] = sum(n is not None for n in needed[order])
    return rows


def labels_for(accuracies: Sequence[float], counts: Sequence[int], level: float) -> int | None:
    """Return the first number of labels from which a level holds for two rounds running."""
    for count, now, later in zip(counts, accuracies, accuracies[1:], strict=False):
        if now >= level <= later:
            return count
    return None


def compared(values: dict[str, list[float]]) -> dict[str, Any]:
    """Return each order's mean, and its paired difference to random, with 95 % intervals."""
    rows = {order: {"mean": estimate(each)} for order, each in values.items()}
    for order in ORDERS[1:]:
        pairs = zip(values[order], values[RANDOM], strict=True)
        rows[order]["minus_random"] = estimate([one - other for one, other in pairs])
    return rows


def estimate(values: Sequence[float]) -> dict[str, Any]:
    """Return a mean with Student's 95 % interval over repeats."""
    from scipy.stats import t

    mean = float(np.mean(values))
    half = float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5)
    return {"value": mean, "ci95": [mean - half, mean + half]}


def print_table(figures: dict[str, Any]) -> None:
    """Print labels to each accuracy and accuracies at some numbers of labels."""
    scans = figures["scans"]
    print(
        f"{figures['backbone']}; {figures['head']}; pool {scans['pool']}, test {scans['test']} "
        f"scans; {figures['repeats']} repeats from {figures['start']} labels, "
        f"{figures['batch']} a round, at most {figures['limit']}"
    )
    print(
        f"accuracy with all {scans['pool']} labels: {figures['accuracy_with_all_labels']:.3f}; "
        "with all first readings of the simulated reader and no label: "
        f"{said(figures['accuracy_with_first_readings_alone'], '.3f')}"
    )
    for level, rows in figures["labels_to_reach"].items():
        print_rows(f"labels to reach {level}", rows, ".0f", figures["repeats"])
    for count, rows in figures["accuracy_with"].items():
        print_rows(f"accuracy with {count} labels", rows, ".3f", 0)
    print_rows("mean accuracy over all rounds", figures["mean_accuracy"], ".3f", 0)


def print_rows(title: str, rows: dict[str, Any], form: str, repeats: int) -> None:
    """Print a row an order."""
    print(f"\n{title:<32}{'mean (95 %)':<26}minus random (95 %)")
    for order, row in rows.items():
        difference = said(row["minus_random"], "+" + form) if "minus_random" in row else ""
        got = f"   reached in {row['reached']} of {repeats}" if repeats else ""
        print(f"  {order:<30}{said(row['mean'], form):<26}{difference}{got}")


def said(figure: dict[str, Any], form: str) -> str:
    """Return a figure with its interval."""
    low, high = figure["ci95"]
    return f"{figure['value']:{form}} ({low:{form}} to {high:{form}})"


if __name__ == "__main__":
    main()
