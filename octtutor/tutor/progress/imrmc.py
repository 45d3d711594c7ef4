"""Readings of several readers as a table for ROC and MRMC analysis.

The format is the input of iMRMC, the MRMC software of the FDA's Division of Imaging, Diagnostics
and Software Reliability (Gallas, Bandos, Samuelson & Wagner, Commun. Stat. Theory 38:2586, 2009):
the counts, the line `BEGIN DATA:`, then a row a reading, `readerID,caseID,modalityID,score`. Its
Java program and RJafroc take the truth from the rows of reader −1 (`InputFile.java`); the R
package's `doAUCmrmc` from those of reader and modality `truth`, and it stops without. One file
cannot be both: the Java program would take `truth` for one more reader. `For` says which is meant.
Identities are whole numbers. Both refuse a file whose name does not end in `.imrmc`, and count
only readers that have rows.

- The task is urgent referral: positive is what the scheme calls urgent, such as CNV or DME.
- The score is `roc.urgent_rating` of answer and confidence, −5 (certainly not urgent) to 5. Where
  confidence was not asked it is −1 or 1. A second look asks for no confidence: the first answer's
  is taken with the new choice.
- An ungradable scan gets 0, the middle: the reader says neither.
- Only answers that count are in it (`core.counting`): none that was timed out, repeated, or after
  a discussion, and no practice in adaptive order.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.core.answer import Answered
from octtutor.core.counting import CountedAnswer, count_answers
from octtutor.core.quiz import Attempt
from octtutor.core.scheme import Scheme
from octtutor.stats.roc import urgent_rating
from octtutor.tutor.disclosing import DisclosedAnswer
from octtutor.tutor.progress.results import to_csv

UNAIDED, AIDED = "unaided", "aided"
Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Ratings:
    """Scores of urgency of all readers."""

    readers: tuple[str, ...]
    cases: tuple[str, ...]
    """SHA-256 of each scan."""
    positive: npt.NDArray[np.bool_]
    """bool (cases,): the truth is urgent."""
    modalities: tuple[str, ...]
    """`unaided`, and `aided` where anybody took a second look."""
    scores: Floats
    """float64 (readers, modalities, cases), −5 to 5; NaN where there is none."""


class For(StrEnum):
    """Who reads the file: where the truth stands differs."""

    JAVA = "java"
    """iMRMC's Java program, its R function `doIMRMC`, and RJafroc."""
    R = "r"
    """The R function `doAUCmrmc` of package iMRMC."""


def rate(readers: Mapping[str, Sequence[Answered]], scheme: Scheme) -> Ratings:
    """Turn answers into ratings (see the module); readers without any are dropped.

    Args:
        readers: each reader's answers that count, at most one of a scan.
        scheme: the list of diagnoses that they are of.
    """
    there = {name: answers for name, answers in readers.items() if answers}
    items = [item for answers in there.values() for item in answers]
    truth = {item.answer.sha256: scheme.is_urgent(item.answer.truth) for item in items}
    cases = tuple(sorted(truth))
    modalities = (UNAIDED, AIDED) if any(item.looked for item in items) else (UNAIDED,)
    scores = np.full((len(there), len(modalities), len(cases)), np.nan)
    place = {sha256: index for index, sha256 in enumerate(cases)}
    for row, answers in zip(scores, there.values(), strict=True):
        for item in answers:
            row[:, place[item.answer.sha256]] = _scores(item, scheme)[: len(modalities)]
    positive = np.array([truth[sha256] for sha256 in cases], bool)
    return Ratings(tuple(there), cases, positive, modalities, scores)


def imrmc(
    readers: Mapping[str, Sequence[Answered]],
    scheme: Scheme,
    title: str = "",
    reads: For = For.JAVA,
) -> str:
    """Write readings in the input format of iMRMC.

    Args:
        readers: each reader's answers that count; those who have any are numbered in this order.
        scheme: the list of diagnoses that they are of.
        title: what the readings are of, for the header.
        reads: what program is to read it.
    """
    ratings = rate(readers, scheme)
    who, where = ("truth", "truth") if reads is For.R else ("-1", "0")
    lines = [*_header(ratings, scheme, title), "", "BEGIN DATA:"]
    lines += [
        f"{who},{case},{where},{int(is_urgent)}" for case, is_urgent in _numbered(ratings.positive)
    ]
    for reader, by_modality in _numbered(ratings.scores):
        for modality, scores in zip(ratings.modalities, by_modality, strict=True):
            lines += [
                f"{reader},{case},{modality},{score:g}"
                for case, score in _numbered(scores)
                if not np.isnan(score)
            ]
    return "\n".join(lines) + "\n"


def answers_csv(
    attempts: Sequence[Attempt],
    items: Sequence[DisclosedAnswer],
    nicknames: Mapping[str, str],
    keys: Sequence[str],
    counted: Sequence[CountedAnswer] | None = None,
) -> str:
    """Write the answers of several attempts as one CSV, one row an answer (see `to_csv`).

    Args:
        attempts: in the order of the rows.
        items: answers of these attempts, with what may be told of each.
        nicknames: of each trainee's id; a missing one is empty.
        keys: of the diagnoses that have a column.
        counted: at least these answers, each with why it does not count; None: as far as these
            answers alone tell.

    Returns:
        The table with its header; nothing at all where there is no attempt.
    """
    found = counted or count_answers([item.answered for item in items], attempts)
    tables = []
    for attempt in attempts:
        own = [item for item in items if item.answer.attempt_id == attempt.id]
        table = to_csv(attempt, own, nicknames.get(attempt.trainee_id, ""), keys, found)
        tables.append(list(csv.reader(io.StringIO(table))))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(tables[0][:1] if tables else [])
    writer.writerows(row for table in tables for row in table[1:])
    return text.getvalue()


def _header(ratings: Ratings, scheme: Scheme, title: str) -> list[str]:
    urgent = int(ratings.positive.sum())
    return [
        f"OCT Tutor readings {_clean(title)}".strip(),
        f"Task - urgent referral ({' or '.join(scheme.urgent) or 'none'}) against the rest",
        "Score - 1 to 5 urgent and how sure / -1 to -5 not urgent and how sure / 0 ungradable",
        "Confidence not asked counts as 1 / aided takes the confidence of the first answer",
        "Only answers that count: in time / not after a discussion / the first of a scan",
        *(f"reader {n} is {_clean(name)}" for n, name in _numbered(ratings.readers)),
        *(f"case {n} is scan {sha256}" for n, sha256 in _numbered(ratings.cases)),
        "",
        f"N0: {len(ratings.cases) - urgent}",
        f"N1: {urgent}",
        f"NR: {len(ratings.readers)}",
        f"NM: {len(ratings.modalities)}",
    ]


def _numbered(values: Any) -> list[tuple[int, Any]]:
    return list(enumerate(values, 1))


def _clean(text: str) -> str:
    # a colon or a line's end in a name could be taken for a line of the header
    kept = "".join(c if c.isalnum() or c in " -_." else " " for c in text)
    return " ".join(kept.split())[:80]


def _scores(item: Answered, scheme: Scheme) -> tuple[float, float]:
    confidence = item.answer.confidence or 1
    unaided = _score(item.answer.choice, confidence, scheme)
    return unaided, _score(item.looked.choice, confidence, scheme) if item.looked else float("nan")


def _score(choice: str | None, confidence: int, scheme: Scheme) -> float:
    if choice is None:
        return 0.0
    return float(urgent_rating(np.array([scheme.is_urgent(choice)]), np.array([confidence]))[0])
