"""Which way of training is best: grouped cross-validation of recipe `finetune`'s variants.

    python benchmarks/model_study.py --data DIR --out FOLDER VARIANT … [--folds 0 1 2]
    python benchmarks/model_study.py --out FOLDER --table

Each (variant, fold) is one file of logits in FOLDER, on the held-out scans and on corrupted
copies of them; what is there is not run again, and what was cut off goes on. The table pools
the folds.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from octtutor.core.diagnosis import LABELS, PENALTY
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.model.network.backend import import_keras_quietly

FOLDS = 5
SEED = 11
SEVERITIES = (2, 4)


def variants() -> dict[str, Any]:
    """Return the settings of each variant by name."""
    from octtutor.model.training.augment import MILD, Augmentation
    from octtutor.model.training.recipes.finetune import Finetune

    first = Finetune(epochs=8, class_weights=False, frozen=0.0, augmentation=MILD)
    half = Finetune(
        epochs=8, frozen=0.0, augmentation=replace(Augmentation(), window=0.0, slip=0.0)
    )
    frozen = replace(half, frozen=0.3)
    whole = replace(frozen, augmentation=Augmentation(), epochs=14)
    device = replace(half.augmentation, mild=0.0)
    ships = Finetune()
    stronger = replace(Augmentation(), slip=1.0, speckle=0.7, noise=0.14, window=0.3, mild=0.5)
    return {
        "ships": ships,
        "ships, mixup": replace(ships, mixup=0.2),
        "ships, cutmix": replace(ships, cutmix=0.3),
        "ships, depth 0.3": replace(ships, depth_rate=0.3),
        "ships, stronger": replace(ships, augmentation=stronger),
        "ships, wider": replace(ships, augmentation=replace(stronger, stretch=0.5)),
        "first": first,
        "device, probe, depth 0.1, frozen": replace(
            frozen, augmentation=device, depth_rate=0.1, probe=20
        ),
        "half": half,
        "half, frozen": frozen,
        "half, frozen, 20 epochs": replace(frozen, epochs=20),
        "whole, frozen, 14 epochs": whole,
        "whole, frozen, 14 epochs, mixup": replace(whole, mixup=0.2),
        "whole, frozen, 14 epochs, cutmix": replace(whole, cutmix=0.5),
        "whole, frozen, 14 epochs, depth 0.3": replace(whole, depth_rate=0.3),
        "whole, frozen, 14 epochs, probe": replace(whole, probe=20),
    }


def main() -> None:
    """Run what is asked for, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variants", nargs="*")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--folds", type=int, nargs="+", default=list(range(FOLDS)))
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.table or arguments.json:
        show(arguments.out, arguments.json)
        return
    import_keras_quietly()
    study = Study(arguments.data, arguments.out)
    for name in arguments.variants:
        for fold in arguments.folds:
            study.run(name, fold)


class Study:
    """The scans, their folds and their corrupted copies."""

    def __init__(self, data: Path, out: Path) -> None:
        """Load the scans; make the corrupted copies once."""
        from octtutor.datasets.split import split_folds
        from octtutor.model.network.scan_set import load_scans

        self.out = out
        out.mkdir(parents=True, exist_ok=True)
        self.scans = load_scans(data, 224)
        labels = [LABELS[i] for i in self.scans.truth]
        self.folds = split_folds(labels, self.scans.patients, FOLDS, SEED)
        self.corrupted = corrupted_copies(data, out / "corrupted.npy", self.scans)

    def run(self, name: str, fold: int) -> None:
        """Train one variant without one fold, and keep what it answers on that fold."""
        from octtutor.model.network.lite0 import load_imagenet
        from octtutor.model.network.network import GAP_DENSE, build_network
        from octtutor.model.training.finetune_training import finetune, logits_of
        from octtutor.model.training.loop import Watch

        target = self.out / f"{name}.{fold}.npz"
        if target.exists():
            return
        held = self.folds[fold]
        rest = sorted(set(range(len(self.scans.names))) - set(held))
        recipe = variants()[name]
        start = time.perf_counter()
        import keras

        keras.utils.clear_session()
        keras.utils.set_random_seed(recipe.seed)
        network = build_network("lite0", GAP_DENSE, 224)
        load_imagenet(network.backbone)
        watch = Watch(lambda epoch, facts: print(name, fold, epoch, facts, flush=True),
                      checkpoints=self.out / f"{name}.{fold}.run")  # fmt: skip
        finetune(network, self.scans.take(rest), recipe, watch=watch)
        seconds = time.perf_counter() - start
        model = network.joined()
        clean = self.scans.scans[held]
        both = (logits_of(model, clean) + logits_of(model, clean[:, :, ::-1])) / 2
        rough = np.stack([logits_of(model, copies[held]) for copies in self.corrupted])
        patients = np.array(self.scans.patients)[held]
        np.savez(
            target, logits=both, rough=rough, truth=self.scans.truth[held], patients=patients,
            seconds=seconds,
        )  # fmt: skip
        right = (both.argmax(1) == self.scans.truth[held]).mean()
        print(f"{name} fold {fold}: {right:.3f} in {seconds:.0f} s", flush=True)


