"""What a picture is: an OCT B-scan to be answered, one unlike those learned from, or none.

Three things say it: the file, where it tells how its scans lie; what the preparation found (does
it look like a retina, how does it lie, is it cut, noisy, in colours); and how far the network's
feature map is from those of training scans (`octtutor.model.ood.ood_score`). How often that is
right is measured by `benchmarks/verdicts.py`; the figures are in docs/familiarity.md.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from octtutor.core.verdict import ScanVerdict, Verdict
from octtutor.datasets.decode import Pixels
from octtutor.datasets.preparation import RIGHTED, Prepared, StepKind, prepare
from octtutor.datasets.scan_picture import ScanPattern, ScanPicture
from octtutor.model.ood.ood_score import OodScore
from octtutor.model.ood.unusual import find_ways

NO_RETINA = -3.0
"""Likeness to a retina below which a picture is none, however familiar it is to the network."""
AT_EDGE, PER_SCORE, MOST_PAST = -2.0, 0.45, 8.0
"""An unfamiliar picture is no scan below this likeness; each point of the score past its threshold,
up to so many, asks for so much more. Beyond, a score tells nothing: scans of other devices go as
far."""
TURNED = 0.0
"""The likeness that is asked of an unfamiliar picture that lies wrong and was fed as it lies: its
score is of that, and tells nothing."""
_WHITE, _PAGE = 235, 0.4
"""From where a pixel is white, and the share of them that makes a page."""
_DARK, _COLOURED, _COLOURED_SHARE = 40, 40, 0.3
"""Value below which a pixel is dark, spread of its channels from which it has a colour, and the
share of these from which a picture is coloured."""
_ORANGE, _PINK, _RED = 22, 170, 0.85
"""Hues between which a pixel is not red (of 180), and the share of red ones in a fundus."""
_MAP_COLOURS, _GAUDY, _ROUGH = 4, 140, 25
"""Of a map: how many of five hues it has, its least saturation, its largest mean step."""

_GIVE = "Give an OCT B-scan of the retina."
TOLD: dict[ScanPattern, str] = {
    ScanPattern.CIRCLE: "A circular scan around the optic disc, as its file says: an OCT B-scan, "
    "but of a kind unlike any that this network learned from. It does not read it.",
    ScanPattern.EN_FACE: f"An OCT picture en face, as its file says: no B-scan. {_GIVE}",
    ScanPattern.ANGIOGRAPHY: f"OCT angiography, as its file says: it shows flow. {_GIVE}",
    ScanPattern.FUNDUS: f"A photograph of the eye, as its file says. {_GIVE}",
    ScanPattern.THICKNESS_MAP: f"A map of thickness, as its file says. {_GIVE}",
    ScanPattern.FRONT: f"OCT of the front of the eye, as its file says. {_GIVE}",
    ScanPattern.VESSEL: f"OCT from within a blood vessel, as its file says. {_GIVE}",
}
"""What is said of a picture of which its file says that it is no B-scan to be read. Lines, volumes
and radial scans are such as the network learned from."""
FUNDUS = "It looks like a colour photograph of the fundus. Give an OCT B-scan."
COLOUR_MAP = "It looks like a map in colours, of thickness perhaps. Give an OCT B-scan."
PAGE = (
    "This does not look like an OCT B-scan: no layers of a retina were found in it. It looks like "
    "a page; of a report's print, cut out the B-scan."
)
NONE = "This does not look like an OCT B-scan: no layers of a retina were found in it."
_UNLIKE = "An OCT B-scan, but unlike those that the model learned from: its answer is worth less."
UNMEASURED = "In what way was not found: another device perhaps, or a finding that is rare."
_LIES: dict[StepKind, str] = {
    StepKind.SCREEN: "It is a photograph or a slanted picture of a screen: give the exported file.",
    StepKind.SEVERAL: "It shows more than one scan: cut out the one that you mean.",
    StepKind.INVERTED: "It is inverted, dark on bright: invert it.",
    StepKind.SIDEWAYS: "It lies on its side: turn it.",
    StepKind.UPSIDE_DOWN: "It is upside down: turn it.",
}
_LOOKS: dict[StepKind, str] = {
    StepKind.PALETTE: "It is in a device's colours.",
    StepKind.BRIGHTNESS: "It has colours that are of no device known here.",
    StepKind.MARKS: "Arrows, boxes or numbers are drawn on it.",
    StepKind.COLOURED_MARKS: "Coloured lines or numbers are drawn on it.",
    StepKind.NO_RETINA: "Its retina is hard to make out.",
}


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What was measured of a picture, and what its file says."""

    pattern: ScanPattern | None
    steps: frozenset[StepKind]
    likeness: float
    """To a retina, log-odds; see `Prepared.likeness`."""
    is_fed_righted: bool
    """Whether the network got the righted scan; else its score is of one that lies wrong."""
    ways: tuple[str, ...]
    """What is unusual about the scan, a sentence each, where that was measured."""
    other: str | None
    """What else the picture looks like, where it shows no retina."""


