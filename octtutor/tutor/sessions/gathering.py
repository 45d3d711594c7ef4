"""All that the records hold of a session."""

from collections.abc import Callable
from dataclasses import dataclass, field

from octtutor.core.answer import Answered
from octtutor.core.case import Case
from octtutor.core.counting import CountedAnswer, First, count_answers, first_readings
from octtutor.core.disclosure import Audience
from octtutor.core.quiz import Attempt, Trainee
from octtutor.core.scheme import Scheme
from octtutor.core.session import Discussion, Session
from octtutor.store.contract import Store
from octtutor.tutor.disclosing import DisclosedAnswer, disclose


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that the records hold of a session."""

    session: Session
    attempts: tuple[Attempt, ...]
    """In the order in which their trainees joined."""
    trainees: tuple[Trainee, ...]
    answers: tuple[Answered, ...]
    discussions: tuple[Discussion, ...]
    cases: tuple[Case, ...]
    """In the order of the session."""
    scheme: Scheme
    first: First = field(default_factory=dict)
    """Where each trainee answered each scan of it first, here or elsewhere; empty: only here."""

    @property
    def counted(self) -> tuple[CountedAnswer, ...]:
        """The answers, each with why it does not count."""
        first = self.first or first_readings(item.answer for item in self.answers)
        return count_answers(self.answers, self.attempts, self.discussions, first)


def disclosed_answers(gathered: Gathered, to: Audience) -> tuple[DisclosedAnswer, ...]:
    """Return the answers of a session with what may be told of each."""
    session = gathered.session
    return disclose(
        to, gathered.answers, gathered.attempts, {session.code: session}, gathered.discussions
    )


def gather(
    store: Store,
    session: Session,
    scheme: Scheme,
    cases_of: Callable[[str, tuple[str, ...]], tuple[Case, ...]] | None = None,
) -> Gathered:
    """Return all that the records hold of a session.

    Args:
        store: the records.
        session: which.
        scheme: the list of diagnoses that it is answered with.
        cases_of: reads the cases of a deck, given their hashes; from the records by default.
    """
    attempts = store.attempts_in(session.code)
    trainees = (store.find_trainee(attempt.trainee_id) for attempt in attempts)
    hashes = session.cases
    cases = cases_of(session.deck, hashes) if cases_of else read_cases(store, session.deck, hashes)
    return Gathered(
        session=session,
        attempts=attempts,
        trainees=tuple(trainee for trainee in trainees if trainee is not None),
        first=first_readings(item.answer for item in store.answers_of_class(session.code, hashes)),
        answers=store.answers_in(session.code),
        discussions=store.discussions_of(session.code),
        cases=cases,
        scheme=scheme,
    )


def read_cases(store: Store, deck: str, hashes: tuple[str, ...]) -> tuple[Case, ...]:
    """Return the cases of a deck, by their hashes (SHA-256)."""
    return tuple(store.get_case(deck, sha256) for sha256 in hashes)
