"""What both kinds of store check before they write."""

from datetime import datetime

from octtutor.core.answer import Answer
from octtutor.core.quiz import Attempt
from octtutor.errors import StaleError, StoreError


def require_aware(at: datetime) -> datetime:
    """Return the time when it knows its zone.

    Raises:
        ValueError: it is naive.
    """
    if at.tzinfo is None:
        raise ValueError(f"Expected a time with a zone (UTC). Received {at!r}.")
    return at


def check_answer(answer: Answer, attempt: Attempt, answered: int) -> None:
    """Refuse an answer out of turn; `answered` is how many the attempt has.

    Raises:
        StaleError: the position is not the next one, or the attempt has ended.
    """
    if attempt.ended_at is not None:
        raise StaleError("This quiz has ended, in another tab perhaps.")
    if answer.position < answered:
        raise StaleError(
            f"Case {answer.position + 1} is answered already, in another tab perhaps. "
            "Your first answer counts; go on with the next case."
        )
    if answer.position > answered or answer.position >= len(attempt.cases):
        raise StaleError(
            f"Case {answer.position + 1} is not the next one. Reload the page to go on."
        )


def missing(kind: str, key: str) -> StoreError:
    """Return the error of a record that is not there."""
    return StoreError(f"There is no {kind} {key[:64]!r} in the records. Reload the page.")


def taken_name(name: str) -> StaleError:
    """Return the error of an educator's name that is taken."""
    return StaleError(
        f"There is an educator {name[:64]!r} already. Take another name, or remove that account "
        f"first: octtutor educator remove {name[:64]}"
    )


def no_educator(name: str) -> StoreError:
    """Return the error of an educator who is not there."""
    return StoreError(
        f"There is no educator {name[:64]!r} in the records. List them: octtutor educator list"
    )
