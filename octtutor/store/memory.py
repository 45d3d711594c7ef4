"""Records in memory: for tests and throw-away servers. Lost when the process ends."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import update_wrapper
from typing import Concatenate, ParamSpec, TypeVar

from octtutor.core.annotation import Assignment, Entry, Project, Stage, stages
from octtutor.core.answer import Answer, Answered, SecondLook
from octtutor.core.case import Case, Deck, DeckSummary
from octtutor.core.diagnosis import LABELS
from octtutor.core.educator import Educator, Guess, SignIn
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Attempt, Trainee
from octtutor.core.session import Discussion, Session
from octtutor.errors import StoreError
from octtutor.store.contract import Store
from octtutor.store.rules import (
    check_answer,
    check_count,
    check_entry,
    check_place,
    check_reopening,
    find_open,
    first_free,
    joined_already,
    looked_already,
    missing,
    no_assignment,
    no_educator,
    require_aware,
    session_ended,
    taken_code,
    taken_name,
    taken_project,
)

P = ParamSpec("P")
R = TypeVar("R")


def _alone(
    method: Callable[Concatenate["MemoryStore", P], R],
) -> Callable[Concatenate["MemoryStore", P], R]:
    def locked(self: "MemoryStore", /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self._lock:
            return method(self, *args, **kwargs)

    update_wrapper(locked, method)
    return locked


class MemoryStore(Store):
    """The contract over dictionaries, one thread at a time."""

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.RLock()
        self._trainees: dict[str, Trainee] = {}
        self._educators: dict[str, tuple[Educator, str]] = {}
        self._sign_ins: dict[str, SignIn] = {}
        self._guesses: list[Guess] = []
        self._decks: dict[str, Deck] = {}
        self._cases: dict[str, dict[str, Case]] = {}
        self._attempts: dict[str, Attempt] = {}
        self._shown: dict[str, dict[int, datetime]] = {}
        self._answers: dict[str, list[Answered]] = {}
        self._sessions: dict[str, Session] = {}
        self._discussions: dict[str, dict[int, Discussion]] = {}
        self._projects: dict[str, Project] = {}
        self._assignments: dict[tuple[str, str, str], Assignment] = {}
        self._log: list[Entry] = []

    @_alone
    def add_trainee(self, trainee: Trainee) -> None:
        """See `Store`."""
        require_aware(trainee.created_at)
        known = self._trainees.get(trainee.id, trainee)
        self._trainees[trainee.id] = replace(known, nickname=trainee.nickname)

    @_alone
    def find_trainee(self, trainee_id: str) -> Trainee | None:
        """See `Store`."""
        return self._trainees.get(trainee_id)

    @_alone
    def trainees(self) -> tuple[Trainee, ...]:
        """See `Store`."""
        return tuple(sorted(self._trainees.values(), key=lambda t: t.created_at))

    @_alone
    def forget_trainee(self, trainee_id: str) -> None:
        """See `Store`."""
        for attempt in self.attempts_of(trainee_id):
            for kept in (self._answers, self._shown, self._attempts):
                kept.pop(attempt.id, None)  # type: ignore[attr-defined]
        self._trainees.pop(trainee_id, None)

    @_alone
    def add_educator(self, educator: Educator, password_hash: str) -> None:
        """See `Store`."""
        require_aware(educator.created_at)
        if educator.name in self._educators:
            raise taken_name(educator.name)
        self._educators[educator.name] = (educator, password_hash)

    @_alone
    def educators(self) -> tuple[Educator, ...]:
        """See `Store`."""
        return tuple(self._educators[name][0] for name in sorted(self._educators))

    @_alone
    def has_educators(self) -> bool:
        """See `Store`."""
        return bool(self._educators)

    @_alone
    def find_password_hash(self, name: str) -> str | None:
        """See `Store`."""
        return self._educators[name][1] if name in self._educators else None

    @_alone
    def remove_educator(self, name: str) -> None:
        """See `Store`."""
        if self._educators.pop(name, None) is None:
            raise no_educator(name)
        self._sign_ins = {k: s for k, s in self._sign_ins.items() if s.educator != name}

    @_alone
    def add_sign_in(self, sign_in: SignIn) -> None:
        """See `Store`."""
        require_aware(sign_in.created_at)
        if sign_in.educator not in self._educators:
            raise no_educator(sign_in.educator)
        kept = (s for s in self._sign_ins.values() if s.expires_at > sign_in.created_at)
        self._sign_ins = {s.token_sha256: s for s in (*kept, sign_in)}

    @_alone
    def find_sign_in(self, token_sha256: str) -> tuple[SignIn, Educator] | None:
        """See `Store`."""
        found = self._sign_ins.get(token_sha256)
        return (found, self._educators[found.educator][0]) if found else None

    @_alone
    def end_sign_in(self, token_sha256: str) -> None:
        """See `Store`."""
        self._sign_ins.pop(token_sha256, None)

    @_alone
    def admit_guess(self, guess: Guess, since: datetime, most: int) -> bool:
        """See `Store`."""
        require_aware(guess.at)
        self._guesses = [known for known in self._guesses if known.at >= since]
        by_name = sum(known.who == guess.who for known in self._guesses)
        by_address = sum(known.address == guess.address for known in self._guesses)
        if max(by_name, by_address) >= most:
            return False
        self._guesses.append(guess)
        return True

    @_alone
    def forget_guesses(self, who: str, address: str) -> None:
        """See `Store`."""
        self._guesses = [g for g in self._guesses if (g.who, g.address) != (who, address)]

    @_alone
    def summarise_decks(self) -> tuple[DeckSummary, ...]:
        """See `Store`."""
        return tuple(self._summary(self._decks[name]) for name in sorted(self._decks))

    def _summary(self, deck: Deck) -> DeckSummary:
        held = self._cases.get(deck.name, {}).values()
        per_class = {label: sum(case.label is label for case in held) for label in LABELS}
        return DeckSummary(deck, per_class, len({case.patient for case in held}))

    @_alone
    def put_deck(self, deck: Deck) -> None:
        """See `Store`."""
        require_aware(deck.imported_at)
        self._decks[deck.name] = deck

    @_alone
    def decks(self) -> tuple[Deck, ...]:
        """See `Store`."""
        return tuple(self._decks[name] for name in sorted(self._decks))

    @_alone
    def find_deck(self, name: str) -> Deck | None:
        """See `Store`."""
        return self._decks.get(name)

    @_alone
    def count_cases(self, deck: str) -> int:
        """See `Store`."""
        return len(self._cases.get(deck, {}))

    @_alone
    def add_cases(self, deck: str, new_cases: Iterable[Case]) -> int:
        """See `Store`."""
        if deck not in self._decks:
            raise missing("deck", deck)
        held = self._cases.setdefault(deck, {})
        new = {case.sha256: case for case in new_cases if case.sha256 not in held}
        held.update(new)
        return len(new)

    @_alone
    def cases_of(self, deck: str) -> tuple[Case, ...]:
        """See `Store`."""
        held = self._cases.get(deck, {})
        return tuple(held[sha256] for sha256 in sorted(held))

    @_alone
    def get_case(self, deck: str, sha256: str) -> Case:
        """See `Store`."""
        try:
            return self._cases[deck][sha256]
        except KeyError:
            raise missing("case", sha256) from None

    @_alone
    def start_attempt(self, attempt: Attempt, at_most: int | None = None) -> None:
        """See `Store`."""
        require_aware(attempt.started_at)
        if attempt.trainee_id not in self._trainees:
            raise missing("trainee", attempt.trainee_id)
        mine = self.attempts_of(attempt.trainee_id)
        alone = [a for a in mine if a.retest_of is None and a.session is None]
        same = [a for a in alone if a.quiz == attempt.quiz]
        check_count(attempt.quiz, len(same), at_most)
        if attempt.session and any(a.session == attempt.session for a in mine):
            raise joined_already()
        latest = self.find_latest_attempt(attempt.trainee_id)
        if latest:
            self.end_attempt(latest.id, attempt.started_at)
        self._attempts[attempt.id] = attempt

    @_alone
    def extend_attempt(self, attempt_id: str, position: int, sha256: str) -> Attempt:
        """See `Store`."""
        attempt = self.get_attempt(attempt_id)
        check_place(position, attempt)
        if position == len(attempt.cases):
            attempt = replace(attempt, cases=(*attempt.cases, sha256))
            self._attempts[attempt_id] = attempt
        return attempt

    @_alone
    def attempts_of(self, trainee_id: str) -> tuple[Attempt, ...]:
        """See `Store`."""
        mine = (a for a in self._attempts.values() if a.trainee_id == trainee_id)
        return tuple(sorted(mine, key=lambda a: (a.started_at, a.id)))

    @_alone
    def attempts_in(self, code: str) -> tuple[Attempt, ...]:
        """See `Store`."""
        inside = (a for a in self._attempts.values() if a.session == code)
        return tuple(sorted(inside, key=lambda a: (a.started_at, a.id)))

    @_alone
    def get_attempt(self, attempt_id: str) -> Attempt:
        """See `Store`."""
        try:
            return self._attempts[attempt_id]
        except KeyError:
            raise missing("attempt", attempt_id) from None

    @_alone
    def find_latest_attempt(self, trainee_id: str) -> Attempt | None:
        """See `Store`."""
        return self._latest(a for a in self._attempts.values() if a.trainee_id == trainee_id)

    @_alone
    def find_answered_attempt(self, trainee_id: str) -> Attempt | None:
        """See `Store`."""
        answered = (a for a in self._attempts.values() if self._answers.get(a.id))
        return self._latest(a for a in answered if a.trainee_id == trainee_id)

    @staticmethod
    def _latest(attempts: Iterable[Attempt]) -> Attempt | None:
        return max(attempts, key=lambda a: (a.started_at, a.ended_at is None), default=None)

    @_alone
    def end_attempt(self, attempt_id: str, at: datetime) -> None:
        """See `Store`."""
        require_aware(at)
        attempt = self.get_attempt(attempt_id)
        if attempt.ended_at is None:
            self._attempts[attempt_id] = replace(attempt, ended_at=at)

    @_alone
    def record_shown(self, attempt_id: str, position: int, at: datetime) -> datetime:
        """See `Store`."""
        require_aware(at)
        self.get_attempt(attempt_id)
        return self._shown.setdefault(attempt_id, {}).setdefault(position, at)

    @_alone
    def last_shown(self, attempt_id: str) -> int | None:
        """See `Store`."""
        return max(self._shown.get(attempt_id, {}), default=None)

    @_alone
    def record_answer(self, answer: Answer) -> None:
        """See `Store`."""
        require_aware(answer.answered_at)
        given = self._answers.setdefault(answer.attempt_id, [])
        check_answer(answer, self.get_attempt(answer.attempt_id), len(given))
        given.append(Answered(answer, None))

    @_alone
    def record_prediction(
        self, attempt_id: str, position: int, prediction: Prediction
    ) -> Prediction:
        """See `Store`."""
        given = self._answers.get(attempt_id, [])
        if not 0 <= position < len(given):
            raise StoreError(f"Position {position} has no answer yet: answer it first.")
        recorded = given[position].prediction or prediction
        given[position] = replace(given[position], prediction=recorded)
        return recorded

    @_alone
    def answers_of(self, attempt_id: str) -> tuple[Answered, ...]:
        """See `Store`."""
        return tuple(self._answers.get(attempt_id, []))

    @_alone
    def record_second_look(self, look: SecondLook) -> None:
        """See `Store`."""
        require_aware(look.at)
        self.get_attempt(look.attempt_id)
        given = self._answers.get(look.attempt_id, [])
        if not 0 <= look.position < len(given) or given[look.position].second is not None:
            raise looked_already(look.position)
        given[look.position] = replace(given[look.position], second=look)

    @_alone
    def answers_by(self, trainee_id: str) -> tuple[Answered, ...]:
        """See `Store`."""
        return self._gather(self.attempts_of(trainee_id))

    @_alone
    def answers_in(self, code: str) -> tuple[Answered, ...]:
        """See `Store`."""
        return self._gather(self.attempts_in(code))

    @_alone
    def answers_to(self, deck: str) -> tuple[Answer, ...]:
        """See `Store`."""
        found = self._gather(a for a in self._attempts.values() if a.deck == deck)
        return tuple(item.answer for item in found)

    def _gather(self, attempts: Iterable[Attempt]) -> tuple[Answered, ...]:
        found = [item for attempt in attempts for item in self._answers.get(attempt.id, [])]
        return tuple(sorted(found, key=_in_time))

    @_alone
    def seen_by(self, trainee_id: str) -> tuple[str, ...]:
        """See `Store`."""
        shown = sorted(
            (at, attempt.cases[position])
            for attempt in self.attempts_of(trainee_id)
            for position, at in self._shown.get(attempt.id, {}).items()
        )
        latest_first = dict.fromkeys(sha256 for _, sha256 in reversed(shown))
        return tuple(reversed(latest_first))

    @_alone
    def open_session(self, session: Session) -> None:
        """See `Store`."""
        require_aware(session.opened_at)
        if session.deck not in self._decks:
            raise missing("deck", session.deck)
        if session.code in self._sessions:
            raise taken_code(session.code)
        self._sessions[session.code] = session

    @_alone
    def find_session(self, code: str) -> Session | None:
        """See `Store`."""
        return self._sessions.get(code)

    @_alone
    def sessions(self) -> tuple[Session, ...]:
        """See `Store`."""
        by_code = sorted(self._sessions.values(), key=lambda s: s.code)
        return tuple(sorted(by_code, key=lambda s: s.opened_at, reverse=True))

    @_alone
    def pause_session(self, code: str, at: datetime | None) -> None:
        """See `Store`."""
        session = self._session(code)
        if session.ended_at is not None:
            raise session_ended()
        self._sessions[code] = replace(session, paused_at=at)

    @_alone
    def end_session(self, code: str, at: datetime) -> None:
        """See `Store`."""
        require_aware(at)
        session = self._session(code)
        if session.ended_at is not None:
            return
        self._sessions[code] = replace(session, ended_at=at, paused_at=None, discussed=None)
        for attempt in self.attempts_in(code):
            self.end_attempt(attempt.id, at)

    @_alone
    def discuss(self, code: str, position: int | None, at: datetime) -> None:
        """See `Store`."""
        require_aware(at)
        self._sessions[code] = replace(self._session(code), discussed=position)
        if position is not None:
            known = self._discussions.setdefault(code, {})
            known.setdefault(position, Discussion(code, position, at))

    @_alone
    def discussions_of(self, code: str) -> tuple[Discussion, ...]:
        """See `Store`."""
        known = self._discussions.get(code, {})
        return tuple(known[position] for position in sorted(known))

    def _session(self, code: str) -> Session:
        try:
            return self._sessions[code]
        except KeyError:
            raise missing("session", code) from None

    @_alone
    def add_project(self, project: Project) -> None:
        """See `Store`."""
        require_aware(project.created_at)
        if project.deck not in self._decks:
            raise missing("deck", project.deck)
        if project.name in self._projects:
            raise taken_project(project.name)
        self._projects[project.name] = project

    @_alone
    def close_project(self, name: str, at: datetime | None) -> None:
        """See `Store`."""
        self._projects[name] = replace(self._project(name), closed_at=at)

    @_alone
    def find_project(self, name: str) -> Project | None:
        """See `Store`."""
        return self._projects.get(name)

    @_alone
    def projects(self) -> tuple[Project, ...]:
        """See `Store`."""
        by_name = sorted(self._projects.values(), key=lambda p: p.name)
        return tuple(sorted(by_name, key=lambda p: p.created_at, reverse=True))

    def _project(self, name: str) -> Project:
        try:
            return self._projects[name]
        except KeyError:
            raise missing("project", name) from None

    @_alone
    def assign(
        self, project: str, who: str, line: Sequence[tuple[str, bool]], at: datetime
    ) -> Assignment | None:
        """See `Store`."""
        require_aware(at)
        readers = self._project(project).readers
        given = self.assignments_in(project)
        if running := find_open(given, who):
            return running
        free = first_free(line, given, who, readers)
        if free is None:
            return None
        new = Assignment(project, free[0], who, free[1], at)
        self._assignments[project, free[0], who] = new
        return new

    @_alone
    def finish_assignment(
        self, project: str, sha256: str, who: str, at: datetime, skipped: bool
    ) -> None:
        """See `Store`."""
        require_aware(at)
        known = self._assignments.get((project, sha256, who))
        if known is None:
            raise no_assignment()
        if known.done_at is None:
            done = replace(known, done_at=at, skipped=skipped)
            self._assignments[project, sha256, who] = done

    @_alone
    def reopen_assignment(self, project: str, sha256: str, who: str) -> None:
        """See `Store`."""
        known = self._assignments.get((project, sha256, who))
        if known is None:
            raise no_assignment()
        check_reopening(known, self.assignments_in(project), self._project(project).readers)
        for key, one in list(self._assignments.items()):
            if (one.project, one.who, one.done_at) == (project, who, None):
                del self._assignments[key]
        again = replace(known, done_at=None, skipped=False)
        self._assignments[project, sha256, who] = again

    @_alone
    def assignments_in(self, project: str, who: str | None = None) -> tuple[Assignment, ...]:
        """See `Store`."""
        of_it = (one for one in self._assignments.values() if one.project == project)
        mine = (one for one in of_it if who in (None, one.who))
        return tuple(sorted(mine, key=lambda one: (one.opened_at, one.sha256, one.who)))

    @_alone
    def find_assignment(self, project: str, sha256: str, who: str) -> Assignment | None:
        """See `Store`."""
        return self._assignments.get((project, sha256, who))

    @_alone
    def append_entry(self, entry: Entry) -> None:
        """See `Store`."""
        require_aware(entry.at)
        check_entry(entry, self.entries_of(entry.project, entry.sha256))
        self._log.append(entry)

    @_alone
    def entries_of(self, project: str, sha256: str) -> tuple[Entry, ...]:
        """See `Store`."""
        return tuple(e for e in self._log if (e.project, e.sha256) == (project, sha256))

    @_alone
    def entries_in(self, project: str, who: str | None = None) -> tuple[Entry, ...]:
        """See `Store`."""
        of_it = (entry for entry in self._log if entry.project == project)
        return tuple(entry for entry in of_it if who in (None, entry.who))

    @_alone
    def stages_in(self, project: str) -> dict[str, Stage]:
        """See `Store`."""
        return stages(
            (e.sha256, e.who, e.kind, (e.after.gradable, e.after.diagnosis) if e.after else None)
            for e in self._log
            if e.project == project
        )

    def close(self) -> None:
        """See `Store`."""


def _in_time(item: Answered) -> tuple[datetime, str, int]:
    return item.answer.answered_at, item.answer.attempt_id, item.answer.position
