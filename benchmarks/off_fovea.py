"""Draw slices that pass beside the fovea, healthy and diseased, to train on and to measure on.

    python benchmarks/off_fovea.py --out FOLDER --normal 160 --diseased 40 --seed 0

Real scans of training sets nearly all pass through the fovea; a volume's slices do not. Above and
below the macula the retina has no pit, and the nerve fibres are thick. Writes `CLASS/…png`; a
name's last number says how many µm beside the fovea the scan passes.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.phantom.deck import NARROW, WIDE
from octtutor.phantom.synthetic_scan import make

FIRST_PATIENT = 9_500_000
HEALTHY_UM, DISEASED_UM = (300.0, 3000.0), (0.0, 2000.0)


def main() -> None:
    """Draw and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--normal", type=int, default=160)
    parser.add_argument("--diseased", type=int, default=40, help="of each disease")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    patient = FIRST_PATIENT + 10_000 * given.seed
    for label in LABELS:
        folder = given.out / label
        folder.mkdir(parents=True, exist_ok=True)
        healthy = label == Diagnosis.NORMAL
        for number in range(given.normal if healthy else given.diseased):
            rng = np.random.default_rng([given.seed, LABELS.index(label), number])
            off_centre = float(rng.uniform(*(HEALTHY_UM if healthy else DISEASED_UM)))
            scan = draw(label, rng, off_centre)
            cv2.imwrite(str(folder / f"{label}-{patient}-{off_centre:.0f}.png"), scan)
            patient += 1


def draw(label: Diagnosis, rng: np.random.Generator, off_centre: float) -> NDArray[np.uint8]:
    """Draw one scan that passes so many µm beside the fovea, uint8 (height, width)."""
    size = WIDE if rng.random() < 0.25 else NARROW
    return make(label, rng, size, off_centre=off_centre).scan


if __name__ == "__main__":
    main()
