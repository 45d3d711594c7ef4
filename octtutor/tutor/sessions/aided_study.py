"""Reading without and with the model in a session, as a study of readers and cases (MRMC)."""

from dataclasses import dataclass

import numpy as np

from octtutor.core.answer import Answered
from octtutor.core.counting import WhyNot, left_out
from octtutor.stats.mrmc import Comparison, compare_modalities
from octtutor.stats.readers.ustatistics import compare_incomplete
from octtutor.tutor.progress.imrmc import Ratings, rate
from octtutor.tutor.sessions.board import unique_names
from octtutor.tutor.sessions.gathering import Gathered


@dataclass(frozen=True, slots=True)
class AidedStudy:
    """What went in, what was left out and why, and what came out."""

    joined: int
    readers: int
    """Those with answers that count; the others are dropped."""
    cases: int
    patients: int
    answers: int
    """First answers that count."""
    left_out: dict[WhyNot, int]
    rated_by_all: int
    """Cases that every reader has rated both ways."""
    every_case: Comparison | None
    """Of all that was rated, by Gallas's U-statistics; None where all was rated by all, or where
    several scans are of one patient, which it cannot take into account."""
    complete: Comparison
    """Of the cases that all have rated, by Obuchowski & Rockette, patients clustered."""


def aided_study(gathered: Gathered) -> AidedStudy | None:
    """Compare aided with unaided reading; None where nobody took a second look."""
    ratings = rate(session_readings(gathered), gathered.scheme)
    if len(ratings.modalities) < 2:
        return None
    whose = _patients(gathered, ratings)
    rated = ~np.isnan(ratings.scores)
    by_all, alone = rated.all(axis=(0, 1)), len(set(whose)) == len(whose)
    return AidedStudy(
        joined=len(gathered.attempts),
        readers=len(ratings.readers),
        cases=len(ratings.cases),
        patients=len(set(whose)),
        answers=int(rated[:, 0].sum()),
        left_out=left_out(gathered.counted),
        rated_by_all=int(by_all.sum()),
        every_case=compare_incomplete(ratings.positive, ratings.scores)
        if alone and not by_all.all()
        else None,
        complete=compare_modalities(ratings.positive, ratings.scores, whose),
    )


def session_readings(gathered: Gathered) -> dict[str, tuple[Answered, ...]]:
    """Return the answers that count by the reader's name, by position."""
    names = unique_names(gathered.attempts, gathered.trainees)
    counted = [item.answered for item in gathered.counted if item.counts]
    return {
        name: tuple(item for item in counted if item.answer.attempt_id == attempt_id)
        for attempt_id, name in names.items()
    }


def _patients(gathered: Gathered, ratings: Ratings) -> list[str]:
    known = {case.sha256: case.patient for case in gathered.cases}
    return [known.get(sha256) or sha256 for sha256 in ratings.cases]
