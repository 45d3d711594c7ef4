"""Answering or not: how often answers are right, against how many are given.

Risk and coverage of a reader who answers only where its highest probability reaches a threshold
(El-Yaniv & Wiener, JMLR 11:1605, 2010; Geifman & El-Yaniv, NeurIPS 2017).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.stats.intervals import share_by_patient

WANTED = 0.98
"""Share of the given answers that shall be right."""
LEAST = 50
"""Scans below which nothing is chosen: one wrong answer among fewer is more than the rest."""
NEVER = 1.01
"""The threshold where even the surest answers are wrong: no probability reaches it."""
Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]


def choose_threshold(surest: Floats, right: Bools, wanted: float = WANTED) -> float:
    """Return the probability from which on answers are right often enough, at the most coverage.

    Args:
        surest: float (n,), the highest probability of each scan, in [0, 1].
        right: bool (n,), whether it was the truth's.
        wanted: the least share of the given answers that is right.

    Returns:
        A number between the last answer that is given and the first that is not. 0: all are
        given, or there are fewer than `LEAST` scans to choose on; `NEVER`: none is.
    """
    n = len(surest)
    if n < LEAST:
        return 0.0
    order = np.argsort(-surest, kind="stable")
    levels = surest[order].astype(np.float64)
    ends = np.append(levels[1:] < levels[:-1], True)  # equals are given together
    enough = np.cumsum(right[order]) >= wanted * np.arange(1, n + 1) - 1e-9
    given = np.flatnonzero(ends & enough)
    if not len(given):
        return NEVER
    last = int(given[-1])
    return 0.0 if last == n - 1 else float((levels[last] + levels[last + 1]) / 2)


def answered_figures(given: Bools, right: Bools, patients: Sequence[str]) -> dict[str, Any]:
    """Return how many scans are answered, and how many of these answers are right.

    Args:
        given: bool (n,), n at least 1: whether the scan is answered.
        right: bool (n,), whether the answer is, or would be, right.
        patients: the patient of each scan; the intervals resample them.

    Returns:
        `n`, `patients`, `coverage`, `coverage_ci`, `answered` (scans), `right` (of these; None
        where there are none), `right_ci`.
    """
    coverage, places = share_by_patient(given, patients), np.flatnonzero(given).tolist()
    share = share_by_patient(right[places], [patients[k] for k in places]) if places else None
    return {
        "n": len(given),
        "patients": len(set(patients)),
        "coverage": coverage.value,
        "coverage_ci": [coverage.low, coverage.high],
        "answered": len(places),
        "right": share.value if share else None,
        "right_ci": [share.low, share.high] if share else [None, None],
    }
