"""What answers to held-out scans say of a network: temperature, figures, when it would answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.model.network.card import Card
from octtutor.model.network.engine_contract import softmax
from octtutor.model.network.scan_set import ScanSet
from octtutor.model.training.temperature import fit_temperature
from octtutor.stats.abstaining import LEAST, WANTED, answered_figures, choose_threshold
from octtutor.stats.figures import figures_by_source, model_figures
from octtutor.stats.intervals import share_by_patient

SURE = 0.9
"""The probability from which an answer counts as sure."""
BY_PATIENT, BY_SOURCE = "cross-validated by patient", "never trained on"
_LEVELS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Thresholds of the table of risk against coverage."""
Logits = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class HeldAnswers:
    """Logits of scans, each by a network that never saw its patient (or its source)."""

    logits: Logits
    """float32 (n, k)."""
    folds: list[list[int]]
    """Indices of the scans; what is fitted on the others is measured on a fold."""
    outliers: Logits | None = None
    """Logits of the scans that are none of the diagnoses, by networks that never saw their kind."""

    def others(self, fold: list[int]) -> list[int]:
        """Return the indices of the scans of the other folds; of all where there is one fold."""
        apart = set(fold) if len(self.folds) > 1 else set()
        return [k for k in range(len(self.logits)) if k not in apart]

    def chances(self, scans: ScanSet) -> Logits:
        """Return probabilities, each fold's scaled by the temperature of the other folds."""
        chances = np.zeros_like(self.logits)
        for fold in self.folds:
            heat = self.temperature(scans, self.others(fold))
            chances[fold] = softmax(self.logits[fold] / heat)
        return chances

    def temperature(self, scans: ScanSet, places: list[int]) -> float:
        """Return the temperature that fits the answers at these indices."""
        sources = [scans.sources[k] for k in places] if scans.sources else []
        return fit_temperature(self.logits[places], scans.truth[places], sources)


def with_measures(card: Card, answers: HeldAnswers, scans: ScanSet, from_: str) -> Card:
    """Fill in temperature, figures, and the probability from which on the network would answer.

    Args:
        card: all else of it is kept.
        answers: to these scans.
        scans: with their truth.
        from_: what the figures are from, in words.
    """
    apart = answers.chances(scans)
    heat = answers.temperature(scans, list(range(len(answers.logits))))
    surest, right = _surest(softmax(answers.logits / heat), scans)
    threshold = choose_threshold(surest, right)
    rows = {level: answered_figures(surest >= level, right, scans.patients) for level in _LEVELS}
    own = answered_figures(surest >= threshold, right, scans.patients)
    facts = {
        "wanted": WANTED,
        "from": from_,
        "all": own,
        "by_the_other_folds": _held_apart(answers, apart, scans),
        "by_source": {},
        "table": [{"threshold": level, **row} for level, row in rows.items()],
    }
    return replace(
        card,
        temperature=heat,
        figures=model_figures(scans.truth, apart, scans.patients, scans.scheme),
        figures_from=from_,
        answers_from=threshold,
        abstention=facts if len(surest) >= LEAST else {},
    )


def with_sources(card: Card, scans: ScanSet, found: Mapping[str, HeldAnswers]) -> Card:
    """Add each source's own figures.

    Args:
        card: has temperature and threshold.
        scans: what was answered.
        found: the answers, by how the networks that gave them were trained, in words.
    """
    more, answered = dict(card.more_figures), {}
    for how, answers in found.items():
        whose = scans.patients, scans.sources
        own = figures_by_source(scans.truth, answers.chances(scans), *whose, scans.scheme)
        more |= {f"{source}, {how}": figures for source, figures in own.items()}
        surest, right = _surest(softmax(answers.logits / card.temperature), scans)
        for source, places in scans.by_source().items():
            patients = [scans.patients[k] for k in places]
            row = answered_figures((surest >= card.answers_from)[places], right[places], patients)
            answered[f"{source}, {how}"] = row
    facts = {**card.abstention, "by_source": answered} if card.abstention else {}
    return replace(card, more_figures=more, abstention=facts)


def with_outliers(card: Card, outliers: ScanSet, answers: HeldAnswers | None) -> Card:
    """Say what was learned of as none of the diagnoses, and how sure the network is of such.

    Args:
        card: has temperature and threshold.
        outliers: the scans that are none of the diagnoses.
        answers: has the answers to them; None: there are none.
    """
    kinds = outliers.by_source()
    facts: dict[str, Any] = {"files": {kind: len(own) for kind, own in kinds.items()}}
    if answers is not None and answers.outliers is not None:
        surest = softmax(answers.outliers / card.temperature).max(axis=1)
        facts["given_one_with_90_percent"] = _shares(surest >= SURE, outliers)
        if card.abstention:
            facts["given_an_answer"] = _shares(surest >= card.answers_from, outliers)
        facts["how"] = "each kind by a network that never saw one of its kind, nor its patients"
    return replace(card, none_of_these=facts)


def _surest(chances: Logits, scans: ScanSet) -> tuple[Logits, Bools]:
    """Return each scan's highest probability, and whether that is the truth's."""
    return chances.max(axis=1), chances.argmax(axis=1) == scans.truth


def _held_apart(answers: HeldAnswers, chances: Logits, scans: ScanSet) -> dict[str, Any]:
    """Measure each fold at the threshold that the others would have chosen."""
    surest, right = _surest(chances, scans)
    given = np.zeros(len(surest), bool)
    for fold in answers.folds:
        others = answers.others(fold)
        given[fold] = surest[fold] >= choose_threshold(surest[others], right[others])
    return answered_figures(given, right, scans.patients)


def _shares(flags: Bools, outliers: ScanSet) -> dict[str, Any]:
    kinds: dict[str, Sequence[int]] = {**outliers.by_source(), "all": range(len(flags))}
    rows = {}
    for kind, own in kinds.items():
        share = share_by_patient(flags[list(own)], [outliers.patients[k] for k in own])
        rows[kind] = {"n": len(own), "share": share.value, "ci": [share.low, share.high]}
    return rows
