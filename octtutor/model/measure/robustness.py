"""How a model carries over: the same scans as other devices and protocols would show them."""

import hashlib
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.core.diagnosis import LABELS, PENALTY, Diagnosis
from octtutor.datasets.decode import Pixels
from octtutor.datasets.fill import without_fill
from octtutor.datasets.scan_picture import ScanPicture
from octtutor.datasets.sources import open_source, scans_of
from octtutor.errors import BadScanError
from octtutor.model.network.scan_set import Progress
from octtutor.model.ood.corruption import KINDS, SEVERITIES, corrupt
from octtutor.model.serve.engine import KerasEngine
from octtutor.stats.figures import confusion, weighted_error

_HEALTHY = LABELS.index(Diagnosis.NORMAL)
Ints = npt.NDArray[np.int64]


def measure_corrupted(
    engine: KerasEngine,
    data: Path,
    progress: Progress | None = None,
    only: Container[str] | None = None,
    severities: Sequence[int] = SEVERITIES,
) -> dict[str, Any]:
    """Measure a model on corrupted copies of scans, one scan in memory at a time.

    Args:
        engine: the model.
        data: folder, archive or listing with known truth.
        progress: called with (done, total) scans.
        only: the SHA-256 of the files that are wanted; all of them by default.
        severities: which of the five.

    Returns:
        Ready for JSON: `n` scans, `severities`, `accuracy` and `weighted_error` over all copies,
        `healthy_called_diseased` (the share of the copies of NORMAL scans), and the same three by
        `kinds`, each a list by severity. At severity 3 and more, `off fovea` may have cut the
        lesion away: its accuracy has a ceiling below 1.
    """
    answers, truth = [], []
    with open_source(data) as members:
        wanted = scans_of(members, data)
        for done, member in enumerate(wanted, start=1):
            try:
                content = member.read()
                if only is not None and hashlib.sha256(content).hexdigest() not in only:
                    continue
                copies = _copies(engine, member.picture(content), done, severities)
            except BadScanError:
                continue
            answers.append(engine.run_many(copies).argmax(axis=1))
            truth.append(LABELS.index(member.place.label or LABELS[0]))
            if progress:
                progress(done, len(wanted))
    found = np.array(answers, np.int64).reshape(len(truth), len(KINDS), len(severities))
    known = np.array(truth, np.int64)
    return {
        "n": len(truth),
        "severities": list(severities),
        **_figures(found.reshape(len(truth), -1), known),
        "kinds": {
            kind: [_figures(found[:, i, j, None], known) for j in range(len(severities))]
            for i, kind in enumerate(KINDS)
        },
    }


def _copies(engine: KerasEngine, raw: ScanPicture, seed: int, severities: Sequence[int]) -> Pixels:
    scan = without_fill(raw.grey)
    copies = [corrupt(scan, kind, level, seed) for kind in KINDS for level in severities]
    return np.stack([engine.prepare(ScanPicture(copy, raw.spacing)) for copy in copies])


def _figures(answers: Ints, truth: Ints) -> dict[str, float | None]:
    """Return the figures of answers, int64 (n, copies), to scans with this truth."""
    every = np.repeat(truth, answers.shape[1])
    matrix = confusion(every, answers.ravel(), len(LABELS))
    healthy = answers[truth == _HEALTHY]
    return {
        "accuracy": float((answers.ravel() == every).mean()) if every.size else None,
        "weighted_error": weighted_error(matrix, PENALTY),
        "healthy_called_diseased": float((healthy != _HEALTHY).mean()) if healthy.size else None,
    }
