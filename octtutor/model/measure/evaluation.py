"""Measure a model on scans with known truth."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.core.scheme import Scheme
from octtutor.core.verdict import Verdict
from octtutor.datasets.listing import read_listing
from octtutor.datasets.member import Member
from octtutor.datasets.schemes.naming import Naming
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME, SHIPPED, Schemes
from octtutor.datasets.sources import open_source
from octtutor.model.bulk.batches import Answering, Done, do_all
from octtutor.model.bulk.cluster import Cluster, send_answering
from octtutor.model.measure.mapped_truth import MappedTruth, scheme_of_card
from octtutor.model.measure.robustness import measure_corrupted
from octtutor.model.network.card import TRAINING_SCANS, Card, read_card
from octtutor.model.network.scan_set import UNKNOWN, Progress, no_readable_scan
from octtutor.model.network.training_set import TrainingSet, read_training_set
from octtutor.model.ood.ood_score import METHOD
from octtutor.model.serve.engine import KerasEngine
from octtutor.stats.abstaining import answered_figures
from octtutor.stats.figures import figures_by_source, model_figures


def evaluate(
    folder: Path,
    data: Path,
    progress: Progress | None = None,
    on_corrupted: Progress | None = None,
    only: Path | None = None,
    cluster: Cluster | None = None,
    naming: Naming | None = None,
    schemes: Schemes = SHIPPED,
) -> dict[str, Any]:
    """Measure a model.

    Args:
        folder: the model's.
        data: folder, ZIP or tar in OCT2017 layout, or a listing.
        progress: called with (done, total) while scans are read.
        on_corrupted: also measure on corrupted copies, and call this with (done, total) scans.
        only: a listing of the scans that are wanted; all of them by default.
        cluster: whose workers are to answer the scans.
        naming: the scheme whose words the labels are; what it maps to the network's is measured.
            None: those of the network's own scheme, of oct2017 the keys alone.
        schemes: those at hand, the network's among them.

    Returns:
        The figures of `model_figures`, and `by_source`, the same for each source where the list
        or table of the scans names sources; `answered`: `answers_from`, the probability from
        which on the model would answer by itself, what `answered_figures` says of that, and
        `by_source`; `model`, `scheme`, `scheme_version` and `labels` (the network's),
        `misclassified` (a list of `source`, `truth`, `label`, `probabilities`), `unreadable`,
        `overlap_with_training` (files and patients), and `leaky`: whether there is any, so that
        the figures are too good (None where
        the model does not say what it was trained on); `verdicts`: names of the scans that
        are `unlike`, `other scan` or `no scan` (`octtutor.core.verdict`); `unfamiliar`: `names`
        of scans that look like none that it knows, and the `method` (None where the model has no
        detector); and
        `corrupted`, what `measure_corrupted` returns, where it is asked for; `mapping`, what
        `MappedTruth.facts` returns, where there is a naming.

    Raises:
        ModelError: the model cannot be loaded.
        BadInputError: there is no readable scan with a label that the network knows, or its
            scheme and the naming's have no mapping.
    """
    card, trained = read_card(folder), trained_on(folder)
    mapped = MappedTruth(naming, scheme_of_card(card, schemes))
    wanted = read_wanted(only)
    answers = _answer_all(folder, data, wanted, progress, cluster, mapped)
    figures = figures_of(card, trained, answers)
    figures |= answers.as_verdicts(card)
    figures |= mapped.facts()
    if on_corrupted:
        engine = KerasEngine.open(folder)
        figures["corrupted"] = measure_corrupted(engine, data, on_corrupted, wanted, mapped)
    return figures


@dataclass(frozen=True, slots=True)
class ScoredAnswer:
    """What a model said of a scan with known truth."""

    name: str
    patient: str
    """Begins with `UNKNOWN` where nobody knows."""
    sha256: str
    truth: int
    """Index into the network's labels."""
    chances: npt.NDArray[np.float32]
    """float32 (k,)."""
    source: str = ""
    """Which hospital, device or set it is from; empty where nothing says so."""
    verdict: Verdict = Verdict.SCAN

    @property
    def label(self) -> int:
        """The most probable class, an index into the network's labels."""
        return int(self.chances.argmax())

    def is_wrong(self) -> bool:
        """Whether the model took it for another class."""
        return self.label != self.truth

    def as_miss(self, keys: Sequence[str]) -> dict[str, Any]:
        """Return it as an entry of `misclassified`; the keys are the network's."""
        return {
            "source": self.name,
            "truth": keys[self.truth],
            "label": keys[self.label],
            "probabilities": dict(zip(keys, self.chances.tolist(), strict=True)),
        }


def _no_verdicts() -> dict[str, list[str]]:
    return {str(verdict): [] for verdict in Verdict if verdict is not Verdict.SCAN}


@dataclass(frozen=True, slots=True)
class Answers:
    """All answers, in the order of the scans, and the names of files that cannot be read."""

    known: list[ScoredAnswer]
    unreadable: list[str]
    unlike: list[str] = field(default_factory=list)
    """Names of scans that do not look like those that the model knows."""
    verdicts: dict[str, list[str]] = field(default_factory=_no_verdicts)
    """Names of scans by verdict, but those that are called a scan."""
    scheme: Scheme = OCT2017_SCHEME
    """The network's list of diagnoses."""

    def truth(self) -> npt.NDArray[np.int64]:
        """Return the true classes, int64 (n,), indices into the network's labels."""
        return np.array([answer.truth for answer in self.known], np.int64)

    def chances(self) -> npt.NDArray[np.float32]:
        """Return the probabilities, float32 (n, k)."""
        return np.stack([answer.chances for answer in self.known])

    def take(self, member: Member, done: Done) -> ScoredAnswer | None:
        """Take up what became of a scan; None where it was unreadable or not wanted."""
        place = member.place
        if done.fault:
            self.unreadable.append(member.name)
        elif done.values is not None and place.label:
            self.unlike.extend([member.name] if done.familiar is False else [])
            verdict = done.verdict.verdict if done.verdict else Verdict.SCAN
            if verdict is not Verdict.SCAN:
                self.verdicts[str(verdict)].append(member.name)
            patient, truth = place.patient or UNKNOWN + member.name, self.scheme.index(place.label)
            facts = member.name, patient, str(done.sha256), truth, done.values, place.source
            self.known.append(ScoredAnswer(*facts, verdict))
            return self.known[-1]
        return None

    def as_verdicts(self, card: Card) -> dict[str, Any]:
        """Return `verdicts` and `unfamiliar`, as `evaluate` gives them."""
        unfamiliar = {"names": list(self.unlike), "method": METHOD} if card.familiarity else None
        return {"verdicts": self.verdicts, "unfamiliar": unfamiliar}


def read_wanted(only: Path | None) -> frozenset[str] | None:
    """Return the SHA-256 of the scans of a listing, None where there is none: all are wanted.

    Raises:
        BadInputError: it cannot be read.
    """
    return frozenset(row["sha256"] for row in read_listing(only)) if only else None


def trained_on(folder: Path) -> TrainingSet | None:
    """Return what a model was trained on, None where it does not say.

    Raises:
        ModelError: the list in the model's folder is damaged.
    """
    return read_training_set(folder) if (folder / TRAINING_SCANS).exists() else None


def figures_of(card: Card, trained: TrainingSet | None, answers: Answers) -> dict[str, Any]:
    """Return what `evaluate` returns, but `corrupted`, of answers that were given already."""
    patients = [answer.patient for answer in answers.known]
    shared = _shared(trained, [answer.sha256 for answer in answers.known], patients)
    sources = [answer.source for answer in answers.known]
    return {
        "model": card.name,
        "model_sha256": card.weights_sha256,
        "scheme": card.scheme.name,
        "scheme_version": card.scheme.version,
        "labels": list(card.labels),
        **model_figures(answers.truth(), answers.chances(), patients, answers.scheme),
        "by_source": figures_by_source(
            answers.truth(), answers.chances(), patients, sources, answers.scheme
        ),
        "answered": _answered(card, answers.known),
        "overlap_with_training": shared,
        "leaky": any(shared.values()) if trained is not None else None,
        "unreadable": answers.unreadable,
        "misclassified": [
            answer.as_miss(card.labels) for answer in answers.known if answer.is_wrong()
        ],
    }


def _answered(card: Card, known: Sequence[ScoredAnswer]) -> dict[str, Any]:
    """Return how many the model would answer by itself, and how often that is right."""

    def measure(answers: Sequence[ScoredAnswer]) -> dict[str, Any]:
        given = [card.standing(one.chances, one.verdict)["would_answer"] for one in answers]
        right = [not one.is_wrong() for one in answers]
        patients = [one.patient for one in answers]
        return answered_figures(np.array(given, bool), np.array(right, bool), patients)

    sources = sorted({one.source for one in known})
    own = {
        name: measure([one for one in known if one.source == name])
        for name in (sources if any(sources) else [])
    }
    return {"answers_from": card.answers_from, **measure(known), "by_source": own}


def _answer_all(
    folder: Path,
    data: Path,
    wanted: frozenset[str] | None,
    progress: Progress | None,
    cluster: Cluster | None,
    mapped: MappedTruth,
) -> Answers:
    answers = Answers([], [], scheme=mapped.network)
    make = send_answering(folder, wanted) if cluster else partial(Answering, folder, wanted)
    with open_source(data) as members:
        scans = mapped.scans(members, data)
        for member, done in do_all(make, scans, progress, cluster):
            answers.take(mapped.translate(member, done), done)
    if not answers.known:
        mapped.refuse_none(data)
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
    return _shared(read_training_set(folder), hashes, patients)


def _shared(
    trained: TrainingSet | None, hashes: Sequence[str], patients: Sequence[str]
) -> dict[str, int]:
    known = trained or TrainingSet(frozenset(), frozenset())
    return {
        "files": len(known.files & set(hashes)),
        "patients": len(known.patients & set(patients)),
    }