def look_at(picture: ScanPicture, prepared: Prepared | None = None) -> PictureFacts:
    """Measure a picture.

    Args:
        picture: as it was given.
        prepared: what the network was fed, where that is the second way; None for the first.
    """
    done = prepared or prepare(picture.pixels, picture.spacing)
    steps = frozenset(step.done for step in done.steps)
    return PictureFacts(
        picture.pattern,
        steps,
        done.likeness,
        prepared is not None or not steps & RIGHTED,
        (*(text for kind, text in _LOOKS.items() if kind in steps), *find_ways(done)),
        _find_other(picture.pixels) if done.likeness < 0 else None,
    )


def judge(facts: PictureFacts, seen: OodScore | None) -> ScanVerdict:
    """Say what a picture is.

    Args:
        facts: what was measured of it.
        seen: how its feature map compares with those of training scans; None: nobody can tell.
    """
    told = TOLD.get(facts.pattern) if facts.pattern else None
    if told and not (facts.pattern is ScanPattern.FUNDUS and facts.likeness > 0):
        return ScanVerdict(Verdict.OTHER_SCAN, told)  # a B-scan may be filed as a photograph
    past = _past(seen)
    least = AT_EDGE + PER_SCORE * min(past, MOST_PAST) if facts.is_fed_righted else TURNED
    if facts.likeness < NO_RETINA or (past > 0 and facts.likeness < least):
        return _no_scan(facts)
    lies = () if facts.is_fed_righted else [_LIES[k] for k in _LIES if k in facts.steps]
    if past <= 0 and not lies:
        return ScanVerdict(Verdict.SCAN)
    ways = (facts.ways or (UNMEASURED,)) if past > 0 and not lies else facts.ways
    return ScanVerdict(Verdict.UNLIKE, " ".join([_UNLIKE, *lies, *ways]))


def _past(seen: OodScore | None) -> float:
    """Return how far a score is past its threshold; 0 where nobody can tell."""
    if seen is None:
        return 0.0
    return seen.score - seen.threshold if math.isfinite(seen.score) else math.inf


def _no_scan(facts: PictureFacts) -> ScanVerdict:
    if facts.other in (FUNDUS, COLOUR_MAP):
        return ScanVerdict(Verdict.OTHER_SCAN, str(facts.other))
    return ScanVerdict(Verdict.NO_SCAN, facts.other or NONE)


def _find_other(picture: Pixels) -> str | None:
    """Name what a picture without a retina's layers looks like by its colours, where that tells."""
    step = max(1, min(picture.shape[:2]) // 160)
    small = picture[::step, ::step]
    darkest = small if small.ndim == 2 else small.min(-1)
    if (darkest > _WHITE).mean() > _PAGE:
        return PAGE
    if small.ndim == 2:
        return None
    hue, saturation, value = np.moveaxis(cv2.cvtColor(small, cv2.COLOR_RGB2HSV), -1, 0)
    coloured = (value > _DARK) & (small.max(-1) - darkest > _COLOURED)
    if coloured.mean() < _COLOURED_SHARE:
        return None
    hues = hue[coloured]
    if ((hues < _ORANGE) | (hues > _PINK)).mean() > _RED and _has_dark_corners(value):
        return FUNDUS
    shares = np.histogram(hues, bins=[0, 15, 40, 85, 130, 180])[0] / len(hues)
    is_smooth = np.abs(np.diff(value.astype(np.int16), axis=1)).mean() < _ROUGH
    is_gaudy = np.median(saturation[coloured]) > _GAUDY and (shares > 0.05).sum() >= _MAP_COLOURS
    return COLOUR_MAP if is_smooth and is_gaudy else None


def _has_dark_corners(value: Pixels) -> bool:
    tall, wide = (max(1, side // 12) for side in value.shape)
    return all(
        value[rows, columns].mean() < _DARK
        for rows in (slice(tall), slice(-tall, None))
        for columns in (slice(wide), slice(-wide, None))
    )
