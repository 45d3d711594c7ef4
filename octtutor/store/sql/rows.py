"""Core values to table rows and back. No row leaves the store."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from sqlalchemy import RowMapping

from octtutor.core.annotation.annotation import (
    Assignment,
    Kind,
    LogEntry,
    Project,
    Reading,
    ReadingSource,
    Said,
)
from octtutor.core.annotation.annotation_json import (
    reading_from_json,
    reading_to_json,
    said_from_json,
)
from octtutor.core.answer import (
    Answer,
    Answered,
    ReplacedAnswer,
    SecondLook,
    choice_word,
    parse_choice,
)
from octtutor.core.case import Case, Deck, DeckSummary
from octtutor.core.educator import Educator, Guess, SignIn
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt, CaseOrder, Options, Trainee
from octtutor.core.scheme import SchemeVersion
from octtutor.core.session import Discussion, Session

PREDICTED = "predicted_"
"""What the names of a prediction's columns begin with where an answer stands in the same row."""
IS_EXAM = json.dumps({"is_exam": True})[1:-1]
"""What the options of an exam's row contain."""


def from_scheme(scheme: SchemeVersion) -> dict[str, Any]:
    """Return the columns that say which list of diagnoses a row's keys belong to."""
    return {"scheme": scheme.name, "scheme_version": scheme.version}


def to_scheme(row: RowMapping, prefix: str = "") -> SchemeVersion:
    """Build what a row's keys belong to; its columns' names begin with `prefix`."""
    return SchemeVersion(row[prefix + "scheme"], row[prefix + "scheme_version"])


def to_trainee(row: RowMapping) -> Trainee:
    """Build a trainee of a row."""
    return Trainee(row["id"], row["nickname"], row["created_at"])


def to_educator(row: RowMapping) -> Educator:
    """Build an educator of a row."""
    return Educator(row["name"], row["created_at"])


def from_sign_in(sign_in: SignIn) -> dict[str, Any]:
    """Return a sign-in's row."""
    return {
        "token_sha256": sign_in.token_sha256,
        "educator": sign_in.educator,
        "created_at": sign_in.created_at,
        "expires_at": sign_in.expires_at,
    }


def to_sign_in(row: RowMapping) -> SignIn:
    """Build a sign-in of a row."""
    return SignIn(row["token_sha256"], row["educator"], row["created_at"], row["expires_at"])


def from_guess(guess: Guess) -> dict[str, Any]:
    """Return a guess's row."""
    return {"who": guess.who, "address": guess.address, "at": guess.at}


def to_summary(deck: Deck, counts: dict[str, int], patients: int) -> DeckSummary:
    """Build a deck's summary; `counts` has the scans by label, where there are any."""
    return DeckSummary(deck, counts, patients)


def to_deck(row: RowMapping) -> Deck:
    """Build a deck of a row."""
    return Deck(
        name=row["name"],
        title=row["title"],
        synthetic=row["synthetic"],
        complete=row["complete"],
        imported_at=row["imported_at"],
        source=row["source"],
        citation=row["citation"],
        licence=row["licence"],
        scheme=to_scheme(row),
        offered=row["offered"],
    )


def from_case(deck: str, case: Case) -> dict[str, Any]:
    """Return a case's row."""
    return {
        "deck": deck,
        "sha256": case.sha256,
        "label": str(case.label),
        "patient": case.patient,
        "name": case.name,
        "synthetic": case.synthetic,
        "findings": json.dumps(case.findings),
        "mask_sha256": case.mask_sha256,
    }


def to_case(row: RowMapping) -> Case:
    """Build a case of a row."""
    return Case(
        row["sha256"],
        row["label"],
        row["patient"],
        row["name"],
        row["synthetic"],
        tuple(json.loads(row["findings"])),
        row["mask_sha256"],
    )