def corrupted_copies(data: Path, path: Path, scans: Any) -> Any:
    """Return prepared corrupted copies, uint8 (kinds x severities, n, 224, 224)."""
    from octtutor.datasets.decode import decode
    from octtutor.datasets.fill import without_fill
    from octtutor.datasets.sources import open_source, scans_of
    from octtutor.model.network.preprocess import prepare
    from octtutor.model.ood.corruption import KINDS, corrupt

    if path.exists():
        return np.load(path, mmap_mode="r")
    jobs = [(kind, severity) for kind in KINDS for severity in SEVERITIES]
    made = np.zeros((len(jobs), len(scans.names), 224, 224), np.uint8)
    with open_source(data) as members:
        for i, member in enumerate(scans_of(members, data)):
            scan = without_fill(decode(member.read(), member.name))
            for j, (kind, severity) in enumerate(jobs):
                made[j, i] = prepare(corrupt(scan, kind, severity, i), 224)
    np.save(path, made)
    return made


def show(out: Path, as_json: bool) -> None:
    """Print the pooled figures of each variant."""
    names = sorted({path.stem.rsplit(".", 1)[0] for path in out.glob("*.npz")})
    rows = [figures(name, sorted(out.glob(f"{name}.[0-9].npz"))) for name in names]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    print(
        "| variant | folds | accuracy (95 % over patients) | weighted error | ECE | corrupted "
        "accuracy | healthy called diseased, corrupted | worst kind | s a fold |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for row in sorted(rows, key=lambda row: -row["corrupted_accuracy"]):
        low, high = row["accuracy_ci"]
        print(
            f"| {row['variant']} | {row['folds']} | {row['accuracy']:.3f} ({low:.3f} to "
            f"{high:.3f}) | {row['weighted_error']:.3f} | {row['ece']:.3f} | "
            f"{row['corrupted_accuracy']:.3f} | {row['corrupted_false_alarms']:.3f} | "
            f"{row['worst']} | {row['seconds']:.0f} |"
        )


def figures(name: str, files: list[Path]) -> dict[str, Any]:
    """Return a variant's figures, pooled over its folds."""
    from octtutor.model.ood.corruption import KINDS
    from octtutor.model.training.temperature import fit_temperature
    from octtutor.stats.figures import model_figures

    folds = [dict(np.load(path)) for path in files]
    truth = np.concatenate([fold["truth"] for fold in folds])
    patients = np.concatenate([fold["patients"] for fold in folds]).tolist()
    scaled = []
    for index, fold in enumerate(folds):
        others = [f for i, f in enumerate(folds) if i != index] or [fold]
        heat = fit_temperature(
            np.concatenate([f["logits"] for f in others]),
            np.concatenate([f["truth"] for f in others]),
        )
        scaled.append(fold["logits"] / heat)
    logits = np.concatenate(scaled)
    chances = np.exp(logits - logits.max(1, keepdims=True))
    pooled = model_figures(truth, chances / chances.sum(1, keepdims=True), patients, OCT2017_SCHEME)
    rough = np.concatenate([fold["rough"] for fold in folds], axis=1).argmax(-1)
    right = (rough == truth).mean(axis=1)
    healthy = truth == LABELS.index(LABELS[3])
    kinds = list(KINDS)
    by_kind = {
        kind: right[i * len(SEVERITIES) : (i + 1) * len(SEVERITIES)].tolist()
        for i, kind in enumerate(kinds)
    }
    worst = min(by_kind, key=lambda kind: sum(by_kind[kind]))
    return {
        "variant": name,
        "folds": len(folds),
        "accuracy": pooled["accuracy"],
        "accuracy_ci": pooled["accuracy_ci"],
        "weighted_error": pooled["weighted_error"],
        "weighted_error_ci": pooled["weighted_error_ci"],
        "ece": pooled["ece"],
        "corrupted_accuracy": float(right.mean()),
        "corrupted_weighted_error": float(np.array(PENALTY)[truth[None], rough].mean()),
        "corrupted_false_alarms": float((rough[:, healthy] != 3).mean()),
        "worst": f"{worst} {min(by_kind[worst]):.2f}",
        "by_kind": by_kind,
        "seconds": float(np.mean([fold["seconds"] for fold in folds])),
    }


if __name__ == "__main__":
    main()
