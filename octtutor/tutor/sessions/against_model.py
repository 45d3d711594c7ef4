"""The class against the model, on the scans that both have read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from octtutor.core.answer import Answered
from octtutor.core.scheme import Scheme
from octtutor.stats.intervals import Figure, share_by_patient
from octtutor.stats.pairs import McNemar, mcnemar, mean_by_patient
from octtutor.tutor.sessions.board_lines import CaseLine

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class AgainstModel:
    """The class and the model on the same scans, those on which the model has answered."""

    scans: int
    readers: Figure
    """Mean accuracy of the readers' answers, which are alike within patient and reader."""
    model: Figure
    """Accuracy of the model, of each scan once."""
    difference: Figure
    """Readers minus model, paired answer by answer; the interval resamples patients."""
    ahead: int
    """Readers with more right answers than the model on the scans that they read."""
    level: int
    behind: int
    majority: Figure
    """Accuracy of the most frequent answer, on scans with two readers or more; a tie is not
    right."""
    pairs: McNemar | None
    """Majority (first) against model (second), scan by scan; None without such a scan."""


def against_model(
    counted: Sequence[Answered],
    lines: Sequence[CaseLine],
    patients: Mapping[str, str],
    scheme: Scheme,
) -> AgainstModel | None:
    """Compare the class with the model; None while the model has answered none of the scans."""
    model = {line.position: line.model.label for line in lines if line.model}
    items = [item for item in counted if item.answer.position in model]
    if not items:
        return None
    theirs = are_right(items)
    its = np.array([model[item.answer.position] == item.answer.truth for item in items], np.bool_)
    read = [line for line in lines if line.model and line.right.n]
    model_right = np.array([model[line.position] == line.case.label for line in read], np.bool_)
    voted = [line for line in read if sum(line.counts) >= 2]
    majority = np.array([_majority(line, scheme) == line.case.label for line in voted], np.bool_)
    beside = np.array([model[line.position] == line.case.label for line in voted], np.bool_)
    ahead, level, behind = _race(items, theirs, its)
    whose = patients_of(items, patients)
    return AgainstModel(
        scans=len(read),
        readers=share_by_patient(theirs, whose, [item.answer.attempt_id for item in items]),
        model=share_by_patient(model_right, [line.case.patient for line in read]),
        difference=mean_by_patient(theirs.astype(np.float64) - its, whose),
        ahead=ahead,
        level=level,
        behind=behind,
        majority=share_by_patient(majority, [line.case.patient for line in voted]),
        pairs=mcnemar(majority, beside) if voted else None,
    )


def _race(items: Sequence[Answered], theirs: Bools, its: Bools) -> tuple[int, int, int]:
    """Count readers who are ahead of the model, level with it, and behind it."""
    leads: dict[str, int] = {}
    for item, mine, other in zip(items, theirs, its, strict=True):
        key = item.answer.attempt_id
        leads[key] = leads.get(key, 0) + int(mine) - int(other)
    signs = [int(np.sign(lead)) for lead in leads.values()]
    return signs.count(1), signs.count(0), signs.count(-1)


def _majority(line: CaseLine, scheme: Scheme) -> str | None:
    """Return the most frequent answer; None where that is ungradable, or several are."""
    most = max(line.counts)
    if line.counts.count(most) > 1 or line.counts.index(most) == len(scheme.keys):
        return None
    return scheme.keys[line.counts.index(most)]


def are_right(items: Sequence[Answered]) -> Bools:
    """Return bool (n,): which answers are right."""
    return np.array([item.answer.is_right for item in items], np.bool_)


def patients_of(items: Sequence[Answered], patients: Mapping[str, str]) -> list[str]:
    """Return the patient of each answer's scan; a scan that is missing counts as one of its own."""
    return [patients.get(item.answer.sha256, item.answer.sha256) for item in items]
