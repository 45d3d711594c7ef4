"""Which way of training carries over: train without one source, measure on it.

    python benchmarks/source_study.py --list LIST.csv --without octdl --out FOLDER VARIANT …
    python benchmarks/source_study.py --out FOLDER --table

LIST is a listing with the columns `file` and `source`; `--others` is one of scans that are none of
the diagnoses (`benchmarks/source_lists.py` writes both). Each (variant, source) is one file of
logits in FOLDER; what is there is not run again. The intervals are over patients.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from octtutor.core.diagnosis import LABELS
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.model.network.backend import import_keras_quietly


def variants() -> dict[str, tuple[Any, int]]:
    """Return recipe and way of preparing of each variant by name."""
    from octtutor.model.training.augment import MILD, Augmentation
    from octtutor.model.training.recipes.finetune import Finetune

    of_0_1 = replace(
        Augmentation(), stretch=0.2, window=0.2, slip=0.5, gamma=0.45, speckle=0.5, noise=0.08,
        coarse=3.0, mild=0.65,
    )  # fmt: skip
    stronger = replace(
        Augmentation(), stretch=0.35, window=0.3, slip=1.0, gamma=0.6, speckle=0.7, noise=0.14,
        coarse=4.0, mild=0.25,
    )  # fmt: skip
    ships = Finetune(epochs=8, balance=0.5)
    mild = replace(ships, augmentation=of_0_1)
    return {
        "ships": (ships, 2),
        "0.1's copies": (mild, 2),
        "0.1's copies, squeezed": (mild, 1),
        "stronger copies": (replace(ships, augmentation=stronger), 2),
        "one device's copies": (replace(ships, augmentation=MILD), 2),
        "ships, half the rate": (replace(ships, peak_rate=1e-3), 2),
        "ships, mixup 0.2": (replace(ships, mixup=0.2), 2),
        "ships, as they come": (replace(ships, balance=0.0), 2),
        "ships, 16 epochs": (replace(ships, epochs=16), 2),
    }


def main() -> None:
    """Run what is asked for, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variants", nargs="*")
    parser.add_argument("--list", type=Path, dest="listing")
    parser.add_argument("--others", type=Path)
    parser.add_argument("--without")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    if given.table:
        show(given.out)
        return
    import_keras_quietly()
    given.out.mkdir(parents=True, exist_ok=True)
    for name in given.variants:
        run(name, given.listing, given.others, given.without, given.out)


def run(name: str, listing: Path, others: Path | None, without: str, out: Path) -> None:
    """Train one variant without one source, and keep what it answers on that one."""
    import keras

    from octtutor.model.network.backbones import own_preprocessing
    from octtutor.model.network.lite0 import load_imagenet
    from octtutor.model.network.network import GAP_DENSE, build_network
    from octtutor.model.network.scan_set import load_outliers, load_scans
    from octtutor.model.training.finetune_training import finetune, logits_of
    from octtutor.model.training.loop import Watch

    target = out / f"{name}.{without}.npz"
    if target.exists():
        return
    recipe, version = variants()[name]
    how = own_preprocessing("lite0", 224)
    how = how.framed() if version == 2 else how
    scans = load_scans(listing, how)
    held = scans.by_source()[without]
    rest = scans.without_patients(scans.patients[index] for index in held)
    start = time.perf_counter()
    keras.utils.clear_session()
    keras.utils.set_random_seed(recipe.seed)
    network = build_network("lite0", GAP_DENSE, 224)
    load_imagenet(network.backbone)
    watch = Watch(on_epoch=lambda epoch, facts: print(name, without, epoch, facts, flush=True))
    finetune(network, rest, recipe, watch=watch, feed=how.to_input)
    seconds = time.perf_counter() - start
    model = network.joined()

    def both_ways(pixels: Any) -> Any:
        mirrored = np.ascontiguousarray(pixels[:, :, ::-1])
        return (
            logits_of(model, pixels, how.to_input) + logits_of(model, mirrored, how.to_input)
        ) / 2

    told = {"logits": both_ways(scans.scans[held]), "truth": scans.truth[held]}
    told["patients"] = np.array(scans.patients)[held]
    if others is not None:
        told["others"] = both_ways(load_outliers(others, how).scans)
    np.savez(target, seconds=seconds, n=len(rest.names), **told)


def show(out: Path) -> None:
    """Print each variant's figures on each source that it never saw."""
    from octtutor.model.network.engine_contract import softmax
    from octtutor.stats.figures import model_figures

    print(
        f"| variant | never saw | trained on | right (95 % over patients) | by class | "
        f"{' | '.join(LABELS)} | none of these, answered with 0.9 or more |"
    )
    print("|---" * (6 + len(LABELS)) + "|")
    for path in sorted(out.glob("*.npz")):
        name, without = path.stem.rsplit(".", 1)
        told = np.load(path)
        chances = softmax(told["logits"])
        figures = model_figures(told["truth"], chances, told["patients"].tolist(), OCT2017_SCHEME)
        low, high = figures["accuracy_ci"]
        answers = chances.argmax(1)
        classes = [float((answers[told["truth"] == k] == k).mean()) for k in range(len(LABELS))]
        sure = (softmax(told["others"]).max(1) >= 0.9).mean() if "others" in told else np.nan
        print(
            f"| {name} | {without}, {len(answers)} | {told['n']} | {figures['accuracy']:.3f} "
            f"({low:.3f} to {high:.3f}) | {np.mean(classes):.3f} | "
            f"{' | '.join(f'{share:.2f}' for share in classes)} | {sure:.2f} |"
        )


if __name__ == "__main__":
    main()
