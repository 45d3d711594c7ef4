"""How a model carries over: the same scans as other devices and protocols would show them."""

import hashlib
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.core.scheme import Scheme
from octtutor.datasets.decode import Pixels
from octtutor.datasets.fill import without_fill
from octtutor.datasets.scan_picture import ScanPicture
from octtutor.datasets.sources import open_source
from octtutor.errors import BadScanError
from octtutor.model.measure.mapped_truth import MappedTruth
from octtutor.model.network.scan_set import Progress
from octtutor.model.ood.corruption import KINDS, SEVERITIES, corrupt
from octtutor.model.serve.engine import KerasEngine
from octtutor.stats.figures import confusion, weighted_error

Ints = npt.NDArray[np.int64]


def measure_corrupted(
    engine: KerasEngine,
    data: Path,
    progress: Progress | None = None,
    only: Container[str] | None = None,
    known: MappedTruth | None = None,
    severities: Sequence[int] = SEVERITIES,
) -> dict[str, Any]:
    """Measure a model on corrupted copies of scans, one scan in memory at a time.

    Args:
        engine: the model.
        data: folder, archive or listing with known truth.
        progress: called with (done, total) scans.
        only: the SHA-256 of the files that are wanted; all of them by default.
        known: what the scans' truths are to the model; None: keys of oct2017, as its own.
        severities: which of the five.

    Returns:
        Ready for JSON: `n` scans, `severities`, `accuracy` and `weighted_error` over all copies,
        `healthy_called_diseased` (the share of the copies of healthy scans; None where there are
        none), and the same three by `kinds`, each a list by severity. At severity 3 and more, `off
        fovea` may have cut the lesion away: its accuracy has a ceiling below 1.
    """
    answers, truth, known = [], [], known or MappedTruth()
    scheme = known.network
    with open_source(data) as members:
        wanted = [one for one in known.scans(members, data) if known.word_for(one)]
        for done, member in enumerate(wanted, start=1):
            try:
                content = member.read()
                if only is not None and hashlib.sha256(content).hexdigest() not in only:
                    continue
                copies = _copies(engine, member.picture(content), done, severities)
            except BadScanError:
                continue
            answers.append(engine.run_many(copies).argmax(axis=1))
            truth.append(scheme.index(str(known.word_for(member))))
            if progress:
                progress(done, len(wanted))
    found = np.array(answers, np.int64).reshape(len(truth), len(KINDS), len(severities))
    right = np.array(truth, np.int64)
    return {
        "n": len(truth),
        "severities": list(severities),
        **_figures(found.reshape(len(truth), -1), right, scheme),
        "kinds": {
            kind: [_figures(found[:, i, j, None], right, scheme) for j in range(len(severities))]
            for i, kind in enumerate(KINDS)
        },
    }


def _copies(engine: KerasEngine, raw: ScanPicture, seed: int, severities: Sequence[int]) -> Pixels:
    scan = without_fill(raw.grey)
    copies = [corrupt(scan, kind, level, seed) for kind in KINDS for level in severities]
    return np.stack([engine.prepare(ScanPicture(copy, raw.spacing)) for copy in copies])


def _figures(answers: Ints, truth: Ints, scheme: Scheme) -> dict[str, float | None]:
    """Return the figures of answers, int64 (n, copies), to scans with this truth."""
    every = np.repeat(truth, answers.shape[1])
    matrix = confusion(every, answers.ravel(), len(scheme.keys))
    normal = scheme.index(scheme.normal) if scheme.normal else -1
    healthy = answers[truth == normal]
    return {
        "accuracy": float((answers.ravel() == every).mean()) if every.size else None,
        "weighted_error": weighted_error(matrix, scheme.cost_rows),
        "healthy_called_diseased": float((healthy != normal).mean()) if healthy.size else None,
    }
