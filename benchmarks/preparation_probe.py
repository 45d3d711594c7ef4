"""Which frame carries over: a linear head on frozen features, leaving one source out.

    python benchmarks/preparation_probe.py --scans ../shared/oct2017 ../shared/octdl [--every 2 …]

Each way of preparing feeds the frozen ImageNet lite0; a logistic regression on the features' mean
is fitted on all folders but one and measured on that one. A probe of the preparation, no study of
a network: what is fine-tuned reads better, and may rank the ways otherwise.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from octtutor.core.diagnosis import LABELS
from octtutor.datasets.preparation import ScanFrame, prepare
from octtutor.datasets.preparation.scan_frame import estimate_spacing
from octtutor.model.network.preprocess import Preprocessing
from octtutor.model.network.pretrained import BackboneSource, open_backbone

Pixels = np.ndarray
SIDE, BATCH = 224, 32
NARROW = ScanFrame(SIDE, SIDE, 6.5, 26.3)


def estimated(scan: Pixels) -> Pixels:
    """Prepare a scan as if nothing told the size of its pixels."""
    guess = estimate_spacing(prepare(scan, frame=NARROW).retina, scan.shape[1])
    return prepare(scan, spacing=(guess.axial, guess.lateral), frame=NARROW).scan


WAYS: dict[str, Callable[[Pixels], Pixels]] = {
    "version 1": Preprocessing(SIDE).prepare,
    "39.5 x 7.0 µm": lambda scan: prepare(scan, frame=ScanFrame(SIDE, SIDE, 7.0, 39.5)).scan,
    "26.3 x 6.5 µm": lambda scan: prepare(scan, frame=NARROW).scan,
    "21.0 x 5.2 µm": lambda scan: prepare(scan, frame=ScanFrame(SIDE, SIDE, 5.2, 21.0)).scan,
    "26.3 x 6.5 µm, spacing estimated": estimated,
}


def read(folders: list[Path], every: list[int]) -> tuple[list[Pixels], Pixels, Pixels]:
    """Return the scans of the four classes, their sources and their labels."""
    scans, sources, labels = [], [], []
    for folder, step in zip(folders, every, strict=True):
        for label in LABELS:
            paths = sorted(path for path in folder.rglob("*.jp*g") if path.parent.name == label)
            for path in paths[::step]:
                scans.append(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
                sources.append(folder.name)
                labels.append(str(label))
    return scans, np.array(sources), np.array(labels)


def score(features: Pixels, sources: Pixels, labels: Pixels, held: str) -> dict[str, float]:
    """Fit on all sources but one, each class of each counting alike, and measure on that one."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    kept = sources != held
    groups = np.char.add(sources[kept], labels[kept])
    names, counts = np.unique(groups, return_counts=True)
    weights = 1 / counts[np.searchsorted(names, groups)]
    scale = StandardScaler().fit(features[kept])
    head = LogisticRegression(C=0.003, max_iter=600)
    head.fit(scale.transform(features[kept]), labels[kept], weights * len(groups) / weights.sum())
    right = head.predict(scale.transform(features[~kept])) == labels[~kept]
    by_class = [right[labels[~kept] == label].mean() for label in np.unique(labels[~kept])]
    return {"n": len(right), "right": float(right.mean()), "balanced": float(np.mean(by_class))}


def main() -> None:
    """Prepare, feed, fit, and print a table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=Path, nargs="+", required=True)
    parser.add_argument("--every", type=int, nargs="*")
    options = parser.parse_args()
    scans, sources, labels = read(options.scans, options.every or [1] * len(options.scans))
    network, feed = open_backbone(BackboneSource()).network, Preprocessing(SIDE).to_input
    report: dict[str, dict[str, dict[str, float]]] = {}
    for way, make in WAYS.items():
        fed = np.stack([make(scan) for scan in scans])
        parts = [fed[start : start + BATCH] for start in range(0, len(fed), BATCH)]
        maps = [np.asarray(network(feed(part), training=False)) for part in parts]
        features = np.concatenate([each.mean(axis=(1, 2)) for each in maps])
        report[way] = {
            held: score(features, sources, labels, held) for held in dict.fromkeys(sources.tolist())
        }
        print(f"{way:34}", {name: round(one["balanced"], 3) for name, one in report[way].items()})
    print(json.dumps(report))


if __name__ == "__main__":
    main()