def from_attempt(attempt: Attempt) -> dict[str, Any]:
    """Return an attempt's row."""
    return {
        "id": attempt.id,
        "trainee_id": attempt.trainee_id,
        "quiz": attempt.quiz,
        "quiz_version": attempt.quiz_version,
        "deck": attempt.deck,
        "case_order": str(attempt.order),
        "seed": attempt.seed,
        "cases": json.dumps(attempt.cases),
        "started_at": attempt.started_at,
        "ended_at": attempt.ended_at,
        "model": attempt.model,
        "model_sha256": attempt.model_sha256,
        "options": json.dumps(asdict(attempt.options)),
        "size": attempt.size,
        "session": attempt.session,
        "retest_of": attempt.retest_of,
        **from_scheme(attempt.scheme),
    }


def to_attempt(row: RowMapping) -> Attempt:
    """Build an attempt of a row."""
    return Attempt(
        id=row["id"],
        trainee_id=row["trainee_id"],
        quiz=row["quiz"],
        quiz_version=row["quiz_version"],
        deck=row["deck"],
        order=CaseOrder(row["case_order"]),
        seed=row["seed"],
        cases=tuple(json.loads(row["cases"])),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        model=row["model"],
        model_sha256=row["model_sha256"],
        options=Options(**json.loads(row["options"])),
        size=row["size"],
        session=row["session"],
        retest_of=row["retest_of"],
        scheme=to_scheme(row),
    )


def from_answer(answer: Answer) -> dict[str, Any]:
    """Return an answer's row."""
    return {
        "attempt_id": answer.attempt_id,
        "position": answer.position,
        "trainee_id": answer.trainee_id,
        "sha256": answer.sha256,
        "truth": str(answer.truth),
        "choice": choice_word(answer.choice),
        "confidence": answer.confidence,
        "response_ms": answer.response_ms,
        "answered_at": answer.answered_at,
        "deck": answer.deck,
        "quiz": answer.quiz,
        "quiz_version": answer.quiz_version,
        "mark_x": answer.mark[0] if answer.mark else None,
        "mark_y": answer.mark[1] if answer.mark else None,
        "timed_out": answer.timed_out,
        "changes": answer.changes,
        **from_scheme(answer.scheme),
    }


VERSION = (
    "attempt_id",
    "position",
    "choice",
    "confidence",
    "response_ms",
    "answered_at",
    "mark_x",
    "mark_y",
)
"""Columns of an answer that differ from version to version, and where it belongs."""


def to_replaced_answer(row: RowMapping) -> ReplacedAnswer:
    """Build a version of an answer that was replaced."""
    return ReplacedAnswer(
        attempt_id=row["attempt_id"],
        position=row["position"],
        version=row["version"],
        choice=parse_choice(row["choice"]),
        confidence=row["confidence"],
        response_ms=row["response_ms"],
        answered_at=row["answered_at"],
        mark=_mark(row),
    )


def _mark(row: RowMapping) -> tuple[int, int] | None:
    return None if row["mark_x"] is None else (row["mark_x"], row["mark_y"])


def from_prediction(attempt_id: str, position: int, prediction: Prediction) -> dict[str, Any]:
    """Return a prediction's row."""
    return {
        "attempt_id": attempt_id,
        "position": position,
        "model": prediction.model,
        "model_sha256": prediction.model_sha256,
        "probabilities": json.dumps(dict(prediction.probabilities)),
        **from_scheme(prediction.scheme),
    }


def to_prediction(row: RowMapping, prefix: str = "") -> Prediction:
    """Build a prediction of a row; its columns' names begin with `prefix`."""
    facts = {name: row[prefix + name] for name in ("model", "model_sha256", "probabilities")}
    chances = json.loads(facts.pop("probabilities"))
    return Prediction(**facts, probabilities=chances, scheme=to_scheme(row, prefix))


def to_answer(row: RowMapping) -> Answer:
    """Build an answer of a row."""
    return Answer(
        attempt_id=row["attempt_id"],
        position=row["position"],
        trainee_id=row["trainee_id"],
        sha256=row["sha256"],
        truth=row["truth"],
        choice=parse_choice(row["choice"]),
        confidence=row["confidence"],
        response_ms=row["response_ms"],
        answered_at=row["answered_at"],
        deck=row["deck"],
        quiz=row["quiz"],
        quiz_version=row["quiz_version"],
        mark=_mark(row),
        timed_out=row["timed_out"],
        scheme=to_scheme(row),
        changes=row["changes"],
    )


