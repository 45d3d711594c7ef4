"""Splits by patient: a patient's scans stay on one side, also when they have several labels."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import BadInputError

HELD_OUT = 0.15
"""Share of each class that is held out, by patient, when no validation set is given."""


def check_patients(
    labels: Sequence[str],
    patients: Sequence[str],
    least: int,
    keys: Sequence[str] = OCT2017_SCHEME.keys,
) -> None:
    """Refuse scans of which a class has too few patients to train on.

    Args:
        labels: the label of each scan.
        patients: the patient of each scan.
        least: patients that every class must have; 2 where some are to be held out.
        keys: of the classes.

    Raises:
        BadInputError: a class has fewer.
    """
    for label in keys:
        known = {p for p, own in zip(patients, labels, strict=True) if own == label}
        if not known:
            raise BadInputError(
                f"Expected scans of every class: {', '.join(keys)}. Received none of {label}. "
                f"Add some, in a folder named {label}."
            )
        if len(known) < least:
            raise BadInputError(
                f"Expected {least} patients or more of every class, so that some can be held "
                f"out. All scans of {label} are of one patient. Add scans of others, or give a "
                "validation set (--val)."
            )


def draw_held_out(
    labels: Sequence[str],
    patients: Sequence[str],
    seed: int,
    keys: Sequence[str] = OCT2017_SCHEME.keys,
) -> tuple[list[int], list[int]]:
    """Split off `HELD_OUT` of each class by patient, so that both sides have every class.

    Returns:
        Indices of the training scans and of the held-out scans.

    Raises:
        BadInputError: the patients do not allow it.
    """
    check_patients(labels, patients, 2, keys)
    both = split_by_patient(labels, patients, HELD_OUT, seed)
    for part in both:
        lacking = set(labels) - {labels[index] for index in part}
        if lacking:
            raise BadInputError(
                "Expected patients who can be parted so that both sides have every class. The "
                f"patients with {', '.join(sorted(lacking))} have scans of other classes that "
                "are needed on the other side. Add scans of others, or give a validation set "
                "(--val)."
            )
    return both


def split_by_patient(
    labels: Sequence[str], patients: Sequence[str], fraction: float, seed: int
) -> tuple[list[int], list[int]]:
    """Draw a part of the patients for validation, class by class.

    Args:
        labels: the label of each scan.
        patients: the patient of each scan; a scan without a known patient is its own.
        fraction: the share of each class to hold out, in (0, 1).
        seed: the same seed gives the same split.

    Returns:
        Indices of the training scans and of the held-out scans, both ascending. Patients are
        drawn until every class has about its share held out, and at least one scan where the
        patients allow it; none is drawn who has all of a class, or much more than its share.
    """
    theirs: dict[str, Counter[str]] = {}
    for label, patient in zip(labels, patients, strict=True):
        theirs.setdefault(patient, Counter())[label] += 1
    share = {label: fraction * count for label, count in Counter(labels).items()}
    left, taken = Counter(labels), Counter[str]()
    held: set[str] = set()

    def can_go(patient: str) -> bool:
        return all(count < left[label] for label, count in theirs[patient].items())

    def hold(patient: str) -> None:
        held.add(patient)
        left.subtract(theirs[patient])
        taken.update(theirs[patient])

    for patient in np.random.default_rng(seed).permutation(sorted(theirs)).tolist():
        wanted = all(taken[label] < share[label] for label in theirs[patient])
        modest = all(n <= max(1.0, 2 * share[label]) for label, n in theirs[patient].items())
        if wanted and modest and can_go(patient):
            hold(patient)
    for label in sorted(share):  # a class that only patients with many scans, or with others, have
        rest = [p for p in theirs if theirs[p][label] and p not in held and can_go(p)]
        if not taken[label] and rest:
            hold(min(rest, key=lambda patient: (theirs[patient].total(), patient)))
    train = [index for index, patient in enumerate(patients) if patient not in held]
    return train, [index for index, patient in enumerate(patients) if patient in held]


def split_folds(
    labels: Sequence[str], patients: Sequence[str], folds: int, seed: int
) -> list[list[int]]:
    """Cut scans into folds for cross-validation, no patient in two of them.

    Args:
        labels: the label of each scan.
        patients: the patient of each scan; a scan without a known patient is its own.
        folds: how many, at least 2.
        seed: the same seed gives the same folds.

    Returns:
        Indices of each fold's scans, ascending; classes are spread as evenly as patients allow.

    Raises:
        BadInputError: a class has fewer patients than there are folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    for label in sorted(set(labels)):
        known = len({p for p, own in zip(patients, labels, strict=True) if own == label})
        if known < folds:
            raise BadInputError(
                f"Expected {folds} patients or more of every class for {folds} folds. {label} "
                f"has {known}. Use fewer folds, or add scans."
            )
    cutter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    return [held.tolist() for _, held in cutter.split(labels, labels, patients)]
