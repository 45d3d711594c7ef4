"""Splits by patient: a patient's scans stay on one side, also when they have several labels."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from octtutor.core.diagnosis import Diagnosis


def split_by_patient(
    labels: Sequence[Diagnosis], patients: Sequence[str], fraction: float, seed: int
) -> tuple[list[int], list[int]]:
    """Draw a part of the patients for validation, class by class.

    Args:
        labels: the label of each scan.
        patients: the patient of each scan; a scan without a known patient is its own.
        fraction: the share of each class to hold out, in (0, 1).
        seed: the same seed gives the same split.

    Returns:
        Indices of the training scans and of the held-out scans, both ascending. Patients are
        drawn until every class has at least its share held out.
    """
    theirs: dict[str, Counter[Diagnosis]] = {}
    for label, patient in zip(labels, patients, strict=True):
        theirs.setdefault(patient, Counter())[label] += 1
    wanted = {label: fraction * count for label, count in Counter(labels).items()}
    held: set[str] = set()
    for patient in np.random.default_rng(seed).permutation(sorted(theirs)).tolist():
        if all(wanted[label] > 0 for label in theirs[patient]):
            held.add(patient)
            for label, count in theirs[patient].items():
                wanted[label] -= count
    train = [index for index, patient in enumerate(patients) if patient not in held]
    return train, [index for index, patient in enumerate(patients) if patient in held]