def to_answered(row: RowMapping) -> Answered:
    """Build an answer with its prediction and second look of a joined row."""
    is_predicted = row[PREDICTED + "model"] is not None
    prediction = to_prediction(row, PREDICTED) if is_predicted else None
    return Answered(to_answer(row), prediction, _second_look(row))


def _second_look(row: RowMapping) -> SecondLook | None:
    if row["second_choice"] is None:
        return None
    return SecondLook(
        attempt_id=row["attempt_id"],
        position=row["position"],
        choice=parse_choice(row["second_choice"]),
        response_ms=row["second_ms"],
        at=row["second_at"],
        confidence=row["second_confidence"],
    )


def from_second_look(look: SecondLook) -> dict[str, Any]:
    """Return a second look's row."""
    return {
        "attempt_id": look.attempt_id,
        "position": look.position,
        "choice": choice_word(look.choice),
        "response_ms": look.response_ms,
        "at": look.at,
        "confidence": look.confidence,
    }


def from_session(session: Session) -> dict[str, Any]:
    """Return a session's row."""
    return {
        **{name: getattr(session, name) for name in _SESSION},
        "cases": json.dumps(session.cases),
        "options": json.dumps(asdict(session.options)),
        **from_scheme(session.scheme),
    }


def to_session(row: RowMapping) -> Session:
    """Build a session of a row."""
    return Session(
        **{name: row[name] for name in _SESSION},
        cases=tuple(json.loads(row["cases"])),
        options=Options(**json.loads(row["options"])),
        scheme=to_scheme(row),
    )


_SESSION = (
    "code",
    "title",
    "educator",
    "quiz",
    "quiz_version",
    "deck",
    "seed",
    "opened_at",
    "model",
    "model_sha256",
    "paused_at",
    "ended_at",
    "discussed",
)


def to_discussion(row: RowMapping) -> Discussion:
    """Build a discussion of a row."""
    return Discussion(row["code"], row["position"], row["at"])


def from_project(project: Project) -> dict[str, Any]:
    """Return a project's row."""
    row = asdict(project)
    return row | {"case_order": str(row.pop("order"))} | from_scheme(project.scheme)


def to_project(row: RowMapping) -> Project:
    """Build a project of a row."""
    facts = dict(row)
    del facts["scheme_version"]
    return Project(**facts | {"order": facts.pop("case_order"), "scheme": to_scheme(row)})


def from_assignment(given: Assignment) -> dict[str, Any]:
    """Return an assignment's row."""
    return asdict(given)


def to_assignment(row: RowMapping) -> Assignment:
    """Build an assignment of a row."""
    return Assignment(**row)


def from_entry(entry: LogEntry) -> dict[str, Any]:
    """Return the row of a line of the log."""
    return {
        "id": entry.id,
        "at": entry.at,
        "who": entry.who,
        "deck": entry.deck,
        "sha256": entry.sha256,
        "project": entry.project,
        "kind": str(entry.kind),
        "before": reading_to_json(entry.before),
        "after": reading_to_json(entry.after),
        "source": str(entry.source),
        "model": entry.model,
        "model_sha256": entry.model_sha256,
        "by": entry.by,
    }


def to_entries(found: Iterable[RowMapping]) -> tuple[LogEntry, ...]:
    """Build lines of the log of rows; what one ends with, the next often begins with."""
    read: dict[str | None, Reading | None] = {}

    def reading(text: str | None) -> Reading | None:
        if text not in read:
            read[text] = reading_from_json(text)
        return read[text]

    return tuple(_to_entry(row, reading) for row in found)


def _to_entry(row: RowMapping, reading: Callable[[str | None], Reading | None]) -> LogEntry:
    facts = {key: value for key, value in row.items() if key != "number"}
    facts["kind"], facts["source"] = Kind(facts["kind"]), ReadingSource(facts["source"])
    facts["before"], facts["after"] = reading(facts["before"]), reading(facts["after"])
    return LogEntry(**facts)


def to_stage_line(row: RowMapping) -> tuple[str, str, Kind, Said | None]:
    """Build what `stages` takes of a row of the log."""
    return row["sha256"], row["who"], Kind(row["kind"]), said_from_json(row["after"])
