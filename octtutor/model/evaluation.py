"""Measure a model on scans with known truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.core.diagnosis import LABELS, by_label
from octtutor.datasets.listing import read_listing
from octtutor.datasets.sources import open_source, scans_of
from octtutor.model.bulk import Answering, do_all
from octtutor.model.card import TRAINING_SCANS, read_card
from octtutor.model.cluster import Cluster, send_answering
from octtutor.model.engine import KerasEngine
from octtutor.model.known import read_known
from octtutor.model.loading import UNKNOWN, Progress, no_readable_scan
from octtutor.model.robustness import measure_corrupted
from octtutor.stats.figures import model_figures


def evaluate(
    folder: Path,
    data: Path,
    progress: Progress | None = None,
    on_corrupted: Progress | None = None,
    only: Path | None = None,
    cluster: Cluster | None = None,
) -> dict[str, Any]:
    """Measure a model.

    Args:
        folder: the model's.
        data: folder, ZIP or tar in OCT2017 layout, or a listing.
        progress: called with (done, total) while scans are read.
        on_corrupted: also measure on corrupted copies, and call this with (done, total) scans.
        only: a listing of the scans that are wanted; all of them by default.
        cluster: whose workers are to answer the scans.

    Returns:
        The figures of `model_figures`, and `model`, `misclassified` (a list of `source`,
        `truth`, `label`, `probabilities`), `unreadable`, `overlap_with_training` (files and
        patients), and `leaky`: whether there is any, so that the figures are too good (None where
        the model does not say what it was trained on); and
        `corrupted`, what `measure_corrupted` returns, where it is asked for.

    Raises:
        ModelError: the model cannot be loaded.
        BadInputError: there is no readable scan with a label.
    """
    card = read_card(folder)
    wanted = frozenset(row["sha256"] for row in read_listing(only)) if only else None
    answers = _answer_all(folder, data, wanted, progress, cluster)
    patients = [answer.patient for answer in answers.known]
    hashes = [answer.sha256 for answer in answers.known]
    shared = shared_with_training(folder, hashes, patients)
    rough: dict[str, Any] = {}
    if on_corrupted:
        engine = KerasEngine.open(folder)
        rough["corrupted"] = measure_corrupted(engine, data, on_corrupted, wanted)
    truth = np.array([answer.truth for answer in answers.known], np.int64)
    chances = np.stack([answer.chances for answer in answers.known])
    return {
        "model": card.name,
        "model_sha256": card.weights_sha256,
        **model_figures(truth, chances, patients),
        "overlap_with_training": shared,
        "leaky": any(shared.values()) if (folder / TRAINING_SCANS).exists() else None,
        "unreadable": answers.unreadable,
        "misclassified": [answer.as_miss() for answer in answers.known if answer.is_wrong()],
        **rough,
    }


@dataclass(frozen=True, slots=True)
class _Answer:
    name: str
    patient: str
    sha256: str
    truth: int
    chances: npt.NDArray[np.float32]

    def is_wrong(self) -> bool:
        return int(self.chances.argmax()) != self.truth

    def as_miss(self) -> dict[str, Any]:
        return {
            "source": self.name,
            "truth": str(LABELS[self.truth]),
            "label": str(LABELS[int(self.chances.argmax())]),
            "probabilities": by_label(self.chances.tolist()),
        }


@dataclass(frozen=True, slots=True)
class _Answers:
    known: list[_Answer]
    unreadable: list[str]


def _answer_all(
    folder: Path,
    data: Path,
    wanted: frozenset[str] | None,
    progress: Progress | None,
    cluster: Cluster | None,
) -> _Answers:
    answers = _Answers([], [])
    make = send_answering(folder, wanted) if cluster else partial(Answering, folder, wanted)
    with open_source(data) as members:
        for member, done in do_all(make, scans_of(members, data), progress, cluster):
            place = member.place
            if done.fault:
                answers.unreadable.append(member.name)
            elif done.values is not None and place.label:
                patient, truth = place.patient or UNKNOWN + member.name, LABELS.index(place.label)
                answers.known.append(
                    _Answer(member.name, patient, str(done.sha256), truth, done.values)
                )
    if not answers.known:
        raise no_readable_scan(data, len(answers.unreadable))
    return answers


def shared_with_training(
    folder: Path, hashes: Sequence[str], patients: Sequence[str]
) -> dict[str, int]:
    """Count which of these files (SHA-256) and patients a model was trained on.

    Its `training_scans.csv` says so, and counts as empty if missing.

    Raises:
        ModelError: the list in the model's folder is damaged.
    """
    known = read_known(folder)
    return {
        "files": len(known.files & set(hashes)),
        "patients": len(known.patients & set(patients)),
    }
