"""In which ways a scan is unlike those of OCT2017, measured from its picture, in words.

What is usual is what 99 % of the scans of OCT2017's test part show (`benchmarks/verdicts.py`);
that a scan is unusual in a way does not prove that the network minds just this.
"""

from math import inf

import cv2
import numpy as np

from octtutor.datasets.decode import Pixels
from octtutor.datasets.preparation import Prepared, StepKind

MOST_WAYS = 3
"""How many ways are said at once; the first weigh most."""
_WAYS: tuple[tuple[str, float, float, str], ...] = (
    ("height", 0, 0.65, "It is cut close to the retina."),
    ("edge", 0.02, 1, "Its retina runs out of the picture."),
    ("grain", 0, 0.055, "It is noisy."),
    ("clearness", 0.65, 1, "Its layers stand out little from what is around them."),
    (
        "pit",
        0,
        0.98,
        "No pit shows in its middle: it may lie off the fovea, or the retina is swollen.",
    ),
    (
        "grain",
        0.013,
        inf,
        "It is smoother than those: averaged more often, denoised, or of another device.",
    ),
    ("slope", 0, 0.85, "Its retina lies aslant."),
    ("bend", 0, 100, "Its retina is bent: a long eye, or a lesion that lifts it."),
    ("ground", 0, 36, "Its dark parts are brighter than theirs: another device or exposure."),
    ("contrast", 0, 190, "Its contrast is stronger than theirs: another device or exposure."),
    ("row", 0, 6.5, "Its pixels are coarser than theirs: another device, or a small copy."),
    ("width", 5, inf, "It shows less of the retina than those, as far as can be told."),
    ("width", 0, 9.5, "It shows more of the retina than those, as far as can be told."),
)
"""What is measured, from where to where it is usual, and what is said of a scan beyond."""


def find_ways(done: Prepared) -> tuple[str, ...]:
    """Say what is unusual about a scan, a sentence a way, at most `MOST_WAYS`."""
    seen = measure(done)
    found = [text for name, low, high, text in _WAYS if not low <= seen[name] <= high]
    return tuple(found[:MOST_WAYS])


def measure(done: Prepared) -> dict[str, float]:
    """Measure what may be unusual about a prepared scan.

    Returns:
        `height`: the retina's share of the scan's height; `edge`: how near it comes to the upper
        or lower border, as such a share; `clearness` of it, in [0, 1]; `grain`: the scan's noise
        as a share of its contrast; `pit`: least thickness in the middle third beside that of the
        sides; `slope`: by how many mm it falls or rises over the width; `bend`: mean distance of
        its outermost band from a parabola, µm; `ground` and `contrast`: grey levels; `row`: height
        of a pixel, µm; `width`: of the scan, mm.
    """
    retina, spacing, height = done.retina, done.spacing, done.retina.height
    columns = np.linspace(-0.5, 0.5, len(retina.bottom))
    slope = np.polyfit(columns, retina.bottom, 1)[0]
    bend = np.abs(retina.bottom - np.polyval(np.polyfit(columns, retina.bottom, 2), columns)).mean()
    first, last = np.quantile(retina.top, 0.04), np.quantile(retina.bottom, 0.96)
    ground, bright = np.quantile(done.scan, [0.2, 0.985])
    unclear = done.did(StepKind.NO_RETINA)  # which is said apart
    return {
        "height": float(last - first) / height,
        "edge": float(min(retina.top.min(), height - retina.bottom.max())) / height,
        "clearness": 1.0 if unclear else retina.confidence,
        "grain": grain_of(done.scan),
        "pit": _middle_to_sides(done),
        "slope": abs(float(slope)) * spacing.axial / 1000,
        "bend": float(bend) * spacing.axial,
        "ground": float(ground),
        "contrast": float(bright - ground),
        "row": spacing.axial,
        "width": len(columns) * spacing.lateral / 1000,
    }


def grain_of(scan: Pixels) -> float:
    """Return how much a prepared scan's grain is of its contrast; uint8 (height, width)."""
    grain = np.abs(scan.astype(np.float32) - cv2.medianBlur(scan, 3)).mean()
    low, high = np.quantile(scan, [0.2, 0.985])
    return float(grain / max(1.0, float(high - low)))


def _middle_to_sides(done: Prepared) -> float:
    """Return the least thickness in the middle third beside the sides' median."""
    thickness = done.retina.thickness
    width = len(thickness)
    smooth = cv2.blur(thickness[None], (max(3, width // 24) | 1, 1))[0]
    sides = np.concatenate([smooth[: width // 4], smooth[-width // 4 :]])
    middle = smooth[width // 3 : 2 * width // 3].min()
    return float(middle / max(1.0, float(np.median(sides))))
