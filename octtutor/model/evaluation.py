"""Measure a model on scans with known truth."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.core.diagnosis import LABELS, by_label
from octtutor.datasets.listing import read_listing
from octtutor.datasets.sources import Member, open_source, scans_of
from octtutor.model.bulk import Answering, Done, do_all
from octtutor.model.card import TRAINING_SCANS, Card, read_card
from octtutor.model.cluster import Cluster, send_answering
from octtutor.model.engine import KerasEngine
from octtutor.model.familiarity import METHOD
from octtutor.model.known import Known, read_known
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
        the model does not say what it was trained on); `unfamiliar`: `names` of scans that look
        like none that it knows, and the `method` (None where the model has no gauge); and
        `corrupted`, what `measure_corrupted` returns, where it is asked for.

    Raises:
        ModelError: the model cannot be loaded.
        BadInputError: there is no readable scan with a label.
    """
    card, trained = read_card(folder), trained_on(folder)
    wanted = read_wanted(only)
    answers = _answer_all(folder, data, wanted, progress, cluster)
    told = figures_of(card, trained, answers)
    told["unfamiliar"] = unfamiliar(card, answers.strange)
    if on_corrupted:
        engine = KerasEngine.open(folder)
        told["corrupted"] = measure_corrupted(engine, data, on_corrupted, wanted)
    return told


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said of a scan with known truth."""

    name: str
    patient: str
    """Begins with `UNKNOWN` where nobody knows."""
    sha256: str
    truth: int
    """Index into LABELS."""
    chances: npt.NDArray[np.float32]
    """float32 (4,)."""

    @property
    def label(self) -> int:
        """The most probable class, an index into LABELS."""
        return int(self.chances.argmax())

    def is_wrong(self) -> bool:
        """Whether the model took it for another class."""
        return self.label != self.truth

    def as_miss(self) -> dict[str, Any]:
        """Return it as an entry of `misclassified`."""
        return {
            "source": self.name,
            "truth": str(LABELS[self.truth]),
            "label": str(LABELS[self.label]),
            "probabilities": by_label(self.chances.tolist()),
        }


@dataclass(frozen=True, slots=True)
class Answers:
    """All answers, in the order of the scans, and the names of files that cannot be read."""

    known: list[Answer]
    unreadable: list[str]
    strange: list[str] = field(default_factory=list)
    """Names of scans that do not look like those that the model knows."""

    def truth(self) -> npt.NDArray[np.int64]:
        """Return the true classes, int64 (n,), indices into LABELS."""
        return np.array([answer.truth for answer in self.known], np.int64)

    def chances(self) -> npt.NDArray[np.float32]:
        """Return the probabilities, float32 (n, 4)."""
        return np.stack([answer.chances for answer in self.known])

    def take(self, member: Member, done: Done) -> Answer | None:
        """Take up what became of a scan; None where it was unreadable or not wanted."""
        place = member.place
        if done.fault:
            self.unreadable.append(member.name)
        elif done.values is not None and place.label:
            self.strange.extend([member.name] if done.familiar is False else [])
            patient, truth = place.patient or UNKNOWN + member.name, LABELS.index(place.label)
            self.known.append(Answer(member.name, patient, str(done.sha256), truth, done.values))
            return self.known[-1]
        return None


def unfamiliar(card: Card, names: Sequence[str]) -> dict[str, Any] | None:
    """Return what is told of scans that look like none that a model knows, None without a gauge."""
    return {"names": list(names), "method": METHOD} if card.familiarity else None


def read_wanted(only: Path | None) -> frozenset[str] | None:
    """Return the SHA-256 of the scans of a listing, None where there is none: all are wanted.

    Raises:
        BadInputError: it cannot be read.
    """
    return frozenset(row["sha256"] for row in read_listing(only)) if only else None


def trained_on(folder: Path) -> Known | None:
    """Return what a model was trained on, None where it does not say.

    Raises:
        ModelError: the list in the model's folder is damaged.
    """
    return read_known(folder) if (folder / TRAINING_SCANS).exists() else None


def figures_of(card: Card, trained: Known | None, answers: Answers) -> dict[str, Any]:
    """Return what `evaluate` returns, but `corrupted`, of answers that were given already."""
    patients = [answer.patient for answer in answers.known]
    shared = _shared(trained, [answer.sha256 for answer in answers.known], patients)
    return {
        "model": card.name,
        "model_sha256": card.weights_sha256,
        **model_figures(answers.truth(), answers.chances(), patients),
        "overlap_with_training": shared,
        "leaky": any(shared.values()) if trained is not None else None,
        "unreadable": answers.unreadable,
        "misclassified": [answer.as_miss() for answer in answers.known if answer.is_wrong()],
    }


def _answer_all(
    folder: Path,
    data: Path,
    wanted: frozenset[str] | None,
    progress: Progress | None,
    cluster: Cluster | None,
) -> Answers:
    answers = Answers([], [])
    make = send_answering(folder, wanted) if cluster else partial(Answering, folder, wanted)
    with open_source(data) as members:
        for member, done in do_all(make, scans_of(members, data), progress, cluster):
            answers.take(member, done)
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
    return _shared(read_known(folder), hashes, patients)


def _shared(
    trained: Known | None, hashes: Sequence[str], patients: Sequence[str]
) -> dict[str, int]:
    known = trained or Known(frozenset(), frozenset())
    return {
        "files": len(known.files & set(hashes)),
        "patients": len(known.patients & set(patients)),
    }
