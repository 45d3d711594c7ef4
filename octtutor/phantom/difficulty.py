"""How difficult a case is, and what makes it so: the one place where the rules stand.

**Label.** CNV where a neovascular membrane shows (a PED that is not a druse, subretinal
hyperreflective material, or the RPE broken over it), whatever else there is; else DME where
there is fluid in or under the retina; else DRUSEN where drusen lift the RPE; else NORMAL. An eye
with a membrane may have drusen and fluid beside it: the label is what is treated first.

**Difficulty.** A disease counts with its severity, 0 to 1; a NORMAL eye counts as 1. Each
look-alike takes 0.15 off a disease and 0.5 off a NORMAL eye. What is left is easy from 0.6,
typical from 0.3, and hard below.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from numpy.random import Generator

from octtutor.core.diagnosis import Diagnosis
from octtutor.errors import BadInputError
from octtutor.phantom.image import View


class Difficulty(StrEnum):
    """How difficult a case is to read."""

    EASY = "easy"
    TYPICAL = "typical"
    HARD = "hard"


LOOK_ALIKES = (
    "posterior vitreous detachment",
    "vessel shadow",
    "scan beside the fovea",
    "weak signal",
)
"""What makes a reader think of something else, or hides what there is."""

_CHANCES = (0.22, 0.16, 0.07, 0.08)
_EASY, _TYPICAL = 0.6, 0.3
_LOST, _LOST_NORMAL = 0.15, 0.5
_BESIDE_UM = (350.0, 800.0)
_MOST = 2
"""Look-alikes in one case."""


@dataclass(frozen=True, slots=True)
class CasePlan:
    """What a case is to be, before it is drawn.

    Attributes:
        label: the diagnosis.
        severity: of the disease, 0 to 1; 0 in a healthy eye.
        look_alikes: of LOOK_ALIKES, those in the scan.
        off_centre_um: how far the scan passes from the foveal centre; None is near enough.
    """

    label: Diagnosis
    severity: float
    look_alikes: tuple[str, ...]
    off_centre_um: float | None

    @property
    def view(self) -> View:
        """What the picture shows besides the disease."""
        seen = [name in self.look_alikes for name in LOOK_ALIKES]
        return View(hyaloid=seen[0], shadow=seen[1], dim=seen[3])

    @property
    def difficulty(self) -> Difficulty:
        """How difficult the case is."""
        return rate(self.label, self.severity, len(self.look_alikes))


def rate(label: Diagnosis, severity: float, look_alikes: int) -> Difficulty:
    """Return how difficult a case is, by the rule above."""
    healthy = label is Diagnosis.NORMAL
    left = (1 if healthy else severity) - look_alikes * (_LOST_NORMAL if healthy else _LOST)
    if left >= _EASY:
        return Difficulty.EASY
    return Difficulty.TYPICAL if left >= _TYPICAL else Difficulty.HARD


def plan(label: Diagnosis, rng: Generator, difficulty: Difficulty | None) -> CasePlan:
    """Draw severity and look-alikes, so that the case is as difficult as asked.

    Raises:
        BadInputError: the difficulty is none of the three.
    """
    wanted = None if difficulty is None else checked_difficulty(difficulty)
    chances = rng.random(len(LOOK_ALIKES))
    order, free, beside = rng.permutation(len(LOOK_ALIKES)), rng.random(), rng.uniform(*_BESIDE_UM)
    count = min(int((chances < _CHANCES).sum()), _MOST)
    if label is Diagnosis.NORMAL:
        count = count if wanted is None else list(Difficulty).index(wanted)
        severity = 0.0
    else:
        low, high = (0.15, 1.0) if wanted is None else _range(wanted, count)
        severity = low + free**0.7 * (high - low)
    ranked = sorted(range(len(LOOK_ALIKES)), key=lambda k: (chances[k] >= _CHANCES[k], order[k]))
    names = tuple(LOOK_ALIKES[k] for k in sorted(ranked[:count]))
    off_centre = float(beside) if LOOK_ALIKES[2] in names else None
    return CasePlan(label, float(severity), names, off_centre)


def _range(wanted: Difficulty, look_alikes: int) -> tuple[float, float]:
    """Return the severities of a disease that `rate` calls `wanted`, from and to."""
    lost = _LOST * look_alikes
    ranges = {
        Difficulty.EASY: (_EASY + lost + 1e-6, 1.0),
        Difficulty.TYPICAL: (_TYPICAL + lost + 1e-6, _EASY + lost - 1e-6),
        Difficulty.HARD: (0.0, _TYPICAL + lost - 1e-6),
    }
    return ranges[wanted]


def checked_difficulty(difficulty: str) -> Difficulty:
    """Return the difficulty of this name.

    Raises:
        BadInputError: there is none.
    """
    if difficulty not in list(Difficulty):
        raise BadInputError(
            f"Expected a difficulty, one of {', '.join(Difficulty)}. Received: {difficulty!r}. "
            "Choose one of the three."
        )
    return Difficulty(difficulty)


def label_of(findings: Collection[str]) -> Diagnosis:
    """Return the diagnosis that the findings of a scan give, by the rule above."""
    membrane = {"sub-RPE fluid / PED", "subretinal hyperreflective material", "RPE disruption"}
    if not membrane.isdisjoint(findings):
        return Diagnosis.CNV
    if not {"intraretinal fluid", "subretinal fluid"}.isdisjoint(findings):
        return Diagnosis.DME
    return Diagnosis.DRUSEN if "drusen" in findings else Diagnosis.NORMAL
