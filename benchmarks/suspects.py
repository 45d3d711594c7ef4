"""How many wrong labels confident learning finds: labels are flipped, then looked for.

    python benchmarks/suspects.py [--json] [--data ../shared/oct2017/train] [--repeats 20]

In every repeat a share of the labels is flipped, the set is cross-validated by patient as
`octtutor data suspects` does, and the flipped labels are looked for among the 5 % and the 10 % of
scans that come first. The labels as they came count as right; where some are wrong, finding those
counts as a miss. Two kinds of flips:

`uniform`: any scan, to any other class alike. Most such labels are absurd, and easy to find.
`plausible`: scans that the network finds hard, drawn in proportion to 1 minus its probability of
the right label, to the class that it then thinks of. They are what a tired reader gets wrong; a
method that asks the same kind of network must find few.

Orders: `confident learning` (the suspects first, then the others, both by self-confidence, as the
command lists them), `… by margin` (both by normalised margin), plain `self-confidence` of the same
probabilities, and `random`. Differences are paired; intervals are Student's over repeats, in which
flips and folds change, and the scans do not.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from octtutor.stats.confident_learning import (
    Prune,
    mark_label_issues,
    normalised_margin,
    other_class,
    rank_label_issues,
    self_confidence,
)

SHARED = Path(__file__).parent.parent.parent / "shared" / "oct2017" / "train"
UNIFORM, PLAUSIBLE = "uniform", "plausible"
CONFIDENT, BY_MARGIN = "confident learning", "confident learning by margin"
PLAIN, RANDOM = "self-confidence", "random"
SHARES = (0.05, 0.10)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--data", type=Path, default=SHARED, help="scans with right labels")
    parser.add_argument("--repeats", type=int, default=20, help="at least 2, default 20")
    parser.add_argument("--flip", type=float, default=0.05, help="share of labels, default 0.05")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--size", type=int, help="side of the input, pixels")
    parser.add_argument("--seed", type=int, default=2017)
    arguments = parser.parse_args()
    if arguments.repeats < 2 or not 0 < arguments.flip < 0.5:
        parser.error("2 repeats or more, and a share to flip between 0 and 0.5")
    if not arguments.data.is_dir():
        sys.exit(
            f"Expected scans in {arguments.data}. Put scans of OCT2017 there, in CNV/, DME/, "
            "DRUSEN/, NORMAL/ (doi 10.17632/rscbjbr9sj), or give --data."
        )
    figures = measure(arguments)
    print(json.dumps(figures, indent=2)) if arguments.json else print_table(figures)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run both kinds of flips and return their figures."""
    scans, rows = load(arguments)
    from octtutor.model.measure.label_issues import cross_validated

    clean, _ = cross_validated(scans, rows, arguments.folds, arguments.seed)
    kinds = {}
    for kind in (UNIFORM, PLAUSIBLE):
        runs = []
        for repeat in range(arguments.repeats):
            rng = np.random.default_rng([arguments.seed, repeat])
            given = flip(kind, scans.truth, clean, arguments.flip, rng)
            noisy = replace(scans, truth=given)
            fold_seed = arguments.seed + repeat
            probabilities, _ = cross_validated(noisy, rows, arguments.folds, fold_seed)
            runs.append(look(given, scans.truth, probabilities, rng))
            print(f"{kind}: repeat {repeat + 1} of {arguments.repeats}", file=sys.stderr)
        kinds[kind] = summed(runs)
    right = float((clean.argmax(axis=1) == scans.truth).mean())
    return {
        "backbone": "lite0, ImageNet's weights, frozen",
        "scans": len(scans.names),
        "patients": len(set(scans.patients)),
        "flipped": round(arguments.flip * len(scans.names)),
        "repeats": arguments.repeats,
        "folds": arguments.folds,
        "seed": arguments.seed,
        "accuracy_out_of_fold_before_flips": right,
        "suspects_before_flips": {
            str(prune): int(mark_label_issues(scans.truth, clean, prune).sum()) for prune in Prune
        },
        "flips": kinds,
    }


def load(arguments: argparse.Namespace) -> tuple[Any, Any]:
    """Return the scans and their features."""
    from octtutor.model.network.backend import import_keras_quietly

    import_keras_quietly()
    from octtutor.jobs.planning import open_cache, open_frozen
    from octtutor.model.measure.label_issues import read_rows
    from octtutor.wiring import read_settings

    settings = read_settings()
    frozen = open_frozen("lite0", "imagenet", arguments.size, None, settings)
    return read_rows(arguments.data, frozen, open_cache(settings))


def flip(kind: str, truth: Any, clean: Any, share: float, rng: np.random.Generator) -> Any:
    """Return labels of which a share is wrong, int64 (n,)."""
    count = max(1, round(share * len(truth)))
    given = truth.copy()
    if kind == UNIFORM:
        chosen = rng.choice(len(truth), count, replace=False)
        given[chosen] = (truth[chosen] + rng.integers(1, clean.shape[1], count)) % clean.shape[1]
        return given
    weights = 1 - self_confidence(truth, clean) + 1e-9
    chosen = rng.choice(len(truth), count, replace=False, p=weights / weights.sum())
    given[chosen] = other_class(truth, clean)[chosen]
    return given


def look(given: Any, truth: Any, probabilities: Any, rng: np.random.Generator) -> dict[str, Any]:
    """Return which share of the wrong labels each order finds, and how good the suspects are."""
    wrong = given != truth
    suspects = mark_label_issues(given, probabilities)
    sure = self_confidence(given, probabilities)
    orders = {
        CONFIDENT: rank_label_issues(suspects, sure),
        BY_MARGIN: rank_label_issues(suspects, normalised_margin(given, probabilities)),
        PLAIN: np.argsort(sure, kind="stable"),
        RANDOM: rng.permutation(len(given)),
    }
    found: dict[str, Any] = {}
    for share in SHARES:
        first = round(share * len(given))
        found |= {
            (share, o): wrong[order[:first]].sum() / wrong.sum() for o, order in orders.items()
        }
    for prune in Prune:
        chosen = mark_label_issues(given, probabilities, prune)
        hits = float((chosen & wrong).sum())
        found |= {
            ("suspects", prune): float(chosen.sum()),
            ("found", prune): hits / wrong.sum(),
            ("wrong", prune): hits / max(1, chosen.sum()),
        }
    return found


def summed(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return means over repeats with intervals, and paired differences."""
    values = {key: [float(run[key]) for run in runs] for key in runs[0]}
    top = {
        f"{share:.0%}": {
            **{
                order: estimate(values[share, order])
                for order in (CONFIDENT, BY_MARGIN, PLAIN, RANDOM)
            },
            **{
                f"{CONFIDENT} minus {order}": estimate(
                    np.subtract(values[share, CONFIDENT], values[share, order])
                )
                for order in (PLAIN, RANDOM)
            },
        }
        for share in SHARES
    }
    return {
        "found_in_top": top,
        "suspects": {
            str(prune): {
                "scans": estimate(values["suspects", prune]),
                "flips_found": estimate(values["found", prune]),
                "of_them_flips": estimate(values["wrong", prune]),
            }
            for prune in Prune
        },
    }


def estimate(values: Any) -> dict[str, Any]:
    """Return a mean with Student's 95 % interval over repeats."""
    from scipy.stats import t

    mean = float(np.mean(values))
    half = float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5)
    return {"value": mean, "ci95": [mean - half, mean + half]}


def print_table(figures: dict[str, Any]) -> None:
    """Print what was found of each kind of flips."""
    print(
        f"{figures['scans']} scans of {figures['patients']} patients, {figures['flipped']} labels "
        f"flipped, {figures['repeats']} repeats, {figures['folds']} folds by patient; "
        f"{figures['backbone']}, out-of-fold accuracy before flips "
        f"{figures['accuracy_out_of_fold_before_flips']:.3f}"
    )
    for kind, facts in figures["flips"].items():
        print(f"\n{kind} flips: share found, mean (95 %)")
        for share, rows in facts["found_in_top"].items():
            for name, figure in rows.items():
                print(f"  {'in the top ' + share:<18}{name:<42}{said(figure, '.3f')}")
        for prune, rows in facts["suspects"].items():
            print(
                f"  suspects {prune:<15} {said(rows['scans'], '.1f')} scans; flips found "
                f"{said(rows['flips_found'], '.3f')}; of them flips "
                f"{said(rows['of_them_flips'], '.3f')}"
            )


def said(figure: dict[str, Any], form: str) -> str:
    """Return a figure with its interval."""
    low, high = figure["ci95"]
    return f"{figure['value']:{form}} ({low:{form}} to {high:{form}})"


if __name__ == "__main__":
    main()
